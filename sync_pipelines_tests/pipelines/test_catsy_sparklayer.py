"""The pipeline against the sandbox, from catalogue to price list, below Dagster. What arrived is held against the truth."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.applying import PlanStopped
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.exact_json import loads
from sync_pipelines.pipelines.catsy_sparklayer import planning
from sync_pipelines.pipelines.catsy_sparklayer.extract import KEY, Products
from sync_pipelines.pipelines.catsy_sparklayer.settings import CatsySparkLayerSettings
from sync_pipelines.pipelines.catsy_sparklayer.target import ListMissing
from sync_pipelines.vendors.catsy import ExtractFailed
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings
from sync_pipelines.warehouse.spool import export_csv
from sync_pipelines_tests.pipelines.merchant import Merchant, listed, plain_items, price, set_listed, set_prices
from vendor_sandbox import Sandbox


@pytest.fixture
def merchant(sandbox: Sandbox) -> Merchant:
    return Merchant()


def lists(monkeypatch: pytest.MonkeyPatch, *price_lists: dict) -> None:
    monkeypatch.setenv("CATSY_SPARKLAYER_PRICE_LISTS", json.dumps(price_lists))


WHOLESALE = {"slug": "wholesale", "currency": "AUD", "breaks": [{"quantity": 1, "attribute": "price_trade"}]}


def test_after_a_sync_the_list_holds_every_price_that_was_understood(sandbox: Sandbox, merchant: Merchant) -> None:
    rows = merchant.trade_prices().to_pylist()
    merchant.sync("never")
    held = {r["key"] for r in merchant.ledger.rows(sa.select(tables.outcome).where(tables.outcome.c.state == "held"))}
    wanted = {r["sku"]: r["prices"][0]["price"] for r in rows if r["state"] == "desired" and f"wholesale/{r['sku']}" not in held}
    assert len(wanted) > 200
    assert {sku: price(sandbox, sku) for sku in wanted} == wanted


def test_skus_that_catsy_does_not_have_and_prices_nobody_owns_stay_as_they_are(sandbox: Sandbox, merchant: Merchant) -> None:
    before = listed(sandbox)
    merchant.sync()
    after = listed(sandbox)
    legacy = {s: rows for s, rows in before.items() if s.startswith("LEGACY-")}
    assert legacy
    assert {s: after[s] for s in legacy} == legacy


@pytest.mark.parametrize(("mark", "expected"), [("auto", None), (".", "1200.00"), (",", "1.20")])
def test_a_json_number_is_certain_where_the_same_text_is_not(
    sandbox: Sandbox, merchant: Merchant, monkeypatch: pytest.MonkeyPatch, mark: str, expected: str | None
) -> None:
    monkeypatch.setenv("CATSY_DECIMAL_MARK", mark)
    number, text, priced = plain_items(sandbox, 3)
    whole = {"value": Decimal("1.200"), "currency": "AUD"}
    set_prices(sandbox, {number["id"]: Decimal("1.200"), text["id"]: "1,200", priced["id"]: whole})
    rows = {r["sku"]: r for r in merchant.trade_prices().to_pylist()}
    for item in (number, priced):
        assert rows[item["sku"]]["prices"] == [{"quantity": 1, "price": Decimal("1.200")}]
    found = rows[text["sku"]]
    assert [str(p["price"]) for p in found["prices"]] == ([f"{expected}0"] if expected else [])
    assert ("cannot tell" in found["reason"]) == (expected is None)


def test_breaks_and_row_fields_that_the_settings_do_not_own_are_sent_again(sandbox: Sandbox, merchant: Merchant) -> None:
    (product,) = plain_items(sandbox, 1)
    sku = product["sku"]
    set_listed(
        sandbox,
        {
            sku: [
                {"quantity": 1, "price": Decimal("1.00"), "unit_of_measure": "each"},
                {"quantity": 250, "price": Decimal("0.5"), "unit_of_measure": "box"},
            ]
        },
    )
    set_prices(sandbox, {product["id"]: "1.10"})
    merchant.sync()
    rows = [{k: r[k] for k in ("quantity", "price", "unit_of_measure")} for r in listed(sandbox)[sku]]
    assert rows == [
        {"quantity": 1, "price": Decimal("1.10"), "unit_of_measure": "each"},
        {"quantity": 250, "price": Decimal("0.5"), "unit_of_measure": "box"},
    ]


def test_a_second_run_writes_nothing_and_reads_the_catalogue_from_the_cache(sandbox: Sandbox, merchant: Merchant) -> None:
    merchant.sync()
    calls, writes = len(sandbox.calls("catsy")), sandbox.vendors["sparklayer"].state()["writes"]
    again = Merchant().sync("auto")
    assert set(again.counts) <= {"held"}
    assert len(sandbox.calls("catsy")) == calls
    assert sandbox.vendors["sparklayer"].state()["writes"] == writes


def test_calls_are_the_least_possible(sandbox: Sandbox, merchant: Merchant) -> None:
    merchant.sync()
    assert [c["path"].rsplit("/", 1)[-1] for c in sandbox.calls("catsy")] == ["items"]
    assert [(c["method"], c["path"].rsplit("/", 1)[-1]) for c in sandbox.calls("sparklayer")] == [
        ("POST", "token"),
        ("GET", "price-lists"),
        ("GET", "pricing"),
        ("GET", "pricing"),
        ("PATCH", "pricing"),
        ("GET", "pricing"),
    ]


def test_a_price_goes_out_with_the_decimals_of_its_currency(sandbox: Sandbox, merchant: Merchant) -> None:
    (product,) = plain_items(sandbox, 1)
    set_prices(sandbox, {product["id"]: "4,2"})
    merchant.sync()
    stored = next(r for r in listed(sandbox)[product["sku"]] if r["quantity"] == 1)["price"]
    assert str(stored) == "4.20"


def test_a_blank_price_leaves_the_list_alone_even_when_missing_skus_are_removed(
    sandbox: Sandbox, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATSY_SPARKLAYER_REMOVE_MISSING", "true")
    blank, gone = plain_items(sandbox, 2)
    merchant.sync()
    was = price(sandbox, blank["sku"])
    set_prices(sandbox, {blank["id"]: ""})
    sandbox.vendors["catsy"].change_state({"set": {str(gone["id"]): None}})
    made_by_us = {r["key"] for r in merchant.ledger.rows(sa.select(tables.record)) if r["created"]}
    merchant.sync()
    assert price(sandbox, blank["sku"]) == was is not None
    assert (price(sandbox, gone["sku"]) is None) == (f"wholesale/{gone['sku']}" in made_by_us)


def test_a_row_the_vendor_names_is_rejected_and_the_rest_lands(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.vendors["sparklayer"].change_state({"settings": {"known_skus": [i["sku"] for i in plain_items(sandbox, 150)]}})
    report = merchant.sync()
    assert report.counts["rejected"] > 0
    assert report.counts["delivered"] + report.counts["rejected"] + report.counts.get("held", 0) == sum(report.counts.values())
    bad = merchant.ledger.bad_outcomes()
    assert all(b["message"] for b in bad)
    assert merchant.sync("never").counts["rejected"] == report.counts["rejected"]


def test_a_request_too_large_is_halved_and_later_ones_are_smaller(
    sandbox: Sandbox, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKLAYER_BATCH_SIZE", "100")
    sandbox.vendors["sparklayer"].change_state({"settings": {"max_entries": 40}})
    report = merchant.sync()
    assert set(report.counts) == {"delivered", "held"}
    assert max(sandbox.vendors["sparklayer"].state()["effects"]["wholesale"].values()) == 1
    refused = [c for c in sandbox.calls("sparklayer") if c["status"] == 413]
    assert len(refused) == 3  # 100 rows, then its two halves; every later request has 25


@pytest.mark.parametrize("kind", ["lost_reply", "lost_request", "late", "half"])
def test_whatever_becomes_of_an_answer_every_price_lands_and_none_is_sent_twice_in_vain(
    sandbox: Sandbox, merchant: Merchant, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("SPARKLAYER_LANDS_WITHIN", "1")
    sandbox.faults(
        "sparklayer",
        [{"on": "PATCH /api/v1/price-lists/*/pricing", "kind": kind, **({"seconds": 0.3} if kind == "late" else {})}],
    )
    report = merchant.sync()
    assert set(report.counts) == {"delivered", "held"}
    assert report.read_back == report.as_planned
    if kind in ("lost_reply", "late"):
        assert max(sandbox.vendors["sparklayer"].state()["effects"]["wholesale"].values()) == 1
    calls = len(sandbox.calls("sparklayer"))
    assert set(Merchant().sync("never").counts) <= {"held"}
    assert all(c["method"] != "PATCH" for c in sandbox.calls("sparklayer")[calls:])


def test_a_generator_that_learns_a_smaller_batch_never_gives_a_row_twice(sandbox: Sandbox, merchant: Merchant) -> None:
    """Regression: the last batch was cut again after a lost reply had halved the batch size."""
    from sync_pipelines.delivery.model import Change

    target = planning.target(merchant.sparklayer)
    changes = [Change(n, f"wholesale/{n}", "wholesale", "create", None, {}) for n in range(9)]
    given = []
    for batch in target.batches(target.steps[0], changes):
        given += [c.row for c in batch]
        target._smaller(batch)
    assert given == list(range(9))


def test_a_token_that_ends_in_the_middle_is_renewed_once(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.faults("sparklayer", [{"on": "PATCH *", "kind": "expired_token"}])
    assert set(merchant.sync().counts) == {"delivered", "held"}
    assert sum(c["path"].endswith("/auth/token") for c in sandbox.calls("sparklayer")) == 2


def test_a_busy_list_is_waited_for(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.faults("sparklayer", [{"on": "PATCH *", "kind": "status", "status": 409, "times": 1}])
    assert set(merchant.sync().counts) == {"delivered", "held"}


def test_a_list_that_is_not_there_is_an_error_that_names_those_that_are(
    sandbox: Sandbox, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists(monkeypatch, {**WHOLESALE, "slug": "trade-uk"})
    with pytest.raises(ListMissing, match=r"no price list 'trade-uk' \(it has: .*wholesale"):
        merchant.plan()


def test_a_list_that_is_not_there_is_made_with_its_first_price_when_the_settings_say_so(
    sandbox: Sandbox, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists(monkeypatch, {**WHOLESALE, "slug": "trade-uk", "currency": "GBP"})
    monkeypatch.setenv("CATSY_SPARKLAYER_CREATE_MISSING_LISTS", "true")
    plan = merchant.plan()
    assert all(x["slug"] != "trade-uk" for x in sandbox.vendors["sparklayer"].state()["lists"])
    merchant.apply(plan)
    made = next(x for x in sandbox.vendors["sparklayer"].state()["lists"] if x["slug"] == "trade-uk")
    assert (made["currency_code"], made["source"]) == ("GBP", "integration")
    assert len(made["prices"]) > 200


def test_a_list_in_another_currency_stops_the_plan_before_the_first_write(sandbox: Sandbox, merchant: Merchant) -> None:
    sandbox.vendors["sparklayer"].change_state({"currency": {"wholesale": "USD"}})
    with pytest.raises(PlanStopped, match="is in USD, the settings say AUD"):
        merchant.sync()
    assert sandbox.vendors["sparklayer"].state()["writes"] == 0


def test_several_lists_are_one_plan_and_a_row_belongs_to_one_of_them(
    sandbox: Sandbox, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    vip = {
        "slug": "vip",
        "currency": "AUD",
        "breaks": [{"quantity": 1, "attribute": "price_trade"}, {"quantity": 100, "attribute": "price_trade_100"}],
    }
    lists(monkeypatch, WHOLESALE, vip)
    merchant.sync()
    item = next(i for i in plain_items(sandbox, 300) if i.get("price_trade_100"))
    assert price(sandbox, item["sku"], 100, "vip") == Decimal(str(item["price_trade_100"]))
    assert price(sandbox, item["sku"], 100, "wholesale") is None
    assert price(sandbox, item["sku"], 1, "vip") == price(sandbox, item["sku"], 1, "wholesale")


def test_undo_puts_back_every_price_and_leaves_foreign_breaks(sandbox: Sandbox, merchant: Merchant) -> None:
    before = {
        s: [{k: r.get(k) for k in ("quantity", "price", "unit_of_measure")} for r in rows] for s, rows in listed(sandbox).items()
    }
    plan = merchant.plan()
    merchant.apply(plan)
    report = merchant.undo(plan)
    assert set(report.counts) == {"delivered"}
    after = {
        s: [{k: r.get(k) for k in ("quantity", "price", "unit_of_measure")} for r in rows] for s, rows in listed(sandbox).items()
    }
    assert after == before


def test_an_extract_that_shrank_stops_the_plan(sandbox: Sandbox, merchant: Merchant) -> None:
    merchant.sync()
    sandbox.vendors["catsy"].change_state({"set": {str(i["id"]): None for i in plain_items(sandbox, 200)}})
    with pytest.raises(PlanStopped, match="source: 100 rows read"):
        merchant.sync()


def unordered_pages(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reading from now on repeats 20 rows and leaves 20 out; the rows add up to the total."""
    monkeypatch.setenv("CATSY_PAGE_SIZE", "100")
    order = {"on": "GET *", "kind": "unordered", "by": 20}
    sandbox.faults("catsy", [{**order, "after": calls_before} for calls_before in (1, 4, 7)])


