"""Parsing the text of a search into a tree of terms."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """`field:>='value'`. A term without a field has the field ""."""

    field: str
    comparator: str
    value: str
    quoted: bool = False
    prefix: bool = False


@dataclass(frozen=True)
class And:
    parts: tuple["Tree", ...]


@dataclass(frozen=True)
class Or:
    parts: tuple["Tree", ...]


@dataclass(frozen=True)
class Not:
    part: "Tree"


Tree = Term | And | Or | Not

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<open>\() | (?P<close>\)) | (?P<minus>-)(?=[^\s:]) |
      (?:(?P<field>(?:\\.|[^\s:()'"\\])+):(?P<comparator><=|>=|<|>)?)?
      (?:"(?P<double>(?:\\.|[^"\\])*)" | '(?P<single>(?:\\.|[^'\\])*)' | (?P<bare>(?:\\.|[^\s:()\\])+))? :?
    )""",
    re.VERBOSE,
)


def parsed(text: str) -> Tree | None:
    """Return the tree of a search, None for an empty one. Unmatched brackets are ignored."""
    tokens = _tokens(text)
    tokens.reverse()
    parts: list[Tree] = []
    while tokens:
        part = _all_of(tokens)
        if part is not None:
            parts.append(part)
        if tokens:  # a closing bracket without an opening one
            tokens.pop()
    return _joined(And, parts)


def _tokens(text: str) -> list[str | Term]:
    tokens: list[str | Term] = []
    at, text = 0, text.strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.end() == at:
            at += 1
            continue
        at = found.end()
        if found["open"] or found["close"] or found["minus"]:
            tokens.append("NOT" if found["minus"] else found[0].strip())
        else:
            token = _term(found)
            if token is not None:
                tokens.append(token)
    return tokens


def _term(found: "re.Match[str]") -> str | Term | None:
    quoted = found["double"] if found["double"] is not None else found["single"]
    bare = found["bare"] or ""
    if quoted is None and found["field"] is None:
        if bare in ("AND", "OR", "NOT"):
            return bare
        if not bare:
            return None
    value = bare if quoted is None else quoted
    prefix = quoted is None and value.endswith("*") and len(value) > 1 and not value.endswith("\\*")
    return Term(
        _plain(found["field"] or ""),
        found["comparator"] or "",
        _plain(value[:-1] if prefix else value),
        quoted is not None,
        prefix,
    )


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _all_of(tokens: list[str | Term]) -> Tree | None:
    parts: list[Tree] = []
    while tokens and tokens[-1] != ")":
        if tokens[-1] == "AND":
            tokens.pop()
            continue
        part = _any_of(tokens)
        if part is not None:
            parts.append(part)
    return _joined(And, parts)


def _any_of(tokens: list[str | Term]) -> Tree | None:
    first = _one(tokens)
    parts = [first] if first is not None else []
    while tokens and tokens[-1] == "OR":
        tokens.pop()
        part = _one(tokens) if tokens and tokens[-1] != ")" else None
        if part is not None:
            parts.append(part)
    return _joined(Or, parts)


def _one(tokens: list[str | Term]) -> Tree | None:
    first = tokens.pop()
    if isinstance(first, Term):
        return first
    if first == "NOT":
        part = _one(tokens) if tokens and tokens[-1] != ")" else None
        return None if part is None else Not(part)
    if first == "(":
        inner = _all_of(tokens)
        if tokens:
            tokens.pop()
        return inner
    return None


def _joined(kind: type[And] | type[Or], parts: list[Tree]) -> Tree | None:
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else kind(tuple(parts))
