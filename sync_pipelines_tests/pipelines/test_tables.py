"""What the UI is shown as Markdown says what a vendor's value says, and does nothing."""

import re

import dagster as dg
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from sync_pipelines.delivery.model import Counts, GuardFinding
from sync_pipelines.delivery.plans import Plan
from sync_pipelines.pipelines import plan_and_apply
from sync_pipelines.pipelines.building import results
from sync_pipelines.pipelines.shopify_store import checks
from sync_pipelines.pipelines.tables import escaped, markdown

VALUES = [
    "![](https://evil.example/pixel.png)",
    "[free](javascript:alert(1))",
    "<img src=x onerror=alert(1)>",
    "<https://evil.example>",
    "https://evil.example/x",
    "www.evil.example",
    "jo@evil.example",
    "![a][b]",
    "*bold* _it_ ~~no~~ `code`",
    "a|b",
    "\\[x](y)",
    "&lt;b&gt;",
    "two\r\n\r\nlines",
    "snake_case_name",
    "HTTPS://EVIL.example",
    "BOLT-M8-50",
]
LINKED = re.compile(r"(https?://|www(?=\.))([-.\w]+)|([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)", re.IGNORECASE)
"""What the UI makes links of in the text of a finished page (mdast-util-gfm-autolink-literal)."""


def shown(text: str) -> tuple[set[str], str]:
    """The kinds of what is inside of the lines of a Markdown text, and their words."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    pieces: list[Token] = [piece for token in parser.parse(text) for piece in token.children or []]
    return {piece.type for piece in pieces}, "\n".join(piece.content for piece in pieces)


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_shown_as_the_text_it_is_and_nothing_comes_of_it(value: str) -> None:
    for text in (markdown([{"sku": value}]), markdown([{value: "sku"}]), f"- {escaped(value)}"):
        kinds, words = shown(text)
        assert kinds <= {"text", "text_special"}
        assert " ".join(value.split()) in words.replace("\u2060", "").replace("\n", "").replace("  ", " ")
        assert not LINKED.search(words)


def test_the_values_in_a_checks_reason_are_text_there_too() -> None:
    guard = GuardFinding("currency", "stopped", "price list ![](https://evil.example/x.png) is in [USD](https://evil.example)")
    plan = Plan("p", "catsy_sparklayer", "a", "stopped", (guard,), Counts(), None)  # type: ignore[arg-type]
    checked = [plan_and_apply.guards_held(plan), checks.nothing_odd({"status '![](https://evil.example/x.png)' is new": 2})]
    for result in results("sparklayer/price_plan", checked):
        value = result.metadata["what"]
        assert isinstance(value, dg.MarkdownMetadataValue)
        kinds, words = shown(str(value.value))
        assert not kinds & {"image", "link_open", "html_inline"}
        assert "![](https:" in words
        assert not LINKED.search(words)
