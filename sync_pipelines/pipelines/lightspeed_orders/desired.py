"""What the store should have of an order, or of a file of products: what each target is asked for, row by row."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sync_pipelines.delivery.model import Desired, Fields
from sync_pipelines.pipelines.lightspeed_orders import cost_target, name_target, order_target
from sync_pipelines.pipelines.lightspeed_orders.comparison import ComparedLine
from sync_pipelines.pipelines.lightspeed_orders.lookups import Ambiguous
from sync_pipelines.pipelines.lightspeed_orders.orders import Order
from sync_pipelines.pipelines.lightspeed_orders.product_files import ProductRow
from sync_pipelines.pipelines.lightspeed_orders.product_target import ACCOUNTS, FAMILY
from sync_pipelines.pipelines.lightspeed_orders.settings import LightspeedOrdersSettings
from sync_pipelines.pipelines.lightspeed_orders.store import SMALL, Consignment, Store, StoreProduct

NAMED = {"supplier": "suppliers", "brand": "brands", "category": "categories", "tax": "taxes"}
"""Fields of a product that name a row of the store, and of which collection."""


# --- what an order asks for ---------------------------------------------------------------------------------------------


def new_product(line: ComparedLine, order: Order) -> Fields:
    """The product that a line of an order makes. What nobody knows is left out."""
    known: Fields = {
        "name": line.family or line.name,
        "supplier": order.supplier,
        "supplier_code": line.supplier_code,
        "supply_price": line.cost,
        "price": line.new_price,
        "brand": line.brand,
        "category": line.category,
        "tax": line.tax,
        "account_code": line.account_code,
        "account_code_purchase": line.account_code_purchase,
        "codes": [list(code) for code in line.codes],
        "options": [list(option) for option in line.options],
    }
    return {"active": True, **{name: value for name, value in known.items() if value not in (None, "", [])}}


def products_of(order: Order) -> list[ProductRow]:
    """The products that an order makes: one for each line that is new."""
    return [
        ProductRow(line.row, line.sku, new_product(line, order), line.family) for line in order.lines if line.verdict == "new"
    ]


def desired_costs(order: Order) -> Iterator[Desired]:
    """What products should cost whose cost the order changes."""
    for line in order.lines:
        if line.verdict == "cost_changed":
            yield Desired(cost_target.key_of(line.sku, order.supplier), {"cost": line.cost, "linked": True})


def in_the_way(order: Order, there: Sequence[Consignment], store: Store) -> str:
    """Why the store's order of this number is not the one that is meant; "" where it is, or there is none."""
    for found in there:
        for what, lookup, wanted, row in (
            ("supplier", store.lookup("suppliers"), order.supplier, found.supplier_id),
            ("outlet", store.lookup("outlets"), order.outlet, found.outlet_id),
        ):
            if lookup.name_of(row) != wanted:
                theirs = lookup.name_of(row) or f"no {what}"
                return (
                    f"the store has an order {order.reference} for {theirs}, not {wanted}: give this another number (--reference)"
                )
    return ""


def desired_lines(order: Order, shut: str, known: Mapping[str, Fields]) -> Iterator[Desired]:
    """The lines of an order. shut: why nothing can be changed of the one in the store; then lines that are not as they were stay,
    and are told. known: what its lines hold, by key.
    """
    often = Counter(line.sku for line in order.lines)
    for line in order.lines:
        key = order_target.key_of(order.reference, line.sku)
        if line.verdict in ("conflict", "rejected"):
            if not line.sku or often[line.sku] > 1:  # another row for the same product goes all the same
                key = order_target.key_of(order.reference, f"{line.sku} (row {line.row})".strip())
            yield Desired(key, {}, order.reference, conflict=line.reason)
            continue
        fields: Fields = {"count": Decimal(line.quantity), "cost": line.cost}
        same = key in known and known[key].get("count") == fields["count"]
        yield Desired(key, fields, order.reference, conflict=shut if shut and not same else None)


# --- what products ask for ----------------------------------------------------------------------------------------------


def desired_names(products: Sequence[ProductRow], store: Store, settings: LightspeedOrdersSettings) -> Iterator[Desired]:
    """The names that products need and the store lacks, of those kinds that the settings have made."""
    for kind in settings.make_names:
        for name in dict.fromkeys(name for row in products for of, name in _names(row.fields) if of == kind):
            try:
                if store.lookup(kind).find(name) is None:
                    yield Desired(name_target.key_of(kind, name), {"kind": kind, "name": name}, kind)
            except Ambiguous as e:
                yield Desired(name_target.key_of(kind, name), {}, kind, conflict=str(e))


def _names(fields: Fields) -> Iterator[tuple[str, str]]:
    for field, kind in NAMED.items():
        if fields.get(field):
            yield kind, fields[field]
    yield from (("tags", tag) for tag in fields.get("tags") or ())
    yield from (("variant_attributes", option[0]) for option in fields.get("options") or ())


