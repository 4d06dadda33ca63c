"""Tokens, versions, refusals, costs and pages of Shopify's stand-in."""

import json
from typing import Any

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.conftest import PATIENCE, eventually
from sync_pipelines_tests.vendor_sandbox.shopify_calls import EXPORT, ShopifyCaller
from vendor_sandbox import Sandbox
from vendor_sandbox.shopify import (
    CLIENT_ID,
    CLIENT_SECRET,
    FOREIGN_CLIENT_ID,
    NO_CUSTOMERS_TOKEN,
    NO_ORDERS_TOKEN,
    RECENT_ORDERS_TOKEN,
    REDACTED_TOKEN,
    UNINSTALLED_CLIENT_ID,
)
from vendor_sandbox.shopify.access import SCOPES

PING = "{ shop { id name myshopifyDomain currencyCode ianaTimezone plan { publicDisplayName } } currentAppInstallation { accessScopes { handle } app { id } } }"
NAMES = "query ($first: Int, $after: String) { orders(first: $first, after: $after) { nodes { name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"


@pytest.fixture
def shopify(sandbox: Sandbox) -> ShopifyCaller:
    return ShopifyCaller(sandbox)


def grant(sandbox: Sandbox, **form: str) -> requests.Response:
    whole = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **form}
    return requests.post(f"{sandbox.env['SHOPIFY_URL']}/admin/oauth/access_token", data=whole, timeout=PATIENCE)


class TestTokens:
    def test_the_environment_leads_to_the_shop(self, sandbox: Sandbox) -> None:
        env = sandbox.env
        assert (env["SHOPIFY_STORE_NAME"], env["SHOPIFY_TIME_ZONE"]) == ("sandbox-store", "America/New_York")
        shop = ShopifyCaller(sandbox, env["SHOPIFY_ACCESS_TOKEN"]).data(PING)["shop"]
        assert (shop["myshopifyDomain"], shop["currencyCode"]) == ("sandbox-store.myshopify.com", "USD")

    @pytest.mark.parametrize("token", [None, "shpat_unknown", CLIENT_ID, CLIENT_SECRET])
    def test_without_a_known_token_errors_is_a_string(self, sandbox: Sandbox, token: str | None) -> None:
        reply = ShopifyCaller(sandbox, token).post(PING)
        assert reply.status_code == 401
        assert reply.json()["errors"].startswith("[API] Invalid API key or access token")

    def test_the_grant_gives_a_token_for_a_day(self, sandbox: Sandbox) -> None:
        granted = grant(sandbox).json()
        assert granted["expires_in"] == 86_399
        assert "read_all_orders" in granted["scope"].split(",")
        assert ShopifyCaller(sandbox, granted["access_token"]).data(PING)

    @pytest.mark.parametrize(
        ("form", "status", "error"),
        [
            ({"client_secret": "wrong"}, 401, "invalid_client"),
            ({"client_id": "nobody"}, 401, "invalid_client"),
            ({"client_id": FOREIGN_CLIENT_ID}, 400, "shop_not_permitted"),
            ({"client_id": UNINSTALLED_CLIENT_ID}, 400, "app_not_installed"),
            ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ],
    )
    def test_the_grant_is_refused(self, sandbox: Sandbox, form: dict[str, str], status: int, error: str) -> None:
        reply = grant(sandbox, **form)
        assert (reply.status_code, reply.json()["error"]) == (status, error)

    def test_a_granted_token_dies_at_the_end_of_its_life_or_when_revoked(self, sandbox: Sandbox) -> None:
        sandbox.shopify.change_state({"settings": {"token_seconds": 1}})
        caller = ShopifyCaller(sandbox, grant(sandbox).json()["access_token"])
        eventually(lambda: caller.post(PING).status_code == 401)
        caller = ShopifyCaller(sandbox, grant(sandbox).json()["access_token"])
        sandbox.shopify.change_state({"revoke_tokens": True})
        assert caller.post(PING).status_code == 401

    def test_an_expired_token_fault_ends_a_granted_token(self, sandbox: Sandbox) -> None:
        caller = ShopifyCaller(sandbox, grant(sandbox).json()["access_token"])
        sandbox.faults("shopify", [{"on": "POST /admin/api/*", "kind": "expired_token"}])
        assert [caller.post(PING).status_code for _ in range(2)] == [401, 401]


