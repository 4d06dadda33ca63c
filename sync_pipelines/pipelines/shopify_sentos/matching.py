"""Which variant of the shop is which row of Sentos: by SKU, exactly; then by barcode. What is not sure is nobody's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync_pipelines.pipelines.shopify_sentos.erp_products import ErpRow
from sync_pipelines.vendors.shopify_catalog import Variant


@dataclass(frozen=True)
class Pair:
    """A row of Sentos, and the variant it is in the shop; None where the shop does not have it yet.

    key: the SKU, or Sentos' number where the row has none. problem: why it can neither be changed nor made.
    """

    key: str
    erp: ErpRow
    variant: Variant | None
    problem: str = ""


def key_of(row: ErpRow) -> str:
    """The key under which a row is planned and remembered."""
    return row.sku or f"sentos-{row.variant_id or row.product_id}"


def matched(rows: Sequence[ErpRow], variants: Iterable[Variant], confirmed: Mapping[str, str] | None = None) -> list[Pair]:
    """Match every row. `42`, `00042` and `S42` are three SKUs, and so are two that differ in case alone.

    A SKU or barcode that several rows or several variants have tells nothing: these rows are held, their siblings are not.
    confirmed: ids of variants that a person has said are these rows, by key, where only the title says so.
    """
    shop = _Shop(list(variants))
    skus = Counter(row.sku for row in rows if row.sku)
    barcodes = Counter(row.barcode for row in rows if row.barcode)
    titles = Counter(row.title for row in rows)
    taken: set[str] = set()
    found: dict[int, Pair] = {}
    for place, row in enumerate(rows):
        if row.sku and skus[row.sku] > 1:
            found[place] = Pair(
                key_of(row), row, None, f"Sentos has SKU {row.sku} {skus[row.sku]} times: {_where(row.sku, rows)}"
            )
        elif row.sku and len(several := shop.by_sku.get(row.sku, [])) > 1:
            products = ", ".join(sorted({repr(v.product.title) for v in several}))
            found[place] = Pair(key_of(row), row, None, f"the shop has SKU {row.sku} {len(several)} times: {products}")
        elif row.sku and several:
            taken.add(several[0].id)
            found[place] = Pair(key_of(row), row, several[0])
    for place, row in enumerate(rows):
        if place not in found:
            sure = _by_barcode(row, shop, barcodes, taken)
            found[place] = sure or _by_title(row, shop, titles, confirmed or {}) or Pair(key_of(row), row, None)
    pairs = [found[place] for place in range(len(rows))]
    return _without_renamed(pairs, shop, taken)


class _Shop:
    """The shop's variants by what they can be found by."""

    def __init__(self, variants: Sequence[Variant]) -> None:
        self.by_sku: dict[str, list[Variant]] = {}
        self.by_barcode: dict[str, list[Variant]] = {}
        self.without_sku: dict[str, list[Variant]] = {}
        for variant in variants:
            if variant.sku:
                self.by_sku.setdefault(variant.sku, []).append(variant)
            else:
                self.without_sku.setdefault(variant.product.title, []).append(variant)
            if variant.barcode:
                self.by_barcode.setdefault(variant.barcode, []).append(variant)


def _by_barcode(row: ErpRow, shop: _Shop, barcodes: Mapping[str, int], taken: set[str]) -> Pair | None:
    """The variant with the row's barcode, where both have it alone and no other row has the variant by its SKU."""
    several = shop.by_barcode.get(row.barcode, []) if row.barcode else []
    if not several:
        return None
    if barcodes[row.barcode] > 1 or len(several) > 1:
        return Pair(key_of(row), row, None, f"barcode {row.barcode} is that of several products; the SKU is not in the shop")
    if several[0].id in taken:
        text = f"barcode {row.barcode} is that of SKU {several[0].sku} in the shop, which Sentos has as another product"
        return Pair(key_of(row), row, None, text)
    if several[0].sku and row.sku:
        text = f"renamed: the shop has barcode {row.barcode} under SKU {several[0].sku}. Give it the SKU {row.sku} in the shop"
        return Pair(key_of(row), row, None, text)
    taken.add(several[0].id)
    return Pair(key_of(row), row, several[0])


def _by_title(row: ErpRow, shop: _Shop, titles: Mapping[str, int], confirmed: Mapping[str, str]) -> Pair | None:
    """A product of the same title, where neither side has a SKU: likely the same, and for a person to say once."""
    alike = shop.without_sku.get(row.title, []) if not row.sku else []
    if not alike:
        return None
    if chosen := [variant for variant in alike if confirmed.get(key_of(row)) == variant.id]:
        return Pair(key_of(row), row, chosen[0])
    if titles[row.title] == 1 and len(alike) == 1:
        text = f"only the title says that it is a product of the shop. If it is: sync-pipelines sentos match {key_of(row)}"
    else:
        text = "several products have this title and no SKU: give both sides the same SKU"
    return Pair(key_of(row), row, None, text)


def _without_renamed(pairs: list[Pair], shop: _Shop, taken: set[str]) -> list[Pair]:
    """Hold rows that look like a variant which the shop has under another SKU: in the same product, of the same colour and
    model, and known to Sentos no more. Made anew, it would be there twice."""
    known = {pair.erp.sku for pair in pairs}
    left = {
        (variant.product.id, frozenset(variant.options.values())): variant
        for sku, several in shop.by_sku.items()
        for variant in several
        if sku not in known and variant.id not in taken
    }
    product_of = {pair.erp.product_id: pair.variant.product.id for pair in pairs if pair.variant is not None}
    return [pair if pair.variant or pair.problem else _unless_renamed(pair, left, product_of) for pair in pairs]


def _unless_renamed(pair: Pair, left: Mapping[tuple[str, frozenset[str]], Variant], product_of: Mapping[int, str]) -> Pair:
    values = frozenset(filter(None, (pair.erp.color, pair.erp.model)))
    there = left.get((product_of.get(pair.erp.product_id, ""), values)) if values else None
    if there is None:
        return pair
    why = f"renamed: in the shop it has SKU {there.sku}, which Sentos has no more. Give it the SKU {pair.erp.sku} there"
    return Pair(pair.key, pair.erp, None, why)


def _where(sku: str, rows: Sequence[ErpRow]) -> str:
    return ", ".join(sorted({repr(row.title) for row in rows if row.sku == sku}))
