"""A caller that knows the paths of Lightspeed and its token, and little of what a good client does."""

from collections.abc import Iterator
from typing import Any

import requests

from sync_pipelines_tests.vendor_sandbox.conftest import PATIENCE, exact
from vendor_sandbox import Sandbox
from vendor_sandbox.lightspeed import TOKEN

PLAIN = {"burst": 1_000_000, "search_lag": 0, "short_pages": False}
"""Settings without limits, lag and short pages, for the tests that are about something else."""


class LightspeedCaller:
    def __init__(self, sandbox: Sandbox, token: str | None = TOKEN, version: str = "2026-07") -> None:
        self.sandbox = sandbox
        self.version = version
        self.session = requests.Session()
        if token is not None:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: object = None, **options: Any) -> requests.Response:
        url = f"{self.sandbox.url}/lightspeed/api/{options.pop('version', self.version)}/{path}"
        return self.session.request(method, url, json=body, timeout=PATIENCE, **options)

    def get(self, path: str, version: str = "", **parameters: object) -> Any:
        """The content of a successful answer."""
        reply = self.call("GET", path, params=parameters, version=version or self.version)
        assert reply.status_code == 200, reply.text
        return exact(reply)

    def pages(self, path: str, **parameters: object) -> Iterator[Any]:
        """The pages of a list, each from where the one before ended, until an empty one."""
        after = 0
        while True:
            page = self.get(path, after=after, **parameters)
            rows = page["data"] if isinstance(page, dict) else page
            if not rows:
                return
            yield page
            envelope = page.get("version") if isinstance(page, dict) else None
            after = envelope["max"] if envelope else max(row["version"] for row in rows)

    def rows(self, path: str, **parameters: object) -> list[dict[str, Any]]:
        pages = self.pages(path, **parameters)
        return [row for page in pages for row in (page["data"] if isinstance(page, dict) else page)]

    def change(self, **body: object) -> dict[str, Any]:
        return self.sandbox.lightspeed.change_state(body)

    def set(self, **settings: object) -> None:
        self.change(settings=settings)

    def truth(self, collection: str) -> list[dict[str, Any]]:
        """The rows that there truly are."""
        found: list[dict[str, Any]] = self.sandbox.lightspeed.state()[collection]
        return found


def fresh(sandbox: Sandbox, version: str = "2026-07", **settings: object) -> LightspeedCaller:
    """A caller on a vendor that was just reset, with limits, lag and short pages out of the way."""
    sandbox.lightspeed.reset()
    caller = LightspeedCaller(sandbox, version=version)
    caller.set(**{**PLAIN, **settings})
    return caller
