"""What an order file may make in the store, and how long a run waits for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from sync_pipelines.settings import Section

KINDS = ("suppliers", "brands", "tags", "categories", "variant_attributes")
"""The collections whose rows a product names."""


class LightspeedOrdersSettings(Section):
    """Lightspeed Retail: supplier orders and product files."""

    table = "lightspeed_orders"
    model_config = SettingsConfigDict(env_prefix="LIGHTSPEED_ORDERS_", extra="forbid", env_ignore_empty=True, frozen=True)

    inbox: Path = Field(Path("inbox/lightspeed"), description="folder for dropped order files, in the data folder")
    outlet: str = Field("", description="where the goods of an order go; empty: the first outlet that is not deleted")
    make_names: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description=f"names that are made where the store lacks them: {', '.join(KINDS)}"
    )
    foreign_edits: Literal["hold", "overwrite"] = Field("hold", description="a cost, line or field that a person changed")
    lines_a_call: int = Field(200, ge=1, le=500, description="lines of an order in one call")
    longest_wait: float = Field(1800.0, ge=0, description="seconds that a run waits for calls that the store allows again")

    @field_validator("make_names", mode="before")
    @classmethod
    def _separate(cls, value: Any) -> Any:
        """`LIGHTSPEED_ORDERS_MAKE_NAMES=brands,tags` is enough."""
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("make_names")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := sorted(set(names) - set(KINDS)):
            raise ValueError(f"{', '.join(wrong)}: there is {', '.join(KINDS)}")
        return names
