"""The product search of Plytix's stand-in: filters, columns, order, pages and lag."""

from collections.abc import Iterator
from typing import Any

import pytest

from sync_pipelines_tests.vendor_sandbox.conftest import eventually
from sync_pipelines_tests.vendor_sandbox.plytix_caller import PlytixCaller, faults, fresh, where
from vendor_sandbox import Sandbox


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def plytix(running: Sandbox) -> PlytixCaller:
    return fresh(running)


@pytest.fixture
def shop(plytix: PlytixCaller) -> PlytixCaller:
    """Three products that differ in each field, all created long after the seeded ones."""
    definitions = {
        "weight": {"type_class": "DecimalAttribute"},
        "tags": {"type_class": "MultiSelectAttribute", "options": ["New", "new", "Old"]},
    }
    values: list[dict[str, Any]] = [
        {"amazon_asin": "B0AAA", "amazon_listing_status": "active", "amazon_is_primary": True, "weight": 1.5},
        {"amazon_asin": "b0aab", "amazon_listing_status": "unknown", "amazon_is_primary": False, "tags": ["New"]},
        {"amazon_last_synced": "2026-01-15", "weight": 3, "tags": ["new", "Old"]},
    ]
    products = [
        {
            "sku": f"T-{name}",
            "label": f"Thing {name}",
            "status": "Archived" if name == "three" else "Draft",
            "created": f"2026-03-0{day}T10:00:00.000000+00:00",
            "attributes": attributes,
        }
        for day, (name, attributes) in enumerate(zip(("one", "two", "three"), values, strict=True), start=1)
    ]
    plytix.sandbox.plytix.change_state({"attributes": definitions, "add": products})
    return plytix


MARCH = where("created", "gte", "2026-03-01")


