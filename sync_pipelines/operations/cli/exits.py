"""Exit codes: 0 done, 1 needs a person, 2 could not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync_pipelines.operations.launch import Ended

DONE, NEEDS_A_PERSON, COULD_NOT_RUN = 0, 1, 2


def of_run(ended: Ended, *, strict: bool = False) -> int:
    """Return the exit code of a run. strict: source rejects and held rows need a person, too."""
    if ended.state == "done":
        return NEEDS_A_PERSON if strict and (ended.source_rejects or ended.counts.get("held")) else DONE
    return NEEDS_A_PERSON if ended.state in ("stopped", "incomplete") else COULD_NOT_RUN
