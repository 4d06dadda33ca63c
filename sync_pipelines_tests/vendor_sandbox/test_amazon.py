"""Amazon's stand-in: the login, the rate, and the catalogue's rules."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.conftest import PATIENCE, control, eventually, exact
from vendor_sandbox import Sandbox
from vendor_sandbox.amazon import CLIENT_ID, CLIENT_SECRET, MARKETPLACE_IDS, REFRESH_TOKEN, SELLER_ID
from vendor_sandbox.boots import FIRST_STYLE, Item

US, CA = MARKETPLACE_IDS["US"], MARKETPLACE_IDS["CA"]


class AmazonCaller:
    """A session that knows the login and the paths."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()

    def ask_for_token(self, **changes: str | None) -> requests.Response:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": REFRESH_TOKEN,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            **changes,
        }
        return self.session.post(self.sandbox.env["AMAZON_LWA_URL"], data=form, timeout=PATIENCE)

    def log_in(self) -> "AmazonCaller":
        self.session.headers["x-amz-access-token"] = self.ask_for_token().json()["access_token"]
        return self

    def search(self, **parameters: object) -> requests.Response:
        return self._get("", {"marketplaceIds": US, **parameters})

    def item(self, asin: str, **parameters: object) -> requests.Response:
        return self._get(f"/{asin}", {"marketplaceIds": US, **parameters})

    def _get(self, path: str, parameters: dict[str, object]) -> requests.Response:
        url = f"{self.sandbox.env['AMAZON_BASE_URL']}/catalog/2022-04-01/items{path}"
        query = {name: str(value) for name, value in parameters.items() if value is not None}
        return self.session.get(url, params=query, timeout=PATIENCE)

    def found(self, *identifiers: str, kind: str = "ASIN", **parameters: object) -> list[dict[str, Any]]:
        """Every item of an identifier search, page by page."""
        found: list[dict[str, Any]] = []
        query: dict[str, object] = {"identifiers": ",".join(identifiers), "identifiersType": kind, **parameters}
        while True:
            page = self.search(**query).json()
            found += page["items"]
            if "nextToken" not in page.get("pagination", {}):
                return found
            query["pageToken"] = page["pagination"]["nextToken"]


def error_of(reply: requests.Response) -> tuple[int, str]:
    (error,) = reply.json()["errors"]
    assert set(error) == {"code", "message", "details"}
    return reply.status_code, error["code"]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(orders=5) as sandbox:
        yield sandbox


@pytest.fixture
def shop(running: Sandbox) -> Sandbox:
    """The module's sandbox as the seed has it, with the rate out of the way."""
    running.reset()
    running.amazon.change_state({"settings": {"burst": 1_000_000}})
    return running


@pytest.fixture
def amazon(shop: Sandbox) -> AmazonCaller:
    return AmazonCaller(shop).log_in()


@pytest.fixture
def first(shop: Sandbox) -> tuple[Item, ...]:
    return shop.boots.of_style(FIRST_STYLE)


def child(items: tuple[Item, ...], **wanted: object) -> Item:
    return next(
        item
        for item in items
        if item.classification == "BASE_PRODUCT" and all(getattr(item, name) == each for name, each in wanted.items())
    )


