"""The truth behind Sentos' stand-in, what a test can change about it, its seed, and faults of its own."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.conftest import control, eventually, exact
from sync_pipelines_tests.vendor_sandbox.sentos_caller import SentosCaller, fresh, line, order_body, variant
from vendor_sandbox import Sandbox
from vendor_sandbox.clothes import TRAPS, sellable
from vendor_sandbox.hardware import hardware
from vendor_sandbox.sentos.traps import traps

CUT = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sentos(running: Sandbox) -> SentosCaller:
    running.reset()
    caller = fresh(running)
    caller.add(variant("TSH-M"))
    return caller


def fault(sentos: SentosCaller, kind: str, on: str = "* *", **options: object) -> None:
    sentos.sandbox.faults("sentos", [{"on": on, "kind": kind, **options}])


class TestSeed:
    def test_the_same_seed_makes_the_same_merchant_and_another_seed_another(self) -> None:
        def products(seed: int) -> list[Any]:
            with Sandbox(seed=seed) as sandbox:
                found: list[Any] = sandbox.sentos.state()["products"]
                return found

        assert products(3) == products(3) != products(4)

    @pytest.mark.parametrize("scale", [0, 1, 50, 300, 2000])
    def test_the_scale_is_the_number_of_variants_of_clothes(self, scale: int) -> None:
        with Sandbox(scale=scale) as sandbox:
            products = sandbox.sentos.state()["products"]
            sold = {each.item["sku"] for each in hardware(sandbox.sentos.catalogue)}
        clothes = [each for each in products if each["sku"] not in sold]
        assert scale <= sum(len(each["variants"]) or 1 for each in clothes) < scale + 15
        assert len(products) - len(clothes) == min(scale, len(sold))

    def test_the_clothes_and_the_traps_fill_the_scale(self) -> None:
        assert sum(map(sellable, traps())) == TRAPS

    def test_it_has_what_a_careless_client_gets_wrong(self, sentos: SentosCaller) -> None:
        products = sentos.sandbox.sentos.state()["products"]
        variants = [each for product in products for each in product["variants"]]
        skus = [row["sku"] for row in (*products, *variants)]
        assert {"42", "00042", "S42", "TRAP-1/2", "TRAP-50%2F", "TRAP-15\"-D'OR", "TRAP-CASE", "trap-case", ""} <= set(skus)
        assert any("👕" in sku for sku in skus)
        assert skus.count("TRAP-TWICE-M") == 2
        assert {"1.299,90", "1,299.90", "29,90", "", 0, None} <= {each["sale_price"] for each in products}
        stocks = [entry for row in (*products, *variants) for entry in row["stocks"]]
        assert {"3", -4, ""} <= {entry["stock"] for entry in stocks}
        assert {"id": 1} in [entry["warehouse"] for entry in stocks]
        assert max(len(each["variants"]) for each in products) == 60
        assert any(not each["variants"] and each["stocks"] for each in products)
        assert {None} < {each["model"] and each["model"]["name"] for each in variants}
        assert {"Beden", "Numara", "Yaş"} <= {each["model"]["name"] for each in variants if each["model"]}
        assert any(each["color"] == "" for each in variants)
        assert any("images" not in each and each["variants"][0]["images"] for each in products)

    def test_every_id_is_used_once(self, sentos: SentosCaller) -> None:
        state = sentos.sandbox.sentos.state()
        variants = [each["id"] for product in state["products"] for each in product["variants"]]
        for ids in (variants, [each["id"] for each in state["products"]], [each["id"] for each in state["orders"]]):
            assert len(set(ids)) == len(ids)


class TestChanges:
    def test_products_are_added_changed_and_deleted(self, sentos: SentosCaller) -> None:
        product = sentos.add(variant("NEW-M", "3"), sale_price="1.299,90")
        sentos.change(set={str(product): {"name": "Yeni ad", "sale_price": ""}}, delete=[501])
        shown = sentos.get(f"products/{product}")
        assert (shown["name"], shown["sale_price"], shown["variants"][0]["stocks"][0]["stock"]) == ("Yeni ad", "", "3")
        assert sentos.call("GET", "products/501").status_code == 404
        sentos.change(set={str(product): None})
        assert sentos.add() > product

    def test_stock_is_set_by_sku_and_warehouse(self, sentos: SentosCaller) -> None:
        sentos.change(stock={"TSH-M": {"1": -2, "2": 8}})
        assert sentos.stock("TSH-M") == {1: -2, 2: 8}

    def test_a_marketplace_sells(self, sentos: SentosCaller) -> None:
        lines = [{"sku": "TSH-M", "quantity": 2}]
        (number,) = sentos.change(sell=[{"lines": lines, "order_code": "TR1"}])["sold"]
        shown = sentos.get(f"orders/{number}")
        assert (shown["order_code"], shown["source"], shown["lines"][0]["quantity"]) == ("TR1", "TRENDYOL", 2)
        assert sentos.stock("TSH-M") == {1: 3}
        assert sentos.sandbox.sentos.state()["creates"] == {}

    def test_somebody_in_the_panel_ships_and_cancels_orders(self, sentos: SentosCaller) -> None:
        first, second = sentos.create_order(order_id="a"), sentos.create_order(order_id="b")
        data = {"cargo_company": "Aras", "tracking_number": "77"}
        sentos.change(orders={str(first): {"status": 5, "data": data}, "b": {"status": 6, "has_invoice": "yes"}})
        assert sentos.get(f"orders/{first}")["tracking_info"]["tracking_number"] == "77"
        assert (sentos.order(second)["status"], sentos.order(second)["has_invoice"]) == (6, "yes")
        assert sentos.stock("TSH-M") == {1: 4}
        sentos.change(delete_orders=["b"])
        assert sentos.call("GET", f"orders/{second}").status_code == 404

    def test_a_whole_state_can_be_loaded_again(self, sentos: SentosCaller) -> None:
        gone = sentos.add()
        sentos.change(set={str(gone): None}, warehouses=[{"id": 1, "name": "Merkez"}])
        sentos.create_order()
        sentos.set(max_size=50)
        saved = exact(control(sentos.sandbox, "GET", "/sentos/state"))
        assert saved["creates"] == {"shopify-5550001112223": 1}
        sentos.sandbox.reset()
        assert control(sentos.sandbox, "POST", "/sentos/state", {"load": saved}).status_code == 200
        assert exact(control(sentos.sandbox, "GET", "/sentos/state")) == saved
        assert sentos.add() > gone

    @pytest.mark.parametrize(
        ("body", "complaint"),
        [
            ({"stok": {}}, "unknown member 'stok'"),
            ({"add": [{}], "set": {"1": None}}, "there is no product with id 1"),
            ({"add": [{}, {"id": 5}]}, "must be greater than every id before"),
            ({"add": [{"titel": "x"}]}, "unknown member 'titel' in add"),
            ({"set": {"501": {"id": 502}}}, "cannot be changed"),
            ({"add": [{}], "stock": {"nobody": {"1": 1}}}, "no product has this SKU"),
            ({"add": [{}], "stock": {"TSH-M": {"9": 1}}}, "there is no warehouse 9"),
            ({"add": [{}], "stock": {"TSH-M": {"1": "3"}}}, "must be a whole number"),
            ({"sell": [{"lines": [{"sku": "nobody"}]}]}, "no product has the SKU 'nobody'"),
            ({"orders": {"nobody": {}}}, "there is no order 'nobody'"),
            ({"orders": {"9001": {"status": 7}}}, "orders.9001: status must be one of"),
            ({"orders": {"9001": {"created_at": "yesterday"}}}, "must be a time"),
            ({"add": [{}], "settings": {"order_filters": ["city"]}}, "settings.order_filters must be among"),
            ({"add": [{}], "settings": {"now": "today"}}, "settings.now must be a time"),
            ({"load": {"products": [{"sku": "A"}]}}, "load: id must be a whole number"),
            ({"warehouses": [{"id": 1}]}, "warehouses: name must be a string"),
        ],
    )
    def test_a_change_with_a_mistake_is_named_and_nothing_is_applied(
        self, sentos: SentosCaller, body: object, complaint: str
    ) -> None:
        before = sentos.sandbox.sentos.state()
        reply = control(sentos.sandbox, "POST", "/sentos/state", body)
        assert reply.status_code == 400
        assert complaint in reply.json()["error"]
        assert sentos.sandbox.sentos.state() == before

    def test_a_state_handed_out_does_not_change_afterwards(self, sentos: SentosCaller) -> None:
        before = sentos.sandbox.sentos.state()
        copied = copy.deepcopy(before)
        sentos.create_order(lines=[line(quantity=3)])
        sentos.call("PUT", "products/501", {"stocks": [{"warehouse": 1, "stock": 99}]})
        assert before == copied


class TestFaults:
    def test_an_order_may_be_made_and_its_answer_lost(self, sentos: SentosCaller) -> None:
        fault(sentos, "lost_reply", "POST /api/orders")
        with pytest.raises(CUT):
            sentos.call("POST", "orders", order_body())
        assert sentos.sandbox.sentos.state()["creates"] == {"shopify-5550001112223": 1}

    def test_an_order_may_land_late(self, sentos: SentosCaller) -> None:
        fault(sentos, "late", "POST /api/orders", seconds=0.05)
        with pytest.raises(CUT):
            sentos.call("POST", "orders", order_body())
        eventually(lambda: sentos.sandbox.sentos.state()["creates"] == {"shopify-5550001112223": 1})

    def test_an_order_may_be_made_and_the_answer_be_an_error_page(self, sentos: SentosCaller) -> None:
        fault(sentos, "done_but_error", "POST /api/orders")
        reply = sentos.call("POST", "orders", order_body())
        assert (reply.status_code, reply.headers["Content-Type"]) == (500, "text/html")
        assert sentos.sandbox.sentos.state()["creates"] == {"shopify-5550001112223": 1}

    def test_a_page_of_html_may_come_instead(self, sentos: SentosCaller) -> None:
        fault(sentos, "html_error", status=502)
        reply = sentos.call("POST", "orders", order_body())
        assert (reply.status_code, "<h1>502 Bad Gateway</h1>" in reply.text) == (502, True)
        assert sentos.sandbox.sentos.state()["creates"] == {}

    def test_a_200_may_be_a_failure(self, sentos: SentosCaller) -> None:
        fault(sentos, "not_done", times=3)
        before = sentos.sandbox.sentos.state()
        for method, path, body in (("POST", "orders", order_body()), ("PUT", "orders/9001", {"status": 6})):
            reply = sentos.call(method, path, body)
            assert (reply.status_code, reply.json()["order"], bool(reply.json()["errors"])) == (200, [], True)
        reply = sentos.call("PUT", "products/501", {"sale_price": 1})
        assert (reply.status_code, reply.json()["product"], list(reply.json()["errors"])) == (200, [], ["price"])
        assert sentos.sandbox.sentos.state() == before

    def test_half_of_the_variants_may_be_written(self, sentos: SentosCaller) -> None:
        product = sentos.add(*(variant(f"H-{size}") for size in "SML"))
        fault(sentos, "half")
        reply = sentos.call("PUT", f"products/{product}", {"variants": [variant(f"H-{size}", 9) for size in "SML"]})
        assert reply.status_code == 500
        assert [sentos.stock(f"H-{size}") for size in "SML"] == [{1: 9}, {1: 9}, {1: 5}]

    def test_rows_of_products_come_again_while_pages_are_read(self, sentos: SentosCaller) -> None:
        fault(sentos, "drift", "GET /api/products", by=2, after=1)
        first, second = (sentos.rows("products", page=page, size=10, orderby_id="ASC") for page in (1, 2))
        assert second[:2] == first[-2:]

    def test_orders_move_to_the_end_while_they_are_listed_by_time_of_change(self, sentos: SentosCaller) -> None:
        by = {"orderby_field": "updated_at", "orderby_direction": "ASC", "size": 10}
        everything = {each["id"] for each in sentos.sandbox.sentos.state()["orders"]}
        fault(sentos, "drift", "GET /api/orders", by=3, after=1)
        seen = [row["id"] for page in (1, 2, 3) for row in sentos.rows("orders", page=page, **by)]
        assert len(everything - set(seen)) == 3
        assert len(seen) - len(set(seen)) == 3

    def test_somebody_may_buy_just_before_a_call(self, sentos: SentosCaller) -> None:
        fault(sentos, "sale", "GET /api/products*", sku="TSH-M", quantity=2)
        before = len(sentos.sandbox.sentos.state()["orders"])
        assert sentos.rows("products", size=1)[0]["variants"][0]["stocks"] == [{"warehouse": 1, "stock": 3}]
        assert len(sentos.sandbox.sentos.state()["orders"]) == before + 1

    def test_a_call_may_be_too_slow_or_be_turned_away(self, sentos: SentosCaller) -> None:
        fault(sentos, "slow", "GET /api/orders", seconds=0.2)
        fault(sentos, "rate_limited", "POST *", retry_after="3")
        assert sentos.call("GET", "orders").elapsed.total_seconds() >= 0.2
        reply = sentos.call("POST", "orders", order_body())
        assert (reply.status_code, reply.headers["Retry-After"]) == (429, "3")
