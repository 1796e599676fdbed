"""The plan of the weeks around the cutovers (docs/domain.md §1), worked out by hand, and its rules by property."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from tests.unit.capacity.plan_cases import (
    CHAT,
    CODE,
    EXPLAIN,
    RCA,
    RESOLVE,
    day,
    given,
    pinned,
    planned,
    run_of,
    with_feature,
)

from daily_runs.capacity import load
from daily_runs.capacity.findings import Tone, findings
from daily_runs.capacity.fluid import SHARE, Job, Lane, SharedLimits, SharedResource, Stream, allocate, simulate
from daily_runs.capacity.inputs import assume, with_measured
from daily_runs.capacity.load import JUDGE_CALLS, PlanScenario
from daily_runs.capacity.measured_rows import Measured
from daily_runs.capacity.plan import MisfitKind, WeekPlan, plan
from daily_runs.capacity.remedies import FACTOR_MAX, raised, remedies, room_to_grow, rounded_up
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import PromptTokens
from daily_runs.catalogue.rates import PromptRate, budget
from daily_runs.errors import ParameterError


def arms(found: WeekPlan) -> list[tuple[str, str, str]]:
    return [(f"{run.run.tick:%m-%d %H:%M}", run.run.feature.feature, run.run.environment) for run in found.runs]


def test_the_week_of_the_first_cutover_has_these_runs_and_no_others() -> None:
    """RCA: shadow from 8 Aug (Mon, Wed, Fri), staging daily from Sat 15. Chat: shadow from 10 Aug (Tue, Thu, Sat)."""
    both = ("production", "staging")
    assert arms(planned("08-10", "08-16")) == [
        *(("08-10 06:00", RCA, where) for where in both),
        *(("08-11 08:00", CHAT, where) for where in both),
        *(("08-12 06:00", RCA, where) for where in both),
        *(("08-13 08:00", CHAT, where) for where in both),
        *(("08-14 06:00", RCA, where) for where in both),
        ("08-15 06:00", RCA, "staging"),
        *(("08-15 08:00", CHAT, where) for where in both),
        ("08-16 06:00", RCA, "staging"),
    ]


def test_the_week_of_the_other_cutovers_moves_chat_on_monday_and_both_vulnerabilities_on_friday() -> None:
    daily = [(RCA, "06:00"), (CHAT, "08:00")]
    late = [*daily, (EXPLAIN, "10:00"), (RESOLVE, "11:00")]
    assert arms(planned("08-17", "08-23")) == [
        (f"08-{number} {time}", name, "staging")
        for number in range(17, 24)
        for name, time in (late if number >= 21 else daily)
    ]


@dataclass(frozen=True)
class Case:
    """Where a feature's runs go on one day."""

    feature: str
    on: str
    environments: tuple[str, ...]


@pytest.mark.parametrize(
    "case",
    [
        Case(RCA, "08-07", ("production",)),  # the last interim Friday
        Case(RCA, "08-08", ()),  # shadow begins on a Saturday, its first run is on Monday
        Case(RCA, "08-14", ("production", "staging")),  # the last day before the cutover
        Case(RCA, "08-15", ("staging",)),  # a Saturday: only the daily schedule runs
        Case(CHAT, "08-15", ("production", "staging")),
        Case(CHAT, "08-16", ()),
        Case(CHAT, "08-17", ("staging",)),
        Case(EXPLAIN, "08-20", ()),
        Case(EXPLAIN, "08-21", ("staging",)),
        Case(RESOLVE, "08-20", ()),
        Case(RESOLVE, "08-21", ("staging",)),
        Case(CODE, "08-21", ()),
    ],
    ids=lambda case: f"{case.feature} on {case.on}",
)
def test_a_day_at_the_edge_of_a_phase_has_the_arms_of_that_day(case: Case) -> None:
    runs = planned(case.on, case.on).runs
    assert tuple(run.run.environment for run in runs if run.run.feature.feature == case.feature) == case.environments


