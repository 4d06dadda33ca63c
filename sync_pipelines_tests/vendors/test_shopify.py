"""One shop over a socket: logins, points, what a reply means, exact counts, and the download of an export."""

import gzip
import json
import logging
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from graphql import GraphQLEnumType, GraphQLObjectType, GraphQLSchema, build_schema, get_named_type, parse, validate

from sync_pipelines.credentials import CredentialMissing
from sync_pipelines.settings import SettingsError
from sync_pipelines.vendors import shopify_documents as documents
from sync_pipelines.vendors.failures import HostRefused, NeverSent, NoReply, Permanent, RateLimited, Transient
from sync_pipelines.vendors.http import CallMeter
from sync_pipelines.vendors.shopify import Export, FilterNotUnderstood, Pace, Shopify
from sync_pipelines.vendors.shopify_settings import ShopifySettings
from sync_pipelines_tests.vendors.conftest import Naps, ScriptedServer, answer
from vendor_sandbox import Sandbox
from vendor_sandbox.shopify import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    FOREIGN_CLIENT_ID,
    NO_CUSTOMERS_TOKEN,
    NO_ORDERS_TOKEN,
    RECENT_ORDERS_TOKEN,
    UNINSTALLED_CLIENT_ID,
)

Connect = Callable[[], Shopify]
Serve = Callable[..., ScriptedServer]

API, LOGIN, BULK = "POST /admin/api/*", "POST /admin/oauth/*", "GET /bulk/*"
SCHEMA = Path(__file__).parents[1] / "fixtures" / "shopify_admin_schema.graphql.gz"
EVERYTHING = "created_at:>='2000-01-01T00:00:00Z'"
SHOP_REPLY = '{"data":{"shop":{"name":"S"}},"extensions":{"cost":{"requestedQueryCost":3}}}'


def order(sandbox: Sandbox, kind: str, on: str = API, **options: Any) -> None:
    sandbox.faults("shopify", [{"on": on, "kind": kind, **options}])


def queries(sandbox: Sandbox) -> list[int | None]:
    """The statuses of all calls but those for a token and those for a file."""
    return [call["status"] for call in sandbox.calls("shopify") if "/admin/api/" in call["path"]]


def logins(sandbox: Sandbox) -> int:
    return sum("oauth" in call["path"] for call in sandbox.calls("shopify"))


def page(client: Shopify, search: str = EVERYTHING, first: int = 50, lines: int = 10) -> list[dict[str, Any]]:
    variables = {"first": first, "after": None, "filter": search, "sort": "CREATED_AT", "lines": lines}
    found: list[dict[str, Any]] = client.call(documents.ORDERS, variables, what="some orders")["orders"]["nodes"]
    return found


def granted(monkeypatch: pytest.MonkeyPatch, client_id: str = CLIENT_ID, client_secret: str = CLIENT_SECRET) -> None:
    monkeypatch.delenv("SHOPIFY_ACCESS_TOKEN")
    monkeypatch.setenv("SHOPIFY_CLIENT_ID", client_id)
    monkeypatch.setenv("SHOPIFY_CLIENT_SECRET", client_secret)


def exported(client: Shopify, search: str = EVERYTHING) -> Export:
    """A finished export."""
    export = client.start_export(documents.export(search))
    until = time.monotonic() + 10
    while export.status in ("CREATED", "RUNNING") and time.monotonic() < until:
        time.sleep(0.01)
        export = client.export(export.id)
    assert export.status == "COMPLETED"
    return export


@cache
def vendors_schema() -> GraphQLSchema:
    with gzip.open(SCHEMA, "rt", encoding="utf-8") as file:
        return build_schema(file.read(), assume_valid=True)


