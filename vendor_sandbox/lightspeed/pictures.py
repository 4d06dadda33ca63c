"""Files of images: what an upload holds, and what is drawn for those of the seed, which were never uploaded."""

import re
import struct
import zlib
from email.message import Message
from fnmatch import fnmatchcase

from vendor_sandbox.lightspeed.store import Store
from vendor_sandbox.wire import Refused, Reply, Request

_KINDS = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"GIF8", "gif"), (b"II*\0", "tif"), (b"MM\0*", "tif"))
_MEDIA = {"jpg": "image/jpeg", "png": "image/png", "gif": "image/gif", "tif": "image/tiff", "webp": "image/webp"}
_NAMED = re.compile(rb'(\w+)="([^"]*)"')


def kind_of(content: bytes) -> str | None:
    """Return which kind of picture this is, None for none."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    return next((kind for start, kind in _KINDS if content.startswith(start)), None)


def uploaded(request: Request) -> tuple[str, bytes]:
    """Return the name and content of the file in the field `image` of a form. Raises Refused for anything else."""
    if request.media_type != "multipart/form-data":
        raise Refused(400, "The body must be multipart/form-data")
    header = Message()
    header["Content-Type"] = request.headers["content-type"]
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str):
        raise Refused(400, "The form has no boundary")
    for part in request.body.split(b"--" + boundary.encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        named = dict(_NAMED.findall(head))
        if named.get(b"name") == b"image" and b"filename" in named:
            return named[b"filename"].decode("utf-8", "replace"), content.removesuffix(b"\r\n")
    raise Refused(422, "The form needs a file in the field image")


def fails(content: bytes, name: str, patterns: tuple[str, ...]) -> bool:
    """Whether the vendor cannot make pictures of a file: it is none, or a test says so of its name."""
    return kind_of(content) is None or any(fnmatchcase(name, each) for each in patterns)


def served(store: Store, file: str) -> Reply:
    """Return a picture as the vendor's content network serves it, to anybody."""
    row = next((each for each in store["images"].own.values() if each["file"] == file and not each["deleted_at"]), None)
    if row is None:
        raise Refused(404, "There is nothing at this path")
    content = store.files.get(row["sha"]) or _drawn(file)
    return Reply(200, content, {"Content-Type": _MEDIA.get(kind_of(content) or "", "application/octet-stream")})


def _drawn(file: str) -> bytes:
    """Draw a picture of one point, another for every name."""
    return _png(file.encode()) if file.endswith(".png") else _jpeg(file.encode())


def _png(name: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + chunk(b"tEXt", b"Title\0" + name)
        + chunk(b"IDAT", zlib.compress(b"\0\x80"))
        + chunk(b"IEND", b"")
    )


def _jpeg(name: bytes) -> bytes:
    def segment(kind: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, kind, len(data) + 2) + data

    table = b"\x01" + bytes(16)
    parts = (
        segment(0xFE, name),
        segment(0xDB, b"\0" + b"\x01" * 64),
        segment(0xC0, bytes((8, 0, 1, 0, 1, 1, 1, 0x11, 0))),
        segment(0xC4, b"\x00" + table),
        segment(0xC4, b"\x10" + table),
        segment(0xDA, bytes((1, 1, 0, 0, 0x3F, 0))),
    )
    return b"\xff\xd8" + b"".join(parts) + b"\x3f\xff\xd9"
