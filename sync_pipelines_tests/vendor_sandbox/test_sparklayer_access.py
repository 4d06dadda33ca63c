"""Tokens, sites and price lists of SparkLayer's stand-in."""

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.conftest import SparkLayerCaller, entry, eventually, exact
from vendor_sandbox import Sandbox
from vendor_sandbox.sparklayer import CLIENT_ID, CLIENT_SECRET, OTHER_CLIENT_ID, OTHER_CLIENT_SECRET, OTHER_SITE_ID, SITE_ID

LIST = {"slug": "trade-au", "name": "Trade AU", "currency_code": "aud", "source": "integration"}
RULE = {"source_price_list_slug": "wholesale", "adjustment_percentage": 0.05, "adjustment_direction": "plus"}


class TestTokens:
    def test_a_token_is_given_for_the_right_key(self, sandbox: Sandbox) -> None:
        reply = SparkLayerCaller(sandbox).ask_for_token()
        assert reply.status_code == 200
        assert set(reply.json()) == {"token_type", "expires_in", "access_token"}
        assert reply.json()["token_type"].lower() == "bearer"

    def test_the_advertised_life_is_scaled_by_speed(self) -> None:
        for speed, life in ((1, 3600), (60, 60)):
            with Sandbox(speed=speed) as sandbox:
                assert SparkLayerCaller(sandbox).ask_for_token().json()["expires_in"] == life

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"client_secret": "wrong"}, 401),
            ({"client_id": None}, 401),
            ({"grant_type": "password"}, 400),
            ({"grant_type": None}, 400),
        ],
    )
    def test_a_wrong_key_gets_401_and_another_grant_400(self, sandbox: Sandbox, changes: dict[str, object], status: int) -> None:
        assert SparkLayerCaller(sandbox).ask_for_token(**changes).status_code == status

    def test_a_form_encoded_body_is_refused(self, sandbox: Sandbox) -> None:
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        url = f"{sandbox.url}/sparklayer/api/auth/token"
        assert requests.post(url, data=form, headers={"Site-Id": SITE_ID}, timeout=5).status_code == 400

    def test_the_token_call_needs_a_site(self, sandbox: Sandbox) -> None:
        caller = SparkLayerCaller(sandbox)
        del caller.session.headers["Site-Id"]
        assert caller.ask_for_token().status_code == 400

    def test_the_key_of_another_site_gets_401(self, sandbox: Sandbox) -> None:
        assert SparkLayerCaller(sandbox, site=OTHER_SITE_ID).ask_for_token().status_code == 401
        assert SparkLayerCaller(sandbox, site="unknown").ask_for_token().status_code == 401

    def test_calls_without_a_valid_token_get_401(self, sandbox: Sandbox) -> None:
        caller = SparkLayerCaller(sandbox)
        assert caller.call("GET", "v2/price-lists").status_code == 401
        caller.session.headers["Authorization"] = "Bearer token-of-the-test-environment"
        assert caller.call("GET", "v2/price-lists").status_code == 401

    def test_a_token_works_only_with_the_site_it_was_given_for(self, sandbox: Sandbox) -> None:
        other = SparkLayerCaller(sandbox, OTHER_SITE_ID, (OTHER_CLIENT_ID, OTHER_CLIENT_SECRET)).log_in()
        assert other.call("GET", "v2/price-lists", headers={"Site-Id": SITE_ID}).status_code == 401
        own = SparkLayerCaller(sandbox).log_in()
        assert own.call("GET", "v2/price-lists", headers={"Site-Id": None}).status_code == 401
        assert own.call("GET", "v2/price-lists").status_code == 200

    def test_a_site_whose_plan_has_no_api_gets_403(self, sandbox: Sandbox) -> None:
        other = SparkLayerCaller(sandbox, OTHER_SITE_ID, (OTHER_CLIENT_ID, OTHER_CLIENT_SECRET)).log_in()
        assert other.call("GET", "v2/price-lists").status_code == 403

    def test_revoked_tokens_get_401_and_a_new_one_works(self, sandbox: Sandbox, sparklayer: SparkLayerCaller) -> None:
        sandbox.sparklayer.change_state({"revoke_tokens": True})
        assert sparklayer.call("GET", "v2/price-lists").status_code == 401
        assert sparklayer.log_in().call("GET", "v2/price-lists").status_code == 200

    def test_a_token_dies_at_the_end_of_its_life(self) -> None:
        with Sandbox() as sandbox:
            sandbox.sparklayer.change_state({"settings": {"token_seconds": 1, "rate_per_second": 10_000}})
            caller = SparkLayerCaller(sandbox).log_in()
            eventually(lambda: caller.call("GET", "v2/price-lists").status_code == 401)
            assert sandbox.sparklayer.state()["tokens"] == 0

    @pytest.mark.parametrize(("ends", "status"), [(False, 200), (True, 401)])
    def test_a_second_token_leaves_the_first_alive_unless_set_otherwise(self, ends: bool, status: int) -> None:
        with Sandbox() as sandbox:
            sandbox.sparklayer.change_state({"settings": {"new_token_ends_old": ends}})
            caller = SparkLayerCaller(sandbox).log_in()
            caller.ask_for_token()
            assert caller.call("GET", "v2/price-lists").status_code == status


