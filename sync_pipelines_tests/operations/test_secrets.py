"""A secret that a vendor repeats is on no screen and in no file: ledger, logs, alerts, Dagster's database."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from sync_pipelines_tests import forked
from vendor_sandbox import Sandbox

SECRET = 'p&ss/w+rd "ünd" 100%'


@pytest.mark.parametrize(
    "spelt",
    [lambda s: b64encode(f"client:{s}".encode()).decode(), lambda s: quote(s, safe=""), json.dumps],
    ids=["base64", "url", "json"],
)
def test_a_secret_that_a_vendor_repeats_is_nowhere(sandbox: Sandbox, own_folder: Path, spelt: Callable[[str], str]) -> None:
    heard = own_folder / "heard.json"
    echo = spelt(SECRET)
    sandbox.faults("sparklayer", [{"on": "POST /api/auth/token", "kind": "status", "status": 400, "body": f"got {echo}"}])
    env = {**os.environ, "SPARKLAYER_CLIENT_SECRET": SECRET, "ALERT_COMMAND": f"sh -c 'cat > {heard}'"}
    done = forked.command(["sync", "catsy_sparklayer", "--json"], env, timeout=100)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "***" in done.stdout
    assert "***" in heard.read_text()
    escaped = json.dumps(echo)[1:-1]
    places = {"stdout": done.stdout.encode(), "stderr": done.stderr.encode()}
    places |= {str(path): path.read_bytes() for path in own_folder.rglob("*") if path.is_file()}
    assert any("ledger.db" in name for name in places)
    assert [name for name, held in places.items() if echo.encode() in held or escaped.encode() in held] == []
