"""One environment's GitLab: its connection, each evaluation user's token, and the limits on its path."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx

from daily_runs import connections
from daily_runs.capacity.load import PlanScenario
from daily_runs.capacity.plan import plan
from daily_runs.capacity.users import Demand
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.features import FeatureCall, environments_of
from daily_runs.doctor.finding import Diagnosis, Now, RoundTrip, Subject
from daily_runs.doctor.language import languages, profile_of
from daily_runs.errors import AccessError, CallError, Hop, ParameterError
from daily_runs.gitlab.client import GitLab
from daily_runs.gitlab.documents import WHOAMI
from daily_runs.gitlab.hops.failures import malformed
from daily_runs.gitlab.session import connection_of, hooks_on_answers
from daily_runs.http_dates import date_in
from daily_runs.readiness.limits.findings import DOCUMENT_COMPLEXITY_MAX
from daily_runs.readiness.limits.measure import OWN_ACCESS_PATH

ALL = Subject("environments")
TIMEOUT_SECONDS = 15.0
EXPIRY_NOTICE_DAYS = 14
SIX_DAYS = dt.timedelta(days=6)
_TOKEN_REFUSED = (
    "unauthorized",
    "insufficient_scope",
    "forbidden",
    "not_found",
    "sign_in_page",
    "http_401",
    "http_403",
)
_LATER = ("tokens", "user names", "language", "clock", "limits")


class UserReading(NamedTuple):
    """What one user's free calls brought: the token's own description, who GitLab takes the user for, their profile."""

    user: str
    asked: RoundTrip
    response: httpx.Response | CallError
    who: Mapping[str, Any] | CallError | None
    profile: Mapping[str, Any] = MappingProxyType({})

    @property
    def token(self) -> Mapping[str, Any]:
        """What GitLab says of the token; empty where it was refused."""
        return {} if isinstance(self.response, CallError) else dict(self.response.json())

    @property
    def name(self) -> str | None:
        """The user name that GitLab knows the token's owner by."""
        user = None if isinstance(self.who, CallError) or not self.who else self.who.get("currentUser")
        return user.get("username") if user else None


def gitlab(name: str, catalogue: Catalogue, now: Now) -> Iterator[Diagnosis]:
    """Everything about the environment of that name."""
    subject, environment = Subject(name), catalogue.environments[name]
    try:
        connection = connection_of(environment, connections.find)
    except AccessError as error:
        yield subject.refused("connection", error)
        yield from _none_of(subject, ("answers", *_LATER), "the connection is not usable")
    else:
        known = "sandbox's keys" if environment.provenance == "sandbox" else "keys"
        yield subject.ok("connection", f"{connection.address}, {known} of {len(connection.keys)} users")
        try:
            seen = asyncio.run(_ask(environment, connection, now))
        except AccessError as error:
            yield subject.refused("answers", error)
            yield from _none_of(subject, _LATER, "it is not the GitLab that is meant")
        else:
            yield from _findings(subject, environment, connection.address, seen, now)
    yield _ai_action(subject, name, catalogue)


def _none_of(subject: Subject, checks: Sequence[str], why: str) -> Iterator[Diagnosis]:
    for check in checks:
        yield subject.not_checked(check, why)


async def _ask(environment: Environment, connection: connections.Connection, now: Now) -> list[UserReading]:
    hooks = {"response": hooks_on_answers(environment, connection.address)}
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, event_hooks=hooks) as http:
        client = GitLab(http, connection.address, connection.keys, environment.limits.graphql)
        return await asyncio.gather(*(_ask_as(client, user, now) for user in environment.evaluation_users))


async def _ask_as(client: GitLab, user: str, now: Now) -> UserReading:
    sent = now()
    try:
        response = await client.rest("GET", OWN_ACCESS_PATH, user)
    except CallError as error:
        return UserReading(user, RoundTrip(sent, now()), error, None)
    asked = RoundTrip(sent, now())
    if not _is_object(response):
        return UserReading(user, asked, malformed("status 200, no JSON object"), None)
    try:
        who = await client.graphql(user, WHOAMI)
    except CallError as error:
        return UserReading(user, asked, response, error)
    return UserReading(user, asked, response, who, await profile_of(client, user))


def _is_object(response: httpx.Response) -> bool:
    try:
        return isinstance(response.json(), dict)
    except ValueError:
        return False


