"""Attributes, families and relationships of Plytix's stand-in, and the changes a test makes behind its back."""

from collections.abc import Iterator
from typing import Any

import pytest

from sync_pipelines_tests.vendor_sandbox.conftest import control, eventually
from sync_pipelines_tests.vendor_sandbox.plytix_caller import PlytixCaller, fresh, where
from vendor_sandbox import Sandbox
from vendor_sandbox.plytix import SECOND
from vendor_sandbox.values import BadChange


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def plytix(running: Sandbox) -> PlytixCaller:
    return fresh(running)


def change(plytix: PlytixCaller, **members: Any) -> None:
    plytix.sandbox.plytix.change_state(members)


def found(plytix: PlytixCaller, path: str, *filters: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    reply = plytix.call("POST", f"{path}/search", {"filters": [list(filters)] if filters else [], **more})
    assert reply.status_code == 200, reply.text
    rows: list[dict[str, Any]] = reply.json()["data"]
    return rows


class TestSeed:
    def test_there_are_leftovers_of_an_older_script(self, plytix: PlytixCaller) -> None:
        products = plytix.sandbox.plytix.state()["products"].values()
        left = {each["sku"]: each for each in products if each["sku"].startswith("AMZN-US-")}
        linked = {sku for each in products for sku in each["links"].get("amazon_listings", {})}
        assert len(left) == 6
        assert sum(each["family"] is None for each in left.values()) == 2
        assert len(linked) == 2
        assert {left[sku]["family"] for sku in linked} == {"8 - Amazon"}
        assert [sku for sku in left if sku[8:] != sku[8:].upper()] == [next(s for s in left if s[8:].islower())]
        canonical = [each for each in products if each not in left.values()]
        assert {each["family"] for each in canonical} == {"2 - Footwear"}
        assert [each["sku"] for each in canonical] == [each.sku for each in plytix.sandbox.boots.products]

    def test_the_second_account_has_the_same_definitions(self, plytix: PlytixCaller) -> None:
        state = plytix.sandbox.plytix.state()
        second = state["accounts"][SECOND]
        for kind in ("attributes", "families", "relationships"):
            assert second[kind].keys() == state[kind].keys()
            assert all(second[kind][name]["id"] != each["id"] for name, each in state[kind].items())


class TestAttributes:
    def test_options_are_in_the_definition(self, plytix: PlytixCaller) -> None:
        columns = ["label", "type_class", "options"]
        (row,) = found(plytix, "attributes/product", where("label", "eq", "amazon_listing_status"), attributes=columns)
        assert row["options"] == ["active", "inactive", "suppressed", "unknown"]
        whole = plytix.one("GET", f"attributes/product/{row['id']}")
        assert (whole["name"], whole["type_class"]) == ("Amazon Listing status", "DropdownAttribute")
        assert plytix.call("GET", "attributes/product/x").status_code == 404

    def test_a_label_is_generated_from_the_name(self, plytix: PlytixCaller) -> None:
        family = plytix.id_of("families", "8 - Amazon")
        body = {
            "name": "Amazon Bullet-Point 1.a",
            "label": "mine",
            "type_class": "TextAttribute",
            "product_families": [{"id": family}],
        }
        made = plytix.one("POST", "attributes/product", body)
        assert made["label"] == "amazon_bullet_point_1_a"
        assert "amazon_bullet_point_1_a" in plytix.sandbox.plytix.state()["families"]["8 - Amazon"]["attributes"]
        again = plytix.call("POST", "attributes/product", body)
        assert (again.status_code, set(again.json()["error"])) == (422, {"msg"})
        plytix.create("A-1", attributes={"amazon_bullet_point_1_a": "x"})

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": "N"},
            {"name": "N", "type_class": "NumberAttribute"},
            {"name": "N", "type_class": "TextAttribute", "options": ["a"]},
            {"name": "N", "type_class": "DropdownAttribute", "options": ["a"] * 1001},
            {"name": "N", "type_class": "TextAttribute", "product_families": [{"id": "x"}]},
        ],
    )
    def test_a_definition_that_may_not_be_so_gets_422(self, plytix: PlytixCaller, body: dict[str, Any]) -> None:
        assert plytix.call("POST", "attributes/product", body).status_code == 422


