"""Frozen answers of code suggestions: four cuts of each class, with a good suggestion each and worse ones beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from tools.frozen.ways import (
    HIGH,
    LOW,
    MIDDLING,
    NONE,
    NOT_BAD,
    NOT_GOOD,
    Way,
    answers_of,
    of_another_class,
    of_the_same_class,
)

from daily_runs.dataset import CodeCut, Item
from daily_runs.frozen_answers import FrozenAnswer

PLAN = {
    # body
    "cs-011": ("other_names", "empty_body"),
    "cs-012": ("other_names", "other_items_reference", "invented_names"),
    "cs-013": ("other_names", "explanation_instead"),
    "cs-010": ("reference", "same_class_other_reference", "invented_names"),
    # line
    "cs-002": ("reference", "other_language"),
    "cs-004": ("reference", "explanation_instead"),
    "cs-008": ("reference", "empty_body", "invented_names"),
    "cs-029": ("reference", "other_items_reference"),
    # block
    "cs-017": ("reference", "explanation_instead", "syntax_broken"),
    "cs-018": ("reference", "other_language"),
    "cs-025": ("other_names", "same_class_other_reference", "repeats_context"),
    "cs-026": ("reference", "empty_body", "first_line"),
}

GOOD = dict.fromkeys(("correctness", "faithfulness", "completeness", "relevance"), HIGH)
"""The reference is the code that stood there. Other names of local variables are no fault: the guidance says so."""

OTHER_NAMES = {
    "cs-011": {"refilled": "level"},
    "cs-012": {"level": "there"},
    "cs-013": {"missing": "lacking"},
    "cs-025": {"score": "value"},
}
"""Local variables of a reference, and other names for them."""

INVENTED_NAMES = {
    "cs-010": "    parts = join_steps(path, brackets=INDEX_STYLE)\n    return parts.without_leading_separator()",
    "cs-008": "        return locate(origin.as_uri(), self.position.row)",
    "cs-012": (
        "        amount = Reservation.of(owner=self.queue).acquire_or_none(limit=CEILING)\n"
        "        return amount.succeeded()"
    ),
}
"""Code that rests on functions and attributes that neither the file nor the language has."""


def answers(items: Sequence[Item]) -> Iterator[FrozenAnswer]:
    """All frozen answers of the feature."""
    return answers_of(items, PLAN, ways(items))


def ways(items: Sequence[Item]) -> Mapping[str, Way]:
    """How suggestions at a cursor are made."""
    # "Does something else" (1), and what belongs there is missing (1). Some of its names may exist here by chance.
    foreign = {"correctness": LOW, "faithfulness": NOT_GOOD, "completeness": LOW}
    return {
        "reference": Way(_completion, GOOD),
        "other_names": Way(_other_names, GOOD),
        "other_items_reference": Way(lambda item: _completion(of_another_class(items, item)), foreign),
        "same_class_other_reference": Way(lambda item: _completion(of_the_same_class(items, item)), foreign),
        # Nothing is done, and all is missing. `pass` is good Python, so nothing is said of names and style.
        "empty_body": Way(lambda item: f"{_indent(item)}pass", {"correctness": NONE, "completeness": LOW}),
        # 1 of relevance: "explanation instead of code". A module with prose in it does not run.
        "explanation_instead": Way(lambda _: _EXPLANATION, {"correctness": LOW, "completeness": LOW, "relevance": LOW}),
        # 1 of relevance: "another language". It does not run in this module.
        "other_language": Way(_other_language, {"correctness": LOW, "completeness": LOW, "relevance": LOW}),
        # 1 of faithfulness: "plainly invented"; 1 of correctness: "does not run".
        "invented_names": Way(lambda item: INVENTED_NAMES[item.id], {"correctness": LOW, "faithfulness": LOW}),
        # A line is missing (3 of completeness) or most of it (1), and the piece does not do what it is for. The line
        # that stands there uses what exists (5).
        "first_line": Way(_first_line, {"correctness": NOT_GOOD, "faithfulness": HIGH, "completeness": NOT_GOOD}),
        # 3 of completeness: "a line of the context is repeated". Said twice, it does the same in the item of the plan.
        "repeats_context": Way(
            _repeats_context, {"correctness": NOT_BAD, "faithfulness": HIGH, "completeness": MIDDLING}
        ),
        # 1 of correctness: "does not run". One character is missing, so nothing is said of the other criteria.
        "syntax_broken": Way(_syntax_broken, {"correctness": LOW}),
    }


_EXPLANATION = (
    "What comes next depends on how you would like to go on. I would suggest thinking about unusual inputs first, then "
    "writing a short draft, and refining it once everything else is in place. Let me know if you want an example!"
)


def _completion(item: Item) -> str:
    return item.reference["completion"]


def _cut(item: Item) -> CodeCut:
    assert isinstance(item.resource, CodeCut)
    return item.resource


def _indent(item: Item) -> str:
    """What stands before the first word of the reference."""
    text = _completion(item)
    return text[: len(text) - len(text.lstrip())]


def _other_names(item: Item) -> str:
    text = _completion(item)
    for old, new in OTHER_NAMES[item.id].items():
        text = re.sub(rf"(?<![.\w]){old}\b", new, text)
    return text


def _other_language(item: Item) -> str:
    indent = _indent(item)
    lines = ("if (!wanted) {", "  throw new Exception('Not given');", "}", "console.log(`Done: ${wanted}`);")
    return "\n".join(f"{indent}{line}" for line in lines)


def _first_line(item: Item) -> str:
    return _completion(item).partition("\n")[0]


def _repeats_context(item: Item) -> str:
    return f"{_cut(item).above.splitlines()[-1]}\n{_completion(item)}"


def _syntax_broken(item: Item) -> str:
    """The reference without its last closing bracket."""
    before, _, after = _completion(item).rpartition(")")
    return before + after