def test_root_cause_analysis_takes_45_minutes_at_700_000_tokens_a_minute_under_each_limit_of_production() -> None:
    stage = run_of(planned("08-10", "08-10"), RCA, "production", "08-10").stages[0]
    assert {rate.limit: stage.minutes_under(rate) for rate in stage.rates} == pytest.approx(
        {
            "feature requests": 45,  # 900 / 20
            "feature batches": 22.5,  # 900 / (16 × 2.5)
            SHARE: 22.5,  # 17.5 % of 8 M = 1.4 M = 40 prompts of 35,000 a minute
            "account input tokens": 3.9375,  # 900 × 35,000 / 8 M
            "account output tokens": 0.5625,  # 900 × 1,000 / 1.6 M
            "API requests per user": 0.15,  # 900 × 2 / (6 × 2,000)
            "account requests": 0.1125,  # 900 / 8,000
        }
    )
    assert stage.rates[0].limit == "feature requests"
    assert f"{stage.begins:%H:%M} {stage.ends:%H:%M}" == "06:00 06:45"
    assert stage.fastest * 35_000 == pytest.approx(700_000)
    assert stage.share == pytest.approx(0.0875)
    assert stage.taken("account input tokens") == 31_500_000


def test_judging_900_answers_takes_4_million_tokens_of_eval_and_is_bound_by_the_calls_at_once() -> None:
    found = run_of(planned("08-16", "08-16"), RCA, "staging", "08-16")
    inference, judging = found.stages
    assert judging.stream.account == "EVAL"
    assert judging.taken("account input tokens") == 900 * 4400 == 3_960_000
    assert {rate.limit: judging.minutes_under(rate) for rate in judging.rates} == pytest.approx(
        {
            "judge calls in flight": 28.125,  # 32 calls of at most 60 s: 32 a minute
            "account input tokens": 0.99,  # 3.96 M / 4 M
            "account output tokens": 0.45,  # 900 × 400 / 0.8 M
            "account requests": 0.225,  # 900 / 4,000
        }
    )
    assert judging.begins == inference.ends == dt.datetime(2026, 8, 16, 6, 45, tzinfo=dt.UTC)
    assert found.ends - judging.begins == dt.timedelta(minutes=28.125)
    assert judging.share == pytest.approx(32 * 4400 / 4_000_000)  # 3.52 %


def test_a_verdict_known_to_take_8_seconds_makes_judging_take_less_than_4_minutes() -> None:
    quick = given(pinned(), judge=given(pinned().judge, seconds_per_verdict=8.0))
    judging = run_of(planned("08-16", "08-16", quick), RCA, "staging", "08-16").stages[1]
    assert judging.minutes == pytest.approx(900 / (32 * 60 / 8))  # 3.75


def test_in_a_shadow_phase_both_arms_are_judged_side_by_side_and_wait_for_each_other() -> None:
    found = planned("08-10", "08-10")
    judged = [run_of(found, RCA, where, "08-10").stages[1] for where in ("production", "staging")]
    assert [stage.minutes for stage in judged] == pytest.approx([56.25, 56.25])  # 1,800 / 32
    assert [stage.waited for stage in judged] == pytest.approx([28.125, 28.125])
    staging = run_of(found, RCA, "staging", "08-10").stages[0]
    assert staging.stream.account == "EVAL"
    assert staging.share == pytest.approx(0.175)  # 700,000 / 4 M


@pytest.mark.parametrize(
    ("on", "calls", "room"),
    [
        ("08-14", 900, 60),  # RCA alone: 900 / 160 = 5.6
        ("08-15", 916, 44),  # and the shadow of chat at 08:00
        ("08-20", 916, 44),
        ("08-21", 945, 15),  # 06:00 to 11:00: 900 + 16 + 14 + 15; 945 / 160 = 5.9
    ],
)
def test_staging_needs_six_users_by_the_calls_of_its_fullest_8_hours(on: str, calls: int, room: int) -> None:
    staging = next(demand for demand in planned(on, on).demands if demand.environment == "staging")
    assert (staging.calls, staging.users_needed, staging.room) == (calls, 6, room)
    assert staging.short == ()


