"""The ERP over a socket: one login, three rate windows, lists read whole, amounts in every spelling, orders sent once."""

import logging
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines import logs
from sync_pipelines.exact_json import loads
from sync_pipelines.vendors.failures import HostRefused, NoReply, Permanent, RateLimited, Transient, VendorError, WritesOff
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.sentos import NotMade, NotReadWhole, Sentos, amount, identifier, read_time, written_time
from sync_pipelines.vendors.sentos_settings import SentosSettings
from sync_pipelines_tests.vendor_sandbox.sentos_caller import order_body
from sync_pipelines_tests.vendors.conftest import ScriptedServer, answer
from vendor_sandbox import Sandbox
from vendor_sandbox.sentos import KEY, SECRET

Connect = Callable[..., Sentos]
Serve = Callable[..., ScriptedServer]

CREATE, LIST = "POST /api/orders", "GET /api/orders"
BASIC = b64encode(f"{KEY}:{SECRET}".encode()).decode()


def fault(sandbox: Sandbox, on: str, kind: str, **options: Any) -> None:
    sandbox.faults("sentos", [{"on": on, "kind": kind, **options}])


def set_(sandbox: Sandbox, **settings: Any) -> None:
    sandbox.sentos.change_state({"settings": settings})


def made(sandbox: Sandbox) -> dict[str, int]:
    found: dict[str, int] = sandbox.sentos.state()["creates"]
    return found


def everything(client: Sentos, by: str = "created") -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return list(client.orders(now - timedelta(days=60), now + timedelta(minutes=10), by=by))


@pytest.fixture
def scripted(serve: Serve, sentos: Connect, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Sentos, ScriptedServer]]:
    """A client of a server that gives these answers."""

    def start(*answers: Any, **settings: Any) -> tuple[Sentos, ScriptedServer]:
        server = serve(*answers)
        monkeypatch.setenv("SENTOS_API_URL", f"{server.url}/api")
        return sentos(**settings), server

    return start


@pytest.fixture
def limited(sandbox: Sandbox) -> Sandbox:
    """A Sentos with its limits. A window of a minute lasts 0.6 s."""
    sandbox.sentos.change_state({"settings": {"burst": 0, "window_seconds": 600, "list_lag": 0}})
    return sandbox


def within_limits(limited: Sandbox, limits: Path | None = None, **settings: Any) -> Sentos:
    """A client that keeps to them, and sleeps."""
    given = SentosSettings.read().model_copy(update={"window_seconds": 600 / limited.speed, **settings})
    return Sentos.connect(given, CallMeter(), lambda: True, limits)


def refused(sandbox: Sandbox) -> int:
    return [call["status"] for call in sandbox.calls("sentos")].count(429)


