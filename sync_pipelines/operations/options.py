"""Options that several commands take."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Refresh(StrEnum):
    auto = "auto"
    always = "always"
    never = "never"


Json = Annotated[bool, typer.Option("--json", help="answer as JSON")]
