"""One value that nothing can store costs its own record, by name, and nobody else's: for every vendor, paged and in bulk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.pipelines.amazon_plytix import listings
from sync_pipelines.pipelines.amazon_plytix.catalogue import Catalogue
from sync_pipelines.pipelines.amazon_plytix.listings import Listing
from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings
from sync_pipelines.pipelines.shopify_sheets import mapping
from sync_pipelines.pipelines.shopify_sheets.layout import read_layout
from sync_pipelines.pipelines.shopify_store.day_reader import DayReader
from sync_pipelines.pipelines.shopify_store.orders import loads
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.amazon import Amazon
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.plytix_settings import PlytixSettings
from sync_pipelines.warehouse.snapshots import Warehouse
from sync_pipelines_tests.pipelines.listing_scene import ListingScene
from sync_pipelines_tests.pipelines.merchant import Merchant, listed, plain_items
from sync_pipelines_tests.pipelines.shopify_shop import Shop, always_bulk, never_bulk, shop_of
from sync_pipelines_tests.pipelines.test_shopify_store import recent
from vendor_sandbox import Sandbox

HALF = '"\\ud83d"'
VALUES = ["NaN", HALF]


@pytest.fixture
def merchant(sandbox: Sandbox) -> Merchant:
    return Merchant()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with shop_of(tmp_path / "data", monkeypatch.setenv) as running:
        never_bulk(monkeypatch.setenv)
        yield running


def unusable(sandbox: Sandbox, vendor: str, on: str, field: str, value: str, **options: Any) -> None:
    sandbox.faults(vendor, [{"on": on, "kind": "unusable", "field": field, "value": value, **options}])


@pytest.mark.parametrize("field", ["description", "price_trade"])
@pytest.mark.parametrize("value", VALUES)
def test_an_item_of_catsy_is_a_reject_by_name_and_the_others_get_their_prices(
    sandbox: Sandbox, merchant: Merchant, field: str, value: str
) -> None:
    first = plain_items(sandbox, 1)[0]["sku"]
    unusable(sandbox, "catsy", "GET *", field, value)
    rows = merchant.trade_prices(merchant.products()).to_pylist()
    (reject,) = (row for row in rows if row["sku"] == first)
    assert reject["state"] == "rejected"
    assert reject["reason"].startswith(f"{field}: ")
    assert merchant.apply(merchant.plan("never")).counts["delivered"] == 249  # all but this one
    assert first not in listed(sandbox)


def test_an_item_whose_sku_cannot_be_read_may_be_any_product_so_none_is_removed(
    sandbox: Sandbox, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATSY_SPARKLAYER_REMOVE_MISSING", "true")
    merchant.sync()
    before = listed(sandbox)
    unusable(sandbox, "catsy", "GET *", "sku", HALF)
    again = Merchant()
    plan = again.plan()
    assert plan.counts.remove == 0
    assert "the SKU of an item cannot be read (sku: half of a character" in again.products("never").about.gaps
    again.apply(plan)
    assert listed(sandbox) == before


@pytest.mark.parametrize("way", ["pages", "bulk"])
@pytest.mark.parametrize(("field", "value"), [("note", HALF), ("quantity", "NaN")])
def test_an_order_of_shopify_is_kept_and_marked_and_its_row_is_held_by_name(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, way: str, field: str, value: str
) -> None:
    first, last = recent(shop)
    if way == "bulk":
        monkeypatch.setenv("SHOPIFY_BULK_START_SECONDS", "0")
        always_bulk(monkeypatch.setenv)
        unusable(shop.sandbox, "shopify", "GET *bulk*", field, value)
    else:
        unusable(shop.sandbox, "shopify", "POST /admin/api/*", field, value, after=2)
    store = shop.store()
    read = DayReader(store).read(first, last)
    truth = [o for o in shop.truth().values() if first <= shop.day(o) <= last]
    assert sum(day.orders for day in read) == len(truth)  # every day is proved whole all the same
    orders = [loads(row["order"]) for day in read for row in shop.file(day.day) or []]
    held = [d for d in (mapping.desired(o, read_layout("plain"), shop.settings.zone) for o in orders) if d.conflict]
    assert len(held) == 1
    assert "has a value that cannot be used (" in str(held[0].conflict)
    assert f"{field}: " in str(held[0].conflict)
    assert any(field in notice for notice in store.notices())


@pytest.mark.parametrize("pieces", [10**20, 1.5, -1, "two"])
def test_a_number_of_pieces_that_is_not_one_holds_its_order_and_no_other(shop: Shop, pieces: Any) -> None:
    first, last = recent(shop)
    victim = next(o for o in shop.truth().values() if first <= shop.day(o) <= last and o["lineItems"])
    shop.change(set={victim["name"]: {"lineItems": {"0": {"currentQuantity": pieces}}}})
    store = shop.store()
    (day,) = DayReader(store).read(shop.day(victim), shop.day(victim))
    stored = {row["order_id"]: loads(row["order"]) for row in shop.file(day.day) or []}
    held = mapping.desired(stored[int(victim["legacyResourceId"])], read_layout("plain"), shop.settings.zone)
    assert "lineItems[0].currentQuantity: not a number of pieces" in str(held.conflict)
    assert day.orders == len(stored)


@pytest.mark.parametrize("value", VALUES)
def test_a_product_of_plytix_is_no_candidate_and_is_named(merchandiser: ListingScene, value: str) -> None:
    desk, warehouse = merchandiser.desk(), Warehouse(data_dir() / "warehouse")
    source = Catalogue(warehouse, merchandiser.ledger, AmazonPlytixSettings.read(), PlytixSettings.read(), "run")
    with source.read(desk.client, [], "") as staged:
        everybody = staged.about.rows
    merchandiser.fault("POST /api/v1/products/search", "unusable", field="label", value=value)
    with source.read(desk.client, [], "") as staged:
        assert staged.about.rows == everybody - 1
    ((sku, why),) = source.rejected.items()
    assert sku
    assert why.startswith("label: ")


def test_an_item_of_amazons_catalogue_adds_nothing_to_its_listing_and_the_listing_says_why(sandbox: Sandbox) -> None:
    asin, other = [item["asin"] for item in sandbox.amazon.state()["items"] if item["marketplace"] == "US"][:2]
    unusable(sandbox, "amazon", "GET /catalog/*", "itemName", HALF)
    client = Amazon.connect(AmazonSettings.read(), CallMeter())
    known = {item.asin: item for item in client.items([asin, other], "US")}
    client.close()
    rows = {row.asin: row for row in listings.enriched([Listing(asin, "US"), Listing(other, "US")], known)}
    noted = [row for row in rows.values() if row.note]
    assert len(noted) == 1
    assert noted[0].title is None
    assert "the catalogue's entry is not used: summaries[0].itemName: half of a character" in str(noted[0].note)
    (fine,) = (row for row in rows.values() if not row.note)
    assert fine.title
