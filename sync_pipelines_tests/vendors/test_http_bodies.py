"""Replies that come late, in part, or as something else; and numbers that arrive digit by digit."""

import gzip
import socket
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipelines import transfer
from sync_pipelines.vendors.failures import NeverSent, NoReply, Permanent, Reply, Transient, VendorError
from sync_pipelines.vendors.http import Http, encoded
from sync_pipelines_tests.vendors.conftest import ScriptedServer, answer

Serve = Callable[..., ScriptedServer]
Client = Callable[..., Http]

LONG = Decimal("0.12345678901234567890123456789012345678901234567890")
BIG = 123456789012345678901234567890


def failure(http: Http, **options: Any) -> VendorError:
    with pytest.raises(VendorError) as failed:
        http.request("GET", "/thing", what="the thing", **{"tries": 1, **options})
    return failed.value


class TestNoAnswer:
    @pytest.mark.parametrize(
        "said",
        [
            answer(200, '{"items": [', Content_Length="400"),
            answer(200, "5\r\nhello\r\n", Transfer_Encoding="chunked"),
            answer(200, b"no gzip", Content_Encoding="gzip"),
            answer(200, gzip.compress(b"x" * 100)[:-12], Content_Encoding="gzip", Content_Length="400"),
            answer(200, b"\xff\xfe\x00"),
            b"this is not HTTP\r\n\r\n",
            b"",
        ],
        ids=["cut", "cut chunks", "not gzip", "cut gzip", "not UTF-8", "not HTTP", "hung up"],
    )
    def test_a_cut_or_unreadable_reply_is_no_reply(self, serve: Serve, client: Client, said: bytes) -> None:
        assert type(failure(client(serve(said)))) is NoReply

    def test_a_cut_reply_to_a_read_is_asked_for_again(self, serve: Serve, client: Client) -> None:
        server = serve(answer(200, "1", Content_Length="9"), answer(200, "whole"))
        assert client(server).request("GET", "/", what="it").text == "whole"
        assert len(server.heard) == 2

    def test_nobody_listening_is_never_sent(self, client: Client) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            http = client(f"http://127.0.0.1:{unused.getsockname()[1]}")
            assert type(failure(http)) is NeverSent

    def test_no_answer_in_time_is_no_reply(self, serve: Serve, client: Client) -> None:
        assert type(failure(client(serve([30.0]), timeout=0.2))) is NoReply

    def test_a_body_that_stops_in_the_middle_is_no_reply(self, serve: Serve, client: Client) -> None:
        server = serve([answer(200, "1234", Content_Length="8"), 30.0, b"5678"])
        assert type(failure(client(server, timeout=0.2))) is NoReply

    def test_regression_a_body_that_drips_is_given_up_when_its_time_is_over(self, serve: Serve, client: Client) -> None:
        """The timeout is for the whole reply, first byte to last, and not for each drop of it."""
        drops: list[bytes | float] = [answer(200, b"", Content_Length="400")]
        for _ in range(400):
            drops += [b"x", 0.05]
        begun = time.monotonic()
        assert type(failure(client(serve(drops), timeout=0.3))) is NoReply
        assert time.monotonic() - begun < 10

    def test_a_large_body_that_drips_is_given_up_when_its_time_is_over(self, serve: Serve, client: Client) -> None:
        drops: list[bytes | float] = [answer(200, b"", Content_Length=str(400 << 16))]
        for _ in range(400):
            drops += [b"x" * (1 << 16), 0.05]
        begun = time.monotonic()
        assert type(failure(client(serve(drops), timeout=0.3))) is NoReply
        assert time.monotonic() - begun < 10

    def test_regression_a_head_that_drips_is_given_up_when_its_time_is_over(self, serve: Serve, client: Client) -> None:
        drops: list[bytes | float] = [b"HTTP/1.1 200 Said\r\n"]
        for number in range(400):
            drops += [f"X-{number}: y\r\n".encode(), 0.05]
        begun = time.monotonic()
        assert type(failure(client(serve(drops), timeout=0.3))) is NoReply
        assert time.monotonic() - begun < 10