class TestLogin:
    def test_a_token_is_given_for_the_right_refresh_token(self, shop: Sandbox) -> None:
        reply = AmazonCaller(shop).ask_for_token()
        assert reply.status_code == 200
        body = reply.json()
        assert set(body) == {"access_token", "token_type", "expires_in"}
        assert (body["token_type"], body["expires_in"]) == ("bearer", 3600)

    @pytest.mark.parametrize(
        ("changes", "status", "error"),
        [
            ({"client_secret": "wrong"}, 401, "invalid_client"),
            ({"client_id": None}, 401, "invalid_client"),
            ({"refresh_token": "Atzr|other"}, 400, "invalid_grant"),
            ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ],
    )
    def test_anything_else_gets_an_oauth_error(
        self, shop: Sandbox, changes: dict[str, str | None], status: int, error: str
    ) -> None:
        reply = AmazonCaller(shop).ask_for_token(**changes)
        assert (reply.status_code, reply.json()["error"]) == (status, error)
        assert set(reply.json()) == {"error", "error_description"}

    def test_the_form_must_be_a_form_and_posted(self, shop: Sandbox) -> None:
        url = shop.env["AMAZON_LWA_URL"]
        assert requests.post(url, json={"grant_type": "refresh_token"}, timeout=5).json()["error"] == "invalid_request"
        assert requests.get(url, timeout=5).status_code == 405

    def test_a_call_needs_the_token_in_its_own_header(self, amazon: AmazonCaller) -> None:
        token = amazon.session.headers.pop("x-amz-access-token")
        assert error_of(amazon.search(keywords="boot")) == (403, "Unauthorized")
        amazon.session.headers["Authorization"] = f"Bearer {token!s}"
        assert error_of(amazon.search(keywords="boot")) == (403, "Unauthorized")
        amazon.session.headers["x-amz-access-token"] = "Atza|made-up"
        assert error_of(amazon.item("B000000000")) == (403, "Unauthorized")

    def test_a_revoked_or_expired_token_gets_403_and_a_new_one_works(self, amazon: AmazonCaller) -> None:
        amazon.sandbox.amazon.change_state({"revoke_tokens": True})
        assert error_of(amazon.search(keywords="boot")) == (403, "Unauthorized")
        assert amazon.log_in().search(keywords="boot").status_code == 200
        amazon.sandbox.faults("amazon", [{"on": "GET *", "kind": "expired_token"}])
        assert error_of(amazon.search(keywords="boot")) == (403, "Unauthorized")
        assert error_of(amazon.search(keywords="boot")) == (403, "Unauthorized")

    def test_lives_and_rates_run_at_the_sandboxs_speed(self) -> None:
        with Sandbox(orders=5, scale=40, speed=3600) as sandbox:
            assert sandbox.env["AMAZON_CALLS_PER_SECOND"] == "7200"
            assert sandbox.env["AMAZON_BURST"] == "2"
            caller = AmazonCaller(sandbox)
            assert caller.ask_for_token().json()["expires_in"] == 1
            caller.log_in()
            eventually(lambda: caller.search(keywords="boot").status_code == 403)
            assert sandbox.amazon.state()["tokens"] == 0


class TestRate:
    def test_each_operation_has_a_bucket_of_its_own_and_429_says_nothing_of_when(self, amazon: AmazonCaller) -> None:
        amazon.sandbox.amazon.change_state({"settings": {"rate_per_second": 0.001, "burst": 2}})
        replies = [amazon.search(keywords="boot") for _ in range(3)]
        assert [reply.status_code for reply in replies] == [200, 200, 429]
        assert error_of(replies[-1]) == (429, "QuotaExceeded")
        assert "Retry-After" not in replies[-1].headers
        assert "x-amzn-RateLimit-Limit" not in replies[-1].headers
        assert replies[-1].headers["x-amzn-RequestId"]
        assert amazon.item("B000000000").status_code == 404

    def test_the_rate_is_told_on_200_400_and_404_only(self, amazon: AmazonCaller) -> None:
        replies = [amazon.search(keywords="boot"), amazon.search(), amazon.item("B000000000")]
        assert [reply.status_code for reply in replies] == [200, 400, 404]
        assert {reply.headers["x-amzn-RateLimit-Limit"] for reply in replies} == {"2.0"}
        amazon.session.headers["x-amz-access-token"] = "none"
        assert "x-amzn-RateLimit-Limit" not in amazon.item("B000000000").headers
        assert "x-amzn-RateLimit-Limit" not in amazon.ask_for_token().headers


