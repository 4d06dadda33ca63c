"""Reading whole orders from a shop: page by page, or from the result of a bulk export. Nothing is ever cut short.

Gives orders as plain dicts, with `lineItems` and each refund's `refundLineItems` as plain, complete lists.
"""

from __future__ import annotations

import logging
import re
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, Literal

import orjson

from sync_pipelines import exact_json
from sync_pipelines.progress import tell
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import Transient
from sync_pipelines.vendors.paging import NewIds
from sync_pipelines.vendors.shopify import RUNNING, BulkFailed, Export, NoRoomForBulk, Shopify, whole_reply

log = logging.getLogger(__name__)

Order = dict[str, Any]
SortKey = Literal["CREATED_AT", "UPDATED_AT"]


class OrderVanished(Transient):
    """An order was deleted between the calls that read it: what is there of it is not whole and not used."""


NEEDED = ("id", "legacyResourceId", "name", "createdAt", "updatedAt", "lineItems", "refunds")
"""Without these an order cannot be kept: which it is, of what day, and whether it is whole."""


def lacking(order: Order) -> list[str]:
    """What of `NEEDED` did not come. Such an order is handed on as it came, and not completed."""
    return [name for name in NEEDED if order.get(name) is None]


ADOPTABLE = timedelta(hours=1)
"""How old a finished export may be that a crashed run left, to be used instead of a new one."""
REFUND_IDS = 100
"""Orders whose refund lines are asked for in one call."""


MOST_PIECES = 2**31
"""A GraphQL Int is smaller (https://spec.graphql.org/October2021/#sec-Int)."""


def flaw_of(order: Order) -> str | None:
    """Return which value of an order or its lines cannot be used, and why (see `exact_json.flaw`); None for a sound order.

    A quantity that is not a whole number of pieces is one, and is replaced by None.
    """
    found = exact_json.flaw(order)
    for at, line in enumerate(order.get("lineItems") or ()):
        flaw = exact_json.flaw(line)
        for name in ("quantity", "currentQuantity"):
            pieces = line.get(name)
            if pieces is not None and not (isinstance(pieces, int) and 0 <= pieces < MOST_PIECES):
                line[name], flaw = None, f"{name}: not a number of pieces"
        if flaw and not found:
            found = f"lineItems[{at}].{flaw}"
    return found


def paged(client: Shopify, search: str, sort: SortKey, *, page_size: int, lines: int) -> Iterator[list[Order]]:
    """Pages of whole orders that a search finds, in the order of the sort key.

    Lines that do not fit into the page are fetched order by order; refund lines only where there are refunds.
    """
    after: str | None = None
    seen = NewIds(f"shopify: orders {search}")
    while True:
        variables = {"first": page_size, "after": after, "filter": search, "sort": sort, "lines": lines}
        what = f"orders {search}"
        data = client.call(documents.ORDERS, variables, what=what)
        with whole_reply(what):
            page = data["orders"]
            orders = page["nodes"]
            complete = [order for order in orders if not lacking(order)]
            for order in complete:
                order["lineItems"] = _all_lines(client, order)
            add_refund_lines(client, complete)
            more, after = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
        yield orders
        if not more:
            return
        seen.page(f"{order.get('id')} {order.get('updatedAt')}" for order in orders)  # one that is edited comes again


def _all_lines(client: Shopify, order: Order) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = order["lineItems"]["nodes"]
    info = order["lineItems"]["pageInfo"]
    seen = NewIds(f"shopify: lines of {order['name']}", (line["id"] for line in lines))
    while info["hasNextPage"]:
        variables = {"id": order["id"], "after": info["endCursor"]}
        more = client.call(documents.ORDER_LINES, variables, what=f"more lines of {order['name']}")["order"]
        if more is None:
            raise OrderVanished(f"shopify: {order['name']} vanished while its lines were read")
        lines += more["lineItems"]["nodes"]
        info = more["lineItems"]["pageInfo"]
        if info["hasNextPage"]:
            seen.page(line["id"] for line in more["lineItems"]["nodes"])
    return lines


def add_refund_lines(client: Shopify, orders: Sequence[Order]) -> None:
    """Give every refund of these orders its lines. An order refunded again meanwhile gets the refunds as they are now."""
    refunded = [order for order in orders if order.get("refunds")]
    for start in range(0, len(refunded), REFUND_IDS):
        part = refunded[start : start + REFUND_IDS]
        what = f"refunds of {len(part)} orders"
        nodes = client.call(documents.REFUND_LINES, {"ids": [o["id"] for o in part]}, what=what)
        with whole_reply(what):
            found = {node["id"]: node["refunds"] for node in nodes["nodes"] if node}
            for order in part:
                lines = {r["id"]: _all_refund_lines(client, r) for r in found.get(order["id"], ())}
                for refund in order["refunds"]:
                    if refund["id"] not in lines:
                        raise OrderVanished(f"shopify: refund {refund['id']} vanished while {order['name']} was read")
                    refund["refundLineItems"] = lines[refund["id"]]


