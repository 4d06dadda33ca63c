"""Plan which pictures go to which products. Plain functions over a session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sync_pipelines.delivery.applying import Patience, Report
from sync_pipelines.delivery.model import DeliveryError, Desired
from sync_pipelines.delivery.planning import Policy, make_plan
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.errors import UsageError
from sync_pipelines.exact_json import loads
from sync_pipelines.pipelines.lightspeed_orders import rights_probe
from sync_pipelines.pipelines.lightspeed_orders import store as stores
from sync_pipelines.pipelines.lightspeed_orders.lookups import Ambiguous
from sync_pipelines.pipelines.lightspeed_orders.store import Store
from sync_pipelines.pipelines.lightspeed_pictures import IMAGES, PIPELINE
from sync_pipelines.pipelines.lightspeed_pictures import target as targets
from sync_pipelines.pipelines.lightspeed_pictures.picture_files import PictureFile, pictures_in
from sync_pipelines.pipelines.lightspeed_pictures.picture_matching import Match, Product, Products
from sync_pipelines.pipelines.lightspeed_pictures.settings import LightspeedPicturesSettings
from sync_pipelines.pipelines.lightspeed_pictures.target import Images
from sync_pipelines.pipelines.lightspeed_retail.collections import PRODUCTS, SUPPLIERS
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import PlanRequest, Writer
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.lightspeed_settings import OLD, LightspeedSettings
from sync_pipelines.warehouse.snapshots import About, Published, Warehouse

FILES_KEY = ("lightspeed", "picture_files")
STATES = ("matched", "tie", "leftover", "rejected", "has_pictures")


@dataclass(frozen=True)
class Looked:
    """A picture, and whose it is. state: matched, tie, leftover, rejected, or has_pictures (and only new ones are wanted)."""

    file: str
    state: str
    sku: str = ""
    how: str = ""
    of_variant: bool = False
    digest: str = ""
    path: str = ""
    size: int = 0
    reason: str = ""


NOTES = {
    "file": "its name in the folder",
    "state": "matched, tie (several products fit as well), leftover (none fits), rejected, or has_pictures",
    "sku": "whose picture it is",
    "how": "by which code in its name",
    "of_variant": "whether it is a variant's own; before 2026-10 a family has its pictures together",
    "digest": "SHA-256 of what is in it",
    "path": "where it lies",
    "size": "bytes",
    "reason": "why it is not sent",
}
_TYPES = {"of_variant": pa.bool_(), "size": pa.int64()}
SCHEMA = pa.schema([(field.name, _TYPES.get(field.name, pa.string())) for field in fields(Looked)])


# --- reading --------------------------------------------------------------------------------------------------------------


def folder_of(given: str) -> Path:
    return Path(given) if given else data_dir() / LightspeedPicturesSettings.read().inbox


def look(session: Session, folder: Path, *, supplier: str = "", new_only: bool = False) -> list[Looked]:
    """Say of every picture of a folder whose it is. supplier: only products of theirs, by their codes too. new_only: only
    products without any picture. Raises UsageError, and what reading the store raises."""
    files = list(pictures_in(folder, LightspeedPicturesSettings.read().largest))
    there = stores.of(session, PIPELINE.name)
    there.read(PRODUCTS, SUPPLIERS)
    products = Products(_products(there, supplier))
    by_families = LightspeedSettings.read().by_families
    found = [_looked(file, products, new_only=new_only, by_families=by_families) for file in files]
    return list(_once_each(found))


def _looked(file: PictureFile, products: Products, *, new_only: bool, by_families: bool) -> Looked:
    plain: dict[str, Any] = {"file": file.name, "path": str(file.path.resolve()), "size": file.size, "digest": file.digest}
    if file.problem:
        return Looked(state="rejected", reason=file.problem, **plain)
    match: Match = products.match(file.path.stem)
    product = match.product
    if product is None:
        reason = (
            f"fits as well: {', '.join(match.candidates[:8])}"
            if match.candidates
            else "no product has a code that its name begins with"
        )
        return Looked(state=match.verdict, how=match.how, reason=reason, **plain)
    own = by_families and bool(product.options) and not match.of_family
    state = "has_pictures" if new_only and product.pictured else "matched"
    reason = "the product has pictures, and only new ones were asked for" if state == "has_pictures" else ""
    return Looked(state=state, sku=product.sku, how=match.how, of_variant=own, reason=reason, **plain)


def _once_each(found: Sequence[Looked]) -> Iterator[Looked]:
    """The same content for the same product goes once; the other file is said to be the same."""
    first: dict[tuple[str, str], str] = {}
    for each in found:
        if each.state == "matched" and (before := first.setdefault((each.sku, each.digest), each.file)) != each.file:
            yield Looked(**{**asdict(each), "state": "rejected", "reason": f"the very same picture as {before}"})
        else:
            yield each


def _products(there: Store, supplier: str) -> Iterator[Product]:
    """The live products, with all codes that pictures are named by. Raises UsageError for a supplier that is not known."""
    supplier_id = None
    if supplier:
        lookup = there.lookup("suppliers")
        try:
            supplier_id = lookup.find(supplier)
        except Ambiguous as e:
            raise UsageError(str(e)) from e
        if supplier_id is None:
            raise UsageError(lookup.missing(supplier))
    for batch in there.opened(PRODUCTS).sql(_PRODUCTS, params={"supplier": supplier_id}).to_arrow_reader(10_000):
        for row in batch.to_pylist():
            codes = [("SKU", row["sku"]), *(("code", code) for code in row["codes"] or ())]
            codes += [("supplier's code", code) for code in row["supplier_codes"] or ()]
            options = tuple(value for value in row["options"] or () if value)
            known = tuple((kind, code) for kind, code in codes if code)
            yield Product(row["id"], row["sku"] or "", row["family_id"] or "", known, options, bool(row["pictured"]))


_PRODUCTS = """
    SELECT id, sku, family_id, list_transform(product_codes, lambda c: c.code) AS codes,
        [l.code FOR l IN product_suppliers IF $supplier IS NULL OR l.supplier_id = $supplier] AS supplier_codes,
        list_transform(product_options, lambda o: o.value) AS options,
        len(product_images) + len(variant_images) > 0 AS pictured
    FROM products_with_lists WHERE deleted_at IS NULL AND sku IS NOT NULL AND ($supplier IS NULL
        OR supplier_id = $supplier OR len(list_filter(product_suppliers, lambda l: l.supplier_id = $supplier)) > 0)"""


def publish(warehouse: Warehouse, found: Sequence[Looked], folder: Path) -> Published:
    rows = pa.Table.from_pylist([asdict(each) for each in found], SCHEMA)
    about = About(LightspeedSettings.read().account, datetime.now(UTC).isoformat(), rows=rows.num_rows, origin=str(folder))
    return warehouse.write(FILES_KEY, rows, about)


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
        return self._target(session, ())

    def _target(self, session: Session, wanted: Sequence[str]) -> Images:
        return Images(stores.of(session, PIPELINE.name), session.ledger, IMAGES.account(), wanted)

    def make_plan(self, session: Session, request: PlanRequest) -> Plan:
        wanted = list(desired(session, looked(session.warehouse), set(request.only)))
        return make_plan(
            self._target(session, [each.key for each in wanted]),
            wanted,
            ledger=session.ledger,
            files=session.plans,
            pipeline=PIPELINE.name,
            extract="pictures",
            run=session.id,
            policy=Policy(),
            only=set(request.only) or None,
        )

    def readable(self, row: Mapping[str, Any]) -> Mapping[str, str]:
        return readable(row)

    def patience(self) -> Patience:
        return Patience(seconds=LightspeedPicturesSettings.read().longest_wait)

    def least_calls(self, session: Session, target: Images, plan: Plan, report: Report | None, limit: int | None) -> None:
        """A call for each picture that was sent."""
        if report is not None:
            session.meter.minimum["lightspeed"] += report.writes

    def begin_applying(self, session: Session, target: Images, plan: Plan) -> None:
        if not plan.counts.changes:
            return
        if LightspeedSettings.read().api_version == OLD:
            raise DeliveryError(
                f"version {OLD} of the API can only be read. Nothing was sent. Set LIGHTSPEED_API_VERSION to 2026-07."
            )
        rights_probe.refuse_without(target.store.client, [targets.WRITE])


def desired(session: Session, found: Sequence[Looked], asked: set[str]) -> Iterator[Desired]:
    """The pictures that products should have. One of which the store could make nothing goes again only when a person asks."""
    broken = targets.failed(session.ledger, IMAGES.account())
    for each in found:
        if each.state != "matched":
            continue
        key = targets.key_of(each.sku, each.digest)
        wanted = {"digest": each.digest[:16], "file": each.path, "of_variant": each.of_variant}
        conflict = None
        if key in broken and key not in asked:
            conflict = f"{broken[key]}: change the file, or send it once more: sync-pipelines retry {PIPELINE.name} --key '{key}'"
        yield Desired(key, wanted, conflict=conflict)


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A planned row for people."""
    after = loads(row["after"]) or loads(row["before"]) or {}
    what = f"held ({row['held']})" if row["held"] else str(row["action"])
    changes = Path(str(after.get("file") or "")).name
    return {"key": row["key"], "what": what, "changes": changes, "reason": row["reason"] or row["undo_note"] or ""}


def counts(found: Sequence[Looked]) -> dict[str, int]:
    counted = Counter(each.state for each in found)
    return {state: counted[state] for state in STATES}
