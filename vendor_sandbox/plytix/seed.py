"""What the accounts hold when the sandbox starts: a bootmaker's products, and the leftovers of an older script."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from vendor_sandbox.boots import FIRST_STYLE, Boots, Canonical, Item
from vendor_sandbox.limits import Clock
from vendor_sandbox.plytix.access import KEYS, MAIN
from vendor_sandbox.plytix.definitions import LEVELS, Attribute, Definitions, Family, Relationship, generated_label
from vendor_sandbox.plytix.products import Link, Product, instant
from vendor_sandbox.plytix.store import Store

FOOTWEAR, AMAZON, AMAZON_OLD = "2 - Footwear", "8 - Amazon", "8 - Amazon (old)"
LISTINGS, HIERARCHY, LISTINGS_ARCHIVE = "Amazon Listings", "Amazon Hierarchy", "Amazon Listings (archive)"
LONGEST_TITLE = 500

_OWN = ("Model number", "UPC", "EAN")
_AMAZON_TEXTS = ("ASIN", "Parent ASIN", "SKU", "UPC", "EAN", "Title", "Size", "Color", "Variation theme", "Canonical SKU")
_STATUSES = ("active", "inactive", "suppressed", "unknown")
_MARKETPLACES = ("US", "CA", "MX")

_PRODUCTS_OF_OTHER_ACCOUNTS = 20
_FROM = datetime(2023, 1, 2, 8, tzinfo=UTC)
_DAYS = 900
"""The seeded products were created over so many days, evenly, so that any span of days has its share of them."""


def seeded_store(clock: Clock, account: str, boots: Boots) -> Store:
    """Return an account's data. `main` has every product and the leftovers of an older sync, the other account a few products."""
    store = Store(clock, list(KEYS).index(account) + 1)
    store.definitions = _definitions(store)
    products = boots.products if account == MAIN else boots.products[:_PRODUCTS_OF_OTHER_ACCOUNTS]
    footwear = store.definitions.family_named(FOOTWEAR)
    made = [
        _canonical(store.new_id("product"), each, _FROM + timedelta(days=_DAYS * place / len(products)), footwear)
        for place, each in enumerate(products)
    ]
    if account == MAIN:
        made = _with_leftovers(store, made, boots.of_style(FIRST_STYLE))
    return Store(clock, store.number, store.definitions, made)


def _definitions(store: Store) -> Definitions:
    now = instant(_FROM)

    def attribute(name: str, type_class: str = "TextAttribute", options: Sequence[str] = ()) -> Attribute:
        longest = LONGEST_TITLE if name == "Amazon Title" else None
        label = generated_label(name)
        return Attribute(store.new_id("attribute"), name, label, type_class, now, now, tuple(options), longest)

    own = [attribute(name) for name in _OWN]
    amazon = [
        *(attribute(f"Amazon {name}") for name in _AMAZON_TEXTS),
        attribute("Amazon Listing status", "DropdownAttribute", _STATUSES),
        attribute("Amazon Marketplace", "DropdownAttribute", _MARKETPLACES),
        attribute("Amazon Is primary", "BooleanAttribute"),
        attribute("Amazon Last synced", "DateAttribute"),
    ]
    members = {AMAZON_OLD: amazon[:3], FOOTWEAR: own, AMAZON: amazon}
    families = [
        Family(store.new_id("family"), name, now, now, {each.id: LEVELS[0] for each in attributes})
        for name, attributes in members.items()
    ]
    # The look-alikes come first, so that a client that takes the first partial match takes the wrong one.
    relationships = [
        Relationship(store.new_id("relationship"), name, generated_label(name), now, now)
        for name in (LISTINGS_ARCHIVE, LISTINGS, HIERARCHY)
    ]
    return Definitions(
        {each.id: each for each in (*own, *amazon)},
        {each.id: each for each in families},
        {each.id: each for each in relationships},
    )


def _canonical(product_id: str, boot: Canonical, created: datetime, family: Family | None) -> Product:
    """Return a product of the bootmaker. Its UPC is the GTIN without the zeros that pad it."""
    codes = {"upc": boot.gtin[-12:] if boot.gtin else None, "ean": boot.ean}
    return Product(
        id=product_id,
        sku=boot.sku,
        created=instant(created),
        modified=instant(created),
        label=boot.label,
        gtin=boot.gtin,
        status="Completed",
        attributes={"model_number": boot.style, **{name: code for name, code in codes.items() if code}},
        family_id=family.id if family else None,
    )


def _with_leftovers(store: Store, made: list[Product], items: Sequence[Item]) -> list[Product]:
    """Add products that an older script created: two without a family, two with family and links, and one whose SKU has a
    lower-case ASIN, with a family but no links. Returns all of them."""
    amazon = store.definitions.family_named(AMAZON)
    listings, hierarchy = (store.definitions.relationship_named(name) for name in (LISTINGS, HIERARCHY))
    assert amazon is not None and listings is not None and hierarchy is not None  # noqa: S101, PT018
    canonical = {each.sku: each for each in made}
    children = [each for each in items if each.why == "gtin" and each.parent_asin][:5]
    parent = next(each for each in items if each.why == "parent")
    left = []
    for place, item in enumerate((*children, parent)):
        product = _leftover(store.new_id("product"), item)
        if place >= 2:
            product = replace(product, family_id=amazon.id)
        if place == 4:
            product = replace(product, sku=product.sku[:8] + product.sku[8:].lower())
        left.append(product)
    then = left[0].modified
    for item, product in zip(children[2:4], left[2:4], strict=True):
        source = canonical[str(item.expected)]
        canonical[source.sku] = replace(source, links={listings.id: {product.id: Link(1, then)}})
    left[-1] = replace(left[-1], links={hierarchy.id: {each.id: Link(1, then) for each in left[2:4]}})
    return [*canonical.values(), *left]


def _leftover(product_id: str, item: Item) -> Product:
    when = instant(_FROM + timedelta(days=_DAYS + 30))
    values = {
        "amazon_asin": item.asin,
        "amazon_parent_asin": item.parent_asin,
        "amazon_upc": item.upc,
        "amazon_ean": item.ean,
        "amazon_title": item.title,
        "amazon_listing_status": "active",
        "amazon_marketplace": item.marketplace,
        "amazon_canonical_sku": item.expected,
        "amazon_is_primary": False,
        "amazon_last_synced": "2025-07-21",
    }
    return Product(
        id=product_id,
        sku=f"AMZN-{item.marketplace}-{item.asin}",
        created=when,
        modified=when,
        label=item.title,
        attributes={name: value for name, value in values.items() if value is not None},
    )
