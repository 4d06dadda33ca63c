"""How two values are compared: field by field, each under a named rule, in one place for planning, applying and settling.

A value in its canonical form is text. Fields that hold nothing have none. A record is compared as a whole by the hash of its
texts (`Rules.print`) while the rules stay the same; what the ledger keeps (`Rules.kept`) is the text of each field with the
name of its rule, so that a record written under other settings can still be compared in the fields that both know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Literal

import rapidjson

from sync_pipelines.delivery.fields import Field, Fields
from sync_pipelines.exact_json import dumps

Comparison = Literal["same", "differs", "unknown"]
"""A live record beside what the ledger says we put there. `unknown`: no rule that both know can tell."""

V1 = "v1"
"""The rule name of fingerprints made before values were kept field by field."""

LONG = 40
"""Characters from which on a canonical text is kept as its hash."""


def canonical(value: Any) -> str:
    """One value as text. Numbers are equal when their amounts are (10.50 and 10.5, 1 and 1.0); True is not 1."""
    kind = type(value)
    if kind is str:
        return f'"{value}'
    if kind is int:
        return str(value)
    if kind is Decimal:
        return _plain(value)
    return str(dumps(_with_plain_numbers(value)))


def _plain(amount: Decimal) -> str:
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _with_plain_numbers(value: Any) -> Any:
    if isinstance(value, Decimal):
        return Decimal(_plain(value))
    if isinstance(value, Mapping):
        return {k: _with_plain_numbers(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_with_plain_numbers(v) for v in value]
    return value


class Rules:
    """The comparison of one target's records, made from its fields once and used for every row.

    `gone` says whether an image stands for a record that is not there: such a record has the print "".
    """

    def __init__(self, fields: Mapping[str, Field], gone: Callable[[Fields | None], bool] = lambda i: i is None) -> None:
        self.fields, self.gone = fields, gone
        self.owned = tuple((n, f.same) for n, f in sorted(fields.items()) if f.ownership == "owned")
        self.id = blake2b("\x1d".join(f"{n}\x1f{fields[n].rule}" for n, _ in self.owned).encode(), digest_size=8).hexdigest()
        """Names these rules: records written under the same id are compared by their prints."""

    def text(self, name: str, image: Mapping[str, Any] | None) -> str | None:
        """The canonical text of one field; None where it holds nothing."""
        value = None if image is None else image.get(name)
        return None if value is None else canonical(self.fields[name].same(value))

    def same(self, one: Fields | None, other: Fields | None, names: Collection[str] = ()) -> bool:
        """Whether two images agree on these fields (all owned ones). One that is there never equals one that is not."""
        if self.gone(one) or self.gone(other):
            return self.gone(one) == self.gone(other)
        chosen = names or [n for n, _ in self.owned]
        return all(self.text(n, one) == self.text(n, other) for n in chosen)

    def print(self, image: Fields | None) -> str:
        """32 hex digits of the owned values; "" when the record is not there."""
        if image is None or self.gone(image):
            return ""
        shown = []
        for name, same in self.owned:
            value = image.get(name)
            if value is not None:
                text = canonical(same(value))
                shown.append(f"{name}\x1f{len(text)}:{text}")
        return blake2b("\x1d".join(shown).encode(), digest_size=16).hexdigest()

    def kept(self, image: Fields | None, names: Collection[str] | None = None) -> str | None:
        """What the ledger keeps of an image: by field, the rule and the text, or null where it holds nothing, as JSON.

        `names`: these fields and not all owned ones. None for a record that is not there. A private or long text is kept as
        its hash.
        """
        if image is None or self.gone(image):
            return None
        return self._as_json([n for n, _ in self.owned] if names is None else names, image)

    def kept_of(self, image: Mapping[str, Any]) -> str:
        """The same of a record of which only these fields are known."""
        return self._as_json(image, image)

    def _as_json(self, names: Iterable[str], image: Mapping[str, Any]) -> str:
        texts = {n: self._kept(n, image) for n in sorted(names) if n in self.fields}
        return str(rapidjson.dumps(texts, ensure_ascii=False))

    def _kept(self, name: str, image: Mapping[str, Any] | None) -> str | None:
        text = self.text(name, image)
        if text is None:
            return None
        field = self.fields[name]
        if field.private or len(text) > LONG:
            text = f"#{blake2b(text.encode(), digest_size=12).hexdigest()}"
        return f"{field.rule}\x1f{text}"

    def compare(self, kept: str | None, image: Fields | None) -> Comparison:
        """An image beside what was kept, over the fields and rules that both know. A field that is not owned any more
        does not count; one whose rule is another now cannot be told."""
        if kept is None:
            return "unknown" if not self.gone(image) else "same"
        if self.gone(image):
            return "differs"
        texts = _parsed(kept)
        comparable = [n for n in texts if n in self.fields and self.fields[n].ownership == "owned"]
        comparison: Comparison = "same" if comparable or not texts else "unknown"
        for name in comparable:
            text, now = texts[name], self._kept(name, image)
            if text and now and text.partition("\x1f")[0] != self.fields[name].rule:
                comparison = "unknown"
            elif text != now:
                return "differs"
        return comparison

    def agrees(self, kept: str | None, image: Fields | None, names: Collection[str]) -> bool:
        """Whether an image wants the same values of these fields as were kept, whoever owns them."""
        texts = {} if kept is None else _parsed(kept)
        return all(texts.get(n) == self._kept(n, image) for n in names if n in texts and n in self.fields)

    def compare_v1(self, hash_: str | None, owned: Collection[str], image: Fields | None) -> Comparison:
        """The same for a record of an earlier version, of which only a hash over the fields `owned` then is known."""
        if hash_ is None:
            return "unknown"
        if any(n not in self.fields or self.fields[n].ownership == "create_only" for n in owned):
            return "unknown"
        return "same" if fingerprint_v1(image, self.fields, owned) == hash_ else "differs"


@lru_cache(maxsize=1024)
def _parsed(kept: str) -> dict[str, str | None]:
    texts: dict[str, str | None] = rapidjson.loads(kept)
    return texts


def fingerprint_v1(image: Fields | None, fields: Mapping[str, Field], names: Collection[str]) -> str:
    """The fingerprint of versions before 0.2, kept so that what they wrote is still known as ours."""
    if image is None:
        return ""
    shown = []
    for name in names:
        value = image.get(name)
        if value is not None:
            same = fields[name].same(value)
            shown.append(f"{name}\x1e{same}" if type(same) is str else f"{name}\x1f{dumps(same)}")
    return blake2b("\x1d".join(sorted(shown)).encode(), digest_size=16).hexdigest() if shown else ""
