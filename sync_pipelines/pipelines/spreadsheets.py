"""What spreadsheet programs make of the files they save: values they took for something else, quotes, separators."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection

SEPARATORS = ("\t", ",", ";", "|")

_SCIENTIFIC = re.compile(r"[-+]?\d([.,]\d+)?[Ee][-+]\d{2,3}")
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mrz|Mär|Mai|Okt|Dez"
_DATE = re.compile(rf"\d{{1,2}}-({_MONTHS})(-\d{{2,4}})?|({_MONTHS})-\d{{2,4}}|\d{{1,2}}\. ?({_MONTHS})")
_ERROR = re.compile(r"#(N/A|NAME\?|REF!|VALUE!|DIV/0!|NUM!|NULL!|NV|WERT!|BEZUG!|#+)")


def overwritten(cell: str) -> str | None:
    """Say what a spreadsheet program put in the place of a code: `1.23E+05`, `01-Mar`, `#N/A`. None for any other text."""
    text = cell.strip()
    for pattern, what in ((_SCIENTIFIC, "a number"), (_DATE, "a date"), (_ERROR, "an error value")):
        if pattern.fullmatch(text):
            return f"{text!r} is {what} that a spreadsheet program put there; the code itself is lost"
    return None


def unquoted(cell: str) -> str:
    """Take off the quotes that Excel puts around a cell: at both ends, with every quote inside doubled."""
    inside = cell[1:-1]
    quoted = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inside.replace('""', "")
    return inside.replace('""', '"') if quoted else cell


def separator_of(header: str, names: Collection[str]) -> str:
    """The separator by which a header row holds most of these column names; the one that cuts it most where that is a tie."""

    def fit(separator: str) -> tuple[int, int]:
        cells = [cell.strip().lower() for cell in next(csv.reader([header], delimiter=separator), [])]
        return len({name.lower() for name in names} & set(cells)), len(cells)

    return max(SEPARATORS, key=fit)
