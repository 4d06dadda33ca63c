"""Where a command runs: which environment file it reads, which Dagster instance it writes to."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import load_dotenv

from sync_pipelines import logs
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.plans import PlanFiles
from sync_pipelines.operations import old_settings
from sync_pipelines.settings import data_dir, home, sandbox_on

INSTANCE_SETTINGS = Path(__file__).resolve().parents[2] / "deploy" / "dagster.yaml"


def prepare(*, debug: bool = False) -> None:
    """Read .env (what is exported wins) and the old order log's config.json, neither of which is for the sandbox; open the
    logs, settle on a Dagster instance."""
    if not sandbox_on():
        load_dotenv(home() / ".env", override=False)
        old_settings.read(home())
    logs.set_up(data_dir() / "logs", debug=debug)
    os.environ.setdefault("DAGSTER_HOME", str(data_dir().resolve() / "dagster"))


def instance_folder() -> Path:
    """The folder of the Dagster instance, made with the project's settings if it is new."""
    folder = Path(os.environ["DAGSTER_HOME"])
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    if not settings.exists():
        settings.write_text(INSTANCE_SETTINGS.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def ledger() -> Ledger:
    """The ledger. What bringing an older one up to date meant is told on standard error."""
    from sync_pipelines.operations import screen

    opened = Ledger.at(data_dir() / "ledger.db")
    for line in opened.upgraded:
        screen.note(line)
    return opened


def plan_files() -> PlanFiles:
    return PlanFiles(data_dir() / "plans")
