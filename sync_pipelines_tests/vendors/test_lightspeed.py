"""The client of Lightspeed Retail: lists that are walked by versions, however the vendor cuts its pages, and calls that keep to its
limits."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipelines.vendors.failures import Permanent, Transient
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.lightspeed import COLLECTIONS, Lightspeed, NoCursor, walk
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
from sync_pipelines.vendors.paging import GoesInCircles
from sync_pipelines_tests.vendors.conftest import Naps, ScriptedServer, answer
from vendor_sandbox import Sandbox

Row = dict[str, Any]


class Listed:
    """A list of rows with versions. careful: rows of one version come on one page, and pages may be short; otherwise pages end
    wherever they are full. shown: whether rows show their version, or the page alone does."""

    def __init__(self, versions: list[int], *, careful: bool = False, shown: bool = True, seed: int = 0) -> None:
        self.rows = {f"r{n}": version for n, version in enumerate(versions)}
        self.careful, self.shown, self.chance = careful, shown, random.Random(seed)
        self.changing = 0
        self.calls = 0

    def now(self) -> set[tuple[str, int]]:
        return set(self.rows.items())

    def fetch(self, after: int, size: int) -> tuple[list[Row], int | None]:
        self.calls += 1
        assert self.calls < 10_000, "it is read for ever"
        found = sorted(((version, name) for name, version in self.rows.items() if version > after))
        page = self._careful(found, size) if self.careful else found[:size]
        named = page[-1][0] if page else None
        if self.changing and self.rows:
            self.changing -= 1
            name = self.chance.choice(sorted(self.rows))
            self.rows[name] = max(self.rows.values()) + self.chance.choice((1, 3))
        shown = [
            {"id": name, "text": f"{name} {version}", **({"version": version} if self.shown else {})} for version, name in page
        ]
        return shown, named if self.careful or not self.shown else None

    def _careful(self, found: list[tuple[int, str]], size: int) -> list[tuple[int, str]]:
        if len(found) > 1:
            size = self.chance.choice((size, max(1, size // 2)))
        page: list[tuple[int, str]] = []
        for _, group in groupby(found, key=lambda each: each[0]):
            together = list(group)
            if page and len(page) + len(together) > size:
                break
            page += together
        return page


def texts(pages: Any) -> list[str]:
    return [row["text"] for page in pages for row in page.rows]


def expected(listed: Listed) -> set[str]:
    return {f"{name} {version}" for name, version in listed.now()}


lists = st.builds(
    Listed, st.lists(st.integers(1, 12), max_size=30), careful=st.booleans(), shown=st.booleans(), seed=st.integers(0, 1000)
)


class TestWalking:
    @settings(max_examples=150, deadline=None)
    @given(lists, st.integers(1, 6), st.integers(0, 12))
    def test_each_row_is_read_once_wherever_pages_end(self, listed: Listed, size: int, changing: int) -> None:
        """As many as 30 rows of one version, and pages of a few; rows change and move while they are read, and what moves after
        the end was read is there next time."""
        listed.changing = changing
        pages = list(walk(listed.fetch, 0, "list", size, 40))
        read = texts(pages)
        listed.changing = 0
        assert expected(listed) <= {*read, *texts(walk(listed.fetch, pages[-1].cursor or 0, "list", size, 40))}
        assert len(read) == len(set(read))

    @settings(max_examples=100, deadline=None)
    @given(lists, st.integers(1, 6), st.data())
    def test_a_reading_goes_on_at_any_page_and_lacks_nothing(self, listed: Listed, size: int, data: st.DataObject) -> None:
        pages = list(walk(listed.fetch, 0, "list", size, 40))
        stop = data.draw(st.integers(0, len(pages)))
        cursor = next((page.cursor for page in reversed(pages[:stop]) if page.cursor is not None), 0)
        again = texts(walk(listed.fetch, cursor, "list", size, 40))
        assert expected(listed) == set(texts(pages[:stop])) | set(again)

    def test_more_rows_of_one_version_than_the_largest_page_are_a_gap_and_the_rest_is_read(self) -> None:
        listed = Listed([1, *[5] * 30, 9, 9])
        pages = list(walk(listed.fetch, 0, "list", 4, 10))
        assert [page.gap for page in pages if page.gap] == [
            "list: more than 9 rows share version 5; what is beyond them was not read"
        ]
        assert {"r0 1", "r31 9", "r32 9"} < set(texts(pages))
        assert pages[-1].cursor == 9

    def test_rows_of_one_version_that_come_in_another_order_each_time_are_not_read_for_ever(self) -> None:
        listed, chance = Listed([5] * 30), random.Random(1)

        def fetch(after: int, size: int) -> tuple[list[Row], int | None]:
            rows, named = listed.fetch(after, 30)
            return chance.sample(rows, min(size, len(rows))), named

        read = texts(walk(fetch, 0, "list", 4, 10))
        assert len(read) == len(set(read)) >= 10

    @pytest.mark.parametrize("named", [None, 7])
    def test_an_empty_page_is_the_end_and_moves_no_cursor_whatever_version_it_names(self, named: int | None) -> None:
        (page,) = walk(lambda *_: ([], named), 5, "list", 10, 10)
        assert (list(page.rows), page.cursor) == ([], 5)

    def test_where_nothing_changed_one_call_is_enough(self) -> None:
        listed = Listed([1, 2, 3])
        assert texts(walk(listed.fetch, 3, "list", 10, 10)) == []
        assert listed.calls == 1

    def test_a_page_with_no_version_anywhere_is_an_error_and_no_end(self) -> None:
        with pytest.raises(NoCursor):
            list(walk(lambda *_: ([{"id": "a"}], None), 0, "list", 10, 10))

    def test_a_list_without_versions_is_one_page_that_must_not_be_full(self) -> None:
        rows = [{"id": str(n)} for n in range(10)]
        assert len(list(walk(lambda *_: (rows, None), 0, "list", 20, 20, versions=False))) == 1
        with pytest.raises(NoCursor, match="as many as a page holds"):
            list(walk(lambda *_: (rows, None), 0, "list", 10, 10, versions=False))

    def test_a_vendor_that_answers_the_same_page_again_is_not_read_for_ever(self) -> None:
        """Nor is what lies behind that page taken for read."""
        rows = [{"id": str(n), "version": n + 1} for n in range(10)]
        with pytest.raises(GoesInCircles):
            list(walk(lambda *_: (rows, None), 0, "list", 10, 10))

    def test_a_vendor_that_gives_all_of_a_short_list_whatever_is_asked_is_read_once(self) -> None:
        rows = [{"id": str(n), "version": n + 1} for n in range(3)]
        assert ids(walk(lambda *_: (rows, None), 0, "list", 10, 10)) == ["0", "1", "2"]
        assert ids(walk(lambda *_: (rows, None), 2, "list", 10, 10)) == ["1", "2"]

    def test_a_vendor_that_counts_in_the_version_to_go_on_after_is_read_to_its_end(self) -> None:
        listed = Listed([1, 1, 2, 3, 3, 3, 4])
        assert set(texts(walk(lambda after, size: listed.fetch(after - 1, size), 0, "list", 3, 10))) == expected(listed)

    def test_versions_may_be_text(self) -> None:
        pages = [([{"id": "a", "version": "12345678901"}], None), ([], None), ([], None)]
        found = list(walk(lambda *_: pages.pop(0), 0, "list", 10, 10))
        assert found[-1].cursor == 12_345_678_901


# --- over real sockets ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(speed=1000) as sandbox:
        yield sandbox


@pytest.fixture
def store(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    running.reset()
    running.lightspeed.change_state({"settings": {"burst": 1_000_000}})
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture
def client() -> Iterator[Callable[..., Lightspeed]]:
    made: list[Lightspeed] = []

    def connect(**more: Any) -> Lightspeed:
        made.append(Lightspeed.connect(LightspeedSettings.read().model_copy(update=more), CallMeter()))
        made[-1].http.sleep = Naps()
        return made[-1]

    yield connect
    for each in made:
        each.close()


@pytest.fixture
def scripted(
    serve: Callable[..., ScriptedServer], client: Callable[..., Lightspeed], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Lightspeed]:
    """A client of a store that answers exactly so."""

    def start(*answers: bytes, **more: Any) -> Lightspeed:
        monkeypatch.setenv("LIGHTSPEED_TOKEN", "t")
        return client(url=serve(*answers).url, store="shop", **more)

    return start


def said(document: Any, **headers: str) -> bytes:
    return answer(200, json.dumps(document), **headers)


def ids(pages: Any) -> list[str]:
    return [row["id"] for page in pages for row in page.rows]


class TestLists:
    @pytest.mark.parametrize("name", [name for name in COLLECTIONS if name not in ("categories", "variant_attributes", "taxes")])
    @pytest.mark.parametrize("version", ["2.0", "2026-10"])
    def test_each_is_read_to_its_end_and_gone_on_from_there(
        self, store: Sandbox, client: Callable[..., Lightspeed], name: str, version: str
    ) -> None:
        connected = client(api_version=version, page_size=50, stock_page_size=200)
        pages = list(connected.changed(name, 0))
        read = ids(pages)
        truth = {row["id"] for row in store.lightspeed.state()["categories" if name == "product_types" else name]}
        live = {row["id"] for row in store.lightspeed.state().get(name, ()) if not row["deleted_at"]}
        assert live <= set(read) <= truth
        assert len(read) == len(set(read))
        used = connected.http.meter.used["lightspeed"]
        assert ids(connected.changed(name, pages[-1].cursor or 0)) == []
        assert connected.http.meter.used["lightspeed"] == used + 1

    @pytest.mark.parametrize("where", ["data.categories", "data.data.categories"])
    def test_categories_are_found_at_either_depth_page_by_page(
        self, store: Sandbox, client: Callable[..., Lightspeed], where: str
    ) -> None:
        store.lightspeed.change_state({"settings": {"categories_at": where}})
        live = {row["id"] for row in store.lightspeed.state()["categories"] if not row["deleted_at"]}
        read = ids(client(largest_page=2).whole("categories"))
        assert (set(read), len(read)) == (live, len(live))

    def test_categories_that_go_round_are_an_error(self, scripted: Callable[..., Lightspeed]) -> None:
        page = {"data": {"categories": [{"id": "a"}]}, "page_info": {"has_next": True, "last_seen": "a"}}
        with pytest.raises(GoesInCircles):
            list(scripted(said(page)).whole("categories"))

    def test_lines_of_an_order_come_whole_and_those_of_none_are_refused(
        self, store: Sandbox, client: Callable[..., Lightspeed]
    ) -> None:
        sizes = {consignment: len(lines) for consignment, lines in store.lightspeed.state()["lines"].items()}
        largest = max(sizes, key=lambda each: sizes[each])
        assert len(client(largest_page=100).consignment_lines(largest)) == sizes[largest] == 620
        with pytest.raises(Permanent) as refused:
            client().consignment_lines("none")
        assert refused.value.status == 404

    def test_lines_without_versions_that_fill_a_page_are_not_taken_for_whole(self, scripted: Callable[..., Lightspeed]) -> None:
        line = {"product_id": "p", "count": "1"}
        assert len(scripted(said({"data": [line, line]}), largest_page=10).consignment_lines("c")) == 2
        with pytest.raises(NoCursor):
            scripted(said({"data": [line] * 10}), largest_page=10).consignment_lines("c")

    def test_products_of_families_have_names_and_options(self, store: Sandbox, client: Callable[..., Lightspeed]) -> None:
        rows = [row for page in client(api_version="2026-10").changed("products", 0) for row in page.rows]
        (twice,) = [row for row in rows if row["sku"] == "TRAP-OPTION-TWICE"]
        assert twice["family"]["name"] == "Trap: one option twice"
        assert [(option["name"], option["value"]) for option in twice["variant_options"]] == [
            ("Fabric", "Cotton"),
            ("Fabric", "Wool"),
        ]

    @pytest.mark.parametrize(
        "document", [{}, {"data": None}, {"data": {}}, {"data": 5}, "text", 5, {"data": [], "version": 5}, {"data": [], "version": {"max": "x"}}]
    )  # fmt: skip
    def test_an_answer_of_another_shape_is_a_failed_call(self, scripted: Callable[..., Lightspeed], document: Any) -> None:
        with pytest.raises(Transient, match="not what was asked for"):
            list(scripted(said(document)).changed("suppliers", 0))

    def test_rows_that_are_no_objects_end_the_reading(self, scripted: Callable[..., Lightspeed]) -> None:
        with pytest.raises(NoCursor):
            list(scripted(said({"data": [5, None, "x"]})).changed("suppliers", 0))


class TestLimits:
    @pytest.mark.parametrize("off", [timedelta(hours=1), timedelta(hours=-1), timedelta(0)])
    def test_a_date_to_wait_for_is_by_the_vendors_clock(self, scripted: Callable[..., Lightspeed], off: timedelta) -> None:
        now = datetime.now(UTC) + off
        busy = answer(
            429,
            "{}",
            Date=format_datetime(now, usegmt=True),
            Retry_After=format_datetime(now + timedelta(seconds=40), usegmt=True),
        )
        connected = scripted(busy, said({"data": {"retailer_name": "Shop"}}))
        assert connected.retailer() == {"retailer_name": "Shop"}
        assert connected.http.sleep == [pytest.approx(41.05)]

    def test_the_limit_is_what_the_store_says(self, store: Sandbox, client: Callable[..., Lightspeed]) -> None:
        store.lightspeed.change_state({"settings": {"registers": 3, "burst": 0}})
        connected = client()
        connected.retailer()
        assert connected._limit == 950

    @pytest.mark.deep
    def test_no_call_is_refused_while_work_waits(self, store: Sandbox, client: Callable[..., Lightspeed]) -> None:
        store.lightspeed.change_state({"settings": {"registers": 1, "burst": 0}})
        connected = client(window_seconds=0.3)
        for _ in range(1_000):
            connected.retailer()
        assert connected.http.meter.refused["lightspeed"] == 0


class TestRights:
    def test_a_scope_that_is_missing_is_named(
        self, store: Sandbox, client: Callable[..., Lightspeed], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = store.lightspeed.change_state({"personal_token": {"scopes": ["products:read"]}})["personal_token"]
        monkeypatch.setenv("LIGHTSPEED_TOKEN", token)
        connected = client()
        assert {name: connected.may_read(name) for name in ("products", "categories", "sales", "inventory", "retailer")} == {
            "products": True,
            "categories": True,
            "sales": False,
            "inventory": False,
            "retailer": False,
        }
        with pytest.raises(Permanent, match="The token needs the scope inventory:read"):
            list(connected.changed("inventory", 0))

    def test_nothing_can_be_written(self, store: Sandbox, client: Callable[..., Lightspeed]) -> None:
        with pytest.raises(Permanent, match="read-only"):
            client().http.request("POST", "/products", what="a product", body={"name": "x"})
