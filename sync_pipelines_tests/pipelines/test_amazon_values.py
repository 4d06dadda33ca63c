"""What is written of a listing: only what its sources say, only codes that are right, and what the account has room for."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from sync_pipelines.decoding import LOST
from sync_pipelines.operations import sql
from sync_pipelines.pipelines.amazon_plytix import entries, matching
from sync_pipelines.pipelines.amazon_plytix.catalogue import PRODUCTS_KEY, Catalogue, candidates
from sync_pipelines.pipelines.amazon_plytix.settings import FILLED_IF_THERE, AmazonPlytixSettings
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.plytix_settings import PlytixSettings
from sync_pipelines.warehouse.snapshots import About, Warehouse
from sync_pipelines_tests.pipelines.listing_scene import ListingScene, asin, canonical, entry, parent, sku, upc
from sync_pipelines_tests.pipelines.test_amazon_products import FAMILY_NAME, there, update_on

MORE = {"amazon_gtin": upc(1).zfill(14), "brand": "Mesa Cordwain", "model_number": "CAN", "item_classification": "BASE_PRODUCT"}
WRITTEN = {
    "amazon_gtin": upc(1).zfill(14),
    "amazon_brand": "Mesa Cordwain",
    "amazon_model_number": "CAN",
    "amazon_item_classification": "BASE_PRODUCT",
}


@pytest.fixture
def desk(merchandiser: ListingScene) -> ListingScene:
    """A desk that makes products and no links, unless a test says so."""
    merchandiser.links = False
    return merchandiser


def attributes(desk: ListingScene, n: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = desk.product(sku(n))["attributes"]
    return found


def with_more_attributes(desk: ListingScene, *, in_family: bool = True) -> None:
    desk.change(attributes={name: {} for name in FILLED_IF_THERE})
    if in_family:
        known = desk.state["families"][FAMILY_NAME]["attributes"]
        desk.change(families={FAMILY_NAME: {"attributes": [*known, *FILLED_IF_THERE]}})


class TestWhatIsAbsent:
    def test_a_status_that_no_source_knows_keeps_the_one_that_is_there(
        self, desk: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        update_on(monkeypatch)
        there(desk, amazon_listing_status="inactive")
        desk.sync([entry(1, amazon_listing_status=None)])
        assert attributes(desk)["amazon_listing_status"] == "inactive"

    def test_a_title_that_no_source_knows_keeps_the_label_whatever_its_rule(
        self, desk: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        update_on(monkeypatch, label="always")
        there(desk, amazon_title="A good title")
        desk.sync([entry(1, amazon_title=None)])
        assert (desk.product(sku(1))["label"], attributes(desk)["amazon_title"]) == ("Old 1", "A good title")

    def test_a_title_with_lost_characters_replaces_none_and_is_taken_where_there_is_none(
        self, desk: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        update_on(monkeypatch)
        there(desk, amazon_title="Café Boot")
        desk.sync([entry(1, amazon_title=f"Caf{LOST} Boot"), entry(2, amazon_title=f"Caf{LOST} Boot")])
        titles = [attributes(desk, n)["amazon_title"] for n in (1, 2)]
        assert titles == ["Café Boot", f"Caf{LOST} Boot"]
        assert desk.sync([entry(1, amazon_title=f"Caf{LOST} Boot")]).writes == 0


class TestStatusOptions:
    @pytest.mark.parametrize(
        ("status", "written"), [("active", "ACTIVE"), ("inactive", "INACTIVE"), ("suppressed", "SUPPRESSED"), ("unknown", None)]
    )
    def test_an_account_with_other_options_takes_those(self, desk: ListingScene, status: str, written: str | None) -> None:
        desk.change(attributes={"amazon_listing_status": {"options": ["ACTIVE", "INACTIVE", "SUPPRESSED"]}})
        done = desk.sync([entry(1, amazon_listing_status=status)])
        assert (done.held, attributes(desk).get("amazon_listing_status")) == ({}, written)

    def test_unknown_is_written_where_the_account_has_it(self, desk: ListingScene) -> None:
        desk.sync([entry(1, amazon_listing_status="unknown")])
        assert attributes(desk)["amazon_listing_status"] == "unknown"


class TestCodes:
    @pytest.mark.parametrize("code", ["8.84882E+11", "012345678900", "n/a"])
    def test_a_code_that_is_none_is_not_written_and_keeps_what_is_there(
        self, desk: ListingScene, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        update_on(monkeypatch, amazon_upc="always")
        there(desk, amazon_upc=upc(1))
        done = desk.sync([entry(n, amazon_upc=code) for n in (1, 2)])
        assert done.made.counts == {"delivered": 2}
        assert attributes(desk, 1)["amazon_upc"] == upc(1)
        assert "amazon_upc" not in attributes(desk, 2)
        assert attributes(desk, 2)["amazon_title"] == "Boot 2, Brown, 10 W"

    def test_a_sku_that_a_spreadsheet_program_replaced_is_not_written_and_the_row_goes_on(self, desk: ListingScene) -> None:
        (found,) = matching.checked(
            entries.AsinMapping({}, [entry(1, amazon_sku="1.23E+05")]), AmazonPlytixSettings.read()
        ).entries
        assert found.state == "matched"
        assert str(found.note).endswith("so the SKU is not written")
        desk.sync([found])
        assert "amazon_sku" not in attributes(desk)
        assert attributes(desk)["amazon_title"] == "Boot 1, Brown, 10 W"


class TestMoreAttributes:
    def test_they_are_written_where_the_account_has_them(self, desk: ListingScene) -> None:
        with_more_attributes(desk)
        desk.sync([entry(1, **MORE)])
        assert {name: attributes(desk).get(name) for name in WRITTEN} == WRITTEN

    @pytest.mark.parametrize("in_family", [True, False], ids=["absent", "not in the family"])
    def test_where_it_has_not_they_are_left_out_and_that_is_said_once(
        self, desk: ListingScene, caplog: pytest.LogCaptureFixture, *, in_family: bool
    ) -> None:
        if not in_family:
            with_more_attributes(desk, in_family=False)
        with caplog.at_level(logging.INFO):
            done = desk.sync([entry(1, **MORE), entry(2)])
        assert done.made.counts == {"delivered": 2}
        assert not set(FILLED_IF_THERE) & set(attributes(desk))
        assert sum("amazon_brand" in record.getMessage() for record in caplog.records) == 1

    def test_an_account_that_has_them_now_gets_nothing_written_until_updates_are_on_and_then_what_is_empty(
        self, desk: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.sync([entry(1, **MORE)])
        with_more_attributes(desk)
        desk.change(set={sku(1): {"attributes": {"amazon_brand": "By hand"}}})
        assert desk.sync([entry(1, **MORE)]).writes == 0
        update_on(monkeypatch)
        done = desk.sync([entry(1, **MORE)])
        assert (done.held, done.made.counts) == ({}, {"delivered": 1})
        assert {name: attributes(desk).get(name) for name in WRITTEN} == {**WRITTEN, "amazon_brand": "By hand"}
        assert desk.sync([entry(1, **MORE)]).writes == 0


class TestLinks:
    def test_several_listings_of_a_product_and_the_parent_of_its_model_are_all_linked(self, merchandiser: ListingScene) -> None:
        both = [entry(n, canonical_plytix_sku=canonical(1), amazon_parent_asin=None) for n in (1, 2)]
        of_model = parent(
            state="matched", canonical_plytix_sku=canonical(3), model_number=canonical(3), match_method="model_number"
        )
        plan = merchandiser.plan_links([*both, of_model])
        assert plan.counts.create == 3
        merchandiser.sync([*both, of_model])
        assert merchandiser.links_of(canonical(1)) == {sku(1), sku(2)}
        assert merchandiser.links_of(canonical(3)) == {of_model.suggested_sku}


class TestProductsOfThePim:
    def read(self, desk: ListingScene) -> dict[str, matching.Candidate]:
        warehouse = Warehouse(data_dir() / "warehouse")
        there = desk.desk()
        source = Catalogue(warehouse, desk.ledger, AmazonPlytixSettings.read(), PlytixSettings.read(), "run")
        with source.read(there.client, there.account.identifiers, there.account.model_number) as staged:
            return {each.sku: each for each in candidates(warehouse.publish(PRODUCTS_KEY, staged))}

    def test_the_model_number_is_read_from_the_attribute_that_the_settings_name(
        self, desk: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.change(attributes={"style_no": {}}, set={canonical(1): {"attributes": {"model_number": "m-1", "style_no": "s-1"}}})
        assert self.read(desk)[canonical(1)].model == "M-1"
        monkeypatch.setenv("AMAZON_PLYTIX_MODEL_NUMBER_ATTRIBUTE", "style_no")
        assert self.read(desk)[canonical(1)].model == "S-1"
        monkeypatch.setenv("AMAZON_PLYTIX_MODEL_NUMBER_ATTRIBUTE", "nowhere")
        assert self.read(desk)[canonical(1)].model is None

    def test_a_mapping_that_an_earlier_version_left_is_read_also_beside_new_ones_in_sql(self, desk: ListingScene) -> None:
        earlier = entries.table([entry(1)]).drop_columns(["brand", "note"])
        now = entries.table([replace(entry(2), note="odd")])
        for partition, rows in (("earlier", earlier), ("now", now)):
            about = About(PlytixSettings.read().account, "2026-01-01T00:00:00+00:00", partition, 1, 0, "x", partition)
            warehouse = Warehouse(data_dir() / "warehouse")
            found = warehouse.write(entries.MAPPING_KEY, rows, about)
            assert [each.brand for each in entries.from_file(found.path)] == [None]
        asked = sql.ask("SELECT amazon_asin, note FROM amazon.asin_mapping ORDER BY 1")
        assert asked == [{"amazon_asin": asin(1), "note": None}, {"amazon_asin": asin(2), "note": "odd"}]
