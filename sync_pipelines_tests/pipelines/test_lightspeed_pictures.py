"""Pictures find their products by their names, and go there once: whatever the store makes of them, and whenever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.lightspeed_pictures import in_store
from sync_pipelines.pipelines.lightspeed_pictures.target import key_of
from sync_pipelines.pipelines.lightspeed_retail.questions import client
from sync_pipelines_tests.pipelines import lightspeed_pictures_scene
from sync_pipelines_tests.pipelines.lightspeed_pictures_scene import JPG, PNG, PictureScene
from vendor_sandbox import Sandbox

BOOK, KNOTS = "9780306406157", "9780804429573"


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
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def digests(*contents: bytes) -> list[str]:
    return [sha256(content).hexdigest() for content in contents]


class TestAFile:
    def test_is_known_by_its_bytes_and_told_what_to_do(
        self, store: PictureScene, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LIGHTSPEED_PICTURES_LARGEST", str(1024 * 1024))
        put(
            folder,
            {
                f"{BOOK}.jpg": PNG + b"1",
                f"{BOOK}_2.jpg": b"a text",
                f"{BOOK}_3.png": b"",
                f"{BOOK}_4.png": JPG + b"x" * 1024 * 1024,
                f"{BOOK}_5.gif": b"GIF89a",
                f"{BOOK}_6.webp": b"RIFF0000WEBP",
                f"{BOOK}_7.txt": b"not looked at",
                "nobody.jpg": JPG + b"1",
                "deep/in/it.jpg": JPG + b"2",
            },
        )
        (folder / "link.jpg").symlink_to(folder / f"{BOOK}.jpg")
        found = store.look(folder)
        told = {name: (each.state, each.reason) for name, each in found.items()}
        assert told[f"{BOOK}.jpg"] == ("matched", "")
        assert told[f"{BOOK}_2.jpg"] == ("rejected", "text, not a jpg or png. Save it as jpg or png.")
        assert told[f"{BOOK}_3.png"] == ("rejected", "empty")
        assert told[f"{BOOK}_4.png"] == ("rejected", "1.0 MB; at most 1 MB are allowed. Save it smaller.")
        assert told[f"{BOOK}_5.gif"][1].startswith("a gif")
        assert told[f"{BOOK}_6.webp"][1].startswith("a webp")
        assert told["nobody.jpg"][0] == told["deep/in/it.jpg"][0] == "leftover"
        assert "symbolic link" in told["link.jpg"][1]
        assert f"{BOOK}_7.txt" not in told

    def test_of_the_same_content_goes_once_to_a_product(self, store: PictureScene, folder: Path) -> None:
        put(folder, {f"{BOOK}.jpg": JPG + b"1", f"{BOOK}_2.jpg": JPG + b"1", f"{KNOTS}.jpg": JPG + b"1"})
        found = store.look(folder)
        assert found[f"{BOOK}_2.jpg"].reason == f"the very same picture as {BOOK}.jpg"
        ended = store.send(folder)
        assert dict(ended.counts) == {"delivered": 2}

    def test_is_never_renamed_or_changed(self, store: PictureScene, folder: Path) -> None:
        put(folder, {f"{BOOK} (2).JPG": JPG + b"1"})
        before = [(path.name, path.stat().st_mtime_ns) for path in folder.iterdir()]
        store.send(folder)
        assert [(path.name, path.stat().st_mtime_ns) for path in folder.iterdir()] == before

    def test_of_a_folder_that_is_not_there(self, store: PictureScene, folder: Path) -> None:
        with pytest.raises(UsageError, match="does not exist"):
            store.look(folder / "nowhere")

    def test_may_be_for_one_supplier_or_for_products_without_any(self, store: PictureScene, folder: Path) -> None:
        boot = store.boots()[0]
        put(folder, {f"{BOOK}.jpg": JPG + b"1", f"{boot['sku']}.jpg": JPG + b"2"})
        assert store.look(folder, supplier="Mesa Cordwain")[f"{BOOK}.jpg"].state == "leftover"
        store.send(folder)
        put(folder, {f"{BOOK}_2.jpg": JPG + b"3"})
        assert store.look(folder, new_only=True)[f"{BOOK}_2.jpg"].state == "has_pictures"
        with pytest.raises(UsageError, match="Did you mean Mesa Cordwain"):
            store.look(folder, supplier="Mesa Cordwein")


class TestSending:
    @BOTH
    def test_each_picture_is_there_once_and_a_second_run_sends_nothing(
        self, store: PictureScene, folder: Path, version: str
    ) -> None:
        boot = store.boots()[0]
        put(folder, {f"{BOOK}.jpg": JPG + b"1", f"{boot['sku']}_2.png": PNG + b"2"})
        before = store.pictures(boot["sku"])
        ended = store.send(folder)
        assert dict(ended.counts) == {"delivered": 2}
        assert digests(JPG + b"1")[0] in store.pictures(BOOK)
        assert [sha for sha in store.pictures(boot["sku"]) if sha not in before] == digests(PNG + b"2")
        uploads = store.uploads()
        assert dict(store.send(folder).counts) == {}
        assert store.uploads() == uploads == 2

    def test_a_variants_own_picture_is_its_own_from_2026_10_on(
        self, store: PictureScene, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LIGHTSPEED_API_VERSION", "2026-10")
        boot = store.boots()[0]
        put(folder, {f"{boot['sku']}.jpg": JPG + b"1"})
        store.send(folder)
        (image,) = [row for row in store.rows("images") if row["sha"] in digests(JPG + b"1")]
        assert (image["owner_id"], image["of_family"]) == (boot["id"], False)

    @BOTH
    def test_is_taken_back(self, store: PictureScene, folder: Path, version: str) -> None:
        put(folder, {f"{BOOK}.jpg": JPG + b"1"})
        before = store.pictures(BOOK)
        ended = store.send(folder)
        assert store.pictures(BOOK) != before
        assert dict(store.take_back(ended).counts) == {"delivered": 1}
        assert store.pictures(BOOK) == before

    def test_a_picture_that_the_store_had_before_is_not_taken_away(
        self, store: PictureScene, folder: Path, tmp_path: Path
    ) -> None:
        put(folder, {f"{BOOK}.jpg": JPG + b"1"})
        store.send(folder)
        (tmp_path / "data2").mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SYNC_PIPELINES_DATA_DIR", str(tmp_path / "data2"))  # another ledger, which knows nothing of it
            ended = store.send(folder)
            assert dict(ended.counts) == {"delivered": 1}
            undone = store.take_back(ended)
            assert undone.impossible == ((key_of(BOOK, *digests(JPG + b"1")), "the store had this picture before"),)
        assert digests(JPG + b"1")[0] in store.pictures(BOOK)

    def test_one_that_a_person_deleted_is_not_sent_again_by_itself(self, store: PictureScene, folder: Path) -> None:
        put(folder, {f"{BOOK}.jpg": JPG + b"1"})
        store.send(folder)
        (image,) = [row["id"] for row in store.rows("images") if row["sha"] in digests(JPG + b"1")]
        product = store.product(BOOK)["id"]
        store.change(delete={"images": [image]}, touch={"products": [product]})
        assert dict(store.send(folder).counts) == {"held": 1}
        assert store.uploads() == 1


class TestTheStoreTakesItsTime:
    def test_it_is_waited_for(self, store: PictureScene, folder: Path) -> None:
        store.change(settings={"image_polls": 5, "image_seconds": 1e9})
        put(folder, {f"{BOOK}.jpg": JPG + b"1"})
        assert dict(store.send(folder).counts) == {"delivered": 1}
        assert store.uploads() == 1

    def test_what_is_not_ready_then_is_looked_at_by_later_runs_and_never_sent_again(
        self, store: PictureScene, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LIGHTSPEED_PICTURES_WAIT_SECONDS", "0.05")
        store.change(settings={"image_polls": 10_000, "image_seconds": 1e9})
        put(folder, {f"{BOOK}.jpg": JPG + b"1"})
        key = key_of(BOOK, *digests(JPG + b"1"))
        first = store.send(folder)
        assert dict(first.counts) == {"unknown": 1}
        with pytest.raises(DeliveryError, match="in doubt"):
            store.take_back(first)
        assert dict(store.send(folder).counts) == {"held": 1}
        assert (store.uploads(), store.states()[key]) == (1, "held")
        store.change(settings={"image_seconds": 0})
        (image,) = [row["id"] for row in store.rows("images") if row["sha"] in digests(JPG + b"1")]
        store.change(set={"images": {image: {"polls": 0}}})
        store.send(folder)
        assert store.uploads() == 1
        assert digests(JPG + b"1")[0] in store.pictures(BOOK)

    def test_many_are_looked_for_in_the_list_of_products(self, store: PictureScene, folder: Path) -> None:
        boots = store.boots()[:40]
        put(folder, {f"{boot['sku']}.jpg": JPG + boot["sku"].encode() for boot in boots})
        store.change(settings={"image_polls": 1, "image_seconds": 0.5})
        before = store.calls()
        assert dict(store.send(folder).counts) == {"delivered": 40}
        asked = sum(
            call["path"].endswith(tuple(row["id"] for row in store.rows("images"))) for call in store.sandbox.calls("lightspeed")
        )  # type: ignore[union-attr]
        assert store.uploads() == 40
        assert asked <= 40
        assert store.calls() - before < 40 + 80

    def test_what_it_can_make_nothing_of_is_rejected_and_goes_again_only_when_asked(
        self, store: PictureScene, folder: Path
    ) -> None:
        store.change(settings={"image_fails": [f"{BOOK}*"]})
        put(folder, {f"{BOOK}.jpg": JPG + b"1"})
        key = key_of(BOOK, *digests(JPG + b"1"))
        assert dict(store.send(folder).counts) == {"rejected": 1}
        assert dict(store.send(folder).counts) == {"held": 1}
        assert store.uploads() == 1
        store.change(settings={"image_fails": []})
        assert dict(store.send(folder, only=(key,)).counts) == {"delivered": 1}
        assert dict(store.send(folder).counts) == {}

    def test_another_content_of_that_file_goes(self, store: PictureScene, folder: Path) -> None:
        store.change(settings={"image_fails": [f"{BOOK}*"]})
        put(folder, {f"{BOOK}.jpg": JPG + b"1"})
        store.send(folder)
        store.change(settings={"image_fails": []})
        put(folder, {f"{BOOK}.jpg": JPG + b"2"})
        assert dict(store.send(folder).counts) == {"delivered": 1}


class TestFaults:
    @pytest.mark.parametrize("kind", ["lost_reply", "lost_request", "cut_body", "html"])
    def test_an_answer_that_is_lost_neither_loses_nor_doubles(self, store: PictureScene, folder: Path, kind: str) -> None:
        put(folder, {f"{BOOK}.jpg": JPG + b"1"})
        store.fault("POST /products/*/actions/image_upload", kind, times=1)
        assert dict(store.send(folder).counts) == {"delivered": 1}
        assert store.pictures(BOOK).count(digests(JPG + b"1")[0]) == 1

    def test_the_limit_is_waited_for(self, store: PictureScene, folder: Path) -> None:
        put(folder, {f"{BOOK}.jpg": JPG + b"1", f"{KNOTS}.jpg": JPG + b"2"})
        store.fault("POST /products/*/actions/image_upload", "rate_limited", retry_after="1", times=2, after=1)
        assert dict(store.send(folder).counts) == {"delivered": 2}

    def test_a_file_that_changes_between_plan_and_apply_is_not_sent(self, store: PictureScene, folder: Path) -> None:
        put(folder, {f"{BOOK}.jpg": JPG + b"1", f"{KNOTS}.jpg": JPG + b"2"})
        planned = store.preview(folder)
        put(folder, {f"{BOOK}.jpg": JPG + b"other"})
        (folder / f"{KNOTS}.jpg").unlink()
        assert dict(store.send_plan(planned).counts) == {"skipped": 2}
        assert store.uploads() == 0

    def test_a_product_that_is_deleted_meanwhile_gets_none(self, store: PictureScene, folder: Path) -> None:
        put(folder, {f"{BOOK}.jpg": JPG + b"1"})
        planned = store.preview(folder)
        store.change(delete={"products": [store.product(BOOK)["id"]]})
        assert dict(store.send_plan(planned).counts) == {"skipped": 1}
        assert store.uploads() == 0

    def test_a_missing_scope_is_named_before_the_first_picture(self, store: PictureScene, folder: Path) -> None:
        put(folder, {f"{BOOK}.jpg": JPG + b"1"})
        store.token("products:write")
        with pytest.raises(DeliveryError, match="lacks products:write"):
            store.send(folder)
        assert store.uploads() == 0

    def test_a_version_that_can_only_be_read_is_named(
        self, store: PictureScene, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LIGHTSPEED_API_VERSION", "2.0")
        put(folder, {f"{BOOK}.jpg": JPG + b"1"})
        with pytest.raises(DeliveryError, match="can only be read"):
            store.send(folder)


class TestInTheStore:
    def test_products_without_any_are_listed_by_supplier(self, store: PictureScene) -> None:
        store.sync_products()
        rows = in_store.missing()
        assert {row["sku"] for row in rows} == {row["sku"] for row in store.rows("products") if lacks(store, row)}
        some = in_store.missing(" paper & board ")
        assert {row["supplier"] for row in some} <= {"Paper & Board"}

    def test_a_parents_pictures_that_no_variant_uses_are_listed(self, store: PictureScene) -> None:
        store.sync_products()
        (row,) = in_store.unused()
        assert "unused" in row["url"]

    def test_all_are_written_once_and_a_second_time_none(self, store: PictureScene, tmp_path: Path) -> None:
        store.sync_products()
        with client() as reader:
            first, second = (in_store.download(tmp_path / "all", reader) for _ in range(2))
        files = [path for path in (tmp_path / "all").rglob("*") if path.is_file()]
        shown = [row for row in store.rows("images") if row["status"] == "uploaded" and not row["deleted_at"]]
        assert (first.files, first.problems, second.files, second.there) == (len(shown), (), 0, len(shown))
        assert len(files) == len(shown)
        assert all(path.suffix in (".jpg", ".png") for path in files)


def lacks(store: PictureScene, row: Mapping[str, Any]) -> bool:
    owners = {image["owner_id"] for image in store.rows("images") if image["status"] == "uploaded" and not image["deleted_at"]}
    return row["deleted_at"] is None and row["active"] and not owners & {row["id"], row["family_id"]}
