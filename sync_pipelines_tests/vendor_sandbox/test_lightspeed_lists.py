"""How the lists of Lightspeed's stand-in are paged, over real sockets."""

from collections.abc import Iterator

import pytest

from sync_pipelines_tests.vendor_sandbox.conftest import exact
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
    versions = [row["version"] for row in lightspeed.rows("sales", version="2.0")]
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


class TestPages:
    def test_a_page_may_be_short_while_more_rows_remain(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.set(short_pages=True)
        sizes = [len(page["data"]) for page in lightspeed.pages("products", page_size=50)]
        assert max(sizes) == 50
        assert min(sizes[:-1]) < 50

    def test_sizes_are_clamped(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.set(max_size=30, default_size=20)
        assert len(lightspeed.get("sales", page_size=500)["data"]) == 30
        assert len(lightspeed.get("sales")["data"]) == 20

    def test_the_highest_version_may_be_above_every_row_and_skips_none(self, lightspeed: LightspeedCaller) -> None:
        page = lightspeed.get("products", page_size=10)
        assert page["version"]["max"] > max(row["version"] for row in page["data"])
        assert page["version"]["min"] == min(row["version"] for row in page["data"])

    @pytest.mark.parametrize(("version", "empty"), [("2026-07", {"min": None, "max": None}), ("2.0", {"min": 0, "max": 0})])
    def test_an_empty_page_has_a_version(self, lightspeed: LightspeedCaller, version: str, empty: object) -> None:
        end = lightspeed.sandbox.lightspeed.store.version
        assert lightspeed.get("sales", version=version, after=end) == {"data": [], "version": empty}

    def test_rows_that_share_a_version_are_never_on_two_pages(self, lightspeed: LightspeedCaller) -> None:
        rows = sorted(lightspeed.truth("products"), key=lambda row: row["version"])
        places = [place for place, row in enumerate(rows) if "version shared" in row["name"]]
        version, before = rows[places[0]]["version"], rows[places[0] - 1]["version"]
        whole = {row["id"] for row in lightspeed.get("products", after=version - 1, page_size=2)["data"]}
        assert whole == {rows[place]["id"] for place in places}
        assert [row["version"] for row in lightspeed.get("products", after=before - 1, page_size=3)["data"]] == [before]

    def test_a_list_may_have_no_versions_in_rows_or_reply(self, lightspeed: LightspeedCaller) -> None:
        assert "version" not in lightspeed.get("brands")["data"][0]
        assert "version" not in lightspeed.get("taxes")
        lightspeed.set(without_envelope=["brands"])
        assert lightspeed.get("brands").keys() == {"data"}

    def test_consignments_are_an_array_in_2_0(self, lightspeed: LightspeedCaller) -> None:
        rows = lightspeed.get("consignments", version="2.0")
        assert rows == lightspeed.get("consignments")["data"]
        wanted = lightspeed.get("consignments", type="SUPPLIER", status="SENT")["data"]
        assert wanted == [row for row in rows if (row["type"], row["status"]) == ("SUPPLIER", "SENT")]

    def test_parameters_that_are_no_numbers_are_refused(self, lightspeed: LightspeedCaller) -> None:
        assert lightspeed.call("GET", "products", params={"after": "x"}).status_code == 422


class TestDeletedRows:
    def test_products_come_with_deleted_rows_only_when_asked(self, lightspeed: LightspeedCaller) -> None:
        shown, everything = lightspeed.rows("products"), lightspeed.rows("products", deleted="true")
        assert {row["deleted_at"] for row in shown} == {None}
        assert len(everything) == len(lightspeed.truth("products")) > len(shown)

    def test_2_0_does_not_know_of_deleted_suppliers(self, lightspeed: LightspeedCaller) -> None:
        shown = lightspeed.get("suppliers", version="2.0", deleted="true")["data"]
        assert len(shown) == len(lightspeed.truth("suppliers")) - 1

    def test_a_deletion_gives_a_new_version(self, lightspeed: LightspeedCaller) -> None:
        row = lightspeed.truth("tags")[0]
        before = lightspeed.sandbox.lightspeed.store.version
        lightspeed.change(delete={"tags": [row["id"]]})
        (seen,) = lightspeed.get("tags", after=before, deleted="true")["data"]
        assert (seen["id"], bool(seen["deleted_at"])) == (row["id"], True)

    def test_a_row_can_vanish_without_a_trace(self, lightspeed: LightspeedCaller) -> None:
        row = lightspeed.truth("products")[0]
        lightspeed.change(vanish={"products": [row["id"]]})
        assert row["id"] not in [each["id"] for each in lightspeed.rows("products", deleted="true")]


class TestManyRows:
    @pytest.mark.parametrize("version", ["2.0", "2026-07", "2026-10"])
    def test_lazy_rows_are_the_same_alone_and_on_a_page(self, lightspeed: LightspeedCaller, version: str) -> None:
        lightspeed.set(more_products=100_000, more_sales=1_000_000)
        for path in ("products", "sales"):
            for row in lightspeed.get(path, version=version, page_size=9)["data"]:
                assert lightspeed.get(f"{path}/{row['id']}", version=version)["data"] == row

    def test_a_page_far_down_costs_no_more_than_the_first(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.set(more_sales=1_000_000)
        first = lightspeed.get("sales", page_size=1)["data"][0]["_metadata"]["version"]
        page = lightspeed.get("sales", page_size=4, after=first + 16 * 999_990)["data"]
        assert [len(row["line_items"]) for row in page] == [4, 1, 2, 3]

    def test_a_changed_one_moves_to_the_end_and_is_there_once(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.set(more_products=1_000)
        product = lightspeed.get("products", page_size=1)["data"][0]
        lightspeed.change(set={"products": {product["id"]: {"name": "Renamed"}}})
        rows = lightspeed.rows("products", page_size=1000)
        assert (rows[-1]["id"], rows[-1]["name"]) == (product["id"], "Renamed")
        assert len({row["id"] for row in rows}) == len(rows)
        lightspeed.change(delete={"products": [rows[0]["id"]]})
        assert rows[0]["id"] not in [row["id"] for row in lightspeed.rows("products", page_size=1000)]

    def test_the_stock_of_one_is_found_without_reading_all(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.set(more_products=100_000)
        product = lightspeed.get("products", sku="bulk-0099999")["data"][0]
        stock = lightspeed.get(f"inventory/{product['id']}")
        assert [row["product_id"] for row in stock] == [product["id"]] * 3
        posted = exact(lightspeed.call("POST", "inventory", {"product_id": product["id"]}))
        assert stock == posted[::-1]
