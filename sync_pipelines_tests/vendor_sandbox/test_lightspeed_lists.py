"""How the lists of Lightspeed's stand-in are paged, over real sockets."""

from collections.abc import Iterator

import pytest

from sync_pipelines_tests.vendor_sandbox.lightspeed_caller import LightspeedCaller, fresh
from vendor_sandbox import Sandbox

COLLECTIONS = {
    **{name: name for name in ("products", "suppliers", "brands", "tags", "consignments", "sales", "outlets", "registers")},
    "product_types": "categories",
    "payment_types": "payment_types",
}
"""Lists that bring deleted rows too, and which collection they show."""


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def lightspeed(running: Sandbox) -> LightspeedCaller:
    return fresh(running)


@pytest.mark.parametrize("path", COLLECTIONS)
def test_a_walk_until_an_empty_page_finds_every_row_once(lightspeed: LightspeedCaller, path: str) -> None:
    lightspeed.set(short_pages=True)
    rows = lightspeed.rows(path, page_size=90, deleted="true")
    truth = lightspeed.truth(COLLECTIONS[path])
    assert [row["id"] for row in rows] == [row["id"] for row in sorted(truth, key=lambda each: each["version"])]
    assert any(row["deleted_at"] for row in truth) or path == "products"


def test_versions_do_not_fit_into_32_bits_and_leave_gaps(lightspeed: LightspeedCaller) -> None:
    versions = [row["version"] for row in lightspeed.rows("products")]
    assert min(versions) > 2**32
    assert versions == sorted(set(versions))
    assert max(versions) - min(versions) > len(versions)


def test_a_change_between_two_pages_is_seen_again_at_the_end(lightspeed: LightspeedCaller) -> None:
    first = lightspeed.truth("suppliers")[0]["id"]
    seen = []
    for page in lightspeed.pages("suppliers", page_size=3, deleted="true"):
        seen += [row["id"] for row in page["data"]]
        if len(seen) == 3:
            lightspeed.change(set={"suppliers": {first: {"name": "Renamed"}}})
    assert seen[0] == seen[-1] == first
