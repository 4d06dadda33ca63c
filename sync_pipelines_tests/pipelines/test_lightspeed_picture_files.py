"""What the files of a folder truly are."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from sync_pipelines.errors import UsageError
from sync_pipelines.pipelines.lightspeed_pictures.picture_files import KINDS, kind_of, pictures_in

JPG, PNG = b"\xff\xd8\xff\xe0 a picture", b"\x89PNG\r\n\x1a\n a picture"
MB = 1024 * 1024
OTHERS = {
    "gif": b"GIF89a",
    "tif": b"II*\0",
    "bmp": b"BM....",
    "webp": b"RIFF\0\0\0\0WEBP",
    "heic": b"\0\0\0\x18ftypheic",
    "avif": b"\0\0\0\x1cftypavif",
}


def found(folder: Path, largest: int = 10 * MB) -> dict[str, str]:
    """The pictures of a folder: their kind, or why they are not sent."""
    return {each.name: each.problem or each.kind for each in pictures_in(folder, largest)}


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_pictures_are_known_by_their_bytes_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, content in {"b.JPG": JPG, "a.png": JPG, "c/d.jpeg": PNG, "c/e.jfif": JPG, "c/b/a.png": PNG}.items():
        put(tmp_path, name, content)
    assert list(found(tmp_path).items()) == [
        ("a.png", "jpg"),
        ("b.JPG", "jpg"),
        ("c/d.jpeg", "png"),
        ("c/e.jfif", "jpg"),
        ("c/b/a.png", "png"),
    ]
    (first, *_) = pictures_in(tmp_path, 10 * MB)
    assert (first.digest, first.size) == (sha256(JPG).hexdigest(), len(JPG))


def test_what_cannot_be_sent_says_what_to_do(tmp_path: Path) -> None:
    put(tmp_path, "text.jpg", b"not a picture")
    put(tmp_path, "noise.png", b"\x01\xfe\xdc")
    put(tmp_path, "empty.jpg", b"")
    os.truncate(put(tmp_path, "large.jpg", JPG), 40 * MB)
    os.truncate(put(tmp_path, "just.jpg", JPG), 10 * MB)
    assert found(tmp_path) == {
        "empty.jpg": "empty",
        "just.jpg": "jpg",
        "large.jpg": "40.0 MB; at most 10 MB are allowed. Save it smaller.",
        "noise.png": "not a known kind of picture, not a jpg or png. Save it as jpg or png.",
        "text.jpg": "text, not a jpg or png. Save it as jpg or png.",
    }


@pytest.mark.parametrize(("kind", "content"), OTHERS.items())
def test_other_kinds_of_pictures_are_named(tmp_path: Path, kind: str, content: bytes) -> None:
    put(tmp_path, f"a.{kind}", content)
    assert kind_of(content) == kind
    assert kind in KINDS
    assert found(tmp_path) == {f"a.{kind}": f"a {kind}, not a jpg or png. Save it as jpg or png."}


def test_other_files_and_hidden_ones_are_left_alone(tmp_path: Path) -> None:
    for name in ("notes.txt", ".hidden.jpg", "._a.jpg", "Thumbs.db", "jpg"):
        put(tmp_path, name, JPG)
    assert found(tmp_path) == {}


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = put(tmp_path, "outside/secret.jpg", JPG)
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a.jpg").symlink_to(outside)
    (folder / "more").symlink_to(outside.parent)
    assert found(folder) == {"a.jpg": "a symbolic link, which is not followed. Put the file itself there."}


def test_a_name_that_is_no_text_is_refused_by_itself(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", JPG)
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg"))).write_bytes(JPG)
    assert found(tmp_path) == {"a.jpg": "jpg", "?.jpg": "its name is not valid text. Rename it."}


def test_a_folder_in_a_folder_that_cannot_be_read_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a/b.jpg", JPG)
    scan = os.scandir

    def refused(path: str) -> object:
        if str(path).endswith("/a"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr("os.scandir", refused)
    with pytest.raises(UsageError, match="/a cannot be read: Permission denied"):
        found(tmp_path)


def test_what_is_no_folder_is_said(tmp_path: Path) -> None:
    file = put(tmp_path, "a.jpg", JPG)
    with pytest.raises(UsageError, match="is not a folder"):
        found(file)
    with pytest.raises(UsageError, match="does not exist"):
        found(tmp_path / "nowhere")
