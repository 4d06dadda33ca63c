"""What an undo would do, told without doing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.delivery.undoing import foresee_undo
from sync_pipelines_tests.delivery.shop import Shop


def test_each_row_is_told_with_what_keeps_it_from_going_back_and_nothing_is_recorded(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.sync({"a": 1, "b": 2, "c": 3})
    plan = shop.plan({"a": 10, "b": 20, "c": 30, "d": 40})
    shop.apply(plan)
    for key, price in (("b", 99), ("c", 3)):
        record = shop.vendor.records[key].fields
        assert record
        record["price"] = price
    calls, plans, files = shop.vendor.calls, shop.table("plan"), sorted((tmp_path / "plans").iterdir())
    foreseen, impossible = foresee_undo(shop.target, plan.id, ledger=shop.ledger, files=shop.files)
    assert {each.row.key: each.stays for each in foreseen} == {
        "a": "",
        "b": "it was changed since, and would be left alone",
        "c": "it is as it was before already",
        "d": "",
    }
    assert impossible == []
    assert (shop.vendor.calls, shop.table("plan"), sorted((tmp_path / "plans").iterdir())) == (calls, plans, files)
    report = shop.undo(plan)
    assert report.counts == {"delivered": 2, "drifted": 1, "unchanged": 1}


def test_what_an_undo_refuses_is_refused_in_advance(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    plan = shop.plan({"a": 1})
    shop.files.path(plan.id).unlink()
    with pytest.raises(DeliveryError, match="not there any more"):
        foresee_undo(shop.target, plan.id, ledger=shop.ledger, files=shop.files)
