"""What a person waits for at the prompt: a preview, the small commands, and the import behind them."""

from __future__ import annotations

import time

from measure import Section, at_most, folder, python, run, sandbox, say
from sync import BURST, RATE, sync_once

IMPORT = """
import dagster, duckdb, json, pandas, sqlalchemy, time
began = time.perf_counter()
import sync_pipelines.definitions
print(json.dumps({"seconds": time.perf_counter() - began}))
"""
QUESTIONS = ("--help", "status", "errors", "history")


def shell_to_prompt(runs: int, products: int) -> Section:
    """Preview at the vendor's pace, with a full bucket; then questions to the ledger that the sync before it left."""
    previews: list[float] = []
    answers: dict[str, list[float]] = {question: [] for question in QUESTIONS}
    with sandbox(products, speed=1.0) as box, folder("startup") as home:
        env = {**box.env, "SYNC_PIPELINES_HOME": str(home)}
        command = python("ours").with_name("sync-pipelines")
        sync_once(box, home)
        for turn in range(runs):
            time.sleep(BURST / RATE)
            child = run([command, "preview", "catsy_sparklayer", "--refresh", "always"], env, cwd=home)
            say(f"preview {turn + 1}/{runs}: {child.wall:.1f} s")
            previews.append(child.wall)
        for _ in range(runs):
            for question in QUESTIONS:
                answers[question].append(run([command, question], env, cwd=home).wall)
    imports = [run([python("ours"), "-c", IMPORT]).answer["seconds"] for _ in range(runs + 1)][1:]
    return Section(
        "From shell to prompt",
        [
            at_most(f"`sync-pipelines preview` of {products:,} unchanged products, at sandbox speed 1", previews, "s", 15),
            *(at_most(f"`sync-pipelines {question}`", walls, "s", 1, digits=2) for question, walls in answers.items()),
            at_most("import of definitions, beyond dagster, pandas, duckdb, sqlalchemy", imports, "s", 0.5, digits=2),
        ],
        text=f"The preview reads {products:,} products at 2 calls a second with a burst of 10.",
    )
