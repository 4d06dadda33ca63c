"""`sync-pipelines sheets …`: what only the order spreadsheet can be asked, or told to do."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from sync_pipelines.operations.cli.options import Json, Strict

app = typer.Typer()
ALSO = ("missing", "orders", "report", "reconcile", "prepare", "backfill")
"""Commands of the whole program, too: `sync-pipelines missing`, as in earlier versions."""
MOST_DAYS = 366


@app.command()
def orders(limit: Annotated[int, typer.Option(min=1)] = 20, json: Json = False) -> None:
    """The newest orders, and where each stands."""
    from sync_pipelines.operations import order_sheet
    from sync_pipelines.operations.cli import screen

    found = order_sheet.orders(limit)
    if json:
        screen.as_json(found)
    elif found:
        screen.table(found)
    else:
        screen.out.print(f"no order was read yet: sync-pipelines sync {order_sheet.PIPELINE}")


@app.command()
def missing(json: Json = False) -> None:
    """Gaps in the order numbers and what each is: fetched now, deleted, test, not ours."""
    from sync_pipelines.operations import answers, order_sheet
    from sync_pipelines.operations.cli import screen

    gaps = order_sheet.missing()
    found = answers.plain(gaps)
    if json:
        screen.as_json(found)
        return
    screen.table(found)
    fetched = sum(gap.what == "fetched now" for gap in gaps)
    summary = f"{len(gaps)} numbers without a row" if gaps else "no number is missing"
    then = f"; {fetched} of them read now: sync-pipelines sync {order_sheet.PIPELINE} --force"
    screen.out.print(summary + (then if fetched else ""))


@app.command()
def report(
    days: Annotated[int | None, typer.Option(min=1, help=f"the days counted, {MOST_DAYS} at most; 7 if left out")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="the page to write")] = None,
    json: Json = False,
) -> None:
    """The last days in numbers: as text, and as a page with charts."""
    from sync_pipelines.operations import answers, order_sheet
    from sync_pipelines.operations.cli import screen

    days = 7 if days is None else days
    if days > MOST_DAYS:
        raise typer.BadParameter(f"{days} is more than {MOST_DAYS} days.", param_hint="--days")

    found = order_sheet.report(days, output)
    if json:
        screen.as_json(answers.plain(found))
        return
    shown = [{**day, "money": f"{day['money']:,.2f}"} for day in found.days]
    screen.table(shown, f"the last {days} days, money in {found.currency or '?'}")
    screen.say(f"as a page: {found.page}")


@app.command()
def reconcile(strict: Strict = False, json: Json = False) -> None:
    """Prove that nothing is missing: every day against the shop's own count, every row of the sheet against its order."""
    from sync_pipelines.operations import order_sheet, running
    from sync_pipelines.operations.cli import runs

    with runs.progress("reconcile", json=json):
        ended = running.reconcile(order_sheet.PIPELINE)
    raise typer.Exit(runs.show(ended, strict=strict, json=json))


@app.command()
def prepare(json: Json = False) -> None:
    """Set a blank spreadsheet up: tabs, header rows, number formats. What is there already stays as it is."""
    from sync_pipelines.operations import answers, order_sheet
    from sync_pipelines.operations.cli import screen

    made = order_sheet.prepare()
    if json:
        screen.as_json(answers.plain(made))
    else:
        screen.say("\n".join(made.done) or "everything is there already; nothing was changed")


@app.command()
def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="the first day, in the shop's zone")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="the last day, included")],
    json: Json = False,
) -> None:
    """Read chosen days of the shop whole, in one run, published day by day. The next sync writes what is new."""
    from sync_pipelines.operations.cli import general

    general.backfill("shopify_store", first, last, json)
