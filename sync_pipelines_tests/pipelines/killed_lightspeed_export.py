"""A child process that exports the mirror that is there, and kills itself, with SIGKILL, at the point its argument names:
`insert` in the middle of the rows, `before` and `after` around the rename of the first file. Prints `done` if it lives."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from sync_pipelines.pipelines.lightspeed_retail import exporting

MIDDLE = 12
"""Statements after which there are rows, and more to come."""


def main() -> None:
    point, output = sys.argv[1], Path(sys.argv[2])
    execute, replace = Connection.exec_driver_sql, Path.replace
    executed = 0

    def deadly_execute(*args: Any) -> Any:
        nonlocal executed
        executed += 1
        if executed == MIDDLE:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*args)

    def deadly_replace(self: Path, target: Path) -> Any:
        if point == "after":
            replace(self, target)
        os.kill(os.getpid(), signal.SIGKILL)

    if point == "insert":
        Connection.exec_driver_sql = deadly_execute  # type: ignore[method-assign]
    else:
        Path.replace = deadly_replace  # type: ignore[method-assign,assignment]
    exporting.export(output)
    print("done")


if __name__ == "__main__":
    main()
