"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from sync_pipelines.errors import SyncError


class FileNotWritten(SyncError, OSError):
    """A file could not be written; what was there before stays."""


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield an empty draft in the file's folder; after the block it is on the disk under the file's name. Raises FileNotWritten.

    A process that is killed leaves its draft; whoever writes the file next removes it.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError("it is a folder")
        _drop_abandoned(path)
        draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
        draft.write_bytes(b"")
        try:
            yield draft
            _sync(draft)
            draft.replace(path)
            _sync(path.parent)
        finally:
            draft.unlink(missing_ok=True)
    except FileNotWritten:
        raise
    except OSError as e:
        raise FileNotWritten(f"{path} cannot be written: {e.strerror or e}. What was there before stays.") from e


def _drop_abandoned(path: Path) -> None:
    """Remove the drafts of processes that are no more."""
    for draft in path.parent.glob(f".{escape(path.name)}.*.draft"):
        pid = draft.name.removeprefix(f".{path.name}.").removesuffix(".draft")
        if re.fullmatch("[0-9]{1,9}", pid) and not _lives(int(pid)):
            draft.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
