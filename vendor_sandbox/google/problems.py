"""Errors in the shapes of the vendor: https://developers.google.com/workspace/drive/api/guides/handle-errors."""

from collections.abc import Mapping
from typing import Any

from vendor_sandbox.google.quota import Spent
from vendor_sandbox.wire import Reply

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_DRIVE_REASONS = {400: "invalid", 401: "authError", 403: "forbidden", 404: "notFound", 500: "internalError", 503: "backendError"}
_PROJECT = "projects/1"


def sheets_problem(status: int, message: str, headers: Mapping[str, str] | None, details: object = None) -> Reply:
    error: dict[str, Any] = {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN")}
    if details is not None:
        error["details"] = details
    return Reply.json(status, {"error": error}, **(headers or {}))


def drive_problem(status: int, message: str, headers: Mapping[str, str] | None) -> Reply:
    return _drive_reply(status, message, headers, "global", _DRIVE_REASONS.get(status, "unknown"))


def _drive_reply(status: int, message: str, headers: Mapping[str, str] | None, domain: str, reason: str) -> Reply:
    listed = [{"message": message, "domain": domain, "reason": reason}]
    return Reply.json(status, {"error": {"code": status, "message": message, "errors": listed}}, **(headers or {}))


def quota_problem(spent: Spent, headers: Mapping[str, str] | None) -> Reply:
    """Return the error of an exhausted counter: 429, or 403 for Drive, as recorded."""
    if spent.kind == "drive":
        return _drive_reply(403, "User Rate Limit Exceeded", headers, "usageLimits", "userRateLimitExceeded")
    name = "Read" if spent.kind == "read" else "Write"
    whose, limit = ("user", "PerUser") if spent.per_user else ("project", "PerProject")
    quota_limit = f"{name}RequestsPerMinute{limit}"
    message = (
        f"Quota exceeded for quota metric '{name} requests' and limit '{name} requests per minute per {whose}' of "
        "service 'sheets.googleapis.com' for consumer 'project_number:1'."
    )
    metadata = {
        "service": "sheets.googleapis.com",
        "consumer": _PROJECT,
        "quota_metric": f"sheets.googleapis.com/{name.lower()}_requests",
        "quota_limit": quota_limit,
    }
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "RATE_LIMIT_EXCEEDED",
        "domain": "googleapis.com",
        "metadata": metadata,
    }
    return sheets_problem(429, message, headers, [info])
