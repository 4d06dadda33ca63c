"""Arguments and options that several commands take."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Refresh(StrEnum):
    auto = "auto"
    always = "always"
    never = "never"


class Format(StrEnum):
    sqlite = "sqlite"
    json = "json"
    csv = "csv"


Named = Annotated[str, typer.Argument(metavar="PIPELINE", help="which pipeline")]
"""The pipeline that a verb is for. Which there are is settled when the verb is added to the command line."""
AnyOrAll = Annotated[str | None, typer.Argument(metavar="[PIPELINE]", help="which pipeline; all of them if left out")]
Json = Annotated[bool, typer.Option("--json", help="answer as JSON")]
Strict = Annotated[bool, typer.Option("--strict", help="source rejects and held rows make the exit code 1")]
PlanId = Annotated[str, typer.Option("--plan", help="the plan's id; the start of it is enough")]
Partition = Annotated[str | None, typer.Option("--partition", help="the dropped file, by its name without the ending")]
FreshRead = Annotated[
    Refresh, typer.Option("--refresh", help="whether to read the source again; auto: when what was read is too old")
]
FromCsv = Annotated[Path | None, typer.Option("--from-csv", help="a full export of the old script")]
Only = Annotated[
    list[str] | None, typer.Option("--only", help="only this of what it writes: products, prices, stock, …; may be repeated")
]
OnlyKeys = Annotated[list[str] | None, typer.Option("--keys", help="only this SKU, or the order #1042; may be repeated")]
OfFormat = Annotated[Format | None, typer.Option("--format", help="what to write; the file's ending says it if left out")]
