"""Reading a request: the document is parsed, validated against the schema, and its variables are coerced.

Any mistake raises Invalid, with the codes that the vendor uses (https://shopify.dev/docs/api/admin-graphql).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    build_schema,
    parse,
    print_ast,
    type_from_ast,
    validate,
    value_from_ast,
)
from graphql.utilities import coerce_input_value
from graphql.validation import (
    ASTValidationRule,
    FieldsOnCorrectTypeRule,
    KnownArgumentNamesRule,
    KnownDirectivesRule,
    KnownFragmentNamesRule,
    KnownTypeNamesRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    OverlappingFieldsCanBeMergedRule,
    ProvidedRequiredArgumentsRule,
    ScalarLeafsRule,
    ValuesOfCorrectTypeRule,
    VariablesInAllowedPositionRule,
    specified_rules,
)

from vendor_sandbox.shopify.goods_text import amount

_CODES: Mapping[type[ASTValidationRule], str] = {
    FieldsOnCorrectTypeRule: "undefinedField",
    KnownArgumentNamesRule: "argumentNotAccepted",
    KnownDirectivesRule: "undefinedDirective",
    KnownFragmentNamesRule: "useAndDefineFragment",
    KnownTypeNamesRule: "undefinedType",
    NoUndefinedVariablesRule: "variableNotDefined",
    NoUnusedFragmentsRule: "useAndDefineFragment",
    NoUnusedVariablesRule: "variableNotUsed",
    OverlappingFieldsCanBeMergedRule: "fieldConflict",
    ProvidedRequiredArgumentsRule: "missingRequiredArguments",
    ScalarLeafsRule: "selectionMismatch",
    ValuesOfCorrectTypeRule: "argumentLiteralsIncompatible",
    VariablesInAllowedPositionRule: "variableMismatch",
}


class Invalid(Exception):
    """A request refused before any of it ran; the reply lists `errors`."""

    def __init__(self, errors: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors


@dataclass(frozen=True)
class Operation:
    """One operation of a valid document, with its variables coerced."""

    schema: GraphQLSchema
    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]


@cache
def shop_schema() -> GraphQLSchema:
    """Return the part of the vendor's schema that the sandbox answers."""
    parts = sorted(Path(__file__).parent.glob("*.graphql"))
    schema = build_schema("\n".join(part.read_text(encoding="utf-8") for part in parts))
    for name in ("Money", "Decimal"):
        schema.type_map[name].parse_value = _read_amount  # type: ignore[attr-defined]
    return schema


def _read_amount(value: object) -> str:
    """Coerce an amount that was sent: a number, or the text of one. Raises GraphQLError."""
    if amount(value) is None or isinstance(value, bool):
        raise GraphQLError(f"invalid decimal: {value!r}")
    return str(value)


def read_operation(
    schema: GraphQLSchema, text: str, variables: Mapping[str, Any] | None = None, name: str | None = None
) -> Operation:
    """Return the operation that a request asks for. Raises Invalid."""
    document = _read_document(schema, text)
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    chosen = [each for each in operations if name is None or (each.name and each.name.value == name)]
    if len(chosen) != 1:
        raise Invalid([{"message": f'No operation named "{name}"' if name else "An operation name is required"}])
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    return Operation(schema, chosen[0], fragments, _coerced(schema, chosen[0], variables or {}))


def _read_document(schema: GraphQLSchema, text: str) -> DocumentNode:
    found = _checked(schema, text)
    if isinstance(found, Invalid):
        raise Invalid(found.errors)
    return found


@lru_cache(maxsize=512)
def _checked(schema: GraphQLSchema, text: str) -> DocumentNode | Invalid:
    try:
        document = parse(text)
    except (GraphQLSyntaxError, RecursionError) as error:
        return Invalid([shown_error(error, "PARSE_ERROR")])
    if not validate(schema, document):
        return document
    errors = []
    for rule in specified_rules:
        for found in validate(schema, document, [rule]):
            code = _CODES.get(rule, "invalidDocument")
            if rule is ValuesOfCorrectTypeRule and "was not provided" in found.message:
                code = "missingRequiredInputObjectAttribute"
            errors.append(shown_error(found, code))
    return Invalid(errors)


def shown_error(error: Exception, code: str) -> dict[str, Any]:
    """Return an error of graphql-core as the reply lists it."""
    shown: dict[str, Any] = {"message": str(getattr(error, "message", error))}
    if isinstance(error, GraphQLError) and error.locations:
        shown["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    return {**shown, "extensions": {"code": code}}


def _coerced(schema: GraphQLSchema, operation: OperationDefinitionNode, given: Mapping[str, Any]) -> dict[str, Any]:
    coerced: dict[str, Any] = {}
    for definition in operation.variable_definitions:
        name = definition.variable.name.value
        type_ = type_from_ast(schema, definition.type)
        problems: list[dict[str, Any]] = []

        def problem(path: list[str | int], _value: Any, error: GraphQLError, into: Any = problems) -> None:
            into.append({"path": path, "explanation": error.message})

        value = given.get(name)
        if name not in given and definition.default_value is not None:
            coerced[name] = value_from_ast(definition.default_value, _input(type_))
        elif name not in given and not isinstance(type_, GraphQLNonNull):
            continue
        elif value is None and isinstance(type_, GraphQLNonNull):
            problems.append({"path": [], "explanation": "Expected value to not be null"})
        else:
            coerced[name] = coerce_input_value(value, _input(type_), problem)
        if problems:
            wanted = print_ast(definition.type)
            raise Invalid([invalid_variable(name, wanted, value, problems, definition.loc)])
    return coerced


def _input(type_: Any) -> GraphQLInputType:
    return type_  # type: ignore[no-any-return]


def invalid_variable(name: str, wanted: str, value: Any, problems: Sequence[Mapping[str, Any]], at: Any = None) -> dict[str, Any]:
    message = f"Variable ${name} of type {wanted} was provided invalid value"
    if problems[0]["path"]:
        message += f" for {'.'.join(map(str, problems[0]['path']))} ({problems[0]['explanation']})"
    shown: dict[str, Any] = {"message": message}
    if at is not None:
        shown["locations"] = [location(at)]
    return {**shown, "extensions": {"code": "INVALID_VARIABLE", "value": value, "problems": list(problems)}}


def location(at: Any) -> dict[str, int]:
    """Return line and column of a place in a document."""
    return {"line": at.start_token.line, "column": at.start_token.column}


@lru_cache(maxsize=512)
def root_fields(text: str, name: str | None = None) -> tuple[str, ...]:
    """Return kind and name of each root field of an operation, such as `mutation productSet`; none if it makes no sense."""
    try:
        document = parse(text)
    except (GraphQLSyntaxError, RecursionError):
        return ()
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode) and name in (None, each.name and each.name.value):
            fields = [field for field in each.selection_set.selections if isinstance(field, FieldNode)]
            return tuple(f"{each.operation.value} {field.name.value}" for field in fields)
    return ()
