"""The sandbox as the demo runs it: kept between runs, and one clear message when it is not installed."""

import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from sync_pipelines.demo.playground import Playground

WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

missing = sys.argv.pop(1)
sys.meta_path.insert(0, Absent())
from sync_pipelines.operations.cli import main
main()
"""
"""The command line where the module that is named first cannot be imported, as if it were not installed."""


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("sandbox", "vendor_sandbox"),
        ("sandbox", "cryptography"),
        ("sandbox", "graphql"),
        ("demo", "vendor_sandbox"),
        ("demo", "cryptography"),
        ("dev", "vendor_sandbox"),
        ("dev", "graphql"),
    ],
)
def test_without_the_sandbox_a_command_says_what_to_install(command: str, missing: str, own_folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT, missing, command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"✗ the sandbox cannot start: the Python module {missing} is not installed. "
        "Install the sandbox with: pip install 'sync_pipelines[sandbox]' (in a checkout: make setup)"
    ]
    assert not (own_folder / "data").exists()


def test_what_every_vendor_holds_is_there_again_when_the_sandbox_is_come_back_to(own_folder: Path) -> None:
    with mock.patch.dict(os.environ):
        with Playground(fresh=True, scale=50) as playground:
            playground.change("catsy", {"set": {"100001": {"sku": "KEPT"}}})
            playground.change("sparklayer", {"set": {"wholesale": {"KEPT": [{"quantity": 1, "price": 4.2}]}}})
        kept = {path.name.removesuffix(".state.json") for path in playground.folder.glob("*.state.json")}
        assert kept == {"catsy", "sparklayer", "google", "shopify", "amazon", "plytix", "sentos", "lightspeed"}
        with Playground(fresh=False) as again:
            assert "KEPT" in {item["sku"] for item in again.state("catsy")["items"]}
            wholesale = next(each for each in again.state("sparklayer")["lists"] if each["slug"] == "wholesale")
            assert "KEPT" in wholesale["prices"]
