"""Reading the query of a catalogue call: what is asked for, or a 400 that says what is wrong with it.

Parameters: https://github.com/amzn/selling-partner-api-models, models/catalog-items-api-model/catalogItems_2022-04-01.json.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass

from vendor_sandbox.amazon.sections import SECTIONS
from vendor_sandbox.amazon.settings import MARKETPLACE_IDS, Settings
from vendor_sandbox.wire import Refused, Request

ASIN = re.compile(r"[0-9]{9}[0-9X]|[A-Z][A-Z0-9]{9}")
"""The pattern that the vendor gives: https://github.com/amzn/selling-partner-api-docs/issues/2543."""

_KINDS = ("ASIN", "EAN", "GTIN", "ISBN", "JAN", "MINSAN", "SKU", "UPC")
_MOST = 20
_OF_AN_ITEM = ("marketplaceIds", "includedData", "locale")
_WITH_KEYWORDS = ("brandNames", "classificationIds", "keywordsLocale")
_OF_A_SEARCH = (*_OF_AN_ITEM, *_WITH_KEYWORDS, "identifiers", "identifiersType", "keywords", "pageSize", "pageToken", "sellerId")
_CODES_OF_MARKETPLACES = {marketplace_id: code for code, marketplace_id in MARKETPLACE_IDS.items()}


@dataclass(frozen=True)
class Search:
    """A search as requested, by `identifiers` of one `kind` or by `keywords`."""

    marketplace: str
    sections: tuple[str, ...]
    identifiers: tuple[str, ...]
    kind: str
    seller_id: str | None
    keywords: tuple[str, ...]
    brands: tuple[str, ...]
    classifications: tuple[str, ...]
    page_size: int
    asked_for_20: bool
    token: str | None

    @property
    def offset(self) -> int:
        """How many results come before this page. Raises Refused for a token that belongs to another search."""
        if self.token is None:
            return 0
        try:
            offset, mark = json.loads(base64.urlsafe_b64decode(self.token))
        except (binascii.Error, ValueError, TypeError) as error:
            raise Refused(400, "Invalid 'pageToken' provided.") from error
        if mark != self._mark or not isinstance(offset, int) or offset < 0:
            raise Refused(400, "Invalid 'pageToken' provided.")
        return offset

    def token_for(self, offset: int) -> str:
        return base64.urlsafe_b64encode(json.dumps([offset, self._mark]).encode()).decode()

    @property
    def _mark(self) -> str:
        parts = (self.marketplace, self.kind, self.identifiers, self.keywords, self.brands, self.classifications)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def read_search(request: Request, settings: Settings) -> Search:
    query = _Query(request, _OF_A_SEARCH, settings.unknown_parameters_fail)
    marketplaces = query.marketplaces()
    if len(marketplaces) > 1:
        raise Refused(400, "Only one marketplace is allowed in 'marketplaceIds'.")
    sections = query.sections()
    identifiers, keywords = query.listed("identifiers", _MOST), query.listed("keywords", _MOST)
    if identifiers and keywords:
        raise Refused(400, "'identifiers' and 'keywords' cannot be used together.")
    if not identifiers and not keywords:
        raise Refused(400, "Missing required 'identifiers' or 'keywords'.")
    kind = query.one("identifiersType")
    if identifiers:
        _check_identifiers(query, identifiers, kind, settings)
    size = query.one("pageSize")
    return Search(
        marketplace=marketplaces[0],
        sections=sections,
        identifiers=identifiers,
        kind=kind or "",
        seller_id=query.one("sellerId"),
        keywords=keywords,
        brands=query.listed("brandNames"),
        classifications=query.listed("classificationIds"),
        page_size=settings.default_page_size if size is None else _page_size(size),
        asked_for_20=size is not None and int(size) == _MOST,
        token=query.one("pageToken"),
    )


def read_item_query(request: Request, settings: Settings) -> tuple[list[str], tuple[str, ...]]:
    """Read the marketplaces and sections of a call for one item."""
    query = _Query(request, _OF_AN_ITEM, settings.unknown_parameters_fail)
    return query.marketplaces(), query.sections()


def _check_identifiers(query: "_Query", identifiers: Collection[str], kind: str | None, settings: Settings) -> None:
    for name in _WITH_KEYWORDS:
        if query.one(name) is not None:
            raise Refused(400, f"'{name}' cannot be used with 'identifiers'.")
    if kind is None:
        raise Refused(400, "Missing required 'identifiersType'.")
    if kind not in _KINDS:
        raise Refused(400, "Invalid 'identifiersType' provided.")
    if kind == "SKU" and not query.one("sellerId"):
        raise Refused(400, "Missing required 'sellerId'.")
    if kind == "ASIN" and settings.malformed_asin_fails and not all(ASIN.fullmatch(each) for each in identifiers):
        raise Refused(400, "Invalid 'asin' provided.")


def _page_size(sent: str) -> int:
    if not (sent.isascii() and sent.isdecimal() and len(sent) <= 3 and 1 <= int(sent) <= _MOST):
        raise Refused(400, "Invalid 'pageSize' provided.")
    return int(sent)


class _Query:
    """The parameters of a call. Each may be sent once; lists are separated by commas."""

    def __init__(self, request: Request, known: Collection[str], unknown_fails: bool) -> None:
        self._sent: dict[str, str] = {}
        for name, value in request.pairs:
            if name in self._sent:
                raise Refused(400, f"'{name}' was sent more than once; a list is sent with commas.")
            if unknown_fails and name not in known:
                raise Refused(400, f"Unknown parameter '{name}'.")
            self._sent[name] = value

    def one(self, name: str) -> str | None:
        return self._sent.get(name)

    def listed(self, name: str, most: int | None = None) -> tuple[str, ...]:
        """Return the values of a list, none when it was not sent. Raises Refused for more than `most`, and for a blank value."""
        if name not in self._sent:
            return ()
        values = tuple(self._sent[name].split(","))
        if not all(value.strip() for value in values):
            raise Refused(400, f"Invalid '{name}' provided.")
        if most is not None and len(values) > most:
            raise Refused(400, f"The maximum number of '{name}' is {most}.")
        return values

    def marketplaces(self) -> list[str]:
        """Return the codes, such as US, of the ids sent. Raises Refused when there are none, and for an unknown id."""
        sent = self.listed("marketplaceIds")
        if not sent:
            raise Refused(400, "Missing required 'marketplaceIds'.")
        if not all(each in _CODES_OF_MARKETPLACES for each in sent):
            raise Refused(400, "Invalid 'marketplaceIds' provided.")
        return list(dict.fromkeys(_CODES_OF_MARKETPLACES[each] for each in sent))

    def sections(self) -> tuple[str, ...]:
        sent = self.listed("includedData") or ("summaries",)
        if not all(each in SECTIONS for each in sent):
            raise Refused(400, "Invalid 'includedData' provided.")
        return sent
