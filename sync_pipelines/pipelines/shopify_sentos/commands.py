"""`sync-pipelines sentos …`: the commands that only this pipeline has."""

from __future__ import annotations

from typing import Annotated

import typer

from sync_pipelines.operations.cli.options import Json

app = typer.Typer()
ALSO = ()
"""Commands of the whole program, too: none."""


@app.command("product")
def product(
    product_id: Annotated[str, typer.Argument(metavar="ID", help="Sentos' number for the product, or a SKU of it")],
    json: Json = False,
) -> None:
    """Show one product as both sides hold it now. Reads only."""
    from sync_pipelines.operations.cli import screen
    from sync_pipelines.pipelines.shopify_sentos import both_sides

    found = both_sides.product(product_id)
    screen.as_json(found) if json else screen.table(found["variants"], title=found["title"])


@app.command("settle")
def settle(
    order: Annotated[
        str, typer.Argument(metavar="ORDER", help="an order that changed after it was sent, or was sent without Sentos: #1042")
    ],
) -> None:
    """Say that you have seen to an order: that Sentos has its changes now, or, if Sentos never had it, the stock without it."""
    from sync_pipelines.operations.cli import screen
    from sync_pipelines.pipelines.shopify_sentos import both_sides

    for line in both_sides.settle(order):
        screen.say(line)


@app.command("match")
def match(
    key: Annotated[str, typer.Argument(metavar="KEY", help="a row of Sentos without a SKU, as errors lists it (sentos-501)")],
) -> None:
    """Say that a row of Sentos without a SKU is the product of the shop that has its title. Remembered from then on."""
    from sync_pipelines.operations.cli import screen
    from sync_pipelines.pipelines.shopify_sentos import both_sides

    screen.say(f"matched: {both_sides.match(key)!r}")
