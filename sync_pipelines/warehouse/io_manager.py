"""How assets reach the warehouse: frames and relations in, frames and relations out. Never a pickle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa

from sync_pipelines.duck import reading
from sync_pipelines.settings import data_dir
from sync_pipelines.warehouse.snapshots import About, Published, Staged, Warehouse, about_in


class SnapshotIOManager(dg.IOManager):
    """Each asset is a snapshot per account: that of the system which the first part of the asset key names (`account_of`).

    Takes a pandas frame, an Arrow table, a DuckDB relation, a `Staged` file (moved into place) or a `Published` one
    (already there). A table keeps what `with_about` noted of its extract. Gives what the input is annotated with:
    `pd.DataFrame` (Arrow types: DECIMAL stays exact), `pa.Table`, or `Published`, to be read piece by piece.
    """

    def __init__(self, account_of: Callable[[str], str]) -> None:
        self._account_of = account_of

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        key = context.asset_key.path
        if isinstance(obj, Published):
            published = obj
        elif isinstance(obj, Staged):
            published = Warehouse(data_dir() / "warehouse").publish(key, obj)
        else:
            table = as_table(obj)
            account, now, source = (self._account_of(key[0]), datetime.now(UTC).isoformat(), about_in(table) or About("", ""))
            about = About(account, now, source.extract, table.num_rows, origin="derived", gaps=source.doubt)
            published = Warehouse(data_dir() / "warehouse").write(key, table, about)
        context.add_output_metadata(
            {"path": dg.MetadataValue.path(str(published.path)), "dagster/row_count": published.about.rows}
        )

    def load_input(self, context: dg.InputContext) -> Any:
        upstream = context.upstream_output
        if upstream is None or upstream.asset_key is None:
            raise dg.DagsterInvariantViolationError("the warehouse loads assets only")
        key = upstream.asset_key.path
        account = self._account_of(key[0])
        published = Warehouse(data_dir() / "warehouse").find(key, account)
        if published is None:
            raise dg.Failure(f"{'/'.join(key)} was never materialized for {account}. Materialize it first.")
        wanted = context.dagster_type.typing_type
        if wanted is Published:
            return published
        with reading() as con:
            table = published.relation(con).to_arrow_table()
        return table if wanted is pa.Table else table.to_pandas(types_mapper=pd.ArrowDtype)


def as_table(obj: Any) -> pa.Table:
    if isinstance(obj, pd.DataFrame):
        return pa.Table.from_pandas(obj, preserve_index=False)
    if isinstance(obj, duckdb.DuckDBPyRelation):
        return obj.to_arrow_table()
    if isinstance(obj, pa.Table):
        return obj
    raise TypeError(f"an asset gives a frame, an Arrow table or a DuckDB relation, not {type(obj).__name__}")
