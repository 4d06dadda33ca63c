"""What can be asked of the pipelines, and settled without a run: data out, expected errors in.

Every function takes plain arguments, returns a frozen dataclass (or a tuple of them) and raises `UsageError` or another
`SyncError`. Nothing here prints. What starts a run is in `running`; what only one pipeline can do is in `order_sheet` and
`amazon_listings`, by the same rules. `plain` turns each result into what `--json` shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

from sync_pipelines.delivery import releasing, reports
from sync_pipelines.delivery.ledger import Ledger, LedgerUnreadable
from sync_pipelines.errors import SyncError, UsageError
from sync_pipelines.nearest import meant_one_of, nearest
from sync_pipelines.operations import environment, health
from sync_pipelines.operations.paths import writable
from sync_pipelines.operations.pipelines import ASKED, PIPELINES, account, of, refuse_foreign_options
from sync_pipelines.operations.schedules import Scheduled, schedules_of
from sync_pipelines.pipelines import rights
from sync_pipelines.pipelines.observations import Verdict
from sync_pipelines.pipelines.sections import SECTIONS, check_file
from sync_pipelines.pipelines.shape import Written
from sync_pipelines.settings import RetentionSettings, SettingsError, sandbox_on

T = TypeVar("T")

REJECTS_SHOWN, REJECTS_AT_MOST = 20, 10_000
NOT_READ = "not read"
"""Stands in place of the keys where the target could not be read."""
FLAT: Mapping[str, bool] = {"flat": True}
"""Metadata of a field whose entries stand among those of the result that has it."""


def plain(answer: Any, *, old_names: bool = True) -> Any:
    """Return a result as dictionaries, lists and values, in the order of its fields.

    old_names: repeat a renamed field under its earlier name.
    """
    if is_dataclass(answer) and not isinstance(answer, type):
        found: dict[str, Any] = {}
        for each in fields(answer):
            value = plain(getattr(answer, each.name), old_names=old_names)
            found.update(value if each.metadata.get("flat") else {each.name: value})
            if old_names and (before := each.metadata.get("formerly")):
                found[before] = value
        return found
    if isinstance(answer, Mapping):
        return {name: plain(value, old_names=old_names) for name, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [plain(value, old_names=old_names) for value in answer]
    return str(answer) if isinstance(answer, Path) else answer


def open_ledger() -> closing[Ledger]:
    return closing(environment.ledger())


# --- one question, asked of several pipelines ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked(Generic[T]):
    """The answers of several pipelines, and why some gave none, by their names."""

    answers: tuple[T, ...]
    refused: Mapping[str, str]


def of_all(question: Callable[[str], T]) -> Asked[T]:
    """Ask each pipeline. One that cannot answer keeps no other from answering.

    Raises LedgerUnreadable: then none can.
    """
    answers, refused = list[T](), dict[str, str]()
    for name in ASKED:
        try:
            answers.append(question(name))
        except LedgerUnreadable:
            raise
        except (SyncError, OSError) as e:
            refused[name] = str(e)
    return Asked(tuple(answers), refused)


# --- the right to write, and whether an account is as it should be --------------------------------------------------------


@dataclass(frozen=True)
class Enabled:
    """holder: the account that may be written to, with a mark of the login where only that tells it."""

    pipeline: str
    holder: str


def enable(pipeline: str, who: str) -> Enabled:
    """Allow a pipeline to write to the account that the settings and the login point to now. Raises what is not set up."""
    of(pipeline).ready()
    systems = PIPELINES[pipeline].systems
    with open_ledger() as ledger:
        for system in systems:
            rights.allow(ledger, pipeline, system, who)
    return Enabled(pipeline, " and ".join(map(rights.holder, systems)))


def disable(pipeline: str) -> None:
    """Make every account of a pipeline read-only again."""
    with open_ledger() as ledger:
        ledger.disable(pipeline)


@dataclass(frozen=True)
class Checked:
    """One thing looked at, and what was found. pipeline: "" for what all of them share."""

    pipeline: str
    what: str
    verdict: Verdict
    text: str


def validate(pipelines: Sequence[str] = ASKED, *, deep: bool = False) -> tuple[Checked, ...]:
    """Read the settings of all pipelines, and log in to the systems of these. deep: also test what is assumed of the vendors.

    Reads only. Raises LedgerUnreadable: without a ledger nothing can run.
    """
    with open_ledger():
        pass
    found = _wrong_settings()
    wrong = {problem.pipeline for problem in found}
    for name in pipelines:
        if name not in wrong and "" not in wrong:
            found += [Checked(name, f.what, f.verdict, f.text) for f in of(name).validate(deep=deep)]
    return tuple(found)


def _wrong_settings() -> list[Checked]:
    """Return what is wrong with the settings of any pipeline; a run reads only its own."""
    found = []
    of_one = {section: name for name in reversed(ASKED) for section in PIPELINES[name].settings}
    looks: list[tuple[str, Callable[[], object]]] = [("", check_file)]
    looks += [(of_one.get(section, ""), section.read) for section in SECTIONS]
    for name, look in looks:
        try:
            look()
        except SettingsError as e:
            found.append(Checked(name, "settings", "problem", str(e)))
    return found


# --- questions ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Status:
    """Where a pipeline stands.

    source_rejects: source rows that a person has to look at, as last mapped. schedules: the next to run first.
    what_to_do: the command to go on with, or "".
    more: what else this pipeline says of itself.
    """

    pipeline: str
    account: str
    writes: str
    standing: reports.Standing = field(metadata=FLAT)
    source_rejects: int
    schedules: tuple[Scheduled, ...]
    what_to_do: str
    more: Mapping[str, Any] = field(metadata=FLAT)


def status(pipeline: str) -> Status:
    """Return whether a pipeline may write, its last runs, the plan that waits, and what is in doubt."""
    declared = PIPELINES[pipeline]
    with open_ledger() as ledger:
        enabled = sandbox_on() or all(rights.is_allowed(ledger, pipeline, system) for system in declared.systems)
        standing = reports.standing(ledger, pipeline, declared.accounts)
        return Status(
            pipeline,
            account(pipeline),
            "on" if enabled and declared.writes else "off (sync-pipelines enable)" if declared.writes else "nothing",
            standing,
            declared.source_rejects(),
            schedules_of(pipeline),
            health.what_to_do(pipeline, standing, may_write=enabled),
            of(pipeline).more_status(ledger),
        )


def history(pipelines: Sequence[str] = tuple(PIPELINES), *, limit: int = 20) -> tuple[reports.PastRun, ...]:
    """Return the last runs of these pipelines, newest first."""
    with open_ledger() as ledger:
        return reports.history(ledger, pipelines, limit)


@dataclass(frozen=True)
class Rejects:
    """Source rows that a person has to look at. rows: the first of them. by_state: how many are rejected, in conflict, …"""

    total: int
    rows: Sequence[Mapping[str, Any]]
    by_state: Mapping[str, int]


@dataclass(frozen=True)
class Errors:
    """What of a pipeline needs a person. partition: the file that the source rows are of; None for those of all."""

    pipeline: str
    problems: reports.Problems = field(metadata=FLAT)
    source_rejects: Rejects
    partition: str | None = None


def errors(pipeline: str, *, partition: str | None = None, every: bool = False) -> Errors:
    """Return what of a pipeline needs a person. partition: source rows of this file only. every: also what was mended since."""
    refuse_foreign_options(pipeline, partition=partition is not None)
    with open_ledger() as ledger:
        found = reports.problems(ledger, pipeline, PIPELINES[pipeline].accounts, every=every)
    by_state, rows = of(pipeline).rejects(REJECTS_AT_MOST if every else REJECTS_SHOWN, partition or "")
    return Errors(pipeline, found, Rejects(sum(by_state.values()), rows, by_state), partition)


@dataclass(frozen=True)
class Trace:
    """One record's whole story. extract: where its source row is from. live: by key, what the target holds now.

    did_you_mean: where nothing is known of the key, those that are much like it.
    """

    pipeline: str
    key: str
    extract: Mapping[str, Any] | None
    source: Sequence[Mapping[str, Any]]
    mapped: Sequence[Mapping[str, Any]]
    story: reports.Story = field(metadata=FLAT)
    live: Mapping[str, Any]
    did_you_mean: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is known under this key."""
        known = (self.source, self.mapped, self.story.planned, self.story.record, self.story.holds, self.live)
        return not any(known)


