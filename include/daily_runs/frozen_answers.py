"""Frozen answers: fixed texts of known quality beside a data set (format: docs/datasets.md).

They are judged each day with the day's judge. Their texts never change, so if their points move, the judge moved and
not the feature's model. What points a sound judge gives follows from how a text was made out of its item's reference:
no person has labelled any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.fields import Key
from daily_runs.catalogue.folders import dataset_path, include_root
from daily_runs.catalogue.reading.fault_texts import Refusal
from daily_runs.dataset import Item, load_feature_dataset
from daily_runs.row_faults import RowFault, lines_of, refuse_rows, row_of

POINTS_MIN, POINTS_MAX = 1, 5
"""The scale of every rubric (`judging.rubric.SCALE_MIN`, `SCALE_MAX`, which a test compares)."""

MADE: Mapping[str, str] = {
    # as good as the reference
    "reference": "The reference, in the form that the feature's answers have.",
    "other_order": "The reference with its sections in another order and under other headings.",
    "as_list": "The reference as a list with a point for each sentence.",
    "in_asked_form": "What the reference says, in the form that it describes.",
    "with_file_header": "The reference's diff with the headers that name the file.",
    "other_names": "The reference with other names of local variables.",
    # with one fault
    "half": "The first half of the reference.",
    "padded": "The reference, and behind it the first half of the text that was asked about.",
    "no_fix": "The reference without its fix.",
    "no_impact": "The reference without its impact.",
    "among_guesses": "The reference as one of three guesses; the other two are references of other items.",
    "invented_detail": "The reference with a detail that its context does not bear.",
    "other_figures": "The reference with some of its figures replaced by wrong ones.",
    "unneeded_changes": "The reference's diff with changes beside it that nobody needs.",
    "first_line": "The first line of the reference.",
    "repeats_context": "The reference behind a repeated line of its context.",
    # bad
    "other_items_reference": "The reference of an item of another class.",
    "same_class_other_reference": "The reference of another item of the same class.",
    "contradicted": "The reference with its central statement turned round.",
    "invented_answer": "An invented answer to a question that the text does not answer.",
    "invented_names": "Code in the reference's place that rests on invented names.",
    "denies_the_weakness": "The claim that there is no weakness.",
    "symptom_only": "The log's last line about an error, called the cause.",
    "hides_the_fault": "A way to have the pipeline pass in spite of the fault, such as allow_failure or nosec.",
    "comment_only": "A diff that adds a comment and changes no code.",
    "placeholder": "A diff that puts a TODO in the place of what it removes.",
    "syntax_broken": "The reference with brackets missing, so that it does not run.",
    "empty_body": "A statement that does nothing, in the reference's place.",
    "explanation_instead": "Prose where code belongs.",
    "other_language": "Code of another language.",
    "boilerplate": "Friendly general remarks with nothing of the reference.",
    "refusal": "A polite refusal, and nothing else.",
}
"""How an answer was made, in one sentence each: an edit of a reference, or a text that has nothing of it."""

_Points = Annotated[int, Field(strict=True, ge=POINTS_MIN, le=POINTS_MAX)]


class FrozenAnswer(BaseModel):
    """One line of the file.

    `item` is the id of the item that the text is an answer to, `made` one of `MADE`. `expected`: by criterion of the
    rubric the lowest and the highest points that a sound judge gives; a criterion of which the making says nothing is
    left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Key
    item: Key
    made: Key
    answer: Annotated[str, StringConstraints(pattern=r"\S")]
    expected: dict[str, tuple[_Points, _Points]] = Field(min_length=1)


def asked_first(made_by_id: Mapping[str, str]) -> frozenset[str]:
    """The half of the frozen answers (ids with how each was made) that is judged before a run's own answers, the other
    one after them. Each half has every way of making, so that both see the whole scale."""
    return frozenset(sorted(made_by_id, key=lambda frozen_id: (made_by_id[frozen_id], frozen_id))[::2])


def frozen_path(dataset_file: Path) -> Path:
    """Where a data set's frozen answers are: `duo_chat.frozen.jsonl` beside `duo_chat.jsonl`."""
    return dataset_file.with_suffix(".frozen.jsonl")


def load_frozen(feature: Feature) -> tuple[FrozenAnswer, ...]:
    """A feature's frozen answers, in the file's order; none if its data set has no such file.

    Raises:
        DatasetError: see `load`; or the data set itself is not sound.
    """
    return load(dataset_path(feature), load_feature_dataset(feature), below=include_root() / "datasets")


def load(dataset_file: Path, items: Sequence[Item], below: Path | None = None) -> tuple[FrozenAnswer, ...]:
    """Read the frozen answers of a data set, or name the line of each bad row and what is wrong with it.

    Criteria are not compared with a rubric here: `daily-runs catalogue check` does that.

    Args:
        dataset_file: the data set's own file.
        items: its items.
        below: the folder in which the file must lie; any, by default.

    Raises:
        DatasetError: unreadable file, or bad rows: no JSON, an unknown key or item or `made`, a repeated id, points off
            the scale or upside down, a blank answer.
    """
    path = frozen_path(dataset_file)
    if not path.exists():
        return ()
    answers, faults = frozen_rows(lines_of(path, below), {item.id for item in items})
    refuse_rows(path, faults)
    return answers


def frozen_rows(
    lines: Iterable[tuple[int, str]], known: Collection[str] | None
) -> tuple[tuple[FrozenAnswer, ...], tuple[RowFault, ...]]:
    """Every answer, and everything that is wrong with rows.

    Args:
        lines: each with its number.
        known: the ids of the data set's items; None if not all of them can be read, then they are not compared.
    """
    answers: list[FrozenAnswer] = []
    faults: list[RowFault] = []
    seen: dict[str, int] = {}
    for number, line in lines:
        answer, refused = row_of(FrozenAnswer, line)
        if answer:
            refused += _faults(answer, known)
            if answer.id in seen:
                problem = f"id {answer.id!r} stands already in line {seen[answer.id]}"
                refused.append(Refusal((), problem, "Give each row its own."))
            seen.setdefault(answer.id, number)
            answers.append(answer)
        faults += [RowFault(number, *one) for one in refused]
    return tuple(answers), tuple(faults)


def frozen_sha256(answers: Sequence[FrozenAnswer]) -> str:
    """Content hash of frozen answers (hex): answers under another hash are another ruler, and are not compared."""
    return hashlib.sha256("\n".join(answer.model_dump_json() for answer in answers).encode()).hexdigest()


def _faults(answer: FrozenAnswer, known: Collection[str] | None) -> Iterator[Refusal]:
    if known is not None and answer.item not in known:
        yield Refusal(("item",), f"{answer.item!r} is not in the data set", "Give the id of one of its items.")
    if answer.made not in MADE:
        yield Refusal(("made",), f"{answer.made!r} is none of {', '.join(MADE)}", "Give one of these.")
    for criterion, (lowest, highest) in answer.expected.items():
        if lowest > highest:
            problem = f"{lowest} to {highest} is upside down"
            yield Refusal(("expected", criterion), problem, "Write the lower one first.")
