"""Sentos, a Turkish ERP: products with their stock, orders, and the few lists around them.

The vendor publishes a reference (api.sentos.com.tr/docs, v1.5); which rules are documented, seen or assumed is said in
docs/pipelines/shopify_sentos.md. Login is HTTP Basic and nothing else: no other way is tried, for each try would show the
secret once more.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from sync_pipelines.credentials import remember, secret
from sync_pipelines.progress import tell
from sync_pipelines.vendors.failures import NeverSent, Permanent, RateLimited, Reply, Transient, VendorError, shaped
from sync_pipelines.vendors.http import CallMeter, Http
from sync_pipelines.vendors.limits import JointWindows
from sync_pipelines.vendors.sentos_settings import SentosSettings

READS = (("GET", r"/.*"),)
TURKEY = timezone(timedelta(hours=3))
"""Sentos' times have no zone: they are Turkey's, which knows no summer time."""
MARGIN = 1.003
"""How much longer than the vendor's a window is for us: two clocks do not run alike."""
READINGS = 3
"""How often the products are read when rows move from page to page meanwhile."""
APPROVED, SHIPPED, CANCELLED, DELIVERED = 2, 5, 6, 99

Row = dict[str, Any]


class NotReadWhole(VendorError):
    """Rows moved from page to page at each reading: nobody can say that none is missing."""


class NotMade(Permanent):
    """The answer is a success by its status, and says that nothing was made."""


@dataclass(frozen=True)
class Page:
    """Some rows of a list, and when they were asked for, by our clock: what changed later may not be in them."""

    rows: Sequence[Row]
    asked_at: datetime
    total: int | None


