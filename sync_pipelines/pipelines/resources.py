"""What assets are handed: the run with its ledger, the warehouse, and a client per vendor. One of each per run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Literal, TypeVar, cast

import dagster as dg
from pydantic import PrivateAttr

from sync_pipelines import alerts, logs
from sync_pipelines.credentials import redact
from sync_pipelines.delivery import runs
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import BAD_OUTCOMES
from sync_pipelines.delivery.plans import Plan, PlanFiles
from sync_pipelines.delivery.retention import prune
from sync_pipelines.pipelines import rights
from sync_pipelines.pipelines.sections import check_file
from sync_pipelines.pipelines.tables import shown_counts
from sync_pipelines.settings import RetentionSettings, data_dir, sandbox_on
from sync_pipelines.vendors.amazon import Amazon, has_login
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.catsy import Catsy
from sync_pipelines.vendors.catsy_settings import CatsySettings
from sync_pipelines.vendors.google_settings import GoogleSettings
from sync_pipelines.vendors.google_sheets import Sheets
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.plytix import Plytix
from sync_pipelines.vendors.plytix_settings import PlytixSettings
from sync_pipelines.vendors.shopify import Shopify
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines.vendors.sparklayer import SparkLayer
from sync_pipelines.vendors.sparklayer_settings import SparkLayerSettings
from sync_pipelines.warehouse.snapshots import Warehouse

T = TypeVar("T")

PIPELINE_TAG, VERB_TAG = "sync_pipelines/pipeline", "sync_pipelines/verb"


def open_ledger() -> Ledger:
    return Ledger.at(data_dir() / "ledger.db")


def writes_on(pipeline: str, system: str) -> bool:
    """Whether a person has turned writing on for the account of this system. The sandbox needs nobody's leave."""
    if sandbox_on():
        return True
    ledger = open_ledger()
    try:
        rights.tie_to_login(ledger, pipeline, system)
        return rights.is_allowed(ledger, pipeline, system)
    finally:
        ledger.close()


