"""What is mirrored of a Lightspeed store, column by column.

Where the versions of the API name a value in different ways, a column lists the places; where they have another shape, `_sale`
and `_product` make one of it. Source of the names: the vendor's 2.0 document and its release of 2026-07.
"""

from __future__ import annotations

from sync_pipelines.pipelines.mirrors import FLAG, NUMBER, TEXT, TEXTS, TIME, WHOLE, Column, Item, Mirror, Part

VENDOR = "lightspeed"
_CREATED = Column("created_at", TIME, "when it was made; UTC")
_UPDATED = Column("updated_at", TIME, "when it last changed, as the store says; UTC")
_NAME = Column("name", TEXT, "its name")
_IMAGE = (
    Column("id", TEXT, "the vendor's id"),
    Column("url", TEXT, "where it is", ("url", "sizes.original")),
    Column("original_url", TEXT, "where it is in its first size", ("sizes.original", "url")),
    Column("version", WHOLE, "the vendor's count of changes when it last changed"),
)


# --- where the versions of the API have other shapes ----------------------------------------------------------------------


def _product(item: Item) -> Item:
    """2026-10 has names, categories and common pictures with the family, prices and suppliers in members of their own; a cost
    of 0 is one that the token does not show (the vendor's page on scopes: product scopes leave costs out)."""
    found = dict(item)
    prices = item["prices"] if isinstance(item.get("prices"), dict) else {}
    if _is_zero(item.get("supply_price")) and _is_zero(prices.get("supply_price")):
        found["supply_price"], found["prices"] = None, {**prices, "supply_price": None}
    family = item.get("family")
    if isinstance(family, dict):
        found["images"], found["sku_images"] = family.get("images"), item.get("images")
        for name in ("name", "description", "brand_id", "category_id", "tag_ids", "handle"):
            if found.get(name) is None:
                found[name] = family.get(name)
    links = item.get("suppliers")
    if isinstance(links, list) and links and isinstance(links[0], dict):
        found = {"supplier_id": links[0].get("supplier_id"), "supplier_code": links[0].get("code"), **found}
    return found


def _is_zero(amount: object) -> bool:
    """Whether an amount, perhaps written as text, is none or 0."""
    return not amount or not str(amount).strip("0.")


def _inventory(item: Item) -> Item:
    """Before 2026-04 stock that is owed showed as a level below zero; since then it has a number of its own (release notes)."""
    if item.get("average_cost"):
        return item
    return {**item, "average_cost": None}


_STATES = {
    ("parked", "layby"): "LAYBY",
    ("parked", "onaccount"): "ONACCOUNT",
    ("pending", "layby"): "LAYBY",
    ("pending", "onaccount"): "ONACCOUNT",
    ("pending", "dispatch"): "AWAITING_DISPATCH",
    ("pending", "pickup"): "AWAITING_PICKUP",
    ("pending", "service"): "SERVICE",
    ("closed", "layby"): "LAYBY_CLOSED",
    ("closed", "onaccount"): "ONACCOUNT_CLOSED",
    ("closed", "dispatch"): "DISPATCHED_CLOSED",
    ("closed", "pickup"): "PICKED_UP_CLOSED",
    ("closed", "service"): "SERVICE_CLOSED",
}
_PLAIN = {"parked": "SAVED", "pending": "SAVED", "closed": "CLOSED", "voided": "VOIDED"}


def _sale(item: Item) -> Item:
    """The dated versions have a state and attributes in place of the status (the vendor's migration guide)."""
    state = item.get("state")
    if item.get("status") or not isinstance(state, str):
        return item
    attributes = item.get("attributes")
    marks = [str(mark).lower().replace("-", "") for mark in attributes] if isinstance(attributes, list) else []
    special = next((_STATES[state, mark] for mark in marks if (state, mark) in _STATES), None)
    return {**item, "status": special or _PLAIN.get(state, state.upper())}


# --- the collections ------------------------------------------------------------------------------------------------------

SUPPLIERS = Mirror(
    "suppliers",
    "Every supplier, with whom to write to.",
    (
        _NAME,
        Column("description", TEXT, "what the store notes of it"),
        Column("source", TEXT, "who made it: USER, or a program"),
        Column("default_markup", NUMBER, "for the record only"),
        *(
            Column(name, TEXT, f"contact: {name.replace('_', ' ')}", (f"contact.{name}",))
            for name in (
                "first_name",
                "last_name",
                "company_name",
                "email",
                "phone",
                "mobile",
                "fax",
                "website",
                "twitter",
                "physical_address1",
                "physical_address2",
                "physical_suburb",
                "physical_city",
                "physical_postcode",
                "physical_state",
                "physical_country_id",
                "postal_address1",
                "postal_address2",
                "postal_suburb",
                "postal_city",
                "postal_postcode",
                "postal_state",
                "postal_country_id",
            )
        ),
    ),
)