def test_an_extract_that_is_not_whole_fails_and_no_price_is_removed(
    sandbox: Sandbox, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATSY_SPARKLAYER_REMOVE_MISSING", "true")
    merchant.sync()
    before, whole = listed(sandbox), merchant.products("never").about.extract
    unordered_pages(sandbox, monkeypatch)
    with pytest.raises(ExtractFailed, match="280 of them different"):
        Merchant().sync()
    assert listed(sandbox) == before
    assert merchant.products("never").about.extract == whole


def test_an_extract_that_is_not_whole_may_be_used_and_never_removes_a_price_then_or_later(
    sandbox: Sandbox, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATSY_SPARKLAYER_REMOVE_MISSING", "true")
    monkeypatch.setenv("CATSY_INCOMPLETE", "use")
    merchant.sync()
    first = plain_items(sandbox, 1)[0]
    set_prices(sandbox, {first["id"]: Decimal(first["price_trade"]) + Decimal("0.01")})
    unordered_pages(sandbox, monkeypatch)
    again = Merchant()
    plan = again.plan()
    assert "280 of them different" in again.products("never").about.gaps
    assert (plan.verdict, plan.counts.update, plan.counts.remove) == ("clear", 1, 0)
    assert any("nothing is removed" in finding.message for finding in plan.findings)
    again.apply(plan)
    assert again.plan("never").counts.changes == 0
    monkeypatch.setenv("CATSY_INCOMPLETE", "fail")
    assert again.plan("never").counts.changes == 0
    assert again.products("auto").about.gaps == ""


def test_an_extract_of_an_earlier_version_that_dropped_repeats_removes_nothing(
    sandbox: Sandbox, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATSY_SPARKLAYER_REMOVE_MISSING", "true")
    merchant.sync()
    found = merchant.products("never")
    whole = pq.read_table(found.path)
    part = whole.slice(whole.num_rows - 10)
    merchant.warehouse.write(KEY, part, replace(found.about, rows=10, repeats=0))
    assert merchant.plan("never").counts.remove > 0
    merchant.warehouse.write(KEY, part, replace(found.about, rows=10, repeats=290))
    assert merchant.plan("never").counts.remove == 0
    assert merchant.products("auto").about.rows == 300  # not the cached one


def test_prices_of_one_extract_are_never_planned_as_if_they_were_of_another(sandbox: Sandbox, merchant: Merchant) -> None:
    """Prices mapped from an extract with gaps, beside a whole one read since: the plan would remove what was left out."""
    first = merchant.products()
    merchant.warehouse.write(("catsy", "trade_prices"), merchant.trade_prices(first), first.about)
    assert planning.trade_prices(merchant.session())[1] == first.about
    merchant.products()
    with pytest.raises(DeliveryError, match="read again since"):
        planning.trade_prices(merchant.session())


def test_the_full_export_runs_nothing_in_a_spreadsheet_and_is_taken_in_as_it_was(
    sandbox: Sandbox, merchant: Merchant, tmp_path: Path
) -> None:
    names = ["=1+1", "\t=1", "\r@x", "＝1+1", "'=already quoted", "-5", "- a dash"]
    items = plain_items(sandbox, len(names))
    changes = {str(i["id"]): {"name": name, "=key": "x"} for i, name in zip(items, names, strict=True)}
    changes[str(items[0]["id"])]["sku"] = "-BOLT"
    sandbox.vendors["catsy"].change_state({"set": changes})
    exported = tmp_path / "full.csv"
    export_csv(merchant.products().path, exported, ("sku", "price_trade"))
    with exported.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [
        c for c in cells if c[:1] in tuple("=+@＝＋－＠\t\r\n") or (c[:1] == "-" and not c[1:].replace(".", "").isdigit())
    ]
    source = Products(merchant.warehouse, merchant.ledger, CatsySettings.read(), CatsySparkLayerSettings.read().attributes, "run")
    with source.from_csv(exported) as staged:
        rows = [loads(text) for text in pq.read_table(staged.path).column("item").to_pylist()]
    there = {row["id"]: row for row in rows}
    assert [there[str(i["id"])]["name"] for i in items] == names
    assert (there[str(items[0]["id"])]["sku"], there[str(items[1]["id"])]["=key"]) == ("-BOLT", "x")


def test_every_sku_of_one_id_gets_its_price_and_versions_of_one_row_are_held(sandbox: Sandbox, merchant: Merchant) -> None:
    small, large, one, other = plain_items(sandbox, 4)
    sandbox.vendors["catsy"].change_state(
        {
            "set": {str(other["id"]): {"sku": one["sku"], "price_trade": "99.00"}},
            "settings": {"ids_shown": {str(large["id"]): small["id"], str(other["id"]): one["id"]}},
        }
    )
    rows = {(r["sku"], str(r["prices"][0]["price"])): r for r in merchant.trade_prices().to_pylist() if r["prices"]}
    found = {sku: [r for (s, _), r in rows.items() if s == sku] for sku in (small["sku"], large["sku"], one["sku"])}
    assert [(r["state"], r["source_id"]) for sku in (small["sku"], large["sku"]) for r in found[sku]] == [
        ("desired", str(small["id"]))
    ] * 2
    reason = f"Catsy gave item {one['id']} 2 times, with different content"
    assert [(r["state"], r["reason"]) for r in found[one["sku"]]] == [("conflict", reason)] * 2


def test_a_role_that_may_not_read_the_price_stops_the_run_and_the_last_extract_stays(
    sandbox: Sandbox, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vendor_sandbox.catsy import PRICELESS_TOKEN

    merchant.sync()
    monkeypatch.setenv("CATSY_BEARER_TOKEN", PRICELESS_TOKEN)
    with pytest.raises(ExtractFailed, match="'price_trade' is on no item at all"):
        Merchant().products("always")
    assert merchant.products("never").about.rows == 300


def test_the_cache_is_for_this_account_and_query_only_and_not_for_ever(
    sandbox: Sandbox, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = merchant.products("auto").about.extract
    assert merchant.products("auto").about.extract == first
    assert merchant.products("always").about.extract != first
    monkeypatch.setenv("CATSY_MAX_AGE_HOURS", "0")
    assert merchant.products("auto").about.extract != first
    monkeypatch.setenv("CATSY_QUERY_ID", "11111111-2222-3333-4444-555555555555")
    with pytest.raises(ExtractFailed, match="there is no complete extract of"):
        Merchant().products("never")


def test_a_damaged_cache_is_read_again(sandbox: Sandbox, merchant: Merchant) -> None:
    path = merchant.products().path
    path.write_bytes(path.read_bytes()[:100])
    assert merchant.products("auto").about.rows == 300


def test_a_cache_without_an_attribute_that_the_settings_name_since_is_read_again(
    sandbox: Sandbox, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = merchant.products("auto").about.extract
    lists(monkeypatch, {**WHOLESALE, "breaks": [*WHOLESALE["breaks"], {"quantity": 100, "attribute": "price_trade_100"}]})
    assert Merchant().products("auto").about.extract != first


def test_an_extract_that_fails_leaves_the_last_one_and_nothing_in_staging(
    sandbox: Sandbox, merchant: Merchant, own_folder: Path
) -> None:
    first = merchant.products("auto").about.extract
    sandbox.faults("catsy", [{"on": "GET *", "kind": "status", "status": 403, "times": 9}])
    with pytest.raises(ExtractFailed, match="The last complete extract stays"):
        merchant.products("always")
    assert merchant.products("never").about.extract == first
    assert list((own_folder / "data" / "staging").iterdir()) == []


def test_live_prices_told_apart_by_something_we_do_not_know_are_held(sandbox: Sandbox, merchant: Merchant) -> None:
    (product,) = plain_items(sandbox, 1)
    set_listed(
        sandbox,
        {
            product["sku"]: [
                {"quantity": 1, "price": Decimal(1), "unit_of_measure": "each"},
                {"quantity": 1, "price": Decimal(2), "unit_of_measure": "box"},
            ]
        },
    )
    plan = merchant.plan()
    assert plan.counts.held_by_kind["target"] == 1


def test_writes_that_are_off_stop_the_run_before_anything_leaves(sandbox: Sandbox, merchant: Merchant) -> None:
    merchant.sparklayer.http._writes_on = lambda: False
    with pytest.raises(DeliveryError, match="read-only"):
        merchant.sync()
    assert sandbox.vendors["sparklayer"].state()["writes"] == 0
    assert SparkLayerSettings.read().account in merchant.ledger.rows(sa.select(tables.plan))[0]["account"]
