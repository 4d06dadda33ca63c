"""Reads a store into its mirrors: what changed since last time, and once in a while everything, as the proof that nothing is
missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import Any

from sync_pipelines import duck
from sync_pipelines.delivery import notes
from sync_pipelines.pipelines.lightspeed_retail.collections import COLLECTIONS, CONSIGNMENT_LINES, CONSIGNMENTS, INVENTORY, VENDOR
from sync_pipelines.pipelines.lightspeed_retail.settings import LightspeedRetailSettings
from sync_pipelines.pipelines.mirrors import Mirror, MirrorLog, Reading, views
from sync_pipelines.pipelines.session import Session
from sync_pipelines.progress import tell
from sync_pipelines.vendors.failures import Permanent
from sync_pipelines.vendors.lightspeed import Lightspeed
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
from sync_pipelines.vendors.paging import Page
from sync_pipelines.warehouse.snapshots import Warehouse

CONSIGNMENTS_PUBLISHED_AT = 100
"""Consignments after which their lines are published: each took a call."""


def client(session: Session) -> Lightspeed:
    """The client of the run. Writing is nobody's right here."""
    return session.once("lightspeed", lambda: Lightspeed.connect(LightspeedSettings.read(), session.meter, limits=session.limits))


def log_of(warehouse: Warehouse, mirror: Mirror) -> MirrorLog:
    """The mirror of the store that the settings point to."""
    return MirrorLog(warehouse, VENDOR, mirror, LightspeedSettings.read().account)


def mirrored() -> Sequence[Mirror]:
    """The collections that are mirrored, by the settings."""
    left_out = LightspeedRetailSettings.read().leave_out
    return [mirror for mirror in COLLECTIONS if mirror.name not in left_out]


def is_mirrored(mirror: Mirror) -> bool:
    return mirror in mirrored()


def bring_up_to_date(session: Session, mirror: Mirror) -> Reading:
    """Read what changed of a collection since last time; all of it the first time, where its files are gone, and in another
    version of the API. Raises VendorError and its kin, ReadingRefused while another run has been at it for long."""
    log = log_of(session.warehouse, mirror)
    with log.turn():
        if mirror is CONSIGNMENT_LINES:
            reading = _read_lines(session, log)
        elif mirror.versioned:
            after = _cursor(session, mirror) if log.log.files() else 0
            reading = log.follow(client(session).changed(mirror.name, after), _keep_cursor(session, mirror))
        else:
            reading = log.compare(client(session).whole(mirror.name))
        if reading.kept:
            log.compact()
    _note_least(session, mirror, reading)
    return reading


def prove(session: Session, mirror: Mirror) -> Reading:
    """Bring a mirror up to date, then read the whole collection and hold the mirror against it: what it lacks is kept, what is
    gone from the store is marked."""
    reading = bring_up_to_date(session, mirror)
    if mirror is CONSIGNMENT_LINES or not mirror.versioned:
        return reading
    log = log_of(session.warehouse, mirror)
    with log.turn():
        reading = log.compare(client(session).changed(mirror.name, 0), up_to=_cursor(session, mirror))
        if reading.kept:
            log.compact()
    _note_least(session, mirror, reading)
    return reading


def _read_lines(session: Session, log: MirrorLog) -> Reading:
    """Read the lines of each consignment whose version has moved since its lines were read."""
    consignments = log_of(session.warehouse, CONSIGNMENTS)
    with duck.engine() as con:
        con.execute(f"CREATE VIEW theirs AS {views(CONSIGNMENTS, consignments.source())['consignments']}")
        con.execute(f"CREATE VIEW ours AS {views(CONSIGNMENT_LINES, log.any_source(), nested=True)['consignment_lines']}")
        due = con.execute(
            """SELECT theirs.id, theirs.version FROM theirs LEFT JOIN ours USING (id)
                WHERE theirs.deleted_at IS NULL AND ours.version IS DISTINCT FROM theirs.version ORDER BY theirs.version"""
        ).fetchall()

    def pages() -> Iterator[Page]:
        for done, (consignment, version) in enumerate(due):
            tell("reading lines of consignments", done, len(due), "consignments")
            try:
                lines = client(session).consignment_lines(consignment)
            except Permanent as e:
                if e.status != 404:
                    raise
                continue  # deleted meanwhile: its next version says so
            yield Page([{"id": consignment, "version": version, "lines": lines}])

    return log.follow(pages(), published_at=CONSIGNMENTS_PUBLISHED_AT)


def _cursor(session: Session, mirror: Mirror) -> int:
    settings = LightspeedSettings.read()
    return int(notes.get_cursor(session.ledger, settings.account, cursor_name(mirror, settings)) or 0)


def _keep_cursor(session: Session, mirror: Mirror) -> Callable[[int], None]:
    settings = LightspeedSettings.read()
    name = cursor_name(mirror, settings)
    return lambda version: notes.set_cursor(session.ledger, settings.account, name, str(version), session.id)


def cursor_name(mirror: Mirror, settings: LightspeedSettings) -> str:
    """The cursor that says up to which version a collection was read, in a version of the API."""
    return f"{VENDOR} {mirror.name} {settings.api_version}"


def _note_least(session: Session, mirror: Mirror, reading: Reading) -> None:
    """The least calls for what was read: whole pages, and an empty one; one for the lines of each consignment."""
    settings = LightspeedSettings.read()
    size = settings.stock_page_size if mirror is INVENTORY and settings.stock_by_post else settings.page_size
    if mirror is CONSIGNMENT_LINES:
        least = reading.read
    elif mirror.versioned:
        least = ceil(reading.read / size) + 1
    else:
        least = max(1, ceil(reading.read / settings.largest_page))
    session.meter.minimum[VENDOR] += least


def facts_of(session: Session, mirror: Mirror, reading: Reading) -> dict[str, Any]:
    """What a run read, and how much there is now; the ledger keeps the count, and the first of the sums, of every run."""
    log = log_of(session.warehouse, mirror)
    totals = log.totals()
    notes.note_extract(
        session.ledger,
        f"{session.id} {mirror.name}",
        source="/".join(log.key),
        account=log.account,
        rows=totals["rows"],
        repeats=0,
        origin="api",
        run=session.id,
        money=str(totals[mirror.sums[0]]) if mirror.sums else "",
        complete=not reading.gaps,
    )
    return {"read": reading.read, "new_or_changed": reading.kept, "found_to_be_gone": reading.vanished, **totals}
