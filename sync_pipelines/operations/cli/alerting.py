"""`sync-pipelines alerts …`: whether people would hear of a run that fails."""

from __future__ import annotations

import typer

from sync_pipelines.operations.cli.options import Json

app = typer.Typer(no_args_is_help=True, help="Who is told when a run fails, and whether that works.")


@app.callback()
def alerts() -> None:
    """Who is told when a run fails, and whether that works."""


@app.command("test")
def send_test(json: Json = False) -> None:
    """Send a test message to every place that the settings name, and say where it arrived."""
    from sync_pipelines import alerts
    from sync_pipelines.operations import answers
    from sync_pipelines.operations.cli import exits, screen

    told = alerts.send_test()
    code = exits.DONE if told and all(each.arrived for each in told) else exits.NEEDS_A_PERSON
    if json:
        screen.as_json({"places": answers.plain(told), "exit_code": code})
    elif told:
        screen.table([{"place": each.place, "arrived": each.arrived, "why not": each.why} for each in told])
    else:
        screen.problem("nobody is told of anything: set ALERT_COMMAND, ALERT_WEBHOOK or ALERT_URLS in .env.")
    raise typer.Exit(code)
