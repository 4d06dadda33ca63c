"""Plytix, the PIM: its accounts, and how fast one may be asked."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import blake2b
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from sync_pipelines.credentials import secret
from sync_pipelines.settings import AccountSection


class PlytixAlias(BaseModel):
    """One account of the PIM. What is left out is as the section has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    base_url: str = ""
    calls_per_window: int | None = Field(None, ge=1)
    calls_per_hour: int | None = Field(None, ge=1)


class PlytixSettings(AccountSection):
    """The PIM: its accounts by alias, and how fast one may be asked. Facts: docs/pipelines/amazon_plytix.md.

    The secrets of alias `main` are PLYTIX_API_KEY and PLYTIX_API_PASSWORD, those of another PLYTIX_<ALIAS>_API_KEY and so on.
    """

    system = "plytix"
    table = "plytix"
    model_config = SettingsConfigDict(env_prefix="PLYTIX_", extra="forbid", env_ignore_empty=True, frozen=True)

    alias: str = Field("main", description="which of the accounts is meant")
    accounts: Annotated[dict[str, PlytixAlias], NoDecode] = Field(
        default={"main": PlytixAlias()}, description="by alias, each with limits of its own if it has any; secrets: .env.example"
    )
    base_url: str = Field("https://pim.plytix.com/api/v1", description="address of the API")
    auth_url: str = Field("https://auth.plytix.com/auth/api/get-token", description="address of the login")
    calls_per_window: int = Field(50, ge=1, description="calls in any 10 seconds; 20 on the free plan")
    window_seconds: float = Field(10.0, gt=0, description="length of the short window that calls are counted in")
    calls_per_hour: int = Field(5000, ge=1, description="calls in any hour; 2000 on the free plan")
    hour_seconds: float = Field(3600.0, gt=0, description="length of the long window")
    window_margin: float = Field(0.01, ge=0, description="by which share the windows are kept longer than they are")
    token_seconds: float = Field(900.0, gt=0, description="how long a login lasts; it is renewed a little earlier")
    longest_wait: float = Field(
        4200.0, ge=0, description="seconds that a run waits for quota; with a longer wait it ends, and the next goes on"
    )
    lag_seconds: float = Field(5.0, ge=0, description="seconds until a search shows what was written")
    lands_within: float = Field(
        180.0, ge=0, description="seconds after which a call whose answer was lost cannot take effect any more"
    )
    timeout: float = Field(60.0, gt=0, description="seconds for one call, first byte to last")
    deadline: float = Field(900.0, gt=0, description="seconds for one call with all its retries")
    page_size: int = Field(100, ge=1, le=100, description="products a call")
    ordered_limit: int = Field(10_000, ge=1, description="more matches than this are not given in order (428)")
    matches_in: Literal["count", "total_count"] = Field("count", description="which of its counts is of the matches")
    search_by_list: bool = Field(True, description="whether a search takes a list of SKUs")
    max_age_hours: float = Field(20.0, ge=0, description="how old the products read may be before they are read again")

    @field_validator("accounts", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """`main,second` is enough where no account has limits of its own."""
        if isinstance(value, str):
            return json.loads(value) if value.lstrip().startswith("{") else {a.strip(): {} for a in value.split(",")}
        return value

    @model_validator(mode="after")
    def _known(self) -> PlytixSettings:
        if self.alias not in self.accounts:
            raise ValueError(f"there is no account {self.alias!r}; there are: {', '.join(self.accounts)}")
        return self

    @property
    def chosen(self) -> PlytixAlias:
        return self.accounts[self.alias]

    @property
    def url(self) -> str:
        return (self.chosen.base_url or self.base_url).rstrip("/")

    @property
    def account(self) -> str:
        """Whose products they are: the address, and which account there."""
        return f"{self.url} account {self.alias}"

    @property
    def secrets(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The variables that hold key and password of the account."""
        own = "" if self.alias == "main" else f"{self.alias.upper().replace('-', '_')}_"
        return (f"PLYTIX_{own}API_KEY",), (f"PLYTIX_{own}API_PASSWORD",)

    @property
    def holder(self) -> str:
        """The account with a mark of its login: an alias is the merchant's own name, and with another key means another one."""
        key, _ = self.secrets
        return f"{self.account} login {blake2b(secret(*key).encode(), digest_size=4).hexdigest()}"

    @property
    def products_account(self) -> str:
        return f"{self.account} products"

    @property
    def links_account(self) -> str:
        return f"{self.account} links"

    @property
    def rates(self) -> tuple[tuple[int, float], tuple[int, float]]:
        """Both windows the account counts in: calls, seconds. A little longer than they are, for calls are counted when they
        arrive, and one may take longer on its way than another."""
        longer = 1 + self.window_margin
        return (
            (self.chosen.calls_per_window or self.calls_per_window, self.window_seconds * longer),
            (self.chosen.calls_per_hour or self.calls_per_hour, self.hour_seconds * longer),
        )

    @property
    def max_age(self) -> timedelta:
        return timedelta(hours=self.max_age_hours)
