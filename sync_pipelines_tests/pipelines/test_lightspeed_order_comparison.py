"""What each line of an order means in the store: exists, new, costs more, or a conflict that a person decides."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from sync_pipelines import duck
from sync_pipelines.pipelines.lightspeed_orders import comparison, import_files, intake
from sync_pipelines.pipelines.lightspeed_orders.comparison import ComparedLine, Shop
from sync_pipelines.pipelines.lightspeed_orders.file_tables import FileRefused
from sync_pipelines.pipelines.lightspeed_orders.layouts import OrderLayout
from sync_pipelines.pipelines.lightspeed_orders.order_files import OrderLine
from sync_pipelines.pipelines.lightspeed_retail.collections import PRODUCTS
from sync_pipelines_tests.pipelines import lightspeed_orders_scene
from sync_pipelines_tests.pipelines.lightspeed_orders_scene import SUPPLIER, OrderScene
from vendor_sandbox import Sandbox

BOOK, BOOK_10 = "9780306406157", "0306406152"
BOOKS = {"supplier": "Paper & Board"}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(speed=1000) as sandbox:
        yield sandbox


@pytest.fixture
def store(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> OrderScene:
    for name, value in {**running.env, **lightspeed_orders_scene.FAST}.items():
        monkeypatch.setenv(name, value)
    return lightspeed_orders_scene.begin(running)


def one(store: OrderScene, *row: Any, **asked: str) -> ComparedLine:
    """What a row means: supplier's code, description, key, quantity, cost, and family, attribute and value of a variant."""
    (line,) = store.compare((*row, *[""] * (8 - len(row))), **asked)
    return line


def product(store: OrderScene, sku: str) -> dict[str, Any]:
    return next(row for row in store.rows("products") if row["sku"] == sku)


