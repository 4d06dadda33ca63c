"""Which moves and lines Lightspeed's stand-in allows on consignments, and what they do to stock, over real sockets."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.conftest import exact
from sync_pipelines_tests.vendor_sandbox.lightspeed_caller import LightspeedCaller, fresh
from vendor_sandbox import Sandbox


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


class Desk(LightspeedCaller):
    """Somebody who orders, moves and counts products."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        store = sandbox.lightspeed.store
        self.outlet, self.other = [each["id"] for each in store["outlets"].own.values() if not each["deleted_at"]][:2]
        self.products = [row["id"] for row in store["products"].own.values() if not row["deleted_at"]][:4]

    def done(self, method: str, path: str, body: object = None) -> Any:
        reply = self.call(method, path, body)
        assert reply.ok, reply.text
        return exact(reply) if reply.content else None

    def open(self, kind: str = "SUPPLIER", **more: object) -> str:
        body = {"name": "Spring", "type": kind, "outlet_id": self.outlet, **more}
        made: str = self.done("POST", "consignments", body)["data"]["id"]
        return made

    def move(self, order: str, status: str, kind: str = "SUPPLIER") -> int:
        body = {"name": "Spring", "type": kind, "outlet_id": self.outlet, "status": status}
        return self.call("PUT", f"consignments/{order}", body).status_code

    def put(self, order: str, product: str, **values: str) -> requests.Response:
        return self.call("PUT", f"consignments/{order}/products/{product}", {"data": values})

    def add(self, order: str, product: str, **values: str) -> requests.Response:
        return self.call("POST", f"consignments/{order}/products", {"data": {"product_id": product, **values}})

    def bulk(self, order: str, *lines: dict[str, str]) -> requests.Response:
        return self.call("POST", f"consignments/{order}/bulk", list(lines))

    def lines(self, order: str) -> list[tuple[str, str, str]]:
        return [(row["count"], row["received"], row["cost"]) for row in self.rows(f"consignments/{order}/products")]

    def status(self, order: str) -> str:
        found: str = self.get(f"consignments/{order}")["data"]["status"]
        return found

    def stock(self, product: str, outlet: str) -> tuple[Decimal, Decimal]:
        (row,) = [each for each in self.get(f"inventory/{product}") if each["outlet_id"] == outlet]
        return row["current_inventory_level"], row["average_cost"]

    def set_stock(self, product: str, outlet: str, **fields: object) -> None:
        (row,) = [each for each in self.get(f"inventory/{product}") if each["outlet_id"] == outlet]
        self.change(set={"inventory": {row["id"]: fields}})


@pytest.fixture
def desk(running: Sandbox) -> Desk:
    fresh(running)
    return Desk(running)


class TestOrders:
    def test_an_order_goes_its_way_and_stock_arrives_with_its_cost(self, desk: Desk) -> None:
        product = desk.products[0]
        desk.set_stock(product, desk.outlet, level=10, average_cost=Decimal("2"))
        order = desk.open(reference="PO-9")
        assert desk.add(order, product, count="10", cost="5.00000").status_code == 200
        statuses = [desk.move(order, status) for status in ("RECEIVED", "SENT", "OPEN", "DISPATCHED", "RECEIVED")]
        assert statuses == [422, 200, 422, 200, 422]
        assert desk.put(order, product, received="10").status_code == 200
        assert desk.move(order, "RECEIVED") == 200
        assert desk.stock(product, desk.outlet) == (20, Decimal("3.5"))
        row = desk.get(f"consignments/{order}")["data"]
        assert (row["reference"], row["status"], bool(row["received_at"])) == ("PO-9", "RECEIVED", True)
        assert [desk.move(order, "CANCELLED"), desk.call("DELETE", f"consignments/{order}").status_code] == [422, 422]

    def test_an_order_can_be_cancelled_or_deleted_before_it_arrives(self, desk: Desk) -> None:
        order = desk.open()
        assert desk.move(order, "CANCELLED") == 422  # nothing is on it
        desk.add(order, desk.products[0], count="1")
        assert desk.move(order, "CANCELLED") == 200
        assert desk.add(order, desk.products[0], count="1").status_code == 422
        other = desk.open()
        assert desk.call("DELETE", f"consignments/{other}").status_code == 204
        assert desk.get(f"consignments/{other}")["data"]["deleted_at"]
        assert desk.move(other, "SENT") == 404

    @pytest.mark.parametrize(
        "changes",
        [
            *({"name": ""}, {"outlet_id": None}, {"type": "GIFT"}, {"type": "OUTLET"}, {"supplier_id": "nobody"}),
            *({"status": "RECEIVED"}, {"status": "DISPATCHED"}, {"type": "STOCKTAKE", "status": "STOCKTAKE_IN_PROGRESS"}),
            {"due_at": "next week"},
        ],
    )
    def test_what_cannot_be_created_is_refused(self, desk: Desk, changes: dict[str, object]) -> None:
        body = {"name": "Spring", "type": "SUPPLIER", "outlet_id": desk.outlet, **changes}
        assert desk.call("POST", "consignments", {"data": body}).status_code == 422

    def test_an_update_must_be_whole_unless_set(self, desk: Desk) -> None:
        order = desk.open()
        assert desk.call("PUT", f"consignments/{order}", {"reference": "PO-1"}).status_code == 422
        desk.set(consignment_put="partial")
        assert desk.done("PUT", f"consignments/{order}", {"reference": "PO-1"})["data"]["reference"] == "PO-1"

    def test_each_type_has_a_scope(self, desk: Desk) -> None:
        token = desk.change(personal_token={"scopes": ["consignments:read", "consignments:write:stock_transfer"]})
        mover = LightspeedCaller(desk.sandbox, token["personal_token"])
        body = {"name": "Spring", "outlet_id": desk.outlet, "source_outlet_id": desk.other}
        statuses = {
            kind: mover.call("POST", "consignments", {**body, "type": kind}).status_code
            for kind in ("SUPPLIER", "RETURN", "OUTLET", "STOCKTAKE")
        }
        assert statuses == {"SUPPLIER": 403, "RETURN": 403, "OUTLET": 201, "STOCKTAKE": 403}


