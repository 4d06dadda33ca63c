"""Amazon products in the PIM: made once, put into their family, kept up to date by rule, and taken back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sync_pipelines.delivery.applying import Patience, Paused, PlanStopped
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines.vendors.failures import RateLimited
from sync_pipelines_tests.pipelines.listing_scene import (
    CREATE,
    DELETE,
    FAMILY,
    GET,
    PARENT,
    PATCH,
    SEARCH,
    ListingScene,
    asin,
    canonical,
    entry,
    few,
    parent,
    sku,
    upc,
)

FAMILY_NAME = "8 - Amazon"

LOST = {
    "reply lost": {"kind": "lost_reply"},
    "request lost": {"kind": "lost_request"},
    "arrives late": {"kind": "late", "seconds": 0.3},
    "server error": {"kind": "status", "status": 502},
    "no JSON": {"kind": "html"},
    "half a body": {"kind": "cut_body"},
}


@pytest.fixture
def merchandiser(merchandiser: ListingScene) -> ListingScene:
    """A desk that makes products and no links, unless a test says so."""
    merchandiser.links = False
    return merchandiser


def update_on(monkeypatch: pytest.MonkeyPatch, **rules: str) -> None:
    monkeypatch.setenv("AMAZON_PLYTIX_UPDATE", "true")
    if rules:
        monkeypatch.setenv("AMAZON_PLYTIX_UPDATE_RULES", json.dumps(rules))


def there(desk: ListingScene, n: int = 1, family: str | None = FAMILY_NAME, **attributes: Any) -> None:
    """A product of an earlier program's: these attributes and no others."""
    product = {"sku": sku(n), "label": f"Old {n}", "attributes": {"amazon_asin": asin(n), **attributes}}
    desk.change(add=[product])
    if family:
        desk.change(family={sku(n): family})


