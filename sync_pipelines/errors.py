"""The root of every error that is expected: a message for a person says what, where and what next."""

from __future__ import annotations


class SyncError(Exception):
    """Something a person can act on. Its message needs no traceback beside it."""


class UsageError(SyncError):
    """What was asked for names something that does not exist, or does not fit. Nothing was done.

    Only the person who asked needs to know: no run failed, and no alert is sent.
    """