class Sentos:
    """Client of one account."""

    def __init__(self, http: Http, settings: SentosSettings) -> None:
        self.http, self.settings = http, settings

    @classmethod
    def connect(
        cls, settings: SentosSettings, meter: CallMeter, writes_on: Callable[[], bool] = lambda: False, limits: Path | None = None
    ) -> Sentos:
        """`limits`: the folder whose files keep the rate windows for all processes of the account.

        Raises SettingsError or CredentialMissing when something is not set, HostRefused for an address not allowed.
        """
        key, password = secret("SENTOS_API_KEY"), secret("SENTOS_API_SECRET")
        seconds = MARGIN * settings.window_seconds

        def limits_of(call: str) -> dict[str, int]:
            own = {call: settings.same_reads} if call.startswith("GET ") else {"writes": settings.writes}
            return {"calls": settings.calls, **own}

        http = Http(
            "sentos",
            settings.base_url,
            meter=meter,
            reads=READS,
            writes_on=writes_on,
            windows=JointWindows(seconds, limits_of, None if limits is None else limits / "sentos-calls.db"),
            timeout=settings.timeout,
            deadline=settings.deadline,
            longest_wait=max(2 * seconds, 120.0),
        )
        http.authorization = basic(key, password)
        return cls(http, settings)

    def close(self) -> None:
        self.http.close()

    # --- reading ----------------------------------------------------------------------------------------------------

    def product_pages(self) -> Iterator[Page]:
        """Every product once, by id, a page at a time. The same product may come in a later page again, newer.

        Pages are cut by position: a product that is deleted meanwhile moves another one out of sight. So what came is held
        against the vendor's own count, and read again when that does not come out even. Raises NotReadWhole.
        """
        for _ in range(READINGS):
            seen: set[str] = set()
            totals: list[int | None] = []
            pages: list[Page] = []
            number = 1
            while True:
                page = self._product_page(number)
                totals.append(page.total)
                fresh = {str(row.get("id")) for row in page.rows} - seen
                seen |= fresh
                pages.append(page)
                tell("reading Sentos", len(seen), page.total, "products")
                if not fresh or len(page.rows) < self.settings.page_size:
                    break
                number += 1
            counts = [n for n in totals if n is not None]
            if not counts or (counts == sorted(counts) and counts[-1] == len(seen)):
                yield from pages
                return
        raise NotReadWhole(_moved(len(seen), "products", counts[-1]))

    def first_page(self) -> Page:
        """The first page of products. To see how an account behaves."""
        return self._product_page(1)

    def _product_page(self, number: int) -> Page:
        asked = datetime.now(UTC)
        params = {"page": number, "size": self.settings.page_size, "orderby_id": "ASC"}
        rows, total = self._get("/products", params, what=f"products, page {number}", read=_listed)
        return Page(rows, asked, total)

    def product(self, product_id: int | str) -> Row | None:
        """One product; None where there is none."""
        return self._one(f"/products/{product_id}", what=f"product {product_id}")

    def orders(self, start: datetime, end: datetime, *, by: str = "created") -> Iterator[Row]:
        """The orders that were created (or `updated`) in a stretch of time, by Sentos' clock. The same order may come again,
        newer. Raises NotReadWhole.

        The parameters go in the query and in the body, for the vendor reads the body, and what is between may drop it. As
        with products, an order that leaves the list meanwhile moves another one out of sight; then all is read again.
        """
        for _ in range(READINGS):
            seen: set[str] = set()
            totals: list[int] = []
            number = 1
            while True:
                params = {
                    f"{by}_start_date": written_time(start),
                    f"{by}_end_date": written_time(end),
                    "orderby_field": "id",
                    "orderby_direction": "ASC",
                    "page": number,
                    "size": self.settings.page_size,
                }
                rows, total = self._get("/orders", params, what=f"orders, page {number}", read=_listed, body=params)
                totals += [] if total is None else [total]
                fresh = [row for row in rows if str(row.get("id")) not in seen]
                seen |= {str(row.get("id")) for row in fresh}
                yield from fresh
                if not fresh or len(rows) < self.settings.page_size:
                    break
                number += 1
            # an order that is updated meanwhile comes in anywhere, and is listed next time: only those that leave are missed
            wanted = totals[:1] if by == "updated" else totals[-1:]
            if totals == sorted(totals) and all(len(seen) >= n for n in wanted):
                return
        raise NotReadWhole(_moved(len(seen), "orders", totals[-1]))

    def order(self, order_id: int | str) -> Row | None:
        """One order by Sentos' own number; None where there is none."""
        found = self._one(f"/orders/{order_id}", what=f"order {order_id}")
        return found["order"] if found is not None and isinstance(found.get("order"), dict) else found

    def warehouses(self) -> dict[int, str]:
        rows = self._get("/warehouses", {}, what="warehouses", read=_listed)[0]
        return {int(row["id"]): str(row.get("name") or row["id"]) for row in rows}

    def channels(self) -> dict[int, str]:
        """The channels that orders may come by."""
        rows = self._get("/sales-channels", {}, what="sales channels", read=_listed)[0]
        return {int(row["id"]): str(row.get("name") or row["id"]) for row in rows}

    # --- writing ----------------------------------------------------------------------------------------------------

    def reserve_write(self, longest: float) -> None:
        """Wait for room for a write. Raises RateLimited where that takes more than so many seconds."""
        self.http.reserve(longest, "POST", "/orders")

    def create_order(self, body: Mapping[str, Any], what: str) -> str:
        """Make an order and return Sentos' number of it. Not safe to repeat: sent once, whatever becomes of the answer.

        Raises NotMade (a success without an order), Permanent (422 with what is wrong), RateLimited, NeverSent, Transient.
        """
        found: str = self.http.request("POST", "/orders", what=what, body=dict(body), retry=self._never_done, read=_made)
        return found

    def update_order(self, order_id: str, body: Mapping[str, Any], what: str) -> None:
        """Change status, note or tracking of an order."""
        self.http.request("PUT", f"/orders/{order_id}", what=what, body=dict(body), retry=self._never_done, read=_changed)

    def _get(self, path: str, params: Mapping[str, Any], *, what: str, read: Callable[[Reply], Any], body: Any = None) -> Any:
        return self.http.request("GET", path, what=what, params=params, body=body, read=read, retry=self._again_later)

    def _one(self, path: str, *, what: str) -> Row | None:
        try:
            found: Row = self._get(path, {}, what=what, read=_object)
        except Permanent as e:
            if e.status == 404:
                return None
            raise
        return found

    def _again_later(self, error: VendorError) -> bool:
        """A read that is tried again is the same read: it takes its place in the window like any other, which paces it."""
        return isinstance(self._paced(error), Transient | RateLimited)

    def _never_done(self, error: VendorError) -> bool:
        """Failures of which it is certain that nothing was done."""
        return isinstance(self._paced(error), RateLimited | NeverSent)

    def _paced(self, error: VendorError) -> VendorError:
        """A refused call counts, too, and the vendor does not say when to come back: once the window is over."""
        if isinstance(error, RateLimited) and error.retry_after is None:
            error.retry_after = MARGIN * self.settings.window_seconds
        return error


