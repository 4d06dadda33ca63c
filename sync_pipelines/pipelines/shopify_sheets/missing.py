"""Gaps in the order numbers: what each of them is. Looked up once, the explanation kept."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, cast

from sync_pipelines.delivery import notes
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.duck import reading
from sync_pipelines.pipelines.shopify_sheets.layout import Layout
from sync_pipelines.pipelines.shopify_store.change_reader import ChangeReader
from sync_pipelines.pipelines.shopify_store.days import day_of, instant
from sync_pipelines.pipelines.shopify_store.order_versions import quoted
from sync_pipelines.pipelines.shopify_store.store import Store
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.shopify import whole_reply
from sync_pipelines.warehouse.snapshots import Published

Kind = Literal["fetched now", "deleted", "test", "not ours"]
_NAME = re.compile(r"(\D*)(\d+)(\D*)")
MOST = 5_000
"""Gaps looked up in one go; the rest waits for the next time."""


@dataclass(frozen=True)
class Gap:
    """A number without a row, and why. Numbers of an order are given by the shop and may be skipped: a gap is no error."""

    name: str
    what: Kind
    told: str


def names_of(rows: Published) -> dict[str, tuple[date, bool]]:
    """Day and test mark of every order that we have, by its name."""
    with reading() as con:
        found = con.execute(f"SELECT name, day, test FROM read_parquet({quoted(rows.path)}) WHERE NOT gone").fetchall()
    return {name: (day, test) for name, day, test in found}


def gaps(names: Mapping[str, tuple[date, bool]], first: date) -> tuple[list[str], list[Gap]]:
    """Names that nobody has, between the lowest and the highest of the orders since `first`; and those that we do have
    and that are not meant for the sheet. Names that do not follow the shop's pattern (prefix, number, suffix) are left out."""
    parts = {name: m.groups() for name in names if (m := _NAME.fullmatch(name))}
    if not parts:
        return [], []
    (prefix, suffix), _ = Counter((p, s) for p, _, s in parts.values()).most_common(1)[0]
    numbers = {int(n): name for name, (p, n, s) in parts.items() if (p, s) == (prefix, suffix)}
    shown = [n for n, name in numbers.items() if names[name][0] >= first]
    if not shown:
        return [], []
    unknown = [f"{prefix}{n}{suffix}" for n in range(min(shown), max(shown)) if n not in numbers]
    tests = [
        Gap(name, "test", "a test order")
        for n, name in sorted(numbers.items())
        if names[name][1] and min(shown) <= n <= max(shown)
    ]
    return unknown, tests


def find_orders(keys: set[str], layout: Layout, store: Store) -> None:
    """Read orders that we never had, by their keys in the sheet, into the log, as far as the shop still has them."""
    digits = sorted({m[0] for key in keys if (m := re.search(r"\d+", key))})
    if layout.orders.by_header[layout.orders.key].source == "id":
        ChangeReader(store).read_orders([int(n) for n in digits])
        return
    found = _by_name(store, [f"#{n}" for n in digits])
    ChangeReader(store).read_orders([int(order["legacyResourceId"]) for order in found.values() if order])


def _by_name(store: Store, names: Sequence[str]) -> dict[str, dict[str, Any] | None]:
    """What the shop has under each of these names."""
    found: dict[str, dict[str, Any] | None] = {}
    for start in range(0, len(names), documents.MANY):
        part = names[start : start + documents.MANY]
        filters = {f"f{i}": f"name:'{name}'" for i, name in enumerate(part)}
        what = f"{len(part)} orders by name"
        data = store.client.call(documents.orders_by_name(len(part)), filters, what=what)
        with whole_reply(what):
            for i, name in enumerate(part):
                found[name] = next((o for o in data[f"o{i}"]["nodes"] if o["name"] == name), None)
    return found


def explain(unknown: Sequence[str], store: Store, ledger: Ledger, first: date) -> list[Gap]:
    """What each of these names is. Asks the shop for those never asked for; an order that turns up is read at once."""
    known = {
        name: Gap(name, cast(Kind, why.what), why.text) for name, why in notes.explanations(ledger, store.settings.shop).items()
    }
    asked = [name for name in unknown if name not in known][:MOST]
    found: dict[str, Gap] = {}
    fetch: list[int] = []
    for name, order in _by_name(store, asked).items():
        if order is None:
            found[name] = Gap(name, "deleted", "the shop has no such order: deleted, or its number was never used")
        elif order["test"]:
            found[name] = Gap(name, "test", "a test order")
        elif day_of(instant(order["createdAt"]), store.zone) < first:
            found[name] = Gap(name, "not ours", f"created {order['createdAt']}, before the sheet begins ({first})")
        else:
            fetch.append(int(order["legacyResourceId"]))
            found[name] = Gap(name, "fetched now", "it was missing here; read now, written by the next sync")
    ChangeReader(store).read_orders(fetch)
    lasting = [notes.Explanation(gap.name, gap.what, gap.told) for gap in found.values() if gap.what != "fetched now"]
    notes.note_explanations(ledger, store.settings.shop, lasting)
    return [found.get(name) or known[name] for name in unknown if name in found or name in known]
