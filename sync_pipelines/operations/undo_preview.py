"""What an undo would do, without doing it: a question, not a run. Nothing is sent and nothing is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync_pipelines.delivery.undoing import Foreseen, foresee_undo
from sync_pipelines.exact_json import dumps
from sync_pipelines.operations.pipelines import PIPELINES
from sync_pipelines.operations.running import plans_to_take_back
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import Writer
from sync_pipelines.progress import tell


@dataclass(frozen=True)
class UndoPreview:
    """plan_ids: what would be taken back, in this order. rows: as people read them, each with what would become of it.

    counts: rows that would go back, that would stay as they are, and that nothing can take back.
    """

    pipeline: str
    plan_ids: tuple[str, ...]
    counts: Mapping[str, int]
    rows: Sequence[Mapping[str, str]]


def preview_undo(pipeline: str, run_id: str) -> UndoPreview:
    """Look what an undo of a run (or of one plan) would do now. Reads the target. Raises UsageError, DeliveryError and kin."""
    plans, steps = plans_to_take_back(pipeline, run_id), PIPELINES[pipeline]
    tell("starting")
    rows, counts = list[Mapping[str, str]](), dict.fromkeys(("go_back", "stay", "impossible"), 0)
    with Session("", pipeline, "undo") as session:
        for plan_id in plans:
            writer = steps.write_to(session.ledger.plan(plan_id)["account"]).writer()
            target = writer.target_to_undo(session)
            foreseen, impossible = foresee_undo(target, plan_id, ledger=session.ledger, files=session.plans)
            rows += [_shown(writer, each) for each in foreseen]
            rows += [{"key": key, "what": "stays", "reason": f"cannot be taken back: {why}"} for key, why in impossible]
            counts["go_back"] += sum(not each.stays for each in foreseen)
            counts["stay"] += sum(bool(each.stays) for each in foreseen)
            counts["impossible"] += len(impossible)
    return UndoPreview(pipeline, tuple(plans), counts, rows)


def _shown(writer: Writer[Any], foreseen: Foreseen) -> Mapping[str, str]:
    row = foreseen.row
    before, after = (None if image is None else dumps(image) for image in (row.before, row.after))
    planned = {"key": row.key, "action": row.action, "before": before, "after": after}
    shown = dict(writer.readable({**planned, "held": None, "reason": "", "undo_note": ""}))
    return {**shown, "what": "stays" if foreseen.stays else shown["what"], "reason": foreseen.stays}