class TestValidation:
    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"identifiers": "B000000001", "identifiersType": "ASIN", "keywords": "boot"},
            {"identifiers": ",".join(f"B{number:09d}" for number in range(21)), "identifiersType": "ASIN"},
            {"identifiers": "B000000001"},
            {"identifiers": "B000000001", "identifiersType": "asin"},
            {"identifiers": "B000000001,", "identifiersType": "ASIN"},
            {"identifiers": "B000000001,123", "identifiersType": "ASIN"},
            {"identifiers": "MCA0032-M-09", "identifiersType": "SKU"},
            {"identifiers": "B000000001", "identifiersType": "ASIN", "brandNames": "Wrenfield"},
            {"identifiers": "B000000001", "identifiersType": "ASIN", "classificationIds": "9100001"},
            {"keywords": ",".join("boot" for _ in range(21))},
            {"keywords": "boot", "marketplaceIds": None},
            {"keywords": "boot", "marketplaceIds": f"{US},{CA}"},
            {"keywords": "boot", "marketplaceIds": "US"},
            {"keywords": "boot", "includedData": "summaries,variations"},
            {"keywords": "boot", "pageSize": 21},
            {"keywords": "boot", "pageSize": 0},
            {"keywords": "boot", "pageSize": "ten"},
            {"keywords": "boot", "pageToken": "made-up"},
            {"keyword": "boot"},
        ],
    )
    def test_a_search_that_breaks_a_rule_gets_400(self, amazon: AmazonCaller, query: dict[str, object]) -> None:
        assert error_of(amazon.search(**query)) == (400, "InvalidInput")

    def test_a_list_sent_as_repeated_parameters_gets_400(self, amazon: AmazonCaller) -> None:
        url = f"{amazon.sandbox.env['AMAZON_BASE_URL']}/catalog/2022-04-01/items"
        query = [("marketplaceIds", US), ("identifiers", "B000000001"), ("identifiers", "B000000002")]
        reply = amazon.session.get(url, params=[*query, ("identifiersType", "ASIN")], timeout=PATIENCE)
        assert error_of(reply) == (400, "InvalidInput")

    def test_what_is_assumed_can_be_set_otherwise(self, amazon: AmazonCaller) -> None:
        amazon.sandbox.amazon.change_state(
            {"settings": {"malformed_asin_fails": False, "unknown_parameters_fail": False, "denied_status": 401}}
        )
        assert amazon.found("123", anything=1) == []
        amazon.session.headers["x-amz-access-token"] = "none"
        assert error_of(amazon.search(keywords="boot")) == (401, "Unauthorized")

    def test_an_unknown_asin_is_absent_from_a_search_and_404_on_its_own(
        self, amazon: AmazonCaller, first: tuple[Item, ...]
    ) -> None:
        assert [item["asin"] for item in amazon.found("B000000000", first[0].asin)] == [first[0].asin]
        assert error_of(amazon.item("B000000000")) == (404, "NOT_FOUND")
        in_us = {item.asin for item in first}
        in_ca = amazon.sandbox.boots.of_style(FIRST_STYLE, "CA")
        only_in_ca = next(item.asin for item in in_ca if item.asin not in in_us)
        assert amazon.found(only_in_ca) == []
        assert amazon.item(only_in_ca).status_code == 404
        assert amazon.item(only_in_ca, marketplaceIds=f"{US},{CA}").status_code == 200
        assert amazon.item("B000000000", marketplaceIds=None).status_code == 400


