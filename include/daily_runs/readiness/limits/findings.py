"""What a path allows and what a run needs of it: one `LimitFinding` a limit, which one binds, whether the run fits.

`measure` asks the path, `weigh` compares, `finding_rows` keeps what was found.

`findings` is the pure part of `weigh`, which adds what the store knows: room in the `ai_action` window, the month.
A hop that does not tell is `unknown`, which stops no run and is never taken for "no limit".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.features import Feature, FeatureCall
from daily_runs.catalogue.rates import Budget, budget
from daily_runs.catalogue.user_rates import API_REQUESTS, CALLS_PER_PROMPT, user_rates
from daily_runs.gitlab import documents
from daily_runs.quota.month_budget import MonthBudget, MonthState
from daily_runs.readiness.limits.measure import PathMeasures
from daily_runs.statuses import LimitSource, LimitVerdict

DOCUMENT_COMPLEXITY_MAX = 200
"""None of our GraphQL documents scores more (a test adds them up)."""
NODES_AT_ONCE_MAX = documents.BLOBS_PER_QUERY_MAX
"""Nodes that a query of ours needs in one page (files by their paths); all others follow the cursor."""

COMPLEXITY, PAGE, MONTH, AI_ACTION = "GraphQL complexity", "GraphQL page", "budget of the month", "ai_action"
_SAME_FOR_ANY_RUN = frozenset({COMPLEXITY, PAGE, MONTH})
"""They are met or not, however many prompts a run asks, and so do not bind its size unless they stop it."""


class LimitFinding(NamedTuple):
    """One limit: what the run needs of it, what is allowed (None = nobody tells), how we know, who can lift it.

    `source`: who says so. `remedy` is empty where nothing can be done. `fits` overrides the
    comparison needed <= allowed, for limits with another rule.
    """

    hop: str
    limit_name: str
    needed: float
    allowed: float | None
    unit: str
    source: LimitSource
    evidence: str
    remedy: str
    owner: str
    fits: bool | None = None

    @property
    def verdict(self) -> LimitVerdict:
        """Whether the run fits under the limit."""
        if self.fits is None and self.allowed is None:
            return LimitVerdict.UNKNOWN
        fits = self.fits if self.fits is not None else self.needed <= (self.allowed or 0)
        return LimitVerdict.FITS if fits else LimitVerdict.TOO_LOW

    @property
    def line(self) -> str:
        """What to do about it, and who can."""
        return f"{self.limit_name}: {self.remedy}; owner: {self.owner}"

    def as_json(self, *, binds: bool) -> dict[str, Any]:
        """For a script, and for the store."""
        shown = {name: value for name, value in self._asdict().items() if name != "fits"}
        return {**shown, "verdict": self.verdict, "binds": binds}


def too_low(found: Sequence[LimitFinding]) -> list[LimitFinding]:
    """The limits that do not allow the run."""
    return [finding for finding in found if finding.verdict is LimitVerdict.TOO_LOW]


def fits(found: Sequence[LimitFinding]) -> bool:
    """Whether no limit that is known stops the run."""
    return not too_low(found)


def binding(found: Sequence[LimitFinding]) -> LimitFinding | None:
    """The tightest of the limits that are known: one that stops the run, else the one that the run uses most of."""

    def tightness(finding: LimitFinding) -> tuple[bool, float]:
        stops = finding.verdict is LimitVerdict.TOO_LOW
        if finding.allowed:
            return stops, finding.needed / finding.allowed
        return stops, math.inf if finding.needed else 0.0

    known = [f for f in found if f.verdict is LimitVerdict.TOO_LOW or _may_bind(f)]
    return max(known, key=tightness, default=None)


def _may_bind(finding: LimitFinding) -> bool:
    return finding.allowed is not None and finding.limit_name not in _SAME_FOR_ANY_RUN


def findings(
    facts: PathMeasures,
    catalogue: Catalogue,
    feature: Feature,
    environment_name: str,
    *,
    calls_needed: int,
    ai_action_room: int | None = None,
    ordered: Mapping[str, int] = MappingProxyType({}),
    month: MonthBudget | None = None,
) -> list[LimitFinding]:
    """Every limit on the path that a feature's run meets. Pure.

    Args:
        facts: of a look at this environment.
        calls_needed: prompts that the run still has to ask.
        ai_action_room: `aiAction` calls that all evaluation users have left in the window; None = all that it holds.
        ordered: of these, calls that other runs were let in for and have not made, by run.
        month: how the feature's month stands; None = it has no budget, or costs nothing.
    """
    environment = catalogue.environments[environment_name]
    rate = budget(catalogue, feature, environment_name)
    return [
        *_in_front(facts, environment),
        *_of_gitlab(facts, feature, environment, rate),
        *_of_user(feature, environment, rate, calls_needed, ai_action_room, ordered),
        *_of_account(catalogue, feature, environment_name, rate),
        *of_month(feature, month),
    ]


def _in_front(facts: PathMeasures, environment: Environment) -> Iterator[LimitFinding]:
    for hop, seen in facts.hops.items():
        owner = owner_of(environment, hop)
        yield LimitFinding(hop, "rate at the hop", 0, None, "requests/min", LimitSource.MEASURED, seen, "", owner)


def _of_gitlab(facts: PathMeasures, feature: Feature, environment: Environment, rate: Budget) -> Iterator[LimitFinding]:
    """What GitLab itself told."""
    limits, owner = environment.limits, owner_of(environment, "gitlab")
    left = "" if facts.requests_remaining is None else f", {facts.requests_remaining} left of this minute"
    yield LimitFinding(
        "gitlab",
        "API requests per minute and user",
        requests_per_minute(environment, rate),
        facts.requests_limit,
        "requests/min",
        LimitSource.MEASURED,
        f"RateLimit-Limit of {facts.throttle or 'no throttle named'}{left}",
        "Lower limits.requests_per_minute or have the limit raised",
        owner,
    )
    yield LimitFinding(
        "gitlab",
        COMPLEXITY,
        DOCUMENT_COMPLEXITY_MAX,
        facts.complexity_limit,
        "points a query",
        LimitSource.MEASURED,
        f"queryComplexity: score {facts.complexity_score}, version {facts.version or 'not told'}",
        "Make the query smaller: waiting does not help",
        feature.owner.dri,
    )
    known = f"; the catalogue says {limits.graphql.page_size_max}" if facts.page_size is None else ""
    yield LimitFinding(
        "gitlab",
        PAGE,
        NODES_AT_ONCE_MAX,
        facts.page_size,
        "nodes a page",
        LimitSource.MEASURED,
        facts.page_evidence + known,
        "Ask for fewer files in one query: waiting does not help",
        feature.owner.dri,
    )


def requests_per_minute(environment: Environment, rate: Budget) -> float:
    """API requests of one user at the run's whole rate (it may fill one user before the next), as the ledger allows."""
    return min(rate.binding.prompts_per_minute * CALLS_PER_PROMPT, environment.limits.api_requests_per_minute)


