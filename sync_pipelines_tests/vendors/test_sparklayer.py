"""Price lists and prices over a socket: logins, exact numbers, and what may and may not be sent twice."""

import json
import math
import os
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from sync_pipelines.vendors.failures import NoReply, Permanent, RateLimited, Transient, VendorError, WritesOff
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.paging import GoesInCircles
from sync_pipelines.vendors.sparklayer import Price, RowError, RowsRefused, SparkLayer
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings
from sync_pipelines_tests.vendors.conftest import ScriptedServer, answer
from vendor_sandbox import Sandbox
from vendor_sandbox.sparklayer import OTHER_CLIENT_ID, OTHER_CLIENT_SECRET, OTHER_SITE_ID

Connect = Callable[..., SparkLayer]

TOKEN, PATCH, LISTS = "POST /api/auth/token", "PATCH /api/v1/price-lists/*/pricing", "GET /api/v2/price-lists"
PRICES = "GET /api/v1/price-lists/*/pricing"
LIST = "trade-nz"
"""A price list that is empty at first."""


def order(sandbox: Sandbox, on: str, kind: str, **options: Any) -> None:
    sandbox.faults("sparklayer", [{"on": on, "kind": kind, **options}])


def entry(sku: str, *prices: tuple[int, str]) -> dict[str, Any]:
    return {"sku": sku, "pricing": [{"quantity": quantity, "price": Decimal(price)} for quantity, price in prices]}


def stored(sandbox: Sandbox, slug: str = LIST) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.sparklayer.store.lists[slug].prices
    return found


def statuses(sandbox: Sandbox, method: str) -> list[int | None]:
    """The statuses of all calls by this method, without those for a token."""
    calls = [call for call in sandbox.calls("sparklayer") if "auth/token" not in call["path"]]
    return [call["status"] for call in calls if call["method"] == method]


def logins(sandbox: Sandbox) -> int:
    return sum("auth/token" in call["path"] for call in sandbox.calls("sparklayer"))


