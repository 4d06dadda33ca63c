"""Every GraphQL document that is sent to a shop. A test validates each against the published schema of the version."""

from __future__ import annotations

_SHOP_MONEY = "{ shopMoney { amount currencyCode } }"
_BOTH_MONEY = "{ shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }"
_ADDRESS = "{ name firstName lastName company address1 address2 city province provinceCode zip country countryCodeV2 phone }"

ORDER_FIELDS = f"""
  id createdAt legacyResourceId name updatedAt processedAt cancelledAt cancelReason closedAt test
  currencyCode presentmentCurrencyCode displayFinancialStatus displayFulfillmentStatus returnStatus
  edited note tags email phone poNumber sourceName taxesIncluded requiresShipping paymentGatewayNames
  totalPriceSet {_BOTH_MONEY} currentTotalPriceSet {_BOTH_MONEY}
  subtotalPriceSet {_SHOP_MONEY} totalTaxSet {_SHOP_MONEY} totalDiscountsSet {_SHOP_MONEY}
  totalShippingPriceSet {_SHOP_MONEY} totalRefundedSet {_SHOP_MONEY}
  currentSubtotalPriceSet {_SHOP_MONEY} currentTotalTaxSet {_SHOP_MONEY} currentShippingPriceSet {_SHOP_MONEY}
  totalTipReceivedSet {_SHOP_MONEY} currentTotalDutiesSet {_SHOP_MONEY} currentTotalAdditionalFeesSet {_SHOP_MONEY}
  customAttributes {{ key value }}
  taxLines {{ title rate priceSet {_SHOP_MONEY} }}
  customer {{ id displayName firstName lastName defaultEmailAddress {{ emailAddress }} defaultPhoneNumber {{ phoneNumber }} }}
  shippingAddress {_ADDRESS} billingAddress {_ADDRESS}
  shippingLine {{ title code originalPriceSet {_SHOP_MONEY} }}
  fulfillments {{ id status displayStatus createdAt updatedAt trackingInfo {{ company number url }} }}
  refunds {{ id createdAt updatedAt note totalRefundedSet {_SHOP_MONEY} }}
"""
"""Of an order, all but its lines and the lines of its refunds. `id createdAt` come first: bulk results are sorted by them."""

NEWEST_FIELD = "paymentGatewayNames"
"""The field of an order that was added last. A stored order that lacks it was read before that, and is read again."""

LINE_FIELDS = f"""
  id sku name title variantTitle vendor quantity currentQuantity unfulfilledQuantity
  requiresShipping taxable isGiftCard
  originalUnitPriceSet {_BOTH_MONEY} discountedTotalSet {_BOTH_MONEY} totalDiscountSet {_SHOP_MONEY}
  discountAllocations {{ allocatedAmountSet {_SHOP_MONEY} }}
  taxLines {{ title rate priceSet {_SHOP_MONEY} }}
  customAttributes {{ key value }}
  variant {{ id }} product {{ id }}
"""

REFUND_LINE_FIELDS = f"id quantity restockType lineItem {{ id }} subtotalSet {_SHOP_MONEY} totalTaxSet {_SHOP_MONEY}"

