"""A stand-in for the Admin GraphQL API of one shop: https://shopify.dev/docs/api/admin-graphql.

What the vendor's pages leave open is a setting (`settings.Settings`).
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from vendor_sandbox.catalogue import Catalogue
from vendor_sandbox.faults import Kinds
from vendor_sandbox.limits import Clock
from vendor_sandbox.shopify import mishaps
from vendor_sandbox.shopify.access import ACCESS_TOKEN, Access, Tokens
from vendor_sandbox.shopify.change import document_of, loaded_orders, read_change, read_settings, with_floats
from vendor_sandbox.shopify.cost import CostBucket, Prices, paid_cost, refused_cost
from vendor_sandbox.shopify.desk import Desk
from vendor_sandbox.shopify.documents import Invalid, read_operation, root_fields, shop_schema
from vendor_sandbox.shopify.edits import Order
from vendor_sandbox.shopify.exports import Exports
from vendor_sandbox.shopify.goods import Goods
from vendor_sandbox.shopify.goods_change import change_goods
from vendor_sandbox.shopify.goods_seed import seeded_goods
from vendor_sandbox.shopify.goods_state import document_of_goods, loaded_goods
from vendor_sandbox.shopify.idempotency import Keys
from vendor_sandbox.shopify.instants import instant, wall_now
from vendor_sandbox.shopify.jobs import Jobs
from vendor_sandbox.shopify.orders import SeededOrders
from vendor_sandbox.shopify.plan import Selected, selected_by
from vendor_sandbox.shopify.reads import SHOP_DOMAIN
from vendor_sandbox.shopify.settings import Settings
from vendor_sandbox.shopify.stock import Commitments
from vendor_sandbox.shopify.store import Store
from vendor_sandbox.shopify.versions import answering_version
from vendor_sandbox.shopify.writing import bad_sizes
from vendor_sandbox.values import checked, whole
from vendor_sandbox.vendor import Routes, Vendor, plain_text
from vendor_sandbox.wire import Refused, Reply, Request

_COUNTERS = ("queries", "bulk_started", "token_leaks")
_TIMES_OUT = 180.0
"""Seconds after which a call that was never answered takes no effect any more; assumed, as a client has to."""
_RATE_LIMITS = "https://shopify.dev/api/usage/rate-limits"
_GONE = (
    b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code>"
    b"<Message>The signature is not valid or has expired.</Message></Error>"
)


class Shopify(Vendor):
    """A shop with `orders` seeded orders, created in the 90 days before it was started."""

    name = "shopify"
    own_faults: ClassVar[Kinds] = mishaps.KINDS

    def __init__(self, catalogue: Catalogue, clock: Clock, orders: int) -> None:
        self._size = orders
        self._made_at = wall_now()
        self._exports = Exports()
        super().__init__(catalogue, clock)

    def reset(self) -> None:
        before = self._exports
        with self.lock:
            self._exports = Exports()
            self._tokens = Tokens(self.clock)
            self._jobs = Jobs(self.clock)
            self._queries = self._token_leaks = 0
            self.settings = Settings()
            self._goods: Goods | None = None
            self._commitments = Commitments()
            self._keys = Keys(self.clock)
            self._store = self._seeded_store()
            self._buckets: dict[str, CostBucket] = {}
        before.close()

    def close(self) -> None:
        super().close()
        self._exports.close()

    def env(self, base_url: str) -> dict[str, str]:
        return {
            "SHOPIFY_STORE_NAME": SHOP_DOMAIN.partition(".")[0],
            "SHOPIFY_URL": base_url,
            "SHOPIFY_ACCESS_TOKEN": ACCESS_TOKEN,
            "SHOPIFY_TIME_ZONE": self.settings.time_zone,
            "SHOPIFY_SETTLE_LAG": plain_text(self.settings.index_lag),
            "SHOPIFY_BEHIND_SECONDS": plain_text(self.settings.index_lag),
            "SHOPIFY_BULK_POLL_SECONDS": plain_text(self.clock.on_the_wall(2.0)),
            "SHOPIFY_SENTOS_LANDS_WITHIN": plain_text(self.clock.on_the_wall(_TIMES_OUT)),
        }

    def admit(self, _request: Request, /) -> Reply | None:
        """Let every call in: the shop limits the cost of queries (`_execute`), not the number of calls."""
        return None

    def problem(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Reply:
        return Reply.json(status, {"errors": detail}, **(headers or {}))

    def forget_token(self, request: Request, /) -> None:
        with self.lock:
            self._tokens.revoke(request.headers.get("x-shopify-access-token") or "")

    def operations(self, request: Request, /) -> Sequence[str]:
        if not request.path.endswith("/graphql.json"):
            return ()
        try:
            body = json.loads(request.body)
        except ValueError:
            return ()
        text, name = (body.get("query"), body.get("operationName")) if isinstance(body, dict) else (None, None)
        return root_fields(text, name) if isinstance(text, str) and isinstance(name, str | None) else ()

    def respond(self, request: Request) -> Reply:
        handler, arguments = _ROUTES.find(request)
        return handler(self, request, *arguments)

    # Tokens and downloads

    def issue_token(self, request: Request) -> Reply:
        with self.lock:
            try:
                return Reply.json(200, self._tokens.grant(request, self.settings.token_seconds))
            except Refused as refused:
                error, _, description = refused.detail.partition(": ")
                return Reply.json(refused.status, {"error": error, "error_description": description or error})

    def download(self, request: Request, number: str, name: str) -> Reply:
        """Serve a file from the storage behind a signed address. It needs no token, and a client that sends one gives it away."""
        with self.lock:
            self._token_leaks += "x-shopify-access-token" in request.headers
            file = None
            if number.isdecimal() and name.endswith(".jsonl"):
                file = self._jobs.result(int(number), name.removesuffix(".jsonl"), self.settings)
        if file is None:
            return Reply(403, _GONE, {"Content-Type": "application/xml; charset=UTF-8"})
        return Reply(200, headers={"Content-Type": "application/jsonl"}, file=file)

    # Queries

    def graphql(self, request: Request, version: str) -> Reply:
        answering = answering_version(version, self.settings)
        if answering is None:
            raise Refused(404, "Not Found")
        headers = {"X-Shopify-API-Version": answering}
        with self.lock:
            access = self._tokens.access(request.headers.get("x-shopify-access-token"))
            if access is None:
                message = "[API] Invalid API key or access token (unrecognized login or wrong password)"
                raise Refused(401, message, headers)
            body = request.json_body()
            for name, kind in (("query", str), ("variables", dict | None)):
                if not isinstance(body, dict) or not isinstance(body.get(name), kind):
                    return Reply.json(400, {"errors": {name: "Required parameter missing or invalid"}}, **headers)
            self._queries += 1
            desk = self._desk()  # before the cost is counted: the bucket fills while the goods are made
            reply = self._answer(request, body, access, desk)
        text = json.dumps(reply, ensure_ascii=False, separators=(",", ":"))
        return Reply(200, text.encode("utf-8", "surrogatepass"), {"Content-Type": "application/json; charset=utf-8", **headers})

    def _answer(self, request: Request, body: Mapping[str, Any], access: Access, desk: Desk) -> dict[str, Any]:
        variables = body.get("variables") or {}
        try:
            operation = read_operation(shop_schema(), body["query"], variables, body.get("operationName"))
            roots = selected_by(operation)
        except Invalid as invalid:
            return {"errors": invalid.errors}
        too_long = bad_sizes(roots)
        if too_long:
            return {"errors": too_long}
        if request.faulted("graphql_error"):
            return {"errors": [mishaps.internal_error()]}
        prices, most = Prices(roots), self.settings.max_cost
        if prices.requested > most:
            message = f"Query cost is {prices.requested}, which exceeds the single query max cost limit ({most})."
            extensions = {"code": "MAX_COST_EXCEEDED", "cost": prices.requested, "maxCost": most}
            return {"errors": [{"message": message, "extensions": {**extensions, "documentation": _RATE_LIMITS}}]}
        bucket = self._bucket(access.app)
        if request.faulted("throttled") or not bucket.take(prices.requested):
            extensions = {"code": "THROTTLED", "documentation": _RATE_LIMITS}
            return {
                "errors": [{"message": "Throttled", "extensions": extensions}],
                "extensions": {"cost": refused_cost(prices.requested, bucket)},
            }
        return self._execute(request, roots, access, prices, bucket, desk)

    def _execute(
        self, request: Request, roots: Sequence[Selected], access: Access, prices: Prices, bucket: CostBucket, desk: Desk
    ) -> dict[str, Any]:
        if request.faulted("redacted"):
            access = dataclasses.replace(access, redacted=True)
        base_url = f"http://{request.headers.get('host', 'localhost')}/{self.name}"
        reads, answers = desk.answers(access, self.now(), base_url, request.faulted("key_in_use"))
        data = answers.data(roots)
        actual = prices.actual(data)
        bucket.give_back(prices.requested - actual)
        if request.faulted("partial") and data is not None:
            answers.errors.append(mishaps.lose_a_field(roots, data))
        if request.faulted("unknown_enum"):
            mishaps.invent_a_status(data)
        if request.faulted("not_approved"):
            answers.errors.append(mishaps.withhold_customers(data))
        if request.faulted("without"):
            mishaps.leave_out(data, request.fault.options["field"] if request.fault else "")
        if request.faulted("order_changes"):
            self._change_orders(reads.given, **(request.fault.options if request.fault else {}))
        extensions: dict[str, Any] = {"cost": paid_cost(prices.requested, actual, bucket)}
        if reads.searches:
            extensions["search"] = reads.searches
        errors = {"errors": answers.errors} if answers.errors else {}
        return {**errors, "data": data, "extensions": extensions}

    def _desk(self) -> Desk:
        return Desk(
            self._store, self.goods, self._committed, self._jobs, self._exports, self._keys, self.settings, self.clock, self.lock
        )

    def _bucket(self, app: str) -> CostBucket:
        if app not in self._buckets:
            self._buckets[app] = CostBucket(self.clock, self.settings.rate_per_second, self.settings.burst)
        return self._buckets[app]

    def _change_orders(self, given: Sequence[int], edit: int = 1, arrive: int = 0, delete: int = 0) -> None:
        """Change the shop behind the back of a client that just read these orders."""
        names = [each["name"] for each in map(self._store.order, given) if each is not None]
        touched, gone = names[:edit], names[edit : edit + delete]
        self.change({"set": {name: {"note": "changed meanwhile"} for name in touched}, "delete": gone, "arrive": arrive})

    # The truth

    def now(self) -> int:
        """The shop's calendar, in whole seconds since 1970."""
        return instant(self.settings.now) if self.settings.now else wall_now()

    @property
    def start(self) -> int:
        """The end of the 90 days in which the seeded orders lie."""
        return instant(self.settings.start) if self.settings.start else self._made_at

    def orders(self) -> Iterator[Order]:
        """Yield every order, as the API would show it in full; connections are plain arrays."""
        return self._store.all()

    def order(self, reference: object) -> Order:
        """Return one order by number (1001), name, id or gid. Raises KeyError."""
        order = self._store.order(self._store.index_of(reference))
        if order is None:
            raise KeyError(reference)
        return order

    def traps(self) -> dict[str, Order]:
        """Return the seeded orders that are out of the ordinary, as they are now, by what is odd about them (`traps.TRAPS`)."""
        places = self._store.seeded.trap_places
        return {name: order for name, index in places.items() if (order := self._store.order(index)) is not None}

    def state(self) -> dict[str, Any]:
        with self.lock:
            return {
                **document_of(self._store),
                **document_of_goods(self.goods, self.settings, self.clock),
                "settings": self.settings.document(),
                "queries": self._queries,
                "bulk_started": self._jobs.started,
                "token_leaks": self._token_leaks,
                "tokens": self._tokens.live(),
            }

    def change(self, body: Any) -> dict[str, Any]:
        body = with_floats(body)
        settings = read_settings(body, self.settings)
        held, held_goods, self.settings = self.settings, self._goods, settings
        try:
            if "load" in body:
                self._goods = self._loaded_goods(body["load"])
            with self.goods.all_or_nothing():
                self.goods.lag = settings.product_lag
                made = change_goods(body, self.goods, settings, self.now())
                store, loaded = self._store_for(body, held)
                changed = read_change(body, store, self.goods, settings, self.now())
        except Exception:
            self.settings, self._goods = held, held_goods
            raise
        if (settings.rate_per_second, settings.burst) != (held.rate_per_second, held.burst):
            self._buckets = {}
        if store is not self._store:
            self._commitments.forget()
        self._store = store
        store.put(changed.draft.changed, settings.index_lag)
        self._queries, self._jobs.started, self._token_leaks = loaded
        self._jobs.endings.extend(changed.endings)
        if changed.foreign_bulk is not None:
            self._jobs.set_foreign(changed.foreign_bulk, self.now())
        if changed.revoke_tokens:
            self._tokens.revoke()
        answer = {"added": changed.added, "added_products": made, "bought": changed.bought}
        return {name: value for name, value in answer.items() if value}

    def _loaded_goods(self, document: Any) -> Goods | None:
        """Return the goods of a saved state; None, so that they are made from the seed, for one without any."""
        if "products" not in document:
            return None
        return loaded_goods(document, self.clock, self.settings, self.now())

    def _store_for(self, body: Any, held: Settings) -> tuple[Store, tuple[int, int, int]]:
        """Return the store and the counters that a change applies to: the present ones, or those it loads."""
        counters = (self._queries, self._jobs.started, self._token_leaks)
        same_seed = (self.settings.currency, self.settings.start) == (held.currency, held.start)
        if "load" not in body and same_seed:
            return self._store, counters
        store = self._seeded_store()
        if "load" not in body:
            store.replace_all(self._store.own, self._store.next_index)
            return store, counters
        store.replace_all(*loaded_orders(body["load"], self._size))
        loaded = tuple(checked(whole(0), body["load"].get(name, 0), f"load.{name}") for name in _COUNTERS)
        return store, (loaded[0], loaded[1], loaded[2])

    def _seeded_store(self) -> Store:
        seed = self.catalogue.seed
        orders = SeededOrders(seed, self._size, self.start, self.settings.currency, self.catalogue)
        return Store(orders, self.clock, self._stock_moved)

    @property
    def goods(self) -> Goods:
        """The products and their stock. They are made from the seed on first use."""
        if self._goods is None:
            self._goods = seeded_goods(self.clock, self.catalogue, self.settings, self.start)
        return self._goods

    def _stock_moved(self, before: Order | None, after: Order | None) -> None:
        self._commitments.moved(before, after, self.goods, self.now())

    def _committed(self, item: int, location: int) -> int:
        with self.lock:
            return self._commitments.at(item, location, self._store.all)


_ROUTES = Routes(
    {
        "POST /admin/oauth/access_token": Shopify.issue_token,
        "POST /admin/api/{version}/graphql.json": Shopify.graphql,
        "GET /bulk/{number}/{name}": Shopify.download,
    }
)