class TestScopes:
    def test_a_missing_customer_scope_is_null_and_an_error_with_its_path(self, sandbox: Sandbox) -> None:
        caller = ShopifyCaller(sandbox, NO_CUSTOMERS_TOKEN)
        reply = caller.ask("{ orders(first: 2) { nodes { name customer { id } } } }")
        assert [each["customer"] for each in reply["data"]["orders"]["nodes"]] == [None, None]
        assert [each["path"] for each in reply["errors"]] == [["orders", "nodes", n, "customer"] for n in (0, 1)]
        extensions = reply["errors"][0]["extensions"]
        assert (extensions["code"], extensions["requiredAccess"]) == ("ACCESS_DENIED", "`read_customers` access scope.")

    def test_without_the_order_scope_nothing_is_read(self, sandbox: Sandbox) -> None:
        caller = ShopifyCaller(sandbox, NO_ORDERS_TOKEN)
        assert caller.ask("{ orders(first: 2) { nodes { name } } }")["data"] is None
        reply = caller.ask('{ order(id: "gid://shopify/Order/5000000399") { id } ordersCount { count } }')
        assert reply["data"] == {"order": None, "ordersCount": None}
        assert {each["extensions"]["code"] for each in reply["errors"]} == {"ACCESS_DENIED"}

    def test_personal_fields_are_null_without_approval(self, sandbox: Sandbox) -> None:
        document = """{ orders(first: 50) { nodes { email phone name
            customer { id firstName displayName defaultEmailAddress { emailAddress } }
            billingAddress { zip address1 city } } } }"""
        order = ShopifyCaller(sandbox, REDACTED_TOKEN).data(document)["orders"]["nodes"][0]
        assert (order["email"], order["customer"]["firstName"], order["customer"]["displayName"]) == (None, None, "")
        assert order["customer"]["defaultEmailAddress"] is None
        assert order["billingAddress"] == {"zip": None, "address1": None, "city": order["billingAddress"]["city"]}
        assert order["customer"]["id"]
        assert order["billingAddress"]["city"]

    def test_old_orders_are_not_there_without_read_all_orders(self, sandbox: Sandbox) -> None:
        everything, recent = (ShopifyCaller(sandbox, *token) for token in ((), (RECENT_ORDERS_TOKEN,)))
        old = next(iter(sandbox.shopify.orders()))
        found = recent.names()
        assert 200 < len(found) < 300
        assert old["name"] not in found
        assert everything.names()[0] == old["name"]
        document = f'{{ order(id: "{old["id"]}") {{ name }} node(id: "{old["id"]}") {{ id }} ordersCount {{ count }} }}'
        assert recent.data(document) == {"order": None, "node": None, "ordersCount": {"count": len(found)}}
        assert everything.data(document)["order"] == {"name": old["name"]}

    def test_an_app_can_ask_for_its_scopes(self, sandbox: Sandbox) -> None:
        scopes = ShopifyCaller(sandbox, RECENT_ORDERS_TOKEN).data(PING)["currentAppInstallation"]["accessScopes"]
        assert {each["handle"] for each in scopes} == set(SCOPES) - {"read_all_orders"}


class TestVersions:
    @pytest.mark.parametrize(
        ("asked", "answered"),
        [
            ("2026-10", "2026-10"),
            ("2026-01", "2026-01"),
            ("2023-10", "2026-01"),
            ("2027-01", "2027-01"),
            ("unstable", "unstable"),
        ],
    )
    def test_the_header_says_which_version_answered(self, sandbox: Sandbox, asked: str, answered: str) -> None:
        reply = ShopifyCaller(sandbox, version=asked).post(PING)
        assert (reply.status_code, reply.headers["X-Shopify-API-Version"]) == (200, answered)

    @pytest.mark.parametrize("version", ["2026-11", "2018-01", "2027-04", "latest", "26-10"])
    def test_versions_that_never_were_get_404(self, sandbox: Sandbox, version: str) -> None:
        assert ShopifyCaller(sandbox, version=version).post(PING).status_code == 404


