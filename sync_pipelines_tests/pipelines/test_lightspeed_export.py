"""The exported files hold the store as it is, in the shape that older queries and programs know, whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session as Orm

from sync_pipelines.errors import UsageError
from sync_pipelines.operations import answers
from sync_pipelines.pipelines.lightspeed_retail import exporting, reading, shop_file
from sync_pipelines.pipelines.lightspeed_retail import shop_tables as shop
from sync_pipelines.pipelines.lightspeed_retail.collections import COLLECTIONS
from sync_pipelines.pipelines.mirrors import NeverRead
from sync_pipelines.pipelines.session import Session
from sync_pipelines.whole_files import FileNotWritten
from vendor_sandbox import Sandbox

P = "lightspeed_retail"
Row = dict[str, Any]


class Store:
    """A store that was read once, with a folder of its own. truth: its rows by id."""

    def __init__(self, home: Path, sandbox: Sandbox, version: str) -> None:
        self.env = {
            **sandbox.env,
            "SYNC_PIPELINES_HOME": str(home),
            "SYNC_PIPELINES_DATA_DIR": str(home / "data"),
            "LIGHTSPEED_API_VERSION": version,
            "LIGHTSPEED_WINDOW_SECONDS": "0.3",
        }
        self.state = sandbox.lightspeed.state()

    def truth(self, collection: str) -> dict[str, Row]:
        return {row["id"]: row for row in self.state[collection]}

    def product(self, sku: str) -> str:
        return next(row["id"] for row in self.state["products"] if row["sku"] == sku and not row["deleted_at"])


def _read(home: Path, version: str) -> Store:
    with pytest.MonkeyPatch.context() as patch, Sandbox(scale="small", speed=1000) as sandbox:
        sandbox.lightspeed.change_state({"settings": {"burst": 1_000_000}})
        store = Store(home, sandbox, version)
        for name, value in store.env.items():
            patch.setenv(name, value)
        with Session("read", P, "sync") as session:
            for mirror in COLLECTIONS:
                reading.bring_up_to_date(session, mirror)
    return store


@pytest.fixture(scope="module", params=["2026-07", "2.0"])
def read_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return _read(tmp_path_factory.mktemp("store"), request.param)


@pytest.fixture
def store(read_store: Store, own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in read_store.env.items():
        monkeypatch.setenv(name, value)
    return read_store


@pytest.fixture
def file(store: Store, tmp_path: Path) -> Path:
    exporting.export(tmp_path / "shop.sqlite")
    return tmp_path / "shop.sqlite"


@pytest.fixture
def orm(file: Path) -> Iterator[Orm]:
    engine = create_engine(f"sqlite:///{file}")
    with Orm(engine) as session:
        yield session
    engine.dispose()


def ask(file: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(file) as con:
        return con.execute(query).fetchall()


def exactly(amount: Decimal) -> Decimal:
    """To the five places that a mirror has."""
    return amount.quantize(Decimal("0.00001"), ROUND_HALF_UP)


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


# --- what is in the file --------------------------------------------------------------------------------------------------


def test_every_row_of_the_store_is_there_deleted_ones_too(store: Store, orm: Orm) -> None:
    for model, collection in ((shop.Product, "products"), (shop.Sale, "sales"), (shop.Consignment, "consignments")):
        found = {row.id: row.deleted_at for row in orm.scalars(select(model))}
        assert found == {key: moment(row["deleted_at"]) for key, row in store.truth(collection).items()}, collection
    assert any(row.deleted_at for row in orm.scalars(select(shop.Product)))
    assert {row.name for row in orm.scalars(select(shop.Outlet))} == {row["name"] for row in store.state["outlets"]}


def test_amounts_are_numbers_and_exact_to_the_last_place(store: Store, orm: Orm) -> None:
    truth = store.truth("products")
    for product in orm.scalars(select(shop.Product)):
        cost = truth[product.id]["supply_price"]
        assert product.supply_price_exact == cost
        assert product.supply_price == (None if cost is None else float(cost))
    smallest = orm.get(shop.Product, store.product("TRAP-FIVE-DECIMALS"))
    assert smallest is not None
    assert smallest.supply_price_exact == Decimal("0.00001")
    for sale in orm.scalars(select(shop.Sale)):
        told = store.truth("sales")[sale.id]
        assert (sale.total_price_exact, sale.total_tax_exact) == (exactly(told["total_price"]), exactly(told["total_tax"]))
        assert sale.sale_date == moment(told["sale_date"])
        assert [line.price_exact for line in sale.line_items] == [exactly(line["price"]) for line in told["lines"]]
        assert sum(p.amount_exact or 0 for p in sale.payments) == sum(exactly(p["amount"]) for p in told["payments"])


def test_an_exact_amount_is_text_and_a_whole_quantity_is_whole(file: Path) -> None:
    kinds = ask(file, "SELECT DISTINCT typeof(total_price_exact), typeof(total_price), typeof(sale_date) FROM sales")
    assert kinds == [("text", "real", "text")]
    assert ask(file, "SELECT supply_price_exact, supply_price FROM products WHERE sku = 'TRAP-FIVE-DECIMALS'") == [
        ("0.00001", 1e-5)
    ]
    assert {kind for (kind,) in ask(file, "SELECT DISTINCT typeof(quantity) FROM sale_line_items")} == {"integer", "real"}
    assert ask(file, "SELECT DISTINCT typeof(saleaccountcode), purchaseaccountcode FROM products WHERE sku LIKE 'TRAP-CASE'") == [
        ("text", "0631")
    ]


def test_what_belongs_together_is_found_from_each_other(store: Store, orm: Orm) -> None:
    two = orm.get(shop.Product, store.product("TRAP-TWO-SUPPLIERS"))
    assert two is not None
    assert [link.code for link in two.suppliers] == ["TRAP-TWO-SUPPLIERS", "TWO"]
    assert [link.supplier and link.supplier.name for link in two.suppliers] == ["Paper & Board", "Boltwerk Wholesale"]
    assert [code.code for code in two.codes] == ["TRAP-TWO-SUPPLIERS"]
    assert {row.outlet and row.outlet.name for row in two.inventory} >= {"Main Street", "Harbour", "Sydney"}
    variant = orm.get(shop.Product, store.product("MCA0032-M-07.5"))
    assert variant is not None
    assert variant.parent is not None
    assert variant.parent.sku == "MCA0032-M-07"
    assert variant in variant.parent.variants
    assert [picture.of_variant for picture in variant.images] == [False, False, True]
    sale = orm.scalars(select(shop.Sale).where(shop.Sale.id == next(iter(store.truth("sales"))))).one()
    assert [line.product and line.product.id for line in sale.line_items] == [
        line["product_id"] for line in store.truth("sales")[sale.id]["lines"]
    ]


def test_no_code_link_option_or_line_takes_another_ones_place(store: Store, file: Path) -> None:
    """The older copy kept one link of a supplier, one option of an attribute, and one order line of a product."""
    products = store.state["products"]
    for table, member in (("product_codes", "codes"), ("product_suppliers", "suppliers"), ("variant_options", "options")):
        wanted = Counter({row["id"]: len(row[member]) for row in products if row[member]})
        assert dict(ask(file, f"SELECT product_id, count(*) FROM {table} GROUP BY 1")) == wanted, table
    twice = store.product("TRAP-OPTION-TWICE")
    assert ask(file, f"SELECT value FROM variant_options WHERE product_id = '{twice}' ORDER BY position") == [
        ("Cotton",),
        ("Wool",),
    ]
    wanted_lines = {
        consignment: Counter((line["product_id"], line["count"], line["cost"]) for line in lines)
        for consignment, lines in store.state["lines"].items()
        if not store.truth("consignments")[consignment]["deleted_at"] and lines
    }
    found = defaultdict[str, Counter[Any]](Counter)
    for consignment, product, count, cost in ask(
        file, "SELECT consignment_id, product_id, count, cost_exact FROM consignment_products"
    ):
        found[consignment][product, count and Decimal(count), cost and Decimal(cost)] += 1
    assert found == wanted_lines
    assert max(len(lines) for lines in wanted_lines.values()) > 300
    assert max(Counter(p for p, *_ in lines.elements()).most_common(1)[0][1] for lines in found.values()) > 1


def test_keys_are_what_the_rows_have(file: Path) -> None:
    keys = {
        table: tuple(name for (name,) in ask(file, f"SELECT name FROM pragma_table_info('{table}') WHERE pk ORDER BY pk"))
        for (table,) in ask(file, "SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    of_product = ("product_id", "position")
    assert keys == {
        **dict.fromkeys(("suppliers", "products", "sales", "consignments", "outlets", "inventory"), ("id",)),
        **dict.fromkeys(("product_suppliers", "product_codes", "variant_options"), of_product),
        "product_images": ("product_id", "of_variant", "position"),
        **dict.fromkeys(("sale_line_items", "payments"), ("sale_id", "position")),
        "consignment_products": ("consignment_id", "position"),
        "latest_version": ("entity",),
    }
    assert ask(file, "PRAGMA foreign_key_check(product_codes)") == ask(file, "PRAGMA integrity_check(1)")[1:] == []


def test_each_collection_says_up_to_which_version_it_was_read(store: Store, file: Path) -> None:
    found = dict(ask(file, "SELECT entity, max_version FROM latest_version"))
    assert set(found) == {"suppliers", "products", "sales", "consignments", "inventory", "outlets"}
    assert found["sales"] == max(row["version"] for row in store.state["sales"])


# --- older queries go on --------------------------------------------------------------------------------------------------


def test_the_query_for_what_was_never_sold_nor_ordered_goes_on(store: Store, file: Path) -> None:
    found = ask(
        file,
        """SELECT DISTINCT p.sku, p.name FROM products p LEFT JOIN sale_line_items s ON p.id = s.product_id
            LEFT JOIN consignment_products c ON p.id = c.product_id WHERE s.id IS NULL AND c.id IS NULL""",
    )
    moved = {line["product_id"] for sale in store.state["sales"] for line in sale["lines"]}
    live = {key for key, row in store.truth("consignments").items() if not row["deleted_at"]}
    moved |= {line["product_id"] for key, lines in store.state["lines"].items() if key in live for line in lines}
    assert {sku for sku, _ in found} == {row["sku"] for row in store.state["products"] if row["id"] not in moved}
    assert found


def test_the_query_for_dead_stock_goes_on(store: Store, file: Path) -> None:
    """Last sale and last order before a day: times are compared as text, as SQLite's own dates are."""
    query = """SELECT p.id, max(s.sale_date), max(c.consignment_date), max(inventory_level) FROM products p
        JOIN sale_line_items l ON p.id = l.product_id LEFT JOIN sales s ON l.sale_id = s.id
        LEFT JOIN consignment_products cp ON p.id = cp.product_id LEFT JOIN consignments c ON cp.consignment_id = c.id
        LEFT JOIN inventory i ON i.product_id = p.id GROUP BY p.id
        HAVING max(s.sale_date) < date('2026-02-20', '-0 days') ORDER BY 1"""
    last = dict[str, str]()
    for sale in store.state["sales"]:
        for line in sale["lines"]:
            last[line["product_id"]] = max(last.get(line["product_id"], ""), sale["sale_date"])
    wanted = sorted(product for product, day in last.items() if day < "2026-02-20" and product in store.truth("products"))
    assert [row[0] for row in ask(file, query)] == wanted
    assert 0 < len(wanted) < len(last)