def _findings(
    subject: Subject, environment: Environment, address: str, seen: Sequence[UserReading], now: Now
) -> Iterator[Diagnosis]:
    first = next((s for s in seen if s.token), seen[0])
    if isinstance(first.response, CallError) and first.response.kind not in _TOKEN_REFUSED:
        remedy = "Check the address, the network between, and that it runs; then look again."
        yield subject.fault("answers", f"{address}: {_words(first.response)}", remedy)
        yield from _none_of(subject, _LATER, "GitLab does not answer")
        return
    yield _answers(subject, environment, first)
    yield from _tokens(subject, environment, seen, now().date())
    good = [s for s in seen if s.name]
    if isinstance(first.response, CallError) or not good:
        yield from _none_of(subject, _LATER[1:], "no token was accepted")
        return
    yield _user_names(subject, good)
    yield languages(subject, {s.user: s.profile for s in good})
    yield subject.clock(date_in(first.response.headers.get("date")), first.asked)
    yield _complexity(subject, good[0])
    yield _api_limit(subject, environment, first.response)


def _words(error: CallError) -> str:
    """Kind, hop and the first word of evidence: a status, or the name of the transport's failure."""
    evidence = error.evidence.partition(";")[0]
    hop = "" if error.hop in (Hop.UNKNOWN, Hop.CLIENT) else f" at {error.hop}"
    return f"{error.kind}{hop} ({evidence})"


def _answers(subject: Subject, environment: Environment, seen: UserReading) -> Diagnosis:
    """Its version, and by the load balancer's name whether it is the environment that it should be."""
    if isinstance(seen.response, CallError):
        return subject.ok("answers", "it does, but refuses the tokens")
    balancer = seen.response.headers.get("gitlab-lb", "")
    for rule in environment.hops:
        if rule.marker and balancer and not balancer.endswith(rule.marker):
            remedy = "Check the connection's address: this looks like another environment."
            return subject.fault("answers", f"load balancer {balancer} does not end in {rule.marker}", remedy)
    who = {} if isinstance(seen.who, CallError) or not seen.who else seen.who
    version = (who.get("metadata") or {}).get("version") or "of a version it does not tell"
    return subject.ok("answers", f"GitLab {version}" + (f" behind {balancer}" if balancer else ""))


def _tokens(
    subject: Subject, environment: Environment, seen: Sequence[UserReading], today: dt.date
) -> Iterator[Diagnosis]:
    wrong = [finding for s in seen if (finding := _token(subject, environment, s, today))]
    yield from wrong
    good = len(seen) - len(wrong)
    if good:
        yield subject.ok(
            "tokens", f"{good} of {len(seen)} accepted, with scope for AI features and not about to expire"
        )


def _token(subject: Subject, environment: Environment, seen: UserReading, today: dt.date) -> Diagnosis | None:
    """What is wrong with one user's token, if anything is."""
    new = f"Give {seen.user} a new token with scope api, and put it into {environment.connection}."
    until, scopes = _day(seen.token.get("expires_at")), set(seen.token.get("scopes") or ())
    if isinstance(seen.response, CallError) and seen.response.kind not in _TOKEN_REFUSED:
        found = f"token of {seen.user}: not known, the call broke off: {_words(seen.response)}"
        return subject.fault("tokens", found, "Look again; if it stays, GitLab is not well.")
    if fault := _token_fault(seen, scopes, until, today):
        return subject.fault("tokens", f"token of {seen.user}: {fault}", new)
    if not {"api", "read_api"} & scopes:
        found = f"token of {seen.user}: ai_features alone may not look at seeds"
        return subject.notice("tokens", found, "Add scope read_api.")
    if until and until <= today + dt.timedelta(days=EXPIRY_NOTICE_DAYS):
        return subject.notice("tokens", f"token of {seen.user}: expires on {until}", new)
    return None


def _token_fault(seen: UserReading, scopes: set[str], until: dt.date | None, today: dt.date) -> str | None:
    if isinstance(seen.response, CallError):
        return _words(seen.response)
    if seen.token.get("revoked") or seen.token.get("active") is False or (until and until <= today):
        return f"revoked, or expired on {until}" if until else "revoked"
    if not {"api", "ai_features"} & scopes:
        return f"scope {', '.join(sorted(scopes)) or 'not told'}, needs api or ai_features"
    return f"GraphQL refuses it, {_words(seen.who)}" if isinstance(seen.who, CallError) else None


