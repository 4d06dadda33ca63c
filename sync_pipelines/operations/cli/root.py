"""The whole command line: general verbs, pipelines under their short names, and what concerns no pipeline."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sync_pipelines.errors import UsageError
from sync_pipelines.operations.cli import alerting, general
from sync_pipelines.operations.cli.binding import PROGRAM, group_of, naming, own_commands, owners_of, with_a_name
from sync_pipelines.operations.cli.options import Json
from sync_pipelines.operations.pipelines import PIPELINES
from sync_pipelines.settings import sandbox_on

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Keeps a merchant's systems in step: every write planned, guarded, applied once, recorded, undone where possible.",
)
ELSEWHERE = ("demo", "dev", "sandbox")
"""Commands that have a place of their own for their data."""


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="log everything to the screen, and show tracebacks")] = False,
    plytix_account: Annotated[
        str | None, typer.Option("--plytix-account", help="use another Plytix account than `alias` in settings.toml")
    ] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="use the sandbox that runs in another terminal (make dev), not the real accounts")
    ] = False,
) -> None:
    if debug:
        os.environ["SYNC_PIPELINES_DEBUG"] = "1"
    from sync_pipelines.operations import environment, running_sandbox
    from sync_pipelines.operations.cli import screen

    environment.notify = screen.note
    if context.invoked_subcommand in ELSEWHERE:
        if sandbox:
            raise UsageError(f"--sandbox: `{context.invoked_subcommand}` starts a sandbox of its own.")
        return
    if sandbox:
        running_sandbox.use()
    else:
        running_sandbox.check()
    if sandbox or (sandbox_on() and screen.err.is_terminal):
        screen.note(running_sandbox.described())
    environment.prepare(debug=debug)
    if plytix_account:
        from sync_pipelines.operations.amazon_listings import refuse_unknown_account

        refuse_unknown_account(plytix_account)
        os.environ["PLYTIX_ALIAS"] = plytix_account


def _add_pipelines() -> None:
    """Add the general verbs, the own commands that are known without a short name, too, and each pipeline's group."""
    groups = {declared.short: name for name, declared in PIPELINES.items()}
    own = {short: own_commands(name) for short, name in groups.items()}
    for name, (verb, pipelines) in general.VERBS.items():
        same = [s for s, (commands, also) in own.items() if (name in also if name in commands else groups[s] in pipelines)]
        epilog = f"also: {', '.join(f'{PROGRAM} {short} {name}' for short in same)}"
        app.command(name, epilog=epilog)(naming(verb, pipelines))
    for name in dict.fromkeys(name for _, also in own.values() for name in also if name not in general.VERBS):
        owners = owners_of(name)
        shorts = [PIPELINES[pipeline].short for pipeline in owners]
        epilog = f"also: {', '.join(f'{PROGRAM} {short} {name}' for short in shorts)}"
        app.command(name, epilog=epilog, rich_help_panel=f"Of {' and '.join(shorts)}")(with_a_name(owners))
    for short, name in groups.items():
        app.add_typer(group_of(name, general.VERBS), name=short, rich_help_panel="One pipeline")


_add_pipelines()
app.add_typer(alerting.app, name="alerts")


@app.command()
def sql(query: str, json: Json = False) -> None:
    """Ask the warehouse, the plans and the ledger in SQL: shopify.orders, sheets.order_plan, ledger.outcome, …"""
    from sync_pipelines.operations import answers
    from sync_pipelines.operations.cli import screen

    rows = answers.sql(query)
    if json:
        screen.as_json(rows)
    elif rows:
        screen.table(rows, literal=True)
    else:
        screen.out.print("no rows")


@app.command("open", rich_help_panel="Servers")
def open_run(
    run: Annotated[str, typer.Argument(metavar="RUN", help="the run's id, or its plan's; the start of it is enough")],
    port: Annotated[int, typer.Option(help="where the UI is served on this machine")] = 3000,
    json: Json = False,
) -> None:
    """Print the address of a run in the UI."""
    from sync_pipelines.operations import answers, ui
    from sync_pipelines.operations.cli import screen

    page = ui.page_of(run, port=port)
    if json:
        screen.as_json(answers.plain(page))
        return
    screen.say(page.address)
    if not page.served:
        screen.note(f"Nothing answers on port {port} now. Serve the UI: {PROGRAM} up")


@app.command(rich_help_panel="Servers")
def up(port: int = 3000) -> None:
    """The real thing: Dagster UI and daemon, on the account that .env and settings.toml name."""
    from sync_pipelines.operations import servers

    raise typer.Exit(servers.up(port))


# --- without a real account -----------------------------------------------------------------------------------------


@app.command(rich_help_panel="Without a real account")
def demo(scale: Annotated[int, typer.Option(min=500, help="products in the made-up catalogue")] = 1000) -> None:
    """Run every pipeline against the sandbox and tell what happens."""
    from sync_pipelines.demo import telling as story

    raise typer.Exit(story.tell(scale))


@app.command(rich_help_panel="Without a real account")
def dev(port: int = 3000) -> None:
    """Sandbox and Dagster UI together, on the history of the last demo if there is one, with the schedules started."""
    from sync_pipelines.operations import servers

    raise typer.Exit(servers.dev(port))


@app.command(rich_help_panel="Without a real account")
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
