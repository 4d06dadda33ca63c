"""What arrived, held against the sandbox's truth: rows that are missing, that came twice, that are wrong.

    truth.py extract KIND PATH    an extract (ours, plain_loop, dlt_duckdb, dlt_parquet) against the catalogue
    truth.py list                 what the price list `wholesale` holds, and how often each SKU was written
    truth.py match                make the list hold what the catalogue says, behind the API's back
    truth.py orders KIND PATH F   orders and lines (ours, dlt_parquet, dlt_duckdb) against the bulk result in file F
    truth.py sheet TITLE          the tabs of a spreadsheet against the orders of a shop that began empty

A process of its own, so that the whole truth does not count as memory of the runner. Prices are equal when their value
is: 4.2 and 4.20 are, 4.2 and 4.19999999 are not. Of the list only plainly priced products are looked at, without the
sandbox's trap items: what those should come to is a matter of the merchant's settings.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb

LIST = "wholesale"

EXTRACTS = {
    "ours": """SELECT id, sku, "price:price_trade" FROM read_parquet('{path}')""",
    "plain_loop": """SELECT id::VARCHAR, sku->>'$', price_trade->>'$' FROM read_parquet('{path}/items.parquet')""",
    "dlt_duckdb": """SELECT id::VARCHAR, sku, price_trade FROM truth.catsy.items""",
    "dlt_parquet": """SELECT id::VARCHAR, sku, price_trade
        FROM read_parquet('{path}/catsy/items/*.parquet', union_by_name = true)""",
}

ORDERS = {
    "ours": """SELECT order_id::VARCHAR, total::VARCHAR, lines FROM read_parquet('{path}/*/orders/*/*.parquet')""",
    "dlt_parquet": """SELECT id, total_price_set__shop_money__amount, NULL
        FROM read_parquet('{path}/shop/orders/*.parquet', union_by_name = true)""",
    "dlt_duckdb": """SELECT id, total_price_set__shop_money__amount, NULL FROM truth.shop.orders""",
}
LINES = {
    "ours": """SELECT order_id::VARCHAR, line_id::VARCHAR FROM read_parquet('{path}/*/order_lines/*/*.parquet')""",
    "dlt_parquet": """SELECT parent_id, id FROM read_parquet('{path}/shop/lines/*.parquet', union_by_name = true)""",
    "dlt_duckdb": """SELECT parent_id, id FROM truth.shop.lines""",
}


def control() -> str:
    return os.environ["SPARKLAYER_URL"].rpartition("/")[0] + "/_sandbox"


def state(vendor: str) -> dict[str, Any]:
    """The sandbox's truth about one vendor, numbers exact."""
    with urllib.request.urlopen(f"{control()}/{vendor}/state", timeout=300) as reply:
        found: dict[str, Any] = json.loads(reply.read(), parse_float=Decimal)
    return found


def value(cell: object) -> object:
    """A price as a value: a number where it is one, else its text."""
    try:
        return Decimal(str(cell)) if cell is not None else None
    except InvalidOperation:
        return str(cell)


def plain(item: dict[str, Any]) -> bool:
    price = str(item.get("price_trade", ""))
    return not str(item.get("name", "")).startswith("Trap") and re.fullmatch(r"\d+(\.\d{1,2})?", price) is not None


def compare_extract(kind: str, path: str) -> dict[str, int]:
    with duckdb.connect() as con:
        if kind == "dlt_duckdb":
            con.execute(f"ATTACH '{path}/items.duckdb' AS truth (READ_ONLY)")
        rows = con.execute(EXTRACTS[kind].format(path=path)).fetchall()
    came = Counter(row[0] for row in rows)
    found = {row[0]: row[1:] for row in rows}
    items = state("catsy")["items"]
    wrong = 0
    for item in items:
        sku, price = found.get(str(item["id"]), (None, None))
        wanted = item.get("sku")
        if str(item["id"]) in found and plain(item):
            wrong += sku != wanted or value(price) != value(item.get("price_trade"))
    return {
        "rows": len(rows),
        "missing": sum(str(item["id"]) not in came for item in items),
        "duplicate": sum(n - 1 for n in came.values()),
        "wrong": wrong,
    }


def number(gid: str) -> str:
    return gid.rpartition("/")[2]


