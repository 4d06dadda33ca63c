"""One record's whole story in words: what the source has, what was planned and sent, what the target holds now."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.padding import Padding
from rich.text import Text

from sync_pipelines.delivery.reports import AttemptOf, PlannedRow, UnreadablePlan
from sync_pipelines.nearest import meant_one_of
from sync_pipelines.operations.answers import NOT_READ, Trace
from sync_pipelines.operations.cli import screen, wording
from sync_pipelines.operations.pipelines import of

LONGEST = 200
"""Characters of one value that are shown; `--json` has all."""
_WANTED = {"create": "create it", "update": "change it", "remove": "remove it", "adopt": "note it as it is, for it is as wanted"}
_ENDED = {
    "delivered": "Delivered",
    "unchanged": "Already as wanted",
    "held": "Held back",
    "skipped": "Skipped",
    "rejected": "Rejected by the target",
    "failed": "Failed",
    "drifted": "Not sent, for it had changed since the plan",
    "unknown": "Sent, and what became of it is not known",
}
_STANDS = {
    "present": "was put there",
    "absent": "was removed by us",
    "gone": "was put there, and somebody removed it since",
    "partial": "was put there in part",
    "unverified": "is there, and what exactly we put there is not known",
}
_ANSWERS = {
    "open": "not answered yet",
    "answered": "answered",
    "doubt": "never answered; what became of it is not known yet",
    "settled": "not answered for certain, and settled by reading",
}


def show(trace: Trace) -> None:
    """Print the story, chapter by chapter; what there is nothing to say of is left out."""
    if trace.is_empty:
        screen.say(f"nothing is known of {trace.key!r} in {trace.pipeline}.{meant_one_of(trace.did_you_mean)}")
        return
    for title, lines in _chapters(trace):
        if lines:
            screen.out.print(f"[bold]{title}[/]")
            for line in lines:
                screen.out.print(Padding(Text(wording.text(line)), (0, 0, 0, 2), expand=False))


def _chapters(trace: Trace) -> Iterator[tuple[str, Sequence[str]]]:
    story, read = trace.story, trace.extract or {}
    yield "The source has", [_row(row) for row in trace.source] or ["nothing under this key"]
    if read:
        yield "It was read", [f"{read['at']}, from {read['origin']}"]
    yield "Mapped to", [_row(row) for row in trace.mapped]
    yield "Plans", [_planned(trace.pipeline, row) for row in story.planned]
    yield "Calls", [_called(attempt) for attempt in story.attempts]
    yield "What we know of it", [_stands(record) for record in story.record]
    yield "What people decided", [*map(_undone, story.holds), *map(_released, story.releases)]
    yield "The target holds now", [_holds(key, held) for key, held in trace.live.items()] or ["nothing under this key"]


def _row(row: Mapping[str, Any]) -> str:
    """Return a row as `name value` pairs, without what is empty."""
    pairs = ((str(name).replace("_", " "), _short(name, value)) for name, value in row.items())
    return ", ".join(f"{name} {value}" for name, value in pairs if value)


def _short(name: str, value: Any) -> str:
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, str) and value.startswith(("{", "[")):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    shown = wording.value(value, name)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"


def _planned(pipeline: str, row: PlannedRow | UnreadablePlan) -> str:
    if isinstance(row, UnreadablePlan):
        return f"plan {row.plan_id} cannot be read: {row.problem}"
    shown = of(pipeline).readable({**asdict(row), "undo_note": ""})
    changes = shown.get("changes") or shown.get("prices")
    plan = f"plan {row.plan_id}" + (f", the undo of plan {row.undo_of}," if row.undo_of else "")
    wanted = f"{row.sealed_at}: {plan} was to {_WANTED[row.action]} ({row.key}{f': {changes}' if changes else ''})."
    return f"{wanted} {_outcome(row)}"


def _outcome(row: PlannedRow) -> str:
    why = row.message or row.reason
    if row.outcome is None:
        return f"Held back: {why}." if row.held else "It was not applied."
    by = f" by run {row.run_id}" if row.run_id and row.outcome == "delivered" else ""
    return f"{_ENDED[row.outcome]} {row.at}{by}{f': {why}' if why else ''}."


def _called(attempt: AttemptOf) -> str:
    by = f" by run {attempt.run_id}" if attempt.run_id else ""
    sent = f"{attempt.intended_at}: sent{by} for plan {attempt.plan_id} ({attempt.step})"
    return f"{sent}; {_ANSWERS[attempt.state]}{_after(attempt)}{f': {attempt.message}' if attempt.message else ''}."


def _after(attempt: AttemptOf) -> str:
    if attempt.state != "answered" or attempt.answered_at is None:
        return ""
    took = datetime.fromisoformat(attempt.answered_at) - datetime.fromisoformat(attempt.intended_at)
    return f" after {took.total_seconds():.1f} s"


def _stands(record: Mapping[str, Any]) -> str:
    done = ", ".join(json.loads(record["done"] or "[]")) if record["state"] == "partial" else ""
    by = f" by plan {record['plan']}" if record["plan"] else ""
    return f"{record['key']} {_STANDS[record['state']]}{f' (done: {done})' if done else ''}{by}, {record['at']}."


def _undone(hold: Mapping[str, Any]) -> str:
    return f"{hold['key']} was taken back by plan {hold['plan']}, {hold['at']}; the same value is not sent again by itself."


def _released(release: Mapping[str, Any]) -> str:
    ended = (
        f"It ended {release['ended_at']}: {release['ended']}." if release["ended"] else f"It holds until {release['expires_at']}."
    )
    return f"{release['who']} let {release['key']} through ({release['kind']}), {release['at']}: {release['why']}. {ended}"


def _holds(key: str, held: Any) -> str:
    if key == NOT_READ:
        return f"could not be read: {held}"
    return f"{key}: {_row(held) if isinstance(held, Mapping) else _short(key, held) or 'nothing'}"
