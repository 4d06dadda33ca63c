"""What is written is for its owner alone, what was open is closed once, and open secrets are told of."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_pipelines import private_files
from sync_pipelines.definitions import defs
from sync_pipelines.operations import environment
from sync_pipelines_tests import forked
from vendor_sandbox import Sandbox

LIVE = {"SYNC_PIPELINES_SANDBOX": ""}


@pytest.fixture(autouse=True)
def as_most_machines_have_it() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_ones(folder: Path) -> list[str]:
    return [f"{path} {path.stat().st_mode:o}" for path in [folder, *folder.rglob("*")] if path.stat().st_mode & 0o077]


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    done = forked.command(arguments, {**os.environ, **env}, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_everything_that_a_sync_leaves_is_for_its_owner_alone(sandbox: Sandbox, own_folder: Path) -> None:
    (own_folder / "data").mkdir()  # as a checkout has it
    run("sync", "catsy_sparklayer")
    assert len(list((own_folder / "data").rglob("*.parquet"))) > 2
    assert open_ones(own_folder / "data") == []


def test_a_code_server_and_its_runs_write_for_their_owner_alone() -> None:
    defs()
    assert os.umask(0o022) == 0o077


def test_what_an_earlier_release_left_open_is_closed_by_the_first_command(own_folder: Path) -> None:
    left = own_folder / "data" / "warehouse" / "shopify" / "orders.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"names and addresses")
    outside = own_folder / "outside"
    outside.write_text("somebody else's")
    (own_folder / "data" / "link").symlink_to(outside)
    run("history")
    assert open_ones(own_folder / "data" / "warehouse") == []
    assert (own_folder / "data").stat().st_mode & 0o777 == 0o700
    assert left.stat().st_mode & 0o777 == 0o600
    assert outside.stat().st_mode & 0o777 == 0o644


def test_git_sees_no_change_in_what_is_closed(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=n@example.com"]
    (tmp_path / "data" / "inbox").mkdir(parents=True)
    (tmp_path / "data" / "README.md").write_text("what lies here")
    script = tmp_path / "data" / "inbox" / "run"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], check=True)
    private_files.close_to_others(tmp_path / "data")
    assert open_ones(tmp_path / "data") == []
    assert subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True).stdout == b""


def test_an_inbox_that_was_opened_to_another_user_stays_open(own_folder: Path) -> None:
    inbox = own_folder / "data" / "inbox" / "amazon"
    inbox.mkdir(parents=True)
    run("history")
    for folder, mode in ((own_folder / "data", 0o711), (inbox.parent, 0o711), (inbox, 0o2770)):
        folder.chmod(mode)
    run("history")
    assert [path.stat().st_mode & 0o7777 for path in (inbox.parents[1], inbox.parent, inbox)] == [0o711, 0o711, 0o2770]


@pytest.mark.parametrize("name", [".env", "config.json", "key.json"])
def test_secrets_that_others_can_read_are_told_of_at_every_start_with_what_mends_it(own_folder: Path, name: str) -> None:
    path = own_folder / name
    path.write_text("{}" if name.endswith("json") else "")
    env = {**LIVE, "GOOGLE_SERVICE_ACCOUNT_FILE": str(own_folder / "key.json")}
    for _ in range(2):
        done = run("history", "--json", **env)
        assert done.stderr.count(f"chmod 600 {path}") == 1
        assert done.stdout.strip() == "[]"
    path.chmod(0o600)
    assert run("history", **env).stderr == ""


def test_differences_from_the_shipped_instance_settings_are_shown_in_short(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = environment.instance_folder()
    assert environment.changes_of_instance_settings() == ""
    settings = folder / "dagster.yaml"
    shipped = settings.read_text(encoding="utf-8")
    settings.write_text(shipped.replace("max_concurrent_runs: 2", "max_concurrent_runs: 5"), encoding="utf-8")
    shown = environment.changes_of_instance_settings().splitlines()
    assert shown[-2:] == ["-    max_concurrent_runs: 5", "+    max_concurrent_runs: 2"]
    assert len(shown) == 5
    settings.write_text("x\n" * 100, encoding="utf-8")
    assert len(environment.changes_of_instance_settings().splitlines()) == environment.DIFFERENCES_SHOWN + 1
    assert settings.read_text(encoding="utf-8") == "x\n" * 100
