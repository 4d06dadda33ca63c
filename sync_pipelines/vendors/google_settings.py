"""How spreadsheets are reached."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sync_pipelines.settings import Section


class GoogleSettings(Section):
    """How spreadsheets are reached. The service account's key file is a secret; this is only where it lies."""

    table = "google"
    model_config = SettingsConfigDict(env_prefix="GOOGLE_", extra="forbid", env_ignore_empty=True, frozen=True)

    service_account_file: Path | None = Field(None, description="path of the service account's JSON key file")
    sheets_url: str = Field("https://sheets.googleapis.com", description="address of the Sheets API")
    drive_url: str = Field("https://www.googleapis.com", description="address of the Drive API")
    timeout: float = Field(200.0, gt=0, description="seconds for one call; the vendor gives up after 180")
    deadline: float = Field(600.0, gt=0, description="seconds for one call with all its retries")
    calls_per_minute: int = Field(60, ge=1, description="reads, and as many writes, that one login may make a minute")
    quota_seconds: float = Field(60.0, gt=0, description="how long that minute is (the sandbox has shorter ones)")