class TestLogin:
    def test_every_call_brings_key_and_secret_by_basic_and_nothing_else(self, scripted: Any) -> None:
        client, server = scripted(answer(200, "[]"))
        client.warehouses()
        (heard,) = server.heard
        assert heard.headers["authorization"] == f"Basic {BASIC}"
        assert not any("key" in name or "secret" in name or "token" in name for name in heard.headers)

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refused_login_is_final_and_no_other_way_is_tried(
        self, sandbox: Sandbox, sentos: Connect, monkeypatch: pytest.MonkeyPatch, status: int
    ) -> None:
        set_(sandbox, login_status=status)
        monkeypatch.setenv("SENTOS_API_SECRET", "wrong-secret-0123456789")
        with pytest.raises(Permanent) as failed:
            sentos().warehouses()
        assert failed.value.status == status
        assert len(sandbox.calls("sentos")) == 1

    def test_a_redirect_is_not_followed(self, scripted: Any, serve: Serve) -> None:
        elsewhere = serve(answer(200, "[]"))
        client, server = scripted(answer(302, "", Location=f"{elsewhere.url}/api/warehouses"))
        with pytest.raises(HostRefused, match="not followed"):
            client.warehouses()
        assert len(server.heard) == 1
        assert elsewhere.heard == []

    def test_the_login_does_not_go_over_plain_http_to_another_machine(
        self, sentos: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SENTOS_API_URL", "http://firma.sentos.com.tr/api")
        monkeypatch.delenv("SYNC_PIPELINES_SANDBOX", raising=False)
        with pytest.raises(HostRefused, match="https only"):
            sentos()

    @pytest.mark.parametrize("said", [KEY + " " + SECRET, f"Basic {BASIC}", BASIC, f'{{"message": "{BASIC}"}}'])
    @pytest.mark.parametrize("status", [200, 401, 422, 500])
    def test_a_vendor_that_repeats_the_login_does_not_get_it_into_message_or_log(
        self, scripted: Any, log_folder: Path, status: int, said: str
    ) -> None:
        logs.set_up(log_folder)
        client, _ = scripted(answer(status, said))
        with pytest.raises(VendorError) as failed:
            client.create_order(order_body(), "order x")
        logging.getLogger("sync_pipelines.vendors.sentos").error("it failed", exc_info=failed.value)
        text = str(failed.value) + "".join(path.read_text(encoding="utf-8") for path in sorted(log_folder.iterdir()))
        assert "it failed" in text
        assert not any(secret in text for secret in (SECRET, BASIC))

    def test_nothing_is_written_before_a_person_turned_writing_on(self, sandbox: Sandbox, sentos: Connect) -> None:
        with pytest.raises(WritesOff):
            sentos(writes_on=False).create_order(order_body(), "order x")
        assert sandbox.calls("sentos") == []


class TestWindows:
    def test_twelve_writes_go_at_once_and_the_next_when_the_window_is_over(self, limited: Sandbox) -> None:
        client = within_limits(limited)
        began = time.monotonic()
        for n in range(12):
            client.create_order(order_body(order_id=f"shopify-{n}"), "an order")
        at_once = time.monotonic() - began
        client.create_order(order_body(order_id="shopify-13"), "an order")
        assert at_once < 0.5
        assert time.monotonic() - began > 0.55
        assert refused(limited) == 0
        assert set(made(limited).values()) == {1}

    def test_changing_an_order_counts_as_a_write_and_reading_one_does_not(self, limited: Sandbox) -> None:
        client = within_limits(limited, writes=2)
        number = client.create_order(order_body(), "an order")
        client.update_order(number, {"status": 3}, "its state")
        client.order(number)
        with pytest.raises(RateLimited):
            client.reserve_write(0.01)

    def test_a_third_read_of_the_same_waits_and_another_read_does_not(self, limited: Sandbox) -> None:
        client = within_limits(limited)
        began = time.monotonic()
        client.warehouses(), client.warehouses(), client.channels(), client.order(1), client.first_page()
        assert time.monotonic() - began < 0.5
        client.warehouses()
        assert time.monotonic() - began > 0.55
        assert refused(limited) == 0

    def test_the_same_list_in_another_stretch_of_time_is_another_read(self, limited: Sandbox) -> None:
        client, now = within_limits(limited, calls=1000), datetime.now(UTC)
        set_(limited, calls=None)
        began = time.monotonic()
        for n in range(5):
            list(client.orders(now - timedelta(seconds=n + 1), now))
        assert time.monotonic() - began < 0.5
        assert refused(limited) == 0

    def test_all_calls_together_keep_to_the_limit_of_the_account(self, limited: Sandbox) -> None:
        client = within_limits(limited)
        began = time.monotonic()
        for n in range(61):
            client.order(n)
        assert time.monotonic() - began > 0.55
        assert refused(limited) == 0

    def test_a_read_that_is_tried_again_takes_its_place_in_the_window_of_the_same_read(self, limited: Sandbox) -> None:
        fault(limited, "GET /api/warehouses", "html_error", status=502, times=3)
        client = within_limits(limited)
        client.http.sleep = lambda seconds: None
        began = time.monotonic()
        assert client.warehouses()
        assert [c["status"] for c in limited.calls("sentos")] == [502, 502, 502, 200]
        assert time.monotonic() - began > 0.55, "two, and two more in the next window"

    def test_processes_share_the_windows_through_files_and_other_accounts_do_not(self, limited: Sandbox, tmp_path: Path) -> None:
        one, two = (within_limits(limited, tmp_path / "limits", window_seconds=600, writes=2) for _ in range(2))
        one.create_order(order_body(order_id="shopify-1"), "an order")
        two.create_order(order_body(order_id="shopify-2"), "an order")
        for client in (one, two):
            with pytest.raises(RateLimited):
                client.reserve_write(0.01)
        one.warehouses(), two.warehouses()
        two.http.longest_wait = 0.01
        with pytest.raises(RateLimited):
            two.warehouses()
        within_limits(limited, tmp_path / "other limits", window_seconds=600, writes=2).reserve_write(0.01)


class TestRefusedAndCut:
    @pytest.mark.parametrize("header", [None, "7"])
    def test_a_429_is_waited_for_as_long_as_it_says_or_for_a_window(
        self, sandbox: Sandbox, sentos: Connect, header: str | None
    ) -> None:
        fault(sandbox, "GET /api/warehouses", "rate_limited", **({"retry_after": header} if header else {}))
        client = sentos(window_seconds=60)
        assert client.warehouses()
        (nap,) = client.http.sleep  # type: ignore[misc]
        assert 7 <= nap < 8 if header else 60 < nap < 62

    def test_an_order_that_got_429_is_sent_again_and_made_once(self, sandbox: Sandbox, sentos: Connect) -> None:
        fault(sandbox, CREATE, "rate_limited")
        assert sentos().create_order(order_body(), "an order")
        assert list(made(sandbox).values()) == [1]

    @pytest.mark.parametrize("kind", ["done_but_error", "lost_reply", "cut_body", "html"])
    def test_an_order_whose_answer_is_lost_is_not_sent_again(self, sandbox: Sandbox, sentos: Connect, kind: str) -> None:
        fault(sandbox, CREATE, kind)
        with pytest.raises(Transient):
            sentos().create_order(order_body(), "an order")
        assert [c["method"] for c in sandbox.calls("sentos")] == ["POST"]

    def test_a_read_is_tried_again_after_a_page_of_html(self, sandbox: Sandbox, sentos: Connect) -> None:
        fault(sandbox, "GET /api/products", "html_error", status=500, times=2)
        assert sentos().first_page().rows
        assert [c["status"] for c in sandbox.calls("sentos")] == [500, 500, 200]

    def test_a_list_that_is_slow_is_waited_for_as_long_as_the_setting_says(self, scripted: Any) -> None:
        slow = [answer(200, "[]")[:20], 0.4, answer(200, "[]")[20:]]
        client, _ = scripted(slow, timeout=5)
        assert client.warehouses() == {}
        client, _ = scripted(slow, timeout=0.2, deadline=0.3)
        with pytest.raises(NoReply, match="no answer within"):
            client.warehouses()

    @pytest.mark.parametrize("body", ['{"message": "Bakım"}', '{"data": {}}', '"text"', "[1]", "null", '{"data": [[]]}'])
    def test_a_list_that_is_none_is_a_failed_call(self, scripted: Any, body: str) -> None:
        client, _ = scripted(answer(200, body))
        with pytest.raises(Transient, match="not what was asked for"):
            client.warehouses()
        with pytest.raises(Transient, match="not what was asked for"):
            everything(client)


class TestProducts:
    def test_every_product_comes_once_by_id(self, sandbox: Sandbox, sentos: Connect) -> None:
        ids = [int(row["id"]) for page in sentos(page_size=7).product_pages() for row in page.rows]
        assert ids == sorted(int(p["id"]) for p in sandbox.sentos.state()["products"])
        assert len(ids) > 14

    def test_products_that_moved_from_page_to_page_are_read_again(self, sandbox: Sandbox, sentos: Connect) -> None:
        first = min(int(p["id"]) for p in sandbox.sentos.state()["products"])
        fault(sandbox, "GET /api/products", "between", after=1, change={"delete": [first]})
        ids = [int(row["id"]) for page in sentos(page_size=7).product_pages() for row in page.rows]
        assert ids == sorted(int(p["id"]) for p in sandbox.sentos.state()["products"])
        assert first not in ids

    def test_a_product_that_is_made_meanwhile_is_in_the_last_page(self, sandbox: Sandbox, sentos: Connect) -> None:
        fault(sandbox, "GET /api/products", "between", after=1, change={"add": [{"sku": "NEW", "name": "Yeni"}]})
        pages = list(sentos(page_size=7).product_pages())
        assert sum(row["sku"] == "NEW" for page in pages for row in page.rows) == 1
        assert len(sandbox.calls("sentos")) == len(pages), "one reading was enough"

    def test_rows_that_come_again_are_no_reason_to_read_again(self, sandbox: Sandbox, sentos: Connect) -> None:
        fault(sandbox, "GET /api/products", "drift", by=1, after=1, times=1000)
        ids = {int(row["id"]) for page in sentos(page_size=7).product_pages() for row in page.rows}
        assert ids == {int(p["id"]) for p in sandbox.sentos.state()["products"]}

    def test_products_that_move_at_every_reading_are_not_taken_for_all(self, scripted: Any) -> None:
        pages = [answer(200, f'{{"total_elements": {n}, "data": [{{"id": {i}}}]}}') for n, i in ((3, 1), (2, 3), (2, 3))]
        client, server = scripted(*pages * 3, page_size=1)
        with pytest.raises(NotReadWhole, match="3 times"):
            list(client.product_pages())
        assert len(server.heard) == 9

    def test_a_bare_array_is_read_page_by_page(self, scripted: Any) -> None:
        pages = ['[{"id": 1}, {"id": 2}]', '[{"id": 3}, {"id": 4}]', '[{"id": 5}]']
        client, server = scripted(*[answer(200, page) for page in pages], page_size=2)
        assert [row["id"] for page in client.product_pages() for row in page.rows] == [1, 2, 3, 4, 5]
        assert len(server.heard) == 3

    def test_a_list_that_knows_no_pages_is_read_once_more_and_no_further(self, scripted: Any) -> None:
        client, server = scripted(answer(200, '[{"id": 1}, {"id": 2}]'), page_size=2)
        assert {row["id"] for page in client.product_pages() for row in page.rows} == {1, 2}
        assert len(server.heard) == 2

    def test_a_page_knows_when_it_was_asked_for(self, sandbox: Sandbox, sentos: Connect) -> None:
        before = datetime.now(UTC)
        pages = list(sentos(page_size=7).product_pages())
        moments = [page.asked_at for page in pages]
        assert before <= moments[0]
        assert moments == sorted(moments)
        assert moments[-1] <= datetime.now(UTC)

    def test_a_product_that_is_not_there_is_none(self, sandbox: Sandbox, sentos: Connect) -> None:
        assert sentos().product(987654) is None


class TestOrders:
    def test_the_stretch_of_time_goes_in_the_query_and_in_the_body(self, scripted: Any) -> None:
        client, server = scripted(answer(200, "[]"))
        everything(client, by="updated")
        (heard,) = server.heard
        sent = loads(heard.body.decode())
        assert {"updated_start_date", "updated_end_date", "orderby_field", "page"} <= sent.keys()
        assert all(f"{name}=" in heard.path for name in sent)

    @pytest.mark.parametrize("parameters_from", ["both", "query", "body"])
    @pytest.mark.parametrize("orders_as", ["page", "array"])
    def test_every_order_comes_once_whatever_the_list_is_wrapped_in(
        self, sandbox: Sandbox, sentos: Connect, parameters_from: str, orders_as: str
    ) -> None:
        set_(sandbox, parameters_from=parameters_from, orders_as=orders_as)
        ids = [int(row["id"]) for row in everything(sentos(page_size=10))]
        assert ids == sorted(int(o["id"]) for o in sandbox.sentos.state()["orders"])
        assert len(ids) > 20

    def test_orders_that_left_the_list_meanwhile_do_not_hide_another(self, sandbox: Sandbox, sentos: Connect) -> None:
        first = min(int(o["id"]) for o in sandbox.sentos.state()["orders"])
        fault(sandbox, LIST, "between", after=1, change={"delete_orders": [str(first)]})
        ids = {int(row["id"]) for row in everything(sentos(page_size=10))}
        assert {int(o["id"]) for o in sandbox.sentos.state()["orders"]} <= ids

    def test_orders_that_are_updated_meanwhile_do_not_stop_the_reading(self, sandbox: Sandbox, sentos: Connect) -> None:
        fault(sandbox, LIST, "drift", by=3, after=1, times=1000)
        ids = {int(row["id"]) for row in everything(sentos(page_size=10), by="updated")}
        assert ids == {int(o["id"]) for o in sandbox.sentos.state()["orders"]}

    def test_orders_that_leave_at_every_reading_are_not_taken_for_all(self, scripted: Any) -> None:
        page = '{"page": 1, "total_elements": %d, "data": [{"id": 1}]}'
        client, _ = scripted(answer(200, page % 3), page_size=1)
        with pytest.raises(NotReadWhole, match="of 3"):
            everything(client)

    @pytest.mark.parametrize("ids_at", ["nested", "top"])
    @pytest.mark.parametrize("status", [200, 201])
    def test_the_number_of_a_new_order_may_be_at_either_place(
        self, sandbox: Sandbox, sentos: Connect, ids_at: str, status: int
    ) -> None:
        set_(sandbox, ids_at=ids_at, create_status=status)
        client = sentos()
        number = client.create_order(order_body(order_id="shopify-7"), "an order")
        there = client.order(number)
        assert there is not None
        assert there["order_id"] == "shopify-7"

    def test_a_success_with_errors_and_no_order_is_an_order_not_made(self, sandbox: Sandbox, sentos: Connect) -> None:
        fault(sandbox, CREATE, "not_done")
        with pytest.raises(NotMade, match="Sipariş kaydedilemedi"):
            sentos().create_order(order_body(), "an order")
        assert len(sandbox.calls("sentos")) == 1

    @pytest.mark.parametrize("body", ["{}", '{"order": []}', '{"order": {"id": 0}, "errors": []}', '{"message": "Tamam"}', "[]"])
    def test_a_success_that_says_neither_leaves_open_whether_it_was_made(self, scripted: Any, body: str) -> None:
        client, server = scripted(answer(200, body))
        with pytest.raises(Transient):
            client.create_order(order_body(), "an order")
        assert len(server.heard) == 1

    def test_what_is_wrong_with_an_order_is_told(self, sandbox: Sandbox, sentos: Connect) -> None:
        with pytest.raises(Permanent, match="payment_method") as failed:
            sentos().create_order(order_body(payment_method="CREDIT_CARD"), "an order")
        assert failed.value.status == 422

    def test_a_change_with_errors_is_none(self, sandbox: Sandbox, sentos: Connect) -> None:
        client = sentos()
        number = client.create_order(order_body(), "an order")
        fault(sandbox, "PUT /api/orders/*", "not_done")
        with pytest.raises(NotMade, match="güncellenemedi"):
            client.update_order(number, {"status": 6}, "its state")

    def test_prices_go_digit_by_digit(self, sandbox: Sandbox, sentos: Connect) -> None:
        lines = [{"warehouse_id": 1, "sku": "A", "name": "A", "quantity": 3, "price": Decimal("0.1")}]
        sentos().create_order(order_body(lines=lines, shipping_total=Decimal("0.20")), "an order")
        assert sandbox.sentos.state()["orders"][-1]["total"] == Decimal("0.50")

    def test_an_order_that_is_not_there_is_none(self, sandbox: Sandbox, sentos: Connect) -> None:
        assert sentos().order(987654) is None

    @pytest.mark.parametrize("channels_as", ["array", "data", "content", "items", "channels"])
    def test_channels_come_wrapped_in_many_ways(self, sandbox: Sandbox, sentos: Connect, channels_as: str) -> None:
        set_(sandbox, channels_as=channels_as)
        assert 3 in sentos().channels()


class TestValues:
    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("29.9", "29.9"),
            ("29,90", "29.90"),
            ("1.299,90", "1299.90"),
            ("1,299.90", "1299.90"),
            ("1.299.000,50", "1299000.50"),
            (" 12 ", "12"),
            ("0", "0"),
            ("-4", "-4"),
            ("-1.299,90", "-1299.90"),
            ("1299,9", "1299.9"),
            ("0,05", "0.05"),
            (1200, "1200"),
            (Decimal("1.2E+3"), "1200"),
        ],
    )
    def test_an_amount_in_any_spelling(self, written: Any, meant: str) -> None:
        assert amount(written) == Decimal(meant)

    @pytest.mark.parametrize("nothing", [None, "", "  "])
    def test_no_amount_is_none(self, nothing: Any) -> None:
        assert amount(nothing) is None

    @pytest.mark.parametrize(
        "written",
        [
            *("abc", "12 TL", "₺12", "1 299,90", "NaN", "Infinity", "1e3", "--4", "4-", ".", ",5", "٣", "12,34,56"),
            *("1.299.000", "1,299,000", "1.29,900.5", "1234.567,89", "1.2345,6", "1,299.900,50", {"a": 1}, [1], "+5"),
        ],
    )
    def test_what_is_not_clearly_one_amount_is_refused(self, written: Any) -> None:
        with pytest.raises(ValueError, match="is not an amount"):
            amount(written)

    def test_an_id_is_a_number_its_text_or_in_an_object(self) -> None:
        assert [identifier(each) for each in (7, "7", {"id": 7}, {"id": "7", "name": "Merkez"})] == [7] * 4
        for wrong in (None, True, "", "x", {}, "1.5"):
            with pytest.raises(ValueError, match=r"id|int"):
                identifier(wrong)

    def test_times_are_turkeys_which_knows_no_summer_time(self) -> None:
        for month in (1, 7):
            moment = datetime(2026, month, 5, 22, 30, tzinfo=UTC)
            assert written_time(moment) == f"2026-0{month}-06 01:30:00"
            assert read_time(written_time(moment)) == moment
        assert read_time("2026-01-06 01:30:00.000000") == datetime(2026, 1, 5, 22, 30, tzinfo=UTC)

    def test_the_sandboxs_amounts_are_read_as_what_they_are(self, sandbox: Sandbox, sentos: Connect) -> None:
        truth = {int(o["id"]): o["total"] for o in sandbox.sentos.state()["orders"]}
        shown = {int(o["id"]): o["total"] for o in everything(sentos())}
        assert {type(total) for total in shown.values()} >= {str}, "spelt in several ways"
        assert {number: amount(total) for number, total in shown.items()} == truth


def test_twelve_writes_a_minute_are_used_to_the_full_and_none_is_refused(limited: Sandbox) -> None:
    set_(limited, window_seconds=1000)
    client = within_limits(limited, window_seconds=1.0)
    began = time.monotonic()
    for n in range(61):
        client.create_order(order_body(order_id=f"shopify-{n}"), "an order")
    assert refused(limited) == 0
    assert time.monotonic() - began < 5.0 / 0.98 + 0.1, "five windows, of which 98 % are used"
    sent = [call["at"] for call in limited.calls("sentos")]
    assert all(one <= other for one, other in pairwise(sent))
