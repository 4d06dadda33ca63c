"""What Dagster hands to assets: the session of their run, with its begin and end recorded whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import dagster as dg
from pydantic import PrivateAttr

from sync_pipelines.pipelines.session import Session, recorded

PIPELINE_TAG, VERB_TAG = "sync_pipelines/pipeline", "sync_pipelines/verb"
CHAIN_TAG = "sync_pipelines/chain"
"""Runs with the same one take turns (deploy/dagster.yaml)."""


class RunResource(dg.ConfigurableResource[Any]):
    """The run as the ledger sees it: started here, ended here."""

    _session: Session = PrivateAttr()

    @property
    def session(self) -> Session:
        return self._session

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[RunResource]:
        run, tags = (context.run.run_id, context.run.tags) if context.run else ("", {})

        def dead(run_id: str) -> None:
            abandoned = context.instance.get_run_by_id(run_id) if context.instance else None
            if context.instance and abandoned and not abandoned.is_finished:
                context.instance.report_run_failed(abandoned, "the process was killed")

        with recorded(
            run,
            tags.get(PIPELINE_TAG, ""),
            tags.get(VERB_TAG, "materialize"),
            applies=_made_by(context),
            dead=dead,
            unproved=lambda: _unproved(context),
        ) as self._session:
            yield self


def _made_by(context: dg.InitResourceContext) -> frozenset[str]:
    """The assets whose steps this run executes. The run's own selection is empty where a job is run whole."""
    run = context.run
    if run is None or context.instance is None or run.execution_plan_snapshot_id is None:
        return frozenset()
    selected = context.instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).asset_selection
    return frozenset(key.to_user_string() for key in selected)


def _unproved(context: dg.InitResourceContext) -> str:
    """Why the run does not count as done, or "" where every step of it is recorded as ended well.

    A step that left no trace did not succeed: on a full disk, neither its failure nor its end is recorded.
    """
    instance, run = context.instance, context.run
    if instance is None or run is None or run.execution_plan_snapshot_id is None:
        return "what the run was to do is not recorded"
    kinds = dg.DagsterEventType
    try:
        steps = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).step_keys_to_execute
        ended = instance.all_logs(run.run_id, of_type={kinds.STEP_FAILURE, kinds.STEP_SUCCESS, kinds.STEP_SKIPPED})
        checked = instance.all_logs(run.run_id, of_type=kinds.ASSET_CHECK_EVALUATION)
    except Exception as e:  # noqa: BLE001 - whatever Dagster's storage raises: nothing is proved
        return f"Dagster's own record of the run cannot be read: {e}"
    failed = [e for e in ended if e.dagster_event and e.dagster_event.event_type is kinds.STEP_FAILURE]
    if failed:
        return _first_error(failed, checked) or "the run was interrupted"
    missing = sorted(set(steps) - {e.step_key for e in ended if e.step_key})
    if missing:
        return f"how {', '.join(missing)} ended is not recorded. Is the disk full? The next run goes on from what was sent."
    return ""


def _first_error(failures: Sequence[dg.EventLogEntry], checked: Sequence[dg.EventLogEntry]) -> str:
    """Return why the first step failed: what its checks said, where it is these that did not pass."""
    error = cast("Any", failures[0].dagster_event).event_specific_data.error
    while error is not None and error.cause is not None and str(error.cls_name).startswith("Dagster"):
        error = error.cause  # what Dagster wrapped; what that was raised from in turn is for the log
    if error is None:
        return ""
    if error.cls_name in ("Interrupted", "DagsterExecutionInterruptedError", "KeyboardInterrupt"):
        return "the run was interrupted. What was sent and not answered is settled by the next run; nothing is lost."
    if error.cls_name == "DagsterAssetCheckFailedError" and (said := _not_passed(failures[0].step_key, checked)):
        return said
    return str(error.message).strip().partition(": ")[2] or str(error.message).strip()


def _not_passed(step: str | None, checked: Sequence[dg.EventLogEntry]) -> str:
    """Return what the blocking checks of a step said that did not pass."""
    found = [cast("Any", e.dagster_event).event_specific_data for e in checked if e.step_key == step]
    return "; ".join(each.description for each in found if each.blocking and not each.passed and each.description)
