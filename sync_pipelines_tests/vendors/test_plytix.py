"""The PIM over a socket: logins, quota, exact searches over inexact ones, and writes that are sent once."""

import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sync_pipelines.vendors import plytix as client_module
from sync_pipelines.vendors.failures import NoReply, Permanent, RateLimited, Transient, VendorError, WritesOff
from sync_pipelines.vendors.paging import GoesInCircles
from sync_pipelines.vendors.plytix import Plytix, Problem, Product, ReadingFailed, problems
from vendor_sandbox import Sandbox

Connect = Callable[..., Plytix]

TOKEN, SEARCH, CREATE = "POST /auth/api/get-token", "POST /api/v1/products/search", "POST /api/v1/products"
LISTINGS, FAMILY = "Amazon Listings", "8 - Amazon"


def order(sandbox: Sandbox, on: str, kind: str, **options: Any) -> None:
    sandbox.faults("plytix", [{"on": on, "kind": kind, **options}])


def set_(sandbox: Sandbox, **settings: Any) -> None:
    sandbox.plytix.change_state({"settings": settings})


def add(sandbox: Sandbox, *skus: str, **more: Any) -> None:
    sandbox.plytix.change_state({"add": [{"sku": sku, **more} for sku in skus]})


def statuses(sandbox: Sandbox, on: str) -> list[int | None]:
    method, _, path = on.partition(" ")
    return [c["status"] for c in sandbox.calls("plytix") if c["method"] == method and c["path"].endswith(path)]


