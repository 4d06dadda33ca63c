"""Every section of settings there is, and whose account each system is: from the declarations."""

from __future__ import annotations

import tomllib
from typing import Any

from sync_pipelines.nearest import meant
from sync_pipelines.pipelines import PIPELINES
from sync_pipelines.settings import AccountSection, AlertSettings, RetentionSettings, Section, SettingsError, WebSettings, home

SHARED: tuple[type[Section], ...] = (AlertSettings, RetentionSettings)
"""Sections that every run reads."""

SECTIONS: tuple[type[Section], ...] = (
    *dict.fromkeys(section for pipeline in PIPELINES for section in pipeline.settings),
    AlertSettings,
    WebSettings,
    RetentionSettings,
)

ACCOUNTS: dict[str, type[AccountSection]] = {
    section.system: section for section in SECTIONS if issubclass(section, AccountSection)
}
"""Where the account of each system is settled, by the first part of an asset's key."""


def account_of(system: str) -> str:
    """Return the account that the settings point to, by the vendor's name. Raises KeyError for a system without one."""
    return ACCOUNTS[system].read().account


def check_file() -> None:
    """Refuse tables in settings.toml that nothing reads: most are misspelt. Raises SettingsError."""
    path = home() / "settings.toml"
    try:
        written: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
        raise SettingsError(f"{path} cannot be read: {e}") from e
    known = {s.table for s in SECTIONS}
    unknown = sorted(set(written) - known)
    if unknown:
        hints = "".join(meant(name, known) for name in unknown)
        raise SettingsError(f"{path} has tables that nothing reads: {', '.join(unknown)}.{hints}")