def test_the_query_for_received_orders_goes_on(store: Store, file: Path) -> None:
    found = ask(
        file,
        """SELECT c.name, c.status, count(*) FROM consignments c LEFT JOIN consignment_products cp ON cp.consignment_id = c.id
            WHERE c.type = 'SUPPLIER' AND c.status LIKE 'REC%' GROUP BY c.name, c.status""",
    )
    assert found
    assert {name for name, *_ in found} <= {row["reference"] for row in store.state["consignments"]}


# --- JSON and CSV ---------------------------------------------------------------------------------------------------------


def test_the_products_by_suppliers_code_keep_all_that_share_one(store: Store, tmp_path: Path) -> None:
    (tmp_path / "products.json").write_text("old", encoding="utf-8")
    done = answers.export(P, tmp_path, "json").written
    assert done.files == (tmp_path / "products.json", tmp_path / "allproduct.json")
    by_code = json.loads((tmp_path / "products.json").read_text(encoding="utf-8"))
    wanted = defaultdict[str, set[str]](set)
    live = [row for row in store.state["products"] if not row["deleted_at"]]
    for row in live:
        code = row["suppliers"][0]["code"] if row["suppliers"] else None
        if code:
            wanted[code.upper()].add(row["id"])
    found = {code: {p["id"] for p in ([said] if isinstance(said, dict) else said)} for code, said in by_code.items()}
    assert found == wanted
    assert [p["supplier_code"] for p in by_code["PB-7_1/2"]] == ["PB-7_1/2", "pb-7_1/2"]
    assert all(isinstance(said, dict) == (len(wanted[code]) == 1) for code, said in by_code.items())
    coded = sum(map(len, wanted.values()))
    several = sum(len(ids) > 1 for ids in wanted.values())
    without = {"without_supplier_code": len(live) - coded}
    assert without["without_supplier_code"] > 0
    assert done.counts == {"with_supplier_code": coded, "codes_of_several_products": several, **without}


