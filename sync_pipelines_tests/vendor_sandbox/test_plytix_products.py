"""Creating, reading, changing and deleting products of Plytix's stand-in."""

from collections.abc import Iterator
from typing import Any

import pytest

from sync_pipelines_tests.vendor_sandbox.plytix_caller import PlytixCaller, faults, fresh, where
from vendor_sandbox import Sandbox


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def plytix(running: Sandbox) -> PlytixCaller:
    return fresh(running)


def define(plytix: PlytixCaller, **attributes: dict[str, Any]) -> None:
    plytix.sandbox.plytix.change_state({"attributes": attributes})


class TestCreate:
    def test_the_answer_is_the_whole_product_at_its_address(self, plytix: PlytixCaller) -> None:
        reply = plytix.call(
            "POST",
            "products",
            {"sku": "A-1", "label": "Boot", "status": "completed", "gtin": "036000291452", "colour": "?", "id": "mine"},
        )
        assert reply.status_code == 201
        (product,) = reply.json()["data"]
        assert reply.headers["Location"] == f"/api/v1/products/{product['id']}"
        assert len(product["id"]) == 24
        assert int(product["id"], 16)
        assert (product["sku"], product["status"], product["gtin"]) == ("A-1", "Completed", "036000291452")
        assert product["created"].endswith("+00:00")
        assert (product["product_type"], product["product_level"]) == ("SINGLE", 0)
        assert product == plytix.one("GET", f"products/{product['id']}")

    def test_a_family_in_the_body_does_nothing(self, plytix: PlytixCaller) -> None:
        family = plytix.id_of("families", "8 - Amazon")
        found = plytix.one("POST", "products", {"sku": "A-1", "product_family": family, "product_family_id": family})
        assert (found["product_family_id"], found["status"]) == (None, "Draft")
        plytix.call("PATCH", f"products/{found['id']}", {"product_family": family})
        assert plytix.truth("A-1")["family"] is None

    def test_a_sku_is_taken_once(self, plytix: PlytixCaller) -> None:
        plytix.create("A-1")
        reply = plytix.call("POST", "products", {"sku": "A-1"})
        assert (reply.status_code, set(faults(reply))) == (409, {"sku"})
        with plytix.set(duplicate_status=422):
            assert plytix.call("POST", "products", {"sku": "A-1"}).status_code == 422
        with plytix.set(sku_ignores_case=True):
            assert plytix.call("POST", "products", {"sku": "a-1"}).status_code == 409
        assert plytix.call("POST", "products", {"sku": "a-1"}).status_code == 201
        assert plytix.sandbox.plytix.state()["creates"] == {"A-1": 1, "a-1": 1}

    @pytest.mark.parametrize("sku", [None, "", " A", "A\n", "x" * 256, 7])
    def test_a_sku_is_needed_and_has_a_form(self, plytix: PlytixCaller, sku: object) -> None:
        reply = plytix.call("POST", "products", {"sku": sku})
        assert (reply.status_code, set(faults(reply))) == (422, {"sku"})

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"gtin": "036000291453"}, "gtin"),
            ({"gtin": 36000291452}, "gtin"),
            ({"gtin": "123"}, "gtin"),
            ({"status": "Live"}, "status"),
            ({"label": 3}, "label"),
            ({"thumbnail": "x"}, "thumbnail"),
            ({"categories": ["x"]}, "categories"),
            ({"attributes": ["x"]}, "attributes"),
            ({"attributes": {"Amazon ASIN": "x"}}, "Amazon ASIN"),
            ({"attributes": {"amazon_asin": 7}}, "amazon_asin"),
            ({"attributes": {"amazon_asin": None}}, "amazon_asin"),
            ({"attributes": {"amazon_title": "x" * 501}}, "amazon_title"),
            ({"attributes": {"amazon_last_synced": "2026-01-15T00:00:00"}}, "amazon_last_synced"),
            ({"attributes": {"amazon_last_synced": "2026-02-30"}}, "amazon_last_synced"),
            ({"attributes": {"amazon_is_primary": "true"}}, "amazon_is_primary"),
            ({"attributes": {"amazon_listing_status": "ACTIVE"}}, "amazon_listing_status"),
        ],
    )
    def test_one_wrong_value_and_nothing_is_stored(self, plytix: PlytixCaller, body: dict[str, Any], field: str) -> None:
        before = plytix.sandbox.plytix.state()["products"]
        reply = plytix.call("POST", "products", {"sku": "A-1", **body})
        assert (reply.status_code, set(faults(reply))) == (422, {field})
        assert plytix.sandbox.plytix.state()["products"] == before

    def test_errors_name_every_field_in_one_of_two_ways(self, plytix: PlytixCaller) -> None:
        body = {"sku": "A-1", "gtin": "1", "attributes": {"no_such": 1, "amazon_is_primary": 1}}
        assert set(faults(plytix.call("POST", "products", body))) == {"gtin", "no_such", "amazon_is_primary"}
        with plytix.set(error_fields="prefixed"):
            found = faults(plytix.call("POST", "products", body))
        assert set(found) == {"gtin", "attributes.no_such", "attributes.amazon_is_primary"}

    def test_a_schema_error_has_an_object_as_message(self, plytix: PlytixCaller) -> None:
        reply = plytix.call("POST", "products", {"sku": "A-1", "thumbnail": "x"})
        assert faults(reply) == {"thumbnail": {"_schema": ["Invalid input type."]}}

    def test_a_null_may_be_let_through_on_create(self, plytix: PlytixCaller) -> None:
        with plytix.set(null_on_create="ignore"):
            assert plytix.one("POST", "products", {"sku": "A-1", "attributes": {"amazon_asin": None}})["attributes"] == {}


