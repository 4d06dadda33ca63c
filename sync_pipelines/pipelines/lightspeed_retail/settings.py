"""What is mirrored of the store, and what the questions mean."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from sync_pipelines.settings import Section


class LightspeedRetailSettings(Section):
    """Lightspeed Retail: the mirror and its questions."""

    table = "lightspeed_retail"
    model_config = SettingsConfigDict(env_prefix="LIGHTSPEED_RETAIL_", extra="forbid", env_ignore_empty=True, frozen=True)

    leave_out: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="collections that are not mirrored, where the token shall not have their scope: users, sales, …"
    )
    dead_stock_days: int = Field(365, ge=1, description="days without a sale and an order after which stock counts as dead")

    @field_validator("leave_out", mode="before")
    @classmethod
    def _separate(cls, value: Any) -> Any:
        """`LIGHTSPEED_RETAIL_LEAVE_OUT=users,sales` is enough."""
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("leave_out")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        from sync_pipelines.pipelines.lightspeed_retail.collections import COLLECTIONS

        known = {mirror.name for mirror in COLLECTIONS}
        if wrong := sorted(set(names) - known):
            raise ValueError(f"{', '.join(wrong)}: there is {', '.join(sorted(known))}")
        return names
