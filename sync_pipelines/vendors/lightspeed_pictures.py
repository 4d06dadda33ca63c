"""Pictures of a Lightspeed store's products: taken at once, ready some time later.

https://x-series-api.lightspeedhq.com/docs/products_image_upload_basics: a form with the field `image`, 10 MB at most, 250 for a
product; the same bytes sent again are the same picture. Before 2026-10 pictures belong to the family of the product that is named
(the vendor calls that a product with its variants); since then they can be a variant's own, and have paths of their own
(https://x-series-api.lightspeedhq.com/docs/2026-10-release-notes; the form of the body there is assumed to be the same).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from urllib3.filepost import encode_multipart_formdata

from sync_pipelines.vendors.failures import Permanent, Reply, shaped
from sync_pipelines.vendors.lightspeed import Lightspeed, one

READ, WRITE = "products:read", "products:write"
State = Literal["processing", "uploaded", "error"]


@dataclass(frozen=True)
class Owner:
    """Whose a picture is. of_variant: the product's own, where it is one of several of its family; from 2026-10 on."""

    sku: str
    product_id: str
    family_id: str | None
    of_variant: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture as the store answers it. Any state but `uploaded` and `error` counts as `processing`."""

    id: str
    state: State


def upload(store: Lightspeed, owner: Owner, name: str, content: bytes, media: str) -> Picture:
    """Send a picture once. name: of its file. Raises what `Lightspeed.write` raises."""
    body, form = encode_multipart_formdata({"image": (name, content, media)})
    path = f"{_of(owner)}/images" if store.settings.by_families else f"/products/{owner.product_id}/actions/image_upload"
    taken: Picture = store.write(
        "POST", path, body, what=f"picture of {owner.sku}", scope=WRITE, headers={"Content-Type": form}, read=_picture
    )
    return taken


def picture(store: Lightspeed, image_id: str, what: str) -> Picture | None:
    """Return what the store has made of a picture; None for one that was deleted."""
    try:
        found: Picture = store.call("GET", f"/product_images/{image_id}", what, READ, _picture)
    except Permanent as e:
        if e.status != 404:
            raise
        return None
    return found


def delete(store: Lightspeed, owner: Owner, image_id: str) -> None:
    """Delete a picture; one that is gone already is no error. Raises what `Lightspeed.write` raises."""
    path = f"{_of(owner)}/images/{image_id}" if store.settings.by_families else f"/product_images/{image_id}"
    try:
        store.write("DELETE", path, None, what=f"picture of {owner.sku}", scope=WRITE)
    except Permanent as e:
        if e.status != 404:
            raise


def _of(owner: Owner) -> str:
    return f"/products/{owner.product_id}" if owner.of_variant else f"/product_families/{owner.family_id}"


@shaped("lightspeed")
def _picture(reply: Reply) -> Picture:
    row = one(reply)
    state = row.get("status")
    return Picture(str(row["id"]), state if state in ("uploaded", "error") else "processing")
