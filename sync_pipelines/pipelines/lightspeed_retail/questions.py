"""What a person asks of the store's mirror outside a run: can we log in, with which rights, what of this product or sale."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from sync_pipelines import duck
from sync_pipelines.credentials import CredentialMissing
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.lightspeed_retail import reading
from sync_pipelines.pipelines.lightspeed_retail.collections import PRODUCTS, SALES, VENDOR
from sync_pipelines.pipelines.mirrors import NeverRead, opened
from sync_pipelines.pipelines.observations import Observation, fact
from sync_pipelines.pipelines.shape import Written
from sync_pipelines.settings import SettingsError, data_dir
from sync_pipelines.vendors.failures import VendorError
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.lightspeed import COLLECTIONS, Lightspeed
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
from sync_pipelines.warehouse.snapshots import Warehouse


def ready() -> None:
    """Look at what a run will need before anything heavy is loaded. Raises what is missing."""
    with client():
        pass


@contextlib.contextmanager
def client() -> Iterator[Lightspeed]:
    """A client that only reads. Raises what is missing."""
    connected = Lightspeed.connect(LightspeedSettings.read(), CallMeter(), limits=data_dir() / "limits")
    try:
        yield connected
    finally:
        connected.close()


def source_options(_refresh: str, _from_csv: Path | None) -> dict[str, Any]:
    return {}


def validate(*, deep: bool) -> list[Observation]:
    """Log in and look which collections the token may read; with `deep`, which assumed facts hold. Reads only."""
    try:
        with client() as store:
            return [*_rights(store), *(_facts(store) if deep else [])]
    except (CredentialMissing, SettingsError, VendorError) as e:
        return [Observation("lightspeed login", "problem", str(e))]


def _rights(store: Lightspeed) -> list[Observation]:
    retailer = store.retailer() if store.may_read("retailer") else {}
    found = [
        Observation(
            "lightspeed login", "ok", f"{store.settings.account}: {retailer.get('retailer_name') or 'its name is not shown'}"
        )
    ]
    wanted = [mirror.name for mirror in reading.mirrored() if mirror.name in COLLECTIONS]
    lacking = {COLLECTIONS[name].scope for name in wanted if not store.may_read(name)}
    text = f"the token lacks {', '.join(sorted(lacking))}: give it to it, or leave the collections out (leave_out)"
    found.append(
        Observation("lightspeed rights", "problem", text)
        if lacking
        else Observation("lightspeed rights", "ok", "all collections")
    )
    return found


def _facts(store: Lightspeed) -> list[Observation]:
    size = store.settings.page_size
    pages = [page for page, _ in zip(store.changed("products", 0), range(3), strict=False)]
    rows = [row for page in pages for row in page.rows]
    costs = [row for row in rows if row.get("supply_price")]
    return [
        fact(f"a page may hold {size} rows", len(rows) <= size or len(pages[0].rows) >= size, f"{len(pages[0].rows)} received"),
        fact("each row of products shows its version", all(row.get("version") for row in rows), f"{len(rows)} looked at"),
        fact("the token shows costs", bool(costs) or not rows, f"{len(costs)} of {len(rows)} products have one"),
    ]


# --- one record ---------------------------------------------------------------------------------------------------------


def full_keys(named: Collection[str]) -> set[str]:
    """The ids of the products and sales that a person named by id, SKU, any code or invoice number."""
    found = set[str]()
    with _mirror() as con:
        for name in named:
            found |= {row for (row,) in con.execute(_NAMED, {"name": name}).fetchall()}
    return found or set(named)


_NAMED = """SELECT id FROM products WHERE id = $name OR sku = $name
    UNION SELECT product_id FROM product_codes WHERE code = $name
    UNION SELECT product_id FROM product_suppliers WHERE code = $name
    UNION SELECT id FROM sales WHERE id = $name OR invoice_number = $name"""


def names() -> Collection[str]:
    """SKUs, for those who misspelt one."""
    try:
        with _mirror() as con:
            return [sku for (sku,) in con.execute("SELECT DISTINCT sku FROM products WHERE sku IS NOT NULL").fetchall()]
    except NeverRead:
        return ()


def mapped_keys(keys: Collection[str]) -> set[str]:
    with _mirror() as con:
        known = "SELECT id FROM products WHERE list_contains($keys, id) UNION SELECT id FROM sales WHERE list_contains($keys, id)"
        return {row for (row,) in con.execute(known, {"keys": list(keys)}).fetchall()}


def dropped() -> Collection[str]:
    return ()


def source(key: str) -> dict[str, Any]:
    """What the mirror has of the products and sales that a person named, table by table, and when it was read."""
    found, keys = list[dict[str, Any]](), sorted(full_keys([key]))
    with _mirror() as con:
        for table, column in _OF_ONE:
            query = f'SELECT * FROM "{table}" WHERE list_contains($keys, "{column}")'
            rows = con.sql(query, params={"keys": keys}).to_arrow_table().to_pylist()
            found += [{"table": table, **{name: value for name, value in row.items() if name != "item"}} for row in rows]
    read_at = max((row["read_at"] for row in found if "read_at" in row), default=None)
    return {"extract": read_at and {"at": read_at.isoformat(), "origin": "api"}, "source": found, "mapped": []}


_OF_ONE = (
    ("products", "id"),
    *((part.name, part.owner) for part in PRODUCTS.parts),
    ("sales", "id"),
    *((part.name, part.owner) for part in SALES.parts),
)


def live(_keys: set[str]) -> dict[str, Any]:
    """Nothing is written to the store, so that there is nothing to compare with."""
    return {}


def rejects(limit: int, _partition: str = "") -> tuple[Mapping[str, int], list[dict[str, Any]]]:
    """Rows of the store with a value that could not be used: how many, and the first of them."""
    counts, shown = 0, list[dict[str, Any]]()
    warehouse = Warehouse(data_dir() / "warehouse")
    with duck.engine() as con:
        for mirror in reading.mirrored():
            log = reading.log_of(warehouse, mirror)
            if not log.log.files():
                continue
            wrong = f"FROM ({log.present()}) WHERE problem IS NOT NULL"
            counts += con.execute(f"SELECT count(*) {wrong}").fetchall()[0][0]
            rows = con.execute(f"SELECT id, problem {wrong} ORDER BY id LIMIT {max(0, limit - len(shown))}").fetchall()
            shown += [{"collection": mirror.name, "id": row, "problem": problem} for row, problem in rows]
    return ({"rejected": counts} if counts else {}), shown


def readable(_row: Mapping[str, Any]) -> dict[str, str]:
    raise UsageError("lightspeed_retail plans nothing.")


def export(output: Path, form: str) -> Written:
    """Write the mirror as SQLite, JSON or CSV: see `exporting`."""
    from sync_pipelines.pipelines.lightspeed_retail import exporting

    return exporting.export(output, form)


def more_status(_: Ledger) -> dict[str, Any]:
    """How many rows each collection has."""
    warehouse, found = Warehouse(data_dir() / "warehouse"), {}
    for mirror in reading.mirrored():
        log = reading.log_of(warehouse, mirror)
        if log.log.files():
            totals = log.totals()
            found[mirror.name] = {name: totals[name] for name in ("rows", "deleted") if totals[name]}
    return {"mirrored": found}


@contextlib.contextmanager
def _mirror() -> Iterator[Any]:
    """A DuckDB with products and sales, and the lists in them. Raises NeverRead."""
    with opened(Warehouse(data_dir() / "warehouse"), VENDOR, LightspeedSettings.read().account, (PRODUCTS, SALES)) as con:
        yield con
