"""One environment's GitLab: its connection, each evaluation user's token, and the limits on its path."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from daily_runs import connections
from daily_runs.catalogue import Call, Catalogue, Environment
from daily_runs.catalogue_rules import environments_of
from daily_runs.doctor.finding import Asked, Finding, Now, Subject, date_in
from daily_runs.errors import AccessError, CallError, Hop
from daily_runs.gitlab.client import GitLab
from daily_runs.gitlab.documents import WHOAMI
from daily_runs.stages.limit_probe import DOCUMENT_COMPLEXITY_MAX, OWN_ACCESS_PATH

TIMEOUT_SECONDS = 15.0
EXPIRY_NOTICE_DAYS = 14
_TOKEN_REFUSED = ("unauthorized", "insufficient_scope", "forbidden", "not_found", "sign_in_page", "http_401", "http_403")
_LATER = ("tokens", "user names", "clock", "limits")


class Seen(NamedTuple):
    """What one user's two free calls brought: the token's own description, and who GitLab takes the user for."""

    user: str
    asked: Asked
    response: httpx.Response | CallError
    who: Mapping[str, Any] | CallError | None

    @property
    def token(self) -> Mapping[str, Any]:
        """What GitLab says of the token; empty where it was refused."""
        try:
            value = None if isinstance(self.response, CallError) else self.response.json()
        except ValueError:
            value = None
        return value if isinstance(value, dict) else {}


def gitlab(name: str, catalogue: Catalogue, now: Now) -> Iterator[Finding]:
    """Everything about the environment of that name."""
    subject, environment = Subject(name), catalogue.environments[name]
    try:
        connection = connections.find(
            environment.connection,
            default_address=environment.address,
            users=environment.evaluation_users,
            sandbox=environment.provenance == "sandbox",
        )
    except AccessError as error:
        yield subject.refused("connection", error)
        yield from _none_of(subject, ("answers", *_LATER), "the connection is not usable")
    else:
        known = "sandbox's keys" if environment.provenance == "sandbox" else "keys"
        yield subject.ok("connection", f"{connection.address}, {known} of {len(connection.keys)} users")
        seen = asyncio.run(_ask(environment, connection, now))
        yield from _findings(subject, environment, seen, now)
    yield from _ai_action(subject, name, catalogue)


def _none_of(subject: Subject, checks: Sequence[str], why: str) -> Iterator[Finding]:
    for check in checks:
        yield subject.not_checked(check, why)


async def _ask(environment: Environment, connection: connections.Connection, now: Now) -> list[Seen]:
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as http:
        client = GitLab(http, connection.address, connection.keys, environment.limits.graphql)
        return await asyncio.gather(*(_ask_as(client, user, now) for user in environment.evaluation_users))


async def _ask_as(client: GitLab, user: str, now: Now) -> Seen:
    sent = now()
    try:
        response = await client.rest("GET", OWN_ACCESS_PATH, user)
    except CallError as error:
        return Seen(user, Asked(sent, now()), error, None)
    asked = Asked(sent, now())
    try:
        return Seen(user, asked, response, await client.graphql(user, WHOAMI))
    except CallError as error:
        return Seen(user, asked, response, error)


def _findings(subject: Subject, environment: Environment, seen: Sequence[Seen], now: Now) -> Iterator[Finding]:
    first = next((s for s in seen if s.token), seen[0])
    if isinstance(first.response, CallError) and first.response.kind not in _TOKEN_REFUSED:
        remedy = "Check the address, the network between, and that it runs; then look again."
        yield subject.fault("answers", f"{environment.address}: {_words(first.response)}", remedy)
        yield from _none_of(subject, _LATER, "GitLab does not answer")
        return
    yield _answers(subject, environment, first)
    yield from _tokens(subject, environment, seen, now().date())
    good = [s for s in seen if s.token and isinstance(s.who, Mapping)]
    if isinstance(first.response, CallError) or not good:
        yield from _none_of(subject, _LATER[1:], "no token was accepted")
        return
    yield _user_names(subject, good)
    yield subject.clock(date_in(first.response.headers.get("date")), first.asked)
    yield _complexity(subject, good[0].who)
    yield _api_limit(subject, environment, first.response)


def _words(error: CallError) -> str:
    """Kind, hop and the first word of evidence: a status, or the name of the transport's failure."""
    evidence = error.evidence.partition(";")[0]
    hop = "" if error.hop in (Hop.UNKNOWN, Hop.CLIENT) else f" at {error.hop}"
    return f"{error.kind}{hop} ({evidence})"


