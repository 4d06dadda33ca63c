"""Lightspeed Retail X-Series: lists that are read by the version of their rows, stock, and the lines of consignments.

The vendor publishes its rules at x-series-api.lightspeedhq.com; which of them are documented, seen or assumed is said in
docs/pipelines/lightspeed_retail.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sync_pipelines import exact_json
from sync_pipelines.vendors.failures import NeverSent, Permanent, RateLimited, Reply, VendorError, shaped
from sync_pipelines.vendors.http import CallMeter, Http
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
from sync_pipelines.vendors.lightspeed_token import token_of
from sync_pipelines.vendors.paging import GoesInCircles, Page

READS = (("GET", r"/.*"), ("POST", r"/[^/]+/inventory"), ("POST", r"/[^/]+/inventory_levels"))
MARGIN = 1.015
"""How much longer than the vendor's a window is for us: a call counts there when it arrives, and some arrive faster."""

Row = dict[str, Any]
Rows = tuple[list[Row], int | None]
"""The rows of a page, and the highest version that the vendor names of them."""
Fetch = Callable[[int, int], Rows]
"""Asks for the rows after a version, so many at most."""


class NoCursor(VendorError):
    """A page says nowhere where the next one begins: it can be neither the end nor gone on from."""


@dataclass(frozen=True)
class Collection:
    """A list of the vendor. scope: what a token needs to read it. params: what is asked with every page."""

    name: str
    path: str
    scope: str
    params: Mapping[str, Any] = field(default_factory=dict)


_WITH_DELETED = {"deleted": "true"}
COLLECTIONS: Mapping[str, Collection] = {
    c.name: c
    for c in (
        Collection("suppliers", "/suppliers", "suppliers:read", _WITH_DELETED),
        Collection("products", "/products", "products:read", _WITH_DELETED),
        Collection("brands", "/brands", "products:read", _WITH_DELETED),
        Collection("tags", "/tags", "products:read", _WITH_DELETED),
        Collection("product_types", "/product_types", "products:read", _WITH_DELETED),
        Collection("categories", "/product_categories", "products:read"),
        Collection("variant_attributes", "/variant_attributes", "products:read", _WITH_DELETED),
        Collection("inventory", "/inventory", "inventory:read"),
        Collection("consignments", "/consignments", "consignments:read"),
        Collection("sales", "/sales", "sales:read"),
        Collection("outlets", "/outlets", "outlets:read", _WITH_DELETED),
        Collection("registers", "/registers", "registers:read", _WITH_DELETED),
        Collection("taxes", "/taxes", "taxes:read"),
        Collection("users", "/users", "users:read"),
        Collection("payment_types", "/payment_types", "payment_types:read", _WITH_DELETED),
    )
}


