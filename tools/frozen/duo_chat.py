"""Frozen answers of Duo Chat: four issues or epics of each class, with a good answer each and worse ones beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tools.frozen.chat_texts import CONTRADICTED, IN_ASKED_FORM, INVENTED, OTHER_FIGURES
from tools.frozen.ways import (
    HIGH,
    LOW,
    MIDDLING,
    NONE,
    NOT_BAD,
    NOT_GOOD,
    Way,
    answers_of,
    as_list,
    first_half,
    of_another_class,
    of_the_same_class,
    sentences,
    without_remarks,
)

from daily_runs.dataset import Item, WorkItem
from daily_runs.frozen_answers import FrozenAnswer

PLAN = {
    # summary
    "chat-001": ("reference", "other_items_reference", "half"),
    "chat-008": ("reference", "boilerplate", "padded"),
    "chat-017": ("reference", "same_class_other_reference", "half"),
    "chat-020": ("in_asked_form", "refusal"),
    # lookup
    "chat-002": ("reference", "other_items_reference", "contradicted"),
    "chat-009": ("as_list", "same_class_other_reference", "padded"),
    "chat-014": ("as_list", "refusal"),
    "chat-035": ("reference", "boilerplate"),
    # reasoning
    "chat-003": ("reference", "same_class_other_reference"),
    "chat-007": ("as_list", "other_items_reference", "padded"),
    "chat-010": ("reference", "boilerplate", "contradicted"),
    "chat-016": ("as_list", "refusal"),
    # calculation
    "chat-012": ("as_list", "other_items_reference"),
    "chat-050": ("reference", "same_class_other_reference", "other_figures"),
    "chat-051": ("as_list", "refusal", "other_figures"),
    "chat-055": ("reference", "boilerplate"),
    # rewriting
    "chat-015": ("in_asked_form", "other_items_reference", "padded"),
    "chat-029": ("in_asked_form", "same_class_other_reference"),
    "chat-030": ("in_asked_form", "boilerplate", "half"),
    "chat-032": ("in_asked_form", "refusal"),
    # no-clear-answer
    "chat-006": ("reference", "invented_answer"),
    "chat-060": ("reference", "invented_answer"),
    "chat-061": ("reference", "invented_answer"),
    "chat-062": ("reference", "invented_answer", "half"),
}

GOOD = dict.fromkeys(("faithfulness", "completeness", "relevance", "clarity"), HIGH)
"""The reference is supported by the description, holds what it names as essential, and answers just the question. Where
it describes the form of an answer, the answer has that form (`in_asked_form`)."""


def answers(items: Sequence[Item]) -> Iterator[FrozenAnswer]:
    """All frozen answers of the feature."""
    return answers_of(items, PLAN, ways(items))


def ways(items: Sequence[Item]) -> Mapping[str, Way]:
    """How answers to a question are made."""
    foreign = {"faithfulness": LOW, "completeness": LOW, "relevance": LOW}
    return {
        "reference": Way(_reference, GOOD),
        "as_list": Way(lambda item: as_list(_reference(item)), GOOD),
        "in_asked_form": Way(lambda item: IN_ASKED_FORM[item.id], GOOD),
        # What is there is still true. 3 of completeness: "an essential reason, condition, item or figure is missing";
        # 1: "most of it". Whether half an answer is clear, or in the required form, depends on the question.
        "half": Way(_half, {"faithfulness": HIGH, "completeness": NOT_GOOD}),
        # 3 of relevance: "with much that was not asked, or not in the required form". All of it is in the description.
        "padded": Way(_padded, {"faithfulness": HIGH, "completeness": HIGH, "relevance": MIDDLING}),
        # "A central statement contradicts the description" (1); a reader for whom it is a side statement gives 3. It
        # still answers just the question.
        "contradicted": Way(
            lambda item: _changed(item, CONTRADICTED), {"faithfulness": NOT_GOOD, "relevance": NOT_BAD}
        ),
        "other_figures": Way(
            lambda item: _changed(item, OTHER_FIGURES), {"faithfulness": NOT_GOOD, "relevance": NOT_BAD}
        ),
        # The description says nothing of it, none of what is essential is there, and it "answers another question".
        "other_items_reference": Way(lambda item: _reference(of_another_class(items, item)), foreign),
        "same_class_other_reference": Way(lambda item: _reference(of_the_same_class(items, item)), foreign),
        # The guidance: "an invented answer then gets 1 for faithfulness and completeness".
        "invented_answer": Way(lambda item: INVENTED[item.id], {"faithfulness": LOW, "completeness": LOW}),
        # Nothing is said of the text, so nothing of it is unfaithful: that criterion is left out.
        "boilerplate": Way(lambda _: _BOILERPLATE, {"completeness": NONE, "relevance": LOW}),
        "refusal": Way(lambda _: _REFUSAL, {"completeness": NONE, "relevance": LOW}),
    }


_REFUSAL = "I'm sorry, but I can't help with that."
_BOILERPLATE = (
    "Thank you for this interesting question! It touches on something that many people care about, and it deserves a "
    "careful look. As so often, much depends on your point of view and on your goals. I hope that this helps you on. "
    "Do not hesitate to come back to me!"
)


def _reference(item: Item) -> str:
    return without_remarks(item.reference["answer"])


def _good(item: Item) -> str:
    return IN_ASKED_FORM.get(item.id) or _reference(item)


def _half(item: Item) -> str:
    text = _good(item)
    return "\n".join(first_half(text.splitlines())) if "\n" in text else " ".join(first_half(sentences(text)))


def _padded(item: Item) -> str:
    assert isinstance(item.resource, WorkItem)
    paragraphs = first_half(item.resource.description.split("\n\n"))
    return "\n\n".join([_good(item), "Besides, the text says the following.", *paragraphs])


def _changed(item: Item, changes: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """The reference with some of its words replaced.

    Raises:
        ValueError: a text to be replaced does not stand in it just once.
    """
    text = _reference(item)
    for old, new in changes[item.id]:
        if text.count(old) != 1:
            raise ValueError(f"{item.id}: {old!r} does not stand just once in the reference")
        text = text.replace(old, new)
    return text