class TestRefusals:
    @pytest.mark.parametrize(
        ("document", "code"),
        [
            ("{ orders(first: 1) { nodes { nonsense } } }", "undefinedField"),
            ("{ orders(first: 1, colour: 2) { nodes { id } } }", "argumentNotAccepted"),
            ("{ order { id } }", "missingRequiredArguments"),
            ('{ orders(first: "1") { nodes { id } } }', "argumentLiteralsIncompatible"),
            ("{ orders(first: 1) { nodes } }", "selectionMismatch"),
            ("query ($x: Int) { shop { id } }", "variableNotUsed"),
            ("query ($x: Nothing) { shop { id } }", "undefinedType"),
            ("{ shop @whatever { id } }", "undefinedDirective"),
            ("{ orders(first: 1) {", "PARSE_ERROR"),
            ('{ order(id: "5000000001") { id } }', "argumentLiteralsIncompatible"),
            ("mutation { priceListCreate(input: {}) { priceList { id } } }", "undefinedField"),
        ],
    )
    def test_a_wrong_document_is_a_list_of_errors_alone(self, shopify: ShopifyCaller, document: str, code: str) -> None:
        reply = shopify.ask(document)
        assert set(reply) == {"errors"}
        assert code in [each["extensions"]["code"] for each in reply["errors"]]

    @pytest.mark.parametrize("value", [{"pageSize": "ten"}, {"pageSize": None}, {}])
    def test_a_wrong_variable_is_named(self, shopify: ShopifyCaller, value: dict[str, Any]) -> None:
        reply = shopify.ask(EXPORT, filter="", **value)
        assert set(reply) == {"errors"}
        extensions = reply["errors"][0]["extensions"]
        assert extensions["code"] == "INVALID_VARIABLE"
        assert extensions["value"] == value.get("pageSize")
        assert extensions["problems"][0]["explanation"]

    def test_an_id_that_is_no_global_id_is_a_wrong_variable(self, shopify: ShopifyCaller) -> None:
        assert shopify.codes("query ($id: ID!) { order(id: $id) { id } }", id="1") == ["INVALID_VARIABLE"]

    def test_a_body_without_a_query_gets_400(self, shopify: ShopifyCaller) -> None:
        assert shopify.session.post(shopify.url, json={"variables": {}}, timeout=PATIENCE).status_code == 400
        body = {"query": "{ shop { id } }", "variables": [1]}
        assert shopify.session.post(shopify.url, json=body, timeout=PATIENCE).status_code == 400
        assert shopify.session.post(shopify.url, data="x", timeout=PATIENCE).status_code == 400
        assert shopify.session.get(shopify.url, timeout=PATIENCE).status_code == 405

    def test_of_several_operations_one_must_be_named(self, shopify: ShopifyCaller) -> None:
        body = {"query": "query A { shop { id } } query B { shop { name } }"}
        reply = shopify.session.post(shopify.url, json=body, timeout=PATIENCE).json()
        assert reply["errors"][0]["message"] == "An operation name is required"
        reply = shopify.session.post(shopify.url, json={**body, "operationName": "B"}, timeout=PATIENCE).json()
        assert reply["data"] == {"shop": {"name": "Sandbox Store"}}

    @pytest.mark.parametrize("size", ["", "(first: 1, last: 1)", "(first: 251)", "(last: 251)", '(first: 1, after: "x")'])
    def test_a_page_needs_one_size_of_at_most_250_and_a_good_cursor(self, shopify: ShopifyCaller, size: str) -> None:
        reply = shopify.ask(f"{{ orders{size} {{ nodes {{ id }} }} }}")
        assert reply["data"] is None
        assert [each["extensions"]["code"] for each in reply["errors"]] == ["BAD_REQUEST"]
        assert shopify.codes("{ orders(first: 1) { nodes { lineItems { nodes { id } } } } }") == ["BAD_REQUEST"]


