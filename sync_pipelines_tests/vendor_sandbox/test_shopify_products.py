"""Writing products and variants: what is kept, what is refused, and what a refusal answers."""

from collections.abc import Iterator
from typing import Any

import pytest

from sync_pipelines_tests.vendor_sandbox.shopify_goods_calls import (
    BULK_CREATE,
    BULK_UPDATE,
    CREATE,
    DELETE,
    OPTIONS,
    SET,
    TAGS_ADD,
    TAGS_REMOVE,
    UPDATE,
    GoodsCaller,
    errors,
    sku,
)
from vendor_sandbox import Sandbox


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(scale=0, orders=0) as sandbox:
        yield sandbox


@pytest.fixture
def shop(running: Sandbox) -> GoodsCaller:
    running.reset()
    running.shopify.change_state({"settings": {"burst": 1_000_000}})
    return GoodsCaller(running)


def image(url: str) -> dict[str, str]:
    return {"mediaContentType": "IMAGE", "originalSource": url}


def size(name: str, option: str = "Size", **more: Any) -> dict[str, Any]:
    return {"optionValues": [{"optionName": option, "name": name}], **more}


def names(product: Any) -> list[str]:
    return [each["title"] for each in product["variants"]["nodes"]]


class TestCreate:
    def test_a_title_alone_makes_an_untracked_variant_for_nothing(self, shop: GoodsCaller) -> None:
        made = shop.made(CREATE, product={"title": "Kettle"})
        assert (made["vendor"], made["productType"], made["status"], made["descriptionHtml"]) == (
            "Sandbox Store",
            "",
            "ACTIVE",
            "",
        )
        assert [(each["name"], each["values"]) for each in made["options"]] == [("Title", ["Default Title"])]
        (variant,) = made["variants"]["nodes"]
        assert (variant["sku"], variant["price"], variant["inventoryItem"]["tracked"]) == (None, "0.00", False)
        assert shop.level(variant["inventoryItem"]["id"]) == {"active": True, "available": 0, "on_hand": 0, "committed": 0}
        assert shop.truth(made["id"])["title"] == "Kettle"

    def test_of_several_values_only_the_first_has_a_variant(self, shop: GoodsCaller) -> None:
        options = [{"name": "Size", "values": [{"name": "S"}, {"name": "M"}]}]
        made = shop.made(CREATE, product={"title": "Shirt", "productOptions": options})
        assert names(made) == ["S"]
        (option,) = made["options"]
        assert option["values"] == ["S"]
        assert [(each["name"], each["hasVariants"]) for each in option["optionValues"]] == [("S", True), ("M", False)]

    def test_tags_and_handles_come_back_tidied(self, shop: GoodsCaller) -> None:
        tags = [" Red ", "red", "RED", "big   sale "]
        made = shop.made(CREATE, product={"title": "x", "handle": "  Mixed CASE / 東京 100 % ", "tags": tags})
        assert (made["handle"], made["tags"]) == ("mixed-case-東京-100", ["big   sale", "Red"])

    def test_a_derived_handle_is_counted_up_and_a_sent_one_must_be_free(self, shop: GoodsCaller) -> None:
        handles = [shop.made(CREATE, product={"title": title})["handle"] for title in ("x 34", "x 34", "?!", "?!")]
        assert handles == ["x-34", "x-35", "product", "product-1"]
        refused = shop.write(CREATE, product={"title": "y", "handle": "X 34"})
        assert (refused["product"], errors(refused)) == (None, [("input.handle", None)])

    @pytest.mark.parametrize(
        ("product", "fields"),
        [
            ({"title": " "}, ["title"]),
            ({"title": "t" * 256}, ["title"]),
            ({"title": "t", "vendor": "v" * 256}, ["vendor"]),
            ({"title": "t", "productType": "p" * 256}, ["productType", "customProductType"]),
            ({"title": "t", "handle": "h" * 256}, ["handle"]),
            ({"title": "t", "tags": ["g" * 256]}, ["tags"]),
            ({"title": "t", "productOptions": [{"name": "A / B", "values": [{"name": "1"}]}]}, ["options"]),
        ],
    )
    def test_what_is_refused(self, shop: GoodsCaller, product: dict[str, Any], fields: list[str]) -> None:
        refused = shop.write(CREATE, product=product)
        assert refused["product"] is None
        assert [field for field, _ in errors(refused)] == fields

    def test_its_user_errors_have_no_code(self, shop: GoodsCaller) -> None:
        assert shop.codes('mutation { productCreate(product: {title: "x"}) { userErrors { code } } }') == ["undefinedField"]

    def test_too_long_an_array_and_a_status_that_is_none_are_errors_without_data(self, shop: GoodsCaller) -> None:
        reply = shop.ask(CREATE, product={"title": "x", "tags": [str(each) for each in range(251)]})
        assert set(reply) == {"errors"}
        assert reply["errors"][0]["extensions"]["code"] == "MAX_INPUT_SIZE_EXCEEDED"
        assert reply["errors"][0]["path"] == ["productCreate", "product", "tags"]
        assert shop.codes(CREATE, product={"title": "x", "status": "SOLD"}) == ["INVALID_VARIABLE"]


