"""What a pipeline is: its declaration, and what it brings for each target that it writes to.

Plain Python. A declaration is cheap to read: it names settings, keys and texts. What a run needs beyond that (a writer, the
questions) is given as a function that imports it, so that `--help` and `status` load neither.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from sync_pipelines.errors import UsageError
from sync_pipelines.settings import AccountSection, Section

if TYPE_CHECKING:
    from sync_pipelines.delivery.applying import Patience, Report
    from sync_pipelines.delivery.ledger import Ledger
    from sync_pipelines.delivery.model import Target
    from sync_pipelines.delivery.plans import Plan
    from sync_pipelines.pipelines.observations import Observation
    from sync_pipelines.pipelines.session import Session


T = TypeVar("T", bound="Target")


class Markdown(str):
    """Text for the UI that is Markdown; every value in it was escaped."""


@dataclass(frozen=True)
class Check:
    """Something that is looked at whenever an asset is materialized. blocking: what comes after it waits until it holds."""

    name: str
    description: str
    blocking: bool = False


@dataclass(frozen=True)
class Checked:
    """What a check found. details: Markdown. warn: a failure is worth a look, and stops nothing.

    failure: what the run's message says where it did not pass, if that is another text.
    """

    check: Check
    passed: bool
    text: str
    details: str = ""
    warn: bool = False
    failure: str = ""

    @property
    def reason(self) -> str:
        """Why it did not pass, as plain text; "" where it did."""
        return "" if self.passed else self.failure or self.text or self.check.description


@dataclass(frozen=True)
class Extra:
    """What a pipeline adds to what is said of every plan.

    metadata: for the UI; numbers, text, `Markdown`, paths. checks: results of the checks that the write declares.
    """

    metadata: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[Checked, ...] = ()


@dataclass(frozen=True)
class Applied(Extra):
    """Extra, after a plan was applied. reports: of further plans that were applied with it. counts: of further rows."""

    reports: tuple[Report, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PlanRequest:
    """What a plan is asked for. only: just these keys, as people name them. scope: the partition, "" for the whole account.

    A pipeline with options of its own adds fields with defaults; they are the options of the plan's step.
    """

    only: tuple[str, ...] = ()
    scope: str = ""


class Writer(ABC, Generic[T]):
    """How one target is planned and written: what differs between pipelines. `plan_and_apply` has the order of the steps."""

    @abstractmethod
    def target(self, session: Session) -> T:
        """Return the target, with its client. The steps of a run share what it learned where that saves calls."""

    @abstractmethod
    def make_plan(self, session: Session, request: Any) -> Plan:
        """Make and seal the plan. Sends nothing that changes anything. `request`: of the write's own type."""

    @abstractmethod
    def readable(self, row: Mapping[str, Any]) -> Mapping[str, str]:
        """Return a planned row for people: key, what happens, what changes, why."""

    @abstractmethod
    def least_calls(self, session: Session, target: T, plan: Plan, report: Report | None, limit: int | None) -> None:
        """Note on the session's meter the least calls that the plan takes: to make it, or (with a report) to apply it too."""

    def target_for(self, session: Session, plan: Plan) -> T:
        """Return the target as the plan compared it."""
        return self.target(session)

    def target_to_undo(self, session: Session) -> T:
        """Return the target with every field that any plan may have written."""
        return self.target(session)

    def patience(self) -> Patience | None:
        """Return how long a run waits for the vendor; None for what is usual."""
        return None

    def most(self, session: Session) -> int | None:
        """Return how many changes a run sends at most; the rest is left to the next plan. None: all of them."""
        return None

    def turn(self, session: Session) -> float:
        """Return for how many seconds to wait while another run writes to the account."""
        return 0.0

    def begin(self, session: Session, request: Any) -> None:
        """Do what comes before a plan is made, and before what earlier runs left in doubt is settled."""

    def settled(self, session: Session, target: T) -> None:
        """Do what comes once nothing is in doubt, in a run that goes on to write."""

    def planned(self, session: Session, target: T, plan: Plan, request: Any) -> Extra:
        return Extra()

    def begin_applying(self, session: Session, target: T, plan: Plan) -> None:
        """Do what comes before the first call that changes something. Raises DeliveryError where the plan has to wait."""

    def applied(self, session: Session, target: T, plan: Plan, report: Report) -> Applied:
        return Applied()

    def ended(self, session: Session, counts: Mapping[str, int]) -> tuple[Mapping[str, int], str]:
        """Return the outcomes that decide whether all ended well, and how the check words them ("" for a plain list)."""
        return counts, ""


