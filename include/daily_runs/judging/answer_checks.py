"""Facts about an answer that need no judge: they stand beside its score and never move it.

A check is a pure function of an item and its answer. It says true or false, or a number; None where it does not apply.
`CHECKS` says which feature's answers it is made for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from daily_runs.catalogue.features import FeatureCall
from daily_runs.dataset import CiJob, CodeCut, Item, Vulnerability
from daily_runs.judging.code_checks import FileDiff, diff_of, fenced_in, fences, patched, python_parses, yaml_parses

Fact = bool | int | float | None


class GivenAnswer(NamedTuple):
    """An answer's text, and how long it took (domain seconds; None: unknown)."""

    text: str
    latency_seconds: float | None = None


Check = Callable[[Item, GivenAnswer], Fact]

CITED_CHARACTERS_MIN = 20
CITED_WORDS_MIN = 3
"""Shorter inline code is a name, not a line of the log."""
REFUSAL_WITHIN = 300
"""A refusal is the answer's opening; later such words are about the subject."""
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_QUOTED = re.compile(r"^[ ]{0,3}>[ ]?(.+)$", re.MULTILINE)
_ELISION = re.compile(r"\s*(?:\.\.\.|\u2026|\[\u2026\])\s*")
_OF_LOGS = frozenset({"", "log", "text", "txt", "console", "output", "plaintext", "none"})
_HEADING = re.compile(
    r"^[ ]{0,3}(?:#{1,6}[ ]+(.{1,200}?)|\*\*(.{1,200}?)\*\*|__(.{1,200}?)__)[ :#]{0,9}$", re.MULTILINE
)
_CAUSE, _FIX = re.compile(r"\bcause\b|\bwhy\b", re.IGNORECASE), re.compile(r"\bfix\b|\bsolution\b", re.IGNORECASE)
_REFUSES = re.compile(
    r"\b(?:I|we)(?:\s+am|'m|\s+are|'re)?\s+(?:(?:really|very)\s+)?(?:sorry|afraid)\b[^.!?\n]*\b(?:can't|cannot|can\s+not|unable|won't|not\s+able)\b"
    r"|\bI\s+(?:can't|cannot|can\s+not|am\s+unable\s+to|am\s+not\s+able\s+to|won't|must\s+decline\s+to)\s+(?:\w+\s+){0,2}?"
    r"(?:help|assist|answer|comply|fulfil\w*|do\s+that|provide|share|discuss|respond|generate|process)\b"
    r"|\bas\s+an\s+AI\b[^.!?\n]*\b(?:can't|cannot|unable|not\s+able)\b",
    re.IGNORECASE,
)


def length_characters(_: Item, answer: GivenAnswer) -> int:
    """How long the answer is, in characters."""
    return len(answer.text)


def latency_seconds(_: Item, answer: GivenAnswer) -> float | None:
    """How long the answer took, in domain seconds, from its last sending."""
    return answer.latency_seconds


def refuses(_: Item, answer: GivenAnswer) -> bool:
    """Whether its opening declines to answer, in English. "I can't reproduce this" is no refusal."""
    return _REFUSES.search(answer.text[:REFUSAL_WITHIN].replace("\u2019", "'")) is not None


def has_asked_sections(_: Item, answer: GivenAnswer) -> bool:
    """Whether the two headed sections of a root cause analysis are there: the cause, then a fix (docs/domain.md §4)."""
    causes = [where for where, title in _headings(answer.text) if _CAUSE.search(title)]
    fixes = [where for where, title in _headings(answer.text) if _FIX.search(title)]
    return bool(causes and fixes) and causes[0] < fixes[-1]


def _headings(text: str) -> list[tuple[int, str]]:
    """Where each heading of a Markdown text begins, and its words; what stands in a block of code is none."""
    blocks = [(fence.start, fence.start + len(fence.code)) for fence in fences(text)]
    found = [(heading.start(), heading[1] or heading[2] or heading[3]) for heading in _HEADING.finditer(text)]
    return [(at, title) for at, title in found if not any(start <= at < end for start, end in blocks)]


def cited_lines_in_log_share(item: Item, answer: GivenAnswer) -> float | None:
    """Of the lines that the analysis cites, the share that the job's log really holds; None where it cites none.

    Cited is, before the heading of the fix: a line of a quotation or of a block of code without a language (or of log),
    and inline code of `CITED_WORDS_MIN` words. Colours, blanks and a cut within a line (…) do not count.
    """
    if not isinstance(item.resource, CiJob):
        return None
    fixes = [where for where, title in _headings(answer.text) if _FIX.search(title)]
    analysis = answer.text[: fixes[0]] if fixes else answer.text
    cited = [line for fence in fences(analysis) if fence.language in _OF_LOGS for line in fence.code.splitlines()]
    cited += [found[1] for found in _QUOTED.finditer(analysis)]
    cited += [code for code in _INLINE.findall(analysis) if len(code.split()) >= CITED_WORDS_MIN]
    lines = [line for line in map(_bare, cited) if len(line) >= CITED_CHARACTERS_MIN]
    log = _bare(item.resource.log)
    there = [all(part in log for part in _ELISION.split(line) if part) for line in lines]
    return sum(there) / len(there) if there else None