class TestUpdate:
    def test_members_left_out_stay_and_tags_are_a_whole(self, shop: GoodsCaller) -> None:
        made = shop.made(CREATE, product={"title": "Kettle", "vendor": "Acme", "tags": ["a", "b"]})
        changed = shop.made(UPDATE, product={"id": made["id"], "title": "Pot", "tags": ["c"]})
        assert (changed["title"], changed["vendor"], changed["tags"], changed["handle"]) == ("Pot", "Acme", ["c"], "kettle")

    def test_a_refused_update_returns_the_product_as_it_was(self, shop: GoodsCaller) -> None:
        made = shop.made(CREATE, product={"title": "Kettle"})
        refused = shop.write(UPDATE, product={"id": made["id"], "title": "", "vendor": "New"})
        assert (refused["product"], errors(refused)) == (made, [("title", None)])
        assert errors(shop.write(UPDATE, product={"id": "gid://shopify/Product/1", "title": "x"})) == [("id", None)]

    def test_pictures_are_appended_and_become_ready_or_fail(self, shop: GoodsCaller) -> None:
        made = shop.made(CREATE, product={"title": "Kettle"}, media=[image("https://example.com/a.jpg")])
        assert [(each["status"], each["image"]) for each in made["media"]["nodes"]] == [("UPLOADED", None)]
        broken = image("https://example.com/missing/b.jpg")
        shop.made(UPDATE, product={"id": made["id"]}, media=[broken, image("https://example.com/page.html")])
        shop.wait(1)
        assert [each["status"] for each in shop.product(made["id"])["media"]["nodes"]] == ["PROCESSING"] * 3
        shop.wait(5)
        media = shop.product(made["id"])["media"]["nodes"]
        assert [each["status"] for each in media] == ["READY", "FAILED", "FAILED"]
        codes = [[error["code"] for error in each["mediaErrors"]] for each in media]
        assert codes == [[], ["IMAGE_DOWNLOAD_FAILURE"], ["UNSUPPORTED_IMAGE_FILE_TYPE"]]
        assert "example.com/a.jpg" not in media[0]["image"]["url"]

    def test_no_address_refuses_the_whole_call(self, shop: GoodsCaller) -> None:
        refused = shop.write(CREATE, product={"title": "x"}, media=[image("https://example.com/a.jpg"), image("a.jpg")])
        assert (refused["product"], errors(refused)) == (None, [("media.1.originalSource", None)])