class TestWhatIsThere:
    @pytest.mark.parametrize("how", ["sku", "small letters", "with zeros", "without zeros", "EAN", "supplier's code"])
    def test_is_found_by_any_of_its_codes(self, store: OrderScene, how: str) -> None:
        boot = next(boot for boot in store.boots() if any(code["type"] == "EAN" for code in boot["codes"]))
        ean = next(code["code"] for code in boot["codes"] if code["type"] == "EAN")
        supplied, cost = boot["suppliers"][0]["code"], boot["supply_price"]
        row = {
            "sku": ("", "", boot["sku"]),
            "small letters": ("", "", f" {boot['sku'].lower()} "),
            "with zeros": ("", "", f"00{ean}"),
            "without zeros": ("", "", ean.lstrip("0")),
            "EAN": ("", "", ean),
            "supplier's code": (supplied, "", ""),
        }[how]
        line = one(store, *row, 2, cost)
        assert (line.verdict, line.sku, line.product_id, line.old_cost) == ("exists", boot["sku"], boot["id"], cost)

    @pytest.mark.parametrize("key", [BOOK, BOOK_10, "978-0-306-40615-7"])
    def test_a_book_is_found_by_either_isbn(self, store: OrderScene, key: str) -> None:
        assert one(store, "", "", key, 1, product(store, BOOK)["supply_price"], **BOOKS).sku == BOOK

    def test_costs_more_or_less(self, store: OrderScene) -> None:
        boot = store.boots()[0]
        line = one(store, "", "", boot["sku"], 1, "50")
        assert (line.verdict, line.old_cost, line.cost) == ("cost_changed", boot["supply_price"], Decimal("50.00000"))

    def test_the_price_of_its_supplier_counts_before_its_own_cost(self, store: OrderScene) -> None:
        boot = store.boots()[0]
        store.change(set={"products": {boot["id"]: {"suppliers": [{**boot["suppliers"][0], "price": "50"}]}}})
        assert one(store, "", "", boot["sku"], 1, "50").verdict == "exists"

    @pytest.mark.parametrize(("share", "moves"), [("1.04", False), ("1.06", True), ("0.94", True)])
    def test_a_price_that_would_move_is_told(self, store: OrderScene, share: str, moves: bool) -> None:
        boot = store.boots()[0]
        cost = (boot["price_including_tax"] * Decimal(share) / Decimal("2.5")).quantize(Decimal("0.01")) - Decimal("0.05")
        line = one(store, "", "", boot["sku"], 1, cost)
        assert (line.price_moves, line.old_price) == (moves, boot["price_including_tax"])

    def test_found_by_the_suppliers_code_alone_it_is_noted(self, store: OrderScene) -> None:
        boot = store.boots()[0]
        line = one(store, boot["suppliers"][0]["code"], "", "4006381333931", 1, boot["supply_price"])
        assert (line.verdict, line.sku) == ("exists", boot["sku"])
        assert "4006381333931 is none of its codes" in line.note

    def test_without_a_cost_that_is_shown_it_is_left_alone(self, store: OrderScene) -> None:
        boot = store.boots()[0]
        links = [{**boot["suppliers"][0], "price": None}]
        store.change(set={"products": {boot["id"]: {"supply_price": None, "suppliers": links}}})
        line = one(store, "", "", boot["sku"], 1, "50")
        assert (line.verdict, "not shown" in line.note) == ("exists", True)

    def test_is_compared_without_tax_where_the_store_counts_so(self, store: OrderScene) -> None:
        store.change(settings={"tax_exclusive": True})
        boot = store.boots()[0]
        line = one(store, "", "", boot["sku"], 1, "46")
        assert (line.old_price, line.new_price) == (boot["price_excluding_tax"], Decimal("100.00000"))

    def test_a_suppliers_price_of_0_is_none(self, store: OrderScene) -> None:
        boot = store.boots()[0]
        store.change(set={"products": {boot["id"]: {"suppliers": [{**boot["suppliers"][0], "price": "0"}]}}})
        line = one(store, "", "", boot["sku"], 1, "50")
        assert (line.verdict, line.old_cost) == ("cost_changed", boot["supply_price"])

    def test_need_not_have_all_its_options_in_the_order(self, store: OrderScene) -> None:
        boot = store.boots()[0]
        size = next(each["value"] for each in shown_options(store, boot) if each["name"] == "Size")
        line = one(store, "", "", boot["sku"], 1, boot["supply_price"], "A family", " size", size.upper())
        assert (line.verdict, line.reason, len(line.options)) == ("exists", "", 3)

    def test_a_parent_is_found_by_its_own_codes(self, store: OrderScene) -> None:
        parent = next(row for row in store.rows("products") if row["options"] and row["name"].startswith("Ütü"))
        pairs = [(each["name"], each["value"]) for each in shown_options(store, parent)]
        for options in ((), pairs[:1]):
            row = ("", "", parent["sku"], 1, parent["supply_price"], "F" if options else "", *(options[0] if options else ()))
            line = one(store, *row, supplier="Tekstil Toptan")
            assert (line.verdict, line.sku) == ("exists", parent["sku"])

    def test_one_of_many_with_the_suppliers_code_is_told_by_its_options(self, store: OrderScene) -> None:
        layout(store, "Tekstil Toptan", '[columns]\nvariant_types = ["T", "T2"]\nvariant_values = ["V", "V2"]')
        shirt = next(row for row in store.rows("products") if row["options"] and row["name"].startswith("Ütü"))
        options = [part for each in shown_options(store, shirt) for part in (each["name"], each["value"])]
        path = store.file(
            (shirt["suppliers"][0]["code"], 1, shirt["supply_price"], "F", *options),
            header=("CODE", "QNTY", "COST", "VARIANTNAME", "T", "V", "T2", "V2"),
        )
        with store.run("preview") as session:
            (line,) = store.compared(session, path, supplier="Tekstil Toptan").lines
        assert (line.verdict, line.sku) == ("exists", shirt["sku"])


def shown_options(store: OrderScene, product: Mapping[str, Any]) -> list[dict[str, str]]:
    """The options of a product, with their names."""
    names = {row["id"]: row["name"] for row in store.rows("variant_attributes")}
    return [{"name": names[each["attribute_id"]], "value": each["value"]} for each in product["options"]]


def layout(store: OrderScene, supplier: str, text: str) -> None:
    intake.layouts().mkdir(parents=True, exist_ok=True)
    (intake.layouts() / "one.toml").write_text(f'supplier = "{supplier}"\n{text}\n', encoding="utf-8")


def compare_with(product: Mapping[str, Any], *lines: OrderLine) -> list[ComparedLine]:
    """Hold lines against a store that has one product."""
    columns = {column.name: None for column in PRODUCTS.columns} | {"id": "", "deleted_at": None, **product}
    none = ", ".join(f"NULL AS {name}" for name, value in columns.items() if value is None)
    given = {name: value for name, value in columns.items() if value is not None}
    with duck.engine() as con:
        con.execute(f"CREATE TABLE products AS SELECT {none}, {', '.join(f'${name} AS {name}' for name in given)}", given)
        con.execute("CREATE TABLE product_codes (product_id VARCHAR, code VARCHAR)")
        con.execute("CREATE TABLE product_suppliers (product_id VARCHAR, supplier_id VARCHAR, code VARCHAR)")
        con.execute(
            "CREATE VIEW products_with_lists AS SELECT *, NULL AS product_suppliers, NULL AS product_options FROM products"
        )
        for kind in ("brands", "categories"):
            con.execute(f"CREATE TABLE {kind} (id VARCHAR, name VARCHAR, deleted_at TIMESTAMPTZ)")
        return comparison.compare(lines, OrderLayout(), Shop("Ours", "ours", Decimal(0), exclusive=False), con)


