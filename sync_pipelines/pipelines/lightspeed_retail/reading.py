"""Reads a store into its mirrors: what changed since last time, and once in a while everything, as the proof that nothing is
missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

from sync_pipelines import duck
from sync_pipelines.delivery import notes
from sync_pipelines.pipelines.lightspeed_retail.collections import (
    COLLECTIONS,
    CONSIGNMENT_LINES,
    CONSIGNMENTS,
    INVENTORY,
    TAXES,
    VENDOR,
)
from sync_pipelines.pipelines.lightspeed_retail.settings import LightspeedRetailSettings
from sync_pipelines.pipelines.mirrors import Mirror, MirrorLog, Reading, views
from sync_pipelines.pipelines.session import Session
from sync_pipelines.progress import tell
from sync_pipelines.vendors.failures import Permanent
from sync_pipelines.vendors.lightspeed import Lightspeed, NoCursor
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
from sync_pipelines.vendors.paging import Page
from sync_pipelines.warehouse.snapshots import Warehouse
from sync_pipelines.warehouse.spool import dumps

FINISHED = ("RECEIVED", "CANCELLED", "STOCKTAKE_COMPLETE", "CLOSED")
"""States of consignments whose lines change no more (section 8 of the vendor's rules)."""
CONSIGNMENTS_PUBLISHED_AT = 100
"""Consignments after which their lines are published: each took a call."""


def client(session: Session) -> Lightspeed:
    """The client of the run. Writing is nobody's right here."""
    return session.once("lightspeed", lambda: Lightspeed.connect(LightspeedSettings.read(), session.meter, limits=session.limits))


def log_of(warehouse: Warehouse, mirror: Mirror) -> MirrorLog:
    """The mirror of the store that the settings point to."""
    return MirrorLog(warehouse, VENDOR, mirror, LightspeedSettings.read().account)


def mirrored() -> Sequence[Mirror]:
    """The collections that are mirrored, by the settings; lines only together with their consignments."""
    left_out = set(LightspeedRetailSettings.read().leave_out)
    if CONSIGNMENTS.name in left_out:
        left_out.add(CONSIGNMENT_LINES.name)
    return [mirror for mirror in COLLECTIONS if mirror.name not in left_out]


def is_mirrored(mirror: Mirror) -> bool:
    return mirror in mirrored()


def bring_up_to_date(session: Session, mirror: Mirror) -> Reading:
    """Read what changed of a collection since last time; all of it the first time, where files of it are gone, and where another
    version of the API was read last. Raises VendorError and its kin, ReadingRefused while another run has been at it for long."""
    log = log_of(session.warehouse, mirror)
    with log.turn():
        if mirror is CONSIGNMENT_LINES:
            reading = _read_lines(session, log)
        elif mirror.versioned:
            reading = _follow(session, log)
        else:
            reading = log.compare(client(session).whole(mirror.name))
        _tidy(session, log, reading)
    _note_least(session, mirror, reading)
    return reading


def prove(session: Session, mirror: Mirror) -> Reading:
    """Bring a mirror up to date, then read the whole collection and hold the mirror against it: what it lacks is kept, what is
    gone from the store is marked. Of consignments, the lines of those that may still change."""
    reading = bring_up_to_date(session, mirror)
    if not mirror.versioned:
        return reading
    log = log_of(session.warehouse, mirror)
    with log.turn():
        if mirror is CONSIGNMENT_LINES:
            reading = _read_lines(session, log, once_more=True)
        else:
            store = client(session)
            pages = store.whole(mirror.name) if mirror is TAXES else store.changed(mirror.name, 0)
            reading = log.compare(pages, up_to=_Cursor(session, log).version())
        _tidy(session, log, reading)
    _note_least(session, mirror, reading)
    return reading


def _follow(session: Session, log: MirrorLog) -> Reading:
    """Read what has a newer version. The vendor's schema of taxes has no versions: they are read whole, until they show some."""
    cursor, name = _Cursor(session, log), log.mirror.name
    if (after := cursor.begin()) or log.mirror is not TAXES:
        try:
            return log.follow(client(session).changed(name, after), cursor.keep)
        except NoCursor:
            if log.mirror is not TAXES:
                raise
    pages = list(client(session).whole(name))
    reading = log.compare(pages)
    cursor.keep(max((page.cursor or 0 for page in pages), default=0))
    return reading


def _tidy(session: Session, log: MirrorLog, reading: Reading) -> None:
    """Merge the files of a mirror where they are many, and note with its cursor what they hold now."""
    if reading.kept:
        log.compact()
        if log.mirror.versioned and log.mirror is not CONSIGNMENT_LINES:
            _Cursor(session, log).keep()


def _read_lines(session: Session, log: MirrorLog, *, once_more: bool = False) -> Reading:
    """Read the lines of each consignment whose version has moved since its lines were read. once_more: those of each that may
    still change instead, for the vendor does not say that a line that changed gives its consignment a new version; what is not
    as the mirror has it is kept, and was missing."""
    consignments = log_of(session.warehouse, CONSIGNMENTS)
    due = f"theirs.status NOT IN {FINISHED}" if once_more else "ours.version IS DISTINCT FROM theirs.version"
    with duck.engine() as con:
        con.execute(f"CREATE VIEW theirs AS {views(CONSIGNMENTS, consignments.source())['consignments']}")
        con.execute(f"CREATE VIEW ours AS {views(CONSIGNMENT_LINES, log.any_source(), nested=True)['consignment_lines']}")
        found = con.execute(
            f"""SELECT theirs.id, theirs.version, {"ours.item" if once_more else "NULL"} FROM theirs LEFT JOIN ours USING (id)
                WHERE theirs.deleted_at IS NULL AND {due} ORDER BY theirs.version"""
        ).fetchall()
    other = list[str]()

    def pages() -> Iterator[Page]:
        for done, (consignment, version, known) in enumerate(found):
            tell("reading lines of consignments", done, len(found), "consignments")
            try:
                lines = client(session).consignment_lines(consignment)
            except Permanent as e:
                if e.status != 404:
                    raise
                continue  # deleted meanwhile: its next version says so
            row = {"id": consignment, "version": version, "lines": lines}
            same = once_more and dumps(row) == known
            if once_more and not same:
                other.append(consignment)
            yield Page([] if same else [row])

    reading = log.follow(pages(), published_at=CONSIGNMENTS_PUBLISHED_AT)
    if other:  # what was changed just now has another version by now, and was not missing
        bring_up_to_date(session, CONSIGNMENTS)
        with duck.engine() as con:
            held = "SELECT id, version FROM ({}) WHERE list_contains($other, id)"
            then = con.execute(held.format(log.present()), {"other": other}).fetchall()
            now = con.execute(held.format(consignments.present()), {"other": other}).fetchall()
        reading.missing = len(set(then) & set(now))
    return reading


class _Cursor:
    """Up to which version a collection was read, in which version of the API, and how many rows its files held then: with fewer
    in them, some file is gone; and what another version of the API wrote has other columns. Then all is read again."""

    def __init__(self, session: Session, log: MirrorLog) -> None:
        self._session, self._log = session, log
        self._name, self._api = f"{VENDOR} {log.mirror.name}", LightspeedSettings.read().api_version

    def version(self) -> int:
        """The version to go on after; 0 for a reading from the start."""
        api, version, rows = self._kept()
        return version if api == self._api and rows <= self._log.rows_in_files() else 0

    def begin(self) -> int:
        """As `version`. From the start means: also if this run dies on the way, and the settings are put back."""
        version = self.version()
        if not version and self._kept()[1]:
            self._keep(0)
        return version

    def keep(self, version: int | None = None) -> None:
        """Move on to a version, if one is given, now that all before it is in the files."""
        self._keep(self._kept()[1] if version is None else version)

    def _keep(self, version: int) -> None:
        value = f"{self._api} {version} {self._log.rows_in_files()}"
        notes.set_cursor(self._session.ledger, self._log.account, self._name, value, self._session.id)

    def _kept(self) -> tuple[str, int, int]:
        api, version, rows = (notes.get_cursor(self._session.ledger, self._log.account, self._name) or "- 0 0").split()
        return api, int(version), int(rows)


def _note_least(session: Session, mirror: Mirror, reading: Reading) -> None:
    """The least calls for what was read: whole pages, and an empty one; one for the lines of each consignment. Where rows share
    a version, pages may be longer than was asked for, and the calls fewer."""
    settings = LightspeedSettings.read()
    size = settings.stock_page_size if mirror is INVENTORY and settings.stock_by_post else settings.page_size
    if mirror is CONSIGNMENT_LINES:
        least = reading.read
    elif mirror.versioned:
        least = ceil(reading.read / size) + 1
    else:
        least = max(1, ceil(reading.read / settings.largest_page))
    session.meter.minimum[VENDOR] += min(least, session.meter.used[VENDOR] - session.meter.minimum[VENDOR])


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
