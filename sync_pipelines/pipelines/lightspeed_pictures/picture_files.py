"""Pictures in a folder: what they truly are, by their bytes. Their names are never changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sync_pipelines.errors import UsageError

_KINDS = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"))
_OTHERS = (
    *((b"GIF8", "a GIF"), (b"II*\0", "a TIFF"), (b"MM\0*", "a TIFF"), (b"BM", "a bitmap"), (b"%PDF", "a PDF")),
    *((b"\0\0\0 ftyp", "a HEIC or AVIF"), (b"\0\0\0\x18ftyp", "a HEIC or AVIF"), (b"\0\0\0\x1cftyp", "a HEIC or AVIF")),
)
ENDINGS = {".jpg", ".jpeg", ".png", ".gif", ".tif", ".tiff", ".webp", ".bmp", ".heic", ".avif", ".svg"}
"""What is taken for a picture by its name, and looked into. Other files of a folder are none of ours."""
SAVE_AS = "Save it as jpg or png."
MEDIA = {"jpg": "image/jpeg", "png": "image/png"}


@dataclass(frozen=True)
class PictureFile:
    """A file that may be a picture. name: within the folder. digest: SHA-256 of what is in it. problem: why it is not sent."""

    path: Path
    name: str
    size: int
    digest: str = ""
    kind: str = ""
    problem: str = ""


def pictures_in(folder: Path, largest: int) -> Iterator[PictureFile]:
    """Every picture of a folder and those in it, in the order of their names. Links are not followed. Raises UsageError."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder." if folder.exists() else f"{folder} is not there.")
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(root) / name
            if path.suffix.lower() in ENDINGS and not name.startswith("."):
                yield look_at(path, str(path.relative_to(folder)), largest)


def look_at(path: Path, name: str, largest: int) -> PictureFile:
    """See what a file is."""
    if path.is_symlink():
        return PictureFile(path, name, 0, problem="a symbolic link, which is not followed. Put the file itself there.")
    try:
        size = path.stat().st_size
        if not size:
            return PictureFile(path, name, 0, problem="empty")
        if size > largest:
            told = f"{size / 1024**2:.1f} MB; {largest / 1024**2:.0f} MB are allowed. Save it smaller."
            return PictureFile(path, name, size, problem=told)
        content = path.read_bytes()
    except OSError as e:
        return PictureFile(path, name, 0, problem=f"cannot be read: {e.strerror or e}")
    kind = kind_of(content)
    if kind is None:
        return PictureFile(path, name, size, problem=f"{_what(content)}, and no jpg or png. {SAVE_AS}")
    return PictureFile(path, name, size, sha256(content).hexdigest(), kind)


def kind_of(content: bytes) -> str | None:
    """Which of the two kinds of picture this is that the store takes, by its first bytes; None for any other."""
    return next((kind for start, kind in _KINDS if content.startswith(start)), None)


def _what(content: bytes) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "a WebP"
    found = next((what for start, what in _OTHERS if content.startswith(start)), "")
    return found or ("a text" if content[:512].isascii() else "not a picture that is known")
