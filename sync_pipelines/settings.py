"""Settings: typed, not secret. The environment beats settings.toml; each default is written here and nowhere else.

Nothing is read at import. A section is read when it is made: `CatsySettings()`.
"""

from __future__ import annotations

import json
import logging
import os
import re
import tomllib
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from sync_pipelines.errors import SyncError
from sync_pipelines.number_text import DecimalMark

S = TypeVar("S", bound="Section")

log = logging.getLogger(__name__)

SPREADSHEETS = "spreadsheets.json"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""The names of this machine."""


class SettingsError(SyncError):
    """A setting is missing or cannot be read; the message names it and says where to put it."""


def home() -> Path:
    """The folder of settings.toml, .env and data/: SYNC_PIPELINES_HOME, else this checkout."""
    return Path(os.environ.get("SYNC_PIPELINES_HOME") or Path(__file__).resolve().parent.parent)


def sandbox_on() -> bool:
    """Whether this process may talk to nothing but the sandbox on loopback."""
    return os.environ.get("SYNC_PIPELINES_SANDBOX", "") not in ("", "0")


def data_dir() -> Path:
    """Where everything the product writes lives. The sandbox has a place of its own."""
    chosen = os.environ.get("SYNC_PIPELINES_DATA_DIR")
    return Path(chosen) if chosen else home() / "data" / ("sandbox" if sandbox_on() else "")


class Section(BaseSettings):
    """One table of settings.toml. `old_names`: variables of the old scripts, by field; they come after the prefixed ones."""

    table: ClassVar[str] = ""
    old_names: ClassVar[dict[str, str]] = {}
    model_config = SettingsConfigDict(extra="forbid", env_ignore_empty=True, frozen=True)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *args: PydanticBaseSettingsSource, **sources: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        given, environment = (*args, *sources.values())[:2]
        old = {field: os.environ[name] for field, name in cls.old_names.items() if os.environ.get(name)}
        written = InitSettingsSource(settings_cls, cls._written())
        return given, environment, InitSettingsSource(settings_cls, old), written

    @classmethod
    def _written(cls) -> dict[str, Any]:
        path = home() / "settings.toml"
        table = tomllib.loads(path.read_text(encoding="utf-8")).get(cls.table, {}) if path.exists() else {}
        if not isinstance(table, dict):
            raise SettingsError(f"{path}: [{cls.table}] is not a table")
        return table

    @classmethod
    def read(cls: type[S]) -> S:
        """Read the section. Raises SettingsError with one line per problem."""
        path = home() / "settings.toml"
        try:
            return cls()
        except ValidationError as e:
            lines = [f"  {'.'.join(str(p) for p in problem['loc'])}: {problem['msg']}" for problem in e.errors()]
            raise SettingsError(
                f"settings [{cls.table}] (environment and {path}) are not right:\n" + "\n".join(lines)
            ) from e
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
            raise SettingsError(f"{path} cannot be read: {e}") from e
        except Exception as e:  # pydantic-settings wraps what it cannot parse in an exception of its own
            if type(e).__module__.startswith("pydantic_settings"):
                raise SettingsError(f"settings [{cls.table}] cannot be read: {e}") from e
            raise

    def needed(self, name: str, variable: str) -> str:
        """A value without which nothing works. Raises SettingsError that says where to put it."""
        value = str(getattr(self, name) or "")
        if not value:
            raise SettingsError(
                f"{variable} is not set. Put it into {home() / '.env'} (sync-pipelines init asks for it) "
                f"or settings.toml [{self.table}]."
            )
        return value


def known_zone(name: str) -> str:
    """The name itself. Raises ValueError for what is no IANA time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as e:
        raise ValueError(f"{name!r} is no IANA time zone such as Europe/Berlin") from e
    return name


