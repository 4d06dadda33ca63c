"""What a bulk query may ask for: https://shopify.dev/docs/api/usage/bulk-operations/queries."""

from graphql import OperationType

from vendor_sandbox.shopify.documents import Invalid, read_operation, shop_schema
from vendor_sandbox.shopify.plan import Selected, selected_by

LONGEST = 65_535
_CONNECTIONS = 5
_DEPTH = 2


class NotBulk(Exception):
    """A query that cannot run as a bulk query; `reasons` go into userErrors."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def bulk_roots(text: str) -> list[Selected]:
    """Return the root fields of a bulk query. Raises NotBulk."""
    if len(text.encode()) > LONGEST:
        raise NotBulk(f"Bulk query is too large: at most {LONGEST} bytes are allowed.")
    try:
        operation = read_operation(shop_schema(), text)
        roots = selected_by(operation)
    except Invalid as invalid:
        raise NotBulk(*(f"Invalid bulk query: {each['message']}" for each in invalid.errors)) from invalid
    if operation.node.operation is not OperationType.QUERY:
        raise NotBulk("Invalid operation type. Only `query` operations are supported.")
    reasons = [f"Bulk queries cannot have the root field {root.name}." for root in roots if root.name in ("node", "nodes")]
    found: list[Selected] = []
    for root in roots:
        _look(root, 0, False, found, reasons)
    if not found:
        reasons.append("Bulk queries must contain at least one connection.")
    if len(found) > _CONNECTIONS:
        reasons.append(f"Bulk queries cannot contain more than {_CONNECTIONS} connections.")
    if reasons:
        raise NotBulk(*dict.fromkeys(reasons))
    return roots


def bulk_node(connection: Selected) -> Selected:
    """Return what is selected of each node of a bulk query's connection."""
    return connection.child("edges")[0].child("node")[0]


def _look(field: Selected, depth: int, in_list: bool, found: list[Selected], reasons: list[str]) -> None:
    """Collect the connections at and under a field, and what is wrong with them."""
    if field.is_connection:
        found.append(field)
        if in_list:
            reasons.append(f"Connection {field.name} cannot be queried within a list field.")
        if depth > _DEPTH:
            reasons.append(f"Connections cannot be nested more than {_DEPTH} levels below the root one.")
        if field.child("nodes"):
            reasons.append("Connection fields must be selected through edges { node }: `nodes` is not supported.")
        nodes = [node for edges in field.child("edges") for node in edges.child("node")]
        if not nodes and not field.child("nodes"):
            reasons.append(f"The connection {field.name} must select edges {{ node }}.")
        for node in nodes:
            _look_into(node, depth, found, reasons)
        return
    for selections in field.below.values():
        for each in selections:
            _look(each, depth, in_list or field.is_list, found, reasons)


def _look_into(node: Selected, depth: int, found: list[Selected], reasons: list[str]) -> None:
    kinds = [shop_schema().type_map[name] for name in node.below]
    if any("Node" not in [each.name for each in getattr(kind, "interfaces", ())] for kind in kinds):
        reasons.append(f"The type {node.type_name} does not implement the Node interface.")
    nested = any(each.is_connection for each in node.children)
    if nested and not any(each.name == each.key == "id" for each in node.children):
        reasons.append(f"The parent 'node' field for a nested connection must select the 'id' field: {node.type_name}.")
    for each in node.children:
        _look(each, depth + 1, False, found, reasons)
