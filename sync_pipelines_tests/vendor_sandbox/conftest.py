"""Callers that know the paths and headers of each vendor, and nothing of what a good client does."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from vendor_sandbox import Sandbox, exact_json
from vendor_sandbox.catsy import FULL_TOKEN, QUERY_ID
from vendor_sandbox.sparklayer import CLIENT_ID, CLIENT_SECRET, SITE_ID

PATIENCE = 20.0
"""Seconds a test waits for something that must happen; only a failing test waits that long."""


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def exact(reply: requests.Response) -> Any:
    return exact_json.loads(reply.content)


class CatsyCaller:
    def __init__(self, sandbox: Sandbox, token: str | None = FULL_TOKEN) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        if token is not None:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def page(self, query_id: str = QUERY_ID, **parameters: object) -> requests.Response:
        url = f"{self.sandbox.url}/catsy/api/v3/queries/{query_id}/items"
        return self.session.get(url, params={name: str(value) for name, value in parameters.items()}, timeout=PATIENCE)

    def filter(self, *filters: object, **parameters: object) -> requests.Response:
        url = f"{self.sandbox.url}/catsy/v4/products/filter"
        query = {name: str(value) for name, value in parameters.items()}
        return self.session.post(url, params=query, json={"filters": filters}, timeout=PATIENCE)

    def everything(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        while page := exact(self.page(limit=500, offset=len(items)))["items"]:
            items += page
        return items

    def by_name(self, name: str) -> dict[str, Any]:
        return next(item for item in self.everything() if item.get("name") == name)


class SparkLayerCaller:
    def __init__(self, sandbox: Sandbox, site: str = SITE_ID, key: tuple[str, str] = (CLIENT_ID, CLIENT_SECRET)) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.headers["Site-Id"] = site
        self.key = key

    def ask_for_token(self, **changes: object) -> requests.Response:
        client_id, client_secret = self.key
        body = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret, **changes}
        return self.session.post(f"{self.sandbox.url}/sparklayer/api/auth/token", json=body, timeout=PATIENCE)

    def log_in(self) -> "SparkLayerCaller":
        self.session.headers["Authorization"] = f"Bearer {self.ask_for_token().json()['access_token']}"
        return self

    def call(self, method: str, path: str, body: object = None, **options: Any) -> requests.Response:
        url = f"{self.sandbox.url}/sparklayer/api/{path}"
        if body is not None:
            options["data"] = (body if isinstance(body, str) else exact_json.dumps(body)).encode()
            options["headers"] = {"Content-Type": "application/json", **options.get("headers", {})}
        return self.session.request(method, url, timeout=PATIENCE, **options)

    def write(self, body: object, slug: str = "trade-nz") -> requests.Response:
        return self.call("PATCH", f"v1/price-lists/{slug}/pricing", body)

    def stored(self, slug: str = "trade-nz") -> dict[str, Any]:
        """The truth about one list, by SKU."""
        document = next(each for each in self.sandbox.sparklayer.state()["lists"] if each["slug"] == slug)
        prices: dict[str, Any] = document["prices"]
        return prices


def entry(sku: str, *prices: tuple[int, str], **more: Any) -> dict[str, Any]:
    """An entry of a pricing update: (quantity, price) pairs."""
    return {"sku": sku, "pricing": [{"quantity": quantity, "price": Decimal(price)} for quantity, price in prices], **more}


def row(quantity: int, price: str, unit: str | None = None, **more: Any) -> dict[str, Any]:
    """A price as the sandbox keeps it."""
    return {"quantity": quantity, "price": Decimal(price), "unit_of_measure": unit, **more}


def control(sandbox: Sandbox, method: str, path: str, body: object = None) -> requests.Response:
    """A call to the control endpoints over the wire."""
    data = None if body is None else exact_json.dumps(body).encode()
    return requests.request(method, f"{sandbox.url}/_sandbox{path}", data=data, timeout=PATIENCE)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A small sandbox whose rate limits are out of the way."""
    with Sandbox() as running:
        for vendor in running.vendors.values():
            vendor.change_state({"settings": {"burst": 1_000_000}})
        yield running


@pytest.fixture
def catsy(sandbox: Sandbox) -> CatsyCaller:
    return CatsyCaller(sandbox)


@pytest.fixture
def sparklayer(sandbox: Sandbox) -> SparkLayerCaller:
    return SparkLayerCaller(sandbox).log_in()
