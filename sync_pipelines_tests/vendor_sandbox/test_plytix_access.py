"""Tokens, limits and paths of Plytix's stand-in."""

from collections.abc import Iterator

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.conftest import eventually
from sync_pipelines_tests.vendor_sandbox.plytix_caller import PlytixCaller, faults, fresh, where
from sync_pipelines_tests.vendor_sandbox.test_limits import Wall
from vendor_sandbox import Sandbox
from vendor_sandbox.limits import Clock
from vendor_sandbox.plytix import SECOND
from vendor_sandbox.plytix.access import Quota
from vendor_sandbox.plytix.settings import Settings


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def plytix(running: Sandbox) -> PlytixCaller:
    return fresh(running)


class TestTokens:
    def test_a_token_sits_in_the_first_of_data_without_its_life(self, plytix: PlytixCaller) -> None:
        reply = plytix.ask_for_token()
        assert reply.status_code == 200
        assert [set(each) for each in reply.json()["data"]] == [{"access_token"}]
        with plytix.set(expires_in=True, token_seconds=900):
            assert plytix.ask_for_token().json()["data"][0]["expires_in"] == 900

    def test_a_wrong_pair_gets_401_with_a_whole_number_as_message(self, plytix: PlytixCaller) -> None:
        for changes in ({"api_password": "wrong"}, {"api_key": None}, {"api_key": ["x"]}):
            reply = plytix.ask_for_token(**changes)
            assert (reply.status_code, faults(reply)) == (401, {"http_status_code": 401})
        with plytix.set(bare_login_errors=True):
            assert set(plytix.ask_for_token(api_password="wrong").json()) == {"msg"}

    def test_a_body_that_is_not_json_or_lacks_the_pair_gets_400(self, plytix: PlytixCaller) -> None:
        url = f"{plytix.sandbox.url}/plytix/auth/api/get-token"
        broken = requests.post(url, data=b"{", headers={"Content-Type": "application/json"}, timeout=5)
        assert (broken.status_code, faults(broken)) == (400, {"http_status_code": 400})
        assert requests.post(url, json={"api_key": "k"}, timeout=5).status_code == 400
        assert requests.get(url, timeout=5).status_code == 405

    @pytest.mark.parametrize("written", ["bearer {}", "BEARER {}", "Bearer  {}", "{}", "Bearer {}x", "Bearer ", None])
    def test_the_header_is_taken_in_one_form_only(self, plytix: PlytixCaller, written: str | None) -> None:
        token = str(plytix.session.headers["Authorization"]).removeprefix("Bearer ")
        header = {"Authorization": written.format(token) if written else None}
        reply = plytix.call("GET", "filters/product", headers=header)
        assert (reply.status_code, set(reply.json()["error"])) == (401, {"msg"})

    def test_a_token_dies_at_the_end_of_its_life(self, plytix: PlytixCaller) -> None:
        with plytix.set(token_seconds=0.05):
            plytix.log_in()
            eventually(lambda: plytix.call("GET", "filters/product").status_code == 401)
        assert plytix.log_in().call("GET", "filters/product").status_code == 200

    def test_revoked_tokens_get_401(self, plytix: PlytixCaller) -> None:
        plytix.sandbox.plytix.change_state({"revoke_tokens": True})
        assert plytix.call("GET", "filters/product").status_code == 401
        assert plytix.sandbox.plytix.state()["tokens"] == 0

    def test_the_token_service_has_a_limit_of_its_own(self, plytix: PlytixCaller) -> None:
        with plytix.set(burst=0, token_calls=2, token_window_seconds=50):
            replies = [plytix.ask_for_token() for _ in range(3)]
            assert [each.status_code for each in replies] == [200, 200, 429]
            assert 40 < float(replies[-1].headers["Retry-After"]) <= 50.001
            assert plytix.call("GET", "filters/product").status_code == 200


class TestLimits:
    def test_every_call_counts_in_both_windows(self) -> None:
        wall = Wall()
        quota = Quota(Clock(1.0, wall), Settings(calls_per_window=2, calls_per_hour=5))
        assert [quota.take() for _ in range(3)] == [0.0, 0.0, 10.0]
        wall.seconds = 7.5
        assert quota.take() == 2.5
        wall.seconds = 10.0
        assert [quota.take() for _ in range(3)] == [0.0, 0.0, 10.0]
        wall.seconds = 20.0
        assert [quota.take() for _ in range(2)] == [0.0, 3580.0]
        wall.seconds = 3600.0
        assert quota.take() == 0.0

    def test_calls_turned_away_may_count_too(self) -> None:
        wall = Wall()
        quota = Quota(Clock(1.0, wall), Settings(calls_per_window=1, calls_per_hour=3, count_rejected=True))
        assert [quota.take() > 0 for _ in range(3)] == [False, True, True]
        wall.seconds = 10.0
        assert quota.take() == 3590.0

    def test_the_plans_have_their_limits(self) -> None:
        assert Settings().limits == ((50, 10.0), (5_000, 3600.0))
        assert Settings(plan="free").limits == ((20, 10.0), (2_000, 3600.0))
        assert Settings(plan="free", calls_per_hour=7).limits == ((20, 10.0), (7, 3600.0))

    def test_429_says_in_fractions_how_long_and_other_accounts_go_on(self, plytix: PlytixCaller) -> None:
        second = PlytixCaller(plytix.sandbox, SECOND).log_in()
        with plytix.set(burst=0, calls_per_window=2, window_seconds=20):
            replies = [plytix.call("GET", "filters/product") for _ in range(3)]
            assert [each.status_code for each in replies] == [200, 200, 429]
            assert "." in replies[-1].headers["Retry-After"]
            assert 15 < float(replies[-1].headers["Retry-After"]) <= 20.001
            assert set(replies[-1].json()["error"]) == {"msg"}
            assert second.call("GET", "filters/product").status_code == 200

    def test_the_environment_tells_the_limits_as_the_client_meets_them(self) -> None:
        with Sandbox(speed=60) as sandbox:
            env = {name.removeprefix("PLYTIX_"): value for name, value in sandbox.env.items() if "PLYTIX" in name}
        assert env["AUTH_URL"] == f"{sandbox.url}/plytix/auth/api/get-token"
        assert env["BASE_URL"] == f"{sandbox.url}/plytix/api/v1"
        assert env["ACCOUNTS"] == "main,second"
        assert (env["CALLS_PER_WINDOW"], env["CALLS_PER_HOUR"]) == ("50", "5000")
        assert (env["WINDOW_SECONDS"], env["HOUR_SECONDS"], env["TOKEN_SECONDS"]) == ("0.166666667", "60", "15")
        assert float(env["LAG_SECONDS"]) == pytest.approx(2 / 60)


