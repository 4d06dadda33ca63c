"""Whose a picture is: a family's or a variant's own, ours or somebody else's. Each goes there once, and undo takes away only ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.lightspeed_pictures import IMAGES, in_store, target
from sync_pipelines.pipelines.lightspeed_pictures.target import ONE_BY_ONE, failed, key_of
from sync_pipelines.pipelines.lightspeed_retail.questions import client
from sync_pipelines_tests import forked
from sync_pipelines_tests.pipelines import lightspeed_pictures_scene
from sync_pipelines_tests.pipelines.lightspeed_pictures_scene import JPG, PictureScene
from vendor_sandbox import Sandbox

BOOK = "9780306406157"
OURS, THEIRS = JPG + b"ours", JPG + b"theirs"
UPLOAD = "POST /products/*/actions/image_upload"
NOT_OURS = "the store had this picture before"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(speed=1000) as sandbox:
        yield sandbox


@pytest.fixture
def store(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> PictureScene:
    for name, value in {**running.env, **lightspeed_pictures_scene.FAST}.items():
        monkeypatch.setenv(name, value)
    return lightspeed_pictures_scene.begin(running)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


@pytest.fixture
def version(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LIGHTSPEED_API_VERSION", request.param)
    return str(request.param)


BOTH = pytest.mark.parametrize("version", ["2026-07", "2026-10"], indirect=True)


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (folder / f"{name}.jpg").write_bytes(content)


def sha(content: bytes) -> str:
    return sha256(content).hexdigest()


def variants(store: PictureScene) -> list[dict[str, Any]]:
    """The products of the first family that has several, by their SKUs."""
    live = [row for row in store.rows("products") if not row["deleted_at"] and row["sku"] and row["options"]]
    families = [[row for row in live if row["family_id"] == each["family_id"]] for each in live]
    (found, *_) = [members for members in families if len(members) > 2]
    return sorted(found, key=lambda row: str(row["sku"]))


def images(store: PictureScene, content: bytes) -> list[dict[str, Any]]:
    """The pictures with these bytes that there are."""
    return [row for row in store.rows("images") if row["sha"] == sha(content) and not row["deleted_at"]]


def by_hand(store: PictureScene, product: Mapping[str, Any], content: bytes) -> str:
    """Somebody adds a picture in the back office. Returns its id."""
    assert store.sandbox
    url = f"{store.sandbox.env['LIGHTSPEED_URL']}/api/2026-07/products/{product['id']}/actions/image_upload"
    login = {"Authorization": f"Bearer {store.sandbox.env['LIGHTSPEED_TOKEN']}"}
    polls = store.vendor.state()["settings"]["image_polls"]
    store.change(settings={"image_polls": 0})
    made = requests.post(url, files={"image": ("by_hand.jpg", content)}, headers=login, timeout=10).json()["data"]
    state = requests.get(f"{url.partition('/products/')[0]}/product_images/{made['id']}", headers=login, timeout=10).json()
    assert state["data"]["status"] == "uploaded"
    store.change(settings={"image_polls": polls})
    return str(made["id"])


def key(sku: str, content: bytes) -> str:
    return key_of(sku, sha(content))


class TestAFamily:
    def test_has_each_picture_once_whichever_variant_it_is_named_by(self, store: PictureScene, folder: Path) -> None:
        first, second, third = (row["sku"] for row in variants(store)[:3])
        put(folder, {first.lower(): OURS, f"{second}_2": OURS})
        found = store.look(folder)
        assert sorted(each.state for each in found.values()) == ["matched", "same"]
        assert {each.owner for each in found.values()} == {first}
        assert dict(store.send(folder).counts) == {"delivered": 1}
        (folder / f"{first.lower()}.jpg").unlink()
        put(folder, {third: OURS})
        assert dict(store.send(folder).counts) == {}
        assert (store.uploads(), len(images(store, OURS))) == (1, 1)

    def test_of_2026_10_has_a_picture_of_each_variant(
        self, store: PictureScene, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LIGHTSPEED_API_VERSION", "2026-10")
        chosen = variants(store)[:2]
        put(folder, {row["sku"]: OURS for row in chosen})
        assert dict(store.send(folder).counts) == {"delivered": 2}
        assert {(row["owner_id"], row["of_family"]) for row in images(store, OURS)} == {(row["id"], False) for row in chosen}

    def test_whose_pictures_only_its_parent_shows_has_pictures(self, store: PictureScene, folder: Path) -> None:
        members = variants(store)
        store.change(settings={"family_images": "parent"})
        by_hand(store, members[0], THEIRS)
        put(folder, {row["sku"]: JPG + row["sku"].encode() for row in members})
        assert {each.state for each in store.look(folder, new_only=True).values()} == {"has_pictures"}
        store.sync_products()
        assert {row["sku"] for row in in_store.missing()}.isdisjoint(row["sku"] for row in members)

    def test_whose_pictures_only_its_parent_shows_keeps_them_on_undo(self, store: PictureScene, folder: Path) -> None:
        members = variants(store)
        store.change(settings={"family_images": "parent"})
        by_hand(store, members[0], THEIRS)
        put(folder, {members[-1]["sku"]: THEIRS})
        undone = store.take_back(store.send(folder))
        assert undone.impossible == ((key(members[0]["sku"], THEIRS), NOT_OURS),)
        assert len(images(store, THEIRS)) == 1


class TestUndo:
    @BOTH
    def test_takes_away_what_we_added_and_nothing_else(self, store: PictureScene, folder: Path, version: str) -> None:
        members = variants(store)
        by_hand(store, members[0], THEIRS)
        put(folder, {members[0]["sku"]: OURS, BOOK: OURS})
        ended = store.send(folder)
        assert dict(ended.counts) == {"delivered": 2}
        assert dict(store.take_back(ended).counts) == {"delivered": 2}
        assert (images(store, OURS), len(images(store, THEIRS))) == ([], 1)
        assert dict(store.send(folder).counts) == {"held": 2}  # until somebody says otherwise
        deleted = [call["path"] for call in store.sandbox.calls("lightspeed") if call["method"] == "DELETE"]  # type: ignore[union-attr]
        own_paths = [("/products/" in path, "/product_families/" in path) for path in sorted(deleted)]
        assert own_paths == ([(False, True), (True, False)] if version == "2026-10" else [(False, False)] * 2)

    @pytest.mark.parametrize("kind", ["lost_reply", "lost_request"])
    def test_of_a_picture_whose_answer_was_lost_takes_it_away(self, store: PictureScene, folder: Path, kind: str) -> None:
        put(folder, {BOOK: OURS})
        store.fault(UPLOAD, kind)
        store.change(settings={"image_seconds": 0})  # it is shown before it is sent again
        ended = store.send(folder)
        assert dict(ended.counts) == {"delivered": 1}
        undone = store.take_back(ended)
        assert (dict(undone.counts), undone.impossible) == ({"delivered": 1}, ())
        assert images(store, OURS) == []

    def test_leaves_a_picture_that_was_there_before_an_answer_was_lost(self, store: PictureScene, folder: Path) -> None:
        by_hand(store, store.product(BOOK), OURS)
        put(folder, {BOOK: OURS})
        store.fault(UPLOAD, "lost_reply")
        undone = store.take_back(store.send(folder))
        assert undone.impossible == ((key(BOOK, OURS), NOT_OURS),)
        assert len(images(store, OURS)) == 1

    def test_of_what_a_run_sent_that_was_killed_takes_it_away(self, store: PictureScene, folder: Path) -> None:
        """The next run finds it shown: it came from us all the same."""
        put(folder, {BOOK: OURS})
        store.change(settings={"image_seconds": 0})
        module = "sync_pipelines_tests.pipelines.killed_lightspeed_orders"
        ended = forked.command(["pictures", "write:2:after", str(folder)], timeout=90, module=module)
        assert (ended.returncode, len(images(store, OURS))) == (-9, 1), ended.stderr
        sent = store.send(folder)
        assert dict(sent.counts) == {"delivered": 1}
        undone = store.take_back(sent)
        assert (dict(undone.counts), undone.impossible, images(store, OURS)) == ({"delivered": 1}, (), [])

    def test_of_a_picture_that_somebody_deleted_and_added_again_leaves_that(self, store: PictureScene, folder: Path) -> None:
        put(folder, {BOOK: OURS})
        ended = store.send(folder)
        (image,) = images(store, OURS)
        store.change(delete={"images": [image["id"]]}, touch={"products": [store.product(BOOK)["id"]]})
        by_hand(store, store.product(BOOK), OURS)
        assert dict(store.take_back(ended).counts) == {"unchanged": 1}
        assert len(images(store, OURS)) == 1

    @BOTH
    def test_of_a_product_that_has_another_sku_by_now_takes_it_away(
        self, store: PictureScene, folder: Path, version: str
    ) -> None:
        put(folder, {BOOK: OURS})
        ended = store.send(folder)
        product = store.product(BOOK)
        store.change(set={"products": {product["id"]: {"sku": "NEW-SKU"}}})
        assert dict(store.take_back(ended).counts) == {"delivered": 1}
        assert images(store, OURS) == []

    @pytest.mark.parametrize("kind", ["lost_reply", "lost_request"])
    def test_whose_answer_is_lost_is_done_once(self, store: PictureScene, folder: Path, kind: str) -> None:
        put(folder, {BOOK: OURS})
        ended = store.send(folder)
        store.fault("DELETE /product_images/*", kind)
        assert dict(store.take_back(ended).counts) == {"delivered": 1}
        assert images(store, OURS) == []


class TestWaiting:
    def test_is_not_begun_anew_by_every_step_of_a_run(
        self, store: PictureScene, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LIGHTSPEED_PICTURES_WAIT_SECONDS", "30")
        monkeypatch.setenv("LIGHTSPEED_PICTURES_POLL_SECONDS", "2")
        slept: list[float] = []
        monkeypatch.setattr(target, "time", SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append))
        store.change(settings={"image_polls": 10_000, "image_seconds": 1e9})
        put(folder, {BOOK: OURS})
        store.send(folder)
        assert sum(slept) == 30
        store.send(folder)
        assert sum(slept) == 60

    def test_for_many_that_never_come_hides_none_of_which_nothing_will_come(
        self, store: PictureScene, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LIGHTSPEED_PICTURES_WAIT_SECONDS", "0")
        store.change(settings={"image_polls": 10_000, "image_seconds": 1e9})
        skus = [row["sku"] for row in store.boots()[: ONE_BY_ONE + 5]]
        put(folder, {sku: JPG + sku.encode() for sku in skus})
        assert dict(store.send(folder).counts) == {"unknown": len(skus)}
        wrong = store.look(folder)[f"{skus[-1]}.jpg"].key
        (last,) = images(store, JPG + skus[-1].encode())
        store.change(set={"images": {last["id"]: {"polls": 0}}}, settings={"image_fails": [f"{skus[-1]}*"]})
        monkeypatch.setenv("LIGHTSPEED_PICTURES_WAIT_SECONDS", "3")
        store.send(folder)
        with store.run("look") as session:
            assert list(failed(session.ledger, IMAGES.account()).by_key) == [wrong]

    def test_is_over_when_somebody_deletes_the_picture(
        self, store: PictureScene, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LIGHTSPEED_PICTURES_WAIT_SECONDS", "0")
        store.change(settings={"image_polls": 10_000, "image_seconds": 1e9})
        put(folder, {BOOK: OURS})
        store.send(folder)
        store.change(delete={"images": [images(store, OURS)[0]["id"]]})
        store.send(folder)
        with store.run("look") as session:
            assert session.ledger.doubts(IMAGES.account()) == []


class TestTheVendorSaysNo:
    def test_to_more_pictures_than_a_product_may_have(self, store: PictureScene, folder: Path) -> None:
        product = store.product(BOOK)
        fields = {"owner_id": product["family_id"], "product_id": product["id"], "of_family": True, "sha": "", "file": "a.jpg"}
        rows = [{**fields, "position": n, "name": "", "status": "uploaded"} for n in range(1, 251)]
        store.change(add={"images": rows})
        put(folder, {BOOK: OURS})
        ended = store.send(folder)
        assert dict(ended.counts) == {"rejected": 1}
        assert "at most 250 images" in store.outcomes(ended)[key(BOOK, OURS)][1]

    def test_to_one_of_many_and_the_others_go(self, store: PictureScene, folder: Path) -> None:
        skus = [row["sku"] for row in store.boots()[:4]]
        put(folder, {sku: JPG + sku.encode() for sku in skus})
        store.fault(UPLOAD, "status", status=422, times=1, after=1)
        assert dict(store.send(folder).counts) == {"delivered": 3, "rejected": 1}


class TestDownload:
    def test_gives_each_picture_a_name_of_its_own(self, store: PictureScene, tmp_path: Path) -> None:
        skus = ("A/B", "A:B", "a_b", "..")
        live = [row for row in store.rows("products") if not row["deleted_at"] and not row["options"]]
        for product, sku in zip(live, skus, strict=False):
            store.change(set={"products": {product["id"]: {"sku": sku, "suppliers": []}}})
            by_hand(store, product, JPG + sku.encode())
        store.sync_products()
        with client() as reader:
            done = in_store.download(tmp_path / "all", reader)
            again = in_store.download(tmp_path / "all", reader)
        files = [path for path in (tmp_path / "all").rglob("*") if path.is_file()]
        assert {JPG + sku.encode() for sku in skus} <= {path.read_bytes() for path in files}
        assert len({str(path).casefold() for path in files}) == len(files) == done.files
        assert (done.problems, again.files, again.there) == ((), 0, done.files)
        assert all((tmp_path / "all") in path.resolve().parents for path in files)

    def test_names_files_by_what_they_truly_are(self, store: PictureScene, tmp_path: Path) -> None:
        store.change(settings={"image_types": "all"})
        by_hand(store, store.product(BOOK), b"GIF89a a picture")
        store.sync_products()
        with client() as reader:
            in_store.download(tmp_path, reader)
        assert [path.name for path in tmp_path.rglob("*.gif")] == [f"{BOOK}_2.gif"]

    def test_goes_on_after_one_that_cannot_be_had(self, store: PictureScene, tmp_path: Path) -> None:
        store.sync_products()
        with client() as reader:
            store.fault("GET /pictures/*", "status", status=404)
            first = in_store.download(tmp_path, reader)
            second = in_store.download(tmp_path, reader)
        assert (len(first.problems), second.files, second.there, second.problems) == (1, 1, first.files, ())

    def test_overwrites_nothing(self, store: PictureScene, tmp_path: Path) -> None:
        store.sync_products()
        with client() as reader:
            in_store.download(tmp_path, reader)
            mine = next(tmp_path.rglob("*.jpg"))
            mine.write_bytes(b"retouched")
            in_store.download(tmp_path, reader)
        assert mine.read_bytes() == b"retouched"


def test_missing_of_a_supplier_that_the_store_does_not_have_is_said(store: PictureScene) -> None:
    store.sync_products()
    with pytest.raises(UsageError, match="no supplier named 'Nobody'"):
        in_store.missing("Nobody")
