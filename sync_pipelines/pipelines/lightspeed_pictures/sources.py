"""Pictures, what is read: the files of a folder, and whose each is."""

from typing import Any

import dagster as dg

from sync_pipelines.pipelines.building import Materialized, column_schema, metadata, results, specs
from sync_pipelines.pipelines.lightspeed_pictures import FILES, IMAGES, PIPELINE, planning
from sync_pipelines.pipelines.resources import RunResource
from sync_pipelines.pipelines.shape import Check, Checked, Markdown
from sync_pipelines.pipelines.tables import listed, markdown

GROUP, OWNERS = PIPELINE.name, list(PIPELINE.owners)
ALL_FOUND = Check("every_picture_has_its_product", "no picture is rejected, ties or is left over")

photographer = dg.AssetSpec(
    ["lightspeed", "photographer"],
    group_name=GROUP,
    kinds={"file"},
    owners=OWNERS,
    description="Whoever takes pictures, or gets them from suppliers: files named by SKU, barcode or the supplier's code.",
)
shop_window = dg.AssetSpec(
    ["lightspeed", "shop_window"],
    deps=[IMAGES.applies.split("/")],
    group_name=GROUP,
    kinds={"lightspeed"},
    owners=OWNERS,
    description="What customers and the tills see: products with their pictures.",
)


class FolderConfig(dg.Config):
    """folder: another one than the inbox. supplier: only products of theirs. new_only: only products without any picture."""

    folder: str = ""
    supplier: str = ""
    new_only: bool = False


@dg.asset(
    key=FILES.split("/"),
    deps=[photographer, ["lightspeed", "products"]],
    group_name=GROUP,
    kinds={"duckdb", "parquet"},
    owners=OWNERS,
    check_specs=specs(FILES, [ALL_FOUND]),
    description=(
        "The pictures of the folder (`data/inbox/lightspeed_pictures`), and whose each is: by the longest code that its name "
        "begins with. What ties or is left over is reported, never guessed."
    ),
    metadata={"dagster/column_schema": column_schema(planning.NOTES, planning.SCHEMA)},
)
def picture_files(config: FolderConfig, run: RunResource) -> Materialized:
    session = run.session
    session.note(pipeline=GROUP)
    folder, supplier = planning.folder_of(config.folder), config.supplier
    if session.verb == "retry":  # of pictures that may be elsewhere than in the inbox
        folder, supplier = planning.looked_at_last(session.warehouse) or (folder, supplier)
    found = planning.look(session, folder, supplier=supplier, new_only=config.new_only)
    planning.publish(session.warehouse, found, folder, supplier)
    session.note(source_rejects=PIPELINE.source_rejects())
    counts = planning.counts(found)
    wrong = [each for each in found if each.state in planning.TO_LOOK_AT]
    rows = [{"file": each.file, "state": each.state, "reason": each.reason} for each in wrong[:20]]
    facts: dict[str, Any] = {"folder": folder, "dagster/row_count": len(found), **{f"files_{n}": c for n, c in counts.items()}}
    facts["matches"] = Markdown(markdown([{"file": e.file, "sku": e.sku, "how": e.how} for e in found if e.sku][:20]))
    checked = [Checked(ALL_FOUND, not wrong, listed({n: c for n, c in counts.items() if c}), markdown(rows), warn=True)]
    return Materialized(metadata=metadata(facts), check_results=results(FILES, checked))
