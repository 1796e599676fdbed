"""Where a run goes, and the reason on record."""

from __future__ import annotations

import datetime as dt

import pytest

from daily_runs import catalogue_files
from daily_runs.errors import ParameterError
from daily_runs.routing import route

RCA = catalogue_files.load().features["root_cause_analysis"]
CODE = catalogue_files.load().features["code_suggestions"]


@pytest.mark.parametrize(
    ("day", "environments"),
    [
        ("2026-08-07T23:59", ("production",)),
        ("2026-08-08T00:00", ("production", "staging")),
        ("2026-08-14T23:59", ("production", "staging")),
        ("2026-08-15T00:00", ("staging",)),
    ],
)
def test_the_phase_of_the_logical_date_decides(day: str, environments: tuple[str, ...]) -> None:
    moment = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
    assert route(RCA, moment).environments == environments


def test_the_date_is_taken_in_utc() -> None:
    east = dt.timezone(dt.timedelta(hours=9))
    assert route(RCA, dt.datetime(2026, 8, 15, 8, tzinfo=east)).environments == ("production", "staging")


def test_what_the_form_asks_for_is_obeyed_and_recorded() -> None:
    chosen = route(RCA, dt.datetime(2026, 8, 20, tzinfo=dt.UTC), "production")
    assert chosen.environments == ("production",)
    assert "the form asks for production" in chosen.reason
    assert "staging" in chosen.reason


def test_a_feature_on_hold_is_refused_unless_somebody_chooses() -> None:
    moment = dt.datetime(2026, 8, 20, tzinfo=dt.UTC)
    with pytest.raises(ParameterError, match="on hold on 2026-08-20.*Choose staging or production"):
        route(CODE, moment)
    assert route(CODE, moment, "staging").environments == ("staging",)
