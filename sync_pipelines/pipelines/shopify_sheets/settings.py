"""The spreadsheet of orders: which one, how it is laid out, where the pipeline stops and asks."""

from __future__ import annotations

import json
import logging
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sync_pipelines.settings import AccountSection, data_dir
from sync_pipelines.vendors.google_settings import GoogleSettings

log = logging.getLogger(__name__)


class ShopifySheetsSettings(AccountSection):
    """The spreadsheet of orders: which one, how it is laid out, and where to stop and ask."""

    system = "sheets"
    table = "shopify_sheets"
    old_names: ClassVar = {"spreadsheet": "TARGET_SPREADSHEET"}
    model_config = SettingsConfigDict(env_prefix="SHOPIFY_SHEETS_", extra="forbid", env_ignore_empty=True, frozen=True)

    spreadsheet: str = Field("", description="its id, its address, or its title if only one has it")
    layout: str = Field("plain", description="plain, order_book, or a file like those in pipelines/shopify_sheets/layouts")
    test_orders: bool = Field(False, description="whether orders marked as tests are written, too")
    foreign_edits: Literal["hold", "overwrite"] = Field("overwrite", description="an owned cell that a person changed")
    lands_within: float = Field(
        180.0, ge=0, description="seconds after which a call whose answer was lost cannot take effect any more"
    )
    write_bytes: int = Field(1_800_000, ge=10_000, description="the largest write; the vendor recommends 2 MB")
    positions_hold: float = Field(10.0, ge=0, description="seconds for which rows are taken to be where they were read")
    cell_limit: int = Field(10_000_000, ge=1, description="cells of all tabs together, empty ones counted")
    cell_notice: Decimal = Field(Decimal("0.90"), gt=0, description="share of the limit from which a run says so")
    max_updates: Decimal = Field(Decimal("0.50"), gt=0, description="share of the rows written so far that may change at once")
    max_held: Decimal = Field(Decimal("0.05"), ge=0, description="share of the orders that may be held in one run")
    pause_minutes: float = Field(
        5.0, ge=0, description="how soon after a good, whole sync another one does nothing without --force"
    )
    old_database: Path = Field(Path("shopify_sync.db"), description="the old program's database, below the project's folder")

    @property
    def spreadsheet_id(self) -> str:
        """The id in what the settings name; "" when that is a title."""
        found = re.search(r"/spreadsheets/d/([\w-]+)", self.spreadsheet) or re.fullmatch(r"([\w-]{30,})", self.spreadsheet)
        return found[1] if found else ""

    @property
    def account(self) -> str:
        """Whose data it is: the spreadsheet, by its id; by its title until that was looked up for the first time."""
        named = self.spreadsheet_id or known_spreadsheets().get(self.spreadsheet, self.spreadsheet)
        return f"{GoogleSettings.read().sheets_url.rstrip('/')} spreadsheet {named}"


def known_spreadsheets() -> dict[str, str]:
    """The id of every spreadsheet that was looked up by its title. A file that cannot be read knows none: it is made anew."""
    path = data_dir() / SPREADSHEETS
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (ValueError, OSError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(known, str) for known in found.values()):
        log.warning("%s cannot be read: spreadsheets named by their title are looked up again", path)
        return {}
    return found


def remember_spreadsheet(title: str, spreadsheet_id: str) -> None:
    """Keep which spreadsheet a title stands for, so that it is the same one under either name."""
    path = data_dir() / SPREADSHEETS
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        json.dump({**known_spreadsheets(), title: spreadsheet_id}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


SPREADSHEETS = "spreadsheets.json"
