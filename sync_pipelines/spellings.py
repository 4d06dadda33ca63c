"""A secret in every spelling in which it may come back: plain, URL-encoded, escaped for JSON or HTML, in base64.

A vendor that quotes a request in an error repeats it as it was sent: a header in base64, a form URL-encoded, a body as JSON.
"""

from __future__ import annotations

import html
import re
from base64 import b64encode

SHORT = 8
"""A secret with fewer characters is found as a whole word only: inside longer words it is most likely no secret."""

_JSON = {"\b": "b", "\t": "t", "\n": "n", "\f": "f", "\r": "r"}
_BASE64 = {"+": r"(?:[+-]|%2[Bb])", "/": r"(?:\\*/|_|%2[Ff])"}
_BASE64_CHARACTER = "[A-Za-z0-9+/_-]?"


def pattern(secret: str) -> str:
    """The source of a regular expression that matches the secret in any spelling, also in one that mixes them."""
    # a run of backslashes at once: one after the other, each of them any number, would be tried in every combination
    plain = "".join(_character(part[0], len(part)) for part in re.findall(r"\\+|[^\\]", secret))
    if len(secret) < SHORT:
        plain = rf"(?:(?<!\w)|(?<=%[0-9A-Fa-f]{{2}})|(?<=\\[bfnrt])){plain}(?!\w)"
    raw = secret.encode("utf-8", "surrogateescape")
    return "|".join((plain, *(_base64(raw, before) for before in range(3))))


def _character(character: str, times: int) -> str:
    if character.isascii() and character.isalnum():  # no encoding changes these
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    forms = [
        "".join(rf"%(?:25)*{_hex(f'{byte:02x}')}" for byte in character.encode("utf-8", "surrogateescape")),
        "".join(rf"\\+u{_hex(units[i : i + 2].hex())}" for i in range(0, len(units), 2)),
        rf"&\#(?:0*{ord(character)}|[xX]0*{_hex(f'{ord(character):x}')});",
    ]
    if character == "\\":
        return rf"(?:\\{{{times},}}|(?:{'|'.join(forms)}){{{times}}})"
    forms.append(rf"\\*{re.escape(character)}" if character in "\"'/" else re.escape(character))
    if character == " ":
        forms.append(r"\+")
    if character in _JSON:
        forms.append(rf"\\+{_JSON[character]}")
    if (named := html.escape(character)) != character:
        forms.append(re.escape(named))
    return f"(?:{'|'.join(forms)})"


def _hex(digits: str) -> str:
    return "".join(digit if digit.isdigit() else f"[{digit}{digit.upper()}]" for digit in digits)


def _base64(secret: bytes, before: int) -> str:
    """The secret inside longer base64, where it begins `before` bytes (of three) into a group: what depends on it alone,
    and the characters at both ends that depend on its neighbours, too. Standard or URL-safe, padded or not."""
    bits = 8 * (before + len(secret))
    alone = b64encode(bytes(before) + secret).decode()[(0, 2, 3)[before] : bits // 6]
    first = _BASE64_CHARACTER if before else ""
    last = _BASE64_CHARACTER if bits % 6 else ""
    return first + "".join(_BASE64.get(c, c) for c in alone) + last + "(?:=|%3[Dd]){0,2}"
