"""Where a run goes, and the reason on record: every phase, rule and state of staging."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import pytest

from daily_runs.catalogue.features import PHASE_ENVIRONMENTS, Feature, PhaseName, WhenNotReady
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import ParameterError, StageError
from daily_runs.runs.routing import Planned, Route, Staging, must_wait, planned, route
from daily_runs.statuses import ReadinessState

RCA = catalogue_files.load().features["root_cause_analysis"]
CODE = catalogue_files.load().features["code_suggestions"]
READY, NOT_READY, UNKNOWN = ReadinessState.READY, ReadinessState.NOT_READY, ReadinessState.UNKNOWN
FALL_BACK, SKIP, WAIT = WhenNotReady.FALL_BACK_TO_PRODUCTION, WhenNotReady.SKIP, WhenNotReady.WAIT
BOTH, PRODUCTION, STAGING, NOWHERE = ("production", "staging"), ("production",), ("staging",), ()
WAITS = None
"""In the table: the run is not routed yet."""


class Case(NamedTuple):
    """A phase, a rule and a state of staging; where the run goes then."""

    phase: PhaseName
    rule: WhenNotReady
    staging: ReadinessState
    goes_to: tuple[str, ...] | None


CASES = [
    *(Case(PhaseName.INTERIM_PRODUCTION, rule, state, PRODUCTION) for rule in WhenNotReady for state in ReadinessState),
    *(Case(PhaseName.SHADOW, rule, READY, BOTH) for rule in WhenNotReady),
    *(Case(PhaseName.SHADOW, rule, state, PRODUCTION) for rule in WhenNotReady for state in (NOT_READY, UNKNOWN)),
    *(Case(PhaseName.STAGING, rule, READY, STAGING) for rule in WhenNotReady),
    Case(PhaseName.STAGING, FALL_BACK, NOT_READY, PRODUCTION),
    Case(PhaseName.STAGING, FALL_BACK, UNKNOWN, PRODUCTION),
    Case(PhaseName.STAGING, SKIP, NOT_READY, NOWHERE),
    Case(PhaseName.STAGING, SKIP, UNKNOWN, NOWHERE),
    Case(PhaseName.STAGING, WAIT, NOT_READY, WAITS),
    Case(PhaseName.STAGING, WAIT, UNKNOWN, WAITS),
]


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def in_phase(phase: PhaseName) -> Planned:
    return Planned(phase, dt.date(2026, 8, 20), PHASE_ENVIRONMENTS[phase], None, f"the phase is {phase}")


def with_rule(rule: WhenNotReady) -> Feature:
    return RCA.model_copy(update={"when_not_ready": rule})


def test_the_table_has_every_phase_with_every_rule_and_state() -> None:
    phases = set(PhaseName) - {PhaseName.ON_HOLD}
    assert len(CASES) == len(phases) * len(WhenNotReady) * len(ReadinessState) == len({case[:3] for case in CASES})


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case[:3])))
def test_phase_rule_and_staging_decide(case: Case) -> None:
    feature, plan = with_rule(case.rule), in_phase(case.phase)
    staging = Staging(case.staging, "seeds: 40 % are bound; owner: chat team") if plan.asks_for_staging else None
    assert must_wait(feature, plan, case.staging) == (case.goes_to is WAITS)
    if case.goes_to is WAITS:
        with pytest.raises(StageError, match="cannot be routed"):
            route(feature, plan, staging)
        return
    chosen = route(feature, plan, staging)
    assert chosen.environments == case.goes_to
    assert plan.why in chosen.reason
    if staging:
        assert staging.reason in chosen.reason


@pytest.mark.parametrize("rule", [FALL_BACK, SKIP])
def test_the_reason_names_the_rule_and_tells_not_ready_from_could_not_look(rule: WhenNotReady) -> None:
    feature, plan = with_rule(rule), in_phase(PhaseName.STAGING)
    not_ready, unknown = (route(feature, plan, Staging(state, "503")).reason for state in (NOT_READY, UNKNOWN))
    assert "staging is not ready (503)" in not_ready
    assert "staging is unknown, nobody could look (503)" in unknown
    assert "not ready" not in unknown
    assert all(f"when_not_ready is {rule}" in reason for reason in (not_ready, unknown))


def test_a_shadow_says_that_only_its_primary_arm_runs() -> None:
    reason = route(with_rule(WAIT), in_phase(PhaseName.SHADOW), Staging(NOT_READY, "no seeds")).reason
    assert "only the primary arm" in reason


@pytest.mark.parametrize(
    ("day", "environments"),
    [
        ("2026-08-07T23:59", PRODUCTION),
        ("2026-08-08T00:00", BOTH),
        ("2026-08-14T23:59", BOTH),
        ("2026-08-15T00:00", STAGING),
    ],
)
def test_the_phase_of_the_logical_date_plans(day: str, environments: tuple[str, ...]) -> None:
    assert planned(RCA, at(day)).environments == environments


def test_the_date_is_taken_where_the_features_clocks_hang() -> None:
    east = dt.timezone(dt.timedelta(hours=9))
    moment = dt.datetime(2026, 8, 15, 8, tzinfo=east)  # 23:00 of the day before in UTC
    assert planned(RCA, moment).environments == BOTH
    in_tokyo = RCA.model_copy(update={"timezone": "Asia/Tokyo"})
    assert planned(in_tokyo, moment).environments == STAGING
    assert "2026-08-15" in planned(in_tokyo, moment).why


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize("day", ["2026-07-02", "2026-08-10", "2026-08-20"])
def test_what_the_form_asks_for_is_obeyed_without_a_look_and_recorded(environment: str, day: str) -> None:
    feature = with_rule(WAIT)
    plan = planned(feature, at(day), environment)
    assert not plan.asks_for_staging
    assert not must_wait(feature, plan, NOT_READY)
    chosen = route(feature, plan)
    assert chosen.environments == (environment,)
    assert f"the form asks for {environment} (the phase of {day} is {plan.phase})" in chosen.reason


def test_a_rerun_goes_where_its_run_went_whatever_the_phase() -> None:
    plan = planned(with_rule(WAIT), at("2026-08-20"), done_in=PRODUCTION)
    assert not plan.asks_for_staging
    assert plan.environments == STAGING
    assert route(RCA, plan) == Route(
        PRODUCTION, "a rerun goes where its run went: production (the phase of 2026-08-20 is staging)"
    )


def test_a_feature_on_hold_is_refused_unless_somebody_chooses() -> None:
    moment = at("2026-08-20")
    with pytest.raises(ParameterError, match="on hold on 2026-08-20.*Choose staging or production"):
        planned(CODE, moment)
    assert route(CODE, planned(CODE, moment, "staging")).environments == STAGING
    assert route(CODE, planned(CODE, moment, done_in=STAGING)).environments == STAGING


def test_staging_is_never_chosen_blindly() -> None:
    with pytest.raises(StageError, match="nobody looked at staging.*Clear its task staging_ready"):
        route(RCA, in_phase(PhaseName.STAGING))
