"""Result files of bulk queries, written in the background, once for each query on the same orders."""

import dataclasses
import json
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vendor_sandbox.shopify.answers import Answers
from vendor_sandbox.shopify.bulk_rules import bulk_node
from vendor_sandbox.shopify.plan import Selected

Items = Callable[[Selected], Iterable[Mapping[str, Any]]]
"""The nodes of a root connection, one at a time; for a root field that is an object, only that object."""


class Forbidden(Exception):
    """The token may not read something that a bulk query asks for."""


class Export:
    """One result file in the making. `objects` and `roots` count the lines written so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.objects = 0
        self.roots = 0
        self.done = False
        self.error: str | None = None

    def head(self, lines: int) -> Path:
        """Copy the first `lines` lines: what a failed operation leaves behind."""
        partial = self.path.with_suffix(f".{lines}.jsonl")
        with self.path.open("rb") as whole, partial.open("wb") as part:
            part.writelines(line for line, _ in zip(whole, range(lines), strict=False))
        return partial


class Exports:
    """Writes exports, each in a thread of its own, into a directory that `close` removes."""

    def __init__(self) -> None:
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._known: dict[Hashable, Export] = {}
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()

    def export(self, key: Hashable, rows: Callable[[], Iterator[tuple[bool, Mapping[str, Any]]]]) -> Export:
        """Return the file for these rows; for a known key, the file already made. `rows` says which rows are root rows."""
        if key in self._known:
            return self._known[key]
        if self._directory is None:
            self._directory = tempfile.TemporaryDirectory(prefix="sandbox-shopify-")
        made = self._known[key] = Export(Path(self._directory.name) / f"{len(self._known)}.jsonl")
        thread = threading.Thread(target=self._write, args=(made, rows), daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()
        return made

    @property
    def made(self) -> Sequence[Path]:
        """The files so far."""
        return [each.path for each in self._known.values()]

    def close(self) -> None:
        """Stop writing and remove every file."""
        self._closing.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=5)
        if self._directory is not None:
            self._directory.cleanup()

    def _write(self, made: Export, rows: Callable[[], Iterator[tuple[bool, Mapping[str, Any]]]]) -> None:
        try:
            with made.path.open("w", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
                for is_root, row in rows():
                    if self._closing.is_set():
                        return
                    file.write(jsonl(row))
                    made.objects += 1
                    made.roots += is_root
        except Forbidden:
            made.error = "ACCESS_DENIED"
        except Exception:
            made.error = "INTERNAL_SERVER_ERROR"
            raise
        finally:
            made.done = True


def jsonl(row: Mapping[str, Any]) -> str:
    """Return one line of a result, escaped as the vendor does it."""
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return text.replace("/", "\\/").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029") + "\n"


def exported_rows(
    roots: Sequence[Selected], items: Items, answers: Answers, lag: int, under_object: bool = False
) -> Iterator[tuple[bool, Mapping[str, Any]]]:
    """Yield the lines of a bulk result. The children of a root come after `lag` further roots.

    `under_object`: the `__parentId` of a connection below an object field is the id of that object, if it is selected.
    Raises Forbidden when the query asks for something that the token may not read.
    """
    for root in roots:
        if answers.denied(root) is not None:
            raise Forbidden(root.name)
        for connection in [root] if root.is_connection else [each for each in root.children if each.is_connection]:
            node = _Node(connection, answers, under_object)
            waiting: deque[list[Mapping[str, Any]]] = deque()
            held = (
                items(root) if root.is_connection else (row for one in items(root) for row in answers.fetching(connection)(one))
            )
            for each in held:
                yield True, node.row(each)
                waiting.append(list(node.children(each)))
                if len(waiting) > lag:
                    yield from ((False, child) for child in waiting.popleft())
            yield from ((False, child) for children in waiting for child in children)


class _Node:
    """The nodes of one connection as lines; connections under them are lines of their own."""

    def __init__(self, connection: Selected, answers: Answers, under_object: bool) -> None:
        selections = bulk_node(connection).children
        self._answers = answers
        self._read = answers.reading([_without_connections(each) for each in selections if not each.is_connection])
        self._nested = [
            ([*map(answers.fetching, path)], under_object and len(path) > 1, _Node(path[-1], answers, under_object))
            for each in selections
            for path in _connections(each)
        ]

    def row(self, held: Mapping[str, Any], parent: str | None = None) -> Mapping[str, Any]:
        row: dict[str, Any] = self._read(held)
        if self._answers.errors:
            raise Forbidden(self._answers.errors[0]["message"])
        return row if parent is None else {**row, "__parentId": parent}

    def children(self, held: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        for fetches, of_object, node in self._nested:
            within: Any = held
            for fetch in fetches[:-1]:
                within = fetch(within) if within is not None else None
            if within is None:
                continue
            for each in fetches[-1](within):
                yield node.row(each, (within if of_object else held)["id"])
                yield from node.children(each)


def _connections(field: Selected) -> Iterator[list[Selected]]:
    """Yield the path to each connection at or below a field, through object fields only."""
    if field.is_connection:
        yield [field]
        return
    for each in field.children if not field.is_list else ():
        for path in _connections(each):
            yield [field, *path]


def _without_connections(field: Selected) -> Selected:
    """Return an object field without the connections below it."""
    below = {
        kind: [_without_connections(each) for each in selections if not each.is_connection]
        for kind, selections in field.below.items()
    }
    return dataclasses.replace(field, below=below)
