"""The people and addresses of an order, as Sentos takes them. Nothing is made up: what is missing holds the order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sync_pipelines.pipelines.shopify_sentos.order_amounts import OrderHeld
from sync_pipelines.pipelines.shopify_sentos.settings import ShopifySentosSettings
from sync_pipelines.pipelines.shopify_store.orders import Order, anonymous

WITHHELD = "the shop withholds customer data from this app"
NO_PHONE = "no phone number of 11 to 13 digits"

Address = Mapping[str, Any]

_NATIONAL = 10
"""Digits of a phone number without its country code."""
_PHONE = re.compile(r"\+?[0-9 ().\-/\u00a0]+")
_COUNTRIES = {"TR": "Türkiye"}
"""Countries that Sentos calls otherwise than Shopify, by ISO code."""


def people(order: Order, settings: ShopifySentosSettings) -> dict[str, dict[str, Any]]:
    """`customer`, `invoice_address` and `shipment_address`. Raises OrderHeld."""
    if anonymous(order) and any(order.get(name) for name in ("customer", "shippingAddress", "billingAddress")):
        raise OrderHeld(WITHHELD)
    to, which = _shipping(order)
    phone = phone_of(order, settings.phone_country)
    if phone is None:
        raise OrderHeld(NO_PHONE)
    shipment = _address(to, which, phone)
    bill = order.get("billingAddress")
    invoice = _address(bill, "billing", phone) if bill else dict(shipment)
    customer = {"name": _name(order.get("customer") or {}) or invoice["name"], "phone": phone}
    mail = order.get("email") or ((order.get("customer") or {}).get("defaultEmailAddress") or {}).get("emailAddress")
    if _text(mail):
        customer["mail_address"] = _text(mail)
    invoice |= _invoice_details(order, bill or to, settings)
    return {"customer": customer, "invoice_address": invoice, "shipment_address": shipment}


def needs_shipping(order: Order) -> bool:
    """Whether anything of an order has to be sent somewhere."""
    said = order.get("requiresShipping")
    return any(line.get("requiresShipping") for line in order["lineItems"]) if said is None else bool(said)


def phone_of(order: Order, country: str) -> str | None:
    """The first phone number of an order that Sentos takes, as digits; None without one."""
    return next((found for text in _phones(order) if (found := phone_digits(text, country))), None)


def phone_digits(text: str, country: str) -> str | None:
    """A phone number as 11 to 13 digits with its country code (`0532 111 22 33` → `905321112233`); None if it is not one."""
    if not _PHONE.fullmatch(text.strip()):
        return None
    digits = re.sub(r"[^0-9]", "", text)
    if digits.startswith("00"):
        digits = digits[2:]
    elif len(digits) == _NATIONAL + digits.startswith("0") and "+" not in text:
        digits = country + digits[-_NATIONAL:]
    if digits.startswith(f"{country}0") and len(digits) == len(country) + 1 + _NATIONAL:  # +90 (0532) …
        digits = country + digits[-_NATIONAL:]
    return digits if 11 <= len(digits) <= 13 and digits[0] != "0" else None


def _phones(order: Order) -> Iterator[str]:
    customer = order.get("customer") or {}
    shipping, billing = (order.get(name) or {} for name in ("shippingAddress", "billingAddress"))
    for holder in (shipping, billing, order):
        yield str(holder.get("phone") or "")
    yield str((customer.get("defaultPhoneNumber") or {}).get("phoneNumber") or "")


def _shipping(order: Order) -> tuple[Address, str]:
    """Where an order goes, and what that address is called. What needs no shipping goes to the billing address."""
    if to := order.get("shippingAddress"):
        return to, "shipping"
    if needs_shipping(order):
        raise OrderHeld("no shipping address")
    if to := order.get("billingAddress"):
        return to, "billing"
    raise OrderHeld("no address")


def _address(address: Address, which: str, phone: str) -> dict[str, Any]:
    """Sentos' `city` is the province and its `district` what Shopify calls a city."""
    country = _COUNTRIES.get(address.get("countryCodeV2") or "", _text(address.get("country")))
    street = ", ".join(filter(None, (_text(address.get(name)) for name in ("company", "address1", "address2"))))
    made = {
        "name": ("name", _text(address.get("name")) or _name(address)),
        "address": ("street", street if _text(address.get("address1")) else ""),
        "city": ("province", _text(address.get("province"))),
        "district": ("city", _text(address.get("city"))),
        "country": ("country", country),
    }
    for word, value in made.values():
        if not value:
            raise OrderHeld(f"no {word} in the {which} address")
    found: dict[str, Any] = {name: value for name, (_, value) in made.items()} | {"phone": phone}
    if postcode := _text(address.get("zip")):
        found["zipCode"] = int(postcode) if re.fullmatch("[0-9]+", postcode) else postcode
    return found


def _invoice_details(order: Order, address: Address, settings: ShopifySentosSettings) -> dict[str, str]:
    """What an invoice needs besides an address. With a tax number it is made out to the company."""
    attributes = {a.get("key"): _text(a.get("value")) for a in order.get("customAttributes") or ()}

    def noted(key: str) -> str:
        return attributes.get(key, "") if key else ""

    tax_number, identity = noted(settings.tax_number_attribute), noted(settings.identity_attribute)
    company = noted(settings.company_attribute) or (_text(address.get("company")) if tax_number else "")
    found = {"name": company, "taxNumber": tax_number, "taxOffice": noted(settings.tax_office_attribute)}
    if re.fullmatch("[0-9]{11}", identity):
        found["turkishIdentityNumber"] = identity
    return {name: value for name, value in found.items() if value}


def _name(person: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (_text(person.get("firstName")), _text(person.get("lastName")))))


def _text(value: Any) -> str:
    return str(value or "").strip()