def trace(pipeline: str, key: str) -> Trace:
    """Return the source row, mapped row, plans and calls of one record, and what the target holds of it now."""
    questions = of(pipeline)
    keys = questions.full_keys([key])
    origin = questions.source(key)
    with open_ledger() as ledger:
        story = reports.story(ledger, environment.plan_files(), PIPELINES[pipeline].accounts, keys)
    try:
        live = questions.live(keys)
    except Exception as e:  # noqa: BLE001 - the story is worth telling without its last line
        live = {NOT_READ: str(e)}
    found = Trace(pipeline, key, origin["extract"], origin["source"], origin["mapped"], story, live)
    return replace(found, did_you_mean=keys_like(pipeline, key)) if found.is_empty else found


@dataclass(frozen=True)
class Exported:
    """output: what was asked for. The rest: what was written."""

    pipeline: str
    output: Path
    written: Written = field(metadata=FLAT)


def export(pipeline: str, output: Path, form: str = "") -> Exported:
    """Write what should be where, what was put there and when, as CSV; of what is only mirrored, the mirror.

    form: for a pipeline that has the option `format`; "" where the file's ending says it. Raises UsageError for a file that
    cannot be made.
    """
    refuse_foreign_options(pipeline, format=bool(form))
    if not (form and output.is_dir()):
        writable(output)
    return Exported(pipeline, output, of(pipeline).export(output, form))


