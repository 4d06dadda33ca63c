"""The orders behind Shopify's stand-in: the seed, its traps, changes behind the API's back, and faults."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLObjectType

from sync_pipelines_tests.vendor_sandbox.conftest import control
from sync_pipelines_tests.vendor_sandbox.shopify_calls import EXPORT, ShopifyCaller
from vendor_sandbox import Sandbox
from vendor_sandbox.command import main
from vendor_sandbox.shopify.documents import shop_schema
from vendor_sandbox.shopify.fulfilment_views import shown_fulfilment_orders
from vendor_sandbox.shopify.traps import TRAPS
from vendor_sandbox.values import BadChange

NOW = "2026-11-20T12:00:00Z"
LINKED = {
    "RefundLineItem.lineItem",
    *(f"Fulfillment.{name}" for name in ("order", "location", "fulfillmentOrders")),
    "FulfillmentLineItem.lineItem",
    *(f"FulfillmentOrder.{name}" for name in ("order", "fulfillments")),
    "FulfillmentOrderLineItem.lineItem",
}
"""Fields that lead back to what holds the object; they are put in when it is shown."""
HELD_ELSEWHERE = ("Product", "ProductVariant", "Location")
"""Types that an order only names."""


@pytest.fixture
def shopify(sandbox: Sandbox) -> ShopifyCaller:
    sandbox.shopify.change_state({"settings": {"start": NOW, "now": NOW}})
    return ShopifyCaller(sandbox)


def amount(bag: Mapping[str, Any]) -> Decimal:
    return Decimal(bag["shopMoney"]["amount"])


class TestSeed:
    def test_the_same_seed_gives_the_same_orders(self) -> None:
        def orders(seed: int) -> str:
            with Sandbox(seed=seed, orders=100) as sandbox:
                sandbox.shopify.change_state({"settings": {"start": NOW}})
                return json.dumps(list(sandbox.shopify.orders()))

        assert orders(7) == orders(7) != orders(8)

    @pytest.mark.parametrize(
        ("scale", "orders", "number"), [("small", None, 400), (1_001, None, 2_000), ("small", 5, 5), (0, 0, 0)]
    )
    def test_how_many_there_are(self, scale: str | int, orders: int | None, number: int) -> None:
        with Sandbox(scale=scale, orders=orders) as sandbox:
            assert ShopifyCaller(sandbox).data("{ ordersCount { count } }")["ordersCount"]["count"] == number
            assert sum(1 for _ in sandbox.shopify.orders()) == number

    def test_the_command_line_takes_a_number_of_orders(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["--orders", "-1"])
        assert "orders must be at least 0" in capsys.readouterr().err

    def test_a_hundred_thousand_are_made_as_they_are_asked_for(self) -> None:
        with Sandbox(orders=100_000) as sandbox:
            found = ShopifyCaller(sandbox).data(EXPORT, pageSize=100, filter="id:>5000099900")["orders"]["nodes"]
            assert len(found) == 100
            assert {each["name"] for each in found} == {f"#{number}" for number in range(100_901, 101_001)}

    def test_every_field_of_the_schema_has_a_value_in_every_order(self, shopify: ShopifyCaller) -> None:
        for order in shopify.sandbox.shopify.orders():
            _check_order(order)

    def test_the_amounts_add_up(self, shopify: ShopifyCaller) -> None:
        for order in shopify.sandbox.shopify.orders():
            lines = order["lineItems"]
            allocated = [each["allocatedAmountSet"] for line in lines for each in line["discountAllocations"]]
            assert amount(order["totalDiscountsSet"]) == sum(map(amount, allocated))
            originals = sum(amount(each["originalTotalSet"]) for each in lines)
            assert amount(order["subtotalPriceSet"]) == originals - sum(map(amount, allocated))
            assert amount(order["totalTaxSet"]) == sum(amount(x["priceSet"]) for line in lines for x in line["taxLines"])
            parts = ("subtotalPriceSet", "totalTaxSet", "totalShippingPriceSet")
            assert amount(order["totalPriceSet"]) == sum(amount(order[each]) for each in parts)
            assert amount(order["totalRefundedSet"]) == sum(amount(x["totalRefundedSet"]) for x in order["refunds"])
            for line in lines:
                total = amount(line["originalUnitPriceSet"]) * line["quantity"]
                assert amount(line["originalTotalSet"]) == total
                if not order["discountCodes"]:
                    assert amount(line["discountedTotalSet"]) == total - amount(line["totalDiscountSet"])

    @pytest.mark.parametrize(("currency", "decimals"), [("USD", 2), ("JPY", 0), ("KWD", 3)])
    def test_amounts_have_the_decimals_of_the_shops_currency(self, shopify: ShopifyCaller, currency: str, decimals: int) -> None:
        shopify.sandbox.shopify.change_state({"settings": {"currency": currency}})
        page = shopify.data(EXPORT, pageSize=2, filter="")["orders"]["nodes"][0]
        money = page["totalPriceSet"]["shopMoney"]
        assert (money["currencyCode"], page["currencyCode"]) == (currency, currency)
        assert -int(Decimal(money["amount"]).as_tuple().exponent) == decimals

    def test_the_traps_are_what_they_say(self, shopify: ShopifyCaller) -> None:
        traps = shopify.sandbox.shopify.traps()
        assert set(traps) == {each.name for each in TRAPS}
        assert [len(traps[name]["lineItems"]) for name in ("300 lines", "no lines")] == [300, 0]
        assert traps["no customer"]["customer"] is None
        assert traps["line without a SKU"]["lineItems"][0]["sku"] is None
        assert traps["custom item"]["lineItems"][0]["variant"] is None
        assert traps["name with ="]["customer"]["firstName"].startswith("=")
        assert traps["leading zeros"]["billingAddress"]["zip"] == "00501"
        assert len(traps["twenty digits"]["poNumber"]) == 20
        assert (traps["test order"]["test"], traps["cancelled and refunded"]["cancelReason"]) == (True, "INVENTORY")
        assert len(traps["several refunds"]["refunds"]) == 3
        edited = traps["edited, one line removed"]["lineItems"]
        assert [(each["quantity"], each["currentQuantity"]) for each in edited] == [(3, 0), (3, 2), (3, 3)]
        partial = traps["partial refund"]
        assert [each["currentQuantity"] for each in partial["lineItems"]] == [2, 1, 3]
        assert amount(partial["currentTotalPriceSet"]) == amount(partial["totalPriceSet"]) - amount(partial["totalRefundedSet"])
        abroad = traps["bought in euro"]
        assert abroad["totalPriceSet"]["presentmentMoney"]["currencyCode"] == "EUR" != abroad["currencyCode"]
        assert traps["imported later than sold"]["processedAt"] < traps["imported later than sold"]["createdAt"]
        methods = {tag for order in shopify.sandbox.shopify.orders() for tag in order["tags"]}
        assert {"Pickup Order", "Nationwide Shipping", "Local Delivery Order"} <= methods

    def test_one_edit_gave_several_orders_the_same_updated_at(self, shopify: ShopifyCaller) -> None:
        touched = [each["updatedAt"] for each in shopify.sandbox.shopify.orders()]
        assert touched.count("2026-11-20T09:00:00Z") >= 3


def _check_order(order: Mapping[str, Any]) -> None:
    _check({**order, "fulfillmentOrders": shown_fulfilment_orders(order)}, "Order")


def _check(value: Any, type_name: str) -> None:
    type_ = shop_schema().type_map[type_name]
    if not isinstance(type_, GraphQLObjectType) or value is None or type_name in HELD_ELSEWHERE:
        return
    for name, field in type_.fields.items():
        if f"{type_name}.{name}" in LINKED:
            continue
        held = value[name]
        kind = str(field.type)
        inner = kind.strip("[]!").removesuffix("Connection")
        assert held is not None or not kind.endswith("!"), f"{type_name}.{name}"
        for each in held if isinstance(held, list) else [held]:
            _check(each, inner)


class TestChanges:
    def change(self, shopify: ShopifyCaller, **body: Any) -> Any:
        reply = control(shopify.sandbox, "POST", "/shopify/state", body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def order(self, shopify: ShopifyCaller, reference: object) -> Mapping[str, Any]:
        return shopify.sandbox.shopify.order(reference)

    def test_an_edit_merges_and_moves_updated_at(self, shopify: ShopifyCaller) -> None:
        before = self.order(shopify, 1005)
        self.change(shopify, set={"#1005": {"billingAddress": {"zip": "01234"}, "lineItems": {"0": {"sku": "NEW"}}}})
        after = self.order(shopify, before["id"])
        assert after["billingAddress"] == {**before["billingAddress"], "zip": "01234"}
        assert after["lineItems"] == [{**before["lineItems"][0], "sku": "NEW"}, *before["lineItems"][1:]]
        assert (before["updatedAt"] < NOW, after["updatedAt"]) == (True, NOW)
        assert shopify.names("updated_at:>='2026-11-20T12:00:00Z'") == ["#1005"]
        self.change(shopify, set={"1005": {"updatedAt": "2026-11-19T00:00:00+00:00", "displayFinancialStatus": "MADE_UP"}})
        assert self.order(shopify, 1005)["updatedAt"] == "2026-11-19T00:00:00Z"
        assert shopify.names("updated_at:>='2026-11-20T12:00:00Z'") == []

    def test_orders_arrive_and_are_added_at_any_instant(self, shopify: ShopifyCaller) -> None:
        arrived = self.change(shopify, arrive=2)["added"]
        assert [self.order(shopify, each)["createdAt"] for each in arrived] == [NOW, NOW]
        (added,) = self.change(shopify, add=[{"createdAt": "2026-11-01T05:30:00Z", "note": "DST"}])["added"]
        assert self.order(shopify, added)["note"] == "DST"
        assert self.order(shopify, added)["updatedAt"] == "2026-11-01T05:30:00Z"
        assert shopify.names(sortKey="ID")[-3:] == ["#1401", "#1402", "#1403"]
        _check_order(self.order(shopify, added))

    def test_cancelling_refunding_and_deleting(self, shopify: ShopifyCaller) -> None:
        self.change(shopify, cancel=["#1005", {"order": 1006, "reason": "FRAUD"}])
        assert [self.order(shopify, each)["cancelReason"] for each in (1005, 1006)] == ["CUSTOMER", "FRAUD"]
        self.change(shopify, refund=[{"order": 1007, "lines": {"0": 1}, "note": "Broken"}])
        refunded = self.order(shopify, 1007)
        assert [each["note"] for each in refunded["refunds"]] == ["Broken"]
        assert refunded["lineItems"][0]["currentQuantity"] == refunded["lineItems"][0]["quantity"] - 1
        self.change(shopify, delete=["#1008"])
        assert "#1008" not in shopify.names()
        with pytest.raises(KeyError):
            self.order(shopify, 1008)
        assert sorted(shopify.names("updated_at:>='2026-11-20T12:00:00Z'")) == ["#1005", "#1006", "#1007"]

    @pytest.mark.parametrize(
        ("body", "complaint"),
        [
            ({"frobnicate": 1}, "unknown member 'frobnicate'"),
            ({"set": {"#9999": {"note": "x"}}}, "there is no order '#9999'"),
            ({"set": {"#1005": {"colour": 1}}}, "unknown member 'colour'"),
            ({"set": {"#1005": {"lineItems": {"99": {"sku": "x"}}}}}, "positions"),
            ({"set": {"#1005": {"note": "x"}}, "delete": ["#9"]}, "there is no order '#9'"),
            ({"add": [{"createdAt": "yesterday"}]}, "createdAt must be an instant"),
            ({"refund": [{"order": 1005, "lines": {"0": 99}}]}, "at most"),
            ({"next_bulk": {"status": "LOST"}}, "next_bulk: status must be one of"),
            ({"settings": {"time_zone": "Mars/Base"}}, "settings.time_zone must be the name of a time zone"),
            ({"settings": {"now": "2026-11-20"}}, "settings.now must be an instant"),
            ({"load": {"orders": [{"id": "x"}]}}, "not the id of an order"),
        ],
    )
    def test_a_mistake_is_named_and_nothing_is_applied(self, shopify: ShopifyCaller, body: object, complaint: str) -> None:
        before = shopify.sandbox.shopify.state()
        with pytest.raises(BadChange) as refused:
            shopify.sandbox.shopify.change_state(body)
        assert complaint in str(refused.value)
        assert shopify.sandbox.shopify.state() == before

    def test_a_state_can_be_loaded_again(self, shopify: ShopifyCaller) -> None:
        self.change(shopify, set={"#1005": {"note": "kept"}}, delete=["#1006"], arrive=1)
        state = control(shopify.sandbox, "GET", "/shopify/state").json()
        truth = list(shopify.sandbox.shopify.orders())
        assert len(state["orders"]) == 2
        shopify.sandbox.reset()
        assert self.order(shopify, 1006)
        self.change(shopify, load=state)
        assert list(shopify.sandbox.shopify.orders()) == truth
        assert control(shopify.sandbox, "GET", "/shopify/state").json() == state
        assert len(shopify.names()) == 400

    def test_queries_are_counted(self, shopify: ShopifyCaller) -> None:
        shopify.names("id:1")
        assert shopify.sandbox.shopify.state()["queries"] == 1


class TestFaults:
    def order(self, shopify: ShopifyCaller, kind: str, **options: object) -> None:
        shopify.sandbox.faults("shopify", [{"on": "POST /admin/api/*", "kind": kind, **options}])

    def ask(self, shopify: ShopifyCaller, **variables: Any) -> Any:
        return shopify.ask(EXPORT, **{"pageSize": 5, "filter": "", **variables})

    def test_throttled_though_the_bucket_is_full(self, shopify: ShopifyCaller) -> None:
        self.order(shopify, "throttled")
        reply = self.ask(shopify)
        assert reply["errors"][0]["extensions"]["code"] == "THROTTLED"
        cost = reply["extensions"]["cost"]
        assert cost["throttleStatus"]["currentlyAvailable"] < cost["requestedQueryCost"]
        assert self.ask(shopify)["data"]

    def test_an_error_of_the_vendor_comes_with_200(self, shopify: ShopifyCaller) -> None:
        self.order(shopify, "graphql_error")
        reply = self.ask(shopify)
        assert [each["extensions"]["code"] for each in reply["errors"]] == ["INTERNAL_SERVER_ERROR"]
        assert "data" not in reply

    def test_data_may_be_partial(self, shopify: ShopifyCaller) -> None:
        self.order(shopify, "partial")
        reply = self.ask(shopify)
        *_, name = reply["errors"][0]["path"]
        assert reply["errors"][0]["path"][:3] == ["orders", "nodes", 0]
        assert reply["data"]["orders"]["nodes"][0][name] is None

    def test_an_enum_may_have_a_member_no_schema_knows(self, shopify: ShopifyCaller) -> None:
        self.order(shopify, "unknown_enum")
        statuses = [each["displayFinancialStatus"] for each in self.ask(shopify)["data"]["orders"]["nodes"]]
        assert statuses[0] == "NEWLY_INVENTED"
        assert "NEWLY_INVENTED" not in statuses[1:]

    def test_a_reply_may_be_redacted(self, shopify: ShopifyCaller) -> None:
        self.order(shopify, "redacted")
        assert {each["email"] for each in self.ask(shopify)["data"]["orders"]["nodes"]} == {None}
        assert {each["email"] for each in self.ask(shopify)["data"]["orders"]["nodes"]} != {None}

    def test_orders_change_behind_the_back_of_the_reader(self, shopify: ShopifyCaller) -> None:
        self.order(shopify, "order_changes", edit=1, arrive=1, delete=1)
        document = "query ($after: String) { orders(first: 100, after: $after, sortKey: UPDATED_AT) { nodes { name } pageInfo { hasNextPage endCursor } } }"
        pages = [[each["name"] for each in page["nodes"]] for page in shopify.pages(document)]
        first = pages[0]
        assert pages[-1][-2:] in ([first[0], "#1401"], ["#1401", first[0]])
        assert first[1] not in shopify.names()
        assert shopify.sandbox.calls("shopify")[0]["fault"] == "order_changes"

    def test_the_general_kinds_speak_the_vendors_language(self, shopify: ShopifyCaller) -> None:
        self.order(shopify, "status", status=503)
        reply = shopify.post("{ shop { id } }")
        assert (reply.status_code, reply.json()) == (503, {"errors": "Service Unavailable"})
        self.order(shopify, "rate_limited", retry_after="2.0")
        assert shopify.post("{ shop { id } }").headers["Retry-After"] == "2.0"