def test_sixteen_more_prompts_need_a_seventh_user_from_the_moment_the_calls_are_spent() -> None:
    """916 + 16 + 14 = 946 by 10:02; resolution's 15 begin at 11:00 and its 15th is the 961st of 6 × 160."""
    more = with_feature(pinned(), RCA, prompts_per_run=916)
    found = planned("08-17", "08-23", more)
    assert [misfit.moment.date() for misfit in found.misfits] == [day("08-21"), day("08-22"), day("08-23")]
    misfit = found.misfits[0]
    assert misfit.kind is MisfitKind.USERS
    assert misfit.moment.strftime("%m-%d %H:%M") == "08-21 11:00"
    staging = next(demand for demand in found.demands if demand.environment == "staging")
    assert (staging.calls, staging.users_needed, staging.room) == (961, 7, -1)
    assert not found.fits


def test_code_suggestions_do_not_count_against_ai_action() -> None:
    assumed, said = assume(pinned(), [f"{CODE}=2026-08-21"])
    found = planned("08-21", "08-21", assumed)
    assert said == (f"{CODE} in staging from 2026-08-21 on, daily 12:00 UTC",)
    assert run_of(found, CODE, "staging", "08-21").stages[0].rates[0] == ("code suggestions per user", 360)
    assert found.demands[0].calls == 945


def test_a_cutover_may_be_assumed_on_another_day_than_the_catalogues() -> None:
    """RCA on 20 August instead of the 15th: until then it stays in its shadow phase, Mon, Wed and Fri."""
    assumed, said = assume(pinned(), [f"{RCA}=2026-08-20"])
    assert said == (f"{RCA} in staging from 2026-08-20 on, daily 06:00 UTC",)
    runs = [arm[::2] for arm in arms(planned("08-15", "08-21", assumed)) if arm[1] == RCA]
    both = [(f"08-{day} 06:00", where) for day in (17, 19) for where in ("production", "staging")]
    assert runs == [*both, ("08-20 06:00", "staging"), ("08-21 06:00", "staging")]


def test_a_plan_follows_a_features_time_zone_over_its_cutover() -> None:
    """Auckland is twelve hours ahead: the runs of Friday and Saturday morning are those of the UTC days before."""
    auckland = with_feature(pinned(), RCA, timezone="Pacific/Auckland")
    runs = [arm[::2] for arm in arms(planned("08-13", "08-15", auckland)) if arm[1] == RCA]
    both = [("08-13 18:00", where) for where in ("production", "staging")]
    assert runs == [*both, ("08-14 18:00", "staging"), ("08-15 18:00", "staging")]


def test_a_plan_follows_the_clocks_of_a_features_time_zone_when_they_change() -> None:
    york = with_feature(pinned(), RCA, timezone="America/New_York")  # back to winter time on Sunday 1 November
    runs = [arm[::2] for arm in arms(planned("10-31", "11-02", york)) if arm[1] == RCA]
    assert runs == [("10-31 10:00", "staging"), ("11-01 11:00", "staging"), ("11-02 11:00", "staging")]


def test_a_cutover_that_is_assumed_has_its_time_in_the_features_zone() -> None:
    berlin = with_feature(pinned(), CODE, timezone="Europe/Berlin")
    assumed, said = assume(berlin, [f"{CODE}=2026-08-21@13:30"])
    assert said == (f"{CODE} in staging from 2026-08-21 on, daily 13:30 Europe/Berlin",)
    runs = [arm for arm in arms(planned("08-20", "08-21", assumed)) if arm[1] == CODE]
    assert runs == [("08-21 11:30", CODE, "staging")]


