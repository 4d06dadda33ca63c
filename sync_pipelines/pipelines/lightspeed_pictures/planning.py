"""Plan which pictures go to which products. Plain functions over a session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sync_pipelines.delivery.applying import Patience, Report
from sync_pipelines.delivery.model import DeliveryError, Desired
from sync_pipelines.delivery.planning import make_plan
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.errors import UsageError
from sync_pipelines.exact_json import loads
from sync_pipelines.pipelines.lightspeed_orders import rights_probe
from sync_pipelines.pipelines.lightspeed_orders import store as stores
from sync_pipelines.pipelines.lightspeed_orders.lookups import Ambiguous
from sync_pipelines.pipelines.lightspeed_orders.planning import refuse_old_version
from sync_pipelines.pipelines.lightspeed_orders.store import Store
from sync_pipelines.pipelines.lightspeed_pictures import IMAGES, PIPELINE, owners
from sync_pipelines.pipelines.lightspeed_pictures import target as targets
from sync_pipelines.pipelines.lightspeed_pictures.picture_files import PictureFile, pictures_in
from sync_pipelines.pipelines.lightspeed_pictures.picture_matching import Match, match
from sync_pipelines.pipelines.lightspeed_pictures.settings import LightspeedPicturesSettings
from sync_pipelines.pipelines.lightspeed_pictures.target import Images
from sync_pipelines.pipelines.lightspeed_retail.collections import PRODUCTS
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import PlanRequest, Writer
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors import lightspeed_pictures as pictures
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
from sync_pipelines.warehouse.snapshots import About, Published, Warehouse

FILES_KEY = ("lightspeed", "picture_files")
_OF_SUPPLIER = ", supplier: "
STATES = ("matched", "same", "tie", "leftover", "rejected", "has_pictures")
TO_LOOK_AT = ("tie", "leftover", "rejected")
"""What a person has to do something about."""
_NO_MATCH = Match("leftover")


@dataclass(frozen=True)
class Looked:
    """A picture, and whose it is. See `NOTES`."""

    file: str
    state: str
    sku: str = ""
    owner: str = ""
    how: str = ""
    of_variant: bool = False
    digest: str = ""
    path: str = ""
    size: int = 0
    reason: str = ""

    @property
    def key(self) -> str:
        """Its key at the target; only of one that has its product."""
        return targets.key_of(self.owner, self.digest)


NOTES = {
    "file": "its name in the folder",
    "state": "matched; same: as another file for that product; tie: several products fit as well; leftover: none fits; rejected; "
    "has_pictures: only products without any were asked for",
    "sku": "whose picture it is",
    "owner": "the SKU under which it is kept: of a family, which has its pictures together, the first",
    "how": "by which code in its name",
    "of_variant": "whether it is a variant's own; before 2026-10 none is",
    "digest": "SHA-256 of what is in it",
    "path": "where the file is",
    "size": "bytes",
    "reason": "why it is not sent",
}
_TYPES = {"of_variant": pa.bool_(), "size": pa.int64()}
SCHEMA = pa.schema([(field.name, _TYPES.get(field.name, pa.string())) for field in fields(Looked)])


# --- reading --------------------------------------------------------------------------------------------------------------


def folder_of(given: str) -> Path:
    """The folder that is named, or the inbox, which is made where it is not there yet."""
    if given:
        return Path(given)
    inbox = data_dir() / LightspeedPicturesSettings.read().inbox
    inbox.mkdir(parents=True, exist_ok=True)
    return inbox


def look(session: Session, folder: Path, *, supplier: str = "", new_only: bool = False) -> list[Looked]:
    """Say of every picture of a folder whose it is. supplier: only products of theirs, and only their codes. new_only: only
    products without any picture. Raises UsageError, and what reading the store raises."""
    files = list(pictures_in(folder, LightspeedPicturesSettings.read().largest))
    there = stores.of(session, PIPELINE.name)
    supplier_id = _supplier(there, supplier) if supplier else None
    names = {file.path.stem for file in files if not file.problem}
    own = LightspeedSettings.read().by_families
    with there.with_mirrors(PRODUCTS) as con:
        matches = match(con, names, supplier_id=supplier_id, apart=own)
    found = [_looked(file, matches.get(file.path.stem, _NO_MATCH), new_only=new_only, own=own) for file in files]
    return list(_once_each(found))


def _looked(file: PictureFile, match: Match, *, new_only: bool, own: bool) -> Looked:
    """own: whether variants can have pictures of their own."""
    plain: dict[str, Any] = {"file": file.name, "path": str(file.path.absolute()), "size": file.size, "digest": file.digest}
    if file.problem:
        return Looked(state="rejected", reason=file.problem, **{**plain, "path": ""})
    product = match.product
    if product is None:
        fits = ", ".join(match.candidates[:8]) + (f" and {len(match.candidates) - 8} more" if len(match.candidates) > 8 else "")
        reason = f"fits as well: {fits}" if fits else "no product has a code that its name begins with"
        return Looked(state=match.verdict, how=match.how, reason=reason, **plain)
    of_variant = own and bool(product.options) and not match.of_family
    state = "has_pictures" if new_only and product.pictured else "matched"
    reason = "the product has pictures, and only new ones were asked for" if state == "has_pictures" else ""
    owner = product.sku if of_variant else product.owner
    return Looked(state=state, sku=product.sku, owner=owner, how=match.how, of_variant=of_variant, reason=reason, **plain)


def _once_each(found: Sequence[Looked]) -> Iterator[Looked]:
    """The same content for the same product, or family, goes once; the other file is said to be the same."""
    first: dict[str, str] = {}
    for each in found:
        if each.state == "matched" and (before := first.setdefault(each.key, each.file)) != each.file:
            yield replace(each, state="same", reason=f"the very same picture as {before}")
        else:
            yield each


def _supplier(there: Store, name: str) -> str:
    """The id of a supplier. Raises UsageError for one that the store does not have, or has twice."""
    lookup = there.lookup("suppliers")
    try:
        found = lookup.find(name)
    except Ambiguous as e:
        raise UsageError(str(e)) from e
    if found is None:
        raise UsageError(lookup.missing(name))
    return str(found)


def publish(warehouse: Warehouse, found: Sequence[Looked], folder: Path, supplier: str = "") -> Published:
    """Keep what was seen, and of which folder and supplier, so that a retry can look at the same again."""
    rows = pa.Table.from_pylist([asdict(each) for each in found], SCHEMA)
    about = About(
        LightspeedSettings.read().account,
        datetime.now(UTC).isoformat(),
        rows=rows.num_rows,
        origin=f"{folder}{_OF_SUPPLIER}{supplier}",
    )
    return warehouse.write(FILES_KEY, rows, about)


def looked_at_last(warehouse: Warehouse) -> tuple[Path, str] | None:
    """The folder and the supplier that pictures were looked at for last; None where none were."""
    found = warehouse.find(FILES_KEY, LightspeedSettings.read().account)
    if found is None:
        return None
    folder, _, supplier = found.about.origin.rpartition(_OF_SUPPLIER)
    return Path(folder), supplier


def looked(warehouse: Warehouse) -> list[Looked]:
    """The pictures as they were last looked at. Raises DeliveryError where they never were."""
    found = warehouse.find(FILES_KEY, LightspeedSettings.read().account)
    if found is None:
        raise DeliveryError("lightspeed/picture_files was never read for this account. Materialize it first.")
    return [Looked(**row) for row in pq.read_table(found.path).select(SCHEMA.names).to_pylist()]


# --- planning -------------------------------------------------------------------------------------------------------------


class ImageWriter(Writer[Images]):
    """The pictures of a store's products."""

    def target(self, session: Session) -> Images:
        return target_of(session)

    def make_plan(self, session: Session, request: PlanRequest) -> Plan:
        wanted = list(desired(session, looked(session.warehouse), set(request.only)))
        return make_plan(
            target_of(session, [each.key for each in wanted]),
            wanted,
            ledger=session.ledger,
            files=session.plans,
            pipeline=PIPELINE.name,
            extract="pictures",
            run=session.id,
            only=set(request.only) or None,
        )

    def readable(self, row: Mapping[str, Any]) -> Mapping[str, str]:
        return readable(row)

    def patience(self) -> Patience:
        return Patience(seconds=LightspeedPicturesSettings.read().longest_wait)

    def least_calls(self, session: Session, target: Images, plan: Plan, report: Report | None, limit: int | None) -> None:
        """A call for each picture that was sent; what is read is noted where it is read."""
        if report is not None:
            session.meter.minimum["lightspeed"] += target.sent

    def begin_applying(self, session: Session, target: Images, plan: Plan) -> None:
        """Make sure that the store can be written, and that the token may, before anything is sent."""
        if plan.counts.changes:
            refuse_old_version()
            rights_probe.refuse_without(target.store.client, [pictures.WRITE])