class Lightspeed:
    """Client of one store."""

    def __init__(self, http: Http, settings: LightspeedSettings) -> None:
        self.http, self.settings = http, settings
        self._login = token_of(settings, http)
        self._limit = settings.calls

    @classmethod
    def connect(
        cls,
        settings: LightspeedSettings,
        meter: CallMeter,
        writes_on: Callable[[], bool] = lambda: False,
        limits: Path | None = None,
    ) -> Lightspeed:
        """`limits`: the folder whose files keep the rate windows for all processes of the store.

        Raises SettingsError or CredentialMissing when something is not set, HostRefused for an address not allowed.
        """
        seconds = MARGIN * settings.window_seconds
        http = Http(
            "lightspeed",
            f"{settings.base_url}/api",
            meter=meter,
            reads=READS,
            writes_on=writes_on,
            rates=((settings.calls, seconds),),
            limits_file=limits and limits / "lightspeed.db",
            timeout=settings.timeout,
            deadline=settings.deadline,
            longest_wait=max(2 * seconds, 120.0),
        )
        return cls(http, settings)

    def close(self) -> None:
        self.http.close()

    # --- lists --------------------------------------------------------------------------------------------------------

    def changed(self, name: str, after: int) -> Iterator[Page]:
        """Every row of a collection that changed after a version; all of them after 0. Deleted ones, too.

        Raises NoCursor, GoesInCircles, and what `Http.request` raises.
        """
        collection = COLLECTIONS[name]
        if name == "inventory" and self.settings.stock_by_post:
            return walk(self._stock, after, f"lightspeed: {name}", self.settings.stock_page_size, self.settings.stock_page_size)
        return walk(
            lambda after, size: self._listed(collection, after, size),
            after,
            f"lightspeed: {name}",
            self.settings.page_size,
            self.settings.largest_page,
        )

    def whole(self, name: str) -> Iterator[Page]:
        """Every row of a collection that has no versions."""
        if name == "categories":
            return self._categories()
        collection, size = COLLECTIONS[name], self.settings.largest_page

        def fetch(after: int, size: int) -> Rows:
            return self._listed(collection, after, size)

        return walk(fetch, 0, f"lightspeed: {name}", size, size, versions=False)

    def consignment_lines(self, consignment_id: str) -> list[Row]:
        """All lines of one consignment. They have no key of their own, and one product may stand there several times."""

        def fetch(after: int, size: int) -> Rows:
            params = {"after": after, "page_size": size}
            what = f"lines of consignment {consignment_id}"
            found: Rows = self._get(f"/consignments/{consignment_id}/products", params, what, "consignments:read", _rows)
            return found

        size = self.settings.largest_page
        pages = list(walk(fetch, 0, f"lightspeed: lines of consignment {consignment_id}", size, size, versions=False))
        if gap := next((page.gap for page in pages if page.gap), ""):
            raise NoCursor(gap)
        return [row for page in pages for row in page.rows]

    def retailer(self) -> Row:
        """The store itself: name, currency, time zone, and whether its prices are without tax."""
        found: Row = self._get("/retailer", {}, "the store", "retailer:read", one)
        return found

    def may_read(self, name: str) -> bool:
        """Return whether the token has the scope for a collection, or for the `retailer`."""
        try:
            if name == "retailer":
                self.retailer()
            elif name == "categories":
                next(self._categories())
            elif name == "inventory" and self.settings.stock_by_post:
                self._stock(0, 1)
            else:
                self._listed(COLLECTIONS[name], 0, 1)
        except Permanent as e:
            if e.status != 403:
                raise
            return False
        return True

    def _listed(self, collection: Collection, after: int, size: int) -> Rows:
        params: dict[str, Any] = {**collection.params, "after": after, "page_size": size}
        read = _rows
        if collection.name == "products" and self.settings.by_families:
            params["includes[]"], read = ["families", "variant_attributes"], _products_of_families
        found: Rows = self._get(collection.path, params, f"{collection.name} after version {after}", collection.scope, read)
        return found

    def _stock(self, after: int, size: int) -> Rows:
        body = {"after": after, "size": size, "sort_direction": "asc", "include_deleted": True}
        found: Rows = self.call("POST", "/inventory", f"stock after version {after}", "inventory:read", _rows, body=body)
        return found

    def _categories(self) -> Iterator[Page]:
        """Categories come by their paths; the cursor is an id."""
        collection, last, seen = COLLECTIONS["categories"], "", set[str]()
        while True:
            params = {"page_size": self.settings.largest_page} | ({"after": last} if last else {})
            rows, more = self._get(collection.path, params, f"categories after {last or 'none'}", collection.scope, _categories)
            fresh = [row for row in rows if row["id"] not in seen]
            seen |= {row["id"] for row in fresh}
            yield Page(fresh)
            if not more:
                return
            if not fresh or more == last:
                raise GoesInCircles(
                    f"lightspeed: categories: a page brought nothing new after {len(seen)}, and more were to follow"
                )
            last = more

    # --- calls --------------------------------------------------------------------------------------------------------

    def _get(self, path: str, params: Mapping[str, Any], what: str, scope: str, read: Callable[[Reply], Any]) -> Any:
        return self.call("GET", path, what, scope, read, params=params)

    def reserve_write(self, longest: float) -> None:
        """Wait for room for a write. Raises RateLimited where that takes more than so many seconds."""
        self.http.reserve(longest)

    def write(
        self,
        method: str,
        path: str,
        body: Any,
        *,
        what: str,
        scope: str,
        read: Callable[[Reply], Any] | None = None,
        version: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a change once, and once more only where it is certain that nothing was done.

        Raises Permanent (at 403 with the scope that is needed), RateLimited, NeverSent; Transient where nobody knows its effect.
        """
        return self.call(method, path, what, scope, read or _taken, version=version, headers=headers, body=body, retry=never_done)

    def call(
        self,
        method: str,
        path: str,
        what: str,
        scope: str,
        read: Callable[[Reply], Any],
        *,
        version: str = "",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Any:
        """Make a call. scope: what the token needs for it. version: of the API, where it is not that of the settings."""

        def answered(reply: Reply) -> Any:
            self._count_as_the_store_does(reply)
            return read(reply)

        def send(token: str) -> Any:
            sent = {"Authorization": f"Bearer {token}", **(headers or {})}
            in_version = f"/{version or self.settings.api_version}{path}"
            return self.http.request(method, in_version, what=what, headers=sent, read=answered, **more)

        try:
            return self._login.call(send)
        except Permanent as e:
            if e.status == 403:
                raise Permanent(f"{e} The token needs the scope {scope}.", status=403, body=e.body) from e
            raise

    def _count_as_the_store_does(self, reply: Reply) -> None:
        """Calls are limited by the number of registers; each answer says the limit."""
        said = next((value for name, value in reply.headers.items() if name.lower() == "x-ratelimit-limit"), "")
        if said.isdecimal() and int(said) not in (0, self._limit):
            self._limit = int(said)
            self.http.limit_to([(self._limit, MARGIN * self.settings.window_seconds)])


def walk(fetch: Fetch, after: int, what: str, size: int, largest: int, *, versions: bool = True) -> Iterator[Page]:
    """Read a list by the versions of its rows, from the one after `after` on, to its end.

    Only an empty page is the end: a short one is not. Rows may share a version, and a page may end between them; so each page
    is asked for from one version earlier, and what is known already is left out. Where more rows share a version than a page
    holds, pages become larger, up to `largest`; beyond that, a gap is told.

    versions: that each row, or its page, has one. Without, a list that shows none has to fit into one page.
    Raises NoCursor for a page from which there is no way on, GoesInCircles for pages that do not go forward.
    """
    top, back, ask, known, overlaps = after, 0, min(size + 1, largest), Counter[str](), versions
    while True:
        rows, named = fetch(top - back, ask)
        reached = max([named or 0, *map(version_of, rows)])
        if rows and not reached:
            yield _unversioned(rows, ask, what, versions=versions)
            return
        fresh = _without(known, [row for row in rows if version_of(row) >= top or not version_of(row)])
        lowest = min((version for row in rows if (version := version_of(row))), default=reached)
        ignored = lowest < top - back and len(rows) >= ask  # of a list that fits into a page, that does no harm
        if (fresh and reached < top) or (rows and (reached < top - back or ignored)):
            raise GoesInCircles(f"{what}: a page after version {top - back} brought rows of {lowest}. It is not used.")
        if fresh:
            at_top = Counter(_mark(row) for row in rows if version_of(row) in (0, reached))
            known = known | at_top if reached == top else at_top
            overlaps = overlaps or len({version_of(row) for row in rows}) < len(rows)
            top, back = reached, int(overlaps)
            yield Page(fresh, top - 1)
        elif not back:  # nothing, or what the vendor counts in that we asked to go on after
            yield Page((), top or None)
            return
        elif len(rows) == ask < largest:
            ask = largest
        else:
            if len(rows) == ask:  # a longer page was not cut
                yield Page(
                    (), None, f"{what}: more than {len(rows) - 1} rows share version {top}; what is beyond them was not read"
                )
            back = 0


def _without(known: Counter[str], rows: Sequence[Row]) -> list[Row]:
    """The rows that are not known yet, each as often as it came more often than it is known."""
    left, fresh = known.copy(), list[Row]()
    for row in rows:
        mark = _mark(row)
        if left[mark]:
            left[mark] -= 1
        else:
            fresh.append(row)
    return fresh


def _unversioned(rows: Sequence[Row], ask: int, what: str, *, versions: bool) -> Page:
    """The one page of a list that shows no versions."""
    if versions:
        raise NoCursor(f"{what}: neither the rows nor the page say their version, so that nobody knows where to go on.")
    if len(rows) >= ask:
        raise NoCursor(f"{what}: {len(rows)} rows came, as many as a page holds, and nothing says whether there are more.")
    return Page(rows)


def version_of(row: Row) -> int:
    """The vendor's version of a row; 0 where it shows none."""
    found = row.get("version") if isinstance(row, dict) else None
    if found is None and isinstance(row, dict) and isinstance(row.get("_metadata"), dict):
        found = row["_metadata"].get("version")
    return int(found) if isinstance(found, int) or (isinstance(found, str) and found.isdecimal()) else 0


def _mark(row: Row) -> str:
    """What tells a row from the others of its version: its id; of one without version or id, all that is in it."""
    own, version = (row.get("id"), version_of(row)) if isinstance(row, dict) else (None, 0)
    return f"{own} {version}" if own and version else exact_json.dumps(row)


@shaped("lightspeed")
def rows_of(reply: Reply) -> list[Row]:
    """The rows of a list that is read in one page."""
    return _rows_of(reply.json())[0]


@shaped("lightspeed")
def _rows(reply: Reply) -> Rows:
    """The rows of a list and the highest version named of them; some lists are bare arrays."""
    return _rows_of(reply.json())


def _rows_of(document: Any) -> Rows:
    if isinstance(document, list):
        return document, None
    rows = document["data"]
    if not isinstance(rows, list):
        raise TypeError("no list")
    named = (document.get("version") or {}).get("max")
    return rows, None if named is None else int(named)


@shaped("lightspeed")
def _products_of_families(reply: Reply) -> Rows:
    """Products as they are from 2026-10 on, each with its `family`, and with its options as earlier versions show them."""
    document = reply.json()
    rows, named = _rows_of(document)
    included = document.get("includes") or {}
    families = {each["id"]: each for each in included.get("families") or ()}
    names = {each["id"]: each["name"] for each in included.get("variant_attributes") or ()}
    for row in rows:
        row["family"] = family = families.get(row.get("family_id")) or {}
        options = zip(family.get("variant_attribute_ids") or (), row.get("variant_attributes") or (), strict=False)
        row["variant_options"] = [{"id": each, "name": names.get(each), "value": value} for each, value in options]
    return rows, named


@shaped("lightspeed")
def _categories(reply: Reply) -> tuple[list[Row], str]:
    """Categories, and the id to go on after, "" at the end; public clients found them one level deeper than is published."""
    document = reply.json()
    inner = document["data"]
    while "categories" not in inner:
        inner = inner["data"]
    info: Mapping[str, Any] = next((part["page_info"] for part in (inner, document["data"], document) if "page_info" in part), {})
    more = str(info["last_seen"]) if info.get("has_next") else ""
    return list(inner["categories"]), more


@shaped("lightspeed")
def one(reply: Reply) -> Row:
    document = reply.json()
    found = document.get("data", document)
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found


def _taken(reply: Reply) -> None:
    """A change that is answered with nothing, or with any JSON. What else comes with a good status is no answer of the vendor:
    raises Transient."""
    if reply.text.strip():
        reply.json()


def never_done(error: VendorError) -> bool:
    """Whether it is certain that a call that failed had no effect."""
    return isinstance(error, RateLimited | NeverSent)


def read_time(text: str) -> datetime:
    """A time as the vendor writes it; UTC where it names no zone. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
