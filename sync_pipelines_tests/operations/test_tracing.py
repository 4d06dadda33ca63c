"""A record's story as a person reads it."""

from __future__ import annotations

import pytest

from sync_pipelines.delivery.reports import AttemptOf, PlannedRow, Story, UnreadablePlan
from sync_pipelines.operations import answers
from sync_pipelines.operations.cli import screen, tracing
from sync_pipelines_tests.operations.test_cli import P, answer, run
from sync_pipelines_tests.pipelines.merchant import plain_items, price
from vendor_sandbox import Sandbox

KEY, PLAN, AT = "wholesale/NUT", "0f1e2d3c4b5a69788796", "2026-11-30T18:20:55Z"


def planned(**fields: object) -> PlannedRow:
    usual = {"plan_id": PLAN, "sealed_at": AT, "run_id": "run-1", "undo_of": None, "key": KEY, "action": "update", "held": None}
    usual |= {"reason": "", "before": '{"price@1":1.5}', "after": '{"price@1":2}', "outcome": None, "message": None, "at": None}
    return PlannedRow(**{**usual, **fields})  # type: ignore[arg-type]


def told(monkeypatch: pytest.MonkeyPatch, **chapters: object) -> str:
    monkeypatch.setenv("TZ", "UTC")
    story = Story(**{**dict.fromkeys(("record", "planned", "attempts", "holds", "releases"), ()), **chapters})  # type: ignore[arg-type]
    with screen.out.capture() as shown:
        tracing.show(answers.Trace(P, "NUT", None, [{"sku": "NUT"}], [], story, {}))
    return " ".join(shown.get().split())


def test_each_plan_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    story = told(
        monkeypatch,
        planned=(
            planned(outcome="delivered", at=AT),
            planned(held="guard", reason="moved too far"),
            planned(outcome="rejected", at=AT, message="no such product"),
            planned(undo_of="99112233445566778899", action="remove", after=None),
            UnreadablePlan(PLAN, "the file is lost"),
        ),
    )
    assert f"plan 0f1e2d3c was to change it ({KEY}: 1+: 1.5 → 2). Delivered" in story
    assert "Held back: moved too far." in story
    assert "Rejected by the target" in story
    assert "no such product." in story
    assert "the undo of plan 99112233, was to remove it" in story
    assert "It was not applied." in story
    assert "plan 0f1e2d3c cannot be read: the file is lost" in story


def test_calls_decisions_and_what_is_known_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = AttemptOf(KEY, "a", "run-1", PLAN, "prices", "answered", None, AT, "2026-11-30T18:20:57.500000Z")
    record = {"key": KEY, "state": "partial", "done": '["made"]', "plan": PLAN, "at": AT}
    release = {"who": "anna", "key": KEY, "kind": "guard", "at": AT, "why": "yearly rise", "expires_at": AT}
    story = told(
        monkeypatch,
        attempts=(attempt,),
        record=(record,),
        holds=({"key": KEY, "plan": PLAN, "at": AT},),
        releases=({**release, "ended": "used", "ended_at": AT}, {**release, "ended": None}),
    )
    assert "answered after 2.5 s." in story
    assert f"{KEY} was put there in part (done: made) by plan 0f1e2d3c" in story
    assert f"{KEY} was taken back by plan 0f1e2d3c" in story
    assert f"anna let {KEY} through (guard)" in story
    assert ": used." in story
    assert "It holds until" in story


def test_a_story_has_no_python_in_it_and_an_unknown_key_suggests_one(sandbox: Sandbox) -> None:
    run("sync", P)
    sku = next(i["sku"] for i in plain_items(sandbox, 300) if price(sandbox, i["sku"]) is not None)
    story = run("trace", P, sku).stdout
    for chapter in ("The source has", "Mapped to", "Plans", "Calls", "What we know of it", "The target holds now"):
        assert f"{chapter}\n" in story
    assert not any(sign in story for sign in ("None", "Decimal", "True", "False", "{", "}", "T00:", "+00:00"))
    unknown = f"{sku[:-1]}X"
    assert f"nothing is known of '{unknown}'" in run("trace", P, unknown).stdout
    assert sku in answer("trace", P, unknown)["did_you_mean"]
