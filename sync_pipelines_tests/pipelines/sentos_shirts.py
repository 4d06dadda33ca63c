"""Three shirts in Sentos and in the shop, for tests of orders and shipments; and the truth of these."""

from __future__ import annotations

from typing import Any

from sync_pipelines.pipelines.shopify_sentos import ORDERS, PRICES, PRODUCTS, SHIPMENTS, STOCK
from sync_pipelines_tests.pipelines.sentos_scene import MAIN, SentosScene, garment


def stocked(scene: SentosScene) -> SentosScene:
    """Put them into both systems."""
    scene.add_products(*[garment(n, pieces=100) for n in (1, 2, 3)])
    scene.shop(products={"add": [shirt(n) for n in (1, 2, 3)]})
    return scene


def shirt(n: int) -> dict[str, Any]:
    variants = [
        {"sku": f"G{n}-{size}", "option_values": [size], "price": "199.90", "inventory": {MAIN: 100}} for size in ("S", "M")
    ]
    options = [{"name": "Beden", "values": ["S", "M"]}]
    return {"title": f"Gömlek {n}", "status": "ACTIVE", "options": options, "variants": variants}


def made(scene: SentosScene) -> dict[str, int]:
    """How often each order was made through the API."""
    found: dict[str, int] = scene.sandbox.sentos.state()["creates"]
    return found


def sent(scene: SentosScene, name: str) -> list[dict[str, Any]]:
    """The parcels of an order that are under way or have arrived."""
    return [each for each in scene.order(name)["fulfillments"] if each["status"] == "SUCCESS"]


def operations(scene: SentosScene, operation: str) -> int:
    """How often the shop was called so, whatever became of it."""
    return sum(call.get("operation") == operation for call in scene.sandbox.calls("shopify"))


WRITES = {write.applies.rpartition("/")[2]: write for write in (PRODUCTS, PRICES, STOCK, ORDERS, SHIPMENTS)}
"""What the pipeline writes, by its last name."""
