"""A child process that brings the spreadsheet of orders up to date and kills itself, with SIGKILL.

`commit:N` dies right after the N-th commit of the ledger, `call:N` right after the N-th call to a vendor.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import requests

from sync_pipelines_tests.pipelines.order_scene import OrderScene


def deadly(real: Callable[..., Any], number: int) -> Callable[..., Any]:
    passed = 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal passed
        result = real(*args, **kwargs)
        passed += 1
        if passed == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return call


def main() -> None:
    kind, number = sys.argv[1].split(":")
    desk = OrderScene(None)  # type: ignore[arg-type]
    if kind == "call":
        requests.Session.request = deadly(requests.Session.request, int(number))  # type: ignore[method-assign]
    else:
        dialect = desk.ledger.engine.dialect
        dialect.do_commit = deadly(dialect.do_commit, int(number))  # type: ignore[method-assign]
    desk.sync()


if __name__ == "__main__":
    main()
