"""The shipped frozen answers are as their makers make them, cover all classes, and expose a judge that never reads."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from tools.frozen import make
from tools.frozen.chat_texts import CONTRADICTED, IN_ASKED_FORM, INVENTED, OTHER_FIGURES

from daily_runs.catalogue.reading import files
from daily_runs.dataset import Item, Vulnerability, load
from daily_runs.dataset_card import load_card
from daily_runs.frozen_answers import MADE, POINTS_MAX, POINTS_MIN, FrozenAnswer, frozen_path
from daily_runs.frozen_answers import load as load_answers
from daily_runs.judging import prompt, rubric
from daily_runs.judging.answer_checks import (
    GivenAnswer,
    completed_file_parses,
    diff_applies,
    fixed_file_parses,
    has_asked_sections,
    refuses,
)
from daily_runs.sandbox.anthropic.judge import judge

INCLUDE = Path(__file__).resolve().parents[3] / "include"
SHA256 = {
    "root_cause_analysis": "950d3003a6ba397f9eab512fd3ccb29927f030dc9019b7c2f6a76c438f90f582",
    "duo_chat": "864602782d0a02fec6131417851f7a6a3e01c5c6ff5f0fb53215f3d857dec9f0",
    "vulnerability_explanation": "d27150f2bb1e253b8cb1362a32c5291939d14811b2fa69145f7814453b2be249",
    "vulnerability_resolution": "b65a665f530707aae75396596d7bb7722fb42ce2cf062283f1317d64076eaa60",
    "code_suggestions": "dcfdec143b604f9cd305d51173d206921607544bec7a320493cc84ceafb5c826",
}
"""Of the whole file. A changed answer is another ruler, so that the points before and after cannot be compared: change
one here only if that is meant."""
ANSWERS_MIN = {
    "root_cause_analysis": 60,
    "duo_chat": 60,
    "vulnerability_explanation": 30,
    "vulnerability_resolution": 30,
    "code_suggestions": 30,
}
GOOD_SHARE = 0.4
OUT_MIN = 0.3
"""The share of answers of which a judge that does not look at them must give points that are out of their range."""
SANDBOX_IN_MIN = 0.85
UNSEEN_BY_WORDS = {
    "no_fix": "half of the reference's words are enough for 3 points",
    "contradicted": "the words are the reference's own",
    "other_figures": "a figure is one word among many",
    "invented_detail": "a sentence more changes the measure little",
    "half": "the first half may hold most of the words",
    "in_asked_form": "where the reference describes the form, its words are others",
    "comment_only": "a diff is compared by the lines that it adds, so that unchanged behaviour is not seen",
    "hides_the_fault": "the same",
    "reference": "of a fix of one line, the explanation counts as a second line that the diff lacks",
    "with_file_header": "the same",
    "syntax_broken": "a bracket is no word",
    "repeats_context": "nothing is missing, and too much is not what completeness measures",
    "first_line": "a short line may hold most of the words",
}
"""Ways to which the sandbox's judge, which compares words and reads no labels, may give other points, and why."""

each_set = pytest.mark.parametrize("name", SHA256)
Judge = Callable[[FrozenAnswer, str], int]


@cache
def items_of(name: str) -> Mapping[str, Item]:
    return {item.id: item for item in load(INCLUDE / "datasets" / f"{name}.jsonl")}


@cache
def answers_of(name: str) -> tuple[FrozenAnswer, ...]:
    return load_answers(INCLUDE / "datasets" / f"{name}.jsonl", tuple(items_of(name).values()))


@cache
def rubric_of(name: str) -> rubric.Rubric:
    return rubric.load(INCLUDE / "rubrics" / f"{name}.yaml")


def every_answer() -> Iterator[tuple[str, Item, FrozenAnswer]]:
    for name in SHA256:
        for answer in answers_of(name):
            yield name, items_of(name)[answer.item], answer


@each_set
def test_a_file_is_changed_on_purpose_only(name: str) -> None:
    content = frozen_path(INCLUDE / "datasets" / f"{name}.jsonl").read_bytes()

    assert hashlib.sha256(content).hexdigest() == SHA256[name]


