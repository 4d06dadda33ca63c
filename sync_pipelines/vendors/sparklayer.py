"""SparkLayer, the B2B price engine: price lists and the prices stored on them.

Source of the rules: docs.sparklayer.io/developers (current edition), docs.sparklayer.io/tech-docs (2023 edition).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sync_pipelines import exact_json
from sync_pipelines.credentials import redact, secret
from sync_pipelines.vendors.failures import NeverSent, Permanent, RateLimited, Reply, Transient, VendorError, shaped
from sync_pipelines.vendors.http import CallMeter, Http
from sync_pipelines.vendors.paging import NewIds
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings
from sync_pipelines.vendors.tokens import Login, granted

READS = (("POST", r"/api/auth/token"), ("GET", r"/api/v[12]/.*"))


@dataclass(frozen=True)
class PriceListInfo:
    slug: str
    name: str
    currency: str
    source: str


@dataclass(frozen=True)
class Price:
    """One stored price: the unit price from this quantity on. `rest`: row fields that a read shows and nobody here owns.

    problem: what in the row cannot be used; then there may be no price.
    """

    sku: str
    quantity: int
    price: Decimal | None
    rest: dict[str, Any]
    problem: str | None = None


@dataclass(frozen=True)
class RowError:
    """What the vendor says of one entry of a request; `entry` is its position, from 0, or None if it names none."""

    entry: int | None
    message: str


class RowsRefused(Permanent):
    """A 400 that names rows."""

    def __init__(self, error: Permanent, rows: Sequence[RowError]) -> None:
        super().__init__(str(error), status=error.status, body=error.body)
        self.rows = rows


class SparkLayer:
    """Client of one site."""

    def __init__(self, http: Http, site_id: str, client_id: str, client_secret: str) -> None:
        self.http, self.site_id = http, site_id
        self._credentials = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        self._login = Login(self._fetch_token)

    @classmethod
    def connect(
        cls,
        settings: SparkLayerSettings,
        meter: CallMeter,
        writes_on: Callable[[], bool] = lambda: False,
        limits: Path | None = None,
    ) -> SparkLayer:
        """Raises SettingsError or CredentialMissing when something is not set, HostRefused for an address not allowed."""
        http = Http(
            "sparklayer",
            settings.url,
            meter=meter,
            reads=READS,
            writes_on=writes_on,
            limits_file=limits,
            timeout=settings.timeout,
            deadline=settings.deadline,
        )
        return cls(
            http,
            settings.needed("site_id", "SPARKLAYER_SITE_ID"),
            secret("SPARKLAYER_CLIENT_ID", "CLIENT_ID"),
            secret("SPARKLAYER_CLIENT_SECRET", "CLIENT_SECRET"),
        )

    def close(self) -> None:
        self.http.close()

    def price_lists(self) -> list[PriceListInfo]:
        """Every price list of the site (GET /api/v2/price-lists, pages of 250)."""
        found: list[PriceListInfo] = []
        page, pages, seen = 1, 1, NewIds("sparklayer: price lists")
        while page <= pages:
            more, pages = self._call(
                "GET",
                "/api/v2/price-lists",
                what=f"price lists, page {page}",
                params={"page": page, "page_size": 250},
                read=_page_of_lists,
            )
            found += more
            page += 1
            if page <= pages:
                seen.page(each.slug for each in more)
        return found

    def create_price_list(self, slug: str, name: str, currency: str) -> None:
        body = {"slug": slug, "name": name or slug, "currency_code": currency, "source": "integration"}
        self._call("POST", "/api/v1/price-lists", what=f"creating price list {slug}", body=body, retry=_refused_only)

    def prices(self, slug: str) -> list[Price]:
        """Every price stored on the list, ordered by SKU. An empty list answers 204 without a body."""
        path = f"/api/v1/price-lists/{quote(slug, safe='')}/pricing"
        found: list[Price] = self._call("GET", path, what=f"prices of {slug}", read=_prices)
        return found

    def update_prices(self, slug: str, entries: Sequence[dict[str, Any]]) -> None:
        """PATCH one list: for each SKU named, all its prices are replaced by those given; an empty `pricing` removes it.

        Waits and tries again when the list is busy (409) or the call came too fast (429): neither had an effect.
        Raises RowsRefused, Permanent (413 among them), RateLimited, Transient (what became of it is not known), NeverSent.
        """
        try:
            self._call(
                "PATCH",
                f"/api/v1/price-lists/{quote(slug, safe='')}/pricing",
                what=f"{len(entries)} SKUs of {slug}",
                body=list(entries),
                retry=_refused_only,
                read=_written,
            )
        except Permanent as e:
            if rows := _row_errors(e.body) if e.status == 400 else []:
                raise RowsRefused(e, rows) from e
            raise

    def login(self) -> None:
        """Get a token now. Raises Permanent when the credentials are refused."""
        self._login.renew()

    def _fetch_token(self) -> tuple[str, float]:
        found: tuple[str, float] = self.http.request(
            "POST",
            "/api/auth/token",
            what="login",
            headers={"Site-Id": self.site_id},
            body=self._credentials,
            read=granted("sparklayer"),
        )
        return found

    def _call(self, method: str, path: str, *, what: str, **options: Any) -> Any:
        def send(token: str) -> Any:
            headers = {"Site-Id": self.site_id, "Authorization": f"Bearer {token}"}
            return self.http.request(method, path, what=what, headers=headers, **options)

        return self._login.call(send)


_shaped = shaped("sparklayer")


@_shaped
def _page_of_lists(reply: Reply) -> tuple[list[PriceListInfo], int]:
    """The lists of one page, and how many pages there are."""
    document = reply.json()
    lists = [
        PriceListInfo(
            row["slug"], row.get("name") or row["slug"], str(row.get("currency_code") or "").upper(), row.get("source") or ""
        )
        for row in document["data"]
    ]
    return lists, int(document.get("pagination", {}).get("total_pages") or 1)


@_shaped
def _prices(reply: Reply) -> list[Price]:
    """The rows of a list; only a 204 means that there are none."""
    if reply.status == 204:
        return []
    rows = reply.json()
    if not isinstance(rows, list):
        raise TypeError("no list of prices")
    return [_price(row) for row in rows]


def _written(reply: Reply) -> Reply:
    """A success has no body, or a JSON one. A web page with status 200 is somebody else's answer."""
    if reply.text:
        reply.json()
    return reply