def _of_user(
    feature: Feature,
    environment: Environment,
    rate: Budget,
    calls_needed: int,
    room: int | None,
    ordered: Mapping[str, int],
) -> Iterator[LimitFinding]:
    """One user's own limits, over all users. No free call tells them: the catalogue's word."""
    limits, users = environment.limits, len(environment.evaluation_users)
    yield from _rates_of_user(feature, environment, rate)
    if feature.call is FeatureCall.COMPLETE_CODE:
        return
    whole = users * limits.ai_action_calls_per_window
    hours = f"{limits.ai_action_window_hours:g} h"
    left = whole if room is None else room
    used = "those used lately are not counted" if room is None else f"{whole - room} of them used lately"
    others = "".join(f", {calls} ordered by {run}" for run, calls in ordered.items())
    yield LimitFinding(
        "gitlab",
        AI_ACTION,
        calls_needed,
        max(0, left - sum(ordered.values())),
        f"calls per {hours}",
        LimitSource.CATALOGUE,
        f"{users} evaluation users x {limits.ai_action_calls_per_window} calls, {used}{others}",
        _more_calls(environment, calls_needed, left, ordered),
        owner_of(environment, "gitlab"),
    )


def _rates_of_user(feature: Feature, environment: Environment, rate: Budget) -> Iterator[LimitFinding]:
    """Those of `user_rates` but for API requests, which GitLab tells (`_of_gitlab`)."""
    users = len(environment.evaluation_users)
    for user_rate in user_rates(environment.limits, feature.call):
        if user_rate.name == API_REQUESTS:
            continue
        each = user_rate.per_minute(environment.limits)
        yield LimitFinding(
            "gitlab",
            user_rate.name,
            rate.binding.prompts_per_minute * user_rate.amount,
            users * each,
            "requests/min",
            LimitSource.CATALOGUE,
            f"{users} evaluation users x {each:g}",
            "Add evaluation users or have the limit raised",
            owner_of(environment, "gitlab"),
        )