class TestTypes:
    @pytest.mark.parametrize(
        ("type_class", "good", "bad"),
        [
            ("MultilineAttribute", "a\nb", 1),
            ("IntAttribute", 12, 12.5),
            ("IntAttribute", 10**15, 10**16),
            ("IntAttribute", -1, "1"),
            ("DecimalAttribute", 1.5, "1.5"),
            ("DecimalAttribute", 2, True),
            ("BooleanAttribute", True, 1),
            ("MultiSelectAttribute", ["a", "b"], ["a", "B"]),
            ("DropdownAttribute", "a", ["a"]),
            ("UrlAttribute", "https://example.com/x", "example.com"),
            ("MediaAttribute", None, {"id": "x"}),
            ("MediaGalleryAttribute", None, "x"),
            ("CompletenessAttribute", None, 1),
        ],
    )
    def test_each_class_takes_its_own_values(self, plytix: PlytixCaller, type_class: str, good: object, bad: object) -> None:
        options = ["a", "b"] if type_class in ("DropdownAttribute", "MultiSelectAttribute") else []
        define(plytix, thing={"type_class": type_class, "options": options})
        reply = plytix.call("POST", "products", {"sku": "A-1", "attributes": {"thing": bad}})
        assert (reply.status_code, set(faults(reply))) == (422, {"thing"})
        if good is not None:
            assert plytix.one("POST", "products", {"sku": "A-1", "attributes": {"thing": good}})["attributes"] == {"thing": good}

    def test_a_date_comes_back_with_a_time(self, plytix: PlytixCaller) -> None:
        product = plytix.create("A-1", attributes={"amazon_last_synced": "2026-01-15"})
        assert plytix.one("GET", f"products/{product}")["attributes"] == {"amazon_last_synced": "2026-01-15T00:00:00"}
        assert plytix.truth("A-1")["attributes"] == {"amazon_last_synced": "2026-01-15"}

    def test_the_cap_of_a_text_shows_nowhere_but_in_the_422(self, plytix: PlytixCaller) -> None:
        define(plytix, amazon_color={"max_length": 3})
        attribute = plytix.sandbox.plytix.state()["attributes"]["amazon_color"]["id"]
        assert "max_length" not in plytix.one("GET", f"attributes/product/{attribute}")
        assert plytix.call("POST", "products", {"sku": "A", "attributes": {"amazon_color": "grey"}}).status_code == 422
        plytix.create("A", attributes={"amazon_color": "red"})