class TestFamilies:
    def test_a_partial_name_finds_the_wrong_one_first(self, plytix: PlytixCaller) -> None:
        rows = found(plytix, "product_families", where("name", "like", "8 - amazon"), attributes=["name"])
        assert [row["name"] for row in rows] == ["8 - Amazon (old)", "8 - Amazon"]
        (row,) = found(plytix, "product_families", where("name", "eq", "8 - Amazon"), attributes=["total_products"])
        assert row == {"id": plytix.id_of("families", "8 - Amazon"), "total_products": 4}
        assert plytix.one("GET", f"product_families/{row['id']}")["total_attributes"] == 14

    def test_a_family_is_made_of_attributes_there_are(self, plytix: PlytixCaller) -> None:
        asin = plytix.sandbox.plytix.state()["attributes"]["amazon_asin"]["id"]
        made = plytix.one("POST", "product_families", {"name": "9 - New", "attributes": [asin]})
        attributes = plytix.call("GET", f"product_families/{made['id']}/attributes").json()["data"]
        assert [each["label"] for each in attributes] == ["amazon_asin"]
        for body in ({"name": "9 - New"}, {"name": "X", "attributes": ["x"]}, {}):
            assert plytix.call("POST", "product_families", body).status_code == 422

    def test_attributes_are_linked_and_unlinked_a_little_later(self, plytix: PlytixCaller) -> None:
        family = plytix.id_of("families", "2 - Footwear")
        asin = plytix.sandbox.plytix.state()["attributes"]["amazon_asin"]["id"]

        def labels() -> list[str]:
            members: list[str] = plytix.sandbox.plytix.state()["families"]["2 - Footwear"]["attributes"]
            return members

        with plytix.set(family_seconds=0.1):
            for verb, after in (("link", True), ("unlink", False)):
                reply = plytix.call("POST", f"product_families/{family}/attributes/{verb}", {"attributes": [asin]})
                assert reply.status_code == 202
                assert ("amazon_asin" in labels()) is not after
                eventually(lambda after=after: ("amazon_asin" in labels()) is after)  # type: ignore[misc]
        assert plytix.call("POST", f"product_families/{family}/attributes/link", {"attributes": ["x"]}).status_code == 422
        assert plytix.call("POST", "product_families/x/attributes/link", {"attributes": [asin]}).status_code == 404


class TestRelationships:
    def test_a_look_alike_is_listed_first(self, plytix: PlytixCaller) -> None:
        rows = found(plytix, "relationships", where("name", "like", "Amazon Listings"), attributes=["name", "label"])
        assert [row["name"] for row in rows] == ["Amazon Listings (archive)", "Amazon Listings"]
        exact = found(plytix, "relationships", where("label", "eq", "amazon_listings"), attributes=["symmetrical"])
        assert exact == [{"id": rows[1]["id"], "symmetrical": False}]
        by_id = found(plytix, "relationships", where("id", "in", [rows[0]["id"]]))
        assert by_id[0]["label"] == "amazon_listings_(archive)"
        assert plytix.one("GET", f"relationships/{rows[1]['id']}")["name"] == "Amazon Listings"

    def test_a_label_is_generated_and_taken_once(self, plytix: PlytixCaller) -> None:
        assert plytix.one("POST", "relationships", {"name": "Spare-parts"})["label"] == "spare_parts"
        assert plytix.call("POST", "relationships", {"name": "Spare parts"}).status_code == 422

    def test_searches_of_definitions_take_1000_rows_and_know_their_columns(self, plytix: PlytixCaller) -> None:
        assert len(found(plytix, "attributes/product", pagination={"page_size": 1000, "order": "-label"})) == 17
        for body in ({"filters": [], "attributes": ["nope"]}, {}, {"filters": [], "pagination": {"order": "nope"}}):
            assert plytix.call("POST", "relationships/search", body).status_code == 422


class TestDiscovery:
    def test_keys_are_what_filters_take(self, plytix: PlytixCaller) -> None:
        filters = plytix.one("GET", "filters/product")
        by_key = {each["key"]: each for each in filters["attributes"]}
        assert by_key["attributes.amazon_asin"]["operators"] == ["exists", "!exists", "like", "eq", "!eq"]
        assert by_key["attributes.amazon_marketplace"]["options"] == ["US", "CA", "MX"]
        assert {each["key"] for each in filters["properties"]} == {"_is_variation", "_has_variations"}
        assert plytix.call("GET", "filters/products").status_code == 404


