"""JSON whose numbers keep the digits they were written with: they are read as Decimal and never pass through a float."""

import json
from decimal import Decimal
from json.encoder import encode_basestring as _quoted
from typing import Any, NoReturn


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def loads(text: bytes | str) -> Any:
    """Parse JSON; numbers with a point or an exponent become Decimal. Raises ValueError for anything that is not JSON."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ArithmeticError, RecursionError) as error:
        raise ValueError(f"unreadable JSON: {type(error).__name__}") from error


def dumps(value: Any) -> str:
    """Write JSON. `4.20` read by `loads` comes out as `4.20`, not as `4.2`."""
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, Decimal | int | float):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join([_quoted(str(key)) + ":" + dumps(part) for key, part in value.items()]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([dumps(part) for part in value]) + "]"
    raise TypeError(f"{type(value).__name__} has no JSON form")
