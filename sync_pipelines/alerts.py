"""Tell people when a run fails or is stopped, and when the next one ends well: by a command, a webhook, a service of apprise."""

from __future__ import annotations

import json
import logging
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from sync_pipelines.credentials import redact, remember
from sync_pipelines.settings import LOOPBACK, AlertSettings, SettingsError, sandbox_on

log = logging.getLogger(__name__)

Event = Literal["failed", "stopped", "incomplete", "recovered", "test"]
TIMEOUT = 15.0


def alert(event: Event, pipeline: str, run: str, message: str) -> bool:
    """Tell whoever the settings name. Returns whether somebody was told.

    A run does not fail because nobody could be told; that is logged as an error, and said on standard error.
    """
    try:
        settings = AlertSettings.read()
    except SettingsError as e:
        _complain(f"nobody can be told of this: {e}")
        return False
    told = [_reach(place) for place in _places(settings, _body(event, pipeline, run, message))]
    for each in told:
        if not each.arrived:
            _complain(each.why)
    return any(each.arrived for each in told)


@dataclass(frozen=True)
class Told:
    """Whether a message arrived at a place, and if not, why."""

    place: str
    arrived: bool
    why: str


def send_test() -> tuple[Told, ...]:
    """Send a test message to every place that the settings name. Raises SettingsError."""
    message = "This is a test. Somebody ran: sync-pipelines alerts test"
    return tuple(_reach(place) for place in _places(AlertSettings.read(), _body("test", "", "", message)))


def _body(event: Event, pipeline: str, run: str, message: str) -> dict[str, Any]:
    return {"event": event, "pipeline": pipeline, "run_id": run, "run": run, "message": redact(message)[:1000]}


class NotTold(Exception):
    """A message did not arrive; the text says where and why, without a secret."""


_Place = tuple[str, Callable[[], None]]
"""What a place is called, and what sends the message there. It raises NotTold."""


def _places(settings: AlertSettings, body: dict[str, Any]) -> Iterator[_Place]:
    if settings.command:
        yield "ALERT_COMMAND", partial(_run, settings.command, body)
    if settings.webhook:
        yield "ALERT_WEBHOOK", partial(_post, settings.webhook, body)
    for number, url in enumerate(settings.urls, start=1):
        yield f"ALERT_URLS, address {number}", partial(_notify, number, url, body)


def _reach(place: _Place) -> Told:
    name, send = place
    try:
        send()
    except NotTold as e:
        return Told(name, arrived=False, why=redact(str(e)))
    return Told(name, arrived=True, why="")


def _run(command: str, body: dict[str, Any]) -> None:
    try:
        subprocess.run(  # noqa: S603 - the command is the merchant's own setting
            shlex.split(command), input=json.dumps(body), text=True, check=True, capture_output=True, timeout=TIMEOUT
        )
    except (OSError, ValueError, subprocess.SubprocessError) as e:
        raise NotTold(f"the alert command failed: {e}") from e


def _complain(text: str) -> None:
    log.error("%s", redact(text))
    print(redact(text), file=sys.stderr)  # noqa: T201 - the disk of the log may be full


def _post(address: str, body: dict[str, Any]) -> None:
    import requests

    from sync_pipelines import transfer

    try:
        host = urlsplit(address).hostname
    except ValueError:
        raise NotTold("the alert webhook is not an address") from None  # which is not shown: it may hold a key
    if sandbox_on() and host not in LOOPBACK:
        raise NotTold(f"the alert webhook {host} is not on loopback; while the sandbox is on it is not called")
    try:
        transfer.due(TIMEOUT)
        with (
            transfer.session("sync_pipelines") as session,
            session.post(address, json=body, timeout=TIMEOUT, allow_redirects=False, stream=True) as reply,
        ):
            reply.raise_for_status()
    except (requests.RequestException, TimeoutError) as e:
        raise NotTold(f"the alert webhook at {host} failed: {type(e).__name__}") from e


_SECRET_FROM = 8
"""Parts of an address with fewer characters are words of it (a channel, a port) rather than keys."""


def _notify(place: int, url: str, body: dict[str, Any]) -> None:
    """Send the message to one address of apprise. `place`: its place in the list, by which it is named: it holds secrets."""
    import apprise
    from apprise.plugins.custom_json import NotifyJSON

    _remember_secrets(url)
    scheme = re.match(r"[A-Za-z0-9]+(?=://)", url)
    name = f"the alert address {place} ({scheme[0] if scheme else 'without ://'})"
    with _messages_of_apprise() as messages:
        asset = apprise.AppriseAsset(app_id="sync_pipelines", app_desc="sync_pipelines", http_redirects=False)
        service = apprise.Apprise.instantiate(url, asset=asset)
        if service is None:
            raise NotTold(f"{name} cannot be used: {'; '.join(messages) or 'apprise does not know it'}")
        if sandbox_on() and not (isinstance(service, NotifyJSON) and service.host in LOOPBACK):
            raise NotTold(f"{name} is not json:// on loopback; while the sandbox is on it is not used")
        title = f"{body['pipeline'] or 'sync_pipelines'}: {body['event']}"
        text = "\n".join(filter(None, (body["message"], body["run"] and f"run {body['run']}")))
        kind = _KINDS[body["event"]]
        if not _in_time(lambda: service.notify(title=title, body=text, notify_type=kind), messages):
            raise NotTold(f"{name} failed: {'; '.join(messages) or 'no answer in time'}")


_KINDS: dict[Event, Literal["failure", "warning", "success", "info"]] = {
    "failed": "failure",
    "stopped": "warning",
    "incomplete": "warning",
    "recovered": "success",
    "test": "info",
}


def _remember_secrets(url: str) -> None:
    """Keep an address and what in it may be a key out of every text: each service has its keys in another part of it."""
    remember(url)
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return
    if parts.password:
        remember(unquote(parts.password))
    words = [parts.username or "", *parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
    if "." not in host and host not in LOOPBACK:  # slack://TOKEN/…
        words.append(parts.netloc.rpartition("@")[2])
    for word in map(unquote, words):
        if len(word) >= _SECRET_FROM:
            remember(word)


def _in_time(send: Callable[[], bool | None], messages: list[str]) -> bool:
    """Whether the message was sent within TIMEOUT. What is slower goes on by itself and keeps no command from ending."""
    answers = []

    def answer() -> None:
        try:
            answers.append(bool(send()))
        except Exception as e:  # noqa: BLE001 - a service may raise anything, and a run does not fail because of it
            messages.append(type(e).__name__)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    return answers == [True]


@contextmanager
def _messages_of_apprise() -> Iterator[list[str]]:
    """What apprise logs as a warning or an error. Nobody else hears it: it may quote the address."""
    messages: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logger, handler = logging.getLogger("apprise"), Kept(logging.WARNING)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # for what a slow service says later
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)
