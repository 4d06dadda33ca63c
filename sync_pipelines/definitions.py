"""The project on one page: every pipeline's definitions, merged with the resources they share."""

from __future__ import annotations

import dagster as dg

from sync_pipelines import private_files
from sync_pipelines.pipelines import PIPELINES
from sync_pipelines.pipelines.building import definitions_of
from sync_pipelines.pipelines.resources import RunResource
from sync_pipelines.pipelines.sections import account_of
from sync_pipelines.warehouse.io_manager import SnapshotIOManager


@dg.definitions
def defs() -> dg.Definitions:
    private_files.begin()  # every run and every code server loads this before it writes anything
    resources = {"run": RunResource(), "io_manager": SnapshotIOManager(account_of)}
    shared = dg.Definitions(resources=resources, executor=dg.in_process_executor)
    return dg.Definitions.merge(shared, *(definitions_of(pipeline) for pipeline in PIPELINES))
