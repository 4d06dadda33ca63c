"""Developer metadata: notes that a program attaches to a spreadsheet, a tab, a row or a column, and can search for.

Guide: https://developers.google.com/workspace/sheets/api/guides/metadata. Assumed: an entry goes with its row or
column when that is deleted, stays where it is when rows are sorted, and is not barred by protected ranges.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vendor_sandbox.google.asking import Ask, array, choice, members, text, whole
from vendor_sandbox.google.masks import named, read_mask
from vendor_sandbox.google.ranges import GRID_RANGE, Area
from vendor_sandbox.google.sheet import Book, Draft, Tab
from vendor_sandbox.wire import Refused

Entry = dict[str, Any]

_ENTRY = ("metadataId", "metadataKey", "metadataValue", "visibility", "location")
_LOCATION = ("spreadsheet", "sheetId", "dimensionRange", "locationType")
_LOOKUP = (
    "metadataId",
    "metadataKey",
    "metadataValue",
    "visibility",
    "locationType",
    "metadataLocation",
    "locationMatchingStrategy",
)
_VISIBILITIES = ("DOCUMENT", "PROJECT")
_LOOKUP_CHOICES = {
    "visibility": _VISIBILITIES,
    "locationType": ("ROW", "COLUMN", "SHEET", "SPREADSHEET"),
    "locationMatchingStrategy": ("EXACT_LOCATION", "INTERSECTING_LOCATION"),
}


@dataclass(frozen=True)
class Filter:
    """A DataFilter as it was sent: a developerMetadataLookup, an a1Range or a gridRange."""

    sent: Mapping[str, Any]

    def places(self, book: Book) -> list[tuple[Tab, Area]]:
        """Return the ranges that the filter selects; metadata of the whole spreadsheet selects none."""
        if "a1Range" in self.sent:
            return [book.find(self.sent["a1Range"])]
        if "gridRange" in self.sent:
            return [book.place(self.sent["gridRange"])]
        placed = (_place_of(book, entry["location"]) for entry in self.entries(book))
        return [place for place in placed if place is not None]

    def entries(self, book: Book) -> list[Entry]:
        """Return the metadata that the filter selects: what the lookup matches, or what lies in the range."""
        if "developerMetadataLookup" in self.sent:
            lookup = self.sent["developerMetadataLookup"]
            return [entry for entry in book.metadata if _matches(book, entry, lookup)]
        (tab, area), found = self.places(book)[0], []
        for entry in book.metadata:
            place = _place_of(book, entry["location"])
            if place is not None and place[0] is tab and _meet(area, place[1], tab):
                found.append(entry)
        return found


def read_filter(sent: object) -> Filter:
    found = members(sent, ("developerMetadataLookup", "a1Range", "gridRange"), "data_filter")
    if len(found) != 1:
        raise Refused(400, "Invalid value at 'data_filter': exactly one of its members must be set")
    if "developerMetadataLookup" in found:
        found["developerMetadataLookup"] = _read_lookup(found["developerMetadataLookup"])
    elif "a1Range" in found:
        text(found["a1Range"], "a1_range")
    else:
        found["gridRange"] = members(found["gridRange"], GRID_RANGE, "grid_range")
    return Filter(found)


def _read_lookup(sent: object) -> dict[str, Any]:
    found = members(sent, _LOOKUP, "lookup")
    if "metadataId" in found:
        whole(found["metadataId"], "metadata_id")
    for name in ("metadataKey", "metadataValue"):
        if name in found:
            text(found[name], name)
    for name, choices in _LOOKUP_CHOICES.items():
        if name in found:
            choice(found[name], name, *choices)
    if "metadataLocation" in found:
        members(found["metadataLocation"], _LOCATION, "metadata_location")
    return found


def _place_of(book: Book, location: Mapping[str, Any]) -> tuple[Tab, Area] | None:
    if location["locationType"] == "SPREADSHEET":
        return None
    if location["locationType"] == "SHEET":
        return book.tab(location["sheetId"]), Area()
    at = location["dimensionRange"]
    start, end = at["startIndex"], at["endIndex"]
    area = Area(top=start, bottom=end) if at["dimension"] == "ROWS" else Area(left=start, right=end)
    return book.tab(at["sheetId"]), area


def _meet(area: Area, other: Area, tab: Tab) -> bool:
    return area.meets(other.clipped(tab.row_count, tab.column_count))


def _matches(book: Book, entry: Entry, lookup: Mapping[str, Any]) -> bool:
    if any(name in lookup and lookup[name] != entry.get(name) for name in _ENTRY[:4]):
        return False
    if "locationType" in lookup and lookup["locationType"] != entry["location"]["locationType"]:
        return False
    if "metadataLocation" not in lookup:
        return True
    wanted = read_location(book, lookup["metadataLocation"])
    if lookup.get("locationMatchingStrategy") != "INTERSECTING_LOCATION":
        return bool(wanted == entry["location"])
    place, mine = _place_of(book, wanted), _place_of(book, entry["location"])
    if place is None or mine is None:
        # Metadata of the whole spreadsheet intersects everything in it.
        return place is None
    return place[0] is mine[0] and _meet(place[1], mine[1], place[0])


def read_location(book: Book, sent: object) -> dict[str, Any]:
    """Return a checked location with its locationType. Raises Refused (400) for a place that cannot have metadata."""
    found = members(sent, _LOCATION, "location")
    kinds = [name for name in _LOCATION[:3] if name in found]
    if len(kinds) != 1:
        raise Refused(400, "Invalid value at 'location': exactly one place must be set")
    match kinds[0]:
        case "spreadsheet":
            return {"locationType": "SPREADSHEET", "spreadsheet": True}
        case "sheetId":
            return {"locationType": "SHEET", "sheetId": book.tab(found["sheetId"]).sheet_id}
    at = members(found["dimensionRange"], ("sheetId", "dimension", "startIndex", "endIndex"), "dimension_range")
    tab = book.tab(at.get("sheetId", 0))
    rows = choice(at.get("dimension"), "dimension", "ROWS", "COLUMNS") == "ROWS"
    start, end = whole(at.get("startIndex"), "start_index", 0), whole(at.get("endIndex"), "end_index")
    if end != start + 1 or end > (tab.row_count if rows else tab.column_count):
        raise Refused(400, "Invalid value at 'dimension_range': metadata belongs to exactly one row or column of the grid")
    place = {"sheetId": tab.sheet_id, "dimension": at["dimension"], "startIndex": start, "endIndex": end}
    return {"locationType": "ROW" if rows else "COLUMN", "dimensionRange": place}


# Requests


def create(draft: Draft, sent: object, most: int) -> Entry:
    """Attach an entry. Raises Refused (400) when its id is taken, and when the storage is full."""
    book = draft.book
    found = members(sent, _ENTRY, "developer_metadata")
    taken = {entry["metadataId"] for entry in book.metadata}
    entry_id = whole(found.get("metadataId"), "metadata_id", next_id(taken), least=1)
    if entry_id in taken:
        raise Refused(400, f"Developer metadata with id {entry_id} already exists.")
    entry = {
        "metadataId": entry_id,
        "metadataKey": text(found.get("metadataKey"), "metadata_key"),
        **({"metadataValue": found["metadataValue"]} if "metadataValue" in found else {}),
        "location": read_location(book, found.get("location")),
        "visibility": choice(found.get("visibility"), "visibility", *_VISIBILITIES),
    }
    book.metadata.append(entry)
    _check_storage(book, most)
    return entry


def next_id(taken: Iterable[int]) -> int:
    return max(taken, default=0) + 1


def _check_storage(book: Book, most: int) -> None:
    used: dict[object, int] = {}
    for entry in book.metadata:
        location = entry["location"]
        where = location.get("sheetId", location.get("dimensionRange", {}).get("sheetId"))
        used[where] = used.get(where, 0) + len(entry["metadataKey"]) + len(str(entry.get("metadataValue", "")))
    if any(size > most for size in used.values()):
        raise Refused(400, f"Developer metadata exceeds the limit of {most} characters.")


def update(draft: Draft, sent: Mapping[str, Any], most: int) -> list[Entry]:
    """Change the entries that any of the filters selects. Raises Refused (400) when there are none."""
    book = draft.book
    mask = read_mask(sent.get("fields"))
    wanted = members(sent.get("developerMetadata"), _ENTRY, "developer_metadata")
    ids = {entry["metadataId"] for each in _filters(sent.get("dataFilters")) for entry in each.entries(book)}
    if not ids:
        raise Refused(400, "No developer metadata matches the data filters.")
    changed = []
    for at, entry in enumerate(book.metadata):
        if entry["metadataId"] not in ids:
            continue
        fresh = dict(entry)
        for name in ("metadataKey", "metadataValue", "visibility"):
            if named(mask, name):
                fresh[name] = text(wanted.get(name), name)
        if named(mask, "location"):
            fresh["location"] = read_location(book, wanted.get("location"))
        book.metadata[at] = fresh
        changed.append(fresh)
    _check_storage(book, most)
    return changed


def delete(draft: Draft, sent: Mapping[str, Any]) -> list[Entry]:
    gone = read_filter(sent.get("dataFilter")).entries(draft.book)
    ids = {entry["metadataId"] for entry in gone}
    draft.book.metadata = [entry for entry in draft.book.metadata if entry["metadataId"] not in ids]
    return gone


def _filters(sent: object) -> Iterator[Filter]:
    for each in array([] if sent is None else sent, "data_filters"):
        yield read_filter(each)


# Calls


def get(ask: Ask) -> dict[str, Any]:
    for entry in ask.book.metadata:
        if str(entry["metadataId"]) == ask.parts["metadataId"]:
            return entry
    raise Refused(404, f"No developer metadata with id {ask.parts['metadataId']}.")


def search(ask: Ask) -> dict[str, Any]:
    body = members(ask.body, ("dataFilters",), "body")
    by_id: dict[int, tuple[Entry, list[Mapping[str, Any]]]] = {}
    for wanted in _filters(body.get("dataFilters")):
        for entry in wanted.entries(ask.book):
            by_id.setdefault(entry["metadataId"], (entry, []))[1].append(wanted.sent)
    found = [{"developerMetadata": entry, "dataFilters": filters} for entry, filters in by_id.values()]
    return {"matchedDeveloperMetadata": found} if found else {}


def place_on(book: Book, tab: Tab | None) -> list[Entry]:
    """Return the entries of a whole tab, or of the spreadsheet itself, as `spreadsheets.get` shows them."""
    kind = "SPREADSHEET" if tab is None else "SHEET"
    return [
        entry
        for entry in book.metadata
        if entry["location"]["locationType"] == kind and (tab is None or entry["location"]["sheetId"] == tab.sheet_id)
    ]


def drop_tab(book: Book, tab: Tab) -> None:
    """Remove what was attached to a tab that is deleted."""
    book.metadata = [
        entry
        for entry in book.metadata
        if (place := _place_of(book, entry["location"])) is None or place[0].sheet_id != tab.sheet_id
    ]