class TestBulkCreate:
    def test_new_values_are_made_on_the_fly(self, shop: GoodsCaller) -> None:
        shirt = shop.shirt("S", "M")
        assert names(shirt) == ["S", "M"]
        more = shop.made(BULK_CREATE, productId=shirt["id"], variants=[size("XL", price="24", **sku("TSH-XL"))])
        assert [each["sku"] for each in more["variants"]["nodes"]] == ["TSH-S", "TSH-M", "TSH-XL"]
        assert more["variants"]["nodes"][-1]["price"] == "24.00"
        assert more["options"][0]["values"] == ["S", "M", "XL"]

    @pytest.mark.parametrize(
        ("strategy", "of_default", "of_own"),
        [
            ("DEFAULT", ["S"], ["Red", "S"]),
            ("REMOVE_STANDALONE_VARIANT", ["S"], ["S"]),
            ("PRESERVE_STANDALONE_VARIANT", ["Default Title", "S"], ["Red", "S"]),
        ],
    )
    def test_strategies(self, shop: GoodsCaller, strategy: str, of_default: list[str], of_own: list[str]) -> None:
        plain = shop.made(CREATE, product={"title": "plain"})
        made = shop.made(BULK_CREATE, productId=plain["id"], variants=[size("S", "Title")], strategy=strategy)
        assert names(made) == of_default
        options = [{"name": "Color", "values": [{"name": "Red"}]}]
        own = shop.made(CREATE, product={"title": "own", "productOptions": options})
        assert names(shop.made(BULK_CREATE, productId=own["id"], variants=[size("S", "Color")], strategy=strategy)) == of_own

    @pytest.mark.parametrize(
        ("variant", "error"),
        [
            (size("S", "Colour"), ("variants.1.optionValues.0", "INVALID_INPUT")),
            ({"optionValues": [{"optionName": "Size", "name": "S"}] * 2}, ("variants.1.optionValues", "INVALID_INPUT")),
            ({}, ("variants.1", "NEED_TO_ADD_OPTION_VALUES")),
            (size("S"), ("variants.1", "VARIANT_ALREADY_EXISTS")),
            (size("L"), ("variants.1", "VARIANT_ALREADY_EXISTS")),
            (
                size("XL", inventoryQuantities=[{"locationId": "gid://shopify/Location/1", "availableQuantity": 1}]),
                ("variants.1.inventoryQuantities", "TRACKED_VARIANT_LOCATION_NOT_FOUND"),
            ),
        ],
    )
    def test_one_bad_variant_and_none_is_made(self, shop: GoodsCaller, variant: dict[str, Any], error: tuple[str, str]) -> None:
        shirt = shop.shirt("S", "M")
        refused = shop.write(BULK_CREATE, productId=shirt["id"], variants=[size("L"), variant])
        assert (refused["product"], refused["productVariants"], errors(refused)) == (None, [], [error])
        assert shop.product(shirt["id"]) == shirt

    def test_an_unknown_product_and_an_empty_list(self, shop: GoodsCaller) -> None:
        refused = shop.write(BULK_CREATE, productId="gid://shopify/Product/1", variants=[])
        assert (refused["product"], errors(refused)) == (None, [("productId", "PRODUCT_DOES_NOT_EXIST")])
        shirt = shop.shirt("S")
        assert errors(shop.write(BULK_CREATE, productId=shirt["id"], variants=[])) == []

    def test_skus_may_repeat(self, shop: GoodsCaller) -> None:
        shirt = shop.shirt("S")
        shop.made(BULK_CREATE, productId=shirt["id"], variants=[size("M", **sku("TSH-S"))])
        shop.wait(10)
        assert len(shop.variants("sku:'TSH-S'")) == 2


class TestBulkUpdate:
    def test_prices_and_skus_change_and_null_clears_the_compare_price(self, shop: GoodsCaller) -> None:
        shirt = shop.shirt("S")
        (held,) = shirt["variants"]["nodes"]
        first = {"id": held["id"], "price": "10.5", "compareAtPrice": "12", **sku("NEW")}
        (changed,) = shop.write(BULK_UPDATE, productId=shirt["id"], variants=[first])["productVariants"]
        assert changed == {"id": held["id"], "sku": "NEW", "price": "10.50", "compareAtPrice": "12.00"}
        second = {"id": held["id"], "compareAtPrice": None}
        (changed,) = shop.write(BULK_UPDATE, productId=shirt["id"], variants=[second])["productVariants"]
        assert (changed["price"], changed["compareAtPrice"]) == ("10.50", None)

    def test_a_bad_one_stops_all_unless_partial_updates_are_allowed(self, shop: GoodsCaller) -> None:
        shirt = shop.shirt("S", "M")
        one, two = (each["id"] for each in shirt["variants"]["nodes"])
        variants = [{"id": one, "price": "5.00"}, {"id": two, "price": "-1", "compareAtPrice": str(10**18)}]
        wrong = [("variants.1.compareAtPrice", "INVALID_INPUT"), ("variants.1.price", "GREATER_THAN_OR_EQUAL_TO")]
        refused = shop.write(BULK_UPDATE, productId=shirt["id"], variants=variants)
        assert (errors(refused), [each["price"] for each in refused["productVariants"]]) == (wrong, ["0.00", "0.00"])
        partly = shop.write(BULK_UPDATE, productId=shirt["id"], variants=variants, allowPartialUpdates=True)
        assert (errors(partly), [each["price"] for each in partly["productVariants"]]) == (wrong, ["5.00", "0.00"])

    @pytest.mark.parametrize(
        ("variant", "error"),
        [
            ({"price": "1"}, ("variants.0.id", "PRODUCT_VARIANT_ID_MISSING")),
            ({"id": "gid://shopify/ProductVariant/1"}, ("variants.0.id", "PRODUCT_VARIANT_DOES_NOT_EXIST")),
        ],
    )
    def test_an_id_is_needed(self, shop: GoodsCaller, variant: dict[str, Any], error: tuple[str, str]) -> None:
        shirt = shop.shirt("S")
        refused = shop.write(BULK_UPDATE, productId=shirt["id"], variants=[variant])
        assert (refused["product"], refused["productVariants"], errors(refused)) == ({"id": shirt["id"]}, None, [error])

    def test_quantities_are_refused(self, shop: GoodsCaller) -> None:
        shirt = shop.shirt("S")
        quantities = [{"locationId": "gid://shopify/Location/300000001", "availableQuantity": 1}]
        variant = {"id": shirt["variants"]["nodes"][0]["id"], "inventoryQuantities": quantities}
        refused = shop.write(BULK_UPDATE, productId=shirt["id"], variants=[variant])
        assert errors(refused) == [("variants.0.inventoryQuantities", "NO_INVENTORY_QUANTITIES_ON_VARIANTS_UPDATE")]

    def test_a_cost_out_of_bounds_has_two_errors(self, shop: GoodsCaller) -> None:
        shirt = shop.shirt("S")
        variant = {"id": shirt["variants"]["nodes"][0]["id"], "inventoryItem": {"cost": "-1"}}
        refused = shop.write(BULK_UPDATE, productId=shirt["id"], variants=[variant])
        assert errors(refused) == [("variants.0", None), ("variants.0.inventoryItem.cost", "INVALID_INPUT")]
        assert refused["productVariants"]

    def test_a_price_that_is_no_number_is_a_variable_error(self, shop: GoodsCaller) -> None:
        shirt = shop.shirt("S")
        assert shop.codes(BULK_UPDATE, productId=shirt["id"], variants=[{"price": "abc"}]) == ["INVALID_VARIABLE"]


