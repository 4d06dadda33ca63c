"""How Lightspeed's stand-in takes pictures, has them ready later and serves them, over real sockets."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.conftest import PATIENCE
from sync_pipelines_tests.vendor_sandbox.lightspeed_caller import LightspeedCaller, fresh
from vendor_sandbox import Sandbox

PNG = b"\x89PNG\r\n\x1a\n" + b"--\r\n\r\n" * 40
"""With line ends and dashes, as any picture may have."""
UPLOAD = "products/{}/actions/image_upload"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def lightspeed(running: Sandbox) -> LightspeedCaller:
    return fresh(running)


def send(lightspeed: LightspeedCaller, path: str, content: bytes = PNG, name: str = "a.png", **options: str) -> requests.Response:
    return lightspeed.call("POST", path, files={"image": (name, content)}, **options)


def member(lightspeed: LightspeedCaller, size: str) -> dict[str, Any]:
    found: dict[str, Any] = lightspeed.get("products", sku=f"TRAP-VARIANT-DELETED-{size}")["data"][0]
    return found


def test_a_picture_is_ready_after_some_asking_and_belongs_to_the_family(lightspeed: LightspeedCaller) -> None:
    variant = member(lightspeed, "M")
    reply = send(lightspeed, UPLOAD.format(variant["id"]))
    made = reply.json()["data"]
    assert (reply.status_code, made["status"], made["position"]) == (201, "processing", 1)
    assert member(lightspeed, "M")["images"] == []
    states = [lightspeed.get(f"product_images/{made['id']}")["data"]["status"] for _ in range(4)]
    assert states == ["processing", "processing", "uploaded", "uploaded"]
    (first,), (second,) = (member(lightspeed, size)["images"] for size in ("S", "M"))
    assert first == second
    assert requests.get(first["url"], timeout=PATIENCE).content == PNG
    assert member(lightspeed, "S")["version"] > variant["version"]


def test_nobody_has_to_ask(lightspeed: LightspeedCaller) -> None:
    send(lightspeed, UPLOAD.format(member(lightspeed, "M")["id"]))
    lightspeed.sandbox.lightspeed.clock.skip(61)
    assert len(member(lightspeed, "M")["images"]) == 1


def test_the_same_bytes_are_the_same_picture(lightspeed: LightspeedCaller) -> None:
    path = UPLOAD.format(member(lightspeed, "M")["id"])
    first, second = (send(lightspeed, path, name=name).json()["data"]["id"] for name in ("a.png", "b.png"))
    assert first == second
    assert lightspeed.call("DELETE", f"product_images/{first}").status_code == 204
    assert lightspeed.call("GET", f"product_images/{first}").status_code == 404
    assert send(lightspeed, path).json()["data"]["id"] != first


@pytest.mark.parametrize(
    ("content", "name", "status"),
    [
        *((b"GIF89a", "a.gif", 422), (b"GIF89a", "a.png", 422), (b"%PDF", "a.pdf", 422), (b"", "a.png", 422)),
        *((PNG + bytes(10 * 1024 * 1024), "a.png", 422), (b"text", "a.jpg", 201)),
    ],
)
def test_what_is_no_small_jpg_or_png_is_refused(lightspeed: LightspeedCaller, content: bytes, name: str, status: int) -> None:
    assert send(lightspeed, UPLOAD.format(member(lightspeed, "M")["id"]), content, name).status_code == status


def test_a_text_that_is_named_as_a_picture_ends_in_error_and_may_be_sent_again(lightspeed: LightspeedCaller) -> None:
    path = UPLOAD.format(member(lightspeed, "M")["id"])
    made = send(lightspeed, path, b"text", "a.jpg").json()["data"]["id"]
    lightspeed.sandbox.lightspeed.clock.skip(61)
    assert lightspeed.get(f"product_images/{made}")["data"]["status"] == "error"
    assert member(lightspeed, "M")["images"] == []
    again = send(lightspeed, path, b"text", "a.jpg").json()["data"]
    assert (again["id"], again["status"]) == (made, "processing")


def test_only_a_file_in_the_field_image_is_taken(lightspeed: LightspeedCaller) -> None:
    path = UPLOAD.format(member(lightspeed, "M")["id"])
    statuses = [
        lightspeed.call("POST", path, {"image": "iVBORw0KGgo="}).status_code,
        lightspeed.call("POST", path, data={"image": "iVBORw0KGgo="}).status_code,
        lightspeed.call("POST", path, files={"file": ("a.png", PNG)}).status_code,
        send(lightspeed, UPLOAD.format("nobody")).status_code,
    ]
    assert statuses == [400, 400, 422, 404]


def test_pictures_can_change_places(lightspeed: LightspeedCaller) -> None:
    lightspeed.set(image_polls=0)
    path = UPLOAD.format(member(lightspeed, "M")["id"])
    made = [send(lightspeed, path, PNG + bytes([n])).json()["data"]["id"] for n in range(3)]
    assert {lightspeed.get(f"product_images/{each}")["data"]["status"] for each in made} == {"uploaded"}
    moved = lightspeed.call("PUT", f"product_images/{made[2]}", {"position": 1}).json()["data"]
    assert moved["position"] == 1
    assert [each["id"] for each in member(lightspeed, "S")["images"]] == [made[2], made[0], made[1]]


def test_2026_10_knows_pictures_of_a_variant(lightspeed: LightspeedCaller) -> None:
    lightspeed.set(image_polls=0)
    variant = member(lightspeed, "M")
    own, family = f"products/{variant['id']}/images", f"product_families/{variant['family_id']}/images"
    assert send(lightspeed, own).status_code == 404
    made = [send(lightspeed, path, version="2026-10").json()["data"]["id"] for path in (own, family)]
    for each in made:
        lightspeed.get(f"product_images/{each}")
    assert [[each["id"] for each in member(lightspeed, size)["skuImages"]] for size in ("S", "M")] == [[], made[:1]]
    assert [each["id"] for each in member(lightspeed, "S")["images"]] == made[1:]
    gone = [lightspeed.call("DELETE", f"{path}/{made[0]}", version="2026-10").status_code for path in (family, own)]
    assert gone == [404, 204]


def test_a_lost_answer_leaves_a_picture_that_comes_once(lightspeed: LightspeedCaller) -> None:
    path = UPLOAD.format(member(lightspeed, "M")["id"])
    lightspeed.sandbox.faults("lightspeed", [{"on": "POST */image_upload", "kind": "lost_reply"}])
    with pytest.raises(requests.ConnectionError):
        send(lightspeed, path)
    assert send(lightspeed, path).json()["data"]["position"] == 1


def test_pictures_of_the_start_are_served_in_any_size(lightspeed: LightspeedCaller) -> None:
    (picture, _) = lightspeed.get("products", page_size=1)["data"][0]["images"]
    contents = {requests.get(url, timeout=PATIENCE).content[:3] for url in picture["sizes"].values()}
    assert contents == {b"\xff\xd8\xff"}
    assert requests.get(f"{lightspeed.sandbox.url}/lightspeed/pictures/original/none.jpg", timeout=PATIENCE).status_code == 404
