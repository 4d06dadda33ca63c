"""Where a command runs: which environment file it reads, which Dagster instance it writes to."""

from __future__ import annotations

import difflib
import logging
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dotenv import load_dotenv

from sync_pipelines import logs, private_files
from sync_pipelines.csv_files import write_text
from sync_pipelines.operations import old_settings
from sync_pipelines.settings import data_dir, home, sandbox_on

if TYPE_CHECKING:
    from sync_pipelines.delivery.ledger import Ledger
    from sync_pipelines.delivery.plans import PlanFiles

INSTANCE_SETTINGS = Path(__file__).resolve().parents[2] / "deploy" / "dagster.yaml"
DIFFERENCES_SHOWN = 20

notify: Callable[[str], object] = logging.getLogger(__name__).warning
"""Where notes for the person who asked go: things to know that are no part of an answer. The command line shows them."""


def prepare(*, debug: bool = False) -> None:
    """Read .env (what is exported wins) and the old order log's config.json, neither of which is for the sandbox; close the
    data folder to other users, open the logs, settle on a Dagster instance."""
    if not sandbox_on():
        load_dotenv(home() / ".env", override=False)
        old_settings.read(home())
        _warn_of_open_secrets()
    try:
        private_files.close_to_others(data_dir())
    except OSError as e:
        notify(f"{data_dir()} can be read by other users, and this one may not change that ({e.strerror}): chmod 700 it.")
    logs.set_up(data_dir() / "logs", debug=debug)
    os.environ.setdefault("DAGSTER_HOME", str(data_dir().resolve() / "dagster"))


def instance_folder() -> Path:
    """The folder of the Dagster instance, made with the project's settings if it is new."""
    folder = Path(os.environ["DAGSTER_HOME"])
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    if not settings.exists():
        write_text(settings, [INSTANCE_SETTINGS.read_text(encoding="utf-8")])
    return folder


def _warn_of_open_secrets() -> None:
    named = os.environ.get("GOOGLE_SERVICE_ACCOUNT_FILE")
    for path in (home() / ".env", home() / old_settings.FILE, *([Path(named)] if named else [])):
        if private_files.seen_by_others(path):
            notify(
                f"{path} holds secrets, and other users of this machine can read it; the next release will refuse that. "
                f"Mend it: chmod 600 {shlex.quote(str(path))}"
            )


def changes_of_instance_settings() -> str:
    """How the instance's dagster.yaml differs from the one this release ships, as a short diff; "" where it does not."""
    path = instance_folder() / "dagster.yaml"
    yours, shipped = (p.read_text(encoding="utf-8").splitlines() for p in (path, INSTANCE_SETTINGS))
    lines = list(difflib.unified_diff(yours, shipped, str(path), "as shipped", n=0, lineterm=""))
    more = len(lines) - DIFFERENCES_SHOWN
    return "\n".join([*lines[:DIFFERENCES_SHOWN], *([f"… and {more} lines more"] if more > 0 else [])])


def ledger() -> Ledger:
    """Open the ledger. Notes, once, what an upgrade of it changed and what is new in this release."""
    from sync_pipelines.delivery.ledger import Ledger
    from sync_pipelines.operations import news

    opened = Ledger.at(data_dir() / "ledger.db")
    for line in (*opened.upgraded, *news.unread(opened)):
        notify(line)
    return opened


def plan_files() -> PlanFiles:
    from sync_pipelines.delivery.plans import PlanFiles

    return PlanFiles(data_dir() / "plans")


@contextmanager
def variables(**values: str | None) -> Iterator[None]:
    """Set these environment variables for as long as the block lasts. None or "": leave it as it is."""
    given = {name: value for name, value in values.items() if value}
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