class CatsySettings(Section):
    """How the PIM is read. Facts behind the defaults: docs/pipelines/catsy_sparklayer.md."""

    table = "catsy"
    old_names: ClassVar = {"output_file": "OUTPUT_FILE", "page_size": "CATSY_LIMIT", "page_delay": "CATSY_DELAY"}
    model_config = SettingsConfigDict(env_prefix="CATSY_", extra="forbid", env_ignore_empty=True, frozen=True)

    base_url: str = "https://api.catsy.com/api/v3"
    query_id: str = ""
    page_size: int = Field(500, ge=1)
    page_delay: float = Field(0.0, ge=0, description="seconds between two pages, beside what the rate asks for")
    rate_per_second: float = Field(2.0, gt=0)
    burst: int = Field(10, ge=1)
    timeout: float = Field(90.0, gt=0, description="seconds for one page, first byte to last")
    deadline: float = Field(600.0, gt=0, description="seconds for one page with all its retries")
    id_attribute: str = "id"
    sku_attribute: str = "sku"
    decimal_mark: DecimalMark = Field(
        "auto", description="the decimal mark of prices given as text; auto refuses those that could be read two ways"
    )
    incomplete: Literal["fail", "use"] = Field(
        "fail", description="an extract that is not proved to be whole: use takes its prices, and never removes one"
    )
    max_age_hours: float = Field(20.0, ge=0)
    output_file: Path = Field(
        Path("catsy_products_full_export.csv"),
        description="the full export for people; a relative path is below the data folder",
    )

    @property
    def account(self) -> str:
        """Whose data it is: the address and the query."""
        return f"{self.base_url.rstrip('/')}/queries/{self.query_id}"

    @property
    def max_age(self) -> timedelta:
        return timedelta(hours=self.max_age_hours)


class SparkLayerSettings(Section):
    """How the price engine is read and written."""

    table = "sparklayer"
    old_names: ClassVar = {"site_id": "SITE_ID", "batch_size": "BATCH_SIZE", "batch_delay": "BATCH_DELAY"}
    model_config = SettingsConfigDict(env_prefix="SPARKLAYER_", extra="forbid", env_ignore_empty=True, frozen=True)

    url: str = "https://app.sparklayer.io"
    site_id: str = ""
    batch_size: int = Field(500, ge=1)
    batch_delay: float = Field(0.5, ge=0)
    timeout: float = Field(180.0, gt=0, description="seconds for one call")
    deadline: float = Field(600.0, gt=0, description="seconds for one call with all its retries")
    lands_within: float = Field(
        180.0, ge=0, description="seconds after which a call whose answer was lost cannot take effect any more"
    )
    atomic: bool = Field(True, description="whether a refused request had no effect at all")

    @property
    def account(self) -> str:
        """Whose data it is: the address and the site."""
        return f"{self.url.rstrip('/')} site {self.site_id}"


class Break(BaseModel):
    """One quantity break of a price list: which Catsy attribute holds its unit price."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    quantity: int = Field(ge=1)
    attribute: str


class PriceList(BaseModel):
    """One SparkLayer price list and where its prices come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    slug: str = Field(min_length=1, max_length=30, pattern=r"^[^/]+$")
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    breaks: tuple[Break, ...] = Field(min_length=1)
    name: str = ""

    @field_validator("breaks")
    @classmethod
    def _one_price_per_quantity(cls, breaks: tuple[Break, ...]) -> tuple[Break, ...]:
        quantities = [b.quantity for b in breaks]
        if len(set(quantities)) != len(quantities):
            raise ValueError(f"a quantity stands twice: {quantities}")
        return breaks


