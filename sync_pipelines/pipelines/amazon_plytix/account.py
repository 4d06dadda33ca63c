"""What the PIM's account has to have before anything is written: family, relationships, attributes; and what fits these."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sync_pipelines.number_text import NumberUnclear, read_number
from sync_pipelines.pipelines.amazon_plytix.settings import AMAZON_ATTRIBUTES, FILLED_IF_THERE, AmazonPlytixSettings
from sync_pipelines.vendors.plytix import Attribute, Named, Plytix

_TEXT = {"TextAttribute", "MultilineAttribute", "HtmlAttribute", "UrlAttribute"}
_USUAL = {"amazon_is_primary": "BooleanAttribute", "amazon_last_synced": "DateAttribute"}


class DoesNotFit(ValueError):
    """The account's attribute does not take this value; the message says why."""


@dataclass(frozen=True)
class Account:
    """What was found. `problems`: one line for each thing to make or mend in Plytix; with any, nothing is written.

    attributes: by our name for them, only those that are written. relationships: by their name in the settings.
    """

    family_id: str
    relationships: Mapping[str, Named]
    attributes: Mapping[str, Attribute]
    identifiers: tuple[str, ...]
    """Attributes with identifiers that the settings name and the account has."""
    problems: tuple[str, ...] = ()
    model_number: str = ""
    """The attribute with the merchant's own model numbers; "" where the account has none."""
    left_out: tuple[str, ...] = ()
    """Attributes of `FILLED_IF_THERE` that the account, or its family, does not have."""


def look(client: Plytix, settings: AmazonPlytixSettings) -> Account:
    """Look at the account: four calls. Names have to be exactly those of the settings: look-alikes are others."""
    there = client.attributes()
    families, relationships = client.families(), client.relationships()
    problems: list[str] = []
    family = _named(families, settings.family, "product family", problems)
    found = {
        name: _named(relationships, name, "relationship", problems)
        for name in (settings.listings_relationship, settings.hierarchy_relationship)
    }
    labels = {name: settings.label(name) for name in AMAZON_ATTRIBUTES if settings.label(name)}
    held = client.family_attributes(family.id) if family.id else None

    def usable(label: str) -> bool:
        return label in there and (held is None or bool(held & {label, there[label].id}))

    left_out = tuple(labels.pop(name) for name in FILLED_IF_THERE if name in labels and not usable(labels[name]))
    missing = {name: label for name, label in labels.items() if label not in there}
    problems += [
        f"no attribute {label}: create {_title(label)!r} ({_USUAL.get(name, 'TextAttribute')})" for name, label in missing.items()
    ]
    attributes = {name: there[label] for name, label in labels.items() if label in there}
    outside = [a.label for a in attributes.values() if not usable(a.label)]
    if outside:
        problems.append(f"family {settings.family!r} has no {', '.join(outside)}: link the attributes to it")
    identifiers = tuple(label for label in settings.identifier_attributes if label in there)
    model_number = settings.model_number_attribute if settings.model_number_attribute in there else ""
    return Account(family.id, found, attributes, identifiers, tuple(problems), model_number, left_out)


def _named(known: Sequence[Named], name: str, what: str, problems: list[str]) -> Named:
    found = [each for each in known if each.name == name]
    if len(found) == 1:
        return found[0]
    told = ", ".join(repr(each.name) for each in known[:10]) or "none"
    problems.append(f"{len(found) or 'no'} {what} named {name!r} (there are: {told})")
    return Named("", name)


def _title(label: str) -> str:
    """A name from which the vendor makes this label."""
    short = {"asin", "sku", "upc", "ean", "gtin"}
    return " ".join(word.upper() if word in short else word.capitalize() for word in label.split("_"))


def fitting(attribute: Attribute, value: Any, longest: int | None = None) -> Any:
    """The value as the attribute takes it. Raises DoesNotFit; nothing is cut or rounded to make it fit."""
    kind = attribute.type
    if kind == "BooleanAttribute" and isinstance(value, bool):
        return value
    text = str(value)
    if kind in _TEXT:
        return _short_enough(attribute, text, longest)
    if kind == "DropdownAttribute":
        return _option(attribute, text)
    if kind == "MultiSelectAttribute":
        return [_option(attribute, text)]
    if kind == "DateAttribute":
        return _date(attribute, text)
    if kind in ("IntAttribute", "DecimalAttribute"):
        return _number(attribute, text)
    raise DoesNotFit(f"{attribute.label} is a {kind}, which does not take {text!r}")


def _short_enough(attribute: Attribute, text: str, longest: int | None) -> str:
    if longest is not None and len(text) > longest:
        raise DoesNotFit(f"{attribute.label} has {len(text)} characters, {longest} are allowed")
    return text


def has_option(attribute: Attribute, text: str) -> bool:
    """Whether a dropdown has an option for this text."""
    return any(option.casefold() == text.casefold() for option in attribute.options)


def _option(attribute: Attribute, text: str) -> str:
    """The option that is meant: the very text, else the only one that differs in case alone."""
    alike = [option for option in attribute.options if option.casefold() == text.casefold()]
    if text in attribute.options:
        return text
    if len(alike) == 1:
        return alike[0]
    raise DoesNotFit(f"{text!r} is no option of {attribute.label} ({', '.join(attribute.options[:20]) or 'it has none'})")


def _date(attribute: Attribute, text: str) -> str:
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise DoesNotFit(f"{attribute.label} takes a date as YYYY-MM-DD, not {text!r}") from None


def _number(attribute: Attribute, text: str) -> int | Decimal:
    try:
        number = read_number(text)
    except NumberUnclear as e:
        raise DoesNotFit(f"{attribute.label} takes a number: {e}") from e
    if attribute.type != "IntAttribute":
        return number
    if number != int(number):
        raise DoesNotFit(f"{attribute.label} takes a whole number, not {text!r}")
    return int(number)


def columns(attributes: Mapping[str, Attribute], names: Collection[str]) -> list[str]:
    """The columns of a search that show these attributes."""
    return [f"attributes.{attributes[name].label}" for name in names if name in attributes]
