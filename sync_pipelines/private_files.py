"""Files for their owner alone: buyers' names and addresses lie in data/, secrets in .env."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

OTHERS = 0o077
"""Every right of the group and of everybody else."""


def begin() -> None:
    """From now on this process and its children make folders 0700 and files 0600."""
    os.umask(OTHERS)


def close_to_others(folder: Path) -> None:
    """Take the rights of others from a folder that they can read, and from everything in it.

    The folder itself comes last, so that its own mode says whether this was done. One that others may only pass through
    (0711, for an inbox below it) stays as it is. Raises OSError where the folder belongs to somebody else.
    """
    if not folder.is_dir() or not folder.stat().st_mode & 0o066:
        return
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            path = Path(parent, name)
            # gone meanwhile, or dropped by another user: out of reach for the rest once the folder is closed
            with contextlib.suppress(FileNotFoundError, PermissionError):
                if not path.is_symlink():
                    _close(path)
    _close(folder)


def _close(path: Path) -> None:
    # git knows the owner's x bit of its files, and nothing of the others
    path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)


def seen_by_others(path: Path) -> bool:
    """Whether users other than its owner can read or change a file. A group is not counted where the file belongs to
    somebody else (root, say) who lets this user read it that way."""
    try:
        found = path.stat()
    except OSError:
        return False
    return bool(found.st_mode & (0o066 if found.st_uid == os.geteuid() else 0o006))
