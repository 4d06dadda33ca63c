"""Which marketplace is meant, and how its catalogue is asked."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sync_pipelines.settings import AccountSection


class AmazonSettings(AccountSection):
    """The marketplace. Reports are dropped as files; with a login, the catalogue adds what they do not say."""

    system = "amazon"
    table = "amazon"
    model_config = SettingsConfigDict(env_prefix="AMAZON_", extra="forbid", env_ignore_empty=True, frozen=True)

    base_url: str = Field("https://sellingpartnerapi-na.amazon.com", description="address of the region's Selling Partner API")
    lwa_url: str = Field("https://api.amazon.com/auth/o2/token", description="address of Login with Amazon")
    marketplace: str = Field("US", description="the marketplace of files that do not name one")
    marketplaces: dict[str, str] = Field(
        default={"US": "ATVPDKIKX0DER", "CA": "A2EUQ1WTGCTBG2", "MX": "A1AM78C64UM0Y8"},
        description="every marketplace that may be named, and Amazon's id for it",
    )
    calls_per_second: float = Field(2.0, gt=0, description="calls of the catalogue a second")
    burst: int = Field(2, ge=1, description="calls that may come at once")
    timeout: float = Field(60.0, gt=0, description="seconds for one call, first byte to last")
    deadline: float = Field(600.0, gt=0, description="seconds for one call with all its retries")
    inbox: Path = Field(Path("inbox/amazon"), description="where files are dropped; a relative path is below the data folder")

    @property
    def account(self) -> str:
        """Whose listings they are: the files that are dropped here, and the marketplace they are for."""
        return f"amazon marketplace {self.marketplace}"

    @property
    def japanese(self) -> bool:
        """Whether files may be in Shift-JIS: those of the Japanese marketplace."""
        return self.marketplaces.get(self.marketplace) == "A1VC38T7YXB528"
