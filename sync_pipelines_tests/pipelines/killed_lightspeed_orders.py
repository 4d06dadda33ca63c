"""A child process that places an order in a Lightspeed store, or sends pictures there, and kills itself, with SIGKILL, at the point
its second argument names.

    killed_lightspeed_orders.py order|pictures POINT PATH

`call:N:before|after`, `write:N:…` and `commit:N:…` die around the N-th call to the vendor, the N-th that is no GET (the first is a
look at the rights), and the N-th commit of the ledger.
"""

from __future__ import annotations

import sys
from pathlib import Path

import requests

from sync_pipelines_tests.pipelines.killed_sentos import deadly
from sync_pipelines_tests.pipelines.lightspeed_orders_scene import OrderScene
from sync_pipelines_tests.pipelines.lightspeed_pictures_scene import PictureScene


def main() -> None:
    what, point, path = sys.argv[1:]
    kind, number, when = point.split(":")
    order, pictures = OrderScene(None), PictureScene(None)
    if kind == "call":
        requests.Session.request = deadly(requests.Session.request, int(number), when)  # type: ignore[method-assign]
    elif kind == "write":
        requests.Session.request = deadly(  # type: ignore[method-assign]
            requests.Session.request, int(number), when, lambda _, method, *__: method != "GET"
        )
    else:
        with order.run("look") as session:  # the ledger is made; what is counted are the commits of the run
            dialect = type(session.ledger.engine.dialect)
        dialect.do_commit = deadly(dialect.do_commit, int(number), when)  # type: ignore[method-assign]
    if what == "order":
        order.sync(Path(path))
    else:
        pictures.send(Path(path))


if __name__ == "__main__":
    main()
