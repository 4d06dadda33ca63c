"""Customers and their addresses, a pure function of the customer's number."""

from typing import Any

_FIRST = ("Ayşe", "Mehmet", "Işıl", "Çağrı", "Gülşen", "Ömer", "İrem", "Ümit", "Zeynep", "Doğan")
_LAST = ("Yılmaz", "Öztürk", "Şahin", "Çelik", "Kılıç", "Güneş", "İnce", "Aydın", "Ağaoğlu")
_PLACES = (
    ("İstanbul", "Kadıköy", 34710),
    ("İstanbul", "Üsküdar", 34660),
    ("Ankara", "Çankaya", 6690),
    ("İzmir", "Karşıyaka", 35600),
    ("Muğla", "Bodrum", 48400),
    ("Şanlıurfa", "Haliliye", 63300),
)


def _name(number: int) -> str:
    return f"{_FIRST[number % len(_FIRST)]} {_LAST[number // len(_FIRST) % len(_LAST)]}"


def _phone(number: int) -> str:
    return f"90555{number:07d}"


def customer(number: int) -> dict[str, Any]:
    return {"id": 20_001 + number, "name": _name(number), "phone": _phone(number), "mail_address": f"musteri{number}@example.com"}


def address(number: int) -> dict[str, Any]:
    """Return an address: `city` is the province, `district` the county in it."""
    city, district, code = _PLACES[number % len(_PLACES)]
    return {
        "id": 60_001 + number,
        "name": _name(number),
        "phone": _phone(number),
        "address": f"Çınar Sok. No: {1 + number % 90}/{1 + number % 7}",
        "district": district,
        "city": city,
        "country": "Türkiye",
        "zipCode": code,
    }
