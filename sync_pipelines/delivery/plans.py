"""Plans as files: immutable Parquet, one row per planned change, sealed into the ledger with the guards' verdict."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from sync_pipelines.delivery import guards, tables
from sync_pipelines.delivery.clock import stamp
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import (
    Action,
    Change,
    Counts,
    DeliveryError,
    Fields,
    GuardFinding,
    HeldKind,
    Live,
    RequestRefused,
    Target,
)
from sync_pipelines.delivery.tables import put
from sync_pipelines.duck import CHUNK, quoted, reading
from sync_pipelines.exact_json import dumps, loads

COLUMNS = pa.schema(
    [
        ("row", pa.int64()),
        ("key", pa.string()),
        ("parent", pa.string()),
        ("action", pa.string()),
        ("held", pa.string()),
        ("holds", pa.string()),
        ("reason", pa.string()),
        ("before", pa.string()),
        ("after", pa.string()),
        ("before_print", pa.string()),
        ("after_print", pa.string()),
        ("remote_id", pa.string()),
        ("steps", pa.string()),
        ("undo_note", pa.string()),
        ("undoes", pa.string()),
    ]
)
"""`held`: the kind of reason a row is held for, null when it may go; `holds`: all of them, with commas between. `before`,
`after`: whole images as JSON. `undo_note`: why it could not be taken back. `undoes`: the value it takes back, as the ledger keeps
values."""


class PlanFileLost(DeliveryError):
    """The file of a plan is not there, or not as it was sealed."""


@dataclass(frozen=True)
class Plan:
    """A sealed plan. `verdict` is clear or stopped; `findings` say why, guard by guard."""

    id: str
    pipeline: str
    account: str
    verdict: str
    findings: tuple[GuardFinding, ...]
    counts: Counts
    path: Path
    undo_of: str | None = None
    scope: str = ""
    """The partition that it speaks for; empty: the whole account."""


@dataclass(frozen=True)
class PlannedRow:
    key: str
    parent: str
    action: Action
    before: Fields | None
    after: Fields | None
    remote_id: str | None = None
    steps: tuple[str, ...] = ()
    holds: tuple[tuple[HeldKind, str], ...] = ()
    """Every reason to hold the row, with what it says; none: it may go."""
    before_print: str | None = None
    after_print: str | None = None
    """Fingerprints of the images, where they are known already."""
    undoes: str | None = None
    texts: tuple[str | None, str | None] = (None, None)
    """The images as JSON, where they are known already."""


def value_of(before_print: str, after_print: str) -> str:
    """What a release is bound to: the value seen at the target and the value that would replace it."""
    return f"{before_print}>{after_print}"


class PlanFiles:
    """The folder of plan files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, plan_id: str) -> Path:
        return self.folder / f"{plan_id}.parquet"

    def check_seal(self, row: Mapping[str, Any]) -> None:
        """Compare a plan's file with the ledger's row of it. Raises PlanFileLost when it is not there or was changed.

        Plans of earlier versions have no seal: of these only the presence of the file is checked.
        """
        path = self.path(row["id"])
        if not path.exists():
            raise PlanFileLost(f"the file of plan {row['id']} is not there any more ({path}). {_NEW_PLAN}")
        if row["seal"] is not None and seal_of(path) != row["seal"]:
            raise PlanFileLost(
                f"the file of plan {row['id']} is not as it was sealed ({path}): what was looked at is not what it holds now. "
                f"{_NEW_PLAN}"
            )

    def query(self, plan_id: str, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of a query over the plan, which it calls `plan`. Raises PlanFileLost when the file cannot be read."""
        return [row for part in self.stream(plan_id, sql, parameters) for row in part]

    def stream(self, plan_id: str, sql: str, parameters: Sequence[Any] = ()) -> Iterator[list[dict[str, Any]]]:
        """The same, a chunk of rows at a time."""
        path = self.path(plan_id)
        try:
            with reading() as reader:
                plan = f"WITH plan AS (SELECT * FROM read_parquet('{quoted(path)}'))"
                for batch in reader.sql(f"{plan} {sql}", params=list(parameters)).to_arrow_reader(CHUNK):
                    yield batch.to_pylist()
        except (duckdb.IOException, duckdb.InvalidInputException) as e:
            raise PlanFileLost(f"the file of plan {plan_id} cannot be read ({path}): {e}. {_NEW_PLAN}") from e

    def changes(self, plan_id: str, rows: Sequence[int]) -> list[Change]:
        planned = self.query(plan_id, "SELECT * FROM plan WHERE row IN (SELECT unnest(?)) ORDER BY row", [list(rows)])
        return [change_from(r) for r in planned]


_NEW_PLAN = "Nothing was sent. Make a new plan; the next one that is applied closes this one."


def seal_of(path: Path) -> str:
    """The hash of a plan's file, byte by byte."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def change_from(row: Mapping[str, Any], live: Live | None = None, remote_id: str | None = None) -> Change:
    """A row of a plan file as the change it stands for."""
    return Change(
        row=row["row"],
        key=row["key"],
        parent=row["parent"],
        action=row["action"],
        before=live.fields if live is not None and row.get("live") == row["before"] else loads(row["before"]),
        after=loads(row["after"]),
        remote_id=remote_id or row["remote_id"],
        steps=step_names(row["steps"]),
        live=live,
        before_print=row["before_print"],
        after_print=row["after_print"],
        undoes=row.get("undoes"),
    )


@lru_cache(maxsize=256)
def step_names(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


@lru_cache(maxsize=256)
def step_text(names: tuple[str, ...]) -> str:
    return json.dumps(names)


class PlanWriter:
    """Writes rows as they are decided, counts them, and seals the file."""

    def __init__(self, files: PlanFiles, target: Target) -> None:
        self.files, self.target = files, target
        files.folder.mkdir(parents=True, exist_ok=True)
        self._draft = files.folder / f".draft-{os.getpid()}-{id(self):x}.parquet"
        self._writer = pq.ParquetWriter(self._draft, COLUMNS, compression="zstd")
        self._pending: list[tuple[Any, ...]] = []
        self._hash = blake2b(digest_size=10)
        self._rows = 0
        self.numbers: dict[str, Counter[str]] = {}
        self.held: dict[str, Counter[str]] = {}

    def count(self, parent: str, what: str, n: int = 1) -> None:
        self.numbers.setdefault(parent, Counter())[what] += n

    def add(self, row: PlannedRow) -> None:
        images = zip((row.before, row.after), row.texts, strict=True)
        before, after = (None if image is None else text or dumps(image) for image, text in images)
        rules = self.target.rules
        before_print = rules.print(row.before) if row.before_print is None else row.before_print
        after_print = rules.print(row.after) if row.after_print is None else row.after_print
        reverse = None
        if row.action != "adopt":
            change = Change(self._rows, row.key, row.parent, row.action, row.before, row.after, row.remote_id, row.steps)
            reverse = self.target.reverse(change)
        steps = step_text(row.steps)
        holds = ",".join(kind for kind, _ in row.holds) or None
        held = row.holds[0][0] if row.holds else None
        stored = (
            self._rows,
            row.key,
            row.parent,
            row.action,
            held,
            holds,
            "; ".join(why for _, why in row.holds),
            before,
            after,
            before_print,
            after_print,
            row.remote_id,
            steps,
            reverse if isinstance(reverse, str) else None,
            row.undoes,
        )
        self._hash.update(repr(stored).encode())
        self._pending.append(stored)
        self._rows += 1
        self.count(row.parent, "held" if held else row.action)
        if held:
            self.held.setdefault(row.parent, Counter())[held] += 1
        if len(self._pending) >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            columns = [pa.array(c, f.type) for c, f in zip(zip(*self._pending, strict=True), COLUMNS, strict=True)]
            self._writer.write_table(pa.table(columns, schema=COLUMNS))
            self._pending.clear()

    def counts(self) -> Counts:
        def counted(numbers: Counter[str], held: Counter[str], by_parent: dict[str, Counts]) -> Counts:
            fields: dict[str, Any] = dict(numbers)
            return Counts(**fields, held_by_kind=dict(held), by_parent=by_parent)

        parents = {p: counted(numbers, self.held.get(p, Counter()), {}) for p, numbers in self.numbers.items()}
        return counted(sum(self.numbers.values(), Counter()), sum(self.held.values(), Counter()), parents)

    def seal(
        self,
        ledger: Ledger,
        *,
        pipeline: str,
        extract: str,
        findings: Sequence[GuardFinding],
        run: str,
        valid_for: timedelta,
        undo_of: str | None = None,
        partial: bool = False,
        scope: str = "",
        ends: Mapping[str, Sequence[str]] | None = None,
    ) -> Plan:
        """Close the file, name it by what it holds, and enter it in the ledger with its number and the hash of its file.

        The same content gives the same plan, until something else was applied.
        """
        self._flush()
        self._writer.close()
        counts, verdict, account = self.counts(), guards.verdict(findings), self.target.account
        p = tables.plan.c
        begun = sa.select(sa.func.max(p.seq)).where(p.account == account, p.state != "sealed")
        # What was applied last is part of the identity: the same change may be due again after it was undone or overwritten.
        said = [self.target.name, account, extract, scope, verdict, undo_of, ledger.value(begun) or 0]
        self._hash.update(dumps(said).encode())
        plan_id = self._hash.hexdigest()
        path, seal = self.files.path(plan_id), seal_of(self._draft)
        _sync(self._draft)
        self._draft.replace(path)
        _sync(self.files.folder)
        now = ledger.clock.now()
        row = {
            "id": plan_id,
            "pipeline": pipeline,
            "account": account,
            "extract": extract,
            "state": "sealed",
            "verdict": verdict,
            "findings": json.dumps(guards.as_json(findings)),
            "counts": json.dumps(asdict(counts)),
            "seal": seal,
            "owned": json.dumps(self.target.owned()),
            "partial": int(partial or undo_of is not None),
            "undo_of": undo_of,
            "ends": json.dumps(ends or {}),
            "run": run,
            "scope": scope,
            "sealed_at": stamp(now),
            "expires_at": stamp(now + valid_for),
        }
        newest = sa.select(sa.func.coalesce(sa.func.max(p.seq), 0)).where(p.account == account)
        with ledger.write() as tx:
            state = tx.execute(sa.select(p.state).where(p.id == plan_id)).scalar()
            if state not in (None, "sealed"):
                raise DeliveryError(f"plan {plan_id} was begun while it was made again. Nothing was sent; make a new plan.")
            put(tx, tables.plan, [{**row, "seq": tx.execute(newest).scalar_one() + 1}])  # made again, it waits anew
        return Plan(plan_id, pipeline, account, verdict, tuple(findings), counts, path, undo_of, scope)

    def discard(self) -> None:
        self._writer.close()
        self._draft.unlink(missing_ok=True)

    def __enter__(self) -> PlanWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.discard()


def counts_of(row: Mapping[str, Any]) -> Counts:
    """The numbers of a plan as the ledger remembers them."""
    numbers = json.loads(row["counts"])
    by_parent = {p: Counts(**c) for p, c in numbers.pop("by_parent").items()}
    return Counts(**numbers, by_parent=by_parent)


def stored(files: PlanFiles, row: Mapping[str, Any]) -> Plan:
    """A plan as the ledger remembers it."""
    findings = tuple(GuardFinding(f["guard"], f["state"], f["message"]) for f in json.loads(row["findings"]))
    return Plan(
        row["id"],
        row["pipeline"],
        row["account"],
        row["verdict"],
        findings,
        counts_of(row),
        files.path(row["id"]),
        row["undo_of"],
        row["scope"] or "",
    )


def newest_unless_done(ledger: Ledger, account: str, scope: str) -> tuple[str, Counts] | None:
    """The newest plan of a scope and its numbers, undos left aside; None where that one is applied, or there is none."""
    p = tables.plan.c
    of_scope = sa.select(p.id, p.counts, p.state).where(p.account == account, p.scope == scope, p.undo_of.is_(None))
    plan = ledger.row(of_scope.order_by(p.seq.desc()))
    return None if plan is None or plan["state"] == "done" else (str(plan["id"]), counts_of(plan))


def is_first(ledger: Ledger, account: str) -> bool:
    """Whether no whole plan of this account was ever applied to its end: then there is nothing to compare a plan with."""
    p = tables.plan.c
    return ledger.row(sa.select(p.id).where(p.account == account, p.state == "done", p.partial == 0)) is None


def newest_waiting(ledger: Ledger, account: str, pipeline: str, scope: str = "") -> str:
    """The newest plan that was sealed and not applied. Raises DeliveryError when there is none."""
    p = tables.plan.c
    waiting = sa.select(p.id).where(p.account == account, p.state != "done", p.undo_of.is_(None))
    waiting = waiting.where(sa.func.coalesce(p.scope, "") == scope)
    plan = ledger.row(waiting.order_by(p.seq.desc()))
    if plan is None:
        raise RequestRefused(f"no plan waits for {account}. Make one: sync-pipelines preview {pipeline}.")
    return str(plan["id"])


def worst_first(files: PlanFiles, plan_id: str, rows: int = 20) -> Iterator[dict[str, Any]]:
    """The rows a person should look at first: held ones, removals, updates, creates."""
    order = "CASE WHEN held IS NOT NULL THEN 0 WHEN action='remove' THEN 1 WHEN action='update' THEN 2 ELSE 3 END"
    yield from files.query(plan_id, f"SELECT * FROM plan ORDER BY {order}, row LIMIT {int(rows)}")


def _sync(path: Path) -> None:
    """Make a file, or the names in a folder, last through a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
