"""The search grammar: https://shopify.dev/docs/api/usage/search-syntax.

Blanks mean AND, which binds less tightly than OR. An unknown field is ignored, with a warning. An unquoted value ends at
a colon, so that an unquoted time loses all but its hour and is read as a local date.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from vendor_sandbox.shopify.instants import day_of, local, moment_of
from vendor_sandbox.shopify.search_text import And, Not, Or, Term, Tree, parsed

Bounds = tuple[int | None, int | None]
"""The first value inside and the first value beyond; None is an open end."""
Matches = Callable[[Any], bool]


@dataclass(frozen=True)
class Field:
    """A name that can be searched by.

    `kind`: time, number, text, phrase (a text that holds these words in this order), enum, flag, or not (true where the
    text is absent).
    """

    kind: str
    value: Callable[[Any], Any]
    choices: Sequence[str] = ()


@dataclass
class Filter:
    """A search, ready to be matched against items."""

    text: str
    warnings: list[dict[str, str]] = field(default_factory=list)
    shown: Any = None
    """The parsed search as `extensions.search[].parsed` shows it."""
    bounds: dict[str, Bounds] = field(default_factory=dict)
    """The range that the required terms leave for each time or number."""
    _tests: list[tuple[str | None, Matches]] = field(default_factory=list)

    def require(self, name: str, least: int, value: Callable[[Any], Any]) -> None:
        """Add a condition: the value of field `name` must be at least `least`."""
        low, high = self.bounds.get(name, (None, None))
        self.bounds[name] = (_tighter(max, low, least), high)
        self._tests.append((name, lambda item: _within(value(item), least, None)))

    def rest(self, covered: Collection[str] = ()) -> Matches | None:
        """Return the test that is left for an item within the bounds of the fields covered; None when nothing is left."""
        tests = [matches for bounded, matches in self._tests if bounded is None or bounded not in covered]
        if not tests:
            return None
        return tests[0] if len(tests) == 1 else lambda item: all(matches(item) for matches in tests)

    def matches(self, item: Any) -> bool:
        rest = self.rest()
        return rest is None or rest(item)


def read_filter(text: str | None, fields: Mapping[str, Field], zone: str) -> Filter:
    """Read a `query` argument. Never raises: what makes no sense ends up in `warnings`."""
    found = Filter(text or "")
    tree = parsed(found.text)
    if tree is None:
        return found
    reader = _Reader(fields, zone, found)
    found.shown = reader.shown(tree)
    for part in tree.parts if isinstance(tree, And) else (tree,):
        test = reader.test(part)
        if test is None:
            continue
        bounds = reader.bounds_of(part)
        if bounds is None:
            found._tests.append((None, test))
        else:
            name, (low, high) = bounds
            held_low, held_high = found.bounds.get(name, (None, None))
            found.bounds[name] = (_tighter(max, held_low, low), _tighter(min, held_high, high))
            found._tests.append((name, test))
    return found


def _tighter(choose: Callable[[int, int], int], held: int | None, new: int | None) -> int | None:
    return choose(held, new) if held is not None and new is not None else held if new is None else new


class _Reader:
    def __init__(self, fields: Mapping[str, Field], zone: str, found: Filter) -> None:
        self._fields, self._zone, self._found = fields, zone, found

    def test(self, tree: Tree) -> Matches | None:
        """Return the test of a tree, None for one that is ignored."""
        if isinstance(tree, Not):
            inner = self.test(tree.part)
            return None if inner is None else lambda item: not inner(item)
        if isinstance(tree, Term):
            return self._term(tree)
        if isinstance(tree, Or):
            phrases = self._phrases(tree)
            if phrases is not None:
                return phrases
        tests = [each for each in map(self.test, tree.parts) if each is not None]
        if not tests:
            return None
        if isinstance(tree, Or):
            return lambda item: any(matches(item) for matches in tests)
        return lambda item: all(matches(item) for matches in tests)

    def _phrases(self, tree: Or) -> Matches | None:
        """Return one test for many phrases of one field, which is much faster than a test for each; None for other terms."""
        terms = [part for part in tree.parts if isinstance(part, Term) and part.value not in ("", "*") and not part.prefix]
        names = {term.field for term in terms}
        if len(terms) < len(tree.parts) or len(names) != 1:
            return None
        known = self._fields.get(names.pop())
        return _holds(known.value, [term.value for term in terms]) if known and known.kind == "phrase" else None

    def bounds_of(self, tree: Tree) -> tuple[str, Bounds] | None:
        if not isinstance(tree, Term) or tree.value == "*" or tree.field not in self._fields:
            return None
        if self._fields[tree.field].kind not in ("time", "number") or tree.field == "customer_id":
            return None
        bounds = self._bounds(tree)
        return (tree.field, bounds) if bounds else None

    def _term(self, term: Term) -> Matches | None:
        known = self._fields.get(term.field)
        if known is None:
            self._warn(term, "invalid_field", "Invalid search field for this query.")
            return None
        value = known.value
        if term.value == "*" and not term.quoted:
            return lambda item: bool(_listed(value(item)))
        if not term.value:
            self._warn(term, "missing_named_field", "The field has no value.")
            return None
        if known.kind in ("time", "number"):
            bounds = self._bounds(term)
            if bounds is None:
                return self._invalid(term)
            low, high = bounds
            return lambda item: _within(value(item), low, high)
        wanted = term.value.casefold()
        if known.choices and wanted not in known.choices:
            return self._invalid(term)
        if known.kind == "phrase" and not term.prefix:
            return _holds(value, [term.value])
        if known.kind == "flag":
            return lambda item: value(item) is (wanted == "true")
        same = str.startswith if term.prefix else str.__eq__
        is_wanted = known.kind != "not"
        return lambda item: is_wanted is any(same(each.casefold(), wanted) for each in _listed(value(item)))

    def _bounds(self, term: Term) -> Bounds | None:
        if self._fields[term.field].kind == "number":
            return _interval(term.comparator, int(term.value)) if re.fullmatch(r"[0-9]{1,18}", term.value) else None
        day = day_of(term.value, self._zone)
        if day is not None and (not term.quoted or len(term.value) == 10):
            return day if not term.comparator else _interval(term.comparator, day[0])
        moment = moment_of(term.value, self._zone)
        return None if moment is None else _interval(term.comparator, moment)

    def _invalid(self, term: Term) -> Matches:
        self._warn(term, "invalid_value", f"Input `{term.value}` is not an accepted value.")
        return lambda _item: False

    def _warn(self, term: Term, code: str, message: str) -> None:
        warning = {"field": term.field, "message": message, "code": code}
        if warning not in self._found.warnings:
            self._found.warnings.append(warning)

    def shown(self, tree: Tree) -> Any:
        if isinstance(tree, Not):
            return {"not": self.shown(tree.part)}
        if not isinstance(tree, Term):
            return {"or" if isinstance(tree, Or) else "and": [self.shown(part) for part in tree.parts]}
        known = self._fields.get(tree.field)
        value = tree.value
        if known is not None and known.kind == "time" and not tree.quoted:
            day = day_of(value, self._zone)
            value = local(day[0], self._zone) if day else value
        named = {"field": tree.field} if tree.field else {}
        if tree.comparator:
            return {**named, "range": {_RANGES[tree.comparator]: value}}
        return {**named, "match_phrase" if tree.quoted else "match_all": value}


def _holds(value: Callable[[Any], Any], phrases: Sequence[str]) -> Matches:
    """Return the test whether a text holds one of these phrases. Words are compared, not what is between them."""
    wanted = re.compile("|".join(re.escape(_phrase(each)) for each in phrases))
    return lambda item: any(wanted.search(_phrase(each)) for each in _listed(value(item)))


def _phrase(text: str) -> str:
    folded = text.casefold()
    return f" {' '.join(_WORD.findall(folded)) or folded} "


_WORD = re.compile(r"[^\W_]+")
_RANGES = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def _interval(comparator: str, value: int | Fraction) -> Bounds:
    """Return the range of whole numbers that the comparison allows."""
    up, beyond = math.ceil(value), math.floor(value) + 1
    match comparator:
        case ">":
            return beyond, None
        case ">=":
            return up, None
        case "<":
            return None, up
        case "<=":
            return None, beyond
        case _:
            return up, beyond


def _within(value: int | None, low: int | None, high: int | None) -> bool:
    return value is not None and (low is None or value >= low) and (high is None or value < high)


def _listed(value: Any) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return [each for each in value if each not in (None, "")]
    return [] if value in (None, "") else [value]
