"""Reading products, variants, stock and locations: by id, by page, by search and in bulk."""

import time
from collections.abc import Iterator

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type, is_leaf_type

from sync_pipelines_tests.vendor_sandbox.shopify_goods_calls import (
    CREATE,
    FIRST,
    MAIN,
    OLD,
    SET_STOCK,
    VARIANTS,
    GoodsCaller,
    entry,
)
from vendor_sandbox import Sandbox
from vendor_sandbox.hardware import hardware
from vendor_sandbox.shopify import NO_INVENTORY_TOKEN, NO_LOCATIONS_TOKEN, NO_PRODUCTS_TOKEN, READ_ONLY_TOKEN
from vendor_sandbox.shopify.documents import shop_schema

STOCK = """{ productVariants { edges { node { id sku product { id } inventoryItem { id inventoryLevels { edges { node {
  id location { id } quantities(names: ["available"]) { name quantity } } } } } } } } }"""
CATALOGUE = """{ products(query: "%s") { edges { node { id title media { edges { node { id status } } }
  variants { edges { node { id sku inventoryItem { id inventoryLevels { edges { node { id } } } } } } } } } } }"""


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(orders=70) as sandbox:
        yield sandbox


@pytest.fixture
def shop(running: Sandbox) -> GoodsCaller:
    running.reset()
    running.shopify.change_state({"settings": {"burst": 1_000_000}})
    return GoodsCaller(running)


class TestSeed:
    def test_the_products_of_the_seeded_orders_exist(self, shop: GoodsCaller) -> None:
        document = """{ orders(first: 250) { nodes { lineItems(first: 250) { nodes {
          sku variant { id sku inventoryItem { sku } product { id } } product { id } } } } } }"""
        lines = [line for order in shop.data(document)["orders"]["nodes"] for line in order["lineItems"]["nodes"]]
        linked = [line for line in lines if line["variant"] is not None]
        assert len(linked) > 100
        assert all(line["variant"]["product"] == line["product"] for line in linked)
        sold = {each.item["sku"] for each in hardware(shop.sandbox.shopify.catalogue)}
        assert {line["variant"]["sku"] for line in linked} <= sold

    def test_the_erp_knows_what_the_shop_sells_under_the_same_skus(self, shop: GoodsCaller) -> None:
        products = shop.sandbox.sentos.state()["products"]
        erp = {row["sku"] for each in products for row in (each, *each["variants"])}
        skus = [each["sku"] for each in shop.sandbox.shopify.goods.variants.values() if each["sku"]]
        unknown = {sku for sku in skus if sku not in erp}
        assert len(skus) > 300
        assert unknown == {"SHOP-ONLY-1", *(sku for sku in skus if sku.upper() in erp and sku not in erp)}

    def test_it_has_what_a_careless_client_gets_wrong(self, shop: GoodsCaller) -> None:
        goods = shop.sandbox.shopify.goods
        clothes = [each for number, each in goods.variants.items() if number >= 2_600_000]
        skus = [each["sku"] for each in goods.variants.values() if each["sku"]]
        assert any(each["sku"] is None and each["barcode"] for each in clothes)
        assert any(each["sku"] and each["sku"] != each["sku"].upper() for each in clothes)
        assert len(set(skus)) < len(skus)
        assert {each["item"]["tracked"] for each in clothes} == {True, False}
        first = int(FIRST.rpartition("/")[2])
        assert any((number + 100_000_000, first) not in goods.levels for number in goods.variants)
        assert any(not level.active for level in goods.levels.values())
        assert {each["status"] for each in goods.products.values()} == {"ACTIVE", "DRAFT", "ARCHIVED"}

    def test_the_same_seed_makes_the_same_goods_and_another_seed_others(self) -> None:
        def made(seed: int) -> list[object]:
            with Sandbox(seed=seed) as sandbox:
                products = sandbox.shopify.state()["products"]
            return [(each["title"], each["options"], [row["inventory"] for row in each["variants"]]) for each in products]

        assert made(3) == made(3) != made(4)