ORDERS = f"""
query Orders($first: Int!, $after: String, $filter: String!, $sort: OrderSortKeys!, $lines: Int!) {{
  orders(first: $first, after: $after, query: $filter, sortKey: $sort) {{
    nodes {{
      {ORDER_FIELDS}
      lineItems(first: $lines) {{ nodes {{ {LINE_FIELDS} }} pageInfo {{ hasNextPage endCursor }} }}
    }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""

ORDER_LINES = f"""
query OrderLines($id: ID!, $after: String!) {{
  order(id: $id) {{
    lineItems(first: 250, after: $after) {{ nodes {{ {LINE_FIELDS} }} pageInfo {{ hasNextPage endCursor }} }}
  }}
}}
"""

REFUND_LINES = f"""
query RefundLines($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    ... on Order {{
      id
      refunds {{ id refundLineItems(first: 50) {{ nodes {{ {REFUND_LINE_FIELDS} }} pageInfo {{ hasNextPage endCursor }} }} }}
    }}
  }}
}}
"""

MORE_REFUND_LINES = f"""
query MoreRefundLines($id: ID!, $after: String!) {{
  refund(id: $id) {{
    refundLineItems(first: 250, after: $after) {{ nodes {{ {REFUND_LINE_FIELDS} }} pageInfo {{ hasNextPage endCursor }} }}
  }}
}}
"""

SHOP = """
query Shop {
  shop { id name myshopifyDomain currencyCode ianaTimezone }
  currentAppInstallation { accessScopes { handle } }
}
"""

START_EXPORT = """
mutation StartExport($inner: String!) {
  bulkOperationRunQuery(query: $inner, groupObjects: false) {
    bulkOperation { id status createdAt }
    userErrors { field message code }
  }
}
"""

CANCEL_EXPORT = """
mutation CancelExport($id: ID!) {
  bulkOperationCancel(id: $id) { bulkOperation { id status } userErrors { field message } }
}
"""

POLL_EXPORT = """
query PollExport($id: ID!) {
  bulkOperation(id: $id) {
    id status errorCode createdAt completedAt objectCount rootObjectCount fileSize url partialDataUrl query
  }
}
"""

EXPORTS = """
query Exports($filter: String!) {
  bulkOperations(first: 50, query: $filter, sortKey: CREATED_AT) {
    nodes { id status errorCode createdAt completedAt objectCount rootObjectCount fileSize url partialDataUrl query }
  }
}
"""

MANY = 40
"""Counts, or looked-up names, that go into one document."""


def order_counts(filters: int) -> str:
    """A query of so many exact counts, `c0`, `c1`, …, each for its filter `$f0`, `$f1`, …"""
    declared = ", ".join(f"$f{i}: String!" for i in range(filters))
    counts = " ".join(f"c{i}: ordersCount(query: $f{i}, limit: null) {{ count precision }}" for i in range(filters))
    return f"query OrderCounts({declared}) {{ {counts} }}"


def orders_by_name(filters: int) -> str:
    """A query that looks up so many orders, `o0`, `o1`, …, each by its filter."""
    declared = ", ".join(f"$f{i}: String!" for i in range(filters))
    orders = " ".join(
        f"o{i}: orders(first: 5, query: $f{i}, sortKey: ID) {{ nodes {{ id legacyResourceId name test createdAt }} }}"
        for i in range(filters)
    )
    return f"query OrdersByName({declared}) {{ {orders} }}"


def export(search: str) -> str:
    """What a bulk operation exports: whole orders with their lines, oldest first. `search`: times quoted with '."""
    return f"""query SyncPipelinesOrders {{
  orders(query: "{search}", sortKey: CREATED_AT) {{
    edges {{ node {{
      {ORDER_FIELDS}
      lineItems {{ edges {{ node {{ {LINE_FIELDS} }} }} }}
    }} }}
  }}
}}"""


# --- the catalogue ----------------------------------------------------------------------------------------------------

_PRODUCT_FIELDS = "id title handle status vendor productType descriptionHtml tags options { name position }"
_LEVEL_FIELDS = 'id location { id } quantities(names: ["available", "committed"]) { name quantity }'
_VARIANT_FIELDS = "id sku barcode price compareAtPrice selectedOptions { name value }"
_VARIANT = f"""
  {_VARIANT_FIELDS}
  product {{ {_PRODUCT_FIELDS} }}
  inventoryItem {{
    id tracked inventoryLevels(first: 10) {{ nodes {{ {_LEVEL_FIELDS} }} pageInfo {{ hasNextPage endCursor }} }}
  }}
"""