def _bare(text: str) -> str:
    """Without colours, and with one blank for each run of blanks."""
    return " ".join(_COLOURS.sub("", text).split())


def fenced_yaml_parses(_: Item, answer: GivenAnswer) -> bool | None:
    """Whether each block of YAML parses; None where there is none."""
    return _all([yaml_parses(code) for code in fenced_in(answer.text, ("yaml", "yml"))])


def fenced_diff_is_valid(_: Item, answer: GivenAnswer) -> bool | None:
    """Whether each block that calls itself a diff is one whose hunks count right; None where there is none."""
    return _all([diff_of(code) is not None for code in fenced_in(answer.text, ("diff", "patch"))])


def fenced_python_parses(_: Item, answer: GivenAnswer) -> bool | None:
    """Whether each block of Python parses; None where there is none."""
    return _all([python_parses(code) for code in fenced_in(answer.text, ("python", "py", "python3"))])


def _all(found: list[bool | None]) -> bool | None:
    """Whether all are true; None where nothing is known of any."""
    known = [one for one in found if one is not None]
    return all(known) if known else None


def diff_is_valid(_: Item, answer: GivenAnswer) -> bool:
    """Whether the answer is a unified diff whose hunks count right."""
    return diff_of(answer.text) is not None


def diff_applies(item: Item, answer: GivenAnswer) -> bool:
    """Whether the diff changes the vulnerable file, and finds there the lines that it names."""
    return _fixed(item, answer) is not None


def fixed_file_parses(item: Item, answer: GivenAnswer) -> bool | None:
    """Whether the vulnerable file, if it is Python, parses with the diff made; None where the diff does not apply."""
    fixed = _fixed(item, answer)
    if fixed is None or not isinstance(item.resource, Vulnerability) or not item.resource.file_name.endswith(".py"):
        return None
    return python_parses(fixed)


def _fixed(item: Item, answer: GivenAnswer) -> str | None:
    resource = item.resource
    if not isinstance(resource, Vulnerability):
        return None
    for changes in diff_of(answer.text) or []:
        if _is_of(changes, resource.file_name):
            return patched(resource.code, changes)
    return None


def _is_of(changes: FileDiff, file_name: str) -> bool:
    """In an environment the file may lie deeper than in the data set, or the diff may name no file at all."""
    return not changes.path or changes.path == file_name or changes.path.endswith(f"/{file_name}")


def completed_file_parses(item: Item, answer: GivenAnswer) -> bool | None:
    """Whether the module, if it is Python, parses with the suggestion at the cursor."""
    resource = item.resource
    if not isinstance(resource, CodeCut) or not resource.file_name.endswith((".py", ".pyi")):
        return None
    return python_parses(f"{resource.above}{answer.text}{resource.below}")


_OF_ALL: tuple[Check, ...] = (length_characters, latency_seconds)
_OF_WORDS: tuple[Check, ...] = (*_OF_ALL, refuses)

CHECKS: Mapping[FeatureCall, tuple[Check, ...]] = {
    FeatureCall.TROUBLESHOOT_JOB: (
        *_OF_WORDS,
        has_asked_sections,
        cited_lines_in_log_share,
        fenced_yaml_parses,
        fenced_diff_is_valid,
        fenced_python_parses,
    ),
    FeatureCall.CHAT: _OF_WORDS,
    FeatureCall.CHAT_COMMAND: _OF_WORDS,
    FeatureCall.EXPLAIN_VULNERABILITY: (*_OF_WORDS, fenced_python_parses, fenced_diff_is_valid),
    FeatureCall.RESOLVE_VULNERABILITY: (*_OF_ALL, diff_is_valid, diff_applies, fixed_file_parses),
    FeatureCall.COMPLETE_CODE: (*_OF_ALL, completed_file_parses),
}
"""Which facts are kept of a feature's answers, by how it is called. A fact is named as its function is."""


def facts_of(call: FeatureCall, item: Item, answer: GivenAnswer) -> dict[str, Fact]:
    """All facts of one answer, by name."""
    return {check.__name__: check(item, answer) for check in CHECKS[call]}
