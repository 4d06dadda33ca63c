"""The command line. Each command is one verb; what it does lives in the module it calls, loaded when it is called."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sync_pipelines import private_files
from sync_pipelines.credentials import redact
from sync_pipelines.errors import SyncError, UsageError
from sync_pipelines.operations import amazon_cli
from sync_pipelines.operations.options import Json, Refresh

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Keeps a merchant's systems in step: every write planned, guarded, applied once, recorded, undone where possible.",
)


app.add_typer(amazon_cli.app, name="amazon")


class Pipeline(StrEnum):
    catsy_sparklayer = "catsy_sparklayer"
    shopify_sheets = "shopify_sheets"
    amazon_plytix = "amazon_plytix"


class OrderSheet(StrEnum):
    """What the commands about orders in a spreadsheet are for."""

    shopify_sheets = "shopify_sheets"


class ReadByDay(StrEnum):
    """What can be backfilled."""

    shopify_store = "shopify_store"


P = Annotated[Pipeline, typer.Argument(metavar="PIPELINE", help="which pipeline")]
AnyP = Annotated[Pipeline | None, typer.Argument(metavar="[PIPELINE]", help="which pipeline; all of them if left out")]
Orders = Annotated[OrderSheet, typer.Argument(metavar="[PIPELINE]", help="which pipeline")]
Strict = Annotated[bool, typer.Option("--strict", help="source rejects and held rows make the exit code 1")]
OneFile = Annotated[
    str | None, typer.Option("--partition", help="amazon_plytix: the dropped file, by its name without the ending")
]
PlanId = Annotated[str, typer.Option("--plan", help="the plan's id, or the start of it")]


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="log everything to the screen, and show tracebacks")] = False,
    plytix_account: Annotated[
        str | None, typer.Option("--plytix-account", help="use another Plytix account than `alias` in settings.toml")
    ] = None,
) -> None:
    if plytix_account:
        os.environ["PLYTIX_ALIAS"] = plytix_account
    if debug:
        os.environ["SYNC_PIPELINES_DEBUG"] = "1"
    if context.invoked_subcommand not in ("demo", "dev", "sandbox"):  # these have a place of their own
        from sync_pipelines.operations import environment

        environment.prepare(debug=debug)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 needs a person, 2 could not run."""
    private_files.begin()
    try:
        app(spread(sys.argv[1:]))
    except Exception as e:  # noqa: BLE001 - a command ends with a message, whatever happened
        sys.exit(_could_not_run(e))


def _could_not_run(error: Exception) -> int:
    """Say what went wrong, on the screen and, unless only the person at the prompt needs to know, by an alert."""
    import logging

    from sync_pipelines import alerts
    from sync_pipelines.operations import screen

    message = str(error)
    if not isinstance(error, SyncError | OSError):
        message = f"{type(error).__name__}: {message}. This was not expected: data/logs/sync_debug.log has the details."
    logging.getLogger("sync_pipelines.operations").debug("the command failed", exc_info=error)
    if os.environ.get("SYNC_PIPELINES_DEBUG"):
        screen.err.print_exception()
    if "--json" in sys.argv:
        screen.as_json({"state": "failed", "message": redact(message), "exit_code": 2})
    screen.problem(message)
    if not isinstance(error, UsageError) and not set(sys.argv) & WITHOUT_ALERTS:
        alerts.alert("failed", next((a for a in sys.argv[1:] if a in {*Pipeline, *ReadByDay}), ""), "", message)
    return 2


WITHOUT_ALERTS = {"init", "demo", "dev", "sandbox"}
"""Commands with which somebody sits at the screen."""


def spread(arguments: list[str]) -> list[str]:
    """`--keys A B` as `--keys A --keys B`: a person who names several keys need not say so each time."""
    found: list[str] = []
    of_keys = False
    for argument in arguments:
        option = argument.startswith("-")
        if of_keys and not option and found[-1] != "--keys":
            found.append("--keys")
        found.append(argument)
        of_keys = argument == "--keys" or (of_keys and not option)
    return found


def chosen(pipeline: Pipeline | None) -> list[str]:
    return [pipeline.value] if pipeline else [p.value for p in Pipeline]


