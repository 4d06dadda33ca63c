"""What people and programs hold on to: the graph, the jobs with their configuration, what runs report, the help of every command.

It lies in fixtures/frozen/. What changes there changes for users: look at the difference, then write it with
`FREEZE=1 pytest sync_pipelines_tests/test_definitions.py`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import typer
from typer.testing import CliRunner

FOLDER = Path(__file__).parent / "fixtures" / "frozen"


def graph(defs: dg.Definitions) -> dict[str, Any]:
    """Assets, checks, jobs, schedules and sensors, by name."""
    repository, assets = defs.get_repository_def(), defs.resolve_asset_graph()
    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    return {
        "assets": {key: _asset(spec, assets.get(spec.key)) for key, spec in sorted(specs.items())},
        "checks": {
            key.to_user_string(): {"blocking": (spec := assets.get_check_spec(key)).blocking, "description": spec.description}
            for key in sorted(assets.asset_check_keys, key=lambda key: key.to_user_string())
        },
        "jobs": {name: _job(repository.get_job(name)) for name in sorted(repository.job_names) if not name.startswith("__")},
        "schedules": {
            s.name: {
                "cron": s.cron_schedule,
                "time zone": s.execution_timezone,
                "job": s.job_name,
                "status": s.default_status.value,
                "description": s.description,
            }
            for s in sorted(repository.schedule_defs, key=lambda s: s.name)
        },
        "sensors": {
            s.name: {"jobs": sorted(t.job_name for t in s.targets), "status": s.default_status.value}
            for s in sorted(repository.sensor_defs, key=lambda s: s.name)
        },
    }


def _asset(spec: dg.AssetSpec, node: Any) -> dict[str, Any]:
    partitions = node.partitions_def
    return {
        "description": spec.description,
        "group": spec.group_name,
        "kinds": sorted(spec.kinds),
        "owners": list(spec.owners),
        "deps": sorted(key.to_user_string() for key in node.parent_keys),
        "partitions": partitions and [type(partitions).__name__, getattr(partitions, "name", None)],
        "metadata": sorted(name for name in spec.metadata if not name.startswith("dagster/code")),
        "freshness": repr(node.freshness_policy) if getattr(node, "freshness_policy", None) else None,
        "executable": node.is_executable,
    }


def _job(job: dg.JobDefinition) -> dict[str, Any]:
    selected = job.asset_layer.executable_asset_keys
    return {
        "assets": sorted(key.to_user_string() for key in selected),
        "tags": dict(sorted(job.tags.items())),
        "description": job.description,
        "partitions": job.partitions_def and type(job.partitions_def).__name__,
        "options": {
            node.name: sorted(node.definition.config_schema.config_type.fields)
            for node in sorted(job.nodes, key=lambda node: node.name)
            if isinstance(node.definition, dg.OpDefinition) and hasattr(node.definition.config_schema.config_type, "fields")
        },
    }


def reported(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """What a run told of each asset: the names of its metadata, and its checks."""
    found: dict[str, Any] = {}
    for event in result.get_asset_materialization_events():
        names = sorted(event.materialization.metadata)
        found.setdefault(event.materialization.asset_key.to_user_string(), {})["metadata"] = names
    for check in result.get_asset_check_evaluations():
        of = found.setdefault(check.asset_key.to_user_string(), {})
        of.setdefault("checks", []).append(check.check_name)
        of["checks"].sort()
    return dict(sorted(found.items()))


def helps() -> str:
    """The help of every command, one after the other."""
    from sync_pipelines.operations.cli.root import app

    pages, wide = [], {"COLUMNS": "120", "TERM": "dumb", "NO_COLOR": "1"}
    for words in _commands(typer.main.get_command(app), ()):
        page = CliRunner(env=wide).invoke(app, [*words, "--help"]).stdout
        pages.append("\n".join(line.rstrip() for line in page.splitlines()).strip())
    return "\n\n".join(pages) + "\n"


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield words
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _commands(inner, (*words, name))


def assert_frozen(name: str, found: Any) -> None:
    """Compare with what was written before; with FREEZE=1 in the environment, write it anew."""
    text = found if isinstance(found, str) else json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    file = FOLDER / name
    if os.environ.get("FREEZE") == "1":
        FOLDER.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
