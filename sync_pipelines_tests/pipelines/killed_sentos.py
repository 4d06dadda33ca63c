"""A child process that brings one target of Shopify ↔ Sentos up to date and kills itself, with SIGKILL, at the point its
arguments name.

`step:NAME:before|after` dies around the first call of that step; `commit:N:…`, `call:N:…` and `file:N:…` around the N-th commit of
the ledger, call to a vendor and rename.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from sync_pipelines_tests.pipelines.sentos_scene import SentosScene
from sync_pipelines_tests.pipelines.sentos_shirts import WRITES


def deadly(real: Callable[..., Any], number: int, when: str, counts: Callable[..., bool] = lambda *_: True) -> Callable[..., Any]:
    passed = 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal passed
        here = counts(*args)
        passed += here
        if here and passed == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if here and passed == number and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return call


class Alone(SentosScene):
    """The scene as the child sees it: the sandbox is its parent's, and so is the shop's calendar."""

    def tick(self) -> None:
        return


def main() -> None:
    name, point = sys.argv[1:]
    kind, number, when = point.split(":")
    scene, write = Alone(None), WRITES[name]  # type: ignore[arg-type]
    if kind == "step":
        target = type(write.writer()).target

        def watched(*args: Any) -> Any:
            found = target(*args)
            found.write = deadly(type(found).write.__get__(found), 1, when, lambda step, *_: step.name == number)
            return found

        type(write.writer()).target = watched  # type: ignore[method-assign]
    elif kind == "call":
        requests.Session.request = deadly(requests.Session.request, int(number), when)  # type: ignore[method-assign]
    elif kind == "file":
        Path.replace = deadly(Path.replace, int(number), when)  # type: ignore[method-assign]
    else:
        dialect = scene.ledger.engine.dialect
        dialect.do_commit = deadly(dialect.do_commit, int(number), when)  # type: ignore[method-assign]
    scene.sync(write)


if __name__ == "__main__":
    main()
