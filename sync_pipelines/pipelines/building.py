"""From a declaration to Dagster: the assets of each plan and what it is applied to, checks, jobs, undo, schedules.

What an asset does is in `plan_and_apply`; here it gets its key, its place in the graph, its options and its checks.
"""

import dataclasses
import importlib
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
from pydantic import Field, create_model

from sync_pipelines.pipelines import plan_and_apply
from sync_pipelines.pipelines.resources import CHAIN_TAG, PIPELINE_TAG, VERB_TAG, RunResource
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import Chain, Check, Checked, Fresh, Markdown, Pipeline, PlanRequest, Write, job_name, verb_of
from sync_pipelines.pipelines.tables import escaped

if typing.TYPE_CHECKING:
    Materialized = dg.MaterializeResult[Any]
else:
    Materialized = dg.MaterializeResult  # of an asset with checks, Dagster takes this very class as the annotation

# --- the plain forms, as Dagster has them -------------------------------------------------------------------------------


def path_of(key: str | Sequence[str]) -> list[str]:
    return key.split("/") if isinstance(key, str) else list(key)


def op_of(asset: str) -> str:
    """The name of an asset's step, under which a run's configuration has its options."""
    return asset.replace("/", "__")


def specs(asset: str | Sequence[str], checks: Iterable[Check]) -> list[dg.AssetCheckSpec]:
    key = path_of(asset)
    return [dg.AssetCheckSpec(c.name, asset=key, description=c.description, blocking=c.blocking) for c in checks]


def results(asset: str | Sequence[str], found: Iterable[Checked]) -> list[dg.AssetCheckResult]:
    """The checks' results with their reasons: plain text, then details, which are Markdown."""
    return [
        dg.AssetCheckResult(
            passed=each.passed,
            check_name=each.check.name,
            description=each.reason or None,
            asset_key=path_of(asset),
            severity=dg.AssetCheckSeverity.WARN if each.warn else dg.AssetCheckSeverity.ERROR,
            metadata={"what": dg.MetadataValue.md("\n\n".join(filter(None, (escaped(each.text), each.details))))},
        )
        for each in found
    ]


def evaluations(asset: str, found: Sequence[Checked]) -> Iterator[dg.AssetCheckEvaluation]:
    """The checks' results as a step reports them that is not the asset's own."""
    for each, result in zip(found, results(asset, found), strict=True):
        yield dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(path_of(asset)),
            check_name=each.check.name,
            passed=result.passed,
            description=result.description,
            metadata=result.metadata,
            severity=result.severity,
            blocking=each.check.blocking,
        )


def metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the UI shows them: Markdown as such, paths as paths, lists and dicts as JSON."""
    return {name: _shown(value) for name, value in values.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, Markdown):
        return dg.MetadataValue.md(value)
    if isinstance(value, Path):
        return dg.MetadataValue.path(str(value))
    if isinstance(value, Decimal):
        return dg.MetadataValue.float(float(value))  # for plots; exact amounts are in tables
    return dg.MetadataValue.json(value) if isinstance(value, list | dict) else value


def column_schema(notes: Mapping[str, str], schema: pa.Schema | None = None) -> dg.TableSchema:
    """Columns with their types (text where no schema says otherwise) and what they hold."""
    types = {field.name: str(field.type) for field in schema or ()}
    columns = [dg.TableColumn(name, types.get(name, "string"), description=note) for name, note in notes.items()]
    return dg.TableSchema(columns=columns)


def freshness(fresh: Fresh) -> dg.FreshnessPolicy:
    return dg.FreshnessPolicy.time_window(fail_window=fresh.fail, warn_window=fresh.warn)


def days_of(pipeline: Pipeline) -> dg.DailyPartitionsDefinition | None:
    """One partition per day, today among them, from the first day that is offered now."""
    if pipeline.days is None:
        return None
    first, zone = pipeline.days.offered()
    return dg.DailyPartitionsDefinition(start_date=str(first), timezone=zone, end_offset=1)


def files_of(pipeline: Pipeline) -> dg.DynamicPartitionsDefinition | None:
    """One partition per file, where each is planned and applied alone."""
    return dg.DynamicPartitionsDefinition(name=pipeline.partitions) if pipeline.partitions else None


# --- the two assets of a write ------------------------------------------------------------------------------------------


class PlanConfig(dg.Config):
    """only: plan just these keys."""

    only: list[str] = Field(default_factory=list)


class ApplyConfig(dg.Config):
    """plan: which one; left out, the one made in this run, else the newest that waits. limit: the first N changes only."""

    plan: str = ""
    limit: int | None = None


def plan_config(request: type[PlanRequest]) -> type[dg.Config]:
    """The options of a plan's step: the fields of its request, but for the scope, which is the run's partition."""
    own = [f for f in dataclasses.fields(request) if f.name not in {f.name for f in dataclasses.fields(PlanRequest)}]
    types = typing.get_type_hints(request)
    fields: dict[str, Any] = {f.name: (types[f.name], f.default) for f in own}
    return create_model(f"{request.__name__}Config", __base__=PlanConfig, __doc__=request.__doc__, **fields)


def _without_defaults(options: type[dg.Config]) -> dict[str, Any]:
    """The options as Dagster has them, without their defaults: the launchpad fills in what has one, and nobody turns that."""
    fields = options.to_fields_dict().items()
    return {name: dg.Field(f.config_type, is_required=False, description=f.description) for name, f in fields}


def plan_asset(pipeline: Pipeline, write: Write) -> dg.AssetsDefinition:
    options = plan_config(write.request)

    @dg.asset(
        key=path_of(write.plan),
        deps=[path_of(key) for key in write.planned_from],
        partitions_def=files_of(pipeline),
        group_name=pipeline.name,
        kinds={*write.kinds, "duckdb"},
        owners=list(pipeline.owners),
        check_specs=specs(write.plan, plan_and_apply.plan_checks(write)),
        description=write.plan_is,
        config_schema=_without_defaults(options),
        required_resource_keys={"run"},
    )
    def plan(context: dg.AssetExecutionContext) -> Materialized:
        asked = {name: tuple(v) if isinstance(v, list) else v for name, v in context.op_execution_context.op_config.items()}
        session = _session(context, pipeline)
        made = plan_and_apply.make(session, write, write.request(**asked, scope=_scope(context)))
        return Materialized(metadata=metadata(made.metadata), check_results=results(write.plan, made.checks))

    return plan


def applied_asset(pipeline: Pipeline, write: Write) -> dg.AssetsDefinition:
    @dg.asset(
        key=path_of(write.applies),
        deps=[path_of(key) for key in (write.plan, *write.after)],
        partitions_def=files_of(pipeline),
        group_name=pipeline.name,
        kinds=set(write.kinds),
        owners=list(pipeline.owners),
        freshness_policy=freshness(write.fresh) if write.fresh else None,
        check_specs=specs(write.applies, plan_and_apply.applied_checks(write)),
        description=write.applied_is,
        config_schema=_without_defaults(ApplyConfig),
        required_resource_keys={"run"},
    )
    def applied(context: dg.AssetExecutionContext) -> Materialized:
        options = ApplyConfig(**context.op_execution_context.op_config)
        session, scope = _session(context, pipeline), _scope(context)
        ended = plan_and_apply.bring_to_its_end(
            session, pipeline.name, write, plan=options.plan, limit=options.limit, scope=scope
        )
        return Materialized(metadata=metadata(ended.metadata), check_results=results(write.applies, ended.checks))

    return applied


def _session(context: Any, pipeline: Pipeline) -> Session:
    run: RunResource = context.resources.run
    run.session.note(pipeline=pipeline.name)
    return run.session


def _scope(context: dg.AssetExecutionContext) -> str:
    return context.partition_key if context.has_partition_key else ""


# --- jobs and schedules -------------------------------------------------------------------------------------------------


class UndoConfig(dg.Config):
    """plans: the applied plans to take back, the last one first."""

    plans: list[str]


def tags(pipeline: str, verb: str, chain: str = "") -> dict[str, str]:
    """What a job carries, so that the ledger and the queue know which pipeline, and which chain of it, it is of."""
    return {PIPELINE_TAG: pipeline, VERB_TAG: verb_of(verb, chain), CHAIN_TAG: f"{pipeline}/{chain}" if chain else pipeline}


def jobs_of(pipeline: Pipeline) -> Iterator[dg.JobDefinition | Any]:
    """preview, sync (one, or one for each chain), apply and undo, for what writes somewhere; and the jobs that it adds."""
    plans, applied = ([w.plan for w in pipeline.writes], [w.applies for w in pipeline.writes])
    if pipeline.writes:
        yield _job(pipeline, "preview", pipeline.previews, [*pipeline.preview, *plans])
        for chain in pipeline.chains or (Chain("", pipeline.syncs, pipeline.writes),):
            steps = [*pipeline.reads(chain.writes), *(asset for write in chain.writes for asset in write.assets)]
            yield _job(pipeline, "sync", chain.description, steps, chain=chain.name)
        which = {"ops": {op_of(asset): {"config": {"plan": ""}} for asset in applied}}
        yield _job(pipeline, "apply", "Apply a plan that was previewed (and released, if a guard stopped it).", applied, which)
        yield undo_job(pipeline)
    for job in pipeline.jobs:
        config = {"ops": {op_of(asset): {"config": dict(given)} for asset, given in job.options.items()}}
        yield _job(pipeline, job.verb, job.description, job.assets, config if job.options else None)


def _job(pipeline: Pipeline, verb: str, description: str, assets: Iterable[str], config: Any = None, chain: str = "") -> Any:
    selection = dg.AssetSelection.assets(*(dg.AssetKey(path_of(asset)) for asset in assets))
    return dg.define_asset_job(
        job_name(pipeline.name, verb, chain),
        selection,
        tags=tags(pipeline.name, verb, chain),
        config=config,
        description=description,
    )


def undo_job(pipeline: Pipeline) -> dg.JobDefinition:
    """Take back what plans wrote. It materializes what they were applied to, and reports its checks."""

    @dg.op(
        name=pipeline.undo_step,
        out=dg.Out(dg.Nothing),
        description="Plan the way back from what a plan wrote, and apply that.",
        config_schema=UndoConfig.to_fields_dict(),
        required_resource_keys={"run"},
    )
    def take_back(context: dg.OpExecutionContext) -> Iterator[Any]:
        session = _session(context, pipeline)
        for plan_id in UndoConfig(**context.op_config).plans:
            write = pipeline.write_to(session.ledger.plan(plan_id)["account"])
            ended = plan_and_apply.take_back(session, write, plan_id)
            scope = ended.plan.scope or None
            yield dg.AssetMaterialization(
                path_of(write.applies), description=f"undo of plan {plan_id}", metadata=metadata(ended.metadata), partition=scope
            )
            yield from evaluations(write.applies, ended.checks)
            if ended.impossible:
                context.log.warning("not taken back: %s", "; ".join(f"{key}: {why}" for key, why in ended.impossible[:20]))
        yield dg.Output(None)

    @dg.job(name=f"undo_{pipeline.name}", tags=tags(pipeline.name, "undo"), description=pipeline.undoes)
    def undo() -> None:
        take_back()

    return undo


def schedules_of(pipeline: Pipeline) -> Iterator[dg.ScheduleDefinition]:
    for cron in pipeline.crons:
        yield dg.ScheduleDefinition(
            name=f"{cron.name}_{pipeline.name}",
            job_name=job_name(pipeline.name, cron.verb, cron.chain),
            cron_schedule=cron.cron,
            execution_timezone="UTC",
            description=cron.description,
        )


def definitions_of(pipeline: Pipeline) -> dg.Definitions:
    """Everything that a pipeline adds to the project: what its `sources` module has, and what is built from its declaration."""
    found = vars(importlib.import_module(pipeline.sources)).values()
    sources = [each for one in found for each in (one if type(one) is tuple else (one,))]  # an AssetSpec is one, too
    assets = _by_todays_days(pipeline, [each for each in sources if isinstance(each, dg.AssetsDefinition | dg.AssetSpec)])
    built = [build(pipeline, write) for write in pipeline.writes for build in (plan_asset, applied_asset)]
    return dg.Definitions(
        assets=[*assets, *built],
        jobs=list(jobs_of(pipeline)),
        schedules=[*(each for each in sources if isinstance(each, dg.ScheduleDefinition)), *schedules_of(pipeline)],
        sensors=[each for each in sources if isinstance(each, dg.SensorDefinition)],
    )


def _by_todays_days(
    pipeline: Pipeline, assets: Sequence[dg.AssetsDefinition | dg.AssetSpec]
) -> Sequence[dg.AssetsDefinition | dg.AssetSpec]:
    """The same assets, with the days that are offered now: their module was loaded when others may have been."""
    days = days_of(pipeline)
    if days is None:
        return assets

    def by_day(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec if spec.partitions_def is None else spec.replace_attributes(partitions_def=days)

    return dg.map_asset_specs(by_day, assets)
