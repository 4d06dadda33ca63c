"""A ledger of the version before goes on: nothing that is held today is overwritten, nothing is written a second time.

`fixtures/ledger_0_1` was left by that version: records in every state, an undone value, a release, a plan that waits, a plan
under way with a call in doubt.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync_pipelines.delivery import migrations, tables
from sync_pipelines.delivery.guards import moved_too_far
from sync_pipelines.delivery.lease import Busy, process_start
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.delivery.undoing import make_undo
from sync_pipelines_tests.delivery.memory import Record
from sync_pipelines_tests.delivery.shop import Shop

OLD = Path(__file__).parents[1] / "fixtures" / "ledger_0_1"
WANTED = {"same": 1, "edited": 4, "deleted": 3, "guarded": 10, "theirs": 9, "undone": 12, "half": 1}
MOVE = [moved_too_far(Decimal("0.3"), lambda name: name == "price")]


def old_ledger(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "ledger.db")) as con:
        con.executescript((OLD / "ledger.sql").read_text(encoding="utf-8"))
    return folder / "ledger.db"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """The merchant of the version before, opened by this one."""
    old_ledger(tmp_path)
    shutil.copytree(OLD / "plans", tmp_path / "plans")
    found = Shop(tmp_path, "two_step")
    left = json.loads((OLD / "vendor.json").read_text(encoding="utf-8"))
    found.vendor.records = {key: Record(fields, id_) for key, (fields, id_) in left["records"].items()}
    found.vendor.__dict__["families"] = left["families"]
    found.vendor.next_id = 100
    found.clock.seconds = left["seconds"]
    return found


def held(shop: Shop, plan: object) -> dict[str, str]:
    query = "SELECT key, held FROM plan WHERE held IS NOT NULL"
    return {r["key"]: r["held"] for r in shop.files.query(plan.id, query)}  # type: ignore[attr-defined]


def test_what_was_held_before_is_held_after_and_what_was_equal_is_not_written(shop: Shop) -> None:
    shop.settle()
    plan = shop.plan({**WANTED, "lost": 7}, row_guards=MOVE)
    assert held(shop, plan) == {"edited": "foreign_edit", "deleted": "gone", "undone": "undone"}
    before = shop.prices()
    counts = shop.apply(plan).counts
    assert shop.prices() == before | {"lost": 7}
    assert counts["held"] == 3
    assert shop.vendor.__dict__["families"].keys() >= {"half", "lost"}
    assert not any(step == "doubled" for _, step in shop.vendor.effects)
    again = shop.plan({**WANTED, "lost": 7}, row_guards=MOVE)
    assert (again.counts.changes, again.counts.adopt, again.counts.held) == (0, 0, 3)


def test_an_undone_value_is_sent_once_the_source_wants_something_else(shop: Shop) -> None:
    shop.settle()
    assert shop.sync({"undone": 13}).counts["delivered"] == 1
    assert shop.prices()["undone"] == 13


def test_releases_given_before_have_ended_and_are_listed(shop: Shop) -> None:
    assert [(r["key"], r["ended"]) for r in shop.table("release")] == [("guarded", "upgrade")]
    assert any("guarded" in line for line in shop.ledger.upgraded)
    assert str(shop.folder / "ledger.db.before-0002") in shop.ledger.upgraded[0]


def test_the_copy_holds_what_was_there_before(tmp_path: Path) -> None:
    path = old_ledger(tmp_path)
    before = dump(path)
    Ledger.at(path).close()
    assert dump(tmp_path / "ledger.db.before-0002") == before


def test_a_plan_that_waited_has_to_be_previewed_again(shop: Shop) -> None:
    waits = json.loads((OLD / "vendor.json").read_text(encoding="utf-8"))["waits"]
    with pytest.raises(DeliveryError, match="preview again"):
        shop.apply(waits)
    assert shop.ledger.doubts(shop.target.account) == []  # what was in doubt is settled first
    assert "never" not in shop.prices()


def test_what_an_earlier_version_wrote_can_be_undone(shop: Shop) -> None:
    first = shop.ledger.row(sa.select(tables.plan.c.id).where(tables.plan.c.seq == 1))
    assert first is not None
    undo = make_undo(shop.target, first["id"], ledger=shop.ledger, files=shop.files, run="run").plan
    assert undo.counts.remove == 5


def test_plans_are_numbered_in_the_order_they_were_sealed(shop: Shop) -> None:
    plans = shop.ledger.rows(sa.select(tables.plan.c.seq, tables.plan.c.sealed_at).order_by(tables.plan.c.seq))
    assert [p["seq"] for p in plans] == list(range(1, len(plans) + 1))
    assert [p["sealed_at"] for p in plans] == sorted(p["sealed_at"] for p in plans)


def test_a_migrated_ledger_has_the_tables_of_a_new_one(shop: Shop, tmp_path: Path) -> None:
    new = Ledger.at(tmp_path / "new.db")

    def shape(ledger: Ledger) -> dict[str, object]:
        found = sa.inspect(ledger.engine)
        return {
            t: (
                {c["name"]: str(c["type"]) for c in found.get_columns(t)},
                found.get_pk_constraint(t)["constrained_columns"],
                sorted(i["name"] or "" for i in found.get_indexes(t)),
            )
            for t in found.get_table_names()
        }

    assert shape(shop.ledger) == shape(new)


def test_the_version_in_the_code_is_the_newest_migration() -> None:
    files = sorted(p.stem for p in (Path(migrations.__file__).parent / "versions").glob("v*.py"))
    assert files[-1].startswith(f"v{migrations.HEAD}")


def test_an_older_ledger_that_lacks_columns_gets_them(tmp_path: Path) -> None:
    path = old_ledger(tmp_path)
    with closing(sqlite3.connect(path)) as con:
        for table, column in (("attempt", "landed"), ("plan", "scope"), ("plan", "read_back"), ("extract", "money")):
            con.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        con.execute("ALTER TABLE record ADD COLUMN from_somewhere_else TEXT")
        con.commit()
    assert len(Ledger.at(path).rows(sa.select(tables.record))) == 8


def test_a_ledger_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger.at(path).close()
    with closing(sqlite3.connect(path)) as con:
        con.execute("UPDATE alembic_version SET version_num = '9999'")
        con.commit()
    with pytest.raises(DeliveryError, match="of version 9999; this program knows it up to 0002"):
        Ledger.at(path)


def test_nothing_is_migrated_while_a_run_of_the_version_before_is_writing(tmp_path: Path) -> None:
    import socket

    path = old_ledger(tmp_path)
    with closing(sqlite3.connect(path)) as con:
        values = (
            "memory://shop",
            socket.gethostname(),
            os.getpid(),
            process_start(os.getpid()),
            "token",
            "2026-01-05T00:00:00.000000Z",
        )
        con.execute("INSERT INTO lease (account, host, pid, born, token, heartbeat) VALUES (?, ?, ?, ?, ?, ?)", values)
        con.commit()
    with pytest.raises(Busy, match="of an earlier version"):
        Ledger.at(path)
    with closing(sqlite3.connect(path)) as con:
        assert "sent" in {c[1] for c in con.execute("PRAGMA table_info(record)")}
        con.execute("DELETE FROM lease")
        con.commit()
    assert Ledger.at(path).upgraded


KILLED = """
import os, signal, sys
import sqlalchemy as sa
from pathlib import Path
from sync_pipelines.delivery.ledger import Ledger
left = [int(sys.argv[2])]
def count(*_):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
sa.event.listen(sa.engine.Engine, "before_cursor_execute", count)
Ledger.at(Path(sys.argv[1]))
"""


@pytest.mark.deep
def test_a_migration_killed_at_any_statement_leaves_the_ledger_as_it_was_and_is_made_good(tmp_path: Path) -> None:
    for number in range(200):
        path = old_ledger(tmp_path / str(number))
        before = dump(path)
        ended = subprocess.run([sys.executable, "-c", KILLED, str(path), str(number)], capture_output=True, check=False)
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
        assert dump(path) == before
        ledger = Ledger.at(path)
        assert len(ledger.rows(sa.select(tables.record))) == 8
        ledger.close()
    else:
        raise AssertionError("the migration has more statements than this test tries")
    assert number > 20


@pytest.mark.parametrize("number", [3, 12, 30])
def test_a_killed_migration_leaves_the_ledger_as_it_was(tmp_path: Path, number: int) -> None:
    path = old_ledger(tmp_path)
    before = dump(path)
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path), str(number)], capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert dump(path) == before
    assert Ledger.at(path).upgraded


def dump(path: Path) -> str:
    with closing(sqlite3.connect(path)) as con:
        return "\n".join(con.iterdump())
