"""GitLab's query analyzers: complexity, depth and recursion of one operation, measured before anything is resolved.

Complexity as in GitLab's `BaseField`: a field costs 1 plus what it selects; a connection's cost is multiplied by
1 + 0.01 x page size (100 unless `first` says less), unless ids are given; a search costs 5 more. Introspection is free.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

PAGE_SIZE_MAX = 100
RECURSION_MAX = 2
_PER_NODE = 0.01
_SEARCH_COSTS = 5
_NOT_RECURSIVE = {"node", "nodes", "edges", "ofType", "fields"}


class QueryMeasure(NamedTuple):
    """What the analyzers say of an operation; `recursive` names fields that occur too often above each other."""

    complexity: int
    depth: int
    recursive: tuple[str, ...]


class _Cost(NamedTuple):
    complexity: int
    depth: int


class Analyzer:
    """Measures one operation of a document with its variables."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema, self._variables = schema, variables
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._recursive: set[str] = set()

    def measure(self, operation: OperationDefinitionNode) -> QueryMeasure:
        """Complexity, depth and recursion of a valid operation."""
        root = self._schema.get_root_type(operation.operation)
        cost = self._selection(operation.selection_set, root, ())
        return QueryMeasure(cost.complexity, cost.depth, tuple(sorted(self._recursive)))

    def _selection(self, selection: SelectionSetNode, parent: Any, path: tuple[str, ...]) -> _Cost:
        costs = [self._field(field, on, path) for field, on in self._fields(selection, parent)]
        return _Cost(sum(cost.complexity for cost in costs), max((cost.depth for cost in costs), default=0))

    def _fields(self, selection: SelectionSetNode, parent: Any) -> Iterator[tuple[FieldNode, Any]]:
        """The fields selected here, through fragments, each with the type it is a field of."""
        for node in selection.selections:
            if isinstance(node, FieldNode):
                yield node, parent
            elif isinstance(node, InlineFragmentNode):
                on = self._schema.type_map[node.type_condition.name.value] if node.type_condition else parent
                yield from self._fields(node.selection_set, on)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                on = self._schema.type_map[fragment.type_condition.name.value]
                yield from self._fields(fragment.selection_set, on)

    def _field(self, node: FieldNode, parent: Any, path: tuple[str, ...]) -> _Cost:
        name = node.name.value
        if name.startswith("__"):
            return _Cost(0, 1)
        if name not in _NOT_RECURSIVE and path.count(name) >= RECURSION_MAX:
            self._recursive.add(name)
        kind = get_named_type(parent.fields[name].type)
        inner = self._selection(node.selection_set, kind, (*path, name)) if node.selection_set else _Cost(0, 0)
        arguments = {argument.name.value: self._value(argument.value) for argument in node.arguments or ()}
        cost = 1 + inner.complexity + (_SEARCH_COSTS if arguments.get("search") else 0)
        if kind is not None and kind.name.endswith("Connection"):
            cost += int(cost * _page_size(arguments) * _PER_NODE)
        return _Cost(cost, 1 + inner.depth)

    def _value(self, node: Any) -> Any:
        """An argument's value, as far as the cost depends on it."""
        if isinstance(node, VariableNode):
            return self._variables.get(node.name.value)
        if isinstance(node, IntValueNode):
            return int(node.value)
        return getattr(node, "value", getattr(node, "values", None))


def _page_size(arguments: Mapping[str, Any]) -> int:
    if arguments.get("iids"):
        return 0
    first = arguments.get("first")
    return min(PAGE_SIZE_MAX, first) if isinstance(first, int) else PAGE_SIZE_MAX
