"""Dagster's webserver behind our gate: `python -m sync_pipelines.operations.web --workspace workspace.yaml`.

It serves the instance of DAGSTER_HOME until SIGINT or SIGTERM, as dagster-webserver does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sync_pipelines import private_files
from sync_pipelines.errors import SyncError
from sync_pipelines.operations.cli import screen
from sync_pipelines.operations.web import HOST
from sync_pipelines.operations.web.gate import Gate
from sync_pipelines.settings import WebSettings

STATEMENT_TIMEOUT, POOL_RECYCLE, POOL_OVERFLOW = 15_000, 3600, 20
"""Milliseconds, seconds and connections: dagster-webserver's own for a database server; SQLite ignores them."""


def serve(port: int, workspace: Path, *, read_only: bool) -> None:
    """Serve the UI. Raises SettingsError when [web] cannot be read."""
    hosts = WebSettings.read().hosts
    import dagster as dg
    import uvicorn
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster._utils.log import configure_loggers
    from dagster_webserver.app import create_app_from_workspace_process_context
    from dagster_webserver.version import __version__

    configure_loggers(log_level="INFO")
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_TIMEOUT, POOL_RECYCLE, POOL_OVERFLOW)
        target = WorkspaceFileTarget([str(workspace)])
        with WorkspaceProcessContext(instance, target, version=__version__, read_only=read_only) as context:
            app = create_app_from_workspace_process_context(context, lifespan=_until_interrupted)
            logging.getLogger("dagster-webserver").info("Serving the Dagster UI on http://%s:%d", HOST, port)
            uvicorn.run(Gate(app, hosts), host=HOST, port=port, log_level="warning")


@contextlib.asynccontextmanager
async def _until_interrupted(_: Any) -> AsyncIterator[None]:
    # Ctrl-C reaches `up` and this process: the second SIGINT cancels what waits, which needs no traceback
    with contextlib.suppress(asyncio.CancelledError):
        yield


def main() -> int:
    """The command line. Exit code 2 when it cannot serve."""
    parser = argparse.ArgumentParser(prog="python -m sync_pipelines.operations.web", description=__doc__)
    parser.add_argument("--port", type=int, default=3000, help="default: %(default)s")
    parser.add_argument("--workspace", type=Path, required=True, help="the workspace.yaml to serve")
    parser.add_argument("--read-only", action="store_true", help="for viewers: nothing can be launched or changed")
    chosen = parser.parse_args()
    private_files.begin()
    try:
        serve(chosen.port, chosen.workspace, read_only=chosen.read_only)
    except SyncError as e:
        screen.problem(str(e))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