def test_a_code_is_in_capitals_as_python_makes_them(store: Store, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "_CODE_OF_EACH", "SELECT id, 'straße' FROM products WHERE deleted_at IS NULL")
        exporting.export(tmp_path / "products.json")
    assert set(json.loads((tmp_path / "products.json").read_text(encoding="utf-8"))) == {"STRASSE"}


def test_all_live_products_are_there_as_the_store_gave_them(store: Store, tmp_path: Path) -> None:
    done = exporting.export(tmp_path / "beside.json")
    assert not (tmp_path / "beside.json").exists()
    text = (tmp_path / "allproduct.json").read_text(encoding="utf-8")
    products = {row["id"]: row for row in json.loads(text, parse_float=Decimal)["data"]}
    assert set(products) == {row["id"] for row in store.state["products"] if not row["deleted_at"]}
    assert done.rows == len(products)
    smallest = products[store.product("TRAP-FIVE-DECIMALS")]
    assert Decimal(smallest["supply_price"]) == Decimal("0.00001")
    assert "product_codes" in smallest
    assert "👕" in text


def test_a_csv_has_every_product(store: Store, tmp_path: Path) -> None:
    assert exporting.export(tmp_path / "p.csv").rows == len(store.state["products"])
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as lines:
        rows = {row["id"]: row for row in csv.DictReader(lines)}
    told = store.truth("products")
    assert {key: bool(row["deleted_at"]) for key, row in rows.items()} == {k: bool(r["deleted_at"]) for k, r in told.items()}
    smallest = rows[store.product("TRAP-FIVE-DECIMALS")]
    assert (smallest["supply_price"], smallest["created_at"]) == ("0.00001", "2026-01-05T08:00:00+00:00")