def compare_orders(kind: str, path: str, file: str) -> dict[str, int]:
    """Every order with its total, every line with its order: missing, duplicate and wrong of both together."""
    totals: dict[str, Decimal] = {}
    order_of: dict[str, str] = {}
    with Path(file).open(encoding="utf-8") as lines:
        for text in lines:
            row = json.loads(text)
            if "__parentId" in row:
                order_of[number(row["id"])] = number(row["__parentId"])
            else:
                totals[number(row["id"])] = Decimal(row["totalPriceSet"]["shopMoney"]["amount"])
    counts = Counter(order_of.values())
    root = next(Path(path).glob("data/**/warehouse"), Path(path)) if kind == "ours" else Path(path)
    with duckdb.connect() as con:
        if kind == "dlt_duckdb":
            con.execute(f"ATTACH '{root}/orders.duckdb' AS truth (READ_ONLY)")
        orders = [(number(i), total, n) for i, total, n in con.execute(ORDERS[kind].format(path=root)).fetchall()]
        found = [(number(o), number(i)) for o, i in con.execute(LINES[kind].format(path=root)).fetchall()]
    came, came_lines = Counter(i for i, *_ in orders), Counter(i for _, i in found)
    wrong = sum(i not in totals or Decimal(t) != totals[i] or n not in (None, counts[i]) for i, t, n in orders)
    return {
        "orders": len(orders),
        "lines": len(found),
        "lines in the file": len(order_of),
        "missing": len(totals.keys() - came.keys()) + len(order_of.keys() - came_lines.keys()),
        "duplicate": sum(n - 1 for n in [*came.values(), *came_lines.values()]),
        "wrong": wrong + sum(order_of.get(i) != o for o, i in found),
    }


def compare_sheet(title: str) -> dict[str, int]:
    """Orders by their id with total, note and number of lines; lines by theirs. Numbers of the sheet are doubles."""
    book = next(each for each in state("google")["spreadsheets"] if each["title"] == title)
    orders, lines = (cells(book, tab) for tab in ("Orders", "Line Items"))
    truth = {number(each["id"]): each for each in state("shopify")["orders"]}
    of_lines = {number(line["id"]): order for order, each in truth.items() for line in each["lineItems"]}
    came, came_lines = Counter(row["Order ID"] for row in orders), Counter(row["Line ID"] for row in lines)
    wrong = sum(
        Decimal(row["Total"]) != Decimal(truth[row["Order ID"]]["currentTotalPriceSet"]["shopMoney"]["amount"])
        or (row.get("Note") or None) != (truth[row["Order ID"]]["note"] or None)
        for row in orders
        if row["Order ID"] in truth
    )
    return {
        "orders": len(orders),
        "lines": len(lines),
        "missing": len(truth.keys() - came.keys()) + len(of_lines.keys() - came_lines.keys()),
        "duplicate": sum(n - 1 for n in [*came.values(), *came_lines.values()]),
        "wrong": wrong + len(came.keys() - truth.keys()) + sum(of_lines.get(row["Line ID"]) != row["Order ID"] for row in lines),
    }


def cells(book: dict[str, Any], tab: str) -> list[dict[str, Any]]:
    """The rows of a tab below its header, by header, without blank ones."""
    rows = next(each["cells"] for each in book["tabs"] if each["title"] == tab)
    plain = [[cell["value"] if isinstance(cell, dict) else cell for cell in row] for row in rows]
    return [dict(zip(plain[0], row, strict=False)) for row in plain[1:] if any(cell is not None for cell in row)]


def shown(rows: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What a read of the list shows of a SKU's prices."""
    return sorted((row["quantity"], Decimal(row["price"]), row["unit_of_measure"] or "") for row in rows)


def compare_list() -> dict[str, int]:
    """`foreign`: prices from other quantities on and units of measure, which somebody else had put there."""
    document = state("sparklayer")
    held = next(each for each in document["lists"] if each["slug"] == LIST)["prices"]
    items = [item for item in state("catsy")["items"] if plain(item)]
    missing = wrong = 0
    for item in items:
        rows = [row for row in held.get(item["sku"], []) if row["quantity"] == 1]
        missing += not rows
        wrong += bool(rows) and any(Decimal(row["price"]) != Decimal(item["price_trade"]) for row in rows)
    others = [row for rows in held.values() for row in rows]
    return {
        "rows": len(items),
        "missing": missing,
        "wrong": wrong,
        "writes": document["writes"],
        "written": sum(document["effects"].get(LIST, {}).values()),
        "foreign": sum(row["quantity"] != 1 for row in others) + sum(bool(row["unit_of_measure"]) for row in others),
    }


def match() -> dict[str, int]:
    prices = {item["sku"]: Decimal(item["price_trade"]) for item in state("catsy")["items"] if plain(item)}
    rows = (f'{json.dumps(sku)}: [{{"quantity": 1, "price": {price}}}]' for sku, price in prices.items())
    body = f'{{"set": {{"{LIST}": {{{", ".join(rows)}}}}}}}'.encode()
    urllib.request.urlopen(urllib.request.Request(f"{control()}/sparklayer/state", body, method="POST"), timeout=300)
    return {"rows": len(prices)}


if __name__ == "__main__":
    verbs: dict[str, Callable[..., dict[str, int]]] = {
        "extract": compare_extract,
        "list": compare_list,
        "match": match,
        "orders": compare_orders,
        "sheet": compare_sheet,
    }
    print(json.dumps(verbs[sys.argv[1]](*sys.argv[2:])))
