"""Field masks: which members of a reply are wanted, and which members of a request apply.

`a,b/c,d(e,f)` and `a,b.c,d.e` both occur: https://developers.google.com/workspace/sheets/api/guides/field-masks.
"""

from collections.abc import Mapping
from typing import Any

from vendor_sandbox.wire import Refused

Mask = dict[str, "Mask"]
"""The members named, each with those named below it. An empty mask means all of it."""


def read_mask(text: object) -> Mask:
    """Read a mask. Raises Refused (400) when the text is not a mask or names nothing."""
    if not isinstance(text, str) or not text.strip():
        raise Refused(400, "At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)")
    mask: Mask = {}
    rest = _read_list(text.replace(" ", ""), mask)
    if rest:
        raise _invalid(text)
    return mask


def _read_list(text: str, into: Mask) -> str:
    """Read `a,b.c(d)` up to the end or an unmatched closing parenthesis. Returns the rest of the text."""
    while True:
        here = into
        name_end = 0
        while True:
            name_end = next((at for at, sign in enumerate(text) if sign in ",()./"), len(text))
            name, text = text[:name_end], text[name_end:]
            if not name:
                raise _invalid(text)
            here = here.setdefault(name, {})
            if not text.startswith((".", "/")):
                break
            text = text[1:]
        if text.startswith("("):
            text = _read_list(text[1:], here)
            if not text.startswith(")"):
                raise _invalid(text)
            text = text[1:]
        if not text.startswith(","):
            return text
        text = text[1:]


def _invalid(text: str) -> Refused:
    return Refused(400, f"Request contains an invalid argument: invalid field mask near {text!r}.")


def picked(mask: Mask, value: Any) -> Any:
    """Return the parts of a reply that the mask names."""
    if not mask or "*" in mask:
        return value
    if isinstance(value, list):
        return [picked(mask, each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: picked(mask[name], part) for name, part in value.items() if name in mask}


def named(mask: Mask, *path: str) -> bool:
    """Whether the mask names this member, a part of it, or an object that contains it."""
    for name in path:
        if not mask or "*" in mask:
            return True
        if name not in mask:
            return False
        mask = mask[name]
    return True


def applied(mask: Mask, target: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    """Return `target` with the mask's members taken from `source`; those missing in `source` are removed."""
    if "*" in mask:
        return dict(source)
    found = dict(target)
    for name, below in mask.items():
        if below and "*" not in below:
            old, new = target.get(name, {}), source.get(name, {})
            if not isinstance(old, Mapping) or not isinstance(new, Mapping):
                raise Refused(400, f"Request contains an invalid argument: {name} has no members.")
            merged = applied(below, old, new)
            if merged or name in found:
                found[name] = merged
        elif name in source:
            found[name] = source[name]
        else:
            found.pop(name, None)
    return found
