"""The ledger as it was before it had versions: tables and columns that came one by one are all there afterwards."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WHOLE_NUMBERS = {
    "created",
    "sent",
    "partial",
    "as_planned",
    "read_back",
    "landed",
    "row",
    "pid",
    "source_rejects",
    "rows:extract",
    "repeats",
    "complete",
}

TABLES = {
    "record": ("account key", "hash remote_id state created sent done plan at"),
    "plan": (
        "id",
        "pipeline account extract state verdict findings counts owned partial undo_of run sealed_at expires_at applied_at"
        " as_planned read_back scope",
    ),
    "attempt": (
        "id",
        "plan account run step rows keys key state doubtful handles message intended_at answered_at boot monotonic landed",
    ),
    "outcome": ("plan row", "account key state steps remote_id attempt message at"),
    "release": ("account key value", "plan who why at"),
    "hold": ("account key", "value plan at"),
    "lease": ("account", "host pid born token heartbeat"),
    "run": ("id", "pipeline verb host pid born state plan counts calls message source_rejects started_at ended_at"),
    "extract": ("id", "source account partition rows repeats origin complete run at money"),
    "cursor": ("account name", "value run at"),
    "explained": ("account key", "what told at"),
    "enabled": ("pipeline account", "who at"),
}
INDEXES = ("attempt", "outcome", "plan")


def upgrade() -> None:
    there = sa.inspect(op.get_bind())
    names = set(there.get_table_names())
    for table, (keys, columns) in TABLES.items():
        if table not in names:
            made = (sa.Column(c, _type(table, c), primary_key=c in keys.split()) for c in f"{keys} {columns}".split())
            op.create_table(table, *made, sqlite_with_rowid=False)
            continue
        known = {c["name"] for c in there.get_columns(table)}
        for column in columns.split():
            if column not in known:
                op.add_column(table, sa.Column(column, _type(table, column)))
    for table in INDEXES:
        if table not in names or not there.get_indexes(table):
            op.create_index(f"{table}_by_account_state", table, ["account", "state"])


def _type(table: str, column: str) -> type[sa.types.TypeEngine[Any]]:
    if column == "monotonic":
        return sa.Float
    return sa.Integer if {column, f"{column}:{table}"} & WHOLE_NUMBERS else sa.Text