class TestFilters:
    @pytest.mark.parametrize(
        ("condition", "found"),
        [
            (where("sku", "eq", "t-ONE"), "one"),
            (where("sku", "!eq", "t-ONE"), "two three"),
            (where("sku", "like", "-t"), "two three"),
            (where("sku", "!like", "-t"), "one"),
            (where("sku", "like", "T-%"), ""),
            (where("sku", "in", ["T-one", "t-two", "other"]), "one"),
            (where("sku", "!in", ["T-one", "t-two"]), "two three"),
            (where("label", "eq", "thing TWO"), "two"),
            (where("gtin", "exists"), ""),
            (where("gtin", "!exists"), "one two three"),
            (where("status", "eq", "archived"), "three"),
            (where("status", "in", ["archived", "Draft"]), "one two"),
            (where("status", "!in", ["Draft"]), "three"),
            (where("attributes.amazon_asin", "eq", "b0AAA"), "one"),
            (where("attributes.amazon_asin", "like", "B0AA"), "one two"),
            (where("attributes.amazon_asin", "!exists"), "three"),
            (where("attributes.amazon_asin", "!eq", "b0aaa"), "two three"),
            (where("attributes.amazon_listing_status", "eq", "Active"), "one"),
            (where("attributes.amazon_listing_status", "in", ["Active", "unknown"]), "two"),
            (where("attributes.amazon_listing_status", "!in", ["unknown"]), "one three"),
            (where("attributes.amazon_is_primary", "eq", False), "two"),
            (where("attributes.amazon_last_synced", "eq", "2026-01-15"), "three"),
            (where("attributes.amazon_last_synced", "lt", "2026-01-15"), ""),
            (where("attributes.amazon_last_synced", "gte", "2026-01-15"), "three"),
            (where("attributes.weight", "gt", 1.5), "three"),
            (where("attributes.weight", "gte", 1.5), "one three"),
            (where("attributes.weight", "eq", 3), "three"),
            (where("attributes.tags", "in", ["new"]), "three"),
            (where("attributes.tags", "!in", ["New"]), "one three"),
            (where("product_level", "eq", 0), "one two three"),
            (where("_has_variations", "eq", True), ""),
            (where("thumbnail", "exists"), ""),
            (where(["sku", "attributes.amazon_asin"], "text_search", "AAB"), "two"),
            (where("created", "gt", "2026-03-02"), "two three"),
            (where("created", "lte", "2026-03-02"), "one"),
            (where("created", "lt", "2026-03-02"), "one"),
        ],
    )
    def test_each_operator(self, shop: PlytixCaller, condition: dict[str, Any], found: str) -> None:
        assert shop.skus(MARCH, condition) == {f"T-{name}" for name in found.split()}

    @pytest.mark.parametrize(
        ("condition", "field"),
        [
            (where("sku", "contains", "x"), "sku"),
            (where("sku", "like", 7), "sku"),
            (where("sku", "eq", ["x"]), "sku"),
            (where("sku", "in", "x"), "sku"),
            (where("label", "in", ["x"]), "label"),
            (where("amazon_asin", "eq", "x"), "amazon_asin"),
            (where("attributes.no_such", "eq", "x"), "attributes.no_such"),
            (where("product_family_id", "eq", "x"), "product_family_id"),
            (where("attributes.amazon_asin", "in", ["x"]), "attributes.amazon_asin"),
            (where("attributes.amazon_last_synced", "!eq", "2026-01-15"), "attributes.amazon_last_synced"),
            (where("attributes.amazon_is_primary", "eq", "true"), "attributes.amazon_is_primary"),
            (where("attributes.weight", "gt", "1"), "attributes.weight"),
            (where("created", "gte", "2026-03-01T00:00:00"), "created"),
            (where("created", "gte", "2026-13-01"), "created"),
            (where(["created"], "text_search", "x"), "created"),
            (where(None, "eq", "x"), None),
            (where({}, "exists"), {}),
        ],
    )
    def test_what_no_search_takes(self, shop: PlytixCaller, condition: dict[str, Any], field: object) -> None:
        reply = shop.search(condition)
        assert reply.status_code == 422
        assert reply.json()["error"]["errors"][0]["field"] == field

    def test_alternatives_are_or_and_conditions_and(self, shop: PlytixCaller) -> None:
        groups = [
            [where("sku", "eq", "T-one"), where("attributes.weight", "eq", 3)],
            [where("sku", "eq", "T-two")],
            [where("attributes.weight", "gt", 2)],
        ]
        rows = shop.call("POST", "products/search", {"filters": groups}).json()["data"]
        assert {row["sku"] for row in rows} == {"T-two", "T-three"}

    @pytest.mark.parametrize("filters", [[where("sku", "eq", "x")], {}, "x", [["x"]]])
    def test_filters_have_one_form(self, plytix: PlytixCaller, filters: object) -> None:
        assert plytix.call("POST", "products/search", {"filters": filters}).status_code == 422

    def test_filters_must_be_there_unless_set_otherwise_and_other_members_are_ignored(self, plytix: PlytixCaller) -> None:
        assert plytix.call("POST", "products/search", {}).status_code == 422
        assert plytix.call("POST", "products/search", {"filters": [], "limit": "x"}).status_code == 200
        with plytix.set(filters_required=False):
            assert plytix.call("POST", "products/search", {}).status_code == 200

    def test_in_on_sku_can_be_refused_or_ignore_case(self, shop: PlytixCaller) -> None:
        with shop.set(sku_in=False):
            assert shop.search(where("sku", "in", ["T-one"])).status_code == 422
            pairs = [[where("sku", "eq", "t-one")], [where("sku", "eq", "T-two")]]
            rows = shop.call("POST", "products/search", {"filters": pairs}).json()["data"]
            assert {row["sku"] for row in rows} == {"T-one", "T-two"}
        with shop.set(in_ignores_case=True):
            assert shop.skus(where("sku", "in", ["t-ONE"])) == {"T-one"}

    def test_a_day_can_mean_all_of_it_and_instants_can_be_let_in(self, shop: PlytixCaller) -> None:
        with shop.set(day_means="day"):
            assert shop.skus(MARCH, where("created", "lte", "2026-03-02")) == {"T-one", "T-two"}
            assert shop.skus(MARCH, where("created", "eq", "2026-03-02")) == {"T-two"}
        with shop.set(filter_instants=True):
            assert shop.skus(where("created", "gt", "2026-03-02T12:00:00+02:00")) == {"T-three"}
            assert shop.skus(where("created", "gte", "2026-03-02T10:00:00")) == {"T-two", "T-three"}

    def test_skus_that_differ_by_case_are_told_apart_by_in_alone(self, plytix: PlytixCaller) -> None:
        (odd,) = [sku for sku in plytix.skus(where("sku", "like", "AMZN-US-")) if sku[8:] != sku[8:].upper()]
        plytix.create(odd.upper())
        assert plytix.skus(where("sku", "eq", odd.upper())) == {odd, odd.upper()}
        assert plytix.skus(where("sku", "in", [odd.upper()])) == {odd.upper()}


