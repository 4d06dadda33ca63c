"""A caller that reads and writes products and stock, and the documents it sends."""

import itertools
from typing import Any

from sync_pipelines_tests.vendor_sandbox.shopify_calls import ShopifyCaller
from vendor_sandbox.shopify.ids import DEFAULT_LOCATION, gid

FIRST, SECOND, OLD = (gid("Location", DEFAULT_LOCATION + place) for place in range(3))
MAIN, OTHER = "Main Warehouse", "Second Warehouse"

_PRODUCT = """id title handle status vendor productType descriptionHtml tags
  options { id name position values optionValues { id name hasVariants } }
  variants(first: 100) { nodes { id sku barcode title price compareAtPrice inventoryItem { id tracked } } }
  media(first: 10) { nodes { id status mediaErrors { code } ... on MediaImage { image { url } } } }"""
PRODUCT = f"query ($id: ID!) {{ product(id: $id) {{ {_PRODUCT} }} }}"
VARIANTS = """query ($filter: String, $after: String, $first: Int = 250) {
  productVariants(first: $first, after: $after, query: $filter) {
    nodes { id sku barcode price product { id handle status }
      inventoryItem { id tracked inventoryLevels(first: 5) { nodes {
        location { id } quantities(names: ["available", "on_hand", "committed"]) { name quantity updatedAt } } } } }
    pageInfo { hasNextPage endCursor } } }"""
LEVEL = """query ($item: ID!, $location: ID!) { inventoryItem(id: $item) { inventoryLevel(locationId: $location, includeInactive: true) {
  id isActive quantities(names: ["available", "on_hand", "committed"]) { name quantity } } } }"""
CREATE = f"""mutation ($product: ProductCreateInput!, $media: [CreateMediaInput!]) {{
  productCreate(product: $product, media: $media) {{ product {{ {_PRODUCT} }} userErrors {{ field message }} }} }}"""
UPDATE = f"""mutation ($product: ProductUpdateInput!, $media: [CreateMediaInput!]) {{
  productUpdate(product: $product, media: $media) {{ product {{ {_PRODUCT} }} userErrors {{ field message }} }} }}"""
SET = f"""mutation ($identifier: ProductSetIdentifiers, $input: ProductSetInput!) {{
  productSet(identifier: $identifier, input: $input, synchronous: true) {{
    product {{ {_PRODUCT} }} userErrors {{ code field message }} }} }}"""
DELETE = (
    "mutation ($input: ProductDeleteInput!) { productDelete(input: $input) { deletedProductId userErrors { field message } } }"
)
OPTIONS = f"""mutation ($productId: ID!, $options: [OptionCreateInput!]!, $variantStrategy: ProductOptionCreateVariantStrategy) {{
  productOptionsCreate(productId: $productId, options: $options, variantStrategy: $variantStrategy) {{
    product {{ {_PRODUCT} }} userErrors {{ field message code }} }} }}"""
BULK_CREATE = f"""mutation ($productId: ID!, $variants: [ProductVariantsBulkInput!]!, $strategy: ProductVariantsBulkCreateStrategy) {{
  productVariantsBulkCreate(productId: $productId, variants: $variants, strategy: $strategy) {{
    product {{ {_PRODUCT} }} productVariants {{ id sku title }} userErrors {{ field message code }} }} }}"""
BULK_UPDATE = """mutation ($productId: ID!, $variants: [ProductVariantsBulkInput!]!, $allowPartialUpdates: Boolean) {
  productVariantsBulkUpdate(productId: $productId, variants: $variants, allowPartialUpdates: $allowPartialUpdates) {
    product { id } productVariants { id sku price compareAtPrice } userErrors { field message code } } }"""
TAGS_ADD = "mutation ($id: ID!, $tags: [String!]!) { tagsAdd(id: $id, tags: $tags) { node { id } userErrors { field message } } }"
TAGS_REMOVE = TAGS_ADD.replace("tagsAdd", "tagsRemove")
SET_STOCK = """mutation ($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id reason changes { name delta quantityAfterChange item { id } location { id } } }
    userErrors { field message code } } }"""
