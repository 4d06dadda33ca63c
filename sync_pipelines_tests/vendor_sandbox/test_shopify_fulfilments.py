"""Fulfilment orders and fulfilments of Shopify's stand-in: what is to be sent, what was sent, and what the shop refuses."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.conftest import control
from sync_pipelines_tests.vendor_sandbox.shopify_calls import ShopifyCaller
from vendor_sandbox import Sandbox
from vendor_sandbox.shopify import NO_FULFILMENT_ORDERS_TOKEN, NO_ORDERS_TOKEN, READ_FULFILMENT_ORDERS_TOKEN, RECENT_ORDERS_TOKEN
from vendor_sandbox.shopify.fulfilling import Units, units
from vendor_sandbox.shopify.ids import DEFAULT_LOCATION
from vendor_sandbox.shopify.places import LOCATIONS

NOW = "2026-11-20T12:00:00Z"
LATER = "2026-11-20T13:00:00Z"
SECOND = next(each for each in LOCATIONS if each != DEFAULT_LOCATION)

PART = """id status requestStatus updatedAt supportedActions { action } assignedLocation { location { id } name }
  fulfillmentHolds { id reason handle }
  lineItems(first: 250) { nodes { id sku inventoryItemId totalQuantity remainingQuantity lineItem { id } } }"""
FULFILMENT = """id name status displayStatus createdAt deliveredAt inTransitAt estimatedDeliveryAt totalQuantity
  trackingInfo(first: 20) { company number url } location { id }
  fulfillmentLineItems(first: 250) { nodes { id quantity lineItem { id } } }
  events(first: 10) { nodes { id status happenedAt message } }"""
ORDER = f"""query Order($id: ID!, $displayable: Boolean = false, $query: String) {{ order(id: $id) {{
  id name updatedAt closed closedAt displayFulfillmentStatus
  lineItems(first: 250) {{ nodes {{ id quantity fulfillableQuantity unfulfilledQuantity }} }}
  fulfillmentOrders(first: 50, displayable: $displayable, query: $query) {{ nodes {{ {PART} }} }}
  fulfillments(first: 50) {{ {FULFILMENT} }} }} }}"""
CREATE = f"""mutation Send($fulfillment: FulfillmentInput!) {{ fulfillmentCreate(fulfillment: $fulfillment) {{
  fulfillment {{ {FULFILMENT} order {{ displayFulfillmentStatus }} }} userErrors {{ field message }} }} }}"""
CANCEL = """mutation Cancel($id: ID!) { fulfillmentCancel(id: $id) {
  fulfillment { id status displayStatus } userErrors { field message } } }"""
TRACK = """mutation Track($id: ID!, $info: FulfillmentTrackingInput!) {
  fulfillmentTrackingInfoUpdate(fulfillmentId: $id, trackingInfoInput: $info) {
    fulfillment { id displayStatus trackingInfo { company number url } } userErrors { field message } } }"""
EVENT = """mutation Event($event: FulfillmentEventInput!) { fulfillmentEventCreate(fulfillmentEvent: $event) {
  fulfillmentEvent { id status happenedAt } userErrors { field message } } }"""
HOLD = f"""mutation Hold($id: ID!, $hold: FulfillmentOrderHoldInput!) {{ fulfillmentOrderHold(id: $id, fulfillmentHold: $hold) {{
  fulfillmentHold {{ id reason }} fulfillmentOrder {{ {PART} }} remainingFulfillmentOrder {{ {PART} }}
  userErrors {{ field message code }} }} }}"""
RELEASE = """mutation Release($id: ID!) { fulfillmentOrderReleaseHold(id: $id) {
  fulfillmentOrder { id status } userErrors { field message code } } }"""
MOVE = f"""mutation Move($id: ID!, $location: ID!, $lines: [FulfillmentOrderLineItemInput!]) {{
  fulfillmentOrderMove(id: $id, newLocationId: $location, fulfillmentOrderLineItems: $lines) {{
    movedFulfillmentOrder {{ {PART} }} originalFulfillmentOrder {{ id status }} remainingFulfillmentOrder {{ id status }}
    userErrors {{ field message code }} }} }}"""
LISTED = """query Parts($closed: Boolean!, $query: String, $after: String, $size: Int = 250, $reverse: Boolean = false) {
  fulfillmentOrders(first: $size, after: $after, includeClosed: $closed, query: $query, reverse: $reverse) {
    nodes { id status order { name } } pageInfo { hasNextPage endCursor } } }"""


class Shop:
    """A caller with one order in hand: paid, unsent, of two or more lines, the first two of several units."""

    def __init__(self, sandbox: Sandbox) -> None:
        sandbox.shopify.change_state({"settings": {"start": NOW, "now": NOW}})
        self.sandbox, self.caller = sandbox, ShopifyCaller(sandbox)
        self.id = self.fresh()

    def fresh(self, but: Sequence[str] = ()) -> str:
        """The id of an order to send, other than these."""
        for order in self.sandbox.shopify.orders():
            quantities = [line["quantity"] for line in order["lineItems"]]
            ordinary = order["fullyPaid"] and not order["cancelledAt"] and not order["refunds"] and order["id"] not in but
            if ordinary and order["displayFulfillmentStatus"] == "UNFULFILLED" and len(quantities) > 1 and min(quantities) > 1:
                return str(order["id"])
        raise AssertionError("the seed has no such order")

    @property
    def truth(self) -> Mapping[str, Any]:
        return self.sandbox.shopify.order(self.id)

    def change(self, **body: Any) -> None:
        reply = control(self.sandbox, "POST", "/shopify/state", body)
        assert reply.status_code == 200, reply.text

    def later(self) -> None:
        self.change(settings={"now": LATER})

    def order(self, id_: str | None = None, **variables: Any) -> Any:
        return self.caller.data(ORDER, id=id_ or self.id, **variables)["order"]

    def parts(self, id_: str | None = None, **variables: Any) -> list[Any]:
        found: list[Any] = self.order(id_, **variables)["fulfillmentOrders"]["nodes"]
        return found

    def statuses(self) -> list[str]:
        return [each["status"] for each in self.parts()]

    def remaining(self) -> list[int]:
        return [line["remainingQuantity"] for part in self.parts() for line in part["lineItems"]["nodes"]]

    def write(self, document: str, **variables: Any) -> Any:
        """The payload of a mutation that was not refused."""
        (payload,) = self.caller.data(document, **variables).values()
        assert payload["userErrors"] == []
        return payload

    def refused(self, document: str, **variables: Any) -> tuple[list[str], str]:
        """Field and message of the only user error of a mutation that changed nothing."""
        before = self.truth
        (payload,) = self.caller.data(document, **variables).values()
        assert self.truth == before
        (error,) = payload.pop("userErrors")
        assert set(payload.values()) == {None}
        return error["field"], error.get("code") or error["message"]

    def send(self, *lines: tuple[Any, int], part: Any = None, **tracking: Any) -> Any:
        """The fulfilment made of a fulfilment order, wholly or these units of its lines."""
        part = part or next(each for each in self.parts() if each["status"] in ("OPEN", "IN_PROGRESS"))
        return self.write(CREATE, fulfillment=sending(group(part["id"], *lines), **tracking))["fulfillment"]


def group(part: str, *lines: tuple[Any, int]) -> dict[str, Any]:
    chosen = [{"id": line["id"], "quantity": quantity} for line, quantity in lines]
    return {"fulfillmentOrderId": part, **({"fulfillmentOrderLineItems": chosen} if chosen else {})}


def sending(*groups: dict[str, Any], **tracking: Any) -> dict[str, Any]:
    return {"lineItemsByFulfillmentOrder": list(groups), "trackingInfo": tracking}


def lines_of(part: Any) -> Any:
    return part["lineItems"]["nodes"]


def actions(part: Any) -> set[str]:
    return {each["action"] for each in part["supportedActions"]}


@pytest.fixture
def shop(sandbox: Sandbox) -> Shop:
    return Shop(sandbox)


class TestWhatIsToBeSent:
    def test_an_unsent_order_has_one_open_fulfilment_order_with_all_its_lines(self, shop: Shop) -> None:
        (part,) = shop.parts()
        assert (part["status"], part["requestStatus"]) == ("OPEN", "UNSUBMITTED")
        assert part["assignedLocation"]["location"]["id"] == f"gid://shopify/Location/{DEFAULT_LOCATION}"
        assert {"CREATE_FULFILLMENT", "HOLD", "MOVE", "SPLIT"} <= actions(part)
        held = shop.truth["lineItems"]
        assert [each["lineItem"]["id"] for each in lines_of(part)] == [each["id"] for each in held]
        assert [each["sku"] for each in lines_of(part)] == [each["sku"] for each in held]
        for each, line in zip(lines_of(part), held, strict=True):
            assert each["totalQuantity"] == each["remainingQuantity"] == line["quantity"]
            assert each["inventoryItemId"].startswith("gid://shopify/InventoryItem/")

    def test_every_seeded_order_agrees_with_its_fulfilment_status(self, shop: Shop) -> None:
        for order in shop.sandbox.shopify.orders():
            found = units(order)
            waiting = sum(each.open for each in found)
            assert waiting == (0 if order["cancelledAt"] else sum(each["fulfillableQuantity"] for each in order["lineItems"]))
            if order["displayFulfillmentStatus"] == "FULFILLED":
                assert waiting == 0
                assert len(order["fulfillments"]) >= 1
            elif found and not order["cancelledAt"]:
                assert waiting > 0
                assert order["fulfillments"] == []

    def test_a_sent_order_has_a_closed_one_with_nothing_remaining(self, shop: Shop) -> None:
        sent = next(
            each["id"]
            for each in shop.sandbox.shopify.orders()
            if each["displayFulfillmentStatus"] == "FULFILLED" and not each["refunds"]
        )
        order = shop.order(sent)
        (part,) = order["fulfillmentOrders"]["nodes"]
        assert (part["status"], part["supportedActions"]) == ("CLOSED", [])
        assert {each["remainingQuantity"] for each in lines_of(part)} == {0}
        (fulfilment,) = order["fulfillments"]
        shipped = {each["lineItem"]["id"]: each["quantity"] for each in fulfilment["fulfillmentLineItems"]["nodes"]}
        assert shipped == {each["id"]: each["quantity"] for each in order["lineItems"]["nodes"]}

    def test_a_line_that_needs_no_shipping_is_in_none(self, shop: Shop) -> None:
        shop.change(set={shop.id: {"lineItems": {"0": {"requiresShipping": False}}}})
        (part,) = shop.parts()
        assert shop.truth["lineItems"][0]["id"] not in [each["lineItem"]["id"] for each in lines_of(part)]
        gift = shop.sandbox.shopify.traps()["gift card"]["id"]
        assert shop.parts(gift) == []

    def test_an_edit_and_a_refund_lower_what_remains(self, shop: Shop) -> None:
        before = shop.remaining()
        shop.change(edit=[{"order": shop.id, "lines": {"0": 1}}], refund=[{"order": shop.id, "lines": {"1": 1}}])
        assert shop.remaining() == [before[0] - 1, before[1] - 1, *before[2:]]
        shop.change(edit=[{"order": shop.id, "lines": {"0": before[0] - 1}}])
        (part,) = shop.parts()
        assert len(lines_of(part)) == len(before) - 1

    def test_a_refund_after_part_was_sent_takes_the_unsent_units_first(self, shop: Shop) -> None:
        (part,) = shop.parts()
        line = lines_of(part)[0]
        shop.send((line, 1))
        shop.change(refund=[{"order": shop.id, "lines": {"0": line["totalQuantity"]}}])
        (part,) = shop.parts()
        assert (lines_of(part)[0]["totalQuantity"], lines_of(part)[0]["remainingQuantity"]) == (1, 0)

    def test_a_cancelled_order_ends_closed_with_all_of_it_remaining(self, shop: Shop) -> None:
        (before,) = shop.parts()
        shop.change(cancel=[shop.id])
        (part,) = shop.parts()
        assert (part["status"], part["supportedActions"]) == ("CLOSED", [])
        assert [each["remainingQuantity"] for each in lines_of(part)] == [each["totalQuantity"] for each in lines_of(before)]
        assert {each.open for each in units(shop.truth)} == {0}
        assert [each["fulfillableQuantity"] for each in shop.truth["lineItems"]] == [0] * len(lines_of(before))

    def test_fulfilment_orders_are_listed_across_orders(self, shop: Shop) -> None:
        def names(**variables: Any) -> list[str]:
            return [each["order"]["name"] for each in shop.caller.data(LISTED, **variables)["fulfillmentOrders"]["nodes"]]

        waiting = {each["name"] for each in shop.sandbox.shopify.orders() if any(line.open for line in units(each))}
        assert set(names(closed=False)) == waiting
        assert names(closed=False, reverse=True) == names(closed=False)[::-1]
        assert names(closed=False, query="status:closed") == []
        assert len(names(closed=True, query="status:closed")) > 100
        assert set(names(closed=True, query=f"assigned_location_id:{DEFAULT_LOCATION} status:open")) == waiting
        pages: list[str] = []
        after, more = None, True
        while more:
            page = shop.caller.data(LISTED, closed=False, size=7, after=after)["fulfillmentOrders"]
            pages += [each["order"]["name"] for each in page["nodes"]]
            after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        assert pages == names(closed=False)

    def test_an_unknown_search_field_is_ignored_with_a_warning(self, shop: Shop) -> None:
        reply = shop.caller.ask(LISTED, closed=False, query="colour:red")
        assert reply["extensions"]["search"][0]["warnings"]

    def test_each_can_be_looked_up_by_its_id(self, shop: Shop) -> None:
        made = shop.send()
        (part,) = shop.parts()
        ids = [part["id"], lines_of(part)[0]["id"], made["id"], made["fulfillmentLineItems"]["nodes"][0]["id"]]
        document = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
        assert shop.caller.data(document, ids=ids)["nodes"] == [
            {"__typename": kind, "id": id_}
            for kind, id_ in zip(
                ("FulfillmentOrder", "FulfillmentOrderLineItem", "Fulfillment", "FulfillmentLineItem"), ids, strict=True
            )
        ]
        document = """query ($part: ID!, $made: ID!) {
          fulfillmentOrder(id: $part) { id orderName fulfillments(first: 5) { nodes { id } } }
          fulfillment(id: $made) { id fulfillmentOrders(first: 5) { nodes { id } } } }"""
        found = shop.caller.data(document, part=part["id"], made=made["id"])
        assert found["fulfillmentOrder"]["fulfillments"]["nodes"] == [{"id": made["id"]}]
        assert found["fulfillment"]["fulfillmentOrders"]["nodes"] == [{"id": part["id"]}]
        other = part["id"][:-4] + "9999"
        assert shop.caller.data("query ($id: ID!) { fulfillmentOrder(id: $id) { id } }", id=other) == {"fulfillmentOrder": None}

    def test_a_bulk_query_lists_them_too(self, shop: Shop) -> None:
        inner = """{ orders { edges { node { id fulfillmentOrders { edges { node {
            id status lineItems { edges { node { id remainingQuantity } } } } } } } } } }"""
        lines = shop.caller.lines(inner)
        (part,) = shop.parts()
        assert {"id": part["id"], "status": "OPEN", "__parentId": shop.id} in lines
        assert sum(each.get("__parentId") == part["id"] for each in lines) == len(lines_of(part))


class TestSending:
    def test_a_whole_fulfilment_order_is_sent_closed_and_the_paid_order_with_it(self, shop: Shop) -> None:
        shop.later()
        made = shop.send(company="PTT", numbers=["100"], urls=["https://track.example/100"])
        order = shop.order()
        assert (made["status"], made["displayStatus"], made["name"]) == ("SUCCESS", "FULFILLED", f"{order['name']}-F1")
        assert made["trackingInfo"] == [{"company": "PTT", "number": "100", "url": "https://track.example/100"}]
        assert made["order"]["displayFulfillmentStatus"] == order["displayFulfillmentStatus"] == "FULFILLED"
        assert (order["updatedAt"], order["closed"], order["closedAt"]) == (LATER, True, LATER)
        assert shop.statuses() == ["CLOSED"]
        assert set(shop.remaining()) == {0}
        assert {each["unfulfilledQuantity"] for each in order["lineItems"]["nodes"]} == {0}

    def test_an_unpaid_order_stays_open(self, shop: Shop) -> None:
        shop.change(set={shop.id: {"fullyPaid": False}})
        shop.send()
        assert shop.order()["closed"] is False

    def test_a_part_twice_makes_two_parcels(self, shop: Shop) -> None:
        (part,) = shop.parts()
        line = lines_of(part)[0]
        names = [shop.send((line, 1), part=part)["name"] for _ in range(2)]
        order = shop.order()
        assert names == [f"{order['name']}-F1", f"{order['name']}-F2"]
        assert order["displayFulfillmentStatus"] == "PARTIALLY_FULFILLED"
        (after,) = order["fulfillmentOrders"]["nodes"]
        assert (after["id"], after["status"]) == (part["id"], "IN_PROGRESS")
        assert "MOVE" not in actions(after)
        assert lines_of(after)[0]["remainingQuantity"] == line["totalQuantity"] - 2
        assert order["lineItems"]["nodes"][0]["unfulfilledQuantity"] == line["totalQuantity"] - 2
        document = "query ($id: ID!, $query: String) { order(id: $id) { fulfillments(first: 9, query: $query) { name } } }"
        assert len(shop.caller.data(document, id=shop.id, query="status:success")["order"]["fulfillments"]) == 2
        assert shop.caller.data(document, id=shop.id, query="status:cancelled")["order"]["fulfillments"] == []

    def test_several_numbers_keep_their_order_and_share_the_company(self, shop: Shop) -> None:
        made = shop.send(company="Hermes", numbers=["2", "1"], urls=["https://h.example/2", "https://h.example/1"])
        assert made["trackingInfo"] == [
            {"company": "Hermes", "number": "2", "url": "https://h.example/2"},
            {"company": "Hermes", "number": "1", "url": "https://h.example/1"},
        ]

    @pytest.mark.parametrize(
        ("company", "number", "known"),
        [("Yurtiçi Kargo", "77", True), ("yurtici kargo", "77", False), ("My Cousin", "1Z999", True), (None, "5", False)],
    )
    def test_the_shop_makes_an_address_for_companies_and_numbers_it_knows(
        self, shop: Shop, company: str | None, number: str, known: bool
    ) -> None:
        (info,) = shop.send(company=company, number=number)["trackingInfo"]
        assert (info["company"], info["number"], info["url"] is not None) == (company, number, known)

    def test_two_locations_are_sent_apart_and_one_location_together(self, shop: Shop) -> None:
        shop.change(split={shop.id: {"1": SECOND}})
        here, there = shop.parts()
        assert there["assignedLocation"]["location"]["id"] == f"gid://shopify/Location/{SECOND}"
        assert {each.location for each in units(shop.truth) if each.position == 1} == {SECOND}
        both = sending(group(here["id"]), group(there["id"]))
        field, message = shop.refused(CREATE, fulfillment=both)
        assert field == ["fulfillment"]
        assert message.endswith("be assigned to a single location.")
        shop.write(MOVE, id=there["id"], location=f"gid://shopify/Location/{DEFAULT_LOCATION}")
        assert "MERGE" in actions(shop.parts()[0])
        made = shop.write(CREATE, fulfillment=both)["fulfillment"]
        assert made["totalQuantity"] == sum(each["quantity"] for each in shop.truth["lineItems"])
        assert len(shop.order()["fulfillments"]) == 1
        assert shop.statuses() == ["CLOSED", "CLOSED"]

    def test_what_was_sent_already_is_refused(self, shop: Shop) -> None:
        (part,) = shop.parts()
        shop.send()
        number = part["id"].rpartition("/")[2]
        expected = (["fulfillment"], f"Fulfillment order {number} has an unfulfillable status= closed.")
        assert shop.refused(CREATE, fulfillment=sending(group(part["id"]))) == expected
        other = shop.fresh()
        shop.change(cancel=[other])
        (cancelled,) = shop.parts(other)
        field, message = shop.refused(CREATE, fulfillment=sending(group(cancelled["id"])))
        assert (field, message.partition(" has ")[2]) == (["fulfillment"], "an unfulfillable status= closed.")

    def test_what_the_shop_does_not_have_is_refused(self, shop: Shop) -> None:
        (part,) = shop.parts()
        line = lines_of(part)[0]

        def refused(*groups: dict[str, Any]) -> str:
            field, message = shop.refused(CREATE, fulfillment=sending(*groups))
            assert field == ["fulfillment"]
            return message

        too_many = [(line, line["remainingQuantity"] + 1)]
        assert refused(group(part["id"], *too_many)) == "Invalid fulfillment order line item quantity requested."
        halves = [(line, line["remainingQuantity"]), (line, 1)]
        assert refused(group(part["id"], *halves)) == "Invalid fulfillment order line item quantity requested."
        stranger = {"id": "gid://shopify/FulfillmentOrderLineItem/1"}
        assert refused(group(part["id"], (stranger, 1))) == "Fulfillment order line item does not exist."
        assert refused(group("gid://shopify/FulfillmentOrder/1")) == "Fulfillment order does not exist."
        (foreign,) = shop.parts(shop.fresh(but=[shop.id]))
        message = refused(group(part["id"]), group(foreign["id"]))
        assert message.startswith("All fulfillment orders must belong to the same order")

    def test_a_quantity_that_is_no_quantity_is_refused_first(self, shop: Shop) -> None:
        (part,) = shop.parts()
        nothing = group("gid://shopify/FulfillmentOrder/1", (lines_of(part)[0], 0))
        field, _ = shop.refused(CREATE, fulfillment=sending(group(part["id"]), nothing))
        path = ["fulfillment", "lineItemsByFulfillmentOrder", "1", "fulfillmentOrderLineItems", "0", "quantity"]
        assert field == path

    @pytest.mark.parametrize("id_", ["11", "gid://shopify/Order/1"])
    def test_an_id_of_another_kind_is_an_error_of_the_field(self, shop: Shop, id_: str) -> None:
        assert shop.caller.codes(CREATE, fulfillment=sending(group(id_))) == ["RESOURCE_NOT_FOUND"]

    def test_user_errors_have_no_code(self, shop: Shop) -> None:
        document = CREATE.replace("userErrors { field message }", "userErrors { code }")
        assert shop.caller.codes(document, fulfillment=sending()) == ["undefinedField"]

    def test_a_lost_reply_has_sent_it_all_the_same(self, shop: Shop) -> None:
        (part,) = shop.parts()
        fault = {"on": "POST /admin/api/*/graphql.json", "kind": "lost_reply"}
        assert control(shop.sandbox, "POST", "/shopify/faults", [fault]).status_code == 200
        with pytest.raises(requests.ConnectionError):
            shop.caller.post(CREATE, fulfillment=sending(group(part["id"])))
        assert len(shop.order()["fulfillments"]) == 1

    def test_a_search_sees_it_only_after_the_lag(self, shop: Shop) -> None:
        shop.change(settings={"index_lag": 3_600})
        name = shop.order()["name"]
        shop.send()
        assert shop.caller.names(f"name:'{name}' fulfillment_status:unfulfilled") == [name]
        assert shop.order()["displayFulfillmentStatus"] == "FULFILLED"


class TestAfterwards:
    def test_a_cancelled_fulfilment_opens_a_new_fulfilment_order(self, shop: Shop) -> None:
        made = shop.send(number="1")
        shop.later()
        payload = shop.write(CANCEL, id=made["id"])
        assert payload["fulfillment"] == {"id": made["id"], "status": "CANCELLED", "displayStatus": "CANCELED"}
        order = shop.order()
        assert (order["displayFulfillmentStatus"], order["closed"], order["closedAt"]) == ("UNFULFILLED", False, None)
        assert order["updatedAt"] == LATER
        old, new = order["fulfillmentOrders"]["nodes"]
        assert (old["status"], new["status"]) == ("CLOSED", "OPEN")
        assert [each["remainingQuantity"] for each in lines_of(old)] == [each["totalQuantity"] for each in lines_of(old)]
        assert [each["remainingQuantity"] for each in lines_of(new)] == [each["quantity"] for each in order["lineItems"]["nodes"]]
        assert "MOVE" not in actions(new)
        assert [each["id"] for each in shop.parts(displayable=True)] == [new["id"]]
        assert [each["id"] for each in shop.parts(query="status:open")] == [new["id"]]
        assert shop.order()["fulfillments"][0]["trackingInfo"][0]["number"] == "1"
        assert shop.write(CANCEL, id=made["id"])["fulfillment"]["status"] == "CANCELLED"
        assert len(shop.parts()) == 2
        shop.send(part=new)
        assert shop.order()["displayFulfillmentStatus"] == "FULFILLED"

    def test_a_cancelled_part_comes_back_to_its_fulfilment_order(self, shop: Shop) -> None:
        (part,) = shop.parts()
        made = shop.send((lines_of(part)[0], 1))
        shop.write(CANCEL, id=made["id"])
        assert [each["id"] for each in shop.parts()] == [part["id"]]
        assert (shop.statuses(), shop.order()["displayFulfillmentStatus"]) == (["OPEN"], "UNFULFILLED")
        assert shop.remaining() == [each["totalQuantity"] for each in lines_of(part)]

    def test_the_shipment_of_a_seeded_order_can_be_cancelled(self, shop: Shop) -> None:
        order = next(each for each in shop.sandbox.shopify.orders() if each["fulfillments"] and not each["refunds"])
        shop.write(CANCEL, id=order["fulfillments"][0]["id"])
        open_units = sum(each.open for each in units(shop.sandbox.shopify.order(order["id"])))
        assert open_units == sum(each["quantity"] for each in order["lineItems"])

    def test_units_that_were_refunded_after_sending_are_not_sent_again(self, shop: Shop) -> None:
        made = shop.send()
        ordered = shop.truth["lineItems"][0]["quantity"]
        shop.change(refund=[{"order": shop.id, "lines": {"0": 1}}])
        shop.write(CANCEL, id=made["id"])
        assert lines_of(shop.parts()[-1])[0]["remainingQuantity"] == ordered - 1

    def test_tracking_is_replaced_as_a_whole_even_of_a_cancelled_one(self, shop: Shop) -> None:
        made = shop.send(company="UPS", numbers=["1", "2"])
        shop.later()
        changed = shop.write(TRACK, id=made["id"], info={"company": "Kurye", "number": "3"})["fulfillment"]
        assert changed["trackingInfo"] == [{"company": "Kurye", "number": "3", "url": None}]
        assert shop.order()["updatedAt"] == LATER
        shop.write(CANCEL, id=made["id"])
        changed = shop.write(TRACK, id=made["id"], info={"number": "4"})["fulfillment"]
        assert [each["number"] for each in changed["trackingInfo"]] == ["4"]

    def test_events_are_listed_and_move_the_display_status_only(self, shop: Shop) -> None:
        made = shop.send(number="1")
        shop.later()
        on_the_way = {"status": "IN_TRANSIT", "happenedAt": "2026-11-20T12:30:00Z", "estimatedDeliveryAt": "2026-11-23T00:00:00Z"}
        event = shop.write(EVENT, event={"fulfillmentId": made["id"], **on_the_way})["fulfillmentEvent"]
        assert event["happenedAt"] == "2026-11-20T12:30:00Z"
        (fulfilment,) = shop.order()["fulfillments"]
        assert (fulfilment["status"], fulfilment["displayStatus"]) == ("SUCCESS", "IN_TRANSIT")
        assert (fulfilment["inTransitAt"], fulfilment["estimatedDeliveryAt"]) == ("2026-11-20T12:30:00Z", "2026-11-23T00:00:00Z")
        changed = shop.write(TRACK, id=made["id"], info={"number": "2"})["fulfillment"]
        assert changed["displayStatus"] == "IN_TRANSIT"
        shop.write(EVENT, event={"fulfillmentId": made["id"], "status": "DELIVERED", "message": "At the door"})
        (fulfilment,) = shop.order()["fulfillments"]
        assert (fulfilment["displayStatus"], fulfilment["deliveredAt"]) == ("DELIVERED", LATER)
        assert [(each["status"], each["message"]) for each in fulfilment["events"]["nodes"]] == [
            ("IN_TRANSIT", None),
            ("DELIVERED", "At the door"),
        ]
        assert shop.order()["displayFulfillmentStatus"] == "FULFILLED"
        shop.write(CANCEL, id=made["id"])
        shop.write(EVENT, event={"fulfillmentId": made["id"], "status": "DELIVERED"})
        assert shop.order()["fulfillments"][0]["displayStatus"] == "CANCELED"

    def test_an_unknown_fulfilment_is_named_by_its_field(self, shop: Shop) -> None:
        unknown = "gid://shopify/Fulfillment/1"
        assert shop.refused(CANCEL, id=unknown)[0] == ["id"]
        assert shop.refused(TRACK, id=unknown, info={})[0] == ["fulfillmentId"]
        event = {"fulfillmentId": unknown, "status": "DELIVERED"}
        assert shop.refused(EVENT, event=event)[0] == ["fulfillmentEvent", "fulfillmentId"]
        assert shop.caller.codes(EVENT, event={**event, "status": "EATEN_BY_A_DOG"}) == ["INVALID_VARIABLE"]

    def test_an_update_of_the_tracking_costs_fifty(self, shop: Shop) -> None:
        made = shop.send()
        reply = shop.caller.ask(TRACK, id=made["id"], info={"number": "1"})
        assert reply["extensions"]["cost"]["requestedQueryCost"] == 51


class TestHoldsAndMoves:
    def test_a_held_fulfilment_order_cannot_be_sent_until_it_is_released(self, shop: Shop) -> None:
        (part,) = shop.parts()
        shop.later()
        payload = shop.write(HOLD, id=part["id"], hold={"reason": "OTHER"})
        assert payload["remainingFulfillmentOrder"] is None
        held = payload["fulfillmentOrder"]
        assert (held["id"], held["status"], held["fulfillmentHolds"][0]["reason"]) == (part["id"], "ON_HOLD", "OTHER")
        assert "RELEASE_HOLD" in actions(held)
        assert "CREATE_FULFILLMENT" not in actions(held)
        order = shop.order()
        assert (order["displayFulfillmentStatus"], order["updatedAt"]) == ("ON_HOLD", LATER)
        assert {each["fulfillableQuantity"] for each in order["lineItems"]["nodes"]} == {0}
        assert min(each.open for each in units(shop.truth)) > 0
        field, _ = shop.refused(CREATE, fulfillment=sending(group(part["id"])))
        assert field == ["fulfillment"]
        assert shop.write(RELEASE, id=part["id"])["fulfillmentOrder"] == {"id": part["id"], "status": "OPEN"}
        shop.send()
        assert shop.order()["displayFulfillmentStatus"] == "FULFILLED"

    def test_holding_some_units_splits_the_rest_off(self, shop: Shop) -> None:
        (part,) = shop.parts()
        first = lines_of(part)[0]
        chosen = [{"id": first["id"], "quantity": 1}]
        payload = shop.write(HOLD, id=part["id"], hold={"reason": "OTHER", "fulfillmentOrderLineItems": chosen})
        held, rest = payload["fulfillmentOrder"], payload["remainingFulfillmentOrder"]
        assert [each["remainingQuantity"] for each in lines_of(held)] == [1]
        assert (held["status"], rest["status"]) == ("ON_HOLD", "OPEN")
        assert sum(each["remainingQuantity"] for each in lines_of(rest)) == sum(shop.remaining()) - 1
        line = shop.order()["lineItems"]["nodes"][0]
        assert (line["fulfillableQuantity"], line["unfulfilledQuantity"]) == (line["quantity"] - 1, line["quantity"])
        assert shop.order()["displayFulfillmentStatus"] == "UNFULFILLED"

    def test_what_cannot_be_held(self, shop: Shop) -> None:
        (part,) = shop.parts()

        def refused(id_: str = part["id"], **hold: Any) -> tuple[list[str], str]:
            return shop.refused(HOLD, id=id_, hold={"reason": "OTHER", **hold})

        line = {"id": lines_of(part)[0]["id"], "quantity": 1}
        assert refused("gid://shopify/FulfillmentOrder/1") == (["id"], "FULFILLMENT_ORDER_NOT_FOUND")
        assert refused(fulfillmentOrderLineItems=[line, line])[1] == "DUPLICATED_FULFILLMENT_ORDER_LINE_ITEMS"
        assert refused(fulfillmentOrderLineItems=[{**line, "quantity": 0}])[1] == "GREATER_THAN_ZERO"
        assert refused(fulfillmentOrderLineItems=[{**line, "quantity": 999}])[1] == "INVALID_LINE_ITEM_QUANTITY"
        shop.write(HOLD, id=part["id"], hold={"reason": "OTHER", "handle": "a"})
        assert refused(handle="a")[1] == "DUPLICATE_FULFILLMENT_HOLD_HANDLE"
        assert refused(handle="b", fulfillmentOrderLineItems=[line])[1] == "FULFILLMENT_ORDER_NOT_SPLITTABLE"
        for number in range(9):
            shop.write(HOLD, id=part["id"], hold={"reason": "OTHER", "handle": str(number)})
        assert refused(handle="last")[1] == "FULFILLMENT_ORDER_HOLD_LIMIT_REACHED"

    def test_a_forbidden_field_is_an_error_beside_a_hold_that_was_made(self, shop: Shop) -> None:
        document = HOLD.replace("fulfillmentHold { id reason }", "fulfillmentHold { id heldByApp { id } }")
        reply = shop.caller.ask(document, id=shop.parts()[0]["id"], hold={"reason": "OTHER"})
        assert [each["extensions"]["code"] for each in reply["errors"]] == ["ACCESS_DENIED"]
        assert reply["data"]["fulfillmentOrderHold"]["fulfillmentHold"]["heldByApp"] is None
        assert shop.statuses() == ["ON_HOLD"]

    def test_moving_all_or_some_of_it(self, shop: Shop) -> None:
        second = f"gid://shopify/Location/{SECOND}"
        (part,) = shop.parts()
        payload = shop.write(MOVE, id=part["id"], location=second)
        assert payload["movedFulfillmentOrder"]["id"] == part["id"]
        assert payload["movedFulfillmentOrder"]["assignedLocation"]["location"]["id"] == second
        assert payload["remainingFulfillmentOrder"] is None
        line = lines_of(part)[0]
        home = f"gid://shopify/Location/{DEFAULT_LOCATION}"
        payload = shop.write(MOVE, id=part["id"], location=home, lines=[{"id": line["id"], "quantity": 1}])
        assert payload["movedFulfillmentOrder"]["id"] != part["id"]
        assert payload["remainingFulfillmentOrder"] == {"id": part["id"], "status": "OPEN"}
        found = [each for each in units(shop.truth) if each.position == 0]
        total = line["totalQuantity"]
        assert found == [
            Units(position=0, location=SECOND, open=total - 1, fulfilled=0),
            Units(position=0, location=DEFAULT_LOCATION, open=1, fulfilled=0),
        ]
        assert shop.refused(MOVE, id=part["id"], location="gid://shopify/Location/1")[0] == ["newLocationId"]
        shop.send(part=part)
        assert shop.refused(MOVE, id=part["id"], location=home)[0] == ["id"]


class TestPeople:
    def test_somebody_sends_by_hand(self, shop: Shop) -> None:
        shop.later()
        shop.change(fulfil=[{"order": shop.order()["name"], "lines": {"0": 1}, "tracking": {"company": "UPS", "number": "7"}}])
        order = shop.order()
        assert (order["displayFulfillmentStatus"], order["updatedAt"]) == ("PARTIALLY_FULFILLED", LATER)
        shop.change(fulfil=[{"order": shop.id, "tracking": {"numbers": ["8", "9"]}}])
        state = control(shop.sandbox, "GET", "/shopify/state").json()
        (stored,) = [each for each in state["orders"] if each["id"] == shop.id]
        numbers = [[info["number"] for info in each["trackingInfo"]] for each in stored["fulfillments"]]
        assert numbers == [["7"], ["8", "9"]]
        sent: dict[str, int] = {}
        for fulfilment in stored["fulfillments"]:
            for each in fulfilment["fulfillmentLineItems"]:
                sent[each["lineItem"]["id"]] = sent.get(each["lineItem"]["id"], 0) + each["quantity"]
        assert sent == {each["id"]: each["quantity"] for each in stored["lineItems"]}

    def test_from_two_locations_somebody_sends_two_parcels(self, shop: Shop) -> None:
        shop.change(split={shop.id: {"0": f"gid://shopify/Location/{SECOND}"}}, fulfil=[shop.id])
        assert [each["location"]["id"].rpartition("/")[2] for each in shop.order()["fulfillments"]] == [
            str(DEFAULT_LOCATION),
            str(SECOND),
        ]

    def test_somebody_holds_and_releases(self, shop: Shop) -> None:
        shop.change(hold=[{"order": shop.id, "reason": "HIGH_RISK_OF_FRAUD", "notes": "Ask first"}])
        assert (shop.statuses(), shop.order()["displayFulfillmentStatus"]) == (["ON_HOLD"], "ON_HOLD")
        assert shop.caller.names("fulfillment_status:on_hold") == [shop.order()["name"]]
        shop.change(release_hold=[shop.id])
        assert (shop.statuses(), shop.order()["displayFulfillmentStatus"]) == (["OPEN"], "UNFULFILLED")

    @pytest.mark.parametrize(
        ("body", "complaint"),
        [
            ({"fulfil": [{"order": "#1"}]}, "there is no order"),
            ({"fulfil": [{"order": "{id}", "lines": {"0": 99}}]}, "has fewer units to be sent"),
            ({"fulfil": [{"order": "{id}", "lines": {"99": 1}}]}, "has no line at position '99'"),
            ({"fulfil": [{"order": "{id}", "tracking": {"colour": "red"}}]}, "unknown member 'colour'"),
            ({"release_hold": ["{id}"]}, "has no fulfilment order that is ON_HOLD"),
            ({"hold": [{"order": "{id}", "reason": "WHY_NOT"}]}, "hold: reason"),
            ({"hold": ["{id}"], "fulfil": ["{id}"]}, "has no fulfilment order that is OPEN or IN_PROGRESS"),
            ({"split": {"{id}": {"0": 5}}}, "there is no location 5"),
            ({"split": ["{id}"]}, "split must be an object"),
        ],
    )
    def test_what_nobody_can_do_is_refused_and_changes_nothing(self, shop: Shop, body: Any, complaint: str) -> None:
        def named(value: Any) -> Any:
            if isinstance(value, dict):
                return {named(name): named(each) for name, each in value.items()}
            if isinstance(value, list):
                return [named(each) for each in value]
            return shop.id if value == "{id}" else value

        before = shop.truth
        reply = control(shop.sandbox, "POST", "/shopify/state", named(body))
        assert reply.status_code == 400, reply.text
        assert complaint in reply.text
        assert shop.truth == before

    def test_a_saved_state_comes_back_as_it_was(self, shop: Shop) -> None:
        shop.change(split={shop.id: {"0": SECOND}})
        made = shop.send(number="1")
        shop.write(EVENT, event={"fulfillmentId": made["id"], "status": "IN_TRANSIT"})
        (rest,) = [each for each in shop.parts() if each["status"] == "OPEN"]
        shop.write(HOLD, id=rest["id"], hold={"reason": "OTHER"})
        before, state = shop.order(), control(shop.sandbox, "GET", "/shopify/state").json()
        control(shop.sandbox, "POST", "/reset")
        shop.change(load=state)
        assert shop.order() == before


class TestScopes:
    def test_without_them_fulfilment_orders_are_denied_and_the_scope_is_named(self, sandbox: Sandbox, shop: Shop) -> None:
        caller = ShopifyCaller(sandbox, NO_FULFILMENT_ORDERS_TOKEN)
        document = "query ($id: ID!) { order(id: $id) { name fulfillments { id } fulfillmentOrders(first: 5) { nodes { id } } } }"
        reply = caller.ask(document, id=shop.id)
        (error,) = reply["errors"]
        assert error["extensions"]["code"] == "ACCESS_DENIED"
        assert "`read_merchant_managed_fulfillment_orders`" in error["extensions"]["requiredAccess"]
        assert reply["data"] == {"order": None}

    def test_a_token_that_may_only_read_writes_nothing(self, sandbox: Sandbox, shop: Shop) -> None:
        caller = ShopifyCaller(sandbox, READ_FULFILMENT_ORDERS_TOKEN)
        part = caller.data(ORDER, id=shop.id)["order"]["fulfillmentOrders"]["nodes"][0]["id"]
        reply = caller.ask(CREATE, fulfillment=sending(group(part)))
        assert "`write_merchant_managed_fulfillment_orders`" in reply["errors"][0]["extensions"]["requiredAccess"]
        assert reply["data"] == {"fulfillmentCreate": None}
        assert shop.truth["fulfillments"] == []

    def test_they_allow_fulfilments_without_the_scope_for_orders(self, sandbox: Sandbox) -> None:
        caller = ShopifyCaller(sandbox, NO_ORDERS_TOKEN)
        made = next(each["fulfillments"][0]["id"] for each in sandbox.shopify.orders() if each["fulfillments"])
        assert caller.data("query ($id: ID!) { fulfillment(id: $id) { id } }", id=made) == {"fulfillment": {"id": made}}

    def test_those_of_orders_older_than_sixty_days_are_not_there(self, sandbox: Sandbox, shop: Shop) -> None:
        caller = ShopifyCaller(sandbox, RECENT_ORDERS_TOKEN)
        parts = caller.data(LISTED, closed=True, size=1)["fulfillmentOrders"]["nodes"]
        oldest = shop.caller.data(LISTED, closed=True, size=1)["fulfillmentOrders"]["nodes"]
        assert parts != oldest
        assert caller.data("query ($id: ID!) { fulfillmentOrder(id: $id) { id } }", id=oldest[0]["id"]) == {
            "fulfillmentOrder": None
        }
