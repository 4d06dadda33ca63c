"""A CSV never runs in a spreadsheet program, is there whole or not at all, and reads back as it was."""

import ast
import csv
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sync_pipelines
from sync_pipelines.csv_files import as_written, harmless, write_csv
from sync_pipelines.whole_files import FileNotWritten

RUN = "=+-@＝＋－＠\t\r\n"


@pytest.mark.parametrize("start", [*RUN, " =", "\u3000＝", "'="])
def test_a_cell_that_a_spreadsheet_may_run_is_text_there(start: str) -> None:
    assert harmless(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("cell", ["", "4.20", "-4.20", "-4,20", "Bolt - M8", "O'Neil", "'twas", " padded", "a=b"])
def test_a_cell_that_nothing_would_run_stays_as_it_is(cell: str) -> None:
    assert harmless(cell) == as_written(cell) == cell


@pytest.mark.parametrize("number", [-1, -1.5, Decimal("-1E-7"), Decimal("-4.20")])
def test_a_negative_number_stays_a_number(number: object) -> None:
    assert harmless(number) is number


@given(st.text(st.sampled_from([*RUN, "'", " ", "1", ".", ",", "a"]), max_size=6))
def test_every_text_reads_back_as_it_was_and_none_of_them_would_run(text: str) -> None:
    cell = harmless(text)
    assert as_written(cell) == text
    assert not cell.strip(" ").startswith(tuple(RUN)) or float(cell.replace(",", ".")) <= 0


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "out.csv"
    assert write_csv(output, ["=a", "b"], [["x", -1]]) == 1
    before = output.read_bytes()
    assert before == b"'=a,b\r\nx,-1\r\n"
    monkeypatch.setattr("os.fsync", _disk_full)
    with pytest.raises(FileNotWritten, match=r"out.csv cannot be written: no space left on device. What was there"):
        write_csv(output, ["a"], [])
    assert output.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def _disk_full(*_: object) -> None:
    raise OSError("no space left on device")


WRITERS = ("csv.writer", ".DictWriter", ".to_csv", ".write_csv")


def test_only_one_place_writes_csv() -> None:
    root = Path(sync_pipelines.__file__).parent
    writers = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node).endswith(WRITERS):
                writers.add(str(path.relative_to(root)))
    assert writers == {"csv_files.py"}


def test_the_file_holds_what_was_given(tmp_path: Path) -> None:
    rows = [["=1+1", "-5", "two\r\nlines"], ["\tx", "＝1", "'=quoted"]]
    write_csv(tmp_path / "out.csv", ["a", "b", "c"], rows)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.reader(file))
    assert [[as_written(cell) for cell in row] for row in found] == [["a", "b", "c"], *rows]