class TestAConflict:
    def test_two_products_with_one_code(self, store: OrderScene) -> None:
        first, second = store.boots()[:2]
        codes = [*second["codes"], {**first["codes"][0], "id": second["id"]}]
        store.change(set={"products": {second["id"]: {"codes": codes}}})
        line = one(store, "", "", first["sku"], 1, "50")
        assert (line.verdict, "2 products have the code" in line.reason) == ("conflict", True)

    def test_a_code_of_one_product_and_a_suppliers_code_of_another(self, store: OrderScene) -> None:
        first, second = store.boots()[:2]
        line = one(store, second["suppliers"][0]["code"], "", first["sku"], 1, "50")
        assert (line.verdict, line.reason.startswith("two products")) == ("conflict", True)

    def test_a_suppliers_code_of_several(self, store: OrderScene) -> None:
        shirt = next(row for row in store.rows("products") if row["options"] and row["name"].startswith("Ütü"))
        line = one(store, shirt["suppliers"][0]["code"], "", "", 1, "50", supplier="Tekstil Toptan")
        assert (line.verdict, "stands for" in line.reason) == ("conflict", True)

    def test_a_product_that_is_discontinued(self, store: OrderScene) -> None:
        boot = store.boots()[0]
        store.change(set={"products": {boot["id"]: {"active": False}}})
        assert "discontinued" in one(store, "", "", boot["sku"], 1, "50").reason

    def test_another_suppliers_product(self, store: OrderScene) -> None:
        line = one(store, "", "", store.boots()[0]["sku"], 1, "50", supplier="Boltwerk Wholesale")
        assert line.reason == "it is another supplier's in the store, not Boltwerk Wholesale's"

    def test_a_parents_code_for_another_variant(self, store: OrderScene) -> None:
        parent = next(row for row in store.rows("products") if row["options"] and row["name"].startswith("Ütü"))
        line = one(store, "", "", parent["sku"], 1, "50", "Ütü", "Colour", "Mauve", supplier="Tekstil Toptan")
        assert (line.verdict, "has the options" in line.reason) == ("conflict", True)

    def test_a_product_of_its_own_that_the_order_has_as_a_variant(self, store: OrderScene) -> None:
        line = one(store, "", "", BOOK, 1, "5", "Books", "Colour", "Red", **BOOKS)
        assert "is a product of its own" in line.reason

    def test_a_code_of_one_product_and_a_suppliers_code_of_another_family(self, store: OrderScene) -> None:
        first, second, third = store.boots()[:3]
        links = [{**each["suppliers"][0], "code": "STYLE"} for each in (second, third)]
        store.change(
            set={"products": {each["id"]: {"suppliers": [link]} for each, link in zip((second, third), links, strict=True)}}
        )
        line = one(store, "STYLE", "", first["sku"], 1, "50")
        assert (line.verdict, line.reason.startswith("two products")) == ("conflict", True)

    def test_two_variants_with_the_same_suppliers_code_and_options(self, store: OrderScene) -> None:
        first, second = store.boots()[:2]
        both = {"suppliers": [{**first["suppliers"][0], "code": "STYLE"}], "options": first["options"]}
        store.change(set={"products": {each["id"]: both for each in (first, second)}})
        size = next(each["value"] for each in shown_options(store, first) if each["name"] == "Size")
        line = one(store, "STYLE", "", "NEW-1", 1, "50", "A family", "Size", size)
        assert (line.verdict, "no product has the code NEW-1" in line.reason, "stands for 2" in line.reason) == (
            "conflict",
            True,
            True,
        )

    def test_a_suppliers_code_of_a_product_of_its_own_that_the_order_has_as_a_variant(self, store: OrderScene) -> None:
        line = one(store, BOOK, "", "NEW-1", 1, "5", "Books", "Colour", "Red", **BOOKS)
        assert (line.verdict, "is a product of its own" in line.reason) == ("conflict", True)

    def test_a_new_variant_of_nothing(self, store: OrderScene) -> None:
        line = one(store, "", "x", "NEW-1", 1, "5", "", "Colour", "Red")
        assert (line.verdict, "VARIANTNAME is empty" in line.reason) == ("conflict", True)

    @pytest.mark.parametrize(("supplier", "verdict"), [("theirs", "conflict"), ("ours", "cost_changed"), (None, "cost_changed")])
    def test_a_product_of_which_only_the_first_supplier_is_shown(self, supplier: str | None, verdict: str) -> None:
        columns = {
            "id": "p",
            "sku": "W-1",
            "supply_price": Decimal(5),
            "price_including_tax": Decimal(20),
            "supplier_id": supplier,
        }
        (line,) = compare_with(columns, OrderLine(2, "W-1", quantity=1, cost=Decimal(6)))
        assert (line.verdict, line.old_cost) == (verdict, None if verdict == "conflict" else Decimal(5))

    def test_new_without_a_code_or_a_name(self, store: OrderScene) -> None:
        assert "needs a code to be its SKU" in one(store, "UNKNOWN-1", "x", "", 1, "5").reason
        assert "nothing says its name" in one(store, "UNKNOWN-1", "", "UNKNOWN-1", 1, "5").reason


