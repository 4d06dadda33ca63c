"""Several plans, one after another: plans have numbers and seals, records and holds keep their values field by field, a
release is spent.

What was written before keeps its hash under the rule name `v1`. Releases given before have ended: they had no end.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"

_ADDED: dict[str, dict[str, type[sa.types.TypeEngine[Any]]]] = {
    "plan": {"seq": sa.Integer, "seal": sa.Text, "ends": sa.Text},
    "record": {"rules": sa.Text, "fields": sa.Text, "seen": sa.Text, "seq": sa.Integer, "boot": sa.Text, "monotonic": sa.Float},
    "hold": {"fields": sa.Text},
    "attempt": {"settled": sa.Text},
    "lease": {"namespace": sa.Text},
}

_RELEASE = ("id", "account", "key", "kind", "value", "plan", "who", "why", "at", "expires_at", "ended", "ended_at")


def upgrade() -> None:
    for table, columns in _ADDED.items():
        for name, kind in columns.items():
            op.add_column(table, sa.Column(name, kind))
    op.execute(
        """UPDATE plan SET seq = (SELECT count(*) FROM plan AS other WHERE other.account = plan.account
            AND (other.sealed_at < plan.sealed_at OR (other.sealed_at = plan.sealed_at AND other.id <= plan.id)))"""
    )
    op.execute(
        """UPDATE record SET rules = 'v1', boot = '', monotonic = 0,
            seq = coalesce((SELECT seq FROM plan WHERE plan.id = record.plan), 0)"""
    )
    op.execute("UPDATE record SET created = 0, remote_id = NULL WHERE state = 'absent'")  # a life that is over
    op.drop_column("record", "sent")
    _end_releases()
    op.create_index("plan_by_account_seq", "plan", ["account", "seq"])
    op.create_index("release_by_account_key", "release", ["account", "key"])


def _end_releases() -> None:
    """Keep what was said, as ended, and list what might still have been meant."""
    bind = op.get_bind()
    old = bind.execute(sa.text('SELECT * FROM "release"')).mappings().all()
    op.drop_table("release")
    columns = (sa.Column(name, sa.Text, primary_key=name == "id") for name in _RELEASE)
    table = op.create_table("release", *columns, sqlite_with_rowid=False)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    rows = [
        {
            **r,
            "id": f"v1-{n}",
            "kind": "verdict" if r["key"] == "*" else "any",
            "expires_at": now,
            "ended": "upgrade",
            "ended_at": now,
        }
        for n, r in enumerate(old)
    ]
    if rows:
        bind.execute(table.insert(), rows)
    said = context.config.attributes["said"]
    if rows:
        said.append(f"{len(rows)} releases given to an earlier version have ended; what is still to go has to be released again:")
        said += [f"  {r['account']}: {r['key']} (plan {r['plan']}, by {r['who']}: {r['why']})" for r in rows[:20]]
    if len(rows) > 20:
        said.append(f"  and {len(rows) - 20} more: sync-pipelines sql \"SELECT * FROM ledger.release WHERE ended = 'upgrade'\"")
