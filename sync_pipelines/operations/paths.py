"""Files that a person names: looked at before anything is begun, so that a slip of the finger costs nothing."""

from __future__ import annotations

import os
from pathlib import Path

from sync_pipelines.errors import UsageError


def existing(path: Path) -> Path:
    """Return the path of a file that can be read. Raises UsageError."""
    if not path.is_file():
        raise UsageError(f"{path} is a folder, not a file." if path.is_dir() else f"{path} is not there.")
    if not os.access(path, os.R_OK):
        raise UsageError(f"{path} may not be read by this user.")
    return path


def writable(path: Path) -> Path:
    """Return the path of a file that can be written, in a folder that exists. Raises UsageError."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it.")
    if not path.parent.is_dir():
        raise UsageError(f"{path} cannot be written: there is no folder {path.parent}.")
    return path