def ask(pipeline: Pipeline | None, question: Callable[[str], dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Ask the named pipeline, or each of them. Returns the answers and the exit code.

    Where several are asked, one that cannot answer says why; the others answer all the same.
    """
    from sync_pipelines.delivery.ledger import LedgerUnreadable
    from sync_pipelines.operations import screen

    if pipeline:
        return [question(pipeline.value)], 0
    answers, code = [], 0
    for name in chosen(None):
        try:
            answers.append(question(name))
        except LedgerUnreadable:
            raise  # nobody can answer
        except (SyncError, OSError) as e:
            screen.problem(f"{name}: {e}")
            code = 2
    return answers, code


@contextlib.contextmanager
def open_ledger() -> Iterator[Any]:
    from sync_pipelines.operations import environment

    ledger = environment.ledger()
    try:
        yield ledger
    finally:
        ledger.close()


# --- setting up -----------------------------------------------------------------------------------------------------


@app.command()
def init(pipeline: P) -> None:
    """Ask for what the pipeline needs, test the login, write .env (readable by you alone)."""
    from sync_pipelines.operations import setup

    raise typer.Exit(setup.init(pipeline.value))


@app.command()
def enable(pipeline: P) -> None:
    """Allow the pipeline to write to the account that the settings and the login point to now."""
    import getpass

    from sync_pipelines.operations import screen
    from sync_pipelines.operations.pipelines import PIPELINES, of
    from sync_pipelines.pipelines import rights

    of(pipeline).ready()  # an account that is not set up cannot be named
    system = PIPELINES[pipeline].system
    with open_ledger() as ledger:
        rights.allow(ledger, pipeline.value, system, getpass.getuser())
    screen.say(f"{pipeline} may now write to {rights.holder(system)}.")


@app.command()
def disable(pipeline: P) -> None:
    """Make every account of the pipeline read-only again."""
    from sync_pipelines.operations import screen

    with open_ledger() as ledger:
        ledger.disable(pipeline.value)
    screen.say(f"{pipeline} writes nothing any more.")


@app.command()
def validate(
    pipeline: AnyP = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="also which assumed facts about the vendors hold here; reads only")
    ] = False,
    json: Json = False,
) -> None:
    """Can we log in, with which rights, and is what we assume about the vendors true on this account?"""
    from sync_pipelines.operations import setup

    raise typer.Exit(setup.validate(chosen(pipeline), deep=deep, json=json))


# --- runs -----------------------------------------------------------------------------------------------------------


@app.command()
def preview(
    pipeline: P,
    partition: OneFile = None,
    refresh: Refresh = Refresh.auto,
    from_csv: Annotated[Path | None, typer.Option(help="a full export of the old script")] = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Read both sides and show what a sync would change. Sends nothing that changes anything."""
    from sync_pipelines.operations import verbs

    _own_options(pipeline, partition=partition is not None, from_csv=from_csv is not None)
    raise typer.Exit(verbs.preview(pipeline.value, refresh.value, from_csv, partition=partition, strict=strict, json=json))


@app.command()
def sync(
    pipeline: P,
    partition: OneFile = None,
    limit: Annotated[int | None, typer.Option(min=0, help="plan everything, send only the first N changes")] = None,
    refresh: Refresh = Refresh.auto,
    from_csv: Annotated[Path | None, typer.Option(help="a full export of the old script")] = None,
    force: Annotated[bool, typer.Option("--force", help="shopify_sheets: also minutes after the last good sync")] = False,
    test: Annotated[
        bool, typer.Option("--test", help="shopify_sheets: send nothing, write the rows to test_output/ instead")
    ] = False,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Read, plan, and apply the plan if its guards are clear."""
    from sync_pipelines.operations import order_verbs, verbs

    _own_options(
        pipeline,
        partition=partition is not None,
        from_csv=from_csv is not None,
        refresh=refresh is not Refresh.auto,
        force=force,
        test=test,
    )
    if pipeline is Pipeline.shopify_sheets:
        raise typer.Exit(order_verbs.sync(limit, force=force, test=test, strict=strict, json=json))
    raise typer.Exit(verbs.sync(pipeline.value, limit, refresh.value, from_csv, partition=partition, strict=strict, json=json))


OPTIONS_OF = {
    "from_csv": ("catsy_sparklayer",),
    "refresh": ("catsy_sparklayer", "amazon_plytix"),
    "force": ("shopify_sheets",),
    "test": ("shopify_sheets",),
    "partition": ("amazon_plytix",),
}
"""Options that only some pipelines have."""


def _own_options(pipeline: Pipeline, **given: bool) -> None:
    """Refuse options that are other pipelines'."""
    for name, there in given.items():
        if there and pipeline.value not in OPTIONS_OF[name]:
            raise typer.BadParameter(f"--{name.replace('_', '-')}: only for {' and '.join(OPTIONS_OF[name])}")


@app.command()
def backfill(
    pipeline: Annotated[ReadByDay, typer.Argument(metavar="PIPELINE", help="what to read again")],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="the first day, in the shop's zone")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="the last day, included")],
    json: Json = False,
) -> None:
    """Read chosen days whole, in one run, published day by day. The next sync writes what is new."""
    from sync_pipelines.operations import order_verbs

    raise typer.Exit(order_verbs.backfill(pipeline.value, first.date(), last.date(), json=json))


