"""The commands of the order spreadsheet: its old manager's, and those that only it needs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sync_pipelines.delivery import runs
from sync_pipelines.errors import UsageError
from sync_pipelines.operations import environment, launch, screen, verbs
from sync_pipelines.operations.launch import COULD_NOT_RUN, DONE
from sync_pipelines.pipelines.shopify_sheets.settings import ShopifySheetsSettings
from sync_pipelines.settings import data_dir, home
from sync_pipelines.vendors.shopify_settings import ShopifySettings

PIPELINE = "shopify_sheets"
TEST_OUTPUT = "test_output"


def sync(limit: int | None, *, force: bool, test: bool, strict: bool, json: bool) -> int:
    """`--test` is a preview with its rows as files; without `--force` not twice within a few minutes."""
    if test:
        return preview(strict=strict, json=json)
    if not force:
        _not_so_soon()
    return verbs.sync(PIPELINE, limit, "auto", None, strict=strict, json=json)


def preview(*, strict: bool, json: bool) -> int:
    """Plan, send nothing, and write the rows that would be written to test_output/."""
    from sync_pipelines.pipelines.shopify_sheets import questions

    ended = verbs.launched(PIPELINE, "preview", {}, json=json)
    if ended is None:
        return COULD_NOT_RUN
    verbs.show(ended, strict=strict, json=json)
    if ended.plan_id:
        for path in questions.write_test_output(environment.plan_files(), ended.plan_id, home() / TEST_OUTPUT):
            screen.err.print(f"written: {path}", highlight=False)
    return ended.code(strict=strict)


def _not_so_soon() -> None:
    """Raises UsageError within a few minutes of the last sync that ended well. Schedules are not bound by this."""
    pause = timedelta(minutes=ShopifySheetsSettings.read().pause_minutes)
    ledger = environment.ledger()
    try:
        last = runs.last_good_end(ledger, PIPELINE, "sync")
    finally:
        ledger.close()
    if last and (ago := datetime.now(UTC) - datetime.fromisoformat(last)) < pause:
        raise UsageError(
            f"the last sync ended well {ago.total_seconds():.0f} s ago; within {pause.total_seconds() / 60:.0f} minutes of it "
            "another one needs --force. Nothing was done."
        )


def reconcile(*, strict: bool, json: bool) -> int:
    ended = verbs.launched(PIPELINE, "reconcile", {}, json=json)
    if ended is None:
        return COULD_NOT_RUN
    verbs.show(ended, strict=strict, json=json)
    return ended.code(strict=strict)


def prepare(*, json: bool) -> int:
    from sync_pipelines.pipelines.shopify_sheets import questions

    questions.ready()
    done = questions.set_up()
    if json:
        screen.as_json({"pipeline": PIPELINE, "done": done})
    else:
        screen.say("\n".join(done) or "everything is there already; nothing was changed")
    return DONE


def missing(*, json: bool) -> int:
    from sync_pipelines.pipelines.shopify_sheets import questions

    found = questions.find_missing()
    if json:
        screen.as_json([asdict(gap) for gap in found])
        return DONE
    screen.table([asdict(gap) for gap in found])
    fetched = sum(gap.what == "fetched now" for gap in found)
    told = f"{len(found)} numbers without a row" if found else "no number is missing"
    screen.out.print(told + (f"; {fetched} of them read now: sync-pipelines sync {PIPELINE} --force" if fetched else ""))
    return DONE


def orders(limit: int, *, json: bool) -> int:
    from sync_pipelines.pipelines.shopify_sheets import questions

    ledger = environment.ledger()
    try:
        found = questions.last_orders(ledger, limit)
    finally:
        ledger.close()
    if json:
        screen.as_json(found)
    elif found:
        screen.table(found)
    else:
        screen.out.print(f"no order was read yet: sync-pipelines sync {PIPELINE}")
    return DONE


def report(days: int, output: Path | None, *, json: bool) -> int:
    """The last days in numbers, on the screen and as a page with charts."""
    from sync_pipelines.operations.order_report import page
    from sync_pipelines.pipelines.shopify_sheets import questions

    ledger = environment.ledger()
    try:
        found = questions.days_in_numbers(ledger, days)
    finally:
        ledger.close()
    target = output or data_dir() / "reports" / f"shopify_sheets-{date.today():%Y-%m-%d}.html"  # noqa: DTZ011
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(found, ShopifySettings.read().account), encoding="utf-8")
    if json:
        screen.as_json({**found, "page": str(target)})
        return DONE
    shown = [{**day, "money": f"{day['money']:,.2f}"} for day in found["days"]]
    screen.table(shown, f"the last {days} days, money in {found['currency'] or '?'}")
    screen.say(f"as a page: {target}")
    return DONE


def backfill(pipeline: str, first: date, last: date, *, json: bool) -> int:
    """Read every order of these days, in one run, published day by day."""
    if last < first:
        raise UsageError(f"--to {last} is before --from {first}.")
    ended = launch.backfill(pipeline, str(first), str(last))
    verbs.show(ended, strict=False, json=json)
    return ended.code(strict=False)
