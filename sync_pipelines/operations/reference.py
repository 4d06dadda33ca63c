"""The files that list what there is, from the declarations: `.env.example` and docs/settings.md. `make docs` writes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from sync_pipelines.pipelines import PIPELINES
from sync_pipelines.pipelines.sections import SECTIONS
from sync_pipelines.settings import Section

ROOT = Path(__file__).resolve().parents[2]


def files() -> dict[Path, str]:
    """Return each file and what belongs into it."""
    return {ROOT / ".env.example": env_example(), ROOT / "docs" / "settings.md": settings_page()}


def env_example() -> str:
    """Return the variables that `init` asks for, and those that may be set instead, with their defaults."""
    lines = ["# Secrets and accounts. Copy to .env (chmod 600), or let `sync-pipelines init PIPELINE` write it."]
    for pipeline in PIPELINES:
        if not pipeline.credentials:
            continue
        lines += ["", f"# {pipeline.title}.{f' {pipeline.environment}' if pipeline.environment else ''}"]
        lines += [f"{'# ' if each.optional else ''}{each.variable}={each.default}" for each in pipeline.credentials]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Return a page with every table of settings.toml: its settings, their variables, defaults and meaning."""
    return "\n\n".join((_INTRODUCTION, *("\n".join(_table(section)) for section in SECTIONS))) + "\n"


_INTRODUCTION = """# Settings

What can be set, where, and what holds when nothing is. A setting is a line of its table in `settings.toml`, or a variable
of the environment or of `.env`, which comes first. A misspelt name is refused. Secrets are variables only: `.env.example`
has them. `sync-pipelines validate` reads all settings and says what is wrong; a run reads those of its own pipeline.

This page is made from the code by `make docs`."""


def _table(section: type[Section]) -> Iterator[str]:
    users = [pipeline.name for pipeline in PIPELINES if section in pipeline.settings]
    yield f"## [{section.table}]"
    yield ""
    yield " ".join((section.__doc__ or "").split("\n\n")[0].split())
    if users:
        yield ""
        yield f"Read by: {', '.join(users)}."
    yield ""
    yield "| setting | variable | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in section.model_fields.items():
        variables = [f"{section.model_config.get('env_prefix', '')}{name}".upper()]
        variables += [section.old_names[name]] if name in section.old_names else []
        shown = ", ".join(f"`{variable}`" for variable in variables)
        yield f"| `{name}` | {shown} | {_default(field.get_default())} | {_cell(field.description or '')} |"


def _default(value: Any) -> str:
    if value is PydanticUndefined or value is None or value in ("", (), {}):
        return ""
    text = json.dumps(_plain(value), ensure_ascii=False) if isinstance(value, tuple | dict) else str(_plain(value))
    return f"`{_cell(text)}`"


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _plain(each) for name, each in value.model_dump().items() if each not in (None, "")}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, Decimal | date | Path) else value


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def main() -> int:
    """Write the files. Returns 0."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
