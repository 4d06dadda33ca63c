"""One product as both sides hold it now; and an order that a person has seen to."""

from __future__ import annotations

import contextlib
from typing import Any

from sync_pipelines.delivery import notes, records
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.shopify_sentos import as_sent, questions
from sync_pipelines.pipelines.shopify_sentos.erp_products import parsed
from sync_pipelines.pipelines.shopify_sentos.goods import MATCHED
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.pipelines.shopify_sentos.stock_plan import SETTLED
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors import shopify_catalog as shop


def product(named: str) -> dict[str, Any]:
    """Return title and variants of a product, each with what Sentos and the shop have. Raises UsageError for an unknown one."""
    pairs = questions.pairs()
    numbers = {p.erp.product_id for p in pairs if named in (str(p.erp.product_id), p.key, p.erp.product_sku)}
    if len(numbers) != 1:
        raise UsageError(f"{named}: {len(numbers) or 'no'} products of Sentos are known under this. Nothing was read of it yet?")
    (number,) = numbers
    known = {pair.key: pair for pair in pairs if pair.erp.product_id == number}
    with questions.clients() as (sentos, shopify):
        row = sentos.product(number)
        there = {v.id: v for v in shop.by_id(shopify, [p.variant.id for p in known.values() if p.variant is not None])}
        places = {each.id: each.name for each in shop.locations(shopify)}
    now = {} if row is None else {erp.sku or erp.variant_id: erp for erp in parsed(row)}
    variants = []
    for key, pair in known.items():
        erp, variant = now.get(key), there.get(pair.variant.id) if pair.variant is not None else None
        levels = variant.levels.items() if variant else ()
        variants.append(
            {
                "sku": key,
                "sentos stock": "not there" if erp is None else ", ".join(f"{w}: {n}" for w, n in (erp.stock or {}).items()),
                "shop stock": ", ".join(f"{places.get(at, at)}: {level.available}" for at, level in levels) or "not there",
                "sentos price": "" if erp is None else "; ".join(f"{k or 'own'} {sale}" for k, (_, sale) in erp.prices.items()),
                "shop price": "" if variant is None else str(variant.price),
                "problem": pair.problem,
            }
        )
    return {"id": number, "title": next(iter(known.values())).erp.title, "variants": variants}


def match(named: str) -> str:
    """Note that a row of Sentos without a SKU is the one product of the shop that has its title. Returns the title.

    Raises UsageError where that is not the one thing that is open about it.
    """
    rows = [pair for pair in questions.pairs() if pair.key == named]
    alike = [
        variant
        for variant in questions.shop_variants()
        if rows and not variant.sku and variant.product.title == rows[0].erp.title
    ]
    if len(rows) != 1 or rows[0].erp.sku or len(alike) != 1:
        raise UsageError(f"{named}: {len(alike)} products of the shop have the title of this row, and no SKU. Nothing was noted.")
    with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger:
        account = ShopifySentosSettings.goods_account("products")
        notes.note_explanations(ledger, account, [notes.Explanation(named, MATCHED, alike[0].id)])
    return rows[0].erp.title


def settle(order: str) -> list[str]:
    """Note that a person has seen to an order. Returns what that means, in a sentence for each. Raises UsageError for an unknown
    one.

    Of one that Sentos has: to what was changed in the shop since. Of another: to the pieces that were sent without Sentos.
    """
    keys = {key for key in questions.full_keys([order]) if key.startswith("shopify-") and "/" not in key}
    rows = {row.key: row for row in questions.order_rows_read() if row.key in keys}
    if not rows:
        raise UsageError(f"no order is known as {order}.")
    account = ShopifySentosSettings.orders_account()
    with contextlib.closing(Ledger.at(data_dir() / "ledger.db")) as ledger:
        accepted = as_sent.accept(ledger, rows.values())
        there = records.records_of(ledger, account, rows)
        missing = sorted(rows.keys() - there.keys())
        found = [notes.Explanation(key, SETTLED, "a person has seen to its pieces") for key in missing]
        notes.note_explanations(ledger, account, found)
    said = [f"{rows[key].name}: in Sentos as it is in the shop now" for key in accepted]
    said += [f"{rows[key].name}: its pieces are seen to" for key in missing]
    said += [f"{row.name}: nothing was open" for key, row in rows.items() if key not in (*accepted, *missing)]
    return said
