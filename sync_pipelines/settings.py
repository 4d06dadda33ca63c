"""Settings: typed, not secret. The environment beats settings.toml; each default is written once, beside what it sets.

Here are what a section is, and the sections that all pipelines share; those of vendors and pipelines lie beside their use.
Nothing is read at import. A section is read when it is made: `CatsySettings()`.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, InitSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from sync_pipelines.errors import SyncError
from sync_pipelines.nearest import meant

S = TypeVar("S", bound="Section")


ALMOST = 0.92
"""How alike two names of variables are of which one is taken for a misspelling: names that exist are less alike."""
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


def misspelt(variable: str) -> str:
    """Return what to say of a variable that is not set while one of almost the same name is; "" otherwise."""
    alike = difflib.get_close_matches(variable, (name for name in os.environ if name != variable), 1, ALMOST)
    return f" {alike[0]} is set: is that a misspelling?" if alike else ""


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
        """Read the section. Raises SettingsError with one line per problem.

        Steps of a run ask for it again and again: it is parsed anew only when the environment or the file has changed.
        """
        path = home() / "settings.toml"
        try:
            source = dict(os.environ), path.read_bytes() if path.exists() else b""
            known = _parsed.get(cls)
            if known is None or known[0] != source:
                known = _parsed[cls] = (source, cls())
            return cast("S", known[1])
        except ValidationError as e:
            lines = [f"  {'.'.join(map(str, problem['loc']))}: {cls._told(problem)}" for problem in e.errors()]
            raise SettingsError(f"settings [{cls.table}] (environment and {path}) are not right:\n" + "\n".join(lines)) from e
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
            raise SettingsError(f"{path} cannot be read: {e}") from e
        except Exception as e:  # pydantic-settings wraps what it cannot parse in an exception of its own
            if type(e).__module__.startswith("pydantic_settings"):
                raise SettingsError(f"settings [{cls.table}] cannot be read: {e}") from e
            raise

    @classmethod
    def _told(cls, problem: ErrorDetails) -> str:
        """Return what is wrong with a setting; of one that nothing reads, what may have been meant."""
        if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
            return f"nothing reads this setting.{meant(str(problem['loc'][0]), cls.model_fields)}"
        return problem["msg"]

    def needed(self, name: str, variable: str) -> str:
        """A value without which nothing works. Raises SettingsError that says where to put it."""
        value = str(getattr(self, name) or "")
        if not value:
            raise SettingsError(
                f"{variable} is not set. Put it into {home() / '.env'} (sync-pipelines init asks for it) "
                f"or settings.toml [{self.table}].{misspelt(variable)}"
            )
        return value


_parsed: dict[type[Section], tuple[object, Section]] = {}
"""Each section as it was last read, and what it was read from."""


class AccountSection(Section):
    """A section that says whose data a system holds. system: the first part of the keys of its assets."""

    system: ClassVar[str]

    @property
    def account(self) -> str:
        """Whose data it is, as the ledger and the warehouse know it."""
        raise NotImplementedError

    @property
    def holder(self) -> str:
        """What a right to write is given to. Raises CredentialMissing where only the login tells, and there is none."""
        return self.account


def known_zone(name: str) -> str:
    """Return the name. Raises ValueError for anything that is not an IANA time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as e:
        raise ValueError(f"{name!r} is not an IANA time zone such as Europe/Berlin") from e
    return name


class AlertSettings(Section):
    """Who is told when a run fails or a guard stops it, and when it recovers. Empty: nobody."""

    table = "alerts"
    model_config = SettingsConfigDict(env_prefix="ALERT_", extra="forbid", env_ignore_empty=True, frozen=True)

    command: str = Field("", description="run with the message as JSON on its standard input")
    webhook: str = Field("", description="an https address that gets the message as a JSON POST")
    urls: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="apprise addresses (Slack, mail, Teams, …: https://github.com/caronc/apprise/wiki), each a secret"
    )

    @field_validator("urls", mode="before")
    @classmethod
    def _separate(cls, value: Any) -> Any:
        """`ALERT_URLS=slack://…,mailto://…` is enough. A comma inside an address (`?to=a,b`) does not end it."""
        if not isinstance(value, str):
            return value
        return [url.strip() for url in re.split(r",(?=\s*[a-zA-Z0-9]+://)", value) if url.strip()]


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

    days: int = Field(400, ge=1, description="days for which plans, attempts and outcomes are kept")
    release_days: int = Field(7, ge=1, description="how long a release waits to be used")
