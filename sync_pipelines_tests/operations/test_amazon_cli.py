"""The Amazon commands as a person uses them: a child process per command, the sandbox behind it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines_tests import forked
from sync_pipelines_tests.operations.test_cli import answer, run
from vendor_sandbox import Sandbox

P = "amazon_plytix"


@pytest.fixture
def brand(monkeypatch: pytest.MonkeyPatch, own_folder: Path) -> Iterator[Sandbox]:
    """A brand with a few styles of boots; its report of one of them lies in the folder."""
    with Sandbox(scale=120, speed=1000) as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        for name, content in running.boots.files().items():
            (own_folder / name).write_bytes(content)
        yield running


def made(brand: Sandbox) -> dict[str, int]:
    """How often each product was made through the API."""
    return dict(brand.plytix.state()["creates"])


def products(brand: Sandbox) -> dict[str, Any]:
    return {p["sku"]: p for p in brand.plytix.state()["products"].values()}


def writes(brand: Sandbox) -> int:
    counts = brand.plytix.state()["counts"]
    return sum(n for name, n in counts.items() if name != "searches")


def map_report(own_folder: Path) -> dict[str, Any]:
    done: dict[str, Any] = answer("amazon", "map", "--listings", str(own_folder / "mca0032.txt"), "--style", "MCA0032")
    return done


def mapped(own_folder: Path) -> str:
    """The mapping of the report, made by the command."""
    return str(map_report(own_folder)["mapping"])


def test_a_report_becomes_a_mapping_a_preview_and_products_that_can_be_taken_back(brand: Sandbox, own_folder: Path) -> None:
    first_run = map_report(own_folder)
    mapping = first_run["mapping"]
    data = own_folder / "data"
    document = json.loads(Path(mapping).read_text(encoding="utf-8"))
    assert {"metadata", "matched", "unmatched_amazon", "unmatched_plytix", "duplicates"} == document.keys()
    assert (data / "mca0032_unmatched.csv").read_text(encoding="utf-8").startswith("state,amazon_asin")

    before = products(brand)
    preview = answer("amazon", "sync", "--mapping", mapping, "--dry-run")
    assert products(brand) == before
    found = json.loads((data / "mca0032.preview.json").read_text(encoding="utf-8"))
    assert found == preview["result"]
    assert found["metadata"]["dry_run"]
    states = {item["sku"]: item["status"] for item in found["items"]}
    new = {sku for sku, state in states.items() if state == "preview"}
    assert found["created"] == len(new) > 20
    assert {sku for sku, state in states.items() if state == "exists"} == states.keys() & before.keys()

    told = run("amazon", "sync", "--mapping", mapping, "--execute").stdout
    assert "calls to send" in told, "how long it takes is said before it starts"
    assert f"[1/{len(states)}] " in told
    done = json.loads((data / "mca0032_mapping.sync_products.json").read_text(encoding="utf-8"))
    assert {"total", "created", "exists", "linked", "errors", "metadata"} <= done.keys()
    assert (done["created"], done["exists"], done["errors"]) == (len(new), len(states) - len(new), [])
    assert made(brand) == dict.fromkeys(new, 1)
    assert {products(brand)[sku]["family"] for sku in new} == {"8 - Amazon"}

    undecided = [e for e in document["unmatched_amazon"] if e["state"] != "parent"]
    rejects = answer("amazon", "errors")[0]["source_rejects"]
    assert rejects["total"] == len(undecided) == sum(rejects["by_state"].values()) > 0
    counted = {run_["source_rejects"] for run_ in answer("history", P)}
    assert counted == {rejects["total"]} == {answer("status", P)[0]["source_rejects"]}, "everywhere the same number"
    of_file = answer("amazon", "errors", "--partition", "mca0032")[0]
    assert (of_file["partition"], of_file["source_rejects"]["total"]) == ("mca0032", rejects["total"])
    assert {(row["row"], row["state"]) for row in rejects["rows"]} <= {(e["suggested_sku"], e["state"]) for e in undecided}

    seen = writes(brand)
    nothing = run("amazon", "sync", "--mapping", mapping, "--dry-run").stdout
    assert "no time: nothing to send" in nothing
    again = answer("amazon", "sync", "--mapping", mapping, "--execute")
    assert again["calls"]["minimum"] <= again["calls"]["used"]
    assert again["result"]["exists"] == len(states)
    assert writes(brand) == seen

    story = answer("trace", P, min(new))
    assert story["mapped"][0]["sku"] == min(new)
    assert {row["outcome"] for row in story["planned"]} == {"delivered"}
    first = next(run_ for run_ in answer("history", P) if run_["counts"].get("delivered"))
    assert answer("undo", P, "--run", first["run_id"])["state"] == "done"
    assert products(brand) == before


def test_a_style_of_a_file_is_a_partition_of_its_own(brand: Sandbox, own_folder: Path) -> None:
    """Else what the file as a whole is owed would be gone on with from the mapping of one style."""
    told = answer("amazon", "map", "--listings", str(own_folder / "all_listings.txt"), "--style", "MCA0032")
    assert Path(told["mapping"]).name == "all_listings-MCA0032_mapping.json"
    assert told["metadata"]["style"] == "MCA0032"
    assert not (own_folder / "data" / "all_listings_mapping.json").exists()


def test_what_is_asked_wrongly_is_said_and_nothing_is_done(brand: Sandbox, own_folder: Path) -> None:
    bad = own_folder / "bad_mapping.json"
    bad.write_text('{"matched": [\n  {"amazon_asin": ]}', encoding="utf-8")
    refused = run("amazon", "sync", "--mapping", str(bad), "--execute", code=2)
    assert "line 2, column 19" in refused.stderr + refused.stdout
    assert "is not there" in run("amazon", "sync", "--mapping", "nowhere.json", "--dry-run", code=2).stderr
    assert "say which" in run("amazon", "sync", "--mapping", str(bad), code=2).stderr
    empty = own_folder / "empty_mapping.json"
    empty.write_text('{"matched": [], "unmatched_amazon": []}', encoding="utf-8")
    other = run("amazon", "sync", "--mapping", str(empty), "--dry-run", "--plytix-account", "third", code=2).stderr
    assert "there are: main, second" in other
    assert "only for amazon_plytix" in run("sync", "shopify_sheets", "--partition", "x", code=2).stderr
    assert "name one with --partition" in run("sync", P, code=2).stderr
    assert writes(brand) == 0


def test_another_account_of_the_pim_is_meant_by_its_alias(brand: Sandbox, own_folder: Path) -> None:
    report = str(own_folder / "mca0032.txt")
    before = products(brand)
    there = answer("amazon", "map", "--listings", report, "--plytix-account", "second", code=0)
    done = answer("amazon", "sync", "--mapping", there["mapping"], "--execute", "--limit", "2", "--plytix-account", "second")
    assert done["result"]["created"] == 2
    assert products(brand) == before
    second = brand.plytix.state()["accounts"]["second"]
    assert sum(second["creates"].values()) == 2


def test_a_run_that_would_wait_for_hours_ends_and_the_next_goes_on(
    brand: Sandbox, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = mapped(own_folder)
    brand.faults(
        "plytix", [{"on": "POST /api/v1/products", "kind": "rate_limited", "retry_after": "20000.5", "after": 4, "times": 1}]
    )
    paused = answer("amazon", "sync", "--mapping", mapping, "--execute", code=2)
    assert "the next run goes on from here" in paused["message"]
    assert len(made(brand)) == 4
    done = answer("amazon", "sync", "--mapping", mapping, "--execute")
    assert done["result"]["errors"] == []
    assert set(made(brand).values()) == {1}


def test_a_sync_killed_in_the_middle_is_put_right_by_the_next_one(brand: Sandbox, own_folder: Path) -> None:
    mapping = mapped(own_folder)
    brand.faults("plytix", [{"on": "POST /api/v1/products", "kind": "slow", "seconds": 1.5, "after": 3}])
    child = forked.Command(["amazon", "sync", "--mapping", mapping, "--execute"])
    until = time.monotonic() + 60
    while not any(call["fault"] == "slow" for call in brand.calls("plytix")):
        assert time.monotonic() < until, "the sync never came to its write"
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    brand.clear_faults("plytix")
    time.sleep(1.6)  # the call that nobody waits for any more lands
    done = answer("amazon", "sync", "--mapping", mapping, "--execute")
    assert done["result"]["errors"] == []
    assert set(made(brand).values()) == {1}
    assert {products(brand)[sku]["family"] for sku in made(brand)} == {"8 - Amazon"}