@app.command()
def reconcile(_pipeline: Orders = OrderSheet.shopify_sheets, strict: Strict = False, json: Json = False) -> None:
    """Prove that nothing is missing: every day against the shop's own count, every row of the sheet against its order."""
    from sync_pipelines.operations import order_verbs

    raise typer.Exit(order_verbs.reconcile(strict=strict, json=json))


@app.command()
def prepare(_pipeline: Orders = OrderSheet.shopify_sheets, json: Json = False) -> None:
    """Set a blank spreadsheet up: tabs, header rows, number formats. What is there already stays as it is."""
    from sync_pipelines.operations import order_verbs

    raise typer.Exit(order_verbs.prepare(json=json))


@app.command()
def apply(pipeline: P, plan: PlanId, strict: Strict = False, json: Json = False) -> None:
    """Apply a plan that was previewed, or go on with one that was interrupted."""
    from sync_pipelines.operations import verbs

    raise typer.Exit(verbs.apply(pipeline.value, plan, strict=strict, json=json))


@app.command()
def release(
    pipeline: P,
    plan: PlanId,
    reason: Annotated[str, typer.Option("--reason", help="kept with your name")],
    keys: Annotated[list[str] | None, typer.Option("--keys", help="let these held rows through: one or more keys")] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="let all rows through that are held for this reason: guard, gone, …")
    ] = None,
    verdict: Annotated[
        bool, typer.Option("--verdict", help="lift the verdict of a stopped plan; the rows it holds stay held")
    ] = False,
    json: Json = False,
) -> None:
    """Let held rows through (--keys, --kind), or lift the verdict of a stopped plan (--verdict). Neither implies the other.

    A release of a row is for the values seen in that plan. It is used up by the delivery it lets through, and ends when the
    source wants another value, or after 7 days (`release_days` in settings.toml).
    """
    from sync_pipelines.operations import verbs

    raise typer.Exit(verbs.release(pipeline.value, plan, keys, kind, reason, verdict=verdict, json=json))


@app.command()
def undo(
    pipeline: P,
    run: Annotated[str, typer.Option("--run", help="the run whose writes to take back (or its plan's id)")],
    json: Json = False,
) -> None:
    """Take back what a run wrote, where the target still holds it."""
    from sync_pipelines.operations import verbs

    raise typer.Exit(verbs.undo(pipeline.value, run, json=json))


@app.command()
def retry(
    pipeline: P,
    keys: Annotated[list[str] | None, typer.Option("--keys", help="one or more keys; left out: all that ended badly")] = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Plan again only these keys, with today's source, and apply that."""
    from sync_pipelines.operations import verbs

    raise typer.Exit(verbs.retry(pipeline.value, keys or [], strict=strict, json=json))


@app.command()
def reset(pipeline: P, key: str, json: Json = False) -> None:
    """Forget what is known of one key. The next plan compares with the live target; nothing is made twice."""
    from sync_pipelines.operations import verbs

    raise typer.Exit(verbs.reset(pipeline.value, key, json=json))


# --- questions ------------------------------------------------------------------------------------------------------


@app.command()
def status(pipeline: AnyP = None, json: Json = False) -> None:
    """Where each pipeline stands."""
    from sync_pipelines.operations import reports, screen
    from sync_pipelines.operations.pipelines import PIPELINES, account, of
    from sync_pipelines.pipelines import rights
    from sync_pipelines.settings import sandbox_on

    with open_ledger() as ledger:

        def stands(p: str) -> dict[str, Any]:
            enabled = sandbox_on() or rights.is_allowed(ledger, p, PIPELINES[p].system)
            known = reports.status(ledger, p, account(p), PIPELINES[p].accounts, enabled=enabled)
            return {**known, **of(p).more_status(ledger)}

        found, code = ask(pipeline, stands)
    if json:
        screen.as_json(found)
    else:
        for one in found:
            screen.facts(
                {
                    **one,
                    "last_run": one["last_run"] and {k: one["last_run"][k] for k in ("state", "verb", "started_at", "run_id")},
                }
            )
    raise typer.Exit(code)


@app.command()
def history(pipeline: AnyP = None, limit: int = 20, json: Json = False) -> None:
    """The last runs, newest first."""
    from sync_pipelines.operations import reports, screen

    with open_ledger() as ledger:
        found = reports.history(ledger, [*chosen(pipeline), *([] if pipeline else ["shopify_store"])], limit)
    if json:
        screen.as_json(found)
    elif not found:
        screen.out.print("no run yet")
    else:
        names = ("started_at", "verb", "state", "counts", "calls", "plan_id", "run_id")
        screen.table([{n: f[n] for n in names} for f in found])


@app.command()
def errors(
    pipeline: AnyP = None,
    every: Annotated[bool, typer.Option("--all", help="also those mended since")] = False,
    json: Json = False,
) -> None:
    """What needs a person: rows that ended badly, held rows, source rejects, failed runs."""
    from sync_pipelines.operations import verbs

    found, code = ask(pipeline, lambda name: verbs.errors(name, every=every))
    verbs.show_errors(found, json=json)
    raise typer.Exit(code)


@app.command()
def missing(_pipeline: Orders = OrderSheet.shopify_sheets, json: Json = False) -> None:
    """Gaps in the order numbers and what each is: fetched now, deleted, test, not ours."""
    from sync_pipelines.operations import order_verbs

    raise typer.Exit(order_verbs.missing(json=json))


@app.command()
def orders(
    _pipeline: Orders = OrderSheet.shopify_sheets, limit: Annotated[int, typer.Option(min=1)] = 20, json: Json = False
) -> None:
    """The newest orders, and where each stands."""
    from sync_pipelines.operations import order_verbs

    raise typer.Exit(order_verbs.orders(limit, json=json))


@app.command()
def report(
    _pipeline: Orders = OrderSheet.shopify_sheets,
    days: Annotated[int, typer.Option(min=1, max=366)] = 7,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="the page to write")] = None,
    json: Json = False,
) -> None:
    """The last days in numbers: as text, and as a page with charts."""
    from sync_pipelines.operations import order_verbs

    raise typer.Exit(order_verbs.report(days, output, json=json))


