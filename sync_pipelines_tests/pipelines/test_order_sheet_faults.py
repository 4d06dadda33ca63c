"""The spreadsheet of orders when calls fail, people are in the way, and processes die: nothing doubled, nothing lost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.delivery.applying import Paused, PlanStopped
from sync_pipelines.delivery.clock import Clock
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.pipelines.shopify_sheets import checks
from sync_pipelines.vendors.failures import VendorError
from sync_pipelines_tests import forked
from sync_pipelines_tests.pipelines.order_scene import GROW, READ, TABS, WRITE, OrderScene, line, order, orders, settled


def theirs(desk: OrderScene) -> list[Any]:
    """What people wrote, with the key it stands beside."""
    return [desk.notes("Baker"), desk.notes("Done", "Line Items")]


def some_change(desk: OrderScene) -> None:
    """Two changed orders, one with a line more, and three new ones."""
    desk.change(2, note="changed")
    desk.change(9, lineItems=[*desk.shop[9]["lineItems"], line(9009)])
    desk.take(*orders(11, 13))


class TestPeopleInTheWay:
    """A person acts between our look and our write (before), or between our write and the look after it (after)."""

    ACTIONS: dict[str, list[dict[str, Any]]] = {
        "rows inserted": [{"do": "insert_rows", "at": 2, "count": 2}, {"do": "insert_rows", "at": 3, "tab": "Line Items"}],
        "rows moved down": [{"do": "move_rows", "at": 2, "count": 3, "to": 9}],
        "rows of lines moved": [{"do": "move_rows", "at": 2, "count": 2, "to": 9, "tab": "Line Items"}],
        "sorted": [{"do": "sort", "by": "B", "range": "A2:V11", "descending": True}],
        "lines sorted": [{"do": "sort", "by": "D", "range": "A2:N21", "descending": True, "tab": "Line Items"}],
        "many rows inserted": [
            {"do": "insert_rows", "at": 5, "count": 7},
            {"do": "insert_rows", "at": 9, "count": 7, "tab": "Line Items"},
        ],
    }

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("action", ACTIONS)
    def test_every_order_is_right_after_at_most_one_more_run_and_it_is_told(
        self, noted: OrderScene, caplog: pytest.LogCaptureFixture, when: str, action: str
    ) -> None:
        noted.person("delete_rows", at=16)
        noted.person("delete_rows", "Line Items", at=30)
        before = theirs(noted)
        some_change(noted)
        actions = [noted.action(**{"tab": "Orders", **each}) for each in self.ACTIONS[action]]
        noted.fault(WRITE, "human", when=when, action=actions)
        with caplog.at_level(logging.WARNING):
            found = noted.sync()
        if noted.wrong():
            noted.sync()
        assert noted.wrong() == []
        settled(noted)
        after = theirs(noted)
        if when == "after":
            assert after == before
            assert found.counts["delivered"] == 5
        elif "inserted" in action:
            assert found.hit
            assert "somebody moved" in caplog.text

    def test_an_order_over_whose_row_a_new_one_was_written_is_made_again_in_the_same_run(self, full: OrderScene) -> None:
        full.take(order(11, 0))
        full.fault(WRITE, "human", when="before", action=full.action("insert_rows", at=3))
        found = full.sync()
        assert found.hit == ["5000010"]
        assert found.counts == {"delivered": 2}
        settled(full)

    def test_the_last_order_of_all_that_was_pushed_under_a_new_one_is_made_again(self, full: OrderScene) -> None:
        full.take(order(11, 0))
        full.fault(WRITE, "human", when="before", action=full.action("insert_rows", at=11))
        found = full.sync()
        assert found.hit == ["5000010"]
        assert found.counts == {"delivered": 2}
        settled(full)

    def test_an_order_of_which_only_a_line_was_overwritten_gets_it_back(self, full: OrderScene) -> None:
        full.take(order(11))
        full.fault(WRITE, "human", when="before", action=full.action("insert_rows", "Line Items", at=3))
        assert full.sync().hit == ["5000010"]
        settled(full)

    def test_a_row_that_was_moved_while_the_reply_was_lost_is_found_out_too(
        self, full: OrderScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        full.change(4, note="for the fourth")
        real = full.client().write

        def lose(book: str, data: Any) -> None:
            full.person("insert_rows", at=2)
            monkeypatch.setattr(full.client(), "write", real)
            full.fault(WRITE, "lost_reply")
            real(book, data)

        monkeypatch.setattr(full.client(), "write", lose)
        found = full.sync()
        assert found.hit == ["5000003"]
        assert full.wrong() == []
        settled(full)

    def test_a_blank_row_that_a_person_put_in_the_way_keeps_what_was_meant_for_another_and_is_told(
        self, full: OrderScene
    ) -> None:
        full.change(4, note="for the fourth")
        full.fault(WRITE, "human", when="before", action=full.action("insert_rows", at=5))
        found = full.sync()
        assert full.wrong() == []
        assert found.strays == ["row 5 of 'Orders' has no key and holds what was meant for 5000004"]

    def test_an_order_of_the_staffs_own_that_was_written_over_is_named(
        self, full: OrderScene, caplog: pytest.LogCaptureFixture
    ) -> None:
        full.person("insert_rows", at=5, values=[["by phone", "PHONE1", "", "Open"]])
        full.change(4, note="x")
        full.fault(WRITE, "human", when="before", action=full.action("move_rows", at=5, to=7))
        with caplog.at_level(logging.WARNING):
            full.sync()
        assert "PHONE1" in caplog.text
        assert full.wrong() == []


class TestLostReplies:
    @pytest.mark.parametrize("kind", ["lost_reply", "lost_request", "html_502", "cut_body", "done_but_error", "status"])
    @pytest.mark.parametrize("on", [WRITE, GROW])
    def test_a_write_of_which_nothing_is_known_is_settled_by_reading(self, noted: OrderScene, kind: str, on: str) -> None:
        before = theirs(noted)
        some_change(noted)
        if on == GROW:
            noted.sandbox.google.change_state({"grid": [{"spreadsheet": "Order Book", "tab": "Line Items", "rows": 30}]})
        status = {"done_but_error": {"status": 503}, "status": {"status": 500}}.get(kind, {})
        noted.fault(on, kind, **status)
        found = noted.sync()
        assert found.counts == {"delivered": 5}
        assert noted.sandbox.calls("google")[-1]["status"] == 200
        assert theirs(noted) == before
        settled(noted)

    def test_a_write_that_lands_late_lands_before_anything_newer_is_sent(
        self, desk: OrderScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOPIFY_SHEETS_LANDS_WITHIN", "0.6")
        late = OrderScene(desk.sandbox, Clock())
        late._client = desk.client()
        late.take(*orders(1, 3))
        late.fault(WRITE, "late", seconds=0.3)
        assert late.sync().counts == {"delivered": 3}
        late.take(*({**each, "note": "newer"} for each in orders(1, 3)))
        late.fault(WRITE, "late", seconds=0.3)
        assert late.sync().counts == {"delivered": 3}
        assert {r["Note"] for r in late.table()} == {"newer"}
        settled(late)
        late.ledger.close()

    def test_two_writes_of_which_the_first_lands_late_onto_the_rows_of_the_second(
        self, desk: OrderScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOPIFY_SHEETS_LANDS_WITHIN", "0.6")
        monkeypatch.setenv("SHOPIFY_SHEETS_WRITE_BYTES", "10000")
        late = OrderScene(desk.sandbox, Clock())
        late._client = desk.client()
        late.take(*(order(n, 1, note="x" * 3000) for n in range(1, 7)))
        late.fault(WRITE, "late", seconds=0.3)
        late.sync()
        if late.wrong():
            late.sync()
        settled(late)
        late.ledger.close()

    def test_reads_that_fail_in_passing_cost_nothing_but_themselves(self, full: OrderScene) -> None:
        some_change(full)
        for on in (READ, TABS):
            for kind in ("html_502", "lost_reply", "rate_limited"):
                full.fault(on, kind)
        assert full.sync().counts == {"delivered": 5}
        settled(full)


class TestRefusals:
    def test_a_burst_of_429_is_waited_out(self, full: OrderScene) -> None:
        some_change(full)
        full.fault(WRITE, "rate_limited", times=4)
        assert full.sync().counts == {"delivered": 5}
        settled(full)

    def test_a_429_without_end_pauses_the_plan_and_the_next_run_delivers(self, full: OrderScene) -> None:
        some_change(full)
        full.fault(WRITE, "rate_limited", times=500)
        with pytest.raises(Paused, match="times in a row"):
            full.sync()
        full.sandbox.clear_faults("google")
        assert full.sync().counts == {"delivered": 5}
        settled(full)

    PREVENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "not shared any more": ({"do": "unshare"}, {"do": "share", "role": "writer"}),
        "shared for reading": ({"do": "share", "role": "reader"}, {"do": "share", "role": "writer"}),
        "a protected range": ({"do": "protect", "range": "A1:U50"}, {"do": "unprotect"}),
    }

    @pytest.mark.parametrize("what", PREVENT)
    @pytest.mark.parametrize("when", ["before the run", "between plan and apply"])
    def test_where_it_may_not_write_it_says_whom_to_share_with_and_goes_on_later(
        self, full: OrderScene, what: str, when: str
    ) -> None:
        some_change(full)
        before = full.cells()
        prevent, allow = self.PREVENT[what]

        def act() -> None:
            full.person(**prevent)

        if when == "before the run":
            act()
        with pytest.raises((DeliveryError, VendorError)) as failed:
            full.sync(between=None if when == "before the run" else act)
        assert full.client().login in str(failed.value)
        assert full.cells() == before
        full.person(**allow)
        found = full.sync()
        assert found.counts == {"delivered": 5}
        settled(full)

    def test_a_protected_column_that_only_new_rows_touch_holds_nobody_else_up_for_ever(self, full: OrderScene) -> None:
        full.person("protect", "Line Items")
        some_change(full)
        with pytest.raises(DeliveryError, match="cells are protected"):
            full.sync()
        full.person("unprotect", "Line Items")
        full.sync()
        settled(full)

    def test_a_filter_hides_rows_and_not_from_us(self, full: OrderScene) -> None:
        full.person("filter", range="A1:U11", criteria={"1": {"hiddenValues": ["5000002"]}})
        some_change(full)
        assert full.sync().counts == {"delivered": 5}
        settled(full)

    def test_a_grid_that_shrank_since_it_was_seen_is_grown_again(self, full: OrderScene) -> None:
        some_change(full)
        rows = {"spreadsheet": "Order Book", "tab": "Orders", "rows": 11}
        assert full.sync(between=lambda: full.sandbox.google.change_state({"grid": [rows]})).counts == {"delivered": 5}
        settled(full)

    def test_one_order_that_the_vendor_refuses_does_not_stop_the_others(
        self, full: OrderScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from sync_pipelines.pipelines.shopify_sheets import mapping

        monkeypatch.setattr(mapping, "LONGEST_CELL", 100_000)
        full.take(order(11), order(12, note="x" * 60_000), order(13))
        found = full.sync()
        assert found.counts == {"delivered": 2, "rejected": 1}
        assert [r["Order"] for r in full.table()[-2:]] == ["#1011", "#1013"]
        assert full.wrong([*range(1, 12), 13]) == []


class TestRoom:
    def test_a_plan_that_would_pass_the_limit_of_cells_is_stopped_and_says_what_to_do(
        self, full: OrderScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOPIFY_SHEETS_CELL_LIMIT", "35000")
        full.take(*orders(11, 12))
        full.sandbox.google.change_state({"grid": [{"spreadsheet": "Order Book", "tab": "Sheet1", "rows": 1100}]})
        with pytest.raises(PlanStopped, match="begin another spreadsheet"):
            full.sync()
        assert len(full.table()) == 10

    def test_close_to_the_limit_it_says_so_and_goes_on(self, full: OrderScene, monkeypatch: pytest.MonkeyPatch) -> None:
        cells = sum(
            t["rows"] * t["columns"]
            for b in full.sandbox.google.state()["spreadsheets"]
            if b["title"] == "Order Book" and not b["trashed"]
            for t in b["tabs"]
        )
        monkeypatch.setenv("SHOPIFY_SHEETS_CELL_LIMIT", str(int(cells / 0.95)))
        full.take(*orders(11, 12))
        found = full.sync()
        assert found.counts == {"delivered": 2}
        assert any(checks.NEARLY_FULL in finding.message for finding in found.plan.findings)

    def test_growing_the_grid_never_asks_for_more_cells_than_there_may_be(
        self, full: OrderScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grid = [
            {"spreadsheet": "Order Book", "tab": tab, "rows": rows}
            for tab, rows in (("Orders", 11), ("Line Items", 21), ("Sheet1", 1))
        ]
        full.sandbox.google.change_state({"grid": grid})
        room = 11 * 21 + 21 * 13 + 26 + 3 * (21 + 2 * 13)
        full.sandbox.google.change_state({"settings": {"cell_limit": room}})
        monkeypatch.setenv("SHOPIFY_SHEETS_CELL_LIMIT", str(room))
        full.take(*orders(11, 13))
        assert full.sync().counts == {"delivered": 3}
        settled(full)

    def test_more_changes_at_once_than_the_settings_allow_are_stopped(self, desk: OrderScene) -> None:
        desk.take(*orders(1, 60, 1))
        desk.sync()
        desk.take(*({**desk.shop[n], "note": "x"} for n in range(1, 41)))
        with pytest.raises(PlanStopped, match="40 of 60 rows"):
            desk.sync()
        assert {r["Note"] for r in desk.table()} == {None}


class TestKills:
    """A child process that syncs and kills itself at the point named: see `killed_orders`."""

    @pytest.mark.parametrize("kind", ["commit", "call"])
    def test_a_process_killed_at_any_point_loses_nothing_and_doubles_nothing(
        self, desk: OrderScene, kind: str, tmp_path: Path
    ) -> None:
        first = {"commit": 1, "call": 3}[kind]
        for number in range(first, 40, 3):
            desk.take(
                *orders(number * 10, number * 10 + 2),
                *([{**desk.shop[first * 10], "note": f"at {number}"}] if number > first else []),
            )
            ended = forked.command([f"{kind}:{number}"], timeout=60, module="sync_pipelines_tests.pipelines.killed_orders")
            if ended.returncode == 0:
                break
            assert ended.returncode == -9, ended.stderr
            desk.sync()
            assert desk.wrong() == []
        else:
            raise AssertionError("the sync has more points than this test tries")
        assert number > first + 5
        settled(desk)

    def test_a_ledger_that_fails_at_any_commit_is_caught_up_with(self, full: OrderScene) -> None:
        dialect = full.ledger.engine.dialect
        real: Callable[[Any], None] = dialect.do_commit
        for number in range(1, 30, 2):
            full.change(3, note=f"note {number}")
            full.take(order(100 + number, 1))
            left = [number]

            def fail(connection: Any, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == 0:
                    raise OSError("disk full")
                real(connection)

            dialect.do_commit = fail  # type: ignore[assignment,method-assign]
            try:
                full.sync()
            except OSError:
                pass
            else:
                break
            finally:
                dialect.do_commit = real  # type: ignore[assignment,method-assign]
            with full.ledger.write() as tx:  # this process lives on: it would be taken for the holder
                tx.execute(tables.lease.delete())
            full.sync()
            assert full.wrong() == []
        assert 5 < number < 29
        settled(full)


class TestOutcomes:
    def test_every_row_of_every_plan_has_one_outcome(self, noted: OrderScene) -> None:
        some_change(noted)
        noted.fault(WRITE, "lost_reply")
        noted.fault(WRITE, "rate_limited")
        found = noted.sync()
        planned = noted.files.query(found.plan.id, "SELECT count(*) AS n FROM plan")[0]["n"]
        assert sum(noted.ledger.outcome_counts(found.plan.id).values()) == planned
        doubts = noted.ledger.rows(sa.select(tables.attempt).where(tables.attempt.c.state.in_(["open", "doubt"])))
        assert doubts == []