@pytest.mark.parametrize(
    ("hours", "calls"),
    [
        (5.0, 916),  # 13:00: the window from 06:00 on has both
        # Chat then asks 16 in 19.2 s from 14:00 on: the window from 06:00:19 on has lost 6.4 of RCA's 900.
        (6.0, 910),
        (7.0, 900),  # 15:00: no window has any of both
    ],
)
def test_a_window_of_8_hours_slides(hours: float, calls: int) -> None:
    delays = {CHAT: dt.timedelta(hours=hours)}
    assert planned("08-18", "08-18", delays=delays).demands[0].calls == calls


def test_a_run_that_takes_30_hours_is_late_and_holds_the_next_one_back() -> None:
    slow = with_feature(pinned(), RCA, requests_per_minute=0.5)  # 900 / 0.5 = 1,800 min
    found = planned("08-17", "08-18", slow)
    assert [misfit.kind for misfit in found.misfits if misfit.subject == RCA] == [MisfitKind.LATE] * 2
    first, second = (run_of(found, RCA, "staging", on) for on in ("08-17", "08-18"))
    assert first.stages[0].minutes == pytest.approx(1800)
    # A run of 16 Aug came before: 1,800 + 28.125 min from 06:00 on, so the 17th begins 388 min late, the 18th 776.
    assert first.held_back_minutes == pytest.approx(1828.125 - 1440)
    assert second.held_back_minutes == pytest.approx(2 * (1828.125 - 1440))


def test_a_run_must_end_before_the_next_tick_even_if_that_comes_within_24_hours() -> None:
    hourly = pinned().features[RCA].phases[-1].model_copy(update={"schedule": "0 * * * *"})
    often = with_feature(pinned(), RCA, phases=(hourly,), prompts_per_run=60)  # 3 min of asking, 1.9 of judging
    assert not [m for m in planned("08-20", "08-20", often).misfits if m.kind is MisfitKind.LATE]
    slower = with_feature(often, RCA, requests_per_minute=1.0)  # 60 min of asking
    assert planned("08-20", "08-20", slower).misfits[0].kind is MisfitKind.LATE


def test_dates_without_runs_fit() -> None:
    found = planned("01-01", "01-07")
    assert (found.runs, found.fits) == ((), True)


def test_the_plan_counts_production_as_the_budget_of_a_feature_does() -> None:
    catalogue = pinned()
    for name in (RCA, CHAT):
        stage = load.inference(
            PlanScenario(catalogue, day("08-10"), day("08-10")), catalogue.features[name], "production"
        )
        weighed = budget(catalogue, catalogue.features[name], "production")
        assert load.limits(catalogue).rates(stage)[0] == weighed.binding


def test_measured_tokens_take_the_place_of_estimates_and_it_is_said() -> None:
    inputs = with_measured(pinned(), [Measured(CHAT, 7000.4, 300, 48)], [Measured(RCA, 3000, 200, 900)])
    chat = inputs.catalogue.features[CHAT].limits.tokens_per_prompt
    assert chat == PromptTokens(input=7000, output=300, source="measured")
    assert any(line.startswith(f"{CHAT}: 7,000 + 300 tokens a prompt, measured over 48") for line in inputs.sources)
    assert any(
        RCA in line and "catalogue (feature_team); verdicts measured over 900" in line for line in inputs.sources
    )
    found = planned("08-18", "08-18", inputs.catalogue, verdicts=inputs.verdicts)
    assert run_of(found, RCA, "staging", "08-18").stages[1].taken("account input tokens") == 900 * 3200
    assert run_of(found, CHAT, "staging", "08-18").stages[1].taken("account input tokens") == 16 * 4400


# What makes it fit


def tight(input_tokens_per_minute: int) -> Catalogue:
    """EVAL with less, and judging that only EVAL's tokens bound."""
    catalogue = given(pinned(), judge=given(pinned().judge, seconds_per_verdict=0.01))
    account = given(catalogue.accounts["EVAL"], input_tokens_per_minute=input_tokens_per_minute)
    return given(catalogue, accounts={**catalogue.accounts, "EVAL": account})