def sql(query: str) -> list[dict[str, Any]]:
    """Return the rows of one question over the warehouse, the plans and the ledger. Raises UsageError for anything else."""
    from sync_pipelines.operations.sql import ask

    return ask(query)


# --- a person's word ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LetThrough:
    """kind: of hold; "zero" for rows in which a value becomes zero, "verdict" for those that only the verdict keeps back.

    first: some of the rows, without personal data.
    """

    kind: str
    rows: int
    first: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class Foreseen:
    """What a release would let through. still_held: named rows that another reason holds all the same."""

    pipeline: str
    plan_id: str
    let_through: tuple[LetThrough, ...]
    still_held: int


def foresee_release(
    pipeline: str,
    plan: str,
    reason: str,
    *,
    keys: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    verdict: bool = False,
) -> Foreseen:
    """Return what `release` would let through, and change nothing. Raises UsageError as that does."""
    from sync_pipelines.delivery import foreseeing

    _something_named(keys, kinds, verdict=verdict)
    readable = of(pipeline).readable
    with open_ledger() as ledger:
        found = foreseeing.foresee(
            ledger, environment.plan_files(), ledger.plan(plan)["id"], reason, keys=keys, kinds=kinds, verdict=verdict
        )
    groups = [LetThrough(each.kind, each.rows, tuple(map(readable, each.first))) for each in found.let_through]
    return Foreseen(pipeline, found.plan_id, tuple(groups), found.still_held)


def _something_named(keys: Sequence[str] | None, kinds: Sequence[str] | None, *, verdict: bool) -> None:
    if not (verdict or keys or kinds):
        raise UsageError(
            "say what to release: --keys KEY … or --kind KIND for rows that are held, --verdict for a plan that was stopped."
        )


@dataclass(frozen=True)
class Released:
    """released: the keys. stopped: the plan is still stopped as a whole. waits: it was not applied to its end yet."""

    pipeline: str
    plan_id: str
    released: tuple[str, ...]
    verdict_lifted: bool
    stopped: bool
    waits: bool


def release(
    pipeline: str,
    plan: str,
    reason: str,
    *,
    keys: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    verdict: bool = False,
) -> Released:
    """Lift a plan's verdict, let held rows of it through by key or kind, or both. Raises UsageError for neither."""
    _something_named(keys, kinds, verdict=verdict)
    lasts = timedelta(days=RetentionSettings.read().release_days)
    files, released = environment.plan_files(), list[str]()
    with open_ledger() as ledger:
        plan_id = ledger.plan(plan)["id"]
        if verdict:
            releasing.lift(ledger, files, plan_id, reason, lasts=lasts)
        if keys or kinds:
            released = releasing.release(ledger, files, plan_id, keys, reason, kinds=kinds, lasts=lasts)
        known = ledger.plan(plan_id)
        waits = known["state"] != "done"
        stopped = known["verdict"] != "clear" and waits and not releasing.is_lifted(ledger, plan_id)
    return Released(pipeline, plan_id, tuple(released), verdict, stopped, waits)


@dataclass(frozen=True)
class Forgotten:
    pipeline: str
    forgotten: tuple[str, ...]


def reset(pipeline: str, key: str) -> Forgotten:
    """Forget what is known of one key; the next plan compares with the live target. Raises UsageError for an unknown key."""
    with open_ledger() as ledger:
        accounts = PIPELINES[pipeline].accounts
        forgotten = [k for k in sorted(of(pipeline).full_keys([key])) if sum(ledger.forget(a, k) for a in accounts)]
    if not forgotten:
        raise UsageError(f"nothing is known of {key!r} on {account(pipeline)}.{meant_one_of(keys_like(pipeline, key))}")
    return Forgotten(pipeline, tuple(forgotten))


# --- keys that a person may have meant ------------------------------------------------------------------------------------


def keys_like(pipeline: str, key: str) -> tuple[str, ...]:
    """Return what is known of a pipeline under names much like this one, the likest first."""
    questions = of(pipeline)
    with open_ledger() as ledger:
        known = reports.known_keys(ledger, PIPELINES[pipeline].accounts)
    last_parts = {each.rpartition("/")[2] for each in known}
    found = nearest(key, {*known, *last_parts, *questions.names()})

    def leads_somewhere(name: str) -> bool:
        keys = questions.full_keys([name])
        return bool(keys & known or questions.mapped_keys(keys))

    return tuple(filter(leads_somewhere, found))