class TestSections:
    def test_summaries_come_when_nothing_is_asked_for_and_only_what_is_asked_for(
        self, amazon: AmazonCaller, first: tuple[Item, ...]
    ) -> None:
        asin = first[1].asin
        assert set(amazon.item(asin).json()) == {"asin", "summaries"}
        asked = amazon.item(asin, includedData="identifiers,relationships").json()
        assert set(asked) == {"asin", "identifiers", "relationships"}
        everything = "attributes,classifications,dimensions,identifiers,images,productTypes,relationships,salesRanks"
        (found,) = amazon.found(asin, includedData=f"{everything},summaries,vendorDetails")
        assert set(found) == {"asin", "summaries", "vendorDetails", *everything.split(",")}
        assert found["attributes"]["item_name"][0] == {"language_tag": "en_US", "value": first[1].title, "marketplace_id": US}

    def test_a_summary_has_what_the_listing_has_and_leaves_out_what_it_lacks(
        self, amazon: AmazonCaller, first: tuple[Item, ...]
    ) -> None:
        for item in (first[0], child(first, why="gtin"), child(first, why="ambiguous")):
            (summary,) = amazon.item(item.asin).json()["summaries"]
            assert summary["marketplaceId"] == US
            shown = {
                "itemName": item.title,
                "brand": item.brand,
                "modelNumber": item.model_number,
                "partNumber": item.part_number,
                "size": item.size,
                "color": item.colour,
                "itemClassification": item.classification,
            }
            assert {name: summary.get(name) for name in shown} == shown
            assert None not in summary.values()

    def test_identifiers_name_their_kind_and_may_be_none(self, amazon: AmazonCaller, first: tuple[Item, ...]) -> None:
        item = next(each for each in first if each.upc and each.ean and each.gtin)
        (found,) = amazon.found(item.asin, includedData="identifiers")
        (listed,) = found["identifiers"]
        assert {(each["identifierType"], each["identifier"]) for each in listed["identifiers"]} == {
            ("UPC", item.upc),
            ("EAN", item.ean),
            ("GTIN", item.gtin),
        }
        (bare,) = amazon.found(first[0].asin, includedData="identifiers")
        assert bare["identifiers"] == [{"marketplaceId": US, "identifiers": []}]

    def test_sections_are_grouped_by_the_marketplaces_asked_for(self, amazon: AmazonCaller, first: tuple[Item, ...]) -> None:
        both = {item.asin for item in first} & {item.asin for item in amazon.sandbox.boots.in_marketplace("CA")}
        asin = min(both)
        sections = amazon.item(asin, marketplaceIds=f"{US},{CA}", includedData="summaries,identifiers").json()
        assert [each["marketplaceId"] for each in sections["summaries"]] == [US, CA]
        assert [each["marketplaceId"] for each in sections["identifiers"]] == [US, CA]
        (summary,) = amazon.item(asin, marketplaceIds=CA).json()["summaries"]
        assert summary["marketplaceId"] == CA

    def test_children_name_their_parent_and_parents_their_children(self, amazon: AmazonCaller, first: tuple[Item, ...]) -> None:
        def variation(asin: str) -> dict[str, Any] | None:
            (section,) = amazon.item(asin, includedData="relationships").json()["relationships"]
            return next((each for each in section["relationships"] if each["type"] == "VARIATION"), None)

        parent = variation(first[0].asin)
        assert parent is not None
        assert set(parent["childAsins"]) == {item.asin for item in first if item.parent_asin == first[0].asin}
        linked = child(first, parent_asin=first[0].asin)
        assert variation(linked.asin) == {
            "type": "VARIATION",
            "parentAsins": [first[0].asin],
            "variationTheme": {"attributes": ["size", "color"], "theme": "SIZE/COLOR"},
        }
        assert variation(child(first, parent_asin=None).asin) is None

    def test_some_items_have_a_case_pack_that_is_no_variation_parent(self, amazon: AmazonCaller) -> None:
        def packs() -> int:
            asins = [item.asin for item in amazon.sandbox.boots.in_marketplace()]
            batches = (asins[start : start + 20] for start in range(0, len(asins), 20))
            found = [item for each in batches for item in amazon.found(*each, includedData="relationships")]
            assert len(found) == len(asins)
            entries = [entry for item in found for entry in item["relationships"][0]["relationships"]]
            return sum(entry["type"] == "PACKAGE_HIERARCHY" for entry in entries)

        assert packs() > 10
        amazon.sandbox.amazon.change_state({"settings": {"package_hierarchies": False}})
        assert packs() == 0