class TestReads:
    def test_locations_by_name_with_the_inactive_one_on_request(self, shop: GoodsCaller) -> None:
        document = "{ locations(first: 5%s) { nodes { id name isActive fulfillsOnlineOrders } } }"
        shown = shop.data(document % "")["locations"]["nodes"]
        assert [(each["name"], each["fulfillsOnlineOrders"]) for each in shown] == [
            ("Main Warehouse", True),
            ("Second Warehouse", False),
        ]
        every = shop.data(document % ", includeInactive: true")["locations"]["nodes"]
        assert [each["name"] for each in every if not each["isActive"]] == ["Old Warehouse"]

    def test_pages_of_variants_have_each_once(self, shop: GoodsCaller) -> None:
        seen, after = [], None
        while True:
            page = shop.data(VARIANTS, first=100, after=after)["productVariants"]
            seen += [each["id"] for each in page["nodes"]]
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        assert len(seen) == len(set(seen)) == len(shop.sandbox.shopify.goods.variants)
        count = shop.data("{ productVariantsCount { count precision } productsCount { count } }")
        assert count["productVariantsCount"] == {"count": len(seen), "precision": "EXACT"}

    def test_variants_of_a_product_are_paged_in_their_order(self, shop: GoodsCaller) -> None:
        shirt = shop.shirt("S", "M", "L")
        document = """query ($id: ID!, $after: String) { product(id: $id) { variants(first: 2, after: $after) {
          nodes { title } pageInfo { hasNextPage endCursor } } } }"""
        first = shop.data(document, id=shirt["id"])["product"]["variants"]
        second = shop.data(document, id=shirt["id"], after=first["pageInfo"]["endCursor"])["product"]["variants"]
        assert [each["title"] for each in (*first["nodes"], *second["nodes"])] == ["S", "M", "L"]
        assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)

    def test_each_is_found_by_its_id(self, shop: GoodsCaller) -> None:
        (variant,) = shop.shirt("S")["variants"]["nodes"]
        item = variant["inventoryItem"]["id"]
        level = shop.data(
            "query ($id: ID!) { inventoryItem(id: $id) { variant { id } inventoryLevels(first: 1) { nodes { id } } } }", id=item
        )["inventoryItem"]
        assert level["variant"] == {"id": variant["id"]}
        ids = [variant["id"], item, FIRST, level["inventoryLevels"]["nodes"][0]["id"], "gid://shopify/Product/1"]
        nodes = shop.data("query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", ids=ids)["nodes"]
        kinds = [each and each["__typename"] for each in nodes]
        assert kinds == ["ProductVariant", "InventoryItem", "Location", "InventoryLevel", None]
        by_handle = 'query { productByIdentifier(identifier: {handle: "t-shirt"}) { title } }'
        assert shop.data(by_handle)["productByIdentifier"] == {"title": "T-shirt"}
        assert shop.data("query ($id: ID!) { inventoryLevel(id: $id) { item { id } location { id } } }", id=ids[3]) == {
            "inventoryLevel": {"item": {"id": item}, "location": {"id": FIRST}}
        }
        assert shop.codes("query ($id: ID!) { product(id: $id) { id } }", id=variant["id"]) == ["RESOURCE_NOT_FOUND"]

    def test_quantities_have_the_time_of_what_is_available(self, shop: GoodsCaller) -> None:
        level = shop.variants()[0]["inventoryItem"]["inventoryLevels"]["nodes"][0]
        times = {each["name"]: each["updatedAt"] is not None for each in level["quantities"]}
        assert times == {"available": True, "on_hand": False, "committed": False}

    def test_every_field_of_the_schema_has_a_value(self, shop: GoodsCaller) -> None:
        schema = shop_schema()

        def selection(type_name: str, depth: int) -> str:
            type_ = schema.type_map[type_name]
            assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
            fields = []
            for name, field in type_.fields.items():
                inner = get_named_type(field.type)
                below = "" if is_leaf_type(inner) else selection(inner.name, depth - 1) if depth else None
                if below is not None:
                    sizes = "(first: 2)" if inner.name.endswith("Connection") else _ARGUMENTS.get(name, "")
                    fields.append(f"{name}{sizes} {below}")
            return f"{{ {' '.join(fields) or '__typename'} }}"

        shop.change(settings={"max_cost": 10**9, "burst": 10**9})
        for root in ("products", "productVariants", "inventoryItems", "locations"):
            type_name = get_named_type(schema.type_map["QueryRoot"].fields[root].type).name  # type: ignore[attr-defined]
            found = shop.data(f"{{ {root}(first: 250) {selection(type_name, 5)} }}")[root]["nodes"]
            assert found, root