PRODUCTS = Mirror(
    "products",
    "Every product, each variant a row of its own.",
    (
        Column("sku", TEXT, "its SKU"),
        _NAME,
        Column("variant_name", TEXT, "its name with its options"),
        Column("family_id", TEXT, "what its variants have in common", ("family_id", "product_family_id")),
        Column(
            "variant_parent_id", TEXT, "the product whose variant it is; empty for a parent and for a product without variants"
        ),
        Column("handle", TEXT, "the same for all variants"),
        Column("description", TEXT, "as the store shows it; may be HTML"),
        Column("price_excluding_tax", NUMBER, "in the store's currency", ("price_excluding_tax", "prices.price_excluding_tax")),
        Column("price_including_tax", NUMBER, "in the store's currency", ("price_including_tax", "prices.price_including_tax")),
        Column(
            "supply_price",
            NUMBER,
            "what it costs; empty where the token does not show it",
            ("supply_price", "prices.supply_price"),
        ),
        Column("supplier_id", TEXT, "its first supplier", ("supplier_id", "supplier.id")),
        Column("supplier_code", TEXT, "the first supplier's code for it"),
        Column("brand_id", TEXT, "its brand", ("brand_id", "brand.id")),
        Column("product_type_id", TEXT, "its category, by the older name", ("product_type_id", "type.id")),
        Column("category_id", TEXT, "its category", ("product_category.id", "category_id", "product_type_id", "type.id")),
        Column("tag_ids", TEXTS, "its tags"),
        Column("active", FLAG, "whether it is sold in the store", ("active.in_store", "active", "is_active")),
        Column("web", FLAG, "whether it is sold in the web shop", ("ecwid_enabled_webstore", "active.ecwid")),
        Column(
            "has_inventory", FLAG, "whether its stock is counted", ("has_inventory", "track_inventory", "family.track_inventory")
        ),
        Column("has_variants", FLAG, "whether there are variants of it"),
        Column("is_composite", FLAG, "whether it is made of others"),
        Column("account_code", TEXT, "sales account", ("account_code", "account_code_sale")),
        Column("account_code_purchase", TEXT, "purchase account"),
        Column("image_url", TEXT, "a picture, or a placeholder where it has none"),
        Column("source", TEXT, "who made it: USER, or a program"),
        Column("source_id", TEXT, "its id there"),
        _CREATED,
        _UPDATED,
    ),
    (
        Part(
            "product_codes",
            "Every code of a product: what may be scanned.",
            "product_id",
            ("product_codes", "codes"),
            (
                Column("id", TEXT, "the vendor's id, from the dated versions on"),
                Column("type", TEXT, "EAN, UPC, ISBN, CUSTOM, …"),
                Column("code", TEXT, "the code"),
            ),
        ),
        Part(
            "product_suppliers",
            "Who supplies a product, under which code, at what price.",
            "product_id",
            ("product_suppliers", "suppliers"),
            (
                Column("id", TEXT, "the vendor's id of the link, from the dated versions on"),
                Column("supplier_id", TEXT, "who"),
                Column("supplier_name", TEXT, "their name, as the product has it"),
                Column("code", TEXT, "their code"),
                Column("price", NUMBER, "what they charge, in the store's currency"),
            ),
        ),
        Part(
            "product_options",
            "What tells a variant from its siblings: colour, size. One attribute can occur twice.",
            "product_id",
            ("variant_options",),
            (
                Column("attribute_id", TEXT, "the attribute", ("id", "attribute_id")),
                Column("name", TEXT, "its name"),
                Column("value", TEXT, "the value"),
            ),
        ),
        Part("product_images", "The pictures of a product or its family.", "product_id", ("images",), _IMAGE),
        Part("variant_images", "The pictures of one variant alone.", "product_id", ("skuImages", "sku_images"), _IMAGE),
    ),
    normal=_product,
)

