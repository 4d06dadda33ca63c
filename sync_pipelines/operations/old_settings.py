"""The old order log's config.json: what it says is taken as if it stood in .env."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sync_pipelines.settings import SettingsError, sandbox_on

FILE = "config.json"
VARIABLES = {
    "SHOPIFY_STORE_NAME": ("shopify_store_name", "store_name", "shop_name", "shop"),
    "SHOPIFY_ACCESS_TOKEN": ("shopify_access_token", "access_token", "shopify_token", "token"),
    "GOOGLE_SERVICE_ACCOUNT_FILE": (
        "google_service_account_file",
        "service_account_file",
        "google_credentials_file",
        "credentials_file",
        "key_file",
    ),
    "TARGET_SPREADSHEET": ("target_spreadsheet", "target_spreadsheet_title", "spreadsheet", "spreadsheet_title"),
    "SHOPIFY_LOOKBACK_DAYS": ("lookback_days", "sync_lookback_days", "initial_lookback_days"),
    "SHOPIFY_PAGE_SIZE": ("batch_size", "page_size"),
    "SHOPIFY_SHEETS_OLD_DATABASE": ("database_path", "db_path", "database"),
}
"""Our variables, and the names under which a config.json may have them: alone, or behind the names of the objects they
stand in (`{"shopify": {"store_name": …}}`). The file's own program is not known; names that fit none are left alone."""


SECTIONS = frozenset(["shopify", "google", "google_sheets", "sheets", "sync", "database", "settings"])
"""Objects whose members may go by their own name alone. Another program's token in the same file is none of ours."""
LARGEST_PAGE = 250


def read(folder: Path) -> None:
    """Take over config.json, if it is there. What is exported already and says something else is refused: the old program
    let the file win, this one the environment, and nobody should have to guess which shop is meant. Raises SettingsError."""
    path = folder / FILE
    if sandbox_on() or not path.exists():
        return
    try:
        found = dict(_flat(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError) as e:
        raise SettingsError(f"{path} cannot be read: {e}") from e
    for variable, names in VARIABLES.items():
        value = next((found[name] for name in names if found.get(name)), "")
        if variable == "SHOPIFY_PAGE_SIZE" and value.isdecimal():
            value = str(min(int(value), LARGEST_PAGE))
        exported = os.environ.get(variable, "")
        if value and exported and exported != value:
            raise SettingsError(
                f"{variable} is set, and {path} says something else. Nothing was done. Take the wrong one away: .env and the "
                "environment are what this program goes by."
            )
        if value:
            os.environ[variable] = value


def _flat(value: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Every plain value, by its full name and, in the sections that are ours, by its own."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, (*names, re.sub(r"[^a-z0-9]+", "_", str(name).lower())))
    elif names and isinstance(value, str | int) and not isinstance(value, bool):
        yield "_".join(names), str(value)
        if names[0] in SECTIONS:
            yield names[-1], str(value)
