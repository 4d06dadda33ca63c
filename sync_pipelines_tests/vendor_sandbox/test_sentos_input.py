"""Whatever a client sends, Sentos' stand-in answers it and goes on."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipelines_tests.vendor_sandbox.sentos_caller import SentosCaller, fresh, line, order_body, variant
from vendor_sandbox import Sandbox

_PRODUCT = {
    "sku": "YENI",
    "category_id": 13,
    "name": "Yeni",
    "sale_price": "249,90",
    "stocks": [{"warehouse": 1, "stock": 4}],
    "prices": {"shopify": {"list_price": 299.9, "sale_price": 249.9}},
    "images": [{"url": "https://cdn.example.com/1.jpg"}],
    "variants": [variant("TSH-M"), variant("TSH-L")],
}
_CALLS: Mapping[tuple[str, str], Any] = {
    ("POST", "orders"): order_body(lines=[line(), line(quantity=2)]),
    ("PUT", "orders/9001"): {"status": 5, "note": "x", "data": {"cargo_company": "Aras", "tracking_number": "1"}},
    ("POST", "products"): _PRODUCT,
    ("PUT", "products/501"): {**_PRODUCT, "variants": []},
    ("PUT", "products/501/platform-variants"): [{**variant("TSH-M"), "prices": {"shopify": {"sale_price": 1}}}],
    ("POST", "categories"): {"name": "Şapka", "parent_id": 12},
    ("POST", "sales-channels"): {"name": "Telefon"},
}
_SCALARS = st.sampled_from([None, True, 0, -1, 1.5, 10**30, "", "x", "1,5", "²", "5" * 30])
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "sku", "stock", "warehouse"]), inner),
    max_leaves=4,
)


@st.composite
def with_a_mistake(draw: st.DrawFn, body: Any) -> Any:
    """The body with something else in one place, at any depth."""
    if not isinstance(body, dict | list) or not body or draw(st.integers(0, 4)) == 0:
        return draw(_ANYTHING)
    key = draw(st.sampled_from(sorted(body) if isinstance(body, dict) else range(len(body))))
    changed = body.copy()
    changed[key] = draw(with_a_mistake(body[key]))
    return changed


@pytest.fixture(scope="module")
def sentos() -> Iterator[SentosCaller]:
    with Sandbox(scale=50) as sandbox:
        caller = fresh(sandbox, spellings="mixed", unknown_variants="ignore", required=[], free_lines=True)
        caller.change(set={"501": {"variants": [variant("TSH-M"), variant("TSH-L")]}})
        yield caller


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_body_is_answered_and_the_state_stays_one_that_can_be_read_and_loaded(
    sentos: SentosCaller, data: st.DataObject
) -> None:
    method, path = data.draw(st.sampled_from(sorted(_CALLS)))
    reply = sentos.call(method, path, data.draw(with_a_mistake(_CALLS[method, path])))
    assert reply.status_code in (200, 201, 400, 422), reply.text
    for listed in ("products", "orders", "categories", "sales-channels"):
        sentos.get(listed)
    sentos.change(load=sentos.sandbox.sentos.state())
