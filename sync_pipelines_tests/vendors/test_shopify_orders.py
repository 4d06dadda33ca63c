"""Whole orders, read page by page and from bulk exports: never cut short, the same either way, whatever the order of lines."""

import json
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_pipelines.pipelines.shopify_store.orders import dumps
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors import shopify_orders
from sync_pipelines.vendors.failures import Permanent, Transient
from sync_pipelines.vendors.shopify import BulkFailed, Export, NoRoomForBulk, Shopify
from sync_pipelines.vendors.shopify_orders import Order, SortedExport, add_refund_lines, finished_export, paged
from vendor_sandbox import Sandbox

Connect = Callable[[], Shopify]

EVERYTHING = "created_at:>='2000-01-01T00:00:00Z'"
NOTHING = "created_at:<'2001-01-01T00:00:00Z'"


def read(client: Shopify, search: str = EVERYTHING, *, page_size: int = 50, lines: int = 15) -> list[Order]:
    pages = paged(client, search, "CREATED_AT", page_size=page_size, lines=lines)
    return [order for page in pages for order in page]


def one(client: Shopify, name: str, **options: int) -> Order:
    (found,) = read(client, f"name:'{name}'", **options)
    return found


def awaited(client: Shopify, search: str = EVERYTHING, *, patience: float = 20.0, **options: Any) -> Export:
    client.sleep = lambda _: time.sleep(0.01)
    given_ = {"left_behind": (), "remember": lambda _: None, **options}
    return finished_export(client, documents.export(search), poll=0.01, patience=patience, **given_)


def in_bulk(client: Shopify, folder: Path, search: str = EVERYTHING) -> list[Order]:
    sorted_export = SortedExport(folder, lambda created: created[:10])
    export = awaited(client, search)
    with client.result(export) as lines:
        sorted_export.take(lines, export)
    orders = [order for label in sorted_export.labels for order in sorted_export.orders(label)]
    add_refund_lines(client, orders)
    return orders


def downloads(sandbox: Sandbox) -> int:
    return sum("/bulk/" in call["path"] for call in sandbox.calls("shopify"))


def started(sandbox: Sandbox) -> int:
    return int(sandbox.shopify.state()["bulk_started"])


