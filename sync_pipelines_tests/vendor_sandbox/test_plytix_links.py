"""Links between products of Plytix's stand-in."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sync_pipelines_tests.vendor_sandbox.plytix_caller import PlytixCaller, faults, fresh
from vendor_sandbox import Sandbox


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def plytix(running: Sandbox) -> PlytixCaller:
    return fresh(running)


class Linking:
    """A source, some targets and a relationship."""

    def __init__(self, plytix: PlytixCaller, targets: int = 3) -> None:
        products = [{"sku": f"T{number}"} for number in range(targets)]
        plytix.sandbox.plytix.change_state({"add": [{"sku": "S"}, *products]})
        self.plytix = plytix
        ids = {each["sku"]: key for key, each in plytix.sandbox.plytix.state()["products"].items()}
        self.source = ids["S"]
        self.targets = [ids[each["sku"]] for each in products]
        self.relationship = plytix.id_of("relationships", "Amazon Listings")

    @property
    def path(self) -> str:
        return f"products/{self.source}/relationships/{self.relationship}"

    def link(self, *wanted: "tuple[str, int] | str") -> requests.Response:
        pairs = [each if isinstance(each, tuple) else (each, 1) for each in wanted]
        entries = [{"product_id": target, "quantity": quantity} for target, quantity in pairs]
        return self.plytix.call("POST", self.path, {"product_relationships": entries})

    @property
    def truth(self) -> dict[str, int]:
        links: dict[str, int] = self.plytix.truth("S")["links"].get("amazon_listings", {})
        return links


@pytest.fixture
def linking(plytix: PlytixCaller) -> Linking:
    return Linking(plytix)


def related(reply: requests.Response) -> dict[str, int]:
    (links,) = reply.json()["data"]
    assert links["relationship_label"] == "amazon_listings"
    return {each["product_id"]: each["quantity"] for each in links["related_products"]}


class TestLinking:
    def test_new_links_are_201_with_the_whole_set_and_a_repetition_is_200(self, linking: Linking) -> None:
        first, second, _ = linking.targets
        replies = [linking.link(first), linking.link(second), linking.link(first, second)]
        assert [each.status_code for each in replies] == [201, 201, 200]
        assert [list(related(each)) for each in replies] == [[first], [first, second], [first, second]]
        assert linking.truth == {"T0": 1, "T1": 1}
        assert linking.plytix.sandbox.plytix.state()["counts"]["link_calls"] == 2

    def test_a_new_quantity_is_a_change(self, linking: Linking) -> None:
        first = linking.targets[0]
        linking.link(first)
        reply = linking.link((first, 4))
        assert (reply.status_code, related(reply)) == (201, {first: 4})

    def test_one_unknown_product_and_nothing_is_linked(self, linking: Linking) -> None:
        first = linking.targets[0]
        unknown = ["65a001a1ffffffffffffffff", "no-id"]
        reply = linking.link(first, *unknown)
        assert reply.status_code == 409
        entries = reply.json()["error"]["errors"]
        assert [(each["field"], each["value"]) for each in entries] == [("product_id", each) for each in unknown]
        assert linking.truth == {}
        with linking.plytix.set(mixed_batch="link_known"):
            assert linking.link(first, *unknown).status_code == 409
        assert linking.truth == {"T0": 1}

    def test_a_product_has_so_many_links_and_no_more(self, plytix: PlytixCaller) -> None:
        linking = Linking(plytix, targets=301)
        assert linking.link(*linking.targets).status_code == 422
        assert linking.link(*linking.targets[:300]).status_code == 201
        assert linking.link(linking.targets[300]).status_code == 422
        assert linking.link(*linking.targets[:300]).status_code == 200
        assert len(linking.truth) == 300

    def test_unknown_source_or_relationship_get_404(self, linking: Linking) -> None:
        wanted = {"product_relationships": [{"product_id": linking.targets[0]}]}
        for path in (f"products/x/relationships/{linking.relationship}", f"products/{linking.source}/relationships/x"):
            reply = linking.plytix.call("POST", path, wanted)
            assert (reply.status_code, set(faults(reply))) == (404, {"id"})

    @pytest.mark.parametrize(
        "body", [{}, {"product_relationships": []}, {"product_relationships": ["x"]}, {"product_relationships": [{"id": "x"}]}]
    )
    def test_another_form_gets_422(self, linking: Linking, body: dict[str, Any]) -> None:
        assert linking.plytix.call("POST", linking.path, body).status_code == 422

    @pytest.mark.parametrize("quantity", [0, -1, "1", 1.5, None, True])
    def test_a_quantity_is_a_whole_number_of_at_least_one(self, linking: Linking, quantity: object) -> None:
        wanted = {"product_relationships": [{"product_id": linking.targets[0], "quantity": quantity}]}
        assert linking.plytix.call("POST", linking.path, wanted).status_code == 422

    def test_links_go_with_the_product_they_lead_to(self, linking: Linking) -> None:
        linking.link(*linking.targets)
        linking.plytix.call("DELETE", f"products/{linking.targets[1]}")
        assert linking.truth == {"T0": 1, "T2": 1}
        (links,) = linking.plytix.one("GET", f"products/{linking.source}")["relationships"]
        assert [each["product_id"] for each in links["related_products"]] == [linking.targets[0], linking.targets[2]]

    def test_links_are_not_mirrored(self, linking: Linking) -> None:
        linking.link(linking.targets[0])
        assert linking.plytix.one("GET", f"products/{linking.targets[0]}")["relationships"] == []

    def test_two_calls_at_once_for_one_product_can_lose_links(self, linking: Linking) -> None:
        with linking.plytix.set(link_seconds=0.2):
            threads = [threading.Thread(target=linking.link, args=[each]) for each in linking.targets]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(linking.truth) < 3


class TestChangingLinks:
    def test_a_quantity_is_patched(self, linking: Linking) -> None:
        first, second, _ = linking.targets
        linking.link(first)
        reply = linking.plytix.call("PATCH", f"{linking.path}/product/{first}", {"quantity": 3})
        assert (reply.status_code, related(reply)) == (200, {first: 3})
        assert linking.plytix.call("PATCH", f"{linking.path}/product/{second}", {"quantity": 3}).status_code == 404
        assert linking.plytix.call("PATCH", f"{linking.path}/product/{first}", {}).status_code == 422

    def test_unlinking_takes_a_bare_list_or_a_member(self, linking: Linking) -> None:
        linking.link(*linking.targets)
        first, second, _ = ({"product_id": each} for each in linking.targets)
        for body, left in (([first], {"T1": 1, "T2": 1}), ({"product_relationships": [second]}, {"T2": 1})):
            reply = linking.plytix.call("POST", f"{linking.path}/unlink", body)
            assert (reply.status_code, reply.content) == (204, b"")
            assert linking.truth == left
        assert linking.plytix.call("POST", f"{linking.path}/unlink", [first]).status_code == 204
        assert linking.plytix.call("POST", f"{linking.path}/unlink", "x").status_code == 422
