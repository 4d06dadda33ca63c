"""No secret in an exception, no secret in a log file, whatever the vendor sends back."""

import logging
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from sync_pipelines import logs
from sync_pipelines.credentials import redact, remember
from sync_pipelines.vendors.failures import Reply, VendorError
from sync_pipelines.vendors.http import Http
from sync_pipelines_tests.vendors.conftest import ScriptedServer, answer

Serve = Callable[..., ScriptedServer]
Client = Callable[..., Http]

SECRET = "s3cr3t-0123456789-abcdef"


def written(folder: Path) -> str:
    for handler in logging.getLogger("sync_pipelines").handlers:
        handler.flush()
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()))


@pytest.fixture
def secretive(client: Client) -> Callable[[ScriptedServer], Http]:
    def make(server: ScriptedServer) -> Http:
        remember(SECRET)
        http = client(server)
        http.authorization = f"Bearer {SECRET}"
        return http

    return make


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize(
    "echo",
    [f"you sent {SECRET}", f'{{"authorization": "Bearer {SECRET}"}}', f"Basic {b64encode(f'user:{SECRET}'.encode()).decode()}"],
)
def test_a_vendor_that_repeats_the_token_does_not_get_it_into_message_or_log(
    serve: Serve, secretive: Callable[[ScriptedServer], Http], log_folder: Path, status: int, echo: str
) -> None:
    logs.set_up(log_folder)
    with pytest.raises(VendorError) as failed:
        secretive(serve(answer(status, echo))).request("GET", "/", what="it", tries=2)
    logging.getLogger("sync_pipelines.vendors.catsy").error("it failed", exc_info=failed.value)
    assert "it failed" in written(log_folder)
    assert "***" in str(failed.value)
    assert echo not in str(failed.value) + written(log_folder)
    assert SECRET not in str(failed.value) + written(log_folder)


@pytest.mark.parametrize("said", [f"{SECRET} is not JSON", f"<html>Bearer {SECRET}</html>"])
def test_a_200_that_is_not_json_does_not_get_it_there_either(
    serve: Serve, secretive: Callable[[ScriptedServer], Http], said: str
) -> None:
    with pytest.raises(VendorError) as failed:
        secretive(serve(answer(200, said))).request("GET", "/", what="it", tries=1, read=Reply.json)
    assert SECRET not in str(failed.value)


def test_a_token_nobody_remembered_is_known_by_the_word_before_it(serve: Serve, client: Client) -> None:
    with pytest.raises(VendorError) as failed:
        client(serve(answer(400, "bad header Authorization: Bearer abc.def-123="))).request("GET", "/", what="it")
    assert "abc.def-123" not in str(failed.value)


def test_log_lines_say_when_how_bad_and_which_room(log_folder: Path) -> None:
    logs.set_up(log_folder)
    logging.getLogger("sync_pipelines.vendors.catsy").info("page 3 for jane.doe@example.com")
    logging.getLogger("sync_pipelines.delivery.ledger").debug("only for the debug file")
    info = (log_folder / "sync_info.log").read_text(encoding="utf-8")
    assert "Z INFO [CATSY] page 3 for ***@***" in info
    assert "only for" not in info
    assert "DEBUG [DELIVERY] only for the debug file" in (log_folder / "sync_debug.log").read_text(encoding="utf-8")


def test_opening_the_logs_again_writes_each_line_once(log_folder: Path) -> None:
    logs.set_up(log_folder)
    logs.set_up(log_folder)
    logging.getLogger("sync_pipelines").info("one line")
    assert (log_folder / "sync_info.log").read_text(encoding="utf-8").count("one line") == 1


def test_regression_a_secret_that_begins_with_another_secret_goes_whole() -> None:
    """A client id "shop" and a client secret "shop-…" must not leave the end of the secret behind."""
    for number in range(20):
        remember(f"client-{number:04d}")
        remember(f"client-{number:04d}-tail-of-the-secret")
    assert "tail" not in redact(" ".join(f"client-{number:04d}-tail-of-the-secret" for number in range(20)))


def test_regression_a_long_word_is_redacted_in_no_time() -> None:
    """Looking for mail addresses took a time that grows with the square of the longest word: a minute for 100 kB."""
    begun = time.monotonic()
    assert redact("x" * 100_000 + " jane.doe@example.com").endswith("x ***@***")
    assert time.monotonic() - begun < 10


def test_regression_a_secret_at_the_end_of_the_quotation_goes_whole(serve: Serve, client: Client) -> None:
    """A reply is quoted in part; the cut may fall into a secret and must not keep the first half of it."""
    remember(SECRET)
    with pytest.raises(VendorError) as failed:
        client(serve(answer(400, "." * 280 + SECRET))).request("GET", "/", what="it")
    assert "s3cr3t" not in str(failed.value)


def test_regression_half_a_secret_in_a_reply_that_is_not_json(serve: Serve, client: Client) -> None:
    remember(SECRET)
    with pytest.raises(VendorError) as failed:
        client(serve(answer(200, "." * 180 + SECRET))).request("GET", "/", what="it", tries=1, read=Reply.json)
    assert "s3cr3t" not in str(failed.value)


@pytest.mark.parametrize("token", ["first-half\nsecond-half", "zero\u200bwidth-second-half"])
def test_regression_a_token_that_no_header_can_hold_is_refused_once_without_showing_it(
    serve: Serve, client: Client, token: str
) -> None:
    """Pasted in two lines, or with an invisible character: nothing is sent, and trying again cannot help."""
    server = serve(answer())
    http = client(server)
    remember(token)
    http.authorization = f"Bearer {token}"
    with pytest.raises(VendorError) as failed:
        http.request("GET", "/", what="it")
    assert "second-half" not in str(failed.value)
    assert (len(http.sleep), server.heard) == (0, [])
