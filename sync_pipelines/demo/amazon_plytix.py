"""The demo's fourth story: listings on a marketplace, and the products of the PIM that they are listings of."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from typing import Any

from rich.table import Table

from sync_pipelines.demo.playground import Playground
from sync_pipelines.demo.story import Story
from sync_pipelines.operations import launch
from sync_pipelines.operations.cli import screen
from sync_pipelines.operations.launch import Ended
from sync_pipelines.pipelines.amazon_plytix import PIPELINE

FAMILY = "8 - Amazon"
CREATE, SET_FAMILY = "POST /api/v1/products", "POST /api/v1/products/*/family"


class AmazonStory(Story):
    """Amazon to Plytix, with the truth as the sandbox holds it: every product, its family and its links."""

    def __init__(self, playground: Playground) -> None:
        super().__init__(playground, "amazon_plytix", "Amazon → Plytix")

    def sync(self, name: str, partition: str) -> Ended:
        """Sync one dropped file."""
        with self.under_way(f"sync {self.pipeline} {partition}"):
            ended = launch.launch(self.pipeline, "sync", partition=partition, since=time.time())
        return self.tell(name, ended)

    def truth(self) -> dict[str, dict[str, Any]]:
        """The Amazon products in the PIM by SKU."""
        products = self.playground.state("plytix")["products"].values()
        return {p["sku"]: p for p in products if p["sku"].startswith("AMZN-")}

    def made(self) -> Counter[str]:
        """How often each product was made, ever."""
        return Counter(self.playground.state("plytix")["creates"])

    def writes(self) -> int:
        counts = self.playground.state("plytix")["counts"]
        return sum(counts[n] for n in ("created", "patched", "deleted", "family_calls", "link_calls", "unlink_calls"))

    def drop(self, style: str) -> str:
        """Put a report of one style into the inbox, as somebody would; its partition."""
        from sync_pipelines.pipelines.amazon_plytix.intake import inbox

        source = self.playground.listings
        inbox().mkdir(parents=True, exist_ok=True)
        name = style.lower()
        if (source / f"{name}.txt").exists():
            shutil.copy(source / f"{name}.txt", inbox())
        else:
            header, *rows = (source / "all_listings.txt").read_text(encoding="utf-8").splitlines(keepends=True)
            (inbox() / f"{name}.txt").write_text(header + "".join(r for r in rows if style in r), encoding="utf-8")
        return name

    def tell_it(self) -> None:
        self.chapter("A listings report is dropped", "Which product is each listing of? Reads both sides, changes nothing.")
        first_file = self.drop("MCA0032")
        with self.under_way("preview amazon_plytix"):
            preview = launch.launch(self.pipeline, "preview", partition=first_file, since=time.time())
        self.tell("preview", preview)
        states, rules = self.matched(first_file)
        self.says(
            f"{states['matched']} matched ({', '.join(f'{n} by {rule}' for rule, n in rules.most_common())}), "
            f"{states['ambiguous']} fit two products and were not guessed, {states['unmatched']} have none"
        )
        self.expect(states["matched"] > states["ambiguous"] > 0 and not self.made(), "a preview matches and makes nothing")

        self.chapter("First sync", "A product for every ASIN, put into its family, linked with what it is a listing of.")
        self.sync("first", first_file)
        made = self.made()
        linked = sum(len(links) for p in self.playground.state("plytix")["products"].values() for links in p["links"].values())
        outside = [sku for sku in made if self.truth()[sku]["family"] != FAMILY]
        self.says(f"{len(made)} products made, each once; {len(outside)} without their family; {linked} links in all")
        self.expect(set(made.values()) == {1} and not outside, "each product is made once, and has its family")

        self.chapter("The same again", "Nothing changed on either side; the PIM's products come from the cache.")
        before = self.writes()
        self.sync("again", first_file)
        self.says(f"{self.writes() - before} writes")
        self.expect(self.writes() == before, "no change means no write")

        self.chapter(
            "The answer to a create is lost", "Plytix makes the product, then the line is cut. Trying again would make another."
        )
        second_file = self.drop("NGB0032")
        self.playground.fault("plytix", on=CREATE, kind="lost_reply", times=2, after=3)
        lost = self.sync("lost", second_file)
        twice = [sku for sku, n in self.made().items() if n > 1]
        self.says(f"looked up by SKU before another try: {lost.counts.get('delivered', 0)} delivered, {len(twice)} made twice")
        self.expect(not twice and lost.state == "done", "a lost answer is settled without a second product")

        self.chapter(
            "The family call is refused", "Twice, in the middle. The old script said nothing, and they stayed without a family."
        )
        third_file = self.drop("TLA0032")
        self.playground.fault("plytix", on=SET_FAMILY, kind="status", status=422, times=2, after=5)
        refused = self.sync("refused", third_file)
        outside = [sku for sku in self.made() if self.truth()[sku]["family"] != FAMILY]
        self.says(f"{len(outside)} products without their family, and the run says so: {refused.state}")
        self.expect(len(outside) == 2 and refused.state == "incomplete", "a refused call is seen")
        self.sync("mended", third_file)
        left = [sku for sku in self.made() if self.truth()[sku]["family"] != FAMILY]
        self.says(f"the next run mends them: {len(left)} without; made twice: {sum(n > 1 for n in self.made().values())}")
        self.expect(not left and set(self.made().values()) == {1}, "the next run mends what was left, and makes nothing again")

        self.chapter("Undo", "That last file was a mistake after all: its links go first, then the products that it made.")
        wanted = [*refused.plan_ids, *self.runs["mended"].plan_ids]
        there = len(self.truth())
        ended = self.run("undo", "undo", {PIPELINE.undo_step: {"plans": self.links_first(wanted)}})
        self.says(f"{there - len(self.truth())} products are gone again; what was there before is untouched")
        self.expect(ended.state == "done" and there > len(self.truth()), "undo takes back what was made")
        screen.out.print()
        screen.out.print(self.old_and_new())

    def matched(self, partition: str) -> tuple[Counter[str], Counter[str]]:
        """How many items are in each state, and how many were found by each rule."""
        from sync_pipelines.pipelines.amazon_plytix import questions

        known = next(found for published, found in questions.mappings() if published.about.partition == partition)
        return Counter(e.state for e in known), Counter(e.match_method for e in known if e.match_method)

    def links_first(self, plans: list[str]) -> list[str]:
        """Plans in the order in which they can be taken back."""
        from sync_pipelines.operations import environment
        from sync_pipelines.vendors.plytix_settings import PlytixSettings

        ledger = environment.ledger()
        try:
            links = PlytixSettings.read().links_account
            return sorted(plans, key=lambda plan: ledger.plan(plan)["account"] != links)
        finally:
            ledger.close()

    def old_and_new(self) -> Table:
        table = Table(title="the old scripts / this", title_justify="left", header_style="bold")
        for name in ("", "the old scripts", "this"):
            table.add_column(name, overflow="fold")
        again, first = self.runs["again"], self.runs["first"]
        items = sum(first.counts.values())
        for row in (
            ("nothing changed", f"a call for each of {items} items", f"{again.calls['used']} calls, 0 writes"),
            ("the hour's quota", "gone in 17 minutes, then 429", "kept, and said before the start how long it takes"),
            ("a 429 on the look-up", "taken for “not there”: made twice", "waited for"),
            ("the family", "silently not set", "set by its own call; what fails is mended by the next run"),
            ("two products fit", "the later one wins", "reported, never guessed"),
            ("what went wrong", "somewhere in 3,800 lines", "one outcome per item: sync-pipelines errors"),
            ("taking it back", "no", "sync-pipelines undo: links, then products nobody changed since"),
        ):
            table.add_row(*row)
        return table