class TestSearch:
    def test_twenty_identifiers_may_find_more_than_twenty_items(self, amazon: AmazonCaller) -> None:
        items = amazon.sandbox.boots.of_style(FIRST_STYLE)
        upcs = [item.upc for item in items if item.upc]
        twice = next(upc for upc in upcs if upcs.count(upc) == 2)
        asked = [twice, *(upc for upc in dict.fromkeys(upcs) if upc != twice)][:20]
        reply = amazon.search(identifiers=",".join(asked), identifiersType="UPC")
        assert (reply.json()["numberOfResults"], len(reply.json()["items"])) == (21, 10)
        assert {item["asin"] for item in amazon.found(*asked, kind="UPC")} == {item.asin for item in items if item.upc in asked}

    def test_a_full_page_asked_for_by_size_has_no_token(self, amazon: AmazonCaller, first: tuple[Item, ...]) -> None:
        def tokens(size: int) -> set[str]:
            page = amazon.search(keywords=FIRST_STYLE, pageSize=size).json()
            return set(page.get("pagination", {}))

        assert (tokens(19), tokens(20)) == ({"nextToken"}, set())
        amazon.sandbox.amazon.change_state({"settings": {"lost_token_at_20": "identifiers"}})
        assert tokens(20) == {"nextToken"}

    def test_a_page_token_needs_its_search_and_leads_back_too(self, amazon: AmazonCaller) -> None:
        page = amazon.search(keywords=FIRST_STYLE, pageSize=7).json()
        token = page["pagination"]["nextToken"]
        assert error_of(amazon.search(pageToken=token)) == (400, "InvalidInput")
        assert error_of(amazon.search(keywords="other", pageToken=token)) == (400, "InvalidInput")
        second = amazon.search(keywords=FIRST_STYLE, pageSize=7, pageToken=token).json()
        assert not {item["asin"] for item in page["items"]} & {item["asin"] for item in second["items"]}
        back = second["pagination"]["previousToken"]
        assert amazon.search(keywords=FIRST_STYLE, pageSize=7, pageToken=back).json()["items"] == page["items"]

    def test_items_do_not_come_in_the_order_asked_for(self, amazon: AmazonCaller, first: tuple[Item, ...]) -> None:
        asked = [item.asin for item in first[:20]]
        found = [item["asin"] for item in amazon.found(*asked)]
        assert sorted(found) == sorted(asked)
        assert found != asked
        assert [item["asin"] for item in amazon.found(*reversed(asked))] == found

    def test_codes_are_found_by_their_kind_or_if_set_by_their_digits(self, amazon: AmazonCaller, first: tuple[Item, ...]) -> None:
        item = child(first, why="gtin", ean=None, gtin=None)
        assert [each["asin"] for each in amazon.found(str(item.upc), kind="UPC")] == [item.asin]
        assert amazon.found(f"0{item.upc}", kind="EAN") == []
        amazon.sandbox.amazon.change_state({"settings": {"codes_match": "digits"}})
        assert [each["asin"] for each in amazon.found(f"0{item.upc}", kind="EAN")] == [item.asin]
        book = next(each for each in first if each.classification == "OTHER")
        assert [each["asin"] for each in amazon.found(str(book.ean), kind="ISBN")] == [book.asin]

    def test_a_seller_finds_its_own_skus_only(self, amazon: AmazonCaller, first: tuple[Item, ...]) -> None:
        item = child(first, why="sku")
        assert item.seller_sku is not None
        assert [each["asin"] for each in amazon.found(item.seller_sku, kind="SKU", sellerId=SELLER_ID)] == [item.asin]
        assert amazon.found(item.seller_sku, kind="SKU", sellerId="A2SOMEBODYELSE") == []

    def test_keywords_hide_parents_and_count_roughly(self, amazon: AmazonCaller, first: tuple[Item, ...]) -> None:
        shown = [item for item in first if FIRST_STYLE in (item.model_number or "") and item.why != "parent"]
        body = amazon.search(keywords=FIRST_STYLE.lower()).json()
        assert body["numberOfResults"] - len(shown) == amazon.sandbox.amazon.settings.estimate_off_by
        assert body["refinements"]["brands"] == [{"numberOfResults": len(shown), "brandName": first[0].brand}]
        assert amazon.search(keywords="nothing,like,this").json() == {
            "numberOfResults": 0,
            "refinements": {"brands": [], "classifications": []},
            "items": [],
        }
        amazon.sandbox.amazon.change_state({"settings": {"keywords_hide_parents": False, "estimate_off_by": 0}})
        assert amazon.search(keywords=FIRST_STYLE).json()["numberOfResults"] == len(shown) + 1

    def test_keywords_are_narrowed_by_brand_and_classification(self, amazon: AmazonCaller) -> None:
        classes = amazon.search(keywords="boot").json()["refinements"]["classifications"]
        assert len(classes) > 1
        for each in classes:
            body = amazon.search(keywords="boot", classificationIds=each["classificationId"]).json()
            assert body["refinements"]["classifications"] == [each]
        body = amazon.search(keywords="boot", brandNames="Wrenfield", pageSize=19).json()
        assert {item["summaries"][0]["brand"] for item in body["items"]} == {"Wrenfield"}

    def test_keywords_stop_at_a_thousand(self, amazon: AmazonCaller) -> None:
        new = [{"asin": f"B0{number:08d}", "title": "Plentiful sock"} for number in range(1_005)]
        amazon.sandbox.amazon.change_state({"add": new, "settings": {"default_page_size": 20}})
        query: dict[str, object] = {"keywords": "plentiful"}
        seen: set[str] = set()
        while True:
            body = amazon.search(**query).json()
            seen |= {item["asin"] for item in body["items"]}
            assert body["numberOfResults"] > 1_000
            if "nextToken" not in body["pagination"]:
                break
            query["pageToken"] = body["pagination"]["nextToken"]
        assert len(seen) == 1_000