class CatsySparkLayerSettings(Section):
    """What this pipeline does with differences, and where it stops and asks."""

    table = "catsy_sparklayer"
    model_config = SettingsConfigDict(
        env_prefix="CATSY_SPARKLAYER_", extra="forbid", env_ignore_empty=True, frozen=True
    )

    price_lists: tuple[PriceList, ...] = (
        PriceList(slug="wholesale", currency="AUD", breaks=(Break(quantity=1, attribute="price_trade"),)),
    )
    create_missing_lists: bool = False
    remove_missing: bool = False
    foreign_edits: Literal["hold", "overwrite"] = "hold"
    max_price_move: Decimal = Field(Decimal("0.30"), gt=0)
    max_moving: Decimal = Field(Decimal("0.20"), gt=0)
    max_removed: Decimal = Field(Decimal("0.05"), ge=0)
    max_held: Decimal = Field(Decimal("0.05"), ge=0)
    min_source: Decimal = Field(Decimal("0.70"), ge=0)

    @field_validator("price_lists")
    @classmethod
    def _each_list_once(cls, lists: tuple[PriceList, ...]) -> tuple[PriceList, ...]:
        slugs = [price_list.slug for price_list in lists]
        if not slugs or len(set(slugs)) != len(slugs):
            raise ValueError(f"every price list stands once, and there is at least one: {slugs}")
        return lists

    @property
    def attributes(self) -> tuple[str, ...]:
        """Every Catsy attribute that holds a price, in the order of the settings."""
        return tuple(dict.fromkeys(b.attribute for price_list in self.price_lists for b in price_list.breaks))


class ShopifySettings(Section):
    """The shop that orders are read from. Facts behind the defaults: docs/pipelines/shopify_store.md."""

    table = "shopify"
    model_config = SettingsConfigDict(env_prefix="SHOPIFY_", extra="forbid", env_ignore_empty=True, frozen=True)

    store_name: str = Field("", description="my-shop, or my-shop.myshopify.com")
    url: str = Field("", description="another address than https://<store_name>.myshopify.com")
    api_version: str = Field("2026-10", pattern=r"^(\d{4}-\d{2}|unstable)$")
    time_zone: str = Field(
        "UTC", description="the shop's IANA time zone: it says where one day ends and the next begins"
    )
    first_day: date = Field(date(2020, 1, 1), description="no day before this one is offered as a partition")
    timeout: float = Field(60.0, gt=0, description="seconds for one call, first byte to last")
    deadline: float = Field(600.0, gt=0, description="seconds for one call with all its retries")
    page_size: int = Field(200, ge=1, le=250, description="orders a call")
    lines_per_page: int = Field(15, ge=1, le=250, description="lines of each order that come with its page")
    lookback_days: int = Field(30, ge=1, description="how far back the first reading of changes goes")
    settle_lag: float = Field(15.0, ge=0, description="seconds until a new order shows in searches and counts")
    overlap_minutes: float = Field(15.0, ge=0, description="how far back before its cursor a reading of changes begins")
    behind_seconds: float = Field(60.0, ge=0, description="how far behind now a reading of changes ends")
    calls_per_second: float = Field(4.0, gt=0, description="paged calls that a shop answers a second, for the estimate")
    bulk_start_seconds: float = Field(30.0, ge=0, description="what a bulk operation takes before its first order")
    bulk_per_second: float = Field(1000.0, gt=0, description="objects a bulk operation exports a second")
    bulk_poll_seconds: float = Field(2.0, gt=0)
    bulk_room_minutes: float = Field(5.0, ge=0, description="how long a run waits for a place among the shop's five")
    bulk_patience_minutes: float = Field(360.0, gt=0, description="how long a run waits for a bulk operation")

    @property
    def base_url(self) -> str:
        host = self.store_name if "." in self.store_name else f"{self.store_name}.myshopify.com"
        return (self.url or f"https://{host}").rstrip("/")

    @property
    def shop(self) -> str:
        """Which shop it is, however its days are cut."""
        return self.base_url

    @property
    def account(self) -> str:
        """Whose files they are: the shop's address, and the zone by which its days are cut."""
        return f"{self.base_url} by {self.time_zone}"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return known_zone(name)


