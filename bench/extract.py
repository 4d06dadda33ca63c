"""Reading the catalogue into files: beside the plain loop and dlt; and how much memory it takes for how many items."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from measure import ROOT, Child, Row, Sandbox, Section, at_most, folder, python, run, sandbox, say, spread

HERE = ROOT / "bench"
WAYS = {
    "ours": "ours: snapshot with proof of wholeness, fsync, ledger entry",
    "plain_loop": "plain loop: requests, JSON lines, DuckDB → Parquet",
    "dlt_duckdb": "dlt → DuckDB",
    "dlt_parquet": "dlt → filesystem, Parquet",
}
FLAT = 30.0
"""MB by which the peak may differ between the smallest and the largest catalogue and still count as flat."""


def extract_once(way: str, box: Sandbox, where: Path) -> Child:
    """Read the whole catalogue one way, into an empty folder."""
    env = {**box.env, "SYNC_PIPELINES_HOME": str(where), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    match way:
        case "ours":
            argv: list[str | Path] = [python("ours"), HERE / "ours" / "read_catalogue.py"]
        case "plain_loop":
            argv = [python("plain_loop"), HERE / "others" / "plain_loop.py", where]
        case _:
            argv = [python("dlt"), HERE / "others" / "dlt_extract.py", where, way.removeprefix("dlt_")]
    return run(argv, env, cwd=where)


def beside_others(runs: int, products: int) -> Section:
    """Wall time of the whole process, CPU, peak and correctness of each way, interleaved."""
    found: dict[str, list[Child]] = {way: [] for way in WAYS}
    checked: dict[str, dict[str, int]] = {}
    with sandbox(products) as box:
        for turn in range(-1, runs):  # the first turn fills caches and is not counted
            for way in WAYS:
                with folder(way) as where:
                    child = extract_once(way, box, where)
                    say(f"extract {turn + 1}/{runs} {way}: {child.wall:.2f} s, {child.cpu:.2f} s CPU")
                    if turn >= 0:
                        found[way].append(child)
                    if turn == runs - 1:
                        path = child.answer["path"] if way == "ours" else where
                        checked[way] = run([python("ours"), HERE / "ours" / "truth.py", "extract", way, path], box.env).answer
    wall = {way: median(c.wall for c in children) for way, children in found.items()}
    to_loop, faster = wall["ours"] / wall["plain_loop"], wall["dlt_duckdb"] / wall["ours"]
    bad = sum(checked["ours"][what] for what in ("missing", "duplicate", "wrong"))
    return Section(
        f"Extract of {products:,} products to durable Parquet",
        [
            Row("our wall time, of the plain loop's", f"{to_loop:.2f} ×", "≤ 1.5 ×", to_loop <= 1.5),
            Row("faster than dlt to DuckDB", f"{faster:.1f} ×", "≥ 3 ×", faster >= 3),
            Row("faster than dlt to Parquet files", f"{wall['dlt_parquet'] / wall['ours']:.1f} ×"),
            Row("our missing, duplicate and wrong rows", str(bad), "0", bad == 0),
        ],
        ("way", "wall, s", "inside, s", "CPU, s", "peak, MB", "rows", "missing", "duplicate", "wrong"),
        [
            (
                WAYS[way],
                spread([c.wall for c in children], digits=2),
                spread([c.answer["inside"] for c in children], digits=2),
                spread([c.cpu for c in children], digits=2),
                spread([c.peak for c in children], digits=0),
                *(f"{checked[way][what]:,}" for what in ("rows", "missing", "duplicate", "wrong")),
            )
            for way, children in found.items()
        ],
        "Wall: the whole process, from its start. Inside: without interpreter start and imports.",
    )


def memory(runs: int, sizes: list[int]) -> Section:
    """Peak of the extract above the same run over an empty source. The largest catalogue is read once."""
    peaks: dict[int, list[Child]] = {}
    for products in (0, *sizes):
        with sandbox(products) as box:
            for _ in range(1 if products == max(sizes) and len(sizes) > 1 else runs):
                with folder("memory") as where:
                    child = extract_once("ours", box, where)
                if child.answer["rows"] != products:
                    raise RuntimeError(f"{child.answer['rows']} of {products} items arrived")
                say(f"memory of {products:,} items: {child.peak:.0f} MB, {child.wall:.1f} s")
                peaks.setdefault(products, []).append(child)
    empty = median(c.peak for c in peaks[0])
    above = {n: [c.peak - empty for c in peaks[n]] for n in sizes}
    grown = median(above[max(sizes)]) - median(above[min(sizes)])
    return Section(
        "Memory of the extract",
        [
            *(at_most(f"{n:,} products, above an empty source", above[n], "MB", 150, digits=0) for n in sizes),
            Row(f"growth from {min(sizes):,} products on", f"{grown:.0f} MB", f"flat: ≤ {FLAT:.0f} MB", grown <= FLAT),
        ],
        ("products", "wall, s", "CPU, s", "peak, MB"),
        [
            (
                f"{n:,}",
                spread([c.wall for c in children], digits=2),
                spread([c.cpu for c in children], digits=2),
                spread([c.peak for c in children], digits=0),
            )
            for n, children in peaks.items()
        ],
    )
