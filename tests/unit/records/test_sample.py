"""A sample holds each class by its share, and always the same items; what else stands in the file hardly matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs import dataset
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.dataset import Item
from daily_runs.records.run import Prompt, choose_prompts, limited
from daily_runs.records.sample import sampled, seats

CUT = {"type": "code_cut", "file_name": "a.py", "intent": "completion", "above": "def f():\n", "below": ""}
RCA = catalogue_files.load().features["root_cause_analysis"]

class_sizes = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 20), min_size=1)
seeds = st.text(max_size=5)


def item(item_id: str, item_class: str) -> Item:
    return Item.model_validate(
        {"id": item_id, "seed_key": item_id, "class": item_class, "resource": CUT, "reference": {"completion": "1"}}
    )


def items_of(sizes: dict[str, int]) -> list[Item]:
    return [item(f"{name}-{number}", name) for name, size in sizes.items() for number in range(size)]


def by_class(items: Sequence[Item]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in items:
        found.setdefault(one.item_class, set()).add(one.id)
    return found


@given(class_sizes, st.data())
def test_each_class_has_its_share_of_the_places_rounded_down_or_up(sizes: dict[str, int], data: st.DataObject) -> None:
    total = sum(sizes.values())
    count = data.draw(st.integers(0, total))
    places = seats(sizes, count)
    assert sum(places.values()) == count
    for name, size in sizes.items():
        assert abs(places[name] - Fraction(size * count, total)) < 1
        assert places[name] <= size


@given(class_sizes, st.data())
def test_every_class_whose_share_is_a_place_is_there_and_every_class_where_they_all_fit(
    sizes: dict[str, int], data: st.DataObject
) -> None:
    total = sum(sizes.values())
    count = data.draw(st.integers(1, total))
    places = seats(sizes, count)
    assert all(places[name] for name, size in sizes.items() if size * count >= total)
    rounded_down = sum(size * count // total for size in sizes.values())
    small = [name for name, size in sizes.items() if size * count < total]
    if rounded_down + len(small) <= count:
        assert all(places.values())
    else:  # no place is left over for a second item of a class while a class has none
        assert all(places[name] == size * count // total for name, size in sizes.items() if name not in small)


@given(class_sizes, seeds, st.data())
def test_a_sample_has_the_items_it_was_asked_for_each_once_in_the_files_order(
    sizes: dict[str, int], seed: str, data: st.DataObject
) -> None:
    items = items_of(sizes)
    count = data.draw(st.integers(0, len(items) + 3))
    sample = sampled(items, count, seed)
    assert len(sample) == len({one.id for one in sample}) == min(count, len(items))
    assert [one for one in items if one in sample] == list(sample)
    assert sampled(items, count, seed) == sample
    expected = seats(sizes, min(count, len(items)))
    assert Counter(one.item_class for one in sample) == Counter(expected)


@given(class_sizes, seeds, st.data())
def test_the_order_of_the_file_does_not_matter(sizes: dict[str, int], seed: str, data: st.DataObject) -> None:
    items = items_of(sizes)
    count = data.draw(st.integers(1, len(items)))
    shuffled = data.draw(st.permutations(items))
    assert by_class(sampled(shuffled, count, seed)) == by_class(sampled(items, count, seed))


@given(class_sizes, seeds, st.data())
def test_a_larger_sample_holds_the_smaller_one_in_every_class_that_did_not_shrink(
    sizes: dict[str, int], seed: str, data: st.DataObject
) -> None:
    items = items_of(sizes)
    small = data.draw(st.integers(1, len(items)))
    large = data.draw(st.integers(small, len(items)))
    less, more = by_class(sampled(items, small, seed)), by_class(sampled(items, large, seed))
    for name, ids in less.items():
        of_more = more.get(name, set())
        assert ids <= of_more or of_more < ids


@given(class_sizes, seeds, st.sampled_from("abcdefgh"), st.data())
def test_an_item_that_is_added_moves_no_other_but_by_the_places_of_its_class(
    sizes: dict[str, int], seed: str, new_class: str, data: st.DataObject
) -> None:
    items = items_of(sizes)
    count = data.draw(st.integers(1, len(items)))
    before = by_class(sampled(items, count, seed))
    after = by_class(sampled([item("new", new_class), *items], count, seed))
    for name in sizes:
        old, new = before.get(name, set()), after.get(name, set()) - {"new"}
        assert old <= new or new <= old


def test_another_seed_draws_other_items() -> None:
    items = items_of({"a": 40, "b": 40})
    drawn = {tuple(one.id for one in sampled(items, 10, str(seed))) for seed in range(20)}
    assert len(drawn) == 20


def test_over_many_seeds_every_item_is_drawn_about_as_often() -> None:
    """Each of 12 items of a class of which 4 are drawn: 1,000 of 3,000 times, with a deviation of 26."""
    items = items_of({"a": 12, "b": 6})
    often = Counter(one.id for seed in range(3000) for one in sampled(items, 6, str(seed)))
    assert len(often) == 18
    assert all(880 < times < 1120 for times in often.values()), often


def test_a_sample_of_fifty_failed_jobs_has_every_class_and_the_languages_at_the_end_of_the_file() -> None:
    items = dataset.load_feature_dataset(RCA)
    asked = {prompt.item_id for prompt in choose_prompts(items, 50, 1)}
    sample = [one for one in items if one.id in asked]
    assert len(sample) == 50
    assert {one.item_class for one in sample} == {one.item_class for one in items}
    assert {"go", "rust", "java", "python", "c", "bash"} <= {one.tags[0] for one in sample}
    assert {"node", "npm", "typescript", "eslint", "prettier"} & {one.tags[0] for one in sample}


@given(class_sizes, st.integers(1, 200))
def test_whole_turns_keep_the_files_order_and_the_last_turn_is_a_sample(sizes: dict[str, int], count: int) -> None:
    items = items_of(sizes)
    asked = [prompt.prompt_id for prompt in choose_prompts(items, count, 1)]
    whole, rest = divmod(count, len(items))
    assert asked[: whole * len(items)] == [f"{one.id}#{turn + 1}" for turn in range(whole) for one in items]
    assert asked[whole * len(items) :] == [f"{one.id}#{whole + 1}" for one in sampled(items, rest)]


@pytest.mark.parametrize(("count", "turns"), [(1, [1]), (3, [1, 1, 1]), (4, [1, 1, 1, 2]), (9, [1, 1, 1, 2, 2, 3])])
def test_of_selected_prompts_the_first_of_each_item_are_taken_first(count: int, turns: list[int]) -> None:
    """Selected are b-0 three times, a-0 twice from its fourth turn on, and a-1 once."""
    items = items_of({"a": 2, "b": 1})
    selected = [
        Prompt(name, name.partition("#")[0], 0) for name in ("b-0#1", "b-0#2", "b-0#3", "a-0#4", "a-1#4", "a-0#5")
    ]
    turn_of = {"b-0#1": 1, "b-0#2": 2, "b-0#3": 3, "a-0#4": 1, "a-1#4": 1, "a-0#5": 2}
    kept = limited(selected, items, count)
    assert sorted(turn_of[prompt.prompt_id] for prompt in kept) == turns
    assert list(kept) == [prompt for prompt in selected if prompt in kept]


def test_a_sample_of_a_selection_is_stratified_too() -> None:
    items = items_of({"a": 30, "b": 10})
    selected = choose_prompts(items, 80, 1)
    kept = limited(selected, items, 8)
    assert Counter(prompt.item_id[0] for prompt in kept) == {"a": 6, "b": 2}
    assert {prompt.prompt_id.partition("#")[2] for prompt in kept} == {"1"}