class TestPaths:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("POST", "products/bulk", 405),
            ("GET", "products", 405),
            ("PUT", "products/x", 405),
            ("GET", "products/x/relationships", 404),
            ("GET", "jobs/1", 403),
            ("GET", "attributes", 404),
            ("DELETE", "product_families/x", 405),
        ],
    )
    def test_what_is_not_offered(self, plytix: PlytixCaller, method: str, path: str, status: int) -> None:
        reply = plytix.call(method, path)
        assert reply.status_code == status
        assert isinstance(reply.json()["error"]["msg"], str)

    def test_a_trailing_slash_redirects_and_without_the_header_ends_in_401(self, plytix: PlytixCaller) -> None:
        reply = plytix.call("POST", "products/search/", {"filters": []}, allow_redirects=False)
        assert reply.status_code == 308
        target = f"{plytix.sandbox.url}{reply.headers['Location']}"
        assert requests.post(target, json={"filters": []}, timeout=5).status_code == 401
        assert plytix.session.post(target, json={"filters": []}, timeout=5).status_code == 200

    def test_the_role_may_forbid_calls(self, plytix: PlytixCaller) -> None:
        with plytix.set(forbidden=["POST /products", "POST /products/*/family"]):
            assert plytix.call("POST", "products", {"sku": "X"}).status_code == 403
            assert plytix.call("POST", "products/x/family", {}).status_code == 403
            assert plytix.search().status_code == 200

    def test_a_call_may_be_said_to_go_away(self, plytix: PlytixCaller) -> None:
        with plytix.set(deprecated=["POST /products/search"]):
            assert plytix.search().headers["X-Plytix-Deprecation"]
            assert "X-Plytix-Deprecation" not in plytix.call("GET", "filters/product").headers

    def test_a_body_that_is_no_object_gets_422_and_no_json_400(self, plytix: PlytixCaller) -> None:
        assert plytix.call("POST", "products/search", ["x"]).status_code == 422
        reply = plytix.call("POST", "products", data=b"no", headers={"Content-Type": "application/json"})
        assert (reply.status_code, faults(reply)) == (400, {"http_status_code": 400})

    def test_accounts_have_data_and_ids_of_their_own(self, plytix: PlytixCaller) -> None:
        second = PlytixCaller(plytix.sandbox, SECOND).log_in()
        (row,) = second.rows(where("sku", "eq", "mca0032-M-09.5"))
        (same,) = plytix.rows(where("sku", "eq", "MCA0032-m-09.5"))
        assert row["sku"] == same["sku"]
        assert row["id"] != same["id"]
        assert second.call("GET", f"products/{same['id']}").status_code == 404
        assert second.search().json()["pagination"]["total_count"] == 20


class TestFaults:
    def test_a_lost_reply_leaves_the_product_and_lost_family_calls_do_not(self, plytix: PlytixCaller) -> None:
        plytix.sandbox.faults(
            "plytix",
            [
                {"on": "POST /api/v1/products", "kind": "lost_reply"},
                {"on": "POST /api/v1/products/*/family", "kind": "family_lost"},
            ],
        )
        with pytest.raises(requests.ConnectionError):
            plytix.call("POST", "products", {"sku": "AMZN-US-LOST"})
        assert plytix.call("POST", "products", {"sku": "AMZN-US-LOST"}).status_code == 409
        (row,) = plytix.rows(where("sku", "eq", "AMZN-US-LOST"))
        family = {"product_family_id": plytix.id_of("families", "8 - Amazon")}
        for assigned in (None, "8 - Amazon"):
            assert plytix.call("POST", f"products/{row['id']}/family", family).status_code == 200
            assert plytix.truth("AMZN-US-LOST")["family"] == assigned
        assert plytix.sandbox.plytix.state()["creates"] == {"AMZN-US-LOST": 1}

    def test_an_expired_token_is_worthless_and_a_429_may_come_in_the_middle(self, plytix: PlytixCaller) -> None:
        plytix.sandbox.faults(
            "plytix",
            [
                {"on": "POST */products/search", "kind": "rate_limited", "retry_after": "1089.492", "after": 1},
                {"on": "POST */products/search", "kind": "expired_token", "after": 2},
            ],
        )
        replies = [plytix.search() for _ in range(4)]
        assert [each.status_code for each in replies] == [200, 429, 401, 401]
        assert replies[1].headers["Retry-After"] == "1089.492"
