"""Secrets by name, from the environment; and the one function that takes them out of a text again."""

from __future__ import annotations

import os
import re

from sync_pipelines.errors import SyncError
from sync_pipelines.settings import home

_known: set[str] = set()

_PERSONAL = re.compile(r"[\w.+-]{1,64}@(?![\w-]+\.iam\.gserviceaccount\.com\b)[\w-]+\.[\w.]+")
"""A mail address. That of a service account is nobody's, and people need it: a spreadsheet is shared with it."""
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+")


class CredentialMissing(SyncError):
    """A secret is not set; the message names the variables that may hold it."""


def secret(*names: str) -> str:
    """The first of these environment variables that is set. Raises CredentialMissing."""
    for name in names:
        value = os.environ.get(name, "").strip()
        if value:
            remember(value)
            return value
    raise CredentialMissing(
        f"{' or '.join(names)} is not set. Put it into {home() / '.env'} (sync-pipelines init asks for it) or export it."
    )


def remember(value: str) -> None:
    """Keep a secret (a fetched token, say) out of every text from now on."""
    if len(value) >= 4:
        _known.add(value)


def redact(text: str) -> str:
    """The text without secrets that were read or fetched, authorization values and mail addresses."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, "***")
    return _PERSONAL.sub("***@***", _BEARER.sub(r"\1 ***", text))
