"""The mirror of a Lightspeed store: whatever the vendor, the disk or the clock does, it equals the store after the next run."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync_pipelines.pipelines import mirrors
from sync_pipelines.pipelines.lightspeed_retail import reading
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors import http
from sync_pipelines.vendors.failures import Permanent, RateLimited, Transient
from sync_pipelines.vendors.lightspeed import NoCursor
from sync_pipelines.warehouse import keyed_log
from sync_pipelines_tests.pipelines import lightspeed_scene
from sync_pipelines_tests.pipelines.lightspeed_scene import MIRRORS, LightspeedScene
from vendor_sandbox import Sandbox

LISTS = {
    **{name: f"GET */{name}" for name in MIRRORS},
    "inventory": "POST */inventory",
    "categories": "GET */product_categories",
    "consignment_lines": "GET */products",
}
"""What a mirror calls. The lines of consignments are a list of products, too."""


def deep(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.deep)


VERSIONS = ("2026-10", "2.0", deep("2026-07"), deep("2026-01"))


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(speed=1000) as sandbox:
        yield sandbox


@pytest.fixture
def store(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> LightspeedScene:
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(http.tenacity, "wait_exponential_jitter", lambda **_: lambda _: 0.0)
    return lightspeed_scene.begin(running)


def files(store: LightspeedScene) -> set[tuple[str, int]]:
    return {(str(path), path.stat().st_mtime_ns) for path in (data_dir() / "warehouse").rglob("*.parquet")}


class TestAllOfIt:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_each_version_of_the_api_gives_the_whole_store(
        self, store: LightspeedScene, monkeypatch: pytest.MonkeyPatch, version: str
    ) -> None:
        monkeypatch.setenv("LIGHTSPEED_API_VERSION", version)
        store.sync()
        assert store.differences() == []
        assert all(not each.gaps for each in store.prove().values())
        assert store.differences(proved=True) == []

    def test_nothing_is_rewritten_and_each_list_called_once_while_nothing_changes(self, store: LightspeedScene) -> None:
        store.sync()
        before, calls = files(store), store.calls()
        assert sum(each.read for name, each in store.sync().items() if MIRRORS[name].versioned) == 0
        assert files(store) == before
        assert store.calls() - calls <= len(MIRRORS) - 1  # the lines of consignments take none

    @pytest.mark.parametrize("began_with_versions", [False, True])
    def test_taxes_that_show_no_version_are_read_whole_in_one_call(
        self, store: LightspeedScene, began_with_versions: bool
    ) -> None:
        without = {"without_row_version": ["brands", "tags", "product_types", "taxes"]}
        for settings in ({}, without) if began_with_versions else (without,):
            store.change(settings=settings)
            store.prove("taxes")
        first, second = store.ids("taxes")[:2]
        store.change(set={"taxes": {first: {"name": "VAT 2027"}}}, delete={"taxes": [second]})
        for step in (store.sync, store.prove, store.sync):
            calls = store.calls()
            step("taxes")
            ours = store.mirrored("taxes")
            assert (ours[first]["name"], ours[second]["deleted_at"] is None) == ("VAT 2027", False)
        assert store.calls() - calls == 1

    def test_what_changed_is_read_and_nothing_else(self, store: LightspeedScene) -> None:
        store.sync("products", "sales")
        first, second = store.ids("products")[:2]
        store.change(set={"products": {first: {"supply_price": Decimal("1.23456")}}}, delete={"products": [second]})
        assert {name: each.kept for name, each in store.sync("products", "sales").items()} == {"products": 2, "sales": 0}
        assert store.differences("products") == []

    @pytest.mark.parametrize("zone", ["America/New_York", deep("Pacific/Auckland")])
    def test_times_are_utc_wherever_the_store_is(
        self, store: LightspeedScene, monkeypatch: pytest.MonkeyPatch, zone: str
    ) -> None:
        store.change(settings={"time_zone": zone})
        sale = store.ids("sales")[0]
        store.change(set={"sales": {sale: {"sale_date": "2026-07-01T23:30:00-04:00"}}})
        monkeypatch.setenv("TZ", zone)
        store.sync("sales")
        assert store.mirrored("sales")[sale]["sale_date"] == datetime(2026, 7, 2, 3, 30, tzinfo=UTC)
        assert store.differences("sales") == []

    def test_a_hidden_cost_is_empty_and_never_zero(self, store: LightspeedScene, monkeypatch: pytest.MonkeyPatch) -> None:
        scopes = ["products:read", "inventory:read"]
        first, second, third = store.ids("products")[:3]
        store.change(set={"products": {first: {"supply_price": Decimal(0)}, second: {"supply_price": None}}})
        for version in ("2026-10", "2026-07"):
            monkeypatch.setenv("LIGHTSPEED_API_VERSION", version)
            store.sync("products")
            held = store.mirrored("products")
            assert [held[each]["supply_price"] is None for each in (first, second, third)] == [True, True, False]
        monkeypatch.setenv("LIGHTSPEED_TOKEN", store.change(personal_token={"scopes": scopes})["personal_token"])
        monkeypatch.setenv("LIGHTSPEED_API_VERSION", "2026-04")
        store.sync("products", "inventory")
        assert {row["supply_price"] for row in store.mirrored("products").values()} == {None}
        assert {row["average_cost"] for row in store.mirrored("inventory").values()} == {None}


class TestPages:
    @pytest.mark.parametrize("sharing", [3, deep(150), 430])
    def test_rows_may_share_a_version(self, store: LightspeedScene, sharing: int) -> None:
        """At page ends, and more of them than a page holds."""
        shared = store.vendor.store
        for row in list(shared["products"].own.values())[:sharing]:
            shared.put("products", row, version=shared.version + 7)
        shared.version += 20
        store.sync("products")
        assert store.differences("products") == []
        assert store.sync("products")["products"].read == 0

    def test_a_page_may_be_longer_than_was_asked_for_and_is_no_gap_then(
        self, store: LightspeedScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All rows of stock share a version; nor are the least calls for it more than were made."""
        monkeypatch.setenv("LIGHTSPEED_API_VERSION", "2.0")
        shared = store.vendor.store
        version = shared.next_version()
        for row in list(shared["inventory"].own.values()):
            shared.put("inventory", row, version=version)
        assert store.sync("inventory")["inventory"].gaps == []
        assert store.differences("inventory") == []

    @pytest.mark.parametrize("what", ["change", "delete", deep("move"), "vanish"])
    @pytest.mark.parametrize("name", [deep("products"), "brands", "inventory"])
    def test_what_people_do_while_pages_are_read_is_in_the_mirror(
        self, store: LightspeedScene, monkeypatch: pytest.MonkeyPatch, name: str, what: str
    ) -> None:
        """Between the first page and the second, to rows of both."""
        monkeypatch.setenv("LIGHTSPEED_PAGE_SIZE", "4" if name == "brands" else "100")
        monkeypatch.setenv("LIGHTSPEED_STOCK_PAGE_SIZE", "100")
        rows = store.ids(name)
        chosen = [rows[0], rows[1], rows[-2]]
        field = {"products": {"name": "renamed"}, "brands": {"name": "renamed"}, "inventory": {"level": Decimal(77)}}[name]
        changes: dict[str, Any] = {
            "change": {"set": {name: dict.fromkeys(chosen, field)}},
            "delete": {"delete": {name: chosen}},
            "move": {"touch": {name: chosen}},
            "vanish": {"vanish": {name: chosen}},
        }
        store.fault(LISTS[name], "between", change=changes[what], after=1)
        store.sync(name)
        if what != "vanish":
            assert store.differences(name) == []
        store.prove(name)
        assert store.differences(name, proved=True) == []

    def test_an_empty_page_may_have_a_version(self, store: LightspeedScene) -> None:
        for kind in ("after", "null", "none"):
            store.change(settings={"empty_version": kind})
            store.sync("suppliers")
            assert store.differences("suppliers") == []

    def test_a_page_that_says_no_version_at_all_ends_the_reading_badly_and_moves_nothing(
        self, store: LightspeedScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.sync("brands")
        store.change(set={"brands": {store.ids("brands")[0]: {"name": "renamed"}}})
        store.change(settings={"without_envelope": ["brands"]})
        with pytest.raises(NoCursor, match="neither the rows nor the page say their version"):
            store.sync("brands")
        store.change(settings={"without_envelope": []})
        store.sync("brands")
        assert store.differences("brands") == []

    def test_620_lines_and_one_product_three_times_in_an_order(self, store: LightspeedScene) -> None:
        store.sync("consignments", "consignment_lines")
        by_size = {len(row["consignment_lines"]): row for row in store.mirrored("consignment_lines").values()}
        assert 620 in by_size
        names = {row["name"]: row["id"] for row in store.rows("consignments")}
        lines = store.mirrored("consignment_lines")[names["One product three times"]]["consignment_lines"]
        products = [line["product_id"] for line in lines]
        assert [products.count(each) for each in products] == [3, 3, 1, 3]
        assert store.differences("consignment_lines") == []

    def test_the_lines_of_an_order_are_replaced_together(self, store: LightspeedScene) -> None:
        store.sync("consignments", "consignment_lines")
        order, product = store.ids("consignments")[0], store.ids("products")[0]
        for lines in ([{"product_id": product, "count": n} for n in range(3)], [{"product_id": product}], []):
            store.change(lines={order: lines})
            assert store.sync("consignments", "consignment_lines")["consignment_lines"].kept == 1
            assert store.differences("consignment_lines") == []

    def test_an_order_that_is_deleted_while_lines_are_read_stops_nothing(self, store: LightspeedScene) -> None:
        store.sync("consignments")
        store.fault(
            "GET */consignments/*/products", "between", change={"delete": {"consignments": store.ids("consignments")[:3]}}
        )
        store.sync("consignment_lines")
        store.sync("consignments", "consignment_lines")
        assert store.differences("consignments", "consignment_lines") == []

    def test_one_option_twice_is_two_options(self, store: LightspeedScene) -> None:
        store.sync("products")
        (twice,) = [row for row in store.mirrored("products").values() if row["sku"] == "TRAP-OPTION-TWICE"]
        assert [option["value"] for option in twice["product_options"]] == ["Cotton", "Wool"]

    def test_numbers_may_be_text(self, store: LightspeedScene) -> None:
        store.change(settings={"text_numbers": "all"})
        store.sync("products")
        assert store.differences("products") == []


class TestRowsThatAreGone:
    @pytest.mark.parametrize("name", ["brands", "users", deep("products"), deep("sales"), deep("inventory")])
    def test_a_row_that_vanishes_is_marked_by_the_proof_and_unmarked_when_it_comes_back(
        self, store: LightspeedScene, name: str
    ) -> None:
        store.sync(name)
        row = next(row for row in store.rows(name) if not row["deleted_at"])
        store.change(vanish={name: [row["id"]]})
        assert store.prove(name)[name].vanished == 1
        assert store.mirrored(name)[row["id"]]["vanished_at"] is not None
        assert store.differences(name, proved=True) == []
        assert store.prove(name)[name].kept == 0
        store.vendor.store.put(name, row, version=row["version"])
        assert store.prove(name)[name].vanished == 0
        assert store.mirrored(name)[row["id"]]["deleted_at"] is None
        assert store.differences(name, proved=True) == []

    def test_a_row_that_comes_back_with_a_new_version_needs_no_proof(self, store: LightspeedScene) -> None:
        store.sync("products")
        row = store.rows("products")[0]
        store.change(vanish={"products": [row["id"]]})
        store.prove("products")
        store.vendor.store.put("products", row)
        store.sync("products")
        assert store.mirrored("products")[row["id"]]["deleted_at"] is None
        assert store.differences("products") == []

    def test_a_proof_finds_what_was_missing_and_says_how_much(self, store: LightspeedScene) -> None:
        """A vendor whose versions come into sight late: two rows appear behind the cursor."""
        hidden = store.rows("sales")[:2]
        store.change(vanish={"sales": [row["id"] for row in hidden]})
        store.sync("sales")
        for row in hidden:
            store.vendor.store.put("sales", row, version=row["version"])
        assert store.sync("sales")["sales"].read == 0
        assert store.prove("sales")["sales"].missing == 2
        assert store.differences("sales", proved=True) == []

    def test_a_proof_looks_at_the_lines_of_orders_that_are_under_way(self, store: LightspeedScene) -> None:
        """A vendor who does not count a changed line as a change of its order; and one line that changes with it, in between."""
        store.sync()
        under_way = [
            row["id"] for row in store.rows("consignments") if row["status"] in ("OPEN", "SENT") and not row["deleted_at"]
        ]
        kept, touched = [order for order in under_way if store.vendor.store.lines.get(order)][:2]
        for order in (kept, touched):
            line = store.vendor.store.lines[order][0]
            store.vendor.store.put_line(order, 0, {**line, "count": 77}, touch=order == touched)
        assert store.sync("consignment_lines")["consignment_lines"].read == 0
        proved = store.prove("consignment_lines")["consignment_lines"]
        assert (proved.missing, proved.kept) == (1, 2)
        store.sync()
        assert store.differences("consignment_lines", proved=True) == []
        assert store.prove("consignment_lines")["consignment_lines"].kept == 0

    def test_with_a_page_missing_nothing_is_marked(self, store: LightspeedScene, monkeypatch: pytest.MonkeyPatch) -> None:
        store.sync("products")
        shared = store.vendor.store
        for row in list(shared["products"].own.values())[:40]:
            shared.put("products", row, version=shared.version + 7)
        shared.version += 20
        monkeypatch.setattr("vendor_sandbox.lightspeed.lists.page_of", cut_off(10))
        monkeypatch.setenv("LIGHTSPEED_PAGE_SIZE", "10")
        monkeypatch.setenv("LIGHTSPEED_LARGEST_PAGE", "10")
        proved = store.prove("products")["products"]
        assert len(proved.gaps) == 1
        assert "share version" in proved.gaps[0]
        assert proved.vanished == 0


def cut_off(size: int) -> Callable[..., Any]:
    """Pages as a vendor makes them that heeds no shared versions: so many rows, and on after the version of the last."""

    def page_of(call: Any, rows: Any, after: int) -> Any:
        page = list(itertools.islice(rows, min(size, call.number("page_size", 200))))
        return page, {"version": {"min": page[0]["version"] if page else None, "max": page[-1]["version"] if page else None}}

    return page_of


class TestFaults:
    @pytest.mark.parametrize(
        "kind", ["rate_limited", *(deep(kind) for kind in ("html", "cut_body", "lost_reply", "lost_request", "status"))]
    )
    def test_a_fault_in_the_midst_of_each_list_costs_nothing_but_a_call(self, store: LightspeedScene, kind: str) -> None:
        for on in {*LISTS.values(), "GET */consignments/*/products"}:
            more: dict[str, Any] = {"rate_limited": {"retry_after": "0.01"}, "status": {"status": 500, "body": "<html>"}}.get(
                kind, {}
            )
            store.fault(on, kind, **more)
        store.sync()
        assert store.differences() == []

    @pytest.mark.parametrize(
        ("kind", "error"),
        [("html", Transient), deep("cut_body", Transient), deep("status", Transient), ("rate_limited", RateLimited)],
    )
    def test_a_fault_that_lasts_ends_the_reading_and_the_next_one_goes_on(
        self, store: LightspeedScene, monkeypatch: pytest.MonkeyPatch, kind: str, error: type[Exception]
    ) -> None:
        monkeypatch.setenv("LIGHTSPEED_PAGE_SIZE", "50")
        more: dict[str, Any] = {"rate_limited": {"retry_after": "0.01"}, "status": {"status": 503, "body": ""}}.get(kind, {})
        store.fault(LISTS["products"], kind, after=3, times=6, **more)
        with pytest.raises(error):
            store.sync("products")
        store.sync("products")
        assert store.differences("products") == []

    @pytest.mark.parametrize("value", ["NaN", deep("Infinity"), '"\\ud83d"'])
    def test_a_value_that_nothing_can_hold_costs_that_value_alone(self, store: LightspeedScene, value: str) -> None:
        field = "name" if "ud83d" in value else "supply_price"
        store.fault(LISTS["products"], "unusable", field=field, value=value)
        store.sync("products")
        problems = [row for row in store.mirrored("products").values() if row["problem"]]
        assert len(problems) == 1
        assert field in problems[0]["problem"]
        assert len(store.mirrored("products")) == len(store.rows("products"))

    def test_a_scope_that_is_missing_is_named_and_the_others_go_on(
        self, store: LightspeedScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = store.change(personal_token={"scopes": ["products:read", "suppliers:read"]})["personal_token"]
        monkeypatch.setenv("LIGHTSPEED_TOKEN", token)
        with pytest.raises(Permanent, match="needs the scope sales:read"):
            store.sync("sales")
        store.sync("products", "suppliers")
        assert store.mirrored("suppliers")

    def test_what_is_left_out_is_not_read_nor_the_lines_of_orders_that_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIGHTSPEED_RETAIL_LEAVE_OUT", "consignments, users")
        assert {mirror.name for mirror in reading.mirrored()} == MIRRORS.keys() - {"consignments", "consignment_lines", "users"}


class TestFilesAndClocks:
    def two_files(self, store: LightspeedScene) -> None:
        store.sync("products", "consignments", "consignment_lines")
        store.change(touch={"products": store.ids("products")[:3]})
        store.change(lines={store.ids("consignments")[0]: [{"product_id": store.ids("products")[0]}]})
        store.sync("products", "consignments", "consignment_lines")

    @pytest.mark.parametrize("which", [0, 1])
    @pytest.mark.parametrize("name", ["products", "consignment_lines"])
    def test_a_lost_file_is_noticed_and_read_again(self, store: LightspeedScene, name: str, which: int) -> None:
        self.two_files(store)
        lost = store.log(name).log.files()
        assert len(lost) == 2
        lost[which].unlink()
        store.sync(name)
        assert store.differences(name) == []

    def test_a_lost_base_is_noticed_and_read_again(self, store: LightspeedScene) -> None:
        """Also when what went into it has been dropped."""
        self.two_files(store)
        store.log("products").log.compact()
        store.sync("products")
        store.change(touch={"products": store.ids("products")[:3]})
        store.sync("products")
        newest = max(path for path in store.log("products").log.files() if not path.stem.startswith("base"))
        for path in newest.parent.glob("*.parquet"):
            if path != newest:
                path.unlink()
        store.sync("products")
        assert store.differences("products") == []

    def test_all_files_may_be_gone_or_the_ledger(self, store: LightspeedScene) -> None:
        self.two_files(store)
        for path in store.log("products").log.files():
            path.unlink()
        store.sync("products")
        assert store.differences("products") == []
        for path in data_dir().glob("ledger.db*"):
            path.unlink()
        store.change(touch={"products": store.ids("products")[:3]})
        store.sync("products")
        assert store.differences("products") == []
        before = files(store)
        assert store.sync("products")["products"].kept == 0
        assert files(store) == before

    @pytest.mark.parametrize(("days", "compacts"), [(30, True), deep(30, False), deep(-1, True), deep(-1, False)])
    def test_the_clock_may_be_wrong_and_put_right(
        self, store: LightspeedScene, monkeypatch: pytest.MonkeyPatch, days: int, compacts: bool
    ) -> None:
        """Right, wrong and right again, with changes between, and files merged or not."""
        for wrong in (0, days, 0, 0):
            for module in (mirrors, keyed_log):
                monkeypatch.setattr(module, "datetime", clock(wrong))
            rows = store.ids("products")
            chosen = rows[:200] if compacts else rows[:2]
            store.change(set={"products": {each: {"name": f"{wrong} {store.calls()}"} for each in chosen}})
            store.sync("products")
            assert store.differences("products") == []
        if compacts:
            assert store.log("products").log.files()[0].stem.startswith("base")
        store.prove("products")
        assert store.differences("products", proved=True) == []


def clock(days: int) -> type[datetime]:
    """A clock that is wrong by so many days."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(days=days)

    return Wrong


class TestSettings:
    def test_another_version_of_the_api_reads_all_again_and_back(
        self, store: LightspeedScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for version in ("2026-07", "2.0", "2026-10", "2026-07"):
            monkeypatch.setenv("LIGHTSPEED_API_VERSION", version)
            store.change(touch={"products": store.ids("products")[:2]})
            store.sync("products", "suppliers")
            assert store.differences("products", "suppliers") == []

    def test_a_change_of_version_that_is_cut_off_and_taken_back_leaves_no_mixture(
        self, store: LightspeedScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Cut off right after a file was published, before the cursor was moved."""

        def cut_off(log: keyed_log.KeyedLog, staged: Any) -> None:
            append(log, staged)
            raise KeyboardInterrupt

        append = keyed_log.KeyedLog.append
        store.sync("products")
        with monkeypatch.context() as patch:
            patch.setenv("LIGHTSPEED_API_VERSION", "2.0")
            patch.setattr(keyed_log.KeyedLog, "append", cut_off)
            with pytest.raises(KeyboardInterrupt):
                store.sync("products")
        assert store.differences("products") != []
        store.sync("products")
        assert store.differences("products") == []

    def test_another_store_has_files_and_cursors_of_its_own(
        self, store: LightspeedScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.sync("products")
        monkeypatch.setenv("LIGHTSPEED_STORE", "another")
        assert store.sync("products")["products"].kept == len(store.rows("products"))


def test_two_syncs_at_once_read_in_turn(store: LightspeedScene) -> None:
    """Two real processes; both end well, and neither reads what the other has read."""
    program = (
        "from sync_pipelines_tests.pipelines.lightspeed_scene import LightspeedScene;"
        "print(LightspeedScene(None).sync('products')['products'].kept)"
    )
    store.fault(LISTS["products"], "slow", seconds=0.5)
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    kept = sorted(int(process.communicate(timeout=60)[0]) for process in both)
    assert kept == [0, len(store.rows("products"))]
    assert store.differences("products") == []
