"""How Lightspeed's stand-in makes and changes products, families and what they belong to, over real sockets."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.conftest import exact
from sync_pipelines_tests.vendor_sandbox.lightspeed_caller import LightspeedCaller, fresh
from vendor_sandbox import Sandbox


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def lightspeed(running: Sandbox) -> LightspeedCaller:
    return fresh(running)


def done(lightspeed: LightspeedCaller, method: str, path: str, body: object, **options: str) -> Any:
    reply = lightspeed.call(method, path, body, **options)
    assert reply.ok, reply.text
    return exact(reply)


def ids(lightspeed: LightspeedCaller, collection: str) -> dict[str, str]:
    return {row["name"]: row["id"] for row in lightspeed.truth(collection) if not row["deleted_at"]}


def aprons(lightspeed: LightspeedCaller, *skus: str) -> dict[str, Any]:
    """A family of aprons that differ by colour and size."""
    attributes = ids(lightspeed, "variant_attributes")
    variants = [
        {
            "sku": sku,
            "supplier_code": f"{sku}/1",
            "supply_price": 7.5,
            "price_including_tax": 18.75,
            "variant_definitions": [
                {"attribute_id": attributes["Colour"], "value": sku},
                {"attribute_id": attributes["Size"], "value": "M"},
            ],
        }
        for sku in skus
    ]
    return {"name": "Linen Apron", "supplier_id": ids(lightspeed, "suppliers")["Paper & Board"], "variants": variants}


class TestCreate:
    def test_a_product_is_answered_by_its_id_alone(self, lightspeed: LightspeedCaller) -> None:
        outlet = ids(lightspeed, "outlets")["Harbour"]
        body = {
            **{"name": "Ladle", "sku": "LADLE", "product_codes": [{"type": "EAN", "code": "4006381333931"}]},
            **{"supplier_id": ids(lightspeed, "suppliers")["Paper & Board"], "supplier_code": "L-1", "supply_price": 2.5},
            **{"price_including_tax": 10, "button_order": 3, "images": [{"type": "url", "location": "http://x/1.png"}]},
            "inventory": [{"outlet_id": outlet, "current_amount": 4, "reorder_point": 2, "reorder_amount": 6}],
        }
        (made,) = done(lightspeed, "POST", "products", body)["data"]
        found = lightspeed.get(f"products/{made}")["data"]
        assert (found["sku"], [code["code"] for code in found["product_codes"]]) == ("LADLE", ["LADLE", "4006381333931"])
        assert (found["price_excluding_tax"], found["supply_price"]) == (Decimal("8.69565"), Decimal("2.5"))
        assert (found["supplier_code"], found["product_suppliers"][0]["price"]) == ("L-1", Decimal("2.5"))
        assert found["images"] == []
        levels = {row["outlet_id"]: row["current_inventory_level"] for row in lightspeed.get(f"inventory/{made}")}
        assert levels == {each: 4 if each == outlet else 0 for each in ids(lightspeed, "outlets").values()}

    def test_variants_share_a_name_and_a_family(self, lightspeed: LightspeedCaller) -> None:
        made = done(lightspeed, "POST", "products", aprons(lightspeed, "SAGE", "RUST"), version="2.0")["data"]
        found = {row["sku"]: row for row in lightspeed.get("products", name="Linen Apron")["data"]}
        assert sorted(made) == sorted(row["id"] for row in found.values())
        assert found["RUST"]["variant_parent_id"] == found["SAGE"]["id"]
        assert found["RUST"]["variant_name"] == "Linen Apron / RUST / M"
        assert found["RUST"]["product_suppliers"][0]["code"] == "RUST/1"

    def test_a_sku_is_made_when_none_is_given(self, lightspeed: LightspeedCaller) -> None:
        made = [done(lightspeed, "POST", "products", {"name": name})["data"][0] for name in ("One", "Two")]
        skus = [lightspeed.get(f"products/{each}")["data"]["sku"] for each in made]
        assert int(skus[1]) == int(skus[0]) + 1
        sequence = lightspeed.truth("made")
        lightspeed.sandbox.lightspeed.reset()
        lightspeed.change(load={"made": sequence})
        assert lightspeed.get("retailer")["data"]["sku_sequence"]["value"] == int(skus[1])

    @pytest.mark.parametrize(
        "changes",
        [
            {"name": ""},
            {"name": "Trap: no cost"},
            {"sku": "TRAP-NO-COST"},
            {"product_codes": [{"code": "SHARED"}]},
            {"product_codes": [{"type": "GTIN", "code": "1"}]},
            {"price_including_tax": 2, "price_excluding_tax": 1},
            {"price_including_tax": "2.00"},
            {"brand_id": "nobody"},
            {"inventory": [{"outlet_id": "06bf000b-c783-11f0-8000-000000000000"}]},
            {"variants": []},
            {"variants": [{"variant_definitions": {"attribute_id": "x", "value": "y"}}]},
        ],
    )
    def test_what_does_not_fit_is_refused(self, lightspeed: LightspeedCaller, changes: dict[str, Any]) -> None:
        before = lightspeed.sandbox.lightspeed.store.version
        assert lightspeed.call("POST", "products", {"name": "Ladle", **changes}).status_code == 422
        assert lightspeed.sandbox.lightspeed.store.version == before

    def test_variants_must_differ_and_have_the_same_attributes(self, lightspeed: LightspeedCaller) -> None:
        body = aprons(lightspeed, "SAGE", "RUST")
        body["variants"][1]["variant_definitions"] = body["variants"][0]["variant_definitions"]
        assert lightspeed.call("POST", "products", body).status_code == 422
        body["variants"][1]["variant_definitions"] = body["variants"][0]["variant_definitions"][:1]
        assert lightspeed.call("POST", "products", body).status_code == 422

    def test_the_category_must_be_of_the_last_level(self, lightspeed: LightspeedCaller) -> None:
        categories = ids(lightspeed, "categories")
        statuses = [
            lightspeed.call("POST", "products", {"name": name, "product_category_id": categories[name]}).status_code
            for name in ("Boots", "Work boots")
        ]
        assert statuses == [422, 200]

    def test_the_sku_of_a_deleted_product_is_free_unless_set(self, lightspeed: LightspeedCaller) -> None:
        first = done(lightspeed, "POST", "products", {"name": "Ladle", "sku": "LADLE"})["data"][0]
        assert lightspeed.call("DELETE", f"products/{first}").status_code == 200
        lightspeed.set(deleted_codes="taken")
        assert lightspeed.call("POST", "products", {"name": "Ladle", "sku": "LADLE"}).status_code == 422
        lightspeed.set(deleted_codes="free")
        assert lightspeed.call("POST", "products", {"name": "Ladle", "sku": "LADLE"}).status_code == 200

    def test_a_lost_answer_leaves_a_product_that_search_finds_later(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.set(search_lag=2)
        lightspeed.sandbox.faults("lightspeed", [{"on": "POST */products", "kind": "lost_reply"}])
        with pytest.raises(requests.ConnectionError):
            lightspeed.call("POST", "products", {"name": "Ladle", "sku": "LADLE"})
        assert lightspeed.get("search", type="products", sku="ladle")["data"] == []
        lightspeed.sandbox.lightspeed.clock.skip(2.1)
        assert [row["name"] for row in lightspeed.get("search", type="products", sku="ladle")["data"]] == ["Ladle"]

    def test_one_more_variant_is_made_with_2_1(self, lightspeed: LightspeedCaller) -> None:
        done(lightspeed, "POST", "products", aprons(lightspeed, "SAGE"))
        attributes = ids(lightspeed, "variant_attributes")
        values = [
            {"attribute_id": attributes[name], "attribute_value": value} for name, value in (("Colour", "Rust"), ("Size", "M"))
        ]
        details = {"product_codes": [{"code": "RUST"}], "price_including_tax": 19, "variant_attribute_values": values}
        body = {"common": {"name": "Linen Apron"}, "details": details}
        done(lightspeed, "POST", "products", body, version="2.1")
        assert [row["sku"] for row in lightspeed.get("products", name="Linen Apron")["data"]] == ["SAGE", "RUST"]
        assert lightspeed.call("POST", "products", body, version="2.1").status_code == 422


class TestUpdate:
    def test_common_changes_every_member_and_details_one(self, lightspeed: LightspeedCaller) -> None:
        done(lightspeed, "POST", "products", aprons(lightspeed, "SAGE", "RUST"))
        before = {row["sku"]: row for row in lightspeed.get("products", name="Linen Apron")["data"]}
        body = {"common": {"description": "Soft"}, "details": {"price_including_tax": 23}}
        assert done(lightspeed, "PUT", f"products/{before['RUST']['id']}", body) == {}
        after = {row["sku"]: row for row in lightspeed.get("products", name="Linen Apron")["data"]}
        assert {row["description"] for row in after.values()} == {"Soft"}
        assert [after[sku]["price_excluding_tax"] for sku in ("SAGE", "RUST")] == [Decimal("16.30435"), Decimal(20)]
        assert all(after[sku]["version"] > before[sku]["version"] for sku in after)
        done(lightspeed, "PUT", f"products/{before['RUST']['id']}", {"details": {"is_active": False}}, version="2.1")
        last = {row["sku"]: row for row in lightspeed.get("products", name="Linen Apron")["data"]}
        assert (last["SAGE"]["version"], last["RUST"]["active"]) == (after["SAGE"]["version"], False)

    def test_a_cost_is_that_of_the_first_supplier(self, lightspeed: LightspeedCaller) -> None:
        product = lightspeed.get("products", sku="TRAP-TWO-SUPPLIERS")["data"][0]
        first, second = product["product_suppliers"]
        body = {"details": {"product_suppliers": [{"supplier_id": first["supplier_id"], "price": 4.25}], "supply_price": 9}}
        done(lightspeed, "PUT", f"products/{product['id']}", body)
        found = lightspeed.get(f"products/{product['id']}")["data"]
        assert (found["supply_price"], found["product_suppliers"]) == (
            Decimal("4.25"),
            [{**first, "price": Decimal("4.25")}, second],
        )
        body = {"details": {"product_suppliers": [{"supplier_id": ids(lightspeed, "suppliers")["Tekstil Toptan"], "price": 1}]}}
        assert lightspeed.call("PUT", f"products/{product['id']}", body).status_code == 422

    def test_lists_are_replaced_and_empty_values_clear(self, lightspeed: LightspeedCaller) -> None:
        product = lightspeed.get("products", sku="TRAP-TWO-SUPPLIERS")["data"][0]
        supplier = product["product_suppliers"][1]["supplier_id"]
        common = {"brand_id": "", "product_suppliers": [{"supplier_id": supplier, "code": ""}], "tag_ids": []}
        body = {"common": common, "details": {"product_codes": [{"type": "UPC", "code": "614141007350"}]}}
        done(lightspeed, "PUT", f"products/{product['id']}", body)
        found = lightspeed.get(f"products/{product['id']}")["data"]
        assert (found["sku"], found["brand_id"], found["supply_price"]) == ("614141007350", None, Decimal("2.5"))
        assert [(each["supplier_id"], each["code"]) for each in found["product_suppliers"]] == [(supplier, None)]

    @pytest.mark.parametrize(("version", "as_object"), [("2.1", False), ("2026-07", True)])
    def test_options_take_another_order(self, lightspeed: LightspeedCaller, version: str, as_object: bool) -> None:
        (made,) = done(lightspeed, "POST", "products", aprons(lightspeed, "SAGE"))["data"]
        order = [ids(lightspeed, "variant_attributes")[name] for name in ("Size", "Colour")]
        for wanted in (order, order[:1]):
            body = {"common": {"variant_attributes": [{"attribute_id": each} if as_object else each for each in wanted]}}
            status = lightspeed.call("PUT", f"products/{made}", body, version=version).status_code
            assert status == (200 if wanted is order else 422)
        assert lightspeed.get(f"products/{made}")["data"]["variant_name"] == "Linen Apron / M / SAGE"

    def test_who_is_deleted_is_not_found(self, lightspeed: LightspeedCaller) -> None:
        gone = next(row for row in lightspeed.truth("products") if row["deleted_at"])
        assert lightspeed.call("PUT", f"products/{gone['id']}", {"details": {}}).status_code == 404
        assert lightspeed.call("PUT", f"products/{gone['id']}", {"details": {}}, version="2.0").status_code == 405


class TestFamilies:
    def make(self, lightspeed: LightspeedCaller, **changes: object) -> Any:
        attributes = ids(lightspeed, "variant_attributes")
        products = [
            {
                "codes": [{"type": "CUSTOM", "code": size}],
                "variant_attributes": ["Sage", size],
                "prices": {"price_including_tax": "23.00"},
            }
            for size in ("AP-S", "AP-M")
        ]
        body = {"name": "Apron", "classification": "VARIANT", "products": products, **changes}
        body.setdefault("variant_attribute_ids", [attributes["Colour"], attributes["Size"]])
        return lightspeed.call("POST", "product_families", body, version="2026-10")

    def test_a_family_and_its_products_are_answered_by_ids(self, lightspeed: LightspeedCaller) -> None:
        made = self.make(lightspeed).json()["data"]
        found = lightspeed.get(f"product_families/{made['product_family_id']}", version="2026-10")["data"]
        assert sorted(made["product_ids"]) == sorted(each["id"] for each in found["products"])
        assert [each["variant_attributes"] for each in found["products"]] == [["Sage", "AP-S"], ["Sage", "AP-M"]]
        assert Decimal(found["products"][0]["prices"]["price_excluding_tax"]) == 20

    def test_what_does_not_fit_is_refused(self, lightspeed: LightspeedCaller) -> None:
        statuses = [
            self.make(lightspeed, **changes).status_code
            for changes in (
                {"button_order": 1},
                {"classification": None},
                {"products": [{"codes": []}]},
                {"variant_attribute_ids": []},
            )
        ]
        assert statuses == [400, 422, 422, 422]

    def test_a_patch_changes_what_it_names(self, lightspeed: LightspeedCaller) -> None:
        made = self.make(lightspeed).json()["data"]
        family, product = f"product_families/{made['product_family_id']}", f"products/{made['product_ids'][0]}"
        assert done(lightspeed, "PATCH", family, {"name": "Smock"}, version="2026-10") == {
            "data": {"id": made["product_family_id"]}
        }
        suppliers = [{"supplier_id": ids(lightspeed, "suppliers")["Paper & Board"], "code": "AP", "price": "7.90"}]
        done(lightspeed, "PATCH", product, {"suppliers": suppliers}, version="2026-10")
        found = lightspeed.get(product)["data"]
        assert (found["name"], found["supply_price"], found["price_including_tax"]) == (
            "Smock",
            Decimal("7.90"),
            Decimal("23.00"),
        )
        assert [lightspeed.call("PATCH", family, body, version="2026-10").status_code for body in ({}, {"sku": "1"})] == [
            400,
            400,
        ]
        assert lightspeed.call("PUT", product, {"details": {}}, version="2026-10").status_code == 404

    def test_a_family_grows(self, lightspeed: LightspeedCaller) -> None:
        family = self.make(lightspeed).json()["data"]["product_family_id"]
        more = {"products": [{"codes": [{"code": "AP-L"}], "variant_attributes": ["Sage", "AP-L"]}]}
        done(lightspeed, "POST", f"product_families/{family}/products", more, version="2026-10")
        assert len(lightspeed.get(f"product_families/{family}", version="2026-10")["data"]["products"]) == 3

    def test_codes_are_made_when_asked_for(self, lightspeed: LightspeedCaller) -> None:
        wanted = {"codes": [{"count": 2}, {"prefix": "apron", "count": 2}]}
        first, second = done(lightspeed, "POST", "products/generate_product_codes", wanted, version="2026-10")["data"]
        assert len(set(first["codes"])) == 2
        assert second["codes"] == ["apron", "apron-1"]
        wanted = {"codes": [{"count": 201}]}
        assert lightspeed.call("POST", "products/generate_product_codes", wanted, version="2026-10").status_code == 422


class TestOthers:
    @pytest.mark.parametrize(("path", "taken"), [("suppliers", "KESTREL TRADING"), ("brands", "acme"), ("tags", "Gift")])
    def test_a_name_is_answered_by_an_id_and_taken_once(self, lightspeed: LightspeedCaller, path: str, taken: str) -> None:
        made = done(lightspeed, "POST", path, {"name": "New"})["data"]
        assert lightspeed.get(f"{path}/{made}")["data"]["name"] == "New"
        assert [lightspeed.call("POST", path, {"name": name}).status_code for name in ("new", taken, " ")] == [422] * 3
        lightspeed.set(unique_names=False)
        assert lightspeed.call("POST", path, {"name": "new"}).status_code == 200

    def test_each_answers_updates_and_deletions_in_its_own_way(self, lightspeed: LightspeedCaller) -> None:
        shapes = {}
        for path in ("suppliers", "brands", "tags"):
            made = done(lightspeed, "POST", path, {"name": "New"})["data"]
            updated = done(lightspeed, "PUT", f"{path}/{made}", {"name": "Newer"})
            old = done(lightspeed, "PUT", f"{path}/{made}", {"name": "Newest"}, version="2.0")
            deleted = done(lightspeed, "DELETE", f"{path}/{made}", None)
            assert deleted.get("payload", deleted)["data"]["id"] == made
            shapes[path] = [
                updated == {"id": made},
                updated == {"data": {"id": made}},
                old == {"data": made},
                "payload" in deleted,
            ]
        assert shapes == {
            "suppliers": [True, False, False, False],
            "brands": [False, True, False, True],
            "tags": [False, False, True, False],
        }

    def test_products_are_parted_from_what_is_deleted_some_time_later(self, lightspeed: LightspeedCaller) -> None:
        product = lightspeed.get("products", sku="42")["data"][0]
        done(lightspeed, "DELETE", f"suppliers/{product['supplier_id']}", None)
        done(lightspeed, "DELETE", f"brands/{product['brand_id']}", None)
        assert lightspeed.get(f"products/{product['id']}")["data"]["version"] == product["version"]
        lightspeed.sandbox.lightspeed.clock.skip(2.1)
        found = lightspeed.get(f"products/{product['id']}")["data"]
        assert (found["product_suppliers"], found["brand_id"]) == ([], None)

    def test_categories_of_one_payload_know_each_other(self, lightspeed: LightspeedCaller) -> None:
        tree = [{"payload_id": "r", "name": "Home"}, {"payload_parent_category_id": "r", "name": "Kitchen"}]
        home, kitchen = done(lightspeed, "POST", "product_categories/bulk", {"categories": tree})["data"]
        assert (home["payload_id"], kitchen["parent_category_id"]) == ("r", home["id"])
        made = done(lightspeed, "POST", "products", {"name": "Ladle", "product_category_id": kitchen["id"]})["data"][0]
        assert (
            len(done(lightspeed, "DELETE", "product_categories/bulk", {"category_ids": [kitchen["id"]]})["data"]["categories"])
            == 1
        )
        lightspeed.sandbox.lightspeed.clock.skip(2.1)
        assert lightspeed.get(f"products/{made}")["data"]["product_type_id"] == home["id"]

    def test_an_attribute_in_use_stays(self, lightspeed: LightspeedCaller) -> None:
        made = done(lightspeed, "POST", "variant_attributes", {"name": "Length"})["data"]
        assert made.keys() == {"id", "name", "created_at", "updated_at"}
        colour = ids(lightspeed, "variant_attributes")["Colour"]
        statuses = [lightspeed.call("DELETE", f"variant_attributes/{each}").status_code for each in (made["id"], colour)]
        assert statuses == [200, 422]

    def test_a_token_without_the_scope_writes_nothing(self, lightspeed: LightspeedCaller) -> None:
        token = lightspeed.change(personal_token={"scopes": ["products:read"]})["personal_token"]
        reader = LightspeedCaller(lightspeed.sandbox, token)
        assert [reader.call("POST", path, {"name": "New"}).status_code for path in ("products", "tags", "suppliers")] == [403] * 3
