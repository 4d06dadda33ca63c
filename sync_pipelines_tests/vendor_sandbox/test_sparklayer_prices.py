"""Reading and writing prices on SparkLayer's stand-in."""

import threading
from decimal import Decimal
from urllib.parse import quote

import pytest

from sync_pipelines_tests.vendor_sandbox.conftest import SparkLayerCaller, entry, exact, row
from vendor_sandbox import Sandbox


def settings(sparklayer: SparkLayerCaller, **changes: object) -> None:
    sparklayer.sandbox.sparklayer.change_state({"settings": changes})


class TestReading:
    def test_rows_are_flat_and_ordered_by_sku_and_quantity(self, sparklayer: SparkLayerCaller) -> None:
        sparklayer.write([entry("B", (10, "1.50"), (1, "2.00")), entry("A", (1, "3"))])
        reply = sparklayer.call("GET", "v1/price-lists/trade-nz/pricing")
        assert exact(reply) == [{"sku": "A", **row(1, "3")}, {"sku": "B", **row(1, "2.00")}, {"sku": "B", **row(10, "1.50")}]

    @pytest.mark.parametrize("slug", ["vip", "trade-nz"])
    def test_a_list_without_stored_prices_answers_204_even_with_rules(self, sparklayer: SparkLayerCaller, slug: str) -> None:
        reply = sparklayer.call("GET", f"v1/price-lists/{slug}/pricing")
        assert (reply.status_code, reply.content) == (204, b"")
        assert "Content-Length" not in reply.headers

    def test_an_unknown_list_gets_404(self, sparklayer: SparkLayerCaller) -> None:
        assert sparklayer.call("GET", "v1/price-lists/nobody/pricing").status_code == 404
        assert sparklayer.write([], slug="nobody").status_code == 404
        assert sparklayer.call("DELETE", "v1/price-lists/nobody/pricing").status_code == 404

    def test_tax_fields_can_be_written_but_not_read(self, sparklayer: SparkLayerCaller) -> None:
        sent = {"sku": "A", "display_tax_rate": 10, "pricing": [{"price": 1, "tax_type": "net"}]}
        assert sparklayer.write([sent]).status_code == 204
        assert sparklayer.stored() == {"A": [row(1, "1", tax_type="net", display_tax_rate=10)]}
        shown = exact(sparklayer.call("GET", "v1/price-lists/trade-nz/pricing"))
        assert shown == [{"sku": "A", **row(1, "1")}]
        assert exact(sparklayer.call("GET", "v1/pricing/A"))[0]["pricing"] == [row(1, "1")]

    def test_a_sku_nobody_priced_has_no_prices(self, sparklayer: SparkLayerCaller) -> None:
        assert sparklayer.call("GET", "v1/pricing/UNKNOWN").json() == []

    @pytest.mark.parametrize("path", ["v1/price-lists/wholesale/pricing", "v1/pricing/A"])
    def test_put_is_not_offered(self, sparklayer: SparkLayerCaller, path: str) -> None:
        reply = sparklayer.call("PUT", path, [])
        assert reply.status_code == 405
        assert "PATCH" in reply.headers["Allow"]


class TestSeed:
    def test_wholesale_agrees_with_catsy_and_holds_twelve_skus_of_its_own(
        self, sandbox: Sandbox, sparklayer: SparkLayerCaller
    ) -> None:
        prices = {item.get("sku"): item.get("price_trade") for item in sandbox.catsy.state()["items"]}
        held = sparklayer.stored("wholesale")
        known = [sku for sku in held if sku in prices]
        assert (len(known), len(held) - len(known)) == (15, 12)
        assert all(held[sku][0]["price"] == Decimal(prices[sku]) for sku in known)

    def test_some_rows_have_what_a_sync_must_not_lose(self, sparklayer: SparkLayerCaller) -> None:
        rows = [each for rows in sparklayer.stored("wholesale").values() for each in rows]
        assert any(each["quantity"] == 250 for each in rows)
        assert any(each["unit_of_measure"] == "each" for each in rows)
        assert any("tax_type" in each and "display_tax_rate" in each for each in rows)

    def test_the_seed_is_capped_however_large_the_catalogue(self) -> None:
        with Sandbox(scale=200_000) as large:
            assert len(SparkLayerCaller(large).stored("wholesale")) == 5012
        with Sandbox(scale=0) as empty:
            assert len(SparkLayerCaller(empty).stored("wholesale")) == 12