class TestSet:
    def input(self, *sizes: str, **fields: Any) -> dict[str, Any]:
        options = [{"name": "Size", "values": [{"name": each} for each in sizes]}]
        variants = [{**size(each), "sku": f"TSH-{each}", "price": "9.90"} for each in sizes]
        return {"title": "T-shirt", "handle": "t-shirt", "productOptions": options, "variants": variants, **fields}

    def test_lists_are_whole_what_is_left_out_is_deleted_and_ids_stay(self, shop: GoodsCaller) -> None:
        by_handle = {"handle": "t-shirt"}
        made = shop.made(SET, identifier=by_handle, input=self.input("S", "M", tags=["a"]))
        changed = shop.made(SET, identifier=by_handle, input=self.input("M", "L"))
        assert changed["id"] == made["id"]
        assert changed["tags"] == ["a"]
        assert names(changed) == ["M", "L"]
        assert changed["variants"]["nodes"][0]["id"] == made["variants"]["nodes"][1]["id"]
        assert changed["options"][0]["optionValues"][0]["id"] == made["options"][0]["optionValues"][1]["id"]
        kept = shop.made(SET, identifier=by_handle, input={"handle": "t-shirt", "vendor": "Acme"})
        assert (names(kept), kept["vendor"], kept["title"]) == (["M", "L"], "Acme", "T-shirt")

    def test_without_an_identifier_a_second_product_is_made(self, shop: GoodsCaller) -> None:
        first, second = (shop.made(SET, input={"title": "Kettle"}) for _ in range(2))
        assert (first["handle"], second["handle"]) == ("kettle", "kettle-1")

    def test_files_are_a_whole_list_too(self, shop: GoodsCaller) -> None:
        files = [{"originalSource": f"https://example.com/{each}.jpg"} for each in "ab"]
        made = shop.made(SET, input={"title": "Kettle", "files": files})
        kept = made["media"]["nodes"][1]["id"]
        changed = shop.made(SET, identifier={"id": made["id"]}, input={"files": [{"id": kept}]})
        assert [each["id"] for each in changed["media"]["nodes"]] == [kept]

    @pytest.mark.parametrize(
        ("identifier", "fields", "wrong"),
        [
            ({"id": "gid://shopify/Product/1"}, {}, [("identifier.id", "PRODUCT_DOES_NOT_EXIST")]),
            (None, {"id": "gid://shopify/Product/1"}, [("input.id", "PRODUCT_DOES_NOT_EXIST")]),
            ({"handle": "a"}, {"id": "gid://shopify/Product/1"}, [("input", "ID_NOT_ALLOWED")]),
            ({"handle": "a"}, {"handle": None}, [("input.handle", "MISSING_FIELD_REQUIRED")]),
            ({"handle": "a"}, {"handle": "b"}, [("input.handle", "INPUT_MISMATCH")]),
            (None, {"variants": None}, [("input.variants", "VARIANTS_INPUT_MISSING")]),
            (None, {"productOptions": None}, [("input.productOptions", "PRODUCT_OPTIONS_INPUT_MISSING")]),
            (None, {"title": "t" * 256}, [("input.title", "INVALID_INPUT"), ("input", "INVALID_INPUT")]),
            (None, {"vendor": "t" * 256}, [("input", "INVALID_INPUT")]),
        ],
    )
    def test_what_is_refused(self, shop: GoodsCaller, identifier: Any, fields: dict[str, Any], wrong: list[Any]) -> None:
        refused = shop.write(SET, identifier=identifier, input=self.input("S", **fields))
        assert (refused["product"], errors(refused)) == (None, wrong)

    def test_every_later_twin_is_named(self, shop: GoodsCaller) -> None:
        wanted = self.input("S", "M")
        wanted["variants"] = [wanted["variants"][0]] * 3
        fields = [field for field, _ in errors(shop.write(SET, input=wanted))]
        assert fields == ["input.variants.1", "input.variants.2"]


