"""The login to Google and what may be refused to it, without the libraries that send: these take a while to load."""

from __future__ import annotations

import json
from typing import Any

from sync_pipelines.credentials import CredentialMissing, remember
from sync_pipelines.vendors.failures import Permanent
from sync_pipelines.vendors.google_settings import GoogleSettings

SHEETS_HOST, DRIVE_HOST = "sheets.googleapis.com", "www.googleapis.com"
SCOPES = ("https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/drive.metadata.readonly")


class CellsProtected(Permanent):
    """The login may not write to some of the cells: somebody protected them. Nothing was written."""


def service_account(settings: GoogleSettings) -> Any:
    """Read the key file of the service account. Raises CredentialMissing for a key file that is not there or not one."""
    path = settings.service_account_file
    if path is None:
        raise CredentialMissing("GOOGLE_SERVICE_ACCOUNT_FILE is not set: the path of the service account's JSON key file.")
    from google.oauth2.service_account import Credentials

    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        remember(str(info["private_key_id"]))
        return Credentials.from_service_account_info(info, scopes=SCOPES)  # type: ignore[no-untyped-call]
    except OSError as e:
        raise CredentialMissing(f"GOOGLE_SERVICE_ACCOUNT_FILE: {path} cannot be read: {e.strerror}") from e
    except (ValueError, KeyError, TypeError) as e:
        raise CredentialMissing(
            f"GOOGLE_SERVICE_ACCOUNT_FILE: {path} is no key file of a service account ({type(e).__name__}). Make a JSON key "
            "for it in the Google Cloud console."
        ) from None