class TestWhatIsNew:
    def test_gets_name_price_and_what_the_store_has_for_it(self, store: OrderScene) -> None:
        line = one(store, "W50", "BOOT WAX 50ml", "4006381333931", 4, "4.10")
        assert (line.verdict, line.name, line.new_price, line.brand, line.category) == (
            *("new", "Boot Wax 50ml", Decimal("10.25000"), SUPPLIER, "Undefined"),
        )
        assert line.codes == (("EAN", "4006381333931"),)

    def test_is_what_only_a_deleted_product_had(self, store: OrderScene) -> None:
        boot = store.boots()[0]
        store.change(delete={"products": [boot["id"]]})
        line = one(store, "", "boots", boot["sku"], 1, "50")
        assert (line.verdict, "deleted had this code" in line.note) == ("new", True)

    def test_a_variant_that_its_family_lacks(self, store: OrderScene) -> None:
        shirt = next(row for row in store.rows("products") if row["options"] and row["name"].startswith("Ütü"))
        code = shirt["suppliers"][0]["code"]
        line = one(store, code, "x", "SHIRT-NEW", 1, "50", shirt["name"], "Colour", "Mauve", supplier="Tekstil Toptan")
        assert (line.verdict, line.options, line.note) == ("new", (("Colour", "Mauve"),), "")

    def test_has_a_brand_and_a_category_that_the_store_has(self, store: OrderScene) -> None:
        layout(store, "Kestrel Trading", "")
        line = one(store, "", "x", "NEW-1", 1, "5", supplier="Kestrel Trading")
        assert (line.brand, line.category, line.note) == ("", "Undefined", "")
        layout(store, "Kestrel Trading", '[new]\nbrand = "kestrel"\ncategory = "Hats"')
        line = one(store, "", "x", "NEW-1", 1, "5", supplier="Kestrel Trading")
        assert (line.brand, line.category) == ("kestrel", "")
        assert line.note == "Hats is not among the store's categories and stays empty"

    def test_keeps_a_name_that_will_be_made(self, store: OrderScene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIGHTSPEED_ORDERS_MAKE_NAMES", "categories")
        layout(store, SUPPLIER, '[new]\nbrand = "Nobody"\ncategory = "Hats"')
        line = one(store, "", "x", "NEW-1", 1, "5")
        assert (line.brand, line.category, line.note) == ("", "Hats", "Nobody is not among the store's brands and stays empty")


class TestTheSameLineTwice:
    def test_adds_up(self, store: OrderScene) -> None:
        boot = store.boots()[0]
        rows = [("", "", key, n, "50", "", "", "") for n, key in ((2, boot["sku"]), (3, boot["sku"].lower()))]
        (line,) = store.compare(*rows)
        assert (line.row, line.quantity, "rows 2, 3 add up" in line.note) == (2, 5, True)

    @pytest.mark.parametrize("other", ["04006381333931", "4006381333931 "])
    def test_adds_up_where_it_is_new_and_differs_in_zeros(self, store: OrderScene, other: str) -> None:
        (line,) = store.compare(*[("", "x", key, n, "5", "", "", "") for n, key in ((2, "4006381333931"), (3, other))])
        assert (line.verdict, line.sku, line.quantity) == ("new", "4006381333931", 5)

    def test_adds_up_where_it_is_a_new_book_with_either_isbn(self, store: OrderScene) -> None:
        keys = ("9780306406164", "978-0-306-40616-4", "0306406160")
        lines = store.compare(*[("", "x", key, 1, "5", "", "", "") for key in keys], **BOOKS)
        assert [(line.verdict, line.quantity) for line in lines] == [("new", 3)]

    def test_with_another_cost_is_a_conflict(self, store: OrderScene) -> None:
        sku = store.boots()[0]["sku"]
        lines = store.compare(("", "", sku, 2, "50", "", "", ""), ("", "", sku, 2, "51", "", "", ""))
        assert [line.verdict for line in lines] == ["conflict", "conflict"]


class TestWhoseOrder:
    def test_a_name_that_nobody_has_is_refused_and_one_like_it_named(self, store: OrderScene) -> None:
        with pytest.raises(FileRefused, match=r"no supplier named 'Mesa Cordwayn'. Did you mean Mesa Cordwain\?"):
            one(store, "", "x", "A", 1, "5", supplier="Mesa Cordwayn")

    def test_a_name_that_two_have_is_refused(self, store: OrderScene) -> None:
        with pytest.raises(FileRefused, match="2 suppliers named 'KESTREL TRADING'"):
            one(store, "", "x", "A", 1, "5", supplier="KESTREL TRADING")
        assert one(store, "", "x", "A", 1, "5", supplier="Kestrel Trading").verdict == "new"

    def test_is_told_by_a_layout_whose_name_the_file_begins_with(self, store: OrderScene) -> None:
        intake.layouts().mkdir(parents=True, exist_ok=True)
        (intake.layouts() / "mesa.toml").write_text(f'supplier = "{SUPPLIER}"\n[columns]\nkey = "CODE"\n')
        line = one(store, "A", "x", "", 1, "5", supplier="", name="mesa-cordwain-2026-12.csv")
        assert (line.verdict, line.sku) == ("new", "A")
        with pytest.raises(FileRefused, match="nothing says whose order it is"):
            one(store, "A", "x", "", 1, "5", supplier="", name="order-7.csv")

    def test_an_outlet_that_is_not_there_is_refused(self, store: OrderScene) -> None:
        with pytest.raises(FileRefused, match=r"no outlet named 'Habour'. Did you mean Harbour\?"):
            one(store, "", "x", "A", 1, "5", outlet="Habour")


def test_what_is_new_and_what_changed_can_be_imported_by_hand(store: OrderScene) -> None:
    boot = store.boots()[0]
    store.change(set={"products": {boot["id"]: {"has_inventory": False}}})
    lines = store.compare(
        ("W50", "wax", "WAX", 4, "4.10", "", "", ""),
        ("L1", "laces", "RED", 4, "1.10", "laces", "Colour", "Red"),
        ("", "", boot["sku"], 4, "50", "", "", ""),
    )
    assert import_files.write_files(intake.inbox(), lines, SUPPLIER) == {"newproducts.csv": 2, "updateproducts.csv": 1}
    new, changed = (
        list(csv.DictReader((intake.inbox() / name).open(encoding="utf-8"))) for name in ("newproducts.csv", "updateproducts.csv")
    )
    assert [(row["sku"], row["name"], row["supply_price"], row["retail_price"]) for row in new] == [
        ("WAX", "Wax", "4.10", "10.25"),
        ("RED", "Laces", "1.10", "2.75"),
    ]
    assert (new[1]["variant_option_one_name"], new[1]["variant_option_one_value"]) == ("Colour", "Red")
    (row,) = changed
    assert (row["product_id"], row["name"], row["supply_price"]) == (boot["id"], boot["name"], "50.00")
    assert row["product_category"] == "Work boots"
    accounts = (row["account_code"], row["account_code_purchase"])
    assert accounts == (boot["account_code_sale"], boot["account_code_purchase"])
    assert (row["active"], row["track_inventory"], row["tax_name"]) == ("1", "0", "")
    options = [row[f"variant_option_{place}_value"] for place in ("one", "two", "three")]
    assert options == [option["value"] for option in boot["options"]]


def test_a_comparison_is_read_back_as_it_was(store: OrderScene) -> None:
    lines = store.compare(("W50", "wax", "WAX", 4, "4.10", "laces", "Colour", "Red"), ("", "", "", 0, "x", "", "", ""))
    assert comparison.lines_of(comparison.table(lines)) == [
        ComparedLine(**{**vars(line), **{n: _five(getattr(line, n)) for n in ("cost", "old_cost", "old_price", "new_price")}})
        for line in lines
    ]


def _five(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(Decimal("0.00001"))