class TestOptionsTagsAndDeletion:
    def test_the_default_option_makes_room_and_every_combination_can_be_made(self, shop: GoodsCaller) -> None:
        plain = shop.made(CREATE, product={"title": "plain"})
        sizes = [{"name": "Size", "values": [{"name": "S"}, {"name": "M"}]}]
        assert names(shop.made(OPTIONS, productId=plain["id"], options=sizes)) == ["S"]
        colors = [{"name": "Color", "values": [{"name": "Red"}, {"name": "Blue"}]}]
        made = shop.made(OPTIONS, productId=plain["id"], options=colors, variantStrategy="CREATE")
        assert names(made) == ["S / Red", "S / Blue"]

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ([{"name": "A", "values": [{"name": "1"}]}] * 2, ("options.1", "DUPLICATED_OPTION_NAME")),
            ([{"name": "Size", "values": [{"name": "1"}]}], ("options.0", "OPTION_ALREADY_EXISTS")),
            ([{"name": "A"}], ("options.0", "OPTION_VALUES_MISSING")),
            ([{"name": "A" * 256, "values": [{"name": "1"}]}], ("options.0", "OPTION_NAME_TOO_LONG")),
            ([{"name": "A / B", "values": [{"name": "1"}]}], ("options.0.name", "INVALID_NAME")),
            ([{"name": each, "values": [{"name": "1"}]} for each in "ABC"], ("options", "OPTIONS_OVER_LIMIT")),
        ],
    )
    def test_options_that_are_refused(self, shop: GoodsCaller, options: list[Any], error: tuple[str, str]) -> None:
        shirt = shop.shirt("S")
        refused = shop.write(OPTIONS, productId=shirt["id"], options=options)
        assert (refused["product"], errors(refused)) == (shirt, [error])

    def test_tags_split_at_commas_and_keep_their_first_spelling(self, shop: GoodsCaller) -> None:
        made = shop.made(CREATE, product={"title": "x", "tags": ["Sale"]})
        shop.write(TAGS_ADD, id=made["id"], tags=["new, SALE", "autumn"])
        assert shop.product(made["id"])["tags"] == ["autumn", "new", "Sale"]
        shop.write(TAGS_REMOVE, id=made["id"], tags=["sale", "NEW"])
        assert shop.product(made["id"])["tags"] == ["autumn"]
        assert shop.codes(TAGS_ADD, id="gid://shopify/Location/300000001", tags=["x"]) == ["RESOURCE_NOT_FOUND"]

    def test_a_deleted_product_is_gone_with_its_variants(self, shop: GoodsCaller) -> None:
        shirt = shop.shirt("S")
        assert shop.write(DELETE, input={"id": shirt["id"]}) == {"deletedProductId": shirt["id"], "userErrors": []}
        assert shop.product(shirt["id"]) is None
        assert shop.data("query ($id: ID!) { node(id: $id) { id } }", id=shirt["variants"]["nodes"][0]["id"]) == {"node": None}
        assert errors(shop.write(DELETE, input={"id": shirt["id"]})) == [("id", None)]


def test_what_was_written_is_counted_and_a_failure_half_way_changes_nothing(shop: GoodsCaller) -> None:
    before = shop.sandbox.shopify.state()["products"]
    video = {"mediaContentType": "VIDEO", "originalSource": "https://example.com/a.mp4"}
    assert shop.codes(CREATE, product={"title": "x"}, media=[video]) == ["BAD_REQUEST"]
    assert shop.sandbox.shopify.state()["products"] == before
    shop.shirt("S")
    assert errors(shop.write(CREATE, product={"title": ""})) == [("title", None)]
    assert shop.sandbox.shopify.state()["writes"] == {"productCreate": 1, "productVariantsBulkCreate": 1}
