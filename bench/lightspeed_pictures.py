"""Pictures for a store on Lightspeed Retail: finding their products, and sending each once."""

from __future__ import annotations

from lightspeed import EVEN, store
from measure import ROOT, Row, Section, at_most, folder, never_more, python, run, sandbox, say, spread

PICTURES = ROOT / "bench" / "ours" / "send_pictures.py"
CPU = 5.0
"""The target: seconds of CPU for looking at the pictures and finding their products."""


def pictures(runs: int, number: int, products: int) -> Section:
    """A folder of pictures into a store; then the same folder again."""
    children, doubled = [], []
    with sandbox(500) as box:
        for _ in range(runs):
            box.control("POST", "reset")
            store(box, **EVEN, more_products=products)
            with folder("pictures") as home:
                (home / "in").mkdir()
                child = run(
                    [python("ours"), PICTURES, home / "in", str(number)], {**box.env, "SYNC_PIPELINES_HOME": str(home)}, cwd=home
                )
            children.append(child)
            uploads = [call for call in box.control("GET", "lightspeed/calls") if call["path"].endswith("/image_upload")]
            doubled.append(len(uploads) - number)
            say(f"pictures: {child.answer['first']['look']['cpu']:.1f} s CPU to look")
    first, again = ([child.answer[name] for child in children] for name in ("first", "again"))
    sent = [each["counts"].get("delivered", 0) for each in first]
    calls = [each["send"]["calls"] - n for each, n in zip(first, sent, strict=True)]
    return Section(
        f"{number:,} pictures for {children[0].answer['products']:,} products",
        [
            at_most("looked at, hashed and matched: CPU", [each["look"]["cpu"] for each in first], "s", CPU),
            Row("pictures that are there", " / ".join(map(str, sorted(set(sent)))), f"{number:,}", set(sent) == {number}),
            never_more("sent more than once", doubled, 0),
            never_more("the same folder again: pictures sent", [sum(each["counts"].values()) for each in again], 0),
            never_more("calls refused with 429", [each["refused"] for each in first], 0),
        ],
        ("step", "CPU, s", "calls"),
        [
            (
                name,
                spread([each[step]["cpu"] for each in runs_of]),
                " / ".join(sorted({f"{each[step]['calls']:,}" for each in runs_of})),
            )
            for name, step, runs_of in (
                ("look", "look", first),
                ("plan", "plan", first),
                ("send, and wait until the store shows them", "send", first),
                ("again: look", "look", again),
                ("again: plan", "plan", again),
            )
        ],
        "One process, without Dagster; the sandbox is another. Pictures of 20 kB, named by SKU, half of them with a position. "
        "The store works on each for a minute of the sandbox's clock. Calls beside one for each picture: "
        f"{spread(calls, digits=0)}. Peak of the process: {spread([child.answer['peak'] for child in children], 'MB', 0)}.",
    )