ACTIVATE = """mutation ($item: ID!, $location: ID!, $key: String!, $available: Int, $onHand: Int) {
  inventoryActivate(inventoryItemId: $item, locationId: $location, available: $available, onHand: $onHand) @idempotent(key: $key) {
    inventoryLevel { id isActive quantities(names: ["available", "on_hand"]) { name quantity } } userErrors { field message } } }"""
UPDATE_ITEM = """mutation ($id: ID!, $input: InventoryItemInput!) {
  inventoryItemUpdate(id: $id, input: $input) { inventoryItem { id sku tracked } userErrors { field message } } }"""
DOCUMENTS = (
    *(PRODUCT, VARIANTS, LEVEL, CREATE, UPDATE, SET, DELETE, OPTIONS, BULK_CREATE, BULK_UPDATE),
    *(TAGS_ADD, TAGS_REMOVE, SET_STOCK, ACTIVATE, UPDATE_ITEM),
)


class GoodsCaller(ShopifyCaller):
    """Each call returns the payload of its mutation."""

    _keys = itertools.count(1)

    def write(self, document: str, **variables: Any) -> Any:
        (payload,) = self.data(document, **variables).values()
        return payload

    def made(self, document: str, **variables: Any) -> Any:
        """Write a product without errors, and return it."""
        payload = self.write(document, **variables)
        assert payload["userErrors"] == []
        return payload["product"]

    def product(self, id_: str) -> Any:
        return self.data(PRODUCT, id=id_)["product"]

    def variants(self, search: str | None = None) -> list[Any]:
        found: list[Any] = self.data(VARIANTS, filter=search)["productVariants"]["nodes"]
        return found

    def shirt(self, *sizes: str, **fields: Any) -> Any:
        """Return a new product with a variant of each size, SKUs `TSH-S` and so on."""
        values = [{"name": size} for size in sizes]
        options = [{"name": "Size", "values": values}]
        product = self.made(CREATE, product={"title": "T-shirt", "productOptions": options, **fields})
        variants = [{"optionValues": [{"optionName": "Size", "name": size}], **sku(f"TSH-{size}")} for size in sizes]
        return self.made(BULK_CREATE, productId=product["id"], variants=variants, strategy="REMOVE_STANDALONE_VARIANT")

    def set_stock(self, *entries: dict[str, Any], key: str | None = None, **fields: Any) -> Any:
        body = {"name": "available", "reason": "correction", "quantities": list(entries), **fields}
        return self.write(SET_STOCK, input=body, key=key or f"key-{next(self._keys)}")

    def activate(self, item: str, location: str, **quantities: int) -> Any:
        return self.write(ACTIVATE, item=item, location=location, key=f"key-{next(self._keys)}", **quantities)

    def level(self, item: str, location: str = FIRST) -> dict[str, Any] | None:
        """Return the quantities of an item at a location by name, with `active`."""
        found = self.data(LEVEL, item=item, location=location)["inventoryItem"]["inventoryLevel"]
        if found is None:
            return None
        return {"active": found["isActive"], **{each["name"]: each["quantity"] for each in found["quantities"]}}

    def change(self, **body: Any) -> dict[str, Any]:
        return self.sandbox.shopify.change_state(body)

    def wait(self, seconds: float) -> None:
        """Let seconds of the sandbox's clock pass."""
        self.sandbox.shopify.clock.skip(seconds)

    def truth(self, id_: str) -> Any:
        """Return a product as the state shows it."""
        return next(each for each in self.sandbox.shopify.state()["products"] if each["id"] == id_)


def sku(text: str, tracked: bool = True) -> dict[str, Any]:
    return {"inventoryItem": {"sku": text, "tracked": tracked}}


def entry(item: str, quantity: int, changed_from: int | None = None, location: str = FIRST) -> dict[str, Any]:
    return {"inventoryItemId": item, "locationId": location, "quantity": quantity, "changeFromQuantity": changed_from}


def errors(payload: Any) -> list[tuple[str, str | None]]:
    """Return the user errors of a payload: field, joined with dots, and code."""
    return [(".".join(each["field"] or ["null"]), each.get("code")) for each in payload["userErrors"]]
