"""Plan the rows of the spreadsheet, and repair what was overwritten on the way. Plain functions over a session."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from sync_pipelines.delivery import notes, records
from sync_pipelines.delivery.applying import Report, apply
from sync_pipelines.delivery.guards import PlanGuard, PlanSummary
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError, GuardFinding
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.exact_json import loads
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import Applied, Extra, Writer
from sync_pipelines.pipelines.shopify_sheets import PIPELINE, Compare, OrderPlanRequest, checks, missing, old_program, order_rows
from sync_pipelines.pipelines.shopify_sheets.cell_writes import LINES, lines_differing
from sync_pipelines.pipelines.shopify_sheets.layout import read_layout, same
from sync_pipelines.pipelines.shopify_sheets.settings import ShopifySheetsSettings, known_spreadsheets, remember_spreadsheet
from sync_pipelines.pipelines.shopify_sheets.sheet import Sheet
from sync_pipelines.pipelines.shopify_sheets.target import OrderRows, unkeyed_lines
from sync_pipelines.pipelines.shopify_store.change_reader import first_day
from sync_pipelines.pipelines.shopify_store.client import store_of
from sync_pipelines.pipelines.shopify_store.store import CURRENCY
from sync_pipelines.vendors.google_settings import GoogleSettings
from sync_pipelines.vendors.google_sheets import Sheets
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.warehouse.snapshots import Published

ENOUGH_ROWS = 50


def open_sheet(client: Sheets, ledger: Ledger) -> Sheet:
    """The spreadsheet that the settings name. Raises SettingsError, SpreadsheetUnknown, DeliveryError.

    A title that leads to another spreadsheet than it used to is refused: rows would be looked for where they never were. So
    is a spreadsheet in the bin: nobody looks there, and Google deletes it with all that is written to it, while a run that
    stops is noticed and loses nothing.
    """
    settings = ShopifySheetsSettings.read()
    named = settings.needed("spreadsheet", "TARGET_SPREADSHEET")
    layout = read_layout(settings.layout)
    if settings.spreadsheet_id:
        if client.in_bin(settings.spreadsheet_id):
            raise DeliveryError(
                f"spreadsheet {settings.spreadsheet_id} is in the bin, and will be deleted there. Nothing was sent. Restore it "
                "in Google Drive, or name another one; the next sync writes what was missed."
            )
        return Sheet(client, settings.spreadsheet_id, layout)
    found, before = client.find(named), known_spreadsheets().get(named)
    if before not in (None, found):
        raise DeliveryError(
            f"the title {named!r} leads to spreadsheet {found}; so far it was {before}. Nothing was sent. Name the one that "
            "is meant by its id, or give the old one its title back."
        )
    if before is None:
        by_title = settings.account
        remember_spreadsheet(named, found)
        if ledger.is_enabled(PIPELINE.name, by_title):  # a person allowed it by its title
            ledger.enable(PIPELINE.name, settings.account, "by its title")
    return Sheet(client, found, layout)


def target(client: Sheets, ledger: Ledger) -> OrderRows:
    settings = ShopifySheetsSettings.read()
    currency = notes.get_cursor(ledger, ShopifySettings.read().shop, CURRENCY)
    return OrderRows(
        open_sheet(client, ledger),
        settings,
        currency or "",
        disturbed=lambda keys: records.doubt(ledger, settings.account, keys),
        overwritten=lambda keys: records.doubt(ledger, settings.account, keys, overwritten=True),
    )


def map_orders(session: Session) -> Published:
    """Bring sheets/order_rows up to date with the orders that were read."""
    rows = spreadsheet(session)
    mapped = order_rows.bring_up_to_date(session.warehouse, rows.layout, rows.account)
    session.note(source_rejects=PIPELINE.source_rejects())
    return mapped


def mapped_rows(session: Session, rows: OrderRows) -> Published:
    """Return sheets/order_rows. Raises DeliveryError where there are none for this spreadsheet and layout."""
    mapped = session.warehouse.find(order_rows.KEY, rows.account)
    if mapped is None or mapped.about.origin != order_rows.mapped_by(rows.layout):
        raise DeliveryError(f"sheets/order_rows was not made for {rows.account} with this layout. Materialize it first.")
    return mapped


class OrderWriter(Writer[OrderRows]):
    """The spreadsheet of orders."""

    def target(self, session: Session) -> OrderRows:
        """The steps of a run share one: what it saw of the sheet holds for seconds."""
        return spreadsheet(session)

    def make_plan(self, session: Session, request: OrderPlanRequest) -> Plan:
        rows = spreadsheet(session)
        mapped = mapped_rows(session, rows)
        return plan_rows(session, rows, mapped, compare=request.compare, only=request.only or None)

    def readable(self, row: Mapping[str, Any]) -> Mapping[str, str]:
        return readable(row)

    def target_to_undo(self, session: Session) -> OrderRows:
        return target(client(session), session.ledger)

    def settled(self, session: Session, target: OrderRows) -> None:
        old_program.take_over(session.ledger, spreadsheet(session).layout, session.id)

    def planned(self, session: Session, target: OrderRows, plan: Plan, request: OrderPlanRequest) -> Extra:
        return Extra({"orders": mapped_rows(session, spreadsheet(session)).about.rows}, (checks.room_left(plan),))

    def applied(self, session: Session, target: OrderRows, plan: Plan, report: Report) -> Applied:
        rows = spreadsheet(session)
        hit = sorted(rows.hit)
        repaired, lost = repair_overwritten(session, rows)
        return Applied(
            {"rows_hit_and_put_right": len(hit) - len(lost)},
            (checks.nobody_in_the_way(hit, lost, list(rows.strays)),),
            tuple(repaired),
            {"unknown": len(lost)} if lost else {},
        )

    def least_calls(
        self, session: Session, target: OrderRows, plan: Plan, report: Report | None, limit: int | None = None
    ) -> None:
        """The spreadsheet, looked up in Drive, and its tabs; to plan, its key columns, and the rows that may differ; to apply,
        what was written."""
        minimum, least = session.meter.minimum, 1 + bool(plan.counts.live) if report is None else target.least_sent()
        minimum["google"] += least + (2 if least and not minimum["google"] else 0)


def client(session: Session) -> Sheets:
    def connect() -> Sheets:
        right = session.right(PIPELINE.name, ShopifySheetsSettings.system)
        return Sheets.connect(GoogleSettings.read(), session.meter, right, session.limits)

    return session.once("google", connect)


def spreadsheet(session: Session) -> OrderRows:
    return session.once("spreadsheet", lambda: target(client(session), session.ledger))


def plan_rows(
    session: Session, there: OrderRows, mapped: Published, *, compare: Compare = "changed", only: Collection[str] | None = None
) -> Plan:
    """Plan the rows of every order whose stored state is not what was last delivered; with `all`, look at every row.

    Two reads of the sheet where nothing changed. Sends nothing that changes it. `only`: just these keys.
    """
    settings = ShopifySheetsSettings.read()
    first, in_sheet = first_day(session.ledger, ShopifySettings.read()), there.known()
    closely = compare == "all" or only is not None
    with order_rows.candidates(mapped, session.ledger, there, in_sheet, first, compare_all=closely) as found:
        keys = found.keys if only is None else found.keys & set(only)
        if only is not None and (unknown := sorted(set(only) - keys)):
            raise DeliveryError(f"no order is known as {', '.join(unknown)}. Nothing was planned.")
        return make_plan(
            there,
            found.desired(),
            ledger=session.ledger,
            files=session.plans,
            pipeline=PIPELINE.name,
            extract=mapped.about.at,
            run=session.id,
            policy=Policy(foreign_edits=settings.foreign_edits, adopt_equal=True),
            row_guards=[unkeyed_lines],
            plan_guards=[
                _not_all_at_once(found.known, settings.max_updates),
                _not_too_many_held(found.in_scope, settings.max_held),
                _cells_left(there.sheet, found, settings),
            ],
            only=keys,
            whole=only is None,
        )


def repair_overwritten(session: Session, there: OrderRows) -> tuple[list[Report], list[str]]:
    """Compare again, and write again, the orders in whose rows others may have been written, or that lost theirs.

    Orders that we never had are looked for in the shop by their keys. Returns how the repair ended, and the keys of which
    nobody knows what should stand there: a person has to look at these rows.
    """
    hit, there.hit = there.hit, set()
    if not hit:
        return [], []
    mapped = order_rows.bring_up_to_date(session.warehouse, there.layout, there.account)
    if unknown := hit - order_rows.keys(mapped):
        missing.find_orders(unknown, there.layout, store_of(session))
        mapped = order_rows.bring_up_to_date(session.warehouse, there.layout, there.account)
    lost = sorted(hit - order_rows.keys(mapped))
    plan = plan_rows(session, there, mapped, only=hit - set(lost))
    return [apply(there, plan.id, ledger=session.ledger, files=session.plans, run=session.id)], lost


def _not_all_at_once(known: int, share: Decimal) -> PlanGuard:
    def look(summary: PlanSummary) -> GuardFinding:
        changing = summary.counts.update
        if known < ENOUGH_ROWS:
            return GuardFinding(
                "rows changing", "no_baseline", f"{changing} rows change; {known} were written so far: too few to compare"
            )
        text = f"{changing} of {known} rows written so far would change (limit {share:.0%})"
        return GuardFinding("rows changing", "stopped" if changing > known * share else "clear", text)

    return look


def _not_too_many_held(in_scope: int, share: Decimal) -> PlanGuard:
    def look(summary: PlanSummary) -> GuardFinding:
        kinds = summary.counts.held_by_kind  # rows that staff deleted stay deleted, and are no reason to stop
        held = summary.counts.held - kinds.get("settling", 0) - kinds.get("gone", 0)
        text = f"{held} of {in_scope} orders are held back (limit {share:.0%})"
        if in_scope < ENOUGH_ROWS:
            return GuardFinding("held", "no_baseline", text)
        return GuardFinding("held", "stopped" if held > in_scope * share else "clear", text)

    return look


def _cells_left(sheet: Sheet, found: order_rows.Candidates, settings: ShopifySheetsSettings) -> PlanGuard:
    """The vendor's limit counts every cell of every tab's grid, empty ones too (https://support.google.com/drive/answer/37603)."""
    new = zip(sheet.both, (found.new_orders, found.new_lines), strict=True)
    grows = sum(max(0, seen.used + n - seen.grid_rows) * seen.tab.columns for seen, n in new)
    cells, limit = sheet.cells + grows, settings.cell_limit
    text = f"{cells:,} cells with the new rows, of {limit:,} that a spreadsheet may have"
    if cells > limit:
        told = f"{text}: begin another spreadsheet, or delete empty rows, unused columns and tabs"
        return lambda _: GuardFinding("cells", "stopped", told)
    if cells > limit * settings.cell_notice:
        text += f"{checks.NEARLY_FULL} Begin another spreadsheet soon, or delete empty rows, unused columns and tabs"
    return lambda _: GuardFinding("cells", "clear", text)


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A planned row for people: which columns change. Never what stands in them: there are names and addresses among it."""
    layout = read_layout(ShopifySheetsSettings.read().layout)
    before, after = loads(row["before"]) or {}, loads(row["after"]) or {}
    changed = [h for h, c in layout.orders.by_header.items() if same(c.type, before.get(h)) != same(c.type, after.get(h))]
    was, now = before.get(LINES) or {}, after.get(LINES) or {}
    lines = f"{len(now)} lines" if not was else f"{lines_differing(layout, was, now)} of {len(now)} lines"
    what = f"held ({row['held']})" if row["held"] else row["action"]
    columns = "whole row" if row["action"] == "create" else ", ".join(changed) or "no column"
    named = next((c.header for c in layout.orders.written if c.source in ("name", "number")), layout.orders.key)
    return {
        "key": row["key"],
        "order": str((after or before).get(named) or ""),
        "what": what,
        "changes": f"{columns}; {lines}",
        "reason": row["reason"] or row["undo_note"] or "",
    }
