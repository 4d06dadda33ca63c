"""What becomes of texts that are entered as if typed, and how values are shown."""

import pytest

from sync_pipelines_tests.vendor_sandbox.google_caller import GoogleCaller
from vendor_sandbox import Sandbox
from vendor_sandbox.google.cells import Formula
from vendor_sandbox.google.display import formatted
from vendor_sandbox.google.entering import read_typed


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("7", 7.0),
        ("007", 7.0),
        (" 12.50 ", 12.5),
        ("-3", -3.0),
        ("+905551234567", 905551234567.0),
        ("1,234", 1234.0),
        ("1e5", 100000.0),
        ("12%", 0.12),
        ("$1,234.50", 1234.5),
        ("-$5", -5.0),
        ("($5.25)", -5.25),
        ("true", True),
        ("FALSE", False),
        ("1/2/2026", 46024.0),
        ("01-02-2026", 46024.0),
        ("2026-01-02", 46024.0),
        ("Jan 2, 2026", 46024.0),
        ("2 January 2026", 46024.0),
        ("1/2/2026 6:00 PM", 46024.75),
        ("12:00", 0.5),
    ],
)
def test_these_become_numbers_dates_and_truths(typed: str, value: object) -> None:
    assert read_typed(typed)[0] == value


@pytest.mark.parametrize("typed", ["=1+1", '=IMPORTXML("http://x","y")', "+1+1", "+1 555 0100", "-A1", "- no nuts"])
def test_these_become_formulas(typed: str) -> None:
    value, _ = read_typed(typed)
    assert value == Formula(typed if typed.startswith("=") else f"={typed}")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "=",
        "-",
        "+",
        "@home",
        "8 inch",
        "1,23",
        "13/32/2026",
        "2026-01-05T10:00:00-05:00",
        "1.2.3",
        "25:00",
        "Ada",
        "#1042",
        "nan",
    ],
)
def test_these_stay_texts(typed: str) -> None:
    assert read_typed(typed) == (typed, None)


def test_an_apostrophe_keeps_the_text_that_follows() -> None:
    assert read_typed("'=1+1") == ("=1+1", None)
    assert read_typed("'007") == ("007", None)


def test_a_cell_formatted_as_text_keeps_what_is_typed(sandbox: Sandbox) -> None:
    caller = GoogleCaller(sandbox)
    caller.person("format", range="A:A")
    caller.put("A1", [["007"], ["=1+1"]], "USER_ENTERED")
    assert caller.rows() == [["007"], ["=1+1"]]
    assert sandbox.google.formulas_entered == []


def test_every_cell_that_became_a_formula_through_the_api_is_on_record(sandbox: Sandbox) -> None:
    caller = GoogleCaller(sandbox)
    caller.put("A1", [["=1+1", "safe"]], "USER_ENTERED")
    caller.append("Sheet1", [["+1 555 0100"]], "USER_ENTERED")
    formula = {"userEnteredValue": {"formulaValue": "=A1"}}
    text = {"userEnteredValue": {"stringValue": "=A1"}}
    caller.batch({"appendCells": {"sheetId": 0, "rows": [{"values": [formula, text]}], "fields": "userEnteredValue"}})
    caller.person("type", cell="D1", value="=2+2")
    assert [(each["cell"], each["formula"]) for each in sandbox.google.formulas_entered] == [
        ("A1", "=1+1"),
        ("A2", "=+1 555 0100"),
        ("A3", "=A1"),
    ]
    assert sandbox.google.formulas_entered[0]["spreadsheet"] == "Order Book"
    assert sandbox.google.formulas_entered[0]["tab"] == "Sheet1"


def test_a_refused_call_leaves_no_formula_on_record(sandbox: Sandbox) -> None:
    caller = GoogleCaller(sandbox)
    data = [{"range": "A1", "values": [["=1"]]}, {"range": "A9999", "values": [["=1"]]}]
    body = {"valueInputOption": "USER_ENTERED", "data": data}
    assert caller.refused("POST", "/values:batchUpdate", body) == "INVALID_ARGUMENT"
    assert sandbox.google.formulas_entered == []


@pytest.mark.parametrize(
    ("value", "kind", "pattern", "shown"),
    [
        (1042.0, None, "", "1042"),
        (249.9, None, "", "249.9"),
        (1 / 3, None, "", "0.3333333333"),
        (1e21, None, "", "1E+21"),
        (-0.5, None, "", "-0.5"),
        (1234.5, "NUMBER", "#,##0.00", "1,234.50"),
        (0.125, "PERCENT", "0.00%", "12.50%"),
        (1234.5, "CURRENCY", '"$"#,##0.00', "$1,234.50"),
        (-5.0, "CURRENCY", '"$"#,##0.00', "-$5.00"),
        (-5.0, "NUMBER", "0;(0)", "(5)"),
        (7.0, "NUMBER", "000", "007"),
        (2.5, "NUMBER", "0.##", "2.5"),
        (46024.0, "DATE", "mm-dd-yyyy", "01-02-2026"),
        (46024.0, "DATE", "d mmmm yy", "2 January 26"),
        (46024.75, "DATE_TIME", "yyyy-mm-dd h:mm:ss am/pm", "2026-01-02 6:00:00 PM"),
        (46024.75, "DATE_TIME", "", "1/2/2026 18:00:00"),
        (12345.0, "SCIENTIFIC", "0.00E+00", "1.23E+04"),
        (7.0, "TEXT", "@", "7"),
        (True, "DATE", "", "TRUE"),
        ("x", "NUMBER", "0", "x"),
        (None, None, "", ""),
    ],
)
def test_values_are_shown_by_their_number_format(value: float | str | None, kind: str | None, pattern: str, shown: str) -> None:
    assert formatted(value, {"type": kind, "pattern": pattern} if kind else {}) == shown
