"""The control endpoints: what was called, what is true, and how a test changes it."""

import re
import threading
import time
from decimal import Decimal
from typing import Any

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.conftest import CatsyCaller, SparkLayerCaller, control, entry, exact, row
from vendor_sandbox import Sandbox
from vendor_sandbox.catalogue import FIRST_ID
from vendor_sandbox.catsy import QUERY_ID


def change(sandbox: Sandbox, vendor: str, **body: object) -> Any:
    reply = control(sandbox, "POST", f"/{vendor}/state", body)
    assert reply.status_code == 200, reply.text
    return exact(reply)


def states(sandbox: Sandbox) -> dict[str, str]:
    """What each vendor shows, without times: a shop's goods were made a year before the sandbox started."""
    shown = {name: control(sandbox, "GET", f"/{name}/state").text for name in sandbox.vendors}
    return {name: re.sub(r"\d{4}-\d\d-\d\dT[0-9:]+", "(time)", text) for name, text in shown.items()}


class TestAbout:
    def test_the_sandbox_says_what_it_is(self) -> None:
        with Sandbox(seed=3, scale="50", speed=2) as sandbox:
            vendors = ["catsy", "sparklayer", "google", "shopify", "amazon", "plytix", "sentos", "lightspeed"]
            about = {"ok": True, "id": sandbox.id, "seed": 3, "scale": 50, "speed": 2, "vendors": vendors}
            assert control(sandbox, "GET", "").json() == about

    def test_unknown_control_paths_and_vendors_get_404(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        for method, path in (("GET", "/nobody/calls"), ("GET", "/catsy/faults"), ("DELETE", "/reset")):
            assert control(sandbox, method, path).status_code == 404
        assert catsy.session.get(f"{sandbox.url}/nobody/api", timeout=5).status_code == 404

    def test_the_environment_finds_every_vendor(self, sandbox: Sandbox) -> None:
        env = sandbox.env
        assert env["SYNC_PIPELINES_SANDBOX"] == "1"
        assert env["CATSY_BASE_URL"] == f"{sandbox.url}/catsy/api/v3"
        assert env["SPARKLAYER_URL"] == f"{sandbox.url}/sparklayer"
        assert env["CATSY_QUERY_ID"] == QUERY_ID

    def test_speed_scales_rates_and_pauses_in_the_environment(self) -> None:
        with Sandbox(speed=60) as sandbox:
            assert sandbox.env["CATSY_RATE_PER_SECOND"] == "120"
            assert sandbox.env["CATSY_BURST"] == "10"
            assert float(sandbox.env["SPARKLAYER_BATCH_DELAY"]) == pytest.approx(0.5 / 60, rel=1e-4)
            assert sandbox.env["SPARKLAYER_LANDS_WITHIN"] == "2"


class TestLoading:
    def test_what_each_vendor_shows_can_be_loaded_into_another_sandbox(self) -> None:
        """A demo's store goes on in the sandbox's next process."""
        with Sandbox(scale=200) as one, Sandbox(scale=200, seed=2) as other:
            for vendor in control(one, "GET", "").json()["vendors"]:
                shown = exact(control(one, "GET", f"/{vendor}/state"))
                change(other, vendor, load=shown)
                assert exact(control(other, "GET", f"/{vendor}/state")) == shown, vendor


class TestWhoMayCall:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost:3000"},
            {"Host": "evil.example"},
            {"Host": "127.0.0.1.evil.example:8700"},
            {"Host": "evil.example", "Origin": "http://evil.example"},
        ],
    )
    def test_regression_a_web_page_cannot_reset_the_sandbox(
        self, sandbox: Sandbox, catsy: CatsyCaller, headers: dict[str, str]
    ) -> None:
        catsy.page()
        for method, path in (("POST", "reset"), ("POST", "catsy/state"), ("DELETE", "catsy/faults"), ("GET", "catsy/state")):
            url = f"{sandbox.url}/_sandbox/{path}"
            assert requests.request(method, url, headers=headers, data=b"{}", timeout=5).status_code == 403
        assert len(control(sandbox, "GET", "/catsy/calls").json()) == 1

    def test_programs_of_this_machine_may(self, sandbox: Sandbox) -> None:
        port = sandbox.url.rpartition(":")[2]
        for headers in ({"Host": f"localhost:{port}"}, {"Origin": sandbox.url}, {"Host": f"[::1]:{port}"}):
            assert requests.post(f"{sandbox.url}/_sandbox/reset", headers=headers, timeout=5).status_code == 200


