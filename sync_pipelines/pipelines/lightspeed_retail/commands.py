"""`sync-pipelines lightspeed …`: the commands that only this pipeline has."""

from __future__ import annotations

from typing import Annotated

import typer

from sync_pipelines.operations.cli.options import Json

app = typer.Typer()
ALSO = ()
"""Commands of the whole program, too: none."""


@app.command("prove")
def prove(json: Json = False) -> None:
    """Read every collection whole and hold the mirror against it; what it lacks is kept, what is gone is marked."""
    from sync_pipelines.operations import running
    from sync_pipelines.operations.cli import runs
    from sync_pipelines.pipelines.lightspeed_retail import PIPELINE

    with runs.progress(f"prove {PIPELINE.name}", json=json):
        ended = running.run(PIPELINE.name, "prove", {})
    raise typer.Exit(runs.show(ended, json=json))


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
