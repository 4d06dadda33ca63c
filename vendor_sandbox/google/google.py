"""Google Sheets under one name: /google/token, /google/v4/spreadsheets/... and /google/drive/v3/files."""

import dataclasses
import json
import shutil
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from vendor_sandbox.catalogue import Catalogue
from vendor_sandbox.faults import Kinds
from vendor_sandbox.google.asking import Ask
from vendor_sandbox.google.change import COUNTERS, changed, find_tab
from vendor_sandbox.google.display import effective
from vendor_sandbox.google.masks import picked, read_mask
from vendor_sandbox.google.person import find_book
from vendor_sandbox.google.problems import drive_problem, quota_problem, sheets_problem
from vendor_sandbox.google.quota import Quota, Settings, Spent, seconds_text
from vendor_sandbox.google.routes import Route, find_route, read_body, read_query
from vendor_sandbox.google.sheet import Book, Draft
from vendor_sandbox.google.state import book_document
from vendor_sandbox.google.store import Store
from vendor_sandbox.google.tokens import EMAIL, TOKEN_PATH, Tokens, key_document
from vendor_sandbox.limits import Clock
from vendor_sandbox.values import anything, one_of, whole
from vendor_sandbox.vendor import Vendor, plain_text
from vendor_sandbox.wire import Refused, Reply, Request

TIMES_OUT = 180.0
"""Seconds after which the vendor abandons a call: until then, a call that was never answered may still take effect."""

_HTML = b"<!DOCTYPE html><html lang=en><title>Error</title><p><b>%d.</b> <ins>That's an error.</ins></html>"


