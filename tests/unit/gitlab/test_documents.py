"""The documents weigh little by GitLab's own count, always say `first:`, and fit what a query may be."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from graphql import FieldNode, InlineFragmentNode, SelectionSetNode, VariableNode, parse

from daily_runs.gitlab import documents

# A name, a document, and the variables it is sent with.
PAGED = {"first": documents.PAGE_SIZE}
DOCUMENTS: dict[str, tuple[str, Mapping[str, int]]] = {
    "whoami": (documents.WHOAMI, {}),
    "project id": (documents.PROJECT_ID, {}),
    "jobs": (documents.JOBS, PAGED),
    "issues": (documents.ISSUES, PAGED),
    "vulnerabilities": (documents.VULNERABILITIES, PAGED),
    "blobs": (documents.BLOBS, PAGED),
    "ai action": (documents.AI_ACTION, {}),
    "messages of many": (documents.messages(documents.MESSAGES_PER_QUERY_MAX), {}),
    "merge requests of many": (documents.merge_requests(documents.VULNERABILITIES_PER_QUERY_MAX), {}),
}
CONNECTIONS = {"jobs", "issues", "vulnerabilities", "blobs", "aiMessages"}


def first_of(field: FieldNode, variables: Mapping[str, int]) -> int | None:
    for argument in field.arguments or ():
        if argument.name.value == "first":
            value = argument.value
            return variables[value.name.value] if isinstance(value, VariableNode) else int(getattr(value, "value"))  # noqa: B009
    return None


def complexity(selection: SelectionSetNode | None, variables: Mapping[str, int]) -> float:
    total = 0.0
    for node in selection.selections if selection else ():
        inner = complexity(getattr(node, "selection_set", None), variables)
        if isinstance(node, InlineFragmentNode):
            total += inner
        elif isinstance(node, FieldNode):
            first = first_of(node, variables) if node.name.value in CONNECTIONS else 0
            assert first is not None, f"{node.name.value} is asked for without first:"
            total += (1 + inner) * (1 + 0.01 * first)
    return total


@pytest.mark.parametrize(("document", "variables"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_a_document_fits_the_limits_of_a_reader_who_is_not_logged_in(
    document: str, variables: Mapping[str, int]
) -> None:
    (operation,) = parse(document).definitions
    assert 0 < complexity(getattr(operation, "selection_set"), variables) < 200  # noqa: B009
    assert len(document) < 10_000
