"""How many calls plans need, and how long they take at the account's quota."""

from __future__ import annotations

import logging
import math

from sync_pipelines.delivery.plans import PlanFiles
from sync_pipelines.vendors.plytix_settings import PlytixSettings

log = logging.getLogger(__name__)


def calls_of(plans: PlanFiles, *plan_ids: str) -> int:
    """Calls that plans need to be applied: a call per step of a product, one for all links of a product."""
    total = 0
    for plan_id in filter(None, plan_ids):
        query = """SELECT coalesce(sum(CASE WHEN parent = '' THEN json_array_length(steps) ELSE 0 END), 0)
            + count(DISTINCT CASE WHEN parent <> '' THEN parent || '/' || (coalesce(after, before)->>'source') END) AS n
            FROM plan WHERE held IS NULL"""
        total += int(plans.query(plan_id, query)[0]["n"])
    return total


def seconds_at_quota(calls: int, plytix: PlytixSettings) -> float:
    """How long so many calls take within both windows of the account."""
    (burst, window), (most, hour) = plytix.rates
    hours, rest = divmod(max(calls - 1, 0), most)
    return hours * hour + (rest // burst) * window


def duration(seconds: float) -> str:
    """A stretch of time for people, rounded up to minutes."""
    minutes = math.ceil(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min" if minutes > 1 else "a minute"


def takes(calls: int, plytix: PlytixSettings) -> str:
    """How long so many calls take within both windows of the account, for people."""
    return duration(seconds_at_quota(calls, plytix)) if calls else "no time: nothing to send"


def tell_duration(calls: int, plytix: PlytixSettings) -> None:
    """Say how long it will take, before the first call that changes something."""
    (burst, window), (most, hour) = plytix.rates
    if not calls:
        log.info("no calls to send: everything is there already")
        return
    log.info(
        "%d calls to send; at %d in %g s and %d in %g s that takes %s", calls, burst, window, most, hour, takes(calls, plytix)
    )