class TestLines:
    def test_a_single_line_is_set_and_a_bulk_adds_up(self, desk: Desk) -> None:
        order, product = desk.open(), desk.products[0]
        line = {"product_id": product, "count": "5", "cost": "1.50000"}
        assert [desk.bulk(order, line).json()["data"] for _ in range(2)] == [
            {product: {"count": "5.00000"}},
            {product: {"count": "10.00000"}},
        ]
        assert desk.put(order, product, count="5").json()["data"]["data"][0]["count"] == "5.00000"
        assert desk.lines(order) == [("5.00000", "0.00000", "1.50000")]

    def test_a_lost_answer_to_a_bulk_doubles_the_order_when_it_is_sent_again(self, desk: Desk) -> None:
        order, line = desk.open(), {"product_id": desk.products[0], "count": "5", "cost": "1"}
        desk.sandbox.faults("lightspeed", [{"on": "POST */bulk", "kind": "lost_reply"}])
        with pytest.raises(requests.ConnectionError):
            desk.bulk(order, line)
        assert desk.bulk(order, line).status_code == 200
        assert desk.lines(order) == [("10.00000", "0.00000", "1.00000")]

    def test_a_product_that_is_added_again_has_a_second_line(self, desk: Desk) -> None:
        order = desk.open()
        assert [desk.add(order, desk.products[0], count=count, cost="1").status_code for count in ("1", "2")] == [200, 200]
        assert [line[0] for line in desk.lines(order)] == ["1.00000", "2.00000"]
        desk.set(line_again="refuse")
        assert desk.add(order, desk.products[0], count="3").status_code == 422

    def test_what_arrives_marks_the_order_as_dispatched(self, desk: Desk) -> None:
        product = desk.products[0]
        first, second = desk.open(), desk.open()
        desk.add(first, product, count="4")
        desk.move(first, "SENT")
        desk.put(first, product, received="1")
        desk.bulk(second, {"product_id": product, "received": "2"})
        assert [desk.status(order) for order in (first, second)] == ["DISPATCHED", "DISPATCHED"]
        desk.put(first, product, count="9", received="3")
        assert [line[:2] for line in desk.lines(first)] == [("4.00000", "3.00000")]
        assert desk.call("DELETE", f"consignments/{first}/products/{product}").status_code == 422

    def test_a_line_can_be_taken_from_an_order(self, desk: Desk) -> None:
        order, product = desk.open(), desk.products[0]
        desk.add(order, product, count="4")
        before = desk.get(f"consignments/{order}")["data"]["version"]
        assert desk.call("DELETE", f"consignments/{order}/products/{product}").status_code == 204
        assert desk.lines(order) == []
        assert desk.get(f"consignments/{order}")["data"]["version"] > before
        assert desk.put(order, product, count="1").status_code == 404

    def test_what_does_not_fit_is_refused(self, desk: Desk) -> None:
        order, product = desk.open(), desk.products[0]
        gone = next(row["id"] for row in desk.truth("products") if row["deleted_at"])
        bare = desk.call("POST", f"consignments/{order}/products", {"product_id": product, "count": "1"})
        assert bare.status_code == 422
        assert [desk.add(order, each, count=count).status_code for each, count in ((gone, "1"), (product, "-1"))] == [422, 422]
        assert desk.call("POST", f"consignments/{order}/bulk", [{"product_id": product, "count": 1}]).status_code == 422
        assert desk.bulk(order, {"product_id": product, "cost": "1"}).status_code == 422
        assert desk.call("POST", f"consignments/{order}/bulk", {"product_id": product}).status_code == 400

    def test_too_many_lines_are_written_and_the_answer_is_an_error(self, desk: Desk) -> None:
        desk.set(bulk_most=1)
        order = desk.open()
        assert desk.bulk(order, *({"product_id": each, "count": "1"} for each in desk.products)).status_code == 504
        assert len(desk.lines(order)) == len(desk.products)

    def test_totals_are_text(self, desk: Desk) -> None:
        order = desk.open()
        desk.add(order, desk.products[0], count="3", cost="2.5")
        (totals,) = desk.get(f"consignments/{order}/totals")["data"]
        assert (totals["total_sent_count"], totals["total_sent_cost"]) == ("3.00000", "7.5000000000")


