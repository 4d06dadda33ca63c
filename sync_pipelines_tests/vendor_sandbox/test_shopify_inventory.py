"""Stock: quantities set with idempotency keys and comparisons, items activated, and what orders do to it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from sync_pipelines_tests.vendor_sandbox.shopify_goods_calls import (
    FIRST,
    MAIN,
    OLD,
    OTHER,
    SECOND,
    SET_STOCK,
    UPDATE_ITEM,
    GoodsCaller,
    entry,
    errors,
)
from vendor_sandbox import Sandbox
from vendor_sandbox.shopify.stock import committed_by

UNKNOWN = "gid://shopify/InventoryItem/1"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(scale=0, orders=70) as sandbox:
        yield sandbox


@pytest.fixture
def shop(running: Sandbox) -> GoodsCaller:
    running.reset()
    running.shopify.change_state({"settings": {"burst": 1_000_000}})
    return GoodsCaller(running)


@pytest.fixture
def item(shop: GoodsCaller) -> str:
    """A tracked item at the first location with nothing in stock, SKU `TSH-S`."""
    return str(shop.shirt("S")["variants"]["nodes"][0]["inventoryItem"]["id"])


def numbers(shop: GoodsCaller, item: str, location: str = FIRST) -> tuple[int, int, int]:
    """What is available, on hand and committed."""
    level = shop.level(item, location)
    assert level is not None
    return level["available"], level["on_hand"], level["committed"]


class TestSetQuantities:
    def test_available_moves_with_on_hand(self, shop: GoodsCaller, item: str) -> None:
        group = shop.set_stock(entry(item, 12, 0))["inventoryAdjustmentGroup"]
        assert group["reason"] == "correction"
        place = {"item": {"id": item}, "location": {"id": FIRST}, "quantityAfterChange": None, "delta": 12}
        assert group["changes"] == [{"name": "available", **place}, {"name": "on_hand", **place}]
        shop.set_stock(entry(item, 10, 12), name="on_hand")
        assert numbers(shop, item) == (10, 10, 0)

    def test_what_changes_nothing_is_a_success_without_a_group(self, shop: GoodsCaller, item: str) -> None:
        assert shop.set_stock(entry(item, 0, 0)) == {"inventoryAdjustmentGroup": None, "userErrors": []}

    def test_the_directive_and_the_comparison_are_mandatory(self, shop: GoodsCaller, item: str) -> None:
        body = {"name": "available", "reason": "correction", "quantities": [entry(item, 1)]}
        reply = shop.ask(SET_STOCK.replace("@idempotent(key: $key)", "").replace(", $key: String!", ""), input=body)
        assert reply["data"] == {"inventorySetQuantities": None}
        assert (reply["errors"][0]["extensions"]["code"], reply["errors"][0]["path"]) == (
            "BAD_REQUEST",
            ["inventorySetQuantities"],
        )
        assert reply["extensions"]["cost"]["actualQueryCost"] == 10
        without = {name: value for name, value in entry(item, 1).items() if name != "changeFromQuantity"}
        reply = shop.ask(SET_STOCK, input={**body, "quantities": [without]}, key="a")
        assert (reply["data"], reply["errors"][0]["extensions"]["code"]) == (
            {"inventorySetQuantities": None},
            "INVALID_FIELD_ARGUMENTS",
        )
        old = {**body, "quantities": [{**entry(item, 1), "compareQuantity": 0}]}
        assert shop.codes(SET_STOCK, input=old, key="a") == ["INVALID_VARIABLE"]
        assert numbers(shop, item) == (0, 0, 0)

    def test_a_stale_comparison_refuses_all_of_them(self, shop: GoodsCaller) -> None:
        one, two = (each["inventoryItem"]["id"] for each in shop.shirt("S", "M")["variants"]["nodes"])
        refused = shop.set_stock(entry(one, 5, 0), entry(two, 5, 3))
        assert errors(refused) == [("input.quantities.1.changeFromQuantity", "CHANGE_FROM_QUANTITY_STALE")]
        assert numbers(shop, one) == (0, 0, 0)
        shop.change(settings={"stale_atomic": False, "stale_field": "none"})
        partly = shop.set_stock(entry(one, 5, 0), entry(two, 5, 3))
        assert errors(partly) == [("null", "CHANGE_FROM_QUANTITY_STALE")]
        assert (numbers(shop, one), numbers(shop, two)) == ((5, 5, 0), (0, 0, 0))

    @pytest.mark.parametrize(
        ("quantities", "fields", "wrong"),
        [
            ([entry("item", 1)], {"reason": "because"}, [("input.reason", "INVALID_REASON")]),
            ([entry("item", 1)], {"reason": ""}, [("input.reason", "INVALID_REASON")]),
            ([entry("item", 1)], {"name": "committed"}, [("input.name", "INVALID_NAME")]),
            ([entry("item", 10**9 + 1)], {}, [("input.quantities.0.quantity", "INVALID_QUANTITY_TOO_HIGH")]),
            ([entry("item", -(10**9) - 1)], {}, [("input.quantities.0.quantity", "INVALID_QUANTITY_TOO_LOW")]),
            ([entry("item", -1)], {"name": "on_hand"}, [("input.quantities.0.quantity", "INVALID_QUANTITY_NEGATIVE")]),
            ([entry("item", 1, location=OLD)], {}, [("input.quantities.0.locationId", "INVALID_LOCATION")]),
            (
                [entry(UNKNOWN, 1, location="gid://shopify/Location/1")],
                {},
                [
                    ("input.quantities.0.inventoryItemId", "INVALID_INVENTORY_ITEM"),
                    ("input.quantities.0.locationId", "INVALID_LOCATION"),
                ],
            ),
            (
                [entry("item", 1), entry("item", 2)],
                {},
                [(f"input.quantities.{at}.locationId", "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR") for at in range(2)],
            ),
        ],
    )
    def test_what_is_refused(
        self, shop: GoodsCaller, item: str, quantities: list[Any], fields: dict[str, Any], wrong: list[Any]
    ) -> None:
        own = [{**each, "inventoryItemId": each["inventoryItemId"].replace("item", item, 1)} for each in quantities]
        own = [{**each, "inventoryItemId": item} if each["inventoryItemId"] != UNKNOWN else each for each in own]
        refused = shop.set_stock(*own, **fields)
        assert (refused["inventoryAdjustmentGroup"], errors(refused)) == (None, wrong)

    def test_below_nothing_may_be_available(self, shop: GoodsCaller, item: str) -> None:
        assert errors(shop.set_stock(entry(item, -3))) == []
        assert numbers(shop, item) == (-3, -3, 0)

    def test_a_location_that_never_had_it_gets_it(self, shop: GoodsCaller, item: str) -> None:
        assert shop.level(item, SECOND) is None
        shop.set_stock(entry(item, 4, 0, SECOND))
        assert shop.level(item, SECOND) == {"active": True, "available": 4, "on_hand": 4, "committed": 0}


class TestKeys:
    def test_a_repeated_key_writes_once(self, shop: GoodsCaller, item: str) -> None:
        first = shop.set_stock(entry(item, 5), key="k")
        shop.change(inventory={"TSH-S": {MAIN: 9}})
        assert shop.set_stock(entry(item, 5), key="k") == first
        assert numbers(shop, item) == (9, 9, 0)
        assert shop.sandbox.shopify.state()["writes"]["inventorySetQuantities"] == 1

    def test_after_a_day_the_key_is_forgotten(self, shop: GoodsCaller, item: str) -> None:
        shop.set_stock(entry(item, 5), key="k")
        shop.wait(86_401)
        shop.set_stock(entry(item, 6), key="k")
        assert numbers(shop, item) == (6, 6, 0)

    def test_another_input_and_a_failed_one_and_a_running_one(self, shop: GoodsCaller, item: str) -> None:
        shop.set_stock(entry(item, 5), key="k")
        assert errors(shop.set_stock(entry(item, 6), key="k")) == [("null", "IDEMPOTENCY_KEY_PARAMETER_MISMATCH")]
        shop.set_stock(entry(item, 7, 1), key="f")
        again = shop.set_stock(entry(item, 7, 1), key="f")
        assert errors(again) == [("null", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")]
        shop.sandbox.faults("shopify", [{"on": "mutation inventorySetQuantities", "kind": "key_in_use"}])
        assert errors(shop.set_stock(entry(item, 8), key="r")) == [("null", "IDEMPOTENCY_CONCURRENT_REQUEST")]
        assert errors(shop.set_stock(entry(item, 8), key="r")) == []

    def test_a_lost_reply_was_written_once(self, shop: GoodsCaller, item: str) -> None:
        shop.sandbox.faults("shopify", [{"on": "mutation inventorySet*", "kind": "lost_reply"}])
        with pytest.raises(OSError, match=r"."):
            shop.set_stock(entry(item, 5, 0), key="k")
        assert errors(shop.set_stock(entry(item, 5, 0), key="k")) == []
        assert numbers(shop, item) == (5, 5, 0)


class TestActivate:
    def test_a_new_place_may_be_given_a_quantity(self, shop: GoodsCaller, item: str) -> None:
        assert errors(shop.activate(item, SECOND, onHand=50)) == []
        assert numbers(shop, item, SECOND) == (50, 50, 0)

    def test_an_old_place_has_what_it_had(self, shop: GoodsCaller, item: str) -> None:
        shop.set_stock(entry(item, 7, 0, SECOND))
        shop.change(inventory={"TSH-S": {OTHER: None}})
        assert shop.level(item, SECOND) == {"active": False, "available": 7, "on_hand": 7, "committed": 0}
        shop.activate(item, SECOND)
        assert shop.level(item, SECOND) == {"active": True, "available": 7, "on_hand": 7, "committed": 0}

    def test_what_is_refused(self, shop: GoodsCaller, item: str) -> None:
        both = shop.activate(item, SECOND, available=1, onHand=1)
        assert (both["inventoryLevel"], [field for field, _ in errors(both)]) == (None, ["available", "onHand"])
        active = shop.activate(item, FIRST, available=1)
        assert (active["inventoryLevel"]["isActive"], errors(active)) == (True, [("available", None)])
        assert errors(shop.activate(UNKNOWN, FIRST)) == [("inventoryItemId", None)]
        assert errors(shop.activate(item, "gid://shopify/Location/1")) == [("locationId", None)]
        assert errors(shop.activate(item, SECOND, onHand=10**9 + 1)) == [("onHand", None)]

    def test_an_item_is_tracked_and_gets_its_sku(self, shop: GoodsCaller, item: str) -> None:
        changed = shop.write(UPDATE_ITEM, id=item, input={"sku": "X", "tracked": False})
        assert changed == {"inventoryItem": {"id": item, "sku": "X", "tracked": False}, "userErrors": []}
        refused = shop.write(UPDATE_ITEM, id=item, input={"cost": "-1", "harmonizedSystemCode": "12"})
        assert refused["inventoryItem"] is None
        assert [field for field, _ in errors(refused)] == ["input.cost", "input.harmonizedSystemCode"]


class TestOrders:
    @pytest.fixture
    def stocked(self, shop: GoodsCaller, item: str) -> str:
        shop.set_stock(entry(item, 10, 0))
        return item

    def buy(self, shop: GoodsCaller, quantity: int = 3, **fields: Any) -> str:
        (order,) = shop.change(buy=[{"lines": [{"sku": "TSH-S", "quantity": quantity}], **fields}])["bought"]
        return str(order["name"])

    def test_what_somebody_buys_is_committed(self, shop: GoodsCaller, stocked: str) -> None:
        name = self.buy(shop, note="Thanks")
        assert numbers(shop, stocked) == (7, 10, 3)
        order = shop.sandbox.shopify.order(name)
        assert (order["displayFinancialStatus"], order["displayFulfillmentStatus"], order["note"]) == (
            "PAID",
            "UNFULFILLED",
            "Thanks",
        )
        assert (order["shippingAddress"]["countryCodeV2"], order["lineItems"][0]["sku"]) == ("TR", "TSH-S")
        assert order["phone"].startswith("+90")
        assert not order["refunds"]
        assert not order["fulfillments"]

    def test_cancelling_gives_back_unless_it_does_not_restock(self, shop: GoodsCaller, stocked: str) -> None:
        shop.change(cancel=[self.buy(shop)])
        assert numbers(shop, stocked) == (10, 10, 0)
        shop.change(cancel=[{"order": self.buy(shop), "restock": False}])
        assert numbers(shop, stocked) == (7, 7, 0)

    def test_edits_and_refunds_give_back(self, shop: GoodsCaller, stocked: str) -> None:
        name = self.buy(shop)
        shop.change(edit=[{"order": name, "lines": {"0": 1}}])
        assert numbers(shop, stocked) == (8, 10, 2)
        shop.change(refund=[{"order": name, "lines": {"0": 1}}])
        assert numbers(shop, stocked) == (9, 10, 1)
        shop.change(cancel=[name])
        assert numbers(shop, stocked) == (10, 10, 0)

    def test_sending_takes_from_what_is_on_hand_and_a_return_comes_back(self, shop: GoodsCaller, stocked: str) -> None:
        name = self.buy(shop)
        shop.change(fulfil=[{"order": name}])
        assert numbers(shop, stocked) == (7, 7, 0)
        shop.change(refund=[{"order": name, "lines": {"0": 1}}])
        assert numbers(shop, stocked) == (8, 8, 0)

    def test_a_deleted_order_gives_back_what_was_not_sent(self, shop: GoodsCaller, stocked: str) -> None:
        shop.change(delete=[self.buy(shop)])
        assert numbers(shop, stocked) == (10, 10, 0)

    def test_what_is_not_tracked_does_not_move(self, shop: GoodsCaller, stocked: str) -> None:
        shop.change(variants={"TSH-S": {"tracked": False}})
        self.buy(shop)
        assert numbers(shop, stocked) == (10, 10, 0)

    def test_an_order_that_arrives_takes_stock_of_what_it_names(self, shop: GoodsCaller) -> None:
        before = {each["inventoryItem"]["id"]: numbers(shop, each["inventoryItem"]["id"]) for each in shop.variants()[:250]}
        (added,) = shop.change(arrive=1)["added"]
        taken = committed_by(shop.sandbox.shopify.order(added))
        fulfilled = shop.sandbox.shopify.order(added)["displayFulfillmentStatus"] == "FULFILLED"
        for item, (available, on_hand, committed) in before.items():
            units = sum(count for (number, _), count in taken.items() if item.endswith(f"/{number}"))
            if not fulfilled:
                assert numbers(shop, item) == (available - units, on_hand, committed + units)

    def test_what_is_committed_is_always_what_the_orders_wait_for(self, shop: GoodsCaller) -> None:
        names = [each["name"] for each in shop.sandbox.shopify.orders()]
        skus = [each["sku"] for each in shop.variants()[:20]]
        shop.change(buy=[{"lines": [{"sku": each, "quantity": 2}]} for each in skus])
        shop.change(cancel=names[3:9], edit=[{"order": names[12], "lines": {"0": 1}}], delete=names[20:25], arrive=4)
        waiting: Counter[tuple[int, int]] = Counter()
        for order in shop.sandbox.shopify.orders():
            waiting.update(committed_by(order))
        for each in shop.variants():
            item = each["inventoryItem"]
            for level in item["inventoryLevels"]["nodes"]:
                place = (int(item["id"].rpartition("/")[2]), int(level["location"]["id"].rpartition("/")[2]))
                shown = {quantity["name"]: quantity["quantity"] for quantity in level["quantities"]}
                assert shown["committed"] == waiting[place]
                assert shown["on_hand"] == shown["available"] + shown["committed"]

    def test_a_state_that_is_loaded_has_the_same_stock(self, shop: GoodsCaller, stocked: str) -> None:
        self.buy(shop)
        state = shop.sandbox.shopify.state()
        shop.sandbox.reset()
        shop.change(load=state)
        assert numbers(shop, stocked) == (7, 10, 3)
        loaded = shop.sandbox.shopify.state()
        assert loaded["products"] == state["products"]
        assert loaded["locations"] == state["locations"]


class TestPeople:
    def test_somebody_buys_between_two_calls(self, shop: GoodsCaller, item: str) -> None:
        shop.set_stock(entry(item, 10, 0))
        change = {"buy": [{"lines": [{"sku": "TSH-S", "quantity": 1}]}]}
        shop.sandbox.faults("shopify", [{"on": "mutation inventorySetQuantities", "kind": "between", "change": change}])
        refused = shop.set_stock(entry(item, 20, 10))
        assert errors(refused) == [("input.quantities.0.changeFromQuantity", "CHANGE_FROM_QUANTITY_STALE")]
        assert numbers(shop, item) == (9, 10, 1)

    def test_a_fault_hits_one_operation_only_and_calls_name_theirs(self, shop: GoodsCaller, item: str) -> None:
        shop.sandbox.faults("shopify", [{"on": "mutation inventorySetQuantities", "kind": "status", "status": 503}])
        assert shop.variants()
        reply = shop.post(SET_STOCK, input={"name": "available", "reason": "correction", "quantities": []}, key="k")
        assert reply.status_code == 503
        calls = shop.sandbox.calls("shopify")[-2:]
        assert [each["operation"] for each in calls] == ["query productVariants", "mutation inventorySetQuantities"]
        assert [each["fault"] for each in calls] == [None, "status"]

    def test_somebody_counts_and_somebody_changes_the_catalogue(self, shop: GoodsCaller, item: str) -> None:
        shop.change(inventory={"TSH-S": {MAIN: 4, OTHER: 2}}, locations={"Pop-up": {"active": True}})
        assert (numbers(shop, item), numbers(shop, item, SECOND)) == ((4, 4, 0), (2, 2, 0))
        variants = [{"sku": "K-1", "price": 12, "tracked": True, "inventory": {"Pop-up": 8}}]
        (added,) = shop.change(products={"add": [{"title": "Kettle", "variants": variants}]})["added_products"]
        shop.change(
            products={"set": {"kettle": {"title": "Pot", "status": "DRAFT"}}}, variants={"K-1": {"sku": "K-2", "price": 9}}
        )
        truth = shop.truth(added)
        assert (truth["title"], truth["status"]) == ("Pot", "DRAFT")
        (variant,) = truth["variants"]
        assert (variant["sku"], variant["price"], variant["inventory"]) == ("K-2", "9.00", {"Pop-up": 8})
        shop.change(products={"set": {added: None}})
        assert shop.product(added) is None
