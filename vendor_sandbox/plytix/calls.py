"""One call to the API, as its handlers receive it, and the replies they return."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.plytix.problems import SCHEMA, Problem, entry, not_found
from vendor_sandbox.plytix.products import Product
from vendor_sandbox.plytix.settings import Settings
from vendor_sandbox.plytix.store import Store
from vendor_sandbox.wire import Reply, Request


@dataclass(frozen=True)
class ApiCall:
    """A call that was let in, for one account, under the vendor's lock."""

    request: Request
    store: Store
    settings: Settings
    lock: threading.Condition

    def body(self) -> dict[str, Any]:
        """Return the body, an object. Raises Refused (400) when it is not JSON, and Problem (422) when it is not an object."""
        found = self.request.json_body()
        if not isinstance(found, dict):
            raise Problem(422, SCHEMA, [entry("_schema", ["Invalid input type."])])
        return found

    def product(self, product_id: str) -> Product:
        """Return the product with this id. Raises Problem (404)."""
        product = self.store.product(product_id)
        if product is None:
            raise not_found(f"product {product_id}")
        return product

    def put(self, product: Product) -> None:
        self.store.put(product, self.settings.search_lag)

    def pause(self, seconds: float) -> None:
        """Let other calls run for so many seconds of the sandbox's clock."""
        if seconds:
            self.lock.wait(self.store.clock.on_the_wall(seconds))


def data(things: Sequence[Any], status: int = 200, **headers: str) -> Reply:
    return Reply.json(status, {"data": things}, **headers)


def no_content() -> Reply:
    return Reply(204)