# --- whole or not at all --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "point"),
    [("shop.sqlite", "insert"), *((name, point) for name in ("shop.sqlite", "products.json") for point in ("before", "after"))],
)
def test_a_kill_leaves_a_whole_file_and_the_next_export_clears_up(store: Store, tmp_path: Path, name: str, point: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    exporting.export(folder / name)
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    argv = [sys.executable, "-m", "sync_pipelines_tests.pipelines.killed_lightspeed_export", point, folder / name]
    died = subprocess.run(argv, env={**os.environ, **store.env}, capture_output=True, text=True, timeout=60)
    assert (died.returncode, died.stdout) == (-signal.SIGKILL, ""), died.stderr
    left = {path.name for path in folder.iterdir()} - set(whole)
    assert bool(left) == (point != "after" or name == "products.json")
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name in whole} == whole
    exporting.export(folder / name)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole


def test_an_export_that_breaks_off_leaves_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()
    rows = {**shop_file.ROWS, "sales": (shop_file.SALES, "SELECT * REPLACE (error('broke off') AS status) FROM sales")}
    monkeypatch.setattr(shop_file, "ROWS", rows)
    with pytest.raises(Exception, match="broke off"):
        exporting.export(file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir() if "shop" in path.name] == ["shop.sqlite"]


