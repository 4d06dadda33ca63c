"""Who may write where: a right is given to an account that is set up, and means that account and no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sync_pipelines.credentials import CredentialMissing
from sync_pipelines.delivery import tables
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.pipelines import rights
from sync_pipelines.pipelines.sections import account_of
from sync_pipelines.pipelines.session import may_write
from sync_pipelines.settings import data_dir

P = "amazon_plytix"
KEY, SECOND_KEY = "K-ONE-OF-OURS", "K-OF-SOMEBODY-ELSE"


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setenv("PLYTIX_API_KEY", KEY)
    found = Ledger.at(data_dir() / "ledger.db")
    yield found
    found.close()


def rows(ledger: Ledger) -> list[str]:
    return ledger.column(sa.select(tables.enabled.c.account))


def test_a_right_to_write_to_plytix_is_the_logins_and_not_the_aliass(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not may_write(ledger, P, "plytix")
    rights.allow(ledger, P, "plytix", "me")
    assert may_write(ledger, P, "plytix")
    monkeypatch.setenv("PLYTIX_API_KEY", SECOND_KEY)
    assert not may_write(ledger, P, "plytix")
    assert not rights.is_allowed(ledger, P, "plytix")
    monkeypatch.setenv("PLYTIX_API_KEY", KEY)
    assert may_write(ledger, P, "plytix")
    assert KEY not in "".join(rows(ledger))


def test_an_account_that_an_earlier_version_enabled_stays_so_and_is_tied_to_the_login_that_uses_it_first(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.enable(P, account_of("plytix"), "me")
    assert rights.is_allowed(ledger, P, "plytix")
    assert rows(ledger) == [account_of("plytix")], "a question changes nothing"
    assert may_write(ledger, P, "plytix")
    assert rows(ledger) == [rights.holder("plytix")]
    monkeypatch.setenv("PLYTIX_API_KEY", SECOND_KEY)
    assert not may_write(ledger, P, "plytix")


def test_without_a_key_nothing_is_allowed_and_nothing_can_be(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.enable(P, account_of("plytix"), "me")
    monkeypatch.delenv("PLYTIX_API_KEY")
    assert not rights.is_allowed(ledger, P, "plytix")
    with pytest.raises(CredentialMissing, match="PLYTIX_API_KEY"):
        rights.allow(ledger, P, "plytix", "me")


def test_a_new_right_leaves_none_behind_that_any_login_could_use(ledger: Ledger) -> None:
    ledger.enable(P, account_of("plytix"), "me")
    rights.allow(ledger, P, "plytix", "me")
    assert rows(ledger) == [rights.holder("plytix")]


def test_where_the_settings_name_the_account_itself_any_login_of_it_may_write(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKLAYER_SITE_ID", "site-1")
    rights.allow(ledger, "catsy_sparklayer", "sparklayer", "me")
    monkeypatch.setenv("SPARKLAYER_CLIENT_ID", "another")
    assert may_write(ledger, "catsy_sparklayer", "sparklayer")
    monkeypatch.setenv("SPARKLAYER_SITE_ID", "site-2")
    assert not may_write(ledger, "catsy_sparklayer", "sparklayer")
