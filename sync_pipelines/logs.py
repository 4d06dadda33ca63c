"""Two rotating log files, sync_info.log and sync_debug.log. Each line says which room speaks; none holds a secret."""

from __future__ import annotations

import logging
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

from sync_pipelines.credentials import redact

_TAGS = {"vendors": 2, "pipelines": 2, "delivery": 1, "warehouse": 1}


class _LogFile(RotatingFileHandler):
    """A log that cannot be written (a full disk) is said once, in a line, and stops nothing."""

    _said = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        if not self._said:
            self._said = True
            print(f"{self.baseFilename} cannot be written: {sys.exc_info()[1]}", file=sys.stderr)  # noqa: T201 - no log left


class TaggedFormatter(logging.Formatter):
    """`2026-11-21T09:30:00Z INFO [CATSY] page 3 …`, in UTC, redacted as a whole (message and traceback)."""

    def __init__(self) -> None:
        super().__init__("%(asctime)sZ %(levelname)s [%(tag)s] %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        record.tag = tag(record.name)
        return redact(super().format(record))


def tag(logger: str) -> str:
    """CATSY for sync_pipelines.vendors.catsy, DELIVERY for anything in delivery, MAIN for what has no room."""
    parts = logger.split(".")[1:]
    if parts and parts[0] in _TAGS and len(parts) >= _TAGS[parts[0]]:
        return parts[_TAGS[parts[0]] - 1].upper()
    return "MAIN"


def set_up(folder: Path, *, debug: bool = False) -> None:
    """Send everything this project logs to the two files; with `debug` also to the screen. May be called again."""
    logger = logging.getLogger("sync_pipelines")
    logger.setLevel(logging.DEBUG)
    for handler in [h for h in logger.handlers if getattr(h, "ours", False)]:
        logger.removeHandler(handler)
        handler.close()
    folder.mkdir(parents=True, exist_ok=True)
    handlers: list[tuple[logging.Handler, int]] = [
        (_LogFile(folder / "sync_info.log", maxBytes=5_000_000, backupCount=5, encoding="utf-8"), logging.INFO),
        (_LogFile(folder / "sync_debug.log", maxBytes=20_000_000, backupCount=3, encoding="utf-8"), logging.DEBUG),
    ]
    if debug:
        handlers.append((logging.StreamHandler(sys.stderr), logging.DEBUG))
    for handler, level in handlers:
        handler.setLevel(level)
        handler.setFormatter(TaggedFormatter())
        handler.ours = True  # type: ignore[attr-defined]
        logger.addHandler(handler)
