"""Rate limits: the bucket on a clock moved by hand, and 429 over the wire."""

from email.utils import formatdate

import pytest

from sync_pipelines_tests.vendor_sandbox.conftest import CatsyCaller, SparkLayerCaller, eventually
from vendor_sandbox import Sandbox
from vendor_sandbox.limits import Bucket, Clock


class Wall:
    """A wall clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class TestBucket:
    def test_a_burst_passes_and_the_next_call_waits_for_one_token(self) -> None:
        bucket = Bucket(Clock(1.0, Wall()), per_second=2, burst=10)
        assert [bucket.take() for _ in range(11)] == [0.0] * 10 + [0.5]

    def test_it_refills_at_its_rate_and_never_above_the_burst(self) -> None:
        wall = Wall()
        bucket = Bucket(Clock(1.0, wall), per_second=2, burst=3)
        assert [bucket.take() for _ in range(3)] == [0.0] * 3
        wall.seconds = 1.0
        assert [bucket.take() for _ in range(3)] == [0.0, 0.0, 0.5]
        wall.seconds = 1000.0
        assert [bucket.take() for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]

    def test_at_speed_60_two_a_second_are_120_a_second_and_waits_are_wall_seconds(self) -> None:
        wall = Wall()
        bucket = Bucket(Clock(60.0, wall), per_second=2, burst=1)
        assert bucket.take() == 0.0
        assert bucket.take() == pytest.approx(1 / 120)
        wall.seconds = 1 / 120 + 1e-9
        assert bucket.take() == 0.0

    def test_a_speed_that_stands_still_is_refused(self) -> None:
        with pytest.raises(ValueError, match="speed must be more than 0"):
            Clock(0)


def slow_down(sandbox: Sandbox, vendor: str, per_second: float, **settings: object) -> None:
    change = {"settings": {"rate_per_second": per_second, "burst": 3, **settings}}
    sandbox.vendors[vendor].change_state(change)


class TestOverTheWire:
    def test_catsy_answers_429_after_the_burst_without_retry_after(self) -> None:
        with Sandbox() as sandbox:
            slow_down(sandbox, "catsy", 0.001)
            replies = [CatsyCaller(sandbox).page(limit=1) for _ in range(4)]
            assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
            assert "Retry-After" not in replies[-1].headers

    def test_catsy_may_send_retry_after_in_fractions_of_a_second(self) -> None:
        with Sandbox(speed=10) as sandbox:
            slow_down(sandbox, "catsy", 0.01, retry_after=True)
            replies = [CatsyCaller(sandbox).page(limit=1) for _ in range(4)]
            assert 0 < float(replies[-1].headers["Retry-After"]) <= 10.001
            assert "." in replies[-1].headers["Retry-After"]

    def test_the_limit_is_shared_by_every_token(self) -> None:
        with Sandbox() as sandbox:
            slow_down(sandbox, "catsy", 0.001)
            statuses = [CatsyCaller(sandbox, token).page().status_code for token in ("a", None, "b", "c")]
            assert statuses == [401, 401, 401, 429]

    def test_sparklayer_answers_429_with_retry_after_in_whole_scaled_seconds(self) -> None:
        with Sandbox(speed=10) as sandbox:
            caller = SparkLayerCaller(sandbox)
            slow_down(sandbox, "sparklayer", 0.01)
            replies = [caller.ask_for_token() for _ in range(4)]
            assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
            assert 1 <= int(replies[-1].headers["Retry-After"]) <= 10

    def test_a_client_that_waits_is_let_in_again_and_speed_shortens_the_wait(self) -> None:
        with Sandbox(speed=1000) as sandbox:
            slow_down(sandbox, "catsy", 0.01)
            caller = CatsyCaller(sandbox)
            eventually(lambda: caller.page(limit=1).status_code == 429)
            eventually(lambda: caller.page(limit=1).status_code == 200)

    def test_a_call_turned_away_uses_up_no_fault(self) -> None:
        with Sandbox() as sandbox:
            slow_down(sandbox, "catsy", 0.001)
            sandbox.faults("catsy", [{"on": "GET *", "kind": "html", "after": 3}])
            caller = CatsyCaller(sandbox)
            for _ in range(4):
                caller.page(limit=1)
            calls = sandbox.calls("catsy")
            assert [(call["status"], call["fault"]) for call in calls] == [(200, None)] * 3 + [(429, None)]
            sandbox.catsy.change_state({"settings": {"burst": 10}})
            assert caller.page(limit=1).headers["Content-Type"].startswith("text/html")


class TestStorms:
    @pytest.mark.parametrize("after", ["1.5", formatdate(2_000_000_000, usegmt=True), None])
    def test_a_storm_answers_429_with_any_form_of_retry_after(
        self, sandbox: Sandbox, catsy: CatsyCaller, after: str | None
    ) -> None:
        sandbox.faults("catsy", [{"on": "GET *", "kind": "rate_limited", "retry_after": after, "times": 2}])
        replies = [catsy.page(limit=1) for _ in range(3)]
        assert [reply.status_code for reply in replies] == [429, 429, 200]
        assert replies[0].headers.get("Retry-After") == after
