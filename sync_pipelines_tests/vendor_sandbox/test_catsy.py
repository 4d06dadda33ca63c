"""What Catsy's stand-in enforces, over real sockets."""

import gc
from decimal import Decimal
from typing import Any

import pytest

from sync_pipelines_tests.vendor_sandbox.conftest import CatsyCaller, exact
from vendor_sandbox import Sandbox
from vendor_sandbox.catalogue import FIRST_ID
from vendor_sandbox.catsy import FORBIDDEN_TOKEN, PRICELESS_TOKEN
from vendor_sandbox.traps import TRAPS


def settings(sandbox: Sandbox, **changes: object) -> None:
    sandbox.catsy.change_state({"settings": changes})


class TestTokens:
    @pytest.mark.parametrize("token", [None, "something-else"])
    def test_a_missing_or_unknown_token_gets_401(self, sandbox: Sandbox, token: str | None) -> None:
        assert CatsyCaller(sandbox, token).page().status_code == 401

    def test_the_forbidden_token_gets_403(self, sandbox: Sandbox) -> None:
        assert CatsyCaller(sandbox, FORBIDDEN_TOKEN).page().status_code == 403

    def test_a_role_without_the_price_attribute_gets_200_and_items_without_it(self, sandbox: Sandbox) -> None:
        reply = CatsyCaller(sandbox, PRICELESS_TOKEN).page(limit=500)
        assert reply.status_code == 200
        assert len(reply.json()["items"]) == 300
        assert not any("price_trade" in item for item in reply.json()["items"])

    @pytest.mark.parametrize(("form", "value"), [("null", None), ("blank", "")])
    def test_an_unreadable_attribute_may_come_back_empty_instead(self, sandbox: Sandbox, form: str, value: object) -> None:
        settings(sandbox, unreadable_as=form)
        items = CatsyCaller(sandbox, PRICELESS_TOKEN).page().json()["items"]
        assert {item.get("price_trade", value) for item in items} == {value}

    def test_an_unreadable_attribute_cannot_be_guessed_by_filtering(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        wanted = {"attributeKey": "price_trade", "operator": "contains", "value": "."}
        assert catsy.filter(wanted).json()["pagination"]["total_results"] > 0
        assert CatsyCaller(sandbox, PRICELESS_TOKEN).filter(wanted).json()["pagination"]["total_results"] == 0


class TestQueryItems:
    def test_an_unknown_query_gets_404(self, catsy: CatsyCaller) -> None:
        assert catsy.page(query_id="00000000-0000-0000-0000-000000000000").status_code == 404

    def test_pages_by_limit_and_offset_cover_every_item_once(self, catsy: CatsyCaller) -> None:
        ids = [item["id"] for offset in range(0, 300, 70) for item in catsy.page(limit=70, offset=offset).json()["items"]]
        assert ids == list(range(FIRST_ID, FIRST_ID + 300))

    def test_without_a_limit_a_page_has_a_hundred_items(self, catsy: CatsyCaller) -> None:
        assert len(catsy.page().json()["items"]) == 100

    def test_a_limit_over_the_maximum_is_capped_in_silence(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        settings(sandbox, max_limit=40)
        reply = catsy.page(limit=200)
        assert (reply.status_code, len(reply.json()["items"])) == (200, 40)

    def test_a_limit_over_the_maximum_may_be_refused_instead(self, sandbox: Sandbox, catsy: CatsyCaller) -> None:
        settings(sandbox, max_limit=40, over_max_limit="refuse")
        assert catsy.page(limit=41).status_code == 400
        assert catsy.page(limit=40).status_code == 200

    def test_an_offset_past_the_end_gives_an_empty_page(self, catsy: CatsyCaller) -> None:
        reply = catsy.page(offset=300)
        assert reply.json() == {"items": [], "pagination": {"total_results": 300}}

    @pytest.mark.parametrize("parameters", [{"limit": -1}, {"limit": "ten"}, {"limit": 0}, {"offset": -5}, {"offset": "1.5"}])
    def test_a_paging_value_that_is_no_whole_number_gets_400(self, catsy: CatsyCaller, parameters: dict[str, Any]) -> None:
        assert catsy.page(**parameters).status_code == 400

    @pytest.mark.parametrize(
        ("place", "rest"),
        [
            ("pagination.total_results", {"pagination": {"total_results": 300}}),
            ("total", {"total": 300}),
            ("totalCount", {"totalCount": 300}),
            ("none", {}),
        ],
    )
    def test_the_total_is_where_the_setting_says(
        self, sandbox: Sandbox, catsy: CatsyCaller, place: str, rest: dict[str, object]
    ) -> None:
        settings(sandbox, total_at=place)
        body = catsy.page(limit=1).json()
        del body["items"]
        assert body == rest

    def test_another_method_gets_405_and_another_path_404(self, catsy: CatsyCaller, sandbox: Sandbox) -> None:
        page = f"{sandbox.url}/catsy/api/v3/queries/x/items"
        assert catsy.session.put(page, timeout=5).status_code == 405
        assert catsy.session.get(f"{sandbox.url}/catsy/api/v3/queries", timeout=5).status_code == 404


class TestFilter:
    def test_no_filters_give_every_product_by_page(self, catsy: CatsyCaller) -> None:
        reply = catsy.filter(page=3, resultsPerPage=120)
        assert [item["id"] for item in reply.json()["products"]] == list(range(FIRST_ID + 240, FIRST_ID + 300))
        assert reply.json()["pagination"] == {"total_results": 300}

    def test_filters_must_all_hold(self, catsy: CatsyCaller) -> None:
        by_name = {"attributeKey": "name", "operator": "contains", "value": "Trap: SKU with"}
        by_sku = {"attributeKey": "sku", "operator": "is", "value": "TRAP-1/2-INCH"}
        assert catsy.filter(by_name).json()["pagination"]["total_results"] == 5
        assert [item["sku"] for item in catsy.filter(by_name, by_sku).json()["products"]] == ["TRAP-1/2-INCH"]

    def test_a_list_attribute_matches_by_its_members(self, catsy: CatsyCaller) -> None:
        wanted = {"attributeKey": "series", "operator": "is", "value": "S2"}
        assert [item["sku"] for item in catsy.filter(wanted).json()["products"]] == ["TRAP-OTHER-KEYS"]

    @pytest.mark.parametrize("operator", ["startsWith", "gt", None])
    def test_any_other_operator_gets_400(self, catsy: CatsyCaller, operator: str | None) -> None:
        assert catsy.filter({"attributeKey": "sku", "operator": operator, "value": "B"}).status_code == 400

    def test_a_body_that_is_no_filter_object_gets_400(self, catsy: CatsyCaller, sandbox: Sandbox) -> None:
        url = f"{sandbox.url}/catsy/v4/products/filter"
        for body in ("[]", "{}", "{", '{"filters": {}}', '{"filters": [1]}'):
            reply = catsy.session.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=5)
            assert reply.status_code == 400, body
        assert catsy.session.post(url, data={"filters": "[]"}, timeout=5).status_code == 400
        assert catsy.filter(page=0).status_code == 400


class TestSeededData:
    def test_every_trap_is_there_under_a_unique_id(self, catsy: CatsyCaller) -> None:
        items = catsy.everything()
        assert {trap["name"] for trap in TRAPS} <= {item["name"] for item in items}
        assert len({item["id"] for item in items}) == len(items) == 300

    def test_traps_are_spread_over_the_catalogue(self, catsy: CatsyCaller) -> None:
        rows = [row for row, item in enumerate(catsy.everything()) if item["name"].startswith("Trap: ")]
        assert len(rows) == len(TRAPS)
        assert rows[0] < 60
        assert rows[-1] > 240

    def test_a_small_catalogue_has_no_traps_and_an_empty_one_no_items(self) -> None:
        with Sandbox(scale=99) as sandbox:
            assert not any(item["name"].startswith("Trap") for item in CatsyCaller(sandbox).page().json()["items"])
        with Sandbox(scale=0) as sandbox:
            assert CatsyCaller(sandbox).page().json() == {"items": [], "pagination": {"total_results": 0}}

    def test_codes_that_clients_confuse_are_all_there(self, catsy: CatsyCaller) -> None:
        skus = [item.get("sku") for item in catsy.everything()]
        assert skus.count("TRAP-DUPLICATE-OTHER") == skus.count("TRAP-DUPLICATE-SAME") == 2
        confusing = ["TRAP-CASE-X1", "trap-case-x1", " TRAP-SPACES ", "TRAP-SPACES", "05300", "5300", "", None, 4711]
        assert all(sku in skus for sku in [*confusing, "TRAP-ÖSE-Ø8-螺栓", "TRAP-1/2-INCH", "TRAP-#8"])

    def test_prices_are_mostly_text_and_sometimes_exact_numbers(self, catsy: CatsyCaller) -> None:
        prices = [item["price_trade"] for item in catsy.everything() if not item["name"].startswith("Trap: ")]
        numbers = [price for price in prices if isinstance(price, Decimal)]
        assert 0 < len(numbers) < len(prices) / 3
        assert all(isinstance(price, str | Decimal) and len(str(price).partition(".")[2]) == 2 for price in prices)

    def test_key_sets_differ_and_lists_and_objects_occur(self, catsy: CatsyCaller) -> None:
        items = catsy.everything()
        assert len({frozenset(item) for item in items}) > 5
        assert any(isinstance(item.get("colours"), list) for item in items)
        assert any(isinstance(item.get("assets"), list) and item["assets"][0]["asset_type"] == "IMAGE" for item in items)
        assert 0 < sum("price_trade_100" in item for item in items) < 150

    def test_a_seed_repeats_exactly_and_another_differs(self) -> None:
        def first_page(seed: int) -> bytes:
            with Sandbox(seed=seed) as sandbox:
                return CatsyCaller(sandbox).page(limit=500).content

        assert first_page(3) == first_page(3) != first_page(4)


class TestSize:
    def test_a_million_items_are_computed_when_asked_for_and_not_kept(self) -> None:
        gc.collect()
        before = len(gc.get_objects())
        with Sandbox(scale=1_000_000) as sandbox:
            catsy = CatsyCaller(sandbox)
            page = catsy.page(limit=500, offset=999_400).json()
            assert [item["id"] for item in page["items"]] == list(range(FIRST_ID + 999_400, FIRST_ID + 999_900))
            assert page["pagination"]["total_results"] == 1_000_000
            assert len(catsy.page(limit=500, offset=999_900).json()["items"]) == 100
            del page
            gc.collect()
            assert sandbox.catsy.items.held == 0
            # The SparkLayer seed (5,000 priced SKUs) is the most there is.
            assert len(gc.get_objects()) - before < 40_000

    def test_changes_to_a_large_catalogue_keep_only_what_changed(self) -> None:
        with Sandbox(scale=1_000_000) as sandbox:
            sandbox.catsy.change_state({"set": {str(FIRST_ID): None, str(FIRST_ID + 500_000): {"brand": "New"}}})
            page = CatsyCaller(sandbox).page(limit=1, offset=499_999).json()
            assert (page["items"][0]["id"], page["items"][0]["brand"]) == (FIRST_ID + 500_000, "New")
            assert page["pagination"]["total_results"] == 999_999
            assert sandbox.catsy.items.held == 2


def test_non_ascii_text_arrives_as_utf_8(catsy: CatsyCaller) -> None:
    assert "Ø8-螺栓".encode() in catsy.page(limit=500).content


def test_numbers_keep_their_digits(catsy: CatsyCaller) -> None:
    by_name = {item["name"]: item for item in exact(catsy.page(limit=500))["items"]}
    assert str(by_name["Trap: other keys"]["weight_kg"]) == "0.250"
    assert str(by_name["Trap: price too many decimals number"]["price_trade"]) == "1.005"
