"""Where pictures are looked for, and how long a run waits until the store has made something of them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sync_pipelines.settings import Section


class LightspeedPicturesSettings(Section):
    """Lightspeed Retail: pictures of products."""

    table = "lightspeed_pictures"
    model_config = SettingsConfigDict(env_prefix="LIGHTSPEED_PICTURES_", extra="forbid", env_ignore_empty=True, frozen=True)

    inbox: Path = Field(Path("inbox/lightspeed_pictures"), description="folder of pictures, in the data folder")
    wait_seconds: float = Field(30.0, ge=0, description="seconds that a run waits for pictures that the store still works on")
    poll_seconds: float = Field(2.0, gt=0, description="seconds between two looks at them")
    largest: int = Field(10 * 1024 * 1024, ge=1, description="bytes that a picture may have")
    longest_wait: float = Field(1800.0, ge=0, description="seconds that a run waits for calls that the store allows again")
