"""What only the retail store can be asked: data out, expected errors in, as in `answers`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sync_pipelines.csv_files import write_csv
from sync_pipelines.errors import UsageError
from sync_pipelines.nearest import meant
from sync_pipelines.operations.paths import writable
from sync_pipelines.settings import data_dir

if TYPE_CHECKING:
    import pyarrow as pa

    from sync_pipelines.pipelines.lightspeed_retail.answers import Question

PIPELINE = "lightspeed_retail"
FIRST = 5


@dataclass(frozen=True)
class Answered:
    """One question. rows: how many there are. first: the worst of them. csv: where all of them were written. not_answered: why,
    where a collection that it needs is left out by the settings."""

    question: str
    asks: str
    rows: int = 0
    first: tuple[Mapping[str, Any], ...] = ()
    csv: Path | None = None
    not_answered: str = ""


@dataclass(frozen=True)
class Report:
    """numbers: stock and sales, as the asset `lightspeed/trade` shows them; none where it cannot be answered."""

    pipeline: str
    days: int
    numbers: Mapping[str, Any]
    answers: tuple[Answered, ...]


def report(days: int | None = None, output: Path | None = None) -> Report:
    """Answer the store's questions from the mirror as it is now; as CSV, too, all in a folder, or one in a file of its name.

    days: how far back they look; by default `dead_stock_days` of the settings. Raises UsageError for a file that cannot be
    written or is named after no question, NeverRead before the first sync, ComparingFailed.
    """
    from sync_pipelines.pipelines.lightspeed_retail import answers, reading
    from sync_pipelines.pipelines.lightspeed_retail.settings import LightspeedRetailSettings
    from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
    from sync_pipelines.warehouse.snapshots import Warehouse

    files = _files(output, [question.name for question in answers.QUESTIONS])
    days = days or LightspeedRetailSettings.read().dead_stock_days
    mirrored = {mirror.name for mirror in reading.mirrored()}

    def left_out(question: Question) -> list[str]:
        tables = [name for need in question.needs for name in (answers.TRADED.needs if need == answers.TRADE else (need,))]
        return sorted({answers.mirror_of(name).name for name in tables} - mirrored)

    asked = [question for question in (answers.TRADED, *answers.QUESTIONS) if not left_out(question)]
    needs = {name for question in asked for name in question.needs}
    found, numbers = list[Answered](), dict[str, Any]()
    with answers.asked(Warehouse(data_dir() / "warehouse"), LightspeedSettings.read().account, needs, days) as con:
        if answers.TRADED in asked:
            con.from_arrow(answers.answer(con, answers.TRADED)).create(answers.TRADE)
            numbers = answers.in_numbers(con)
        for question in answers.QUESTIONS:
            if question not in asked:
                why = f"not mirrored, by the settings: {', '.join(left_out(question))}"
                found.append(Answered(question.name, question.asks, not_answered=why))
                continue
            rows, file = answers.answer(con, question), files.get(question.name)
            if file:
                write_csv(file, rows.column_names, _lines(rows))
            found.append(Answered(question.name, question.asks, rows.num_rows, tuple(rows.slice(0, FIRST).to_pylist()), file))
    return Report(PIPELINE, days, numbers, tuple(found))


@dataclass(frozen=True)
class Found:
    """The products that have a code, with options, prices, stock, suppliers, and their last sale and order; where there are none,
    codes that may have been meant."""

    code: str
    products: tuple[Mapping[str, Any], ...]
    did_you_mean: tuple[str, ...]


def find(code: str) -> Found:
    """Find products by any code. Raises UsageError for a blank one, NeverRead before the first sync."""
    from sync_pipelines.pipelines.lightspeed_retail import answers, finding
    from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
    from sync_pipelines.warehouse.snapshots import Warehouse

    if not code.strip():
        raise UsageError("a code is needed: an SKU, what is scanned, a supplier's code, a handle or an id.")
    account = LightspeedSettings.read().account
    with answers.asked(Warehouse(data_dir() / "warehouse"), account, finding.NEEDS, days=1) as con:
        products, meant_codes = finding.find(con, code)
    return Found(code, tuple(products), tuple(meant_codes))


def _files(output: Path | None, names: list[str]) -> Mapping[str, Path]:
    """Where the answers are written, by question. Raises UsageError."""
    if output is None:
        return {}
    if output.suffix.lower() != ".csv":
        try:
            output.mkdir(exist_ok=True)
        except OSError as e:
            raise UsageError(f"{output} is no folder, and cannot be made one: {e.strerror or e}.") from e
        return {name: writable(output / f"{name}.csv") for name in names}
    if output.stem not in names:
        raise UsageError(
            f"{output.name}: one file holds one question, whose name it has: {', '.join(names)}. Name a folder to get them all."
            f"{meant(output.stem, names)}"
        )
    return {output.stem: writable(output)}


def _lines(rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in rows.to_batches(max_chunksize=10_000):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
