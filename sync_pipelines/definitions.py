"""The project on one page: every pipeline's definitions, merged with the resources they share."""

from __future__ import annotations

import dagster as dg

from sync_pipelines import private_files
from sync_pipelines.pipelines.amazon_plytix.definitions import definitions as amazon_plytix
from sync_pipelines.pipelines.catsy_sparklayer.definitions import definitions as catsy_sparklayer
from sync_pipelines.pipelines.resources import RunResource
from sync_pipelines.pipelines.sections import account_of
from sync_pipelines.pipelines.shopify_sheets.definitions import definitions as shopify_sheets
from sync_pipelines.pipelines.shopify_store.definitions import definitions as shopify_store
from sync_pipelines.warehouse.io_manager import SnapshotIOManager

shared = dg.Definitions(
    resources={"run": RunResource(), "io_manager": SnapshotIOManager(account_of)}, executor=dg.in_process_executor
)


@dg.definitions
def defs() -> dg.Definitions:
    private_files.begin()  # every run and every code server loads this before it writes anything
    return dg.Definitions.merge(shared, catsy_sparklayer, shopify_store, shopify_sheets, amazon_plytix)
