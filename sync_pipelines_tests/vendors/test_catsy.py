"""The catalogue is read whole or not at all, over a socket, from a Catsy that misbehaves."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.pipelines.catsy_sparklayer.extract import KEY, Products
from sync_pipelines.vendors.catsy import Catsy, ExtractFailed
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.warehouse.snapshots import About, Warehouse
from sync_pipelines.warehouse.spool import ItemSpool
from vendor_sandbox import Sandbox
from vendor_sandbox.catsy import FORBIDDEN_TOKEN, PRICELESS_TOKEN

Connect = Callable[[], Catsy]
ITEMS = "GET /api/v3/queries/*/items"
COLUMNS = {"id": "id", "sku": "sku", "price": "price_trade"}
PLACES_OF_THE_TOTAL = ("pagination.total_results", "total", "totalCount", "none")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[ItemSpool]:
    with ItemSpool(tmp_path / "staging", "catsy-products", COLUMNS) as kept:
        yield kept


def order(sandbox: Sandbox, kind: str, **options: Any) -> None:
    sandbox.faults("catsy", [{"on": ITEMS, "kind": kind, **options}])


def offsets(sandbox: Sandbox) -> list[int]:
    return [int(call["query"]["offset"]) for call in sandbox.calls("catsy")]


def stored(spool: ItemSpool) -> list[dict[str, Any]]:
    table = pq.read_table(spool.complete(About("sandbox", "2026-01-01T00:00:00+00:00")).path)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


class TestPaging:
    def test_the_next_page_starts_where_the_received_rows_end(self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool) -> None:
        sandbox.catsy.change_state({"settings": {"max_limit": 7}})
        reading = catsy().read_all(spool)
        assert (reading.items, reading.repeats, reading.readings) == (300, 0, 1)
        assert offsets(sandbox) == list(range(0, 300, 7))
        assert [row["id"] for row in stored(spool)] == [str(item["id"]) for item in sandbox.catsy.items]

    @pytest.mark.parametrize("place", PLACES_OF_THE_TOTAL)
    def test_the_total_may_stand_in_any_of_its_places_or_in_none(
        self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool, place: str
    ) -> None:
        sandbox.catsy.change_state({"settings": {"total_at": place}})
        client = catsy()
        told: list[tuple[int, int | None]] = []
        assert client.read_all(spool, lambda *seen: told.append(seen)).items == 300
        total = None if place == "none" else 300
        beyond = [] if place != "none" else [300]
        assert told == [(n, total) for n in (100, 200, 300, *beyond)]
        assert offsets(sandbox) == [0, 100, 200, *beyond]
        assert client.http.meter.used["catsy"] == 3 + len(beyond)
        assert client.http.meter.minimum["catsy"] == 3

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(cap=st.integers(20, 400), page=st.integers(20, 400), place=st.sampled_from(PLACES_OF_THE_TOTAL))
    def test_every_item_comes_once_whatever_the_sizes(
        self, *, sandbox: Sandbox, catsy: Connect, spool: ItemSpool, cap: int, page: int, place: str
    ) -> None:
        sandbox.catsy.change_state({"settings": {"max_limit": cap, "total_at": place}})
        client = catsy()
        client.page_size = page
        reading = client.read_all(spool)
        assert (reading.items, spool.repeats()) == (300, 0)

    def test_numbers_are_kept_digit_by_digit(self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool) -> None:
        price, number = "0.1234567890123456789012345", 123456789012345678901234567890
        item = {"id": 1, "sku": "05300", "price_trade": Decimal(price), "number": number}
        sandbox.catsy.change_state({"load": {"items": [item, {**item, "id": 2, "price_trade": Decimal("4.20")}]}})
        catsy().read_all(spool)
        rows = stored(spool)
        assert [(row["sku"], row["price"]) for row in rows] == [("05300", price), ("05300", "4.20")]
        assert f'"price_trade":{price},"number":{number}' in rows[0]["item"]

    def test_the_old_scripts_pause_is_kept_between_pages(
        self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("CATSY_PAGE_SIZE")
        monkeypatch.setenv("CATSY_LIMIT", "100")
        monkeypatch.setenv("CATSY_DELAY", "0.5")
        client = catsy()
        client.read_all(spool)
        assert offsets(sandbox) == [0, 100, 200]
        assert client.http.sleep == [0.5, 0.5]


class TestACatalogueThatMoves:
    def test_it_is_read_again_when_the_total_moved(self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool) -> None:
        order(sandbox, "shift", by=2, after=1)
        reading = catsy().read_all(spool)
        assert (reading.items, reading.repeats, reading.readings) == (302, 0, 2)
        assert len({row["id"] for row in stored(spool)}) == 302

    def test_an_item_deleted_meanwhile_is_noticed_by_the_total(self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool) -> None:
        first = next(iter(sandbox.catsy.items))["id"]

        def delete_once(received: int, _total: int | None) -> None:
            if received == 100 and len(sandbox.catsy.items) == 300:
                sandbox.catsy.change_state({"set": {str(first): None}})

        reading = catsy().read_all(spool, delete_once)
        assert (reading.items, reading.readings) == (299, 2)

    def test_rows_that_shifted_are_noticed_by_their_ids_where_no_total_is_given(
        self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool
    ) -> None:
        sandbox.catsy.change_state({"settings": {"total_at": "none"}})
        order(sandbox, "shift", by=2, after=1)
        reading = catsy().read_all(spool)
        assert (reading.items, reading.repeats, reading.readings) == (302, 0, 2)

    def test_items_that_repeat_in_every_reading_are_counted_and_dropped(
        self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool
    ) -> None:
        sandbox.catsy.change_state({"settings": {"total_at": "none"}})
        for calls_before in (1, 6, 11):  # the second page of each reading: 4 pages and an empty one
            order(sandbox, "shift", by=1, after=calls_before)
        reading = catsy().read_all(spool)
        assert (reading.items, reading.repeats, reading.readings) == (303, 1, 3)
        assert reading.gaps  # without a total nothing proves that no other item was left out
        ids = [row["id"] for row in stored(spool)]
        assert len(ids) == len(set(ids)) == reading.items - reading.repeats

    def test_after_three_readings_it_is_given_up_with_both_totals(
        self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool
    ) -> None:
        order(sandbox, "total_moves", by=1, times=1000)
        with pytest.raises(ExtractFailed) as failed:
            catsy().read_all(spool)
        # Each reading is 3 pages and an empty one, and each call moves the total by one.
        assert offsets(sandbox) == [0, 100, 200, 300] * 3
        assert "309 on the first page, 312 on the last, 300 received" in str(failed.value)
        assert "The last complete extract stays." in str(failed.value)

    def test_pages_that_repeat_items_and_leave_others_out_are_no_catalogue_although_the_rows_add_up(
        self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool
    ) -> None:
        for calls_before in (1, 4, 7):
            order(sandbox, "unordered", by=20, after=calls_before)
        with pytest.raises(ExtractFailed, match=r"total 300 .* 300 received, 280 of them different.* stays"):
            catsy().read_all(spool)
        assert offsets(sandbox) == [0, 100, 200] * 3

    def test_a_setting_lets_what_came_be_used_and_the_reading_says_what_is_missing(
        self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CATSY_INCOMPLETE", "use")
        for calls_before in (1, 4, 7):
            order(sandbox, "unordered", by=20, after=calls_before)
        reading = catsy().read_all(spool)
        assert (reading.items, reading.repeats, reading.readings) == (300, 20, 3)
        assert "300 received, 280 of them different" in reading.gaps
        assert len(stored(spool)) == 280

    def test_items_without_an_id_are_told_apart_by_what_they_say(self, sandbox: Sandbox, catsy: Connect, tmp_path: Path) -> None:
        """Without any id, too, 300 rows of a total of 300 are not whole when 20 of them came before."""
        for calls_before in (1, 4, 7):
            order(sandbox, "unordered", by=20, after=calls_before)
        columns = {**COLUMNS, "id": "not_in_the_query"}
        with ItemSpool(tmp_path, "items", columns, key=("id", "sku"), keep_versions=True) as spool:
            with pytest.raises(ExtractFailed, match="280 of them different"):
                catsy().read_all(spool)
            assert catsy().read_all(spool).gaps == ""

    def test_one_id_under_several_skus_is_several_items(self, sandbox: Sandbox, catsy: Connect, tmp_path: Path) -> None:
        items = list(sandbox.catsy.items)[-3:]
        sandbox.catsy.change_state({"settings": {"ids_shown": {str(i["id"]): 77 for i in items}}})
        with ItemSpool(tmp_path, "items", COLUMNS, key=("id", "sku"), keep_versions=True) as spool:
            reading = catsy().read_all(spool)
            assert (reading.items, reading.repeats, reading.readings, reading.gaps) == (300, 0, 1, "")
            assert [row["sku"] for row in stored(spool) if row["id"] == "77"] == [i["sku"] for i in items]

    def test_a_row_that_came_in_two_versions_is_kept_twice_and_leaves_a_doubt(
        self, sandbox: Sandbox, catsy: Connect, tmp_path: Path
    ) -> None:
        one, other = list(sandbox.catsy.items)[:2]
        sandbox.catsy.change_state(
            {
                "set": {str(one["id"]): {"sku": "TWICE"}, str(other["id"]): {"sku": "TWICE"}},
                "settings": {"ids_shown": {str(other["id"]): one["id"]}},
            }
        )
        with ItemSpool(tmp_path, "items", COLUMNS, key=("id", "sku"), keep_versions=True) as spool:
            reading = catsy().read_all(spool)
            assert (reading.items, reading.repeats, reading.readings) == (300, 0, 3)
            assert "299 of them different" in reading.gaps
            assert len([row for row in stored(spool) if row["sku"] == "TWICE"]) == 2

    def test_a_source_that_gives_the_same_page_for_ever_is_not_read_for_ever(
        self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CATSY_INCOMPLETE", "use")
        sandbox.catsy.change_state({"settings": {"total_at": "none", "ignores_offset": True}})
        with pytest.raises(ExtractFailed, match="page at offset 100 brought no new item"):
            catsy().read_all(spool)
        assert offsets(sandbox) == [0, 100] * 3

    @pytest.mark.parametrize("may_be_used", [False, True])
    def test_regression_nor_is_one_that_gives_a_total_it_never_reaches(
        self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool, monkeypatch: pytest.MonkeyPatch, may_be_used: bool
    ) -> None:
        monkeypatch.setenv("CATSY_INCOMPLETE", "use" if may_be_used else "fail")
        sandbox.catsy.change_state({"settings": {"total_moved_by": 10**12, "ignores_offset": True}})
        if may_be_used:
            assert "100 of them different" in catsy().read_all(spool).gaps
        else:
            with pytest.raises(ExtractFailed, match="100 of them different"):
                catsy().read_all(spool)
        assert offsets(sandbox) == [0, 100] * 3

    def test_fewer_rows_than_the_total_are_not_a_catalogue(self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool) -> None:
        sandbox.catsy.change_state({"settings": {"total_moved_by": 5}})
        with pytest.raises(ExtractFailed, match="300 received"):
            catsy().read_all(spool)

    def test_an_empty_page_in_the_middle_is_not_the_end(self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool) -> None:
        order(sandbox, "empty_page", after=1)
        assert catsy().read_all(spool).items == 300

    @pytest.mark.parametrize("place", ["pagination.total_results", "none"])
    def test_an_empty_first_page_is_never_an_empty_catalogue(
        self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool, place: str
    ) -> None:
        sandbox.catsy.change_state({"settings": {"total_at": place}})
        order(sandbox, "empty_page")
        with pytest.raises(ExtractFailed, match="gave no items"):
            catsy().read_all(spool)


class TestAPageThatFails:
    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "html"},
            {"kind": "no_array"},
            {"kind": "cut_body"},
            {"kind": "lost_reply"},
            {"kind": "status", "status": 502, "empty": True},
            {"kind": "status", "status": 200, "body": {"items": {"0": {}}}},
            {"kind": "status", "status": 200, "body": {"items": ["an item"]}},
            {"kind": "status", "status": 200, "body": []},
            {"kind": "rate_limited", "retry_after": "0.2"},
            {"kind": "rate_limited"},
        ],
        ids=lambda fault: "-".join(map(str, fault.values())),
    )
    def test_the_page_is_asked_for_again(self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool, fault: dict[str, Any]) -> None:
        order(sandbox, **fault, after=1, times=2)
        client = catsy()
        assert client.read_all(spool).items == 300
        assert offsets(sandbox) == [0, 100, 100, 100, 200]
        assert (client.http.meter.used["catsy"], client.http.meter.minimum["catsy"]) == (5, 3)

    def test_a_page_that_comes_too_slowly_is_asked_for_again(
        self, sandbox: Sandbox, catsy: Connect, spool: ItemSpool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CATSY_TIMEOUT", "0.3")
        order(sandbox, "slow", seconds=5, after=1)
        assert catsy().read_all(spool).items == 300
        assert offsets(sandbox) == [0, 100, 100, 200]

    def test_a_page_that_fails_for_good_fails_the_extract_and_publishes_nothing(
        self, sandbox: Sandbox, catsy: Connect, products: Products
    ) -> None:
        with products.extract(catsy) as staged:
            before = products.warehouse.publish(KEY, staged)
        order(sandbox, "status", status=500, after=1, times=100)
        with pytest.raises(ExtractFailed, match=r"offset 100 .* status 500.* stays"), products.extract(catsy):
            pytest.fail("half a catalogue was handed on")
        assert products.warehouse.find(KEY, products.settings.account) == before
        assert list(products.warehouse.staging.iterdir()) == []


@pytest.fixture
def products(sandbox: Sandbox, tmp_path: Path) -> Iterator[Products]:
    ledger = Ledger.at(tmp_path / "ledger.db")
    yield Products(Warehouse(tmp_path / "warehouse"), ledger, CatsySettings.read(), ("price_trade",), "run-1")
    ledger.close()


class TestRights:
    @pytest.mark.parametrize(
        "shown_as",
        [
            "omitted",
            # What the role may not read may also come back empty: that is no value, and no catalogue without prices.
            pytest.param("null", id="regression-null"),
            pytest.param("blank", id="regression-blank"),
        ],
    )
    def test_a_role_that_may_not_read_the_price_stops_the_extract(
        self, sandbox: Sandbox, catsy: Connect, products: Products, monkeypatch: pytest.MonkeyPatch, shown_as: str
    ) -> None:
        monkeypatch.setenv("CATSY_BEARER_TOKEN", PRICELESS_TOKEN)
        sandbox.catsy.change_state({"settings": {"unreadable_as": shown_as}})
        with pytest.raises(ExtractFailed, match="'price_trade'"), products.extract(catsy):
            pytest.fail("a catalogue without prices was handed on")
        assert list(products.warehouse.staging.iterdir()) == []

    @pytest.mark.parametrize(
        ("variable", "value", "status", "told"),
        [
            ("CATSY_BEARER_TOKEN", "wrong-token-0123", 401, "The credentials are not accepted"),
            ("CATSY_BEARER_TOKEN", FORBIDDEN_TOKEN, 403, "The login lacks the right"),
            ("CATSY_QUERY_ID", "no-such-query", 404, "no-such-query"),
        ],
    )
    def test_a_refusal_is_asked_for_once_and_says_what_to_do(
        self,
        *,
        sandbox: Sandbox,
        catsy: Connect,
        spool: ItemSpool,
        monkeypatch: pytest.MonkeyPatch,
        variable: str,
        value: str,
        status: int,
        told: str,
    ) -> None:
        monkeypatch.setenv(variable, value)
        with pytest.raises(ExtractFailed, match=told) as failed:
            catsy().read_all(spool)
        assert failed.value.status == status
        assert value == "no-such-query" or value not in str(failed.value)
        assert len(sandbox.calls("catsy")) == 1
