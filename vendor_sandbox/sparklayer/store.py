"""SparkLayer's price lists and the prices stored on them, with the rules that a list must follow.

List fields: https://docs.sparklayer.io/developers/api/pricing/create-a-price-list
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from vendor_sandbox.sparklayer.prices import Entry, Row, merged
from vendor_sandbox.values import is_number

_CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
    CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR
    ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT
    MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND
    VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG XCG
"""
CURRENCIES = frozenset(_CODES.split())
SOURCES = ("custom", "platform", "integration")
_MUTABLE = ("name", "currency_code", "rules", "tax_inclusive_display")
_RULE = ("source_price_list_slug", "adjustment_percentage", "adjustment_direction", "currency_exchange_rate")


class BadList(ValueError):
    """A price list that breaks a rule; the message names the field."""


@dataclasses.dataclass
class PriceList:
    slug: str
    name: str
    currency_code: str
    source: str = "custom"
    tax_inclusive_display: bool = False
    rules: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    prices: dict[str, list[Row]] = dataclasses.field(default_factory=dict)
    touched: int = 0
    """Grows with every change of the site's lists: the order of `updated_at`."""

    def shown(self) -> dict[str, Any]:
        """The list as the API shows it."""
        return {
            "slug": self.slug,
            "name": self.name,
            "currency_code": self.currency_code,
            "source": self.source,
            "tax_inclusive_display": self.tax_inclusive_display,
            "rules": self.rules,
        }


class Store:
    """Every price list of a site, and a count of what was written to them."""

    def __init__(self) -> None:
        self.lists: dict[str, PriceList] = {}
        self.writes = 0
        self.effects: dict[str, dict[str, int]] = {}
        self._touches = 0

    def copy(self) -> "Store":
        twin = Store()
        twin.lists = {slug: dataclasses.replace(each, prices=dict(each.prices)) for slug, each in self.lists.items()}
        twin.writes, twin._touches = self.writes, self._touches
        twin.effects = {slug: dict(counts) for slug, counts in self.effects.items()}
        return twin

    def touch(self, price_list: PriceList) -> None:
        self._touches += 1
        price_list.touched = self._touches

    def create(self, fields: Mapping[str, Any], reserved: tuple[str, ...] = ("platform",)) -> PriceList:
        """Create a list from the fields of the API. Raises BadList, also when the slug exists."""
        _only(fields, ("slug", "source", *_MUTABLE), "a price list")
        slug = _text(fields, "slug", longest=30)
        if slug in self.lists:
            raise BadList(f"slug: a price list {slug!r} exists")
        source = fields.get("source", "custom")
        if source not in SOURCES or source in reserved:
            raise BadList(f"source: must be one of {', '.join(each for each in SOURCES if each not in reserved)}")
        price_list = PriceList(slug, _text(fields, "name", longest=64), _currency(fields.get("currency_code")), source)
        self._change_fields(price_list, fields)
        self.lists[slug] = price_list
        return price_list

    def update(self, price_list: PriceList, fields: Mapping[str, Any]) -> None:
        """Change the fields sent; `rules` are replaced as a whole. Raises BadList."""
        _only(fields, _MUTABLE, "an update of a price list (slug and source never change)")
        self._change_fields(price_list, fields)

    def _change_fields(self, price_list: PriceList, fields: Mapping[str, Any]) -> None:
        changes: dict[str, Any] = {}
        if "name" in fields:
            changes["name"] = _text(fields, "name", longest=64)
        if "currency_code" in fields:
            changes["currency_code"] = _currency(fields["currency_code"])
        if "tax_inclusive_display" in fields:
            if not isinstance(fields["tax_inclusive_display"], bool):
                raise BadList("tax_inclusive_display: must be true or false")
            changes["tax_inclusive_display"] = fields["tax_inclusive_display"]
        if "rules" in fields:
            changes["rules"] = self._read_rules(fields["rules"], price_list.slug)
        for name, value in changes.items():
            setattr(price_list, name, value)
        self.touch(price_list)

    def _read_rules(self, rules: object, slug: str) -> list[dict[str, Any]]:
        if not isinstance(rules, list):
            raise BadList("rules: must be an array")
        return [self._read_rule(rule, slug) for rule in rules]

    def _read_rule(self, rule: object, slug: str) -> dict[str, Any]:
        if not isinstance(rule, dict):
            raise BadList("rules: must be an array of objects")
        _only(rule, _RULE, "a rule")
        source = rule.get("source_price_list_slug")
        if not isinstance(source, str) or source not in self.lists or source == slug:
            raise BadList(f"rules: source_price_list_slug {source!r} is not another price list")
        share = rule.get("adjustment_percentage")
        if share is None or not is_number(share) or not 0 <= share <= 1:
            raise BadList("rules: adjustment_percentage must be a number from 0 to 1")
        if rule.get("adjustment_direction") not in ("plus", "minus"):
            raise BadList("rules: adjustment_direction must be plus or minus")
        rate = rule.get("currency_exchange_rate")
        if rate is not None and not (is_number(rate) and rate > 0):
            raise BadList("rules: currency_exchange_rate must be a number of more than 0")
        return {name: rule.get(name) for name in _RULE}

    def delete(self, slug: str) -> None:
        """Remove a list with its rules and prices. Raises BadList while another list's rule uses it."""
        for other in self.lists.values():
            if other.slug != slug and any(rule["source_price_list_slug"] == slug for rule in other.rules):
                raise BadList(f"price list {slug!r} is the source of a rule of {other.slug!r}")
        del self.lists[slug]

    def write(self, entries: list[Entry]) -> None:
        """Replace the prices of every (list, SKU) pair that the entries name; a pair without rows loses its prices."""
        for slug, sku, rows in merged(entries):
            prices = self.lists[slug].prices
            if rows:
                prices[sku] = rows
            else:
                prices.pop(sku, None)
            self._count(slug, sku)
        self.writes += bool(entries)

    def clear(self, slug: str) -> None:
        """Remove all prices of a list."""
        for sku in self.lists[slug].prices:
            self._count(slug, sku)
        self.lists[slug].prices = {}
        self.writes += 1

    def _count(self, slug: str, sku: str) -> None:
        counts = self.effects.setdefault(slug, {})
        counts[sku] = counts.get(sku, 0) + 1


def _only(fields: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    for name in fields:
        if name not in known:
            raise BadList(f"{name}: is not a field of {what}")


def _text(fields: Mapping[str, Any], name: str, longest: int) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise BadList(f"{name}: is required, a string of at most {longest} characters")
    return value


def _currency(code: object) -> str:
    if not isinstance(code, str) or code.upper() not in CURRENCIES:
        raise BadList(f"currency_code: {code!r} is not an ISO 4217 code")
    return code.upper()