class TestOthers:
    def test_a_transfer_takes_from_one_outlet_and_brings_to_the_other(self, desk: Desk) -> None:
        product = desk.products[0]
        for outlet in (desk.outlet, desk.other):
            desk.set_stock(product, outlet, level=10, average_cost=Decimal("2"))
        order = desk.open("OUTLET", source_outlet_id=desk.other)
        desk.add(order, product, count="4")
        assert [desk.move(order, status, "OUTLET") for status in ("CANCELLED", "SENT")] == [422, 200]
        assert desk.lines(order) == [("4.00000", "0.00000", "2.00000")]
        desk.put(order, product, received="3")
        desk.move(order, "RECEIVED", "OUTLET")
        assert [desk.stock(product, outlet)[0] for outlet in (desk.other, desk.outlet)] == [6, 13]

    def test_a_return_takes_stock_when_it_is_sent(self, desk: Desk) -> None:
        product = desk.products[0]
        desk.set_stock(product, desk.outlet, level=10)
        order = desk.open("RETURN")
        desk.add(order, product, count="4")
        assert [desk.move(order, status, "RETURN") for status in ("SENT", "CANCELLED")] == [200, 422]
        assert desk.stock(product, desk.outlet)[0] == 6

    def test_stock_may_stay_as_it_is(self, desk: Desk) -> None:
        desk.set(moves_stock=False)
        desk.set_stock(desk.products[0], desk.outlet, level=10)
        order = desk.open("RETURN")
        desk.add(order, desk.products[0], count="4")
        assert desk.move(order, "SENT", "RETURN") == 200
        assert desk.stock(desk.products[0], desk.outlet)[0] == 10

    def test_a_count_waits_for_its_products_and_sets_what_was_counted(self, desk: Desk) -> None:
        first, second = desk.products[:2]
        desk.set_stock(first, desk.outlet, level=10)
        count = desk.open("STOCKTAKE", filters=[{"type": "product_id", "value": each} for each in (first, second)])
        assert desk.status(count) == "STOCKTAKE_SCHEDULED"
        assert [desk.move(count, f"STOCKTAKE_{each}", "STOCKTAKE") for each in ("IN_PROGRESS", "COMPLETE")] == [200, 422]
        desk.sandbox.lightspeed.clock.skip(2.1)
        assert desk.status(count) == "STOCKTAKE_IN_PROGRESS_PROCESSED"
        desk.put(count, first, received="7")
        third = desk.stock(desk.products[2], desk.outlet)
        assert desk.move(count, "STOCKTAKE_COMPLETE", "STOCKTAKE") == 200
        assert [desk.stock(each, desk.outlet)[0] for each in (first, second)] == [7, 0]
        assert desk.stock(desk.products[2], desk.outlet) == third

    def test_a_count_without_filters_sets_what_nobody_counted_to_nothing(self, desk: Desk) -> None:
        count = desk.open("STOCKTAKE")
        desk.move(count, "STOCKTAKE_IN_PROGRESS", "STOCKTAKE")
        desk.sandbox.lightspeed.clock.skip(2.1)
        assert desk.move(count, "STOCKTAKE_COMPLETE", "STOCKTAKE") == 200
        live = {row["id"] for row in desk.truth("products") if not row["deleted_at"]}
        levels = {
            row["level"] for row in desk.truth("inventory") if row["outlet_id"] == desk.outlet and row["product_id"] in live
        }
        assert levels == {0}
