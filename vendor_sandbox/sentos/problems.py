"""Errors in the vendor's shape: `{"message": ..., "errors": {field: [texts]}}`."""

from collections.abc import Mapping, Sequence
from typing import Any

from vendor_sandbox.vendor import phrase
from vendor_sandbox.wire import Reply

Errors = Mapping[str, Sequence[str]]

INVALID = "The given data was invalid."


class Problem(Exception):
    """A refused call, with what is wrong with each field."""

    def __init__(self, status: int, message: str, errors: Errors | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors or {}


def not_found() -> Problem:
    return Problem(404, "Not found")


def invalid(field: str, message: str) -> Problem:
    """Return a 422 about one field."""
    return Problem(422, INVALID, {field: [message]})


def error_reply(
    status: int, message: str, errors: Errors | None = None, headers: Mapping[str, str] | None = None, form: str = "laravel"
) -> Reply:
    """Return an error; `form` is the setting `errors_as`."""
    if form == "html":
        return html_page(status, headers)
    body: dict[str, Any] = {"message": message}
    if errors and form == "laravel":
        body["errors"] = {field: list(texts) for field, texts in errors.items()}
    return Reply.json(status, body, **(headers or {}))


def html_page(status: int, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an error page as a web server in front of Sentos sends it."""
    title = f"{status} {phrase(status)}"
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><center><h1>{title}</h1></center></body>\r\n</html>\r\n"
    return Reply(status, page.encode(), {"Content-Type": "text/html", **(headers or {})})
