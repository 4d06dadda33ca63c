"""Connecting a store to an application: the address where a person allows it, and what they bring back from there."""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

from sync_pipelines.credentials import secret
from sync_pipelines.settings import data_dir
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.lightspeed_settings import LightspeedSettings
from sync_pipelines.vendors.lightspeed_token import AUTHORIZE, SCOPES, RenewedToken


def address(redirect_uri: str) -> str:
    """Return where a person allows the application. Raises CredentialMissing."""
    asked = {
        "response_type": "code",
        "client_id": secret("LIGHTSPEED_CLIENT_ID"),
        "redirect_uri": redirect_uri,
        "state": secrets.token_urlsafe(16),
        "scope": SCOPES,
    }
    return f"{AUTHORIZE}?{urlencode(asked)}"


def connect(code: str, redirect_uri: str) -> None:
    """Take in the code that they came back with. Raises Permanent where the store refuses it."""
    RenewedToken(LightspeedSettings.read(), CallMeter(), data_dir() / "tokens").begin(code.strip(), redirect_uri)
