"""Customers and addresses, a pure function of the customer's number."""

from typing import Any

from vendor_sandbox.shopify import ids
from vendor_sandbox.shopify.instants import shown

_FIRST = ("Ada", "Bruno", "Chiara", "Dmitri", "Édith", "Farah", "Grace", "Hồng", "Iker", "Jürgen")
_LAST = ("Abbott", "Brown", "O'Neill", "Diaz", "Evans", "Fischer", "García", "Hall", "Ivanov", "Jones", "Müller")
_CITIES = (
    ("Springfield", "Illinois", "IL", "62701"),
    ("Boston", "Massachusetts", "MA", "02108"),
    ("Newark", "New Jersey", "NJ", "07102"),
    ("Portland", "Oregon", "OR", "97201"),
    ("Austin", "Texas", "TX", "78701"),
)
_COMPANIES = (None, None, None, "Acme, Inc.", 'Tom "T" & Sons')
_SINCE = 1_700_000_000


def _name(number: int) -> tuple[str, str]:
    return _FIRST[number % len(_FIRST)], _LAST[number // len(_FIRST) % len(_LAST)]


def customer(number: int) -> dict[str, Any]:
    first, last = _name(number)
    email = f"buyer{number}@example.com"
    phone = f"+1555{number:07d}" if number % 3 == 0 else None
    return {
        "id": ids.gid("Customer", 4_000_000_000 + number),
        "legacyResourceId": str(4_000_000_000 + number),
        "displayName": f"{first} {last}",
        "firstName": first,
        "lastName": last,
        "email": email,
        "phone": phone,
        "defaultEmailAddress": {"emailAddress": email},
        "defaultPhoneNumber": {"phoneNumber": phone} if phone else None,
        "note": None,
        "locale": "en",
        "tags": [],
        "createdAt": shown(_SINCE + number),
        "updatedAt": shown(_SINCE + 2 * number),
    }


def mailing_address(number: int, address_number: int) -> dict[str, Any]:
    first, last = _name(number)
    city, province, code, zip_code = _CITIES[number % len(_CITIES)]
    return {
        "id": ids.gid("MailingAddress", address_number) + "?model_name=Address",
        "name": f"{first} {last}",
        "firstName": first,
        "lastName": last,
        "company": _COMPANIES[number % len(_COMPANIES)],
        "address1": f"{1 + number % 990} Main Street",
        "address2": "Apt 4" if number % 4 == 0 else None,
        "city": city,
        "province": province,
        "provinceCode": code,
        "zip": zip_code,
        "country": "United States",
        "countryCodeV2": "US",
        "phone": f"+1555{number:07d}" if number % 2 else None,
    }
