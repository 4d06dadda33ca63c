"""Which product a listing is a listing of. Pure: listings and products in, entries of a mapping out.

The rules are tried in the order of the settings, and the first that finds products decides. Where it finds several, a
later rule may tell them apart; where none does, that is reported and nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sync_pipelines.pipelines.amazon_plytix.entries import AsinMapping, Entry
from sync_pipelines.pipelines.amazon_plytix.identifiers import NoIdentifier, amazon_sku, gtin14, padded_sku
from sync_pipelines.pipelines.amazon_plytix.listings import PARENT, Listing
from sync_pipelines.pipelines.amazon_plytix.settings import AmazonPlytixSettings, Rule
from sync_pipelines.pipelines.spreadsheets import overwritten

_WIDTHS = {"WIDE": "W", "MEDIUM": "M", "NARROW": "N", "REGULAR": "M"}
_AT_THE_END = re.compile(r",\s*(\d{1,2}(?:\.\d+)?)\s*([A-Za-z]+)?\s*$")
_SIZE = re.compile(r"\s*(\d{1,2}(?:\.\d+)?)\s*([A-Za-z]+)?\s*")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product that listings may be of. `codes`: its identifiers as 14 digits. `model`: its model number, in capitals."""

    id: str
    sku: str
    label: str | None
    gtin: str | None
    codes: tuple[str, ...]
    model: str | None = None