class TestUpdating:
    def test_an_update_answers_204_with_nothing(self, sparklayer: SparkLayerCaller) -> None:
        reply = sparklayer.write([entry("A", (1, "1"))])
        assert (reply.status_code, reply.content) == (204, b"")

    def test_skus_not_sent_keep_their_prices_and_those_sent_lose_every_break_not_sent(self, sparklayer: SparkLayerCaller) -> None:
        sparklayer.write([entry("A", (1, "4"), (100, "3")), entry("B", (1, "9"))])
        sparklayer.write([entry("A", (1, "5"))])
        assert sparklayer.stored() == {"A": [row(1, "5")], "B": [row(1, "9")]}

    def test_an_empty_pricing_removes_the_sku(self, sparklayer: SparkLayerCaller) -> None:
        sparklayer.write([entry("A", (1, "4")), entry("B", (1, "9"))])
        assert sparklayer.write([entry("A"), entry("NEVER-THERE")]).status_code == 204
        assert sparklayer.stored() == {"B": [row(1, "9")]}

    def test_sending_the_same_again_changes_nothing(self, sparklayer: SparkLayerCaller) -> None:
        body = [entry("A", (1, "4"), (100, "3"))]
        sparklayer.write(body)
        before = sparklayer.stored()
        sparklayer.write(body)
        assert sparklayer.stored() == before
        state = sparklayer.sandbox.sparklayer.state()
        assert (state["writes"], state["effects"]) == (2, {"trade-nz": {"A": 2}})

    @pytest.mark.parametrize("price", ["4.20", "0.1", "12345678901234567890.123456789", "0.30000000000000004", "7", "0"])
    def test_prices_keep_the_digits_they_were_sent_with(self, sparklayer: SparkLayerCaller, price: str) -> None:
        sparklayer.write(f'[{{"sku": "A", "pricing": [{{"price": {price}}}]}}]')
        reply = sparklayer.call("GET", "v1/price-lists/trade-nz/pricing")
        assert reply.text == f'[{{"sku":"A","quantity":1,"price":{price},"unit_of_measure":null}}]'

    def test_the_same_quantity_in_two_units_are_two_prices(self, sparklayer: SparkLayerCaller) -> None:
        pricing = [{"price": 1, "unit_of_measure": "each"}, {"price": 9, "unit_of_measure": "box"}, {"price": 2}]
        assert sparklayer.write([{"sku": "A", "pricing": pricing}]).status_code == 204
        assert [each["unit_of_measure"] for each in sparklayer.stored()["A"]] == [None, "box", "each"]

    @pytest.mark.parametrize("sku", ["A/B", "A#1", "A B", "100%", "50%2F", "Ö-螺", "a?b=c", " padded "])
    def test_any_sku_can_be_a_part_of_a_path(self, sparklayer: SparkLayerCaller, sku: str) -> None:
        path = f"v1/pricing/{quote(sku, safe='')}"
        body = [{"price_list_slug": "trade-nz", "pricing": [{"price": Decimal("1.10")}]}]
        assert sparklayer.call("PATCH", path, body).status_code == 200
        assert sparklayer.stored() == {sku: [row(1, "1.10")]}
        assert exact(sparklayer.call("GET", path)) == [{"price_list_slug": "trade-nz", "pricing": [row(1, "1.10")]}]

    def test_one_sku_is_rewritten_on_the_lists_named_only(self, sparklayer: SparkLayerCaller) -> None:
        for slug in ("trade-nz", "vip"):
            sparklayer.write([entry("A", (1, "1"), (10, "0.5"))], slug)
        reply = sparklayer.call("PATCH", "v1/pricing/A", [{"price_list_slug": "vip", "pricing": [{"price": 2}]}])
        assert [(each["price_list_slug"], len(each["pricing"])) for each in reply.json()] == [("trade-nz", 2), ("vip", 1)]
        missing = [{"price_list_slug": "nobody", "pricing": []}]
        assert sparklayer.call("PATCH", "v1/pricing/A", missing).status_code == 404

    def test_a_batch_updates_several_lists_or_none_when_one_is_missing(self, sparklayer: SparkLayerCaller) -> None:
        body = [entry("A", (1, "1"), price_list_slug="vip"), entry("A", (1, "2"), price_list_slug="trade-nz")]
        assert sparklayer.call("PATCH", "v1/batch-update-pricing", body).status_code == 204
        assert (sparklayer.stored("vip"), sparklayer.stored()) == ({"A": [row(1, "1")]}, {"A": [row(1, "2")]})
        body = [entry("A", (1, "7"), price_list_slug="vip"), entry("A", (1, "7"), price_list_slug="nobody")]
        assert sparklayer.call("PATCH", "v1/batch-update-pricing", body).status_code == 404
        assert sparklayer.stored("vip") == {"A": [row(1, "1")]}

    def test_deleting_the_pricing_of_a_list_leaves_the_list(self, sparklayer: SparkLayerCaller) -> None:
        reply = sparklayer.call("DELETE", "v1/price-lists/wholesale/pricing")
        assert (reply.status_code, reply.content) == (204, b"")
        assert sparklayer.stored("wholesale") == {}

    def test_the_answer_to_an_update_may_be_200(self, sparklayer: SparkLayerCaller) -> None:
        settings(sparklayer, patch_status=200)
        assert sparklayer.write([entry("A", (1, "1"))]).status_code == 200