class TestPages:
    def test_every_order_comes_once_and_with_all_its_lines(self, sandbox: Sandbox, shopify: Connect) -> None:
        found = read(shopify(), page_size=70, lines=3)
        truth = {order["id"]: order for order in sandbox.shopify.orders()}
        assert len(found) == len(truth) == 400
        for order in found:
            wanted = truth[order["id"]]
            assert [line["id"] for line in order["lineItems"]] == [line["id"] for line in wanted["lineItems"]]
            assert [r["id"] for r in order["refunds"]] == [r["id"] for r in wanted["refunds"]]
            for refund, real in zip(order["refunds"], wanted["refunds"], strict=True):
                assert [r["id"] for r in refund["refundLineItems"]] == [r["id"] for r in real["refundLineItems"]]

    def test_they_come_in_the_order_of_their_creation(self, shopify: Connect) -> None:
        created = [order["createdAt"] for order in read(shopify(), page_size=33)]
        assert created == sorted(created)

    def test_an_order_of_three_hundred_lines_is_whole(self, sandbox: Sandbox, shopify: Connect) -> None:
        trap = sandbox.shopify.traps()["300 lines"]
        found = one(shopify(), trap["name"], lines=15)
        assert [line["id"] for line in found["lineItems"]] == [line["id"] for line in trap["lineItems"]]
        assert len({line["id"] for line in found["lineItems"]}) == 300
        assert len(sandbox.calls("shopify")) == 3, "the page, and 285 more lines in two calls"

    def test_an_order_without_lines_has_an_empty_list(self, sandbox: Sandbox, shopify: Connect) -> None:
        assert one(shopify(), sandbox.shopify.traps()["no lines"]["name"])["lineItems"] == []

    def test_a_page_of_nothing_is_one_call(self, sandbox: Sandbox, shopify: Connect) -> None:
        assert read(shopify(), NOTHING) == []
        assert len(sandbox.calls("shopify")) == 1

    def test_refunds_of_many_lines_are_whole(self, sandbox: Sandbox, shopify: Connect) -> None:
        trap = sandbox.shopify.traps()["300 lines"]
        every_line = {str(n): 1 for n in range(300)}
        sandbox.shopify.change_state({"refund": [{"order": trap["name"], "lines": every_line}]})
        (refund,) = one(shopify(), trap["name"])["refunds"]
        (real,) = sandbox.shopify.order(trap["name"])["refunds"]
        assert [r["id"] for r in refund["refundLineItems"]] == [r["id"] for r in real["refundLineItems"]]
        assert len(refund["refundLineItems"]) == 300

    def test_refund_lines_are_asked_for_only_where_there_are_refunds(self, sandbox: Sandbox, shopify: Connect) -> None:
        client = shopify()
        order = next(o for o in sandbox.shopify.orders() if not o["refunds"] and len(o["lineItems"]) < 15)
        one(client, order["name"])
        assert len(sandbox.calls("shopify")) == 1
        refunded = sandbox.shopify.traps()["several refunds"]
        found = one(client, refunded["name"])
        assert len(sandbox.calls("shopify")) == 3
        assert [len(r["refundLineItems"]) for r in found["refunds"]] == [1, 1, 1]
        assert [r["note"] for r in found["refunds"]] == ["First", None, "Third,\nwith a second line"]

    def test_more_refunded_orders_than_one_call_takes(
        self, sandbox: Sandbox, shopify: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shopify_orders, "REFUND_IDS", 1)
        found = {o["id"]: o for o in read(shopify(), page_size=250, lines=10)}
        refunded = [o for o in sandbox.shopify.orders() if o["refunds"]]
        assert len(refunded) > 2
        for order in refunded:
            assert [len(r["refundLineItems"]) for r in found[order["id"]]["refunds"]] == [
                len(r["refundLineItems"]) for r in order["refunds"]
            ]

    def test_a_custom_item_has_neither_product_nor_variant(self, sandbox: Sandbox, shopify: Connect) -> None:
        line = one(shopify(), sandbox.shopify.traps()["custom item"]["name"])["lineItems"][0]
        assert (line["product"], line["variant"], line["vendor"]) == (None, None, None)

    def test_what_the_customer_paid_and_what_the_shop_books_are_kept_apart(self, sandbox: Sandbox, shopify: Connect) -> None:
        trap = sandbox.shopify.traps()["bought in euro"]
        found = one(shopify(), trap["name"])
        assert found["totalPriceSet"] == {
            "shopMoney": trap["totalPriceSet"]["shopMoney"],
            "presentmentMoney": trap["totalPriceSet"]["presentmentMoney"],
        }
        assert found["totalPriceSet"]["presentmentMoney"]["currencyCode"] == "EUR"
        assert found["totalPriceSet"]["shopMoney"]["currencyCode"] == "USD"
        assert found["lineItems"][0]["originalUnitPriceSet"]["presentmentMoney"]["currencyCode"] == "EUR"

    def test_text_comes_as_it_is(self, sandbox: Sandbox, shopify: Connect) -> None:
        client, traps = shopify(), sandbox.shopify.traps()
        for name in ("emoji and lines in the note", "name with =", "leading zeros", "twenty digits"):
            found = one(client, traps[name]["name"])
            for member in ("note", "phone", "poNumber", "email"):
                assert found[member] == traps[name][member]
            assert (found["customer"] or {}).get("displayName") == (traps[name]["customer"] or {}).get("displayName")
            assert [line["sku"] for line in found["lineItems"]] == [line["sku"] for line in traps[name]["lineItems"]]

    def test_rates_are_exact(self, shopify: Connect) -> None:
        rates = [tax["rate"] for order in read(shopify()) for tax in order["taxLines"]]
        assert rates
        assert all(isinstance(rate, Decimal | int) for rate in rates)

    def test_an_order_deleted_while_its_lines_are_read_is_no_half_order(self, sandbox: Sandbox, shopify: Connect) -> None:
        trap = sandbox.shopify.traps()["300 lines"]
        sandbox.faults("shopify", [{"on": "POST /admin/api/*", "kind": "order_changes", "edit": 0, "delete": 1}])
        with pytest.raises(Transient, match=f"{trap['name']} vanished"):
            one(shopify(), trap["name"])

    def test_an_order_deleted_while_its_refunds_are_read_is_no_half_order(self, sandbox: Sandbox, shopify: Connect) -> None:
        trap = sandbox.shopify.traps()["several refunds"]
        sandbox.faults("shopify", [{"on": "POST /admin/api/*", "kind": "order_changes", "edit": 0, "delete": 1}])
        with pytest.raises(Transient, match="vanished"):
            one(shopify(), trap["name"])

    def test_orders_deleted_and_made_between_pages_bring_no_order_twice(self, sandbox: Sandbox, shopify: Connect) -> None:
        sandbox.faults(
            "shopify", [{"on": "POST /admin/api/*", "kind": "order_changes", "edit": 2, "arrive": 1, "delete": 2, "times": 4}]
        )
        found = [order["id"] for order in read(shopify(), page_size=20)]
        assert len(found) == len(set(found))
        still = {order["id"] for order in sandbox.shopify.orders()}
        assert len(set(found) & still) >= 390

    def test_a_page_that_is_lost_is_read_again_and_nothing_is_missing(self, sandbox: Sandbox, shopify: Connect) -> None:
        for kind in ("lost_reply", "cut_body", "html", "partial", "throttled"):
            sandbox.faults("shopify", [{"on": "POST /admin/api/*", "kind": kind, "after": 2}])
        assert len({order["id"] for order in read(shopify(), page_size=25)}) == 400