class TestDocuments:
    @pytest.mark.parametrize("name", documents.DOCUMENTS)
    def test_every_document_is_valid_under_the_published_schema(self, name: str) -> None:
        assert validate(vendors_schema(), parse(documents.DOCUMENTS[name])) == []

    def test_no_document_is_left_out_of_that_proof(self) -> None:
        listed = set(documents.DOCUMENTS.values())
        written = {
            text
            for name, text in vars(documents).items()
            if isinstance(text, str) and re.search(r"^(query|mutation) ", text, re.M) and name not in ("__doc__",)
        }
        assert written - listed == set()

    def test_a_wrong_document_would_be_found(self) -> None:
        wrong = documents.SHOP.replace("currencyCode", "curencyCode")
        assert [e.message for e in validate(vendors_schema(), parse(wrong))] != []

    def test_the_statuses_that_count_as_known_are_the_schemas(self) -> None:
        from sync_pipelines.pipelines.shopify_store.orders import STATUSES

        order = cast(GraphQLObjectType, vendors_schema().type_map["Order"])
        for field, known in STATUSES.items():
            assert known == set(cast(GraphQLEnumType, get_named_type(order.fields[field].type)).values)

    def test_only_what_is_named_so_changes_the_shop(self) -> None:
        mutations = {
            selection.name.value
            for text in documents.DOCUMENTS.values()
            if text not in documents.WRITES
            for definition in parse(text).definitions
            if definition.operation.value == "mutation"  # type: ignore[attr-defined]
            for selection in definition.selection_set.selections  # type: ignore[attr-defined]
        }
        assert mutations == {"bulkOperationRunQuery", "bulkOperationCancel"}

    def test_the_text_of_an_export_fits(self) -> None:
        assert len(documents.DOCUMENTS["export"].encode()) < 65_535


