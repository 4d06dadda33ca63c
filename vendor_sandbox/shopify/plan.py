"""What an operation selects, worked out before it runs: a tree that is priced, answered and exported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    InlineFragmentNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.values import get_argument_values, get_directive_values
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective

from vendor_sandbox.shopify.documents import Invalid, Operation, invalid_variable, location, shown_error
from vendor_sandbox.shopify.ids import read_gid


@dataclass(frozen=True, eq=False)
class Selected:
    """One selected field. `below` holds the selections under it, per type of object that is possible there."""

    key: str
    name: str
    parent: str
    node: FieldNode
    definition: GraphQLField | None
    """None for `__typename`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    below: Mapping[str, Sequence["Selected"]] = field(default_factory=dict)
    idempotency_key: str | None = None

    @cached_property
    def type(self) -> GraphQLNamedType | None:
        return get_named_type(self.definition.type) if self.definition else None

    @cached_property
    def type_name(self) -> str:
        return self.type.name if self.type else "String"

    @cached_property
    def is_list(self) -> bool:
        type_ = self.definition.type if self.definition else None
        return is_list_type(type_.of_type if isinstance(type_, GraphQLNonNull) else type_)

    @cached_property
    def nullable(self) -> bool:
        return self.definition is None or not is_non_null_type(self.definition.type)

    @cached_property
    def is_connection(self) -> bool:
        return self.type_name.endswith("Connection")

    @property
    def children(self) -> Sequence["Selected"]:
        """The selections under a field whose objects are all of one type."""
        return next(iter(self.below.values()), ())

    def child(self, name: str) -> list["Selected"]:
        """Return the selections of one field under this one (several, when it has aliases)."""
        return [each for each in self.children if each.name == name]

    @property
    def place(self) -> dict[str, int]:
        return location(self.node.loc)


def selected_by(operation: Operation) -> list[Selected]:
    """Return the root fields of an operation. Raises Invalid for an id that is not a global id."""
    root = operation.schema.get_root_type(operation.node.operation)
    assert root is not None  # noqa: S101 - validation made sure
    return _Planner(operation).selections(root, [operation.node.selection_set])


class _Planner:
    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    def selections(self, parent: GraphQLObjectType, sets: Sequence[SelectionSetNode]) -> list[Selected]:
        grouped: dict[str, list[FieldNode]] = {}
        for each in sets:
            self._collect(parent, each, grouped)
        return [self._selected(parent, key, nodes) for key, nodes in grouped.items()]

    def _collect(self, parent: GraphQLObjectType, within: SelectionSetNode, grouped: dict[str, list[FieldNode]]) -> None:
        for node in within.selections:
            if self._skipped(node):
                continue
            if isinstance(node, FieldNode):
                grouped.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or self._applies(node.type_condition.name.value, parent):
                    self._collect(parent, node.selection_set, grouped)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._operation.fragments[node.name.value]
                if self._applies(fragment.type_condition.name.value, parent):
                    self._collect(parent, fragment.selection_set, grouped)

    def _skipped(self, node: Any) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, dict(self._operation.variables))
        include = get_directive_values(GraphQLIncludeDirective, node, dict(self._operation.variables))
        return bool((skip and skip["if"]) or (include and not include["if"]))

    def _applies(self, condition: str, parent: GraphQLObjectType) -> bool:
        return condition == parent.name or any(each.name == condition for each in parent.interfaces)

    def _selected(self, parent: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> Selected:
        node = nodes[0]
        name = node.name.value
        definition = parent.fields.get(name)
        if definition is None and name != "__typename":
            raise Invalid([{"message": "the sandbox does not answer introspection", "locations": [location(node.loc)]}])
        if definition is None:
            return Selected(key, name, parent.name, node, None)
        type_ = get_named_type(definition.type)
        if isinstance(type_, GraphQLObjectType):
            types: Sequence[GraphQLObjectType] = [type_]
        elif isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            types = self._operation.schema.get_possible_types(type_)
        else:
            types = []
        sets = [each.selection_set for each in nodes if each.selection_set]
        below = {each.name: self.selections(each, sets) for each in types}
        key_of = self._operation.schema.get_directive("idempotent")
        sent = get_directive_values(key_of, node, dict(self._operation.variables)) if key_of and node.directives else None
        arguments = self._arguments(definition, node)
        return Selected(key, name, parent.name, node, definition, arguments, below, sent["key"] if sent else None)

    def _arguments(self, definition: GraphQLField, node: FieldNode) -> dict[str, Any]:
        if not definition.args:
            return {}
        try:
            found = get_argument_values(definition, node, dict(self._operation.variables))
        except GraphQLError as error:
            raise Invalid([shown_error(error, "argumentLiteralsIncompatible")]) from error
        for name, argument in definition.args.items():
            if get_named_type(argument.type).name == "ID" and name in found:
                self._check_ids(node, name, found[name])
        return found

    def _check_ids(self, node: FieldNode, name: str, value: Any) -> None:
        for each in value if isinstance(value, list) else [value]:
            if each is None or read_gid(each) is not None:
                continue
            explanation = f"Invalid global id '{each}'"
            given = next(argument.value for argument in node.arguments if argument.name.value == name)
            if isinstance(given, VariableNode):
                problem = {"path": [], "explanation": explanation, "message": explanation}
                raise Invalid([invalid_variable(given.name.value, "ID!", value, [problem])])
            extensions = {"code": "argumentLiteralsIncompatible", "typeName": "CoercionError"}
            raise Invalid([{"message": explanation, "locations": [location(given.loc)], "extensions": extensions}])