EVERY_ROW_ENDED_WELL = Check("every_row_ended_well", "no row was rejected, failed, drifted or is still in doubt", blocking=True)
GUARDS = Check("guards", "the guards' verdict, sealed into the plan; a stopped plan is not applied", blocking=True)
NOTHING_HELD = Check("nothing_waits_for_a_person", "no row of the plan is held back")


@dataclass(frozen=True)
class Fresh:
    """How old an asset may be before the UI says so: first as a warning, then as a failure."""

    fail: timedelta
    warn: timedelta | None = None


@dataclass(frozen=True)
class Write:
    """One target that a pipeline writes to.

    plan, applies: keys of the asset with the plan, and of the one it is applied to; written here and nowhere else.
    vendor: whose calls it takes, as the call meter names them. account: whose data it is, as the ledger knows it.
    planned_from: keys of the assets that the plan is made from. after: keys of what is written before it. reads: keys of all that
    is read and mapped before the plan is made, where that is not the pipeline's whole `preview`.
    as_planned: name of the check that holds what was written against the plan, where the target shows it at once.
    """

    plan: str
    applies: str
    vendor: str
    account: Callable[[], str]
    writer: Callable[[], Writer[Any]]
    planned_from: tuple[str, ...]
    plan_is: str
    applied_is: str
    kinds: frozenset[str]
    request: type[PlanRequest] = PlanRequest
    after: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    plan_checks: tuple[Check, ...] = ()
    checks: tuple[Check, ...] = ()
    ended_well: Check = EVERY_ROW_ENDED_WELL
    as_planned: str = ""
    fresh: Fresh | None = None

    @property
    def assets(self) -> tuple[str, str]:
        return self.plan, self.applies


@dataclass(frozen=True)
class Credential:
    """A variable that holds a secret, or says which account is meant. asked: whether `init` asks for it."""

    variable: str
    what: str
    default: str = ""
    secret: bool = False
    optional: bool = False
    asked: bool = True


@dataclass(frozen=True)
class Job:
    """A job beside preview, sync, apply and undo. options: per asset, what its step is told."""

    verb: str
    description: str
    assets: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Chain:
    """Some writes of a pipeline that go together, and apart from the others: in a job of their own, at the same time as the
    others, and whatever became of these."""

    name: str
    description: str
    writes: tuple[Write, ...]


def job_name(pipeline: str, verb: str, chain: str = "") -> str:
    """The name of a job in Dagster."""
    return "_".join(filter(None, (verb, pipeline, chain)))


def verb_of(verb: str, chain: str = "") -> str:
    """What a run did, as the ledger remembers it: `sync`, or `sync stock` of a pipeline that goes in chains."""
    return f"{verb} {chain}".strip()


@dataclass(frozen=True)
class Days:
    """Days as the partitions of what a pipeline reads.

    offered: returns the first day that is offered now, and the time zone that says where a day begins. It changes nothing.
    offering: as long as the block lasts, offer the days from this one on, for a run that reads them; what it reads is offered
    from then on. Raises UsageError for a day that is earlier than the settings allow.
    """

    offered: Callable[[], tuple[date, str]]
    offering: Callable[[date], AbstractContextManager[None]]


@dataclass(frozen=True)
class Cron:
    """A schedule in UTC. It ships stopped. verb: of the job that it runs. chain: which of them, where a pipeline has several."""

    name: str
    verb: str
    cron: str
    description: str
    chain: str = ""


@dataclass(frozen=True)
class Written:
    """What an export wrote. rows: in all of its files. counts: what else to say of them, by what was counted."""

    rows: int
    files: tuple[Path, ...]
    counts: Mapping[str, int] = field(default_factory=dict)


