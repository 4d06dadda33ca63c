"""A caller that knows the paths of Sentos and its key, and nothing of what a good client does."""

from typing import Any

import requests

from sync_pipelines_tests.vendor_sandbox.conftest import PATIENCE, exact
from vendor_sandbox import Sandbox
from vendor_sandbox.sentos import KEY, SECRET

OUT_OF_THE_WAY = {"burst": 1_000_000, "list_lag": 0, "stock_lag": 0}
"""Settings without limits and lags, for the tests that are about something else."""

PLAIN = {**OUT_OF_THE_WAY, "spellings": "plain", "line_ids": "unique"}


class SentosCaller:
    def __init__(self, sandbox: Sandbox, key: tuple[str, str] | None = (KEY, SECRET)) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.auth = key

    def call(self, method: str, path: str, body: object = None, **options: Any) -> requests.Response:
        url = f"{self.sandbox.url}/sentos/api/{path}"
        return self.session.request(method, url, json=body, timeout=PATIENCE, **options)

    def get(self, path: str, body: object = None, **parameters: object) -> Any:
        """The content of a successful answer."""
        reply = self.call("GET", path, body, params={name: str(value) for name, value in parameters.items()})
        assert reply.status_code == 200, reply.text
        return exact(reply)

    def rows(self, path: str, **parameters: object) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(path, **parameters)["data"]
        return found

    def change(self, **body: object) -> dict[str, Any]:
        return self.sandbox.sentos.change_state(body)

    def set(self, **settings: object) -> None:
        self.change(settings=settings)

    def add(self, *variants: dict[str, Any], **fields: object) -> int:
        """The id of a product that is added behind the API's back."""
        (added,) = self.change(add=[{"sku": "TSH", "name": "Tişört", "variants": list(variants), **fields}])["added"]
        return int(added)

    def truth(self, product_id: int) -> dict[str, Any]:
        """A product as it is."""
        return next(each for each in self.sandbox.sentos.state()["products"] if each["id"] == product_id)

    def stock(self, sku: str) -> dict[int, object]:
        """What there truly is of a SKU, by warehouse."""
        products = self.sandbox.sentos.state()["products"]
        row = next(row for each in products for row in (each, *each["variants"]) if row["sku"] == sku)
        return {entry["warehouse"]: entry["stock"] for entry in row["stocks"]}

    def order(self, order_id: int) -> dict[str, Any]:
        """An order as it is."""
        return next(each for each in self.sandbox.sentos.state()["orders"] if each["id"] == order_id)

    def create_order(self, **changes: object) -> int:
        """Sentos' id of a new order."""
        reply = self.call("POST", "orders", order_body(**changes))
        assert reply.status_code == 201, reply.text
        return int(reply.json()["order"]["id"])


def fresh(sandbox: Sandbox, **settings: object) -> SentosCaller:
    """A caller on a vendor that was just reset, with limits and lags out of the way, and numbers as they are."""
    sandbox.sentos.reset()
    caller = SentosCaller(sandbox)
    caller.set(**{**PLAIN, **settings})
    return caller


def variant(sku: str, stock: object = 5, **more: Any) -> dict[str, Any]:
    """A variant with so many pieces in the first warehouse."""
    return {"sku": sku, "stocks": [{"warehouse": 1, "stock": stock}], **more}


def line(sku: str = "TSH-M", quantity: object = 1, **more: Any) -> dict[str, Any]:
    return {"warehouse_id": 1, "sku": sku, "name": "Tişört", "quantity": quantity, "price": 249.9, "vat_rate": 10, **more}


def order_body(**changes: object) -> dict[str, Any]:
    """An order as clients send it; a change to None takes the member out."""
    person = {"name": "Işıl Ö.", "phone": "905550000001"}
    address = {**person, "address": "Çınar Sok. 1", "country": "Türkiye", "city": "İstanbul", "district": "Kadıköy"}
    body = {
        "order_id": "shopify-5550001112223",
        "order_code": "#1042",
        "status": 2,
        "channel_id": 3,
        "order_date": "2026-01-05 13:10:00",
        "currency": "TL",
        "payment_method": "KREDIKARTI/BANKAKARTI",
        "shipping_total": 39.9,
        "note": "kapıya bırakın",
        "customer": {**person, "mail_address": "isil@example.com"},
        "invoice_address": {**address, "turkishIdentityNumber": "11111111111"},
        "shipment_address": address,
        "lines": [line()],
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}