class TestCalls:
    def test_calls_are_listed_in_order_as_they_were_requested(self, sandbox: Sandbox, sparklayer: SparkLayerCaller) -> None:
        before = time.time()
        sparklayer.call("GET", "v1/pricing/A%2FB")
        sparklayer.call("GET", "v2/price-lists", params={"page": 1, "source": "a b"})
        calls = control(sandbox, "GET", "/sparklayer/calls").json()
        assert [(call["method"], call["path"], call["query"], call["status"]) for call in calls] == [
            ("POST", "/sparklayer/api/auth/token", {}, 200),
            ("GET", "/sparklayer/api/v1/pricing/A%2FB", {}, 200),
            ("GET", "/sparklayer/api/v2/price-lists", {"page": "1", "source": "a b"}, 200),
        ]
        assert set(calls[0]) == {"method", "path", "query", "status", "at", "fault"}
        assert before - 60 < calls[0]["at"] <= calls[1]["at"] <= calls[2]["at"]

    def test_control_calls_are_neither_logged_nor_limited_nor_faulted(self, sandbox: Sandbox) -> None:
        change(sandbox, "catsy", settings={"burst": 1, "rate_per_second": 0.001})
        control(sandbox, "POST", "/catsy/faults", [{"on": "* *", "kind": "lost_request", "times": 9}])
        for _ in range(5):
            assert control(sandbox, "GET", "/catsy/calls").json() == []

    def test_faults_are_ordered_and_cleared_over_the_wire(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        orders = [{"on": "GET *", "kind": "status", "status": 503, "times": 3}]
        assert control(sandbox, "POST", "/catsy/faults", orders).json() == {"ok": True, "pending": 3}
        assert catsy.page(limit=1).status_code == 503
        assert control(sandbox, "DELETE", "/catsy/faults").json() == {"ok": True, "pending": 0}
        assert catsy.page(limit=1).status_code == 200
        reply = control(sandbox, "POST", "/catsy/faults", [{"on": "GET *", "kind": "boom"}])
        assert reply.status_code == 400
        assert "lost_reply" in reply.json()["error"]
        for body in ({"on": "GET *", "kind": "html"}, [7], None):
            assert control(sandbox, "POST", "/catsy/faults", body).status_code == 400


class TestCatsyState:
    def test_the_state_is_the_truth_whatever_a_page_says(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        change(sandbox, "catsy", settings={"total_moved_by": 7, "max_limit": 9})
        state = exact(control(sandbox, "GET", "/catsy/state"))
        assert (len(state["items"]), state["total"]) == (300, 300)
        assert state["settings"]["max_limit"] == 9
        assert catsy.page().json()["pagination"]["total_results"] == 307

    def test_attributes_are_merged_and_items_deleted(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        first, second, third = (str(FIRST_ID + index) for index in range(3))
        name = catsy.page(limit=1).json()["items"][0]["name"]
        change(sandbox, "catsy", set={first: {"price_trade": Decimal("4.50"), "brand": None}, second: None})
        items = exact(catsy.page(limit=2))["items"]
        assert (items[0]["name"], str(items[0]["price_trade"]), items[0]["brand"]) == (name, "4.50", None)
        assert items[1]["id"] == int(third)
        assert catsy.page().json()["pagination"]["total_results"] == 299

    def test_items_are_added_behind_and_inserted_in_front(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        answer = change(sandbox, "catsy", add=[{"sku": "LAST"}], insert=[{"id": 5, "sku": "FIRST"}, {"sku": "SECOND"}])
        assert answer["inserted"][0] == 5
        skus = [item.get("sku") for item in catsy.everything()]
        assert (skus[:2], skus[-1], len(skus)) == (["FIRST", "SECOND"], "LAST", 303)
        change(sandbox, "catsy", set={str(answer["added"][0]): {"name": "N"}, "5": None})
        items = catsy.everything()
        assert (items[0]["sku"], items[-1]["name"], len(items)) == ("SECOND", "N", 302)

    @pytest.mark.parametrize(
        ("body", "complaint"),
        [
            ({"set": {str(FIRST_ID): None}, "sett": {}}, "unknown member 'sett'"),
            ({"set": {str(FIRST_ID): None, "1": None}}, "no item with id 1"),
            ({"set": {str(FIRST_ID): None}, "add": [{"id": FIRST_ID + 1}]}, f"an item with id {FIRST_ID + 1} exists"),
            ({"set": {str(FIRST_ID): {"id": 9}}}, "cannot be changed"),
            ({"set": {str(FIRST_ID): None}, "settings": {"max_limit": 0}}, "settings.max_limit must be at least 1"),
            ({"set": {str(FIRST_ID): None}, "settings": {"speed": 1}}, "unknown member 'speed' in settings"),
            ({"set": {str(FIRST_ID): None}, "reprice": {"share": 2, "factor": 1}}, "reprice.share"),
            ({"add": [7]}, "must be an object"),
            ([], "must be an object"),
        ],
    )
    def test_a_change_with_a_mistake_is_named_and_nothing_is_applied(
        self, sandbox: Sandbox, body: object, complaint: str
    ) -> None:
        before = sandbox.catsy.state()
        reply = control(sandbox, "POST", "/catsy/state", body)
        assert reply.status_code == 400
        assert complaint in reply.json()["error"]
        assert sandbox.catsy.state() == before

    def test_a_share_of_the_plain_prices_is_multiplied_in_decimal(self, sandbox: Sandbox) -> None:
        before = {item["id"]: item for item in sandbox.catsy.state()["items"]}
        order = {"attribute": "price_trade", "share": 0.1, "factor": "1.05", "seed": 1}
        answer = change(sandbox, "catsy", reprice=order)
        moved = [item for item in sandbox.catsy.state()["items"] if item != before[item["id"]]]
        assert answer["repriced"] == len(moved) == round(0.1 * (300 - sum("Trap" in i["name"] for i in before.values())))
        assert answer["skus"] == [item["sku"] for item in moved]
        for item in moved:
            old = before[item["id"]]["price_trade"]
            assert type(item["price_trade"]) is type(old)
            assert abs(Decimal(item["price_trade"]) - Decimal(old) * Decimal("1.05")) <= Decimal("0.005")

    def test_repricing_repeats_with_its_seed(self) -> None:
        def repriced(seed: int) -> Any:
            with Sandbox() as sandbox:
                order = {"share": "0.05", "factor": 2, "seed": seed}
                return sandbox.catsy.change_state({"reprice": order})["skus"]

        assert repriced(1) == repriced(1) != repriced(2)

    def test_skus_are_not_listed_when_there_are_more_than_a_thousand(self) -> None:
        with Sandbox(scale=3000) as sandbox:
            answer = sandbox.catsy.change_state({"reprice": {"share": 1, "factor": 2}})
            assert answer["repriced"] > 2900
            assert answer["skus"] is None

    def test_a_whole_state_can_be_loaded_again(self, sandbox: Sandbox) -> None:
        change(sandbox, "catsy", insert=[{"sku": "X"}], add=[{"sku": "Y"}], set={str(FIRST_ID + 9): None})
        change(sandbox, "catsy", set={str(FIRST_ID): {"price_trade": "9.99"}}, settings={"total_at": "total"})
        saved = exact(control(sandbox, "GET", "/catsy/state"))
        sandbox.reset()
        change(sandbox, "catsy", load=saved)
        assert exact(control(sandbox, "GET", "/catsy/state")) == saved
        assert sandbox.catsy.items.held == 4

    def test_a_large_state_is_served(self) -> None:
        with Sandbox(scale=20_000) as sandbox:
            assert len(control(sandbox, "GET", "/catsy/state").json()["items"]) == 20_000


class TestSparkLayerState:
    def test_the_state_shows_lists_prices_and_what_was_written(self, sandbox: Sandbox, sparklayer: SparkLayerCaller) -> None:
        sparklayer.write([entry("A", (1, "1.10"), display_tax_rate=10)])
        state = exact(control(sandbox, "GET", "/sparklayer/state"))
        assert set(state) == {"lists", "tokens", "settings", "writes", "effects"}
        lists = {each["slug"]: each for each in state["lists"]}
        assert lists["trade-nz"]["prices"] == {"A": [row(1, "1.10", display_tax_rate=10)]}
        assert (state["tokens"], state["writes"], state["effects"]) == (1, 1, {"trade-nz": {"A": 1}})

    def test_prices_are_set_and_removed_behind_the_api(self, sandbox: Sandbox, sparklayer: SparkLayerCaller) -> None:
        change(sandbox, "sparklayer", set={"trade-nz": {"A": [row(10, "1"), row(1, "2", tax_type="net")], "B": [row(1, "3")]}})
        assert sparklayer.stored() == {"A": [row(1, "2", tax_type="net"), row(10, "1")], "B": [row(1, "3")]}
        change(sandbox, "sparklayer", set={"trade-nz": {"A": None}})
        assert sparklayer.stored() == {"B": [row(1, "3")]}
        assert sandbox.sparklayer.state()["writes"] == 0

    def test_lists_are_created_deleted_and_relabelled(self, sandbox: Sandbox, sparklayer: SparkLayerCaller) -> None:
        new = {"slug": "new", "name": "New", "currency_code": "EUR", "source": "platform", "prices": {"A": [row(1, "1")]}}
        change(sandbox, "sparklayer", create=[new], delete=["vip"], currency={"wholesale": "usd"})
        lists = {each["slug"]: each for each in sparklayer.call("GET", "v1/price-lists").json()}
        assert set(lists) == {"new", "wholesale", "trade-nz", "shop-default"}
        assert lists["wholesale"]["currency_code"] == "USD"
        assert sparklayer.stored("new") == {"A": [row(1, "1")]}

    def test_a_whole_state_can_be_loaded_again(self, sandbox: Sandbox, sparklayer: SparkLayerCaller) -> None:
        sparklayer.write([entry("A", (1, "1.10"), display_tax_rate=10)])
        change(sandbox, "sparklayer", settings={"atomic": False})
        saved = exact(control(sandbox, "GET", "/sparklayer/state"))
        control(sandbox, "POST", "/reset")
        change(sandbox, "sparklayer", load=saved)
        assert exact(control(sandbox, "GET", "/sparklayer/state")) == {**saved, "tokens": 0}

    @pytest.mark.parametrize(
        ("body", "complaint"),
        [
            ({"delete": ["vip"], "lists": []}, "unknown member 'lists'"),
            ({"delete": ["nobody"]}, "no price list 'nobody'"),
            ({"delete": ["wholesale"]}, "is the source of a rule"),
            ({"set": {"nobody": {}}, "delete": ["vip"]}, "no price list 'nobody'"),
            ({"set": {"vip": {"A": [{"price": "1"}]}}}, "vip: A: price must be a number"),
            ({"create": [{"slug": "vip", "name": "V", "currency_code": "AUD"}]}, "exists"),
            ({"currency": {"vip": "XXY"}}, "ISO 4217"),
            ({"delete": ["vip"], "settings": {"atomic": 1}}, "settings.atomic must be true or false"),
            ({"load": {"lists": [], "prices": {}}}, "unknown member 'prices' in load"),
        ],
    )
    def test_a_change_with_a_mistake_is_named_and_nothing_is_applied(
        self, sandbox: Sandbox, body: object, complaint: str
    ) -> None:
        before = sandbox.sparklayer.state()
        reply = control(sandbox, "POST", "/sparklayer/state", body)
        assert reply.status_code == 400
        assert complaint in reply.json()["error"]
        assert sandbox.sparklayer.state() == before

    def test_a_state_handed_out_does_not_change_afterwards(self, sandbox: Sandbox, sparklayer: SparkLayerCaller) -> None:
        before = sandbox.sparklayer.state()
        sparklayer.write([entry("A", (1, "1"))])
        sparklayer.call("DELETE", "v1/price-lists/wholesale/pricing")
        assert before["writes"] == 0
        assert [len(each["prices"]) for each in before["lists"]] == [27, 0, 0, 0]


class TestReset:
    def test_everything_goes_back_to_the_seed(self, sandbox: Sandbox, sparklayer: SparkLayerCaller) -> None:
        with Sandbox() as untouched:
            seed = states(untouched)
        sparklayer.write([entry("A", (1, "1"))])
        change(sandbox, "catsy", add=[{"sku": "X"}], settings={"max_limit": 3})
        sandbox.faults("catsy", [{"on": "* *", "kind": "html"}])
        assert control(sandbox, "POST", "/reset").json() == {"ok": True}
        assert states(sandbox) == seed
        assert sandbox.calls("sparklayer") == []
        assert sparklayer.call("GET", "v2/price-lists").status_code == 401
        assert CatsyCaller(sandbox).page().json()["items"]

    def test_a_full_bucket_comes_back(self) -> None:
        with Sandbox() as sandbox:
            statuses = {CatsyCaller(sandbox).page(limit=1).status_code for _ in range(60)}
            assert statuses == {200, 429}
            sandbox.reset()
            assert [CatsyCaller(sandbox).page(limit=1).status_code for _ in range(10)] == [200] * 10

    def test_a_write_still_in_flight_does_not_land_in_the_fresh_data(self, sandbox: Sandbox) -> None:
        caller = SparkLayerCaller(sandbox).log_in()
        sandbox.sparklayer.change_state({"settings": {"processing_seconds": 0.5}})
        writing = threading.Thread(target=caller.write, args=([entry("A", (1, "1"))],))
        writing.start()
        while len(sandbox.calls("sparklayer")) < 2:
            time.sleep(0.005)
        sandbox.reset()
        writing.join()
        assert caller.stored() == {}


def test_closing_is_prompt_and_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    sandbox = Sandbox()
    sandbox.sparklayer.change_state({"settings": {"processing_seconds": 3600}})
    callers = [SparkLayerCaller(sandbox).log_in() for _ in range(2)]
    sandbox.faults("sparklayer", [{"on": "GET *", "kind": "slow", "seconds": 3600}])

    def hang() -> None:
        with pytest.raises(requests.ConnectionError):
            callers[0].call("GET", "v2/price-lists")

    waiting = [
        threading.Thread(target=hang, daemon=True),
        threading.Thread(target=callers[1].write, args=([entry("A", (1, "1"))],), daemon=True),
    ]
    for thread in waiting:
        thread.start()
    while len(sandbox.calls("sparklayer")) < 4:
        time.sleep(0.005)
    sandbox.close()
    sandbox.close()
    for thread in waiting:
        thread.join(timeout=20)
    assert set(threading.enumerate()) <= before