class Google(Vendor):
    """Google Sheets with a few spreadsheets. Tests read `rows`, `formulas_entered`, `reads` and `writes`."""

    name = "google"
    own_faults: ClassVar[Kinds] = {
        "html_502": {},
        "done_but_error": {"status": whole(400, 599)},
        "human": {"when": one_of("before", "after"), "action": anything},
    }

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._folder: Path | None = None
        self._serving = threading.local()
        super().__init__(catalogue, clock)

    def reset(self) -> None:
        with self.lock:
            settings = Settings()
            self.store = Store(settings.cell_limit)
            self.tokens = Tokens(self.clock, settings.token_seconds)
            self.reads = self.writes = self.drive_calls = self.largest_write = self.large_writes = 0
            self._use(settings)

    def _use(self, settings: Settings) -> None:
        self.settings = settings
        self.store.cell_limit = settings.cell_limit
        self.tokens.seconds = settings.token_seconds
        self._quota = Quota(self.clock, settings)

    def close(self) -> None:
        super().close()
        with self.lock:
            folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def env(self, base_url: str) -> dict[str, str]:
        """Return the environment. The first call makes the key file; `close` removes it."""
        with self.lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="sandbox-google-"))
            file = self._folder / "service-account.json"
            if not file.exists():
                file.touch(mode=0o600)
                file.write_text(json.dumps(key_document(base_url + TOKEN_PATH)))
        return {
            "GOOGLE_SERVICE_ACCOUNT_FILE": str(file),
            "GOOGLE_SHEETS_URL": base_url,
            "GOOGLE_DRIVE_URL": base_url,
            "GOOGLE_QUOTA_SECONDS": plain_text(self.clock.on_the_wall(self.settings.window_seconds)),
            "TARGET_SPREADSHEET": "Order Book",
            "SHOPIFY_SHEETS_LANDS_WITHIN": plain_text(self.clock.on_the_wall(TIMES_OUT)),
        }

    # Calls

    def admit(self, request: Request, /) -> Reply | None:
        found = find_route(request)
        kind = self._serving.kind = None if found is None else found[0].kind
        with self.lock:
            # Only a call with a good token can be counted for its user.
            if kind is None or not self.tokens.live(request.bearer):
                return None
            spent = self._quota.take(kind)
            if spent is not None:
                after = {"Retry-After": seconds_text(spent.wait)} if self.settings.retry_after else None
                return quota_problem(spent, after)
            self.reads += kind == "read"
            self.writes += kind == "write"
            self.drive_calls += kind == "drive"
        return None

    def problem(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Return an error in the shape of the API that this thread is serving. A fault's 429 names the user's counter."""
        kind = getattr(self._serving, "kind", None)
        if status == 429:
            return quota_problem(Spent(kind or "write", True, 0.0), headers)
        return (drive_problem if kind == "drive" else sheets_problem)(status, detail, headers)

    def respond(self, request: Request) -> Reply:
        fault = request.fault
        if fault is None:
            return self._answer(request)
        match fault.kind:
            case "html_502":
                return _html(502)
            case "done_but_error":
                self._answer(request)
                return self.problem(fault.options["status"], "The service is currently unavailable.")
            case "human" if fault.options.get("when") == "after":
                reply = self._answer(request)
                self._person(fault.options.get("action"))
                return reply
            case _:
                self._person(fault.options.get("action"))
                return self._answer(request)

    def _answer(self, request: Request) -> Reply:
        if (request.method, request.path) == ("POST", TOKEN_PATH):
            with self.lock:
                return self.tokens.answer(request)
        found = find_route(request)
        if found is None:
            return _html(404)
        route, parts = found
        self._serving.kind = route.kind
        with self.lock:
            self._check_token(request, route)
            if route.kind == "write":
                self.largest_write = max(self.largest_write, len(request.body))
                self.large_writes += len(request.body) > self.settings.recommended_bytes
        body = read_body(request)
        query = read_query(request, route)
        mask = read_mask(query["fields"][-1]) if "fields" in query else {}
        with self.lock:
            writing = route.kind == "write"
            book = self.store.shared(parts["id"], writing) if "id" in parts else Book("", "")
            draft = Draft(book.copy() if writing else book, EMAIL)
            ask = Ask(parts, query, body, book, draft, self.settings.metadata_characters, mask)
            reply = picked(mask, route.act(self.store, ask))
        text = json.dumps(reply, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return Reply(200, text.encode("utf-8", "surrogatepass"), {"Content-Type": "application/json; charset=UTF-8"})

    def _check_token(self, request: Request, route: Route) -> None:
        if not self.tokens.live(request.bearer):
            raise Refused(401, "Request had invalid authentication credentials. Expected OAuth 2 access token.")
        if not self.tokens.may(request.bearer, route.kind):
            raise Refused(403, "Request had insufficient authentication scopes.")

    def forget_token(self, request: Request, /) -> None:
        with self.lock:
            self.tokens.forget(request.bearer)

    def _person(self, actions: object) -> None:
        with self.lock:
            self.change({"person": actions if isinstance(actions, list) else [actions]})

    # What tests ask

    @property
    def formulas_entered(self) -> list[dict[str, Any]]:
        """Return every cell that an API call turned into a formula: spreadsheet, tab, cell, formula."""
        return self.store.formulas_entered

    def token(self, *scopes: str) -> str:
        """Return an access token without a login; for all of Sheets and Drive unless scopes are named."""
        with self.lock:
            return self.tokens.issue(*scopes)

    def spreadsheet_id(self, title: str) -> str:
        """Return the id of the first spreadsheet with this title."""
        return find_book(self.store.books, title).id

    def rows(self, spreadsheet: str, tab: str | None = None) -> list[list[Any]]:
        """Return the values of a tab (by default the first) with its header: None, bool, float or str, no trailing blanks."""
        with self.lock:
            book = find_book(self.store.books, spreadsheet)
            found = find_tab(book, tab)
            rows: list[list[Any]] = [[effective(book, found, held) for held in row] for row in found.rows]
        for row in rows:
            while row and row[-1] is None:
                row.pop()
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def state(self) -> dict[str, Any]:
        with self.lock:
            return {
                "spreadsheets": [book_document(book) for book in self.store.books.values()],
                **{name: getattr(self, name) for name in COUNTERS},
                "formulas_entered": list(self.formulas_entered),
                "tokens": self.tokens.count(),
                "settings": dataclasses.asdict(self.settings),
            }

    def change(self, body: Any) -> dict[str, Any]:
        after = changed(body, self.store.books, self.settings)
        self.store.books = after.books
        for name, count in after.counters.items():
            setattr(self, name, count)
        if after.formulas is not None:
            self.store.formulas_entered = after.formulas
        if after.revoke_tokens:
            self.tokens = Tokens(self.clock, self.settings.token_seconds)
        if after.settings != self.settings:
            self._use(after.settings)
        return {"created": after.created} if after.created else {}


def _html(status: int) -> Reply:
    return Reply(status, _HTML % status, {"Content-Type": "text/html; charset=UTF-8"})
