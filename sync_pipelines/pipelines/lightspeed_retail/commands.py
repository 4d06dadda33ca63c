"""`sync-pipelines lightspeed …`: the commands that only this pipeline has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sync_pipelines.operations.cli.options import Json

app = typer.Typer()
ALSO = ("report",)
"""Commands of the whole program, too: `sync-pipelines report lightspeed_retail`."""


@app.command("prove")
def prove(json: Json = False) -> None:
    """Read every collection whole and hold the mirror against it; what it lacks is kept, what is gone is marked."""
    from sync_pipelines.operations import running
    from sync_pipelines.operations.cli import runs
    from sync_pipelines.pipelines.lightspeed_retail import PIPELINE

    with runs.progress(f"prove {PIPELINE.name}", json=json):
        ended = running.run(PIPELINE.name, "prove", {})
    raise typer.Exit(runs.show(ended, json=json))


@app.command("report")
def report(
    days: Annotated[
        int | None, typer.Option(min=1, help="how far back to look for sales and orders; dead_stock_days if left out")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="a folder for all answers as CSV, or one answer: to_reorder.csv")
    ] = None,
    json: Json = False,
) -> None:
    """What sells, what lies, what is missing and what to order, by the mirror as it is now."""
    from sync_pipelines.operations import answers, retail_store
    from sync_pipelines.operations.cli import screen

    found = retail_store.report(days, output)
    if json:
        screen.as_json(answers.plain(found))
        return
    screen.facts(found.numbers)
    for each in found.answers:
        screen.say(f"\n{each.asks}: {each.not_answered or each.rows} ({each.question})")
        screen.table([{name: value for name, value in row.items() if not name.endswith("_id")} for row in each.first])
        if each.csv:
            screen.say(f"all of them: {each.csv}")


@app.command("find")
def find(
    code: Annotated[str, typer.Argument(help="SKU, any code that is scanned, ISBN either way, a supplier's code, handle or id")],
    json: Json = False,
) -> None:
    """The products that have a code: price, cost, stock, suppliers, last sale and order. Exit code 1 if there is none."""
    from sync_pipelines.nearest import meant_one_of
    from sync_pipelines.operations import answers, retail_store
    from sync_pipelines.operations.cli import exits, screen

    found = retail_store.find(code)
    if json:
        screen.as_json(answers.plain(found))
    for product in () if json else found.products:
        screen.facts({**product, **{name: _in_words(product[name]) for name in ("options", "stock", "suppliers")}})
        screen.say("")
    if not found.products and not json:
        screen.problem(f"no product has the code {code!r}.{meant_one_of(found.did_you_mean)}")
    raise typer.Exit(exits.DONE if found.products else exits.NEEDS_A_PERSON)


def _in_words(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [" ".join(str(value) for value in row.values() if value is not None) for row in rows]


@app.command("login")
def login(
    redirect_uri: Annotated[str, typer.Option("--redirect-uri", help="as the application has it")],
    code: Annotated[str | None, typer.Option("--code", help="what the store gave; asked for if left out")] = None,
) -> None:
    """Connect a store to your application (LIGHTSPEED_CLIENT_ID), instead of a personal token."""
    from sync_pipelines.operations.cli import screen
    from sync_pipelines.pipelines.lightspeed_retail import connecting

    if code is None:
        screen.say("Open this, allow the application, and copy `code` from the address that you are sent to:")
        screen.say(connecting.address(redirect_uri))
        code = typer.prompt("code", hide_input=True)
    connecting.connect(code, redirect_uri)
    screen.say("The store is connected. Its token renews itself from now on.")
