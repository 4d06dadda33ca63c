"""A child process that brings products and links up to date and kills itself, with SIGKILL, at the point its argument names.

`create:N`, `family:N`, `link:N` die right after the N-th such call, `intent:N` and `answer:N` after that commit of the ledger.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any

import requests

from sync_pipelines.delivery.journal import Journal
from sync_pipelines_tests.pipelines.listing_scene import ListingScene, few

CALLS = {"create": r"/products", "family": r"/products/\w+/family", "link": r"/products/\w+/relationships/\w+"}


def deadly(real: Callable[..., Any], number: int, counts: Callable[..., bool]) -> Callable[..., Any]:
    passed = 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal passed
        result = real(*args, **kwargs)
        passed += counts(*args)
        if passed == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return call


def main() -> None:
    kind, number = sys.argv[1].split(":")
    if kind in CALLS:
        path = re.compile(f".*/api/v1{CALLS[kind]}")
        requests.Session.request = deadly(  # type: ignore[method-assign]
            requests.Session.request, int(number), lambda _, method, url: method == "POST" and bool(path.fullmatch(url))
        )
    else:
        name = {"intent": "intend", "answer": "answer"}[kind]
        setattr(Journal, name, deadly(getattr(Journal, name), int(number), lambda *_: True))
    ListingScene(None).sync(few(1, 2))


if __name__ == "__main__":
    main()