class TestSize:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transfer, "LARGEST_REPLY", 1 << 20)

    @pytest.mark.parametrize(
        "said",
        [
            answer(200, gzip.compress(b"0" * (64 << 20)), Content_Encoding="gzip"),
            [answer(200, b"", Content_Length=str(1 << 40)), b"x" * (4 << 20)],
        ],
        ids=["packed", "endless"],
    )
    def test_regression_a_reply_beyond_reason_ends_the_read_and_is_not_asked_for_again(
        self, serve: Serve, client: Client, said: bytes
    ) -> None:
        server = serve(said)
        error = failure(client(server), tries=6)
        assert type(error) is Permanent
        assert "larger than 1 MB" in str(error)
        assert len(server.heard) == 1

    def test_what_became_of_a_write_with_such_a_reply_is_not_known(self, serve: Serve, client: Client) -> None:
        http = client(serve(answer(200, b"x" * (2 << 20))), writes_on=lambda: True)
        with pytest.raises(NoReply):
            http.request("PATCH", "/thing", what="a write", body=[], tries=1)

    def test_a_line_of_a_file_beyond_reason_ends_it(self, serve: Serve, client: Client) -> None:
        server = serve(answer(200, b"short\n" + b"x" * (2 << 20)))
        with pytest.raises(Permanent, match="too large"), client(server).download(f"{server.url}/file", what="the file") as lines:
            list(lines)

    def test_a_file_may_be_larger_than_a_reply(self, serve: Serve, client: Client) -> None:
        server = serve(answer(200, b"0123456789abcde\n" * (1 << 17)))
        with client(server).download(f"{server.url}/file", what="the file") as lines:
            assert sum(1 for _ in lines) == 1 << 17


class TestSlowFile:
    def test_a_file_may_take_longer_than_a_reply_while_enough_of_it_arrives(self, serve: Serve, client: Client) -> None:
        pieces: list[bytes | float] = [answer(200, b"", Content_Length=str(1000 * 20))]
        for _ in range(20):
            pieces += [b"x" * 999 + b"\n", 0.05]
        server = serve(pieces)
        with client(server, timeout=0.6).download(f"{server.url}/file", what="the file") as lines:
            assert sum(1 for _ in lines) == 20

    def test_regression_a_file_that_drips_is_given_up(self, serve: Serve, client: Client) -> None:
        drops: list[bytes | float] = [answer(200, b"", Content_Length="400")]
        for _ in range(400):
            drops += [b"x", 0.05]
        server = serve(drops)
        begun = time.monotonic()
        with pytest.raises(NoReply), client(server, timeout=0.3).download(f"{server.url}/file", what="the file") as lines:
            list(lines)
        assert time.monotonic() - begun < 10


class TestJson:
    @pytest.mark.parametrize("body", ["<html>Please wait</html>", "", "{", "nothing"])
    def test_a_200_that_is_not_json_is_a_failure(self, serve: Serve, client: Client, body: str) -> None:
        error = failure(client(serve(answer(200, body))), read=Reply.json)
        assert (type(error), error.status) == (Transient, 200)

    def test_regression_json_nested_beyond_reason_is_a_failure_like_any_other(self, serve: Serve, client: Client) -> None:
        assert type(failure(client(serve(answer(200, "[" * 5000))), read=Reply.json)) is Transient

    def test_a_byte_order_mark_is_dropped(self, serve: Serve, client: Client) -> None:
        http = client(serve(answer(200, b'\xef\xbb\xbf{"a": 1}')))
        assert http.request("GET", "/", what="it", read=Reply.json) == {"a": 1}

    def test_big_integers_and_long_decimals_are_received_exactly(self, serve: Serve, client: Client) -> None:
        http = client(serve(answer(200, f'[{BIG}, {LONG}, 4.20, 1.005, 1E-7, "4.20"]')))
        received = http.request("GET", "/", what="it", read=Reply.json)
        assert received == [BIG, LONG, Decimal("4.20"), Decimal("1.005"), Decimal("0.0000001"), "4.20"]
        assert [str(value) for value in received[1:4]] == [str(LONG), "4.20", "1.005"]

    def test_decimals_are_sent_digit_by_digit(self, serve: Serve, client: Client) -> None:
        server = serve(answer(204))
        http = client(server, writes_on=lambda: True)
        body = [{"price": Decimal("4.20"), "long": LONG, "big": BIG, "name": "Öse Ø8"}]
        http.request("PATCH", "/", what="it", body=body)
        assert server.heard[0].body.decode() == f'[{{"price":4.20,"long":{LONG},"big":{BIG},"name":"Öse Ø8"}}]'
        assert server.heard[0].headers["content-type"] == "application/json"

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(10**40), 10**40)
            | st.decimals(-(10**20), 10**20, places=12)
            | st.text(st.characters(exclude_categories=("Cs",))),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcß", max_size=3), inner, max_size=4),
            max_leaves=12,
        )
    )
    def test_what_is_sent_is_what_would_be_received(self, value: Any) -> None:
        received = Reply(200, {}, encoded(value).decode()).json()
        assert repr(received) == repr(value)
