"""Amazon's catalogue over a socket: twenty items a call, pages, sections that are empty, and a login that ends."""

from collections.abc import Callable
from typing import Any

import pytest

from sync_pipelines.vendors.amazon import SECRETS, Amazon, has_login
from sync_pipelines.vendors.failures import Permanent, RateLimited, Transient
from vendor_sandbox import Sandbox

Connect = Callable[[], Amazon]
ITEMS, TOKEN = "GET /catalog/2022-04-01/items", "POST /auth/o2/token"


def order(sandbox: Sandbox, on: str, kind: str, **options: Any) -> None:
    sandbox.faults("amazon", [{"on": on, "kind": kind, **options}])


def calls(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [call for call in sandbox.calls("amazon") if "token" not in call["path"]]


@pytest.fixture(autouse=True)
def without_limits(sandbox: Sandbox) -> None:
    sandbox.amazon.change_state({"settings": {"burst": 1_000_000, "token_seconds": 10_000_000}})


def us(sandbox: Sandbox) -> dict[str, Any]:
    return {item.asin: item for item in sandbox.boots.in_marketplace("US")}


class TestItems:
    def test_items_come_with_all_that_the_catalogue_knows_of_them(self, sandbox: Sandbox, amazon: Connect) -> None:
        """Packages that an item comes in are no variation parents."""
        truth = us(sandbox)
        found = {item.asin: item for item in amazon().items(list(truth), "US")}
        assert found.keys() == truth.keys()
        for asin, item in found.items():
            true = truth[asin]
            assert (item.title, item.brand, item.size, item.color) == (true.title, true.brand, true.size, true.colour)
            assert (item.upc, item.ean, item.gtin) == (true.upc, true.ean, true.gtin)
            assert (item.model_number, item.part_number) == (true.model_number, true.part_number)
            assert (item.classification, item.theme) == (
                true.classification,
                true.theme if item.parents or item.classification == "VARIATION_PARENT" else None,
            )
            assert item.parents == ((true.parent_asin,) if true.parent_asin else ())

    def test_twenty_are_asked_for_at_once_and_their_second_page_is_fetched(self, sandbox: Sandbox, amazon: Connect) -> None:
        asins = list(us(sandbox))[:45]
        assert {item.asin for item in amazon().items([*asins, asins[0]], "US")} == set(asins)
        asked = [call["query"]["identifiers"].split(",") for call in calls(sandbox)]
        assert [len(each) for each in asked] == [20, 20, 20, 20, 5]
        assert not any("pageSize" in call["query"] for call in calls(sandbox))
        assert ["pageToken" in call["query"] for call in calls(sandbox)] == [False, True, False, True, False]

    def test_a_page_token_that_never_comes_leaves_the_rest_unknown(self, sandbox: Sandbox, amazon: Connect) -> None:
        order(sandbox, ITEMS, "no_next_token")
        found = list(amazon().items(list(us(sandbox))[:20], "US"))
        assert len(found) == 10

    def test_what_the_marketplace_does_not_know_is_left_out(self, sandbox: Sandbox, amazon: Connect) -> None:
        asins = list(us(sandbox))[:2]
        assert [i.asin for i in amazon().items([asins[0], "B0NOTTHERE", asins[1]], "US")] == asins
        assert list(amazon().items(["B0NOTTHERE"], "US")) == []
        assert list(amazon().items([], "US")) == []

    def test_each_marketplace_has_its_own(self, sandbox: Sandbox, amazon: Connect) -> None:
        only = next(i for i in sandbox.boots.items if i.marketplace == "CA" and i.asin not in us(sandbox))
        assert [i.asin for i in amazon().items([only.asin], "CA")] == [only.asin]
        assert list(amazon().items([only.asin], "US")) == []

    def test_an_item_with_empty_sections_is_an_item_of_which_nothing_is_known(self, sandbox: Sandbox, amazon: Connect) -> None:
        asins = list(us(sandbox))[1:3]
        order(sandbox, ITEMS, "empty_sections", asins=asins[:1])
        empty, full = sorted(amazon().items(asins, "US"), key=lambda i: asins.index(i.asin))
        assert (empty.title, empty.upc, empty.parents) == (None, None, ())
        assert full.title

    def test_several_parents_come_in_their_order(self, sandbox: Sandbox, amazon: Connect) -> None:
        item = next(i for i in us(sandbox).values() if i.parent_asin)
        sandbox.amazon.change_state({"more_parents": {item.asin: ["B0OTHERP01"]}})
        (found,) = amazon().items([item.asin], "US")
        assert found.parents == (item.parent_asin, "B0OTHERP01")


class TestTrouble:
    def test_429_comes_without_a_time_and_is_waited_for_longer_and_longer(self, sandbox: Sandbox, amazon: Connect) -> None:
        order(sandbox, ITEMS, "rate_limited", times=4)
        client = amazon()
        assert len(list(client.items(list(us(sandbox))[:1], "US"))) == 1
        naps: list[float] = list(client.http.sleep)  # type: ignore[call-overload]
        assert len(naps) == 4
        assert naps == sorted(naps)
        assert naps[-1] > 2 * naps[0]

    def test_429_for_ever_is_told(self, sandbox: Sandbox, amazon: Connect) -> None:
        order(sandbox, ITEMS, "rate_limited", times=100)
        with pytest.raises(RateLimited, match="429"):
            list(amazon().items(["B0NOTTHERE"], "US"))

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_token_that_has_ended_is_renewed_once(self, sandbox: Sandbox, amazon: Connect, status: int) -> None:
        sandbox.amazon.change_state({"settings": {"denied_status": status}})
        client = amazon()
        asins = list(us(sandbox))[:1]
        assert list(client.items(asins, "US"))
        sandbox.amazon.change_state({"revoke_tokens": True})
        assert list(client.items(asins, "US"))
        assert [call["status"] for call in calls(sandbox)] == [200, status, 200]

    def test_a_login_without_the_right_is_told_after_one_more_try(self, sandbox: Sandbox, amazon: Connect) -> None:
        order(sandbox, ITEMS, "status", status=403, times=100)
        with pytest.raises(Permanent, match="lacks the right"):
            list(amazon().items(["B0NOTTHERE"], "US"))
        assert len(calls(sandbox)) == 2

    @pytest.mark.parametrize(("name", "status"), [("AMAZON_CLIENT_SECRET", 401), ("AMAZON_REFRESH_TOKEN", 400)])
    def test_wrong_credentials_are_told_at_once_and_never_shown(
        self, *, sandbox: Sandbox, amazon: Connect, monkeypatch: pytest.MonkeyPatch, name: str, status: int
    ) -> None:
        monkeypatch.setenv(name, "wrong-secret-0123")
        with pytest.raises(Permanent) as failed:
            amazon().login()
        assert failed.value.status == status
        assert "wrong-secret-0123" not in str(failed.value)
        assert len(sandbox.calls("amazon")) == 1

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"items": None},
            {"items": {}},
            [],
            {"items": [{}]},
            {"items": ["x"]},
            {"items": [{"asin": 5}]},
            {"items": [{"asin": "B000000001", "summaries": ["x"]}]},
            {"items": [{"asin": "B000000001", "identifiers": "x"}]},
            {"items": [{"asin": "B000000001", "relationships": [{"marketplaceId": "ATVPDKIKX0DER", "relationships": [5]}]}]},
            {"items": [], "pagination": "x"},
        ],
        ids=str,
    )
    def test_an_answer_of_another_shape_is_a_failed_call_and_no_crash(self, sandbox: Sandbox, amazon: Connect, body: Any) -> None:
        order(sandbox, ITEMS, "status", status=200, body=body, times=100)
        with pytest.raises(Transient):
            list(amazon().items(["B000000001"], "US"))

    def test_replies_that_are_cut_or_no_json_are_asked_for_again(self, sandbox: Sandbox, amazon: Connect) -> None:
        for kind in ("lost_reply", "html", "cut_body"):
            order(sandbox, ITEMS, kind)
        assert len(list(amazon().items(list(us(sandbox))[:1], "US"))) == 1

    def test_a_page_token_that_always_comes_does_not_go_on_for_ever(self, sandbox: Sandbox, amazon: Connect) -> None:
        body = {"items": [], "pagination": {"nextToken": "again"}}
        order(sandbox, ITEMS, "status", status=200, body=body, times=30)
        list(amazon().items(list(us(sandbox))[:1], "US"))
        assert len(calls(sandbox)) < 30


def test_without_all_three_secrets_there_is_no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)
    assert not has_login()
    for name in ("AMAZON_CLIENT_ID", "AMAZON_CLIENT_SECRET"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AMAZON_REFRESH_TOKEN", "  ")
    assert not has_login()
    monkeypatch.setenv("AMAZON_REFRESH_TOKEN", "x")
    assert has_login()
