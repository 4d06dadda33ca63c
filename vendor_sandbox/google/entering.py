"""How a value is written: as it is (RAW), or read as if it were typed into the cell (USER_ENTERED).

Options: https://developers.google.com/workspace/sheets/api/reference/rest/v4/ValueInputOption.
Typed values are read in the locale en_US.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from vendor_sandbox.google.cells import Formula, Held, Value, checked_text, number_format, with_number_format, with_value
from vendor_sandbox.wire import Refused

Format = Mapping[str, str]

_PLAIN = r"(?:\d+(?:\.\d*)?|\.\d+)"
_GROUPED = r"\d{1,3}(?:,\d{3})+(?:\.\d*)?"
_NUMBER = re.compile(rf"[+-]?(?:{_GROUPED}|{_PLAIN})")
_SCIENTIFIC = re.compile(rf"[+-]?{_PLAIN}[eE][+-]?\d{{1,3}}")
_PERCENT = re.compile(rf"([+-]?(?:{_GROUPED}|{_PLAIN}))\s?%")
_CURRENCY = re.compile(rf"([+-]?)\$\s?([+-]?)({_GROUPED}|{_PLAIN})|\(\$({_GROUPED}|{_PLAIN})\)")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*([ap])\.?m\.?)?", re.IGNORECASE)
_DATES = (
    (re.compile(r"(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})"), "yyyy-mm-dd"),
    (re.compile(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4}|\d{2})"), "m/d/yyyy"),
    (re.compile(r"(?P<m>\d{1,2})-(?P<d>\d{1,2})-(?P<y>\d{4}|\d{2})"), "m-d-yyyy"),
    (re.compile(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})"), "m/d"),
    (re.compile(r"(?P<m>\d{1,2})-(?P<d>\d{1,2})"), "m-d"),
    (re.compile(rf"(?P<m>{_MONTH})\s+(?P<d>\d{{1,2}})(?:,?\s+(?P<y>\d{{4}}))?", re.IGNORECASE), "mmm d, yyyy"),
    (re.compile(rf"(?P<d>\d{{1,2}})[ -](?P<m>{_MONTH})(?:[ -](?P<y>\d{{4}}))?", re.IGNORECASE), "d-mmm-yyyy"),
)
_EPOCH = date(1899, 12, 30).toordinal()


def entered(held: Held, sent: object, typed: bool, where: str) -> Held:
    """Return the cell after `sent` (anything but None) was written to it; `where` names it in a refusal."""
    if isinstance(sent, str):
        checked_text(sent)
        if not typed or not sent:
            return with_value(held, sent or None)
        value, wanted = read_typed(sent, plain_text=number_format(held).get("type") == "TEXT")
        cell = with_value(held, value)
        # A format that the cell has stays; a cell without one takes the format of what was typed.
        return with_number_format(cell, wanted) if wanted and not number_format(held) else cell
    if isinstance(sent, bool):
        return with_value(held, sent)
    if isinstance(sent, int | float):
        try:
            return with_value(held, float(sent))
        except OverflowError as error:
            raise Refused(400, f"Invalid {where}: number out of range") from error
    kind = "struct_value" if isinstance(sent, dict) else "list_value"
    raise Refused(400, f"Invalid {where}: {kind} {{}}")


def read_typed(text: str, plain_text: bool = False) -> tuple[Value, Format | None]:
    """Return the value that a typed text becomes, and the number format that comes with it."""
    if text.startswith("'"):
        return text[1:] or None, None
    if plain_text:
        return text, None
    bare = text.strip()
    if not bare:
        return text, None
    if bare.upper() in ("TRUE", "FALSE"):
        return bare.upper() == "TRUE", None
    if bare[0] == "=" and len(bare) > 1:
        return Formula(bare), None
    number = _read_number(bare) or _read_moment(bare)
    if number is not None:
        return number
    if bare[0] in "+-" and len(bare) > 1:
        return Formula("=" + bare), None
    return text, None


def _read_number(text: str) -> tuple[float, Format | None] | None:
    if _NUMBER.fullmatch(text):
        grouped = {"type": "NUMBER", "pattern": "#,##0.00" if "." in text else "#,##0"}
        return _double(text), grouped if "," in text else None
    if _SCIENTIFIC.fullmatch(text):
        found = _double(text)
        return None if found in (float("inf"), float("-inf")) else (found, {"type": "SCIENTIFIC", "pattern": "0.00E+00"})
    if percent := _PERCENT.fullmatch(text):
        return _double(percent[1]) / 100, {"type": "PERCENT", "pattern": "0.00%" if "." in text else "0%"}
    if currency := _CURRENCY.fullmatch(text):
        sign, inner, amount, in_brackets = currency.groups()
        value = _double(amount or in_brackets)
        negative = bool(in_brackets) or "-" in (sign, inner)
        pattern = '"$"#,##0.00' if "." in text else '"$"#,##0'
        return -value if negative else value, {"type": "CURRENCY", "pattern": pattern}
    return None


def _double(text: str) -> float:
    return float(text.replace(",", ""))


def _read_moment(text: str) -> tuple[float, Format] | None:
    if time := _TIME.fullmatch(text):
        part = _day_part(time)
        return None if part is None else (part, {"type": "TIME", "pattern": _time_pattern(time)})
    for shape, pattern in _DATES:
        found = shape.match(text)
        if found is None:
            continue
        rest = text[found.end() :]
        days = _serial_day(found)
        if days is None:
            continue
        if not rest:
            return float(days), {"type": "DATE", "pattern": pattern}
        after = _TIME.fullmatch(rest[1:]) if rest[0] == " " else None
        part = None if after is None else _day_part(after)
        if after is not None and part is not None:
            return days + part, {"type": "DATE_TIME", "pattern": f"{pattern} {_time_pattern(after)}"}
    return None


def _serial_day(found: "re.Match[str]") -> int | None:
    named = found.groupdict()
    month = named["m"][:3].lower()
    year = named.get("y")
    # Two digits are the years 1930 to 2029; no year is the current one.
    whole = date.today().year if year is None else int(year)  # noqa: DTZ011 - as a person's calendar has it
    if year is not None and len(year) == 2:
        whole += 1900 if whole >= 30 else 2000
    try:
        day = date(whole, _MONTHS.index(month) + 1 if month in _MONTHS else int(month), int(named["d"]))
    except ValueError:
        return None
    return day.toordinal() - _EPOCH


def _day_part(time: "re.Match[str]") -> float | None:
    hour, minute, second, half = int(time[1]), int(time[2]), int(time[3] or 0), (time[4] or "").lower()
    if minute > 59 or second > 59 or hour > (12 if half else 23):
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return (hour * 3600 + minute * 60 + second) / 86_400


def _time_pattern(time: "re.Match[str]") -> str:
    return "h:mm" + (":ss" if time[3] else "") + (" am/pm" if time[4] else "")


def extended(value: object) -> Value:
    """Return the value of an ExtendedValue, which is never read as typed. Raises Refused (400) for anything else."""
    if not isinstance(value, dict) or len(value) > 1:
        raise Refused(400, "Invalid value at 'user_entered_value': exactly one kind of value may be set")
    for kind, found in value.items():
        match kind, found:
            case "boolValue", bool():
                return found
            case "numberValue", int() | float() if not isinstance(found, bool):
                return float(found)
            case "stringValue", str():
                return checked_text(found) or None
            case "formulaValue", str():
                if not found.startswith("="):
                    raise Refused(400, "Invalid value at 'formula_value': a formula starts with =")
                return Formula(checked_text(found))
        raise Refused(400, f"Invalid value at 'user_entered_value.{kind}'")
    return None


def shown_extended(value: Any) -> dict[str, Any]:
    """Return a value as an ExtendedValue."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, float):
        return {"numberValue": value}
    return {"formulaValue": value.text} if isinstance(value, Formula) else {"stringValue": value}