class TestMaking:
    def test_a_product_is_made_with_all_that_is_known_and_put_into_its_family(self, merchandiser: ListingScene) -> None:
        before = datetime.now(UTC).date()
        done = merchandiser.sync([entry(1, amazon_parent_asin=None)])
        made = merchandiser.product(sku(1))
        assert made["family"] == FAMILY_NAME
        assert made["label"] == "Boot 1, Brown, 10 W"
        assert made["status"] == "Draft"
        assert made["attributes"].pop("amazon_last_synced") in (str(before), str(datetime.now(UTC).date()))
        assert made["attributes"] == {
            "amazon_asin": asin(1),
            "amazon_sku": "SELLER-1",
            "amazon_upc": upc(1),
            "amazon_title": "Boot 1, Brown, 10 W",
            "amazon_size": "10 Wide",
            "amazon_color": "Brown",
            "amazon_listing_status": "active",
            "amazon_marketplace": "US",
            "amazon_canonical_sku": canonical(1),
            "amazon_is_primary": False,
        }
        assert (done.counts, done.writes) == (({"delivered": 1},), 2)

    def test_the_familys_200_counts_and_no_product_is_read_one_by_one(self, merchandiser: ListingScene, boots: Any) -> None:
        merchandiser.sync(few())
        assert not [c for c in boots.calls("plytix") if c["method"] == "GET" and "/products/" in c["path"]]

    def test_what_is_not_known_is_left_out_and_a_listing_without_a_title_is_called_by_its_asin(
        self, merchandiser: ListingScene
    ) -> None:
        merchandiser.sync([entry(1, amazon_title=None, amazon_size=None, amazon_color="", amazon_upc=None)])
        made = merchandiser.product(sku(1))
        assert made["label"] == f"Amazon {asin(1)}"
        assert not {"amazon_title", "amazon_size", "amazon_color", "amazon_upc"} & set(made["attributes"])

    def test_a_further_run_writes_nothing(self, merchandiser: ListingScene) -> None:
        merchandiser.sync(few())
        merchandiser.settled(few())

    def test_the_merchants_own_products_are_as_they_were_but_for_their_links(self, merchandiser: ListingScene) -> None:
        merchandiser.links = True
        before = merchandiser.canonical
        merchandiser.sync(few())
        assert merchandiser.canonical == before

    def test_last_synced_is_the_day_in_the_merchants_zone(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between these zones lie 25 hours: it is never the same day in both."""
        for n, name in ((1, "Pacific/Kiritimati"), (2, "Pacific/Pago_Pago")):
            monkeypatch.setenv("AMAZON_PLYTIX_TIME_ZONE", name)
            merchandiser.sync([entry(n)])
        days = [merchandiser.product(sku(n))["attributes"]["amazon_last_synced"] for n in (1, 2)]
        assert days[0] > days[1]

    def test_an_option_in_another_case_is_written_as_the_account_has_it(self, merchandiser: ListingScene) -> None:
        merchandiser.sync([entry(1, amazon_listing_status="ACTIVE")])
        assert merchandiser.product(sku(1))["attributes"]["amazon_listing_status"] == "active"

    @pytest.mark.parametrize(
        ("changes", "limits", "why"),
        [
            ({"amazon_listing_status": "sold out"}, {}, "'sold out' is no option of amazon_listing_status"),
            ({"amazon_title": "x" * 81}, {"amazon_title": 80}, "amazon_title has 81 characters, 80 are allowed"),
            ({"amazon_title": "x" * 81}, {"label": 80}, "label has 81 characters, 80 are allowed"),
        ],
        ids=["option", "title", "label"],
    )
    def test_a_value_that_does_not_fit_holds_its_product_and_no_other(
        self, *, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch, changes: Any, limits: Any, why: str
    ) -> None:
        monkeypatch.setenv("AMAZON_PLYTIX_TEXT_LIMITS", json.dumps(limits))
        monkeypatch.setenv("AMAZON_PLYTIX_MAX_HELD", "1")
        done = merchandiser.sync([parent(), entry(1, **changes), entry(2)])
        assert done.held[sku(1)] == "conflict"
        assert why in merchandiser.outcomes(done.products)[sku(1)][1]
        assert sku(1) not in merchandiser.products
        assert merchandiser.wrong([parent(), entry(2)]) == []

    def test_a_text_that_is_too_long_for_the_account_is_refused_once_and_told(self, merchandiser: ListingScene) -> None:
        done = merchandiser.sync([parent(), entry(1, amazon_title="x" * 501), entry(2)])
        state, told = merchandiser.outcomes(done.products)[sku(1)]
        assert state == "rejected"
        assert "amazon_title" in told
        assert "500" in told
        assert done.made.counts == {"delivered": 2, "rejected": 1}
        assert merchandiser.wrong([parent(), entry(2)]) == []

    def test_the_same_asin_twice_in_a_mapping_is_a_question_and_not_made(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AMAZON_PLYTIX_MAX_HELD", "1")
        done = merchandiser.sync([parent(), entry(1), entry(1, canonical_plytix_sku=canonical(2)), entry(3)])
        assert done.held[sku(1)] == "conflict"
        assert merchandiser.wrong([parent(), entry(3)]) == []

    def test_a_mapping_in_two_marketplaces_makes_two_products(self, merchandiser: ListingScene) -> None:
        found = [
            entry(1, amazon_parent_asin=None),
            entry(1, amazon_parent_asin=None, marketplace="CA", suggested_sku=sku(1, "CA")),
        ]
        merchandiser.links = True
        merchandiser.sync(found)
        assert merchandiser.links_of(canonical(1)) == {sku(1), sku(1, "CA")}
        merchandiser.settled(found)


class TestTheAccount:
    def test_all_that_is_missing_is_told_before_the_first_write(self, merchandiser: ListingScene) -> None:
        merchandiser.change(
            attributes={"amazon_upc": None, "amazon_last_synced": None},
            families={FAMILY_NAME: {"name": "8 - Amazon (other)"}},
            relationships={"Amazon Hierarchy": None},
        )
        merchandiser.links = True
        with pytest.raises(PlanStopped) as stopped:
            merchandiser.sync(few())
        for told in (
            "no attribute amazon_upc: create 'Amazon UPC' (TextAttribute)",
            "no attribute amazon_last_synced: create 'Amazon Last Synced' (DateAttribute)",
            "no product family named '8 - Amazon'",
            "no relationship named 'Amazon Hierarchy'",
        ):
            assert told in str(stopped.value)
        assert merchandiser.writes == 0

    def test_the_look_alikes_of_family_and_relationship_are_never_taken(self, merchandiser: ListingScene) -> None:
        merchandiser.change(relationships={"Amazon Listings": None})
        plan = merchandiser.plan_links(few())
        assert plan.verdict == "stopped"
        assert "'Amazon Listings (archive)'" in " ".join(f.message for f in plan.findings)

    def test_an_attribute_outside_the_family_stops_the_run(self, merchandiser: ListingScene) -> None:
        labels = [label for label in merchandiser.state["families"][FAMILY_NAME]["attributes"] if label != "amazon_size"]
        merchandiser.change(families={FAMILY_NAME: {"attributes": labels}})
        with pytest.raises(PlanStopped, match="has no amazon_size: link"):
            merchandiser.sync(few())
        assert merchandiser.writes == 0

    def test_attributes_have_the_labels_of_the_settings_or_are_not_written(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        labels = {"amazon_title": "title_imported", "amazon_upc": ""}
        monkeypatch.setenv("AMAZON_PLYTIX_LABELS", json.dumps(labels))
        merchandiser.change(attributes={"title_imported": {}, "amazon_upc": None, "amazon_title": None})
        known = merchandiser.state["families"][FAMILY_NAME]["attributes"]
        merchandiser.change(families={FAMILY_NAME: {"attributes": [*known, "title_imported"]}})
        merchandiser.sync(few())
        made = merchandiser.product(sku(1))["attributes"]
        assert made["title_imported"] == "Boot 1, Brown, 10 W"
        assert "amazon_upc" not in made
        merchandiser.settled(few())

    def test_a_number_a_list_and_a_text_for_the_day_are_written_as_their_attributes_take_them(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        update_on(monkeypatch)
        merchandiser.change(
            attributes={
                "amazon_upc": {"type_class": "DecimalAttribute"},
                "amazon_last_synced": {"type_class": "TextAttribute"},
                "amazon_listing_status": {"type_class": "MultiSelectAttribute"},
            }
        )
        merchandiser.sync(few())
        made = merchandiser.product(sku(1))["attributes"]
        assert (float(made["amazon_upc"]), made["amazon_listing_status"]) == (int(upc(1)), ["active"])
        merchandiser.settled(few())

    def test_a_role_that_may_not_write_ends_the_run_and_leaves_the_plan_open(self, merchandiser: ListingScene) -> None:
        merchandiser.change(settings={"forbidden": ["POST /products"]})
        with pytest.raises(DeliveryError, match=r"403.*lacks the right"):
            merchandiser.sync(few())
        assert merchandiser.writes == 1
        merchandiser.change(settings={"forbidden": []})
        merchandiser.sync(few())
        merchandiser.settled(few())


class TestWhatExists:
    def test_an_existing_product_is_not_touched(self, merchandiser: ListingScene) -> None:
        there(merchandiser, 1, family=None, amazon_title="Somebody's own title")
        before = merchandiser.product(sku(1))
        done = merchandiser.sync([entry(1, amazon_parent_asin=None)])
        assert merchandiser.product(sku(1)) == before
        assert done.counts == ({},)

    def test_check_families_mends_what_has_none_and_changes_nothing_else(self, merchandiser: ListingScene) -> None:
        for n, family in ((1, None), (2, "2 - Footwear"), (3, FAMILY_NAME)):
            there(merchandiser, n, family=family, amazon_title="Somebody's own title")
        before = {n: merchandiser.product(sku(n)) for n in (1, 2, 3)}
        found = [entry(n, amazon_parent_asin=None) for n in (1, 2, 3)]
        done = merchandiser.sync(found, check_families=True)
        assert done.made.counts == {"delivered": 1, "held": 1}
        counts = merchandiser.state["counts"]
        assert (counts["family_calls"], counts["patched"]) == (1, 0)
        assert merchandiser.product(sku(2))["family"] == "2 - Footwear", "moving it may lose values"
        for n in (1, 3):
            now = merchandiser.product(sku(n))
            assert now["family"] == FAMILY_NAME
            assert {k: v for k, v in now.items() if not k.startswith(("family", "modified"))} == {
                k: v for k, v in before[n].items() if not k.startswith(("family", "modified"))
            }
        assert merchandiser.sync(found, check_families=True).writes == 0

    def test_a_family_that_was_lost_without_a_word_is_found_by_check_families_alone(self, merchandiser: ListingScene) -> None:
        merchandiser.fault(FAMILY, "family_lost")
        merchandiser.sync(few())
        assert len(merchandiser.wrong(few())) == 1
        assert merchandiser.sync(few()).writes == 0
        merchandiser.sync(few(), check_families=True)
        merchandiser.settled(few())

    @pytest.mark.parametrize(
        ("name", "rule", "before", "wanted", "after"),
        [
            ("amazon_title", None, "old", "new", "new"),
            ("amazon_title", "when_empty", "old", "new", "old"),
            ("amazon_title", "never", None, "new", None),
            ("amazon_size", None, "old", "new", "old"),
            ("amazon_size", None, None, "new", "new"),
            ("amazon_size", "always", "old", "new", "new"),
            ("amazon_size", "always", "old", None, "old"),
            ("amazon_color", "never", "old", "new", "old"),
        ],
    )
    def test_each_attribute_is_kept_up_to_date_by_its_rule(
        self,
        *,
        merchandiser: ListingScene,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        rule: str | None,
        before: str | None,
        wanted: str | None,
        after: str | None,
    ) -> None:
        update_on(monkeypatch, **({name: rule} if rule else {}))
        found = entry(1, amazon_parent_asin=None)
        own = {
            field: getattr(found, field)
            for field in ("amazon_sku", "amazon_upc", "amazon_title", "amazon_size", "amazon_color", "amazon_listing_status")
        }
        own |= {"amazon_marketplace": "US", "amazon_canonical_sku": canonical(1), "amazon_last_synced": "2020-02-02"}
        own[name] = before
        there(merchandiser, 1, **own)
        wish = entry(1, amazon_parent_asin=None, **{name: wanted})
        done = merchandiser.sync([wish])
        now = merchandiser.product(sku(1))["attributes"]
        assert now.get(name) == after
        if before == after:
            assert done.made.counts == {}
            assert now["amazon_last_synced"] == "2020-02-02"
        else:
            assert done.made.counts == {"delivered": 1}
            assert now["amazon_last_synced"] > "2020-02-02"
        assert merchandiser.product(sku(1))["label"] == "Old 1"
        assert merchandiser.sync([wish]).writes == 0

    @pytest.mark.parametrize(("rule", "label"), [("always", "Boot 1, Brown, 10 W"), ("when_empty", "Old 1")])
    def test_the_label_has_its_rule_too(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch, rule: str, label: str
    ) -> None:
        update_on(monkeypatch, label=rule)
        there(merchandiser)
        merchandiser.sync([entry(1, amazon_parent_asin=None)])
        assert merchandiser.product(sku(1))["label"] == label

    def test_is_primary_is_false_when_made_and_never_written_again(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        update_on(monkeypatch)
        merchandiser.sync(few())
        merchandiser.change(set={sku(1): {"attributes": {"amazon_is_primary": True}}})
        merchandiser.sync([parent(), entry(1, amazon_title="Another title"), entry(2), entry(3)])
        now = merchandiser.product(sku(1))["attributes"]
        assert (now["amazon_is_primary"], now["amazon_title"]) == (True, "Another title")

    @pytest.mark.parametrize(("policy", "title"), [("hold", "Edited"), ("overwrite", "Newer")])
    def test_what_a_person_changed_since_is_held_or_overwritten_as_the_settings_say(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch, policy: str, title: str
    ) -> None:
        update_on(monkeypatch)
        monkeypatch.setenv("AMAZON_PLYTIX_FOREIGN_EDITS", policy)
        monkeypatch.setenv("AMAZON_PLYTIX_MAX_HELD", "1")
        merchandiser.sync(few())
        merchandiser.clock.sleep(10)
        merchandiser.change(set={sku(1): {"attributes": {"amazon_title": "Edited"}}})
        done = merchandiser.sync([parent(), entry(1, amazon_title="Newer"), entry(2), entry(3)])
        assert merchandiser.product(sku(1))["attributes"]["amazon_title"] == title
        assert done.held == ({sku(1): "foreign_edit"} if policy == "hold" else {})

    def test_a_product_that_somebody_deleted_is_not_made_again_without_a_person(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AMAZON_PLYTIX_MAX_HELD", "1")
        merchandiser.sync(few())
        merchandiser.clock.sleep(10)
        merchandiser.change(set={sku(2): None})
        done = merchandiser.sync(few())
        assert done.held[sku(2)] == "gone"
        assert sku(2) not in merchandiser.products

    @pytest.mark.parametrize("policy", ["hold", "overwrite"])
    def test_what_a_run_no_longer_compares_is_no_edit_of_somebodys(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch, policy: str
    ) -> None:
        """Families were looked at, and values kept up to date; the next run does neither."""
        monkeypatch.setenv("AMAZON_PLYTIX_FOREIGN_EDITS", policy)
        monkeypatch.setenv("AMAZON_PLYTIX_UPDATE", "true")
        there(merchandiser, 1, family=None, amazon_title="Old")
        found = [entry(1, amazon_parent_asin=None)]
        assert merchandiser.sync(found, check_families=True).made.counts == {"delivered": 1}
        merchandiser.clock.sleep(10)
        monkeypatch.setenv("AMAZON_PLYTIX_UPDATE", "false")
        merchandiser.settled(found)


class TestTheSkuIsTaken:
    @pytest.mark.parametrize("status", [409, 422])
    def test_a_product_that_search_does_not_show_yet_is_not_made_twice(self, merchandiser: ListingScene, status: int) -> None:
        """Made by another program a moment ago: the call is refused, and the search by SKU shows nothing either."""
        merchandiser.change(settings={"search_lag": 500_000, "duplicate_status": status})
        merchandiser.client.create(sku(1), "Theirs", {})
        found = [entry(1, amazon_parent_asin=None)]
        done = merchandiser.sync(found)
        assert done.made.counts == {"rejected": 1}
        merchandiser.clock.sleep(500)
        assert merchandiser.sync(found).counts == ({},)
        assert (merchandiser.doubled(), merchandiser.product(sku(1))["label"]) == ([], "Theirs")

    @pytest.mark.parametrize("status", [409, 422])
    def test_a_product_that_came_just_before_the_call_is_left_as_it_is(self, merchandiser: ListingScene, status: int) -> None:
        merchandiser.change(settings={"duplicate_status": status})
        plan = merchandiser.plan_products([entry(1)])
        target = merchandiser.desk().products()
        real = target.client.create

        def late(*args: Any) -> str:
            there(merchandiser, 1, amazon_title="Theirs")
            return real(*args)

        target.client.create = late  # type: ignore[method-assign]
        try:
            assert merchandiser.apply(target, plan).counts == {"drifted": 1}
        finally:
            target.client.create = real  # type: ignore[method-assign]
        assert "somebody made this product" in merchandiser.outcomes(plan)[sku(1)][1]
        assert merchandiser.product(sku(1))["attributes"]["amazon_title"] == "Theirs"
        assert merchandiser.sync([entry(1, amazon_parent_asin=None)]).counts == ({},)

    def test_a_sku_in_another_case_is_another_product(self, merchandiser: ListingScene) -> None:
        merchandiser.change(add=[{"sku": sku(1).lower(), "label": "theirs"}])
        merchandiser.sync(few())
        assert {sku(1), sku(1).lower()} <= set(merchandiser.products)
        merchandiser.settled(few())

    def test_an_account_that_ignores_case_refuses_it_and_the_message_says_what_to_look_for(
        self, merchandiser: ListingScene
    ) -> None:
        merchandiser.change(settings={"sku_ignores_case": True}, add=[{"sku": sku(1).lower(), "label": "theirs"}])
        done = merchandiser.sync(few())
        state, told = merchandiser.outcomes(done.products)[sku(1)]
        assert state == "rejected"
        assert "differs in case" in told
        assert merchandiser.wrong([parent(), entry(2), entry(3)]) == []

    @pytest.mark.parametrize(
        "trouble", [{"kind": "status", "status": 503, "times": 6}, {"kind": "rate_limited", "retry_after": "5000"}]
    )
    def test_where_even_that_cannot_be_asked_nothing_is_taken_for_made(
        self, merchandiser: ListingScene, trouble: dict[str, Any]
    ) -> None:
        merchandiser.change(settings={"search_lag": 500_000})
        merchandiser.client.create(sku(1), "Theirs", {})
        plan = merchandiser.plan_products([entry(1)])
        target = merchandiser.desk().products()
        merchandiser.fault(SEARCH, **trouble, after=1)
        try:
            merchandiser.apply(target, plan)
        except Paused:
            merchandiser.clock.sleep(5000)
        assert merchandiser.ledger.doubts(target.account) == []
        merchandiser.clock.sleep(500)
        merchandiser.sync([entry(1, amazon_parent_asin=None)])
        assert (merchandiser.doubled(), merchandiser.product(sku(1))["family"]) == ([], None)


class TestFaults:
    """One call goes wrong; the run itself, or the next one, puts all right, and then nothing is left to do."""

    @pytest.mark.parametrize(
        ("kind", "on"),
        [*((kind, CREATE) for kind in LOST), *((kind, FAMILY) for kind in ("reply lost", "request lost", "no JSON"))],
    )
    def test_a_call_whose_outcome_is_not_known_is_settled_by_reading(
        self, merchandiser: ListingScene, kind: str, on: str
    ) -> None:
        merchandiser.fault(on, **LOST[kind], after=1)
        done = merchandiser.sync(few(1, 2))
        assert done.counts == ({"delivered": 3},)
        assert max(merchandiser.state["creates"].values()) == 1
        merchandiser.settled(few(1, 2))

    @pytest.mark.parametrize("kind", ["reply lost", "request lost", "arrives late"])
    def test_so_is_an_update(self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        update_on(monkeypatch)
        merchandiser.sync(few(1, 2))
        merchandiser.fault(PATCH, **LOST[kind])
        newer = [parent(), entry(1, amazon_title="Newer"), entry(2, amazon_title="Newer")]
        assert merchandiser.sync(newer).made.counts == {"delivered": 2}
        assert {merchandiser.product(sku(n))["attributes"]["amazon_title"] for n in (1, 2)} == {"Newer"}
        merchandiser.settled(newer)

    @pytest.mark.parametrize(("on", "status"), [(CREATE, 422), (CREATE, 400), (FAMILY, 422), (FAMILY, 404)])
    def test_a_refusal_is_told_and_the_next_run_finishes_what_is_left(
        self, merchandiser: ListingScene, on: str, status: int
    ) -> None:
        body = {"error": {"msg": "product data validation failed", "errors": [{"field": "x", "msg": "made up"}]}}
        merchandiser.fault(on, "status", status=status, body=body)
        done = merchandiser.sync(few())
        assert done.made.counts == {"delivered": 3, "rejected": 1}
        assert "made up" in merchandiser.outcomes(done.products)[sku(1)][1] + merchandiser.outcomes(done.products)[sku(PARENT)][1]
        merchandiser.clock.sleep(10)
        merchandiser.sync(few())
        assert max(merchandiser.state["creates"].values()) == 1
        merchandiser.settled(few())

    @pytest.mark.parametrize(
        ("on", "retry_after"), [(CREATE, "0.25"), (FAMILY, None), (SEARCH, "1089.492"), (CREATE, "5000.5"), (SEARCH, "5000.5")]
    )
    def test_429_in_the_middle_is_waited_for_or_the_next_run_goes_on(
        self, merchandiser: ListingScene, on: str, retry_after: str | None
    ) -> None:
        merchandiser.fault(on, "rate_limited", after=1, **({"retry_after": retry_after} if retry_after else {}))
        if retry_after == "5000.5":
            with pytest.raises(Paused if on == CREATE else RateLimited):
                merchandiser.sync(few())
            merchandiser.clock.sleep(5000.5)
        merchandiser.sync(few())
        if retry_after != "5000.5":
            assert any(nap > 0.2 for nap in merchandiser.clock.naps)
        merchandiser.settled(few())

    def test_a_vendor_that_says_wait_for_ever_is_left_alone_after_a_few_times(self, merchandiser: ListingScene) -> None:
        merchandiser.fault(CREATE, "rate_limited", times=100, retry_after="1")
        with pytest.raises(Paused, match="5 times in a row"):
            merchandiser.sync(few())
        assert merchandiser.writes == 5

    @pytest.mark.parametrize("on", [CREATE, FAMILY])
    def test_a_token_that_ends_in_the_middle_is_renewed_and_nothing_is_sent_twice(
        self, merchandiser: ListingScene, on: str
    ) -> None:
        merchandiser.fault(on, "expired_token", after=1)
        done = merchandiser.sync(few())
        assert done.counts == ({"delivered": 4},)
        assert max(merchandiser.state["creates"].values()) == 1
        merchandiser.settled(few())

    def test_a_product_that_vanishes_before_its_family_is_set_is_told(self, merchandiser: ListingScene) -> None:
        merchandiser.fault(FAMILY, "lost_request")
        merchandiser.fault(GET, "status", status=404)
        done = merchandiser.sync(few())
        assert sum(done.made.counts.values()) == 4
        assert done.made.counts["delivered"] >= 3

    def test_a_product_that_vanishes_while_families_are_looked_at_is_none(self, merchandiser: ListingScene) -> None:
        there(merchandiser, 1)
        there(merchandiser, 2)
        merchandiser.fault(GET, "status", status=404)
        merchandiser.fault(GET, "status", status=404)
        plan = merchandiser.plan_products([entry(1), entry(2)], check_families=True)
        assert plan.counts.live in (0, 1)


class TestUndo:
    def test_what_was_made_is_deleted_and_not_made_again_without_a_person(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AMAZON_PLYTIX_MAX_HELD", "1")
        merchandiser.links = True
        before = merchandiser.products
        done = merchandiser.sync(few())
        merchandiser.clock.sleep(10)
        assert merchandiser.undo(done.links).counts == {"delivered": 6}
        assert merchandiser.undo(done.products).counts == {"delivered": 4}
        now = merchandiser.products
        assert now.keys() == before.keys()
        assert {k: {**v, "modified": ""} for k, v in now.items()} == {k: {**v, "modified": ""} for k, v in before.items()}
        again = merchandiser.sync(few())
        assert set(again.held.values()) == {"undone"}
        assert again.writes == 0

    def test_what_somebody_changed_since_is_left_where_it_is(self, merchandiser: ListingScene) -> None:
        done = merchandiser.sync(few())
        merchandiser.clock.sleep(10)
        merchandiser.change(set={sku(1): {"attributes": {"amazon_color": "Green"}}, sku(2): {"label": "Mine now"}})
        report = merchandiser.undo(done.products)
        assert report.counts == {"delivered": 2, "drifted": 2}
        assert {sku(1), sku(2)} <= set(merchandiser.products)
        assert not {sku(3), sku(PARENT)} & set(merchandiser.products)

    def test_what_was_updated_gets_its_old_values_back_also_where_it_had_none(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        update_on(monkeypatch)
        there(merchandiser, 1, amazon_title="Old title")
        before = merchandiser.product(sku(1))["attributes"]
        done = merchandiser.sync([entry(1, amazon_parent_asin=None)])
        assert merchandiser.product(sku(1))["attributes"]["amazon_title"] == "Boot 1, Brown, 10 W"
        merchandiser.clock.sleep(10)
        monkeypatch.setenv("AMAZON_PLYTIX_UPDATE", "false")
        assert merchandiser.undo(done.products).counts == {"delivered": 1}
        now = merchandiser.product(sku(1))["attributes"]
        assert {k: v for k, v in now.items() if k != "amazon_last_synced"} == before

    def test_of_an_update_that_was_edited_since_nothing_is_taken_back(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        update_on(monkeypatch)
        there(merchandiser, 1, amazon_title="Old title")
        done = merchandiser.sync([entry(1, amazon_parent_asin=None)])
        merchandiser.clock.sleep(10)
        merchandiser.change(set={sku(1): {"attributes": {"amazon_size": "11"}}})
        assert merchandiser.undo(done.products).counts == {"drifted": 1}
        assert merchandiser.product(sku(1))["attributes"]["amazon_size"] == "11"

    def test_a_family_that_was_mended_is_listed_as_what_nothing_can_take_back(self, merchandiser: ListingScene) -> None:
        there(merchandiser, 1, family=None)
        done = merchandiser.sync([entry(1, amazon_parent_asin=None)], check_families=True)
        undo = merchandiser.make_undo(done.products)
        assert [key for key, _ in undo.impossible] == [sku(1)]
        assert "family" in undo.impossible[0][1]

    @pytest.mark.parametrize("kind", ["reply lost", "request lost"])
    def test_a_delete_whose_outcome_is_not_known_is_settled(self, merchandiser: ListingScene, kind: str) -> None:
        done = merchandiser.sync(few(1, 2))
        merchandiser.clock.sleep(10)
        merchandiser.fault(DELETE, **LOST[kind])
        assert merchandiser.undo(done.products).counts == {"delivered": 3}
        assert not [s for s in merchandiser.products if s.startswith("AMZN-US-B0DESK")]

    def test_a_product_whose_family_was_refused_is_deleted_too(self, merchandiser: ListingScene) -> None:
        merchandiser.fault(FAMILY, "status", status=422)
        done = merchandiser.sync([entry(1, amazon_parent_asin=None)])
        merchandiser.clock.sleep(10)
        assert merchandiser.undo(done.products).counts == {"delivered": 1}
        assert sku(1) not in merchandiser.products


class TestPartitions:
    def test_the_plans_of_two_files_do_not_disturb_each_other(self, merchandiser: ListingScene) -> None:
        first, second = few(1, 2), [entry(n, amazon_parent_asin=None) for n in (4, 5)]
        desk = merchandiser.desk()
        one = merchandiser.plan_products(first, "first", desk=desk)
        two = merchandiser.plan_products(second, "second", desk=desk)
        assert merchandiser.apply(desk.products(), two).counts == {"delivered": 2}
        assert merchandiser.apply(desk.products(), one).counts == {"delivered": 3}
        merchandiser.sync(first, "first")
        merchandiser.sync(second, "second")
        merchandiser.settled(first, "first")
        merchandiser.settled(second, "second")

    def test_a_file_that_was_interrupted_goes_on_after_another_one_ran(self, merchandiser: ListingScene) -> None:
        merchandiser.fault(CREATE, "rate_limited", after=1, retry_after="5000")
        with pytest.raises(Paused):
            merchandiser.sync(few(1, 2, 3), "first")
        merchandiser.clock.sleep(5000)
        merchandiser.sync([entry(5, amazon_parent_asin=None)], "second")
        merchandiser.sync(few(1, 2, 3), "first")
        merchandiser.settled(few(1, 2, 3), "first")
        assert merchandiser.doubled() == []

    def test_a_newer_plan_of_the_same_file_makes_an_older_one_void(self, merchandiser: ListingScene) -> None:
        old = merchandiser.plan_products(few(1), "first")
        merchandiser.sync(few(1, 2), "first")
        with pytest.raises(DeliveryError, match="was made after plan"):
            merchandiser.apply(merchandiser.desk().products(), old)

    def test_a_limit_sends_so_many_and_the_next_run_the_rest(self, merchandiser: ListingScene) -> None:
        plan = merchandiser.plan_products(few())
        report = merchandiser.apply(merchandiser.desk().products(), plan, limit=1, patience=Patience(600, 5))
        assert report.counts == {"delivered": 1, "skipped": 3}
        merchandiser.sync(few())
        merchandiser.settled(few())
