"""Logging in to Sentos' stand-in, and its limits, over real sockets."""

from base64 import b64encode
from collections.abc import Iterator

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.conftest import PATIENCE, eventually
from sync_pipelines_tests.vendor_sandbox.sentos_caller import SentosCaller, fresh, order_body
from vendor_sandbox import Sandbox
from vendor_sandbox.limits import Clock, SlidingWindow
from vendor_sandbox.sentos import KEY, SECRET


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sentos(running: Sandbox) -> SentosCaller:
    """A caller with the limits as they are by default."""
    return fresh(running, burst=0)


def basic(pair: str) -> str:
    return "Basic " + b64encode(pair.encode()).decode()


class TestKey:
    def test_the_environment_has_all_that_a_client_needs(self, running: Sandbox, sentos: SentosCaller) -> None:
        env = running.env
        reply = requests.get(
            f"{env['SENTOS_API_URL']}/warehouses", auth=(env["SENTOS_API_KEY"], env["SENTOS_API_SECRET"]), timeout=PATIENCE
        )
        assert reply.json() == [{"id": 1, "name": "Merkez"}, {"id": 2, "name": "İkitelli Depo"}]
        assert env["SENTOS_API_URL"] == f"{running.url}/sentos/api"

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": basic(f"{KEY}:wrong")},
            {"Authorization": basic(f"wrong:{SECRET}")},
            {"Authorization": basic(KEY)},
            {"Authorization": "Basic %%%"},
            {"Authorization": f"Bearer {SECRET}"},
            {"Authorization": f"Token {SECRET}"},
            {"X-API-Key": KEY, "X-API-Secret": SECRET},
        ],
    )
    def test_anything_but_basic_with_the_key_gets_401(self, sentos: SentosCaller, headers: dict[str, str]) -> None:
        for path in ("products", "orders/1", "nothing"):
            reply = requests.get(f"{sentos.sandbox.url}/sentos/api/{path}", headers=headers, timeout=PATIENCE)
            assert (reply.status_code, reply.json()) == (401, {"message": "Unauthorized"})

    def test_it_may_be_403(self, sentos: SentosCaller) -> None:
        sentos.set(login_status=403)
        assert SentosCaller(sentos.sandbox, None).call("GET", "products").status_code == 403

    def test_unknown_paths_get_404_and_unknown_methods_405(self, sentos: SentosCaller) -> None:
        assert sentos.call("GET", "returns").status_code == 404
        assert sentos.call("DELETE", "products/501").status_code == 405
        assert sentos.call("GET", "products/1").json() == {"message": "Not found"}

    def test_errors_may_come_as_a_page(self, sentos: SentosCaller) -> None:
        sentos.set(errors_as="html")
        reply = sentos.call("GET", "products/1")
        assert (reply.status_code, reply.headers["Content-Type"]) == (404, "text/html")
        assert "404 Not Found" in reply.text


class TestLimits:
    def test_the_same_get_is_answered_twice_a_minute(self, sentos: SentosCaller) -> None:
        statuses = [sentos.call("GET", "products", params={"page": 1}).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert sentos.call("GET", "products", params={"page": 2}).status_code == 200

    def test_neither_order_nor_unknown_parameters_nor_the_body_make_it_another_one(self, sentos: SentosCaller) -> None:
        calls = [
            {"params": {"page": 1, "status": 2}},
            {"params": {"status": 2, "page": 1, "_": "97531"}},
            {"json": {"page": 1, "status": 2}},
        ]
        url = f"{sentos.sandbox.url}/sentos/api/orders"
        assert [sentos.session.get(url, timeout=PATIENCE, **each).status_code for each in calls] == [200, 200, 429]

    def test_twelve_writes_a_minute_whatever_they_are(self, sentos: SentosCaller) -> None:
        writes = [("POST", "orders"), ("PUT", "products/501"), ("PUT", "orders/9001"), ("POST", "categories")] * 3
        assert 429 not in [sentos.call(*each, {}).status_code for each in writes]
        refused = sentos.call("POST", "orders", order_body())
        assert (refused.status_code, refused.json()) == (429, {"message": "Too Many Attempts."})
        assert "Retry-After" not in refused.headers
        assert sentos.sandbox.sentos.state()["creates"] == {}
        assert sentos.call("GET", "warehouses").status_code == 200

    def test_put_may_have_no_limit(self, sentos: SentosCaller) -> None:
        sentos.set(puts_are_writes=False)
        assert {sentos.call("PUT", "products/501", {}).status_code for _ in range(20)} == {200}

    def test_all_calls_together_are_limited_too(self, sentos: SentosCaller) -> None:
        sentos.set(calls=3)
        statuses = [sentos.call("GET", f"orders/{9001 + number}").status_code for number in range(4)]
        assert statuses == [200, 200, 200, 429]

    def test_calls_without_the_key_do_not_count(self, sentos: SentosCaller) -> None:
        stranger = SentosCaller(sentos.sandbox, None)
        assert {stranger.call("GET", "products").status_code for _ in range(5)} == {401}
        assert sentos.call("GET", "products").status_code == 200

    def test_headers_can_be_switched_on(self, sentos: SentosCaller) -> None:
        sentos.set(same_gets=1, retry_after=True, rate_headers=True)
        sentos.get("warehouses")
        headers = sentos.call("GET", "warehouses").headers
        assert 1 <= int(headers["Retry-After"]) <= 60
        assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("1", "0")

    @pytest.mark.parametrize(("counts", "settles"), [(True, False), (False, True)])
    def test_who_hammers_is_kept_out_where_refused_calls_count(self, counts: bool, settles: bool) -> None:
        with Sandbox() as sandbox:
            sentos = SentosCaller(sandbox)
            sentos.set(count_rejected=counts, same_gets=1)
            sentos.get("warehouses")
            sandbox.sentos.clock.skip(45)
            assert sentos.call("GET", "warehouses").status_code == 429
            sandbox.sentos.clock.skip(20)
            assert (sentos.call("GET", "warehouses").status_code == 200) is settles

    def test_speed_shortens_the_window(self) -> None:
        with Sandbox(speed=600) as sandbox:
            sentos = SentosCaller(sandbox)
            assert {name: sandbox.env[name] for name in sandbox.env if name.startswith("SENTOS_") and "API" not in name} == {
                "SENTOS_WINDOW_SECONDS": "0.1",
                "SENTOS_LAG_SECONDS": "0.016666667",
                "SENTOS_LANDS_WITHIN": "0.3",
            }
            sentos.set(count_rejected=False)
            eventually(lambda: sentos.call("GET", "warehouses").status_code == 429)
            eventually(lambda: sentos.call("GET", "warehouses").status_code == 200)


def test_a_sliding_window_counts_any_span() -> None:
    clock = Clock(1.0, lambda: 0.0)
    window = SlidingWindow(clock, most=2, seconds=60)
    waits = []
    for seconds in (0, 50, 5, 5, 45):
        clock.skip(seconds)
        waits.append(window.wait())
        if not waits[-1]:
            window.take()
    assert waits == [0.0, 0.0, 5.0, 0.0, 5.0]
    assert not window.idle
    clock.skip(60)
    assert window.idle