class Products:
    """The candidates, by what a listing may be found by."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self.by_code: dict[str, list[Candidate]] = {}
        self.by_sku: dict[str, list[Candidate]] = {}
        self.by_model: dict[str, list[Candidate]] = {}
        for product in candidates:
            self.by_sku.setdefault(padded_sku(product.sku), []).append(product)
            for code in product.codes:
                self.by_code.setdefault(code, []).append(product)
            if product.model:
                self.by_model.setdefault(product.model, []).append(product)

    def collisions(self) -> list[dict[str, Any]]:
        """Identifiers and SKUs that several products have."""
        shared = [("identifier", code, found) for code, found in self.by_code.items() if len(found) > 1]
        shared += [("sku", sku, found) for sku, found in self.by_sku.items() if len(found) > 1]
        return [{"what": what, "value": value, "plytix_skus": sorted(p.sku for p in found)} for what, value, found in shared]


def candidate(
    id_: str, sku: str, label: str | None, gtin: str | None, others: Iterable[str | None], model: str | None = None
) -> Candidate:
    """A product with those of its identifiers that are some; the others say nothing."""
    codes = set()
    for code in (gtin, *others):
        if code:
            try:
                codes.add(gtin14(str(code)))
            except NoIdentifier:
                continue
    return Candidate(id_, sku, label, gtin, tuple(codes), _model(model))


def match(
    listings: Iterable[Listing], products: Products, settings: AmazonPlytixSettings, metadata: Mapping[str, Any]
) -> AsinMapping:
    """Find the product of every listing. Entries with a product come first, in the order of the listings."""
    every = list(listings)
    rules = _Rules(products, settings, every)
    entries = [rules(listing) for listing in every]
    if settings.listings_per_product == "one":
        entries = _one_listing_each(entries)
    matched = [e for e in entries if e.state == "matched"]
    taken = {e.canonical_plytix_sku for e in matched}
    styles = {_style(e.canonical_plytix_sku or "") for e in matched} | {metadata.get("style")}
    unlisted = [
        {"sku": p.sku, "id": p.id, "reason": "no listing found"}
        for found in products.by_sku.values()
        for p in found
        if p.sku not in taken and _style(p.sku) in styles
    ]
    repeats = [{"what": "listing", "value": listing.asin, "others": listing.also} for listing in rules.seen_twice]
    return AsinMapping(
        metadata,
        [*matched, *(e for e in entries if e.state != "matched")],
        unlisted,
        [*products.collisions(), *_several(entries), *repeats],
    )


def checked(given: AsinMapping, settings: AmazonPlytixSettings) -> AsinMapping:
    """A mapping that somebody made, by the same rules: a parent is of no product but the one of its model, what is not sure
    enough or contradicts itself is held, and where one listing per product is allowed, several are nobody's guess.

    With a confidence of 1 a person has decided about identifiers that contradict each other."""
    found = []
    for each in given.entries:
        codes, wrong = _codes(each.amazon_upc, each.amazon_ean, each.amazon_gtin)
        entry = replace(each, note=_and(each.note, [*wrong, *_lost_sku(each.amazon_sku)]))
        sure = entry.match_confidence
        if entry.state != "matched":
            found.append(entry)
        elif entry.item_classification == PARENT:
            of_model = padded_sku(entry.canonical_plytix_sku or "") == padded_sku(entry.model_number or "")
            found.append(entry if of_model else replace(_blank(entry), state="parent", reason=OF_A_PARENT))
        elif sure is not None and sure < settings.min_confidence:
            found.append(_held(entry, f"{sure} is less sure than {settings.min_confidence}"))
        elif sure != 1 and (told := _contradiction(entry.match_method, codes, _codes(entry.canonical_plytix_gtin)[0])):
            found.append(_held(entry, told))
        else:
            found.append(entry)
    if settings.listings_per_product == "one":
        found = _one_listing_each(found)
    return replace(given, entries=found)


OF_A_PARENT = "a variation parent is not a listing of one product"


class _Rules:
    def __init__(self, products: Products, settings: AmazonPlytixSettings, listings: Iterable[Listing]) -> None:
        self.products, self.settings = products, settings
        self.seen_twice: list[Listing] = []
        self.models_of_children: dict[tuple[str, str], set[str]] = {}
        for each in listings:
            model = _model(each.model_number)
            if each.parent_asin and model:
                self.models_of_children.setdefault((each.parent_asin, each.marketplace), set()).add(model)

    def __call__(self, listing: Listing) -> Entry:
        if listing.also:
            self.seen_twice.append(listing)
        entry = _unmatched(listing)
        if listing.problem:
            return replace(entry, state="rejected", reason=listing.problem)
        if listing.classification == PARENT:
            return self._of_its_model(listing, entry)
        further = (listing.further or "").split(",")
        codes, wrong = _codes(listing.upc, listing.ean, listing.gtin, *further)
        entry = replace(entry, note=_and(listing.note, [*wrong, *_lost_sku(listing.seller_sku)]))
        found, rule, sure = self._find(listing, codes)
        if not found:
            told = "no product has its identifiers, its SKU, its model and size, or alone its model number"
            return replace(entry, reason=f"{told}; {'; '.join(wrong)}" if wrong else told)
        if len(found) > 1:
            names = ",".join(sorted(p.sku for p in found))
            return replace(entry, state="ambiguous", reason=f"{len(found)} products fit by {rule}", candidates=names)
        matched = _of(found[0], entry, rule, sure, codes)
        if sure < self.settings.min_confidence:
            return _held(matched, f"found by {rule}, but {sure} is less sure than {self.settings.min_confidence}")
        if contradiction := _contradiction(rule, codes, set(found[0].codes)):
            return _held(matched, contradiction)
        return matched

    def _of_its_model(self, listing: Listing, entry: Entry) -> Entry:
        """A variation parent is a listing of the merchant's own parent product: the only one whose SKU is its model number.

        Amazon's parents may carry the model number of another style, so their variations have a say.
        """
        model = _model(listing.model_number)
        found = self.products.by_sku.get(padded_sku(model), []) if model else []
        if model is None or len(found) != 1:
            return replace(entry, state="parent", reason=OF_A_PARENT)
        matched = _of(found[0], entry, "model_number", self.settings.confidence["model_number"], set())
        children = self.models_of_children.get((listing.asin, listing.marketplace), {model})
        if model not in children:
            return _held(matched, f"its model number is {model}, its variations have {', '.join(sorted(children))}")
        if self.settings.confidence["model_number"] < self.settings.min_confidence:
            return _held(matched, f"found by model_number, which is less sure than {self.settings.min_confidence}")
        return matched

    def _find(self, listing: Listing, codes: set[str]) -> tuple[list[Candidate], str, Decimal]:
        """The products that fit, by which rule, and how sure that is."""
        fits: dict[str, Candidate] = {}
        first, sure = "", Decimal(0)
        for rule in self.settings.match_order:
            found, confidence = self._by(rule, listing, codes)
            by_id = {p.id: p for p in found}
            if rule == "model_number" and not fits and len(by_id) > 1:
                continue  # the sizes of a style have one model number: that tells a style, not a product
            if not fits:
                fits, first, sure = by_id, rule, confidence
            elif 0 < len(common := {id_: p for id_, p in by_id.items() if id_ in fits}) < len(fits):
                fits, first = common, f"{first} and {rule}"
            if len(fits) == 1:
                break
        return list(fits.values()), first, sure

    def _by(self, rule: Rule, listing: Listing, codes: set[str]) -> tuple[list[Candidate], Decimal]:
        sure = self.settings.confidence
        if rule == "gtin":
            return [p for code in sorted(codes) for p in self.products.by_code.get(code, ())], sure["gtin"]
        if rule == "sku":
            sku = listing.seller_sku
            usable = sku if sku and not overwritten(sku) else None
            return (self.products.by_sku.get(padded_sku(usable), []) if usable else []), sure["sku"]
        if rule == "model_number":
            return self.products.by_model.get(_model(listing.model_number) or "", []), sure["model_number"]
        size, width = size_and_width(listing.title, listing.size, self.settings.widths)
        if not listing.model_number or size is None:
            return [], sure["model_size"]
        widths = (width,) if width else self.settings.widths
        skus = {
            padded_sku(pattern.format(**_parts(listing, size, each))) for pattern in self.settings.sku_patterns for each in widths
        }
        found = [p for sku in sorted(skus) for p in self.products.by_sku.get(sku, ())]
        return found, sure["model_size" if width else "model_size_without_width"]


def _of(product: Candidate, entry: Entry, rule: str, sure: Decimal, codes: set[str]) -> Entry:
    return replace(
        entry,
        state="matched",
        canonical_plytix_sku=product.sku,
        canonical_plytix_id=product.id,
        canonical_plytix_label=product.label,
        canonical_plytix_gtin=product.gtin,
        match_method=rule,
        match_confidence=sure,
        gtin_match=not codes.isdisjoint(product.codes) if codes and product.codes else None,
    )


def _held(entry: Entry, why: str) -> Entry:
    """The entry without its product, which a person has to confirm."""
    return replace(_blank(entry), state="held", reason=why, candidates=entry.canonical_plytix_sku)


def _contradiction(rule: str | None, codes: set[str], of_product: set[str]) -> str | None:
    """Why a match by another rule than an identifier cannot be: both sides have identifiers, and these are different ones."""
    if not codes or not of_product or not codes.isdisjoint(of_product):
        return None
    if rule is None or not _BY_IDENTIFIER.isdisjoint(rule.split(" and ")):
        return None
    return (
        f"found by {rule}, but its identifier is {', '.join(sorted(codes))} and the product's is {', '.join(sorted(of_product))}"
    )


_BY_IDENTIFIER = {"gtin", "upc", "ean"}
"""Rules, as mappings of any generation name them, that found a product by its identifier."""


def _model(number: str | None) -> str | None:
    return (number or "").strip().upper() or None


def _and(note: str | None, more: Sequence[str]) -> str | None:
    """A note with what else there is to say, each thing once."""
    said = [*([note] if note else []), *(each for each in more if each not in (note or ""))]
    return "; ".join(said) or None


def size_and_width(title: str | None, size: str | None, widths: Sequence[str]) -> tuple[str | None, str | None]:
    """Size (two digits before the point) and width, from the end of the title ("…, 10.5 W"), else from the size."""
    for found in (_AT_THE_END.search(title or ""), _SIZE.fullmatch(size or "")):
        if found:
            word = (found[2] or "").upper()
            width = _WIDTHS.get(word, word)
            if width and width not in widths:
                continue  # a width there is none of, or a measure: to try all of them would be a guess
            whole, point, part = found[1].partition(".")
            return whole.zfill(2) + point + part, width or None
    return None, None


def _parts(listing: Listing, size: str, width: str) -> dict[str, str]:
    colour = "".join(c for c in listing.color or "" if c.isalpha())[:4].upper()
    return {"model": listing.model_number or "", "width": width, "size": size, "plain": size.replace(".", ""), "colour": colour}


def _codes(*written: str | None) -> tuple[set[str], list[str]]:
    """Identifiers as 14 digits, and what is wrong with those that are none."""
    codes, wrong = set(), list[str]()
    for code in written:
        if code:
            try:
                codes.add(gtin14(code))
            except NoIdentifier as e:
                wrong.append(f"{e}, so it is not written")
    return codes, wrong


def _lost_sku(sku: str | None) -> list[str]:
    lost = overwritten(sku or "")
    return [f"{lost}, so the SKU is not written"] if lost else []


def _unmatched(listing: Listing) -> Entry:
    return Entry(
        "unmatched",
        amazon_sku(listing.marketplace, listing.asin),
        listing.marketplace,
        listing.asin,
        listing.parent_asin,
        listing.seller_sku,
        listing.upc,
        listing.ean,
        listing.gtin,
        listing.title,
        listing.size,
        listing.color,
        listing.theme,
        listing.status,
        listing.classification,
        listing.model_number,
        brand=listing.brand,
        note=listing.note,
    )


def _style(sku: str) -> str:
    return sku.partition("-")[0]


def _one_listing_each(entries: Sequence[Entry]) -> list[Entry]:
    """Several listings of one product in a marketplace: which is meant is a person's decision."""
    by_product: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.canonical_plytix_sku:
            by_product.setdefault((entry.canonical_plytix_sku, entry.marketplace), []).append(entry)
    several = {entry.suggested_sku: same for same in by_product.values() if len(same) > 1 for entry in same}
    return [_undecided(e, several[e.suggested_sku]) if e.suggested_sku in several else e for e in entries]


def _undecided(entry: Entry, same: Sequence[Entry]) -> Entry:
    others = ", ".join(e.amazon_asin for e in same if e.amazon_asin != entry.amazon_asin)
    return replace(
        _blank(entry),
        state="ambiguous",
        candidates=entry.canonical_plytix_sku,
        reason=f"{others} fits the same product, and one listing is allowed per product",
    )


def _blank(entry: Entry) -> Entry:
    return replace(
        entry,
        canonical_plytix_sku=None,
        canonical_plytix_id=None,
        canonical_plytix_label=None,
        canonical_plytix_gtin=None,
        match_method=None,
        match_confidence=None,
        gtin_match=None,
    )


def _several(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Products that several listings fit, as the mapping file tells them."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        if entry.state == "ambiguous" and entry.candidates and "," not in entry.candidates:
            found.setdefault(entry.candidates, []).append(entry.amazon_asin)
    return [{"what": "product", "value": sku, "amazon_asins": asins} for sku, asins in found.items()]
