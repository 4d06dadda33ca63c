"""Telling a person: one command or one webhook hears of a run that failed or was stopped, and of the first good one after."""

from __future__ import annotations

import json
import logging
import shlex
import subprocess
import sys
from typing import Any, Literal
from urllib.parse import urlsplit

from sync_pipelines.credentials import redact
from sync_pipelines.settings import LOOPBACK, AlertSettings, SettingsError, sandbox_on

log = logging.getLogger(__name__)

Event = Literal["failed", "stopped", "incomplete", "recovered"]
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
    body: dict[str, Any] = {"event": event, "pipeline": pipeline, "run": run, "message": redact(message)[:1000]}
    told = False
    if settings.command:
        try:
            subprocess.run(  # noqa: S603 - the command is the merchant's own setting
                shlex.split(settings.command), input=json.dumps(body), text=True, check=True, capture_output=True, timeout=TIMEOUT
            )
            told = True
        except (OSError, ValueError, subprocess.SubprocessError) as e:
            _complain(f"the alert command failed: {e}")
    if settings.webhook:
        told = _post(settings.webhook, body) or told
    return told


def _complain(text: str) -> None:
    log.error("%s", redact(text))
    print(redact(text), file=sys.stderr)  # noqa: T201 - the disk of the log may be full


def _post(address: str, body: dict[str, Any]) -> bool:
    import requests

    from sync_pipelines import transfer

    try:
        host = urlsplit(address).hostname
    except ValueError:
        _complain("the alert webhook is not an address")  # which is not shown: it may hold a key
        return False
    if sandbox_on() and host not in LOOPBACK:
        _complain(f"the alert webhook {host} is not on loopback; while the sandbox is on it is not called")
        return False
    try:
        transfer.due(TIMEOUT)
        with (
            transfer.session("sync_pipelines") as session,
            session.post(address, json=body, timeout=TIMEOUT, allow_redirects=False, stream=True) as reply,
        ):
            reply.raise_for_status()
    except (requests.RequestException, TimeoutError) as e:
        _complain(f"the alert webhook at {host} failed: {type(e).__name__}")
        return False
    return True