class TestLogin:
    def test_a_static_token_needs_no_login(self, sandbox: Sandbox, shopify: Connect) -> None:
        facts = shopify().shop()
        assert (facts.currency, facts.time_zone, facts.all_orders) == ("USD", "America/New_York", True)
        assert (logins(sandbox), queries(sandbox)) == (0, [200])

    def test_a_granted_token_serves_many_calls(self, sandbox: Sandbox, shopify: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
        sandbox.shopify.change_state({"settings": {"token_seconds": 86_399_000}})
        granted(monkeypatch)
        client = shopify()
        for _ in range(4):
            client.shop()
        assert (logins(sandbox), queries(sandbox)) == (1, [200] * 4)

    def test_a_granted_token_is_renewed_before_it_ends(
        self, sandbox: Sandbox, shopify: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sandbox.shopify.change_state({"settings": {"token_seconds": 1}})  # the shortest the sandbox gives: 1 s
        granted(monkeypatch)
        client = shopify()
        client.shop()
        time.sleep(0.92)
        client.shop()
        assert (logins(sandbox), queries(sandbox)) == (2, [200, 200])

    def test_a_granted_token_that_is_refused_is_renewed_once(
        self, sandbox: Sandbox, shopify: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sandbox.shopify.change_state({"settings": {"token_seconds": 86_399_000}})
        granted(monkeypatch)
        client = shopify()
        client.shop()
        sandbox.shopify.change_state({"revoke_tokens": True})
        assert client.shop().currency == "USD"
        assert (logins(sandbox), queries(sandbox)) == (2, [200, 401, 200])

    def test_a_shop_that_refuses_every_token_is_not_asked_for_ever(
        self, sandbox: Sandbox, shopify: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order(sandbox, "expired_token", times=100)
        granted(monkeypatch)
        with pytest.raises(Permanent) as failed:
            shopify().shop()
        assert (failed.value.status, logins(sandbox), queries(sandbox)) == (401, 2, [401, 401])

    @pytest.mark.parametrize(
        ("client_id", "client_secret", "said"),
        [
            (CLIENT_ID, "a-wrong-secret-0123", "invalid_client"),
            (FOREIGN_CLIENT_ID, CLIENT_SECRET, "shop_not_permitted"),
            (UNINSTALLED_CLIENT_ID, CLIENT_SECRET, "app_not_installed"),
        ],
    )
    def test_a_login_that_is_refused_is_not_tried_again(
        self,
        *,
        sandbox: Sandbox,
        shopify: Connect,
        monkeypatch: pytest.MonkeyPatch,
        client_id: str,
        client_secret: str,
        said: str,
    ) -> None:
        granted(monkeypatch, client_id, client_secret)
        with pytest.raises(Permanent, match=said) as failed:
            shopify().shop()
        assert (logins(sandbox), queries(sandbox)) == (1, [])
        assert client_secret not in str(failed.value)

    def test_a_wrong_static_token_is_said_once_and_not_shown(
        self, sandbox: Sandbox, shopify: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOPIFY_ACCESS_TOKEN", "shpat_0123456789abcdef")
        with pytest.raises(Permanent, match="Invalid API key") as failed:
            shopify().shop()
        assert (failed.value.status, queries(sandbox)) == (401, [401])
        assert "0123456789abcdef" not in str(failed.value)

    def test_what_is_not_set_is_named(self, sandbox: Sandbox, shopify: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SHOPIFY_ACCESS_TOKEN")
        with pytest.raises(CredentialMissing, match="SHOPIFY_ACCESS_TOKEN"):
            shopify()
        monkeypatch.delenv("SHOPIFY_URL")
        monkeypatch.delenv("SHOPIFY_STORE_NAME")
        with pytest.raises(SettingsError, match="SHOPIFY_STORE_NAME"):
            shopify()
        assert sandbox.calls("shopify") == []

    def test_while_the_sandbox_is_on_no_real_shop_is_called(
        self, sandbox: Sandbox, shopify: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SHOPIFY_URL")
        monkeypatch.setenv("SHOPIFY_STORE_NAME", "a-real-shop")
        with pytest.raises(HostRefused, match="loopback"):
            shopify()


class TestPoints:
    def test_a_throttled_call_waits_for_what_it_needs_and_is_made_again(self, sandbox: Sandbox, shopify: Connect) -> None:
        order(sandbox, "throttled", times=3)
        client = shopify()
        assert client.shop().currency == "USD"
        assert queries(sandbox) == [200] * 4
        assert isinstance(client.http.sleep, Naps)
        assert len(client.http.sleep) == 3
        assert max(client.http.sleep) < 0.2, "the bucket was full: there was nothing to wait for"

    def test_the_wait_is_what_is_missing_by_the_shops_own_rate(self, serve: Serve) -> None:
        throttled = (
            '{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}],"extensions":{"cost":{"requestedQueryCost":282,'
            '"actualQueryCost":null,"throttleStatus":{"maximumAvailable":2000.0,"currentlyAvailable":118,"restoreRate":50.0}}}}'
        )
        client, naps = scripted(serve(answer(200, throttled), answer(200, SHOP_REPLY)))
        client.call(documents.SHOP, {}, what="the shop")
        assert list(naps) == [pytest.approx((282 - 118) / 50 + 0.05)]

    def test_data_that_is_null_beside_the_throttling_changes_nothing(self, serve: Serve) -> None:
        throttled = '{"data":null,"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}]}'
        client, naps = scripted(serve(answer(200, throttled), answer(200, SHOP_REPLY)))
        client.call(documents.SHOP, {}, what="the shop")
        assert list(naps) == [pytest.approx(1.05)]

    def test_a_shop_that_throttles_without_end_is_given_up(self, sandbox: Sandbox, shopify: Connect) -> None:
        order(sandbox, "throttled", times=1000)
        with pytest.raises(RateLimited):
            shopify().shop()
        assert len(queries(sandbox)) < 20

    def test_calls_are_neither_throttled_nor_slower_than_the_points_come_back(self) -> None:
        with paced_shop(rate=4000, burst=1000) as (sandbox, client, costs):
            begun = time.monotonic()
            for _ in range(12):
                page(client, first=50)
            took = time.monotonic() - begun
            asked = sum(costs)
            assert len(queries(sandbox)) == 12, "not one call was throttled"
            assert took < asked / 4000 + 3, "and not one waited for nothing"
            assert len(costs) == 12

    def test_another_program_at_the_same_bucket_makes_it_wait_and_no_more(self) -> None:
        with paced_shop(rate=3000, burst=1000) as (sandbox, client, _):
            page(client)
            other = Shopify.connect(ShopifySettings.read(), CallMeter())
            for _ in range(6):
                page(other)
                page(client)
            other.close()
            assert len(queries(sandbox)) <= 13 + 8, "throttled now and then, for it cannot see the other's calls"

    def test_a_full_bucket_is_used_without_a_pause(self) -> None:
        naps = Naps()
        pace = Pace(naps, now=lambda: 0.0)
        pace.learn("a", cost(asked=300, available=2000))
        pace.before("a")
        pace.before("never asked before")
        assert naps == []

    def test_an_emptied_bucket_is_waited_for_and_not_a_moment_longer(self) -> None:
        naps, clock = Naps(), [0.0]
        pace = Pace(naps, now=lambda: clock[0])
        pace.learn("a", cost(asked=300, available=100))
        pace.before("a")
        assert list(naps) == [pytest.approx(2.0)]
        clock[0] = 1.5
        pace.before("a")
        assert list(naps[1:]) == [pytest.approx(0.5)]
        clock[0] = 60.0
        pace.before("a")
        assert len(naps) == 2

    def test_a_call_dearer_than_the_bucket_is_big_does_not_wait_for_ever(self) -> None:
        naps = Naps()
        pace = Pace(naps, now=lambda: 0.0)
        pace.learn("a", cost(asked=5000, available=0))
        pace.before("a")
        assert list(naps) == [pytest.approx(20.0)]

    def test_a_page_that_costs_too_much_is_not_tried_again(self, sandbox: Sandbox, shopify: Connect) -> None:
        sandbox.shopify.change_state({"settings": {"max_cost": 100}})
        with pytest.raises(Permanent, match="MAX_COST_EXCEEDED"):
            page(shopify())
        assert queries(sandbox) == [200]


class TestReplies:
    @pytest.mark.parametrize("kind", ["lost_reply", "lost_request", "cut_body", "html", "graphql_error", "partial"])
    def test_a_fault_of_the_moment_is_tried_again(self, sandbox: Sandbox, shopify: Connect, kind: str) -> None:
        order(sandbox, kind, times=2)
        found = page(shopify(), first=20)
        assert len(found) == 20
        assert all(each["legacyResourceId"] and each["lineItems"] is not None for each in found)
        assert len(queries(sandbox)) == 3

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_server_fault_is_tried_again(self, sandbox: Sandbox, shopify: Connect, status: int) -> None:
        order(sandbox, "status", status=status, body="<html>Bad gateway</html>", times=2)
        assert shopify().shop().currency == "USD"
        assert queries(sandbox) == [status, status, 200]

    @pytest.mark.parametrize("status", [400, 402, 403, 404, 423])
    def test_a_refusal_is_final_and_said(self, sandbox: Sandbox, shopify: Connect, status: int) -> None:
        order(sandbox, "status", status=status, body={"errors": "Unavailable Shop"})
        with pytest.raises(Permanent, match="Unavailable Shop") as failed:
            shopify().shop()
        assert (failed.value.status, queries(sandbox)) == (status, [status])

    def test_a_429_with_a_time_is_waited_for(self, sandbox: Sandbox, shopify: Connect) -> None:
        order(sandbox, "rate_limited", retry_after="2.0")
        client = shopify()
        client.shop()
        assert list(cast(Naps, client.http.sleep)) == [pytest.approx(2.05)]
        assert client.http.meter.refused["shopify"] == 1

    def test_a_fault_that_stays_is_given_up(self, sandbox: Sandbox, shopify: Connect) -> None:
        order(sandbox, "graphql_error", times=1000)
        with pytest.raises(Transient, match="Internal error"):
            shopify().shop()
        assert len(queries(sandbox)) < 20

    @pytest.mark.parametrize("body", ["[]", "null", '"text"', '{"data": null}', "{}", '{"data": []}'])
    def test_a_reply_without_data_is_no_result(self, serve: Serve, body: str) -> None:
        client, _ = scripted(serve(answer(200, body)))
        with pytest.raises(Transient):
            client.call(documents.SHOP, {}, what="the shop")

    def test_an_error_that_is_a_text_is_final(self, serve: Serve) -> None:
        client, naps = scripted(serve(answer(200, '{"errors":"Shop is frozen"}')))
        with pytest.raises(Permanent, match="Shop is frozen"):
            client.call(documents.SHOP, {}, what="the shop")
        assert naps == []

    @pytest.mark.parametrize(
        ("errors", "told"),
        [
            ({"query": "Required parameter missing"}, "query: Required parameter missing"),
            ({"message": "Not Found"}, "Not Found"),
            (["Shop is frozen"], "Shop is frozen"),
            ([{"message": "odd", "extensions": None, "path": None}], "odd"),
        ],
    )
    def test_errors_in_any_shape_are_told_with_their_text(self, serve: Serve, errors: Any, told: str) -> None:
        client, naps = scripted(serve(answer(200, json.dumps({"errors": errors}))))
        with pytest.raises(Permanent, match=told):
            client.call(documents.SHOP, {}, what="the shop")
        assert naps == []

    def test_a_reply_that_lacks_what_was_asked_for_says_so(self, serve: Serve) -> None:
        client, _ = scripted(serve(answer(200, '{"data": {"shop": {"name": "x"}}}')))
        with pytest.raises(Transient, match="the shop and this token's scopes: the reply is not what was asked for"):
            client.shop()

    def test_a_search_that_the_shop_did_not_understand_is_not_used(self, sandbox: Sandbox, shopify: Connect) -> None:
        client = shopify()
        with pytest.raises(FilterNotUnderstood, match="creatd_at"):
            page(client, "creatd_at:>='2026-11-01T00:00:00Z'")
        with pytest.raises(FilterNotUnderstood, match="not used"):
            client.counts(["created_at:>=2026-11-01T00:00:00Z"])
        assert queries(sandbox) == [200, 200], "asking the same again would not help"

    def test_a_version_that_is_no_longer_served_is_noticed_and_survived(
        self, sandbox: Sandbox, shopify: Connect, caplog: pytest.LogCaptureFixture
    ) -> None:
        sandbox.shopify.change_state({"settings": {"versions": ["2027-01", "2027-04"]}})
        client = shopify()
        with caplog.at_level(logging.WARNING):
            client.shop()
            client.shop()
        (said,) = client.notices
        assert "2026-10" in said
        assert "2027-01" in said
        assert client.notices[said] == 2
        assert sum(said in message for message in caplog.messages) == 1, "logged once, not with every call"

    def test_the_version_asked_for_is_no_news(self, shopify: Connect) -> None:
        client = shopify()
        client.shop()
        assert not client.notices

    def test_a_field_withheld_from_the_token_is_noticed_and_the_rest_is_used(
        self, shopify: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOPIFY_ACCESS_TOKEN", NO_CUSTOMERS_TOKEN)
        client = shopify()
        found = page(client, first=20)
        assert len(found) == 20
        assert {each["customer"] for each in found} == {None}
        assert list(client.notices) == ["customer is withheld from this token"]

    def test_an_access_error_without_a_path_is_one_about_the_field_it_names(self, sandbox: Sandbox, shopify: Connect) -> None:
        order(sandbox, "not_approved")
        client = shopify()
        found = page(client, first=20)
        assert len(found) == 20
        assert {each["customer"] for each in found} == {None}
        assert list(client.notices) == ["customer is withheld from this token"]

    @pytest.mark.parametrize("named", ["Order", "Customer"])
    def test_an_access_error_with_nothing_beside_it_is_final(self, serve: Serve, named: str) -> None:
        error = {"message": f"Not approved to access {named}", "extensions": {"code": "ACCESS_DENIED"}}
        client, naps = scripted(serve(answer(200, json.dumps({"data": {"orders": None}, "errors": [error]}))))
        with pytest.raises(Permanent, match=f"Not approved to access {named}"):
            client.call(documents.SHOP, {}, what="the shop")
        assert naps == []

    def test_a_token_that_may_not_read_orders_is_told_what_it_needs(
        self, sandbox: Sandbox, shopify: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOPIFY_ACCESS_TOKEN", NO_ORDERS_TOKEN)
        client = shopify()
        with pytest.raises(Permanent, match="The token needs: `read_orders`"):
            page(client)
        with pytest.raises(Permanent, match="read_orders"):
            client.counts([EVERYTHING])
        assert queries(sandbox) == [200, 200]

    def test_what_a_token_may_see_is_known(self, shopify: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOPIFY_ACCESS_TOKEN", RECENT_ORDERS_TOKEN)
        assert not shopify().shop().all_orders


class TestCounts:
    def test_many_counts_go_into_one_call_and_are_exact(self, sandbox: Sandbox, shopify: Connect) -> None:
        names = [each["name"] for each in sandbox.shopify.orders()]
        wanted = [f"name:'{name}'" for name in names[:90]]
        client = shopify()
        assert client.counts(wanted) == [1] * 90
        assert len(queries(sandbox)) == 3

    def test_no_filter_is_no_call(self, sandbox: Sandbox, shopify: Connect) -> None:
        assert shopify().counts([]) == []
        assert queries(sandbox) == []

    def test_counts_come_in_the_order_of_the_filters(self, sandbox: Sandbox, shopify: Connect) -> None:
        times = sorted(each["createdAt"] for each in sandbox.shopify.orders())
        filters = [f"created_at:<'{times[n]}'" for n in (300, 5, 0, 120)]
        assert shopify().counts(filters) == [sum(t < times[n] for t in times) for n in (300, 5, 0, 120)]

    @pytest.mark.parametrize("count", ['{"count":10000,"precision":"AT_LEAST"}', "null"])
    def test_a_count_that_is_not_exact_proves_nothing(self, serve: Serve, count: str) -> None:
        client, _ = scripted(serve(answer(200, f'{{"data":{{"c0":{count}}}}}')))
        with pytest.raises(Permanent, match="not exact"):
            client.counts([EVERYTHING])

    def test_more_than_ten_thousand_are_counted_exactly(self) -> None:
        with Sandbox(speed=1000, orders=10_200) as sandbox, pytest.MonkeyPatch.context() as environment:
            for name, value in sandbox.env.items():
                environment.setenv(name, value)
            client = Shopify.connect(ShopifySettings.read(), CallMeter())
            assert client.counts([EVERYTHING]) == [10_200]
            client.close()


class TestExports:
    def test_an_export_starts_runs_and_is_done(self, sandbox: Sandbox, shopify: Connect) -> None:
        client = shopify()
        begun = client.start_export(documents.export(EVERYTHING))
        assert [e.id for e in client.exports_running()] == [begun.id]
        done = exported(client)
        assert (done.orders, done.error) == (400, "")
        assert done.objects == 400 + sum(len(each["lineItems"]) for each in sandbox.shopify.orders())
        with client.result(done) as lines:
            assert sum(1 for line in lines if line) == done.objects

    def test_an_export_of_nothing_has_no_file_and_no_lines(self, shopify: Connect) -> None:
        client = shopify()
        done = exported(client, "created_at:<'2001-01-01T00:00:00Z'")
        assert done.url is None
        with client.result(done) as lines:
            assert list(lines) == []

    def test_a_lost_reply_does_not_start_it_twice(self, sandbox: Sandbox, shopify: Connect) -> None:
        client = shopify()
        order(sandbox, "lost_reply")
        done = exported(client)
        assert done.orders == 400
        assert sandbox.shopify.state()["bulk_started"] == 1

    def test_a_lost_request_is_sent_again(self, sandbox: Sandbox, shopify: Connect) -> None:
        client = shopify()
        order(sandbox, "lost_request")
        assert exported(client).orders == 400
        assert sandbox.shopify.state()["bulk_started"] == 1

    def test_a_refused_query_is_told_with_the_reason(self, shopify: Connect) -> None:
        with pytest.raises(Permanent, match="at least one connection"):
            shopify().start_export("{ shop { name } }")


class TestDownload:
    def test_no_token_goes_with_a_download(self, sandbox: Sandbox, shopify: Connect) -> None:
        client = shopify()
        done = exported(client)
        with client.result(done) as lines:
            assert sum(1 for _ in lines) == done.objects
        assert sandbox.shopify.state()["token_leaks"] == 0
        assert client.http.meter.used["shopify"] == len(sandbox.calls("shopify")), "a download is a call, too"

    def test_nothing_of_ours_goes_to_another_host(
        self, serve: Serve, shopify: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password something\n")
        monkeypatch.setenv("NETRC", str(netrc))
        storage = serve(answer(200, "{}\n"))
        client = shopify()
        client.http.authorization = "Bearer of-the-account"
        client.shop()
        with client.result(finished(f"{storage.url}/bucket/file.jsonl?signature=1")) as lines:
            assert list(lines) == [b"{}"]
        (heard,) = storage.heard
        assert {"x-shopify-access-token", "authorization", "cookie"} & heard.headers.keys() == set()
        assert ACCESS_TOKEN not in str(heard)

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("https://storage.googleapis.example/file.jsonl", "sandbox is on"),
            ("http://storage.googleapis.example/file.jsonl", "plain http"),
            ("ftp://127.0.0.1/file.jsonl", "not a base address"),
            ("file:///etc/passwd", "not a base address"),
            ("https://user:word@127.0.0.1/file.jsonl", "not a base address"),
        ],
    )
    def test_an_address_that_may_not_be_called_is_not_called(self, shopify: Connect, url: str, said: str) -> None:
        with pytest.raises(HostRefused, match=said), shopify().result(finished(url)):
            pytest.fail("nothing may be opened")

    def test_a_redirect_is_not_followed(self, serve: Serve, shopify: Connect) -> None:
        elsewhere = serve(answer(200, "{}\n"))
        storage = serve(answer(302, Location=elsewhere.url))
        with pytest.raises(HostRefused), shopify().result(finished(f"{storage.url}/file.jsonl")):
            pytest.fail("nothing may be opened")
        assert elsewhere.heard == []

    def test_an_address_that_has_expired_is_said_to_have(self, sandbox: Sandbox, shopify: Connect) -> None:
        client = shopify()
        done = exported(client)
        sandbox.shopify.change_state({"settings": {"url_life": 0}})
        with pytest.raises(Permanent, match="expired") as failed, client.result(done):
            pytest.fail("nothing may be opened")
        assert failed.value.status == 403
        assert "login lacks" not in str(failed.value), "it is the address, not the login"

    def test_a_download_that_is_cut_is_not_taken_for_whole(self, sandbox: Sandbox, shopify: Connect) -> None:
        client = shopify()
        done = exported(client)
        order(sandbox, "cut_body", on=BULK)
        with pytest.raises(NoReply), client.result(done) as lines:
            for _ in lines:
                pass

    def test_storage_that_is_not_there_is_told_without_its_signature(self, shopify: Connect) -> None:
        with pytest.raises(NeverSent) as failed, shopify().result(finished("http://127.0.0.1:9/f.jsonl?sig=s3cr3t-signature")):
            pytest.fail("nothing may be opened")
        assert "s3cr3t-signature" not in str(failed.value)

    def test_lines_come_whole_whatever_pieces_they_are_sent_in(self, serve: Serve, shopify: Connect) -> None:
        wanted = [b'{"id":1}', "é🎉".encode(), b"", b"x" * 300_000, b"last, without an end"]
        body = b"\n".join(wanted)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        pieces = [head, *(body[n : n + 7] for n in range(0, 40, 7)), body[42:]]
        with shopify().result(finished(serve(pieces).url + "/f")) as lines:
            assert list(lines) == wanted


class TestSecrets:
    def test_neither_tokens_nor_personal_data_show_in_messages_or_logs(
        self, sandbox: Sandbox, shopify: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        sandbox.shopify.change_state({"settings": {"token_seconds": 86_399_000}})
        granted(monkeypatch)
        client = shopify()
        with caplog.at_level(logging.DEBUG):
            page(client, first=20)
            token = next(iter(sandbox.shopify._tokens._granted))
            order(sandbox, "status", status=503, body=f"token {token}, secret {CLIENT_SECRET}, of ann@example.com")
            order(sandbox, "status", status=400, body=f"token {token}, secret {CLIENT_SECRET}, of ann@example.com")
            with pytest.raises(Permanent, match="secret") as failed:
                client.shop()
            done = exported(client)
            with client.result(done) as lines:
                sum(1 for _ in lines)
        said = f"{failed.value}\n{caplog.text}"
        signature = str(done.url).rsplit("/", 1)[1]
        people = {each["email"] for each in sandbox.shopify.orders() if each["email"]}
        for secret in (token, CLIENT_SECRET, "ann@example.com", *people):
            assert secret not in said
        ours = [r.getMessage() for r in caplog.records if r.name.startswith("sync_pipelines.vendors")]
        assert not [message for message in ours if signature in message]
        assert len(people) > 20


def cost(asked: int, available: int) -> dict[str, Any]:
    return {
        "requestedQueryCost": asked,
        "throttleStatus": {"maximumAvailable": 2000, "currentlyAvailable": available, "restoreRate": 100},
    }


def finished(url: str) -> Export:
    return Export("gid://shopify/BulkOperation/1", "COMPLETED", "", 1, 1, url, "", datetime.now(UTC))


def scripted(server: ScriptedServer) -> tuple[Shopify, Naps]:
    """A client of a server that says exactly what a test wants."""
    from sync_pipelines.vendors.http import Http
    from sync_pipelines.vendors.shopify import READS

    naps = Naps()
    http = Http("shopify", server.url, meter=CallMeter(), reads=READS, timeout=5, sleep=naps)
    return Shopify(http, "2026-10", token="scripted-token", sleep=naps), naps


class paced_shop:  # noqa: N801 - read as a function
    """A shop at the wall's own speed, with its calls' requested costs; the environment points at it meanwhile."""

    def __init__(self, rate: float, burst: int) -> None:
        self.sandbox = Sandbox(speed=1)
        self.sandbox.shopify.change_state({"settings": {"rate_per_second": rate, "burst": burst}})
        self.environment = pytest.MonkeyPatch()

    def __enter__(self) -> tuple[Sandbox, Shopify, Sequence[float]]:
        for name, value in self.sandbox.env.items():
            self.environment.setenv(name, value)
        self.client = Shopify.connect(ShopifySettings.read(), CallMeter())
        costs: list[float] = []
        learn = self.client.pace.learn

        def noted(document: str, cost: Any) -> float:
            costs.append(float(cost["requestedQueryCost"]))
            return learn(document, cost)

        self.client.pace.learn = noted  # type: ignore[method-assign]
        return self.sandbox, self.client, costs

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.environment.undo()
        self.sandbox.close()