class TestTheSameEitherWay:
    def test_pages_and_export_give_the_same_orders_to_the_letter(
        self, sandbox: Sandbox, shopify: Connect, tmp_path: Path
    ) -> None:
        sandbox.shopify.change_state({"refund": [{"order": sandbox.shopify.traps()["300 lines"]["name"]}]})
        client = shopify()
        pages = {order["id"]: dumps(order) for order in read(client, page_size=40, lines=5)}
        export = {order["id"]: dumps(order) for order in in_bulk(client, tmp_path)}
        assert len(pages) == 400
        assert export == pages

    @pytest.mark.parametrize("interleave", [0, 1, 1000])
    def test_it_does_not_matter_how_far_lines_are_from_their_order(
        self, sandbox: Sandbox, shopify: Connect, tmp_path: Path, interleave: int
    ) -> None:
        sandbox.shopify.change_state({"settings": {"interleave": interleave}})
        truth = {o["id"]: [line["id"] for line in o["lineItems"]] for o in sandbox.shopify.orders()}
        found = {o["id"]: [line["id"] for line in o["lineItems"]] for o in in_bulk(shopify(), tmp_path)}
        assert found == truth

    def test_an_export_of_nothing_is_no_order(self, shopify: Connect, tmp_path: Path) -> None:
        assert in_bulk(shopify(), tmp_path, NOTHING) == []


def order_line(number: int, day: str = "2026-11-01", **more: Any) -> dict[str, Any]:
    return {"id": f"gid://shopify/Order/{number}", "createdAt": f"{day}T10:00:00Z", **more}


def item_line(number: int, parent: int, **more: Any) -> dict[str, Any]:
    return {"id": f"gid://shopify/LineItem/{number}", **more, "__parentId": f"gid://shopify/Order/{parent}"}


def written(row: dict[str, Any], *, escaped: bool = True) -> bytes:
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return (text.replace("/", "\\/") if escaped else text).encode()


def told(objects: int, orders: int) -> Export:
    return Export("gid://shopify/BulkOperation/1", "COMPLETED", "", objects, orders, None, "", datetime.now(UTC))


def put_together(folder: Path, rows: list[bytes]) -> dict[str, dict[str, list[str]]]:
    """Of each label, its orders, and of each order its lines, all by number."""
    folder.mkdir(exist_ok=True)
    sorted_export = SortedExport(folder, lambda created: created[:10])
    orders = sum(b"__parentId" not in row for row in rows)
    sorted_export.take(iter(rows), told(len(rows), orders))
    return {
        label: {
            order["id"].rsplit("/")[-1]: [line["id"].rsplit("/")[-1] for line in order["lineItems"]]
            for order in sorted_export.orders(label)
        }
        for label in sorted_export.labels
    }