class TestState:
    def test_the_state_is_every_listing_with_what_it_truly_is(self, shop: Sandbox) -> None:
        state = exact(control(shop, "GET", "/amazon/state"))
        assert set(state) == {"items", "more_parents", "counts", "tokens", "settings"}
        assert len(state["items"]) == len(shop.boots.items)
        assert state["counts"]["parents"] == len(shop.boots.styles)
        assert state["counts"]["US"] + state["counts"]["CA"] == len(state["items"])
        assert {"expected", "why"} < set(state["items"][0])

    def test_items_are_added_set_and_deleted_behind_the_api(self, amazon: AmazonCaller, first: tuple[Item, ...]) -> None:
        parent, kept, gone = (item.asin for item in first[:3])
        amazon.sandbox.amazon.change_state(
            {
                "add": [{"asin": "B0NEW00001", "parent_asin": parent, "upc": "012345678905"}],
                "set": {kept: {"title": "Renamed"}},
                "delete": [gone],
                "more_parents": {kept: ["B0OTHER001"]},
            }
        )
        assert [item["asin"] for item in amazon.found("012345678905", kind="UPC")] == ["B0NEW00001"]
        assert amazon.item(kept).json()["summaries"][0]["itemName"] == "Renamed"
        assert amazon.item(gone).status_code == 404
        (found,) = amazon.found(kept, includedData="relationships")
        (entry,) = found["relationships"][0]["relationships"]
        assert entry["parentAsins"] == [parent, "B0OTHER001"]
        (found,) = amazon.found(parent, includedData="relationships")
        children = found["relationships"][0]["relationships"][0]["childAsins"]
        assert "B0NEW00001" in children
        assert gone not in children

    def test_a_whole_state_can_be_loaded_again(self, shop: Sandbox) -> None:
        asin = shop.boots.items[1].asin
        shop.amazon.change_state({"delete": [asin], "more_parents": {shop.boots.items[2].asin: ["B0OTHER001"]}})
        shop.amazon.change_state({"settings": {"keyword_limit": 9}})
        saved = exact(control(shop, "GET", "/amazon/state"))
        shop.reset()
        assert control(shop, "POST", "/amazon/state", {"load": saved}).status_code == 200
        assert exact(control(shop, "GET", "/amazon/state")) == saved

    @pytest.mark.parametrize(
        ("body", "complaint"),
        [
            ({"items": []}, "unknown member 'items'"),
            ({"delete": ["B000000000"]}, "delete: there is no item 'B000000000'"),
            ({"set": {"B000000000": {"title": "x"}}}, "set: there is no item 'B000000000'"),
            ({"add": [{"asin": "short"}]}, "add: asin must be an ASIN"),
            ({"add": [{"title": "x"}]}, "add: an item needs 'asin'"),
            ({"add": [{"asin": "B0NEW00001"}, {"asin": "B0NEW00001"}]}, "B0NEW00001 is listed in US"),
            ({"add": [{"asin": "B0NEW00001", "classification": "CHILD"}]}, "classification must be one of"),
            ({"add": [{"asin": "B0NEW00001"}], "settings": {"burst": 0}}, "settings.burst must be at least 1"),
            ({"add": [{"asin": "B0NEW00001"}], "revoke_tokens": 1}, "revoke_tokens must be true or false"),
            ({"add": [{"asin": "B0NEW00001"}], "more_parents": {"B0NEW00001": "B0"}}, "must be an array"),
            ({"load": {"items": [], "item": []}}, "unknown member 'item' in load"),
        ],
    )
    def test_a_change_with_a_mistake_is_named_and_nothing_is_applied(self, shop: Sandbox, body: object, complaint: str) -> None:
        before = shop.amazon.state()
        reply = control(shop, "POST", "/amazon/state", body)
        assert reply.status_code == 400
        assert complaint in reply.json()["error"]
        assert shop.amazon.state() == before


class TestFaults:
    def test_an_item_may_come_with_empty_sections(self, amazon: AmazonCaller, first: tuple[Item, ...]) -> None:
        hit, other = first[1].asin, first[2].asin
        fault = {"on": "GET /catalog/*", "kind": "empty_sections", "asins": [hit]}
        amazon.sandbox.faults("amazon", [fault])
        found = {item["asin"]: item for item in amazon.found(hit, other, includedData="summaries,attributes")}
        assert found[hit] == {"asin": hit, "attributes": {}, "summaries": []}
        assert found[other]["summaries"]

    def test_a_page_may_lack_its_token_and_a_call_may_be_throttled(self, amazon: AmazonCaller) -> None:
        faults = [{"on": "GET *", "kind": "no_next_token"}, {"on": "GET *", "kind": "rate_limited"}]
        amazon.sandbox.faults("amazon", faults)
        assert "pagination" not in amazon.search(keywords="boot").json()
        assert error_of(amazon.search(keywords="boot")) == (429, "QuotaExceeded")
        assert "nextToken" in amazon.search(keywords="boot").json()["pagination"]
