"""The spreadsheet of a running sandbox (its environment exported) as an HTML page, for docs/pictures/sheet.png.

.venv/bin/python docs/pictures/sheet_page.py http://127.0.0.1:8700 > sheet.html
chromium --headless --hide-scrollbars --window-size=1540,420 --screenshot=docs/pictures/sheet.png sheet.html
"""

import sys
from html import escape

import requests

from sync_pipelines.settings import GoogleSettings
from sync_pipelines.vendors.google_sheets import Sheets
from sync_pipelines.vendors.http import CallMeter

ROWS, COLUMNS = 14, 16
STYLE = """body { margin: 0; font: 13px Arial, sans-serif; } h1 { font: 18px Arial; margin: 10px 14px; }
table { border-collapse: collapse; } td, th { border: 1px solid #d8dce0; padding: 3px 8px; white-space: nowrap;
max-width: 190px; overflow: hidden; text-overflow: ellipsis; } th { background: #f1f3f4; color: #5f6368; font-weight: 400; }
tr.head td { font-weight: 700; border-bottom: 2px solid #b0b6bc; } td.n { text-align: right; } td.theirs { background: #fff6d6; }
p { margin: 8px 14px; }
span { border-bottom: 3px solid #188038; padding: 4px 10px; } i { font-style: normal; padding: 4px 10px; }"""


def main(sandbox: str) -> None:
    state = requests.get(f"{sandbox}/_sandbox/google/state", timeout=30).json()
    book = next(b for b in state["spreadsheets"] if b["title"] == "Order Book")
    sheets = Sheets.connect(GoogleSettings.read(), CallMeter(), lambda: False)
    url = f"https://sheets.googleapis.com/v4/spreadsheets/{book['id']}/values/Orders!A1:{chr(64 + COLUMNS)}{ROWS}"
    rows = sheets.http.request("get", url).json()["values"]
    sheets.close()
    letters = "".join(f"<th>{chr(65 + n)}</th>" for n in range(COLUMNS))
    body = ""
    for n, row in enumerate(rows, 1):
        cells = "".join(
            f"<td class='{'n' if cell.replace(',', '').replace('.', '').isdigit() else ''}"
            f" {'theirs' if rows[0][place] == 'Packed by' else ''}'>{escape(cell)}</td>"
            for place, cell in enumerate([*row, *[""] * (COLUMNS - len(row))])
        )
        body += f"<tr class='{'head' if n == 1 else ''}'><th>{n}</th>{cells}</tr>"
    print(  # noqa: T201
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><h1>{book['title']}</h1>"
        f"<table><tr><th></th>{letters}</tr>{body}</table><p><span>Orders</span><i>Line Items</i></p>"
    )


if __name__ == "__main__":
    main(sys.argv[1])
