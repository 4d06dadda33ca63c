"""Pictures for a Lightspeed store as a person sends them: a child process per command, the sandbox behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines_tests.operations.test_cli import answer, run
from sync_pipelines_tests.pipelines import lightspeed_pictures_scene
from sync_pipelines_tests.pipelines.lightspeed_pictures_scene import FAST, JPG, PictureScene
from vendor_sandbox import Sandbox

BOOK, KNOTS = "9780306406157", "9780804429573"
P = "lightspeed_pictures"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[PictureScene]:
    with Sandbox(speed=1000) as running:
        for name, value in {**running.env, **FAST}.items():
            monkeypatch.setenv(name, value)
        yield lightspeed_pictures_scene.begin(running)


def images(*words: str | Path, code: int = 0) -> Any:
    return answer("lightspeed", "images", *map(str, words), code=code)


def test_a_person_looks_sends_retries_undoes_and_asks(store: PictureScene, own_folder: Path) -> None:
    folder = own_folder / "from the studio"
    folder.mkdir()
    for name, content in {BOOK: JPG + b"1", f"{KNOTS}_2": JPG + b"2", "nobody": JPG + b"3", "text": b"text"}.items():
        (folder / f"{name}.jpg").write_bytes(content)
    store.change(settings={"image_fails": [f"{KNOTS}*"]})

    before = store.pictures(BOOK)
    seen = images(folder, "--dry-run")
    assert {each["file"]: each["state"] for each in seen["files"]} == {
        f"{BOOK}.jpg": "matched",
        f"{KNOTS}_2.jpg": "matched",
        "nobody.jpg": "leftover",
        "text.jpg": "rejected",
    }
    assert (seen["counts"]["create"], store.uploads()) == (2, 0)

    sent = images(folder, "--execute", code=1)
    assert {state: n for state, n in sent["counts"].items() if n and state != "desired"} == {"delivered": 1, "rejected": 1}
    run("lightspeed", "images", str(folder), "--execute")
    assert store.uploads() == 2

    store.change(settings={"image_fails": []})
    (wrong,) = answer("errors", P)
    (held,) = wrong["held"]
    assert f"retry {P} --keys '{held['key']}'" in held["message"]
    assert wrong["source_rejects"]["by_state"] == {"leftover": 1, "rejected": 1}
    run("retry", P, "--keys", held["key"])
    assert (store.uploads(), len(store.pictures(KNOTS))) == (3, 1)

    run("undo", P, "--run", sent["run_id"])
    assert (store.pictures(BOOK), len(store.pictures(KNOTS))) == (before, 1)

    run("sync", "lightspeed_retail")
    missing = {row["sku"] for row in images("--missing")["products"]}
    assert missing
    assert KNOTS not in missing
    assert [row["sku"] for row in images("--unused")["pictures"]]
    done = images("--download", own_folder / "all")
    assert done["files"] == sum(path.is_file() for path in (own_folder / "all").rglob("*")) > 0


def test_what_is_asked_wrong_is_said(store: PictureScene, own_folder: Path) -> None:
    for words in ((), ("--missing", "--unused"), (str(own_folder),), (str(own_folder), "--dry-run", "--execute")):
        ended = run("lightspeed", "images", *words, code=2)
        assert "say" in ended.stderr.lower() or "--dry-run" in ended.stderr
    ended = run("lightspeed", "images", str(own_folder / "nowhere"), "--dry-run", code=2)
    assert "does not exist" in ended.stderr