class GoogleSettings(Section):
    """How spreadsheets are reached. The service account's key file is a secret; this is only where it lies."""

    table = "google"
    model_config = SettingsConfigDict(env_prefix="GOOGLE_", extra="forbid", env_ignore_empty=True, frozen=True)

    service_account_file: Path | None = None
    sheets_url: str = "https://sheets.googleapis.com"
    drive_url: str = "https://www.googleapis.com"
    timeout: float = Field(200.0, gt=0, description="seconds for one call; the vendor gives up after 180")
    deadline: float = Field(600.0, gt=0, description="seconds for one call with all its retries")
    calls_per_minute: int = Field(60, ge=1, description="reads, and as many writes, that one login may make a minute")
    quota_seconds: float = Field(60.0, gt=0, description="how long that minute is (the sandbox has shorter ones)")


class ShopifySheetsSettings(Section):
    """The spreadsheet of orders: which one, how it is laid out, and where to stop and ask."""

    table = "shopify_sheets"
    old_names: ClassVar = {"spreadsheet": "TARGET_SPREADSHEET"}
    model_config = SettingsConfigDict(env_prefix="SHOPIFY_SHEETS_", extra="forbid", env_ignore_empty=True, frozen=True)

    spreadsheet: str = Field("", description="its id, its address, or its title if only one has it")
    layout: str = Field(
        "plain", description="plain, order_book, or a file like those in pipelines/shopify_sheets/layouts"
    )
    test_orders: bool = Field(False, description="whether orders marked as tests are written, too")
    foreign_edits: Literal["hold", "overwrite"] = Field("overwrite", description="an owned cell that a person changed")
    lands_within: float = Field(
        180.0, ge=0, description="seconds after which a call whose answer was lost cannot take effect any more"
    )
    write_bytes: int = Field(1_800_000, ge=10_000, description="the largest write; the vendor recommends 2 MB")
    positions_hold: float = Field(10.0, ge=0, description="seconds for which rows are taken to be where they were read")
    cell_limit: int = Field(10_000_000, ge=1, description="cells of all tabs together, empty ones counted")
    cell_notice: Decimal = Field(Decimal("0.90"), gt=0, description="share of the limit from which a run says so")
    max_updates: Decimal = Field(
        Decimal("0.50"), gt=0, description="share of the rows written so far that may change at once"
    )
    max_held: Decimal = Field(Decimal("0.05"), ge=0)
    pause_minutes: float = Field(5.0, ge=0, description="how soon after a good sync the verb needs --force")
    old_database: Path = Field(
        Path("shopify_sync.db"), description="the old program's database, below the project's folder"
    )

    @property
    def spreadsheet_id(self) -> str:
        """The id in what the settings name; "" when that is a title."""
        found = re.search(r"/spreadsheets/d/([\w-]+)", self.spreadsheet) or re.fullmatch(
            r"([\w-]{30,})", self.spreadsheet
        )
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
    except ValueError:
        found = None
    if not isinstance(found, dict):
        log.warning("%s cannot be read: spreadsheets named by their title are looked up again", path)
        return {}
    return {str(title): str(spreadsheet_id) for title, spreadsheet_id in found.items()}


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


