"""`POST /api/graphql`: a real GraphQL engine over our schema, behind GitLab's query limits and their exact messages.

GitLab answers a refused query with HTTP 200 and `errors` without `data`; only one over 10,000 characters gets a 422.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)

from daily_runs.sandbox.gitlab.complexity import Analyzer, QueryMeasure
from daily_runs.sandbox.gitlab.instance import Instance, token_in
from daily_runs.sandbox.gitlab.resolver_context import Context
from daily_runs.sandbox.gitlab.resolvers import executable_schema
from daily_runs.sandbox.world.exchange import OK, HopReply, SandboxExchange, json_reply

ANONYMOUS_COMPLEXITY_MAX, ANONYMOUS_DEPTH_MAX = 200, 15
QUERY_LIMIT, INVALID = "graphql_query_limit", "graphql_invalid"
_DOCUMENTS_KEPT = 512


class _Document(NamedTuple):
    """A parsed document, or why there is none."""

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...]


class GraphqlApi:
    """The endpoint of one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance, self._schema = instance, executable_schema()
        self._read = lru_cache(_DOCUMENTS_KEPT)(_reader(self._schema))

    async def __call__(self, exchange: SandboxExchange) -> HopReply:
        """Answer one query or mutation."""
        if exchange.login is None and token_in(exchange.headers):
            exchange.outcome = "unauthorized"
            return json_reply({"errors": [{"message": "Invalid token"}]}, 401)
        try:
            request = json.loads(exchange.body)
            query, variables = request["query"], request.get("variables") or {}
        except (ValueError, KeyError, TypeError, AttributeError):
            return self._refuse(exchange, INVALID, ["Unexpected end of document"])
        if not isinstance(query, str) or not isinstance(variables, dict):
            return self._refuse(exchange, INVALID, ["Variables are invalid"])
        if len(query) > self._instance.environment.limits.graphql.query_characters_max:
            return self._refuse(exchange, QUERY_LIMIT, ["Query too large"], 422)
        read = self._read(query)
        if read.document is None:
            exchange.outcome = INVALID
            return json_reply({"errors": [error.formatted for error in read.errors]})
        return self._run(exchange, read.document, variables, request.get("operationName"))

    def _run(
        self, exchange: SandboxExchange, document: DocumentNode, variables: dict[str, Any], name: str | None
    ) -> HopReply:
        operation = get_operation_ast(document, name)
        if operation is None:
            return self._refuse(exchange, INVALID, [f'No operation named "{name}"'])
        measure, limit = self._measure(exchange, document, operation, variables)
        exceeded = self._exceeded(exchange, measure, limit)
        if exceeded:
            return self._refuse(exchange, QUERY_LIMIT, exceeded)
        if self._instance.world.strikes(self._instance.world.scenario.graphql_timeout_share, exchange.side):
            return self._time_out(exchange, operation)
        result = execute_sync(
            self._schema,
            document,
            context_value=Context(self._instance, exchange, measure.complexity, limit),
            variable_values=variables,
            operation_name=name,
        )
        if result.errors and exchange.outcome == OK:
            exchange.outcome = "graphql_errors"
        return json_reply(result.formatted)

    def _measure(
        self,
        exchange: SandboxExchange,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: dict[str, Any],
    ) -> tuple[QueryMeasure, int]:
        signed_in = self._instance.environment.limits.graphql.complexity_max
        limit = signed_in if exchange.login else ANONYMOUS_COMPLEXITY_MAX
        return Analyzer(self._schema, document, variables).measure(operation), limit

    def _exceeded(self, exchange: SandboxExchange, measure: QueryMeasure, complexity_max: int) -> list[str]:
        """GitLab's messages for each limit that the query breaks."""
        depth_max = self._instance.environment.limits.graphql.depth_max if exchange.login else ANONYMOUS_DEPTH_MAX
        messages = []
        if measure.complexity > complexity_max:
            messages.append(
                f"Query has complexity of {measure.complexity}, which exceeds max complexity of {complexity_max}"
            )
        if measure.depth > depth_max:
            messages.append(f"Query has depth of {measure.depth}, which exceeds max depth of {depth_max}")
        if measure.recursive:
            fields = ", ".join(measure.recursive)
            messages.append(f"Recursive query - too many of fields '{fields}' in query")
        return messages

    def _time_out(self, exchange: SandboxExchange, operation: OperationDefinitionNode) -> HopReply:
        """The first field took longer than 30 s: null, and an error that names it."""
        exchange.outcome = "graphql_timeout"
        field = next(node for node in operation.selection_set.selections if isinstance(node, FieldNode))
        key = field.alias.value if field.alias else field.name.value
        message = f"Timeout on {operation.operation.value.capitalize()}.{field.name.value}"
        return json_reply({"data": {key: None}, "errors": [{"message": message, "path": [key]}]})

    def _refuse(self, exchange: SandboxExchange, outcome: str, messages: list[str], status: int = 200) -> HopReply:
        exchange.outcome = outcome
        return json_reply({"errors": [{"message": message} for message in messages]}, status)


def _reader(schema: GraphQLSchema) -> Any:
    def read(query: str) -> _Document:
        """Parse and validate; the same text gives the same outcome, so it is kept."""
        try:
            document = parse(query)
        except GraphQLError as error:
            return _Document(None, (error,))
        errors = tuple(validate(schema, document))
        return _Document(None if errors else document, errors)

    return read
