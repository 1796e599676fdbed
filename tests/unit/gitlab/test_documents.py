"""Every GraphQL document we send: found by itself, valid, light by GitLab's count, and listed with its score."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    parse,
    validate,
    visit,
)
from tests.architecture.project import DAGS, LIBRARY, PLUGINS, Module, modules

from daily_runs.gitlab import documents
from daily_runs.sandbox.gitlab.complexity import Analyzer
from daily_runs.sandbox.gitlab.graphql_api import ANONYMOUS_COMPLEXITY_MAX, ANONYMOUS_DEPTH_MAX
from daily_runs.sandbox.gitlab.resolvers import executable_schema

SCORES = {
    "AI_ACTION": 4,
    "BLOBS": 6,
    "ISSUES": 21,
    "JOBS": 19,
    "JOB_IDS": 11,
    "PROJECT_ID": 2,
    "VULNERABILITIES": 29,
    "WHOAMI": 8,
    "merge_requests(10)": 50,
    "messages(20)": 80,
}
"""By name, at the most that each is ever asked for. A document that is new, changed or gone shows up here."""
COUNTS_MAX: dict[Callable[[int], str], int] = {
    documents.messages: documents.MESSAGES_PER_QUERY_MAX,
    documents.merge_requests: documents.VULNERABILITIES_PER_QUERY_MAX,
}
FIRST_MAX = {"BLOBS": documents.BLOBS_PER_QUERY_MAX}
"""What `first` is at most, where that is not the size of a page."""
CHARACTERS_MAX = 10_000
OPERATION = re.compile(r"\s*(query|mutation|subscription|fragment)\b[^{]*\{", re.DOTALL)


class Document(NamedTuple):
    """A document at its largest."""

    name: str
    text: str

    @property
    def first(self) -> int:
        """What its variable `first` is at most."""
        return FIRST_MAX.get(self.name, documents.PAGE_SIZE)


def found() -> list[Document]:
    """Every text and every function of the module of documents."""
    public = [(name, value) for name, value in vars(documents).items() if not name.startswith("_")]
    texts = [Document(name, value) for name, value in public if isinstance(value, str)]
    built = [
        Document(f"{name}({COUNTS_MAX[value]})", value(COUNTS_MAX[value]))
        for name, value in public
        if inspect.isfunction(value)
    ]
    return sorted(texts + built)


DOCUMENTS = found()


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """The sandbox's."""
    return executable_schema()


def measure(document: Document, schema: GraphQLSchema) -> Any:
    """What GitLab's analyzers say of a document."""
    (operation,) = parse(document.text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    return Analyzer(schema, parse(document.text), {"first": document.first}).measure(operation)


def test_each_document_has_its_score_and_the_largest_fits_a_reader_who_is_not_logged_in(
    schema: GraphQLSchema,
) -> None:
    scores = {document.name: measure(document, schema).complexity for document in DOCUMENTS}
    assert scores == SCORES
    assert 0 < max(scores.values()) <= ANONYMOUS_COMPLEXITY_MAX == 200


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_a_document_is_valid_and_within_every_limit_of_a_query(document: Document, schema: GraphQLSchema) -> None:
    assert validate(schema, parse(document.text)) == []
    measured = measure(document, schema)
    assert measured.depth <= ANONYMOUS_DEPTH_MAX
    assert measured.recursive == ()
    assert len(document.text) < CHARACTERS_MAX


class Connections(Visitor):
    """Collects the fields of a document that are connections, and those of them that say no `first:`."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types, self.all, self.endless = types, set[str](), set[str]()

    def enter_field(self, node: FieldNode, *_: object) -> None:
        """Look at one field."""
        kind = get_named_type(self._types.get_type())
        if kind is not None and kind.name.endswith("Connection"):
            self.all.add(node.name.value)
            if "first" not in {argument.name.value for argument in node.arguments or ()}:
                self.endless.add(node.name.value)


def connections(document: DocumentNode, schema: GraphQLSchema) -> Connections:
    """The connections of a document."""
    types = TypeInfo(schema)
    seen = Connections(types)
    visit(document, TypeInfoVisitor(types, seen))
    return seen


def test_every_connection_says_how_much_it_wants(schema: GraphQLSchema) -> None:
    seen = [connections(parse(document.text), schema) for document in DOCUMENTS]
    assert set().union(*(one.all for one in seen)) == {"aiMessages", "blobs", "issues", "jobs", "vulnerabilities"}
    assert set().union(*(one.endless for one in seen)) == set()
    assert connections(parse("query { project(fullPath: 1) { jobs { count } } }"), schema).endless == {"jobs"}


def test_no_document_hides_anywhere_else() -> None:
    homes = {module.path for module in modules(LIBRARY, PLUGINS, DAGS) if any(texts_like_documents(module))}
    assert homes == {"include/daily_runs/gitlab/documents.py"}


def test_a_document_is_known_when_it_is_seen() -> None:
    (home,) = [module for module in modules(LIBRARY) if module.path.endswith("gitlab/documents.py")]
    assert len(list(texts_like_documents(home))) == len(DOCUMENTS)
    for source in (
        'asked = "{ currentUser { username } }"',
        'asked = f"query q($n: Int) {{ {fields} }}"',
        'def ask():\n    return "mutation m { aiAction { errors } }"',
        'asked = "query a {" + " b }"',
    ):
        assert list(texts_like_documents(Module("x.py", 1, ast.parse(source)))), source


def texts_like_documents(module: Module) -> Iterator[str]:
    """Strings of a module, docstrings aside, that begin like an operation or are one to GraphQL's own parser."""
    skipped = {id(node) for node in docstrings(module.tree)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in ast.walk(node) if part is not node}
            text = "".join(part.value if isinstance(part, ast.Constant) else "_" for part in node.values)  # type: ignore[misc]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            text = node.value
        else:
            continue
        if OPERATION.match(text) or is_document(text):
            yield text


def is_document(text: str) -> bool:
    """Whether GraphQL reads it as one or more operations; `{name}` alone is a place in a text, not a query."""
    if "{" not in text or re.fullmatch(r"\{\w+\}", text):
        return False
    try:
        return any(isinstance(node, OperationDefinitionNode) for node in parse(text).definitions)
    except GraphQLError:
        return False


def docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Strings that stand as statements."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
