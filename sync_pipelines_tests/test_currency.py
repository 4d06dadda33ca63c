"""An amount has as many decimals as ISO 4217 gives its currency."""

import subprocess
import sys

import pytest
from iso4217 import Currency

from sync_pipelines.currency import decimals

NONE = ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"]
THREE = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]


@pytest.mark.parametrize("currency", sorted({c.code for c in Currency} | {*NONE, *THREE, "BYR", "", "jpy", "no currency"}))
def test_every_currency_has_the_decimals_it_always_had(currency: str) -> None:
    assert decimals(currency) == (0 if currency in NONE else 3 if currency in THREE else 2)


def test_the_table_of_currencies_is_read_only_when_an_amount_is() -> None:
    code = "import sys, sync_pipelines.currency; print('iso4217' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
