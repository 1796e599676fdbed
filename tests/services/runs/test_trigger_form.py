"""The form: its schema, what it refuses, and which prompts a selection names."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import DAY, Kit

from daily_runs import dataset
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.dataset import Item
from daily_runs.errors import ParameterError
from daily_runs.records.run import Prompt, RunKey, choose_prompts
from daily_runs.runs import opening, selection, trigger_form
from daily_runs.runs.trigger_form import Form
from daily_runs.statuses import Rerun

CATALOGUE = catalogue_files.load()
RCA = CATALOGUE.features["root_cause_analysis"]
FIELDS = trigger_form.fields(CATALOGUE, RCA)
DEFAULTS = {name: field["default"] for name, field in FIELDS.items()}
CUT = {"type": "code_cut", "file_name": "a.py", "intent": "completion", "above": "def f():\n", "below": ""}


def read(**given: Any) -> Form:
    """The form with some fields sent, as Airflow hands it on."""
    return trigger_form.read(given, {**DEFAULTS, **given})


def items(*tags: tuple[str, ...]) -> list[Item]:
    """Items with these tags, the even ones of class plain, the odd ones of class odd."""
    shared = {"resource": CUT, "reference": {"completion": "return"}}
    classes = ("plain", "odd")
    return [
        Item.model_validate(
            {"id": f"item-{n}", "seed_key": f"seed-{n}", "class": classes[n % 2], "tags": of_item, **shared}
        )
        for n, of_item in enumerate(tags)
    ]


FOUR = items(("cost",), ("cost", "slow"), (), ("slow",))
ALL = choose_prompts(FOUR, 12, 1)[:10]


def test_a_form_that_nobody_filled_in_is_a_scheduled_run() -> None:
    assert read() == Form() == trigger_form.read({}, {})
    assert not Form().is_about_a_run
    assert not Form().forced


def test_every_field_has_a_default_a_title_and_a_help_text() -> None:
    assert set(FIELDS) == set(Form._fields)
    for name, field in FIELDS.items():
        assert {"default", "title", "description"} <= set(field), name
        assert len(field["description"]) > 20, name


def test_unknown_keys_are_refused_with_all_that_are_known() -> None:
    known = "Known: environment, note, only, override_gate, prompts, rerun, rubric_version, run"
    with pytest.raises(ParameterError, match=f"run configuration: unknown parameter enviroment, zone. {known}"):
        read(zone="x", enviroment="staging")


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"rerun": "missing_answers", "prompts": 5}, "prompts"),
        ({"rerun": "gate_and_publish", "only": "tag:cost"}, "only"),
        ({"rerun": "judge_again", "only": "rca-007"}, "only"),
        ({"rerun": "all", "rubric_version": "0123456789ab"}, "rubric_version"),
        ({"rerun": "missing_answers", "rubric_version": "0123456789ab"}, "rubric_version"),
        ({"rerun": "gate_and_publish", "rubric_version": "0123456789ab"}, "rubric_version"),
        ({"rerun": "judge_again", "override_gate": "let it pass"}, "override_gate"),
    ],
)
def test_what_makes_no_sense_together_is_refused_in_one_line(given: dict[str, Any], place: str) -> None:
    with pytest.raises(ParameterError, match=rf"^{place}: does not go with rerun: {given['rerun']}. \S.*\.$"):
        read(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"rerun": "judge_again", "rubric_version": "01234567"},
        {"rerun": "gate_and_publish", "override_gate": "the hop was repaired"},
        {"rerun": "all", "only": "tag:cost", "prompts": 3, "run": "2026-08-15"},
        {"rerun": "missing_answers", "environment": "staging", "run": "2026-08-15", "note": "the hop was down"},
    ],
)
def test_what_makes_sense_together_is_taken(given: dict[str, Any]) -> None:
    assert {name: getattr(read(**given), name) for name in given} == given
    assert read(**given).is_rerun == (given["rerun"] != Rerun.ALL)


@pytest.mark.parametrize(
    "given",
    [
        {"rerun": "nope"},
        {"rerun": 1},
        {"only": 5},
        {"run": 20260815},
        {"note": ["x"]},
        {"prompts": "5"},
        {"prompts": True},
        {"prompts": 0},
        {"environment": 3},
    ],
)
def test_a_value_that_its_field_does_not_take_is_refused_in_one_line(given: dict[str, Any]) -> None:
    ((name, value),) = given.items()
    with pytest.raises(ParameterError, match=rf"^{name}: {re.escape(repr(value))} is no"):
        read(**given)


@pytest.mark.parametrize("how", list(Rerun))
def test_the_fields_old_name_is_still_taken(how: Rerun) -> None:
    kept = {"redo": str(how)}  # as Airflow keeps a run's configuration, and hands it on beside the fields of today
    assert trigger_form.read(kept, {**DEFAULTS, **kept}).rerun is how
    with pytest.raises(ParameterError, match=r"^redo: is the old name of rerun, which is given too"):
        read(redo=str(how), rerun="all")
    with pytest.raises(ParameterError, match=r"^rerun: 'again' is none of its values"):
        read(redo="again")


def test_an_environment_that_is_not_in_the_catalogue_is_refused() -> None:
    trigger_form.check(CATALOGUE, RCA, Form(environment="staging"))
    trigger_form.check(CATALOGUE, RCA, Form())
    with pytest.raises(ParameterError, match="environment: 'stag' is not in the catalogue. Known: auto, "):
        trigger_form.check(CATALOGUE, RCA, Form(environment="stag"))


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        (
            "only",
            ["", "rca-007", "rca-007#3, tag:cost", " tag:a.b/c ", "class:lint"],
            ["rca 007", "RCA", "a,,b", "a;b", "x#0", ","],
        ),
        ("rubric_version", ["", "0123abcd", "0123456789ab"], ["0123abc", "0123ABCD", "0123456789abc", "xyzxyzxy"]),
        (
            "run",
            ["", "2026-08-15", "2026-08-15T06:00:00Z", "2026-08-15 06:00", "2026-08-15T06:00:00.123456+02:00"],
            ["15.8.2026", "yesterday", "2026-08-15Z", "manual__2026-08-15T06:00:00"],
        ),
    ],
)
def test_a_pattern_takes_what_can_be_read_and_refuses_the_rest(field: str, good: list[str], bad: list[str]) -> None:
    pattern = re.compile(FIELDS[field]["pattern"])
    assert [text for text in good if not pattern.search(text)] == []
    assert [text for text in bad if pattern.search(text)] == []


def test_every_name_of_every_shipped_data_set_can_be_written_in_the_form() -> None:
    for feature in CATALOGUE.features.values():
        for item in dataset.load_feature_dataset(feature):
            for name in (item.id, f"{item.id}#12", f"class:{item.item_class}", *(f"tag:{tag}" for tag in item.tags)):
                assert re.search(selection.PATTERN, name), name


def chosen(only: str) -> list[str]:
    return [prompt.prompt_id for prompt in selection.chosen(ALL, FOUR, only)]


def test_a_selection_names_prompts_items_classes_and_tags_in_the_order_of_the_run() -> None:
    assert chosen("item-2") == ["item-2#1", "item-2#2"]
    assert chosen("item-0#3, item-2#1") == ["item-2#1", "item-0#3"]
    assert chosen("tag:slow,item-0#2") == ["item-1#1", "item-3#1", "item-0#2", "item-1#2", "item-3#2", "item-1#3"]
    assert chosen("class:odd, item-0#1") == ["item-0#1", *chosen("item-1, item-3")]
    assert chosen("") == chosen(" ") == [prompt.prompt_id for prompt in ALL]


@given(st.sets(st.sampled_from(["item-0", "item-1#1", "item-3", "class:odd", "tag:cost", "tag:slow"]), min_size=1))
def test_a_selection_is_the_union_of_its_names(names: set[str]) -> None:
    union = {prompt for name in names for prompt in chosen(name)}
    assert set(chosen(",".join(sorted(names)))) == union


@pytest.mark.parametrize(
    ("only", "said"),
    [
        ("itm-2", "unknown 'itm-2'. Did you mean item-2"),
        ("tag:costs", "unknown 'tag:costs'. Did you mean tag:cost"),
        ("class:old", "unknown 'class:old'. Did you mean class:odd"),
        ("class:elsewhere", "unknown 'class:elsewhere'. Items: item-0"),
        ("item-2#9", "unknown 'item-2#9'. Did you mean item-2#"),
        (
            "zebra",
            (
                "unknown 'zebra'. Items: item-0, item-1, item-2, …; a prompt is ITEM#NUMBER;"
                " classes: class:odd, class:plain; tags: tag:cost, tag:slow"
            ),
        ),
    ],
)
def test_a_name_that_is_not_there_is_refused_with_those_near_it(only: str, said: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(f"only: {said}")):
        chosen(only)


def test_plan_checks_names_against_what_the_run_really_asks() -> None:
    trigger_form.check(CATALOGUE, RCA, Form(only=f"{first_item()}#6"))
    with pytest.raises(ParameterError, match="only: unknown"):
        trigger_form.check(
            CATALOGUE, RCA, Form(only=f"{first_item()}#7")
        )  # 900 prompts of 150 items: none is asked a seventh time
    with pytest.raises(ParameterError, match="rubric_version: no rubric of include/rubrics/root_cause_analysis"):
        trigger_form.check(CATALOGUE, RCA, Form(rerun=Rerun.JUDGE_AGAIN, rubric_version="01234567"))


def first_item() -> str:
    return dataset.load_feature_dataset(RCA)[0].id


def test_a_sample_of_a_selection_has_the_ids_of_the_whole_run_and_no_more_shards_than_items(kit: Kit) -> None:
    key = RunKey("root_cause_analysis", "staging", DAY)
    attempt = opening.plan(kit.store, kit.catalogue, key, limit=5, only=first_item())
    rows = kit.store.rows("SELECT prompt_id, item_id, shard FROM daily_runs.answer ORDER BY prompt_id")
    assert [Prompt(**row) for row in rows] == [Prompt(f"{first_item()}#{n}", first_item(), 0) for n in range(1, 6)]
    assert (attempt.asked, attempt.shards) == (5, 1)