class TestCost:
    def test_a_reply_says_what_was_asked_for_and_what_was_spent(self) -> None:
        with Sandbox() as sandbox:
            cost = ShopifyCaller(sandbox).ask(EXPORT, pageSize=50, filter="")["extensions"]["cost"]
            status = cost["throttleStatus"]
            assert cost["requestedQueryCost"] == 282
            assert 20 < cost["actualQueryCost"] < 282
            assert (status["maximumAvailable"], status["restoreRate"]) == (2_000, 100)
            assert 2_000 - cost["actualQueryCost"] <= status["currentlyAvailable"] < 2_000

    @pytest.mark.parametrize(("size", "cost"), [(1, 2), (62, 5), (208, 11), (250, 13)])
    def test_a_page_of_plain_nodes_costs_what_came_back(self, shopify: ShopifyCaller, size: int, cost: int) -> None:
        names = sorted(shopify.names())[:size]
        last = 5_000_000_000 + int(names[-1].removeprefix("#")) - 1_000
        reply = shopify.ask(f'{{ orders(first: 250, query: "id:<={last}") {{ nodes {{ id }} }} }}')
        assert len(reply["data"]["orders"]["nodes"]) == size
        assert reply["extensions"]["cost"]["requestedQueryCost"] == 13
        assert reply["extensions"]["cost"]["actualQueryCost"] == cost

    def test_an_operation_above_a_thousand_is_refused_for_good(self, shopify: ShopifyCaller) -> None:
        lines = "lineItems(first: 250) { nodes { id variant { id } product { id } } }"
        document = f"{{ orders(first: 250) {{ nodes {{ {lines} a: {lines} b: {lines} }} }} }}"
        reply = shopify.ask(document)
        assert set(reply) == {"errors"}
        extensions = reply["errors"][0]["extensions"]
        assert extensions["code"] == "MAX_COST_EXCEEDED"
        assert extensions["cost"] > extensions["maxCost"] == 1_000

    def test_an_empty_bucket_throttles_and_fills_again(self) -> None:
        with Sandbox() as sandbox:
            sandbox.shopify.change_state({"settings": {"burst": 300, "rate_per_second": 0.01}})  # nothing comes back meanwhile
            caller = ShopifyCaller(sandbox)
            first = caller.ask(EXPORT, pageSize=50, filter="")
            assert first["data"]
            throttled = caller.ask(EXPORT, pageSize=50, filter="")
            assert "data" not in throttled
            assert throttled["errors"][0]["extensions"]["code"] == "THROTTLED"
            cost = throttled["extensions"]["cost"]
            assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (282, None)
            assert cost["throttleStatus"]["currentlyAvailable"] < 282
            sandbox.shopify.clock.skip(300 / 0.01)
            assert "data" in caller.ask(EXPORT, pageSize=50, filter="")

    def test_each_app_has_a_bucket_of_its_own(self, sandbox: Sandbox) -> None:
        sandbox.shopify.change_state({"settings": {"burst": 300, "rate_per_second": 0.001}})
        first = [ShopifyCaller(sandbox).ask(EXPORT, pageSize=50, filter="") for _ in range(2)]
        assert ["data" in each for each in first] == [True, False]
        assert "data" in ShopifyCaller(sandbox, RECENT_ORDERS_TOKEN).ask(EXPORT, pageSize=50, filter="")


class TestPages:
    def test_pages_follow_each_other_without_gap_or_repetition(self, sandbox: Sandbox, shopify: ShopifyCaller) -> None:
        seen = [each for page in shopify.pages(NAMES, first=90) for each in page["nodes"]]
        wanted = sorted(sandbox.shopify.orders(), key=lambda each: (each["processedAt"], each["id"]))
        assert [each["name"] for each in seen] == [each["name"] for each in wanted]

    @pytest.mark.parametrize(
        ("key", "member"), [("CREATED_AT", "createdAt"), ("UPDATED_AT", "updatedAt"), ("ID", "id"), ("ORDER_NUMBER", "number")]
    )
    @pytest.mark.parametrize("reverse", [False, True])
    def test_orders_are_sorted_by_the_key(
        self, sandbox: Sandbox, shopify: ShopifyCaller, key: str, member: str, reverse: bool
    ) -> None:
        wanted = sorted(sandbox.shopify.orders(), key=lambda each: (each[member], each["id"]), reverse=reverse)
        found = shopify.names(sortKey=key, reverse=str(reverse).lower())
        assert found == [each["name"] for each in wanted]

    def test_last_gives_the_end_and_before_goes_back(self, shopify: ShopifyCaller) -> None:
        document = "query ($before: String) { orders(last: 3, before: $before) { nodes { name } pageInfo { hasNextPage hasPreviousPage startCursor } } }"
        names = shopify.names()
        end = shopify.data(document)["orders"]
        assert [each["name"] for each in end["nodes"]] == names[-3:]
        assert (end["pageInfo"]["hasNextPage"], end["pageInfo"]["hasPreviousPage"]) == (False, True)
        before = shopify.data(document, before=end["pageInfo"]["startCursor"])["orders"]
        assert [each["name"] for each in before["nodes"]] == names[-6:-3]
        assert before["pageInfo"]["hasNextPage"] is True

    def test_an_empty_page_has_null_cursors(self, shopify: ShopifyCaller) -> None:
        found = shopify.data(
            '{ orders(first: 5, query: "id:1") { nodes { id } edges { cursor } pageInfo { hasNextPage startCursor endCursor } } }'
        )
        assert found["orders"] == {
            "nodes": [],
            "edges": [],
            "pageInfo": {"hasNextPage": False, "startCursor": None, "endCursor": None},
        }

    def test_a_cursor_belongs_to_its_sort_key(self, shopify: ShopifyCaller) -> None:
        cursor = shopify.data(NAMES, first=2)["orders"]["pageInfo"]["endCursor"]
        document = (
            "query ($after: String, $key: OrderSortKeys) { orders(first: 1, after: $after, sortKey: $key) { nodes { name } } }"
        )
        assert shopify.data(document, after=cursor, key="PROCESSED_AT")
        reply = shopify.ask(document, after=cursor, key="CREATED_AT")
        assert "current pagination sort" in reply["errors"][0]["message"]
        assert reply["data"] is None

    def test_lines_beyond_the_first_page_come_from_the_order(self, sandbox: Sandbox, shopify: ShopifyCaller) -> None:
        order = sandbox.shopify.traps()["300 lines"]
        document = "query ($id: ID!, $after: String) { order(id: $id) { lineItems(first: 250, after: $after) { edges { cursor node { id } } pageInfo { hasNextPage endCursor } } } }"
        first = shopify.data(document, id=order["id"])["order"]["lineItems"]
        assert first["edges"][-1]["cursor"] == first["pageInfo"]["endCursor"]
        second = shopify.data(document, id=order["id"], after=first["pageInfo"]["endCursor"])["order"]["lineItems"]
        found = [each["node"]["id"] for page in (first, second) for each in page["edges"]]
        assert found == [each["id"] for each in order["lineItems"]]
        assert second["pageInfo"]["hasNextPage"] is False


