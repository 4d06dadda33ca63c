"""Planning and the ledger alone: make_plan and apply over a target in memory."""

from __future__ import annotations

from measure import ROOT, Child, Row, Section, at_most, folder, python, run, say, spread

PHASES = ("create", "unchanged", "one in a hundred", "all")
CPU, MORE_MEMORY = 5.0, 300.0


def plan_once(rows: int) -> Child:
    with folder("plan") as where:
        child = run([python("ours"), ROOT / "bench" / "ours" / "plan_and_apply.py", str(rows), where])
    say(f"plan and apply {rows:,} rows: " + ", ".join(f"{p} {_cpu(child, p):.1f} s CPU" for p in PHASES))
    return child


def plan_and_apply(runs: int, rows: int, once: int | None) -> Section:
    """CPU per phase, and the peak above the imported process."""
    children = [plan_once(rows) for _ in range(runs)]
    lines = [at_most(f"{rows:,} rows, {p}: plan + apply", [_cpu(c, p) for c in children], "s CPU", CPU) for p in PHASES]
    lines.append(
        at_most(
            "peak above the imported process, all phases",
            [c.answer["all: peak"] - c.answer["imported"] for c in children],
            "MB",
            MORE_MEMORY,
            digits=0,
        )
    )
    table = [_line(rows, phase, children) for phase in PHASES]
    if once:
        large = plan_once(once)
        lines.append(
            Row(
                f"{once:,} rows, all phases: peak above the imported process",
                f"{large.answer['all: peak'] - large.answer['imported']:.0f} MB (once)",
            )
        )
        table += [_line(once, phase, [large]) for phase in PHASES]
    head = ("rows", "phase", "plan, s CPU", "apply, s CPU", "wall, s", "peak so far, MB")
    return Section(f"Plan and ledger, {rows:,} rows, no HTTP", lines, head, table)


def _cpu(child: Child, phase: str) -> float:
    return float(child.answer[f"{phase}: plan"] + child.answer[f"{phase}: apply"])


def _line(rows: int, phase: str, children: list[Child]) -> tuple[str, ...]:
    def of(what: str, digits: int) -> str:
        return spread([c.answer[f"{phase}: {what}"] for c in children], digits=digits)

    return f"{rows:,}", phase, of("plan", 2), of("apply", 2), of("wall", 2), of("peak", 0)
