"""What a run asks, what makes it the same work, and what a stage may report."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.dataset import Item, dataset_sha256
from daily_runs.errors import CountsError
from daily_runs.records.run import Prompt, Report, RunKey, choose_prompts, date_and_sample, dealt, plan_hash
from daily_runs.runs.trigger_form import RUN_PATTERN

CUT = {"type": "code_cut", "file_name": "a.py", "intent": "completion", "above": "def f():\n", "below": ""}


def items(count: int) -> list[Item]:
    return [
        Item.model_validate(
            {
                "id": f"item-{n}",
                "seed_key": f"seed-{n}",
                "class": "any",
                "resource": CUT,
                "reference": {"completion": f"return {n}"},
            }
        )
        for n in range(count)
    ]


@given(st.integers(1, 12), st.integers(1, 60), st.integers(1, 8))
def test_prompts_are_as_many_as_asked_with_distinct_ids_and_one_shard_an_item(
    item_count: int, count: int, shards: int
) -> None:
    prompts = choose_prompts(items(item_count), count, shards)
    assert len(prompts) == len({prompt.prompt_id for prompt in prompts}) == count
    shard_of = {prompt.item_id: prompt.shard for prompt in prompts}
    assert all(shard_of[prompt.item_id] == prompt.shard for prompt in prompts)
    assert {prompt.shard for prompt in prompts} <= set(range(shards))


@given(st.integers(1, 12), st.integers(1, 60))
def test_no_item_is_asked_twice_more_than_another(item_count: int, count: int) -> None:
    asked = [prompt.item_id for prompt in choose_prompts(items(item_count), count, 1)]
    often = [asked.count(item.id) for item in items(item_count)]
    assert max(often) - min(often) <= 1


def test_a_prompt_is_named_by_its_item_and_the_turn() -> None:
    assert choose_prompts(items(2), 4, 2) == (
        Prompt("item-0#1", "item-0", 0),
        Prompt("item-1#1", "item-1", 1),
        Prompt("item-0#2", "item-0", 0),
        Prompt("item-1#2", "item-1", 1),
    )


@given(st.lists(st.sampled_from("abcdef"), min_size=1), st.integers(1, 8))
def test_prompts_are_dealt_out_by_item_and_evenly(asked: list[str], shards: int) -> None:
    prompts = [Prompt(f"{item}#{n}", item, 0) for n, item in enumerate(asked)]
    dealt_out = dealt(prompts, shards)
    assert [prompt[:2] for prompt in dealt_out] == [prompt[:2] for prompt in prompts]
    items_of: dict[int, set[str]] = {}
    for prompt in dealt_out:
        items_of.setdefault(prompt.shard, set()).add(prompt.item_id)
    assert sum(map(len, items_of.values())) == len(set(asked))
    assert len(items_of) == min(shards, len(set(asked)))
    assert max(map(len, items_of.values())) - min(map(len, items_of.values())) <= 1


def test_a_change_of_prompts_data_rubric_or_judge_is_other_work() -> None:
    two = items(2)
    other = [two[0], two[1].model_copy(update={"question": "Why?"})]
    prompts = choose_prompts(two, 4, 1)
    works = [
        (prompts, two, "rubric", "judge"),
        (choose_prompts(two, 3, 1), two, "rubric", "judge"),
        (prompts, other, "rubric", "judge"),
        (prompts, two, "rubric-2", "judge"),
        (prompts, two, "rubric", "judge-2"),
    ]
    assert len({plan_hash(*work) for work in works}) == len(works)
    assert plan_hash(*works[0]) == plan_hash(choose_prompts(items(2), 4, 1), items(2), "rubric", "judge")


def test_the_hash_of_a_data_set_follows_its_content() -> None:
    assert dataset_sha256(items(3)) == dataset_sha256(items(3))
    assert dataset_sha256(items(3)) != dataset_sha256(items(2))


@pytest.mark.parametrize(
    ("end", "sample", "rubric"),
    [
        ("", "", ""),
        ("/sample-1a2b3c4d", "1a2b3c4d", ""),
        ("/rubric-0a1b2c3d4e5f", "rubric-0a1b2c3d4e5f", "0a1b2c3d4e5f"),
        ("/sample-1a2b3c4d/rubric-0a1b2c3d4e5f", "1a2b3c4d/rubric-0a1b2c3d4e5f", "0a1b2c3d4e5f"),
    ],
)
def test_a_run_key_ends_with_what_sets_the_run_apart_from_the_full_one(end: str, sample: str, rubric: str) -> None:
    key = RunKey("duo_chat", "staging", dt.datetime(2026, 8, 15, 6, tzinfo=dt.UTC), sample)
    assert str(key) == f"duo_chat/staging/2026-08-15T06:00:00Z{end}"
    assert key.trial == rubric
    assert re.fullmatch(RUN_PATTERN, str(key).split("/", 2)[2])


DIGITS = st.text("0123456789abcdef", min_size=12, max_size=12)


@given(st.datetimes(), st.sampled_from(["", "1a2b3c4d"]), DIGITS, st.booleans())
def test_what_is_read_from_a_run_key_is_what_it_was_made_of(
    moment: dt.datetime, sample: str, rubric: str, is_trial: bool
) -> None:
    plain = RunKey("duo_chat", "staging", moment.replace(tzinfo=dt.UTC), sample)
    key = plain.tried(rubric) if is_trial else plain
    assert (key.trial, key.untried, key.tried(rubric)) == (rubric if is_trial else "", plain, plain.tried(rubric))
    date, read = date_and_sample(str(key).split("/", 2)[2])
    assert (dt.datetime.fromisoformat(date), read) == (key.logical_date, key.sample)


def test_a_run_key_is_spelled_in_utc() -> None:
    east = dt.timezone(dt.timedelta(hours=2))
    key = RunKey("duo_chat", "staging", dt.datetime(2026, 8, 15, 8, tzinfo=east))
    assert str(key) == "duo_chat/staging/2026-08-15T06:00:00Z"


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 30))
def test_a_report_whose_counts_do_not_add_up_cannot_be_made(
    answered: int, failed: int, missing: int, asked: int
) -> None:
    if asked == answered + failed + missing:
        assert Report("inference", asked, answered, failed, missing).asked == asked
    else:
        with pytest.raises(CountsError, match=rf"inference: asked {asked} ≠ answered {answered} \+ failed {failed}"):
            Report("inference", asked, answered, failed, missing)


def test_a_plan_stays_the_same_work_from_release_to_release() -> None:
    """The hash since items have classes: with another one, an upgrade would end unfinished attempts and pay anew."""
    asked = items(3)
    of_then = "b64cfecb6d047c203627ab5313d4c33fc39801ac0b280f397004679402f2d6f3"
    assert plan_hash(choose_prompts(asked, 6, 2), asked, "a rubric", "a judge") == of_then