class TestLookups:
    def test_orders_lines_and_refunds_are_nodes(self, sandbox: Sandbox, shopify: ShopifyCaller) -> None:
        order = sandbox.shopify.traps()["partial refund"]
        ids = [order["id"], order["lineItems"][0]["id"], order["refunds"][0]["id"], "gid://shopify/Order/1"]
        document = """query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id
            ... on Order { name } ... on LineItem { quantity }
            ... on Refund { note refundLineItems(first: 5) { nodes { quantity restockType lineItem { id sku } } } } } }"""
        found = shopify.data(document, ids=ids)["nodes"]
        assert [each and each["__typename"] for each in found] == ["Order", "LineItem", "Refund", None]
        assert found[0]["name"] == order["name"]
        rows = found[2]["refundLineItems"]["nodes"]
        assert [each["quantity"] for each in rows] == [1, 2]
        assert [each["lineItem"]["sku"] for each in rows] == [each["sku"] for each in order["lineItems"][:2]]

    def test_an_order_is_found_by_identifier(self, shopify: ShopifyCaller) -> None:
        document = "query ($identifier: OrderIdentifierInput!) { orderByIdentifier(identifier: $identifier) { name } }"
        found = shopify.data(document, identifier={"id": "gid://shopify/Order/5000000001"})
        assert found == {"orderByIdentifier": {"name": "#1001"}}
        assert shopify.codes(document, identifier={}) == ["INVALID_VARIABLE"]

    def test_an_unknown_id_is_null_and_one_of_another_type_an_error(self, shopify: ShopifyCaller) -> None:
        document = "query ($id: ID!) { order(id: $id) { id } }"
        assert shopify.data(document, id="gid://shopify/Order/5") == {"order": None}
        assert shopify.codes(document, id="gid://shopify/Product/5") == ["RESOURCE_NOT_FOUND"]

    def test_counts_stop_at_their_limit(self, shopify: ShopifyCaller) -> None:
        document = "query ($limit: Int) { ordersCount(limit: $limit) { count precision } }"
        assert shopify.data(document, limit=400)["ordersCount"] == {"count": 400, "precision": "EXACT"}
        assert shopify.data(document, limit=399)["ordersCount"] == {"count": 399, "precision": "AT_LEAST"}
        assert shopify.data(document, limit=None)["ordersCount"]["count"] == 400

    def test_a_whole_page_is_the_truth(self, sandbox: Sandbox, shopify: ShopifyCaller) -> None:
        found = [each for page in shopify.pages(EXPORT, pageSize=100, filter="") for each in page["nodes"]]
        assert len(found) == 400
        for each in found:
            truth = sandbox.shopify.order(each["id"])
            assert each["totalPriceSet"] == truth["totalPriceSet"]
            assert each["lineItems"]["nodes"] == [
                {name: _cut(line[name], value) for name, value in wanted.items()}
                for line, wanted in zip(truth["lineItems"], each["lineItems"]["nodes"], strict=False)
            ]
            assert json.dumps(each["customer"]) == json.dumps(_cut(truth["customer"], each["customer"]))


def _cut(value: Any, shape: Any) -> Any:
    """A held value cut to the members of an answer."""
    if isinstance(value, dict) and isinstance(shape, dict):
        return {name: _cut(value[name], part) for name, part in shape.items()}
    if isinstance(value, list) and isinstance(shape, list):
        return [_cut(each, part) for each, part in zip(value, shape, strict=True)]
    return value
