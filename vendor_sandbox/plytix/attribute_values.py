"""Which values an attribute accepts, by its class."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from vendor_sandbox.plytix.definitions import Attribute
from vendor_sandbox.values import is_number

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LONGEST_INT = 16


class WrongValue(Exception):
    """What is wrong with a value, in the words of the error's entry."""


def checked_value(attribute: Attribute, value: Any) -> Any:
    """Return the value as it is stored, None for an empty one. Raises WrongValue."""
    if attribute.type_class == "CompletenessAttribute":
        raise WrongValue("the attribute is read-only")
    if value is None or value in ("", []):
        return None
    return _CHECKS[attribute.type_class](attribute, value)


def is_day(value: object) -> bool:
    """Whether this is a day like `2026-01-15`."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def is_gtin(value: object) -> bool:
    """Whether this has 8, 12, 13 or 14 digits, the last of which is the check digit."""
    if not isinstance(value, str) or not (value.isascii() and value.isdecimal()) or len(value) not in (8, 12, 13, 14):
        return False
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(value))) % 10 == 0


def _text(attribute: Attribute, value: Any) -> str:
    if not isinstance(value, str):
        raise WrongValue("not a valid string")
    if attribute.max_length is not None and len(value) > attribute.max_length:
        raise WrongValue(f"longer than the maximum of {attribute.max_length} characters")
    return value


def _int(_attribute: Attribute, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise WrongValue("not a valid integer")
    if len(str(value)) > _LONGEST_INT:
        raise WrongValue(f"longer than the maximum of {_LONGEST_INT} characters")
    return value


def _decimal(_attribute: Attribute, value: Any) -> Any:
    if not is_number(value):
        raise WrongValue("not a valid number")
    return value


def _boolean(_attribute: Attribute, value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongValue("not a valid boolean")
    return value


def _date(_attribute: Attribute, value: Any) -> str:
    if not is_day(value):
        raise WrongValue("not a valid date; expected YYYY-MM-DD")
    return str(value)


def _option(attribute: Attribute, value: Any) -> str:
    if not isinstance(value, str) or value not in attribute.options:
        raise WrongValue(f"{value!r} is not an option of this attribute")
    return value


def _options(attribute: Attribute, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise WrongValue("not a list of options")
    return [_option(attribute, each) for each in value]


def _url(attribute: Attribute, value: Any) -> str:
    text = _text(attribute, value)
    if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).netloc:
        raise WrongValue("not a valid URL")
    return text


def _asset(_attribute: Attribute, value: Any) -> Any:
    raise WrongValue("the asset does not exist" if isinstance(value, dict | list) else {"_schema": ["Invalid input type."]})


_CHECKS: Mapping[str, Callable[[Attribute, Any], Any]] = {
    "TextAttribute": _text,
    "MultilineAttribute": _text,
    "HtmlAttribute": _text,
    "IntAttribute": _int,
    "DecimalAttribute": _decimal,
    "BooleanAttribute": _boolean,
    "DateAttribute": _date,
    "DropdownAttribute": _option,
    "MultiSelectAttribute": _options,
    "UrlAttribute": _url,
    "MediaAttribute": _asset,
    "MediaGalleryAttribute": _asset,
}