@each_set
def test_a_file_is_what_its_maker_makes_of_the_references(name: str) -> None:
    text = frozen_path(INCLUDE / "datasets" / f"{name}.jsonl").read_text(encoding="utf-8")

    assert make.text_of(make.MAKERS[name](tuple(items_of(name).values()))) == text


@each_set
def test_there_are_as_many_as_the_catalogue_says_and_enough_of_each_kind(name: str) -> None:
    answers = answers_of(name)
    good = [answer for answer in answers if {lowest for lowest, _ in answer.expected.values()} == {4}]

    assert files.load().features[name].frozen_answers == len(answers) >= ANSWERS_MIN[name]
    assert len(good) / len(answers) == pytest.approx(GOOD_SHARE, abs=0.05)
    assert len({answer.answer for answer in good}) == len(good)


@each_set
def test_every_class_has_good_answers_and_bad_ones(name: str) -> None:
    kinds: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for answer in answers_of(name):
        kinds[items_of(name)[answer.item].item_class] |= set(answer.expected.values())

    assert kinds.keys() == load_card(INCLUDE / "datasets" / f"{name}.jsonl").classes.keys()
    assert all((4, 5) in ranges and (1, 2) in ranges for ranges in kinds.values()), kinds


@each_set
def test_every_criterion_of_the_rubric_is_expected_high_of_some_answers_and_low_of_others(name: str) -> None:
    ranges: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for answer in answers_of(name):
        for criterion, points in answer.expected.items():
            ranges[criterion].add(points)

    assert ranges.keys() == {criterion.name for criterion in rubric_of(name).criteria}
    assert all((POINTS_MIN, POINTS_MAX) not in found for found in ranges.values())
    low = {criterion for criterion, found in ranges.items() if any(highest <= 4 for _, highest in found)}
    assert low == ranges.keys() - {"clarity"}


def test_every_way_of_making_is_used_and_no_other() -> None:
    assert {answer.made for _, _, answer in every_answer()} == MADE.keys()


def out_of_range(name: str, judged: Judge) -> tuple[float, float]:
    """Shares out of range: of answers with at least one such criterion, and of single criteria."""
    out = [
        [not lowest <= judged(answer, criterion) <= highest for criterion, (lowest, highest) in answer.expected.items()]
        for answer in answers_of(name)
    ]
    criteria = [found for of_answer in out for found in of_answer]
    return sum(map(any, out)) / len(out), sum(criteria) / len(criteria)


@each_set
@pytest.mark.parametrize("points", range(POINTS_MIN, POINTS_MAX + 1))
def test_a_judge_that_gives_everybody_the_same_is_out_of_range(name: str, points: int) -> None:
    answers, criteria = out_of_range(name, lambda _, __: points)

    assert answers >= OUT_MIN
    assert criteria >= OUT_MIN


@each_set
@pytest.mark.parametrize("seed", range(10))
def test_a_judge_that_throws_dice_is_out_of_range(name: str, seed: int) -> None:
    dice = random.Random(seed)
    answers, criteria = out_of_range(name, lambda _, __: dice.randint(POINTS_MIN, POINTS_MAX))

    assert answers >= OUT_MIN
    assert criteria >= OUT_MIN


@each_set
def test_any_judge_that_ignores_the_answer_is_out_of_range(name: str) -> None:
    """Even the best of them, which knows all ranges and gives each item the points that most of its answers allow."""
    by_item = defaultdict(list)
    for answer in answers_of(name):
        by_item[answer.item].append(answer.expected)
    names = [criterion.name for criterion in rubric_of(name).criteria]
    in_range = sum(most_in_range(names, expected) for expected in by_item.values())

    assert 1 - in_range / len(answers_of(name)) >= OUT_MIN


