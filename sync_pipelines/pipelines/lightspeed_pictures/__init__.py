"""Pictures → Lightspeed Retail: the files of a folder find their products, and each goes there once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync_pipelines.pipelines.lightspeed_pictures.settings import LightspeedPicturesSettings
from sync_pipelines.pipelines.lightspeed_retail.settings import LightspeedRetailSettings
from sync_pipelines.pipelines.shape import Check, Credential, Cron, Pipeline, Write
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings

if TYPE_CHECKING:
    from sync_pipelines.pipelines.shape import Questions, Writer


def _images() -> Writer[Any]:
    from sync_pipelines.pipelines.lightspeed_pictures.planning import ImageWriter

    return ImageWriter()


def _questions() -> Questions:
    from sync_pipelines.pipelines.lightspeed_pictures import questions

    return questions


FILES = "lightspeed/picture_files"
IMAGES = Write(
    plan="lightspeed/image_plan",
    applies="lightspeed/images",
    vendor="lightspeed",
    account=lambda: f"{LightspeedSettings.read().account}/images",
    writer=_images,
    planned_from=(FILES,),
    plan_is="Which pictures would go to which products: each content once. Changes nothing.",
    applied_is="The pictures, sent: each once, and looked at until the store shows it.",
    kinds=frozenset({"lightspeed"}),
    ended_well=Check(
        "every_row_ended_well", "no picture was rejected, failed, drifted or is still being worked on", blocking=True
    ),
)

PIPELINE = Pipeline(
    name="lightspeed_pictures",
    short="lightspeed-pictures",
    title="Pictures → Lightspeed",
    about="Pictures find their products by SKU, code or the supplier's code in their names, and go there once each.",
    owners=("team:store",),
    settings=(LightspeedSettings, LightspeedRetailSettings, LightspeedPicturesSettings),
    credentials=(
        Credential("LIGHTSPEED_STORE", "the store's name: what comes before .retail.lightspeed.app"),
        Credential("LIGHTSPEED_TOKEN", "a personal token of the store (Setup, Personal Tokens)", secret=True),
    ),
    rights=(LightspeedSettings,),
    sources="sync_pipelines.pipelines.lightspeed_pictures.sources",
    preview=(FILES,),
    writes=(IMAGES,),
    crons=(Cron("nightly", "sync", "40 2 * * *", "Every night at 02:40 UTC: the pictures of the folder. Ships stopped."),),
    previews="Look at the pictures of the folder, find their products, and plan. Sends nothing that changes anything.",
    syncs="Look at the pictures of the folder, find their products, and send those that are new.",
    undoes="Take away the pictures that a run added.",
    questions=_questions,
)