class TestChanges:
    def test_a_state_loads_as_it_was(self, plytix: PlytixCaller) -> None:
        parent = plytix.create("P")
        plytix.one("POST", f"products/{parent}/variant/{plytix.create('V')}")
        saved = control(plytix.sandbox, "GET", "/plytix/state").json()
        plytix.sandbox.plytix.reset()
        assert control(plytix.sandbox, "POST", "/plytix/state", {"load": saved}).status_code == 200
        loaded = control(plytix.sandbox, "GET", "/plytix/state").json()
        assert {**loaded, "tokens": 1} == saved
        plytix.log_in()
        assert plytix.create("N") not in saved["products"]

    def test_products_change_behind_the_back(self, plytix: PlytixCaller) -> None:
        change(
            plytix,
            add=[{"sku": "A"}, {"sku": "B", "family": "8 - Amazon", "links": {"Amazon Listings": ["A"]}}],
            set={"A": {"attributes": {"amazon_listing_status": "gone option"}, "links": {"amazon_hierarchy": {"B": 2}}}},
            family={"A": "2 - Footwear"},
            link=[{"relationship": "Amazon Listings", "from": "A", "to": ["B", "MCA0032-M-09.5"]}],
            unlink=[{"relationship": "amazon_listings", "from": "B", "to": ["A"]}],
        )
        one, other = plytix.truth("A"), plytix.truth("B")
        assert (one["family"], one["attributes"]) == ("2 - Footwear", {"amazon_listing_status": "gone option"})
        assert one["links"] == {"amazon_hierarchy": {"B": 2}, "amazon_listings": {"B": 1, "MCA0032-M-09.5": 1}}
        assert (other["family"], other["links"]) == ("8 - Amazon", {})
        change(plytix, set={"B": None})
        assert plytix.truth("A")["links"] == {"amazon_listings": {"MCA0032-M-09.5": 1}}
        assert plytix.sandbox.plytix.state()["creates"] == {}

    def test_definitions_change_behind_the_back(self, plytix: PlytixCaller) -> None:
        listings = plytix.id_of("relationships", "Amazon Listings")
        change(
            plytix,
            attributes={"amazon_size": None, "amazon_marketplace": {"options": ["US"]}, "extra": {}},
            families={"8 - Amazon": {"name": "Amazon"}, "8 - Amazon (old)": None, "X": {"attributes": ["extra"]}},
            relationships={"Amazon Listings": {"name": "Listings"}, "Amazon Hierarchy": None, "Y": {}},
        )
        state = plytix.sandbox.plytix.state()
        assert "amazon_size" not in state["families"]["Amazon"]["attributes"]
        assert set(state["families"]) == {"2 - Footwear", "Amazon", "X"}
        assert set(state["relationships"]) == {"Amazon Listings (archive)", "Listings", "Y"}
        assert state["relationships"]["Listings"] == {"id": listings, "label": "amazon_listings", "symmetrical": False}
        assert state["attributes"]["amazon_marketplace"]["options"] == ["US"]
        assert not any("amazon_hierarchy" in each["links"] for each in state["products"].values())
        assert plytix.call("POST", "products", {"sku": "A", "attributes": {"amazon_size": "9"}}).status_code == 422

    def test_the_second_account_changes_by_itself(self, plytix: PlytixCaller) -> None:
        change(plytix, accounts={SECOND: {"add": [{"sku": "A"}], "families": {"8 - Amazon": None}}})
        state = plytix.sandbox.plytix.state()
        assert "8 - Amazon" in state["families"]
        assert "8 - Amazon" not in state["accounts"][SECOND]["families"]
        assert [each["sku"] for each in state["accounts"][SECOND]["products"].values()].count("A") == 1

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"sett": {}}, "unknown member 'sett'"),
            ({"settings": {"plan": "gold"}}, "settings.plan must be one of free, paid"),
            ({"set": {"NO": {}}}, "set.NO: there is no product 'NO'"),
            ({"set": {"MCA0032-M-09.5": {"colour": "x"}}}, "unknown member 'colour' in set.MCA0032-M-09.5"),
            ({"set": {"MCA0032-M-09.5": {"attributes": {"x": 1}}}}, "there is no attribute 'x'"),
            ({"add": [{"label": "x"}]}, "add: sku must be a string"),
            ({"add": [{"sku": "MCA0032-M-09.5"}]}, "is blank, or taken"),
            ({"family": {"MCA0032-M-09.5": "9"}}, "there is no family '9'"),
            ({"link": [{"relationship": "x"}]}, "link: there is no relationship 'x'"),
            ({"attributes": {"x": {"type_class": "NumberAttribute"}}}, "attributes.x: type_class must be one of"),
            ({"families": {"x": None}}, "families.x: there is no family 'x'"),
            ({"accounts": {"third": {}}}, "unknown member 'third' in accounts"),
            ({"accounts": {SECOND: {"set": {"x": None}}}}, "there is no product 'x'"),
            ({"load": {"products": {"1": {}}}}, "load.products.1: sku must be a string"),
            ({"revoke_tokens": 1}, "revoke_tokens must be true or false"),
        ],
    )
    def test_a_wrong_change_names_the_member_and_changes_nothing(
        self, plytix: PlytixCaller, wrong: dict[str, Any], said: str
    ) -> None:
        before = plytix.sandbox.plytix.state()
        with pytest.raises(BadChange, match=said.replace("(", "[(]")):
            change(plytix, **{"add": [{"sku": "FINE"}], "settings": {"plan": "free"}, **wrong})
        assert plytix.sandbox.plytix.state() == before
