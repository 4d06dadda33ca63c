"""A supplier's order becomes products, costs and one stock order: once, whatever happens on the way, and nobody else's product is
touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.lightspeed_orders.file_tables import FileRefused
from sync_pipelines_tests.pipelines import lightspeed_orders_scene
from sync_pipelines_tests.pipelines.lightspeed_orders_scene import COSTS, LINES, ORDERS, PIPELINE, PRODUCTS, OrderScene, counts
from vendor_sandbox import Sandbox

BOTH = pytest.mark.parametrize("version", ["2026-07", "2026-10"])
WAX, RED, BLUE = "4006381333931", "LACE-RED", "LACE-BLUE"
CALLS = {
    "a product": "POST /products",
    "a cost": "PUT /products/*",
    "an order": "POST /consignments",  # the first is the look whether the token may
    "lines": "POST /consignments/*/bulk",
}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(speed=1000) as sandbox:
        yield sandbox


@pytest.fixture
def store(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> OrderScene:
    for name, value in {**running.env, **lightspeed_orders_scene.FAST}.items():
        monkeypatch.setenv(name, value)
    return lightspeed_orders_scene.begin(running)


def an_order(store: OrderScene, name: str = "po-1.csv") -> Path:
    """Two boots, one of which costs more now, a new product, and two variants of a new family."""
    first, second = store.boots()[:2]
    return store.file(
        (first["suppliers"][0]["code"], "", first["sku"], 3, first["supply_price"], "", "", ""),
        (second["suppliers"][0]["code"], "", second["sku"].lower(), 2, "99.50", "", "", ""),
        ("WAX-50", "boot wax 50ml", WAX, 5, "4.10", "", "", ""),
        ("LACE-1", "laces", RED, 6, "1.10", "fancy laces", "Colour", "Red"),
        ("LACE-2", "laces", BLUE, 7, "1.10", "fancy laces", "Colour", "Blue"),
        name=name,
    )


def others(store: OrderScene, *mine: str) -> dict[str, Any]:
    """Everything that is nobody's business here: products without these, and all that products name."""
    found = {row["id"]: row for row in store.rows("products") if row["sku"] not in mine}
    for name in ("suppliers", "brands", "tags", "categories", "variant_attributes", "inventory"):
        ours = {product["id"] for product in store.rows("products") if product["sku"] in mine}
        found |= {row["id"]: row for row in store.rows(name) if row.get("product_id") not in ours}
    return found