_ARGUMENTS = {"inventoryLevel": f'(locationId: "{FIRST}")', "quantities": '(names: ["available", "on_hand"])'}


class TestSearch:
    def test_the_total_of_a_product_lags_too(self, shop: GoodsCaller) -> None:
        shirt = shop.shirt("S")
        shop.wait(6)
        document = "query ($id: ID!) { product(id: $id) { totalInventory variants(first: 1) { nodes { inventoryQuantity } } } }"
        shop.change(inventory={"TSH-S": {MAIN: 5}})
        product = shop.data(document, id=shirt["id"])["product"]
        assert (product["totalInventory"], product["variants"]["nodes"][0]["inventoryQuantity"]) == (0, 5)
        shop.wait(6)
        assert shop.data(document, id=shirt["id"])["product"]["totalInventory"] == 5

    def test_right_after_a_write_a_search_finds_nothing_and_reading_by_id_does(self, shop: GoodsCaller) -> None:
        shirt = shop.shirt("S")
        assert shop.variants("sku:'TSH-S'") == []
        assert shop.product(shirt["id"])["title"] == "T-shirt"
        assert shop.data('{ productsCount(query: "title:T-shirt") { count } }')["productsCount"] == {"count": 0}
        shop.wait(6)
        assert [each["sku"] for each in shop.variants("sku:'TSH-S'")] == ["TSH-S"]

    def test_a_sku_is_found_as_a_phrase_whatever_its_case(self, shop: GoodsCaller) -> None:
        shop.shirt("S", "S-2", "M")
        shop.wait(6)
        assert [each["sku"] for each in shop.variants("sku:'tsh-s'")] == ["TSH-S", "TSH-S-2"]
        assert [each["sku"] for each in shop.variants("sku:'TSH-S' OR sku:'TSH-M'")] == ["TSH-S", "TSH-S-2", "TSH-M"]

    def test_fields_of_products_and_variants(self, shop: GoodsCaller) -> None:
        made = shop.made(CREATE, product={"title": "Steel kettle", "vendor": "Acme & Co", "status": "DRAFT", "tags": ["new"]})
        shop.wait(6)
        number = made["id"].rpartition("/")[2]
        for search in ("title:'Steel kettle'", "title:kettle", "vendor:'Acme & Co'", f"id:{number}", "tag:new status:draft"):
            found = shop.data("query ($q: String) { products(first: 5, query: $q) { nodes { id } } }", q=search)
            assert [each["id"] for each in found["products"]["nodes"]] == [made["id"]], search
        barcode = hardware(shop.sandbox.shopify.catalogue)[0].barcode
        assert [each["barcode"] for each in shop.variants(f"barcode:{barcode}")] == [barcode]

    def test_an_unknown_field_is_ignored_with_a_warning(self, shop: GoodsCaller) -> None:
        document = 'query { inventoryItems(first: 3, query: "tracked:false") { nodes { id } } }'
        reply = shop.ask(document)
        assert len(reply["data"]["inventoryItems"]["nodes"]) == 3
        assert [each["code"] for each in reply["extensions"]["search"][0]["warnings"]] == ["invalid_field"]


