"""Every kind of fault, as a client meets it."""

from http.client import HTTPConnection, RemoteDisconnected
from typing import Any

import pytest
import requests
import urllib3

from sync_pipelines_tests.vendor_sandbox.conftest import PATIENCE, CatsyCaller, SparkLayerCaller, entry, eventually, row
from vendor_sandbox import Sandbox
from vendor_sandbox.values import BadChange

PATCH = "PATCH /api/v1/price-lists/*/pricing"
CUT = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
A = entry("A", (1, "1.10"))


def last_call(sandbox: Sandbox, vendor: str) -> tuple[Any, Any]:
    call = sandbox.calls(vendor)[-1]
    return call["status"], call["fault"]


def order(sandbox: Sandbox, kind: str, on: str = PATCH, **options: object) -> None:
    sandbox.faults("sparklayer", [{"on": on, "kind": kind, **options}])


class TestWhichCallsAreHit:
    def test_a_fault_waits_for_its_turn_and_is_over_after_its_times(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        fault = {"on": "GET /api/v3/queries/*/items", "kind": "status", "status": 503, "times": 2, "after": 1}
        sandbox.faults("catsy", [fault])
        assert [catsy.page(limit=1).status_code for _ in range(5)] == [200, 503, 503, 200, 200]

    def test_other_methods_and_paths_pass_and_do_not_count(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        sandbox.faults("catsy", [{"on": "POST /v4/*", "kind": "status", "status": 500, "after": 1}])
        assert [catsy.page(limit=1).status_code for _ in range(3)] == [200] * 3
        assert [catsy.filter().status_code for _ in range(3)] == [200, 500, 200]

    def test_any_method_is_a_star(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        sandbox.faults("catsy", [{"on": "* *", "kind": "status", "status": 500, "times": 2}])
        assert [catsy.filter().status_code, catsy.page().status_code, catsy.page().status_code] == [500, 500, 200]

    def test_of_two_faults_for_one_call_the_second_waits(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        sandbox.faults("catsy", [{"on": "* *", "kind": "status", "status": status} for status in (500, 502)])
        assert [catsy.page(limit=1).status_code for _ in range(3)] == [500, 502, 200]

    @pytest.mark.parametrize(
        ("fault", "complaint"),
        [
            ({"on": "* *", "kind": "explode"}, "known: between, cut_body, drip, empty_page, expired_token, html"),
            ({"on": "* *", "kind": "half"}, "unknown kind of fault 'half'"),
            ({"on": "* *"}, "unknown kind of fault None"),
            ({"kind": "html"}, "a method and a path"),
            ({"on": "* *", "kind": "slow"}, "needs 'seconds'"),
            ({"on": "* *", "kind": "slow", "seconds": "long"}, "seconds must be a number"),
            ({"on": "* *", "kind": "html", "times": 0}, "times must be at least 1"),
            ({"on": "* *", "kind": "html", "color": 1}, "unknown member 'color'"),
        ],
    )
    def test_an_order_that_makes_no_sense_is_refused_as_a_whole(
        self, sandbox: Sandbox, catsy: CatsyCaller, fault: dict[str, object], complaint: str
    ) -> None:
        with pytest.raises(BadChange) as refused:
            sandbox.faults("catsy", [{"on": "* *", "kind": "html"}, fault])
        assert complaint in str(refused.value)
        assert catsy.page().json()["items"]


class TestGeneralKinds:
    def test_status_answers_in_the_vendors_shape_and_changes_nothing(self, sparklayer: SparkLayerCaller) -> None:
        order(sparklayer.sandbox, "status", status=503)
        reply = sparklayer.write([A])
        assert (reply.status_code, reply.json()["status"]) == (503, 503)
        assert sparklayer.stored() == {}
        assert last_call(sparklayer.sandbox, "sparklayer") == (503, "status")

    @pytest.mark.parametrize(
        ("options", "content"),
        [({"body": "try later"}, b"try later"), ({"body": {"a": [1]}}, b'{"a":[1]}'), ({"empty": True}, b"")],
    )
    def test_status_may_have_any_body_and_headers(
        self, sparklayer: SparkLayerCaller, options: dict[str, Any], content: bytes
    ) -> None:
        order(sparklayer.sandbox, "status", status=500, headers={"Retry-After": 3}, **options)
        reply = sparklayer.write([A])
        assert (reply.content, reply.headers["Retry-After"]) == (content, "3")

    def test_a_lost_reply_was_applied(self, sparklayer: SparkLayerCaller) -> None:
        order(sparklayer.sandbox, "lost_reply")
        with pytest.raises(CUT):
            sparklayer.write([A])
        assert sparklayer.stored() == {"A": [row(1, "1.10")]}
        assert last_call(sparklayer.sandbox, "sparklayer") == (None, "lost_reply")

    def test_between_two_calls_somebody_changes_something(self, sparklayer: SparkLayerCaller) -> None:
        order(sparklayer.sandbox, "between", change={"set": {"trade-nz": {"B": [row(1, "2.00")]}}})
        assert sparklayer.write([A]).ok
        assert set(sparklayer.stored()) == {"A", "B"}
        order(sparklayer.sandbox, "between", change={"nonsense": 1})
        reply = sparklayer.write([A])
        assert (reply.status_code, "nonsense" in reply.text) == (500, True)

    def test_a_lost_request_was_not(self, sparklayer: SparkLayerCaller) -> None:
        order(sparklayer.sandbox, "lost_request")
        with pytest.raises(CUT):
            sparklayer.write([A])
        assert sparklayer.stored() == {}
        assert last_call(sparklayer.sandbox, "sparklayer") == (None, "lost_request")

    def test_a_late_call_is_cut_at_once_and_lands_afterwards(self, sparklayer: SparkLayerCaller) -> None:
        order(sparklayer.sandbox, "late", seconds=0.05)
        with pytest.raises(CUT):
            sparklayer.write([A])
        eventually(lambda: sparklayer.stored() == {"A": [row(1, "1.10")]})
        assert sparklayer.sandbox.sparklayer.state()["writes"] == 1

    def test_a_late_call_does_not_outlive_a_reset(self, sparklayer: SparkLayerCaller) -> None:
        order(sparklayer.sandbox, "late", seconds=3600)
        with pytest.raises(CUT):
            sparklayer.write([A])
        assert sparklayer.stored() == {}
        sparklayer.sandbox.reset()
        assert not sparklayer.sandbox._late

    def test_a_cut_body_promises_more_than_it_sends(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        sandbox.faults("catsy", [{"on": "GET *", "kind": "cut_body"}])
        with pytest.raises(CUT):
            catsy.page()
        assert last_call(sandbox, "catsy") == (200, "cut_body")
        sandbox.faults("catsy", [{"on": "GET *", "kind": "cut_body"}])
        url = f"{sandbox.env['CATSY_BASE_URL']}/queries/{sandbox.env['CATSY_QUERY_ID']}/items"
        with catsy.session.get(url, stream=True, timeout=PATIENCE) as reply:
            promised = int(reply.headers["Content-Length"])
            sent = reply.raw.read(promised // 2, decode_content=False)
            assert len(sent) == promised // 2
            with pytest.raises(urllib3.exceptions.ProtocolError):
                reply.raw.read()

    def test_html_comes_with_200_and_changes_nothing(self, sparklayer: SparkLayerCaller) -> None:
        order(sparklayer.sandbox, "html")
        reply = sparklayer.write([A])
        assert reply.status_code == 200
        assert reply.headers["Content-Type"].startswith("text/html")
        assert sparklayer.stored() == {}

    def test_a_slow_answer_comes_and_a_client_that_gave_up_does_not_stop_it(self, sparklayer: SparkLayerCaller) -> None:
        order(sparklayer.sandbox, "slow", seconds=0.05)
        assert sparklayer.write([A]).status_code == 204
        order(sparklayer.sandbox, "slow", seconds=0.5)
        with pytest.raises(requests.ReadTimeout):
            sparklayer.session.patch(
                f"{sparklayer.sandbox.url}/sparklayer/api/v1/price-lists/vip/pricing",
                json=[{"sku": "B", "pricing": [{"price": 1}]}],
                timeout=0.1,
            )
        eventually(lambda: "B" in sparklayer.stored("vip"))

    def test_a_dripping_body_arrives_whole(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        whole = catsy.page().content
        sandbox.faults("catsy", [{"on": "GET *", "kind": "drip", "seconds": 0.2}])
        assert catsy.page().content == whole

    def test_an_expired_token_is_gone_for_good_on_sparklayer(self, sparklayer: SparkLayerCaller) -> None:
        order(sparklayer.sandbox, "expired_token")
        assert sparklayer.write([A]).status_code == 401
        assert sparklayer.write([A]).status_code == 401
        assert sparklayer.stored() == {}
        assert sparklayer.log_in().write([A]).status_code == 204

    def test_on_catsy_an_expired_token_is_one_401(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        sandbox.faults("catsy", [{"on": "GET *", "kind": "expired_token"}])
        assert [catsy.page(limit=1).status_code for _ in range(2)] == [401, 200]

    def test_a_connection_is_kept_until_it_is_cut(self, sandbox: Sandbox) -> None:
        sandbox.faults("catsy", [{"on": "GET *", "kind": "lost_request", "after": 3}])
        connection = HTTPConnection(sandbox.url.removeprefix("http://"), timeout=PATIENCE)
        sockets = set()
        for _ in range(3):
            connection.request("GET", "/catsy/api/v3/queries")
            assert connection.getresponse().read()
            sockets.add(connection.sock)
        assert len(sockets) == 1
        connection.request("GET", "/catsy/api/v3/queries")
        with pytest.raises(RemoteDisconnected):
            connection.getresponse()
        connection.close()


class TestSparkLayerKinds:
    def test_half_of_the_entries_are_stored_before_a_500(self, sparklayer: SparkLayerCaller) -> None:
        order(sparklayer.sandbox, "half")
        assert sparklayer.write([entry(sku, (1, "1")) for sku in "ABCD"]).status_code == 500
        assert set(sparklayer.stored()) == {"A", "B"}
        assert sparklayer.write([entry(sku, (1, "1")) for sku in "ABCD"]).status_code == 204
        assert sparklayer.sandbox.sparklayer.state()["effects"] == {"trade-nz": {"A": 2, "B": 2, "C": 1, "D": 1}}


class TestCatsyKinds:
    def order(self, sandbox: Sandbox, kind: str, **options: object) -> None:
        sandbox.faults("catsy", [{"on": "* *", "kind": kind, **options}])

    def test_a_page_may_lack_its_array(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        self.order(sandbox, "no_array", times=2)
        assert catsy.page().json() == {"pagination": {"total_results": 300}}
        assert catsy.filter().json() == {"pagination": {"total_results": 300}}

    def test_a_page_may_be_empty_while_the_total_is_not(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        self.order(sandbox, "empty_page")
        assert catsy.page().json() == {"items": [], "pagination": {"total_results": 300}}

    def test_the_total_moves_from_that_page_on(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        self.order(sandbox, "total_moves", by=-3, after=1)
        totals = [catsy.page(limit=100, offset=offset).json()["pagination"]["total_results"] for offset in (0, 100, 200)]
        assert totals == [300, 297, 297]
        assert sandbox.catsy.state()["total"] == 300

    def test_rows_shift_when_new_items_come_in_front_between_pages(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        self.order(sandbox, "shift", by=2, after=1)
        first, second = (catsy.page(limit=100, offset=offset).json() for offset in (0, 100))
        assert second["pagination"]["total_results"] == 302
        assert second["items"][:2] == first["items"][-2:]
        items = sandbox.catsy.state()["items"]
        assert len({item["id"] for item in items}) == len(items) == 302