BRANDS = Mirror("brands", "Every brand.", (_NAME, Column("description", TEXT, "what the store notes of it")))
TAGS = Mirror("tags", "Every tag.", (_NAME,))
PRODUCT_TYPES = Mirror(
    "product_types", "Every category, by the older name.", (_NAME, Column("leaf_category", FLAG, "whether products may be in it"))
)
CATEGORIES = Mirror(
    "categories",
    "Every category, with where it stands.",
    (
        _NAME,
        Column("root_category_id", TEXT, "the topmost one above it"),
        Column("parent_category_id", TEXT, "the one above it; empty at the top"),
        Column("leaf_category", FLAG, "whether products may be in it"),
    ),
    versioned=False,
)
VARIANT_ATTRIBUTES = Mirror(
    "variant_attributes",
    "What variants can differ in: colour, size, ….",
    (_NAME, Column("is_deprecated", FLAG, "whether it is not for use any more"), _CREATED, _UPDATED),
    versioned=False,
)
INVENTORY = Mirror(
    "inventory",
    "How many of every product there are in every outlet.",
    (
        Column("product_id", TEXT, "of what"),
        Column("outlet_id", TEXT, "where"),
        Column("level", NUMBER, "how many", ("current_inventory_level", "inventory_level", "current_amount")),
        Column("to_procure", NUMBER, "how many are owed to customers, from 2026-04 on", ("quantity_to_procure",)),
        Column("average_cost", NUMBER, "of one; empty where the token does not show it"),
        Column("reorder_method", TEXT, "FIXED or MIN_MAX, from 2026-04 on"),
        Column("reorder_point", NUMBER, "the level at which to order"),
        Column("reorder_amount", NUMBER, "how many to order then; of MIN_MAX, as the level was when it was read"),
        Column("reorder_target", NUMBER, "the level to reach, of MIN_MAX"),
    ),
    sums=("level",),
    normal=_inventory,
)
CONSIGNMENTS = Mirror(
    "consignments",
    "Every order to a supplier, transfer, return and stocktake.",
    (
        Column("type", TEXT, "SUPPLIER, OUTLET (a transfer), RETURN or STOCKTAKE"),
        Column("status", TEXT, "OPEN, SENT, DISPATCHED, RECEIVED, CANCELLED; a stocktake has others"),
        Column("reference", TEXT, "the order's number in the back office"),
        Column("name", TEXT, "the note in the back office"),
        Column("outlet_id", TEXT, "where the goods go"),
        Column("source_outlet_id", TEXT, "where a transfer comes from"),
        Column("supplier_id", TEXT, "from whom"),
        Column("supplier_invoice", TEXT, "the supplier's invoice"),
        Column("due_at", TIME, "when it is expected; UTC"),
        Column("consignment_date", TIME, "its date; UTC"),
        Column("received_at", TIME, "when it came; UTC"),
        _CREATED,
        _UPDATED,
    ),
)
CONSIGNMENT_LINES = Mirror(
    "consignment_lines",
    "The lines of every consignment: all of one are read together, whenever its version has moved.",
    (),
    (
        Part(
            "consignment_lines",
            "Every line of a consignment. They have no key: one product may stand there several times.",
            "consignment_id",
            ("lines",),
            (
                Column("product_id", TEXT, "of what"),
                Column("product_sku", TEXT, "its SKU"),
                Column("count", NUMBER, "how many were ordered, or are expected"),
                Column("received", NUMBER, "how many came, or were counted"),
                Column("cost", NUMBER, "of one"),
                Column("is_included", FLAG, "whether a filter brought it in, of a stocktake"),
                Column("status", TEXT, "PENDING, SUCCESS, …"),
                Column("created_at", TIME, "UTC"),
                Column("updated_at", TIME, "UTC"),
                Column("version", WHOLE, "the vendor's count of changes when the line last changed"),
            ),
        ),
    ),
)
SALES = Mirror(
    "sales",
    "Every sale, also open, voided and returned ones.",
    (
        Column(
            "status", TEXT, "CLOSED, LAYBY, ONACCOUNT, SAVED, VOIDED, …; of the dated versions, made from state and attributes"
        ),
        Column("state", TEXT, "parked, pending, voided or closed, in the dated versions"),
        Column("attributes", TEXTS, "layby, onaccount, …"),
        Column("invoice_number", TEXT, "as it is printed"),
        Column("receipt_number", TEXT, "as it is printed"),
        Column("outlet_id", TEXT, "where", ("source.outlet_id", "outlet_id")),
        Column("register_id", TEXT, "at which till", ("source.register_id", "register_id")),
        Column("user_id", TEXT, "who sold", ("source.author_id", "source.author.id", "user_id")),
        Column("customer_id", TEXT, "to whom"),
        Column("return_for", TEXT, "the sale of which it takes something back", ("return.original_sale_id", "return_for")),
        Column("is_return", FLAG, "whether it takes something back", ("return.is_return", "is_return")),
        Column("note", TEXT, "what was noted at the till"),
        Column("total_price", NUMBER, "without tax, in the store's currency", ("totals.price", "total_price")),
        Column("total_tax", NUMBER, "in the store's currency", ("totals.tax", "total_tax")),
        Column("total_loyalty", NUMBER, "in the store's currency", ("totals.loyalty", "total_loyalty")),
        Column("sale_date", TIME, "when it was; UTC", ("sale_date", "date")),
        _CREATED,
        _UPDATED,
    ),
    (
        Part(
            "sale_lines",
            "Every line of a sale; of a return, with quantities below zero.",
            "sale_id",
            ("line_items",),
            (
                Column("id", TEXT, "the vendor's id"),
                Column("product_id", TEXT, "of what", ("product.id", "product_id")),
                Column("quantity", NUMBER, "how many"),
                Column("price", NUMBER, "of one, without tax", ("pricing.price", "price", "unit_price")),
                Column("price_total", NUMBER, "without tax", ("pricing.total", "price_total", "total_price")),
                Column("cost", NUMBER, "of one", ("pricing.cost", "cost", "unit_cost")),
                Column("cost_total", NUMBER, "of all", ("pricing.cost_total", "cost_total", "total_cost")),
                Column("discount", NUMBER, "off one", ("pricing.discount", "discount", "unit_discount")),
                Column("discount_total", NUMBER, "off all", ("pricing.discount_total", "discount_total", "total_discount")),
                Column("tax_id", TEXT, "which tax", ("tax.id", "tax_id")),
                Column("tax_total", NUMBER, "of all", ("tax.total", "tax_total", "total_tax")),
                Column("is_return", FLAG, "whether it takes something back", ("return.is_return", "is_return")),
                Column("status", TEXT, "SAVED, CONFIRMED, …"),
                Column("sequence", WHOLE, "its place on the receipt", ("_metadata.sequence", "sequence")),
                Column("note", TEXT, "what was noted at the till"),
            ),
        ),
        Part(
            "sale_payments",
            "Every payment of a sale.",
            "sale_id",
            ("payments",),
            (
                Column("id", TEXT, "the vendor's id, from the dated versions on"),
                Column("payment_type_id", TEXT, "how", ("type.config_id", "retailer_payment_type_id")),
                Column("name", TEXT, "how, in words", ("type.name", "name")),
                Column("amount", NUMBER, "in the store's currency"),
                Column("paid_at", TIME, "UTC", ("payment_date", "date")),
                Column("register_id", TEXT, "at which till", ("source.register_id", "register_id")),
            ),
        ),
    ),
    sums=("total_price", "total_tax"),
    normal=_sale,
)
OUTLETS = Mirror(
    "outlets",
    "Every shop of the store.",
    (
        _NAME,
        Column("time_zone", TEXT, "its time zone"),
        Column("currency", TEXT, "its currency"),
        Column("display_prices", TEXT, "inclusive or exclusive of tax"),
        Column("email", TEXT, "its mail address"),
        Column("physical_address_1", TEXT, "its address"),
        Column("physical_city", TEXT, "its city"),
        Column("physical_postcode", TEXT, "its postcode"),
        Column("physical_country_id", TEXT, "its country"),
    ),
)
REGISTERS = Mirror(
    "registers",
    "Every till. How many there are says how many calls may be made.",
    (
        _NAME,
        Column("outlet_id", TEXT, "where it stands"),
        Column("is_open", FLAG, "whether it is open"),
        Column("invoice_prefix", TEXT, "before its invoices' numbers"),
        Column("invoice_suffix", TEXT, "after them"),
        Column("invoice_sequence", NUMBER, "the next number"),
    ),
)
TAXES = Mirror(
    "taxes",
    "Every tax.",
    (
        _NAME,
        Column("display_name", TEXT, "as receipts show it"),
        Column("is_default", FLAG, "whether it is taken where none is said"),
    ),
    (
        Part(
            "tax_rates",
            "The rates that a tax is made of.",
            "tax_id",
            ("rates",),
            (Column("id", TEXT, "the vendor's id"), _NAME, Column("rate", NUMBER, "0.2 is 20 %")),
        ),
    ),
)
USERS = Mirror(
    "users",
    "Who works at the tills. Of people, nothing more is kept than the tills show.",
    (
        Column("username", TEXT, "their login"),
        Column("display_name", TEXT, "their name at the till"),
        Column("account_type", TEXT, "cashier, manager or admin"),
        Column("enabled", FLAG, "whether they can log in"),
        _CREATED,
        _UPDATED,
    ),
    keeps_items=False,
)
PAYMENT_TYPES = Mirror(
    "payment_types", "Every way to pay.", (_NAME, Column("type_id", TEXT, "identifies nothing: several have the same"))
)

COLLECTIONS: tuple[Mirror, ...] = (
    SUPPLIERS,
    PRODUCTS,
    BRANDS,
    TAGS,
    PRODUCT_TYPES,
    CATEGORIES,
    VARIANT_ATTRIBUTES,
    CONSIGNMENTS,
    CONSIGNMENT_LINES,
    INVENTORY,
    SALES,
    OUTLETS,
    REGISTERS,
    TAXES,
    USERS,
    PAYMENT_TYPES,
)
