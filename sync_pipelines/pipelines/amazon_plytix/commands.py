"""`sync-pipelines amazon …`: the commands that users of the old scripts know."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipelines.operations.cli.options import FreshRead, Json, Refresh

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sync_pipelines.operations.amazon_listings import Made, Mapped
    from sync_pipelines.operations.launch import Ended

app = typer.Typer()
ALSO = ()
"""Commands of the whole program, too: none."""
ERRORS_SHOWN = 20

Alias = Annotated[str | None, typer.Option("--plytix-account", help="another account of the PIM, by its alias")]


@app.command("map")
def map_listings(
    listings: Annotated[Path, typer.Option("--listings", help="an All Listings report, or an export as JSON")],
    style: Annotated[str, typer.Option("--style", help="only this style's listings and products")] = "",
    marketplace: Annotated[str | None, typer.Option("--marketplace", help="where the file is from: US, CA, …")] = None,
    refresh: FreshRead = Refresh.auto,
    plytix_account: Alias = None,
    json: Json = False,
) -> None:
    """Match listings with the products of the PIM, and write data/<file>_mapping.json. Changes nothing anywhere."""
    from sync_pipelines.operations import amazon_listings
    from sync_pipelines.operations.cli import runs

    with runs.progress("map", json=json):
        done = amazon_listings.map_listings(
            listings, style=style, marketplace=marketplace, refresh=refresh.value, plytix_account=plytix_account
        )
    raise typer.Exit(_show_mapped(done, json=json) if isinstance(done, amazon_listings.Mapped) else _show_run(done, json=json))


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
    from sync_pipelines.operations import amazon_listings
    from sync_pipelines.operations.cli import runs

    if dry_run == execute:
        raise typer.BadParameter("say which: --dry-run or --execute")
    if limit is not None and dry_run:
        raise typer.BadParameter("--limit is for --execute: a dry run shows everything")
    with _said(silent=json), runs.progress("sync" if execute else "preview", json=json):
        done = amazon_listings.sync_mapping(
            mapping, execute=execute, limit=limit, check_families=check_families, update=update, plytix_account=plytix_account
        )
    if isinstance(done, amazon_listings.Made):
        raise typer.Exit(_show_made(done, dry_run=not execute, json=json))
    raise typer.Exit(_show_run(done, json=json))


def exit_code(ended: Ended, result: Mapping[str, Any]) -> int:
    """Return 1 when any item ended in an error, or a guard stopped the plan; 2 when the run could not do its work."""
    from sync_pipelines.operations.cli import exits

    if ended.state == "failed":
        return exits.COULD_NOT_RUN
    return exits.NEEDS_A_PERSON if result["errors"] or ended.state != "done" else exits.DONE


def _show_run(ended: Ended, *, json: bool) -> int:
    """Show the end of a run that has nothing more to show."""
    from sync_pipelines.operations.cli import exits, runs

    return runs.show(ended, json=json) or exits.COULD_NOT_RUN


def _show_mapped(done: Mapped, *, json: bool) -> int:
    from sync_pipelines.operations import answers
    from sync_pipelines.operations.cli import exits, screen

    if json:
        screen.as_json({**answers.plain(done), "exit_code": exits.DONE})
        return exits.DONE
    metadata, note = done.metadata, done.ended.message
    screen.facts(
        {
            "listings": metadata["amazon_count"],
            "matched": metadata["matched_count"],
            "unmatched": metadata["unmatched_count"],
            "products without a listing": metadata["unmatched_plytix_count"],
            "duplicates": metadata["duplicate_count"],
            **({"note": note} if note else {}),
            "mapping": done.mapping,
            "unmatched items": done.unmatched,
            "next": f"sync-pipelines amazon sync --mapping {done.mapping} --dry-run",
        }
    )
    return exits.DONE


def _show_made(done: Made, *, dry_run: bool, json: bool) -> int:
    """Show a line per item, then the summary."""
    from sync_pipelines.operations import answers
    from sync_pipelines.operations.cli import runs, screen

    ended, result = done.ended, done.result
    code = exit_code(ended, result)
    if json:
        screen.as_json({**answers.plain(done), "exit_code": code})
        return code
    items = result.get("items") or []
    for number, item in enumerate(items, start=1):
        note = f": {item['error']}" if item.get("error") else f" ({item['changed']})" if item.get("changed") else ""
        screen.out.print(f"[{number}/{len(items)}] {item['sku']} {item['status']}{note}", markup=False, highlight=False)
    screen.out.print("=" * 60)
    screen.out.print(f"SUMMARY ({'dry run: nothing was changed' if dry_run else 'executed'})")
    screen.facts(
        {
            "total": result["total"],
            "would be created" if dry_run else "created": result["created"],
            "exists": result["exists"],
            "would be linked" if dry_run else "linked": result["linked"],
            "with their parents": result["metadata"]["hierarchy_linked"],
            "errors": len(result["errors"]),
            **({"takes": result["metadata"]["takes_at_quota"]} if dry_run else {}),
        }
    )
    screen.out.print("=" * 60)
    for error in result["errors"][:ERRORS_SHOWN]:
        screen.problem(f"{error['sku']}: {error['error']}")
    if len(result["errors"]) > ERRORS_SHOWN:
        screen.problem(f"and {len(result['errors']) - ERRORS_SHOWN} more: all are in {done.file}")
    if ended.message:
        screen.out.print(ended.message, highlight=False, markup=False)
    runs.show_stops(ended)
    calls = f"{ended.calls['used']} used, {ended.calls['minimum']} least"
    screen.facts({"file": done.file, "run": ended.run_id, "calls": calls})
    return code


@contextmanager
def _said(*, silent: bool) -> Iterator[None]:
    """Say as it comes how long the run will take, and each product as it is made."""
    if silent:
        yield
        return
    from sync_pipelines.credentials import redact
    from sync_pipelines.operations.cli import screen
    from sync_pipelines.pipelines.amazon_plytix.target import MADE

    class Line(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.INFO or record.name.endswith(MADE):
                screen.out.print(redact(record.getMessage()), markup=False, highlight=False)

    handler, logger = Line(logging.DEBUG), logging.getLogger("sync_pipelines.pipelines.amazon_plytix")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