CATALOG = f"""
query Catalog($first: Int!, $after: String) {{
  productVariants(first: $first, after: $after, sortKey: ID) {{
    nodes {{ {_VARIANT} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""

VARIANTS = f"""
query Variants($ids: [ID!]!) {{
  nodes(ids: $ids) {{ ... on ProductVariant {{ {_VARIANT} }} }}
}}
"""

MORE_LEVELS = f"""
query MoreLevels($id: ID!, $after: String!) {{
  inventoryItem(id: $id) {{
    inventoryLevels(first: 50, after: $after) {{ nodes {{ {_LEVEL_FIELDS} }} pageInfo {{ hasNextPage endCursor }} }}
  }}
}}
"""

VARIANTS_COUNT = "query VariantsCount { productVariantsCount { count precision } }"

LOCATIONS = """
query Locations {
  locations(first: 250) { nodes { id name isActive fulfillsOnlineOrders } }
}
"""

CATALOG_EXPORT = f"""query SyncPipelinesCatalog {{
  products {{
    edges {{ node {{
      {_PRODUCT_FIELDS}
      variants {{ edges {{ node {{
        {_VARIANT_FIELDS}
        inventoryItem {{ id tracked inventoryLevels {{ edges {{ node {{ {_LEVEL_FIELDS} }} }} }} }}
      }} }} }}
    }} }}
  }}
}}"""

SET_STOCK = """
mutation SetStock($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { field message code }
  }
}
"""

STOCK_AT = """
mutation StockAt($item: ID!, $location: ID!, $key: String!) {
  inventoryActivate(inventoryItemId: $item, locationId: $location) @idempotent(key: $key) {
    inventoryLevel { id }
    userErrors { field message }
  }
}
"""

TRACK = """
mutation Track($id: ID!, $input: InventoryItemInput!) {
  inventoryItemUpdate(id: $id, input: $input) {
    inventoryItem { id tracked }
    userErrors { field message }
  }
}
"""

UPDATE_VARIANTS = """
mutation UpdateVariants($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $product, variants: $variants, allowPartialUpdates: false) {
    productVariants { id price compareAtPrice }
    userErrors { field message code }
  }
}
"""

MAKE_PRODUCT = """
mutation MakeProduct($input: ProductSetInput!) {
  productSet(input: $input, synchronous: true) {
    product { id variants(first: 250) { nodes { id sku inventoryItem { id } } } }
    userErrors { field message code }
  }
}
"""

PRODUCT_BY_HANDLE = """
query ProductByHandle($handle: String!) {
  productByIdentifier(identifier: { handle: $handle }) { id handle }
}
"""

VARIANTS_OF = """
query VariantsOf($id: ID!, $after: String) {
  product(id: $id) { variants(first: 250, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }
}
"""

CHANGE_PRODUCT = """
mutation ChangeProduct($product: ProductUpdateInput!) {
  productUpdate(product: $product) { product { id } userErrors { field message } }
}
"""

ADD_PICTURES = """
mutation AddPictures($product: ProductUpdateInput!, $media: [CreateMediaInput!]) {
  productUpdate(product: $product, media: $media) { product { id } userErrors { field message } }
}
"""

MEDIA_OF = """
query MediaOf($id: ID!) {
  product(id: $id) { media(first: 250) { nodes { id } } }
}
"""

PICTURES = """
query Pictures($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Product { id media(first: 50) { nodes { status mediaErrors { code } } } }
  }
}
"""

ADD_TAGS = """
mutation AddTags($id: ID!, $tags: [String!]!) {
  tagsAdd(id: $id, tags: $tags) { node { id } userErrors { field message } }
}
"""

REMOVE_TAGS = """
mutation RemoveTags($id: ID!, $tags: [String!]!) {
  tagsRemove(id: $id, tags: $tags) { node { id } userErrors { field message } }
}
"""

ADD_VARIANTS = """
mutation AddVariants($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkCreate(productId: $product, variants: $variants, strategy: PRESERVE_STANDALONE_VARIANT) {
    productVariants { id sku }
    userErrors { field message code }
  }
}
"""

# --- what becomes of orders -------------------------------------------------------------------------------------------

ORDER_UNITS = """
query OrderUnits($ids: [ID!]!, $fulfillmentOrders: Int!, $lines: Int!) {
  nodes(ids: $ids) {
    ... on Order {
      id name cancelledAt
      fulfillmentOrders(first: $fulfillmentOrders) {
        nodes {
          id status assignedLocation { location { id } }
          lineItems(first: $lines) { nodes { inventoryItemId remainingQuantity } pageInfo { hasNextPage endCursor } }
        }
        pageInfo { hasNextPage endCursor }
      }
      fulfillments {
        id status createdAt location { id }
        fulfillmentLineItems(first: $lines) {
          nodes { quantity lineItem { variant { inventoryItem { id } } } }
          pageInfo { hasNextPage endCursor }
        }
      }
    }
  }
}
"""

LINES_TO_SEND = """
query LinesToSend($id: ID!, $after: String!) {
  fulfillmentOrder(id: $id) {
    lineItems(first: 250, after: $after) {
      nodes { id sku inventoryItemId remainingQuantity }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

LINES_SENT = """
query LinesSent($id: ID!, $after: String!) {
  fulfillment(id: $id) {
    fulfillmentLineItems(first: 250, after: $after) {
      nodes { quantity lineItem { sku variant { inventoryItem { id } } } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

ORDER_SHIPMENTS = """
query OrderShipments($ids: [ID!]!, $fulfillmentOrders: Int!, $lines: Int!) {
  nodes(ids: $ids) {
    ... on Order {
      id name cancelledAt
      fulfillmentOrders(first: $fulfillmentOrders) {
        nodes {
          id status supportedActions { action } assignedLocation { name location { id } }
          lineItems(first: $lines) { nodes { id sku remainingQuantity } pageInfo { hasNextPage endCursor } }
        }
        pageInfo { hasNextPage endCursor }
      }
      fulfillments {
        id status displayStatus location { id } trackingInfo { company number url }
        fulfillmentLineItems(first: $lines) { nodes { quantity lineItem { sku } } pageInfo { hasNextPage endCursor } }
      }
    }
  }
}
"""

SHIP = """
mutation Ship($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) { fulfillment { id status } userErrors { field message } }
}
"""

CANCEL_SHIPMENT = """
mutation CancelShipment($id: ID!) {
  fulfillmentCancel(id: $id) { fulfillment { id status } userErrors { field message } }
}
"""

SAY_DELIVERED = """
mutation SayDelivered($event: FulfillmentEventInput!) {
  fulfillmentEventCreate(fulfillmentEvent: $event) { fulfillmentEvent { id status } userErrors { field message } }
}
"""

CHANGED_ORDERS = """
query ChangedOrders($filter: String!, $after: String) {
  orders(first: 250, after: $after, query: $filter, sortKey: UPDATED_AT) {
    nodes { id legacyResourceId name updatedAt }
    pageInfo { hasNextPage endCursor }
  }
}
"""

DOCUMENTS = {
    "orders": ORDERS,
    "order lines": ORDER_LINES,
    "refund lines": REFUND_LINES,
    "more refund lines": MORE_REFUND_LINES,
    "shop": SHOP,
    "start export": START_EXPORT,
    "cancel export": CANCEL_EXPORT,
    "poll export": POLL_EXPORT,
    "exports": EXPORTS,
    "order counts": order_counts(MANY),
    "orders by name": orders_by_name(MANY),
    "catalog": CATALOG,
    "variants": VARIANTS,
    "more levels": MORE_LEVELS,
    "variants count": VARIANTS_COUNT,
    "locations": LOCATIONS,
    "catalog export": CATALOG_EXPORT,
    "set stock": SET_STOCK,
    "stock at": STOCK_AT,
    "track": TRACK,
    "update variants": UPDATE_VARIANTS,
    "make product": MAKE_PRODUCT,
    "product by handle": PRODUCT_BY_HANDLE,
    "variants of": VARIANTS_OF,
    "change product": CHANGE_PRODUCT,
    "add pictures": ADD_PICTURES,
    "media of": MEDIA_OF,
    "pictures": PICTURES,
    "add tags": ADD_TAGS,
    "remove tags": REMOVE_TAGS,
    "add variants": ADD_VARIANTS,
    "order units": ORDER_UNITS,
    "lines to send": LINES_TO_SEND,
    "lines sent": LINES_SENT,
    "order shipments": ORDER_SHIPMENTS,
    "ship": SHIP,
    "cancel shipment": CANCEL_SHIPMENT,
    "say delivered": SAY_DELIVERED,
    "changed orders": CHANGED_ORDERS,
    "export": export("created_at:>='2026-11-01T00:00:00Z' created_at:<'2026-11-02T00:00:00Z'"),
}
"""By what they ask for."""

WRITES = frozenset(
    {
        SET_STOCK,
        STOCK_AT,
        TRACK,
        UPDATE_VARIANTS,
        MAKE_PRODUCT,
        CHANGE_PRODUCT,
        ADD_PICTURES,
        ADD_TAGS,
        REMOVE_TAGS,
        ADD_VARIANTS,
        SHIP,
        CANCEL_SHIPMENT,
        SAY_DELIVERED,
    }
)
"""Those that change the shop."""