@app.command()
def trace(pipeline: P, key: str, json: Json = False) -> None:
    """One record's whole story: source row, mapped row, plans, attempts, what the target holds now."""
    from sync_pipelines.operations import verbs

    raise typer.Exit(verbs.trace(pipeline.value, key, json=json))


@app.command()
def export(
    pipeline: P,
    output: Annotated[Path, typer.Option("--output", "-o", help="the CSV to write")] = Path("export.csv"),
    json: Json = False,
) -> None:
    """What should be where, what was put there and when, as CSV."""
    from sync_pipelines.operations import verbs

    raise typer.Exit(verbs.export(pipeline.value, output, json=json))


@app.command()
def sql(query: str, json: Json = False) -> None:
    """Ask the warehouse, the plans and the ledger in SQL: shopify.orders, sheets.order_plan, ledger.outcome, …"""
    from sync_pipelines.operations import screen
    from sync_pipelines.operations import sql as asking

    rows = asking.ask(query)
    if json:
        screen.as_json(rows)
    elif rows:
        screen.table(rows)
    else:
        screen.out.print("no rows")


# --- without a real account -----------------------------------------------------------------------------------------


@app.command()
def demo(scale: Annotated[int, typer.Option(min=500, help="products in the made-up catalogue")] = 1000) -> None:
    """Run every pipeline against the sandbox and tell what happens."""
    from sync_pipelines.demo import telling as story

    raise typer.Exit(story.tell(scale))


@app.command()
def dev(port: int = 3000) -> None:
    """Sandbox and Dagster UI together, on the history of the last demo if there is one, with the schedules started."""
    from sync_pipelines.operations import servers

    raise typer.Exit(servers.dev(port))


@app.command()
def up(port: int = 3000) -> None:
    """The real thing: Dagster UI and daemon, on the account that .env and settings.toml name."""
    from sync_pipelines.operations import servers

    raise typer.Exit(servers.up(port))


@app.command()
def sandbox(
    port: int = 8700,
    seed: int = 7,
    scale: Annotated[str, typer.Option(help="small, large, or a number of products")] = "small",
    speed: float = 60.0,
    orders: Annotated[int | None, typer.Option(min=0, help="orders in the shop; by default as the scale has it")] = None,
    env_file: Annotated[Path | None, typer.Option(help="also write the environment here")] = None,
    listings_dir: Annotated[Path | None, typer.Option(help="write a marketplace's listings files here")] = None,
) -> None:
    """Serve the vendors' stand-ins on one local port, and print the environment that points the project at them."""
    from sync_pipelines.demo.playground import require_sandbox

    require_sandbox()
    from vendor_sandbox import serve

    raise typer.Exit(serve(port, seed, scale, speed, env_file, orders, listings_dir))


if __name__ == "__main__":
    main()
