"""The search grammar of Shopify's stand-in: what it finds, what it ignores, and what an unquoted time comes to."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from sync_pipelines_tests.vendor_sandbox.shopify_calls import ShopifyCaller
from vendor_sandbox import Sandbox
from vendor_sandbox.shopify.instants import instant

Truth = Mapping[str, Any]
NOW = "2026-11-20T12:00:00Z"


@pytest.fixture(scope="module")
def shopify() -> Iterator[ShopifyCaller]:
    """A shop whose orders lie in the 90 days before 2026-11-20: the clocks went back in New York on 1 November."""
    with Sandbox() as sandbox:
        sandbox.shopify.change_state({"settings": {"burst": 1_000_000, "start": NOW, "now": NOW}})
        yield ShopifyCaller(sandbox)


def wanted(shopify: ShopifyCaller, condition: Callable[[Truth], bool]) -> list[str]:
    return sorted(each["name"] for each in shopify.sandbox.shopify.orders() if condition(each))


def warnings(shopify: ShopifyCaller, search: str) -> list[tuple[str, str]]:
    document = "query ($search: String) { orders(first: 1, query: $search) { nodes { id } } }"
    extensions = shopify.ask(document, search=search)["extensions"]
    return [(each["field"], each["code"]) for found in extensions.get("search", []) for each in found["warnings"]]


@pytest.mark.parametrize(
    ("search", "condition"),
    [
        ("name:#1005", lambda each: each["name"] == "#1005"),
        ("name:1005", lambda each: each["name"] == "#1005"),
        ("name:#110*", lambda each: each["name"].startswith("#110")),
        ("id:5000000005", lambda each: each["name"] == "#1005"),
        ("id:>5000000390 id:<=5000000393", lambda each: "#1390" < each["name"] <= "#1393"),
        ("test:true", lambda each: each["test"]),
        ("status:cancelled", lambda each: each["cancelledAt"]),
        ("status:closed", lambda each: each["closedAt"] and not each["cancelledAt"]),
        ("-status:open", lambda each: each["closedAt"] or each["cancelledAt"]),
        ("financial_status:paid", lambda each: each["displayFinancialStatus"] == "PAID"),
        ("financial_status:PARTIALLY_REFUNDED", lambda each: each["displayFinancialStatus"] == "PARTIALLY_REFUNDED"),
        ("fulfillment_status:unshipped", lambda each: each["displayFulfillmentStatus"] == "UNFULFILLED"),
        ("tag:'Pickup Order'", lambda each: "Pickup Order" in each["tags"]),
        ('tag:"pickup order"', lambda each: "Pickup Order" in each["tags"]),
        ("tag_not:'Pickup Order'", lambda each: "Pickup Order" not in each["tags"]),
        ("email:buyer1@example.com", lambda each: each["email"] == "buyer1@example.com"),
        ("email:*", lambda each: each["email"]),
        ("NOT email:*", lambda each: not each["email"]),
        ("sku:98765432109876543210", lambda each: any(x["sku"] == "98765432109876543210" for x in each["lineItems"])),
        ("customer_id:4000000001", lambda each: (each["customer"] or {}).get("id", "").endswith("/4000000001")),
        (
            "financial_status:pending OR test:true status:open",
            lambda each: (each["displayFinancialStatus"] == "PENDING" or each["test"]) and not each["closedAt"],
        ),
        (
            "(financial_status:pending AND tag:VIP) OR test:true",
            lambda each: (each["displayFinancialStatus"] == "PENDING" and "VIP" in each["tags"]) or each["test"],
        ),
        ("-(tag:VIP OR tag:gift)", lambda each: not {"VIP", "gift"} & set(each["tags"])),
        (
            "created_at:>='2026-11-01T00:00:00Z' created_at:<'2026-11-02T00:00:00Z'",
            lambda each: "2026-11-01T00" <= each["createdAt"] < "2026-11-02T00",
        ),
        (
            "updated_at:>'2026-10-31T20:00:00-04:00' updated_at:<='2026-11-02T00:00:00.000Z'",
            lambda each: "2026-11-01T00:00:00Z" < each["updatedAt"] <= "2026-11-02T00:00:00Z",
        ),
        ("processed_at:<'2026-09-01T00:00:00Z'", lambda each: each["processedAt"] < "2026-09-01"),
    ],
)
def test_a_search_finds(shopify: ShopifyCaller, search: str, condition: Callable[[Truth], bool]) -> None:
    found = wanted(shopify, condition)
    assert found
    assert sorted(shopify.names(search)) == found
    document = "query ($search: String) { ordersCount(query: $search) { count } }"
    assert shopify.data(document, search=search)["ordersCount"]["count"] == len(found)
    assert warnings(shopify, search) == []


class TestTimes:
    def test_an_unquoted_time_is_cut_and_read_as_midnight_in_the_shops_zone(self, shopify: ShopifyCaller) -> None:
        search = "updated_at:>=2026-11-10T00:00:00Z"
        midnight = wanted(shopify, lambda each: each["updatedAt"] >= "2026-11-10T05:00:00Z")
        assert sorted(shopify.names(search)) == midnight
        assert midnight != wanted(shopify, lambda each: each["updatedAt"] >= "2026-11-10T00:00:00Z")
        document = "query ($search: String) { orders(first: 1, query: $search) { nodes { id } } }"
        (noted,) = shopify.ask(document, search=search)["extensions"]["search"]
        assert (noted["path"], noted["query"]) == (["orders"], search)
        assert noted["parsed"]["and"][0] == {"field": "updated_at", "range": {"gte": "2026-11-10T00:00:00-05:00"}}
        assert [(each["field"], each["code"]) for each in noted["warnings"]] == [("00", "invalid_field")]

    @pytest.mark.parametrize(
        ("day", "first", "past"),
        [
            ("2026-10-31", "2026-10-31T04:00:00Z", "2026-11-01T04:00:00Z"),
            ("2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),
            ("2026-11-02", "2026-11-02T05:00:00Z", "2026-11-03T05:00:00Z"),
        ],
    )
    def test_a_date_is_a_local_day_which_may_have_25_hours(self, shopify: ShopifyCaller, day: str, first: str, past: str) -> None:
        truth = wanted(shopify, lambda each: first <= each["createdAt"] < past)
        assert truth
        assert sorted(shopify.names(f"created_at:{day}")) == truth
        assert sorted(shopify.names(f"created_at:>={day} created_at:<'{past}'")) == truth

    def test_the_zone_is_a_setting(self) -> None:
        with Sandbox() as sandbox:
            settings = {"start": NOW, "now": NOW, "time_zone": "Asia/Tokyo"}
            sandbox.shopify.change_state({"settings": settings})
            assert sandbox.env["SHOPIFY_TIME_ZONE"] == "Asia/Tokyo"
            caller = ShopifyCaller(sandbox)
            truth = wanted(caller, lambda each: "2026-10-31T15:00:00Z" <= each["createdAt"] < "2026-11-01T15:00:00Z")
            assert sorted(caller.names("created_at:2026-11-01")) == truth

    def test_there_are_orders_on_every_day(self, shopify: ShopifyCaller) -> None:
        days = {(instant(each["createdAt"]) - instant(NOW)) // 86_400 for each in shopify.sandbox.shopify.orders()}
        assert days == set(range(-90, 0))

    def test_orders_on_both_sides_of_the_hour_that_comes_twice(self, shopify: ShopifyCaller) -> None:
        shopify.sandbox.shopify.change_state(
            {"add": [{"createdAt": at, "email": "twice@example.com"} for at in ("2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z")]}
        )
        first = shopify.names("email:twice@example.com created_at:<'2026-11-01T01:30:00-05:00'")
        both = shopify.names("email:twice@example.com created_at:2026-11-01")
        assert len(first) == 1
        assert len(both) == 2
        shopify.sandbox.shopify.change_state({"delete": both})


class TestWarnings:
    def test_an_unknown_field_is_ignored_with_a_warning(self, shopify: ShopifyCaller) -> None:
        assert len(shopify.names("colour:red")) == 400
        assert shopify.names("colour:red name:1005") == ["#1005"]
        assert warnings(shopify, "colour:red name:1005") == [("colour", "invalid_field")]

    @pytest.mark.parametrize("search", ["financial_status:payed", "status:gone", "test:maybe", "created_at:'tomorrow'", "id:x"])
    def test_a_wrong_value_finds_nothing_with_a_warning(self, shopify: ShopifyCaller, search: str) -> None:
        assert shopify.names(search) == []
        assert warnings(shopify, search) == [(search.partition(":")[0], "invalid_value")]

    def test_a_blank_after_the_colon_leaves_the_field_without_a_value(self, shopify: ShopifyCaller) -> None:
        assert warnings(shopify, "name: 1005") == [("name", "missing_named_field")]

    def test_brackets_and_quotes_that_do_not_match_are_survived(self, shopify: ShopifyCaller) -> None:
        for search in ("(", ")", "((name:1005", "name:1005))", "tag:'open", "OR", "NOT", "-", ":", "\\", "name:1005 OR"):
            shopify.names(search)
        assert shopify.names("((name:1005") == ["#1005"]


def test_the_search_sees_a_change_only_after_its_lag() -> None:
    with Sandbox() as sandbox:
        caller = ShopifyCaller(sandbox)
        sandbox.shopify.change_state({"settings": {"index_lag": 3_600}})
        (gid,) = sandbox.shopify.change_state({"add": [{"email": "late@example.com"}]})["added"]
        sandbox.shopify.change_state({"set": {"#1005": {"email": "late@example.com"}}, "delete": ["#1006"]})
        assert caller.names("email:late@example.com") == []
        assert caller.data("{ ordersCount { count } }")["ordersCount"]["count"] == 400
        document = "query ($id: ID!) { order(id: $id) { email } }"
        assert caller.data(document, id=gid)["order"] == {"email": "late@example.com"}
        assert "#1006" not in caller.names()
        sandbox.shopify.change_state({"load": sandbox.shopify.state()})
        assert sorted(caller.names("email:late@example.com")) == ["#1005", "#1401"]
