"""Setting a spreadsheet up: the tabs, their header rows and number formats. Only where there is nothing yet."""

from __future__ import annotations

from typing import Any

from sync_pipelines.pipelines.shopify_sheets.layout import Layout, TabLayout
from sync_pipelines.pipelines.shopify_sheets.sheet import LayoutProblem
from sync_pipelines.pipelines.shopify_sheets.target import formats
from sync_pipelines.vendors.google_sheets import Cells, Sheets, Tab

NEW_ROWS = 1_000


def prepare(client: Sheets, spreadsheet: str, layout: Layout, decimals: int) -> list[str]:
    """Make the tabs that are missing, and give blank ones their headers. Returns what was done, for people.

    A tab that has headers keeps them; what the layout needs and they lack is added at their end. A tab with content and no
    header row is refused. Running it again does nothing.
    """
    tabs = client.tabs(spreadsheet)
    missing = [tab for tab in layout.tabs if tab.tab not in tabs]
    done = [f"tab {tab.tab!r} made" for tab in missing]
    if missing:
        client.change(spreadsheet, [_new_tab(tab) for tab in missing])
        tabs = client.tabs(spreadsheet)
    for tab in layout.tabs:
        there = tabs[tab.tab]
        (first,) = client.values(spreadsheet, [Cells(tab.tab, 1, 1, 1, there.columns)])
        header = [str(text).strip() for text in first[0]] if first else []
        if not header and any(client.values(spreadsheet, [Cells(tab.tab, 1, 1, None, there.columns)])[0]):
            raise LayoutProblem(
                f"tab {tab.tab!r} has content and nothing in its first row. Give it a header row, or another name."
            )
        wanted = list(tab.headers) if not header else [c.header for c in tab.written if c.header.strip() not in header]
        if wanted:
            _add_headers(client, spreadsheet, tab, there, len(header), wanted)
            columns = {text: n for n, text in enumerate([*header, *wanted], 1)}
            client.change(spreadsheet, [_frozen(there), *formats(tab, there.sheet_id, _own(tab, columns), 2, decimals)])
            done.append(f"tab {tab.tab!r}: {len(wanted)} headers written")
    return done


def _own(tab: TabLayout, columns: dict[str, int]) -> dict[str, int]:
    return {header: columns[header] if header in columns else columns[header.strip()] for header in tab.by_header}


def _add_headers(client: Sheets, spreadsheet: str, tab: TabLayout, there: Tab, at: int, headers: list[str]) -> None:
    short = at + len(headers) - there.columns
    if short > 0:
        grow = {"sheetId": there.sheet_id, "dimension": "COLUMNS", "length": short}
        client.change(spreadsheet, [{"appendDimension": grow}])
    client.write(spreadsheet, [(Cells(tab.tab, 1, at + 1, 1, at + len(headers)), [headers])])


def _new_tab(tab: TabLayout) -> dict[str, Any]:
    grid = {"rowCount": NEW_ROWS, "columnCount": len(tab.columns), "frozenRowCount": 1}
    return {"addSheet": {"properties": {"title": tab.tab, "gridProperties": grid}}}


def _frozen(there: Tab) -> dict[str, Any]:
    properties = {"sheetId": there.sheet_id, "gridProperties": {"frozenRowCount": 1}}
    return {"updateSheetProperties": {"properties": properties, "fields": "gridProperties.frozenRowCount"}}