class RunResource(dg.ConfigurableResource[Any]):
    """The run as the ledger sees it: started here, ended here, whatever happens to its steps in between."""

    _ledger: Ledger = PrivateAttr()
    _keep: timedelta = PrivateAttr()
    _meter: CallMeter = PrivateAttr()
    _id: str = PrivateAttr()
    _pipeline: str = PrivateAttr()
    _facts: dict[str, Any] = PrivateAttr()
    _plans: dict[str, str] = PrivateAttr(default_factory=dict)
    _counts: dict[str, dict[str, int]] = PrivateAttr(default_factory=dict)
    _stopped: set[str] = PrivateAttr(default_factory=set)
    _things: dict[str, Any] = PrivateAttr(default_factory=dict)
    _verb: str = PrivateAttr()
    _makes: frozenset[dg.AssetKey] = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[RunResource]:
        tags = context.run.tags if context.run else {}
        self._meter, self._facts, self._things = CallMeter(), {}, {}
        self._plans, self._counts, self._stopped = {}, {}, set()
        self._id, self._pipeline = context.run.run_id if context.run else "", tags.get(PIPELINE_TAG, "")
        self._verb = tags.get(VERB_TAG, "materialize")
        self._makes = _made_by(context)
        try:
            self._begin(context)
        except Exception as e:
            alerts.alert("failed", self._pipeline, self._id, f"the run could not begin: {e}")
            raise
        try:
            yield self
        finally:
            self._end(context)
            self._ledger.close()

    def _begin(self, context: dg.InitResourceContext) -> None:
        check_file()
        self._keep = timedelta(days=RetentionSettings.read().days)
        logs.set_up(data_dir() / "logs")
        self._ledger = open_ledger()
        for dead in runs.mark_dead_runs(self._ledger):
            abandoned = context.instance.get_run_by_id(dead["id"]) if context.instance else None
            if context.instance and abandoned and not abandoned.is_finished:
                context.instance.report_run_failed(abandoned, "the process was killed")
        runs.start_run(self._ledger, self._id, self._pipeline, self._verb)

    @property
    def id(self) -> str:
        return self._id

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    @property
    def meter(self) -> CallMeter:
        return self._meter

    @property
    def plans(self) -> PlanFiles:
        return PlanFiles(data_dir() / "plans")

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(data_dir() / "warehouse")

    @property
    def verb(self) -> str:
        """What a person or a schedule asked for: sync, preview, backfill, …; `materialize` from the UI."""
        return self._verb

    def applies_in_this_run(self, asset: str) -> bool:
        """Whether this run goes on to materialize the asset: whether its job, as it was launched, has that step."""
        return dg.AssetKey(asset.split("/")) in self._makes

    def plan_made(self, asset: str) -> str:
        """The plan that an earlier step of this run made for this asset, or ""."""
        return self._plans.get(asset, "")

    def planned(self, pipeline: str, asset: str, plan: Plan) -> None:
        """Note a plan of this run, and what it is for."""
        self.applies(pipeline, asset, plan)
        self.count(asset, shown_counts(plan.counts))
        if plan.verdict != "clear":
            self.stopped(asset)

    def applies(self, pipeline: str, asset: str, plan: Plan) -> None:
        """Note that this run brings a plan to its end, whoever made it."""
        self._plans[asset] = plan.id
        self._facts.setdefault("plan", plan.id)
        self.note(pipeline=pipeline)
        self._stopped.discard(asset)
        self.count(asset, {})

    def stopped(self, asset: str) -> None:
        """Note that a guard stopped the plan for this asset."""
        self._stopped.add(asset)

    def count(self, asset: str, counts: Mapping[str, int]) -> None:
        """Note what a step counted; the run counts all of its steps together."""
        self._counts[asset] = dict(counts)

    def counted(self, asset: str) -> Mapping[str, int]:
        """What an earlier step of this run counted."""
        return self._counts.get(asset, {})

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """Something that the steps of this run have in common: made by the first that asks, and the same for the others."""
        if name not in self._things:
            self._things[name] = make()
        return cast("T", self._things[name])

    def note(self, *, pipeline: str | None = None, **facts: Any) -> None:
        """Facts for the run's record: plan, source_rejects, message."""
        if pipeline and not self._pipeline:
            self._pipeline = pipeline
            runs.note_run(self._ledger, self._id, pipeline=pipeline)
        self._facts.update(facts)

    def _end(self, context: dg.InitResourceContext) -> None:
        problem = _unproved(context)
        noted = self._facts.pop("message", "")
        message = problem or noted
        counts = dict(sum((Counter(each) for each in self._counts.values()), Counter()))
        state: Literal["done", "stopped", "incomplete", "failed"] = "done"
        if self._stopped:
            state = "stopped"
        elif any(counts.get(bad) for bad in BAD_OUTCOMES):
            state = "incomplete"
        elif problem:
            state = "failed"
        try:
            recovered = runs.recovered(self._ledger, self._pipeline, self._id)
            runs.end_run(
                self._ledger,
                self._id,
                state,
                message=redact(message)[:2000],
                calls=self._meter.shown(),
                counts=counts,
                **self._facts,
            )
            prune(self._ledger, self.plans, self._keep)
        except Exception as e:
            alerts.alert("failed", self._pipeline, self._id, f"the end of the run could not be recorded: {e}. {message}")
            raise
        if state != "done":
            alerts.alert(state, self._pipeline, self._id, message or json.dumps(counts))
        elif recovered:
            alerts.alert("recovered", self._pipeline, self._id, "this run ended well; the one before it did not")


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
    except Exception as e:  # noqa: BLE001 - whatever Dagster's storage raises: nothing is proved
        return f"Dagster's own record of the run cannot be read: {e}"
    failed = [e for e in ended if e.dagster_event and e.dagster_event.event_type is kinds.STEP_FAILURE]
    if failed:
        return _first_error(failed) or "the run was interrupted"
    missing = sorted(set(steps) - {e.step_key for e in ended if e.step_key})
    if missing:
        return f"how {', '.join(missing)} ended is not recorded. Is the disk full? The next run goes on from what was sent."
    return ""


