"""A child process that syncs without Dagster and kills itself, with SIGKILL, at the point its argument names.

`commit:N:before|after` dies around the N-th commit of the ledger, `call:N:before|after` around the N-th call to a vendor,
`file:N:before|after` around the N-th rename. Prints how many points of the kind it passed, if it lives.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from sync_pipelines.delivery import ledger as ledger_module
from sync_pipelines_tests.pipelines.merchant import Merchant

passed = 0


def deadly(real: Callable[..., Any], number: int, when: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        global passed
        passed += 1
        if passed == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if passed == number and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return call


def main() -> None:
    kind, number, when = sys.argv[1].split(":")
    if kind == "call":
        requests.Session.request = deadly(requests.Session.request, int(number), when)  # type: ignore[method-assign]
    elif kind == "file":
        Path.replace = deadly(Path.replace, int(number), when)  # type: ignore[method-assign]
    merchant = Merchant()
    if kind == "commit":
        dialect = merchant.ledger.engine.dialect
        dialect.do_commit = deadly(dialect.do_commit, int(number), when)  # type: ignore[method-assign]
    merchant.sync("auto")
    print(f"passed {passed} of {ledger_module.__name__}")


if __name__ == "__main__":
    main()
