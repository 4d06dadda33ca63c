"""The story of the price lists: previews, a price × 100, a lost reply, an undo."""

from __future__ import annotations

import contextlib
from decimal import Decimal

from rich.table import Table

from sync_pipelines.delivery import releasing
from sync_pipelines.demo.playground import Playground
from sync_pipelines.demo.story import Story
from sync_pipelines.operations import environment
from sync_pipelines.operations.cli import screen
from sync_pipelines.pipelines.catsy_sparklayer import PIPELINE

ALWAYS = {"catsy__products": {"refresh": "always"}}


class PriceStory(Story):
    """The story of the price lists, with the truth as the sandbox holds it."""

    def __init__(self, playground: Playground) -> None:
        super().__init__(playground, "catsy_sparklayer", "Catsy → SparkLayer")

    def tell_it(self) -> None:
        _run_through(self)
        screen.out.print()
        screen.out.print(_old_and_new(self))

    def prices(self) -> dict[str, Decimal]:
        """The truth: what the price list of the sandbox holds, per SKU from quantity 1 on."""
        wholesale = next(x for x in self.playground.state("sparklayer")["lists"] if x["slug"] == "wholesale")
        return {sku: Decimal(str(r["price"])) for sku, rows in wholesale["prices"].items() for r in rows if r["quantity"] == 1}

    def effects(self) -> dict[str, int]:
        """The truth: how often each SKU's prices were written."""
        return dict(self.playground.state("sparklayer")["effects"].get("wholesale", {}))


def _run_through(story: PriceStory) -> None:
    play = story.playground
    story.chapter("Preview", "What would change? Reads both sides, sends nothing.")
    before = story.prices()
    story.run("preview", "preview")
    story.expect(story.prices() == before, "a preview changes nothing")

    story.chapter("First sync", "The same plan, applied; read back afterwards.")
    first = story.run("first", "sync")
    story.says(f"{first.as_planned} of {first.read_back} rows sent are there as planned; rows nobody planned are untouched")
    story.expect(first.counts.get("delivered", 0) > 0 and first.read_back == first.as_planned, "what was sent is there")

    story.chapter("The same again", "Nothing changed in Catsy; the catalogue comes from the cache.")
    writes = play.state("sparklayer")["writes"]
    story.run("again", "sync")
    story.says(f"{play.state('sparklayer')['writes'] - writes} writes")
    story.expect(play.state("sparklayer")["writes"] == writes, "no change means no write")

    story.chapter("One percent of prices change", "A few prices go up by 5 % in Catsy.")
    moved = play.change("catsy", {"reprice": {"attribute": "price_trade", "share": 0.01, "factor": "1.05", "seed": 1}})
    small = story.run("one_percent", "sync", ALWAYS)
    story.says(f"{moved['repriced']} prices changed in Catsy, {small.counts.get('delivered', 0)} sent")
    story.expect(small.counts.get("delivered") == moved["repriced"], "just what changed is sent")

    story.chapter("A price × 100", "Somebody types cents into the dollar field.")
    sku, item_id, price = _some_product(story)
    play.change("catsy", {"set": {item_id: {"price_trade": str(price * 100)}}})
    story.run("times_100", "sync", ALWAYS)
    story.says(f"{sku}: {price} → {price * 100} is held until a person releases it; the list still says {story.prices()[sku]}")
    story.expect(story.prices()[sku] == price, "a price × 100 does not reach the list")
    play.change("catsy", {"set": {item_id: {"price_trade": str(price)}}})

    story.chapter("A release, spent", "A clearance: this price may fall by 60 %. A person says so, for this fall and no other.")
    sale = (price * Decimal("0.4")).quantize(Decimal("0.01"))
    play.change("catsy", {"set": {item_id: {"price_trade": str(sale)}}})
    held = story.run("clearance", "sync", ALWAYS)
    _release(held.plan_ids[0], sku, "clearance this week")
    sent = story.run("released", "sync", ALWAYS)
    story.says(f"sync-pipelines release --keys {sku}: {price} → {story.prices()[sku]}, and the release is used up")
    story.expect(sent.counts.get("delivered") == 1 and story.prices()[sku] == sale, "a released price goes out")
    play.change("catsy", {"set": {item_id: {"price_trade": str(price)}}})
    again = story.run("back_up", "sync", ALWAYS)
    story.says(f"back up to {price} is a jump of its own: {again.counts.get('held', 0)} held, until a person releases that")
    story.expect(story.prices()[sku] == sale, "a release lets one change through")
    _release(again.plan_ids[0], sku, "the clearance is over")
    story.run("over", "sync", ALWAYS)
    story.expect(story.prices()[sku] == price, "the way back goes with its own release")

    story.chapter("A reply is lost", "SparkLayer takes the prices, then the line is cut before it answers.")
    play.change("catsy", {"reprice": {"attribute": "price_trade", "share": 0.01, "factor": "1.04", "seed": 2}})
    play.fault("sparklayer", on="PATCH /api/v1/price-lists/*/pricing", kind="lost_reply")
    before_effects = story.effects()
    lost = story.run("lost", "sync", ALWAYS)
    twice = [s for s, n in story.effects().items() if n - before_effects.get(s, 0) > 1]
    story.says(f"settled by reading: {lost.counts.get('delivered', 0)} delivered, {len(twice)} sent twice")
    story.expect(not twice and lost.state == "done", "a lost reply is settled without a second send")

    story.chapter("Undo", "Those last prices were a mistake after all.")
    kept = story.prices()
    undo = story.run("undo", "undo", {PIPELINE.undo_step: {"plans": lost.plan_ids}})
    back = sum(kept[s] != p for s, p in story.prices().items())
    story.says(f"{back} prices are what they were before; they stay that way until Catsy changes or a person releases them")
    story.expect(back == lost.counts.get("delivered") == undo.counts.get("delivered"), "undo takes back what was written")