def truth(sandbox: Sandbox, sku: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(p for p in sandbox.plytix.state()["products"].values() if p["sku"] == sku)
    return found


def id_of(sandbox: Sandbox, sku: str) -> str:
    return str(next(i for i, p in sandbox.plytix.state()["products"].items() if p["sku"] == sku))


class TestLogin:
    def test_one_token_serves_many_calls_and_is_not_fetched_before_the_first(self, sandbox: Sandbox, plytix: Connect) -> None:
        client = plytix()
        assert not sandbox.calls("plytix")
        for _ in range(3):
            client.families()
        assert statuses(sandbox, TOKEN) == [200]

    @pytest.mark.parametrize("told", [True, False])
    def test_a_token_is_renewed_before_it_ends_as_told_or_as_set(
        self, *, sandbox: Sandbox, plytix: Connect, monkeypatch: pytest.MonkeyPatch, told: bool
    ) -> None:
        monkeypatch.setenv("PLYTIX_TOKEN_SECONDS", "5000" if told else "900")
        set_(sandbox, expires_in=told, token_seconds=900 * sandbox.speed)
        client = plytix()
        client.families()
        assert 830 < client._login._renew_at - time.monotonic() <= 840
        client._login._renew_at = time.monotonic()
        client.families()
        assert statuses(sandbox, TOKEN) == [200, 200]

    @pytest.mark.parametrize("on", [SEARCH, CREATE])
    def test_a_token_that_is_refused_is_renewed_once(self, sandbox: Sandbox, plytix: Connect, on: str) -> None:
        order(sandbox, on, "expired_token")
        client = plytix()
        if on == CREATE:
            client.create("X1", None, {})
            assert sandbox.plytix.state()["creates"] == {"X1": 1}
        else:
            list(client.products_by_sku(["X1"], []))
        assert statuses(sandbox, on) == [401, 201 if on == CREATE else 200]
        assert statuses(sandbox, TOKEN) == [200, 200]

    def test_an_account_that_refuses_every_token_is_not_asked_for_ever(self, sandbox: Sandbox, plytix: Connect) -> None:
        order(sandbox, SEARCH, "expired_token", times=100)
        with pytest.raises(Permanent) as failed:
            list(plytix().products_by_sku(["X1"], []))
        assert failed.value.status == 401
        assert statuses(sandbox, SEARCH) == [401, 401]

    @pytest.mark.parametrize("bare", [True, False])
    def test_wrong_credentials_are_told_at_once_and_never_shown(
        self, *, sandbox: Sandbox, plytix: Connect, monkeypatch: pytest.MonkeyPatch, bare: bool
    ) -> None:
        set_(sandbox, bare_login_errors=bare)
        monkeypatch.setenv("PLYTIX_API_PASSWORD", "wrong-password-0123")
        with pytest.raises(Permanent, match="credentials are not accepted") as failed:
            plytix().login()
        assert "wrong-password-0123" not in str(failed.value)
        assert len(sandbox.calls("plytix")) == 1

    def test_the_logins_own_429_is_waited_for(self, sandbox: Sandbox, plytix: Connect) -> None:
        order(sandbox, TOKEN, "rate_limited", retry_after="12.75")
        client = plytix()
        client.families()
        assert list(client.auth.sleep) == [12.8]  # type: ignore[call-overload]

    def test_another_account_has_credentials_and_products_of_its_own(
        self, sandbox: Sandbox, plytix: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PLYTIX_ALIAS", "second")
        plytix().create("X1", None, {})
        assert sandbox.plytix.state()["creates"] == {}
        assert sandbox.plytix.state()["accounts"]["second"]["creates"] == {"X1": 1}


class TestQuota:
    @pytest.fixture
    def windows(self, plytix: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two calls in 500 s, three in 1000: so long that no test sees one end."""
        for name, value in {"CALLS_PER_WINDOW": 2, "WINDOW_SECONDS": 500, "CALLS_PER_HOUR": 3, "HOUR_SECONDS": 1000}.items():
            monkeypatch.setenv(f"PLYTIX_{name}", str(value))

    @pytest.mark.usefixtures("windows")
    def test_two_clients_of_an_account_share_its_windows_and_another_account_has_its_own(
        self, plytix: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        one, two = plytix(limits=tmp_path), plytix(limits=tmp_path)
        one.count([])
        two.count([])
        for client in (one, two):
            with pytest.raises(RateLimited):
                client.reserve(30)
        monkeypatch.setenv("PLYTIX_ALIAS", "second")
        plytix(limits=tmp_path).reserve(30)

    def test_the_longer_window_is_kept_as_well(self, plytix: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {"CALLS_PER_WINDOW": 2, "WINDOW_SECONDS": 0.05, "CALLS_PER_HOUR": 3, "HOUR_SECONDS": 1000}.items():
            monkeypatch.setenv(f"PLYTIX_{name}", str(value))
        client = plytix()
        for _ in range(3):
            client.count([])
        with pytest.raises(RateLimited) as full:
            client.reserve(30)
        assert 900 < (full.value.retry_after or 0) <= 1010, "the window, and a little longer"

    @pytest.mark.usefixtures("windows")
    def test_a_place_is_taken_before_the_call_or_the_time_it_takes_is_told(self, sandbox: Sandbox, plytix: Connect) -> None:
        client = plytix()
        client.reserve(30)
        client.reserve(30)  # the same place: no call was made
        client.count([])
        client.reserve(30)
        client.create("X1", None, {})
        with pytest.raises(RateLimited) as full:
            client.reserve(30)
        assert 450 < (full.value.retry_after or 0) <= 505
        assert len(statuses(sandbox, SEARCH) + statuses(sandbox, CREATE)) == 2

    @pytest.mark.parametrize(("told", "waits"), [("0.371", 0.421), ("1089.492", 1089.542), ("4199", 4199.05)])
    def test_a_search_waits_as_long_as_it_is_told(self, sandbox: Sandbox, plytix: Connect, told: str, waits: float) -> None:
        order(sandbox, SEARCH, "rate_limited", retry_after=told)
        client = plytix()
        client.count([])
        assert list(client.http.sleep) == [pytest.approx(waits)]  # type: ignore[call-overload]

    def test_beyond_the_longest_wait_it_says_how_long_it_would_be(self, sandbox: Sandbox, plytix: Connect) -> None:
        order(sandbox, SEARCH, "rate_limited", retry_after="5000.25")
        with pytest.raises(RateLimited) as failed:
            plytix().count([])
        assert failed.value.retry_after == 5000.25
        assert statuses(sandbox, SEARCH) == [429]

    @pytest.mark.parametrize("hourly", [40, 20_000])
    def test_a_window_that_never_fills_because_of_the_other_is_no_trouble(
        self, plytix: Connect, monkeypatch: pytest.MonkeyPatch, hourly: int
    ) -> None:
        monkeypatch.setenv("PLYTIX_CALLS_PER_WINDOW", "50")
        monkeypatch.setenv("PLYTIX_CALLS_PER_HOUR", str(hourly))
        monkeypatch.setenv("PLYTIX_WINDOW_SECONDS", "10")
        monkeypatch.setenv("PLYTIX_HOUR_SECONDS", "3600")
        plytix().count([])


class TestSearchBySku:
    def test_skus_are_found_exactly_a_hundred_a_call(self, sandbox: Sandbox, plytix: Connect) -> None:
        wanted = [p.sku for p in sandbox.boots.products[:230]]
        found = list(plytix().products_by_sku([*wanted, "NOBODY", wanted[0]], ["label", "attributes.upc"]))
        assert sorted(p.sku for p in found) == sorted(wanted)
        assert len(statuses(sandbox, SEARCH)) == 3
        assert all(isinstance(p, Product) and p.label for p in found)
        by_sku = {p.sku: p for p in sandbox.boots.products}
        assert all(p.gtin is None for p in found)  # not asked for
        assert all(p.attributes.get("upc") == (by_sku[p.sku].gtin or "")[-12:] for p in found if by_sku[p.sku].gtin)

    @pytest.mark.parametrize("lists", [True, False])
    def test_others_that_differ_in_case_are_not_taken_and_hide_nothing(
        self, *, sandbox: Sandbox, plytix: Connect, lists: bool
    ) -> None:
        """A hundred SKUs, each with two look-alikes: the answer has three pages, in another order at every call."""
        wanted = [f"Case-{n:03d}x" for n in range(100)]
        add(sandbox, *(look for sku in wanted for look in (sku.lower(), sku.upper(), sku)))
        set_(sandbox, sku_in=lists, in_ignores_case=True)
        client = plytix()
        assert sorted(p.sku for p in client.products_by_sku(wanted, [])) == wanted
        assert client.takes_lists is lists
        assert not list(client.products_by_sku(["CASE-001y", "case-001"], []))

    def test_an_account_that_takes_no_lists_is_asked_with_alternatives_from_then_on(
        self, sandbox: Sandbox, plytix: Connect
    ) -> None:
        set_(sandbox, sku_in=False)
        client = plytix()
        wanted = [p.sku for p in sandbox.boots.products[:150]]
        assert sorted(p.sku for p in client.products_by_sku(wanted, [])) == sorted(wanted)
        assert statuses(sandbox, SEARCH) == [422, 200, 200]

    def test_another_422_is_not_taken_for_that(self, sandbox: Sandbox, plytix: Connect) -> None:
        client = plytix()
        with pytest.raises(Permanent, match="nonsense"):
            list(client.products_by_sku(["X"], ["attributes.nonsense"]))
        assert client.takes_lists

    def test_nothing_asked_for_is_no_call(self, sandbox: Sandbox, plytix: Connect) -> None:
        assert list(plytix().products_by_sku([], [])) == []
        assert not sandbox.calls("plytix")

    @pytest.mark.parametrize("key", ["relationship_label", "label"])
    def test_links_come_with_the_products(self, sandbox: Sandbox, plytix: Connect, key: str) -> None:
        add(sandbox, "S", "T1", "T2")
        sandbox.plytix.change_state(
            {"link": [{"relationship": LISTINGS, "from": "S", "to": ["T1", "T2"]}], "settings": {"row_relationship_key": key}}
        )
        columns = ["relationships.amazon_listings", "relationships.amazon_hierarchy"]
        (found,) = plytix().products_by_sku(["S"], columns)
        assert {name: set(ids) for name, ids in found.related.items()} == {
            "amazon_listings": {id_of(sandbox, "T1"), id_of(sandbox, "T2")}
        }


class TestSlices:
    ALL = 335

    def everything(self, client: Plytix, filters: list[dict[str, Any]] | None = None) -> list[str]:
        return [p.sku for p in client.products(filters or [], [])]

    @pytest.mark.parametrize("most", [400, 100, 3])
    def test_every_product_comes_once_however_few_may_be_ordered(self, sandbox: Sandbox, plytix: Connect, most: int) -> None:
        set_(sandbox, most_ordered=most)
        found = self.everything(plytix())
        assert sorted(found) == sorted(p["sku"] for p in sandbox.plytix.state()["products"].values())
        assert len(found) == len(set(found))
        assert all(status in (200, 428) for status in statuses(sandbox, SEARCH))

    def test_a_day_with_more_than_may_be_ordered_is_read_until_all_have_come(
        self, sandbox: Sandbox, plytix: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An import of 300 products on one day, ten to a page, in another order at every call."""
        monkeypatch.setenv("PLYTIX_PAGE_SIZE", "10")
        add(sandbox, *(f"DAY-{n:03d}" for n in range(300)), created="2025-03-04T10:00:00.000000+00:00")
        set_(sandbox, most_ordered=120)
        those = [{"field": "sku", "operator": "like", "value": "DAY-"}]
        assert len(set(self.everything(plytix(), those))) == 300

    def test_products_that_never_all_come_are_no_reading(
        self, sandbox: Sandbox, plytix: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PLYTIX_MATCHES_IN", "total_count")  # all products of the account: more than match
        with pytest.raises(ReadingFailed, match="came and 335 are counted"):
            self.everything(plytix(), [{"field": "sku", "operator": "like", "value": "AMZN-"}])

    @pytest.mark.parametrize("read", ["_in_order", "_in_any_order"])
    def test_regression_pages_that_repeat_are_not_read_for_ever(
        self, sandbox: Sandbox, plytix: Connect, monkeypatch: pytest.MonkeyPatch, read: str
    ) -> None:
        monkeypatch.setenv("PLYTIX_PAGE_SIZE", "2")
        rows = [{"id": f"id-{n}", "sku": f"SKU-{n}", "created": "2025-03-04T10:00:00.000000+00:00"} for n in range(2)]
        order(sandbox, SEARCH, "status", status=200, body={"data": rows, "pagination": {}}, times=500)
        day = date(2025, 3, 4)
        days = (day, day) if read == "_in_order" else (day,)
        with pytest.raises(GoesInCircles, match="plytix: products"):
            getattr(plytix(), read)([], *days, [])
        assert statuses(sandbox, SEARCH) == [200, 200]

    @pytest.mark.parametrize(("counts", "matches_in"), [("matches", "count"), ("page", "total_count"), ("none", "count")])
    def test_where_the_count_stands_is_a_setting_and_none_is_no_trouble(
        self, *, sandbox: Sandbox, plytix: Connect, monkeypatch: pytest.MonkeyPatch, counts: str, matches_in: str
    ) -> None:
        set_(sandbox, counts=counts)
        monkeypatch.setenv("PLYTIX_MATCHES_IN", matches_in)
        client = plytix()
        assert len(self.everything(client)) == self.ALL
        assert client.count([]) == (None if counts == "none" else self.ALL)

    def test_a_product_that_comes_in_between_two_pages_is_read_again(self, sandbox: Sandbox, plytix: Connect) -> None:
        client = plytix()
        real = client._page

        def page(*args: Any, **options: Any) -> Any:
            if options["page"] == 3:
                sandbox.plytix.change_state(
                    {"add": [{"sku": f"NEW-{len(sandbox.calls('plytix'))}", "created": "2020-01-01T00:00:00.000000+00:00"}]}
                )
                client._page = real  # type: ignore[method-assign]
            return real(*args, **options)

        client._page = page  # type: ignore[method-assign]
        assert len(self.everything(client)) == self.ALL + 1


class TestProblems:
    @pytest.mark.parametrize(
        ("body", "found"),
        [
            ('{"error": {"msg": "m", "errors": [{"field": "sku", "msg": "taken"}]}}', [("sku", "taken", "")]),
            ('{"error": {"msg": "m", "errors": [{"field": "attributes.amazon_asin", "msg": "x"}]}}', [("amazon_asin", "x", "")]),
            ('{"error": {"msg": "m", "errors": [{"field": "http_status_code", "msg": 401}]}}', [("http_status_code", "401", "")]),
            (
                '{"error": {"errors": [{"field": "product_id", "value": "65a0", "msg": {"a": 1}}]}}',
                [("product_id", "{'a': 1}", "65a0")],
            ),
            ('{"error": {"msg": "only this"}}', [("", "only this", "")]),
            ('{"msg": "bare"}', [("", "bare", "")]),
            ('{"detail": [{"loc": 1}, "text"]}', [("", "", ""), ("", "text", "")]),
            ('{"detail": "Not here"}', [("", "Not here", "")]),
            ('{"error": "text"}', [("", "text", "")]),
            ("[]", [("", "", "")]),
            ("<html>", []),
            ("", []),
            ("null", [("", "", "")]),
        ],
    )
    def test_every_kind_of_error_is_understood(self, body: str, found: list[tuple[str, str, str]]) -> None:
        assert problems(body) == [Problem(*each) for each in found]


class TestWriting:
    def test_a_product_is_made_filled_put_into_a_family_linked_unlinked_and_deleted(
        self, sandbox: Sandbox, plytix: Connect
    ) -> None:
        add(sandbox, "T")
        client = plytix()
        made = client.create("X1", "A boot", {"amazon_asin": "B000000001", "amazon_is_primary": False})
        assert made == id_of(sandbox, "X1")
        assert client.family_of(made) is None
        family = next(f for f in client.families() if f.name == FAMILY)
        client.set_family(made, "X1", family.id)
        assert client.family_of(made) == family.id
        client.update(made, "X1", {"attributes": {"amazon_asin": None, "amazon_title": "T"}})
        relationship = next(r for r in client.relationships() if r.name == LISTINGS)
        client.link(made, relationship.id, [id_of(sandbox, "T")], "links")
        now = truth(sandbox, "X1")
        assert (now["label"], now["status"], now["family"]) == ("A boot", "Draft", FAMILY)
        assert now["attributes"] == {"amazon_is_primary": False, "amazon_title": "T"}
        assert now["links"] == {"amazon_listings": {"T": 1}}
        client.unlink(made, relationship.id, [id_of(sandbox, "T")], "links")
        assert truth(sandbox, "X1")["links"] == {}
        client.delete(made, "X1")
        assert made not in sandbox.plytix.state()["products"]

    def test_what_an_account_has_is_read_whole(self, sandbox: Sandbox, plytix: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PLYTIX_PAGE_SIZE", "2")
        client, state = plytix(), sandbox.plytix.state()
        assert {f.name for f in client.families()} == set(state["families"])
        assert {r.name: r.label for r in client.relationships()} == {n: r["label"] for n, r in state["relationships"].items()}
        attributes = client.attributes()
        assert {n: (a.type, list(a.options)) for n, a in attributes.items()} == {
            n: (a["type_class"], a["options"]) for n, a in state["attributes"].items()
        }
        family = next(f for f in client.families() if f.name == FAMILY)
        assert set(state["families"][FAMILY]["attributes"]) <= client.family_attributes(family.id)

    WRITES: Mapping[str, tuple[str, Callable[[Plytix], object]]] = {
        "create": (CREATE, lambda c: c.create("X1", None, {})),
        "update": ("PATCH *", lambda c: c.update("1", "X1", {"label": "L"})),
        "family": ("POST *family", lambda c: c.set_family("1", "X1", "2")),
        "link": ("POST */relationships/2", lambda c: c.link("1", "2", ["3"], "links")),
        "unlink": ("POST *unlink", lambda c: c.unlink("1", "2", ["3"], "links")),
        "delete": ("DELETE *", lambda c: c.delete("1", "X1")),
    }

    @pytest.mark.parametrize("write", WRITES)
    @pytest.mark.parametrize(
        ("fault", "raised"),
        [
            ({"kind": "lost_request"}, NoReply),
            ({"kind": "status", "status": 503}, Transient),
            ({"kind": "status", "status": 422}, Permanent),
            ({"kind": "rate_limited", "retry_after": "0.01"}, RateLimited),
            ({"kind": "html"}, Transient),
        ],
        ids=lambda value: value["kind"] + str(value.get("status", "")) if isinstance(value, dict) else "",
    )
    def test_no_write_is_sent_again_whatever_happened(
        self, *, sandbox: Sandbox, plytix: Connect, write: str, fault: dict[str, Any], raised: type[VendorError]
    ) -> None:
        on, send = self.WRITES[write]
        order(sandbox, on, **fault, times=9)
        with pytest.raises(raised):
            send(plytix())
        assert len([c for c in sandbox.calls("plytix") if "get-token" not in c["path"]]) == 1

    @pytest.mark.parametrize("write", WRITES)
    def test_without_leave_nothing_is_sent(self, sandbox: Sandbox, plytix: Connect, write: str) -> None:
        client = plytix(writes_on=False)
        client.count([])
        before = len(sandbox.calls("plytix"))
        with pytest.raises(WritesOff):
            self.WRITES[write][1](client)
        assert len(sandbox.calls("plytix")) == before

    def test_reads_are_tried_again(self, sandbox: Sandbox, plytix: Connect) -> None:
        for kind in ({"kind": "lost_reply"}, {"kind": "html"}, {"kind": "cut_body"}, {"kind": "status", "status": 502}):
            order(sandbox, SEARCH, **kind)
        assert plytix().count([]) == 335
        assert len(statuses(sandbox, SEARCH)) == 5

    @pytest.mark.parametrize("body", ["{}", '{"data": {}}', '{"data": []}', '{"data": [{"id": 5}]}', '{"data": ["x"]}', "[]"])
    def test_an_answer_of_another_shape_is_no_product(self, sandbox: Sandbox, plytix: Connect, body: str) -> None:
        import json

        order(sandbox, CREATE, "status", status=201, body=json.loads(body))
        with pytest.raises(Transient, match="not what was asked for"):
            plytix().create("X1", None, {})

    @pytest.mark.parametrize(
        "more",
        [{"relationships": ["x"]}, {"attributes": 5}, {"relationships": [{"label": "l", "related_products": [5]}]}],
        ids=str,
    )
    def test_nor_is_a_row_of_another_shape(self, sandbox: Sandbox, plytix: Connect, more: Any) -> None:
        order(sandbox, SEARCH, "status", status=200, body={"data": [{"id": "1", "sku": "S", **more}]}, times=9)
        with pytest.raises(Transient, match="not what was asked for"):
            list(plytix().products_by_sku(["S"], []))


def test_the_days_of_a_stretch_are_halved_without_gap_or_overlap() -> None:
    from datetime import date, timedelta

    days, single = [(None, None)], []
    for _ in range(40):
        first, last = days.pop(0)
        later, earlier = client_module._halves(first, last)
        assert earlier[0] == first
        assert later[1] == last
        assert later[0] == (earlier[1] or date.max) + timedelta(days=1)
        days += [each for each in (later, earlier) if each[0] is None or each[0] != each[1]]
        single += [each for each in (later, earlier) if each[0] is not None and each[0] == each[1]]