def _made_by(context: dg.InitResourceContext) -> frozenset[dg.AssetKey]:
    """The assets whose steps this run executes. The run's own selection is empty where a job is run whole."""
    run = context.run
    if run is None or context.instance is None or run.execution_plan_snapshot_id is None:
        return frozenset()
    return frozenset(context.instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).asset_selection)


def _first_error(failures: Any) -> str:
    error = failures[0].dagster_event.event_specific_data.error
    while error is not None and error.cause is not None and str(error.cls_name).startswith("Dagster"):
        error = error.cause  # what Dagster wrapped; what that was raised from in turn is for the log
    if error is not None and error.cls_name in ("Interrupted", "DagsterExecutionInterruptedError", "KeyboardInterrupt"):
        return "the run was interrupted. What was sent and not answered is settled by the next run; nothing is lost."
    return "" if error is None else str(error.message).strip().partition(": ")[2] or str(error.message).strip()


class CatsyResource(dg.ConfigurableResource[Any]):
    """Builds the Catsy client of this run. Read-only by nature."""

    _client: Catsy | None = PrivateAttr(default=None)

    def client(self, run: RunResource) -> Catsy:
        if self._client is None:
            self._client = Catsy.connect(CatsySettings.read(), run.meter, data_dir() / "limits" / "catsy.db")
        return self._client

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._client is not None:
            self._client.close()


class ShopifyResource(dg.ConfigurableResource[Any]):
    """Builds the Shopify client of this run. Nothing it sends changes the shop."""

    _client: Shopify | None = PrivateAttr(default=None)

    def client(self, run: RunResource) -> Shopify:
        if self._client is None:
            self._client = Shopify.connect(ShopifySettings.read(), run.meter)
        return self._client

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._client is not None:
            self._client.close()


class SheetsResource(dg.ConfigurableResource[Any]):
    """Builds the Google Sheets client of this run. Writes only what `pipeline` was enabled for."""

    pipeline: str
    _client: Sheets | None = PrivateAttr(default=None)

    def client(self, run: RunResource) -> Sheets:
        if self._client is None:
            allowed = writes_on(self.pipeline, "sheets")
            self._client = Sheets.connect(GoogleSettings.read(), run.meter, lambda: allowed, data_dir() / "limits")
        return self._client

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._client is not None:
            self._client.close()


class PlytixResource(dg.ConfigurableResource[Any]):
    """Builds the Plytix client of this run. Writes only what `pipeline` was enabled for."""

    pipeline: str
    _client: Plytix | None = PrivateAttr(default=None)

    def client(self, run: RunResource) -> Plytix:
        if self._client is None:
            allowed = writes_on(self.pipeline, "plytix")
            self._client = Plytix.connect(PlytixSettings.read(), run.meter, lambda: allowed, data_dir() / "limits")
        return self._client

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._client is not None:
            self._client.close()


class AmazonResource(dg.ConfigurableResource[Any]):
    """Builds the client of Amazon's catalogue of this run, where a login is set. Read-only by nature."""

    _client: Amazon | None = PrivateAttr(default=None)

    def client(self, run: RunResource) -> Amazon | None:
        if self._client is None and has_login():
            self._client = Amazon.connect(AmazonSettings.read(), run.meter, data_dir() / "limits")
        return self._client

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._client is not None:
            self._client.close()


class SparkLayerResource(dg.ConfigurableResource[Any]):
    """Builds the SparkLayer client of this run. Writes only what `pipeline` was enabled for."""

    pipeline: str
    _client: SparkLayer | None = PrivateAttr(default=None)

    def client(self, run: RunResource) -> SparkLayer:
        if self._client is None:
            allowed = writes_on(self.pipeline, "sparklayer")
            self._client = SparkLayer.connect(SparkLayerSettings.read(), run.meter, lambda: allowed)
        return self._client

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._client is not None:
            self._client.close()