class PlytixAccount(BaseModel):
    """One account of the PIM. What is left out is as the section has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    base_url: str = ""
    calls_per_window: int | None = Field(None, ge=1)
    calls_per_hour: int | None = Field(None, ge=1)


class PlytixSettings(Section):
    """The PIM: its accounts by alias, and how fast one may be asked. Facts: docs/pipelines/amazon_plytix.md.

    The secrets of alias `main` are PLYTIX_API_KEY and PLYTIX_API_PASSWORD, those of another PLYTIX_<ALIAS>_API_KEY and so on.
    """

    table = "plytix"
    model_config = SettingsConfigDict(env_prefix="PLYTIX_", extra="forbid", env_ignore_empty=True, frozen=True)

    alias: str = Field("main", description="which of the accounts is meant")
    accounts: Annotated[dict[str, PlytixAccount], NoDecode] = Field(default={"main": PlytixAccount()})
    base_url: str = "https://pim.plytix.com/api/v1"
    auth_url: str = "https://auth.plytix.com/auth/api/get-token"
    calls_per_window: int = Field(50, ge=1, description="calls in any 10 seconds; 20 on the free plan")
    window_seconds: float = Field(10.0, gt=0)
    calls_per_hour: int = Field(5000, ge=1, description="calls in any hour; 2000 on the free plan")
    hour_seconds: float = Field(3600.0, gt=0)
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
    page_size: int = Field(100, ge=1, le=100)
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
    def chosen(self) -> PlytixAccount:
        return self.accounts[self.alias]

    @property
    def url(self) -> str:
        return (self.chosen.base_url or self.base_url).rstrip("/")

    @property
    def account(self) -> str:
        """Whose products they are: the address, and which account there."""
        return f"{self.url} account {self.alias}"

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


class AmazonSettings(Section):
    """The marketplace. Reports are dropped as files; with a login, the catalogue adds what they do not say."""

    table = "amazon"
    model_config = SettingsConfigDict(env_prefix="AMAZON_", extra="forbid", env_ignore_empty=True, frozen=True)

    base_url: str = "https://sellingpartnerapi-na.amazon.com"
    lwa_url: str = "https://api.amazon.com/auth/o2/token"
    marketplace: str = Field("US", description="the marketplace of files that do not name one")
    marketplaces: dict[str, str] = Field(
        default={"US": "ATVPDKIKX0DER", "CA": "A2EUQ1WTGCTBG2", "MX": "A1AM78C64UM0Y8"},
        description="every marketplace that may be named, and Amazon's id for it",
    )
    calls_per_second: float = Field(2.0, gt=0)
    burst: int = Field(2, ge=1)
    timeout: float = Field(60.0, gt=0, description="seconds for one call, first byte to last")
    deadline: float = Field(600.0, gt=0, description="seconds for one call with all its retries")
    inbox: Path = Field(
        Path("inbox/amazon"), description="where files are dropped; a relative path is below the data folder"
    )

    @property
    def account(self) -> str:
        """Whose listings they are: the files that are dropped here, and the marketplace they are for."""
        return f"amazon marketplace {self.marketplace}"

    @property
    def japanese(self) -> bool:
        """Whether files may be in Shift-JIS: those of the Japanese marketplace."""
        return self.marketplaces.get(self.marketplace) == "A1VC38T7YXB528"


Rule = Literal["gtin", "sku", "model_size", "model_number"]
UpdateRule = Literal["always", "when_empty", "never"]

AMAZON_ATTRIBUTES: tuple[str, ...] = (
    "amazon_asin", "amazon_parent_asin", "amazon_sku", "amazon_upc", "amazon_ean", "amazon_title", "amazon_size",
    "amazon_color", "amazon_variation_theme", "amazon_listing_status", "amazon_marketplace", "amazon_canonical_sku",
    "amazon_is_primary", "amazon_last_synced", "amazon_gtin", "amazon_brand", "amazon_model_number",
    "amazon_item_classification",
)  # fmt: skip
"""What an Amazon product holds, by the names that existing users know."""

FILLED_IF_THERE = ("amazon_gtin", "amazon_brand", "amazon_model_number", "amazon_item_classification")
"""Attributes that an account may do without."""


class AmazonPlytixSettings(Section):
    """How listings find their products, and what becomes of both in the PIM."""

    table = "amazon_plytix"
    model_config = SettingsConfigDict(env_prefix="AMAZON_PLYTIX_", extra="forbid", env_ignore_empty=True, frozen=True)

    match_order: tuple[Rule, ...] = ("gtin", "sku", "model_size", "model_number")
    confidence: dict[str, Decimal] = Field(
        default={
            "gtin": Decimal("1.00"), "sku": Decimal("0.95"), "model_size": Decimal("0.90"),
            "model_size_without_width": Decimal("0.88"), "model_number": Decimal("0.85"),
        },
        description="how sure each rule is",
    )  # fmt: skip
    min_confidence: Decimal = Field(Decimal("0.85"), ge=0, le=1, description="matches less sure wait for a person")
    listings_per_product: Literal["one", "many"] = Field(
        "many", description="whether several ASINs of a marketplace may be listings of one product"
    )
    widths: tuple[str, ...] = Field(
        ("M", "W", "EE", "D", "C", "N", "EEE", "B"), description="widths to try where a listing names none"
    )
    sku_patterns: tuple[str, ...] = Field(
        ("{model}-{width}-{size}",),
        description="how canonical SKUs are built; also {plain} (size without its point) and {colour} (its first 4 letters)",
    )
    not_canonical: tuple[str, ...] = Field(("AMZN-",), description="products whose SKU begins so are no candidates")
    identifier_attributes: tuple[str, ...] = Field(
        ("upc", "ean"), description="attributes that hold an identifier, beside the PIM's own gtin"
    )
    model_number_attribute: str = Field(
        "model_number", description="the attribute that holds the merchant's own model number"
    )
    family: str = "8 - Amazon"
    listings_relationship: str = "Amazon Listings"
    hierarchy_relationship: str = "Amazon Hierarchy"
    labels: dict[str, str] = Field(
        default={}, description="attributes that the account has under another label; an empty label: not written"
    )
    text_limits: dict[str, int] = Field(
        default={}, description="longest text of an attribute (or of `label`), where the account has a limit"
    )
    update: bool = Field(False, description="whether products that exist are kept up to date")
    update_rules: dict[str, UpdateRule] = Field(default={}, description="rules that are not the default ones")
    foreign_edits: Literal["hold", "overwrite"] = "overwrite"
    time_zone: str = Field("UTC", description="whose date amazon_last_synced is")
    max_links: int = Field(300, ge=1, description="products that one product may be linked with")
    max_moving: Decimal = Field(Decimal("0.50"), gt=0)
    max_held: Decimal = Field(Decimal("0.20"), ge=0)

    @field_validator("confidence", mode="after")
    @classmethod
    def _sure_of_every_rule(cls, given: dict[str, Decimal]) -> dict[str, Decimal]:
        """Rules that are not named keep their default."""
        default: dict[str, Decimal] = cls.model_fields["confidence"].default
        if unknown := sorted(set(given) - set(default)):
            raise ValueError(f"no rule: {', '.join(unknown)} (there are: {', '.join(default)})")
        if wrong := sorted(rule for rule, sure in given.items() if not 0 <= sure <= 1):
            raise ValueError(f"how sure a rule is goes from 0 to 1: {', '.join(wrong)}")
        return {**default, **given}

    @field_validator("sku_patterns")
    @classmethod
    def _understood(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        names = ("model", "width", "size", "plain", "colour")
        for pattern in patterns:
            try:
                pattern.format(**dict.fromkeys(names, ""))
            except (KeyError, ValueError, IndexError, AttributeError, TypeError) as e:
                raise ValueError(f"{pattern!r} is no pattern of {', '.join(f'{{{name}}}' for name in names)}") from e
        return patterns

    @field_validator("labels")
    @classmethod
    def _each_label_once(cls, given: dict[str, str]) -> dict[str, str]:
        used = [given.get(name, name) for name in AMAZON_ATTRIBUTES if given.get(name, name)]
        if twice := sorted({label for label in used if used.count(label) > 1}):
            raise ValueError(f"several attributes under one label: {', '.join(twice)}")
        return given

    @field_validator("update_rules", "labels", "text_limits")
    @classmethod
    def _of_attributes(cls, given: dict[str, Any]) -> dict[str, Any]:
        if unknown := sorted(set(given) - {*AMAZON_ATTRIBUTES, "label"}):
            raise ValueError(f"not an attribute of an Amazon product: {', '.join(unknown)}")
        return given

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return known_zone(name)

    def label(self, attribute: str) -> str:
        """The label under which the account has an attribute; "" for one that is not written."""
        return self.labels.get(attribute, attribute)

    def rule(self, attribute: str) -> UpdateRule:
        """What happens to an attribute of a product that exists."""
        if not self.update:
            return "never"
        default: UpdateRule = "when_empty"
        if attribute in ("amazon_title", "amazon_listing_status"):
            default = "always"
        elif attribute in ("label", "amazon_is_primary", "amazon_last_synced"):
            default = "never"
        return self.update_rules.get(attribute, default)


class AlertSettings(Section):
    """Who is told when a run fails or a guard stops it, and when it recovers. Empty: nobody."""

    table = "alerts"
    model_config = SettingsConfigDict(env_prefix="ALERT_", extra="forbid", env_ignore_empty=True, frozen=True)

    command: str = Field("", description="run with the message as JSON on its standard input")
    webhook: str = Field("", description="an https address that gets the message as a JSON POST")


class WebSettings(Section):
    """Who may be asked for what is served to browsers."""

    table = "web"
    model_config = SettingsConfigDict(env_prefix="WEB_", extra="forbid", env_ignore_empty=True, frozen=True)

    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="names under which a proxy serves the UI, without scheme and port; loopback is always one"
    )

    @field_validator("hosts", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """`WEB_HOSTS=one.example.com,other.example.com` is enough."""
        return [host.strip() for host in value.split(",")] if isinstance(value, str) else value

    @field_validator("hosts")
    @classmethod
    def _plain(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not re.fullmatch(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:]+:[0-9A-Fa-f:.]*", host):
                raise ValueError(f"{host!r} is not a name like sync.example.com, without scheme, port and path")
        return tuple(host.lower() for host in hosts)


class RetentionSettings(Section):
    """How long plans, attempts and outcomes are kept. What was last put where is kept for ever."""

    table = "retention"
    model_config = SettingsConfigDict(env_prefix="RETENTION_", extra="forbid", env_ignore_empty=True, frozen=True)

    days: int = Field(400, ge=1)
    release_days: int = Field(7, ge=1, description="how long a release waits to be used")


SECTIONS: tuple[type[Section], ...] = (
    CatsySettings,
    SparkLayerSettings,
    CatsySparkLayerSettings,
    ShopifySettings,
    GoogleSettings,
    ShopifySheetsSettings,
    AmazonSettings,
    PlytixSettings,
    AmazonPlytixSettings,
    AlertSettings,
    WebSettings,
    RetentionSettings,
)


class _OfAnAccount(Protocol):
    @property
    def account(self) -> str: ...


ACCOUNTS: dict[str, Callable[[], _OfAnAccount]] = {
    "catsy": CatsySettings.read,
    "sparklayer": SparkLayerSettings.read,
    "shopify": ShopifySettings.read,
    "sheets": ShopifySheetsSettings.read,
    "amazon": AmazonSettings.read,
    "plytix": PlytixSettings.read,
}
"""Where the account of each system is settled, by the first part of an asset's key."""


def account_of(system: str) -> str:
    """The account that a vendor's settings point to, by the vendor's name. Raises KeyError for a system without one."""
    return ACCOUNTS[system]().account


def check_file() -> None:
    """Refuse tables in settings.toml that nothing reads: most are misspelt. Raises SettingsError."""
    path = home() / "settings.toml"
    try:
        written: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
        raise SettingsError(f"{path} cannot be read: {e}") from e
    unknown = sorted(set(written) - {s.table for s in SECTIONS})
    if unknown:
        raise SettingsError(f"{path} has tables that nothing reads: {', '.join(unknown)}")
