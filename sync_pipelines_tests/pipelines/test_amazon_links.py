"""Links between products of the PIM: only missing ones added, nobody else's touched, and taken back one by one."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipelines.delivery.applying import Paused
from sync_pipelines.delivery.model import DeliveryError
from sync_pipelines_tests.pipelines.listing_scene import (
    CREATE,
    HIERARCHY,
    LINK,
    LISTINGS,
    PARENT,
    UNLINK,
    ListingScene,
    asin,
    canonical,
    entry,
    few,
    parent,
    sku,
)


def alone(n: int, **changes: Any) -> Any:
    """A listing without a parent."""
    return entry(n, amazon_parent_asin=None, **changes)


class TestLinking:
    def test_products_are_linked_with_their_listings_and_parents_with_their_variations(self, merchandiser: ListingScene) -> None:
        done = merchandiser.sync(few())
        assert [merchandiser.links_of(canonical(n)) for n in (1, 2, 3)] == [{sku(1)}, {sku(2)}, {sku(3)}]
        assert merchandiser.links_of(sku(PARENT), HIERARCHY) == {sku(1), sku(2), sku(3)}
        assert merchandiser.state["counts"]["link_calls"] == 4
        assert done.linked.counts == {"delivered": 6}
        assert not any(product["links"] for s, product in merchandiser.products.items() if s in (sku(1), sku(2)))

    def test_only_what_is_missing_is_added_and_all_else_stays(self, merchandiser: ListingScene) -> None:
        merchandiser.sync([parent(), entry(1)])
        merchandiser.change(
            link=[
                {"relationship": "Amazon Listings", "from": canonical(2), "to": [canonical(7)]},
                {"relationship": "Amazon Listings (archive)", "from": canonical(2), "to": [canonical(8)]},
                {"relationship": "Amazon Hierarchy", "from": sku(PARENT), "to": [canonical(9)]},
            ]
        )
        before = merchandiser.writes
        done = merchandiser.sync([parent(), entry(1), entry(2)])
        assert done.links.counts.unchanged == 2
        assert done.linked.counts == {"delivered": 2}
        assert merchandiser.writes - before == 4
        assert merchandiser.links_of(canonical(2)) == {canonical(7), sku(2)}
        assert merchandiser.links_of(canonical(2), "amazon_listings_(archive)") == {canonical(8)}
        assert merchandiser.links_of(sku(PARENT), HIERARCHY) == {canonical(9), sku(1), sku(2)}

    def test_a_link_that_a_person_took_off_is_a_question(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AMAZON_PLYTIX_MAX_HELD", "1")
        merchandiser.sync([alone(1)])
        merchandiser.clock.sleep(10)
        merchandiser.change(unlink=[{"relationship": "Amazon Listings", "from": canonical(1), "to": [sku(1)]}])
        done = merchandiser.sync([alone(1)])
        assert list(done.held.values()) == ["gone"]
        assert done.writes == 0

    def test_an_unmatched_listing_has_a_parent_and_no_product(self, merchandiser: ListingScene) -> None:
        merchandiser.sync([parent(), entry(1, state="unmatched", canonical_plytix_sku=None)])
        assert merchandiser.links_of(sku(PARENT), HIERARCHY) == {sku(1)}
        assert not any(sku(1) in p["links"].get(LISTINGS, {}) for p in merchandiser.products.values())

    def test_a_product_that_is_not_there_holds_its_links_and_a_parent_nobody_knows_is_left_out(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AMAZON_PLYTIX_MAX_HELD", "1")
        found = [entry(1), alone(2, canonical_plytix_sku="NOBODY"), alone(3)]
        done = merchandiser.sync(found)
        assert done.held == {f"Amazon Listings/NOBODY/{sku(2)}": "guard"}
        assert merchandiser.links_of(canonical(1)) == {sku(1)}
        assert merchandiser.links_of(canonical(3)) == {sku(3)}

    def test_a_canonical_sku_in_another_case_is_not_the_product(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AMAZON_PLYTIX_MAX_HELD", "1")
        done = merchandiser.sync([alone(1, canonical_plytix_sku=canonical(1).lower())])
        assert list(done.held.values()) == ["guard"]
        assert merchandiser.links_of(canonical(1)) == set()

    def test_no_more_links_than_the_account_takes_are_planned(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AMAZON_PLYTIX_MAX_LINKS", "3")
        monkeypatch.setenv("AMAZON_PLYTIX_MAX_HELD", "1")
        merchandiser.change(
            settings={"most_links": 3}, link=[{"relationship": "Amazon Hierarchy", "from": canonical(10), "to": [canonical(5)]}]
        )
        merchandiser.change(set={canonical(10): {"sku": sku(PARENT)}})
        done = merchandiser.sync(few(1, 2, 3))
        held = [key for key, kind in done.held.items() if kind == "guard"]
        assert held == [f"Amazon Hierarchy/{sku(PARENT)}/{sku(3)}"]
        assert "has 1 links; more than 3" in merchandiser.outcomes(done.links)[held[0]][1]
        assert merchandiser.links_of(sku(PARENT), HIERARCHY) == {canonical(5), sku(1), sku(2)}

    def test_where_the_account_takes_fewer_than_the_settings_say_each_link_is_tried_and_told(
        self, merchandiser: ListingScene
    ) -> None:
        merchandiser.change(settings={"most_links": 2})
        done = merchandiser.sync(few(1, 2, 3))
        assert done.linked.counts == {"delivered": 5, "rejected": 1}
        assert len(merchandiser.links_of(sku(PARENT), HIERARCHY)) == 2

    def test_a_mapping_that_names_two_products_for_one_asin_links_neither(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AMAZON_PLYTIX_MAX_HELD", "1")
        merchandiser.change(add=[{"sku": sku(1), "family": "8 - Amazon"}])
        done = merchandiser.sync([alone(1), alone(1, canonical_plytix_sku=canonical(2)), alone(3)])
        assert done.held == {sku(1): "conflict"}
        assert [merchandiser.links_of(canonical(n)) for n in (1, 2, 3)] == [set(), set(), {sku(3)}]

    def test_products_made_long_ago_are_linked_though_nothing_is_made(self, merchandiser: ListingScene) -> None:
        """What an older program never did again: a link that failed was not retried."""
        merchandiser.change(add=[{"sku": sku(1), "family": "8 - Amazon"}])
        done = merchandiser.sync([alone(1)])
        assert done.counts == ({}, {"delivered": 1})


class TestWhatVanishes:
    def test_a_listing_that_vanished_does_not_keep_the_others_from_being_linked(self, merchandiser: ListingScene) -> None:
        merchandiser.sync([parent(), *(alone(n) for n in (1, 2, 3))])
        found = few(1, 2, 3)

        def vanish() -> None:
            target = merchandiser.state["products"]
            gone = next(i for i, p in target.items() if p["sku"] == sku(2))
            merchandiser.vendor.store().shelf.remove(gone)

        done = merchandiser.sync(found, between=vanish)
        assert done.linked.counts == {"delivered": 2, "rejected": 1}
        assert "not there any more" in merchandiser.outcomes(done.links)[f"Amazon Hierarchy/{sku(PARENT)}/{sku(2)}"][1]
        assert merchandiser.links_of(sku(PARENT), HIERARCHY) == {sku(1), sku(3)}

    def test_a_product_that_vanished_ends_its_links_alone(self, merchandiser: ListingScene) -> None:
        def vanish() -> None:
            gone = next(i for i, p in merchandiser.state["products"].items() if p["sku"] == canonical(2))
            merchandiser.vendor.store().shelf.remove(gone)

        done = merchandiser.sync([alone(1), alone(2), alone(3)], between=vanish)
        assert done.linked.counts == {"delivered": 2, "rejected": 1}

    def test_a_product_that_was_refused_is_not_linked_and_said_so(self, merchandiser: ListingScene) -> None:
        merchandiser.fault(CREATE, "status", status=422)
        done = merchandiser.sync([alone(1), alone(2)])
        assert done.made.counts == {"delivered": 1, "rejected": 1}
        assert done.linked.counts == {"delivered": 1, "skipped": 1}
        assert "not made" in merchandiser.outcomes(done.links)[f"Amazon Listings/{canonical(1)}/{sku(1)}"][1]
        merchandiser.settled_after([alone(1), alone(2)])


class TestFaults:
    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "lost_reply"},
            {"kind": "lost_request"},
            {"kind": "late", "seconds": 0.3},
            {"kind": "html"},
            {"kind": "status", "status": 500},
            {"kind": "rate_limited", "retry_after": "0.3"},
            {"kind": "expired_token"},
        ],
        ids=lambda fault: str(fault["kind"]),
    )
    def test_a_call_that_went_wrong_is_put_right_in_the_same_run(self, merchandiser: ListingScene, fault: dict[str, Any]) -> None:
        merchandiser.fault(LINK, **fault, after=1)
        done = merchandiser.sync(few(1, 2))
        assert done.linked.counts == {"delivered": 4}
        merchandiser.settled(few(1, 2))

    def test_a_long_wait_ends_the_run_and_the_next_adds_the_rest(self, merchandiser: ListingScene) -> None:
        merchandiser.fault(LINK, "rate_limited", after=2, retry_after="5000")
        with pytest.raises(Paused):
            merchandiser.sync(few())
        assert merchandiser.sync(few()).made.counts == {}
        merchandiser.settled(few())

    def test_a_role_that_may_not_link_ends_the_run(self, merchandiser: ListingScene) -> None:
        merchandiser.change(settings={"forbidden": ["POST /products/*/relationships/*"]})
        with pytest.raises(DeliveryError, match="403"):
            merchandiser.sync(few(1))
        merchandiser.change(settings={"forbidden": []})
        merchandiser.sync(few(1))
        merchandiser.settled(few(1))

    @pytest.mark.parametrize("status", [404, 409, 422])
    def test_a_refusal_for_no_reason_ends_rows_and_no_other_source(self, merchandiser: ListingScene, status: int) -> None:
        merchandiser.fault(LINK, "status", status=status, body={"error": {"msg": "no reason"}}, times=2, after=1)
        done = merchandiser.sync(few(1, 2))
        assert set(done.linked.counts) <= {"delivered", "rejected"}
        assert done.linked.counts["rejected"] >= 1
        merchandiser.sync(few(1, 2))
        merchandiser.settled(few(1, 2))


class TestUndo:
    def test_links_that_were_added_are_taken_off_and_no_others(
        self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AMAZON_PLYTIX_MAX_HELD", "1")
        merchandiser.change(link=[{"relationship": "Amazon Listings", "from": canonical(1), "to": [canonical(5), canonical(6)]}])
        done = merchandiser.sync([alone(1), alone(2)])
        merchandiser.clock.sleep(10)
        merchandiser.fault(UNLINK, "lost_reply")
        assert merchandiser.undo(done.links).counts == {"delivered": 2}
        assert merchandiser.links_of(canonical(1)) == {canonical(5), canonical(6)}
        assert merchandiser.links_of(canonical(2)) == set()
        again = merchandiser.sync([alone(1), alone(2)])
        assert (set(again.held.values()), again.writes) == ({"undone"}, 0)

    def test_a_link_that_is_gone_already_is_nobodys_trouble(self, merchandiser: ListingScene) -> None:
        done = merchandiser.sync([alone(1), alone(2)])
        merchandiser.clock.sleep(10)
        merchandiser.change(set={sku(1): None})
        report = merchandiser.undo(done.links)
        assert sum(report.counts.values()) == 2
        assert report.counts["delivered"] >= 1
        assert not {"failed", "unknown", "rejected"} & set(report.counts)

    def test_two_accounts_do_not_know_of_each_other(self, merchandiser: ListingScene, monkeypatch: pytest.MonkeyPatch) -> None:
        merchandiser.sync([alone(1)])
        merchandiser.change(accounts={"second": {"add": [{"sku": canonical(1)}]}})
        monkeypatch.setenv("PLYTIX_ALIAS", "second")
        other = ListingScene(merchandiser.sandbox)
        try:
            done = other.sync([alone(1)])
        finally:
            other.close()
        assert done.counts == ({"delivered": 1}, {"delivered": 1})
        theirs = merchandiser.state["accounts"]["second"]
        assert theirs["creates"] == {f"AMZN-US-{asin(1)}": 1} == merchandiser.state["creates"]