def _release(plan: str, key: str, why: str) -> None:
    """What `sync-pipelines release --plan … --keys …` does."""
    with contextlib.closing(environment.ledger()) as ledger:
        releasing.release(ledger, environment.plan_files(), plan, [key], why)


def _some_product(story: PriceStory) -> tuple[str, str, Decimal]:
    """A plainly priced product that the list holds: SKU, id in Catsy, price."""
    listed = story.prices()
    for item in story.playground.state("catsy")["items"]:
        sku, price = item.get("sku"), item.get("price_trade")
        if isinstance(price, str) and sku in listed and price == str(listed[sku]) and listed[sku] > 1:
            return sku, str(item["id"]), listed[sku]
    raise LookupError("the made-up catalogue has no plainly priced product")


def _old_and_new(story: PriceStory) -> Table:
    runs = story.runs
    pages = runs["one_percent"].calls["by_vendor"]["catsy"]["used"]
    rows = runs["first"].counts.get("delivered", 0) + runs["first"].counts.get("unchanged", 0)
    batches = -(-rows // 500)
    table = Table(title="the old script / this", title_justify="left", header_style="bold")
    for name in ("", "the old script", "this"):
        table.add_column(name, overflow="fold")
    for row in (
        (
            "nothing changed",
            f"{pages + 2 * batches} calls, {rows} prices written again",
            f"{runs['again'].calls['used']} calls, 0 writes",
        ),
        (
            "1 % changed",
            f"{pages + 2 * batches} calls, {rows} prices written again",
            f"{runs['one_percent'].calls['used']} calls, {runs['one_percent'].counts.get('delivered', 0)} prices written",
        ),
        ("quantity breaks it does not know", "wiped", "sent again as they are"),
        ("a price × 100", "live in the shop", "held until a person releases it"),
        ("a reply lost", "a failed batch, reported as success", "settled by reading, not sent twice"),
        ("a stale file", "sent for ever", "used for 20 hours, and says so"),
        ("taking it back", "no", f"{runs['undo'].counts.get('delivered', 0)} prices in {runs['undo'].calls['used']} calls"),
    ):
        table.add_row(*row)
    return table