def _all_refund_lines(client: Shopify, refund: dict[str, Any]) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = refund["refundLineItems"]["nodes"]
    info = refund["refundLineItems"]["pageInfo"]
    cursors = NewIds(f"shopify: lines of refund {refund['id']}")
    while info["hasNextPage"]:
        cursors.page([info["endCursor"]])
        variables = {"id": refund["id"], "after": info["endCursor"]}
        more = client.call(documents.MORE_REFUND_LINES, variables, what=f"more lines of refund {refund['id']}")["refund"]
        if more is None:
            raise OrderVanished(f"shopify: refund {refund['id']} vanished while its lines were read")
        lines += more["refundLineItems"]["nodes"]
        info = more["refundLineItems"]["pageInfo"]
    return lines


# --- bulk exports -----------------------------------------------------------------------------------------------------


def finished_export(
    client: Shopify,
    inner: str,
    *,
    left_behind: Sequence[str],
    remember: Callable[[str], None],
    poll: float,
    patience: float,
    room: float = 300.0,
) -> Export:
    """A bulk export of what a query (`inner`) asks for, waited for.

    left_behind: exports that runs which are no more had started. One of them that asks for just this is taken over, done
    or not; the others are cancelled. So is taken over what runs with this very query, whoever started it. `remember` is
    given the id before it is waited for. Raises BulkFailed (FAILED, CANCELED, EXPIRED, or not done within `patience`
    seconds; what such an export left is never used), NoRoomForBulk (none within `room` seconds), Permanent.
    """
    until = time.monotonic() + patience
    export = _taken_over(client, inner, left_behind)
    while export is None:
        try:
            export = client.start_export(inner)
        except NoRoomForBulk:
            if time.monotonic() + poll > until - patience + min(room, patience):
                raise
            log.info("shopify: no room for another bulk operation; waiting")
            client.sleep(poll)
    remember(export.id)
    while export.status in RUNNING:
        if time.monotonic() + poll > until:
            client.cancel_export(export.id)
            raise BulkFailed(f"shopify: bulk export {export.id} was not done after {patience / 60:.0f} minutes; cancelled")
        client.sleep(poll)
        export = client.export(export.id)
        log.info("shopify: bulk export %s: %d objects", export.status.lower(), export.objects)
        tell("bulk export of the shop", export.objects, unit="objects")
    if export.status != "COMPLETED":
        raise BulkFailed(f"shopify: bulk export {export.id} ended {export.status} {export.error}. Nothing of it is used.")
    return export


def _taken_over(client: Shopify, inner: str, left_behind: Sequence[str]) -> Export | None:
    mine: Export | None = None
    for export_id in left_behind:
        with suppress(BulkFailed):  # the shop has forgotten it: nothing to take over, nothing to cancel
            export = client.export(export_id)
            done = export.status == "COMPLETED" and export.age < ADOPTABLE
            if export.query == inner and (done or export.status in ("CREATED", "RUNNING")):
                mine = export
            elif export.status in ("CREATED", "RUNNING"):
                client.cancel_export(export_id)
    if mine is None:
        mine = client.export_running(inner)
    if mine is not None:
        log.info("shopify: taking over bulk export %s (%s)", mine.id, mine.status.lower())
    return mine


_HEAD = re.compile(rb'^\{"id":"gid:\\?/\\?/shopify\\?/Order\\?/(\d+)","createdAt":"([^"]+)"')
_PARENT = re.compile(rb'"__parentId"\s*:\s*"gid:\\?/\\?/shopify\\?/Order\\?/(\d+)"')

UNDATED = ""
"""The label of orders that came without `createdAt`."""
BUFFER = 4 << 20
"""Bytes of sorted lines in memory before they go to their files."""
AT_ONCE = 4 << 20
"""Bytes of one file that are put together at a time; a larger one is first cut by order."""