def _refused_only(error: VendorError) -> bool:
    """Failures of which it is certain that nothing was done: worth repeating here even for a write."""
    return isinstance(error, RateLimited | NeverSent) or error.status == 409


def _price(row: dict[str, Any]) -> Price:
    rest = {k: v for k, v in row.items() if k not in ("sku", "quantity", "price", exact_json.FLAW)}
    price, problem = row["price"], exact_json.flaw(row)
    quantity = 1 if row.get("quantity") is None else row["quantity"]
    if problem:
        usable = Decimal(price) if isinstance(price, int | Decimal) else None
        return Price(str(row["sku"]), quantity if isinstance(quantity, int) else 1, usable, rest, problem)
    if isinstance(price, bool) or not isinstance(price, int | Decimal):
        raise Transient(f"sparklayer: the price of {row.get('sku')!r} is not a number: {price!r}")
    if int(quantity) != Decimal(quantity):
        raise Transient(f"sparklayer: the quantity of {row.get('sku')!r} is not a whole number: {quantity!r}")
    return Price(str(row["sku"]), int(quantity), Decimal(price), rest)


def _row_errors(body: str) -> list[RowError]:
    """Rows of a `[{line, field, message}]` body. `line` counts from 1 (assumed for JSON bodies)."""
    try:
        document = Reply(400, {}, body).json()
    except Transient:
        return []
    if not isinstance(document, list):
        return []
    found = []
    for row in document:
        if isinstance(row, dict) and "message" in row:
            line = row.get("line")
            text = f"{row['field']}: {row['message']}" if row.get("field") else str(row["message"])
            found.append(RowError(line - 1 if isinstance(line, int) else None, redact(text)))
    return found