def _day(text: object) -> dt.date | None:
    """GitLab's `expires_at` is a date; null = never."""
    try:
        return dt.date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _user_names(subject: Subject, good: Sequence[UserReading]) -> Diagnosis:
    """Two tokens of one user share one budget of `ai_action`, which the catalogue would count twice."""
    names = Counter(seen.name for seen in good)
    double = [str(name) for name, count in names.items() if count > 1]
    if double:
        remedy = "Give each evaluation user a token of its own: limits are counted by user."
        return subject.fault("user names", f"{', '.join(double)} logs in for more than one evaluation user", remedy)
    return subject.ok("user names", f"{len(names)} distinct ones")


def _complexity(subject: Subject, seen: UserReading) -> Diagnosis:
    who = seen.who if isinstance(seen.who, Mapping) else {}
    limit = (who.get("queryComplexity") or {}).get("limit")
    if not isinstance(limit, int):
        return subject.not_checked("limits", "GitLab does not tell its query complexity limit")
    if limit < DOCUMENT_COMPLEXITY_MAX:
        found = f"query complexity {limit} is allowed, our largest query needs {DOCUMENT_COMPLEXITY_MAX}"
        return subject.fault("limits", found, "Have the instance's limit raised; waiting does not help.")
    return subject.ok("limits", f"query complexity {limit} measured, {DOCUMENT_COMPLEXITY_MAX} needed")


def _api_limit(subject: Subject, environment: Environment, response: httpx.Response) -> Diagnosis:
    """`RateLimit-Limit` is per minute (docs/domain.md §3)."""
    known, told = environment.limits.api_requests_per_minute, response.headers.get("ratelimit-limit", "").strip()
    if not told.isdecimal():
        return subject.not_checked("limits", f"no RateLimit-Limit; the catalogue says {known} requests/min and user")
    if int(told) < known:
        found = f"{told} requests/min and user are allowed, the catalogue says {known}"
        return subject.fault("limits", found, f"Set api_requests_per_minute: {told}, or have the limit raised.")
    return subject.ok("limits", f"{told} requests/min and user measured, {known} in the catalogue")


def _ai_action(subject: Subject, name: str, catalogue: Catalogue) -> Diagnosis:
    """No free call tells this limit: the catalogue's word, compared with each run and with what is planned together."""
    environment = catalogue.environments[name]
    users, limits = len(environment.evaluation_users), environment.limits
    allowed, hours = users * limits.ai_action_calls_per_window, f"{limits.ai_action_window_hours:g} h"
    told = f"{allowed} calls in {hours} by the catalogue ({users} users x {limits.ai_action_calls_per_window})"
    features = [f for f in catalogue.features.values() if f.call is not FeatureCall.COMPLETE_CODE]
    needs = {f.feature: f.prompts_per_run for f in features if name in environments_of(f)}
    short = {feature: count for feature, count in needs.items() if count > allowed}
    if short:
        each = limits.ai_action_calls_per_window
        remedy = f"{-(-max(short.values()) // each)} evaluation users are needed, or a higher limit of the instance."
        return subject.fault("ai_action", f"{told}; too few for {_listed(short)}", remedy)
    try:
        fullest = max(_windows(catalogue, name), key=lambda window: window.calls, default=None)
    except ParameterError as error:
        return subject.not_checked("ai_action", f"{told}; the plan says: {error.problem}")
    if fullest is None or fullest.window_ends is None:
        return subject.ok("ai_action", f"{told}; no run is planned")
    if fullest.calls > allowed:
        asked = _listed({feature: round(calls) for feature, calls in fullest.by_feature.items()})
        found = f"{told}; the planned runs ask {fullest.calls} up to {fullest.window_ends:%Y-%m-%d %H:%M} UTC ({asked})"
        remedy = f"Add evaluation users, have the limit raised, or keep the runs' starts more than {hours} apart."
        return subject.notice("ai_action", found, remedy)
    return subject.ok("ai_action", f"{told}; the planned runs ask {fullest.calls} at most")


def _windows(catalogue: Catalogue, name: str) -> Iterator[Demand]:
    """The fullest window of the week after each start of a phase: together they hold every mix of features.

    Raises:
        ParameterError: too many runs for a plan.
    """
    for day in sorted({phase.starts for feature in catalogue.features.values() for phase in feature.phases}):
        with suppress(OverflowError):  # the calendar ends before this week does
            demands = plan(PlanScenario(catalogue, day, day + SIX_DAYS)).demands
            yield next(demand for demand in demands if demand.environment == name)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{feature} {count}" for feature, count in counts.items())
