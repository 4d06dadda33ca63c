"""What every vendor of the sandbox is. A new vendor is a folder with a subclass of `Vendor`, which `Sandbox` makes."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Any, ClassVar

from vendor_sandbox import exact_json
from vendor_sandbox.catalogue import Catalogue
from vendor_sandbox.faults import GENERAL_KINDS, Kinds
from vendor_sandbox.limits import Clock
from vendor_sandbox.values import BadChange
from vendor_sandbox.wire import Refused, Reply, Request


class Vendor(ABC):
    """One vendor's API and the data behind it.

    A subclass sets `name` (the first part of its paths), may add `own_faults`, and fills its data in `reset`, which
    the constructor calls. Data is read and changed under `lock`. Stored values are replaced, never changed in place,
    so that a state handed out stays as it was.
    """

    name: ClassVar[str]
    own_faults: ClassVar[Kinds] = {}

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self.catalogue = catalogue
        self.clock = clock
        self.lock = threading.Condition()
        self.reset()

    @property
    def fault_kinds(self) -> Kinds:
        return {**GENERAL_KINDS, **self.own_faults}

    def handle(self, request: Request) -> Reply:
        """Carry out the request and answer it."""
        try:
            return self.respond(request)
        except Refused as refused:
            return self.problem(refused.status, refused.detail, refused.headers)

    def change_state(self, body: object) -> dict[str, Any]:
        """Change the truth behind the API, all of it or nothing. Raises BadChange, which names the member at fault."""
        try:
            own = exact_json.loads(exact_json.dumps(body))
        except (TypeError, ValueError) as error:
            raise BadChange(f"the change is not JSON: {error}") from error
        with self.lock:
            return self.change(own)

    def close(self) -> None:
        """Wake the calls that wait for a processing time, so that closing is prompt."""
        with self.lock:
            self.lock.notify_all()

    @abstractmethod
    def reset(self) -> None:
        """Go back to the seed: data, settings, tokens and limits."""

    @abstractmethod
    def admit(self, request: Request, /) -> Reply | None:
        """Apply the vendor's rate limit: None lets the call in, a reply (429) turns it away."""

    @abstractmethod
    def respond(self, request: Request) -> Reply:
        """Answer the request for `handle`. May raise Refused."""

    @abstractmethod
    def problem(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Return an error in the vendor's own shape."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return the truth behind the API, as a document that `change_state` can load."""

    @abstractmethod
    def change(self, body: Any) -> dict[str, Any]:
        """Carry out `change_state`. `body` is a copy of its own, and the lock is held."""

    @abstractmethod
    def env(self, base_url: str) -> dict[str, str]:
        """Return the environment that a client of this vendor needs; `base_url` ends in the vendor's name."""

    def forget_token(self, _request: Request, /) -> None:
        """End the token of this request. A vendor whose keys do not expire has nothing to do here."""
        return

    def operations(self, _request: Request, /) -> Sequence[str]:
        """Return what a call asks for, each as kind and name, for a vendor whose paths do not say it."""
        return ()


Handler = Callable[..., Reply]


class Routes:
    """Paths of a vendor: `{"GET /things/{id}": method}`. The method gets the parts in braces as arguments, decoded."""

    def __init__(self, table: Mapping[str, Handler]) -> None:
        self._routes: list[tuple[tuple[str, ...], dict[str, Handler]]] = []
        by_path: dict[str, dict[str, Handler]] = {}
        for route, handler in table.items():
            method, _, path = route.partition(" ")
            by_path.setdefault(path, {})[method] = handler
        for path, methods in by_path.items():
            self._routes.append((tuple(path.lstrip("/").split("/")), methods))

    def find(self, request: Request) -> tuple[Handler, list[str]]:
        """Return the method for this request and its arguments. Raises Refused: 404, or 405 when the path has other methods."""
        parts = request.parts
        for pattern, methods in self._routes:
            if len(pattern) != len(parts):
                continue
            pairs = list(zip(pattern, parts, strict=True))
            if all(known == part or (known.startswith("{") and part) for known, part in pairs):
                if request.method not in methods:
                    allowed = ", ".join(methods)
                    raise Refused(405, f"{request.method} is not offered here; allowed: {allowed}", {"Allow": allowed})
                return methods[request.method], [part for known, part in pairs if known.startswith("{")]
        raise Refused(404, "there is nothing at this path")


def phrase(status: int) -> str:
    """Return the usual words for a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def plain_text(value: float) -> str:
    """Write a number for an environment variable: 120, 0.0083, never 1.2e+06."""
    return format(Decimal(repr(round(value, 9))).normalize(), "f")
