"""The filters of a search: alternatives (OR) of conditions (AND), checked against the known fields."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vendor_sandbox.plytix.attribute_values import is_day
from vendor_sandbox.plytix.fields import Field, Fields
from vendor_sandbox.plytix.problems import Problem, invalid
from vendor_sandbox.plytix.products import instant
from vendor_sandbox.plytix.settings import Settings
from vendor_sandbox.values import is_number

Passes = Callable[[Any], bool]

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_MIDNIGHT = "T00:00:00.000000+00:00"


@dataclass(frozen=True)
class Condition:
    """A condition. `texts`: the texts of which `field` must be one, ignoring case, when the condition says so."""

    passes: Passes
    field: Field
    texts: Sequence[str] | None = None


Alternatives = Sequence[Sequence[Condition]]


def read_filters(filters: object, fields: Fields, settings: Settings) -> Alternatives:
    """Read the alternatives, of which one must pass, each with conditions that must all pass. Raises Problem (422)."""
    if not isinstance(filters, list) or not all(isinstance(each, list) for each in filters):
        raise invalid("filters", "must be a list of lists of filters")
    return [[_condition(each, fields, settings) for each in group] for group in filters]


def passes(alternatives: Alternatives, thing: Any) -> bool:
    return not alternatives or any(all(each.passes(thing) for each in group) for group in alternatives)


def _condition(wanted: object, fields: Fields, settings: Settings) -> Condition:
    if not isinstance(wanted, dict):
        raise invalid("filters", {"_schema": ["Invalid input type."]})
    name, how, value = wanted.get("field"), wanted.get("operator"), wanted.get("value")
    if how == "text_search":
        return _text_search(name, value, fields)
    field = fields.get(name) if isinstance(name, str) else None
    if field is None:
        raise Problem(422, f"The field {name!r} doesn't exist", [{"field": name, "msg": "field doesn't exist"}])
    if how not in field.operators:
        allowed = ", ".join(field.operators)
        raise invalid(field.key, f"operator {how!r} is not valid for this field; valid: {allowed}")
    negated, plain = how.startswith("!"), how.removeprefix("!")
    test, texts = _test(field, plain, value, settings)
    if negated:
        return Condition(lambda thing: not test(field.read(thing)), field)
    return Condition(lambda thing: test(field.read(thing)), field, texts)


def _test(field: Field, how: str, value: Any, settings: Settings) -> tuple[Passes, Sequence[str] | None]:
    """Return the test of a field's value. A missing value passes only the test that it does not exist."""
    match how:
        case "exists":
            return lambda held: held not in (None, "", []), None
        case "like":
            part = _text(field, value).casefold()
            return lambda held: held is not None and part in held.casefold(), None
        case "in":
            return _in(field, value, settings)
    if field.type == "DateAttribute":
        return _date_test(field, how, value, settings), None
    if field.type == "DecimalAttribute":
        if not is_number(value):
            raise invalid(field.key, "value must be a number")
        compare = _COMPARE[how]
        return lambda held: held is not None and compare(held, value), None
    if field.type == "BooleanAttribute":
        if not isinstance(value, bool):
            raise invalid(field.key, "value must be a boolean")
        return lambda held: held is value, None
    text = _text(field, value)
    folded = text.casefold()
    return lambda held: held is not None and held.casefold() == folded, [text]


def _in(field: Field, value: Any, settings: Settings) -> tuple[Passes, Sequence[str] | None]:
    if not isinstance(value, list):
        raise invalid(field.key, "value must be a list")
    texts = [_text(field, each) for each in value]
    if field.type == "MultiSelectAttribute":
        wanted = set(texts)
        return lambda held: held is not None and not wanted.isdisjoint(held), None
    if field.key == "sku" and settings.in_ignores_case:
        folded = {each.casefold() for each in texts}
        return lambda held: held is not None and held.casefold() in folded, texts
    exact = set(texts)
    return lambda held: held in exact, texts


def _date_test(field: Field, how: str, value: Any, settings: Settings) -> Passes:
    """Return the test of a date. `created` and `modified` are instants, attributes are days; both sort as text."""
    wanted = f"{value}{_MIDNIGHT}" if is_day(value) else _instant(value) if settings.filter_instants else None
    if wanted is None:
        raise invalid(field.key, "value must be a date as YYYY-MM-DD")
    compare = _COMPARE[how]
    if settings.day_means == "day" and is_day(value):
        return lambda held: held is not None and compare(held[:10], value)

    def test(held: str | None) -> bool:
        return held is not None and compare(held if len(held) > 10 else f"{held}{_MIDNIGHT}", wanted)

    return test


def _instant(value: object) -> str | None:
    """Return an instant in the form that products have; without an offset it is UTC."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return instant(found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC))


def _text_search(names: object, value: Any, fields: Fields) -> Condition:
    if not isinstance(names, list) or not names:
        raise invalid("text_search", "field must be a list of fields")
    for name in names:
        if not isinstance(name, str) or name not in fields or fields[name].type != "TextAttribute":
            raise invalid(str(name), "is not a text field")
    searched = [fields[name] for name in names]
    part = _text(searched[0], value).casefold()
    return Condition(lambda thing: any(part in (each.read(thing) or "").casefold() for each in searched), searched[0])


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise invalid(field.key, "value must be a string")
    return value