class TestSorting:
    def test_lines_find_their_order_from_afar(self, tmp_path: Path) -> None:
        days = ["2026-11-01", "2026-11-02", "2026-11-03"]
        rows = [written(order_line(n, days[n % 3])) for n in range(1, 301)]
        rows += [written(item_line(1000 + n, n)) for n in range(300, 0, -1)]
        found = put_together(tmp_path, rows)
        assert sorted(found) == days
        assert {o: lines for orders in found.values() for o, lines in orders.items()} == {
            str(n): [str(1000 + n)] for n in range(1, 301)
        }
        assert all(int(o) % 3 == days.index(day) for day, orders in found.items() for o in orders)

    def test_ids_may_come_in_any_order(self, tmp_path: Path) -> None:
        numbers = random.Random(3).sample(range(1, 500), 200)
        rows = [written(order_line(n, f"2026-11-{n % 9 + 1:02}")) for n in numbers]
        rows += [written(item_line(n, n)) for n in reversed(numbers)]
        found = put_together(tmp_path, rows)
        assert sum(map(len, found.values())) == 200
        assert all(lines == [o] for orders in found.values() for o, lines in orders.items())

    @pytest.mark.parametrize("escaped", [True, False])
    def test_slashes_may_be_escaped_or_not(self, tmp_path: Path, *, escaped: bool) -> None:
        rows = [written(order_line(7), escaped=escaped), written(item_line(8, 7), escaped=not escaped)]
        assert put_together(tmp_path, rows) == {"2026-11-01": {"7": ["8"]}}

    def test_members_may_come_in_another_order(self, tmp_path: Path) -> None:
        rows = [
            written({"name": "#1", "createdAt": "2026-11-05T00:00:00Z", "id": "gid://shopify/Order/7"}),
            written({"__parentId": "gid://shopify/Order/7", "id": "gid://shopify/LineItem/8"}),
        ]
        assert put_together(tmp_path, rows) == {"2026-11-05": {"7": ["8"]}}

    def test_blanks_between_members_change_nothing(self, tmp_path: Path) -> None:
        rows = [json.dumps(order_line(7)).encode(), json.dumps(item_line(8, 7)).encode()]
        assert put_together(tmp_path, rows) == {"2026-11-01": {"7": ["8"]}}

    def test_text_that_looks_like_a_parent_is_only_text(self, tmp_path: Path) -> None:
        trick = '","__parentId":"gid://shopify/Order/1","x":"'
        attributes = [{"key": "__parentId", "value": "gid://shopify/Order/1"}]
        rows = [
            written(order_line(1, note=trick)),
            written(order_line(2, "2026-11-02", note=trick, customAttributes=attributes)),
            written(item_line(3, 2, title=trick, customAttributes=attributes)),
        ]
        sorted_export = SortedExport(tmp_path, lambda created: created[:10])
        sorted_export.take(iter(rows), told(3, 2))
        (order,) = sorted_export.orders("2026-11-02")
        assert (order["note"], [line["title"] for line in order["lineItems"]]) == (trick, [trick])
        assert [o["lineItems"] for o in sorted_export.orders("2026-11-01")] == [[]]

    def test_a_line_whose_order_never_came_is_no_silent_loss(self, tmp_path: Path) -> None:
        with pytest.raises(Transient, match="order 9 came"):
            put_together(tmp_path, [written(order_line(7)), written(item_line(8, 9))])

    @pytest.mark.parametrize(("objects", "orders"), [(4, 2), (3, 1), (2, 2), (3, 3)])
    def test_other_counts_than_the_shop_told_are_not_the_whole(self, tmp_path: Path, objects: int, orders: int) -> None:
        rows = [written(order_line(1)), written(order_line(2)), written(item_line(3, 1))]
        with pytest.raises(Transient, match="arrived"):
            SortedExport(tmp_path, lambda c: c[:10]).take(iter(rows), told(objects, orders))

    @pytest.mark.parametrize("of", ["order", "line"])
    def test_a_line_cut_in_the_middle_is_not_the_whole(self, tmp_path: Path, of: str) -> None:
        rows = [written(order_line(1, note="n" * 50)), written(item_line(3, 1, title="t" * 50))]
        place = 0 if of == "order" else 1
        rows[place] = rows[place][:80]
        with pytest.raises(Transient):
            put_together(tmp_path, rows)

    def test_a_label_that_nothing_came_for_is_empty(self, tmp_path: Path) -> None:
        sorted_export = SortedExport(tmp_path, lambda c: c[:10])
        sorted_export.take(iter([written(order_line(1)), b""]), told(1, 1))
        assert list(sorted_export.orders("1999-01-01")) == []

    def test_a_large_label_is_cut_by_order_and_no_order_in_two(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shopify_orders, "AT_ONCE", 2_000)
        monkeypatch.setattr(shopify_orders, "BUFFER", 500)
        rows = [written(order_line(n, note="x" * 50)) for n in range(1, 200)]
        rows += [written(item_line(1000 * k + n, n)) for k in (1, 2, 3) for n in range(1, 200)]
        found = put_together(tmp_path, rows)
        assert len(list(tmp_path.glob("00000.*"))) > 10
        assert found == {"2026-11-01": {str(n): [str(1000 * k + n) for k in (1, 2, 3)] for n in map(int, found["2026-11-01"])}}
        assert len(found["2026-11-01"]) == 199

    @settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_any_result_in_which_orders_precede_their_lines_is_put_together_whole(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        numbers = data.draw(st.lists(st.integers(1, 10**13), unique=True, max_size=12))
        wanted = {n: data.draw(st.integers(0, 5)) for n in numbers}
        chaos = data.draw(st.randoms(use_true_random=False))
        waiting = [(n, k) for n in numbers for k in range(wanted[n] + 1)]
        rows: list[bytes] = []
        lines: dict[int, int] = {}
        while waiting:
            n, _ = waiting.pop(chaos.randrange(len(waiting)))
            if n not in lines:
                rows.append(written(order_line(n, f"2026-11-{n % 28 + 1:02}"), escaped=chaos.random() < 0.5))
            else:
                rows.append(written(item_line(lines[n], n), escaped=chaos.random() < 0.5))
            lines[n] = lines.get(n, 0) + 1
        found = put_together(tmp_path_factory.mktemp("sorted"), rows)
        flat = {int(o): ls for orders in found.values() for o, ls in orders.items()}
        assert flat == {n: [str(k) for k in range(1, count + 1)] for n, count in wanted.items()}


class TestBulkOperations:
    @pytest.mark.parametrize("status", ["FAILED", "CANCELED", "EXPIRED"])
    def test_what_an_unfinished_export_left_is_never_used(self, sandbox: Sandbox, shopify: Connect, status: str) -> None:
        sandbox.shopify.change_state({"next_bulk": {"status": status, "after_objects": 50}})
        with pytest.raises(BulkFailed, match=status):
            awaited(shopify())
        assert downloads(sandbox) == 0

    def test_an_export_that_never_ends_is_cancelled(self, sandbox: Sandbox, shopify: Connect) -> None:
        sandbox.shopify.change_state({"next_bulk": {"status": "RUNNING"}})
        client, ids = shopify(), list[str]()
        begun = time.monotonic()
        with pytest.raises(BulkFailed, match="not done"):
            awaited(client, patience=0.3, remember=ids.append)
        assert time.monotonic() - begun < 10
        assert client.export(ids[0]).status in ("CANCELING", "CANCELED")
        assert downloads(sandbox) == 0

    def test_the_id_is_known_before_it_is_waited_for(self, sandbox: Sandbox, shopify: Connect) -> None:
        sandbox.shopify.change_state({"next_bulk": {"status": "RUNNING"}})
        client = shopify()

        def crash(export_id: str) -> None:
            assert client.export(export_id).status == "RUNNING"
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            awaited(client, remember=crash)

    def test_it_waits_until_other_programs_leave_a_place(self, sandbox: Sandbox, shopify: Connect) -> None:
        sandbox.shopify.change_state({"foreign_bulk": 5})
        client, waits = shopify(), list[float]()

        def wait(seconds: float) -> None:
            waits.append(seconds)
            time.sleep(0.01)
            if len(waits) == 4:
                sandbox.shopify.change_state({"foreign_bulk": 4})

        client.sleep = wait
        export = finished_export(
            client, documents.export(EVERYTHING), left_behind=(), remember=lambda _: None, poll=0.02, patience=20
        )
        assert (export.status, export.orders) == ("COMPLETED", 400)
        assert sum(e.status == "RUNNING" for e in client.exports_running()) == 4, "theirs go on"

    def test_without_a_place_for_long_it_says_so_and_cancels_nobody(self, sandbox: Sandbox, shopify: Connect) -> None:
        sandbox.shopify.change_state({"foreign_bulk": 5})
        client = shopify()
        with pytest.raises(NoRoomForBulk, match="as many bulk operations"):
            awaited(client, patience=0.2)
        assert len(client.exports_running()) == 5

    def test_what_a_crashed_run_started_is_taken_over(self, sandbox: Sandbox, shopify: Connect) -> None:
        client = shopify()
        left = client.start_export(documents.export(EVERYTHING))
        export = awaited(client, left_behind=[left.id])
        assert (export.id, export.status, started(sandbox)) == (left.id, "COMPLETED", 1)

    def test_what_a_crashed_run_had_finished_is_taken_over(self, sandbox: Sandbox, shopify: Connect, tmp_path: Path) -> None:
        client = shopify()
        left = awaited(client)
        export = awaited(client, left_behind=[left.id])
        assert (export.id, started(sandbox)) == (left.id, 1)
        sorted_export = SortedExport(tmp_path, lambda _: "all")
        with client.result(export) as lines:
            sorted_export.take(lines, export)
        assert sum(1 for _ in sorted_export.orders("all")) == 400

    def test_an_old_result_is_not_used(self, sandbox: Sandbox, shopify: Connect) -> None:
        before = datetime.now(UTC) - timedelta(hours=2)
        sandbox.shopify.change_state({"settings": {"now": before.isoformat()}})
        client = shopify()
        left = awaited(client)
        sandbox.shopify.change_state({"settings": {"now": None}})
        export = awaited(client, left_behind=[left.id])
        assert export.id != left.id
        assert started(sandbox) == 2

    @pytest.mark.parametrize("status", ["FAILED", "CANCELED", "EXPIRED"])
    def test_a_failed_one_that_was_left_is_not_taken_over(self, sandbox: Sandbox, shopify: Connect, status: str) -> None:
        sandbox.shopify.change_state({"next_bulk": {"status": status}})
        client, ids = shopify(), list[str]()
        with pytest.raises(BulkFailed):
            awaited(client, remember=ids.append)
        export = awaited(client, left_behind=ids)
        assert (export.status, export.id in ids) == ("COMPLETED", False)

    def test_what_dead_runs_left_running_for_something_else_is_cancelled_and_nothing_more(
        self, sandbox: Sandbox, shopify: Connect
    ) -> None:
        sandbox.shopify.change_state({"foreign_bulk": 2})
        client = shopify()
        sandbox.shopify.change_state({"next_bulk": {"status": "RUNNING"}})
        left = client.start_export(documents.export(NOTHING))
        export = awaited(client, left_behind=[left.id])
        assert export.orders == 400
        assert client.export(left.id).status == "CANCELED"
        assert len(client.exports_running()) == 2

    def test_one_that_runs_with_this_very_query_is_waited_for_whoever_started_it(
        self, sandbox: Sandbox, shopify: Connect
    ) -> None:
        client = shopify()
        theirs = client.start_export(documents.export(EVERYTHING))
        assert awaited(client).id == theirs.id
        assert started(sandbox) == 1

    def test_one_that_the_shop_has_forgotten_does_not_stop_a_new_one(self, shopify: Connect) -> None:
        assert awaited(shopify(), left_behind=["gid://shopify/BulkOperation/1"]).orders == 400

    def test_a_token_without_read_orders_is_refused_and_not_waited_for(
        self, sandbox: Sandbox, shopify: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from vendor_sandbox.shopify import NO_ORDERS_TOKEN

        monkeypatch.setenv("SHOPIFY_ACCESS_TOKEN", NO_ORDERS_TOKEN)
        with pytest.raises((BulkFailed, Permanent), match="ACCESS_DENIED"):
            awaited(shopify())

    def test_a_cut_download_is_found_by_its_counts(self, sandbox: Sandbox, shopify: Connect, tmp_path: Path) -> None:
        client = shopify()
        export = awaited(client)

        def all_but_the_last(lines: Iterator[bytes]) -> Iterator[bytes]:
            kept = [line for line in lines if line]
            yield from kept[:-1]

        with client.result(export) as lines, pytest.raises(Transient, match="arrived"):
            SortedExport(tmp_path, lambda _: "all").take(all_but_the_last(lines), export)
