"""How a value is shown: number formats, and the render options of a reply.

Patterns: https://developers.google.com/workspace/sheets/api/guides/formats. Formulas: a reference, SUM over ranges,
and + - * / between two numbers or references are computed; any other formula shows #NAME?.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from vendor_sandbox.google.cells import Formula, Held, number_format, plain_number, value_of
from vendor_sandbox.google.sheet import Book, Tab
from vendor_sandbox.wire import Refused

_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - serial days have no time zone
_DEFAULT_PATTERNS = {
    "DATE": "m/d/yyyy",
    "TIME": "h:mm:ss am/pm",
    "DATE_TIME": "m/d/yyyy h:mm:ss",
    "NUMBER": "#,##0.00",
    "PERCENT": "0.00%",
    "CURRENCY": '"$"#,##0.00',
    "SCIENTIFIC": "0.00E+00",
}
_MOMENTS = ("DATE", "TIME", "DATE_TIME")
_DATE_TOKENS = re.compile(r'am/pm|"[^"]*"|y+|m+|d+|h+|s+|.', re.IGNORECASE)
_CORE = re.compile(r"[#0?][#0?,]*(?:\.[#0?]+)?")
_OPERATION = re.compile(r"=\s*([^\s+*/-]+)\s*(?:([-+*/])\s*([^\s+*/-]+))?\s*")
_SUM = re.compile(r"=\s*SUM\(([^()]*)\)\s*", re.IGNORECASE)
_DEEPEST = 50


class Failed(str):
    """What a formula shows when it has no value, such as #NAME?."""


Effective = bool | float | str | None


def effective(book: Book, tab: Tab, held: Held, depth: int = 0) -> Effective:
    """Return the value of a cell: its own, or its formula's result."""
    value = value_of(held)
    if not isinstance(value, Formula):
        return value
    if depth > _DEEPEST:
        return Failed("#REF!")
    if total := _SUM.fullmatch(value.text):
        return _sum(book, tab, total[1], depth)
    operation = _OPERATION.fullmatch(value.text)
    first = _operand(book, tab, operation[1], depth) if operation else None
    if operation is None or isinstance(first, Failed) or operation[2] is None:
        return first if operation is not None and first is not None else Failed("#NAME?")
    second = _operand(book, tab, operation[3], depth)
    if isinstance(second, Failed):
        return second
    if not isinstance(first, float) or not isinstance(second, float):
        return Failed("#VALUE!")
    if operation[2] == "/":
        return first / second if second else Failed("#DIV/0!")
    return {"+": first + second, "-": first - second, "*": first * second}[operation[2]]


def _operand(book: Book, tab: Tab, text: str, depth: int) -> Effective:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        where, area = book.find(text if "!" in text else f"{_quoted(tab)}!{text}")
    except Refused:
        return Failed("#NAME?")
    if not area.is_one_cell:
        return Failed("#VALUE!")
    found = effective(book, where, where.held(area.top, area.left), depth + 1)
    return 0.0 if found is None else found


def _sum(book: Book, tab: Tab, arguments: str, depth: int) -> Effective:
    total = 0.0
    for argument in arguments.split(","):
        try:
            where, area = book.find(argument.strip() if "!" in argument else f"{_quoted(tab)}!{argument.strip()}")
            box = area.clipped(where.row_count, where.column_count)
        except Refused:
            return Failed("#NAME?")
        for row in where.slice(box):
            for held in row:
                found = effective(book, where, held, depth + 1)
                if isinstance(found, Failed):
                    return found
                if isinstance(found, float):
                    total += found
    return total


def _quoted(tab: Tab) -> str:
    return "'" + tab.title.replace("'", "''") + "'"


