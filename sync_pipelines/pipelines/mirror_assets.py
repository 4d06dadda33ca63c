"""Mirrors as Dagster has them: one step reads a collection; its table, and each of its parts, is an asset."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from sync_pipelines.pipelines.building import Materialized, column_schema, freshness, metadata, results, specs
from sync_pipelines.pipelines.mirrors import Mirror, Reading, notes_of, notes_of_part
from sync_pipelines.pipelines.resources import RunResource
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import Check, Checked, Fresh

NOTHING_LEFT_OUT = Check("nothing_left_out", "the reading came to its end, and no page left a gap")


@dataclass(frozen=True)
class Mirrored:
    """How the mirrors of one vendor are read. read: brings one up to date. facts: what is shown of a reading."""

    vendor: str
    group: str
    owners: Sequence[str]
    source: dg.AssetSpec
    read: Callable[[Session, Mirror], Reading]
    facts: Callable[[Session, Mirror, Reading], Mapping[str, Any]]
    is_read: Callable[[Mirror], bool] = lambda _: True


def mirror_asset(how: Mirrored, mirror: Mirror, fresh: Fresh, after: Sequence[Mirror] = ()) -> dg.AssetsDefinition:
    """The asset of a mirror, with those of its parts. after: mirrors that are read before it."""
    own = [how.vendor, mirror.name]
    parts = {part.name: part for part in mirror.parts}

    def spec(name: str, about: str, notes: Mapping[str, str], deps: Sequence[Any]) -> dg.AssetSpec:
        return dg.AssetSpec(
            [how.vendor, name],
            deps=deps,
            skippable=True,
            group_name=how.group,
            kinds={how.vendor, "parquet"},
            owners=list(how.owners),
            freshness_policy=freshness(fresh),
            description=about,
            metadata={"dagster/column_schema": column_schema(notes)},
        )

    upstream: list[Any] = [[how.vendor, other.name] for other in after] or [how.source]
    declared = [
        spec(part.name, part.about, notes_of_part(part), upstream if part.name == mirror.name else [own])
        for part in parts.values()
    ]
    if mirror.name not in parts:
        declared.insert(0, spec(mirror.name, mirror.about, notes_of(mirror), upstream))

    @dg.multi_asset(name=f"{how.vendor}__{mirror.name}", specs=declared, check_specs=specs(own, [NOTHING_LEFT_OUT]))
    def mirrored(context: dg.AssetExecutionContext, run: RunResource) -> Iterator[Any]:
        session = run.session
        session.note(pipeline=how.group)
        if not how.is_read(mirror):
            context.log.info("%s is left out by the settings", mirror.name)
            return
        reading = how.read(session, mirror)
        facts = how.facts(session, mirror, reading)
        session.count("/".join(own), {"read": reading.read})
        check = Checked(NOTHING_LEFT_OUT, not reading.gaps, "; ".join(reading.gaps))
        for declared_spec in declared:
            name = declared_spec.key.path[-1]
            rows = facts[name] if name in parts else facts["rows"]
            own_facts = facts if name == mirror.name else {}
            yield Materialized(
                asset_key=declared_spec.key,
                metadata=metadata({"dagster/row_count": int(rows), **own_facts}),
                check_results=results(own, [check]) if name == mirror.name else [],
            )

    return mirrored