class TestPatch:
    def test_what_is_not_named_stays_and_null_clears(self, plytix: PlytixCaller) -> None:
        product = plytix.create("A-1", label="L", attributes={"amazon_asin": "B0", "amazon_size": "9"})
        before = plytix.truth("A-1")
        found = plytix.one("PATCH", f"products/{product}", {"attributes": {"amazon_asin": None, "amazon_sku": "S"}})
        assert found["attributes"] == {"amazon_size": "9", "amazon_sku": "S"}
        assert (found["label"], found["created"]) == ("L", before["created"])
        assert found["modified"] > before["modified"]

    def test_a_wrong_patch_changes_nothing(self, plytix: PlytixCaller) -> None:
        product = plytix.create("A-1", attributes={"amazon_asin": "B0"})
        before = plytix.truth("A-1")
        body = {"label": "new", "attributes": {"amazon_asin": "B1", "no_such": "x"}}
        assert plytix.call("PATCH", f"products/{product}", body).status_code == 422
        assert plytix.truth("A-1") == before

    @pytest.mark.parametrize("product", ["65a001a1ffffffffffffffff", "not-an-id"])
    def test_an_unknown_product_gets_404(self, plytix: PlytixCaller, product: str) -> None:
        for method, path in (("PATCH", ""), ("GET", ""), ("DELETE", ""), ("POST", "/family"), ("GET", "/variants")):
            reply = plytix.call(method, f"products/{product}{path}", {"product_family_id": ""})
            assert (reply.status_code, set(faults(reply))) == (404, {"id"})

    def test_an_attribute_outside_the_family_is_refused_or_not(self, plytix: PlytixCaller) -> None:
        (row,) = plytix.rows(where("sku", "eq", "MCA0032-M-09.5"))
        body = {"attributes": {"amazon_asin": "B0"}}
        reply = plytix.call("PATCH", f"products/{row['id']}", body)
        assert (reply.status_code, set(faults(reply))) == (422, {"amazon_asin"})
        with plytix.set(outside_family="accept"):
            assert plytix.call("PATCH", f"products/{row['id']}", body).status_code == 200

    def test_the_sku_may_change_but_not_to_one_that_is_taken(self, plytix: PlytixCaller) -> None:
        product = plytix.create("A-1")
        plytix.create("A-2")
        assert plytix.call("PATCH", f"products/{product}", {"sku": "A-2"}).status_code == 409
        assert plytix.one("PATCH", f"products/{product}", {"sku": "A-3"})["sku"] == "A-3"
        assert plytix.skus(where("sku", "in", ["A-1", "A-3"])) == {"A-3"}


class TestRead:
    def test_empty_attributes_are_there_only_when_asked_for(self, plytix: PlytixCaller) -> None:
        product = plytix.create("A-1", attributes={"amazon_asin": "B0"})
        assert plytix.one("GET", f"products/{product}")["attributes"] == {"amazon_asin": "B0"}
        everything = plytix.one("GET", f"products/{product}?all_attributes=true")["attributes"]
        assert everything["amazon_asin"] == "B0"
        assert everything["amazon_title"] is None
        assert len(everything) == 17


