"""What a status stands for, how long is waited, how often is tried."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync_pipelines.vendors.failures import HostRefused, Permanent, RateLimited, Transient, VendorError, retry_after
from sync_pipelines.vendors.http import Http
from sync_pipelines_tests.vendors.conftest import ScriptedServer, answer

Serve = Callable[..., ScriptedServer]
Client = Callable[..., Http]


def get(http: Http, **options: Any) -> Any:
    return http.request("GET", "/thing", what="the thing", **options)


def failure(http: Http, **options: Any) -> VendorError:
    with pytest.raises(VendorError) as failed:
        get(http, **options)
    return failed.value


class TestStatuses:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    def test_any_2xx_is_a_reply(self, serve: Serve, client: Client, status: int) -> None:
        assert get(client(serve(answer(status)))).status == status

    @pytest.mark.parametrize(
        ("kind", "statuses"),
        [
            (Permanent, (400, 401, 403, 404, 405, 409, 413, 422)),
            (Transient, (408, 500, 502, 503, 504, 599)),
            (RateLimited, (429,)),
            (HostRefused, (301, 302, 303, 307, 308)),
        ],
    )
    def test_each_failure_has_one_class(
        self, serve: Serve, client: Client, kind: type[VendorError], statuses: tuple[int, ...]
    ) -> None:
        for status in statuses:
            error = failure(client(serve(answer(status, "what they say"))), tries=1)
            assert (type(error), error.status, error.body) == (kind, status, "what they say")

    def test_the_message_says_what_was_attempted_and_what_was_said(self, serve: Serve, client: Client) -> None:
        error = failure(client(serve(answer(400, "limit must be a number"))))
        assert "catsy: the thing: status 400: limit must be a number" in str(error)
        assert "sync-pipelines validate" in str(failure(client(serve(answer(401)))))


class TestRetryAfter:
    @pytest.mark.parametrize(("told", "nap"), [("2", 2.05), ("0.25", 0.3), ("0", 0.05), ("120", 120.05)])
    @pytest.mark.parametrize("status", [429, 503])
    def test_seconds_and_fractions_are_waited(self, serve: Serve, client: Client, status: int, told: str, nap: float) -> None:
        http = client(serve(answer(status, Retry_After=told), answer()))
        assert get(http).status == 200
        assert http.sleep == pytest.approx([nap])

    def test_an_http_date_is_waited_for(self, serve: Serve, client: Client) -> None:
        then = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
        http = client(serve(answer(429, Retry_After=then), answer()))
        get(http)
        assert 28 < http.sleep[0] <= 30.05

    def test_a_date_that_is_over_is_no_wait(self, serve: Serve, client: Client) -> None:
        http = client(serve(answer(429, Retry_After="Fri, 31 Dec 1999 23:59:59 GMT"), answer()))
        get(http)
        assert http.sleep == pytest.approx([0.05])

    @pytest.mark.parametrize("told", ["121", "86400", "9" * 400, "Fri, 31 Dec 2999 23:59:59 GMT"])
    @pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, Transient)])
    def test_a_wait_that_is_too_long_is_the_callers_decision_at_once(
        self, serve: Serve, client: Client, status: int, kind: type[VendorError], told: str
    ) -> None:
        server = serve(answer(status, Retry_After=told))
        http = client(server)
        error = failure(http)
        assert (type(error), http.sleep, len(server.heard)) == (kind, [], 1)
        assert error.retry_after is not None
        assert error.retry_after > 120

    @pytest.mark.parametrize("told", ["soon", "-5", "", "1e3", "1,5"])
    def test_what_cannot_be_read_counts_as_not_said(self, serve: Serve, client: Client, told: str) -> None:
        http = client(serve(answer(429, Retry_After=told), answer()))
        get(http)
        assert 0.5 <= http.sleep[0] <= 1.0

    def test_regression_a_date_with_an_impossible_zone_counts_as_not_said(self) -> None:
        assert retry_after({"Retry-After": "Mon, 20 Nov 1995 19:12:08 +99999999999999999999"}) is None

    @given(st.text())
    @example("Mon, 20 Nov 99999 19:12:08 GMT")
    @example("Mon, 20 Nov 1995 19:12:08 +9999")
    def test_no_header_ever_breaks_the_reading_of_it(self, told: str) -> None:
        found = retry_after({"retry-after": told})
        assert found is None or found >= 0

    @given(st.floats(0, 1e6).map(lambda seconds: f"{seconds:.3f}"))
    def test_any_number_of_seconds_is_read_as_it_stands(self, told: str) -> None:
        assert retry_after({"Retry-After": f" {told} "}) == float(told)


class TestTries:
    def test_a_transient_failure_is_tried_until_it_is_over(self, serve: Serve, client: Client) -> None:
        server = serve(answer(503), answer(502), answer(200, "fine"))
        http = client(server)
        assert get(http).text == "fine"
        assert len(server.heard) == 3

    def test_it_is_given_up_after_six_calls_with_longer_and_longer_waits(self, serve: Serve, client: Client) -> None:
        server = serve(answer(503))
        http = client(server)
        assert type(failure(http)) is Transient
        assert len(server.heard) == 6
        assert all(least <= nap <= least + 0.5 for nap, least in zip(http.sleep, (0.5, 1, 2, 4, 8), strict=True))

    @pytest.mark.parametrize("status", [302, 400, 401, 404])
    def test_what_would_be_said_again_is_asked_once(self, serve: Serve, client: Client, status: int) -> None:
        server = serve(answer(status))
        failure(client(server))
        assert len(server.heard) == 1

    def test_a_write_that_is_not_safe_to_repeat_is_sent_once(self, serve: Serve, client: Client) -> None:
        server = serve(answer(500))
        http = client(server, writes_on=lambda: True)
        with pytest.raises(Transient):
            http.request("PATCH", "/thing", what="a write", body=[], retry=lambda e: isinstance(e, RateLimited))
        assert len(server.heard) == 1

    def test_what_the_reader_of_a_reply_raises_is_tried_again(self, serve: Serve, client: Client) -> None:
        http = client(serve(answer(200, "<html>"), answer(200, '{"a": 1}')))
        assert get(http, read=lambda reply: reply.json()) == {"a": 1}

    def test_the_meter_counts_every_try_and_every_refusal(self, serve: Serve, client: Client) -> None:
        http = client(serve(answer(429, Retry_After="0"), answer(503), answer(429), answer()))
        get(http)
        assert http.meter.shown() == {
            "used": 4,
            "minimum": 0,
            "by_vendor": {"catsy": {"used": 4, "minimum": 0, "rate_limited": 2}},
        }

    def test_after_the_deadline_nothing_is_tried_again(self, serve: Serve, client: Client) -> None:
        server = serve(answer(503))
        failure(client(server, deadline=0.0))
        assert len(server.heard) == 1

    def test_regression_no_wait_reaches_beyond_the_deadline(self, serve: Serve, client: Client) -> None:
        """The deadline holds for the call with all its waits: a wait that cannot end in time is not begun."""
        server = serve(answer(429, Retry_After="100"))
        http = client(server, deadline=10.0)
        assert type(failure(http)) is RateLimited
        assert (http.sleep, len(server.heard)) == ([], 1)