def test_a_database_of_somebody_else_is_not_replaced(store: Store, tmp_path: Path) -> None:
    theirs = tmp_path / "retail_data.db"
    with sqlite3.connect(theirs) as con:
        con.execute("CREATE TABLE notes (text)")
    con.close()
    (tmp_path / "text.db").write_text("no database", encoding="utf-8")
    for other in (theirs, tmp_path / "text.db"):
        before = other.read_bytes()
        with pytest.raises(UsageError, match=rf"{other.name} is there, and no export of ours"):
            exporting.export(other)
        assert other.read_bytes() == before


def test_a_file_that_another_program_has_open_for_writing_is_not_replaced(file: Path) -> None:
    con = sqlite3.connect(file)
    try:
        con.execute("PRAGMA journal_mode = WAL")
        con.execute("CREATE TABLE mine (text)")
        with pytest.raises(UsageError, match=r"shop.sqlite-wal is there"):
            exporting.export(file)
    finally:
        con.close()


@pytest.mark.parametrize(
    ("output", "form", "told"),
    [
        (".", "", "is a folder; name a file in it"),
        (".", "sqlite", "cannot be written: it is a folder"),
        (".", "csv", "cannot be written: it is a folder"),
        ("no/such.sqlite", "", "there is no folder no"),
        ("shop.xls", "", "--format"),
        ("/sys/shop.sqlite", "", "cannot be written: Permission denied"),
    ],
)
def test_a_file_that_cannot_be_made_is_told(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, form: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((UsageError, FileNotWritten), match=told):
        answers.export(P, Path(output), form)
    assert not [path for path in tmp_path.iterdir() if path.name != "data"]


def test_only_this_pipeline_has_formats() -> None:
    with pytest.raises(UsageError, match="--format: only for lightspeed_retail"):
        answers.export("catsy_sparklayer", Path("x.csv"), "csv")


# --- what is not there ----------------------------------------------------------------------------------------------------


def test_before_the_first_sync_there_is_nothing_to_export(
    own_folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_PIPELINES_DATA_DIR", str(own_folder / "other"))
    for name in ("shop.sqlite", "products.json", "p.csv"):
        with pytest.raises(NeverRead, match=r"was never read for .*: sync first"):
            exporting.export(own_folder / name)
    assert not list(own_folder.glob("*.*"))


def test_what_is_left_out_is_an_empty_table(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTSPEED_RETAIL_LEAVE_OUT", "sales,consignment_lines")
    counts = exporting.export(tmp_path / "shop.sqlite").counts
    assert {name for name, rows in counts.items() if not rows} == {"sales", "sale_line_items", "payments", "consignment_products"}
    monkeypatch.setenv("LIGHTSPEED_RETAIL_LEAVE_OUT", "products")
    with pytest.raises(UsageError, match="leave_out"):
        exporting.export(tmp_path / "products.json")