class TestPriceLists:
    def test_the_seed_has_four_lists_with_their_sources_and_currencies(self, sparklayer: SparkLayerCaller) -> None:
        lists = sparklayer.call("GET", "v2/price-lists").json()["data"]
        assert {(each["slug"], each["source"], each["currency_code"]) for each in lists} == {
            ("wholesale", "integration", "AUD"),
            ("vip", "custom", "AUD"),
            ("trade-nz", "integration", "NZD"),
            ("shop-default", "platform", "AUD"),
        }

    def test_lists_come_by_page_in_the_order_asked_for(self, sparklayer: SparkLayerCaller) -> None:
        reply = sparklayer.call("GET", "v2/price-lists", params={"page": 2, "page_size": 3, "order_by": "name:desc"})
        assert [each["slug"] for each in reply.json()["data"]] == ["shop-default"]
        assert reply.json()["pagination"] == {"total": 4, "per_page": 3, "current_page": 2, "total_pages": 2}
        assert sparklayer.call("GET", "v2/price-lists", params={"page": 9}).json()["data"] == []

    def test_an_updated_list_is_the_latest(self, sparklayer: SparkLayerCaller) -> None:
        sparklayer.call("PATCH", "v1/price-lists/vip", {"name": "Very important"})
        reply = sparklayer.call("GET", "v2/price-lists", params={"order_by": "updated_at:desc"})
        assert reply.json()["data"][0]["slug"] == "vip"

    @pytest.mark.parametrize(
        "parameters", [{"page_size": 251}, {"page_size": 0}, {"page": 0}, {"page": "x"}, {"order_by": "name"}]
    )
    def test_paging_values_out_of_range_get_400(self, sparklayer: SparkLayerCaller, parameters: dict[str, object]) -> None:
        assert sparklayer.call("GET", "v2/price-lists", params=parameters).status_code == 400

    def test_lists_are_filtered_by_several_sources(self, sparklayer: SparkLayerCaller) -> None:
        data = sparklayer.call("GET", "v2/price-lists", params={"source": "custom,platform"}).json()["data"]
        assert [each["slug"] for each in data] == ["shop-default", "vip"]

    def test_manual_counts_count_skus_and_not_breaks(self, sparklayer: SparkLayerCaller) -> None:
        sparklayer.write([entry("A", (1, "2"), (10, "1")), entry("B", (1, "3"))])
        data = sparklayer.call("GET", "v2/price-lists-num-manual-prices").json()["data"]
        counts = {each["slug"]: each["num_manual_prices"] for each in data}
        assert (counts["trade-nz"], counts["vip"]) == (2, 0)
        assert "num_manual_prices" not in sparklayer.call("GET", "v2/price-lists").json()["data"][0]

    def test_the_old_call_gives_every_list_in_one_array(self, sparklayer: SparkLayerCaller) -> None:
        lists = sparklayer.call("GET", "v1/price-lists").json()
        assert [each["name"] for each in lists] == sorted(each["name"] for each in lists)
        assert len(lists) == 4

    def test_one_list_comes_with_its_rules(self, sparklayer: SparkLayerCaller) -> None:
        rules = exact(sparklayer.call("GET", "v1/price-lists/vip"))["rules"]
        assert [(rule["source_price_list_slug"], str(rule["adjustment_percentage"])) for rule in rules] == [
            ("wholesale", "0.100000")
        ]
        assert sparklayer.call("GET", "v1/price-lists/nobody").status_code == 404

    def test_a_list_is_created_once(self, sparklayer: SparkLayerCaller) -> None:
        reply = sparklayer.call("POST", "v1/price-lists", LIST)
        assert reply.status_code == 200
        assert reply.json() == {**LIST, "currency_code": "AUD", "tax_inclusive_display": False, "rules": []}
        assert sparklayer.call("POST", "v1/price-lists", LIST).status_code == 400

    def test_a_list_without_a_source_is_custom(self, sparklayer: SparkLayerCaller) -> None:
        fields = {name: value for name, value in LIST.items() if name != "source"}
        assert sparklayer.call("POST", "v1/price-lists", fields).json()["source"] == "custom"

    @pytest.mark.parametrize(
        "changes",
        [
            {"slug": None},
            {"slug": "x" * 31},
            {"name": ""},
            {"name": "x" * 65},
            {"currency_code": "XXY"},
            {"currency_code": None},
            {"source": "platform"},
            {"source": "other"},
            {"tax_inclusive_display": "no"},
            {"rules": [{**RULE, "source_price_list_slug": "nobody"}]},
            {"rules": [{**RULE, "adjustment_percentage": 1.5}]},
            {"rules": [{**RULE, "adjustment_direction": "up"}]},
            {"rules": [{**RULE, "currency_exchange_rate": "1"}]},
            {"colour": "red"},
        ],
    )
    def test_a_list_that_may_not_be_so_gets_400(self, sparklayer: SparkLayerCaller, changes: dict[str, object]) -> None:
        reply = sparklayer.call("POST", "v1/price-lists", {**LIST, **changes})
        assert reply.status_code == 400
        assert set(reply.json()) == {"title", "status", "detail"}
        assert sparklayer.call("GET", "v1/price-lists/trade-au").status_code == 404

    def test_an_update_changes_only_what_is_sent_and_rules_as_a_whole(self, sparklayer: SparkLayerCaller) -> None:
        before = exact(sparklayer.call("GET", "v1/price-lists/vip"))
        reply = sparklayer.call("PATCH", "v1/price-lists/vip", {"rules": [RULE], "currency_code": "NZD"})
        assert reply.status_code == 200
        expected = {**before, "currency_code": "NZD", "rules": [{**RULE, "currency_exchange_rate": None}]}
        assert reply.json() == expected == sparklayer.call("GET", "v1/price-lists/vip").json()

    def test_slug_and_source_never_change(self, sparklayer: SparkLayerCaller) -> None:
        assert sparklayer.call("PATCH", "v1/price-lists/vip", {"slug": "vip2"}).status_code == 400
        assert sparklayer.call("PATCH", "v1/price-lists/vip", {"source": "integration"}).status_code == 400
        assert sparklayer.call("PATCH", "v1/price-lists/nobody", {"name": "N"}).status_code == 404

    def test_changing_the_currency_converts_no_price(self, sparklayer: SparkLayerCaller) -> None:
        before = sparklayer.stored("wholesale")
        sparklayer.call("PATCH", "v1/price-lists/wholesale", {"currency_code": "USD"})
        assert sparklayer.stored("wholesale") == before

    def test_a_list_goes_with_its_prices_but_not_while_a_rule_uses_it(self, sparklayer: SparkLayerCaller) -> None:
        assert sparklayer.call("DELETE", "v1/price-lists/wholesale").status_code == 400
        assert sparklayer.call("DELETE", "v1/price-lists/vip").status_code == 204
        reply = sparklayer.call("DELETE", "v1/price-lists/wholesale")
        assert (reply.status_code, reply.content) == (204, b"")
        assert sparklayer.call("GET", "v1/price-lists/wholesale/pricing").status_code == 404
        assert sparklayer.call("DELETE", "v1/price-lists/wholesale").status_code == 404
