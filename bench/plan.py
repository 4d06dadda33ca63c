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


def plan_and_apply(runs: int, rows: int) -> Section:
    """CPU per phase, and the peak above the imported process."""
    children = [plan_once(rows) for _ in range(runs)]
    lines = [at_most(f"{phase}: plan + apply", [_cpu(c, phase) for c in children], "s CPU", CPU) for phase in PHASES]
    lines.append(at_most("peak above the imported process", [_above(c) for c in children], "MB", MORE_MEMORY, digits=0))
    return _section(rows, lines, children)


def once(rows: int) -> Section:
    """The same, once, for a number of rows that no target is set for."""
    child = plan_once(rows)
    lines = [Row(f"{phase}: plan + apply", spread([_cpu(child, phase)], "s CPU")) for phase in PHASES]
    lines.append(Row("peak above the imported process", spread([_above(child)], "MB", digits=0)))
    return _section(rows, lines, [child])


def _section(rows: int, lines: list[Row], children: list[Child]) -> Section:
    head = ("phase", "plan, s CPU", "apply, s CPU", "wall, s", "peak so far, MB")
    table = [_line(phase, children) for phase in PHASES]
    return Section(f"Plan and ledger, {rows:,} rows, no HTTP", lines, head, table)


def _above(child: Child) -> float:
    return float(child.answer["all: peak"] - child.answer["imported"])


def _cpu(child: Child, phase: str) -> float:
    return float(child.answer[f"{phase}: plan"] + child.answer[f"{phase}: apply"])


def _line(phase: str, children: list[Child]) -> tuple[str, ...]:
    def of(what: str, digits: int) -> str:
        return spread([c.answer[f"{phase}: {what}"] for c in children], digits=digits)

    return phase, of("plan", 2), of("apply", 2), of("wall", 2), of("peak", 0)
