"""A release at the prompt: what it would let through is seen first, and a stopped run says which commands come next."""

from __future__ import annotations

import json

from sync_pipelines_tests.operations.test_cli import P, answer, run
from sync_pipelines_tests.pipelines.merchant import plain_items, price, set_prices
from sync_pipelines_tests.terminal import Terminal
from vendor_sandbox import Sandbox

DAGSTERS_OWN = ("blocking asset check", "ERROR severity", "Dagster")


def stopped_by_a_rise(sandbox: Sandbox) -> str:
    """Sync, raise most prices, one of them to zero, and preview. Returns the id of the plan that the guard stopped."""
    answer("sync", P)
    products = [i for i in plain_items(sandbox, 200) if price(sandbox, i["sku"])]
    prices = {i["id"]: f"{float(i['price_trade']) * 1.1:.2f}" for i in products}
    set_prices(sandbox, {**prices, products[3]["id"]: "0.00"})
    stopped = answer("preview", P, "--refresh", "always", code=1)
    assert stopped["state"] == "stopped"
    return str(stopped["plan_id"])


def test_a_stopped_preview_says_why_in_our_words_and_what_comes_next(sandbox: Sandbox) -> None:
    plan = stopped_by_a_rise(sandbox)
    shown = run("preview", P, code=1)
    printed = shown.stdout + shown.stderr
    assert printed.count("would move") == 1
    for command in (f"errors {P}", f"trace {P} KEY", f"release {P} --plan {plan[:8]} --verdict", f"apply {P} --plan {plan[:8]}"):
        assert f"sync-pipelines {command}" in printed
    assert not [words for words in DAGSTERS_OWN if words in printed]
    told = json.dumps([answer("errors", P), answer("history", P)])
    assert "would move" in told
    assert not [words for words in DAGSTERS_OWN if words in told]


def test_rows_that_end_badly_are_told_of_in_our_words(sandbox: Sandbox) -> None:
    sandbox.vendors["sparklayer"].change_state({"settings": {"known_skus": [i["sku"] for i in plain_items(sandbox, 100)]}})
    bad = answer("sync", P, code=1)
    assert bad["message"] == f"{bad['counts']['rejected']} rows ended badly (rejected {bad['counts']['rejected']}). " + (
        "`sync-pipelines errors` lists them."
    )


def test_what_a_release_lets_through_is_listed_first_zeros_apart(sandbox: Sandbox) -> None:
    plan = stopped_by_a_rise(sandbox)
    listed = run("release", P, "--plan", plan, "--kind", "guard", "--reason", "meant").stdout
    assert "3 rows in which a value becomes ZERO" in listed
    assert listed.index("becomes ZERO") < listed.index("released 3 held rows")
    lifted = run("release", P, "--plan", plan, "--verdict", "--reason", "yearly rise").stdout
    assert "rows of a stopped plan" in lifted
    assert "more" in lifted
    assert f"Next: sync-pipelines apply {P} --plan {plan[:8]}" in lifted


def test_at_a_terminal_a_person_is_asked_and_may_say_no(sandbox: Sandbox) -> None:
    plan = stopped_by_a_rise(sandbox)
    command = ("release", P, "--plan", plan, "--verdict", "--reason", "yearly rise")
    with Terminal(*command) as terminal:
        terminal.wait_for("Let these through? [y/N]")
        assert "rows of a stopped plan" in terminal.printed
        terminal.type("n")
        assert terminal.end() == 1
    assert "Nothing was released." in terminal.printed
    run("apply", P, "--plan", plan, code=1)
    with Terminal(*command, "--yes") as terminal:
        assert terminal.end() == 0
    assert "[y/N]" not in terminal.printed
    assert answer("apply", P, "--plan", plan)["counts"]["delivered"] > 100


def test_what_cannot_be_released_is_said_before_anybody_is_asked(sandbox: Sandbox) -> None:
    plan = answer("preview", P)["plan_id"]
    with Terminal("release", P, "--plan", plan, "--keys", "NOBODY", "--reason", "x") as terminal:
        assert terminal.end() == 2
    assert "holds no row NOBODY" in terminal.printed
    assert "[y/N]" not in terminal.printed