class TestFamily:
    def test_a_family_is_given_changed_and_taken_by_its_own_call(self, plytix: PlytixCaller) -> None:
        product = plytix.create("A-1", attributes={"amazon_asin": "B0"})
        for name in ("8 - Amazon", "2 - Footwear"):
            family = plytix.id_of("families", name)
            found = plytix.one("POST", f"products/{product}/family", {"product_family_id": family})
            assert (found["product_family_id"], found["attributes"]) == (family, {"amazon_asin": "B0"})
            assert plytix.truth("A-1")["family"] == name
        plytix.one("POST", f"products/{product}/family", {"product_family_id": ""})
        assert plytix.truth("A-1")["family"] is None
        assert plytix.sandbox.plytix.state()["counts"]["family_calls"] == 3

    def test_an_unknown_family_gets_404_and_a_missing_one_422(self, plytix: PlytixCaller) -> None:
        product = plytix.create("A-1")
        for body, status in (({"product_family_id": "x"}, 404), ({}, 422), ({"product_family_id": None}, 422)):
            assert plytix.call("POST", f"products/{product}/family", body).status_code == status


class TestVariants:
    def test_variants_follow_their_parent_in_family_and_end(self, plytix: PlytixCaller) -> None:
        parent, variant = plytix.create("P"), plytix.create("V")
        assert plytix.one("POST", f"products/{parent}/variant/{variant}")["product_type"] == "VARIANT"
        found = plytix.one("GET", f"products/{parent}")
        assert (found["product_type"], found["num_variations"]) == ("PARENT", 1)
        assert plytix.one("GET", f"products/{parent}/variants")["_parent_id"] == parent
        family = {"product_family_id": plytix.id_of("families", "8 - Amazon")}
        assert plytix.call("POST", f"products/{variant}/family", family).status_code == 422
        plytix.one("POST", f"products/{parent}/family", family)
        assert plytix.truth("V")["family"] == "8 - Amazon"
        assert plytix.call("DELETE", f"products/{parent}").status_code == 204
        assert plytix.skus(where("sku", "in", ["P", "V"])) == set()

    def test_a_variant_taken_out_before_stays(self, plytix: PlytixCaller) -> None:
        parent, variant = plytix.create("P"), plytix.create("V")
        plytix.one("POST", f"products/{parent}/variant/{variant}")
        assert plytix.call("DELETE", f"products/{parent}/variant/{variant}").status_code == 204
        plytix.call("DELETE", f"products/{parent}")
        assert plytix.skus(where("sku", "in", ["P", "V"])) == {"V"}

    def test_both_must_be_in_the_same_family(self, plytix: PlytixCaller) -> None:
        parent = plytix.create("P")
        (row,) = plytix.rows(where("sku", "eq", "MCA0032-M-09.5"))
        assert plytix.call("POST", f"products/{parent}/variant/{row['id']}").status_code == 422


class TestVersionTwo:
    def test_answers_are_short_and_times_have_no_offset(self, plytix: PlytixCaller) -> None:
        (made,) = plytix.call("POST", "products", {"sku": "A-1"}, version=2).json()["data"]
        assert set(made) == {"id", "created", "modified", "created_user_audit", "modified_user_audit"}
        assert "+" not in made["created"]
        (found,) = plytix.call("GET", f"products/{made['id']}", version=2).json()["data"]
        assert "parent_id" in found
        assert plytix.call("POST", "relationships/search", {"filters": []}, version=2).status_code == 404

    def test_links_drop_unknown_products_in_silence(self, plytix: PlytixCaller) -> None:
        source, target = plytix.create("S"), plytix.create("T")
        path = f"products/{source}/relationships/{plytix.id_of('relationships', 'Amazon Listings')}"
        wanted = {"product_relationships": [{"product_id": target}, {"product_id": "nobody"}]}
        reply = plytix.call("POST", path, wanted, version=2)
        assert (reply.status_code, reply.content) == (200, b"")
        again = {"product_relationships": [{"product_id": target, "quantity": 5}]}
        plytix.call("POST", path, again, version=2)
        assert plytix.truth("S")["links"] == {"amazon_listings": {"T": 1}}
        plytix.call("PATCH", path, again["product_relationships"], version=2)
        assert plytix.truth("S")["links"] == {"amazon_listings": {"T": 5}}
        assert plytix.call("DELETE", path, [target], version=2).status_code == 204
        assert plytix.truth("S")["links"] == {}
