"""The one line that a run's page shows: verdict or fault first, and nothing of what a person wrote is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.incidents.run_line import (
    LINE_CHARACTERS_MAX,
    MARK,
    NOTE_CHARACTERS_MAX,
    ArmEnd,
    FailedTaskEnd,
    name_of,
    note_with,
    run_line,
    short,
)

STAGING = ArmEnd("staging", "", "published", "regressed", 0.634, 0.551, 0.7, 900, 899, 898, 31.204)
PRODUCTION = STAGING._replace(environment="production", verdict="no_worse", score=0.85, low=0.82, high=0.88)
BLOCKED = FailedTaskEnd("validation in staging", "validation of duo_chat in staging failed: it is quarantined.")


def test_a_published_run_tells_verdict_score_interval_counts_and_cost() -> None:
    assert run_line([STAGING], [], "") == (
        "done",
        "regressed 0.634 [0.551, 0.700] in staging, 899 of 900 answered, 898 scored, 31.20 USD",
    )


def test_of_two_arms_the_counts_give_way_to_both_verdicts() -> None:
    assert run_line([PRODUCTION, STAGING], [], "").text == (
        "no worse 0.850 [0.820, 0.880] in production; regressed 0.634 [0.551, 0.700] in staging"
    )


def test_a_sample_says_so_and_what_is_not_known_is_not_made_up() -> None:
    arm = STAGING._replace(sample="0a1b2c3d", verdict=None, score=None, low=None, high=None, spent_usd=None)
    assert run_line([arm], [], "").text == (
        "published in staging (sample), 899 of 900 answered, 898 scored, cost unknown"
    )


def test_a_fault_comes_first_in_the_tasks_own_words_and_counts_the_others() -> None:
    others = [FailedTaskEnd("inference [2] in production", None)] * 2
    outcome, text = run_line([STAGING], [BLOCKED, *others], "")
    assert outcome == "failed"
    assert text == "FAILED: validation of duo_chat in staging failed: it is quarantined. (and 2 more)"


def test_a_task_that_left_no_word_is_named_with_what_may_have_ended_it() -> None:
    assert run_line([], [FailedTaskEnd("inference [2] in staging", None)], "").text == (
        "FAILED: inference [2] in staging failed and left no word: killed, out of memory, or marked failed by hand"
    )


def test_a_run_that_asked_nothing_says_so_first_and_why() -> None:
    assert run_line([], [], "staging is not ready: 3 seeds are missing") == (
        "asked_nothing",
        "ASKED NOTHING: staging is not ready: 3 seeds are missing",
    )


@given(st.text(max_size=400), st.integers(0, 30))
def test_the_line_is_one_line_of_at_most_140_characters_whatever_a_task_said(said: str, others: int) -> None:
    failed = [FailedTaskEnd("validation in staging", said), *[BLOCKED] * others]
    for line in (run_line([], failed, ""), run_line([], [], said)):
        assert len(line.text) <= LINE_CHARACTERS_MAX
        assert line.text.isprintable() or "\u00a0" in line.text or line.text.splitlines() == [line.text]
        assert line.text.splitlines() == [line.text]
    if others and said.strip():
        assert run_line([], failed, "").text.endswith(f"(and {others} more)")


def test_a_long_line_is_cut_with_a_mark() -> None:
    assert short("word " * 100) == "word " * 27 + "wor …"


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("plan", "plan"),
        ("limit_probe", "limit_probe"),
        ("staging.seed_check", "seed_check in staging"),
        ("staging.inference_2", "inference [2] in staging"),
        ("production.limit_probe", "limit_probe in production"),
    ],
)
def test_tasks_are_named_as_people_say_them(task: str, name: str) -> None:
    assert name_of(task) == name


def test_what_a_person_wrote_stays_below_the_line_however_often_the_line_changes() -> None:
    note = note_with("FAILED: it", "backfill after the cutover\nsee the ticket")
    assert note == f"{MARK}FAILED: it\n\nbackfill after the cutover\nsee the ticket"
    again = note_with("no worse 0.85", note)
    assert again == f"{MARK}no worse 0.85\n\nbackfill after the cutover\nsee the ticket"
    assert note_with("no worse 0.85", None) == f"{MARK}no worse 0.85"
    assert note_with("regressed", f"{MARK}no worse 0.85") == f"{MARK}regressed"


@given(st.text(max_size=NOTE_CHARACTERS_MAX), st.lists(st.text(st.characters(exclude_characters="\n"), min_size=1)))
def test_a_note_is_never_too_long_and_never_loses_a_word_of_a_person(written: str, lines: list[str]) -> None:
    if written.startswith(MARK):
        return
    note: str | None = written
    for line in lines:
        note = note_with(short(line) or "-", note) or note
    assert note is not None
    assert len(note) <= NOTE_CHARACTERS_MAX
    assert written.strip("\n") in note or not written.strip()
