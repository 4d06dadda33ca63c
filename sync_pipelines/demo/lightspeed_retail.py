"""The demo's fifth story: a store's mirror that equals the store, and what it answers."""

from __future__ import annotations

import time
from typing import Any

from rich.table import Table

from sync_pipelines.demo.playground import Playground
from sync_pipelines.demo.story import Story
from sync_pipelines.operations import launch, retail_store, sql
from sync_pipelines.operations.cli import screen
from sync_pipelines.operations.launch import Ended

SALES = "GET */sales"
BOOK = "0-306-40615-2"
"""An ISBN of ten digits; the store knows the book by its other one."""


class StoreStory(Story):
    """Lightspeed Retail, with the truth as the sandbox holds it: every row of the store."""

    def __init__(self, playground: Playground) -> None:
        super().__init__(playground, "lightspeed_retail", "Lightspeed Retail")

    def prove(self, name: str) -> Ended:
        with self.under_way(f"prove {self.pipeline}"):
            ended = launch.launch(self.pipeline, "prove", since=time.time())
        return self.tell(name, ended)

    def store(self) -> dict[str, Any]:
        return self.playground.state("lightspeed")

    def mirrored(self, query: str) -> Any:
        """The one value that a question to the mirror is answered with."""
        (row,) = sql.ask(query)
        (value,) = row.values()
        return value

    def differences(self) -> int:
        """Products, sales and lines of orders that the store has and the mirror has not, or the other way round."""
        store = self.store()
        found = 0
        for collection in ("products", "sales", "inventory"):
            rows = store[collection]
            found += abs(len(rows) - int(self.mirrored(f"SELECT count(*) FROM lightspeed.{collection}")))
            live = sum(not row["deleted_at"] for row in rows)
            found += abs(live - int(self.mirrored(f"SELECT count(*) FROM lightspeed.{collection} WHERE deleted_at IS NULL")))
        lines = sum(len(store["lines"].get(row["id"], ())) for row in store["consignments"] if not row["deleted_at"])
        held = """SELECT count(*) FROM lightspeed.consignment_lines JOIN lightspeed.consignments c ON c.id = consignment_id
            WHERE c.deleted_at IS NULL"""
        return found + abs(lines - int(self.mirrored(held)))

    def tell_it(self) -> None:
        self.chapter(
            "First sync", "Every product, order and sale of the store is read; in the middle of the sales the line is cut."
        )
        self.playground.fault("lightspeed", on=SALES, kind="lost_reply", times=1)
        first = self.run("first", "sync")
        longest = self.mirrored(
            "SELECT max(n) FROM (SELECT count(*) n FROM lightspeed.consignment_lines GROUP BY consignment_id)"
        )
        self.says(
            f"the longest order has {longest} lines, and all of them are there; {self.differences()} rows differ from the store"
        )
        self.expect(first.state == "done" and self.differences() == 0, "the mirror holds what the store holds")

        self.chapter("The same again", "Nothing changed in the store.")
        again = self.run("again", "sync")
        self.says(f"{again.calls['used']} calls: one for each collection")
        self.expect(again.calls["used"] < first.calls["used"] / 2, "what did not change costs a call for each collection")

        self.chapter("A day in the shop", "A price changes, a product is deleted, and one disappears without a word.")
        live = [row for row in self.store()["products"] if not row["deleted_at"] and row["name"].isascii()]
        repriced, deleted, gone = (row["id"] for row in live[-3:])
        change = {"set": {"products": {repriced: {"price_excluding_tax": "12.34567"}}}, "delete": {"products": [deleted]}}
        self.playground.change("lightspeed", {**change, "vanish": {"products": [gone]}})
        self.run("day", "sync")
        price = self.mirrored(f"SELECT price_excluding_tax FROM lightspeed.products WHERE id = '{repriced}'")
        kept = self.mirrored(f"SELECT deleted_at IS NOT NULL FROM lightspeed.products WHERE id = '{deleted}'")
        self.says(f"the price is {price}, to the last place; the deleted product stays, marked as deleted")
        self.expect(str(price) == "12.34567" and kept, "changes and deletions arrive")

        self.chapter(
            "The proof", "No list says what disappeared. So everything is read once more, and the mirror held against it."
        )
        proved = self.prove("proof")
        marked = self.mirrored(f"SELECT vanished_at IS NOT NULL FROM lightspeed.products WHERE id = '{gone}'")
        self.says(f"what disappeared is found and marked: {proved.message}")
        self.expect(bool(marked), "the proof finds what is gone")

        self.chapter("A book is scanned", f"Its label says {BOOK}; the store knows it by its ISBN of thirteen digits.")
        found = retail_store.find(BOOK).products
        self.says(", ".join(f"{product['name']} ({product['sku']})" for product in found) or "not found")
        self.expect(len(found) == 1, "a book is found by either ISBN")
        screen.out.print()
        screen.out.print(self.old_and_new(int(longest)))

    def old_and_new(self, longest: int) -> Table:
        table = Table(title="the old scripts / this", title_justify="left", header_style="bold")
        for name in ("", "the old scripts", "this"):
            table.add_column(name, overflow="fold")
        for row in (
            (f"an order of {longest} lines", "300 of them, and of each product one", "all of them"),
            ("a product of two suppliers", "one of them", "both"),
            ("a deleted product", "stays as if nothing had happened", "stays, with the time it was deleted"),
            ("amounts", "rounded", "exact, to five places"),
            ("a run that dies", "begins anew", "goes on"),
            ("is it all there?", "nobody knows", "every night everything is held against the store"),
        ):
            table.add_row(*row)
        return table
