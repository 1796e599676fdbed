"""One spelling per status, from the code to the SQL."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple, get_args

from daily_runs import statuses
from daily_runs.catalogue.environments import Environment
from daily_runs.errors import Blame
from tests.architecture.project import LIBRARY, Module, modules

VERSIONS = LIBRARY / "store" / "migrations" / "versions"
TABLE = re.compile(r"CREATE TABLE (\w+\.\w+) \((.*?)\n\);", re.DOTALL)
CHECK = re.compile(r"CHECK \((\w+) IN \(([^)]*)\)\)")
WORD = re.compile(r"'([^']*)'")
STATUS_LITERALS = re.compile(r"\bstatus\s*(?:=|<>|IN)\s*(\([^)%]*\)|'[^']*')")


class Vocabulary(NamedTuple):
    """The words that a column of the store takes."""

    table: str
    column: str
    words: tuple[str, ...]


def vocabularies() -> list[Vocabulary]:
    """Every `CHECK (column IN (…))` of the migrations; never none."""
    found = [
        Vocabulary(table[1], check[1], tuple(WORD.findall(check[2])))
        for file in sorted(VERSIONS.glob("*.sql"))
        for table in TABLE.finditer(file.read_text(encoding="utf-8"))
        for check in CHECK.finditer(table[2])
    ]
    assert found
    return found


def test_a_status_is_lower_case_words_and_stands_once_in_its_list() -> None:
    for vocabulary in vocabularies():
        assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", word) for word in vocabulary.words), vocabulary
        assert len(set(vocabulary.words)) == len(vocabulary.words) > 0, vocabulary


def test_every_status_column_has_a_closed_list_of_words() -> None:
    closed = {(vocabulary.table, vocabulary.column) for vocabulary in vocabularies()}
    texts = [file.read_text(encoding="utf-8") for file in sorted(VERSIONS.glob("*.sql"))]
    columns = {
        (table[1], column)
        for text in texts
        for table in TABLE.finditer(text)
        for column in re.findall(r"^\s+(status|verdict|provenance)\s+text", table[2], re.MULTILINE)
    }
    assert columns
    assert columns - closed == set()


def test_no_two_columns_spell_one_status_differently() -> None:
    words = {word for vocabulary in vocabularies() for word in vocabulary.words}
    folded = {re.sub(r"[^a-z]", "", word) for word in words}
    assert len(folded) == len(words), sorted(words)


PROVENANCE = frozenset(get_args(Environment.model_fields["provenance"].annotation))
TYPES: dict[tuple[str, str], frozenset[str]] = {
    ("daily_runs.store_provenance", "provenance"): PROVENANCE,
    ("daily_runs.attempt", "status"): frozenset(statuses.AttemptStatus),
    ("daily_runs.attempt", "provenance"): PROVENANCE,
    ("daily_runs.run_summary", "outcome"): frozenset(statuses.DagRunOutcome),
    ("daily_runs.answer", "status"): frozenset(statuses.AnswerStatus),
    ("daily_runs.answer", "error_blame"): frozenset(Blame),
    ("daily_runs.seed_binding", "status"): frozenset(statuses.SeedStatus),
    ("daily_runs.limit_probe", "source"): frozenset(statuses.LimitSource),
    ("daily_runs.limit_probe", "verdict"): frozenset(statuses.LimitVerdict),
    ("daily_runs.readiness", "aspect"): frozenset(statuses.ReadinessAspect),
    ("daily_runs.readiness", "state"): frozenset(statuses.ReadinessState),
    ("daily_runs.routed", "readiness"): frozenset(statuses.ReadinessState),
    ("daily_runs.judgement", "status"): frozenset(statuses.JudgementStatus),
    ("daily_runs.second_verdict", "status"): frozenset(statuses.JudgementStatus),
    ("daily_runs.frozen_verdict", "status"): frozenset(statuses.FrozenStatus),
    ("daily_runs.breaker", "state"): frozenset(statuses.BreakerState),
    ("daily_runs.published_run", "provenance"): PROVENANCE,
    ("daily_runs.alarm", "kind"): frozenset(statuses.AlarmKind),
    ("daily_runs.alarm", "state"): frozenset(statuses.AlarmState),
    ("daily_runs.comparison", "verdict"): frozenset(statuses.QualityVerdict),
    ("daily_runs.incident", "kind"): frozenset(statuses.IncidentKind),
    ("daily_runs.notice", "kind"): frozenset(statuses.NoticeKind),
    ("daily_runs.published_result", "status"): frozenset(statuses.JudgementStatus) - {"sent"},
}


def test_every_closed_list_of_the_store_is_a_type_of_the_code() -> None:
    assert {(words.table, words.column): frozenset(words.words) for words in vocabularies()} == TYPES


def test_every_status_that_a_query_names_is_one_that_the_store_takes() -> None:
    known = {word for vocabulary in vocabularies() if vocabulary.column == "status" for word in vocabulary.words}
    named = dict(statuses_in_queries())
    assert set(named) >= {"sent", "answered", "published"}  # the search itself works
    assert {word: place for word, place in named.items() if word not in known} == {}


def statuses_in_queries() -> Iterator[tuple[str, str]]:
    """Each word that a query compares a status with or sets one to, and where."""
    for module in modules(LIBRARY):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for literals in STATUS_LITERALS.findall(node.value):
                    for word in WORD.findall(literals):
                        yield word, f"{module.path}:{node.lineno}"


def test_every_status_is_one_that_the_code_writes_or_reads() -> None:
    spelled = " ".join(text for module in modules(LIBRARY) for text in strings(module))
    unused = [
        f"{vocabulary.table}.{vocabulary.column}: {word}"
        for vocabulary in vocabularies()
        for word in vocabulary.words
        if not re.search(rf"\b{word}\b", spelled)
    ]
    assert unused == []


def strings(module: Module) -> Iterator[str]:
    """Every string of a module that is not a docstring."""
    documentation = {id(node.value) for node in ast.walk(module.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value
