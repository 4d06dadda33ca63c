"""Where the UI shows a run."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from sync_pipelines.delivery import runs
from sync_pipelines.errors import UsageError
from sync_pipelines.operations.answers import open_ledger
from sync_pipelines.operations.web import HOST

WAIT = 0.5
"""Seconds in which something that serves on this machine has answered."""


@dataclass(frozen=True)
class RunPage:
    """The page of a run. served: whether anything answers at that port now."""

    pipeline: str
    run_id: str
    address: str
    served: bool


def page_of(start: str, *, port: int = 3000) -> RunPage:
    """Return the page of a run, named by a start of its id or of a plan that it made. Raises UsageError."""
    with open_ledger() as ledger:
        run, plan = runs.run_or_plan(ledger, start)
        if plan is not None:
            run = runs.get_run(ledger, plan["run"] or "")
    if run is None:
        raise UsageError(f"the run of plan {start} is not known any more.")
    return RunPage(run["pipeline"], run["id"], f"http://{HOST}:{port}/runs/{run['id']}", _answers(port))


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), WAIT).close()
    except OSError:
        return False
    return True