class TestLogin:
    def test_one_token_serves_many_calls(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        client = sparklayer()
        for _ in range(5):
            client.prices(LIST)
        client.update_prices(LIST, [entry("A", (1, "1.10"))])
        assert logins(sandbox) == 1
        assert client.http.meter.used["sparklayer"] == 7

    def test_a_token_is_renewed_before_it_ends(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        sandbox.sparklayer.change_state({"settings": {"token_seconds": 1}})  # the shortest the sandbox gives: 1 s
        client = sparklayer()
        client.login()
        time.sleep(0.92)
        client.prices(LIST)
        assert logins(sandbox) == 2
        assert statuses(sandbox, "GET") == [204]

    @pytest.mark.parametrize("method", ["GET", "PATCH"])
    def test_a_token_that_is_refused_is_renewed_once(self, sandbox: Sandbox, sparklayer: Connect, method: str) -> None:
        order(sandbox, f"{method} *", "expired_token")
        client = sparklayer()
        if method == "GET":
            client.prices(LIST)
        else:
            client.update_prices(LIST, [entry("A", (1, "1.10"))])
            assert sandbox.sparklayer.state()["writes"] == 1
        assert statuses(sandbox, method) == [401, 200 if method == "POST" else 204]
        assert logins(sandbox) == 2

    def test_a_site_that_refuses_every_token_is_not_asked_for_ever(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        order(sandbox, "GET *", "expired_token", times=100)
        with pytest.raises(Permanent) as failed:
            sparklayer().prices(LIST)
        assert (failed.value.status, logins(sandbox), statuses(sandbox, "GET")) == (401, 2, [401, 401])

    @pytest.mark.parametrize(
        ("changes", "status", "calls"),
        [
            ({"SPARKLAYER_CLIENT_SECRET": "wrong-secret-0123"}, 401, 1),
            ({"SPARKLAYER_SITE_ID": OTHER_SITE_ID}, 401, 1),
            (
                {
                    "SPARKLAYER_SITE_ID": OTHER_SITE_ID,
                    "SPARKLAYER_CLIENT_ID": OTHER_CLIENT_ID,
                    "SPARKLAYER_CLIENT_SECRET": OTHER_CLIENT_SECRET,
                },
                403,
                2,
            ),
        ],
        ids=["wrong secret", "key of another site", "site without the right"],
    )
    def test_a_login_that_is_refused_is_not_tried_again(
        self,
        *,
        sandbox: Sandbox,
        sparklayer: Connect,
        monkeypatch: pytest.MonkeyPatch,
        changes: dict[str, str],
        status: int,
        calls: int,
    ) -> None:
        for name, value in changes.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(Permanent) as failed:
            sparklayer().prices(LIST)
        assert failed.value.status == status
        assert len(sandbox.calls("sparklayer")) == calls
        assert "wrong-secret-0123" not in str(failed.value)

    def test_a_token_never_shows_in_an_error(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        client = sparklayer()
        client.login()
        token = next(iter(sandbox.sparklayer._tokens))
        order(sandbox, "GET *", "status", status=400, body=f"token {token} is odd")
        with pytest.raises(Permanent, match="is odd") as failed:
            client.prices(LIST)
        assert token not in str(failed.value)


class TestReading:
    def test_a_list_without_prices_is_empty(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        assert sparklayer().prices(LIST) == []
        assert statuses(sandbox, "GET") == [204]

    def test_a_list_that_is_not_there_is_not_empty(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        with pytest.raises(Permanent) as failed:
            sparklayer().prices("no-such-list")
        assert failed.value.status == 404

    def test_price_lists_come_page_by_page(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        more = [{"slug": f"l{n:03d}", "name": f"List {n:03d}", "currency_code": "eur"} for n in range(260)]
        sandbox.sparklayer.change_state({"create": more})
        lists = sparklayer().price_lists()
        assert {each.slug for each in lists} == set(sandbox.sparklayer.store.lists)
        assert len(lists) == 264
        assert [call["query"]["page"] for call in sandbox.calls("sparklayer")[1:]] == ["1", "2"]
        assert {each.currency for each in lists} == {"AUD", "NZD", "EUR"}

    def test_regression_pages_of_lists_that_repeat_are_not_read_for_ever(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        body = {"data": [{"slug": "wholesale"}], "pagination": {"total_pages": 10_000}}
        order(sandbox, LISTS, "status", status=200, body=body, times=50)
        with pytest.raises(GoesInCircles, match="sparklayer: price lists"):
            sparklayer().price_lists()
        assert statuses(sandbox, "GET") == [200, 200]

    @pytest.mark.parametrize("flawed", [{"price": math.nan}, {"price": 2, "note": "\ud83d"}])
    def test_regression_a_value_that_nothing_can_hold_makes_its_row_a_problem_and_no_other(
        self, serve: Callable[..., ScriptedServer], monkeypatch: pytest.MonkeyPatch, flawed: dict[str, Any]
    ) -> None:
        rows = [{"sku": "A", "quantity": 1, "price": 1.5}, {"sku": "B", "quantity": 1, **flawed}]
        server = serve(answer(200, '{"access_token": "a-token-0123"}'), answer(200, json.dumps(rows)))
        monkeypatch.setenv("SPARKLAYER_URL", server.url)
        monkeypatch.setenv("SPARKLAYER_SITE_ID", "site")
        monkeypatch.setenv("SPARKLAYER_CLIENT_ID", "client-id-0123")
        monkeypatch.setenv("SPARKLAYER_CLIENT_SECRET", "client-secret-0123")
        fine, bad = SparkLayer.connect(SparkLayerSettings.read(), CallMeter()).prices(LIST)
        assert (fine.price, fine.problem) == (Decimal("1.5"), None)
        assert bad.problem
        assert bad.price in (None, 2)

    def test_rows_are_read_exactly_with_what_nobody_here_owns(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        price = Decimal("0.12345678901234567890")
        rows = [
            {"quantity": 1, "price": Decimal("4.20"), "unit_of_measure": "each"},
            {"quantity": 10, "price": 3},
            {"quantity": 100, "price": price},
        ]
        sandbox.sparklayer.change_state({"set": {LIST: {"05300": rows}}})
        found = sparklayer().prices(LIST)
        assert found[0] == Price("05300", 1, Decimal("4.20"), {"unit_of_measure": "each"})
        assert [str(each.price) for each in found] == ["4.20", "3", str(price)]

    @pytest.mark.parametrize(
        "body",
        [
            "a text",
            {},
            {"data": [{"sku": "A", "price": 1}]},
            ["A"],
            [{"sku": "A"}],
            [{"price": 1}],
            [{"sku": "A", "quantity": 1, "price": "4.20"}],
            [{"sku": "A", "quantity": 1, "price": None}],
            [{"sku": "A", "quantity": "many", "price": 1}],
            [{"sku": "A", "quantity": 1.5, "price": 1}],
            [{"sku": "A", "quantity": 1, "price": True}],
        ],
        ids=str,
    )
    def test_regression_prices_of_another_shape_are_a_failure_and_never_an_empty_list(
        self, sandbox: Sandbox, sparklayer: Connect, body: Any
    ) -> None:
        order(sandbox, PRICES, "status", status=200, body=body, times=100)
        with pytest.raises(VendorError):
            sparklayer().prices(LIST)

    @pytest.mark.parametrize("body", ["a text", {}, [], {"data": None}, {"data": [{"name": "no slug"}]}], ids=str)
    def test_regression_price_lists_of_another_shape_are_a_failure(
        self, sandbox: Sandbox, sparklayer: Connect, body: Any
    ) -> None:
        order(sandbox, LISTS, "status", status=200, body=body, times=100)
        with pytest.raises(VendorError):
            sparklayer().price_lists()

    @pytest.mark.parametrize("body", ["a text", {}, [], {"access_token": None}], ids=str)
    def test_regression_a_login_without_a_token_is_a_failure(self, sandbox: Sandbox, sparklayer: Connect, body: Any) -> None:
        order(sandbox, TOKEN, "status", status=200, body=body, times=100)
        with pytest.raises(VendorError):
            sparklayer().login()

    @pytest.mark.parametrize("on", [TOKEN, LISTS, PRICES])
    @pytest.mark.parametrize("kind", ["cut_body", "lost_reply", pytest.param("html", id="regression-html")])
    def test_a_reading_call_that_is_cut_or_is_a_web_page_is_made_again(
        self, sandbox: Sandbox, sparklayer: Connect, on: str, kind: str
    ) -> None:
        order(sandbox, on, kind)
        client = sparklayer()
        assert len(client.price_lists()) == 4
        assert len(client.prices("wholesale")) >= 12


class TestWriting:
    def test_prices_are_sent_digit_by_digit_and_come_back_so(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        client = sparklayer()
        client.update_prices(LIST, [entry("A", (1, "4.20"), (100, "0.12345678901234567890"))])
        assert [str(row["price"]) for row in stored(sandbox)["A"]] == ["4.20", "0.12345678901234567890"]
        assert [str(each.price) for each in client.prices(LIST)] == ["4.20", "0.12345678901234567890"]

    def test_an_entry_without_prices_removes_the_sku_only(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        client = sparklayer()
        client.update_prices(LIST, [entry("A", (1, "1.10")), entry("B", (1, "2.20"))])
        client.update_prices(LIST, [entry("A")])
        assert set(stored(sandbox)) == {"B"}

    def test_a_slug_is_encoded_in_the_path(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        slug = "50% off/A & B #1 ü"
        sandbox.sparklayer.change_state({"create": [{"slug": slug, "name": "Odd", "currency_code": "AUD"}]})
        client = sparklayer()
        client.update_prices(slug, [entry("A/1", (1, "1.10"))])
        assert [each.sku for each in client.prices(slug)] == ["A/1"]
        assert set(stored(sandbox, slug)) == {"A/1"}

    def test_while_writes_are_off_nothing_but_reading_reaches_the_site(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        client = sparklayer(writes_on=False)
        client.prices(LIST)
        with pytest.raises(WritesOff, match="1 SKUs of trade-nz"):
            client.update_prices(LIST, [entry("A", (1, "1.10"))])
        with pytest.raises(WritesOff):
            client.create_price_list("new", "New", "AUD")
        assert {call["method"] for call in sandbox.calls("sparklayer")} == {"POST", "GET"}
        assert (logins(sandbox), stored(sandbox)) == (1, {})

    def test_a_price_list_is_created_once(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        client = sparklayer()
        client.create_price_list("trade-eu", "", "EUR")
        made = next(each for each in client.price_lists() if each.slug == "trade-eu")
        assert (made.name, made.currency, made.source) == ("trade-eu", "EUR", "integration")
        with pytest.raises(Permanent, match="exists"):
            client.create_price_list("trade-eu", "", "EUR")

    @pytest.mark.parametrize("status", [200, 201, 204])
    def test_any_2xx_is_success(self, sandbox: Sandbox, sparklayer: Connect, status: int) -> None:
        sandbox.sparklayer.change_state({"settings": {"patch_status": status}})
        sparklayer().update_prices(LIST, [entry("A", (1, "1.10"))])
        assert set(stored(sandbox)) == {"A"}


class TestRefusals:
    def test_the_rows_that_are_wrong_are_named_by_their_entry(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        entries = [entry("A", (1, "1")), entry("B", (1, "-1")), entry("C", (1, "1")), entry(" ", (1, "1"))]
        with pytest.raises(RowsRefused) as failed:
            sparklayer().update_prices(LIST, entries)
        assert failed.value.rows == [
            RowError(1, "price: must be at least 0"),
            RowError(3, "sku: is required and must be a string"),
        ]
        assert (failed.value.status, stored(sandbox)) == (400, {})

    @pytest.mark.parametrize("body", [[{"message": "no line"}], [{"line": "two", "message": "no line"}]])
    def test_an_error_that_names_no_line_belongs_to_no_entry(self, sandbox: Sandbox, sparklayer: Connect, body: Any) -> None:
        order(sandbox, PATCH, "status", status=400, body=body)
        with pytest.raises(RowsRefused) as failed:
            sparklayer().update_prices(LIST, [entry("A", (1, "1"))])
        assert failed.value.rows == [RowError(None, "no line")]

    def test_regression_what_it_says_of_a_row_does_not_hold_the_secret(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        """A row's message becomes the row's outcome in the ledger."""
        body = [{"line": 1, "message": f"not allowed for {os.environ['SPARKLAYER_CLIENT_SECRET']}"}]
        order(sandbox, PATCH, "status", status=400, body=body)
        with pytest.raises(RowsRefused) as failed:
            sparklayer().update_prices(LIST, [entry("A", (1, "1"))])
        assert failed.value.rows == [RowError(0, "not allowed for ***")]

    @pytest.mark.parametrize("body", ["plain text", [], ["text"], {"title": "Bad Request"}])
    def test_a_400_that_names_no_rows_is_an_ordinary_refusal(self, sandbox: Sandbox, sparklayer: Connect, body: Any) -> None:
        order(sandbox, PATCH, "status", status=400, body=body)
        with pytest.raises(Permanent) as failed:
            sparklayer().update_prices(LIST, [entry("A", (1, "1"))])
        assert type(failed.value) is Permanent

    def test_a_request_that_is_too_large_is_refused_without_another_try(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        sandbox.sparklayer.change_state({"settings": {"max_entries": 1}})
        with pytest.raises(Permanent) as failed:
            sparklayer().update_prices(LIST, [entry("A", (1, "1")), entry("B", (1, "1"))])
        assert (failed.value.status, statuses(sandbox, "PATCH")) == (413, [413])


class TestSentAgainOnlyWhenNothingWasDone:
    def test_a_list_that_is_busy_is_waited_for(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        order(sandbox, PATCH, "status", status=409, times=3)
        client = sparklayer()
        client.update_prices(LIST, [entry("A", (1, "1.10"))])
        assert statuses(sandbox, "PATCH") == [409, 409, 409, 204]
        assert list(client.http.sleep) == sorted(client.http.sleep)
        assert sandbox.sparklayer.state()["effects"] == {LIST: {"A": 1}}

    def test_a_list_that_stays_busy_is_given_up(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        order(sandbox, PATCH, "status", status=409, times=100)
        with pytest.raises(Permanent) as failed:
            sparklayer().update_prices(LIST, [entry("A", (1, "1.10"))])
        assert (failed.value.status, statuses(sandbox, "PATCH")) == (409, [409] * 6)

    def test_a_call_that_came_too_fast_is_sent_again_when_told(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        order(sandbox, PATCH, "rate_limited", retry_after="3")
        client = sparklayer()
        client.update_prices(LIST, [entry("A", (1, "1.10"))])
        assert statuses(sandbox, "PATCH") == [429, 204]
        assert client.http.sleep == pytest.approx([3.05])

    def test_a_wait_of_minutes_is_the_callers_decision(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        order(sandbox, PATCH, "rate_limited", retry_after="600")
        with pytest.raises(RateLimited) as failed:
            sparklayer().update_prices(LIST, [entry("A", (1, "1.10"))])
        assert (failed.value.retry_after, statuses(sandbox, "PATCH")) == (600, [429])

    @pytest.mark.parametrize(
        ("fault", "kind", "landed"),
        [
            ({"kind": "status", "status": 500}, Transient, set()),
            ({"kind": "status", "status": 503, "headers": {"Retry-After": "1"}}, Transient, set()),
            ({"kind": "half"}, Transient, {"A"}),
            ({"kind": "lost_reply"}, NoReply, {"A", "B"}),
            ({"kind": "lost_request"}, NoReply, set()),
        ],
        ids=["500", "503", "half", "lost reply", "lost request"],
    )
    def test_what_may_have_been_done_is_not_sent_again_here(
        self, sandbox: Sandbox, sparklayer: Connect, fault: dict[str, Any], kind: type[VendorError], landed: set[str]
    ) -> None:
        order(sandbox, PATCH, **fault)
        client = sparklayer()
        with pytest.raises(VendorError) as failed:
            client.update_prices(LIST, [entry("A", (1, "1")), entry("B", (1, "1"))])
        assert type(failed.value) is kind
        assert len(statuses(sandbox, "PATCH")) == 1
        assert set(stored(sandbox)) == landed

    def test_a_write_that_is_answered_too_late_is_not_sent_again(
        self, sandbox: Sandbox, sparklayer: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SPARKLAYER_TIMEOUT", "0.3")
        order(sandbox, PATCH, "slow", seconds=5)
        with pytest.raises(NoReply):
            sparklayer().update_prices(LIST, [entry("A", (1, "1"))])
        assert len(statuses(sandbox, "PATCH")) == 1

    def test_regression_a_web_page_is_not_the_success_of_a_write(self, sandbox: Sandbox, sparklayer: Connect) -> None:
        """A 200 with a web page says nothing of the prices: what became of the write is not known."""
        order(sandbox, PATCH, "html")
        with pytest.raises(Transient):
            sparklayer().update_prices(LIST, [entry("A", (1, "1"))])
        assert (len(statuses(sandbox, "PATCH")), stored(sandbox)) == (1, {})