def test_an_account_too_small_is_told_with_the_first_day_and_the_limit_that_would_do() -> None:
    """31.5 M + 3.96 M of RCA and little else in 1,440 min: 24,625/min and more. At 24,000/min RCA ends after 24.6 h."""
    found = planned("08-12", "08-18", tight(24_000))
    assert found.misfits[0].moment.date() == day("08-12")
    assert found.misfits[0].resource == SharedResource("EVAL", "account input tokens")
    named = {remedy.kind: remedy.text for remedy in remedies(found)}
    assert "raise account input tokens of EVAL from 24,000 to" in named["limit"]
    enough = int(named["limit"].split(" to ")[1].split(" ")[0].replace(",", ""))
    assert 24_625 < enough < 54_000  # the shadow days need both arms judged: 31.5 M + 2 × 3.96 M = 27,375/min
    assert planned("08-12", "08-18", tight(enough)).fits
    assert "batch API" in named["batch"]


def test_a_limit_of_the_feature_itself_is_named_when_it_is_what_makes_a_run_late() -> None:
    slow = with_feature(pinned(), RCA, requests_per_minute=0.5)
    texts = [remedy.text for remedy in remedies(planned("08-17", "08-17", slow))]
    assert f"raise feature requests of {RCA} from 0.5 to 1 a minute" in texts  # 900 + 28 min


def test_too_few_users_are_mended_by_users_or_by_another_hour() -> None:
    more = with_feature(pinned(), RCA, prompts_per_run=916)
    found = planned("08-21", "08-21", more)
    named = remedies(found)
    text = (
        "list 7 evaluation users for staging instead of 6, or have its ai_action setting raised from 160 to 161 calls"
    )
    assert text in [remedy.text for remedy in named]
    hours = next(
        remedy.text for remedy in named if remedy.kind == "window" and remedy.text.startswith(f"start {RESOLVE}")
    )
    # RCA's last calls are made at 06:45:48, so that 14:45:48 is 8 h later: 4 h after 11:00 is the first whole hour.
    assert hours.startswith(f"start {RESOLVE} 4 h later, at 15:00")


def test_a_plan_that_fits_needs_no_remedy() -> None:
    assert remedies(planned("08-17", "08-23")) == []


def test_the_room_to_grow_ends_where_the_users_calls_end() -> None:
    """945 of 960 calls: 1.0158 times; each feature's prompts are whole, so that 914 + 16 + 14 + 15 = 959 still fit."""
    assert room_to_grow(PlanScenario(pinned(), day("08-21"), day("08-23"))) == pytest.approx(1.016, abs=0.002)


def test_a_scenario_without_runs_can_grow_without_end() -> None:
    assert room_to_grow(PlanScenario(pinned(), day("01-01"), day("01-02"))) >= FACTOR_MAX


@pytest.mark.parametrize(
    ("value", "up"), [(24_625, 25_000), (27_375, 28_000), (1.0, 1), (0.6, 1), (160.5, 170), (20, 20)]
)
def test_figures_of_remedies_are_rounded_up(value: float, up: float) -> None:
    assert rounded_up(value) == up


@pytest.mark.parametrize(
    "resource",
    [
        SharedResource("EVAL", "account requests"),
        SharedResource("staging", "API requests per user"),
        SharedResource(RCA, "feature batches"),
        JUDGE_CALLS,
    ],
    ids=lambda resource: resource.limit,
)
def test_a_limit_is_raised_where_it_stands(resource: SharedResource) -> None:
    before, after = (load.limits(catalogue) for catalogue in (pinned(), raised(pinned(), resource, 9000)))
    changed = {name for name in before.per_minute if before.per_minute[name] != after.per_minute[name]}
    own = raised(pinned(), resource, 9000).features[RCA].limits.batches_per_minute == 9000
    assert changed == {resource} or own


def test_the_findings_answer_shares_users_and_what_is_not_in_staging_yet() -> None:
    said = {finding.about: finding for finding in findings(planned("08-10", "08-16"))}
    assert (
        f"{RCA} takes at most 8.75% of the 17.50% it asked for, bound by feature requests, 20/min"
        in said["shares of PROD"].text
    )
    assert "916 calls" in said["users of staging"].text
    assert f"{CODE} (no date yet)" in said["after the cutovers"].text
    assert all(finding.tone is not Tone.MISFIT for finding in said.values())


