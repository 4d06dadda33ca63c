"""Products of the store as a delivery target: one record per SKU, made alone or with the others of its family, and kept in step
where a product file says so.

What is common to a family can only be written to all of it. Ids are all that a create answers, in no order: what was made is
read back by its SKU. Before 2026-10 one more variant can only be added by version 2.1, and the body is assumed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, ClassVar

from sync_pipelines.delivery.model import (
    Answer,
    Applied,
    Change,
    DoneReadBack,
    Field,
    Fields,
    Intent,
    Live,
    NotApplied,
    PrerequisiteMissing,
    Refused,
    Stale,
    Step,
)
from sync_pipelines.pipelines.as_delivery_failures import as_delivery_failures
from sync_pipelines.pipelines.lightspeed_orders import product_use
from sync_pipelines.pipelines.lightspeed_orders.lookups import Ambiguous
from sync_pipelines.pipelines.lightspeed_orders.sending import StoreTarget, amount, ids
from sync_pipelines.pipelines.lightspeed_orders.store import Store, StoreProduct
from sync_pipelines.pipelines.lightspeed_retail.collections import PRODUCTS

WRITE = "products:write"
ADDS_A_VARIANT = "2.1"
MOST_VARIANTS = 200
"""Variants that a family may have (https://x-series-api.lightspeedhq.com/docs/products_variants)."""
FAMILY = ("name", "description", "brand", "category", "tags")
"""Fields that all products of a family have in common; before 2026-10 the account codes are, too."""
ACCOUNTS = ("account_code", "account_code_purchase")
OWN = ("price", "supply_price", "supplier_code", "active")


class NoSuchName(ValueError):
    """The store lacks a name that the product needs."""


def _tags(value: Any) -> list[str]:
    return sorted({str(tag).strip().casefold() for tag in value or ()})


def _name(value: Any) -> str | None:
    return str(value).strip().casefold() if value else None


class Products(StoreTarget):
    """Products of one store, by SKU. Fields: name (of a variant: its family's), description, brand, category, tags, supplier,
    supplier_code, supply_price, price (with or without tax, as the store counts), account codes, active, tax, codes
    (type and code) and options (name and value), which make it a variant.

    wanted: SKUs that the plan is about. said: the fields that it speaks of, which are owned; by default all. Of the others the
    store has its own defaults when a product is made, and whoever changes them changes nothing of ours.
    """

    name = "lightspeed/ordered_products"
    thing = "product"
    window: ClassVar[int | None] = 500

    def __init__(self, store: Store, account: str, wanted: Sequence[str], said: Collection[str] | None = None) -> None:
        super().__init__(store, account)
        self.wanted = wanted
        shown = store.shows_costs
        self.fields: Mapping[str, Field] = {
            "name": Field(),
            "description": Field(same=lambda value: value or None, rule="text"),
            "brand": Field(same=_name, rule="name"),
            "category": Field(same=_name, rule="name"),
            "tags": Field(same=_tags, rule="tags"),
            "supplier": Field("create_only"),
            "supplier_code": Field(same=lambda value: value or None, rule="text"),
            "supply_price": Field("owned" if shown else "create_only", same=amount, rule="amount"),
            "price": Field(same=amount, rule="amount"),
            "account_code": Field(same=lambda value: value or None, rule="text"),
            "account_code_purchase": Field(same=lambda value: value or None, rule="text"),
            "active": Field(),
            "tax": Field("create_only"),
            "codes": Field("create_only"),
            "options": Field("create_only"),
            "family_id": Field("foreign"),
        }
        if said is not None:
            unsaid = {name for name, field in self.fields.items() if field.ownership == "owned"} - set(said)
            self.fields = {n: replace(f, ownership="create_only") if n in unsaid else f for n, f in self.fields.items()}
        owned = frozenset(self.owned())
        family = owned & frozenset(FAMILY if self.by_families else (*FAMILY, *ACCOUNTS))
        own = owned & frozenset((*OWN, *ACCOUNTS) if self.by_families else OWN)
        update = frozenset({"update"})
        self.steps = (
            Step("make", self.lands, frozenset(), frozenset({"create"}), atomic=True),
            *((Step("family", self.lands, family, update, repeatable=True),) if family else ()),
            *((Step("product", self.lands, own, update, repeatable=True),) if own else ()),
            Step("delete", self.lands, frozenset(), frozenset({"remove"}), repeatable=True),
        )

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, keys: Sequence[str] | None) -> Iterator[Live]:
        """These products, or all that the plan is about, from the mirror, brought up to date now where keys are named."""
        wanted = self.wanted if keys is None else keys
        with as_delivery_failures():
            self.store.read(PRODUCTS, again=keys is not None)
            found = self.store.products(wanted)
        for sku in dict.fromkeys(wanted):
            products = found.get(sku, ())
            if products:
                problem = None if len(products) == 1 else f"{len(products)} products of the store have this SKU"
                yield self._live(products[0], problem)

    def _live(self, product: StoreProduct, problem: str | None) -> Live:
        names = self.store.lookup
        first = product.links[0] if product.links else None
        fields: Fields = {
            "name": product.name,
            "description": product.description,
            "brand": names("brands").name_of(product.brand_id),
            "category": names("categories").name_of(product.category_id),
            "tags": sorted(str(names("tags").name_of(tag)) for tag in product.tag_ids),
            "supplier": names("suppliers").name_of(first.supplier_id) if first else None,
            "supplier_code": first.code if first else None,
            "supply_price": product.supply_price,
            "price": product.price,
            "account_code": product.account_code,
            "account_code_purchase": product.account_code_purchase,
            "active": product.active,
            "options": [list(option) for option in product.options],
            "family_id": product.family_id,
        }
        said = {name: value for name, value in fields.items() if value not in (None, "", [])}
        return Live(product.sku, said, (product.name or "") if product.options else "", product.id, problem)

    def settled(self, step: Step, change: Change, live: Live | None) -> Answer:
        """A product that was made is held against what was said of it: of the rest, the store has its own defaults."""
        if step.name == "make" and live is not None:
            live = replace(live, fields={name: value for name, value in live.fields.items() if name in (change.after or {})})
        return super().settled(step, change, live)

    # --- writing ----------------------------------------------------------------------------------------------------

    def groups(self, step: Step, changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
        """The variants of a new family together, and so what all products of a family get; else one product a call."""
        if step.name == "make":
            for family, same in groupby(changes, key=lambda change: change.parent):
                rows = list(same)
                there = bool(family) and family.lower() in self.store.families([family])
                size = 1 if not family or (there and not self.by_families) else MOST_VARIANTS
                yield from (rows[start : start + size] for start in range(0, len(rows), size))
        elif step.name == "family":
            for _, same in groupby(changes, key=lambda change: (change.after or {}).get("family_id") or change.key):
                yield list(same)
        else:
            yield from super().groups(step, changes)

    def write(self, step: Step, batch: Sequence[Change], intent: Intent) -> Mapping[str, Answer]:
        try:
            return self.answered(batch, lambda: self._send(step, batch))
        except (NoSuchName, Ambiguous) as e:
            return {change.key: PrerequisiteMissing(str(e)) for change in batch}

    def _send(self, step: Step, batch: Sequence[Change]) -> Mapping[str, Answer]:
        first = batch[0]
        if step.name == "make":
            return self._make(batch)
        if not first.remote_id:
            return {change.key: Stale("the product is not in the store any more") for change in batch}
        if step.name == "family":
            self._change_family(first)
            return {change.key: Applied(change.remote_id) for change in batch}
        if step.name == "product":
            return {first.key: self._change_product(first)}
        if what := product_use.came_to(self.store, str(first.remote_id)):
            return {first.key: Stale(f"it stays, for there is by now: {', '.join(what)}")}
        self.store.client.write("DELETE", f"/products/{first.remote_id}", None, what=f"product {first.key}", scope=WRITE)
        return {first.key: Applied(first.remote_id)}

    def _make(self, batch: Sequence[Change]) -> Mapping[str, Answer]:
        """Make a product, a family with its variants, or variants of a family that is there by now."""
        family, after = batch[0].parent, batch[0].after or {}
        members = self.store.families([family]).get(family.lower(), []) if family else []
        if not family:
            self._post(after, [batch[0]])
        elif not members:
            self._post(after, batch)
        elif mismatch := _other_options(members, after):
            return {change.key: Refused(mismatch) for change in batch}
        elif self.by_families:
            body = {"products": [self._in_family(change) for change in batch]}
            self._write("POST", f"/product_families/{members[0].family_id}/products", body, batch, read=ids)
        else:
            self._add_variant(members[0], batch[0])
            others = {change.key: NotApplied("one variant a call, once its family is there") for change in batch[1:]}
            return {**others, batch[0].key: DoneReadBack(batch[0].key)}
        return {change.key: DoneReadBack(change.key) for change in batch}

    def _post(self, shared: Fields, batch: Sequence[Change]) -> None:
        options = shared.get("options") or []
        if self.by_families:
            body = {
                **self._family(shared),
                "classification": "VARIANT" if options else "STANDARD",
                "track_inventory": True,
                **({"variant_attribute_ids": [self._id("variant_attributes", name) for name, _ in options]} if options else {}),
                "products": [self._in_family(change) for change in batch],
            }
            self._write("POST", "/product_families", body, batch, read=ids)
            return
        body = {**self._family(shared), **_given(shared, {"account_code": "account_code_sale"}), **self._supplier(shared)}
        body |= _given(shared, {"account_code_purchase": "account_code_purchase", "active": "is_active"})
        if options:
            body["variants"] = [
                {
                    **self._one(change),
                    "variant_definitions": [
                        {"attribute_id": self._id("variant_attributes", name), "value": value}
                        for name, value in (change.after or {})["options"]
                    ],
                }
                for change in batch
            ]
        else:
            body |= self._one(batch[0])
        self._write("POST", "/products", body, batch, read=ids)

    def _add_variant(self, member: StoreProduct, change: Change) -> None:
        """One more variant of a family; the blocks of an update are assumed."""
        after = change.after or {}
        values = [
            {"attribute_id": self._id("variant_attributes", name), "attribute_value": value} for name, value in after["options"]
        ]
        details = {**self._one(change), **_given(after, {"active": "is_active"}), "variant_attribute_values": values}
        body = {"common": {"name": member.name}, "details": details}
        self._write("POST", "/products", body, [change], read=ids, version=ADDS_A_VARIANT)

    def _family(self, fields: Fields) -> dict[str, Any]:
        """What a family has in common, under the vendor's names."""
        category = "category_id" if self.by_families else "product_category_id"
        found = _given(fields, {"name": "name", "description": "description"})
        for name, kind, theirs in (("brand", "brands", "brand_id"), ("category", "categories", category)):
            if name in fields:
                found[theirs] = self._id(kind, fields[name]) if fields[name] else ""
        if "tags" in fields:
            found["tag_ids"] = [self._id("tags", tag) for tag in fields["tags"] or ()]
        return found

    def _supplier(self, fields: Fields) -> dict[str, Any]:
        return {"supplier_id": self._id("suppliers", fields["supplier"])} if fields.get("supplier") else {}

    def _one(self, change: Change) -> dict[str, Any]:
        """A product of its own, before 2026-10."""
        after = change.after or {}
        found = {"sku": change.key, **_given(after, {"supplier_code": "supplier_code", "supply_price": "supply_price"})}
        found |= _given(after, {"price": self._price_name})
        if codes := after.get("codes"):
            found["product_codes"] = [{"type": kind, "code": code} for kind, code in codes]
        if tax := self._tax(after):
            found |= tax
        return found

    def _in_family(self, change: Change) -> dict[str, Any]:
        """A product of its own, from 2026-10 on. Its first code is its SKU."""
        after = change.after or {}
        codes = [["CUSTOM", change.key], *(code for code in after.get("codes") or () if code[1] != change.key)]
        found: dict[str, Any] = {"codes": [{"type": kind, "code": code} for kind, code in codes], **_given(after, ACCOUNT_NAMES)}
        if after.get("price") is not None:
            found["prices"] = {self._price_name: after["price"]}
        if after.get("options"):
            found["variant_attributes"] = [value for _, value in after["options"]]
        if after.get("supplier"):
            link = {**self._supplier(after), **_given(after, {"supplier_code": "code", "supply_price": "price"})}
            found["suppliers"] = [link]
        elif after.get("supply_price") is not None:
            found["prices"] = {**found.get("prices", {}), "supply_price": after["supply_price"]}
        if "active" in after:
            found["active"] = {"in_store": after["active"]}
        return {**found, **self._tax(after)}

    def _tax(self, fields: Fields) -> dict[str, Any]:
        """The tax of a product that has another than the store's default, at every outlet."""
        if not fields.get("tax"):
            return {}
        tax = self._id("taxes", fields["tax"])
        if self.by_families or self.store.tax_exclusive:
            return {"outlet_taxes": [{"outlet_id": outlet, "tax_id": tax} for outlet in self.store.lookup("outlets").ids()]}
        return {"all_outlets_tax": {"tax_id": tax, "is_default": False}}

    def _change_family(self, change: Change) -> None:
        after = change.after or {}
        changed = {name: after.get(name) for name in self._differing(change, next(s for s in self.steps if s.name == "family"))}
        if self.by_families:
            self._write("PATCH", f"/product_families/{after['family_id']}", self._family(changed), [change])
            return
        common = {**self._family(changed), **{ACCOUNT_NAMES[n]: changed[n] or "" for n in ACCOUNTS if n in changed}}
        self._write("PUT", f"/products/{change.remote_id}", {"common": common}, [change])

    def _change_product(self, change: Change) -> Answer:
        after = change.after or {}
        changed = {name: after.get(name) for name in self._differing(change, next(s for s in self.steps if s.name == "product"))}
        product = self.store.by_ids([str(change.remote_id)]).get(str(change.remote_id))
        if product is None:
            return Stale("the product is not in the store any more")
        link = product.links[0] if product.links else None
        said = {"price": "supply_price", "code": "supplier_code"}
        of_link = {theirs: changed[name] for theirs, name in said.items() if name in changed}
        if of_link and link is None:
            return Refused("the product has no supplier, whose code and cost they would be: give it one in the store")
        if self.by_families:
            body = {ACCOUNT_NAMES[n]: changed[n] or "" for n in ACCOUNTS if n in changed}
            if of_link:
                body["suppliers"] = [
                    _link(each.supplier_id, **({"code": each.code, "price": each.price} | (of_link if each is link else {})))
                    for each in product.links
                ]
            if "price" in changed:
                body["prices"] = {self._price_name: changed["price"]}
            if "active" in changed:
                body["active"] = {"in_store": changed["active"]}
            self._write("PATCH", f"/products/{change.remote_id}", body, [change])
            return Applied(change.remote_id)
        details: dict[str, Any] = _given(changed, {"price": self._price_name, "active": "is_active"})
        if of_link and link is not None:
            cleared = {"code": "", "price": -1}  # what the vendor takes for nothing
            values = {name: cleared[name] if value is None else value for name, value in of_link.items()}
            details["product_suppliers"] = [{"supplier_id": link.supplier_id, **values}]
        self._write("PUT", f"/products/{change.remote_id}", {"details": details}, [change])
        return Applied(change.remote_id)

    def _differing(self, change: Change, step: Step) -> list[str]:
        names = [name for name in self.owned() if name in step.fields]
        return [name for name in names if self.rules.text(name, change.before) != self.rules.text(name, change.after)]

    @property
    def _price_name(self) -> str:
        return "price_excluding_tax" if self.store.tax_exclusive else "price_including_tax"

    def _id(self, kind: str, name: str) -> str:
        """The id under a name. Raises NoSuchName, Ambiguous."""
        lookup = self.store.lookup(kind)
        found = lookup.find(name)
        if found is None:
            raise NoSuchName(lookup.missing(name))
        return found

    def _write(self, method: str, path: str, body: Any, batch: Sequence[Change], **more: Any) -> Any:
        what = f"product {batch[0].key}" if len(batch) == 1 else f"{len(batch)} variants of {batch[0].parent}"
        return self.store.client.write(method, path, body, what=what, scope=WRITE, **more)


ACCOUNT_NAMES = {"account_code": "account_code_sale", "account_code_purchase": "account_code_purchase"}


def _given(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """What fields say, under the vendor's names; what they say nothing about is left out."""
    return {theirs: fields[name] for name, theirs in names.items() if fields.get(name) is not None}


def _link(supplier_id: str, *, code: Any, price: Any) -> dict[str, Any]:
    return {"supplier_id": supplier_id, **_given({"code": code, "price": price}, {"code": "code", "price": "price"})}


def _other_options(members: Sequence[StoreProduct], after: Fields) -> str:
    """Why a variant does not fit its family; "" where it does."""
    theirs = [name for name, _ in members[0].options]
    ours = [name for name, _ in after.get("options") or ()]
    if not theirs:
        return f"{members[0].sku} has this name and no options: it is no family that a variant could be added to"
    if [name.casefold() for name in theirs] != [name.casefold() for name in ours]:
        return f"its family has the options {', '.join(theirs)}, not {', '.join(ours)}"
    return ""
