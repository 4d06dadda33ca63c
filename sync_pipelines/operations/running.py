"""What starts a run: each function runs one job here and now, and returns how it ended.

Each looks at settings, logins and files before anything is begun and raises what is missing; a run that fails after that is
no error but an `Ended` that says so. `Interrupted` comes through, with how the run ended; so does a KeyboardInterrupt before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol, cast

from sync_pipelines.delivery import reports, runs
from sync_pipelines.delivery.applying import refuse_what_is_over
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.plans import PlanFiles
from sync_pipelines.errors import UsageError
from sync_pipelines.nearest import meant, meant_one_of
from sync_pipelines.operations import environment, launch
from sync_pipelines.operations.answers import keys_like, open_ledger
from sync_pipelines.operations.launch import Ended
from sync_pipelines.operations.paths import existing
from sync_pipelines.operations.pipelines import PIPELINES, account, of, refuse_foreign_options
from sync_pipelines.pipelines.plan_and_apply import refuse_too_early
from sync_pipelines.pipelines.sections import SHARED, check_file
from sync_pipelines.pipelines.shape import Pipeline, Write
from sync_pipelines.settings import home

TEST_OUTPUT = "test_output"


class TooSoon(UsageError):
    """The last sync ended well moments ago. Nothing was done, and nothing is wrong."""


def preview(
    pipeline: str,
    *,
    refresh: str = "auto",
    from_csv: Path | None = None,
    partition: str | None = None,
    only: Sequence[str] = (),
    keys: Sequence[str] = (),
) -> Ended:
    """Read both sides and plan what a sync would change. Sends nothing that changes anything. only, keys: see `sync_chains`."""
    ops = _source_options(pipeline, refresh, from_csv, partition)
    _dropped(pipeline, partition)
    if not only and not keys:
        return run(pipeline, "preview", ops, partition=partition)
    refuse_foreign_options(pipeline, only=bool(only), keys=bool(keys))
    declared, writes = PIPELINES[pipeline], _named_writes(pipeline, only)
    reads = declared.reads(writes)
    ops = {**{step: given for step, given in ops.items() if step in reads}, **_only_keys(pipeline, writes, keys)}
    return run(pipeline, "preview", ops, assets=[*reads, *(write.plan for write in writes)])


def sync(
    pipeline: str,
    *,
    limit: int | None = None,
    refresh: str = "auto",
    from_csv: Path | None = None,
    partition: str | None = None,
    force: bool = False,
) -> Ended:
    """Read, plan, and apply the plan if its guards are clear. limit: send only the first N changes.

    force: also within the pipeline's pause after a good sync that sent all it had planned. Schedules are not bound by that
    pause. Raises TooSoon within it.
    """
    ops = _source_options(pipeline, refresh, from_csv, partition)
    refuse_foreign_options(pipeline, force=force)
    _dropped(pipeline, partition)
    if not force:
        _not_so_soon(pipeline)
    ops |= {write.applies: {"limit": limit} for write in PIPELINES[pipeline].writes}
    return run(pipeline, "sync", ops, partition=partition)


def sync_chains(
    pipeline: str,
    *,
    limit: int | None = None,
    refresh: str = "auto",
    only: Sequence[str] = (),
    keys: Sequence[str] = (),
    told: Callable[[Ended], None] = lambda _: None,
) -> tuple[Ended, ...]:
    """Sync a pipeline whose writes go in chains: a run for each, one after another, whatever became of the one before.

    limit: for each write. only: just these writes, by their last words (products, prices, …). keys: just these, as a person names
    them. told: is given each run as it ends. Raises UsageError for words and keys that nobody knows.
    """
    ops, declared = _source_options(pipeline, refresh, None, None), PIPELINES[pipeline]
    writes = _named_writes(pipeline, only)
    chosen = _only_keys(pipeline, writes, keys)
    ended: list[Ended] = []
    for chain, some in _chains_of(declared, writes):
        reads = declared.reads(some)
        given = {step: value for step, value in ops.items() if step in reads}
        given |= {step: value for step, value in chosen.items() if step in {write.plan for write in some}}
        given |= {write.applies: {"limit": limit} for write in some}
        assets = [*reads, *(asset for write in some for asset in write.assets)]
        ended.append(run(pipeline, "sync", given, assets=assets, chain=chain, since=time.time() if ended else None))
        told(ended[-1])
    return tuple(ended)


def _chains_of(pipeline: Pipeline, writes: Sequence[Write]) -> Iterator[tuple[str, list[Write]]]:
    """Which of these writes go in which chain: each in the first that has it."""
    left = list(writes)
    for chain in pipeline.chains:
        if some := [write for write in chain.writes if write in left]:
            yield chain.name, some
            left = [write for write in left if write not in some]


def _named_writes(pipeline: str, only: Sequence[str]) -> list[Write]:
    """The writes that a person named by the last words of their keys; all of them where none was. Raises UsageError."""
    by_word = {write.applies.rpartition("/")[2]: write for write in PIPELINES[pipeline].writes}
    if unknown := [word for word in only if word not in by_word]:
        hint = meant(unknown[0], by_word)
        raise UsageError(f"--only {unknown[0]}: there is {', '.join(by_word)}.{hint} Nothing was done.")
    return [write for word, write in by_word.items() if not only or word in only]


def _only_keys(pipeline: str, writes: Sequence[Write], keys: Sequence[str]) -> dict[str, Any]:
    """The configuration by which plans are about these keys only. Raises UsageError for those that nobody knows."""
    if not keys:
        return {}
    with open_ledger() as ledger:
        known = sorted(_known(ledger, pipeline, keys))
    return {write.plan: {"only": known} for write in writes}


@dataclass(frozen=True)
class Rehearsal:
    """A preview whose rows were written as they would be sent. files: none where nothing was planned."""

    ended: Ended
    files: tuple[Path, ...]


class _Rehearses(Protocol):
    """What the `questions` of a pipeline with the option `test` offer beside those of all."""

    def write_test_output(self, files: PlanFiles, plan_id: str, folder: Path) -> list[Path]: ...


def rehearse(pipeline: str) -> Rehearsal:
    """Plan, send nothing, and write the rows that would be sent to test_output/."""
    refuse_foreign_options(pipeline, test=True)
    ended = run(pipeline, "preview", {})
    if not ended.plan_id:
        return Rehearsal(ended, ())
    questions = cast("_Rehearses", of(pipeline))
    return Rehearsal(ended, tuple(questions.write_test_output(environment.plan_files(), ended.plan_id, home() / TEST_OUTPUT)))


def apply(pipeline: str, plan: str) -> Ended:
    """Apply a plan that was previewed, or go on with one that was interrupted. plan: its id, or the start of it."""
    with open_ledger() as ledger:
        known = ledger.plan(plan)
        write = PIPELINES[pipeline].write_to(known["account"])
        refuse_what_is_over(known, ledger)
        if known["state"] == "sealed":
            refuse_too_early(ledger, PIPELINES[pipeline], write, known["scope"] or "")
    ops = {write.applies: {"plan": known["id"]}}
    return run(pipeline, "apply", ops, partition=known["scope"] or None, assets=[write.applies])


def retry(pipeline: str, keys: Sequence[str] = ()) -> tuple[Ended, ...]:
    """Plan again only these keys, with today's source, and apply that: a run for each partition that they are in.

    keys: all that ended badly and that the source still has, if left out; there may be none. Raises UsageError for keys that
    nobody knows, or that the source has lost.
    """
    declared = PIPELINES[pipeline]
    with open_ledger() as ledger:
        named = _known(ledger, pipeline, keys) if keys else None
        scopes = reports.scopes_of(ledger, declared.accounts, named)
        if not declared.partitions:
            scopes = _in_the_source(pipeline, named or set().union(*scopes.values()))
    if declared.chains:
        return _retry_in_chains(declared, sorted(set().union(*scopes.values())))
    return tuple(
        run(
            pipeline,
            "retry",
            {write.plan: {"only": sorted(wanted)} for write in declared.writes},
            partition=scope or None,
            assets=[asset for write in declared.writes for asset in write.assets] if scope else None,
        )
        for scope, wanted in sorted(scopes.items())
    )


def _retry_in_chains(pipeline: Pipeline, keys: Sequence[str]) -> tuple[Ended, ...]:
    ended: list[Ended] = []
    for chain, some in _chains_of(pipeline, pipeline.writes) if keys else ():
        ops = {write.plan: {"only": list(keys)} for write in some}
        assets = [*pipeline.reads(some), *(asset for write in some for asset in write.assets)]
        ended.append(run(pipeline.name, "retry", ops, assets=assets, chain=chain, since=time.time() if ended else None))
    return tuple(ended)


def _known(ledger: Ledger, pipeline: str, named: Sequence[str]) -> set[str]:
    """Return the keys that a person named, in full: as the source has them, or as they were once planned in a file.

    A pipeline that works file by file plans a key again in the file that it was planned in. Raises UsageError where one is
    not known so.
    """
    declared, questions = PIPELINES[pipeline], of(pipeline)
    found, lost, unknown = set[str](), list[str](), list[str]()
    for name in named:
        keys = questions.full_keys([name])
        planned = reports.known_keys(ledger, declared.accounts, keys)
        usable = planned if declared.partitions else questions.mapped_keys(keys)
        found |= usable
        if not usable:
            (lost if planned else unknown).append(name)
    if unknown:
        hints = meant_one_of([alike for name in unknown for alike in keys_like(pipeline, name)])
        raise UsageError(
            f"{', '.join(unknown)}: not among what was last read, and never planned on {account(pipeline)}. Nothing was done. "
            f"What is new in the source is planned by sync-pipelines sync {pipeline}.{hints}"
        )
    if lost:
        raise UsageError(f"{', '.join(lost)}: {_LOST.format(pipeline=pipeline)} Nothing was done.")
    return found


_LOST = (
    "the source had it no more when it was last read, so there is nothing to plan it from. What becomes of it at the target is "
    "decided by sync-pipelines sync {pipeline}."
)


def _in_the_source(pipeline: str, keys: set[str]) -> dict[str, set[str]]:
    """Return those of these keys that the source has, for the one plan of a pipeline without files. Notes the others."""
    mapped = of(pipeline).mapped_keys(keys) if keys else set[str]()
    if lost := sorted(keys - mapped):
        environment.notify(f"{', '.join(lost[:5])}{', …' if len(lost) > 5 else ''}: {_LOST.format(pipeline=pipeline)}")
    return {"": mapped} if mapped else {}


def undo(pipeline: str, run_id: str) -> Ended:
    """Take back what a run wrote, where the target still holds it. run_id: of the run, or of its plan."""
    return run(pipeline, "undo", {PIPELINES[pipeline].undo_step: {"plans": plans_to_take_back(pipeline, run_id)}})


def plans_to_take_back(pipeline: str, run_id: str) -> list[str]:
    """Return the plans that a run applied, in the order in which they can be taken back. Raises UsageError for none."""
    with open_ledger() as ledger:
        known, plan = runs.run_or_plan(ledger, run_id)
        plans = [plan] if plan else runs.plans_of(ledger, known["id"]) if known else []
        if known and not plans and known["plan"]:
            plans = [ledger.plan(known["plan"])]
    declared = PIPELINES[pipeline]
    order = declared.accounts  # what was written last goes back first
    back = -1 if not any(plan["undo_of"] for plan in plans) else 1  # an undo goes back the other way round
    plans = sorted(plans, key=lambda p: back * order.index(p["account"]) if p["account"] in order else 0)
    applied = [plan["id"] for plan in plans if plan["state"] != "sealed"]
    if not applied:
        raise UsageError(f"run {run_id} applied no plan: there is nothing to take back.")
    for plan in plans:
        declared.write_to(plan["account"])
        if plan["state"] == "applying":
            raise UsageError(
                f"plan {plan['id']} is not finished. Nothing was done. Apply it first, or let the next sync end it; then undo it."
            )
    return applied


def backfill(pipeline: str, first: date, last: date) -> Ended:
    """Read every order of these days, both included, in one run, published day by day. The next sync writes what is new."""
    if last < first:
        raise UsageError(f"--to {last} is before --from {first}.")
    return run(pipeline, "backfill", {}, days=(first, last))


def reconcile(pipeline: str) -> Ended:
    """Prove that nothing is missing: every day against the source's own count, every row of the target against its record."""
    return run(pipeline, "reconcile", {})