def desired_products(
    products: Sequence[ProductRow], store: Store, settings: LightspeedOrdersSettings, *, lenient: bool
) -> Iterator[Desired]:
    """The products that rows ask for, those that are there with what the rows say of them.

    lenient: a brand or category that the store lacks stays empty, as in an order; else the row is held. A supplier, tax, tag or
    attribute that it lacks always holds the row, unless it is made.
    """
    there = store.products({row.sku for row in products})
    families = store.families({row.family for row in products if row.family})
    wrong = _wrong_families(products, families, there)
    common, disagree = _in_common(products, there)
    for row in products:
        said = {**row.fields, **common.get(row.sku, {})}
        fields, problem = _with_known_names(said, store, settings, lenient=lenient)
        known = there.get(row.sku, ())
        if known and row.product_id and all(each.id != row.product_id for each in known):
            problem = f"the file has another id for it than the store ({known[0].id})"
        if not known and row.product_id:
            problem = f"the store has no product {row.product_id} with this SKU: leave the id out to make one"
        problem = row.problem or wrong.get(row.sku, "") or disagree.get(row.sku, "") or problem
        if known:  # what is said when a product is made, and is somebody else's afterwards
            fields = {name: value for name, value in fields.items() if name not in ("supplier", "codes", "options", "tax")}
        elif not fields.get("name"):
            problem = problem or "a new product needs a name"
        yield Desired(row.sku, fields, row.family, conflict=problem or None)


def _in_common(
    products: Sequence[ProductRow], there: Mapping[str, Sequence[StoreProduct]]
) -> tuple[dict[str, Fields], dict[str, str]]:
    """By SKU, what the rows of one family that is there say of all of it; and which rows do not agree, and on what."""
    families = defaultdict[str, list[ProductRow]](list)
    for row in products:
        if (known := there.get(row.sku)) and known[0].family_id and known[0].siblings > 1:
            families[known[0].family_id].append(row)
    common, disagree = dict[str, Fields](), dict[str, str]()
    for rows in families.values():
        said = {name: [row.fields[name] for row in rows if name in row.fields] for name in (*FAMILY, *ACCOUNTS)}
        split = sorted(name for name, values in said.items() if any(value != values[0] for value in values))
        for row in rows:
            common[row.sku] = {name: values[0] for name, values in said.items() if values}
            if split:
                disagree[row.sku] = f"rows of one family do not agree on its {', '.join(split)}"
    return common, disagree


def _with_known_names(fields: Fields, store: Store, settings: LightspeedOrdersSettings, *, lenient: bool) -> tuple[Fields, str]:
    """The fields without the names that may stay empty, and what is wrong with the others; "" for nothing."""
    kept, problems = dict(fields), list[str]()
    for kind, name in _names(fields):
        if kind in settings.make_names:
            continue
        lookup = store.lookup(kind)
        try:
            found = lookup.find(name)
        except Ambiguous as e:
            problems.append(str(e))
            continue
        if found is None and lenient and kind in ("brands", "categories"):
            kept.pop("brand" if kind == "brands" else "category")
        elif found is None:
            problems.append(lookup.missing(name))
        elif kind == "categories" and found not in store.leaves():
            problems.append(f"products can only be in a category of the last level, which {name} is not")
    return kept, "; ".join(problems)


def _wrong_families(
    products: Sequence[ProductRow], families: Mapping[str, Sequence[StoreProduct]], there: Mapping[str, Sequence[StoreProduct]]
) -> dict[str, str]:
    """Rows that do not fit the family that they are in, by SKU, and why."""
    rows = defaultdict[str, list[ProductRow]](list)
    for row in products:
        if row.family:
            rows[row.family.lower()].append(row)
    found = {}
    for name, members in rows.items():
        known = [tuple(option[0].casefold() for option in member.options) for member in families.get(name, ())]
        attributes = Counter(
            known or [tuple(option[0].casefold() for option in row.fields.get("options") or ()) for row in members]
        )
        usual = attributes.most_common(1)[0][0]
        taken = {_values(member.options): member.sku for member in families.get(name, ())}
        for row in members:
            options = row.fields.get("options") or ()
            values = _values(options)
            if row.sku in there:
                continue
            if tuple(option[0].casefold() for option in options) != usual:
                theirs = ", ".join(usual) or "no options: it is a product of its own"
                found[row.sku] = f"the family {row.family} has {theirs}; this variant has {', '.join(o[0] for o in options)}"
            elif taken.get(values, row.sku) != row.sku:
                found[row.sku] = f"{taken[values]} has these options already: {' / '.join(option[1] for option in options)}"
            elif len(options) > 3:
                found[row.sku] = "a variant has three options at most"
            taken.setdefault(values, row.sku)
    return found


def _values(options: Iterable[Sequence[Any]]) -> tuple[str, ...]:
    return tuple(str(option[1]).strip().casefold() for option in options)


def kinds_needed(products: Iterable[ProductRow]) -> list[str]:
    """The small collections that these products name rows of."""
    return [kind for kind in SMALL if any(of == kind for row in products for of, _ in _names(row.fields))]