def _moved(came: int, what: str, total: int) -> str:
    return (
        f"sentos: {came} {what} came, of {total}, and so it was {READINGS} times: rows moved from page to page meanwhile. "
        "Nothing of it is used; try again."
    )


def basic(key: str, password: str) -> str:
    """The header of a login, which is a secret, too."""
    token = base64.b64encode(f"{key}:{password}".encode()).decode()
    remember(token)
    return f"Basic {token}"


def written_time(moment: datetime) -> str:
    """A moment as Sentos writes it."""
    return moment.astimezone(TURKEY).strftime("%Y-%m-%d %H:%M:%S")


def read_time(text: str) -> datetime:
    """A moment that Sentos wrote. Raises ValueError."""
    return datetime.strptime(text[:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=TURKEY).astimezone(UTC)


_NUMBER = re.compile(r"-?\d[\d.,]*", re.ASCII)


def amount(value: Any) -> Decimal | None:
    """An amount in any of the spellings that Sentos uses; None where there is none ("" and null). Raises ValueError.

    Numbers come as they are, or as text with either decimal mark: of `.` and `,`, the last is the decimal mark, and the other
    groups thousands. `1.299.000` is neither 1299 nor 1299000 for certain, and refused.
    """
    if value is None or value == "" or isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    text = str(value).strip().replace("\u00a0", "")
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{str(value)[:40]!r} is not an amount")
    mark = max(text.rfind("."), text.rfind(","))
    whole, fraction = (text, "") if mark < 0 else (text[:mark], text[mark + 1 :])
    groups = re.split(r"[.,]", whole)
    # of a mark that comes twice, nobody can say whether the last one is for thousands, too
    unclear = (mark >= 0 and text.count(text[mark]) > 1) or ("." in whole and "," in whole)
    if unclear or any(len(g) != 3 for g in groups[1:]) or (len(groups) > 1 and len(groups[0].lstrip("-")) > 3):
        raise ValueError(f"{str(value)[:40]!r} is not an amount")
    try:
        return Decimal("".join(groups) + (f".{fraction}" if fraction else ""))
    except InvalidOperation:
        raise ValueError(f"{str(value)[:40]!r} is not an amount") from None


def identifier(value: Any) -> int:
    """An id: a number, its text, or an object that has it (`{"id": 1, "name": …}`). Raises ValueError."""
    if isinstance(value, Mapping):
        value = value.get("id")
    if isinstance(value, bool) or value is None:
        raise ValueError("there is no id")
    return int(str(value))


_shaped = shaped("sentos")


@_shaped
def _listed(reply: Reply) -> tuple[list[Row], int | None]:
    """The rows of a list, in an envelope or bare, and how many there are by the vendor's count."""
    document = reply.json()
    total = None
    if isinstance(document, dict):
        if "total_elements" in document:
            total = int(document["total_elements"])
        lists = (document.get(name) for name in ("data", "content", "items", "channels"))
        document = next((found for found in lists if isinstance(found, list)), None)
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise TypeError("no list of objects")
    return document, total


@_shaped
def _object(reply: Reply) -> Row:
    document = reply.json()
    if not isinstance(document, dict):
        raise TypeError("no object")
    for name in ("product", "data"):
        if isinstance(document.get(name), dict) and "id" not in document:
            document = document[name]
    found: Row = document
    return found


def _made(reply: Reply) -> str:
    """The number of a new order, from either of the places where it may stand."""
    document = _success(reply)
    order = document.get("order")
    number = order.get("id") if isinstance(order, dict) else document.get("id")
    if number not in (None, "", 0):
        return str(number)
    if document.get("errors"):
        raise NotMade(f"sentos: the order was not made: {_said(document)}", status=reply.status, body=reply.text)
    raise Transient(f"sentos: status {reply.status}, with neither an order nor errors: {_said(document)}", status=reply.status)


def _changed(reply: Reply) -> None:
    document = _success(reply)
    if document.get("errors"):
        raise NotMade(f"sentos: nothing was changed: {_said(document)}", status=reply.status, body=reply.text)


@_shaped
def _success(reply: Reply) -> Row:
    document = reply.json()
    if not isinstance(document, dict):
        raise TypeError("no object")
    return document


def _said(document: Mapping[str, Any]) -> str:
    """What an answer says is wrong, as far as it does."""
    errors = document.get("errors") or {}
    told = "; ".join(f"{name}: {text}" for name, text in errors.items()) if isinstance(errors, Mapping) else str(errors)
    return "; ".join(filter(None, (str(document.get("message") or ""), told))) or "no reason is given"
