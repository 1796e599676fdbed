"""Limit probe: asks the path what it allows, compares with what the run needs, and spends nothing.

Every hop's word is a row. A limit that is too low stops the run here, before any paid call, with the remedy and its
owner. "Did not tell" is `unknown`, which does not stop a run, and is never taken for "no limit".
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

import httpx

from daily_runs.catalogue_environments import Environment
from daily_runs.errors import LimitTooLowError
from daily_runs.gitlab.documents import WHOAMI
from daily_runs.quota.ledger import Ledger
from daily_runs.quota.rates import CALLS_PER_PROMPT, budget
from daily_runs.resilience.retry import with_retries
from daily_runs.run import Report, Work
from daily_runs.stages.month_budget import month_budget
from daily_runs.stages.reservations import ai_action_window
from daily_runs.stages.sessions import gitlab_session
from daily_runs.statuses import LimitSource, LimitVerdict
from daily_runs.store import answers, probes

OWN_ACCESS_PATH = "/api/v4/personal_access_tokens/self"
DOCUMENT_COMPLEXITY_MAX = 200
"""None of our GraphQL documents scores more (a test adds them up)."""


class Finding(NamedTuple):
    """One limit: what the run needs of it, what is allowed (None = the hop does not tell), and how we know."""

    hop: str
    limit_name: str
    needed: float
    allowed: float | None
    unit: str
    source: LimitSource
    evidence: str
    remedy: str = ""

    @property
    def verdict(self) -> LimitVerdict:
        """Whether the run fits under the limit."""
        if self.allowed is None:
            return LimitVerdict.UNKNOWN
        return LimitVerdict.FITS if self.needed <= self.allowed else LimitVerdict.TOO_LOW


def run(work: Work) -> Report:
    """Probe the path of the work's environment.

    Raises:
        LimitTooLowError: a limit does not allow the run.
        CallError: the path could not be asked at all.
    """
    findings = [*asyncio.run(_ask_path(work)), *_from_catalogue(work)]
    probes.save(work.store, work.attempt, [(*finding[:-1], finding.verdict) for finding in findings])
    too_low = [finding for finding in findings if finding.verdict is LimitVerdict.TOO_LOW]
    if too_low:
        lines = "; ".join(
            f"{f.hop}, {f.limit_name}: needs {f.needed:g} {f.unit}, allowed {f.allowed:g}. {f.remedy}" for f in too_low
        )
        raise LimitTooLowError(f"limit probe of {work.attempt.key}: {lines}")
    unknown = sum(finding.verdict is LimitVerdict.UNKNOWN for finding in findings)
    return Report(
        "limit_probe",
        asked=len(findings),
        answered=len(findings) - unknown,
        missing=unknown,
        details={"binding": budget(work.catalogue, work.feature, work.attempt.key.environment).binding._asdict()},
    )


async def _ask_path(work: Work) -> list[Finding]:
    async with gitlab_session(work) as gitlab:
        user = work.environment.evaluation_users[0]
        response = await with_retries(lambda: gitlab.rest("GET", OWN_ACCESS_PATH, user), clock=work.clock)
        who = await with_retries(lambda: gitlab.graphql(user, WHOAMI), clock=work.clock)
    complexity, version = who.get("queryComplexity") or {}, (who.get("metadata") or {}).get("version")
    prompts_per_minute = budget(work.catalogue, work.feature, work.attempt.key.environment).binding.prompts_per_minute
    return [
        *_hops_seen(work.environment, response),
        Finding(
            "gitlab",
            "API requests per minute and user",
            prompts_per_minute * CALLS_PER_PROMPT,  # the whole rate: a run may fill one user before the next
            _number(response.headers.get("ratelimit-limit")),
            "requests/min",
            LimitSource.MEASURED,
            f"RateLimit-Limit of {response.headers.get('ratelimit-name', 'no throttle named')}",
            f"Lower limits.requests_per_minute or have the limit raised; owner: {_owner(work.environment, 'gitlab')}.",
        ),
        Finding(
            "gitlab",
            "GraphQL complexity",
            DOCUMENT_COMPLEXITY_MAX,
            complexity.get("limit"),
            "points a query",
            LimitSource.MEASURED,
            f"queryComplexity: score {complexity.get('score')}, version {version}",
            "Make the query smaller: waiting does not help; owner: model validation.",
        ),
    ]


def _hops_seen(environment: Environment, response: httpx.Response) -> Iterator[Finding]:
    """Hops in front of GitLab show themselves by a header but tell no limit; those behind it do not show here."""
    headers = {"cloudflare": "cf-ray", "load_balancer": "gitlab-lb", "ai_gateway": ""}
    for rule in environment.hops:
        if rule.hop in headers:
            value = response.headers.get(headers[rule.hop], "")
            seen = f"{headers[rule.hop]} present" if value else "no header of its own"
            if rule.marker and value and not value.endswith(rule.marker):
                seen = f"unexpected name: does not end in {rule.marker}"
            yield Finding(rule.hop, "rate at the hop", 0, None, "requests/min", LimitSource.MEASURED, seen)


def _from_catalogue(work: Work) -> Iterator[Finding]:
    """Limits that no free call reveals: the catalogue's word, compared with what this attempt will ask."""
    environment, limits = work.environment, work.environment.limits
    users = len(environment.evaluation_users)
    if window := ai_action_window(work.feature, work.attempt.key.environment, environment):
        needed = len(answers.unsettled(work.store, work.attempt.attempt_id, None))
        room = Ledger(work.store, environment.time_scale).room(window, environment.evaluation_users)
        yield Finding(
            "gitlab",
            "ai_action",
            needed,
            room,
            f"calls per {limits.ai_action_window_hours:g} h",
            LimitSource.CATALOGUE,
            f"{users} evaluation users x {window.calls} calls, {users * window.calls - room} of them used lately",
            ("Wait until calls fall out of the window, or: " if room < users * window.calls else "")
            + f"{-(-needed // window.calls)} evaluation users are needed, or the instance setting at"
            f" {-(-needed // users)}; owner: {_owner(environment, 'gitlab')}.",
        )
    yield from _month(work)
    account = work.catalogue.accounts[environment.account]
    rate = budget(work.catalogue, work.feature, work.attempt.key.environment)
    yield Finding(
        "model_vendor",
        f"account {environment.account} input tokens",
        rate.tokens_per_minute,
        account.input_tokens_per_minute,
        "tokens/min",
        LimitSource.CATALOGUE,
        f"{rate.account_share:.2%} of the account; {rate.binding.limit} binds",
        f"Lower the feature's rate or raise the account's limit; owner: {_owner(environment, 'ai_gateway')}.",
    )


def _month(work: Work) -> Iterator[Finding]:
    if month := month_budget(work):
        yield Finding(
            "model_vendor",
            "budget of the month",
            month.spent_usd,
            month.throttle_usd,
            "USD",
            LimitSource.MEASURED,
            str(month),
            f"Raise budget_usd_per_month, or wait for the next month; owner: {work.feature.owner.team}.",
        )


def _owner(environment: Environment, hop: str) -> str:
    """Who can lift a hop's limits; the AI Gateway's owner holds the account's key, too."""
    return next((rule.owner for rule in environment.hops if rule.hop == hop), f"none named for hop {hop}")


def _number(text: str | None) -> float | None:
    return float(text) if text and text.strip().isdigit() else None
