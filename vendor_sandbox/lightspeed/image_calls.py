"""Images: taken at once, ready some time later (https://x-series-api.lightspeedhq.com/docs/products_image_upload_basics).

Before 2026-10 an image belongs to the family of the product that is named; since then it can be a variant's, too.
"""

from collections.abc import Callable
from hashlib import sha256

from vendor_sandbox.lightspeed import pictures
from vendor_sandbox.lightspeed.api import ApiCall
from vendor_sandbox.lightspeed.rows import new_row
from vendor_sandbox.lightspeed.store import Row, Store, stamp
from vendor_sandbox.lightspeed.writing import body_of, live, number
from vendor_sandbox.wire import Refused, Reply

MOST_BYTES, MOST_IMAGES = 10 * 1024 * 1024, 250
PROCESSING = "processing"


def upload(call: ApiCall, product_id: str) -> Reply:
    return _taken(call, live(call, "products", product_id), of_family=True)


def upload_of_variant(call: ApiCall, product_id: str) -> Reply:
    _of_families(call)
    return _taken(call, live(call, "products", product_id), of_family=False)


def upload_of_family(call: ApiCall, family_id: str) -> Reply:
    _of_families(call)
    members = call.store.members(family_id)
    if not members:
        raise Refused(404, f"There is no family {family_id}")
    return _taken(call, members[0], of_family=True)


def get(call: ApiCall, image_id: str) -> Reply:
    """Return the state of an image. Asking is what time is measured in until it is ready."""
    row = live(call, "images", image_id)
    if row["status"] == PROCESSING:
        row = call.store.put("images", {**row, "polls": row["polls"] - 1}, version=row["version"])
        if row["polls"] < 0:
            row = finish(call.store, image_id, call.settings.image_fails)
    return Reply.json(200, {"data": _shown(row)})


def move(call: ApiCall, image_id: str) -> Reply:
    """Put an image at a place; those after it move on."""
    row, place = live(call, "images", image_id), number(body_of(call), "position")
    if place is None:
        raise Refused(422, "position is required")
    others = [each for each in _images(call.store, row["owner_id"]) if each["id"] != image_id]
    others.insert(max(0, int(place) - 1), row)
    for position, each in enumerate(others, 1):
        if each["position"] != position or each is row:
            call.store.put("images", {**each, "position": position})
    _touch(call.store, row)
    return Reply.json(200, {"data": _shown(call.store["images"][image_id])})


def delete(call: ApiCall, image_id: str) -> Reply:
    row = live(call, "images", image_id)
    call.store.put("images", {**row, "deleted_at": stamp()})
    _touch(call.store, row)
    return Reply(204)


def delete_of(*, family: bool) -> Callable[[ApiCall, str, str], Reply]:
    """Return the handler that deletes an image of a family, or of a variant."""

    def handler(call: ApiCall, owner_id: str, image_id: str) -> Reply:
        _of_families(call)
        row = live(call, "images", image_id)
        if (row["owner_id"], row["of_family"]) != (owner_id, family):
            raise Refused(404, f"There is no such image of {owner_id}")
        return delete(call, image_id)

    return handler


def finish(store: Store, image_id: str, patterns: tuple[str, ...]) -> Row:
    """End the processing of an image; its products have it then."""
    row = store["images"][image_id]
    if row["status"] != PROCESSING:
        return row
    broken = row["sha"] in store.files and pictures.fails(store.files[row["sha"]], row["name"], patterns)
    row = store.put("images", {**row, "status": "error" if broken else "uploaded"})
    if not broken:
        _touch(store, row)
    return row


def _of_families(call: ApiCall) -> None:
    if not call.version.families:
        raise Refused(404, "There is nothing at this path in this version")


def _taken(call: ApiCall, product: Row, *, of_family: bool) -> Reply:
    """Take a file. The same bytes are the same image, which is processed again only if that failed."""
    store, settings = call.store, call.settings
    name, content = pictures.uploaded(call.request)
    kind = pictures.kind_of(content) or name.rpartition(".")[2].lower().replace("jpeg", "jpg")
    if kind not in (("jpg", "png", "gif", "tif", "webp") if settings.image_types == "all" else ("jpg", "png")):
        raise Refused(422, "The file must be a jpg or png")
    if not content or len(content) > MOST_BYTES:
        raise Refused(422, "The file must have between 1 byte and 10 MB")
    sha = sha256(content).hexdigest()
    owner = str(product["family_id"] if of_family else product["id"])
    images = _images(store, owner)
    row = next((each for each in images if each["sha"] == sha), None)
    if row is None:
        if len(images) >= MOST_IMAGES:
            raise Refused(422, f"A product has at most {MOST_IMAGES} images")
        fields = {"owner_id": owner, "product_id": product["id"], "of_family": of_family, "position": len(images) + 1}
        fields |= {"file": f"{sha[:40]}.{kind}", "sha": sha, "name": name, "status": "new"}
        row = new_row("images", store.new_id("images"), fields)
    if row["status"] in ("new", "error"):
        store.files[sha] = content
        row = store.put("images", {**row, "name": name, "status": PROCESSING, "polls": settings.image_polls})
        store.later(settings.image_seconds, "images", row["id"])
    return Reply.json(settings.image_status, {"data": _shown(row)})


def _images(store: Store, owner_id: str) -> list[Row]:
    rows = [store["images"][each] for each in store.images.get(owner_id, ())]
    return sorted((each for each in rows if not each["deleted_at"]), key=lambda each: each["position"])


def _touch(store: Store, image: Row) -> None:
    """Give the products that show an image a new version."""
    family = store["products"][image["product_id"]]["family_id"]
    for each in store.members(family):
        if image["of_family"] or each["id"] == image["owner_id"]:
            store.touch("products", each["id"])


def _shown(row: Row) -> dict[str, object]:
    return {name: row[name] for name in ("id", "product_id", "position", "status", "version")}
