"""Pictures in a folder: what they truly are, by their bytes. Their names are never changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sync_pipelines.errors import UsageError

_BEGINNINGS = (
    *((b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"GIF8", "gif"), (b"II*\0", "tif"), (b"MM\0*", "tif")),
    (b"BM", "bmp"),
)
_HEIC = {b"ftyp" + brand for brand in (b"heic", b"heix", b"mif1", b"hevc")}
KINDS = (*(kind for _, kind in _BEGINNINGS), "webp", "heic", "avif")
"""What `kind_of` tells apart."""
MEDIA = {"jpg": "image/jpeg", "png": "image/png"}
"""The kinds that are sent, which are those of the vendor's document of 2026-07 (products, UploadImage)."""
ENDINGS = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".tif", ".tiff", ".webp", ".bmp", ".heic", ".heif", ".avif", ".svg")
)
"""What is taken for a picture by its name, and looked into. Other files of a folder are left alone."""


@dataclass(frozen=True)
class PictureFile:
    """A file that may be a picture. name: within the folder. digest: SHA-256 of its content. problem: why it is not sent."""

    path: Path
    name: str
    size: int
    digest: str = ""
    kind: str = ""
    problem: str = ""


def pictures_in(folder: Path, largest: int) -> Iterator[PictureFile]:
    """Yield every picture of a folder and its subfolders, in the order of their names. Links are not followed.

    largest: bytes that a picture may have. Raises UsageError for a folder that is missing or cannot be read.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder." if folder.exists() else f"{folder} does not exist.")
    for root, folders, names in os.walk(folder, onerror=_refuse):
        folders.sort()
        for name in sorted(names):
            path = Path(root) / name
            if path.suffix.lower() in ENDINGS and not name.startswith("."):
                yield look_at(path, str(path.relative_to(folder)), largest)


def _refuse(error: OSError) -> None:
    raise UsageError(f"{error.filename} cannot be read: {error.strerror}.") from error


def look_at(path: Path, name: str, largest: int) -> PictureFile:
    """Return what a file is."""
    if (shown := name.encode(errors="replace").decode()) != name:
        return PictureFile(path, shown, 0, problem="its name is not valid text. Rename it.")
    if path.is_symlink():
        return PictureFile(path, name, 0, problem="a symbolic link, which is not followed. Put the file itself there.")
    try:
        size = path.stat().st_size
        if not size:
            return PictureFile(path, name, 0, problem="empty")
        if size > largest:
            problem = f"{size / 1024**2:.1f} MB; at most {largest / 1024**2:.0f} MB are allowed. Save it smaller."
            return PictureFile(path, name, size, problem=problem)
        content = path.read_bytes()
    except OSError as e:
        return PictureFile(path, name, 0, problem=f"cannot be read: {e.strerror or e}")
    kind = kind_of(content)
    if kind not in MEDIA:
        what = f"a {kind}" if kind else "text" if content[:512].isascii() else "not a known kind of picture"
        return PictureFile(path, name, size, problem=f"{what}, not a jpg or png. Save it as jpg or png.")
    return PictureFile(path, name, size, sha256(content).hexdigest(), kind)


def kind_of(content: bytes) -> str | None:
    """Return the kind of a picture by its first bytes, as an ending (`jpg`, `webp`); None for what is none."""
    if content[4:12] in _HEIC:
        return "heic"
    if content[4:12] == b"ftypavif":
        return "avif"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    return next((kind for start, kind in _BEGINNINGS if content.startswith(start)), None)
