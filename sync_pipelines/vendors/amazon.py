"""Amazon's catalogue of items, through the Selling Partner API: titles, identifiers, and which item is a variation of which.

Source of the rules: Catalog Items 2022-04-01 (github.com/amzn/selling-partner-api-models) and Login with Amazon
(developer-docs.amazon.com/sp-api). docs/pipelines/amazon_plytix.md says which of them are assumed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from sync_pipelines import exact_json
from sync_pipelines.credentials import secret
from sync_pipelines.vendors.amazon_settings import AmazonSettings
from sync_pipelines.vendors.failures import Reply, shaped
from sync_pipelines.vendors.http import CallMeter, Http
from sync_pipelines.vendors.tokens import Login, granted

READS = (("GET", r"/catalog/2022-04-01/items(/[^/]+)?"),)
AT_ONCE = 20
"""Identifiers in one search."""
INCLUDED = "summaries,identifiers,relationships"
SECRETS = ("AMAZON_CLIENT_ID", "AMAZON_CLIENT_SECRET", "AMAZON_REFRESH_TOKEN")


@dataclass(frozen=True)
class CatalogItem:
    """What one marketplace knows of an item. None: it does not say. `parents`: its variation parents, as they are listed.
    problem: which value of the entry cannot be used, and why."""

    asin: str
    title: str | None = None
    brand: str | None = None
    model_number: str | None = None
    part_number: str | None = None
    size: str | None = None
    color: str | None = None
    classification: str | None = None
    upc: str | None = None
    ean: str | None = None
    gtin: str | None = None
    parents: tuple[str, ...] = ()
    theme: str | None = None
    further: tuple[str, ...] = ()
    """Identifiers beside the first of each kind."""
    problem: str | None = None


class Amazon:
    """Client of one seller's login, for one marketplace."""

    def __init__(self, http: Http, auth: Http, settings: AmazonSettings, form: Mapping[str, str]) -> None:
        self.http, self.auth, self.settings = http, auth, settings
        self._form = {"grant_type": "refresh_token", **form}
        self._login = Login(self._fetch_token, refused=(401, 403))

    @classmethod
    def connect(cls, settings: AmazonSettings, meter: CallMeter, limits: Path | None = None) -> Amazon:
        """`limits`: the folder whose file keeps the rate for all processes of the login. Raises CredentialMissing."""
        parts = urlsplit(settings.lwa_url)
        http = Http(
            "amazon",
            settings.base_url,
            meter=meter,
            reads=READS,
            timeout=settings.timeout,
            deadline=settings.deadline,
            rates=((settings.burst, settings.burst / settings.calls_per_second),),
            limits_file=None if limits is None else limits / "amazon.db",
        )
        auth = Http(
            "amazon",
            f"{parts.scheme}://{parts.netloc}",
            meter=meter,
            reads=(("POST", parts.path),),
            timeout=settings.timeout,
            deadline=settings.deadline,
        )
        names = ("client_id", "client_secret", "refresh_token")
        return cls(http, auth, settings, {name: secret(variable) for name, variable in zip(names, SECRETS, strict=True)})

    def close(self) -> None:
        self.http.close()
        self.auth.close()

    def login(self) -> None:
        """Get a token now. Raises Permanent when the credentials are refused."""
        self._login.renew()

    def items(self, asins: Sequence[str], marketplace: str) -> Iterator[CatalogItem]:
        """What the marketplace (its short name) knows of these items: 20 a call. Items that it does not know are left out."""
        left = iter(dict.fromkeys(asins))
        while part := list(islice(left, AT_ONCE)):
            wanted, token = set(part), ""
            while wanted:
                found, token = self._page(part, marketplace, token)
                new = [item for item in found if item.asin in wanted]
                for item in new:
                    wanted.discard(item.asin)
                    yield item
                if not token or not new:  # what more pages could bring was not asked for
                    break

    def _page(self, asins: Sequence[str], marketplace: str, token: str) -> tuple[list[CatalogItem], str]:
        """One page of a search. The page size is left to the vendor: asked for 20, it may forget to give the next page."""
        there = self.settings.marketplaces[marketplace]
        query = {
            "marketplaceIds": there,
            "identifiers": ",".join(asins),
            "identifiersType": "ASIN",
            "includedData": INCLUDED,
            **({"pageToken": token} if token else {}),
        }
        page: tuple[list[CatalogItem], str] = self._login.call(
            lambda login: self.http.request(
                "GET",
                "/catalog/2022-04-01/items",
                what=f"{len(asins)} items from {asins[0]} on",
                params=query,
                headers={"x-amz-access-token": login},
                read=_shaped(lambda reply: _items(reply, there)),
            )
        )
        return page

    def _fetch_token(self) -> tuple[str, float]:
        found: tuple[str, float] = self.auth.request(
            "POST",
            urlsplit(self.settings.lwa_url).path,
            what="login",
            body=urlencode(self._form).encode(),
            read=granted("amazon"),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        return found


def has_login() -> bool:
    """Whether a login is set at all. Without one, listings stay as their files have them."""
    return all(os.environ.get(name, "").strip() for name in SECRETS)


_shaped = shaped("amazon")


def _items(reply: Reply, marketplace_id: str) -> tuple[list[CatalogItem], str]:
    """The items of a page, and the token of the next one."""
    document = reply.json()
    if not isinstance(document["items"], list):
        raise TypeError("items is no list")
    following = (document.get("pagination") or {}).get("nextToken")
    return [_item(entry, marketplace_id) for entry in document["items"]], following or ""


def _item(entry: Mapping[str, Any], marketplace_id: str) -> CatalogItem:
    """An entry of a reply. Each of its sections is a list by marketplace, and may be empty."""

    def section(name: str) -> Mapping[str, Any]:
        return next((s for s in entry.get(name) or () if s.get("marketplaceId") == marketplace_id), {})

    if not isinstance(entry["asin"], str):
        raise TypeError("an item without an ASIN")
    summary = section("summaries")
    identifiers = section("identifiers").get("identifiers") or ()
    codes = {c.get("identifierType"): c.get("identifier") for c in reversed(identifiers)}
    further = [
        str(c["identifier"])
        for c in identifiers
        if c.get("identifierType") in ("UPC", "EAN", "GTIN") and c.get("identifier") != codes[c["identifierType"]]
    ]
    none: Mapping[str, Any] = {}
    variation = next((r for r in section("relationships").get("relationships") or () if r.get("type") == "VARIATION"), none)
    return CatalogItem(
        entry["asin"],
        summary.get("itemName"),
        summary.get("brand"),
        summary.get("modelNumber"),
        summary.get("partNumber"),
        summary.get("size"),
        summary.get("color"),
        summary.get("itemClassification"),
        codes.get("UPC"),
        codes.get("EAN"),
        codes.get("GTIN"),
        tuple(variation.get("parentAsins") or ()),
        (variation.get("variationTheme") or {}).get("theme"),
        tuple(further),
        exact_json.flaw(entry),
    )
