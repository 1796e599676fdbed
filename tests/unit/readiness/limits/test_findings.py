"""What facts of a path mean for a run: one table of limits, and what holds for any figures."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import changed

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.quota.month_budget import MonthBudget
from daily_runs.readiness.limits import table
from daily_runs.readiness.limits.findings import LimitFinding, binding, findings, fits, too_low
from daily_runs.readiness.limits.measure import PathMeasures
from daily_runs.statuses import LimitSource, LimitVerdict

RCA, CHAT, CODE = "root_cause_analysis", "duo_chat", "code_suggestions"
FITS, TOO_LOW, UNKNOWN = LimitVerdict.FITS, LimitVerdict.TOO_LOW, LimitVerdict.UNKNOWN
CATALOGUE = catalogue_files.load(overlay="sandbox")
TOLD = PathMeasures(
    user="evaluation-1",
    username="evaluation-1",
    version="18.6.0",
    complexity_score=3,
    complexity_limit=250,
    page_size=100,
    page_evidence="100 jobs came for first: 101, and there are more",
    throttle="throttle_authenticated_api",
    requests_limit=2000,
    requests_remaining=1990,
    hops={"cloudflare": "cf-ray present", "load_balancer": "gitlab-lb present", "ai_gateway": "no header of its own"},
    calls_spent=3,
)
NOT_TOLD = TOLD._replace(
    version=None,
    complexity_score=None,
    complexity_limit=None,
    page_size=None,
    page_evidence="evaluation-1 sees no project",
    throttle=None,
    requests_limit=None,
    requests_remaining=None,
)


def staging(**limits: Any) -> Catalogue:
    """The shipped catalogue with other limits in staging."""
    return changed(CATALOGUE, {"environments": {"staging": {"limits": limits}}})


def users(count: int) -> Catalogue:
    """The shipped catalogue with so many evaluation users in staging."""
    names = [f"evaluation-{n}" for n in range(1, count + 1)]
    return changed(CATALOGUE, {"environments": {"staging": {"evaluation_users": names}}})


def found_of(
    facts: PathMeasures = TOLD,
    *,
    feature: str = RCA,
    catalogue: Catalogue = CATALOGUE,
    needed: int = 900,
    room: int | None = 960,
    month: MonthBudget | None = None,
) -> list[LimitFinding]:
    declared = catalogue.features[feature]
    return findings(facts, catalogue, declared, "staging", calls_needed=needed, ai_action_room=room, month=month)


class Case(NamedTuple):
    """A path and a run; the limit that is asked about, what is said of it, and which one binds the run."""

    found: list[LimitFinding]
    limit: str
    needed: float
    allowed: float | None
    verdict: LimitVerdict
    source: LimitSource
    owner: str
    binds: str | None


INFRA, DRI = "infrastructure", "model validation"
MEASURED, DECLARED = LimitSource.MEASURED, LimitSource.CATALOGUE
API, COMPLEXITY, PAGE, AI, SUGGESTIONS, MONTH = (
    "API requests per minute and user",
    "GraphQL complexity",
    "GraphQL page",
    "ai_action",
    "code suggestions",
    "budget of the month",
)
INPUT, OUTPUT, REQUESTS = "account EVAL input tokens", "account EVAL output tokens", "account EVAL requests"
BROKE, WELL_OFF = MonthBudget(5500, 5000), MonthBudget(5499.99, 5000)
CASES = {
    "20 prompts a minute of RCA are 40 requests": Case(found_of(), API, 40, 2000, FITS, MEASURED, INFRA, AI),
    "a throttle under the run's rate": Case(
        found_of(TOLD._replace(requests_limit=39)), API, 40, 39, TOO_LOW, MEASURED, INFRA, API
    ),
    "a throttle that is just the run's rate": Case(
        found_of(TOLD._replace(requests_limit=40)), API, 40, 40, FITS, MEASURED, INFRA, API
    ),
    "the ledger sends no more than the catalogue allows one user": Case(
        found_of(feature=CHAT, catalogue=staging(api_requests_per_minute=60), needed=16),
        API, 60, 2000, FITS, MEASURED, INFRA, INPUT,
    ),
    "a throttle nobody told": Case(found_of(NOT_TOLD), API, 40, None, UNKNOWN, MEASURED, INFRA, AI),
    "complexity": Case(found_of(), COMPLEXITY, 200, 250, FITS, MEASURED, DRI, AI),
    "complexity too low binds, since it stops the run": Case(
        found_of(TOLD._replace(complexity_limit=199)), COMPLEXITY, 200, 199, TOO_LOW, MEASURED, DRI, COMPLEXITY
    ),
    "complexity nobody told": Case(found_of(NOT_TOLD), COMPLEXITY, 200, None, UNKNOWN, MEASURED, DRI, AI),
    "a page": Case(found_of(), PAGE, 20, 100, FITS, MEASURED, DRI, AI),
    "a page that is smaller than what one query needs": Case(
        found_of(TOLD._replace(page_size=19)), PAGE, 20, 19, TOO_LOW, MEASURED, DRI, PAGE
    ),
    "a page that did not show": Case(found_of(NOT_TOLD), PAGE, 20, None, UNKNOWN, MEASURED, DRI, AI),
    "900 calls and one user": Case(
        found_of(catalogue=users(1), room=160), AI, 900, 160, TOO_LOW, DECLARED, INFRA, AI
    ),
    "900 calls and six users": Case(found_of(), AI, 900, 960, FITS, DECLARED, INFRA, AI),
    "900 calls and just as much room": Case(found_of(room=900), AI, 900, 900, FITS, DECLARED, INFRA, AI),
    "where those used lately do not matter, all that the window holds": Case(
        found_of(room=None), AI, 900, 960, FITS, DECLARED, INFRA, AI
    ),
    "no call is needed and no room is left": Case(
        found_of(needed=0, room=0), AI, 0, 0, FITS, DECLARED, INFRA, INPUT
    ),
    "code suggestions: six users x 60": Case(
        found_of(feature=CODE, needed=18, room=None), SUGGESTIONS, 360, 360, FITS, DECLARED, INFRA, SUGGESTIONS
    ),
    "the account's input": Case(found_of(), INPUT, 700_000, 4_000_000, FITS, DECLARED, INFRA, AI),
    "the account's requests": Case(found_of(), REQUESTS, 20, 4000, FITS, DECLARED, INFRA, AI),
    "a month at 110 %": Case(
        found_of(month=BROKE), MONTH, 5500, 5500, TOO_LOW, MEASURED, "Root Cause Analysis feature team", MONTH
    ),
    "a month just under 110 % lets the run go and does not bind it": Case(
        found_of(month=WELL_OFF), MONTH, 5499.99, 5500, FITS, MEASURED, "Root Cause Analysis feature team", AI
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_limit_says_what_is_needed_allowed_and_whose_it_is(case: Case) -> None:
    (found,) = [finding for finding in case.found if finding.limit_name == case.limit]
    assert [found.needed, found.allowed] == pytest.approx([case.needed, case.allowed])
    assert (found.verdict, found.source, found.owner) == (case.verdict, case.source, case.owner)
    tightest = binding(case.found)
    assert (tightest.limit_name if tightest else None) == case.binds
    assert fits(case.found) == (TOO_LOW not in {finding.verdict for finding in case.found})


def test_the_remedy_is_a_sentence_with_its_owner() -> None:
    (found,) = too_low(found_of(catalogue=users(1), room=160))
    assert found.line == (
        "ai_action: 900 calls need 6 evaluation users or the instance setting at 900; owner: infrastructure"
    )


@pytest.mark.parametrize(("feature", "other"), [(RCA, SUGGESTIONS), (CODE, AI)])
def test_a_limit_of_another_way_of_asking_is_not_this_features(feature: str, other: str) -> None:
    names = {finding.limit_name for finding in found_of(feature=feature)}
    assert {SUGGESTIONS, AI} - names == {other}


def test_hops_in_front_tell_no_limit_whatever_they_show() -> None:
    hops = [finding for finding in found_of() if finding.hop in TOLD.hops]
    assert {finding.hop: finding.evidence for finding in hops} == TOLD.hops
    assert {finding.verdict for finding in hops} == {UNKNOWN}


def test_a_path_that_tells_nothing_stops_no_run() -> None:
    assert fits(found_of(NOT_TOLD, room=None))


def test_every_finding_that_stops_a_run_has_a_remedy_and_an_owner() -> None:
    facts = TOLD._replace(requests_limit=1, complexity_limit=1, page_size=1)
    stops = too_low(found_of(facts, room=0, month=BROKE))
    assert {finding.limit_name for finding in stops} == {API, COMPLEXITY, PAGE, AI, MONTH}
    assert all(finding.remedy and finding.owner for finding in stops)


numbers = st.none() | st.integers(0, 10_000)


@given(st.builds(TOLD._replace, requests_limit=numbers, complexity_limit=numbers, page_size=numbers), numbers)
def test_what_binds_stops_the_run_when_anything_does_and_is_known(facts: PathMeasures, room: int | None) -> None:
    found = found_of(facts, room=room)
    tightest = binding(found)
    assert tightest is not None
    assert tightest.verdict is (FITS if fits(found) else TOO_LOW)
    unknown = [finding for finding in found if finding.allowed is None]
    assert {finding.verdict for finding in unknown} <= {UNKNOWN}


@given(st.integers(1, 12), st.integers(1, 200), st.integers(0, 2000), st.integers(1, 3000))
def test_the_remedy_for_ai_action_is_enough_and_no_more_than_enough(
    count: int, each: int, used: int, needed: int
) -> None:
    """Users who are added bring their whole window; calls that were used lately stay used."""
    used = min(used, count * each)
    room = count * each - used
    catalogue = changed(users(count), {"environments": {"staging": {"limits": {"ai_action_calls_per_window": each}}}})
    stops = [f for f in too_low(found_of(catalogue=catalogue, needed=needed, room=room)) if f.limit_name == AI]
    assert bool(stops) == (needed > room)
    for finding in stops:
        told = re.match(r"\d+ calls need (\d+) evaluation users or the instance setting at (\d+)", finding.remedy)
        assert told
        enough_users, setting = map(int, told.groups())
        assert enough_users * each - used >= needed > (enough_users - 1) * each - used
        assert setting == math.ceil((needed + used) / count)
        assert ("or a wait until" in finding.remedy) == (used > 0)


def test_nothing_known_binds_nothing() -> None:
    hops = [finding for finding in found_of() if finding.hop in TOLD.hops]
    assert hops
    assert binding(hops) is None


def test_the_table_has_a_line_a_limit_and_one_mark() -> None:
    found = found_of(NOT_TOLD)
    header, *lines = table.as_text(found).splitlines()
    assert len(lines) == len(found)
    assert [line[0] for line in lines].count(table.BINDS) == 1
    assert all(line == line.rstrip() and len(line) <= 130 for line in (header, *lines))
    (api,) = [line for line in lines if API in line]
    assert api.split()[-6:] == ["40", "?", "requests/min", "unknown", "measured", INFRA]