@pytest.fixture
def version(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LIGHTSPEED_API_VERSION", request.param)
    return str(request.param)


class TestAnOrder:
    @pytest.mark.parametrize("version", ["2026-07", "2026-10"], indirect=True)
    def test_makes_what_is_new_changes_costs_and_places_one_order(self, store: OrderScene, version: str) -> None:
        first, second = (boot["sku"] for boot in store.boots()[:2])
        cost = f"{store.boots()[0]['supply_price']:.2f}"
        mine = (second, WAX, RED, BLUE)
        before = others(store, *mine)
        ended = store.sync(an_order(store))
        assert counts(ended) == {
            "ordered_products": {"delivered": 3},
            "costs": {"delivered": 1},
            "stock_orders": {"delivered": 1},
            "stock_order_lines": {"delivered": 5},
        }
        assert store.lines("po-1") == {
            first: (3, cost),
            second: (2, "99.50"),
            WAX: (5, "4.10"),
            RED: (6, "1.10"),
            BLUE: (7, "1.10"),
        }
        assert store.order("po-1")["status"] == "OPEN"
        wax, red, blue = (store.product(sku) for sku in (WAX, RED, BLUE))
        assert (wax["name"], f"{wax['supply_price']:.2f}", f"{wax['price_including_tax']:.2f}") == (
            "Boot Wax 50ml",
            "4.10",
            "10.25",
        )
        assert (red["name"], red["family_id"]) == ("Fancy Laces", blue["family_id"])
        assert [option["value"] for option in (*red["options"], *blue["options"])] == ["Red", "Blue"]
        assert f"{store.product(second)['supply_price']:.2f}" == "99.50"
        assert others(store, *mine) == before

    @pytest.mark.parametrize("version", ["2026-07", "2026-10"], indirect=True)
    def test_changes_nothing_of_a_product_but_its_cost(self, store: OrderScene, version: str) -> None:
        sku = store.boots()[1]["sku"]
        before = store.product(sku)
        store.sync(an_order(store))
        after = store.product(sku)
        moved = {name for name in after if after[name] != before[name]}
        assert moved == {"supply_price", "suppliers", "version", "updated_at"}
        (had,), (has,) = before["suppliers"], after["suppliers"]
        assert (has["supplier_id"], has["code"]) == (had["supplier_id"], had["code"])

    @pytest.mark.parametrize("version", ["2026-07", "2026-10"], indirect=True)
    def test_a_second_time_writes_nothing(self, store: OrderScene, version: str) -> None:
        path = an_order(store)
        store.sync(path)
        before, products, lines = others(store), store.rows("products"), store.lines("po-1")
        again = store.sync(path)
        assert counts(again) == {}
        assert [ended.reports[0].writes for ended in again.values()] == [0] * len(PIPELINE.writes)
        assert (others(store), store.rows("products"), store.lines("po-1")) == (before, products, lines)

    @pytest.mark.parametrize("version", ["2026-07", "2026-10"], indirect=True)
    def test_is_taken_back_whole(self, store: OrderScene, version: str) -> None:
        cost = store.boots()[1]["supply_price"]
        ended = store.sync(an_order(store))
        undone = store.undo(ended)
        assert {state for each in counts(undone).values() for state in each} == {"delivered"}
        assert [row for row in store.rows("consignments") if row["reference"] == "po-1" and not row["deleted_at"]] == []
        assert store.boots()[1]["supply_price"] == cost
        assert [row["sku"] for row in store.rows("products") if row["sku"] in (WAX, RED, BLUE) and not row["deleted_at"]] == []

    def test_that_was_taken_back_is_not_placed_again_by_itself(self, store: OrderScene) -> None:
        path = an_order(store)
        store.undo(store.sync(path))
        again = store.sync(path)
        assert {state for each in counts(again).values() for state in each} == {"held"}

    def test_that_grew_adds_to_the_order_while_it_is_open(self, store: OrderScene) -> None:
        path = an_order(store)
        store.sync(path)
        path.write_text(
            path.read_text().replace(f"{WAX},5,", f"{WAX},8,") + "LACE-3,laces,LACE-GREEN,4,1.10,fancy laces,Colour,Green\n"
        )
        ended = store.sync(path)
        assert counts(ended)["stock_order_lines"] == {"delivered": 2}
        assert store.lines("po-1")[WAX] == (8, "4.10")
        assert store.lines("po-1")["LACE-GREEN"] == (4, "1.10")
        assert store.product("LACE-GREEN")["family_id"] == store.product(RED)["family_id"]

    def test_whose_rows_are_wrong_goes_without_them(self, store: OrderScene) -> None:
        path = store.file(("A", "good", "GOOD-1", 2, "1.00", "", "", ""), ("B", "bad", "BAD-1", "1,200", "1.00", "", "", ""))
        ended = store.sync(path)
        assert store.outcomes(ended[LINES.applies])["po-1 / GOOD-1"][0] == "delivered"
        state, why = store.outcomes(ended[LINES.applies])["po-1 / BAD-1"]
        assert (state, "QNTY" in why) == ("held", True)
        assert store.lines("po-1") == {"GOOD-1": (2, "1.00")}

    def test_with_a_bad_row_for_a_product_orders_the_good_one(self, store: OrderScene) -> None:
        sku, cost = store.boots()[0]["sku"], store.boots()[0]["supply_price"]
        path = store.file(
            ("", "", sku, 2, cost, "", "", ""), ("", "", sku, 0, cost, "", "", ""), ("", "", "", 3, cost, "", "", "")
        )
        ended = store.sync(path)
        found = {key: state for key, (state, _) in store.outcomes(ended[LINES.applies]).items()}
        assert found == {f"po-1 / {sku}": "delivered", f"po-1 / {sku} (row 3)": "held", "po-1 / (row 4)": "held"}
        assert store.lines("po-1")[sku][0] == 2

    def test_of_many_lines_takes_few_calls(self, store: OrderScene) -> None:
        rows = [(f"C{n}", f"thing {n}", f"THING-{n}", 1, "2.00", "", "", "") for n in range(3)]
        boots = [("", "", boot["sku"], 2, boot["supply_price"], "", "", "") for boot in store.boots()]
        path = store.file(*rows, *boots)
        store.plan(path)
        before = store.calls()
        store.sync(path)
        assert store.calls() - before <= 30 + 3 + 1 + 1  # what the page says, with three products, an order and a call of lines


class TestTheSameOrderAgain:
    def test_under_another_name_is_refused(self, store: OrderScene) -> None:
        store.sync(an_order(store))
        with pytest.raises(FileRefused, match=r"placed already, as po-1.*--reference"):
            store.sync(an_order(store, "copy.csv"))
        assert [row["reference"] for row in store.rows("consignments") if row["reference"] in ("po-1", "copy")] == ["po-1"]

    def test_goes_when_a_person_gives_it_a_number(self, store: OrderScene) -> None:
        store.sync(an_order(store))
        store.sync(an_order(store, "copy.csv"), reference="PO 2")
        assert store.lines("PO 2") == store.lines("po-1")

    def test_goes_when_the_first_was_taken_back(self, store: OrderScene) -> None:
        store.undo(store.sync(an_order(store)))
        path = store.file(("", "", store.boots()[0]["sku"], 2, store.boots()[0]["supply_price"], "", "", ""), name="a.csv")
        store.undo(store.sync(path))
        store.sync(path.rename(path.with_name("b.csv")))
        assert store.lines("b").keys() == {store.boots()[0]["sku"]}

    def test_is_not_refused_where_the_first_was_only_planned(self, store: OrderScene) -> None:
        store.plan(an_order(store))
        store.sync(an_order(store, "copy.csv"))
        assert len(store.lines("copy")) == 5


class TestSomebodyElseMeanwhile:
    @pytest.mark.parametrize("what", ["supplier", "outlet"])
    def test_an_order_of_another_supplier_or_outlet_gets_none_of_our_lines(self, store: OrderScene, what: str) -> None:
        path = an_order(store)
        store.sync(path)
        other = store.ids(f"{what}s")[1]
        store.change(set={"consignments": {store.order("po-1")["id"]: {f"{what}_id": other}}})
        before = store.lines("po-1")
        path.write_text(path.read_text() + "N,new,NEW-9,4,1.10,,,\n")
        ended = store.sync(path)
        state, why = store.outcomes(ended[LINES.applies])["po-1 / NEW-9"]
        assert (state, "give this another number" in why) == ("held", True)
        assert store.lines("po-1") == before

    @pytest.mark.parametrize("status", ["SENT", "DISPATCHED", "RECEIVED", "CANCELLED"])
    def test_an_order_that_was_sent_on_is_not_touched(self, store: OrderScene, status: str) -> None:
        path = an_order(store)
        store.sync(path)
        store.change(set={"consignments": {store.order("po-1")["id"]: {"status": status}}})
        before = store.vendor.state()["lines"]
        path.write_text(path.read_text().replace(f"{WAX},5,", f"{WAX},8,"))
        ended = store.sync(path)
        state, why = store.outcomes(ended[LINES.applies])[f"po-1 / {WAX}"]
        assert state == "held"
        assert status in why
        assert store.vendor.state()["lines"] == before

    def test_an_order_that_is_received_between_plan_and_apply_is_not_touched(self, store: OrderScene) -> None:
        path = an_order(store)
        store.sync(path)
        path.write_text(path.read_text() + "N,new,NEW-9,4,1.10,,,\n")
        planned = store.plan(path)
        store.change(set={"consignments": {store.order("po-1")["id"]: {"status": "RECEIVED"}}})
        before = store.lines("po-1")
        ended = store.apply(planned)
        assert store.outcomes(ended[LINES.applies])["po-1 / NEW-9"][0] == "drifted"
        assert store.lines("po-1") == before

    def test_an_order_that_is_sent_just_before_the_lines_is_not_touched(self, store: OrderScene) -> None:
        path = an_order(store)
        store.sync(path)
        path.write_text(path.read_text() + "N,new,NEW-9,4,1.10,,,\n")
        planned = store.plan(path)
        change = {"set": {"consignments": {store.order("po-1")["id"]: {"status": "SENT"}}}}
        store.fault("GET /consignments/*/products", "between", change=change, times=1)
        before = store.lines("po-1")
        ended = store.apply(planned)
        assert store.outcomes(ended[LINES.applies])["po-1 / NEW-9"][0] == "drifted"
        assert store.lines("po-1") == before

    def test_a_product_that_is_deleted_or_renamed_between_plan_and_apply_is_left_alone(self, store: OrderScene) -> None:
        first, second = store.boots()[:2]
        rows = [("", "", boot["sku"], 1, "50.00", "", "", "") for boot in (first, second)]
        planned = store.plan(store.file(*rows))
        codes = [{**second["codes"][0], "code": "OTHER"}, *second["codes"][1:]]
        store.change(set={"products": {second["id"]: {"sku": "OTHER", "codes": codes}}}, delete={"products": [first["id"]]})
        ended = store.apply(planned)
        assert {state for state, _ in store.outcomes(ended[COSTS.applies]).values()} == {"drifted"}
        assert {state for state, _ in store.outcomes(ended[LINES.applies]).values()} == {"skipped"}
        costs = {row["id"]: row["supply_price"] for row in store.rows("products")}
        assert (costs[first["id"]], costs[second["id"]]) == (first["supply_price"], second["supply_price"])

    def test_a_cost_that_a_person_changed_since_is_held(self, store: OrderScene) -> None:
        path = an_order(store)
        store.sync(path)
        boot = store.boots()[1]
        links = [{**boot["suppliers"][0], "price": "80.00000"}]
        store.change(set={"products": {boot["id"]: {"supply_price": "80.00000", "suppliers": links}}})
        ended = store.sync(path)
        assert counts(ended)["costs"] == {"held": 1}

    def test_products_that_something_came_to_stay_when_an_order_is_taken_back(self, store: OrderScene) -> None:
        ended = store.sync(an_order(store))
        stock = next(row for row in store.rows("inventory") if row["product_id"] == store.product(WAX)["id"])
        store.change(set={"inventory": {stock["id"]: {"level": 3}}})
        order = store.ids("consignments")[0]
        store.change(lines={order: [{"product_id": store.product(RED)["id"], "count": 1}]})
        undone = store.undo(ended)
        found = store.outcomes(undone[PRODUCTS.applies])
        assert {sku: state for sku, (state, _) in found.items()} == {WAX: "drifted", RED: "drifted", BLUE: "delivered"}
        assert "stock" in found[WAX][1]
        assert "orders" in found[RED][1]
        assert store.product(WAX)["deleted_at"] is None

    def test_lines_that_others_added_keep_the_order_when_ours_are_taken_back(self, store: OrderScene) -> None:
        ended = store.sync(an_order(store))
        more = store.boots()[5]
        order = store.order("po-1")["id"]
        store.vendor.change_state(
            {"lines": {order: [*store.vendor.state()["lines"][order], {"product_id": more["id"], "count": 1}]}}
        )
        undone = store.undo(ended)
        assert store.outcomes(undone[ORDERS.applies])["po-1"][0] == "drifted"
        assert store.lines("po-1").keys() == {more["sku"]}


class TestAnAnswerThatIsLost:
    @pytest.mark.parametrize("kind", ["lost_reply", "lost_request", "cut_body", "html"])
    @pytest.mark.parametrize("what", CALLS)
    def test_neither_loses_nor_doubles_anything(self, store: OrderScene, what: str, kind: str) -> None:
        first, second = (boot["sku"] for boot in store.boots()[:2])
        store.fault(CALLS[what], kind, times=1, after=int(what == "an order"))
        ended = store.sync(an_order(store))
        assert {state for each in counts(ended).values() for state in each} == {"delivered"}
        assert store.lines("po-1").keys() == {first, second, WAX, RED, BLUE}
        assert store.lines("po-1")[WAX] == (5, "4.10")
        assert all(store.product(sku) for sku in (WAX, RED, BLUE))

    @pytest.mark.parametrize("what", ["a product", "an order"])
    def test_by_the_new_version_too(self, store: OrderScene, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
        monkeypatch.setenv("LIGHTSPEED_API_VERSION", "2026-10")
        store.fault(
            {"a product": "POST /product_families", "an order": "POST /consignments"}[what],
            "lost_reply",
            times=1,
            after=int(what == "an order"),
        )
        store.sync(an_order(store))
        assert len(store.lines("po-1")) == 5
        assert all(store.product(sku) for sku in (WAX, RED, BLUE))

    @pytest.mark.parametrize("what", CALLS)
    def test_by_the_limit_is_waited_for(self, store: OrderScene, what: str) -> None:
        store.fault(CALLS[what], "rate_limited", retry_after="1", times=2)
        ended = store.sync(an_order(store))
        assert {state for each in counts(ended).values() for state in each} == {"delivered"}
        assert len(store.lines("po-1")) == 5


class TestTheStoreRefuses:
    def test_every_scope_that_is_missing_is_named_before_the_first_write(self, store: OrderScene) -> None:
        path, before = an_order(store), store.rows("products")
        store.token("products:write", "consignments:write")
        with pytest.raises(DeliveryError, match=r"lacks consignments:write:stock_order, products:write"):
            store.sync(path)
        assert store.rows("products") == before

    def test_a_version_that_can_only_be_read_is_named(self, store: OrderScene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIGHTSPEED_API_VERSION", "2.0")
        with pytest.raises(DeliveryError, match="can only be read"):
            store.sync(store.file(("A", "good", "GOOD-1", 2, "1.00", "", "", "")))
        assert [row for row in store.rows("products") if row["sku"] == "GOOD-1"] == []

    def test_a_code_of_a_deleted_product_may_be_taken(self, store: OrderScene) -> None:
        gone = store.boots()[3]
        store.change(delete={"products": [gone["id"]]}, settings={"deleted_codes": "taken"})
        ended = store.sync(store.file(("", "boots again", gone["sku"], 1, "50.00", "", "", "")))
        state, why = store.outcomes(ended[PRODUCTS.applies])[gone["sku"]]
        assert (state, "already in use" in why) == ("rejected", True)
        assert store.outcomes(ended[LINES.applies])[f"po-1 / {gone['sku']}"][0] == "skipped"

    def test_a_code_of_a_deleted_product_may_be_free(self, store: OrderScene) -> None:
        gone = store.boots()[3]
        store.change(delete={"products": [gone["id"]]})
        store.sync(store.file(("", "boots again", gone["sku"], 1, "50.00", "", "", "")))
        assert store.product(gone["sku"])["name"] == "Boots Again"

    def test_a_variant_of_a_family_that_is_refused_does_not_keep_the_others(self, store: OrderScene) -> None:
        path = store.file(
            ("", "laces", RED, 6, "1.10", "fancy laces", "Colour", "Red"),
            ("", "laces", BLUE, 6, "1.10", "fancy laces", "Colour", "Blue"),
            ("", "laces", "LACE-TWICE", 6, "1.10", "fancy laces", "Colour", "Red"),
        )
        ended = store.sync(path)
        assert store.outcomes(ended[PRODUCTS.applies])["LACE-TWICE"][0] == "held"
        assert store.lines("po-1").keys() == {RED, BLUE}

    @pytest.mark.parametrize("version", ["2026-07", "2026-10"], indirect=True)
    def test_a_variant_that_the_store_refuses_does_not_keep_its_sisters(self, store: OrderScene, version: str) -> None:
        gone = store.boots()[3]
        store.change(delete={"products": [gone["id"]]}, settings={"deleted_codes": "taken"})
        rows = [(RED, "Red"), (gone["sku"], "Tan"), (BLUE, "Blue"), ("LACE-GREEN", "Green")]
        ended = store.sync(store.file(*(("", "laces", sku, 6, "1.10", "fancy laces", "Colour", value) for sku, value in rows)))
        found = {sku: state for sku, (state, _) in store.outcomes(ended[PRODUCTS.applies]).items()}
        assert found == {RED: "delivered", gone["sku"]: "rejected", BLUE: "delivered", "LACE-GREEN": "delivered"}
        assert len({store.product(sku)["family_id"] for sku in (RED, BLUE, "LACE-GREEN")}) == 1
        assert store.lines("po-1").keys() == {RED, BLUE, "LACE-GREEN"}


class TestHiddenCosts:
    def test_are_never_written_and_never_compared(self, store: OrderScene) -> None:
        store.token("product:cost")
        path = an_order(store)
        ended = store.sync(path)
        assert COSTS.applies in ended
        assert "costs" not in counts(ended)
        assert len(store.lines("po-1")) == 5
        assert counts(store.sync(path)) == {}


def test_names_are_made_where_the_settings_say_so(store: OrderScene, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.file(("", "laces", RED, 6, "1.10", "fancy laces", "Length", "90 cm"))
    ended = store.sync(path)
    state, why = store.outcomes(ended[PRODUCTS.applies])[RED]
    assert (state, "Length" in why) == ("held", True)
    monkeypatch.setenv("LIGHTSPEED_ORDERS_MAKE_NAMES", "variant_attributes")
    store.sync(path)
    assert store.product(RED)["options"][0]["value"] == "90 cm"
    assert [row["name"] for row in store.rows("variant_attributes")].count("Length") == 1


class TestAFamilyInAFile:
    """Of what a family has in common, the rows of a file have to agree: it is written to all of it at once."""

    def products(self, store: OrderScene, tmp_path: Path, *rows: tuple[str, ...]) -> dict[str, tuple[str, str]]:
        path = tmp_path / "products.csv"
        path.write_text("\n".join(["sku,description,brand_name", *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
        return store.outcomes(store.products(path)[PRODUCTS.applies])

    def test_what_several_rows_say_reaches_all_of_it(self, store: OrderScene, tmp_path: Path) -> None:
        store.sync(an_order(store))
        found = self.products(store, tmp_path, (RED, "soft and strong", ""), (BLUE, "", "Kestrel"))
        assert {state for state, _ in found.values()} == {"delivered"}
        brand = next(row["id"] for row in store.rows("brands") if row["name"] == "Kestrel")
        assert [(store.product(sku)["description"], store.product(sku)["brand_id"]) for sku in (RED, BLUE)] == [
            ("soft and strong", brand),
            ("soft and strong", brand),
        ]
        again = self.products(store, tmp_path, (RED, "soft and strong", ""), (BLUE, "", "Kestrel"))
        assert {state for state, _ in again.values()} <= {"unchanged"}

    def test_rows_that_do_not_agree_are_held(self, store: OrderScene, tmp_path: Path) -> None:
        store.sync(an_order(store))
        found = self.products(store, tmp_path, (RED, "", "Acme"), (BLUE, "", "Kestrel"))
        assert {state for state, _ in found.values()} == {"held"}
        assert all("do not agree on its brand" in why for _, why in found.values())

    def test_sisters_that_the_file_does_not_have_keep_what_they_are(self, store: OrderScene, tmp_path: Path) -> None:
        store.sync(an_order(store))
        (found,) = self.products(store, tmp_path, (RED, "soft and strong", "")).values()
        assert (found[0], BLUE in found[1]) == ("held", True)
        assert not store.product(BLUE)["description"]
