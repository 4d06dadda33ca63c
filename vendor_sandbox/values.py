"""Checks for values that a test sends: settings, fault options and state changes are checked before anything is applied."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    S = TypeVar("S", bound=DataclassInstance)

Check = Callable[[object], Any]
"""Takes a value from JSON and returns it in the type wanted, or raises Unfit("must be ...")."""


class Unfit(Exception):
    """What is wrong with a value: the message follows the name of the member that holds it."""


class BadChange(ValueError):
    """A change that the sandbox cannot make; the message names the member at fault."""


def is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def whole(least: int | None = None, most: int | None = None) -> Check:
    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Unfit("must be a whole number")
        if least is not None and value < least:
            raise Unfit(f"must be at least {least}")
        if most is not None and value > most:
            raise Unfit(f"must be at most {most}")
        return value

    return check


def number(above: float | None = None) -> Check:
    """Check for a number of at least 0, or greater than `above`: seconds and rates, where a float is good enough."""

    def check(value: object) -> float:
        if not is_number(value):
            raise Unfit("must be a number")
        found = float(value)  # type: ignore[arg-type]
        if found < 0 or (above is not None and found <= above):
            raise Unfit("must be at least 0" if above is None else f"must be more than {above}")
        return found

    return check


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unfit("must be true or false")
    return value


def text(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit("must be a string")
    return value


def texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise Unfit("must be an array of strings")
    return tuple(text(each) for each in value)


def mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unfit("must be an object")
    return value


def anything(value: object) -> object:
    return value


def one_of(*choices: object) -> Check:
    def check(value: object) -> object:
        if value not in choices:
            raise Unfit("must be one of " + ", ".join(str(choice) for choice in choices))
        return value

    return check


def or_null(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def array(value: object, where: str) -> list[Any]:
    """Return `value`. Raises BadChange unless it is an array."""
    if not isinstance(value, list):
        raise BadChange(f"{where} must be an array")
    return value


def counts(value: object, where: str) -> dict[str, int]:
    """Return `value`. Raises BadChange unless it is an object whose members are whole numbers."""
    return {name: checked(whole(0), count, f"{where}.{name}") for name, count in checked(mapping, value, where).items()}


def known_members(value: object, known: Collection[str], where: str) -> dict[str, Any]:
    """Return `value`. Raises BadChange unless it is an object whose members are all in `known`."""
    if not isinstance(value, dict):
        raise BadChange(f"{where} must be an object")
    for name in value:
        if name not in known:
            raise BadChange(f"unknown member {name!r} in {where}; known: {', '.join(known)}")
    return value


def checked(check: Check, value: object, where: str) -> Any:
    """Return the value as `check` returns it; an Unfit becomes a BadChange that says where."""
    try:
        return check(value)
    except Unfit as error:
        raise BadChange(f"{where} {error}") from error


def setting(default: Any, check: Check) -> Any:
    """Declare a field of a settings dataclass. `with_changes` may replace it with a value that passes `check`."""
    return dataclasses.field(default_factory=lambda: default, metadata={"check": check})


def with_changes(settings: "S", changes: object) -> "S":
    """Copy a settings dataclass with the named fields replaced. Raises BadChange, which names the field."""
    checks: Mapping[str, Check] = {field.name: field.metadata["check"] for field in dataclasses.fields(settings)}
    wanted = known_members(changes, checks, "settings")
    return dataclasses.replace(
        settings, **{name: checked(checks[name], value, f"settings.{name}") for name, value in wanted.items()}
    )
