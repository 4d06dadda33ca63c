"""A caller that knows the paths and headers of Plytix, and nothing of what a good client does."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from sync_pipelines_tests.vendor_sandbox.conftest import PATIENCE
from vendor_sandbox import Sandbox
from vendor_sandbox.plytix import KEYS, MAIN

OUT_OF_THE_WAY = {"burst": 1_000_000, "token_seconds": 1_000_000, "search_lag": 0, "family_seconds": 0}
"""Settings without limits and lags, for the tests that are about something else."""


class PlytixCaller:
    def __init__(self, sandbox: Sandbox, account: str = MAIN) -> None:
        self.sandbox = sandbox
        self.account = account
        self.session = requests.Session()

    def ask_for_token(self, **changes: object) -> requests.Response:
        key, password = KEYS[self.account]
        body = {"api_key": key, "api_password": password, **changes}
        return self.session.post(f"{self.sandbox.url}/plytix/auth/api/get-token", json=body, timeout=PATIENCE)

    def log_in(self) -> "PlytixCaller":
        self.session.headers["Authorization"] = f"Bearer {self.ask_for_token().json()['data'][0]['access_token']}"
        return self

    def call(self, method: str, path: str, body: object = None, version: int = 1, **options: Any) -> requests.Response:
        url = f"{self.sandbox.url}/plytix/api/v{version}/{path}"
        return self.session.request(method, url, json=body, timeout=PATIENCE, **options)

    def one(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The one thing in a successful answer."""
        reply = self.call(method, path, body)
        assert reply.status_code in (200, 201), reply.text
        (found,) = reply.json()["data"]
        assert isinstance(found, dict)
        return found

    # Searching

    def search(self, *filters: dict[str, Any], **more: Any) -> requests.Response:
        """One alternative of these filters; `more` are members of the body."""
        return self.call("POST", "products/search", {"filters": [list(filters)] if filters else [], **more})

    def rows(self, *filters: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        reply = self.search(*filters, **more)
        assert reply.status_code == 200, reply.text
        found: list[dict[str, Any]] = reply.json()["data"]
        return found

    def skus(self, *filters: dict[str, Any]) -> set[str]:
        return {row["sku"] for row in self.rows(*filters, pagination={"page_size": 100})}

    # Products and definitions

    def create(self, sku: str, **more: Any) -> str:
        """The id of a new product."""
        return str(self.one("POST", "products", {"sku": sku, **more})["id"])

    def id_of(self, kind: str, name: str) -> str:
        """The id of the `families` or `relationships` member with this name, from the truth."""
        return str(self.sandbox.plytix.state()[kind][name]["id"])

    def truth(self, sku: str) -> dict[str, Any]:
        """A product as it is."""
        products = self.sandbox.plytix.state()["products"].values()
        return next(each for each in products if each["sku"] == sku)

    @contextmanager
    def set(self, **settings: object) -> Iterator[None]:
        """Settings for a while."""
        held = self.sandbox.plytix.settings.document()
        self.sandbox.plytix.change_state({"settings": settings})
        try:
            yield
        finally:
            self.sandbox.plytix.change_state({"settings": {name: held[name] for name in settings}})


def fresh(sandbox: Sandbox) -> PlytixCaller:
    """A caller on a vendor that was just reset, with limits and lags out of the way."""
    sandbox.plytix.reset()
    sandbox.plytix.change_state({"settings": OUT_OF_THE_WAY})
    return PlytixCaller(sandbox).log_in()


def where(field: object, operator: str, value: object = None) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def faults(reply: requests.Response) -> dict[str, Any]:
    """Messages of an error by field."""
    return {each["field"]: each["msg"] for each in reply.json()["error"]["errors"]}
