"""What the UI is shown: column schemas with units, Markdown in which no cell can break the row or run, verdicts."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg
import pyarrow as pa

from sync_pipelines.delivery.model import Counts


def column_schema(notes: Mapping[str, str], schema: pa.Schema | None = None) -> dg.TableSchema:
    """Columns with their types (text where no schema says otherwise) and what they hold."""
    types = {field.name: str(field.type) for field in schema or ()}
    return dg.TableSchema(
        columns=[dg.TableColumn(name, types.get(name, "string"), description=note) for name, note in notes.items()]
    )


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """At most as many rows as are given, as a Markdown table; "" for none."""
    if not rows:
        return ""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return html.escape(text).replace("|", "\\|").replace("`", "&#96;").replace("\n", " ").replace("\r", " ")


def shown_counts(counts: Counts) -> dict[str, int]:
    """A plan's counts by action, for metadata and the run's record."""
    return {name: n for name, n in asdict(counts).items() if isinstance(n, int) and name not in ("live", "desired")}


def check_result(spec: dg.AssetCheckSpec, passed: bool, text: str, *, warn: bool = False) -> dg.AssetCheckResult:
    """A check's result with its reason; `warn`: a failure is worth a look, not a stop."""
    severity = dg.AssetCheckSeverity.WARN if warn else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(
        passed=passed,
        check_name=spec.name,
        asset_key=spec.asset_key,
        severity=severity,
        metadata={"what": dg.MetadataValue.md(text)},
    )


def listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{state} {n}" for state, n in sorted(counts.items()) if n)