def target_of(session: Session, wanted: Sequence[str] = ()) -> Images:
    waited = session.once("pictures that are waited for", dict[str, float])
    return Images(stores.of(session, PIPELINE.name), session.ledger, IMAGES.account(), wanted, waited)


def desired(session: Session, found: Sequence[Looked], asked: set[str]) -> Iterator[Desired]:
    """The pictures that products should have. One of which the store could make nothing goes again only when a person asks."""
    matched = [each for each in found if each.state == "matched"]
    broken = targets.failed(session.ledger, IMAGES.account()).by_key
    con = stores.of(session, PIPELINE.name).opened(PRODUCTS)
    products = owners.with_skus(con, {each.owner for each in matched})
    for each in matched:
        conflict = None
        if each.key in broken and each.key not in asked:
            conflict = (
                f"{broken[each.key]}. Change the file, or send it once more: "
                f"sync-pipelines retry {PIPELINE.name} --keys '{each.key}'"
            )
        shown = " ".join(sorted({image for product in products.get(each.owner, ()) for image in product.images}))
        fields = {"digest": each.digest[:16], "file": each.path, "of_variant": each.of_variant, "shown": shown}
        yield Desired(each.key, fields, conflict=conflict)


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A planned row for people."""
    after = loads(row["after"]) or loads(row["before"]) or {}
    what = f"held ({row['held']})" if row["held"] else str(row["action"])
    changes = Path(str(after.get("file") or "")).name
    return {"key": row["key"], "what": what, "changes": changes, "reason": row["reason"] or row["undo_note"] or ""}


def counts(found: Sequence[Looked]) -> dict[str, int]:
    counted = Counter(each.state for each in found)
    return {state: counted[state] for state in STATES}
