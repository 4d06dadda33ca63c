"""The spreadsheets the sandbox starts with. Names, numbers and addresses are made up."""

import base64
import functools
import hashlib

from vendor_sandbox.google.cells import Dressed, Held, Row
from vendor_sandbox.google.sheet import ROWS, Book, Tab

ORDERS = "Customer Orders"
LINES = "Bakery Products Ordered "
"""A user typed the trailing space, and it is kept."""

_ORDER_COLUMNS = (
    "Status,Order Date,OrderID,WebOrderID,Special,TextNumber,Pickup Timestamp,Due Date,Customer Name,Due Pickup Date,"
    "Due Pickup Time,Customer First Name,Customer Last Name,Address,Email,City,Country,PhoneNumber,Taxes,TextOk,EmailOk,"
    "Total,Order Type,Updated,LineItems,Order Count,Order Notes,Location,Order Image,OrderLineItemHeader,"
    "TopofFormHeader,FormDescriptionHeader,DueDateRulesHeader,Printed,ChangeTimeStamp,Order Change Notes,Order Taker,"
    "Customer Ready Text Sent,Late Pickup Reminder Sent,PickupReminderSent"
)
_LINE_COLUMNS = (
    "OrderID,LineItem,Type,Size,Unit Price,CakeQty,Color,Writing Notes,Category,Product Description,Line Item Notes,"
    "Flavor,Addons,Item Tax (Calculated)"
)

ORDER_COLUMNS = _ORDER_COLUMNS.split(",")
LINE_COLUMNS = _LINE_COLUMNS.split(",")

_DATE = {"userEnteredFormat": {"numberFormat": {"type": "DATE", "pattern": "mm-dd-yyyy"}}}

_ORDERS: tuple[dict[str, Held], ...] = (
    {
        "Status": "Done",
        "Order Date": Dressed(46021.0, _DATE),
        "OrderID": "PHONE17",
        "Due Date": Dressed(46024.0, _DATE),
        "Customer Name": "Ada Example",
        "Customer First Name": "Ada",
        "Customer Last Name": "Example",
        "PhoneNumber": "+1 555 0100",
        "TextOk": True,
        "Total": 48.5,
        "Order Type": "Pickup Order",
        "Order Notes": "=not a formula: she wrote this herself",
        "Order Taker": "Jo",
    },
    {
        "Status": "New",
        "Order Date": Dressed(46022.0, _DATE),
        "OrderID": "WEB998",
        "WebOrderID": 998.0,
        "Due Date": Dressed(46026.0, _DATE),
        "Customer Name": "Bo Sample",
        "Customer First Name": "Bo",
        "Customer Last Name": "Sample",
        "Email": "bo@example.com",
        "Total": 120.0,
        "Order Type": "Local Delivery Order",
        "Order Taker": "Web",
    },
    {
        "Status": "New",
        "Order Date": "tomorrow?",
        "OrderID": "WEB999",
        "WebOrderID": "999",
        "Customer Name": "Çelik, Ø'Neil",
        "Email": "c@example.com",
        "Total": "free",
        "Order Type": "Web",
        "Order Change Notes": "called, wants it an hour later",
        "Order Taker": "Web",
    },
)
_BOX: dict[str, Held] = {"Printed": False}
_BOXES = (_BOX,) * (ROWS - 1 - len(_ORDERS))
"""Checkboxes down to the end of the grid: the vendor counts them as rows of the table."""
_LINES: tuple[dict[str, Held], ...] = (
    {"OrderID": "PHONE17", "LineItem": "A", "Type": "Cake", "Size": "8 inch", "Unit Price": 48.5, "CakeQty": 1.0},
    {"OrderID": "WEB998", "LineItem": "A", "Type": "Cake", "Size": "10 inch", "Unit Price": 95.0, "CakeQty": 1.0},
    {"OrderID": "WEB998", "LineItem": "B", "Type": "Cookies", "Unit Price": 25.0, "Writing Notes": "- no nuts"},
    {"OrderID": "WEB999", "LineItem": "A", "Type": "Cake", "Flavor": "Lemon", "Color": "007"},
)


def seeded_books() -> dict[str, Book]:
    """Return the spreadsheets by id, the same on every call."""
    books = [
        Book(book_id("Order Book"), "Order Book", tabs=[Tab(0, "Sheet1")]),
        Book(
            book_id("Bakery Order Book"),
            "Bakery Order Book",
            tabs=[
                Tab(0, ORDERS, column_count=40, rows=[row.copy() for row in _order_rows()], frozen_rows=1),
                Tab(1_204_511, LINES, rows=_table(LINE_COLUMNS, _LINES), frozen_rows=1),
            ],
        ),
        Book(book_id("Order Book of last year"), "Order Book", trashed=True, tabs=[Tab(0, "Sheet1", rows=[["last year's"]])]),
        Book(book_id("Payroll"), "Payroll", role=None, tabs=[Tab(0, "Sheet1", rows=[["not for you"]])]),
        Book(book_id("Twice 1"), "Twice", tabs=[Tab(0, "Sheet1", rows=[["the first"]])]),
        Book(book_id("Twice 2"), "Twice", tabs=[Tab(0, "Sheet1", rows=[["the second"]])]),
    ]
    return {book.id: book for book in books}


def book_id(name: str) -> str:
    """Return an id of 44 characters, like the vendor's, made from a name."""
    return "1" + base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).decode().rstrip("=")


@functools.cache
def _order_rows() -> list[Row]:
    return _table(ORDER_COLUMNS, (*_ORDERS, *_BOXES))


def _table(columns: list[str], rows: tuple[dict[str, Held], ...]) -> list[Row]:
    return [list(columns), *[[row.get(column) for column in columns] for row in rows]]
