"""Pictures on their way into a Lightspeed store in the sandbox: the pipeline's steps without Dagster."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sync_pipelines.delivery import tables
from sync_pipelines.pipelines import plan_and_apply
from sync_pipelines.pipelines.lightspeed_pictures import IMAGES, PIPELINE, planning
from sync_pipelines.pipelines.lightspeed_pictures.planning import Looked
from sync_pipelines.pipelines.plan_and_apply import Ended, Planned
from sync_pipelines.pipelines.session import Session
from sync_pipelines.pipelines.shape import PlanRequest
from sync_pipelines_tests.pipelines import lightspeed_orders_scene, lightspeed_scene
from sync_pipelines_tests.pipelines.lightspeed_orders_scene import OrderScene
from sync_pipelines_tests.pipelines.lightspeed_scene import LightspeedScene
from vendor_sandbox import Sandbox

JPG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
FAST = {**lightspeed_orders_scene.FAST, "LIGHTSPEED_PICTURES_POLL_SECONDS": "0.01", "LIGHTSPEED_PICTURES_WAIT_SECONDS": "5"}


class PictureScene(OrderScene):
    """Somebody has a folder of pictures."""

    def pictures(self, sku: str) -> list[str]:
        """The contents' digests of the pictures that are of a product's family, or its own, in the order of the store."""
        product = self.product(sku)
        owners = {product["family_id"], product["id"]}
        found = [row for row in self.rows("images") if row["owner_id"] in owners and not row["deleted_at"]]
        return [row["sha"] for row in found if row["status"] == "uploaded" and row["sha"]]

    def sync_products(self) -> None:
        """Bring the mirrors up to date that pictures are asked of."""
        LightspeedScene.sync(self, "products", "suppliers")

    def uploads(self) -> int:
        """Calls that sent a picture."""
        assert self.sandbox
        return sum("image" in call["path"] and call["method"] == "POST" for call in self.sandbox.calls("lightspeed"))

    @contextmanager
    def run(self, verb: str = "sync") -> Iterator[Session]:
        applies = [IMAGES.applies] if verb == "sync" else ()
        with Session(uuid.uuid4().hex, PIPELINE.name, verb, applies=applies) as session:
            yield session

    def look(self, folder: Path, **options: Any) -> dict[str, Looked]:
        """Whose each picture of a folder is, by its name."""
        with self.run("preview") as session:
            return {each.file: each for each in planning.look(session, folder, **options)}

    def planned(self, session: Session, folder: Path, only: tuple[str, ...] = (), **options: Any) -> Planned:
        planning.publish(session.warehouse, planning.look(session, folder, **options), folder)
        return plan_and_apply.make(session, IMAGES, PlanRequest(only=only))

    def preview(self, folder: Path, **options: Any) -> Planned:
        with self.run("preview") as session:
            return self.planned(session, folder, **options)

    def send(self, folder: Path, only: tuple[str, ...] = (), **options: Any) -> Ended:
        """Plan the pictures of a folder and send them, as a run does."""
        with self.run() as session:
            self.planned(session, folder, only, **options)
            return plan_and_apply.bring_to_its_end(session, PIPELINE.name, IMAGES)

    def send_plan(self, planned: Planned) -> Ended:
        with self.run("apply") as session:
            return plan_and_apply.bring_to_its_end(session, PIPELINE.name, IMAGES, plan=planned.plan.id)

    def take_back(self, ended: Ended) -> Ended:
        with self.run("undo") as session:
            return plan_and_apply.take_back(session, IMAGES, ended.plan.id)

    def states(self) -> dict[str, str]:
        """How each picture ended last, by key."""
        with self.run("look") as session:
            o = tables.outcome.c
            rows = session.ledger.rows(sa.select(o.key, o.state).where(o.account == IMAGES.account()).order_by(o.at))
        return {row["key"]: row["state"] for row in rows}


def begin(sandbox: Sandbox) -> PictureScene:
    lightspeed_scene.begin(sandbox)
    os.environ.update(FAST)
    return PictureScene(sandbox)
