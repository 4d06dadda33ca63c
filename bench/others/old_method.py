"""The old method: read every page, then send everything to SparkLayer, changed or not.

0.5 s of sleep between pages and between batches, a fresh token for each batch of 500, prices as floats, failures
passed over. The sleeps are added up, not slept, unless the first argument is `sleep`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import requests

PAUSE = 0.5
BATCH = 500


class OldMethod:
    def __init__(self, really_sleep: bool) -> None:
        self.really_sleep, self.calls, self.slept, self.failed, self.skipped = really_sleep, 0, 0.0, 0, 0

    def pause(self) -> None:
        self.slept += PAUSE
        if self.really_sleep:
            time.sleep(PAUSE)

    def call(self, method: str, address: str, **options: Any) -> requests.Response:
        self.calls += 1
        return requests.request(method, address, timeout=120, **options)

    def items(self) -> list[dict[str, Any]]:
        address = f"{os.environ['CATSY_BASE_URL']}/queries/{os.environ['CATSY_QUERY_ID']}/items"
        headers = {"Authorization": f"Bearer {os.environ['CATSY_BEARER_TOKEN']}"}
        found: list[dict[str, Any]] = []
        while True:
            page = self.call("GET", address, headers=headers, params={"limit": BATCH, "offset": len(found)}).json()
            found += page["items"]
            if not page["items"] or len(found) >= page["pagination"]["total_results"]:
                return found
            self.pause()

    def entries(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        entries = []
        for item in items:
            try:
                price = float(item["price_trade"])
            except (KeyError, TypeError, ValueError):
                self.skipped += 1
                continue
            entries.append({"sku": item.get("sku"), "pricing": [{"quantity": 1, "price": price}]})
        return entries

    def token(self) -> str:
        login = {
            "grant_type": "client_credentials",
            "client_id": os.environ["SPARKLAYER_CLIENT_ID"],
            "client_secret": os.environ["SPARKLAYER_CLIENT_SECRET"],
        }
        site = {"Site-Id": os.environ["SPARKLAYER_SITE_ID"]}
        reply = self.call("POST", f"{os.environ['SPARKLAYER_URL']}/api/auth/token", json=login, headers=site)
        return str(reply.json()["access_token"])

    def send(self, entries: list[dict[str, Any]]) -> None:
        address = f"{os.environ['SPARKLAYER_URL']}/api/v1/price-lists/wholesale/pricing"
        for start in range(0, len(entries), BATCH):
            if start:
                self.pause()
            headers = {
                "Site-Id": os.environ["SPARKLAYER_SITE_ID"],
                "Authorization": f"Bearer {self.token()}",
                "Content-Type": "application/json",
            }
            body = json.dumps(entries[start : start + BATCH])
            if not self.call("PATCH", address, data=body, headers=headers).ok:
                self.failed += 1


if __name__ == "__main__":
    method = OldMethod(really_sleep=sys.argv[1:] == ["sleep"])
    method.send(method.entries(method.items()))
    print(json.dumps({"calls": method.calls, "slept": method.slept, "failed_batches": method.failed, "skipped": method.skipped}))
