"""A real process, killed for real between any two of its steps; the next run finishes the rest and doubles nothing."""

from __future__ import annotations

import pytest

from sync_pipelines_tests import forked
from sync_pipelines_tests.pipelines.listing_scene import ListingScene, few


@pytest.mark.parametrize("point", ["intent:2", "create:2", "answer:2", "family:1", "family:3", "link:2"])
def test_after_a_kill_nothing_is_made_twice_and_the_next_run_finishes_the_rest(merchandiser: ListingScene, point: str) -> None:
    """Three products: made 1, 2, 3, then their families 1, 2, 3, then the links of three products."""
    ended = forked.command([point], timeout=60, module="sync_pipelines_tests.pipelines.killed_listings")
    assert ended.returncode == -9, ended.stderr
    assert merchandiser.wrong(few(1, 2))
    merchandiser.sync(few(1, 2))
    assert merchandiser.doubled() == []
    merchandiser.settled(few(1, 2))
