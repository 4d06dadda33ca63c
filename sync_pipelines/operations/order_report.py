"""The last days of the order spreadsheet as one page: text, numbers and charts, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT, GAP = 720, 150, 4

STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --soft: #66788a; --bar: #3b7dd8; --bad: #c0392b; --line: #d8e0e8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9aa8b5; --bar: #6aa5f2; --bad: #ff7b6b; --line: #38434f; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 760px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; } p { color: var(--soft); margin: .2rem 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; } rect { fill: var(--bar); } rect.bad { fill: var(--bad); }
text { font: 11px system-ui, sans-serif; fill: var(--soft); }
"""


def page(found: Mapping[str, Any], shop: str) -> str:
    """A self-contained HTML page. `found`: what `days_in_numbers` gives."""
    days: Sequence[Mapping[str, Any]] = found["days"]
    currency = escape(found["currency"])
    title = f"Orders in the spreadsheet, {days[0]['day']} to {days[-1]['day']}"
    totals = {
        name: sum(day[name] for day in days) for name in ("orders", "money", "cancelled", "written", "runs", "failed", "bad")
    }
    summary = (
        f"{totals['orders']} orders of {totals['money']:,.2f} {currency}, {totals['cancelled']} of them cancelled. "
        f"{totals['written']} rows brought up to date in {totals['runs']} runs; {totals['bad']} rows ended badly, and "
        f"{totals['failed']} runs failed or were stopped."
    )
    names = ("day", "orders", "money", "cancelled", "written", "runs", "failed", "bad")
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{_shown(day[name])}</td>" for name in names) + "</tr>" for day in days)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1><p>{escape(shop)}</p><p>{summary}</p>"
        f"<h2>Orders per day</h2>{chart(days, 'orders')}<h2>Money per day, {currency}</h2>{chart(days, 'money')}"
        f"<h2>Rows brought up to date per day</h2>{chart(days, 'written', 'bad')}"
        f"<h2>In numbers</h2><table><tr>{head}</tr>{body}</table></body></html>"
    )


def chart(days: Sequence[Mapping[str, Any]], name: str, on_top: str = "") -> str:
    """Bars, one per day; `on_top`: what is stacked on them in another colour."""
    most = max((day[name] + (day[on_top] if on_top else 0) for day in days), default=0) or 1
    wide = WIDTH / len(days)
    bars = []
    for n, day in enumerate(days):
        left, base = n * wide + GAP / 2, float(HEIGHT)
        for what, kind in ((name, ""), (on_top, ' class="bad"')):
            if what and day[what]:
                tall = float(day[what]) / float(most) * (HEIGHT - 20)
                base -= tall
                told = f"<title>{day['day']}: {_shown(day[what])} {what}</title>"
                place = f'x="{left:.1f}" y="{base:.1f}" width="{max(wide - GAP, 1):.1f}" height="{tall:.1f}"'
                bars.append(f"<rect{kind} {place}>{told}</rect>")
    marks = "".join(
        f'<text x="{n * wide + wide / 2:.1f}" y="{HEIGHT + 14}" text-anchor="middle">{day["day"]:%d %b}</text>'
        for n, day in enumerate(days)
        if n % max(1, len(days) // 8) == 0
    )
    most_told = f'<text x="0" y="12">{_shown(most)}</text>'
    size = f"0 0 {WIDTH} {HEIGHT + 20}"
    drawn = "".join(bars) + marks + most_told
    return f'<svg viewBox="{size}" role="img" aria-label="{name} per day">{drawn}</svg>'


def _shown(value: Any) -> str:
    if isinstance(value, int) or not hasattr(value, "quantize"):
        return escape(str(value))
    return f"{value:,.2f}"
