"""`sync-pipelines amazon …`: the commands that users of the old scripts know. What they do is in amazon_verbs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sync_pipelines.operations.options import Json, Refresh

app = typer.Typer(no_args_is_help=True, help="Amazon listings and the PIM: match, then make products and links.")

Alias = Annotated[str | None, typer.Option("--plytix-account", help="another account of the PIM, by its alias")]


@app.command("map")
def map_listings(
    listings: Annotated[Path, typer.Option("--listings", help="an All Listings report, or an export as JSON")],
    style: Annotated[str, typer.Option("--style", help="only this style's listings and products")] = "",
    marketplace: Annotated[str | None, typer.Option("--marketplace", help="where the file is from: US, CA, …")] = None,
    refresh: Refresh = Refresh.auto,
    plytix_account: Alias = None,
    json: Json = False,
) -> None:
    """Match listings with the products of the PIM, and write data/<file>_mapping.json. Changes nothing anywhere."""
    from sync_pipelines.operations import amazon_verbs

    amazon_verbs.choose_account(plytix_account)
    raise typer.Exit(amazon_verbs.map_listings(listings, style, marketplace, refresh.value, json=json))


@app.command("sync")
def sync(
    mapping: Annotated[Path, typer.Option("--mapping", help="data/<file>_mapping.json, of any generation")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would be made; change nothing")] = False,
    execute: Annotated[bool, typer.Option("--execute", help="make it")] = False,
    limit: Annotated[int | None, typer.Option(min=0, help="with --execute: only the first N products; links follow")] = None,
    check_families: Annotated[
        bool, typer.Option("--check-families", help="also look at the family of each product there is, and mend it")
    ] = False,
    update: Annotated[
        bool | None, typer.Option("--update/--no-update", help="keep products that exist up to date, by their rules")
    ] = None,
    plytix_account: Alias = None,
    json: Json = False,
) -> None:
    """Make a product for every ASIN of a mapping, in its family, linked with what it is a listing of."""
    from sync_pipelines.operations import amazon_verbs

    if dry_run == execute:
        raise typer.BadParameter("say which: --dry-run or --execute")
    if limit is not None and dry_run:
        raise typer.BadParameter("--limit is for --execute: a dry run shows everything")
    amazon_verbs.choose_account(plytix_account)
    raise typer.Exit(
        amazon_verbs.sync(mapping, execute=execute, limit=limit, check_families=check_families, update=update, json=json)
    )