class Questions(Protocol):
    """What a person can ask of a pipeline outside a run. Nothing here changes anything but the files that `export` writes."""

    def ready(self) -> None:
        """Look at what a run will need before anything heavy is loaded. Raises what is missing."""

    def source_options(self, refresh: str, from_csv: Path | None) -> dict[str, Any]:
        """Return how to read the source, as configuration of the steps. Raises UsageError for what cannot be read that way."""

    def validate(self, *, deep: bool) -> list[Observation]:
        """Log in and look at the rights; with `deep`, which assumed facts about the vendors hold here."""

    def full_keys(self, named: Collection[str]) -> set[str]:
        """Return the ledger's keys for what a person named."""

    def names(self) -> Collection[str]:
        """Return what else people call the records that were last mapped: order names, ASINs, SKUs; none where a key says it."""

    def mapped_keys(self, keys: Collection[str]) -> set[str]:
        """Return those of these keys that the source had when it was last mapped."""

    def dropped(self) -> Collection[str]:
        """Return the partitions that have a file to read now; none for a pipeline that does not work file by file."""

    def source(self, key: str) -> dict[str, Any]:
        """Return the source rows and mapped rows of one key, from the warehouse."""

    def live(self, keys: set[str]) -> dict[str, Any]:
        """Return what the target holds now under these keys. Raises VendorError and its kin."""

    def rejects(self, limit: int, partition: str = "") -> tuple[Mapping[str, int], list[dict[str, Any]]]:
        """Return how many source rows a person has to look at, by state (rejected, conflict, …), and the first of them.

        partition: only of this file, for a pipeline that works file by file. This is the rule that `errors`, `status` and
        every run count source rejects by.
        """

    def readable(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return a planned row for people, without personal data."""

    def export(self, output: Path, form: str) -> Written:
        """Write what should be where, what was put there and when, as CSV; of what is only mirrored, the mirror.

        form: of the file, for a pipeline that has several (its option `format`); "" for what its name says.
        """

    def more_status(self, ledger: Ledger) -> dict[str, Any]:
        """Return what this pipeline adds to `status`."""


@dataclass(frozen=True)
class Pipeline:
    """A pipeline. Everything else that names it is derived from this.

    name: of its folder, its group in the UI and its jobs. short: what its own commands are called under.
    title, about: for people, in a few words and in a sentence. owners: teams, as Dagster writes them.
    settings: every section that a run of it reads. rights: those whose accounts it needs the right to write to.
    sources: module with the assets that it reads, and sensors and schedules of its own; loaded by Dagster only.
    mirrors: module with the tables of the collections that it mirrors, `COLLECTIONS`, and their `VENDOR`.
    own_crons: what `sources` has schedules of its own for.
    environment: what to know of these variables, for .env.example.
    preview: keys of what is read and mapped before the plans are made. writes: its targets, in their order. chains: how these
    are synced, where not all in one go.
    previews, syncs, undoes: what its jobs do, for people. partitions: the name under which Dagster keeps its files, where each
    is planned and applied alone. days: the days by which its sources that have partitions are read. sensors: those that `dev`
    starts.
    options: those of the general commands that only some pipelines have. commands: module with a typer app of its own.
    pause: how long after a good sync another one has to be forced.
    """

    name: str
    short: str
    title: str
    about: str
    owners: tuple[str, ...]
    settings: tuple[type[Section], ...]
    sources: str
    mirrors: str = ""
    crons: tuple[Cron, ...] = ()
    own_crons: tuple[Cron, ...] = ()
    jobs: tuple[Job, ...] = ()
    credentials: tuple[Credential, ...] = ()
    environment: str = ""
    rights: tuple[type[AccountSection], ...] = ()
    writes: tuple[Write, ...] = ()
    chains: tuple[Chain, ...] = ()
    preview: tuple[str, ...] = ()
    questions: Callable[[], Questions] | None = None
    previews: str = "Read both systems and plan. Sends nothing that changes anything."
    syncs: str = "Read, plan, and apply the plan if its guards are clear."
    undoes: str = ""
    partitions: str | None = None
    days: Days | None = None
    options: frozenset[str] = frozenset()
    sensors: tuple[str, ...] = ()
    commands: str | None = None
    pause: Callable[[], timedelta] = timedelta

    @property
    def undo_step(self) -> str:
        """The step of its undo job, under which a run's configuration names the plans."""
        return f"take_back_{self.name}"

    @property
    def systems(self) -> list[str]:
        """The vendors that it needs the right to write to, as `account_of` knows them; none where it writes nowhere."""
        return [section.system for section in self.rights]

    @property
    def accounts(self) -> list[str]:
        """The accounts that it writes to, in the order it does."""
        return [write.account() for write in self.writes]

    @property
    def syncs_as(self) -> list[str]:
        """What its syncs are remembered as: one word, or one for each chain."""
        return [verb_of("sync", chain.name) for chain in self.chains] or ["sync"]

    def source_rejects(self, partition: str = "") -> int:
        """Return how many source rows a person has to look at, as last mapped; 0 for a pipeline that writes nowhere."""
        return sum(self.questions().rejects(0, partition)[0].values()) if self.questions else 0

    def write_to(self, account: str) -> Write:
        """Return the write to an account. Raises UsageError for one that the settings do not point to."""
        for write in self.writes:
            if write.account() == account:
                return write
        raise UsageError(f"that is for {account}; the settings now point to {', '.join(self.accounts)}.")

    def reads(self, writes: Sequence[Write]) -> list[str]:
        """What is read and mapped before these are planned, in the order of `preview`."""
        needed = {key for write in writes for key in write.reads or self.preview}
        return [key for key in self.preview if key in needed]