class SortedExport:
    """A bulk result sorted into one file per label (a day) as it streams in, and orders put together from each.

    Lines may come far from their order (https://shopify.dev/docs/api/usage/bulk-operations/queries: join on `__parentId`);
    an order always comes before its lines. Memory is flat: 12 bytes an order, two buffers.
    """

    def __init__(self, folder: Path, label: Callable[[str], str]) -> None:
        """`label`: the label of an order by its createdAt, the same for the same text."""
        self.folder, self._label = folder, label
        self._ids, self._labels_of = array("q"), array("l")
        self._late: dict[int, int] = {}
        """Orders that came out of the order of their ids, and their labels."""
        self._labels: dict[str, int] = {}
        self._waiting: dict[int, list[bytes]] = {}
        self._bytes = 0

    def take(self, lines: Iterator[bytes], export: Export) -> None:
        """Sort the lines of a result. Raises Transient when it is not the whole of it."""
        objects = orders = 0
        for line in lines:
            if not line:
                continue
            objects += 1
            parent = _PARENT.search(line)
            if parent is None:
                orders += 1
                number, created = _head(line)
                label = self._labels.setdefault(self._label(created) if created else UNDATED, len(self._labels))
                self._note(number, label)
            else:
                label = self._label_of(int(parent[1]))
            self._waiting.setdefault(label, []).append(line)
            self._bytes += len(line)
            if self._bytes > BUFFER:
                self._spill()
        self._spill()
        if (objects, orders) != (export.objects, export.orders):
            raise Transient(
                f"shopify: bulk export {export.id} has {export.objects} objects and {export.orders} orders; "
                f"{objects} and {orders} arrived"
            )

    @property
    def labels(self) -> list[str]:
        return sorted(self._labels)

    def orders(self, label: str) -> Iterator[Order]:
        """The whole orders of a label, refund lines not yet among them."""
        if label not in self._labels:
            return
        for path in self._parts(self._path(self._labels[label])):
            yield from _assembled(path)

    def _note(self, number: int, label: int) -> None:
        if not self._ids or number > self._ids[-1]:
            self._ids.append(number)
            self._labels_of.append(label)
        else:
            self._late[number] = label

    def _label_of(self, number: int) -> int:
        place = bisect_left(self._ids, number)
        if place < len(self._ids) and self._ids[place] == number:
            return self._labels_of[place]
        try:
            return self._late[number]
        except KeyError:
            raise Transient(f"shopify: a line of order {number} came, and the order itself did not") from None

    def _path(self, label: int) -> Path:
        return self.folder / f"{label:05}.jsonl"

    def _spill(self) -> None:
        for label, lines in self._waiting.items():
            with self._path(label).open("ab") as file:
                _write(file, lines)
        self._waiting.clear()
        self._bytes = 0

    def _parts(self, path: Path) -> Iterator[Path]:
        """The file, or several that each hold some of its orders whole."""
        cuts = path.stat().st_size // AT_ONCE + 1
        if cuts == 1:
            yield path
            return
        parts = [path.with_suffix(f".{n}") for n in range(cuts)]
        with _open_all(parts) as files, path.open("rb") as lines:
            for line in lines:
                parent = _PARENT.search(line)
                number = int(parent[1]) if parent else _head(line)[0]
                files[hash(number) % cuts].write(line)
        yield from parts


def _head(line: bytes) -> tuple[int, str]:
    """Number and createdAt of an order's line, without parsing it where it looks as usual."""
    usual = _HEAD.match(line)
    if usual:
        return int(usual[1]), usual[2].decode()
    order = _parsed(line)
    with whole_reply("a line of the bulk result"):
        return int(str(order["id"]).rsplit("/", 1)[1]), str(order.get("createdAt") or "")


def _parsed(line: bytes) -> dict[str, Any]:
    found: dict[str, Any]
    try:
        found = orjson.loads(line)
    except ValueError:
        try:
            found = exact_json.read(line.decode())
        except (ValueError, RecursionError) as e:
            raise Transient(f"shopify: a line of the bulk result is not JSON: {e}") from e
    return found


def _assembled(path: Path) -> Iterator[Order]:
    orders: dict[str, Order] = {}
    with path.open("rb") as lines:
        for line in lines:
            found = _parsed(line)
            parent = found.pop("__parentId", None)
            if parent is None:
                found["lineItems"] = []
                orders[found["id"]] = found
            else:
                orders[parent]["lineItems"].append(found)
    yield from orders.values()


def _write(file: BinaryIO, lines: Sequence[bytes]) -> None:
    file.write(b"\n".join(lines) + b"\n")


@contextmanager
def _open_all(paths: Sequence[Path]) -> Iterator[list[BinaryIO]]:
    files: list[BinaryIO] = [path.open("wb") for path in paths]
    try:
        yield files
    finally:
        for file in files:
            file.close()
