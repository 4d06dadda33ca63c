"""What a vendor's failure means for delivery, the same for every target that sends calls of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sync_pipelines.delivery.model import CannotGoOn, RetryLater
from sync_pipelines.vendors.failures import NeverSent, Permanent, RateLimited, WritesOff

NO_RIGHTS = frozenset({401, 403})


@contextmanager
def as_delivery_failures(pause: float = 10.0) -> Iterator[None]:
    """Failures that concern no one record: RetryLater where nothing was done, CannotGoOn where nothing can be.

    Others pass: Transient (nobody knows what became of the call) and Permanent (the vendor refuses what was sent). `pause`:
    seconds to wait where the vendor does not say.
    """
    try:
        yield
    except RateLimited as e:
        raise RetryLater(e.retry_after or pause, str(e)) from e
    except NeverSent as e:
        raise RetryLater(5.0, str(e)) from e
    except WritesOff as e:
        raise CannotGoOn(str(e)) from e
    except Permanent as e:
        if e.status in NO_RIGHTS:
            raise CannotGoOn(str(e)) from e
        raise
