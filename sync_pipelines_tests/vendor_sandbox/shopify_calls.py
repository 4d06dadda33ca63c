"""A caller that knows the paths and headers of Shopify, and the documents a reader of orders sends."""

import json
from collections.abc import Iterator
from typing import Any

import requests

from sync_pipelines_tests.vendor_sandbox.conftest import PATIENCE, eventually
from vendor_sandbox import Sandbox
from vendor_sandbox.shopify import ACCESS_TOKEN

MONEY = "{ shopMoney { amount currencyCode } }"
ADDRESS = "{ name firstName lastName company address1 address2 city province provinceCode zip country countryCodeV2 phone }"
LINE = f"""id sku name title variantTitle vendor quantity currentQuantity requiresShipping taxable
  originalUnitPriceSet {MONEY} discountedUnitPriceSet {MONEY} discountedTotalSet {MONEY} totalDiscountSet {MONEY}
  taxLines(first: 10) {{ title rate priceSet {MONEY} }} variant {{ id }} product {{ id }}"""
ORDER = f"""id legacyResourceId name createdAt updatedAt processedAt cancelledAt cancelReason closedAt test
  currencyCode presentmentCurrencyCode displayFinancialStatus displayFulfillmentStatus returnStatus
  note tags email phone poNumber sourceName taxesIncluded
  totalPriceSet {{ shopMoney {{ amount currencyCode }} presentmentMoney {{ amount currencyCode }} }}
  currentTotalPriceSet {MONEY} subtotalPriceSet {MONEY} totalTaxSet {MONEY} totalDiscountsSet {MONEY}
  totalShippingPriceSet {MONEY} totalRefundedSet {MONEY}
  customAttributes {{ key value }}
  taxLines {{ title rate priceSet {MONEY} }}
  customer {{ id displayName firstName lastName
    defaultEmailAddress {{ emailAddress }} defaultPhoneNumber {{ phoneNumber }} }}
  shippingAddress {ADDRESS} billingAddress {ADDRESS}
  shippingLine {{ title code originalPriceSet {MONEY} }}
  lineItems(first: 50) {{ nodes {{ {LINE} }} pageInfo {{ hasNextPage endCursor }} }}
  fulfillments(first: 10) {{ id status displayStatus createdAt updatedAt trackingInfo(first: 5) {{ company number url }} }}
  refunds(first: 10) {{ id createdAt updatedAt note totalRefundedSet {MONEY} }}"""

EXPORT = f"""query ExportOrders($pageSize: Int!, $after: String, $filter: String!) {{
  orders(first: $pageSize, after: $after, query: $filter, sortKey: UPDATED_AT) {{
    nodes {{ {ORDER} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}"""
START = """mutation Start($inner: String!, $grouped: Boolean! = false) {
  bulkOperationRunQuery(query: $inner, groupObjects: $grouped) {
    bulkOperation { id status type createdAt objectCount rootObjectCount url partialDataUrl }
    userErrors { field message code }
  }
}"""
POLL = """query Poll($id: ID!) {
  bulkOperation(id: $id) {
    id status type errorCode createdAt completedAt objectCount rootObjectCount fileSize url partialDataUrl
  }
}"""
INNER = f"""{{ orders(query: "%s", sortKey: UPDATED_AT) {{ edges {{ node {{
  id name note updatedAt customer {{ id displayName }} refunds {{ id totalRefundedSet {MONEY} }}
  lineItems {{ edges {{ node {{ id sku quantity discountedTotalSet {MONEY} }} }} }}
}} }} }} }}"""


class ShopifyCaller:
    def __init__(self, sandbox: Sandbox, token: str | None = ACCESS_TOKEN, version: str = "2026-10") -> None:
        self.sandbox = sandbox
        self.base = sandbox.env["SHOPIFY_URL"]
        self.url = f"{self.base}/admin/api/{version}/graphql.json"
        self.session = requests.Session()
        if token is not None:
            self.session.headers["X-Shopify-Access-Token"] = token

    def post(self, document: str, **variables: Any) -> requests.Response:
        return self.session.post(self.url, json={"query": document, "variables": variables}, timeout=PATIENCE)

    def ask(self, document: str, **variables: Any) -> Any:
        reply = self.post(document, **variables)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def data(self, document: str, **variables: Any) -> Any:
        reply = self.ask(document, **variables)
        assert "errors" not in reply, reply
        return reply["data"]

    def codes(self, document: str, **variables: Any) -> list[str]:
        return [each["extensions"]["code"] for each in self.ask(document, **variables)["errors"]]

    def names(self, search: str | None = None, **arguments: Any) -> list[str]:
        """The names of the orders a search finds, through every page."""
        wanted = ", ".join(f"{name}: {value}" for name, value in arguments.items())
        document = f"""query ($search: String, $after: String) {{
            orders(first: 250, after: $after, query: $search{", " + wanted if wanted else ""}) {{
              nodes {{ name }} pageInfo {{ hasNextPage endCursor }} }} }}"""
        return [each["name"] for page in self.pages(document, search=search) for each in page["nodes"]]

    def pages(self, document: str, **variables: Any) -> Iterator[Any]:
        after = None
        while True:
            page = self.data(document, after=after, **variables)["orders"]
            yield page
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]

    def start(self, inner: str, **variables: Any) -> Any:
        return self.data(START, inner=inner, **variables)["bulkOperationRunQuery"]

    def started(self, inner: str, **variables: Any) -> str:
        """The id of an operation that was let in."""
        payload = self.start(inner, **variables)
        assert payload["userErrors"] == []
        return str(payload["bulkOperation"]["id"])

    def poll(self, operation: str) -> Any:
        return self.data(POLL, id=operation)["bulkOperation"]

    def finished(self, operation: str) -> Any:
        seen: list[Any] = []

        def over() -> bool:
            seen.append(self.poll(operation))
            return seen[-1]["status"] not in ("CREATED", "RUNNING")

        eventually(over)
        return seen[-1]

    def lines(self, inner: str, **variables: Any) -> list[dict[str, Any]]:
        """The result of a bulk query, line by line."""
        url = self.finished(self.started(inner, **variables))["url"]
        return [] if url is None else download(url)


def download(url: str) -> list[dict[str, Any]]:
    reply = requests.get(url, timeout=PATIENCE)
    assert reply.status_code == 200, reply.text
    return [json.loads(line) for line in reply.content.decode().removesuffix("\n").split("\n")]
