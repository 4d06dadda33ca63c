"""What only the pictures of a store can be told to do. As in `answers`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sync_pipelines.errors import UsageError
from sync_pipelines.operations import running
from sync_pipelines.operations.answers import FLAT
from sync_pipelines.operations.launch import Ended

if TYPE_CHECKING:
    from sync_pipelines.pipelines.lightspeed_pictures.in_store import Downloaded
    from sync_pipelines.pipelines.lightspeed_pictures.planning import Looked

PIPELINE = "lightspeed_pictures"


@dataclass(frozen=True)
class Pictured:
    """A run over a folder of pictures, and whose each of them is."""

    ended: Ended = field(metadata=FLAT)
    files: Sequence[Looked]


def images(folder: Path, *, execute: bool, supplier: str = "", new_only: bool = False) -> Pictured | Ended:
    """Find the product of each picture of a folder, and plan; with `execute`, send them.

    Returns how the run ended where it did not come that far. Raises UsageError for a folder that is not there.
    """
    from sync_pipelines.pipelines.lightspeed_pictures import planning
    from sync_pipelines.settings import data_dir
    from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
    from sync_pipelines.warehouse.snapshots import Warehouse

    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder." if folder.exists() else f"{folder} does not exist.")
    warehouse, account = Warehouse(data_dir() / "warehouse"), LightspeedSettings.read().account
    before = warehouse.find(planning.FILES_KEY, account)
    ops: dict[str, Any] = {
        "lightspeed__picture_files": {"folder": str(folder.resolve()), "supplier": supplier, "new_only": new_only}
    }
    ended = running.run(PIPELINE, "sync" if execute else "preview", ops)
    after = warehouse.find(planning.FILES_KEY, account)
    if after is None or (before is not None and after.about.at == before.about.at):
        return ended
    return Pictured(ended, planning.looked(warehouse))


def missing(supplier: str = "") -> Sequence[Mapping[str, Any]]:
    """The active products without any picture, by supplier. Raises NeverRead."""
    from sync_pipelines.pipelines.lightspeed_pictures import in_store

    return in_store.missing(supplier)


def unused() -> Sequence[Mapping[str, Any]]:
    """A parent's pictures that no variant uses. Raises NeverRead."""
    from sync_pipelines.pipelines.lightspeed_pictures import in_store

    return in_store.unused()


def download(folder: Path) -> Downloaded:
    """Write every picture of the store into a folder. Raises NeverRead, and UsageError for what is no folder."""
    from sync_pipelines.pipelines.lightspeed_pictures import in_store
    from sync_pipelines.pipelines.lightspeed_retail.questions import client

    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder.")
    with client() as store:
        return in_store.download(folder, store)