def _more_calls(environment: Environment, needed: int, left: int, ordered: Mapping[str, int]) -> str:
    """What would let so many calls through now; with time, calls that were made fall out of the window."""
    users, each = len(environment.evaluation_users), environment.limits.ai_action_calls_per_window
    used, taken = users * each - left, users * each - left + sum(ordered.values())
    enough_users = math.ceil((needed + taken) / each)
    setting = math.ceil((needed + taken) / users)
    remedy = f"{needed} calls need {enough_users} evaluation users or the instance setting at {setting}"
    if used:
        remedy += f", or a wait until the {used} used lately leave the window of"
        remedy += f" {environment.limits.ai_action_window_hours:g} h"
    if ordered:
        remedy += f", or the end of what is under way ({', '.join(f'{run}: {n} left' for run, n in ordered.items())})"
    return remedy


def _of_account(catalogue: Catalogue, feature: Feature, environment_name: str, rate: Budget) -> Iterator[LimitFinding]:
    """The catalogue's word on the account that inference spends, at the run's rate."""
    environment = catalogue.environments[environment_name]
    name = feature.account_in(environment_name, environment)
    account = catalogue.accounts[name]
    prompts, tokens = rate.binding.prompts_per_minute, feature.limits.tokens_per_prompt
    rows = (
        ("requests", prompts, account.requests_per_minute),
        ("input tokens", rate.tokens_per_minute, account.input_tokens_per_minute),
        ("output tokens", prompts * tokens.output, account.output_tokens_per_minute),
    )
    for what, needed, allowed in rows:
        yield LimitFinding(
            "model_vendor",
            f"account {name} {what}",
            needed,
            allowed,
            f"{what.rpartition(' ')[2]}/min",
            LimitSource.CATALOGUE,
            f"{needed / allowed:.2%} of the account at {prompts:g} prompts/min ({rate.binding.limit})",
            "Lower the feature's rate or raise the account's limit",
            owner_of(environment, "ai_gateway"),
        )


def of_month(feature: Feature, month: MonthBudget | None) -> Iterator[LimitFinding]:
    """How the month stands; nothing of a feature without a budget."""
    if month:
        yield LimitFinding(
            "model_vendor",
            MONTH,
            month.committed_usd,
            month.throttle_usd,
            "USD",
            LimitSource.MEASURED,
            str(month),
            "Raise budget_usd_per_month, or wait for the next month",
            feature.owner.team,
            fits=month.state is not MonthState.THROTTLE,  # which begins at the limit, not above it
        )


def owner_of(environment: Environment, hop: str) -> str:
    """Who can lift a hop's limits; the AI Gateway's owner holds the account's key, too."""
    return next((rule.owner for rule in environment.hops if rule.hop == hop), f"none named for hop {hop}")
