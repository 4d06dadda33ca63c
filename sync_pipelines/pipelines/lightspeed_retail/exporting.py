"""The store's mirror as files for other programs: the SQLite copy, and the products as JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, TextIO

import duckdb
import pyarrow as pa

from sync_pipelines import duck, exact_json
from sync_pipelines.csv_files import write_csv
from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.lightspeed_retail import reading, shop_file
from sync_pipelines.pipelines.lightspeed_retail.collections import PRODUCTS, VENDOR
from sync_pipelines.pipelines.mirrors import Mirror, opened
from sync_pipelines.pipelines.shape import Written
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
from sync_pipelines.warehouse.snapshots import Warehouse
from sync_pipelines.whole_files import replaced

BY_ENDING = {".sqlite": "sqlite", ".sqlite3": "sqlite", ".db": "sqlite", ".json": "json", ".csv": "csv"}
BY_CODE, ALL = "products.json", "allproduct.json"
"""What the JSON files are called; other programs look for them by these names."""
MEMORY = "96MB"
"""What sorting may take; more is on the disk."""
ROWS_TOGETHER = 1_000
"""Products in memory: their text can be long."""


def export(output: Path, form: str = "") -> Written:
    """Write the mirror to `output`. form: sqlite, json or csv; without one, the file's ending says it.

    sqlite: all of it (`shop_tables`). json: the live products as the vendor gave them, in two files of fixed names, in the folder
    `output`, or beside that file. csv: every product. Raises UsageError, FileNotWritten, and NeverRead before the first sync.
    """
    form = form or BY_ENDING.get(output.suffix.lower(), "")
    if not form:
        raise UsageError(f"{output}: an ending says what to write (.sqlite, .db, .json, .csv), or --format does.")
    mirrors = {mirror.name: mirror for mirror, _ in shop_file.ROWS.values()} if form == "sqlite" else {PRODUCTS.name: PRODUCTS}
    mirrored = [mirror for mirror in mirrors.values() if reading.is_mirrored(mirror)]
    with opened(Warehouse(data_dir() / "warehouse"), VENDOR, LightspeedSettings.read().account, mirrored, memory=MEMORY) as con:
        if form == "sqlite":
            return _sqlite(output, con, mirrored)
        if not mirrored:
            raise UsageError("products are not mirrored ([lightspeed_retail] leave_out).")
        return _json(output if output.is_dir() else output.parent, con) if form == "json" else _csv(output, con)


def _sqlite(output: Path, con: duckdb.DuckDBPyConnection, mirrored: list[Mirror]) -> Written:
    counts = shop_file.write(output, con, mirrored)
    return Written(sum(counts.values()), (output,), counts)


def _csv(output: Path, con: duckdb.DuckDBPyConnection) -> Written:
    names = [name for name, *_ in con.execute("DESCRIBE products").fetchall() if name not in ("item", "read_at")]
    columns = ", ".join(f'"{name}"' for name in names)
    lines = (map(_cell, row) for row in _rows(con, f"SELECT {columns} FROM products ORDER BY sku, id"))
    return Written(write_csv(output, names, map(list, lines)), (output,))


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return exact_json.dumps(value) if isinstance(value, list) else value


def _json(folder: Path, con: duckdb.DuckDBPyConnection) -> Written:
    with replaced(folder / BY_CODE) as by_code, replaced(folder / ALL) as everything:
        with everything.open("w", encoding="utf-8") as file:
            products = _write_all(file, con)
        with by_code.open("w", encoding="utf-8") as file:
            counts = _write_by_code(file, con)
    counts["without_supplier_code"] = products - counts["with_supplier_code"]
    return Written(products, (folder / BY_CODE, folder / ALL), counts)


def _write_all(file: TextIO, con: duckdb.DuckDBPyConnection) -> int:
    products = 0
    file.write('{"data": [')
    for (item,) in _rows(con, "SELECT item FROM products WHERE deleted_at IS NULL ORDER BY id"):
        file.write(f"{',' if products else ''}\n{item}")
        products += 1
    file.write("\n]}\n")
    return products


def _write_by_code(file: TextIO, con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """A code that stands for one product has that product; one that stands for several has a list of them."""
    duck.load(con, "coded", pa.schema([("id", pa.string()), ("code", pa.string())]), _codes(con))
    products = several = 0
    file.write("{")
    for (code, sharing), rows in groupby(_rows(con, _BY_CODE), key=itemgetter(0, 1)):
        file.write(f"{',' if products else ''}\n{exact_json.dumps(code)}: {'[' if sharing > 1 else ''}")
        for place, (_, _, item) in enumerate(rows):
            file.write(f"{', ' if place else ''}{item}")
        file.write("]" if sharing > 1 else "")
        products += sharing
        several += sharing > 1
    file.write("\n}\n")
    return {"with_supplier_code": products, "codes_of_several_products": several}


_BY_CODE = """SELECT code, sharing, item FROM (SELECT *, count(*) OVER (PARTITION BY code) AS sharing FROM coded)
    JOIN products USING (id) ORDER BY code, id"""
_CODE_OF_EACH = """SELECT id, coalesce(nullif(supplier_code, ''), linked) FROM products LEFT JOIN (
        SELECT product_id AS id, first(code ORDER BY position) AS linked FROM product_suppliers WHERE code <> '' GROUP BY 1
    ) USING (id) WHERE deleted_at IS NULL"""
"""The code of the first supplier; 2026-10 says it in the list of suppliers only."""


def _codes(con: duckdb.DuckDBPyConnection) -> Iterator[Sequence[Sequence[str]]]:
    """Ids and codes in capitals, as Python makes them: so programs look for them."""
    for rows in duck.chunks(_rows(con, _CODE_OF_EACH)):
        yield list(zip(*((row, code.upper()) for row, code in rows if code and code.strip()), strict=True)) or ((), ())


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    with duck.cursor(con) as second:
        for batch in second.sql(query).to_arrow_reader(ROWS_TOGETHER):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
