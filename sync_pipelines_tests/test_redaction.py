"""A secret goes out of a text in whatever spelling a vendor repeats it, and ordinary words stay."""

from __future__ import annotations

import html
import json
import re
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from itertools import product
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipelines import credentials
from sync_pipelines.credentials import redact, remember

SECRETS = ["s3cr3t-0123456789-abcdef", 'p&ss/w+rd "ünd" \\ 100%=~', "k>>>???" + "\u00ff" * 6 + "end", "zeile\neins\tzwei\r"]


def lower_hex(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), text)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "url": lambda s: quote(s, safe=""),
    "url in lower case": lambda s: lower_hex(quote(s, safe="")),
    "url with slashes": quote,
    "form": quote_plus,
    "form in lower case": lambda s: lower_hex(quote_plus(s)),
    "url twice": lambda s: quote(quote(s, safe=""), safe=""),
    "json": lambda s: json.dumps(s)[1:-1],
    "json as it is": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "json with escaped slashes": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "json for html": lambda s: json.dumps(s)[1:-1].replace("&", "\\u0026").replace(">", "\\u003E"),
    "json twice": lambda s: json.dumps(json.dumps(s))[1:-1],
    "html": html.escape,
    "html by numbers": lambda s: "".join(c if c.isalnum() else f"&#{ord(c)};" for c in s),
}


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_known", set())


@pytest.mark.parametrize("spelt", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_goes_in_every_spelling(secret: str, spelt: Callable[[str], str]) -> None:
    remember(secret)
    assert redact(f"you sent [{spelt(secret)}], no") in ("you sent [***], no", 'you sent [\\"***\\"], no')


@given(secret=st.text(min_size=8), spelling=st.sampled_from(sorted(SPELLINGS)))
def test_whatever_a_secret_is_made_of_it_goes_in_every_spelling(secret: str, spelling: str) -> None:
    credentials._known.clear()
    remember(secret)
    assert SPELLINGS[spelling](secret) not in redact(f"<{SPELLINGS[spelling](secret)}>")


def test_backslashes_without_end_are_read_in_no_time() -> None:
    secret = "a" + "\\" * 12 + "b-and-more"
    remember(secret)
    begun = time.monotonic()
    assert redact("a" + "\\" * 3000) == "a" + "\\" * 3000
    assert time.monotonic() - begun < 5
    assert redact(json.dumps(secret)) == '"***"'


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("secret", [*SECRETS, "abcd", "abcde", "abcdef", "1234567"])
def test_a_secret_inside_base64_goes_at_every_alignment_with_what_its_neighbours_tell_of_it(
    secret: str, encode: Callable[[bytes], bytes]
) -> None:
    remember(secret)
    raw = secret.encode()
    for before, behind in product((b"", b":", b"u:", b"us:", b"client:"), (b"", b":", b":x", b":xy")):
        encoded = encode(before + raw + behind).decode()
        left = encoded[: len(before) * 8 // 6]
        right = encoded[-(-(len(before) + len(raw)) * 8 // 6) :] if behind else ""
        assert redact(f"<{encoded}>") == f"<{left}***{right}>"
        assert redact(f"<{encoded.rstrip('=')}>") == f"<{left}***{right.rstrip('=')}>"
        assert redact(quote(f"<{encoded}>", safe="")) == quote(f"<{left}***{right}>", safe="*")


def test_what_follows_basic_goes_whole() -> None:
    remember(SECRETS[0])
    assert redact(f"Basic {b64encode(b'client:' + SECRETS[0].encode()).decode()}.") == "Basic ***"


def test_a_short_secret_is_found_as_a_word_and_shreds_no_other() -> None:
    remember("test")
    remember("abc")
    text = "the latest testers abcdef abc contest test_orders 'test' x=%3Atest%26"
    assert redact(text) == "the latest testers abcdef abc contest test_orders '***' x=%3A***%26"


@pytest.mark.parametrize(
    "text",
    [
        "a valid bearer token is needed",
        "Basic authentication is off.",
        'WWW-Authenticate: Bearer realm="api", error="invalid_token"',
        "the bearer client-credentials/token grant",
        "BASIC PLAN: basic 100 calls, bearer tokens.",
    ],
)
def test_regression_words_behind_bearer_and_basic_stay(text: str) -> None:
    """ "a valid bearer token is needed" was shown as "a valid bearer *** is needed"."""
    assert redact(text) == text


@pytest.mark.parametrize("value", ["abc.def-123=", "dXNlcjpwYXNz", "eyJhbGciOi.eyJzdWIi.c2ln", "x1", "0123456789abcdef"])
def test_a_value_behind_bearer_goes_though_nobody_remembered_it(value: str) -> None:
    assert redact(f'"Authorization": "Bearer {value}"') == '"Authorization": "Bearer ***"'


@given(st.text(alphabet=st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=12))
def test_a_word_is_never_taken_for_a_credential(word: str) -> None:
    credentials._known.clear()
    assert redact(f"a bearer {word} is needed") == f"a bearer {word} is needed"
