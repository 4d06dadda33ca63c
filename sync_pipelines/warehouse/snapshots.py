"""Snapshots: an asset is one Parquet file per account, replaced whole by a rename. Readers never see half a file.

`<data>/warehouse/<vendor>/<asset>/<account>.parquet`, and with partitions `…/<account>/<partition>.parquet`; the account
and what is known of the extract stand in the file's own footer, so that they can never disagree with the rows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sync_pipelines.duck import engine, quoted
from sync_pipelines.errors import SyncError

FOOTER = b"sync_pipelines"
BASE = "base"
"""How the name of the file begins that a keyed log was compacted into."""
COMPACTED = "compacted"
"""The origin of such a file."""


class SnapshotUnreadable(SyncError):
    """A file of the warehouse is damaged; the message names it."""


@dataclass(frozen=True)
class About:
    """What a snapshot says of itself. origin: `api`, or `csv <name>` for a file that was taken in. money: the sum of its
    amounts, where it has any. until: up to when the partition was read, where it was not over yet. gaps: why the source may have
    more than was read; empty for a whole extract. merged: names of the partitions that went into this one, by commas; they may
    still lie beside it for those who had begun to read them."""

    account: str
    at: str
    extract: str = ""
    rows: int = 0
    repeats: int = 0
    origin: str = "api"
    partition: str = ""
    money: str = ""
    until: str = ""
    gaps: str = ""
    merged: str = ""

    @property
    def doubt(self) -> str:
        """Why an extract may not be whole; empty when it is. Where items were repeated, others may have been left out: of
        files of earlier versions, and of a CSV, that is all there is to tell it by."""
        return self.gaps or (f"{self.repeats} rows came twice" if self.repeats else "")

    @property
    def age(self) -> timedelta:
        return datetime.now(UTC) - datetime.fromisoformat(self.at)


@dataclass(frozen=True)
class Staged:
    """A complete Parquet file that is not published yet. The IO manager moves it into place."""

    path: Path
    about: About


@dataclass(frozen=True)
class Published:
    """A snapshot in its place."""

    path: Path
    about: About

    def relation(self, con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        return con.read_parquet(str(self.path))

    def contents(self, *, without: Sequence[str] = ()) -> str:
        """Return a name for what the rows hold in the columns that are not left out; in another order they hold the same."""
        with engine() as con:
            columns = ", ".join(f'"{name}"' for name in self.relation(con).columns if name not in without)
            query = f"SELECT count(*), sum(hash({columns})) FROM read_parquet('{quoted(self.path)}')"
            ((rows, summed),) = con.sql(query).fetchall()
        return f"{rows}-{summed}"


class Warehouse:
    """The files under one data folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def staging(self) -> Path:
        return self.root.parent / "staging"

    def path(self, key: Sequence[str], account: str, partition: str = "") -> Path:
        whole = self.root.joinpath(*key) / account_name(account)
        return whole / f"{partition}.parquet" if partition else whole.with_name(f"{whole.name}.parquet")

    def find(self, key: Sequence[str], account: str, partition: str = "") -> Published | None:
        """The snapshot of this very account, or None. Raises SnapshotUnreadable for a damaged file."""
        path = self.path(key, account, partition)
        if not path.exists():
            return None
        about = read_about(path)
        return Published(path, about) if about.account == account else None

    def partitions(self, key: Sequence[str], account: str) -> list[Published]:
        """Every partition of this very account that counts, in the order of their names: not those that went into another."""
        found = self.all_partitions(key, account)
        bases = [each for each in found if each.about.origin == COMPACTED]
        if not bases:
            return found
        newest = max(bases, key=lambda each: each.about.at)
        over = {*newest.about.merged.split(","), *(each.path.stem for each in bases if each is not newest)}
        return [each for each in found if each.path.stem not in over]

    def all_partitions(self, key: Sequence[str], account: str) -> list[Published]:
        """Every file of this very account, also those that went into another."""
        folder = self.root.joinpath(*key) / account_name(account)
        while True:
            paths = sorted(folder.glob("*.parquet"))
            try:
                found = [Published(path, read_about(path)) for path in paths]
            except SnapshotUnreadable:
                if all(path.exists() for path in paths):
                    raise
                continue  # one was dropped meanwhile: what it held stands in another by now
            return [each for each in found if each.about.account == account]

    def publish(self, key: Sequence[str], staged: Staged) -> Published:
        """Move a staged file into place: durable first, then visible, all at once."""
        target = self.path(key, staged.about.account, staged.about.partition)
        target.parent.mkdir(parents=True, exist_ok=True)
        sync(staged.path)
        staged.path.replace(target)
        sync(target.parent)
        return Published(target, staged.about)

    def write(self, key: Sequence[str], table: pa.Table, about: About) -> Published:
        """Publish a table as a snapshot."""
        with staged_file(self.staging, "-".join(key)) as draft:
            pq.write_table(with_about(table, about), draft, compression="zstd")
            return self.publish(key, Staged(draft, about))

    def assets(self) -> Iterator[tuple[str, str]]:
        """Vendor and name of every asset that anything was published of."""
        for path in sorted(self.root.glob("*/*")):
            yield path.parent.name, path.name

    def files(self, key: Sequence[str], account: str) -> list[Path]:
        """Every file of this account's asset: the snapshot, or its partitions."""
        whole = self.path(key, account)
        if whole.exists():
            return [whole]
        there = sorted(whole.with_suffix("").glob("*.parquet"))
        if any(path.stem.startswith(BASE) for path in there):
            return [each.path for each in self.partitions(key, account)]
        return there


def account_name(account: str) -> str:
    """A file name for an account: readable start, then a hash of the whole."""
    plain = "".join(c if c.isalnum() else "-" for c in account.rsplit("://", maxsplit=1)[-1])[:40].strip("-")
    return f"{plain}-{blake2b(account.encode(), digest_size=5).hexdigest()}"


def with_about(table: pa.Table, about: About) -> pa.Table:
    return table.replace_schema_metadata({FOOTER: json.dumps(asdict(about)).encode()})


def about_in(table: pa.Table) -> About | None:
    """What `with_about` noted in a table."""
    noted = (table.schema.metadata or {}).get(FOOTER)
    return None if noted is None else About(**json.loads(noted))


def read_about(path: Path) -> About:
    """What a file says of itself. Raises SnapshotUnreadable."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
        return About(**json.loads(metadata[FOOTER]))
    except (pa.ArrowInvalid, OSError, KeyError, TypeError, ValueError) as e:
        raise SnapshotUnreadable(
            f"{path} is damaged or not ours ({e}). Delete it and materialize the asset again (catalogue: --refresh always; days "
            "of orders: backfill; changes of orders: sync, then reconcile)."
        ) from e


@contextmanager
def staged_file(folder: Path, name: str) -> Iterator[Path]:
    """A path for a draft; what is left of it is removed afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{os.getpid()}-{datetime.now(UTC):%H%M%S%f}.parquet"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
