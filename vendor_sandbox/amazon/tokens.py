"""Login with Amazon: access tokens for a refresh token.

Flow: https://developer-docs.amazon.com/sp-api-blog/docs/selling-partner-api-migration-for-private-developers.
"""

import secrets
from urllib.parse import parse_qsl

from vendor_sandbox.limits import Clock
from vendor_sandbox.wire import Refused, Request

CLIENT_ID = "amzn1.application-oa2-client.sandbox"
CLIENT_SECRET = "sandbox-amazon-client-secret"  # noqa: S105
REFRESH_TOKEN = "Atzr|sandbox-refresh-token"  # noqa: S105
TOKEN_PATH = "/auth/o2/token"  # noqa: S105


class Tokens:
    """The access tokens issued, and when each expires on the clock given."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends: dict[str, float] = {}

    def grant(self, request: Request, seconds: float, bad_client_status: int) -> dict[str, object]:
        """Return the body of the reply. Raises Refused with `error: description` for another client, grant or form."""
        if request.media_type != "application/x-www-form-urlencoded":
            raise Refused(400, "invalid_request: The request must be application/x-www-form-urlencoded")
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        if form.get("grant_type") != "refresh_token":
            raise Refused(400, "unsupported_grant_type: The authorization grant type is not supported")
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            raise Refused(bad_client_status, "invalid_client: Client authentication failed")
        if form.get("refresh_token") != REFRESH_TOKEN:
            raise Refused(400, "invalid_grant: The request has an invalid grant parameter : refresh_token")
        token = f"Atza|sandbox-{secrets.token_hex(16)}"
        # At least a second, so that the whole number in the reply is never longer than the token lives.
        lives = max(1.0, self._clock.on_the_wall(seconds))
        self._ends[token] = self._clock.now() + lives * self._clock.speed
        return {"access_token": token, "token_type": "bearer", "expires_in": int(lives)}

    def fault_of(self, token: str | None) -> str | None:
        """Return what is wrong with a token, None when it is valid."""
        if not token:
            return "Access token is missing in the request header."
        if token not in self._ends:
            return "The access token you provided is revoked, malformed or invalid."
        if self._clock.now() >= self._ends[token]:
            return "The access token you provided has expired."
        return None

    def forget(self, token: str | None) -> None:
        self._ends.pop(token or "", None)

    def live(self) -> int:
        return sum(self._clock.now() < ends for ends in self._ends.values())
