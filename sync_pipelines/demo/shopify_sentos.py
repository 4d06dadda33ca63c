"""The demo's third story: an ERP's goods in the shop, the shop's orders in the ERP, and a stock that is never oversold."""

from __future__ import annotations

import time
from typing import Any

from rich.table import Table

from sync_pipelines.demo.playground import Playground
from sync_pipelines.demo.story import Story
from sync_pipelines.operations import launch
from sync_pipelines.operations.cli import screen
from sync_pipelines.operations.launch import Ended
from sync_pipelines.pipelines.shopify_sentos import PIPELINE

FEW = 10
AT, IN = "Main Warehouse", {"1": 12, "2": 3}
"""Where the shop keeps its stock; and a count in Sentos' two warehouses."""
COUNTED = sum(IN.values())
NEXT_SECOND = 1.1
"""The shop's changes are read up to the last full second."""


def an_order(sku: str, pieces: int) -> dict[str, Any]:
    return {"lines": [{"sku": sku, "quantity": pieces}], "paymentGatewayNames": ["shopify_payments"]}


class ErpStory(Story):
    """Shopify and Sentos, with the truth as the sandbox holds it: both sides' stock, and how often each order was made."""

    def __init__(self, playground: Playground) -> None:
        super().__init__(playground, "shopify_sentos", "Shopify ↔ Sentos")

    def sync(self, name: str, chain: str, refresh: str = "auto", **limits: int) -> Ended:
        """Run one chain. limits: how many changes of a target are sent, by its last word."""
        (declared,) = (each for each in PIPELINE.chains if each.name == chain)
        words = {write.applies.rpartition("/")[2]: write.applies for write in declared.writes}
        ops: dict[str, Any] = {words[word]: {"limit": n} for word, n in limits.items()}
        with self.under_way(f"sync {self.pipeline} {chain}"):
            ops["sentos/products"] = {"refresh": refresh}
            ended = launch.launch(self.pipeline, "sync", ops, chain=chain, since=time.time())
        return self.tell(name, ended)

    # --- the truth ----------------------------------------------------------------------------------------------------

    def shop(self) -> dict[str, Any]:
        return self.playground.state("shopify")

    def variant(self, sku: str) -> dict[str, Any]:
        found: dict[str, Any] = next(v for p in self.shop()["products"] for v in p["variants"] if v["sku"] == sku)
        return found

    def offered(self, sku: str) -> int:
        return int(self.variant(sku)["inventory"][AT])

    def writes(self) -> int:
        """Calls that changed something, at either vendor."""
        made = self.playground.state("sentos")["creates"]
        return int(sum(self.shop()["writes"].values()) + sum(made.values()))

    def sent(self, order: str) -> list[str]:
        """Tracking numbers of an order's parcels in the shop."""
        orders = self.shop()["orders"]
        (found,) = (each for each in orders if each["name"] == order)
        return [str(info["number"]) for each in found["fulfillments"] for info in each["trackingInfo"]]

    # --- the story ----------------------------------------------------------------------------------------------------

    def tell_it(self) -> None:
        self.first_sync()
        sku = self.a_count()
        self.a_sale_in_between(sku)
        order = self.a_lost_answer(sku)
        self.a_parcel(order)
        self.undo(sku)
        screen.out.print()
        screen.out.print(self.old_and_new())

    def first_sync(self) -> None:
        text = f"The first {FEW} products and orders; then prices and stock of everything that is in the shop."
        self.chapter("First sync", text)
        there = {p["id"] for p in self.shop()["products"]}
        self.sync("goods", "goods", products=FEW)
        new = [p for p in self.shop()["products"] if p["id"] not in there]
        skus = [v["sku"] for p in new for v in p["variants"]]
        self.says(f"{len(new)} products made as drafts, with {len(skus)} variants; what people made in the shop stays")
        self.expect(0 < len(new) <= FEW and {p["status"] for p in new} == {"DRAFT"}, "products are made, as drafts")
        self.sync("orders", "orders", orders=FEW)
        self.sync("stock", "stock")
        before = self.writes()
        self.sync("again", "stock")
        self.says(f"and the stock once more: {self.writes() - before} writes")
        self.expect(self.writes() == before, "no change means no write")

    def a_count(self) -> str:
        """Somebody counts in the ERP. Returns the SKU."""
        sku = self.a_plain_sku()
        self.chapter("Somebody counts", f"Of {sku} there are {COUNTED} pieces in Sentos' two warehouses.")
        self.playground.change("sentos", {"stock": {sku: IN}})
        self.sync("count", "stock")
        self.says(f"the shop offers {self.offered(sku)}")
        self.expect(self.offered(sku) == COUNTED, "the shop offers what the ERP has")
        return sku

    def a_plain_sku(self) -> str:
        """A SKU that is kept in step: the shop offers what the ERP has of it."""
        ours = {v["sku"]: v for p in self.playground.state("sentos")["products"] for v in p["variants"]}
        for variant in (v for p in self.shop()["products"] for v in p["variants"] if v["sku"] in ours):
            pieces = [entry["stock"] for entry in ours[variant["sku"]]["stocks"]]
            if variant["tracked"] and all(isinstance(n, int) for n in pieces) and variant["inventory"].get(AT) == sum(pieces) > 0:
                return str(variant["sku"])
        raise LookupError("no SKU is in both systems")

    def a_sale_in_between(self, sku: str) -> None:
        text = f"One more is counted. Before the shop hears of it, a customer buys two: {COUNTED + 1} would be too many."
        self.chapter("A customer is faster", text)
        self.playground.change("sentos", {"stock": {sku: {**IN, "1": IN["1"] + 1}}})
        fault = {"on": "mutation inventorySetQuantities", "kind": "between", "change": {"buy": [an_order(sku, 2)]}}
        self.playground.fault("shopify", **fault)
        between = self.sync("between", "stock")
        self.says(f"the shop compares and refuses: it still offers {self.offered(sku)}")
        self.expect(between.counts.get("drifted") == 1 and self.offered(sku) == COUNTED - 2, "a sale is not written over")
        time.sleep(NEXT_SECOND)
        self.sync("after", "stock")
        self.says(f"the next run reads again: {COUNTED + 1} in Sentos, less 2 that it has not heard of: {self.offered(sku)}")
        self.expect(self.offered(sku) == COUNTED - 1, "what was ordered and is not known in the ERP is taken off")

    def a_lost_answer(self, sku: str) -> str:
        """Returns the name of the order whose answer was lost."""
        self.chapter("An answer is lost", "Sentos makes the order, then the line is cut. Sent again, it would be made again.")
        self.playground.fault("sentos", on="POST /api/orders", kind="lost_reply")
        (bought,) = self.playground.change("shopify", {"buy": [an_order(sku, 1)]})["bought"]
        time.sleep(NEXT_SECOND)
        lost = self.sync("lost", "orders")
        made = self.playground.state("sentos")["creates"]
        mine = [n for key, n in made.items() if key.startswith("shopify-")]
        self.says(
            f"looked for in Sentos' list before anything else: {len(mine)} orders of the shop there, each made {max(mine)} time"
        )
        self.expect(set(mine) == {1} and lost.state == "done", "a lost answer is settled without a second order")
        self.sync("told", "stock")
        self.says(f"Sentos has lowered its own stock by now, so nothing is counted twice: {self.offered(sku)} offered")
        return str(bought["name"])

    def a_parcel(self, order: str) -> None:
        self.chapter("A parcel", f"{order} is packed in Sentos and handed to the carrier.")
        found = next(o for o in self.playground.state("sentos")["orders"] if o["order_code"] == order)
        parcel = {"cargo_company": "Yurtiçi", "tracking_number": "7350012345", "tracking_url": "https://kargo.example/7350012345"}
        self.playground.change("sentos", {"orders": {str(found["id"]): {"status": 5, "data": parcel}}})
        self.sync("parcel", "orders")
        self.says(f"the shop tells the customer: {', '.join(self.sent(order))}")
        before = self.writes()
        self.sync("echo", "orders")
        self.says(f"and it does not come back as news: {self.writes() - before} writes")
        self.expect(self.sent(order) == ["7350012345"] and self.writes() == before, "a parcel is told once")

    def undo(self, sku: str) -> None:
        self.chapter("Undo", "Somebody in Sentos takes a tenth off a price by mistake; the shop has it within the hour.")
        was = self.variant(sku)["price"]
        product = next(p for p in self.playground.state("sentos")["products"] if sku in {v["sku"] for v in p["variants"]})
        prices = {key: {**both, "sale_price": round(both["sale_price"] * 0.9, 2)} for key, both in product["prices"].items()}
        self.playground.change("sentos", {"set": {str(product["id"]): {"prices": prices}}})
        wrong = self.sync("wrong", "prices", refresh="always")
        changed = self.variant(sku)["price"]
        self.says(f"{sku}: {was} → {changed}")
        self.run("undo", "undo", {PIPELINE.undo_step: {"plans": wrong.plan_ids}})
        self.says(f"taken back: {self.variant(sku)['price']}; the next run does not send it again")
        self.expect(changed != was == self.variant(sku)["price"], "undo puts the price back")

    def old_and_new(self) -> Table:
        table = Table(title="the old app / this", title_justify="left", header_style="bold")
        for name in ("", "the old app", "this"):
            table.add_column(name, overflow="fold")
        again = self.runs["again"]
        for row in (
            ("logging in", "four ways are tried, each is shown the secret", "one way, over https"),
            ("products are matched", "by title", "by SKU, exactly; what is not sure is held"),
            ("nothing changed", "–", f"{again.calls['used']} calls, 0 writes"),
            ("somebody buys meanwhile", "–", "compared and refused, then planned again"),
            ("an order in both systems", "counted twice in the stock", "counted once, wherever it is"),
            ("an answer is lost", "the order is made twice", "looked for, made once"),
            ("it goes wrong", '"Failed: 3"', "which row, what the vendor said, what to do"),
            ("taking it back", "no", "products and prices: sync-pipelines sentos undo"),
        ):
            table.add_row(*row)
        return table
