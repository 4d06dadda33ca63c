"""Orders of Sentos' stand-in, over real sockets."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync_pipelines_tests.vendor_sandbox.sentos_caller import SentosCaller, fresh, line, order_body, variant
from vendor_sandbox import Sandbox


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sentos(running: Sandbox) -> SentosCaller:
    """A caller on an account with the SKU TSH-M, five of which are in the first warehouse."""
    caller = fresh(running)
    caller.add(variant("TSH-M"))
    return caller


def complaints(sentos: SentosCaller, **changes: object) -> set[str]:
    """The fields that are wrong with an order."""
    reply = sentos.call("POST", "orders", order_body(**changes))
    assert reply.status_code == 422, reply.text
    return set(reply.json()["errors"])


def listed(sentos: SentosCaller, **parameters: object) -> list[str]:
    return [row["order_id"] for row in sentos.rows("orders", size=100, **parameters)]


class TestNewOrders:
    def test_it_is_kept_and_takes_its_pieces_out_of_the_warehouse(self, sentos: SentosCaller) -> None:
        reply = sentos.call("POST", "orders", order_body(lines=[line(quantity=2)]))
        number = reply.json()["order"]["id"]
        assert (reply.status_code, reply.json()) == (201, {"order": {"id": number, "order_code": "#1042", "status": 2}})
        shown = sentos.get(f"orders/{number}")
        assert (shown["order_id"], str(shown["total"]), shown["shop"]) == ("shopify-5550001112223", "539.7", "Web Sitesi")
        assert [(each["sku"], each["quantity"], str(each["amount"])) for each in shown["lines"]] == [("TSH-M", 2, "499.8")]
        assert shown["shipment_address"]["district"] == "Kadıköy"
        assert sentos.stock("TSH-M") == {1: 3}

    def test_a_second_one_with_the_same_order_id_is_made_too(self, sentos: SentosCaller) -> None:
        assert sentos.create_order() != sentos.create_order()
        assert sentos.sandbox.sentos.state()["creates"] == {"shopify-5550001112223": 2}
        assert sentos.stock("TSH-M") == {1: 3}

    def test_or_it_is_refused(self, sentos: SentosCaller) -> None:
        sentos.set(duplicate_order_id="refuse")
        sentos.create_order()
        assert complaints(sentos) == {"order_id"}

    def test_more_may_be_sold_than_there_is(self, sentos: SentosCaller) -> None:
        sentos.create_order(lines=[line(quantity=9), line("nobody"), line(warehouse_id=2)])
        assert sentos.stock("TSH-M") == {1: -4, 2: -1}

    def test_of_two_products_with_the_sku_the_one_named_gives_the_pieces(self, sentos: SentosCaller) -> None:
        second = sentos.add(variant("TSH-M"))
        sentos.create_order(lines=[line(product_id=second)])
        assert [entry["stock"] for entry in sentos.truth(second)["variants"][0]["stocks"]] == [4]
        assert sentos.stock("TSH-M") == {1: 5}

    @pytest.mark.parametrize("missing", ["order_id", "customer", "invoice_address", "shipment_address", "lines"])
    def test_what_is_required(self, sentos: SentosCaller, missing: str) -> None:
        assert missing in complaints(sentos, **{missing: None})
        sentos.set(required=[])
        if missing == "invoice_address":
            sentos.create_order(**{missing: None})

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"payment_method": "CREDIT_CARD"}, "payment_method"),
            ({"payment_method": None}, "payment_method"),
            ({"channel_id": 99}, "channel_id"),
            ({"currency": "TRY"}, "currency"),
            ({"status": 7}, "status"),
            ({"order_date": "2026-01-05T13:10:00Z"}, "order_date"),
            ({"shipping_total": "39,90"}, "shipping_total"),
            ({"customer": {"name": "Işıl", "phone": "5550001"}}, "customer.phone"),
            ({"customer": {"name": "Işıl", "phone": "+905550000001"}}, "customer.phone"),
            ({"lines": "none"}, "lines"),
            ({"lines": [line(price=0)]}, "lines.0.price"),
            ({"lines": [line(price="249,90")]}, "lines.0.price"),
            ({"lines": [line(), line(quantity=0)]}, "lines.1.quantity"),
            ({"lines": [line(quantity="1")]}, "lines.0.quantity"),
            ({"lines": [line(warehouse_id=9)]}, "lines.0.warehouse_id"),
            ({"lines": [line(product_id=9)]}, "lines.0.product_id"),
            ({"lines": [line(sku="")]}, "lines.0.sku"),
        ],
    )
    def test_what_makes_no_sense_gets_422_and_changes_nothing(
        self, sentos: SentosCaller, changes: dict[str, Any], field: str
    ) -> None:
        before = sentos.sandbox.sentos.state()
        assert complaints(sentos, **changes) == {field}
        assert sentos.sandbox.sentos.state() == before

    @pytest.mark.parametrize("part", [{"city": ""}, {"district": " "}, {"turkishIdentityNumber": "123"}, {"phone": ""}])
    def test_an_address_has_province_and_county_phone_and_a_whole_identity_number(
        self, sentos: SentosCaller, part: dict[str, str]
    ) -> None:
        address = {**order_body()["invoice_address"], **part}
        assert complaints(sentos, invoice_address=address) == {f"invoice_address.{name}" for name in part}

    def test_line_ids_are_not_to_be_trusted(self, sentos: SentosCaller) -> None:
        sentos.set(line_ids="unsafe")
        lines = [line("A"), line("B")]
        shown = [sentos.get(f"orders/{sentos.create_order(lines=lines)}")["lines"] for _ in range(3)]
        ids = sorted((each[0]["id"] == 0, each[0]["id"] == each[1]["id"]) for each in shown)
        assert ids == [(False, False), (False, True), (True, True)]

    def test_assumptions_can_be_turned_round(self, sentos: SentosCaller) -> None:
        sentos.set(create_status=200, ids_at="top", lowers_stock=False, free_lines=True, unknown_skus="refuse")
        reply = sentos.call("POST", "orders", order_body(lines=[line(price=0)]))
        assert (reply.status_code, set(reply.json())) == (200, {"id", "order_code", "status"})
        assert sentos.stock("TSH-M") == {1: 5}
        assert complaints(sentos, lines=[line("nobody")]) == {"lines.0.sku"}


class TestChanges:
    def test_a_shipment_is_status_5_with_tracking(self, sentos: SentosCaller) -> None:
        number = sentos.create_order()
        data = {"cargo_company": "Yurtiçi", "tracking_number": "123", "tracking_url": "https://track.example/123"}
        body = {"status": 5, "data": data, "note": "yolda", "shipment_address": {}, "lines": []}
        assert sentos.call("PUT", f"orders/{number}", body).status_code == 200
        shown = sentos.get(f"orders/{number}")
        tracking = {"cargo_company": "Yurtiçi", "tracking_number": "123", "tracking_link": "https://track.example/123"}
        assert (shown["status"], shown["tracking_info"], shown["cargo_number"]) == (5, tracking, "123")
        assert (shown["note"], len(shown["lines"]), shown["shipment_address"]["city"]) == ("yolda", 1, "İstanbul")

    def test_cancelling_puts_the_pieces_back_once(self, sentos: SentosCaller) -> None:
        number = sentos.create_order(lines=[line(quantity=2)])
        for _ in range(2):
            assert sentos.call("PUT", f"orders/{number}", {"status": 6}).status_code == 200
            assert sentos.stock("TSH-M") == {1: 5}

    @pytest.mark.parametrize(
        ("first", "then", "allowed"),
        [(1, 2, True), (1, 99, True), (2, 5, True), (5, 6, True), (5, 4, False), (6, 2, False), (99, 6, False), (2, 7, False)],
    )
    def test_an_order_only_moves_forward(self, sentos: SentosCaller, first: int, then: int, allowed: bool) -> None:
        number = sentos.create_order(status=first)
        reply = sentos.call("PUT", f"orders/{number}", {"status": then})
        assert reply.status_code == (200 if allowed else 422)
        assert sentos.order(number)["status"] == (then if allowed else first)

    def test_assumptions_can_be_turned_round(self, sentos: SentosCaller) -> None:
        sentos.set(transitions="any", editable=["status", "shipment_address"], returns_stock=False)
        number = sentos.create_order()
        for status in (6, 1):
            body = {"status": status, "note": "x", "shipment_address": {"city": "Ankara"}}
            assert sentos.call("PUT", f"orders/{number}", body).status_code == 200
        order = sentos.order(number)
        assert (order["status"], order["note"], order["shipment_address"]) == (1, "kapıya bırakın", {"city": "Ankara"})
        assert sentos.stock("TSH-M") == {1: 4}

    def test_an_unknown_order_gets_404(self, sentos: SentosCaller) -> None:
        for name in ("1", "shopify-5550001112223", "²"):
            assert sentos.call("PUT", f"orders/{name}", {"status": 5}).status_code == 404


class TestLists:
    def made(self, sentos: SentosCaller, *times: str) -> None:
        for when in times:
            sentos.set(now=when)
            sentos.create_order(order_id=when[-8:], order_date=when)
        sentos.set(now=None)

    def test_bounds_are_inclusive_and_in_turkish_time(self, sentos: SentosCaller) -> None:
        self.made(sentos, "2027-03-05 10:00:00", "2027-03-05 10:00:01", "2027-03-05 10:00:02")
        start, end = "2027-03-05 10:00:00", "2027-03-05 10:00:01"
        for kind in ("", "created_", "updated_"):
            found = listed(sentos, **{f"{kind}start_date": start, f"{kind}end_date": end})
            assert found == ["10:00:01", "10:00:00"]

    def test_an_order_made_now_has_the_time_of_a_clock_in_turkey_that_is_ahead(self, sentos: SentosCaller) -> None:
        created = sentos.get(f"orders/{sentos.create_order()}")["created_at"]
        there = datetime.fromisoformat(f"{created}+03:00")
        assert timedelta(seconds=20) < there - datetime.now(UTC) <= timedelta(seconds=30)

    def test_a_day_ends_when_it_begins_unless_set_otherwise(self, sentos: SentosCaller) -> None:
        self.made(sentos, "2027-03-05 00:00:00", "2027-03-05 23:59:59")
        window = {"start_date": "2027-03-05", "end_date": "2027-03-05"}
        assert listed(sentos, **window) == ["00:00:00"]
        sentos.set(day_means="day")
        assert listed(sentos, **window) == ["23:59:59", "00:00:00"]

    def test_a_date_in_another_form_gets_422(self, sentos: SentosCaller) -> None:
        for text in ("2027-03-05T10:00:00", "05.03.2027", "2027-3-5"):
            assert sentos.call("GET", "orders", params={"start_date": text}).status_code == 422

    def test_parameters_may_be_in_the_body_and_the_query_wins(self, sentos: SentosCaller) -> None:
        self.made(sentos, "2027-03-05 10:00:00")
        in_body = {"start_date": "2027-03-05", "size": 7}
        page = sentos.get("orders", in_body, size=3)
        assert (page["size"], page["total_elements"]) == (3, 1)
        sentos.set(parameters_from="query")
        assert sentos.get("orders", in_body)["total_elements"] > 1
        sentos.set(parameters_from="body")
        assert sentos.get("orders", in_body, size=3)["size"] == 7

    def test_lists_are_sorted_as_asked_for(self, sentos: SentosCaller) -> None:
        self.made(sentos, "2027-03-05 12:00:00", "2027-03-05 11:00:00", "2027-03-05 13:00:00")
        window = {"start_date": "2027-03-05"}
        assert listed(sentos, **window) == ["13:00:00", "11:00:00", "12:00:00"]
        by = {"orderby_field": "created_at", "orderby_direction": "ASC"}
        assert listed(sentos, **window, **by) == ["11:00:00", "12:00:00", "13:00:00"]
        assert len(listed(sentos, orderby_field="ship_due_date")) == len(listed(sentos))
        assert sentos.call("GET", "orders", params={"orderby_field": "total"}).status_code == 422

    def test_a_filter_that_a_deployment_does_not_know_is_ignored(self, sentos: SentosCaller) -> None:
        sentos.create_order()
        everything = len(listed(sentos))
        assert len(listed(sentos, order_code="#1042")) == everything
        assert 1 < len(listed(sentos, marketplace="TRENDYOL")) < everything
        sentos.set(order_filters=["order_code"])
        assert listed(sentos, order_code="#1042") == ["shopify-5550001112223"]
        assert len(listed(sentos, marketplace="TRENDYOL")) == everything

    def test_a_new_order_is_listed_late_and_read_at_once(self, sentos: SentosCaller) -> None:
        sentos.set(list_lag=10)
        number = sentos.create_order()
        assert sentos.get(f"orders/{number}")["status"] == 2
        assert "shopify-5550001112223" not in listed(sentos)
        sentos.sandbox.sentos.clock.skip(11)
        assert "shopify-5550001112223" in listed(sentos)
        sentos.call("PUT", f"orders/{number}", {"status": 5})
        assert sentos.rows("orders", status=2, size=1)[0]["id"] == number
        sentos.sandbox.sentos.clock.skip(11)
        assert sentos.rows("orders", status=5, size=1)[0]["id"] == number

    def test_products_show_its_pieces_late(self, sentos: SentosCaller) -> None:
        sentos.set(stock_lag=10)
        product = max(each["id"] for each in sentos.sandbox.sentos.state()["products"])

        def read() -> list[int]:
            shown = (sentos.get(f"products/{product}"), sentos.rows("products", size=1)[0])
            return [each["variants"][0]["stocks"][0]["stock"] for each in shown]

        number = sentos.create_order(lines=[line(quantity=2)])
        assert (sentos.stock("TSH-M"), read()) == ({1: 3}, [5, 5])
        sentos.sandbox.sentos.clock.skip(11)
        assert read() == [3, 3]
        sentos.call("PUT", f"orders/{number}", {"status": 6})
        assert (sentos.stock("TSH-M"), read()) == ({1: 5}, [3, 3])
        sentos.call("PUT", f"products/{product}", {"variants": [variant("TSH-M", 4)]})
        assert read() == [4, 4]
        sentos.sandbox.sentos.clock.skip(11)
        assert read() == [4, 4]

    def test_it_may_be_a_bare_array_and_show_when_orders_changed(self, sentos: SentosCaller) -> None:
        assert "updated_at" not in sentos.rows("orders")[0]
        sentos.set(orders_as="array", shows_updated_at=True)
        assert "updated_at" in sentos.get("orders")[0]

    def test_numbers_are_spelt_in_mixed_ways(self, sentos: SentosCaller) -> None:
        sentos.set(spellings="mixed")
        rows = sentos.rows("orders", size=100)
        assert {type(each["status"]) for each in rows} == {type(each["id"]) for each in rows} == {int, str}
        assert {type(each["quantity"]) for row in rows for each in row["lines"]} == {int, str}
