"""Shopify Admin GraphQL: one shop, paced by the cost it reports, and its bulk exports.

Sources of the rules: https://shopify.dev/docs/api/usage/limits (cost), …/usage/response-codes, …/usage/search-syntax,
…/usage/bulk-operations/queries, …/usage/versioning. Orders and their lines are read whole by `shopify_orders`.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from sync_pipelines.credentials import CredentialMissing, secret
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import NeverSent, Permanent, RateLimited, Reply, Transient, VendorError, WritesOff, shaped
from sync_pipelines.vendors.http import CallMeter, Http
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.vendors.tokens import FixedToken, Login

log = logging.getLogger(__name__)

READS = (("POST", r"/admin/api/[^/]+/graphql\.json"), ("POST", r"/admin/oauth/access_token"))
"""GraphQL sends everything as POST. What changes the shop goes through `Shopify.change`, which asks for the right to."""

RENEW_BEFORE = 300.0
"""Seconds before its end at which a token is renewed."""

PERSONAL = frozenset(
    [
        "customer",
        "email",
        "phone",
        "shippingAddress",
        "billingAddress",
        "defaultEmailAddress",
        "defaultPhoneNumber",
        "name",
        "firstName",
        "lastName",
        "displayName",
        "address1",
        "address2",
        "city",
        "zip",
        "mailingAddress",
    ]
)
"""Fields that a shop may keep to itself: the reply has null for them, with or without a word."""

_DENIED = re.compile(r"(?:approved to access (?:the )?|Access denied for )(\w+)", re.IGNORECASE)
"""What an access error without a path is about: "not approved to access the Customer object"."""

RUNNING = frozenset({"CREATED", "RUNNING", "CANCELING"})


class FilterNotUnderstood(Permanent):
    """The shop ignored part of a search: the reply holds other orders than were asked for, and is not used."""


class BulkFailed(VendorError):
    """A bulk operation ended without a whole result; what it left is not used."""


class NoRoomForBulk(VendorError):
    """As many bulk operations as the shop allows are running already."""


@dataclass(frozen=True)
class ShopFacts:
    """What the shop says of itself. `scopes`: what the token may do."""

    name: str
    domain: str
    currency: str
    time_zone: str
    scopes: frozenset[str]

    @property
    def all_orders(self) -> bool:
        """Whether orders older than 60 days are shown at all."""
        return "read_all_orders" in self.scopes


@dataclass(frozen=True)
class Export:
    """A bulk operation. `url` is None until it is done, and when it found nothing."""

    id: str
    status: str
    query: str
    objects: int
    orders: int
    url: str | None
    error: str
    created_at: datetime
    ended_at: datetime | None = None

    @property
    def age(self) -> timedelta:
        """Since it ended, or was begun."""
        return datetime.now(UTC) - (self.ended_at or self.created_at)


class Pace:
    """The bucket of points that all of an app's calls to a shop come out of, as the last reply showed it.

    A call waits until the bucket holds what it asks for, and not a moment longer.
    """

    def __init__(self, sleep: Callable[[float], None], now: Callable[[], float] = time.monotonic) -> None:
        self._sleep, self._now = sleep, now
        self._costs: dict[str, float] = {}
        self._level: tuple[float, float, float, float] | None = None
        """Available, most, restored a second, and when that was so."""

    def before(self, document: str) -> None:
        cost = self._costs.get(document)
        if cost is None or self._level is None:
            return
        available, most, restored, at = self._level
        short = min(cost, most) - min(most, available + (self._now() - at) * restored)
        if short > 0:
            self._sleep(short / restored)

    def learn(self, document: str, cost: Mapping[str, Any]) -> float:
        """Take note of a reply's cost. Returns the seconds until its call would have been affordable."""
        status = cost.get("throttleStatus") or {}
        asked = float(cost.get("requestedQueryCost") or 0)
        self._costs[document] = asked
        if not status.get("restoreRate"):
            return 1.0
        available, most, restored = (float(status[n]) for n in ("currentlyAvailable", "maximumAvailable", "restoreRate"))
        self._level = (available, most, restored, self._now())
        return max(0.0, asked - available) / restored


