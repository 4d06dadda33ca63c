"""The text of a dropped file. Its encoding is decided by the file as a whole, never by one byte of it."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from contextlib import suppress
from dataclasses import dataclass

LOST = "\ufffd"
"""Replaces bytes that could not be decoded."""

TOLD = 20
_UNDECODED = re.compile("[\udc80-\udcff]+")
_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_HEAD = 200
"""Bytes that show whether a file is UTF-16: they are of its header, or of the first keys of a JSON file."""


class NotText(ValueError):
    """The bytes are no text; the message says where that shows."""


@dataclass(frozen=True)
class Text:
    """A file's text. lost: line and column of the first places that could not be decoded."""

    text: str
    lost: tuple[str, ...] = ()


def decoded(data: bytes, *, japanese: bool = False) -> Text:
    """Decode a file: UTF-8, UTF-16, or the older encoding of its marketplace (Windows-1252; Shift-JIS in Japan).

    A file that is UTF-8 but for a few bytes is UTF-8; the older encoding has to explain more of it. Raises NotText.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _replaced(data[len(mark) :], encoding)
    if b"\0" in data:
        return _replaced(data, _utf_16(data))
    with suppress(UnicodeDecodeError):
        return Text(data.removeprefix(BOM_UTF8).decode())
    utf_8 = data.removeprefix(BOM_UTF8).decode("utf-8", "surrogateescape")
    lost = len(_UNDECODED.findall(utf_8))
    if _explained(utf_8) >= lost or data.startswith(BOM_UTF8):
        return Text(_UNDECODED.sub(LOST, utf_8), _places(utf_8, _UNDECODED))
    older, name = ("cp932", "Shift-JIS") if japanese else ("cp1252", "Windows-1252")
    try:
        return Text(data.decode(older))
    except UnicodeDecodeError as e:
        if japanese and _explained(data.decode(older, "replace")) > lost:
            return _replaced(data, older)
        line = data.count(b"\n", 0, e.start) + 1
        column = e.start - data.rfind(b"\n", 0, e.start)
        raise NotText(f"line {line}, column {column}: neither UTF-8 nor {name}. Save it as UTF-8.") from e


def _explained(text: str) -> int:
    """How many characters beyond ASCII were understood."""
    return sum(1 for c in re.findall(r"[^\x00-\x7f]", text) if c != LOST and not _UNDECODED.match(c))


def _utf_16(data: bytes) -> str:
    """Which UTF-16 a file without a mark is: in its head every other byte is zero."""
    head = data[:_HEAD]
    high, low = head[0::2].count(0), head[1::2].count(0)
    for encoding, zeros, others in (("utf-16-le", low, high), ("utf-16-be", high, low)):
        if not others and zeros >= 0.8 * (len(head) // 2):
            return encoding
    raise NotText(f"not text (a NUL byte at {data.index(0):,}). Is it zipped, or an Excel workbook?")


def _replaced(data: bytes, encoding: str) -> Text:
    text = data.decode(encoding, "replace")
    return Text(text, _places(text, re.compile(LOST)))


def _places(text: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Where bytes could not be decoded, with the bytes where they are still known."""
    found: list[str] = []
    line, since = 1, 0
    for number, match in enumerate(pattern.finditer(text)):
        if number == TOLD:
            return (*found, "and more")
        line += len(re.findall(r"\r\n|\r|\n", text[since : match.start()]))
        since = match.start()
        begins = max(text.rfind("\n", 0, since), text.rfind("\r", 0, since))
        undecoded = match[0].encode("utf-8", "surrogateescape").hex(" ") if match[0] != LOST else "some bytes"
        found.append(f"line {line}, column {since - begins}: {undecoded}")
    return tuple(found)
