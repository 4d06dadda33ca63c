"""Plytix, the PIM: products, their families, and the links between them. API v1.

Source of the rules: apidocs.plytix.com, and what public clients met (docs/pipelines/amazon_plytix.md has both).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sync_pipelines import exact_json
from sync_pipelines.credentials import secret
from sync_pipelines.vendors.failures import NeverSent, Permanent, Reply, VendorError, shaped
from sync_pipelines.vendors.http import CallMeter, Http
from sync_pipelines.vendors.paging import NewIds
from sync_pipelines.vendors.plytix_settings import PlytixSettings
from sync_pipelines.vendors.tokens import Login

READS = (("GET", r"/.*"), ("POST", r"/(products|product_families|relationships|attributes/product)/search"))
BY_SKU = 100
"""SKUs in one search."""
READINGS = 3
FIRST_DAY = date(2012, 1, 1)
"""No account is older than the vendor."""

Filter = dict[str, Any]


class ReadingFailed(VendorError):
    """The products moved while they were read, time and again: what came is not all of them."""


@dataclass(frozen=True)
class Product:
    """A product as a search shows it. `related`: ids of the products it is linked with, by the relationship's label. problem:
    which value of it cannot be used, and why."""

    id: str
    sku: str
    label: str | None = None
    gtin: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    related: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True)
class Attribute:
    """What an account says of one of its attributes. `options` of a dropdown: exactly these, and in this case."""

    id: str
    label: str
    type: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Named:
    """A family or a relationship. `label`: of a relationship, its name in searches."""

    id: str
    name: str
    label: str = ""


class Plytix:
    """Client of one account."""

    def __init__(self, http: Http, auth: Http, settings: PlytixSettings, key: str, password: str) -> None:
        self.http, self.auth, self.settings = http, auth, settings
        self._credentials = {"api_key": key, "api_password": password}
        self._login = Login(self._fetch_token)
        self.takes_lists = settings.search_by_list
        """Whether a search for SKUs takes a list of them; found out when it does not."""

    @classmethod
    def connect(
        cls, settings: PlytixSettings, meter: CallMeter, writes_on: Callable[[], bool] = lambda: False, limits: Path | None = None
    ) -> Plytix:
        """`limits`: the folder whose files keep the rate windows for all processes of an account.

        Raises SettingsError or CredentialMissing when something is not set, HostRefused for an address not allowed.
        """
        parts = urlsplit(settings.auth_url)
        http = Http(
            "plytix",
            settings.url,
            meter=meter,
            reads=READS,
            writes_on=writes_on,
            rates=settings.rates,
            limits_file=None if limits is None else limits / f"plytix-{settings.alias}.db",
            timeout=settings.timeout,
            deadline=settings.deadline + settings.longest_wait,
            longest_wait=settings.longest_wait,
        )
        auth = Http(
            "plytix",
            f"{parts.scheme}://{parts.netloc}",
            meter=meter,
            reads=(("POST", parts.path),),
            timeout=settings.timeout,
            deadline=settings.deadline + settings.longest_wait,
            longest_wait=settings.longest_wait,
        )
        return cls(http, auth, settings, *(secret(*names) for names in settings.secrets))

    def close(self) -> None:
        self.http.close()
        self.auth.close()

    def login(self) -> None:
        """Get a token now. Raises Permanent when the credentials are refused."""
        self._login.renew()

    # --- what is there ----------------------------------------------------------------------------------------------

    def products_by_sku(self, skus: Sequence[str], columns: Sequence[str]) -> Iterator[Product]:
        """Those of these products that there are: one call for 100 SKUs. SKUs are compared exactly, unlike a search does."""
        left = iter(dict.fromkeys(skus))
        while part := list(islice(left, BY_SKU)):
            missing, page, more = set(part), 1, True
            while missing and more:
                rows = self._by_sku(part, columns, page)
                more, page = len(rows) == self.settings.page_size, page + 1
                for product in rows:
                    if product.sku in missing:
                        missing.discard(product.sku)
                        yield product

    def _by_sku(self, skus: Sequence[str], columns: Sequence[str], page: int) -> list[Product]:
        what = f"{len(skus)} products from {skus[0]} on"
        if self.takes_lists:
            try:
                return self._page(
                    [[{"field": "sku", "operator": "in", "value": list(skus)}]], columns, what, page=page, order="sku"
                )[0]
            except Permanent as e:
                if e.status != 422 or not any("operator" in f"{p.field} {p.reason}".lower() for p in problems(e.body)):
                    raise
                self.takes_lists = False  # this account wants them one by one, in one call all the same
        one_by_one = [[{"field": "sku", "operator": "eq", "value": sku}] for sku in skus]
        return self._page(one_by_one, columns, what, page=page, order="sku")[0]

    def products(self, filters: Sequence[Filter], columns: Sequence[str]) -> Iterator[Product]:
        """Every product that all these filters let through, each once.

        More than 10,000 matches are not given in order (428): they are read in slices, by the day they were made. What came
        is held against the vendor's count. Raises ReadingFailed when that does not come out right, reading after reading.
        """
        seen: set[str] = set()
        days: list[tuple[date | None, date | None]] = [(None, None)]
        while days:
            first, last = days.pop()
            try:
                found = self._in_order(filters, first, last, columns)
            except Permanent as e:
                if e.status != 428:
                    raise
                if first is None or first != last:
                    days += _halves(first, last)
                    continue
                found = self._in_any_order(filters, first, columns)
            for product in found:
                if product.id not in seen:
                    seen.add(product.id)
                    yield product

    def count(self, filters: Sequence[Filter]) -> int | None:
        """How many products there are, by the vendor's count. Good for an estimate."""
        return self._page([list(filters)], (), "how many products there are", page=1, size=1)[1]

    def look(self, filters: Sequence[Filter], page: int) -> tuple[list[Product], int | None]:
        """One page of a search as it comes, and how many the vendor counts. To see how an account behaves."""
        rows, count = self._page([list(filters)], (), f"page {page}", page=page)
        return rows, count

    def family_of(self, product_id: str) -> str | None:
        """The id of a product's family; no search shows it (GET /products/{id})."""
        return self.document(product_id).get("product_family_id") or None

    def document(self, product_id: str) -> dict[str, Any]:
        """A product whole, as the vendor has it: also what no search shows (GET /products/{id})."""
        return self._one("GET", f"/products/{product_id}", what=f"product {product_id}")

    def families(self) -> list[Named]:
        return [Named(str(r["id"]), str(r["name"])) for r in self._all("/product_families/search", ("name",))]

    def family_attributes(self, family_id: str) -> set[str]:
        """Labels, and ids, of the attributes that products of a family have."""
        rows = self._call("GET", f"/product_families/{family_id}/all_attributes", what="the attributes of the family", read=_data)
        return {str(row[name]) for row in rows for name in ("label", "id") if row.get(name)}

    def relationships(self) -> list[Named]:
        rows = self._all("/relationships/search", ("name", "label"))
        return [Named(str(r["id"]), str(r["name"]), str(r["label"])) for r in rows]

    def attributes(self) -> dict[str, Attribute]:
        """Every product attribute of the account, by label."""
        rows = self._all("/attributes/product/search", ("name", "label", "type_class", "options"))
        found = (
            Attribute(str(r["id"]), str(r["label"]), str(r["type_class"]), tuple(map(str, r.get("options") or ()))) for r in rows
        )
        return {attribute.label: attribute for attribute in found}

    # --- writes: none is repeated here ------------------------------------------------------------------------------

    def reserve(self, longest: float) -> None:
        """Wait for a place for the next call. Raises RateLimited when that takes longer, VendorError for a failed login."""
        self._login.call(lambda _: self.http.reserve(longest))

    def create(self, sku: str, label: str | None, attributes: Mapping[str, Any]) -> str:
        """Make a product (POST /products) and return its id. Not safe to send twice."""
        body: dict[str, Any] = {"sku": sku, "attributes": dict(attributes)}
        if label is not None:
            body["label"] = label
        return str(self._one("POST", "/products", what=f"creating {sku}", body=body, retry=_never_sent)["id"])

    def update(self, product_id: str, sku: str, fields: Mapping[str, Any]) -> None:
        """Change these fields of a product (PATCH); attributes that are not named stay as they are."""
        self._call(
            "PATCH", f"/products/{product_id}", what=f"updating {sku}", body=dict(fields), retry=_never_sent, read=_accepted
        )

    def delete(self, product_id: str, sku: str) -> None:
        self._call("DELETE", f"/products/{product_id}", what=f"deleting {sku}", retry=_never_sent, read=_accepted)

    def set_family(self, product_id: str, sku: str, family_id: str) -> None:
        """Put a product into a family: a call of its own, for a family in the product's body is ignored without a word."""
        body = {"product_family_id": family_id}
        self._call(
            "POST", f"/products/{product_id}/family", what=f"the family of {sku}", body=body, retry=_never_sent, read=_accepted
        )

    def link(self, source_id: str, relationship_id: str, related: Sequence[str], what: str) -> None:
        """Link a product to these. Linking again changes nothing; one unknown id (409), and nothing is linked."""
        body = {"product_relationships": [{"product_id": each, "quantity": 1} for each in related]}
        path = f"/products/{source_id}/relationships/{relationship_id}"
        self._call("POST", path, what=what, body=body, retry=_never_sent, read=_accepted)

    def unlink(self, source_id: str, relationship_id: str, related: Sequence[str], what: str) -> None:
        body = {"product_relationships": [{"product_id": each} for each in related]}
        path = f"/products/{source_id}/relationships/{relationship_id}/unlink"
        self._call("POST", path, what=what, body=body, retry=_never_sent, read=_accepted)

    # --- slices -----------------------------------------------------------------------------------------------------

    def _in_order(
        self, filters: Sequence[Filter], first: date | None, last: date | None, columns: Sequence[str]
    ) -> list[Product]:
        """Every product made on these days, once as many came as the vendor counts. Raises Permanent (428): too many."""
        for _ in range(READINGS):
            found: dict[str, Product] = {}
            count = self._read_into(found, [*filters, *_made(first, last)], columns, order="created")
            if count is None or len(found) >= count:
                return list(found.values())
        raise _moved(len(found), count)

    def _in_any_order(self, filters: Sequence[Filter], day: date, columns: Sequence[str]) -> list[Product]:
        """Every product made on a day with more than may be ordered: as long as readings bring some that are still missing."""
        found: dict[str, Product] = {}
        fruitless = 0
        while fruitless < READINGS:
            before = len(found)
            count = self._read_into(found, [*filters, *_made(day, day)], columns, order=None)
            if count is not None and len(found) >= count:
                return list(found.values())
            fruitless = 0 if len(found) > before else fruitless + 1
        raise _moved(len(found), count)

    def _read_into(
        self, found: dict[str, Product], filters: list[Filter], columns: Sequence[str], order: str | None
    ) -> int | None:
        """Page through a search. Returns how many products the vendor counted on the last page."""
        page, seen = 1, NewIds("plytix: products")
        while True:
            rows, count = self._page([filters], columns, f"products, page {page}", page=page, order=order)
            found.update((product.id, product) for product in rows)
            if len(rows) < self.settings.page_size:
                return count
            seen.page(product.id for product in rows)
            if not order:  # a page may well bring what an earlier one had, but not just what the last one had
                seen = NewIds("plytix: products", (product.id for product in rows))
            page += 1

    # --- calls ------------------------------------------------------------------------------------------------------

    def _page(
        self,
        filters: list[list[Filter]],
        columns: Sequence[str],
        what: str,
        *,
        page: int,
        size: int | None = None,
        order: str | None = None,
    ) -> tuple[list[Product], int | None]:
        """One page of a search, and how many match in all."""
        paging: dict[str, Any] = {"page": page, "page_size": size or self.settings.page_size}
        if order:
            paging["order"] = order
        body = {"filters": filters, "attributes": list(columns), "pagination": paging}
        rows, told = self._call("POST", "/products/search", what=what, body=body, read=_searched)
        count = told.get(self.settings.matches_in)
        return rows, count if isinstance(count, int) else None

    def _all(self, path: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Every row of a search for definitions: few enough to page through."""
        page, size, seen = 1, self.settings.page_size, NewIds(f"plytix: {path.strip('/')}")
        while True:
            body = {"filters": [], "attributes": list(columns), "pagination": {"page": page, "page_size": size}}
            rows = self._call("POST", path, what=path.strip("/"), body=body, read=_data)
            yield from rows
            if len(rows) < size:
                return
            seen.page(str(row["id"]) for row in rows)
            page += 1

    def _one(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        document: dict[str, Any] = self._call(method, path, read=_first, **options)
        return document

    def _call(self, method: str, path: str, **options: Any) -> Any:
        return self._login.call(
            lambda token: self.http.request(method, path, headers={"Authorization": f"Bearer {token}"}, **options)
        )

    def _fetch_token(self) -> tuple[str, float]:
        token, lasts = self.auth.request(
            "POST", urlsplit(self.settings.auth_url).path, what="login", body=self._credentials, read=_token
        )
        self.auth.meter.minimum["plytix"] += 1
        return token, lasts or self.settings.token_seconds


class Problem(NamedTuple):
    """One entry of an error: which field (a custom attribute by its label), why, and which value, where it names one."""

    field: str
    reason: str
    value: str


def problems(body: str) -> list[Problem]:
    """Every entry of an error: of `error.errors`, or `detail`, or `error.msg` alone."""
    try:
        document = json.loads(body)
    except ValueError:
        return []
    error = document.get("error", document) if isinstance(document, dict) else {}
    if not isinstance(error, dict):
        return [Problem("", str(error), "")]
    entries = error.get("errors") or error.get("detail") or []
    found = [
        Problem(str(e.get("field", "")).removeprefix("attributes."), str(e.get("msg", "")), str(e.get("value") or ""))
        if isinstance(e, dict)
        else Problem("", str(e), "")
        for e in (entries if isinstance(entries, list) else [entries])
    ]
    return found or [Problem("", str(error.get("msg", "")), "")]


def _never_sent(error: VendorError) -> bool:
    """A write is sent again here only when there was no connection: everything else is for whoever keeps the books."""
    return isinstance(error, NeverSent)


def _made(first: date | None, last: date | None) -> list[Filter]:
    """Made on these days, both included."""
    found: list[Filter] = []
    if first is not None:
        found.append({"field": "created", "operator": "gte", "value": str(first)})
    if last is not None:
        found.append({"field": "created", "operator": "lt", "value": str(last + timedelta(days=1))})
    return found


def _halves(first: date | None, last: date | None) -> list[tuple[date | None, date | None]]:
    """A stretch of days as two, the later one first."""
    begin, end = first or FIRST_DAY, last or datetime.now(UTC).date() + timedelta(days=1)
    middle = begin + (end - begin) // 2
    return [(middle + timedelta(days=1), last), (first, middle)]


def _moved(came: int, count: int | None) -> ReadingFailed:
    return ReadingFailed(
        f"plytix: products: {came} came and {count or 'nobody knows how many'} are counted, in reading after reading. "
        "Try again when nobody edits. The last complete reading stays."
    )


_shaped = shaped("plytix")


@_shaped
def _token(reply: Reply) -> tuple[str, float | None]:
    entry = reply.json()["data"][0]
    lasts = entry.get("expires_in")
    if not isinstance(entry["access_token"], str):
        raise TypeError("the token is no text")
    return entry["access_token"], float(lasts) if lasts else None


@_shaped
def _accepted(reply: Reply) -> None:
    """A write's answer may be empty; a page of somebody in between is none."""
    if reply.text.strip():
        reply.json()


@_shaped
def _data(reply: Reply) -> list[dict[str, Any]]:
    rows = reply.json()["data"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TypeError("data is no list of records")
    return rows


@_shaped
def _first(reply: Reply) -> dict[str, Any]:
    document = reply.json()["data"][0]
    if not isinstance(document["id"], str):
        raise TypeError("the record has no id")
    return dict(document)


@_shaped
def _searched(reply: Reply) -> tuple[list[Product], dict[str, Any]]:
    document = reply.json()
    rows = document["data"]
    if not isinstance(rows, list) or not all(isinstance(row["id"], str) and isinstance(row["sku"], str) for row in rows):
        raise TypeError("data is no list of products")
    return [_product(row) for row in rows], dict(document.get("pagination") or {})


def _product(row: Mapping[str, Any]) -> Product:
    """A row of a search. Values of attributes come nested, or flat under their prefixed names."""
    attributes = dict(row.get("attributes") or {})
    attributes.update((k.removeprefix("attributes."), v) for k, v in row.items() if k.startswith("attributes."))
    related: dict[str, tuple[str, ...]] = {}
    entries = row.get("relationships") or []
    if isinstance(entries, Mapping):
        entries = [{"label": label, "related_products": each} for label, each in entries.items()]
    entries = [
        *entries,
        *(
            {"label": k.removeprefix("relationships."), "related_products": v}
            for k, v in row.items()
            if k.startswith("relationships.")
        ),
    ]
    for entry in entries:
        label = entry.get("relationship_label") or entry.get("label")
        related[str(label)] = tuple(str(each["product_id"]) for each in entry.get("related_products") or ())
    return Product(row["id"], row["sku"], row.get("label"), row.get("gtin"), attributes, related, exact_json.flaw(row))