def most_in_range(names: list[str], expected: list[dict[str, tuple[int, int]]]) -> int:
    """How many answers of one item can be in range if all get the same points."""
    every = (
        dict(zip(names, points, strict=True))
        for points in product(range(POINTS_MIN, POINTS_MAX + 1), repeat=len(names))
    )
    return max(
        sum(all(low <= points[name] <= high for name, (low, high) in one.items()) for one in expected)
        for points in every
    )


@cache
def sandbox_points(name: str, answer_id: str) -> Mapping[str, int]:
    """What the sandbox's judge gives, by the request that the real one gets."""
    answer = next(one for one in answers_of(name) if one.id == answer_id)
    asked = prompt.build(rubric_of(name), items_of(name)[answer.item], answer.answer)
    verdict = judge(asked.tool["input_schema"], asked.system, asked.user, worse=0, seed=0)
    assert verdict is not None
    scores: Mapping[str, int] = verdict["scores"]
    return scores


@each_set
def test_the_sandboxs_judge_is_in_range_but_for_what_words_do_not_show(name: str) -> None:
    answers, _ = out_of_range(name, lambda answer, criterion: sandbox_points(name, answer.id)[criterion])
    missed = {
        answer.made
        for answer in answers_of(name)
        for criterion, (lowest, highest) in answer.expected.items()
        if not lowest <= sandbox_points(name, answer.id)[criterion] <= highest
    }

    assert answers <= 1 - SANDBOX_IN_MIN
    assert missed <= UNSEEN_BY_WORDS.keys()


def test_good_diffs_and_suggestions_fit_their_files_and_broken_ones_do_not_parse() -> None:
    parses = {"vulnerability_resolution": fixed_file_parses, "code_suggestions": completed_file_parses}
    looked_at = Counter[str]()
    for name, item, answer in every_answer():
        given = GivenAnswer(answer.answer)
        if name == "vulnerability_resolution" and answer.made not in (
            "other_items_reference",
            "same_class_other_reference",
        ):
            assert diff_applies(item, given), answer.id
        if name in parses and parses[name](item, given) is not None:
            is_broken = answer.made in ("syntax_broken", "explanation_instead", "other_language")
            fits = "other_reference" not in answer.made and "items_reference" not in answer.made
            assert parses[name](item, given) is not is_broken or not fits, answer.id
            looked_at[answer.made] += 1
    assert looked_at["syntax_broken"] >= 2
    assert looked_at["reference"] >= 10


def test_foreign_diffs_do_not_apply_to_the_file() -> None:
    foreign = [
        (item, answer)
        for name, item, answer in every_answer()
        if name == "vulnerability_resolution" and answer.made in ("other_items_reference", "same_class_other_reference")
    ]

    assert len(foreign) >= 5
    assert not [answer.id for item, answer in foreign if diff_applies(item, GivenAnswer(answer.answer))]


def test_what_code_finds_of_an_answer_agrees_with_how_it_was_made() -> None:
    for name, item, answer in every_answer():
        given = GivenAnswer(answer.answer)
        if isinstance(item.resource, Vulnerability) and name == "vulnerability_resolution":
            continue
        assert refuses(item, given) is (answer.made == "refusal"), answer.id
        if name == "root_cause_analysis" and answer.made == "reference":
            assert has_asked_sections(item, given), answer.id


def test_the_texts_by_hand_are_used_and_keep_the_form_that_is_asked_for() -> None:
    used = {(answer.item, answer.made) for answer in answers_of("duo_chat")}
    by_hand: Mapping[str, Collection[str]] = {
        "in_asked_form": IN_ASKED_FORM,
        "invented_answer": INVENTED,
        "contradicted": CONTRADICTED,
        "other_figures": OTHER_FIGURES,
    }

    assert {(item, made) for made, texts in by_hand.items() for item in texts} <= used
    assert len(IN_ASKED_FORM["chat-015"].split()) <= 60
    assert IN_ASKED_FORM["chat-020"].count(". ") == 2
    assert IN_ASKED_FORM["chat-032"].count("?**") == 4


def test_an_answer_says_nothing_to_the_judge() -> None:
    assert not [answer.id for _, _, answer in every_answer() if "good answer" in answer.answer.lower()]
