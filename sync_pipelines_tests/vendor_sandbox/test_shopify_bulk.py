"""Bulk operations of Shopify's stand-in: their life, their refusals and their result files."""

import threading
from typing import Any

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.conftest import PATIENCE, eventually
from sync_pipelines_tests.vendor_sandbox.shopify_calls import INNER, START, ShopifyCaller, download
from vendor_sandbox import Sandbox
from vendor_sandbox.shopify import ACCESS_TOKEN, NO_CUSTOMERS_TOKEN, NO_ORDERS_TOKEN, RECENT_ORDERS_TOKEN

IDS = "{ orders { edges { node { id } } } }"
CANCEL = "mutation ($id: ID!) { bulkOperationCancel(id: $id) { bulkOperation { id status } userErrors { field message } } }"


@pytest.fixture
def shopify(sandbox: Sandbox) -> ShopifyCaller:
    sandbox.shopify.change_state({"settings": {"bulk_seconds": 0}})
    return ShopifyCaller(sandbox)


def order_changes(shopify: ShopifyCaller, **change: Any) -> None:
    shopify.sandbox.shopify.change_state(change)


class TestLife:
    def test_it_is_created_then_running_then_completed(self, shopify: ShopifyCaller) -> None:
        started = shopify.start(IDS)["bulkOperation"]
        assert (started["status"], started["type"], started["objectCount"], started["url"]) == ("CREATED", "QUERY", "0", None)
        first = shopify.poll(started["id"])
        assert (first["status"], first["completedAt"], first["url"]) == ("RUNNING", None, None)
        done = shopify.finished(started["id"])
        assert (done["status"], done["errorCode"], done["partialDataUrl"]) == ("COMPLETED", None, None)
        assert (done["objectCount"], done["rootObjectCount"]) == ("400", "400")
        assert done["completedAt"]
        assert int(done["fileSize"]) == len(requests.get(done["url"], timeout=PATIENCE).content)

    def test_it_runs_as_long_as_it_is_set_to(self, shopify: ShopifyCaller) -> None:
        order_changes(shopify, settings={"bulk_seconds": 3_600})
        operation = shopify.started(IDS)
        assert [shopify.poll(operation)["status"] for _ in range(3)] == ["RUNNING"] * 3
        order_changes(shopify, settings={"bulk_seconds": 0})
        eventually(lambda: shopify.poll(operation)["status"] == "COMPLETED")

    def test_an_empty_result_has_no_address(self, shopify: ShopifyCaller) -> None:
        done = shopify.finished(shopify.started(INNER % "id:1"))
        assert (done["status"], done["objectCount"], done["url"], done["fileSize"]) == ("COMPLETED", "0", None, None)

    def test_five_run_at_once_and_the_sixth_is_told_which(self, shopify: ShopifyCaller) -> None:
        order_changes(shopify, settings={"bulk_seconds": 3_600})
        running = [shopify.started(IDS) for _ in range(5)]
        refused = shopify.start(IDS)
        assert refused["bulkOperation"] is None
        (error,) = refused["userErrors"]
        assert (error["code"], error["field"]) == ("OPERATION_IN_PROGRESS", None)
        assert all(each in error["message"] for each in running)
        assert ShopifyCaller(shopify.sandbox, RECENT_ORDERS_TOKEN).start(IDS)["userErrors"] == []
        shopify.data(CANCEL, id=running[0])
        assert shopify.start(IDS)["userErrors"] == []

    def test_the_operations_of_another_program_count_and_are_listed(self, shopify: ShopifyCaller) -> None:
        order_changes(shopify, foreign_bulk=5)
        assert shopify.start(IDS)["userErrors"][0]["code"] == "OPERATION_IN_PROGRESS"
        document = '{ bulkOperations(first: 10, query: "status:running operation_type:query") { nodes { id status query } } }'
        listed = shopify.data(document)["bulkOperations"]["nodes"]
        assert [each["status"] for each in listed] == ["RUNNING"] * 5
        assert {each["query"] for each in listed} == {IDS}
        order_changes(shopify, foreign_bulk=0)
        assert shopify.data(document)["bulkOperations"]["nodes"] == []
        assert shopify.start(IDS)["userErrors"] == []

    def test_operations_are_listed_newest_first(self, shopify: ShopifyCaller) -> None:
        started = [shopify.started(IDS) for _ in range(3)]
        document = "query ($after: String) { bulkOperations(first: 2, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }"
        first = shopify.data(document)["bulkOperations"]
        second = shopify.data(document, after=first["pageInfo"]["endCursor"])["bulkOperations"]
        assert [each["id"] for each in first["nodes"] + second["nodes"]] == started[::-1]
        assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)

    def test_cancelling_passes_through_canceling(self, shopify: ShopifyCaller) -> None:
        order_changes(shopify, settings={"bulk_seconds": 3_600})
        operation = shopify.started(IDS)
        cancelled = shopify.data(CANCEL, id=operation)["bulkOperationCancel"]
        assert cancelled == {"bulkOperation": {"id": operation, "status": "CANCELING"}, "userErrors": []}
        assert shopify.poll(operation)["status"] == "CANCELED"
        again = shopify.data(CANCEL, id=operation)["bulkOperationCancel"]
        assert again["bulkOperation"]["status"] == "CANCELED"
        assert [each["field"] for each in again["userErrors"]] == [None]
        unknown = shopify.data(CANCEL, id="gid://shopify/BulkOperation/1")["bulkOperationCancel"]
        assert unknown["bulkOperation"] is None
        assert [each["field"] for each in unknown["userErrors"]] == [["id"]]

    def test_looking_one_up(self, shopify: ShopifyCaller) -> None:
        assert shopify.poll("gid://shopify/BulkOperation/1") is None
        document = "query ($id: ID!) { bulkOperation(id: $id) { id } }"
        assert shopify.codes(document, id="gid://shopify/Order/1") == ["RESOURCE_NOT_FOUND"]
        assert shopify.codes(document, id="1") == ["INVALID_VARIABLE"]
        operation = shopify.started(IDS)
        document = "query ($id: ID!) { node(id: $id) { id ... on BulkOperation { query type } } }"
        assert shopify.data(document, id=operation)["node"] == {"id": operation, "query": IDS, "type": "QUERY"}


