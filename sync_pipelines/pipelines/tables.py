"""What the UI is shown: column schemas with units, Markdown in which no cell can break the row or run, verdicts."""

from __future__ import annotations

import re
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
    lines = ["| " + " | ".join(map(escaped, names)) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(escaped(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


_ACTIVE = re.compile(r"[\\`*\[\]!<>&|~#$]|(?<!\w)_|_(?!\w)")
_ADDRESS = re.compile(r"(https?:(?=//)|www(?=\.)|(?<=[\w.+-])@(?=\w))", re.IGNORECASE)
_JOINER = "\u2060"


def escaped(value: Any) -> str:
    """A value as Markdown that shows just this text, in one line: no image, link, HTML or emphasis comes of it.

    Addresses get an invisible joiner: the UI makes links of bare ones, however their signs are written.
    """
    text = "" if value is None else " ".join(str(value).splitlines())
    return _ACTIVE.sub(lambda sign: f"&#{ord(sign[0])};", _ADDRESS.sub(rf"\1{_JOINER}", text))


def shown_counts(counts: Counts) -> dict[str, int]:
    """A plan's counts by action, for metadata and the run's record."""
    return {name: n for name, n in asdict(counts).items() if isinstance(n, int) and name not in ("live", "desired")}


def check_result(
    spec: dg.AssetCheckSpec, passed: bool, text: str, *, details: str = "", warn: bool = False
) -> dg.AssetCheckResult:
    """A check's result with its reason (plain text, then `details`, which are Markdown). `warn`: a failure is worth a look,
    not a stop."""
    severity = dg.AssetCheckSeverity.WARN if warn else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(
        passed=passed,
        check_name=spec.name,
        asset_key=spec.asset_key,
        severity=severity,
        metadata={"what": dg.MetadataValue.md("\n\n".join(filter(None, (escaped(text), details))))},
    )


def listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{state} {n}" for state, n in sorted(counts.items()) if n)
