"""What is to be sent of orders, and what was: whole, however many lines an order has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sync_pipelines.vendors.shopify import Shopify
from sync_pipelines.vendors.shopify_units import units_of
from vendor_sandbox import Sandbox

Connect = Callable[..., Shopify]


def longest(sandbox: Sandbox, *, sent: bool) -> Any:
    state = "FULFILLED" if sent else "UNFULFILLED"
    orders = [o for o in sandbox.shopify.orders() if o["displayFulfillmentStatus"] == state and o["cancelledAt"] is None]
    return max(orders, key=lambda order: len(order["lineItems"]))


@pytest.mark.parametrize("sent", [True, False])
def test_an_order_of_many_lines_is_read_whole(sandbox: Sandbox, shopify: Connect, sent: bool) -> None:
    order = longest(sandbox, sent=sent)
    (units,) = units_of(shopify(), [order["id"]])
    pieces = sum(line["currentQuantity"] for line in order["lineItems"] if line["requiresShipping"] and line["variant"])
    assert (sum(units.shipped.values()), sum(units.open.values())) == ((pieces, 0) if sent else (0, pieces))


def test_the_longest_order_does_not_fit_into_one_call(sandbox: Sandbox) -> None:
    assert max(len(longest(sandbox, sent=sent)["lineItems"]) for sent in (True, False)) > 50


def test_an_order_that_is_gone_is_left_out(sandbox: Sandbox, shopify: Connect) -> None:
    order = longest(sandbox, sent=True)
    found = [units.id for units in units_of(shopify(), [order["id"], "gid://shopify/Order/1"])]
    assert found == [order["id"]]