class Shopify:
    """Client of one shop. `notices`: oddities survived, by what they were, for people."""

    def __init__(
        self,
        http: Http,
        version: str,
        token: str = "",
        grant: tuple[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        writes_on: Callable[[], bool] = lambda: False,
    ) -> None:
        self.http, self.version, self._writes_on = http, version, writes_on
        self._login = Login(lambda: self._fetch_token(*grant), early=RENEW_BEFORE) if grant else FixedToken(token)
        self.sleep = sleep
        self.pace = Pace(sleep)
        self.notices: Counter[str] = Counter()
        self.answered_at: datetime | None = None
        """By the shop's own clock, when it last answered."""
        self.exports_started = 0
        """Bulk exports that this client started and has looked at."""

    @classmethod
    def connect(cls, settings: ShopifySettings, meter: CallMeter, writes_on: Callable[[], bool] = lambda: False) -> Shopify:
        """With SHOPIFY_ACCESS_TOKEN, or with SHOPIFY_CLIENT_ID and SHOPIFY_CLIENT_SECRET of an app of the same organization.

        Raises SettingsError or CredentialMissing when something is not set, HostRefused for an address not allowed.
        """
        if not settings.url:
            settings.needed("store_name", "SHOPIFY_STORE_NAME")
        token, grant = "", None
        try:
            grant = (secret("SHOPIFY_CLIENT_ID"), secret("SHOPIFY_CLIENT_SECRET"))
        except CredentialMissing:
            token = secret("SHOPIFY_ACCESS_TOKEN")
        http = Http("shopify", settings.base_url, meter=meter, reads=READS, timeout=settings.timeout, deadline=settings.deadline)
        return cls(http, settings.api_version, token, grant, writes_on=writes_on)

    def close(self) -> None:
        self.http.close()

    def shop(self) -> ShopFacts:
        what = "the shop and this token's scopes"
        data = self.call(documents.SHOP, {}, what=what)
        with whole_reply(what):
            shop, app = data["shop"], data["currentAppInstallation"] or {}
            scopes = frozenset(scope["handle"] for scope in app.get("accessScopes", ()))
            return ShopFacts(shop["name"], shop["myshopifyDomain"], shop["currencyCode"], shop["ianaTimezone"], scopes)

    def call(
        self,
        document: str,
        variables: Mapping[str, Any],
        *,
        what: str,
        retry: Callable[[VendorError], bool] = lambda e: isinstance(e, Transient | RateLimited),
    ) -> dict[str, Any]:
        """The `data` of one document. Waits for points, when the shop throttles, and tries faults of the
        shop again.

        Raises Permanent (refused, no access), FilterNotUnderstood, RateLimited, Transient, NoReply, NeverSent; WritesOff for a
        document that changes the shop, where no person has allowed that.
        """
        if document in documents.WRITES and not self._writes_on():
            raise WritesOff(
                f"shopify: {what} would write, and {self.http.base_url} is read-only. Nothing was sent. "
                "Turn writing on with `sync-pipelines enable`."
            )

        def send(token: str) -> dict[str, Any]:
            self.pace.before(document)
            data: dict[str, Any] = self.http.request(
                "POST",
                f"/admin/api/{self.version}/graphql.json",
                what=what,
                headers={"X-Shopify-Access-Token": token},
                body={"query": document, "variables": dict(variables)},
                tries=12,
                retry=retry,
                read=shaped("shopify")(lambda reply: self._data(document, what, reply)),
            )
            return data

        return self._login.call(send)

    def change(self, document: str, variables: Mapping[str, Any], *, what: str) -> dict[str, Any]:
        """Send a mutation with one root field and return its payload, with `userErrors` for the caller to read.

        Sent again only where it certainly did nothing. Raises WritesOff, Permanent (refused as a whole), RateLimited, NeverSent,
        and Transient where nobody knows what became of it: also where a payload came beside errors, for it may have been done.
        """
        data = self.call(document, variables, what=what, retry=lambda e: isinstance(e, RateLimited | NeverSent))
        with whole_reply(what):
            (payload,) = data.values()
            if not isinstance(payload["userErrors"], list):
                raise TypeError("userErrors is no list")
            found: dict[str, Any] = payload
            return found

    def counts(self, filters: Sequence[str]) -> list[int]:
        """How many orders each filter finds, exactly; many filters in one call. Raises Permanent when a count is not exact."""
        found: list[int] = []
        for start in range(0, len(filters), documents.MANY):
            part = filters[start : start + documents.MANY]
            data = self.call(
                documents.order_counts(len(part)), {f"f{i}": f for i, f in enumerate(part)}, what=f"{len(part)} counts of orders"
            )
            for i in range(len(part)):
                count = data.get(f"c{i}") or {}
                if count.get("precision") != "EXACT":
                    raise Permanent(f"shopify: the count of orders {part[i]} is not exact: completeness cannot be proved")
                found.append(int(count["count"]))
        return found

    # --- bulk operations --------------------------------------------------------------------------------------------

    def start_export(self, inner: str) -> Export:
        """Started once: when the answer is lost, what runs is looked at first. Raises NoRoomForBulk, Permanent, Transient."""
        try:
            answer = self._start(inner)
        except Transient:
            begun = self.export_running(inner)
            if begun is not None:
                return begun
            answer = self._start(inner)
        problems = answer["userErrors"]
        if any(p.get("code") == "OPERATION_IN_PROGRESS" for p in problems):
            raise NoRoomForBulk("shopify: as many bulk operations as the shop allows are running already")
        if problems or not answer["bulkOperation"]:
            raise Permanent(f"shopify: the bulk export was refused: {'; '.join(p['message'] for p in problems)}")
        started = self.export(answer["bulkOperation"]["id"])
        self.exports_started += 1
        return started

    def _start(self, inner: str) -> dict[str, Any]:
        what = "starting a bulk export"
        data = self.call(
            documents.START_EXPORT, {"inner": inner}, what=what, retry=lambda e: isinstance(e, RateLimited | NeverSent)
        )
        with whole_reply(what):
            answer = data["bulkOperationRunQuery"]
            return {"userErrors": answer["userErrors"], "bulkOperation": answer["bulkOperation"]}

    def export(self, export_id: str) -> Export:
        """Raises BulkFailed for one the shop does not know."""
        what = f"bulk export {export_id}"
        found = self.call(documents.POLL_EXPORT, {"id": export_id}, what=what).get("bulkOperation")
        if found is None:
            raise BulkFailed(f"shopify: there is no bulk operation {export_id}")
        with whole_reply(what):
            return _export(found)

    def exports_running(self) -> list[Export]:
        """Bulk exports of this app that are not finished, whoever started them."""
        what = "running bulk operations"
        data = self.call(documents.EXPORTS, {"filter": "operation_type:query"}, what=what)
        with whole_reply(what):
            return [e for e in map(_export, data["bulkOperations"]["nodes"]) if e.status in RUNNING]

    def export_running(self, inner: str) -> Export | None:
        """One of them that asks for just this and is not being cancelled."""
        return next((e for e in self.exports_running() if e.query == inner and e.status != "CANCELING"), None)

    def cancel_export(self, export_id: str) -> None:
        self.call(documents.CANCEL_EXPORT, {"id": export_id}, what=f"cancelling bulk export {export_id}")

    def result(self, export: Export) -> contextlib.AbstractContextManager[Iterator[bytes]]:
        """The lines of a finished export, streamed. Nothing is held; a cut in the middle raises NoReply."""
        if export.url is None:
            return contextlib.nullcontext(iter(()))
        return self.http.download(export.url, what=f"result of bulk export {export.id}")

    # --- tokens and replies -----------------------------------------------------------------------------------------

    def _fetch_token(self, client_id: str, client_secret: str) -> tuple[str, float]:
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        found: tuple[str, float] = self.http.request(
            "POST",
            "/admin/oauth/access_token",
            what="login",
            body=urlencode(form).encode(),
            read=_token,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        return found

    def _data(self, document: str, what: str, reply: Reply) -> dict[str, Any]:
        """The data of a reply that holds what was asked for; everything else raises what it means."""
        headers = {k.lower(): v for k, v in reply.headers.items()}
        answered = headers.get("x-shopify-api-version", self.version)
        if "date" in headers:
            self.answered_at = parsedate_to_datetime(headers["date"])
        if answered != self.version:
            self.notice(f"version {self.version} was asked for and {answered} answered: it is no longer served")
        body = reply.json()
        if not isinstance(body, dict):
            raise Transient(f"shopify: {what}: the reply is no object")
        extensions = body.get("extensions")
        extensions = extensions if isinstance(extensions, dict) else {}
        affordable = self.pace.learn(document, extensions["cost"]) if extensions.get("cost") else 1.0
        ignored = [w for search in extensions.get("search") or () for w in search.get("warnings") or ()]
        if ignored:
            told = "; ".join(f"{w.get('field')}: {w.get('message')}" for w in ignored)
            raise FilterNotUnderstood(f"shopify: {what}: the search was not understood ({told}). The reply is not used.")
        data, errors = body.get("data"), _errors(body.get("errors"))
        if errors and document.lstrip().startswith("mutation") and isinstance(data, dict) and any(data.values()):
            raise Transient(f"shopify: {what}: done or not, the reply has errors, too: {errors[0].get('message')}")
        withheld = [self._judged(what, error, affordable) for error in errors]
        if withheld and (not isinstance(data, dict) or all(value is None for value in data.values())):
            raise withheld[0]  # nothing came at all
        if not isinstance(data, dict):
            raise Transient(f"shopify: {what}: status {reply.status}, but the reply has no data")
        return data

    def _judged(self, what: str, error: Mapping[str, Any], affordable: float) -> Permanent:
        """Raise what an entry of `errors` means. A personal field that is withheld is only noticed: what it would mean where
        there is nothing else is returned."""
        extra, path = error.get("extensions"), error.get("path")
        extra = extra if isinstance(extra, Mapping) else {}
        code = extra.get("code")
        if code == "THROTTLED":
            raise RateLimited(f"shopify: {what}: throttled", retry_after=max(affordable, 0.05))
        if code == "INTERNAL_SERVER_ERROR":
            raise Transient(f"shopify: {what}: {error.get('message')}")
        told = f"shopify: {what}: {error.get('message')}" + (f" ({code})" if code else "")
        if needed := extra.get("requiredAccess"):
            told += f". The token needs: {needed}"
        field = str(path[-1]) if isinstance(path, list) and path else _field_denied(str(error.get("message")))
        if code != "ACCESS_DENIED" or field not in PERSONAL:
            raise Permanent(told)
        self.notice(f"{field} is withheld from this token")
        return Permanent(told)

    def notice(self, text: str) -> None:
        """Remember an oddity that was survived, and log it the first time."""
        if not self.notices[text]:
            log.warning("shopify: %s", text)
        self.notices[text] += 1


@contextmanager
def whole_reply(what: str) -> Iterator[None]:
    """Raises Transient where a reply lacks a part that was asked for."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as e:
        raise Transient(f"shopify: {what}: the reply is not what was asked for ({type(e).__name__}: {e})") from e


def _errors(errors: Any) -> list[Mapping[str, Any]]:
    """The `errors` of a reply as a list, whatever they come as: a text, an object by field, a list of either."""
    if not errors:
        return []
    if isinstance(errors, Mapping):
        listed = [errors] if "message" in errors else [f"{name}: {told}" for name, told in errors.items()]
    else:
        listed = errors if isinstance(errors, list) else [errors]
    return [each if isinstance(each, Mapping) else {"message": each} for each in listed]


def _field_denied(message: str) -> str:
    found = _DENIED.search(message)
    return found[1][0].lower() + found[1][1:] if found else ""


def _token(reply: Reply) -> tuple[str, float]:
    body = reply.json()
    if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
        raise Permanent("shopify: login: the reply holds no access token", status=reply.status)
    return body["access_token"], float(body.get("expires_in") or 3600)


def _export(found: Mapping[str, Any]) -> Export:
    return Export(
        found["id"],
        found["status"],
        found.get("query") or "",
        int(found.get("objectCount") or 0),
        int(found.get("rootObjectCount") or 0),
        found.get("url"),
        found.get("errorCode") or "",
        datetime.fromisoformat(found["createdAt"]),
        datetime.fromisoformat(found["completedAt"]) if found.get("completedAt") else None,
    )