class TestScopes:
    def test_a_field_that_is_not_granted_is_null_with_an_error(self, shop: GoodsCaller) -> None:
        item = shop.variants()[0]["inventoryItem"]["id"]
        read_only = GoodsCaller(shop.sandbox, READ_ONLY_TOKEN)
        reply = read_only.ask(
            SET_STOCK, input={"name": "available", "reason": "correction", "quantities": [entry(item, 1)]}, key="k"
        )
        assert (reply["data"], reply["errors"][0]["extensions"]["code"]) == ({"inventorySetQuantities": None}, "ACCESS_DENIED")
        assert read_only.codes(CREATE, product={"title": "x"}) == ["ACCESS_DENIED"]
        blind = GoodsCaller(shop.sandbox, NO_INVENTORY_TOKEN)
        document = "query ($id: ID!) { inventoryItem(id: $id) { id inventoryLevels(first: 1) { nodes { id } } } }"
        reply = blind.ask(document, id=item)
        assert (reply["data"], reply["errors"][0]["extensions"]["code"]) == ({"inventoryItem": None}, "ACCESS_DENIED")
        homeless = GoodsCaller(shop.sandbox, NO_LOCATIONS_TOKEN)
        assert homeless.data("query ($id: ID!) { location(id: $id) { id } }", id=FIRST) == {"location": {"id": FIRST}}
        assert homeless.codes("query ($id: ID!) { location(id: $id) { name } }", id=OLD) == ["ACCESS_DENIED"]
        blank = GoodsCaller(shop.sandbox, NO_PRODUCTS_TOKEN)
        assert blank.codes("{ productsCount { count } }") == ["ACCESS_DENIED"]
        product = next(iter(shop.sandbox.shopify.goods.products.values()))["id"]
        assert blank.codes("query ($id: ID!) { node(id: $id) { id } }", id=product) == ["ACCESS_DENIED"]


class TestCost:
    def test_a_page_of_products_with_their_stock_can_be_too_dear(self, shop: GoodsCaller) -> None:
        document = """{ products(first: 50) { nodes { id variants(first: 100) { nodes { id inventoryItem {
          inventoryLevels(first: %d) { nodes { location { id } quantities(names: ["available"]) { quantity } } } } } } } } }"""
        assert 800 < shop.ask(document % 5)["extensions"]["cost"]["requestedQueryCost"] < 1_000
        assert shop.codes(document % 10) == ["MAX_COST_EXCEEDED"]

    def test_variants_of_the_input_cost_and_errors_do_not(self, shop: GoodsCaller) -> None:
        document = """mutation ($variants: [ProductVariantsBulkInput!]!) { productVariantsBulkUpdate(
          productId: "gid://shopify/Product/1", variants: $variants) { productVariants { id } userErrors { code } } }"""
        cost = shop.ask(document, variants=[{}] * 1_499)["extensions"]["cost"]
        assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (310, 10)


class TestBulk:
    def test_levels_below_the_item_are_lines_of_the_variant(self, shop: GoodsCaller) -> None:
        lines = shop.lines(STOCK)
        variants = [each for each in lines if "__parentId" not in each]
        levels = [each for each in lines if "__parentId" in each]
        assert len(variants) == len(shop.sandbox.shopify.goods.variants)
        assert set(variants[0]["inventoryItem"]) == {"id"}
        assert {each["__parentId"] for each in levels} <= {each["id"] for each in variants}
        assert [each["name"] for each in levels[0]["quantities"]] == ["available"]
        shop.change(settings={"levels_under": "object"})
        items = {each["__parentId"] for each in shop.lines(STOCK) if "__parentId" in each}
        assert items <= {each["inventoryItem"]["id"] for each in variants}

    def test_a_catalogue_comes_with_media_variants_and_levels(self, shop: GoodsCaller) -> None:
        lines = shop.lines(CATALOGUE % "status:active")
        kinds = {each["id"].split("/")[3] for each in lines}
        assert kinds == {"Product", "MediaImage", "ProductVariant", "InventoryLevel"}
        active = [each for each in shop.sandbox.shopify.goods.products.values() if each["status"] == "ACTIVE"]
        assert sum("__parentId" not in each for each in lines) == len(active)

    def test_a_changed_stock_is_in_the_next_export(self, shop: GoodsCaller) -> None:
        before = len(shop.lines(STOCK))
        shop.shirt("S", "M")
        assert len(shop.lines(STOCK)) == before + 4


def test_ten_thousand_variants_start_at_once_and_are_read_in_seconds() -> None:
    with Sandbox(scale=30_000, orders=0, speed=1_000) as sandbox:
        shop = GoodsCaller(sandbox)
        shop.data("{ shop { id } }")
        sandbox.reset()
        began = time.process_time()
        assert shop.data("{ productVariantsCount(limit: null) { count } }")["productVariantsCount"]["count"] > 10_000
        assert time.process_time() - began < 5
        assert len(shop.lines(STOCK)) > 20_000
        assert time.process_time() - began < 15