class TestEndings:
    @pytest.mark.parametrize("code", ["TIMEOUT", "INTERNAL_SERVER_ERROR"])
    def test_a_failed_one_may_leave_a_part(self, shopify: ShopifyCaller, code: str) -> None:
        order_changes(shopify, next_bulk={"status": "FAILED", "errorCode": code, "after_objects": 10})
        failed = shopify.finished(shopify.started(INNER % ""))
        assert (failed["status"], failed["errorCode"], failed["url"]) == ("FAILED", code, None)
        assert failed["objectCount"] == "10"
        assert len(download(failed["partialDataUrl"])) == 10
        assert shopify.finished(shopify.started(INNER % ""))["status"] == "COMPLETED"

    @pytest.mark.parametrize("status", ["CANCELED", "EXPIRED"])
    def test_it_may_end_without_a_result(self, shopify: ShopifyCaller, status: str) -> None:
        order_changes(shopify, next_bulk={"status": status})
        ended = shopify.finished(shopify.started(IDS))
        assert (ended["status"], ended["url"], ended["partialDataUrl"]) == (status, None, None)

    def test_it_may_stall(self, shopify: ShopifyCaller) -> None:
        order_changes(shopify, next_bulk={"status": "RUNNING"})
        operation = shopify.started(IDS)
        assert [shopify.poll(operation)["status"] for _ in range(5)] == ["RUNNING"] * 5
        shopify.data(CANCEL, id=operation)
        assert shopify.poll(operation)["status"] == "CANCELED"

    @pytest.mark.parametrize("token", [NO_ORDERS_TOKEN, NO_CUSTOMERS_TOKEN])
    def test_a_missing_scope_fails_it(self, shopify: ShopifyCaller, token: str) -> None:
        caller = ShopifyCaller(shopify.sandbox, token)
        failed = caller.finished(caller.started(INNER % ""))
        assert (failed["status"], failed["errorCode"]) == ("FAILED", "ACCESS_DENIED")


