"""A child process that brings mirrors of a Lightspeed store up to date, publishing every few rows, and kills itself, with SIGKILL,
at the point its first argument names.

`call:N:before|after`, `file:N:…` and `commit:N:…` die around the N-th call to the vendor, rename into the warehouse and commit of
the ledger. The other arguments are the mirrors, and `prove` before them for the proof.
"""

from __future__ import annotations

import sys
from pathlib import Path

import requests

from sync_pipelines.pipelines import mirrors
from sync_pipelines.pipelines.lightspeed_retail import reading
from sync_pipelines_tests.pipelines.killed_sentos import deadly
from sync_pipelines_tests.pipelines.lightspeed_scene import LightspeedScene

ROWS, CONSIGNMENTS = 200, 5
"""After how many of them something is published."""


def main() -> None:
    point, *names = sys.argv[1:]
    kind, number, when = point.split(":")
    scene = LightspeedScene(None)
    mirrors.MirrorLog.follow.__kwdefaults__["published_at"] = ROWS
    reading.CONSIGNMENTS_PUBLISHED_AT = CONSIGNMENTS
    if kind == "call":
        requests.Session.request = deadly(requests.Session.request, int(number), when)  # type: ignore[method-assign]
    elif kind == "file":
        Path.replace = deadly(Path.replace, int(number), when)  # type: ignore[method-assign]
    else:
        with scene.session() as session:  # the ledger is made; what is counted are the commits of the reading
            dialect = type(session.ledger.engine.dialect)
        dialect.do_commit = deadly(dialect.do_commit, int(number), when)  # type: ignore[method-assign]
    if names[0] == "prove":
        scene.prove(*names[1:])
    else:
        scene.sync(*names)


if __name__ == "__main__":
    main()