def test_a_misfit_is_the_first_thing_that_is_said() -> None:
    more = with_feature(pinned(), RCA, prompts_per_run=916)
    first = findings(planned("08-17", "08-23", more))[0]
    assert (first.tone, first.about) == (Tone.MISFIT, "does it fit?")
    assert first.text.startswith("no, first on Fri 21 Aug 2026")
    assert {remedy.kind for remedy in first.remedies} >= {"users", "window", "prompts"}


def test_more_runs_than_can_be_planned_are_refused() -> None:
    phase = pinned().features[RCA].phases[-1].model_copy(update={"schedule": "* * * * *", "starts": day("01-01")})
    with pytest.raises(ParameterError, match="more than 20,000 runs"):
        planned("01-01", "12-31", with_feature(pinned(), RCA, phases=(phase,)))


# Sharing, by hand


def stream(feature: str, priority: int = 1, tokens: float = 10_000, own: float | None = None) -> Stream:
    costs = {SharedResource("A", "account input tokens"): tokens}
    return Stream(
        feature, "staging", "inference", "A", priority, costs, (PromptRate("feature requests", own),) if own else ()
    )


def limits(shares: dict[str, float], *, lends: bool = True, per_minute: float = 1_000_000) -> SharedLimits:
    only = SharedResource("A", "account input tokens")
    parts = {Lane("A", name): share for name, share in shares.items()}
    return SharedLimits({only: per_minute}, {"A": (only,)}, parts, {"A"} if lends else set())


def rates(streams: list[Stream], shared: SharedLimits) -> dict[str, float]:
    return {key[0]: flow.per_minute for key, flow in allocate(streams, shared).items()}


def test_features_that_compete_get_their_shares() -> None:
    both = [stream("a"), stream("b", priority=2)]
    assert rates(both, limits({"a": 0.25, "b": 0.75})) == pytest.approx({"a": 25, "b": 75})


def test_what_nobody_asked_for_goes_to_the_best_priority_first() -> None:
    both = [stream("a"), stream("b", priority=2)]
    assert rates(both, limits({"a": 0.25, "b": 0.25})) == pytest.approx({"a": 75, "b": 25})


def test_what_a_feature_cannot_use_goes_to_the_next() -> None:
    both = [stream("a", own=40), stream("b", priority=2)]
    assert rates(both, limits({"a": 0.25, "b": 0.25})) == pytest.approx({"a": 40, "b": 60})


def test_equals_divide_what_is_left_by_share() -> None:
    both = [stream("a"), stream("b")]
    assert rates(both, limits({"a": 0.1, "b": 0.3})) == pytest.approx({"a": 25, "b": 75})


def test_an_account_that_does_not_lend_makes_the_share_a_ceiling() -> None:
    alone = allocate([stream("a")], limits({"a": 0.25, "b": 0.75}, lends=False))[stream("a").key]
    assert alone.per_minute == pytest.approx(25)
    assert alone.bound_by.limit == SHARE


# Properties

streams_of_one_account = st.lists(
    st.tuples(st.integers(1, 3), st.floats(100, 50_000), st.none() | st.floats(0.1, 500), st.floats(0.05, 0.5)),
    min_size=1,
    max_size=6,
)


def drawn(parts: list[tuple[int, float, float | None, float]], *, lends: bool) -> tuple[list[Stream], SharedLimits]:
    streams = [stream(f"f{number}", *part[:3]) for number, part in enumerate(parts)]
    whole = max(1.0, sum(part[3] for part in parts))
    return streams, limits({f"f{number}": part[3] / whole for number, part in enumerate(parts)}, lends=lends)