class TestRefusals:
    @pytest.mark.parametrize(
        ("inner", "reason"),
        [
            ("{ orders { nodes { id } } }", "`nodes` is not supported"),
            ("{ orders { edges { node { lineItems { edges { node { id } } } } } } }", "must select the 'id'"),
            ("{ orders { edges { node { x: id lineItems { edges { node { id } } } } } } }", "must select the 'id'"),
            (
                "{ orders { edges { node { id refunds { id refundLineItems { edges { node { quantity } } } } } } } }",
                "within a list",
            ),
            ("{ shop { id } }", "at least one connection"),
            ("{ " + " ".join(f"o{n}: orders {{ edges {{ node {{ id }} }} }}" for n in range(6)) + " }", "more than 5"),
            ('{ node(id: "gid://shopify/Order/1") { id } orders { edges { node { id } } } }', "root field node"),
            ('mutation { bulkOperationCancel(id: "gid://shopify/BulkOperation/1") { bulkOperation { id } } }', "operation type"),
            ("{ orders { edges { node { nonsense } } } }", "nonsense"),
            ("{ orders { edges {", "Syntax Error"),
            ("query A { shop { id } } query B { shop { id } }", "operation name"),
            ("{ orders { edges { cursor } } }", "must select edges"),
            ("{ orders { edges { node { id } } } } #" + "x" * 65_535, "65535"),
        ],
    )
    def test_an_inner_query_is_refused(self, shopify: ShopifyCaller, inner: str, reason: str) -> None:
        refused = shopify.start(inner)
        assert refused["bulkOperation"] is None
        assert {(tuple(each["field"]), each["code"]) for each in refused["userErrors"]} == {(("query",), "INVALID")}
        assert any(reason in each["message"] for each in refused["userErrors"])

    def test_several_reasons_come_together(self, shopify: ShopifyCaller) -> None:
        inner = '{ orders { nodes { lineItems { nodes { sku } } } } node(id: "gid://shopify/Order/1") { id } }'
        assert len(shopify.start(inner)["userErrors"]) > 1

    def test_a_missing_argument_is_a_fault_of_the_document(self, shopify: ShopifyCaller) -> None:
        document = "mutation { bulkOperationRunQuery { bulkOperation { id } } }"
        assert shopify.codes(document) == ["missingRequiredArguments"]

    def test_page_sizes_and_page_info_are_allowed_and_ignored(self, shopify: ShopifyCaller) -> None:
        inner = "{ orders(first: 3) { edges { cursor node { id } } pageInfo { hasNextPage } } }"
        assert len(shopify.lines(inner)) == 400

    def test_starting_costs_ten_and_polling_one(self, shopify: ShopifyCaller) -> None:
        reply = shopify.ask(START, inner=IDS)
        assert reply["extensions"]["cost"]["requestedQueryCost"] == 10
        operation = reply["data"]["bulkOperationRunQuery"]["bulkOperation"]["id"]
        polled = shopify.ask("query ($id: ID!) { bulkOperation(id: $id) { status } }", id=operation)
        assert polled["extensions"]["cost"]["actualQueryCost"] == 1


