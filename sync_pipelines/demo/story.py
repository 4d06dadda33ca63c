"""A story that the demo tells: real runs against the sandbox, and what was seen of the truth behind it."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import Any

from sync_pipelines.demo.playground import Playground
from sync_pipelines.operations import launch
from sync_pipelines.operations.cli import live, screen
from sync_pipelines.operations.launch import Ended


class Story:
    """Tells what each run did, and keeps the numbers for the table at the end."""

    def __init__(self, playground: Playground, pipeline: str, title: str) -> None:
        self.playground, self.pipeline = playground, pipeline
        screen.out.rule(f"[bold]{title}", align="left")
        self.runs: dict[str, Ended] = {}
        self.went_wrong: list[str] = []
        self.chapters = 0

    def chapter(self, name: str, text: str) -> None:
        self.chapters += 1
        screen.out.print(f"\n[bold]{self.chapters}. {name}[/]\n[dim]{text}[/]", highlight=False)

    def under_way(self, what: str) -> AbstractContextManager[None]:
        """Show what goes on, where somebody looks on; in a pipe the story alone is told."""
        return live.progress(what, silent=not screen.err.is_terminal)

    def run(self, name: str, verb: str, ops: dict[str, Any] | None = None) -> Ended:
        with self.under_way(f"{verb} {self.pipeline}"):
            ended = launch.launch(self.pipeline, verb, ops, since=time.time())
        return self.tell(name, ended)

    def tell(self, name: str, ended: Ended) -> Ended:
        self.runs[name] = ended
        rejects = f" · {ended.source_rejects} source rows rejected or in conflict" if ended.source_rejects else ""
        screen.out.print(
            f"   {ended.state}: {screen.counts(ended.counts)}{rejects}\n   {ended.calls['used']} calls "
            f"(the least possible: {ended.calls['minimum']}) · {ended.seconds['total']:.1f} s · run {ended.run_id[:8]}",
            highlight=False,
        )
        return ended

    def says(self, text: str) -> None:
        screen.out.print(f"   → {text}", highlight=False)

    def expect(self, fact: bool, what: str) -> None:
        """A story that is not true is not told: the demo ends with an exit code of 1."""
        if not fact:
            self.went_wrong.append(what)
            screen.problem(f"expected: {what}")
