"""Secrets by name, from the environment; and the one function that takes them out of a text again."""

from __future__ import annotations

import os
import re
from functools import lru_cache

from sync_pipelines import spellings
from sync_pipelines.errors import SyncError
from sync_pipelines.settings import home, misspelt

_known: set[str] = set()

_PERSONAL = re.compile(r"[\w.+-]{1,64}@(?![\w-]+\.iam\.gserviceaccount\.com\b)[\w-]+\.[\w.]+")
"""A mail address. That of a service account is nobody's, and people need it: a spreadsheet is shared with it."""
_BEARER = re.compile(r"(?i)\b(bearer|basic)(\s+)([\w.~+/=*-]+)")
_WORD = r"(?:[A-Za-z]?[a-z]{1,15}|[A-Z]{1,15})"
_WORDS = re.compile(rf"{_WORD}(?:[-_/.]{_WORD})*[=.]?|\d{{1,6}}\.?")
"""What follows "bearer" or "basic" in a sentence ("a bearer token is needed", `Bearer realm="api"`), not in a header."""


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
        f"{misspelt(names[0])}"
    )


def remember(value: str) -> None:
    """Keep a secret (a fetched token, say) out of every text from now on."""
    if len(value) >= 4:
        _known.add(value)


def redact(text: str) -> str:
    """The text without secrets that were read or fetched, in any spelling, authorization values and mail addresses."""
    if _known:
        text = _spelt(frozenset(_known)).sub("***", text)
    return _PERSONAL.sub("***@***", _BEARER.sub(_without_value, text))


@lru_cache(maxsize=1)
def _spelt(secrets: frozenset[str]) -> re.Pattern[str]:
    """Longest first: a secret may begin with another one."""
    return re.compile("|".join(spellings.pattern(s) for s in sorted(secrets, key=len, reverse=True)))


def _without_value(found: re.Match[str]) -> str:
    scheme, space, value = found.groups()
    return found[0] if _WORDS.fullmatch(value) else f"{scheme}{space}***"
