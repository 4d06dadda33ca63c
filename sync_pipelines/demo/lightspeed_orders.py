"""The demo's last story: a supplier's order places itself, and pictures find their products."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

from sync_pipelines.demo.playground import Playground
from sync_pipelines.demo.story import Story
from sync_pipelines.operations import launch
from sync_pipelines.operations.launch import Ended
from sync_pipelines.settings import data_dir

SUPPLIER, NUMBER = "Mesa Cordwain", "mesa-cordwain-2026-12"
LINES, PRODUCTS = "POST */consignments/*/bulk", "POST */products"
WAX = "4006381333931"
JPG = b"\xff\xd8\xff"


class SupplierStory(Story):
    """The boots' supplier, with the truth as the sandbox holds it."""

    def __init__(self, playground: Playground) -> None:
        super().__init__(playground, "lightspeed_orders", "Supplier orders and pictures → Lightspeed Retail")

    def of_file(self, name: str, verb: str, ops: dict[str, Any]) -> Ended:
        with self.under_way(f"{verb} {self.pipeline}"):
            ended = launch.launch(self.pipeline, verb, ops, partition=NUMBER, since=time.time())
        return self.tell(name, ended)

    def boots(self) -> list[dict[str, Any]]:
        rows = self.playground.state("lightspeed")["products"]
        return sorted(
            (row for row in rows if row["name"].startswith(SUPPLIER) and not row["deleted_at"]), key=lambda row: row["sku"]
        )

    def product(self, sku: str) -> dict[str, Any] | None:
        rows = self.playground.state("lightspeed")["products"]
        return next((row for row in rows if row["sku"] == sku and not row["deleted_at"]), None)

    def orders(self) -> list[dict[str, Any]]:
        """The store's live orders with this number, each with its lines."""
        state = self.playground.state("lightspeed")
        return [
            {**row, "lines": state["lines"].get(row["id"], [])}
            for row in state["consignments"]
            if row["reference"] == NUMBER and not row["deleted_at"]
        ]

    def drop(self) -> Path:
        """Write the order as the supplier sends it: boots, one of which costs more, a new product, and a new family."""
        boots = self.boots()[:6]
        path = data_dir() / "inbox" / "lightspeed" / f"{NUMBER}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        costs = [boot["supply_price"] for boot in boots[:-1]] + ["99.50"]
        rows: list[tuple[Any, ...]] = [
            (boot["suppliers"][0]["code"], "", boot["sku"], 2, cost, "", "", "") for boot, cost in zip(boots, costs, strict=True)
        ]
        rows += [
            ("WAX-50", "boot wax 50ml", WAX, 5, "4.10", "", "", ""),
            ("LACE", "laces", "LACE-RED", 6, "1.10", "waxed laces", "Colour", "Red"),
            ("LACE", "laces", "LACE-TAN", 6, "1.10", "waxed laces", "Colour", "Tan"),
            ("LACE", "laces", "LACE-BLK", "1,200", "1.10", "waxed laces", "Colour", "Black"),
        ]
        header = ("CODE", "DESCRIPTION", "BARCODES", "QNTY", "COST", "VARIANTNAME", "VARIANTTYPE", "VARIANTVALUE")
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    def tell_it(self) -> None:
        self.chapter("An order comes in", "What is there, what is new, what costs more? Reads both sides, changes nothing.")
        given = {"file": str(self.drop()), "supplier": SUPPLIER}
        ops = {"lightspeed__supplier_orders": given, "lightspeed__order_comparison": given}
        preview = self.of_file("preview", "preview", ops)
        self.says("5 boots are there as they are, 1 costs more, 3 products are new; `1,200` pieces is told, and not guessed")
        self.expect(preview.counts.get("held") == 1 and not self.orders(), "a preview tells and changes nothing")

        self.chapter("It places itself", "The answer to the lines is lost: sent again, the call would order everything twice.")
        self.playground.fault("lightspeed", on=PRODUCTS, kind="lost_reply", times=1)
        self.playground.fault("lightspeed", on=LINES, kind="lost_reply", times=1)
        first = self.of_file("first", "sync", ops)
        (order,) = self.orders() or [{"lines": [], "status": "not there"}]
        wax, lace, other = (self.product(sku) or {} for sku in (WAX, "LACE-RED", "LACE-TAN"))
        self.says(
            f"one {order['status']} order of {len(order['lines'])} lines, each once; {wax.get('name')}, and a family of laces"
        )
        pieces = sorted(int(line["count"]) for line in order["lines"])
        self.expect(pieces == [2] * 6 + [5, 6, 6], "each line is there once, with its pieces")
        self.expect(bool(wax) and lace.get("family_id") == other.get("family_id") is not None, "new products are made once")
        self.expect(first.state == "done", "lost answers are settled by reading")

        self.chapter("The same again", "Nothing changed.")
        again = self.of_file("again", "sync", ops)
        self.says(f"{again.counts.get('delivered', 0)} writes; {len(self.orders())} order with this number")
        self.expect(not again.counts.get("delivered") and len(self.orders()) == 1, "no change means no write")

        self.chapter("Pictures find their products", "Named by SKU, barcode or the supplier's code. One is a text called .jpg.")
        folder = data_dir() / "inbox" / "lightspeed_pictures"
        folder.mkdir(parents=True, exist_ok=True)
        files = {
            f"{WAX}.jpg": JPG + b"wax",
            "lace_red_2.jpg": JPG + b"red",
            "lace-tan.jpg": b"a text",
            "holiday.jpg": JPG + b"sea",
        }
        for name, content in files.items():
            (folder / name).write_bytes(content)
        with self.under_way("sync lightspeed_pictures"):
            sent = launch.launch("lightspeed_pictures", "sync", since=time.time())
        self.tell("pictures", sent)
        images = [row for row in self.playground.state("lightspeed")["images"] if row["name"] in files and not row["deleted_at"]]
        self.says(f"{len(images)} pictures are there; the text and a holiday are listed for a person")
        self.expect(len(images) == 2 and sent.source_rejects == 2, "each picture goes to its product, once")

        self.chapter(
            "Undo", "All of it was a mistake: the pictures go first, then the lines, the order, the cost and the products."
        )
        with self.under_way("undo lightspeed_pictures"):
            undone = launch.launch("lightspeed_pictures", "undo", self.taking_back(sent), since=time.time())
        self.tell("no pictures", undone)
        self.run("undo", "undo", self.taking_back(first))
        left = [sku for sku in (WAX, "LACE-RED", "LACE-TAN") if self.product(sku)]
        self.says(f"no order with this number; of what it made, {', '.join(left) or 'nothing'} is left")
        self.expect(not self.orders() and not left, "undo takes back what nobody has used since")

    @staticmethod
    def taking_back(ended: Ended) -> dict[str, Any]:
        """The options of an undo: the plans of a run, the last one first."""
        return {f"take_back_{ended.pipeline}": {"plans": ended.plan_ids[::-1]}}
