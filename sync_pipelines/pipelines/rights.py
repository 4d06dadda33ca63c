"""Which account a person has allowed a pipeline to write to.

A right is for an account as its vendor knows it. Where the settings know it only under a name of their own, as an alias of
Plytix, the login says which account that is: with another key, the same alias may mean another one.
"""

from __future__ import annotations

from sync_pipelines.credentials import CredentialMissing
from sync_pipelines.delivery.ledger import Ledger
from sync_pipelines.pipelines.sections import ACCOUNTS, account_of


def holder(system: str) -> str:
    """Return what a right to write to this system is given to: its account, with a mark of the login where only that tells it.

    system: as `account_of` knows it. Raises CredentialMissing where the login is not set.
    """
    return ACCOUNTS[system].read().holder


def allow(ledger: Ledger, pipeline: str, system: str, who: str) -> None:
    """Let a pipeline write to the account, with the login, that are set now. Raises CredentialMissing."""
    ledger.enable(pipeline, holder(system), who)
    if holder(system) != account_of(system):
        ledger.disable(pipeline, account_of(system))


def is_allowed(ledger: Ledger, pipeline: str, system: str) -> bool:
    """Return whether a pipeline may write to the account, with the login, that are set now."""
    try:
        held_by = {holder(system), account_of(system)}  # rights of earlier versions are for the account alone
    except CredentialMissing:
        return False
    return any(ledger.is_enabled(pipeline, each) for each in held_by)


def tie_to_login(ledger: Ledger, pipeline: str, system: str) -> None:
    """Tie a right that an earlier version gave to the account alone to the login in use, the first time it is used."""
    if holder(system) != account_of(system) and ledger.is_enabled(pipeline, account_of(system)):
        allow(ledger, pipeline, system, "for its account, by an earlier version")