class TestLinkFilters:
    def filtered(self, plytix: PlytixCaller, *filters: dict[str, Any]) -> set[str]:
        rows = plytix.rows(relationship_filters=[list(filters)], pagination={"page_size": 100})
        return {row["sku"] for row in rows}

    def test_products_are_found_by_their_links(self, plytix: PlytixCaller) -> None:
        source, target = plytix.create("S"), plytix.create("T")
        relationship = plytix.id_of("relationships", "Amazon Listings (archive)")
        links = {"product_relationships": [{"product_id": target, "quantity": 2}]}
        plytix.one("POST", f"products/{source}/relationships/{relationship}", links)
        linked = {"relationship_id": relationship, "operator": "exists", "product_ids": []}
        assert self.filtered(plytix, linked) == {"S"}
        for quantity, found in ((2, {"S"}), (3, set())):
            pair = {"id": target, "qty_operator": "eq", "value": [quantity]}
            assert self.filtered(plytix, {**linked, "product_ids": [pair]}) == found
        assert self.filtered(plytix, {**linked, "product_ids": [{"id": source}]}) == set()
        assert plytix.search(where("sku", "in", ["S", "T"]), relationship_filters=[[{**linked, "operator": "!exists"}]])
        plytix.call("DELETE", f"products/{target}")
        assert self.filtered(plytix, linked) == set()

    def test_only_one_relationship_may_be_named(self, plytix: PlytixCaller) -> None:
        ids = [plytix.id_of("relationships", name) for name in ("Amazon Listings", "Amazon Hierarchy")]
        filters = [{"relationship_id": each, "operator": "exists"} for each in ids]
        assert plytix.search(relationship_filters=[filters]).status_code == 422
        assert plytix.search(relationship_filters=[[{**filters[0], "relationship_id": "x"}]]).status_code == 422
        assert plytix.search(relationship_filters=[[{**filters[0], "operator": "in"}]]).status_code == 422


class TestColumns:
    def test_only_columns_asked_for_come_and_empty_attributes_do_not(self, shop: PlytixCaller) -> None:
        (bare,) = shop.rows(where("sku", "eq", "T-three"))
        assert set(bare) == {"id", "sku", "num_variations", "_parent_id"}
        columns = ["label", "gtin", "attributes.amazon_asin", "attributes.amazon_last_synced", "relationships.amazon_listings"]
        (row,) = shop.rows(where("sku", "eq", "T-three"), attributes=columns)
        assert {name: row[name] for name in row if name not in bare} == {
            "label": "Thing three",
            "gtin": None,
            "attributes": {"amazon_last_synced": "2026-01-15T00:00:00"},
            "relationships": [],
        }

    @pytest.mark.parametrize("column", ["amazon_asin", "attributes.no_such", "relationships.no", "product_family_id"])
    def test_an_unknown_column_is_refused_or_ignored(self, plytix: PlytixCaller, column: str) -> None:
        reply = plytix.search(attributes=["label", column])
        assert (reply.status_code, set(faults(reply))) == (422, {column})
        with plytix.set(unknown_columns="ignore"):
            (row,) = plytix.rows(where("sku", "eq", "MCA0032-M-09.5"), attributes=["label", column])
            assert set(row) == {"id", "sku", "num_variations", "_parent_id", "label"}

    def test_columns_have_a_limit_in_which_id_and_sku_do_not_count(self, plytix: PlytixCaller) -> None:
        columns = ["id", "sku", "label", "gtin", "status"]
        with plytix.set(most_columns=3):
            assert plytix.search(attributes=[*columns, "label"]).status_code == 200
            assert plytix.search(attributes=[*columns, "created"]).status_code == 422

    def test_a_relationship_column_holds_the_links(self, plytix: PlytixCaller) -> None:
        columns = {"attributes": ["relationships.amazon_hierarchy"], "pagination": {"page_size": 100}}
        rows = [row for row in plytix.rows(where("sku", "like", "AMZN"), **columns) if row["relationships"]]
        ((links,),) = [row["relationships"] for row in rows]
        assert set(links) == {"relationship_id", "relationship_label", "related_products"}
        assert [each["quantity"] for each in links["related_products"]] == [1, 1]
        with plytix.set(row_relationship_key="label"):
            rows = [row for row in plytix.rows(where("sku", "like", "AMZN"), **columns) if row["relationships"]]
            assert rows[0]["relationships"][0]["label"] == "amazon_hierarchy"


