"""Lightspeed Retail in Dagster: a mirror of every collection, what follows from it, and the proof that it holds what the store
holds."""

from datetime import timedelta

import dagster as dg
import pyarrow as pa

from sync_pipelines.pipelines.building import Materialized, column_schema, metadata, results, specs
from sync_pipelines.pipelines.lightspeed_retail import PIPELINE, reading
from sync_pipelines.pipelines.lightspeed_retail.answer_assets import answer_assets
from sync_pipelines.pipelines.lightspeed_retail.collections import (
    COLLECTIONS,
    CONSIGNMENT_LINES,
    CONSIGNMENTS,
    INVENTORY,
    SALES,
    VENDOR,
)
from sync_pipelines.pipelines.mirror_assets import Mirrored, mirror_asset
from sync_pipelines.pipelines.resources import RunResource
from sync_pipelines.pipelines.shape import Check, Checked, Fresh, Markdown
from sync_pipelines.pipelines.tables import markdown

GROUP, OWNERS = PIPELINE.name, list(PIPELINE.owners)
OFTEN, HOURLY = (
    Fresh(fail=timedelta(hours=2), warn=timedelta(minutes=45)),
    Fresh(fail=timedelta(hours=8), warn=timedelta(hours=3)),
)

store = dg.AssetSpec(
    [VENDOR, "store"],
    group_name=GROUP,
    kinds={"lightspeed"},
    owners=OWNERS,
    description="The merchant's tills and back office in Lightspeed Retail.",
)

HOW = Mirrored(VENDOR, GROUP, OWNERS, store, reading.bring_up_to_date, reading.facts_of, reading.is_mirrored)

mirrors = tuple(
    mirror_asset(
        HOW,
        mirror,
        OFTEN if mirror in (INVENTORY, SALES) else HOURLY,
        after=(CONSIGNMENTS,) if mirror is CONSIGNMENT_LINES else (),
    )
    for mirror in COLLECTIONS
)

answers = answer_assets(HOURLY)

NOTHING_WAS_MISSING = Check("nothing_was_missing", "the mirror had every row that the store has, as the store has it")
PROOF = pa.schema(
    [
        ("collection", pa.string()),
        ("rows", pa.int64()),
        ("deleted", pa.int64()),
        ("was_missing", pa.int64()),
        ("found_to_be_gone", pa.int64()),
        ("gaps", pa.string()),
    ]
)


@dg.asset(
    key=[VENDOR, "proof"],
    deps=[[VENDOR, mirror.name] for mirror in COLLECTIONS],
    group_name=GROUP,
    kinds={"lightspeed", "duckdb"},
    owners=OWNERS,
    check_specs=specs([VENDOR, "proof"], [NOTHING_WAS_MISSING]),
    dagster_type=dg.Any,
    description=(
        "Every collection read whole, and the mirror held against it: what it lacked is read, and what is gone from the store "
        "without a word is marked."
    ),
    metadata={
        "dagster/column_schema": column_schema(
            {
                "collection": "what was read",
                "rows": "in the mirror now",
                "deleted": "of them deleted, or gone",
                "was_missing": "rows that the mirror lacked, or had in another version, though it was up to date",
                "found_to_be_gone": "rows that the store has no more, and never said were deleted",
                "gaps": "why the proof is none",
            },
            PROOF,
        )
    },
)
def proof(run: RunResource) -> Materialized:
    session = run.session
    session.note(pipeline=GROUP)
    rows = []
    for mirror in reading.mirrored():
        proved = reading.prove(session, mirror)
        totals = reading.log_of(session.warehouse, mirror).totals()
        rows.append(
            {
                "collection": mirror.name,
                "rows": totals["rows"],
                "deleted": totals["deleted"],
                "was_missing": proved.missing,
                "found_to_be_gone": proved.vanished,
                "gaps": "; ".join(proved.gaps) or None,
            }
        )
    wrong = [row for row in rows if row["was_missing"] or row["found_to_be_gone"] or row["gaps"]]
    text = "; ".join(f"{row['collection']}: {row['was_missing']} missing, {row['found_to_be_gone']} gone" for row in wrong)
    session.note(message=f"{len(rows)} collections proved. {text}".strip())
    return Materialized(
        value=pa.Table.from_pylist(rows, schema=PROOF),
        metadata=metadata({"collections": len(rows), "proved": Markdown(markdown(rows))}),
        check_results=results([VENDOR, "proof"], [Checked(NOTHING_WAS_MISSING, not wrong, text)]),
    )
