"""What Sentos cannot change of an order once it has it, as it was sent; and the orders that were changed in the shop since."""

from __future__ import annotations

from collections.abc import Iterable

from sync_pipelines.delivery import notes, records
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.plans import Plan, PlanFiles
from sync_pipelines.exact_json import loads
from sync_pipelines.pipelines.shopify_sentos.order_mapping import changed_parts
from sync_pipelines.pipelines.shopify_sentos.order_rows import OrderRow
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings

SENT_AS = "sent as"
"""What an order's explanation says whose text is the digest of what was sent."""


def _account() -> str:
    """Beside the explanations of the orders' account: an order may have one there as well."""
    return f"{ShopifySentosSettings.orders_account()} as sent"


def note(ledger: Ledger, files: PlanFiles, plan: Plan) -> None:
    """Note the digest of every order that this plan makes, and of those there already of which none is noted yet."""
    known = notes.explanations(ledger, _account())
    planned = files.query(plan.id, "SELECT key, action, after FROM plan WHERE held IS NULL AND action IN ('create', 'adopt')")
    found = [
        (row["key"], loads(row["after"]).get("digest")) for row in planned if row["action"] == "create" or row["key"] not in known
    ]
    notes.note_explanations(ledger, _account(), [notes.Explanation(key, SENT_AS, digest) for key, digest in found if digest])


def changed(ledger: Ledger, rows: Iterable[OrderRow]) -> list[tuple[OrderRow, list[str]]]:
    """The orders that Sentos has and that were changed in the shop after that, and in which parts. Those that were cancelled
    are told to Sentos, and are none of them."""
    sent = notes.explanations(ledger, _account())
    there = records.present_keys(ledger, ShopifySentosSettings.orders_account())
    found = []
    for row in rows:
        if (
            row.key in sent
            and row.key in there
            and not row.cancelled
            and (parts := changed_parts(sent[row.key].text, row.digest))
        ):
            found.append((row, parts))
    return found


def accept(ledger: Ledger, rows: Iterable[OrderRow]) -> list[str]:
    """Note that a person has seen to the changes of these orders. Returns the keys of those that had any."""
    found = [row for row, _ in changed(ledger, rows)]
    notes.note_explanations(ledger, _account(), [notes.Explanation(row.key, SENT_AS, row.digest) for row in found])
    return [row.key for row in found]