class TestPages:
    def test_ordered_pages_are_read_to_an_empty_one(self, plytix: PlytixCaller) -> None:
        found: list[str] = []
        for page in range(1, 10):
            rows = plytix.rows(attributes=["created"], pagination={"page": page, "page_size": 100, "order": "-created"})
            found += [row["created"] for row in rows]
            if not rows:
                break
        everything = [each["created"] for each in plytix.sandbox.plytix.state()["products"].values()]
        assert found == sorted(everything, reverse=True)

    def test_without_an_order_the_next_page_is_of_another_order(self, plytix: PlytixCaller) -> None:
        def read() -> list[str]:
            pages = [plytix.rows(pagination={"page": page, "page_size": 100}) for page in (1, 2, 3, 4)]
            return [row["sku"] for page in pages for row in page]

        everything = [each["sku"] for each in plytix.sandbox.plytix.state()["products"].values()]
        assert len(read()) == len(everything)
        assert set(read()) != set(everything)
        with plytix.set(reorder=False):
            assert read() == everything

    def test_one_page_holds_everything_once_in_any_order(self, shop: PlytixCaller) -> None:
        for _ in range(5):
            assert sorted(row["sku"] for row in shop.rows(MARCH)) == ["T-one", "T-three", "T-two"]

    def test_count_is_of_matches_and_total_count_of_everything(self, shop: PlytixCaller) -> None:
        everything = len(shop.sandbox.plytix.state()["products"])

        def block(**more: object) -> dict[str, Any]:
            found: dict[str, Any] = shop.search(MARCH, pagination={"page_size": 2, **more}).json()["pagination"]
            return found

        assert block() == {"count": 3, "total_count": everything, "page": 1, "page_size": 2, "order": ""}
        with shop.set(counts="page"):
            assert block(page=2, order="-sku") == {"count": 1, "total_count": 3, "page": 2, "page_size": 2, "order": "-sku"}
        with shop.set(counts="none"):
            assert set(block()) == {"page", "page_size", "order"}

    def test_the_size_is_25_unless_said_and_100_at_most(self, plytix: PlytixCaller) -> None:
        assert len(plytix.rows()) == 25
        assert len(plytix.rows(pagination={"page_size": 100})) == 100

    @pytest.mark.parametrize(
        "pagination", [{"page_size": 101}, {"page_size": 0}, {"page": 0}, {"page": "1"}, {"order": "x"}, {"order": {}}, []]
    )
    def test_pages_out_of_range_get_422(self, plytix: PlytixCaller, pagination: object) -> None:
        assert plytix.search(pagination=pagination).status_code == 422

    def test_the_order_may_be_by_a_column_not_asked_for_and_no_value_comes_first(self, shop: PlytixCaller) -> None:
        for order, found in (("attributes.weight", "two one three"), ("-attributes.weight", "three one two")):
            rows = shop.rows(MARCH, pagination={"order": order})
            assert [row["sku"] for row in rows] == [f"T-{name}" for name in found.split()]
        assert len(shop.rows(pagination={"order": ""})) == 25

    def test_too_many_matches_cannot_be_ordered(self, shop: PlytixCaller) -> None:
        with shop.set(most_ordered=3):
            assert shop.search(pagination={"order": "sku"}).status_code == 428
            assert shop.search(MARCH, pagination={"order": "sku"}).status_code == 200
            assert shop.search().status_code == 200


class TestLag:
    def test_a_search_sees_a_write_later_and_a_read_at_once(self, plytix: PlytixCaller) -> None:
        with plytix.set(search_lag=0.15):
            product = plytix.create("A-1", label="old")
            assert plytix.rows(where("sku", "eq", "A-1")) == []
            assert plytix.one("GET", f"products/{product}")["label"] == "old"
            assert plytix.call("POST", "products", {"sku": "A-1"}).status_code == 409
            eventually(lambda: plytix.rows(where("sku", "eq", "A-1")) != [])
            plytix.one("PATCH", f"products/{product}", {"label": "new"})
            (row,) = plytix.rows(where("sku", "eq", "A-1"), attributes=["label"])
            assert row["label"] == "old"
            eventually(lambda: plytix.skus(where("label", "eq", "NEW")) == {"A-1"})
            plytix.call("DELETE", f"products/{product}")
            assert plytix.skus(where("sku", "eq", "A-1")) == {"A-1"}
            eventually(lambda: plytix.skus(where("sku", "eq", "A-1")) == set())

    def test_a_change_behind_the_back_is_seen_at_once_also_before_an_older_write(self, plytix: PlytixCaller) -> None:
        with plytix.set(search_lag=60):
            plytix.create("A-1", label="old")
            plytix.sandbox.plytix.change_state({"set": {"A-1": {"label": "new"}}, "add": [{"sku": "A-2"}]})
            rows = plytix.rows(where("sku", "in", ["A-1", "A-2"]), attributes=["label"])
            assert {row["sku"]: row["label"] for row in rows} == {"A-1": "new", "A-2": None}
