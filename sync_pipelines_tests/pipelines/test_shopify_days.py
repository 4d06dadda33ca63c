"""Days of a shop are cut where its clocks say, whatever they do at midnight."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipelines.pipelines.shopify_store.days import (
    day_of,
    days_between,
    end_of,
    instant,
    start_of,
    stretches,
    within,
    written,
)

ZONES = [
    "America/New_York",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "America/Havana",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Kiritimati",
    "UTC",
]
DAYS = st.dates(date(2006, 1, 1), date(2037, 12, 30))
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        ("America/New_York", "2026-03-08", "2026-03-08T05:00:00Z", 23),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00:00Z", 25),
        ("America/New_York", "2026-07-04", "2026-07-04T04:00:00Z", 24),
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", 23),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", 25),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", 23),  # there was no midnight: 00:00 became 01:00
        ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00:00Z", 25),  # 24:00 became 23:00
        ("Africa/Cairo", "2023-04-28", "2023-04-27T22:00:00Z", 23),
        ("Africa/Cairo", "2023-10-26", "2023-10-25T21:00:00Z", 25),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", 25),  # midnight comes twice
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30:00Z", 23.5),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", 0),  # a day that never was
        ("Asia/Kathmandu", "2026-01-01", "2025-12-31T18:15:00Z", 24),
    ],
)
def test_a_day_begins_and_ends_with_the_clocks_there(zone: str, day: str, start: str, hours: float) -> None:
    there, that_day = ZoneInfo(zone), date.fromisoformat(day)
    assert written(start_of(that_day, there)) == start
    assert end_of(that_day, there) - start_of(that_day, there) == timedelta(hours=hours)


@given(zone=st.sampled_from(ZONES), first=DAYS, days=st.integers(1, 40))
def test_days_follow_one_another_without_gap_or_overlap(zone: str, first: date, days: int) -> None:
    there = ZoneInfo(zone)
    whole = days_between(first, first + timedelta(days=days - 1))
    assert len(whole) == days
    for day, following in pairwise(whole):
        assert end_of(day, there) == start_of(following, there)
        assert start_of(day, there) <= end_of(day, there)
    assert all(start_of(day, there).utcoffset() == timedelta(0) for day in whole)


@given(zone=st.sampled_from(ZONES), moment=st.integers(0, 32 * 365 * 86_400))
def test_every_instant_lies_in_exactly_the_day_that_is_named_for_it(zone: str, moment: int) -> None:
    there, at = ZoneInfo(zone), datetime(2006, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)
    day = day_of(at, there)
    assert start_of(day, there) <= at < end_of(day, there)


@given(zone=st.sampled_from(ZONES), day=DAYS)
def test_the_first_instant_of_a_day_is_in_it_and_the_one_before_is_not(zone: str, day: date) -> None:
    there = ZoneInfo(zone)
    begins, ends = start_of(day, there), end_of(day, there)
    if begins == ends:
        assert (zone, day) == ("Pacific/Apia", date(2011, 12, 30))
        return
    assert day_of(begins, there) == day
    assert day_of(begins - MOMENT, there) < day
    assert day_of(ends - MOMENT, there) == day
    assert day_of(ends, there) > day


@given(day=DAYS, zone=st.sampled_from(ZONES))
def test_a_time_that_is_written_is_read_as_the_same(day: date, zone: str) -> None:
    moment = start_of(day, ZoneInfo(zone))
    assert instant(written(moment)) == moment


def test_a_time_with_an_offset_is_the_same_instant() -> None:
    assert instant("2026-11-01T00:00:00-04:00") == instant("2026-11-01T04:00:00Z") == datetime(2026, 11, 1, 4, tzinfo=UTC)


def test_a_search_is_half_open_and_its_times_are_quoted() -> None:
    day, there = date(2026, 11, 1), ZoneInfo("America/New_York")
    assert (
        within("created_at", start_of(day, there), end_of(day, there))
        == "created_at:>='2026-11-01T04:00:00Z' created_at:<'2026-11-02T05:00:00Z'"
    )


@given(st.lists(st.integers(0, 60), max_size=40))
def test_stretches_hold_the_same_days_and_no_others(offsets: list[int]) -> None:
    start = date(2026, 2, 20)
    days = [start + timedelta(days=n) for n in offsets]
    found = stretches(days)
    assert [day for first, last in found for day in days_between(first, last)] == sorted(set(days))
    assert all(b[0] - a[1] > timedelta(days=1) for a, b in pairwise(found)), "two that touch would be one"


def test_stretches_of_nothing_are_none_and_of_one_day_one() -> None:
    day = date(2026, 11, 1)
    assert stretches([]) == []
    assert stretches([day, day]) == [(day, day)]
    assert days_between(day, day) == [day]
    assert days_between(day, day - timedelta(days=1)) == []
