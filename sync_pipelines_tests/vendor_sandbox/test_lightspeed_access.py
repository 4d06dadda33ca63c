"""Tokens, scopes, versions and limits of Lightspeed's stand-in, over real sockets."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.conftest import PATIENCE
from sync_pipelines_tests.vendor_sandbox.lightspeed_caller import LightspeedCaller, fresh
from vendor_sandbox import Sandbox
from vendor_sandbox.lightspeed import CLIENT_ID, CLIENT_SECRET, TOKEN

APPLICATION = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def lightspeed(running: Sandbox) -> LightspeedCaller:
    return fresh(running)


def ask(sandbox: Sandbox, **form: str) -> requests.Response:
    return requests.post(f"{sandbox.url}/lightspeed/api/1.0/token", data={**APPLICATION, **form}, timeout=PATIENCE)


def let_in(lightspeed: LightspeedCaller, *scopes: str) -> dict[str, Any]:
    """Tokens of an application that somebody has just let in."""
    code = lightspeed.change(authorize={"scopes": scopes} if scopes else {})["code"]
    reply = ask(lightspeed.sandbox, grant_type="authorization_code", code=code, redirect_uri="http://127.0.0.1/")
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def status_with(lightspeed: LightspeedCaller, token: str | None, path: str = "tags") -> int:
    return LightspeedCaller(lightspeed.sandbox, token).call("GET", path).status_code


class TestTokens:
    def test_the_environment_has_all_that_a_client_needs(self, running: Sandbox, lightspeed: LightspeedCaller) -> None:
        env = running.env
        url, headers = f"{env['LIGHTSPEED_URL']}/api/2026-07/tags", {"Authorization": f"Bearer {env['LIGHTSPEED_TOKEN']}"}
        assert requests.get(url, headers=headers, timeout=PATIENCE).status_code == 200

    def test_calls_without_a_known_token_get_401(self, lightspeed: LightspeedCaller) -> None:
        assert {status_with(lightspeed, token) for token in (None, "wrong")} == {401}
        stranger = LightspeedCaller(lightspeed.sandbox, None)
        assert stranger.call("GET", "tags", params={"access_token": TOKEN}).status_code == 401
        assert stranger.call("GET", "nothing").json()["error"] == "Unauthorized"

    def test_a_personal_token_may_end(self, lightspeed: LightspeedCaller) -> None:
        token = lightspeed.change(personal_token={"seconds": 60})["personal_token"]
        assert status_with(lightspeed, token) == 200
        lightspeed.sandbox.lightspeed.clock.skip(61)
        assert status_with(lightspeed, token) == 401

    def test_an_access_token_ends_and_a_refresh_gives_another(self, lightspeed: LightspeedCaller) -> None:
        first = let_in(lightspeed)
        assert first["expires_in"] == 86_400
        lightspeed.sandbox.lightspeed.clock.skip(86_401)
        assert status_with(lightspeed, first["access_token"]) == 401
        second = ask(lightspeed.sandbox, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
        assert status_with(lightspeed, second["access_token"]) == 200

    def test_a_refresh_ends_the_tokens_before_it(self, lightspeed: LightspeedCaller) -> None:
        first = let_in(lightspeed)
        refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        assert ask(lightspeed.sandbox, **refresh).status_code == 200
        assert status_with(lightspeed, first["access_token"]) == 401
        again = ask(lightspeed.sandbox, **refresh)
        assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")

    def test_a_refresh_may_be_answered_again(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.set(refresh_reuse="grace")
        refresh = {"grant_type": "refresh_token", "refresh_token": let_in(lightspeed)["refresh_token"]}
        assert ask(lightspeed.sandbox, **refresh).json() == ask(lightspeed.sandbox, **refresh).json()

    def test_a_code_is_good_once(self, lightspeed: LightspeedCaller) -> None:
        form = {"grant_type": "authorization_code", "code": lightspeed.change(authorize={})["code"], "redirect_uri": "http://x/"}
        assert [ask(lightspeed.sandbox, **form).status_code for _ in range(2)] == [200, 400]

    def test_the_token_endpoint_takes_a_form_in_the_body_only(self, lightspeed: LightspeedCaller) -> None:
        url = f"{lightspeed.sandbox.url}/lightspeed/api/1.0/token"
        form = {**APPLICATION, "grant_type": "refresh_token", "refresh_token": let_in(lightspeed)["refresh_token"]}
        assert requests.post(url, json=form, timeout=PATIENCE).status_code == 400
        assert requests.post(url, params=form, timeout=PATIENCE).status_code == 400
        assert requests.post(url, data={**form, "client_secret": "wrong"}, timeout=PATIENCE).status_code == 401
        assert requests.post(url, data=form, timeout=PATIENCE).status_code == 200

    def test_all_tokens_can_be_revoked(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.change(revoke_tokens=True)
        assert status_with(lightspeed, TOKEN) == 401


class TestScopes:
    @pytest.mark.parametrize(
        ("path", "scope"),
        [("sales", "sales:read"), ("retailer", "payment_types:read"), ("search?type=products", "products:read")],
    )
    def test_a_call_without_its_scope_gets_403(self, lightspeed: LightspeedCaller, path: str, scope: str) -> None:
        token = let_in(lightspeed, "retailer:read", "outlets:read")["access_token"]
        reply = LightspeedCaller(lightspeed.sandbox, token).call("GET", path)
        assert reply.status_code == 403
        assert scope in reply.json()["message"]

    def test_without_the_scope_of_costs_they_are_null(self, lightspeed: LightspeedCaller) -> None:
        token = let_in(lightspeed, "products:read", "inventory:read")["access_token"]
        caller = LightspeedCaller(lightspeed.sandbox, token)
        for version in ("2.0", "2026-07"):
            (product,) = caller.get("products", version=version, page_size=1)["data"]
            assert product["supply_price"] is None
            assert {link["price"] for link in product["product_suppliers"]} == {None}
        assert caller.get("products", version="2026-10", page_size=1)["data"][0]["prices"]["supply_price"] is None
        assert caller.call("POST", "inventory", {"size": 1}).json()[0]["average_cost"] is None


class TestVersions:
    @pytest.mark.parametrize("version", ["2.0", "2.1", "3.0", "2026-01", "2026-04", "2026-07", "2026-10"])
    def test_versions_are_served(self, lightspeed: LightspeedCaller, version: str) -> None:
        assert lightspeed.get("products", version=version, page_size=1)["data"]

    def test_a_retired_date_is_answered_by_the_oldest_that_is_left(self, lightspeed: LightspeedCaller) -> None:
        assert (
            lightspeed.call("GET", "inventory", version="2024-07").json()
            == lightspeed.call("GET", "inventory", version="2026-01").json()
        )

    @pytest.mark.parametrize("version", ["2027-01", "2024-02", "0.9", "latest"])
    def test_others_are_not(self, lightspeed: LightspeedCaller, version: str) -> None:
        assert lightspeed.call("GET", "products", version=version).status_code == 404


class TestLimit:
    def test_it_counts_registers_and_says_what_is_left(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.set(burst=0)
        headers = lightspeed.call("GET", "tags").headers
        live = sum(not each["deleted_at"] for each in lightspeed.truth("registers"))
        assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == (str(300 * live + 50), str(300 * live + 49))

    def test_a_call_too_many_gets_429_and_the_date_when_the_window_ends(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.set(burst=0, registers=1)
        statuses = [lightspeed.call("GET", "taxes").status_code for _ in range(350)]
        refused = lightspeed.call("GET", "taxes")
        assert (set(statuses), refused.status_code) == ({200}, 429)
        assert refused.json() == {"error": "Too Many Requests", "message": "Rate limiting enforced"}
        wait = parsedate_to_datetime(refused.headers["Retry-After"]).timestamp() - time.time()
        assert 0 < wait <= 301
        lightspeed.sandbox.lightspeed.clock.skip(wait)
        assert lightspeed.call("GET", "taxes").status_code == 200

    def test_the_date_is_as_soon_as_the_sandbox_is_fast(self) -> None:
        with Sandbox(speed=100) as sandbox:
            caller = fresh(sandbox, burst=0, registers=1)
            replies = (caller.call("GET", "taxes") for _ in range(5000))  # a window is three seconds long, and may end meanwhile
            refused = next(reply for reply in replies if reply.status_code == 429)
            assert parsedate_to_datetime(refused.headers["Retry-After"]).timestamp() - time.time() <= 4

    def test_an_application_and_a_personal_token_count_apart(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.set(burst=0, registers=1)
        token = let_in(lightspeed)["access_token"]
        for _ in range(351):
            lightspeed.call("GET", "taxes")
        assert lightspeed.call("GET", "taxes").status_code == 429
        assert status_with(lightspeed, token, "taxes") == 200

    def test_the_token_endpoint_has_its_own(self, lightspeed: LightspeedCaller) -> None:
        lightspeed.set(burst=0)
        statuses = [ask(lightspeed.sandbox, grant_type="refresh_token").status_code for _ in range(11)]
        assert statuses == [400] * 10 + [429]
        assert lightspeed.call("GET", "taxes").status_code == 200
