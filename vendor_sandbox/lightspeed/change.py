"""The truth as a document, and what a test may change behind the API's back: what people do in the back office."""

from collections.abc import Callable, Mapping
from typing import Any

from vendor_sandbox.lightspeed import ids
from vendor_sandbox.lightspeed.access import SCOPES, Tokens
from vendor_sandbox.lightspeed.rows import DEFAULTS, new_row
from vendor_sandbox.lightspeed.store import COLLECTIONS, Store, stamp
from vendor_sandbox.values import BadChange, array, checked, counts, flag, known_members, mapping, number, or_null, texts, whole

MEMBERS = ("load", "add", "set", "touch", "delete", "vanish", "lines")
ACCESS = ("revoke_tokens", "personal_token", "authorize")

Answer = dict[str, Any]


def document_of(store: Store) -> dict[str, Any]:
    """Return every collection, with deleted rows; `lines` are those of consignments."""
    return {
        **{name: list(store[name].own.values()) for name in COLLECTIONS},
        "lines": {consignment: list(lines) for consignment, lines in store.lines.items()},
        "version": store.version,
        "made": dict(store.made),
    }


def change_store(body: Mapping[str, Any], store: Store) -> Answer:
    """Apply the members, in the order of MEMBERS. Raises BadChange, and leaves the store half changed then."""
    answer: Answer = {}
    for member in MEMBERS:
        if member in body:
            answer |= _CHANGES[member](checked(mapping, body[member], member), store)
    return answer


def change_access(body: Mapping[str, Any], tokens: Tokens) -> Answer:
    """Make tokens and codes, or end all tokens. Raises BadChange."""
    answer: Answer = {}
    if checked(flag, body.get("revoke_tokens", False), "revoke_tokens"):
        tokens.revoke()
    if "personal_token" in body:
        wanted = known_members(body["personal_token"], ("scopes", "seconds"), "personal_token")
        seconds = checked(or_null(number()), wanted.get("seconds"), "personal_token: seconds")
        answer["personal_token"] = tokens.personal(_scopes(wanted, "personal_token"), seconds)
    if "authorize" in body:
        answer["code"] = tokens.authorize(_scopes(known_members(body["authorize"], ("scopes",), "authorize"), "authorize"))
    return answer


def _scopes(wanted: Mapping[str, Any], where: str) -> tuple[str, ...]:
    scopes: tuple[str, ...] = checked(texts, wanted.get("scopes", SCOPES), f"{where}: scopes")
    unknown = set(scopes) - set(SCOPES)
    if unknown:
        raise BadChange(f"{where}: unknown scope {min(unknown)!r}; known: {', '.join(SCOPES)}")
    return scopes


def _load(body: Mapping[str, Any], store: Store) -> Answer:
    """Put rows as `GET state` shows them, of the collections named, in place of those that are there."""
    for name, loaded in known_members(body, (*COLLECTIONS, "lines", "version", "made"), "load").items():
        match name:
            case "lines":
                rows = checked(mapping, loaded, "load.lines")
                store.lines = {each: tuple(array(lines, "load.lines")) for each, lines in rows.items()}
            case "version":
                store.version = max(store.version, checked(whole(1), loaded, "load.version"))
            case "made":
                store.made.update(counts(known_members(loaded, (*ids.KINDS, "skus"), "load.made"), "load.made"))
            case _:
                for row_id in list(store[name].own):
                    store.remove(name, row_id)
                for row in array(loaded, f"load.{name}"):
                    known_members(row, ("id", "version", *DEFAULTS[name], "deleted_at"), f"load.{name}")
                    store.put(name, row, version=checked(whole(1), row.get("version"), f"load.{name}: version"))
    return {}


def _add(body: Mapping[str, Any], store: Store) -> Answer:
    """Add rows, by collection; every field may be left out. Returns their ids."""
    added: dict[str, list[str]] = {}
    for name, rows in known_members(body, COLLECTIONS, "add").items():
        for fields in rows:
            row = new_row(name, store.new_id(name), _fields(name, fields, "add"))
            if name == "products" and row["family_id"] is None:
                row["family_id"] = store.new_id("families")
            added.setdefault(name, []).append(store.put(name, row)["id"])
    return {"added": added}


def _set(body: Mapping[str, Any], store: Store) -> Answer:
    """Change fields of rows, by collection and id."""
    for name, rows in known_members(body, COLLECTIONS, "set").items():
        for row_id, fields in checked(mapping, rows, f"set.{name}").items():
            row = _known(store, name, row_id, "set")
            times = {"updated_at": stamp()} if "updated_at" in row else {}
            store.put(name, {**row, **times, **_fields(name, fields, f"set.{name}")})
    return {}


def _each(do: Callable[[Store, str, str], Any], where: str) -> Callable[[Mapping[str, Any], Store], Answer]:
    def change(body: Mapping[str, Any], store: Store) -> Answer:
        for name, row_ids in known_members(body, COLLECTIONS, where).items():
            for row_id in row_ids:
                _known(store, name, row_id, where)
                do(store, name, row_id)
        return {}

    return change


def delete(store: Store, name: str, row_id: str) -> None:
    """Delete a row as the vendor does: it keeps its id. The stock of a product goes with it."""
    store.put(name, {**store[name][row_id], "deleted_at": stamp()})
    if name == "products":
        for row in store.stock_of(row_id):
            store.put("inventory", {**row, "deleted_at": stamp()})


def _lines(body: Mapping[str, Any], store: Store) -> Answer:
    """Replace the lines of consignments; a line may have any of its fields, `product_id` at least."""
    for consignment, lines in body.items():
        _known(store, "consignments", consignment, "lines")
        store.lines[consignment] = ()
        for line in lines:
            times = {"created_at": stamp(), "updated_at": stamp(), "deleted_at": None}
            made = {"product_sku": None, "count": 1, "received": 0, "cost": None, "is_included": True, "status": "PENDING"}
            store.put_line(consignment, None, {**made, **times, **checked(mapping, line, "lines")}, touch=False)
        store.touch("consignments", consignment)
    return {}


def _fields(name: str, fields: Any, where: str) -> dict[str, Any]:
    return known_members(fields, (*DEFAULTS[name], "deleted_at"), f"{where}.{name}")


def _known(store: Store, name: str, row_id: Any, where: str) -> Any:
    row = store[name].get(row_id)
    if row is None:
        raise BadChange(f"{where}: there is no row {row_id!r} in {name}")
    return row


_CHANGES: dict[str, Callable[[Mapping[str, Any], Store], Answer]] = {
    "load": _load,
    "add": _add,
    "set": _set,
    "touch": _each(Store.touch, "touch"),
    "delete": _each(delete, "delete"),
    "vanish": _each(Store.remove, "vanish"),
    "lines": _lines,
}