def rendered(book: Book, tab: Tab, held: Held, render: str, moments: str) -> Any:
    """Return a cell as `values` shows it; "" for an empty one."""
    value = value_of(held)
    if value is None:
        return ""
    if isinstance(value, Formula):
        if render == "FORMULA":
            return value.text
        found = effective(book, tab, held)
    else:
        found = value
    if render == "FORMATTED_VALUE":
        return formatted(found, number_format(held))
    if not isinstance(found, float) or isinstance(found, bool):
        return "" if found is None else found
    if moments == "FORMATTED_STRING" and number_format(held).get("type") in _MOMENTS:
        return formatted(found, number_format(held))
    return plain_number(found)


def formatted(value: Effective, wanted: Mapping[str, Any]) -> str:
    """Return the text that a person sees in the cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return str(value)
    kind = wanted.get("type")
    pattern = wanted.get("pattern") or _DEFAULT_PATTERNS.get(str(kind), "")
    if kind in _MOMENTS:
        return _moment(value, pattern)
    return _number(value, pattern) if pattern and kind != "TEXT" else _general(value)


def _general(value: float) -> str:
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    size = abs(value)
    if 1e-5 <= size < 1e15:
        whole = len(str(int(size))) if size >= 1 else 0
        return f"{value:.{max(0, 10 - whole)}f}".rstrip("0").rstrip(".")
    return re.sub(r"\.?0*e", "E", f"{value:.5e}").replace("E+0", "E+").replace("E-0", "E-")


def _number(value: float, pattern: str) -> str:
    sections = pattern.split(";")
    if value < 0 and len(sections) > 1:
        value, pattern = -value, sections[1]
    else:
        pattern = sections[0]
    core = _CORE.search(pattern)
    if core is None:
        return _general(value)
    before, after = (part.replace('"', "").replace("\\", "") for part in (pattern[: core.start()], pattern[core.end() :]))
    whole, _, fraction = core[0].partition(".")
    if after.upper().startswith("E+"):
        digits = f"{value:.{len(fraction)}E}"
        return before + digits
    if "%" in after or "%" in before:
        value *= 100
    shown = f"{abs(value):{',' if ',' in whole else ''}.{len(fraction)}f}"
    optional = len(fraction) - len(fraction.rstrip("#"))
    while optional and shown.endswith("0"):
        shown, optional = shown[:-1], optional - 1
    sign = "-" if value < 0 and shown.strip("0.,") else ""
    head, dot, tail = shown.rstrip(".").partition(".")
    return sign + before + head.rjust(whole.count("0"), "0") + dot + tail + after


def _moment(value: float, pattern: str) -> str:
    try:
        moment = _EPOCH + timedelta(seconds=round(value * 86_400))
    except OverflowError:
        return _general(value)
    tokens = _DATE_TOKENS.findall(pattern)
    halves = any(token.lower() == "am/pm" for token in tokens)
    shown = []
    for at, token in enumerate(tokens):
        low = token.lower()
        if low[0] == "m":
            letters = [each.lower()[0] for each in tokens[:at] if each[0].isalpha()]
            following = [each.lower()[0] for each in tokens[at + 1 :] if each[0].isalpha()]
            minutes = letters[-1:] == ["h"] or following[:1] == ["s"]
            shown.append(_two(moment.minute, low) if minutes else _month(moment, low))
        else:
            shown.append(_part(moment, token, halves))
    return "".join(shown)


def _part(moment: datetime, token: str, halves: bool) -> str:
    low = token.lower()
    match low[0]:
        case '"':
            return token[1:-1]
        case "y":
            return f"{moment.year:04d}" if len(low) > 2 else f"{moment.year % 100:02d}"
        case "d":
            return _two(moment.day, low) if len(low) < 3 else moment.strftime("%a" if len(low) == 3 else "%A")
        case "h":
            return _two((moment.hour - 1) % 12 + 1 if halves else moment.hour, low)
        case "s":
            return _two(moment.second, low)
        case "a" if low == "am/pm":
            return "AM" if moment.hour < 12 else "PM"
    return token


def _month(moment: datetime, token: str) -> str:
    return _two(moment.month, token) if len(token) < 3 else moment.strftime("%b" if len(token) == 3 else "%B")


def _two(number: int, token: str) -> str:
    return f"{number:02d}" if len(token) > 1 else str(number)
