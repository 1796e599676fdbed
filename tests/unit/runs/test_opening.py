"""A run's date lies in its feature's life, whoever names it; and no task starts for a handful of prompts."""

from __future__ import annotations

import datetime as dt

import pytest

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import ParameterError
from daily_runs.records.run import Prompt
from daily_runs.runs import opening, selection, trigger_form
from daily_runs.runs.trigger_form import Form

CATALOGUE = catalogue_files.load()
CHAT = CATALOGUE.features["duo_chat"]
FIRST = dt.datetime.combine(CHAT.phases[0].starts, dt.time(), dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.mark.parametrize(
    "moment",
    [
        dt.datetime.min.replace(tzinfo=dt.UTC),
        dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=14))),
        dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
        FIRST - 25 * HOUR,
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
def test_a_date_before_the_first_phase_is_refused(moment: dt.datetime, zone: str) -> None:
    feature = CHAT.model_copy(update={"timezone": zone})
    with pytest.raises(ParameterError, match="is before the first phase of duo_chat, which starts on 2026-07-01"):
        opening.check_date(feature, moment - dt.timedelta(days=2) if moment.year > 1 else moment)


@pytest.mark.parametrize("years", [0, 1, 50])
def test_a_date_that_has_not_come_is_refused(years: int) -> None:
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(days=2 + 365 * years)
    with pytest.raises(ParameterError, match=rf"logical date: {moment.date()} is in the future"):
        opening.check_date(CHAT, moment)


def test_the_end_of_time_is_refused() -> None:
    with pytest.raises(ParameterError, match="9999-12-31 is in the future"):
        opening.check_date(CHAT, dt.datetime.max.replace(tzinfo=dt.UTC), "--date")


def test_today_tomorrow_and_the_first_day_are_taken() -> None:
    now = dt.datetime.now(dt.UTC)
    for moment in (now, now + 23 * HOUR, FIRST, FIRST + HOUR):
        opening.check_date(CHAT, moment)


def test_a_sample_larger_than_a_run_is_refused_whoever_sends_it() -> None:
    trigger_form.check(CATALOGUE, CHAT, Form(prompts=CHAT.prompts_per_run))
    with pytest.raises(ParameterError, match=r"prompts: 68 are more than a run of duo_chat asks. Give 67 or fewer"):
        trigger_form.check(CATALOGUE, CHAT, Form(prompts=CHAT.prompts_per_run + 1))


@pytest.mark.parametrize("only", [",", " , ", ",,,"])
def test_commas_alone_do_not_stand_for_all_prompts(only: str) -> None:
    with pytest.raises(ParameterError, match="only: .* names nothing"):
        selection.chosen((), (), only)


@pytest.mark.parametrize(
    ("prompts", "items", "slots", "shards"),
    [
        (1, 1, 4, 1),
        (3, 3, 4, 1),
        (7, 7, 4, 1),
        (8, 8, 4, 2),
        (900, 150, 4, 4),
        (900, 150, 1, 1),
        (30, 2, 4, 2),
    ],
)
def test_a_few_prompts_make_one_shard_and_many_as_many_as_there_are_slots_or_items(
    prompts: int, items: int, slots: int, shards: int
) -> None:
    asked = [Prompt(f"{n % items}#{n // items + 1}", str(n % items), 0) for n in range(prompts)]
    assert opening.shards_for(asked, slots) == shards