GOOD = entry("GOOD", (1, "1"))


class TestRowErrors:
    @pytest.mark.parametrize(
        ("bad", "field"),
        [
            ('{"sku": "A", "pricing": [{"price": "4.20"}]}', "price"),
            ('{"sku": "A", "pricing": [{"price": -1}]}', "price"),
            ('{"sku": "A", "pricing": [{"price": true}]}', "price"),
            ('{"sku": "A", "pricing": [{"price": null}]}', "price"),
            ('{"sku": "A", "pricing": [{}]}', "price"),
            ('{"sku": "A", "pricing": [{"price": 1, "quantity": 0}]}', "quantity"),
            ('{"sku": "A", "pricing": [{"price": 1, "quantity": 1.5}]}', "quantity"),
            ('{"sku": "A", "pricing": [{"price": 1, "quantity": "1"}]}', "quantity"),
            ('{"sku": "A", "pricing": [{"price": 1, "unit_of_measure": 3}]}', "unit_of_measure"),
            ('{"sku": "A", "pricing": [{"price": 1, "tax_type": "vat"}]}', "tax_type"),
            ('{"sku": "A", "pricing": [{"price": 1, "currency": "AUD"}]}', "currency"),
            ('{"sku": "A", "pricing": [7]}', "pricing"),
            ('{"sku": "A", "pricing": null}', "pricing"),
            ('{"sku": "A"}', "pricing"),
            ('{"sku": "A", "price": 4}', "price"),
            ('{"sku": "A", "pricing": [], "display_tax_rate": "10"}', "display_tax_rate"),
            ('{"sku": "", "pricing": []}', "sku"),
            ('{"sku": 4711, "pricing": []}', "sku"),
            ('{"pricing": []}', "sku"),
            ("7", ""),
        ],
    )
    def test_a_bad_entry_is_named_by_line_and_field_and_nothing_is_stored(
        self, sparklayer: SparkLayerCaller, bad: str, field: str
    ) -> None:
        reply = sparklayer.write(f'[{{"sku": "GOOD", "pricing": [{{"price": 1}}]}}, {bad}]')
        assert reply.status_code == 400
        assert [(error["line"], error["field"]) for error in reply.json()] == [(2, field)]
        assert set(reply.json()[0]) == {"line", "field", "message"}
        assert sparklayer.stored() == {}
        assert sparklayer.sandbox.sparklayer.state()["writes"] == 0

    def test_every_bad_entry_is_listed(self, sparklayer: SparkLayerCaller) -> None:
        reply = sparklayer.write([entry("A", (0, "1")), GOOD, entry("B", (1, "-1"))])
        assert [(error["line"], error["field"]) for error in reply.json()] == [(1, "quantity"), (3, "price")]

    def test_without_atomicity_the_good_entries_are_stored(self, sparklayer: SparkLayerCaller) -> None:
        settings(sparklayer, atomic=False)
        assert sparklayer.write([entry("A", (0, "1")), GOOD]).status_code == 400
        assert sparklayer.stored() == {"GOOD": [row(1, "1")]}

    def test_errors_may_come_as_a_problem_and_lines_may_start_at_0(self, sparklayer: SparkLayerCaller) -> None:
        settings(sparklayer, errors_as="problem", line_base=0)
        body = sparklayer.write([entry("A", (0, "1"))]).json()
        assert body["status"] == 400
        assert body["errors"][0]["property"] == "[0].quantity"

    @pytest.mark.parametrize("body", [[entry("A", (1, "1"), (1, "2"))], [entry("A", (1, "1")), entry("A", (1, "1"))]])
    def test_the_same_sku_quantity_and_unit_twice_is_refused(self, sparklayer: SparkLayerCaller, body: object) -> None:
        assert sparklayer.write(body).status_code == 400
        settings(sparklayer, refuse_duplicates=False)
        assert sparklayer.write(body).status_code == 204
        assert len(sparklayer.stored()["A"]) == 1

    def test_one_sku_may_come_in_two_entries_with_other_quantities(self, sparklayer: SparkLayerCaller) -> None:
        assert sparklayer.write([entry("A", (10, "1")), entry("A", (1, "2"))]).status_code == 204
        assert sparklayer.stored() == {"A": [row(1, "2"), row(10, "1")]}

    def test_too_many_entries_or_bytes_get_413_once_there_is_a_cap(self, sparklayer: SparkLayerCaller) -> None:
        settings(sparklayer, max_entries=2)
        assert sparklayer.write([entry("A"), entry("B"), entry("C")]).status_code == 413
        assert sparklayer.write([entry("A"), entry("B")]).status_code == 204
        settings(sparklayer, max_body_bytes=20)
        assert sparklayer.write([entry("A")]).status_code == 413

    def test_other_assumptions_can_be_turned_round(self, sparklayer: SparkLayerCaller) -> None:
        settings(sparklayer, negative_prices=True, string_prices=True, min_quantity=0, known_skus=["A"])
        assert sparklayer.write('[{"sku": "A", "pricing": [{"quantity": 0, "price": "-4.20"}]}]').status_code == 204
        assert sparklayer.stored() == {"A": [row(0, "-4.20")]}
        assert sparklayer.write([GOOD]).json()[0]["field"] == "sku"

    @pytest.mark.parametrize("body", ['{"pricing": []}', "[", "", "[NaN]", '"text"'])
    def test_a_body_that_is_no_array_gets_a_problem(self, sparklayer: SparkLayerCaller, body: str) -> None:
        reply = sparklayer.write(body)
        assert (reply.status_code, reply.json()["status"]) == (400, 400)

    def test_another_content_type_gets_400(self, sparklayer: SparkLayerCaller) -> None:
        headers = {"Content-Type": "text/plain"}
        reply = sparklayer.call("PATCH", "v1/price-lists/trade-nz/pricing", [], headers=headers)
        assert reply.status_code == 400


class TestOneWriterAtATime:
    def both(self, sandbox: Sandbox, *slugs: str) -> list[int]:
        sandbox.sparklayer.change_state({"settings": {"processing_seconds": 1}})
        callers = [SparkLayerCaller(sandbox).log_in() for _ in slugs]
        start = threading.Barrier(len(slugs))
        statuses = []

        def write(caller: SparkLayerCaller, slug: str) -> None:
            start.wait()
            statuses.append(caller.write([GOOD], slug).status_code)

        threads = [threading.Thread(target=write, args=pair) for pair in zip(callers, slugs, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(statuses)

    def test_of_two_updates_of_one_list_at_once_one_gets_409(self, sandbox: Sandbox) -> None:
        assert self.both(sandbox, "trade-nz", "trade-nz") == [204, 409]
        assert sandbox.sparklayer.state()["effects"] == {"trade-nz": {"GOOD": 1}}

    def test_updates_of_two_lists_do_not_clash(self, sandbox: Sandbox) -> None:
        assert self.both(sandbox, "trade-nz", "vip") == [204, 204]