def run(
    pipeline: str,
    verb: str,
    ops: dict[str, Any],
    *,
    partition: str | None = None,
    days: tuple[date, date] | None = None,
    assets: Sequence[str] | None = None,
    chain: str = "",
    since: float | None = None,
) -> Ended:
    """Run a pipeline's job. ops: configuration by step. assets: only these declared. chain: which, where there are several.

    since: when it began, where that is not the start of the process. Raises what keeps it from beginning.
    """
    if PIPELINES[pipeline].partitions and verb != "undo" and partition is None:
        raise UsageError(f"{pipeline} works file by file: name one with --partition. {_files_of(pipeline)}")
    _ready(pipeline)
    stretch = None if days is None else (str(days[0]), str(days[1]))
    return launch.launch(pipeline, verb, ops, since=since, partition=partition, partitions=stretch, assets=assets, chain=chain)


def _ready(pipeline: str) -> None:
    """Look at settings, secrets and ledger before anything heavy is loaded. Raises what is missing."""
    check_file()
    for section in (*PIPELINES[pipeline].settings, *SHARED):
        section.read()
    if PIPELINES[pipeline].questions:
        of(pipeline).ready()
    with open_ledger():
        pass


def _source_options(pipeline: str, refresh: str, from_csv: Path | None, partition: str | None) -> dict[str, Any]:
    refuse_foreign_options(pipeline, partition=partition is not None, from_csv=from_csv is not None, refresh=refresh != "auto")
    return dict(of(pipeline).source_options(refresh, from_csv and existing(from_csv)))


def _dropped(pipeline: str, partition: str | None) -> None:
    """Raise UsageError for a partition that has no file."""
    if partition is None or not PIPELINES[pipeline].partitions:
        return
    if partition not in of(pipeline).dropped():
        raise UsageError(f"--partition {partition}: no file was dropped for it. Nothing was done. {_files_of(pipeline)}")


def _files_of(pipeline: str) -> str:
    """Say which partitions have a file to read now."""
    return f"There is: {', '.join(sorted(of(pipeline).dropped())) or 'none'}."


def _not_so_soon(pipeline: str) -> None:
    """Raise TooSoon within the pipeline's pause after the last sync that ended well and sent all it had planned."""
    pause = PIPELINES[pipeline].pause()
    if not pause:
        return
    with open_ledger() as ledger:
        last = runs.last_whole_end(ledger, pipeline, "sync")
    if last and (ago := datetime.now(UTC) - datetime.fromisoformat(last)) < pause:
        raise TooSoon(
            f"the last sync ended well {ago.total_seconds():.0f} s ago; within {pause.total_seconds() / 60:.0f} minutes of it "
            "another one needs --force. Nothing was done."
        )
