"""What Lightspeed's stand-in says of products, stock, consignments and sales, over real sockets."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from sync_pipelines_tests.vendor_sandbox.conftest import control, exact
from sync_pipelines_tests.vendor_sandbox.lightspeed_caller import LightspeedCaller, fresh
from vendor_sandbox import Sandbox


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def lightspeed(running: Sandbox) -> LightspeedCaller:
    return fresh(running)


class TestProducts:
    def test_a_sku_that_nobody_has_is_answered_with_another_product(self, lightspeed: LightspeedCaller) -> None:
        (found,) = lightspeed.get("products", sku="NO-SUCH-SKU")["data"]
        assert found["sku"] != "NO-SUCH-SKU"
        lightspeed.set(sku_misses=False)
        assert lightspeed.get("products", sku="NO-SUCH-SKU")["data"] == []

    def test_a_sku_finds_every_product_with_the_code_and_ignores_the_rest(self, lightspeed: LightspeedCaller) -> None:
        found = lightspeed.get("products", sku="SHARED", page_size=1, after=10**15)["data"]
        assert [each["sku"] for each in found] == ["TRAP-SHARED-1", "TRAP-SHARED-2"]

    def test_a_name_finds_the_family(self, lightspeed: LightspeedCaller) -> None:
        found = lightspeed.get("products", name="Trap: variant deleted")["data"]
        parents = {each["variant_parent_id"] for each in found}
        assert (len(found), parents) == (2, {None, found[0]["id"]})
        assert [each["has_variants"] for each in found] == [True, False]

    def test_when_the_parent_is_deleted_the_next_one_is_it(self, lightspeed: LightspeedCaller) -> None:
        found = lightspeed.get("products", name="Trap: parent deleted")["data"]
        assert [each["sku"][-1] for each in found if each["variant_parent_id"] is None] == ["M"]

    def test_the_same_option_may_be_there_twice(self, lightspeed: LightspeedCaller) -> None:
        (found,) = lightspeed.get("products", sku="TRAP-OPTION-TWICE")["data"]
        assert [(each["name"], each["value"]) for each in found["variant_options"]] == [("Fabric", "Cotton"), ("Fabric", "Wool")]

    def test_codes_have_ids_from_the_dates_on_and_types_in_either_case(self, lightspeed: LightspeedCaller) -> None:
        codes = {
            version: lightspeed.get("products", version=version, page_size=1)["data"][0]["product_codes"]
            for version in ("2.0", "2026-07")
        }
        assert [each["type"] for each in codes["2026-07"]] == ["custom", "EAN", "UPC"]
        assert ["id" in each for each in (codes["2.0"][0], codes["2026-07"][0])] == [False, True]

    def test_values_are_null_where_one_would_not_expect_it(self, lightspeed: LightspeedCaller) -> None:
        rows = {row["sku"]: row for row in lightspeed.rows("products")}
        assert rows["TRAP-NO-COST"]["supply_price"] is None
        assert rows["TRAP-NO-PRICE-WITH-TAX"]["price_including_tax"] is None
        assert rows["TRAP-SUPPLIED-BY-NOBODY"]["product_suppliers"][0]["supplier_name"] is None
        assert (rows["TRAP-BELONGS-TO-NOTHING"]["supplier"], rows["TRAP-BELONGS-TO-NOTHING"]["brand"]) == (None, {})

    def test_pictures_belong_to_the_family_and_some_to_a_variant(self, lightspeed: LightspeedCaller) -> None:
        boots = lightspeed.get("products", page_size=2)["data"]
        assert [len(each["images"]) for each in boots] == [2, 2]
        assert [len(each["skuImages"]) for each in boots] == [0, 1]
        assert boots[1]["skuImages"][0]["url"] == boots[0]["images"][0]["url"]
        assert "no-image" in lightspeed.get("products", sku="42")["data"][0]["image_url"]
        assert "images" not in lightspeed.get("products", page_size=1, include_images="false")["data"][0]

    def test_prices_keep_five_decimals(self, lightspeed: LightspeedCaller) -> None:
        (found,) = lightspeed.get("products", sku="TRAP-FIVE-DECIMALS")["data"]
        assert (found["supply_price"], found["price_excluding_tax"]) == (Decimal("0.00001"), Decimal("3.33333"))


class TestFamilies:
    def test_products_have_families_and_some_prices_as_text(self, lightspeed: LightspeedCaller) -> None:
        page = lightspeed.get("products", version="2026-10", page_size=50, **{"includes[]": ["families", "brands"]})
        prices = {type(row["prices"]["price_including_tax"]) for row in page["data"]}
        assert prices == {str, Decimal}
        assert {row["family_id"] for row in page["data"]} == {each["id"] for each in page["includes"]["families"]}
        assert page["includes"].keys() == {"families", "brands"}

    def test_deleted_members_stay_inside_without_codes(self, lightspeed: LightspeedCaller) -> None:
        member = lightspeed.get("products", version="2026-10", sku="TRAP-VARIANT-DELETED-S")["data"][0]
        found = lightspeed.get(f"product_families/{member['family_id']}", version="2026-10")
        assert [each["codes"] is None for each in found["data"]["products"]] == [False, False, True]
        assert (found["data"]["name"], found["data"]["classification"]) == ("Trap: variant deleted", "VARIANT")
        assert [each["name"] for each in found["includes"]["variant_attributes"]] == ["Size", "Colour"]
        assert lightspeed.get(f"products/{member['id']}/family", version="2026-10") == found

    def test_earlier_versions_do_not_know_them(self, lightspeed: LightspeedCaller) -> None:
        family = lightspeed.truth("products")[0]["family_id"]
        assert lightspeed.call("GET", f"product_families/{family}").status_code == 404


class TestStock:
    def test_it_is_posted_for_from_2026_04_on_and_listed_before(self, lightspeed: LightspeedCaller) -> None:
        statuses = {
            v: [lightspeed.call(m, "inventory", version=v).status_code for m in ("GET", "POST")]
            for v in ("2.0", "2026-01", "2026-04")
        }
        assert statuses == {"2.0": [200, 405], "2026-01": [200, 405], "2026-04": [405, 200]}

    def test_a_page_is_an_array_that_begins_with_the_latest(self, lightspeed: LightspeedCaller) -> None:
        latest = lightspeed.call("POST", "inventory", {"size": 5}).json()
        first = lightspeed.call("POST", "inventory", {"size": 5, "sort_direction": "asc"}).json()
        versions = sorted(row["version"] for row in lightspeed.truth("inventory") if not row["deleted_at"])
        assert [row["version"] for row in latest] == versions[:-6:-1]
        assert [row["version"] for row in first] == versions[:5]

    def test_a_forward_walk_finds_every_row(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.set(short_pages=True)
        after, seen = 0, []
        while rows := lightspeed.call(
            "POST", "inventory", {"after": after, "size": 400, "sort_direction": "asc", "include_deleted": True}
        ).json():
            seen += [row["id"] for row in rows]
            after = rows[-1]["version"]
        assert sorted(seen) == sorted(row["id"] for row in lightspeed.truth("inventory"))

    def test_what_is_owed_makes_the_level_smaller_before_2026_04(self, lightspeed: LightspeedCaller) -> None:
        row = lightspeed.truth("inventory")[0]
        lightspeed.change(set={"inventory": {row["id"]: {"level": 1, "procure": 4}}})
        of_product = f"products/{row['product_id']}/inventory"
        old = next(each for each in lightspeed.get(of_product, version="2.0")["data"] if each["id"] == row["id"])
        new = next(each for each in lightspeed.get(f"inventory/{row['product_id']}") if each["id"] == row["id"])
        assert (old["inventory_level"], old["current_amount"]) == (-3, -3)
        assert (new["current_inventory_level"], new["quantity_to_procure"]) == (1, 4)

    def test_the_reorder_amount_of_min_max_follows_the_level(self, lightspeed: LightspeedCaller) -> None:
        row = lightspeed.truth("inventory")[0]
        lightspeed.change(set={"inventory": {row["id"]: {"reorder_method": "MIN_MAX", "reorder_target": 20, "level": 12}}})
        (shown,) = [each for each in lightspeed.get(f"inventory/{row['product_id']}") if each["id"] == row["id"]]
        assert shown["reorder_amount"] == 8

    def test_the_id_of_a_root_brings_the_family(self, lightspeed: LightspeedCaller) -> None:
        family = lightspeed.get("products", name="Trap: variant deleted")["data"]
        rows = lightspeed.call("POST", "inventory", {"product_id": family[0]["id"], "variants": True}).json()
        assert {row["product_id"] for row in rows} == {each["id"] for each in family}


class TestConsignments:
    def test_620_lines_come_in_pages(self, lightspeed: LightspeedCaller) -> None:
        (order,) = [each for each in lightspeed.truth("consignments") if each["name"] == "All of it"]
        pages = list(lightspeed.pages(f"consignments/{order['id']}/products", page_size=200))
        assert [len(page["data"]) for page in pages] == [200, 200, 200, 20]

    def test_one_product_may_be_there_several_times_with_other_costs(self, lightspeed: LightspeedCaller) -> None:
        (order,) = [each for each in lightspeed.truth("consignments") if each["name"] == "One product three times"]
        lines = lightspeed.get(f"consignments/{order['id']}/products")["data"]
        same = [line for line in lines if line["product_id"] == lines[0]["product_id"]]
        assert len({(line["count"], line["cost"]) for line in same}) == len(same) == 3
        assert "id" not in lines[0]
        assert lines[0]["count"] == "1.00000"

    def test_a_changed_line_gives_the_consignment_a_version(self, lightspeed: LightspeedCaller) -> None:
        order = lightspeed.truth("consignments")[0]
        before = lightspeed.sandbox.lightspeed.store.version
        product = lightspeed.truth("products")[0]["id"]
        lightspeed.change(lines={order["id"]: [{"product_id": product, "count": 3, "cost": Decimal("1.5")}]})
        assert [each["id"] for each in lightspeed.get("consignments", after=before)["data"]] == [order["id"]]
        assert [line["cost"] for line in lightspeed.get(f"consignments/{order['id']}/products")["data"]] == ["1.50000"]

    def test_every_state_is_there(self, lightspeed: LightspeedCaller) -> None:
        assert len({(each["type"], each["status"]) for each in lightspeed.truth("consignments")}) == 18


class TestSales:
    def test_they_are_flat_in_2_0_and_nested_in_the_date_versions(self, lightspeed: LightspeedCaller) -> None:
        flat = {row["id"]: row for row in lightspeed.rows("sales", version="2.0")}
        for sale in lightspeed.rows("sales"):
            if "_metadata" not in sale:
                continue
            old = flat[sale["id"]]
            assert sale["totals"]["price"] == old["total_price"] == sum(line["price_total"] for line in old["line_items"])
            assert [line["product"]["id"] for line in sale["line_items"]] == [line["product_id"] for line in old["line_items"]]
            assert sum(each["amount"] for each in sale["payments"]) == sum(each["amount"] for each in old["payments"])
            assert sale["_metadata"]["version"] == old["version"]

    def test_every_status_is_there(self, lightspeed: LightspeedCaller) -> None:
        assert len({each["status"] for each in lightspeed.truth("sales")}) == 13

    def test_a_return_names_its_sale_and_one_that_is_not_finished_is_flat(self, lightspeed: LightspeedCaller) -> None:
        rows = lightspeed.rows("sales")
        flat = [row for row in rows if "status" in row]
        returned = [row["return"]["original_sale_id"] for row in rows if "status" not in row and row["return"]["is_return"]]
        assert [(row["status"], row["line_items"][0]["is_return"]) for row in flat] == [("SAVED", True)]
        assert all(lightspeed.get(f"sales/{each}")["data"]["return"]["return_sale_ids"] for each in returned)

    def test_2_0_knows_single_sales_only_when_closed(self, lightspeed: LightspeedCaller) -> None:
        parked = next(each for each in lightspeed.truth("sales") if each["status"] == "SAVED")
        assert lightspeed.call("GET", f"sales/{parked['id']}", version="2.0").status_code == 404
        assert lightspeed.get(f"sales/{parked['id']}")["data"]["state"] == "parked"


class TestSearch:
    def test_only_small_letters_find_a_code(self, lightspeed: LightspeedCaller) -> None:
        assert [len(lightspeed.get("search", type="products", sku=sku)["data"]) for sku in ("TRAP-CASE", "trap-case")] == [0, 2]

    def test_values_are_alternatives_and_filters_narrow(self, lightspeed: LightspeedCaller) -> None:
        both = lightspeed.get("search", type="products", sku=["00042", "42"])["data"]
        assert [each["sku"] for each in both] == ["00042", "42"]
        supplier = both[0]["supplier_id"]
        assert len(lightspeed.get("search", type="products", sku=["00042", "42"], supplier_id=supplier)["data"]) == 2
        assert lightspeed.get("search", type="products", sku=["00042"], **{"-supplier_id": supplier})["data"] == []

    def test_a_change_is_found_later(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.set(search_lag=2)
        (added,) = lightspeed.change(add={"products": [{"sku": "FRESH", "name": "Fresh"}]})["added"]["products"]
        assert lightspeed.get("search", type="products", sku="fresh")["data"] == []
        assert lightspeed.get("products", sku="FRESH")["data"][0]["id"] == added
        lightspeed.sandbox.lightspeed.clock.skip(2.1)
        lightspeed.change(set={"products": {added: {"name": "Renamed"}}})
        assert [each["name"] for each in lightspeed.get("search", type="products", sku="fresh")["data"]] == ["Fresh"]

    def test_deleted_products_are_found_when_asked_for(self, lightspeed: LightspeedCaller) -> None:
        sku = "trap-sku-of-a-deleted-product"
        found = [lightspeed.get("search", type="products", sku=sku, deleted=deleted)["data"] for deleted in ("false", "true")]
        assert [[bool(each["deleted_at"]) for each in rows] for rows in found] == [[False], [True]]


class TestOthers:
    def test_categories_have_a_cursor_of_their_own(self, lightspeed: LightspeedCaller) -> None:
        first = lightspeed.get("product_categories", page_size=5)
        second = lightspeed.get("product_categories", page_size=5, after=first["page_info"]["last_seen"])
        names = [each["name"] for page in (first, second) for each in page["data"]["categories"]]
        assert names == ["Books", "Clothing", "Footwear", "Boots", "Work boots", "Hardware", "Fixings", "Undefined"]
        assert [page["page_info"]["has_next"] for page in (first, second)] == [True, False]
        lightspeed.set(categories_at="data.data.categories")
        assert len(lightspeed.get("product_categories")["data"]["data"]["categories"]) == 8

    def test_variant_attributes_are_not_paged_and_some_are_retired(self, lightspeed: LightspeedCaller) -> None:
        shown = lightspeed.get("variant_attributes", page_size=1)["data"]
        assert [each["name"] for each in shown if each.get("is_deprecated")] == ["Legacy size"]
        assert len(lightspeed.get("variant_attributes", deleted="true")["data"]) == len(shown) + 1

    def test_the_time_zone_is_an_object_in_2_0(self, lightspeed: LightspeedCaller) -> None:
        zones = [lightspeed.get("retailer", version=version)["data"]["timezone"] for version in ("2.0", "2026-07")]
        assert zones == [{"name": "Pacific/Auckland"}, "Pacific/Auckland"]

    def test_the_state_counts_calls_by_what_they_ask_for(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.get("products", version="2.0", page_size=1)
        lightspeed.get(f"products/{lightspeed.truth('products')[0]['id']}")
        assert lightspeed.sandbox.lightspeed.state()["calls"] == {"GET /products": 1, "GET /products/{id}": 1}

    def test_a_state_can_be_loaded(self, lightspeed: LightspeedCaller) -> None:
        document = exact(control(lightspeed.sandbox, "GET", "/lightspeed/state"))
        lightspeed.change(vanish={"products": [each["id"] for each in document["products"][:20]]})
        wanted = {name: value for name, value in document.items() if name not in ("calls", "settings", "tokens")}
        lightspeed.change(load=wanted)
        loaded = exact(control(lightspeed.sandbox, "GET", "/lightspeed/state"))
        assert {row["id"]: row for row in loaded["products"]} == {row["id"]: row for row in document["products"]}
        assert loaded["lines"] == document["lines"]

    def test_something_can_happen_between_two_pages(self, lightspeed: LightspeedCaller) -> None:
        change = {"delete": {"tags": [lightspeed.truth("tags")[0]["id"]]}}
        lightspeed.sandbox.faults("lightspeed", [{"on": "GET */tags", "kind": "between", "change": change, "after": 1}])
        assert [len(exact(lightspeed.call("GET", "tags"))["data"]) for _ in range(2)] == [5, 4]
