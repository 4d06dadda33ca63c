"""A supplier's order on its way into a Lightspeed store in the sandbox: the pipeline's steps without Dagster."""

from __future__ import annotations

import csv
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.pipelines import plan_and_apply
from sync_pipelines.pipelines.lightspeed_orders import PIPELINE, intake, orders
from sync_pipelines.pipelines.lightspeed_orders.comparison import ComparedLine
from sync_pipelines.pipelines.lightspeed_orders.orders import Order
from sync_pipelines.pipelines.plan_and_apply import Ended, Planned
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import Write
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
from sync_pipelines_tests.pipelines import lightspeed_scene
from sync_pipelines_tests.pipelines.lightspeed_scene import LightspeedScene
from vendor_sandbox import Sandbox
from vendor_sandbox.lightspeed.access import SCOPES

SUPPLIER = "Mesa Cordwain"
HEADER = ("CODE", "DESCRIPTION", "BARCODES", "QNTY", "COST", "VARIANTNAME", "VARIANTTYPE", "VARIANTVALUE")
FAST = {"LIGHTSPEED_LAG_SECONDS": "0", "LIGHTSPEED_LANDS_WITHIN": "0.2", "LIGHTSPEED_WINDOW_SECONDS": "0.3"}
NAMES, PRODUCTS, COSTS, ORDERS, LINES = PIPELINE.writes


class OrderScene(LightspeedScene):
    """The boots' supplier sends orders."""

    # --- the store --------------------------------------------------------------------------------------------------

    def boots(self) -> list[dict[str, Any]]:
        """Boots of the supplier that are not deleted, in the order of their SKUs."""
        found = [row for row in self.rows("products") if row["name"].startswith(SUPPLIER) and not row["deleted_at"]]
        return sorted(found, key=lambda row: str(row["sku"]))

    def product(self, sku: str) -> dict[str, Any]:
        """The one live product with a SKU."""
        (found,) = [row for row in self.rows("products") if row["sku"] == sku and not row["deleted_at"]]
        return found

    def token(self, *without: str) -> None:
        """Go on with a token that lacks the scopes that begin or end so."""
        scopes = [scope for scope in SCOPES if not any(scope.startswith(each) or scope.endswith(each) for each in without)]
        os.environ["LIGHTSPEED_TOKEN"] = self.change(personal_token={"scopes": scopes})["personal_token"]

    def order(self, reference: str) -> dict[str, Any]:
        (found,) = [row for row in self.rows("consignments") if row["reference"] == reference and not row["deleted_at"]]
        return found

    def lines(self, reference: str) -> dict[str, tuple[int, str]]:
        """Pieces and cost of the lines of an order, by SKU. Fails where a product is on two of them."""
        found = self.vendor.state()["lines"].get(self.order(reference)["id"], ())
        skus = {row["id"]: row["sku"] for row in self.rows("products")}
        lines = {skus[line["product_id"]]: (int(line["count"]), f"{Decimal(line['cost'] or 0):.2f}") for line in found}
        assert len(lines) == len(found)
        return lines

    # --- the pipeline -----------------------------------------------------------------------------------------------

    def file(self, *rows: Sequence[Any], name: str = "po-1.csv", header: Sequence[str] = HEADER) -> Path:
        """Drop an order."""
        path = intake.inbox() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    @contextmanager
    def run(self, verb: str = "sync") -> Iterator[Session]:
        applies = [write.applies for write in PIPELINE.writes] if verb == "sync" else ()
        with Session(uuid.uuid4().hex, PIPELINE.name, verb, applies=applies) as session:
            yield session

    def compared(self, session: Session, path: Path, **asked: str) -> Order:
        """Hold an order against the store, and keep it as the asset does."""
        partition = intake.partition_of(path)
        given = intake.Asked(**{"file": str(path), "supplier": SUPPLIER, **asked})
        order, origin = intake.order_of_file(session, partition, given)
        orders.publish(session.warehouse, order, LightspeedSettings.read().account, partition, origin)
        return order

    def compare(self, *rows: Sequence[Any], name: str = "po-1.csv", **asked: str) -> list[ComparedLine]:
        with self.run("preview") as session:
            return list(self.compared(session, self.file(*rows, name=name), **asked).lines)

    def plan(self, path: Path, **asked: str) -> dict[str, Planned]:
        """Plan an order, and send nothing."""
        with self.run("preview") as session:
            self.compared(session, path, **asked)
            scope = intake.partition_of(path)
            return {write.applies: plan_and_apply.make(session, write, write.request(scope=scope)) for write in PIPELINE.writes}

    def sync(self, path: Path, **asked: str) -> dict[str, Ended]:  # type: ignore[override]
        """Plan an order and apply all plans, as a run does. Raises what the steps raise."""
        with self.run() as session:
            self.compared(session, path, **asked)
            return self.applied(session, intake.partition_of(path), PIPELINE.writes)

    def applied(self, session: Session, scope: str, writes: Sequence[Write], **options: Any) -> dict[str, Ended]:
        for write in writes:
            given = {name: value for name, value in options.items() if hasattr(write.request(), name)}
            plan_and_apply.make(session, write, write.request(scope=scope, **given))
        return {write.applies: plan_and_apply.bring_to_its_end(session, PIPELINE.name, write, scope=scope) for write in writes}

    def products(self, path: Path) -> dict[str, Ended]:
        """Make the products of a file."""
        with self.run() as session:
            return self.applied(session, f"products-{intake.partition_of(path)}", (NAMES, PRODUCTS), products=str(path))

    def apply(self, planned: Mapping[str, Planned]) -> dict[str, Ended]:
        """Apply plans that were made before."""
        with self.run("apply") as session:
            return {
                write.applies: plan_and_apply.bring_to_its_end(
                    session, PIPELINE.name, write, plan=planned[write.applies].plan.id, scope=planned[write.applies].plan.scope
                )
                for write in PIPELINE.writes
            }

    def undo(self, ended: Mapping[str, Ended]) -> dict[str, Ended]:
        """Take back what a run wrote, the last of it first."""
        with self.run("undo") as session:
            return {
                write.applies: plan_and_apply.take_back(session, write, ended[write.applies].plan.id)
                for write in reversed(PIPELINE.writes)
                if write.applies in ended
            }

    def outcomes(self, ended: Ended) -> dict[str, tuple[str, str]]:
        """How each row of a plan ended, by key: state and message."""
        with self.run("look") as session:
            o = tables.outcome.c
            rows = session.ledger.rows(sa.select(o.key, o.state, o.message).where(o.plan == ended.plan.id))
        return {row["key"]: (row["state"], row["message"]) for row in rows}


def begin(sandbox: Sandbox) -> OrderScene:
    lightspeed_scene.begin(sandbox)
    os.environ.update(FAST)
    return OrderScene(sandbox)


def counts(ended: Mapping[str, Ended]) -> dict[str, dict[str, int]]:
    """How many rows of each plan ended how, without plans that had none."""
    return {name.partition("/")[2]: dict(each.counts) for name, each in ended.items() if each.counts}