@for_all(streams_of_one_account, st.booleans())
def test_no_account_is_ever_passed_and_no_feature_waits_below_its_share(
    parts: list[tuple[int, float, float | None, float]], lends: bool
) -> None:
    streams, shared = drawn(parts, lends=lends)
    found = allocate(streams, shared)
    only = SharedResource("A", "account input tokens")
    taken = {s.lane: found[s.key].per_minute * s.costs[only] / 1_000_000 for s in streams}
    assert sum(taken.values()) <= 1 + 1e-6
    for s in streams:
        wanted = (s.own[0].prompts_per_minute if s.own else 1e9) * s.costs[only] / 1_000_000
        assert taken[s.lane] >= min(wanted, shared.shares[s.lane]) * (1 - 1e-6)
        if not lends:
            assert taken[s.lane] <= shared.shares[s.lane] * (1 + 1e-6)
    if lends and any(not s.own for s in streams):
        assert sum(taken.values()) == pytest.approx(1)  # nothing is left while somebody wants it


@for_all(
    streams_of_one_account,
    st.lists(st.tuples(st.floats(0, 60), st.integers(1, 2000)), min_size=6, max_size=6),
    st.booleans(),
)
def test_every_prompt_is_served_and_no_moment_passes_the_account(
    parts: list[tuple[int, float, float | None, float]], work: list[tuple[float, int]], lends: bool
) -> None:
    streams, shared = drawn(parts, lends=lends)
    jobs = [Job(s.feature, starts, ((s, float(prompts)),)) for s, (starts, prompts) in zip(streams, work, strict=False)]
    spells = simulate(jobs, shared)
    only = SharedResource("A", "account input tokens")
    for job in jobs:
        own = [spell for spell in spells if spell.job == job.name]
        assert sum(spell.prompts for spell in own) == pytest.approx(job.stages[0][1], rel=1e-6)
        assert own[0].begins == job.starts
        assert all(earlier.ends == later.begins for earlier, later in pairwise(own))
    for moment in {spell.begins for spell in spells}:
        flowing = [spell for spell in spells if spell.begins <= moment < spell.ends]
        assert sum(s.flow.per_minute * s.stream.costs[only] for s in flowing) <= 1_000_000 * (1 + 1e-6)


@for_all(st.floats(1, 8), st.integers(1, 3000), st.sampled_from([RCA, CHAT, EXPLAIN, RESOLVE]))
def test_a_run_that_is_alone_never_ends_later_with_a_higher_limit(times: float, prompts: int, name: str) -> None:
    only = with_feature(pinned(), name, prompts_per_run=prompts)
    only = given(only, features={name: only.features[name]})
    account = only.accounts["EVAL"]
    larger = given(account, input_tokens_per_minute=int(account.input_tokens_per_minute * times))
    more = given(only, accounts={**only.accounts, "EVAL": larger})
    before, after = (plan(PlanScenario(catalogue, day("08-22"), day("08-22"))).runs[0] for catalogue in (only, more))
    assert after.ends <= before.ends


@for_all(
    streams_of_one_account,
    st.lists(st.integers(1, 2000), min_size=6, max_size=6),
    st.floats(1, 10),
)
def test_twice_the_limits_make_everything_that_starts_together_twice_as_fast(
    parts: list[tuple[int, float, float | None, float]], work: list[int], times: float
) -> None:
    streams, shared = drawn(parts, lends=True)
    faster = [s._replace(own=tuple(PromptRate(r.limit, r.prompts_per_minute * times) for r in s.own)) for s in streams]
    ends = []
    for these, whole in ((streams, 1_000_000.0), (faster, 1_000_000 * times)):
        jobs = [Job(s.feature, 0.0, ((s, float(n)),)) for s, n in zip(these, work, strict=False)]
        scaled = SharedLimits(dict.fromkeys(shared.per_minute, whole), shared.accounts, shared.shares, shared.lends)
        spells = simulate(jobs, scaled)
        ends.append({job.name: max(s.ends for s in spells if s.job == job.name) for job in jobs})
    assert {name: end * times for name, end in ends[1].items()} == pytest.approx(ends[0], rel=1e-5)