def _answers(subject: Subject, environment: Environment, seen: Seen) -> Finding:
    """Its version, and by the load balancer's name whether it is the environment that it should be."""
    if isinstance(seen.response, CallError):
        return subject.ok("answers", "it does, but refuses the tokens")
    balancer = seen.response.headers.get("gitlab-lb", "")
    for rule in environment.hops:
        if rule.marker and balancer and not balancer.endswith(rule.marker):
            remedy = "Check the connection's address: this looks like another environment."
            return subject.fault("answers", f"load balancer {balancer} does not end in {rule.marker}", remedy)
    who = seen.who if isinstance(seen.who, Mapping) else {}
    version = (who.get("metadata") or {}).get("version") or "of a version it does not tell"
    return subject.ok("answers", f"GitLab {version}" + (f" behind {balancer}" if balancer else ""))


def _tokens(subject: Subject, environment: Environment, seen: Sequence[Seen], today: dt.date) -> Iterator[Finding]:
    wrong = [finding for s in seen if (finding := _token(subject, environment, s, today))]
    yield from wrong
    good = len(seen) - len(wrong)
    if good:
        yield subject.ok("tokens", f"{good} of {len(seen)} accepted, with scope for AI features and not about to expire")


def _token(subject: Subject, environment: Environment, seen: Seen, today: dt.date) -> Finding | None:
    """What is wrong with one user's token, if anything is."""
    token, place = seen.token, f"token of {seen.user}"
    put = f"Give {seen.user} a new token with scope api, and put it into {environment.connection}."
    error = seen.response if isinstance(seen.response, CallError) else seen.who
    scopes = [str(scope) for scope in token.get("scopes") or ()]
    if isinstance(error, CallError):
        return subject.fault("tokens", f"{place}: {_words(error)}", put)
    if token.get("revoked") or token.get("active") is False:
        return subject.fault("tokens", f"{place}: revoked or expired", put)
    if not {"api", "ai_features"}.intersection(scopes):
        return subject.fault("tokens", f"{place}: has scope {', '.join(scopes) or 'unknown'}, needs api or ai_features", put)
    if "api" not in scopes and "read_api" not in scopes:
        return subject.notice("tokens", f"{place}: ai_features alone may not look at seeds", "Add scope read_api.")
    if (until := _day(token.get("expires_at"))) and until <= today:
        return subject.fault("tokens", f"{place}: expired on {until}", put)
    if until and until <= today + dt.timedelta(days=EXPIRY_NOTICE_DAYS):
        return subject.notice("tokens", f"{place}: expires on {until}", put)
    return None


def _day(text: object) -> dt.date | None:
    """GitLab's `expires_at` is a date; null = never."""
    try:
        return dt.date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _user_names(subject: Subject, good: Sequence[Seen]) -> Finding:
    """Two tokens of one user share one budget of `ai_action`, which the catalogue would count twice."""
    names = Counter(str(((s.who or {}).get("currentUser") or {}).get("username")) for s in good if not _failed(s))
    double = [name for name, count in names.items() if count > 1]
    if double:
        remedy = "Give each evaluation user a token of its own: limits are counted by user."
        return subject.fault("user names", f"{', '.join(double)} logs in for more than one evaluation user", remedy)
    return subject.ok("user names", f"{len(names)} distinct ones")


def _failed(seen: Seen) -> bool:
    return isinstance(seen.who, CallError)
