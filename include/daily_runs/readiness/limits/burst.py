"""Requests that a probe sends when it is asked to: a paced burst of free ones, and `aiAction` calls by number.

Both keep count of what they spent. A burst costs no AI call. `aiAction` calls are asked about a job that does not
exist: GitLab counts a call before it looks at the resource (docs/domain.md §3), so no model is paid, yet each is one of
the user's calls in the window, and is stored as such before it is sent.
"""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.rates import budget
from daily_runs.clock import Clock
from daily_runs.errors import Blame, CallError
from daily_runs.gitlab import documents
from daily_runs.gitlab.answers import act
from daily_runs.gitlab.client import GitLab
from daily_runs.quota.ledger import Ledger
from daily_runs.quota.tariff import Window
from daily_runs.readiness.limits import probe_call_rows
from daily_runs.readiness.limits.findings import LimitFinding, owner_of, requests_per_minute
from daily_runs.statuses import LimitSource
from daily_runs.store.database import Store

MINUTE_SECONDS = 60.0
NO_SUCH_JOB = "gid://gitlab/Ci::Build/0"
COUNTED_KINDS = frozenset({"resource_not_available"})
"""What a call about no job ends in once the limiter has let it through."""


class BurstOutcome(NamedTuple):
    """What was found, and how many requests that took."""

    found: list[LimitFinding]
    calls_spent: int


class _Burst(NamedTuple):
    """Requests sent, those that passed, domain seconds from the first to the last, and the first failure."""

    sent: int
    passed: int
    seconds: float
    failure: CallError | None


async def burst(
    gitlab: GitLab, catalogue: Catalogue, feature: Feature, environment_name: str, count: int
) -> BurstOutcome:
    """Send `count` free requests as the first evaluation user, at the rate of the feature's run; none after a failure.

    They go out by the clock, whether or not those before were answered, and are never hurried to make up for a delay.
    0 sends nothing and finds nothing.
    """
    if not count:
        return BurstOutcome([], 0)
    environment = catalogue.environments[environment_name]
    per_minute = requests_per_minute(environment, budget(catalogue, feature, environment_name))
    seen = await _send(gitlab, environment, count, MINUTE_SECONDS / per_minute)
    return BurstOutcome([_of_burst(environment, per_minute, count, seen)], seen.sent)


async def _send(gitlab: GitLab, environment: Environment, count: int, every_seconds: float) -> _Burst:
    user, clock = environment.evaluation_users[0], Clock(environment.time_scale)
    failures, failed = list[CallError](), asyncio.Event()

    async def send_one() -> None:
        try:
            await gitlab.graphql(user, documents.WHOAMI)
        except CallError as error:
            failures.append(error)
            failed.set()

    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(send_one())
        sent = 1
        while sent < count and not await _happens(failed, clock.wall(every_seconds)):
            group.create_task(send_one())
            sent += 1
        seconds = (time.monotonic() - begun) * environment.time_scale
    return _Burst(sent, sent - len(failures), seconds, failures[0] if failures else None)


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    """Whether it happens within so many seconds."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _of_burst(environment: Environment, per_minute: float, count: int, seen: _Burst) -> LimitFinding:
    """A refusal for rate is too low, at the hop that refused; another failure leaves the rate unknown."""
    hop = str(seen.failure.hop) if seen.failure else "gitlab"
    evidence = f"{seen.passed} of {count} requests passed in {seen.seconds:.1f} s, {per_minute:g}/min intended"
    return LimitFinding(
        hop,
        "rate of a burst",
        per_minute,
        None,
        "requests/min",
        LimitSource.MEASURED,
        evidence + (f"; then: {seen.failure}" if seen.failure else ""),
        "Have the limit of this hop raised, or lower limits.requests_per_minute",
        owner_of(environment, hop),
        fits=_passed(seen.failure),
    )


def _passed(failure: CallError | None) -> bool | None:
    """True without a failure; False for a refusal for rate; None, which is unknown, for any other failure."""
    if failure is None:
        return True
    return False if failure.blame is Blame.RATE_LIMIT else None


async def spend_ai_action(
    gitlab: GitLab, store: Store, environment: Environment, window: Window, count: int
) -> BurstOutcome:
    """Make `count` `aiAction` calls, by users that have room in the window, one after the other; none after a refusal.

    Each is stored as spent before it is sent. A user whom GitLab refuses is kept off for a window, as in a run.
    """
    clock = Clock(environment.time_scale)
    ledger, spent, refused = Ledger(store, environment.time_scale), 0, None
    while spent < count and refused is None:
        user = await asyncio.to_thread(
            probe_call_rows.spend, store, window, clock.wall(window.seconds), environment.evaluation_users
        )
        if user is None:
            break
        spent += 1
        refused = await _ask_about_nothing(gitlab, user)
        if refused is not None and refused.kind == "ai_action_limit":
            await asyncio.to_thread(ledger.user_is_spent, window, user)
    return BurstOutcome([_of_ai_action(environment, count, spent, refused)], spent)


async def _ask_about_nothing(gitlab: GitLab, user: str) -> CallError | None:
    """What kept the call from being counted; None when it was."""
    action = {"chat": {"resourceId": NO_SUCH_JOB, "content": "/troubleshoot"}, "conversationType": "DUO_CHAT"}
    try:
        await act(gitlab, user, action, "probe")
    except CallError as error:
        return None if error.kind in COUNTED_KINDS else error
    return None


def _of_ai_action(environment: Environment, count: int, spent: int, failure: CallError | None) -> LimitFinding:
    passed = spent if failure is None else spent - 1
    nobody = failure is None and spent < count
    evidence = f"{passed} of {count} calls passed"
    if failure or nobody:
        evidence += f"; then: {failure or 'no evaluation user has room in the window'}"
    return LimitFinding(
        str(failure.hop) if failure else "gitlab",
        "ai_action calls of this probe",
        count,
        None,
        "calls",
        LimitSource.MEASURED,
        evidence,
        "Wait for a window, add evaluation users, or have the instance setting raised",
        owner_of(environment, "gitlab"),
        fits=False if nobody else _passed(failure),
    )