class TestResults:
    def test_every_order_and_line_is_there_once_joined_by_the_parents_id(self, shopify: ShopifyCaller) -> None:
        rows = shopify.lines(INNER % "")
        orders = {row["id"]: row for row in rows if "__parentId" not in row}
        truth = {each["id"]: each for each in shopify.sandbox.shopify.orders()}
        assert orders.keys() == truth.keys()
        assert list(orders) == sorted(truth, key=lambda each: (truth[each]["updatedAt"], each))
        for gid, order in truth.items():
            lines = [row for row in rows if row.get("__parentId") == gid]
            assert [row["id"] for row in lines] == [line["id"] for line in order["lineItems"]]
            assert "lineItems" not in orders[gid]
            assert [each["id"] for each in orders[gid]["refunds"]] == [each["id"] for each in order["refunds"]]

    def test_a_parent_comes_first_but_its_children_not_right_behind(self, shopify: ShopifyCaller) -> None:
        rows = shopify.lines(INNER % "")
        seen: set[str] = set()
        for row in rows:
            assert row.get("__parentId") is None or row["__parentId"] in seen
            seen.add(row["id"])
        assert all("__parentId" not in row for row in rows[:4])
        grouped = shopify.lines(INNER % "", grouped=True)
        latest = ""
        for row in grouped:
            latest = row["id"] if "__parentId" not in row else latest
            assert row.get("__parentId", latest) == latest

    def test_the_text_is_escaped_as_the_vendor_does_it(self, shopify: ShopifyCaller) -> None:
        order = shopify.sandbox.shopify.traps()["emoji and lines in the note"]
        number = order["legacyResourceId"]
        done = shopify.finished(shopify.started(INNER % f"id:{number}"))
        reply = requests.get(done["url"], timeout=PATIENCE)
        assert reply.headers["Content-Type"] == "application/jsonl"
        assert rb'"id":"gid:\/\/shopify\/Order\/' + number.encode() in reply.content
        assert rb"\u2028" in reply.content
        assert "🎉".encode() in reply.content
        assert len(reply.content.decode().splitlines()) == 1 + len(order["lineItems"])
        assert download(done["url"])[0]["note"] == order["note"]

    def test_old_orders_stay_away_without_read_all_orders(self, shopify: ShopifyCaller) -> None:
        recent = ShopifyCaller(shopify.sandbox, RECENT_ORDERS_TOKEN)
        assert len(recent.lines(IDS)) == len(recent.names()) < 300

    def test_aliases_are_kept_and_objects_may_hold_the_connection(self, shopify: ShopifyCaller) -> None:
        order = shopify.sandbox.shopify.traps()["several refunds"]
        inner = f'{{ order(id: "{order["id"]}") {{ id lineItems {{ edges {{ node {{ id code: sku }} }} }} }} }}'
        assert shopify.lines(inner) == [{"id": each["id"], "code": each["sku"]} for each in order["lineItems"]]

    def test_the_same_question_is_written_once_and_a_change_makes_it_new(self, shopify: ShopifyCaller) -> None:
        before = shopify.lines(INNER % "")
        files = len(shopify.sandbox.shopify._exports.made)
        assert shopify.lines(INNER % "") == before
        assert len(shopify.sandbox.shopify._exports.made) == files
        order_changes(shopify, arrive=1)
        assert len(shopify.lines(INNER % "")) > len(before)
        assert len(shopify.sandbox.shopify._exports.made) == files + 1


class TestDownloads:
    def test_it_needs_no_token_and_a_token_sent_to_it_is_noticed(self, shopify: ShopifyCaller) -> None:
        url = shopify.finished(shopify.started(IDS))["url"]
        assert requests.get(url, timeout=PATIENCE).status_code == 200
        assert shopify.sandbox.shopify.state()["token_leaks"] == 0
        assert requests.get(url, headers={"X-Shopify-Access-Token": ACCESS_TOKEN}, timeout=PATIENCE).status_code == 200
        assert shopify.sandbox.shopify.state()["token_leaks"] == 1

    def test_a_wrong_signature_gets_what_a_storage_provider_says(self, shopify: ShopifyCaller) -> None:
        url = shopify.finished(shopify.started(IDS))["url"]
        reply = requests.get(url.replace(".jsonl", "0.jsonl"), timeout=PATIENCE)
        assert (reply.status_code, reply.headers["Content-Type"]) == (403, "application/xml; charset=UTF-8")
        assert b"<Error>" in reply.content

    def test_an_address_expires(self, shopify: ShopifyCaller) -> None:
        operation = shopify.started(IDS)
        url = shopify.finished(operation)["url"]
        order_changes(shopify, settings={"url_life": 0})
        assert requests.get(url, timeout=PATIENCE).status_code == 403
        assert (shopify.poll(operation)["status"], shopify.poll(operation)["url"]) == ("EXPIRED", None)

    def test_a_download_may_break_off(self, shopify: ShopifyCaller) -> None:
        url = shopify.finished(shopify.started(INNER % ""))["url"]
        shopify.sandbox.faults("shopify", [{"on": "GET /bulk/*", "kind": "cut_body"}])
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            requests.get(url, timeout=PATIENCE)
        whole = requests.get(url, timeout=PATIENCE).content
        shopify.sandbox.faults("shopify", [{"on": "GET /bulk/*", "kind": "drip", "seconds": 0.1}])
        assert requests.get(url, timeout=PATIENCE).content == whole


def test_closing_in_the_middle_of_an_export_leaves_no_thread_and_no_file() -> None:
    before = set(threading.enumerate())
    sandbox = Sandbox(orders=100_000)
    ShopifyCaller(sandbox).started(INNER % "")
    (file,) = sandbox.shopify._exports.made
    eventually(file.exists)
    sandbox.close()
    assert not file.parent.exists()
    assert set(threading.enumerate()) <= before
