"""The sandbox's part of the schema, held against the vendor's."""

import gzip
from functools import cache
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    validate,
)
from graphql import parse as parse_document

from sync_pipelines_tests.vendor_sandbox import shopify_calls as calls
from sync_pipelines_tests.vendor_sandbox.shopify_goods_calls import DOCUMENTS
from vendor_sandbox.shopify.cost import Prices
from vendor_sandbox.shopify.documents import read_operation, shop_schema
from vendor_sandbox.shopify.plan import selected_by

FIXTURE = Path(__file__).parents[1] / "fixtures" / "shopify_admin_schema.graphql.gz"
OUR_TYPES = [name for name in shop_schema().type_map if not name.startswith("__")]

VARIANTS = """query VariantsBySku($filter: String!, $after: String) {
  productVariants(first: 100, after: $after, query: $filter) {
    nodes {
      id sku barcode price
      product { id handle status }
      inventoryItem {
        id tracked
        inventoryLevels(first: 5) {
          nodes { location { id } quantities(names: ["available", "on_hand", "committed"]) { name quantity updatedAt } }
        }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""


@cache
def vendors_schema() -> GraphQLSchema:
    with gzip.open(FIXTURE, "rt", encoding="utf-8") as file:
        return build_schema(file.read(), assume_valid=True)


def test_every_type_field_argument_and_default_is_the_vendors() -> None:
    theirs = vendors_schema()
    for name in OUR_TYPES:
        own, real = shop_schema().type_map[name], theirs.type_map[name]
        assert type(own) is type(real), name
        if isinstance(own, GraphQLObjectType | GraphQLInterfaceType):
            assert isinstance(real, GraphQLObjectType | GraphQLInterfaceType)
            assert {each.name for each in own.interfaces} <= {each.name for each in real.interfaces}, name
            for field_name, field in own.fields.items():
                where, real_field = f"{name}.{field_name}", real.fields[field_name]
                assert str(field.type) == str(real_field.type), where
                assert {each: (str(argument.type), argument.default_value) for each, argument in field.args.items()} == {
                    each: (str(argument.type), argument.default_value) for each, argument in real_field.args.items()
                }, where


def test_inputs_are_whole_and_enums_the_vendors() -> None:
    shortened = {"CountryCode", "CurrencyCode"}
    for name in OUR_TYPES:
        own, real = shop_schema().type_map[name], vendors_schema().type_map[name]
        if isinstance(own, GraphQLEnumType) and isinstance(real, GraphQLEnumType):
            assert set(own.values) <= set(real.values), name
            assert name in shortened or set(own.values) == set(real.values), name
        if isinstance(own, GraphQLInputObjectType) and isinstance(real, GraphQLInputObjectType):
            assert {each: str(field.type) for each, field in own.fields.items()} == {
                each: str(field.type) for each, field in real.fields.items()
            }, name


@pytest.mark.parametrize("document", [calls.EXPORT, calls.START, calls.POLL, calls.INNER % "id:1", *DOCUMENTS])
def test_the_documents_of_these_tests_are_valid_for_the_vendor(document: str) -> None:
    assert validate(vendors_schema(), parse_document(document)) == []


@pytest.mark.parametrize(
    ("document", "variables", "cost"),
    [
        (calls.EXPORT, {"pageSize": 25, "filter": ""}, 242),
        (calls.EXPORT, {"pageSize": 50, "filter": ""}, 282),
        (VARIANTS, {"filter": "sku:'A'"}, 128),
        ("mutation { inventoryActivate(inventoryItemId: 1, locationId: 2) { userErrors { field } } }", {}, 10),
    ],
)
def test_the_cost_formula_gives_the_costs_recorded(document: str, variables: dict[str, object], cost: int) -> None:
    document = document.replace(": 1,", ': "gid://shopify/InventoryItem/1",').replace(": 2)", ': "gid://shopify/Location/2")')
    assert Prices(selected_by(read_operation(vendors_schema(), document, variables))).requested == cost
