"""Products of Sentos' stand-in, and the small lists, over real sockets."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from sync_pipelines_tests.vendor_sandbox.sentos_caller import SentosCaller, fresh, variant
from vendor_sandbox import Sandbox
from vendor_sandbox.sentos.amounts import Spelling, read_amount


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sentos(running: Sandbox) -> SentosCaller:
    return fresh(running)


def written(sentos: SentosCaller, product_id: int, **body: object) -> Any:
    """The answer to an update."""
    reply = sentos.call("PUT", f"products/{product_id}", body)
    assert reply.status_code == 200
    return reply.json()


class TestPages:
    def test_pages_by_id_cover_every_product_once(self, sentos: SentosCaller) -> None:
        first = sentos.get("products", page=1, size=30, orderby_id="ASC")
        total = first["total_elements"]
        assert (first["page"], first["size"], first["total_pages"]) == (1, 30, -(-total // 30))
        pages = range(1, first["total_pages"] + 1)
        ids = [row["id"] for page in pages for row in sentos.rows("products", page=page, size=30, orderby_id="ASC")]
        assert ids == [each["id"] for each in sentos.sandbox.sentos.state()["products"]]

    def test_a_size_over_the_maximum_is_clamped_and_echoed(self, sentos: SentosCaller) -> None:
        sentos.set(max_size=7)
        page = sentos.get("products", size=500)
        assert (page["size"], len(page["data"])) == (7, 7)
        sentos.set(over_max_size="refuse")
        assert sentos.call("GET", "products", params={"size": "8"}).status_code == 422

    def test_another_name_for_the_size_is_ignored(self, sentos: SentosCaller) -> None:
        page = sentos.get("products", pageSize=50, limit=50)
        assert (page["size"], len(page["data"])) == (20, 20)

    def test_past_the_end_there_is_an_empty_page(self, sentos: SentosCaller) -> None:
        page = sentos.get("products", page=900)
        assert (page["data"], page["total_elements"]) == ([], len(sentos.sandbox.sentos.state()["products"]))

    @pytest.mark.parametrize("parameters", [{"page": 0}, {"page": "x"}, {"size": -1}, {"size": "1.5"}])
    def test_a_page_that_makes_no_sense_gets_422(self, sentos: SentosCaller, parameters: dict[str, Any]) -> None:
        reply = sentos.call("GET", "products", params=parameters)
        assert (reply.status_code, list(reply.json()["errors"])) == (422, list(parameters))

    def test_without_an_order_the_newest_product_comes_first(self, sentos: SentosCaller) -> None:
        newest = sentos.add(variant("TSH-M"))
        assert sentos.rows("products", size=1)[0]["id"] == newest
        sentos.set(product_order="oldest")
        assert sentos.rows("products", size=1)[0]["id"] == 501


class TestFilters:
    def test_a_variants_sku_finds_its_product_behind_a_similar_one(self, sentos: SentosCaller) -> None:
        near = sentos.add(variant("ABC-1-XL"), sku="ABC-1X")
        right = sentos.add(variant("ABC-1"), sku="ABC")
        found = sentos.rows("products", sku=" abc-1 ", orderby_id="ASC")
        assert [each["id"] for each in found] == [near, right]
        sentos.set(near_matches=False)
        assert [each["id"] for each in sentos.rows("products", sku="ABC-1")] == [right]

    def test_zeros_and_an_s_are_similar_and_not_the_same(self, sentos: SentosCaller) -> None:
        skus = [each["sku"] for each in sentos.rows("products", sku="00042")]
        assert "00042" in skus
        assert set(skus) & {"42", "S42"}

    def test_barcodes_are_found_the_same_way(self, sentos: SentosCaller) -> None:
        sentos.set(near_matches=False)
        product = sentos.add(variant("ABC-1", barcode="8690000000024"))
        assert [each["id"] for each in sentos.rows("products", barcode="8690000000024")] == [product]
        assert sentos.rows("products", barcode="nobody") == []


class TestSpelling:
    def test_the_same_seed_spells_numbers_in_the_same_mixed_way(self, sentos: SentosCaller) -> None:
        sentos.set(spellings="mixed")
        rows = [row for page in range(1, 6) for row in sentos.rows("products", page=page, size=100)]
        prices = [row["sale_price"] for row in rows]
        stocks = [entry for row in rows for each in (row, *row["variants"]) for entry in each["stocks"]]
        assert {type(each) for each in prices} >= {str, Decimal}
        assert any(isinstance(each, str) and "." in each and each[-3:-2] == "," for each in prices)
        assert {type(each["stock"]) for each in stocks} == {int, str}
        assert {type(each["warehouse"]) for each in stocks} == {int, dict}
        assert rows == [row for page in range(1, 6) for row in sentos.rows("products", page=page, size=100)]

    @pytest.mark.parametrize("text", ["0", "29.9", "249.90", "1299.90", "-5", "1234567.89"])
    def test_every_spelling_says_the_same_amount(self, text: str) -> None:
        spelling = Spelling(7, mixed=True)
        spelt = {str(spelling.amount(Decimal(text), record, "price")) for record in range(200)}
        assert len(spelt) >= 3
        assert {read_amount(each) for each in spelt} == {Decimal(text)}

    @pytest.mark.parametrize("value", ["1.2.3x", "", " 29,90", "fiyat", None, True, [], "1e3", "٣"])
    def test_what_is_no_amount_is_not_read_as_one(self, value: object) -> None:
        assert read_amount(value) is None

    def test_text_is_shown_as_it_is_kept(self, sentos: SentosCaller) -> None:
        sentos.set(spellings="mixed")
        product = sentos.add(variant("TSH-M", stock="3 adet"), sale_price="fiyat", prices=[])
        shown = sentos.get(f"products/{product}")
        assert (shown["sale_price"], shown["prices"], shown["variants"][0]["stocks"][0]["stock"]) == ("fiyat", [], "3 adet")


class TestUpdates:
    def test_prices_and_stocks_are_set_and_the_rest_stays(self, sentos: SentosCaller) -> None:
        stocks = [{"warehouse": 1, "stock": 4}, {"warehouse": 2, "stock": 9}]
        product = sentos.add({"sku": "TSH-M", "stocks": stocks}, variant("TSH-L", 7), sale_price=100)
        body = {
            "sale_price": 249.9,
            "prices": {"shopify": {"list_price": 1300, "sale_price": "1.249,90"}},
            "name": "ignored",
            "variants": [variant("TSH-M", "2")],
        }
        for _ in range(2):  # to repeat it is harmless
            answer = written(sentos, product, **body)
            assert (answer["errors"], answer["product"]["id"]) == ([], product)
        truth = sentos.truth(product)
        assert (str(truth["sale_price"]), truth["name"]) == ("249.9", "Tişört")
        assert truth["prices"] == {"shopify": {"list_price": 1300, "sale_price": Decimal("1249.90")}}
        assert (sentos.stock("TSH-M"), sentos.stock("TSH-L")) == ({1: 2, 2: 9}, {1: 7})
        assert sentos.sandbox.sentos.state()["counts"]["products_updated"] == 2

    @pytest.mark.parametrize(
        ("body", "member"),
        [
            ({"sale_price": "çok"}, "price"),
            ({"sale_price": -1}, "price"),
            ({"prices": {"nowhere": {"sale_price": 1}}}, "price"),
            ({"prices": {"shopify": {"list_price": 1, "sale_price": 2}}}, "price"),
            ({"stocks": [{"warehouse": 77, "stock": 1}]}, "stocks"),
            ({"stocks": [{"warehouse": 1, "stock": 1.5}]}, "stocks"),
            ({"variants": [{"sku": "nobody", "stocks": []}]}, "variants"),
            ({"sale_price": 5, "variants": [variant("TSH-M"), variant("tsh-m")]}, "variants"),
        ],
    )
    def test_what_cannot_be_stored_is_an_answer_of_200_without_a_product(
        self, sentos: SentosCaller, body: dict[str, Any], member: str
    ) -> None:
        product = sentos.add(variant("TSH-M"))
        before = sentos.truth(product)
        answer = written(sentos, product, **body)
        assert (list(answer["errors"]), answer["product"]) == ([member], [])
        assert sentos.truth(product) == before

    def test_assumptions_about_stock_can_be_turned_round(self, sentos: SentosCaller) -> None:
        product = sentos.add(variant("TSH-M", 4), variant("TSH-L", 7))
        sentos.set(stock_writes="add", unlisted_stock="zero", unknown_variants="ignore")
        answer = written(sentos, product, variants=[variant("TSH-M", 3), variant("nobody", 1)])
        assert answer["errors"] == []
        assert (sentos.stock("TSH-M"), sentos.stock("TSH-L")) == ({1: 7}, {})

    def test_text_as_a_price_may_be_refused(self, sentos: SentosCaller) -> None:
        sentos.set(text_prices=False)
        assert written(sentos, sentos.add(), sale_price="249,90")["product"] == []

    def test_the_key_of_prices_may_be_a_shops_id(self, sentos: SentosCaller) -> None:
        product = sentos.add(prices={"shopify": {"list_price": 2, "sale_price": 1}})
        sentos.set(price_keys="shop")
        assert list(sentos.get(f"products/{product}")["prices"]) == ["4"]
        assert written(sentos, product, prices={"4": {"sale_price": 2}})["errors"] == []
        assert sentos.truth(product)["prices"] == {"shopify": {"list_price": 2, "sale_price": 2}}

    def test_an_unknown_product_gets_404_and_an_array_422(self, sentos: SentosCaller) -> None:
        assert sentos.call("PUT", "products/1", {}).status_code == 404
        assert sentos.call("PUT", "products/501", []).status_code == 422

    def test_platform_variants_takes_a_bare_array(self, sentos: SentosCaller) -> None:
        product = sentos.add(variant("TSH-M"))
        path = f"products/{product}/platform-variants"
        body = [{**variant("TSH-M", 8), "prices": {"shopify": {"sale_price": 5}}}]
        assert sentos.call("PUT", path, body).json()["errors"] == []
        assert sentos.stock("TSH-M") == {1: 8}
        assert "prices" not in sentos.get(f"products/{product}")["variants"][0]
        sentos.set(variant_prices=True)
        assert sentos.get(f"products/{product}")["variants"][0]["prices"] == {"shopify": {"sale_price": 5}}
        refused = sentos.call("PUT", path, [{"sku": "TSH-M", "prices": {"shopify": {"sale_price": "x"}}}]).json()
        assert set(refused["errors"]["prices"]["TSH-M"]["shopify"]) == {"message"}
        assert sentos.call("PUT", path, {}).status_code == 422


class TestNewProducts:
    def test_a_product_is_made_with_its_variants(self, sentos: SentosCaller) -> None:
        body = {"sku": "YENI", "category_id": 13, "name": "Yeni", "sale_price": "249,90", "variants": [variant("YENI-M", "3")]}
        made = sentos.call("POST", "products", body).json()["product"]
        assert sentos.stock("YENI-M") == {1: 3}
        assert sentos.get(f"products/{made['id']}")["variants"][0]["id"] > 7001

    def test_its_sku_may_be_taken_and_its_variants_skus_may_not_repeat(self, sentos: SentosCaller) -> None:
        body = {"sku": "YENI", "category_id": 13, "name": "Yeni"}
        ids = {sentos.call("POST", "products", body).json()["product"]["id"] for _ in range(2)}
        assert len(ids) == 2
        answer = sentos.call("POST", "products", {**body, "variants": [variant("A"), variant("A")]}).json()
        assert (len(answer["errors"]["variants"]), answer["product"]) == (1, [])
        assert sentos.call("POST", "products", {"sku": "YENI"}).status_code == 422


class TestSmallLists:
    def test_categories_are_a_tree(self, sentos: SentosCaller) -> None:
        sentos.call("POST", "categories", {"name": "Şapka", "parent_id": 17})
        tree = {each["name"]: [child["name"] for child in each["sub_categories"]] for each in sentos.get("categories")}
        assert tree == {"Giyim": ["Tişört", "Gömlek", "Pantolon"], "Ayakkabı": [], "Çanta & Aksesuar": ["Şapka"]}

    def test_platforms_are_shops_by_platform(self, sentos: SentosCaller) -> None:
        assert sentos.get("platforms")["shopify"] == [{"id": 4, "name": "sikgiyim.example"}]
        sentos.change(platforms={})
        assert sentos.get("platforms") == []

    @pytest.mark.parametrize("member", ["data", "content", "items", "channels"])
    def test_channels_may_be_wrapped(self, sentos: SentosCaller, member: str) -> None:
        assert [each["id"] for each in sentos.get("sales-channels")] == [3]
        sentos.set(channels_as=member, ids_at="top")
        assert sentos.call("POST", "sales-channels", {"name": "Telefon"}).json() == {"id": 4}
        assert [each["id"] for each in sentos.get("sales-channels")[member]] == [3, 4]
        sentos.change(channels=[{"id": 9, "name": "Mağaza"}])
        assert sentos.call("POST", "sales-channels", {"name": "Fuar"}).json() == {"id": 10}
