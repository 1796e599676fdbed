"""A look at an environment's path as one evaluation user: a cheap ladder of free requests, which serves every feature.

Rungs: identity and the headers of the way (REST), identity, version and own query complexity (GraphQL), the page size.
None asks a model, none counts as an `aiAction` (docs/domain.md §3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from daily_runs.catalogue.environments import Environment
from daily_runs.clock import Clock
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab import documents
from daily_runs.gitlab.client import GitLab
from daily_runs.gitlab.looking import Counted

OWN_ACCESS_PATH = "/api/v4/personal_access_tokens/self"
BEYOND_A_PAGE = documents.PAGE_SIZE + 1
"""Nodes that the last rung asks for: GitLab gives a page of 100 and says nothing (docs/domain.md §3)."""

_HEADERS_BY_HOP = {"cloudflare": "cf-ray", "load_balancer": "gitlab-lb", "ai_gateway": ""}


class PathMeasures(NamedTuple):
    """What a look learned. None: the path does not tell, which is never "no limit".

    Attributes:
        user: the evaluation user it looked as; `username`: who GitLab takes that user for.
        version: GitLab's, as it says; `revision`: the commit that it was built from, as it says.
        complexity_score: what our smallest query scores; `complexity_limit`: what one query of this user may.
        page_size: nodes of a page at most; `page_evidence`: how that is known, or why not.
        throttle: name of the throttle that counts this user's requests (`RateLimit-Name`).
        requests_limit, requests_remaining: that throttle's figures, per minute and user.
        hops: evidence by hop, of those that tell no limit: they show themselves, or do not, by a header.
        calls_spent: requests that were sent, those that were tried again included.
    """

    user: str
    username: str
    version: str | None
    complexity_score: int | None
    complexity_limit: int | None
    page_size: int | None
    page_evidence: str
    throttle: str | None
    requests_limit: int | None
    requests_remaining: int | None
    hops: Mapping[str, str]
    calls_spent: int
    revision: str | None = None


async def measure_path(gitlab: GitLab, environment: Environment, clock: Clock, user: str | None = None) -> PathMeasures:
    """Climb the ladder; free.

    Args:
        user: whom to look as; the environment's first evaluation user if None.

    Raises:
        CallError: it could not look (who the user is could not be learned). What a later rung does not tell is unknown.
    """
    user = user or environment.evaluation_users[0]
    counted = Counted(clock)
    response = await counted(lambda: gitlab.rest("GET", OWN_ACCESS_PATH, user))
    who = await counted(lambda: gitlab.graphql(user, documents.WHOAMI))
    complexity, metadata = who.get("queryComplexity"), who.get("metadata") or {}
    username = (who.get("currentUser") or {}).get("username")
    if not username:
        evidence = f"currentUser of {user} is null"
        raise CallError(Hop.GITLAB, "unauthorized", blame=Blame.OWN_SYSTEM, retryable=False, evidence=evidence)
    page_size, page_evidence = await _page_size(counted, gitlab, environment, user)
    return PathMeasures(
        user=user,
        username=username,
        version=metadata.get("version"),
        revision=metadata.get("revision"),
        complexity_score=_count_in(complexity, "score"),
        complexity_limit=_count_in(complexity, "limit"),
        page_size=page_size,
        page_evidence=page_evidence,
        throttle=response.headers.get("ratelimit-name"),
        requests_limit=_count(response.headers.get("ratelimit-limit")),
        requests_remaining=_count(response.headers.get("ratelimit-remaining")),
        hops=_hops_seen(environment, response),
        calls_spent=counted.calls,
    )


async def _page_size(counted: Counted, gitlab: GitLab, environment: Environment, user: str) -> tuple[int | None, str]:
    """Nodes of a page at most and how we know: it asks for more than a page, ids only."""
    variables = {"project": environment.seed_project, "first": BEYOND_A_PAGE}
    try:
        data = await counted(lambda: gitlab.graphql(user, documents.JOB_IDS, variables))
    except CallError as error:
        return None, f"could not look: {error}"
    try:
        jobs = data["project"]["jobs"]
        got, more = len(jobs["nodes"]), bool(jobs["pageInfo"]["hasNextPage"])
    except (TypeError, KeyError):
        return None, f"{user} sees no project {environment.seed_project}"
    told = f"{got} jobs came for first: {BEYOND_A_PAGE}"
    if more and got:
        return got, f"{told}, and there are more"
    return None, f"{told}, and there are no more, so the page's size cannot be seen"


def _hops_seen(environment: Environment, response: httpx.Response) -> dict[str, str]:
    """Hops in front of GitLab show themselves by a header; those behind it do not show here."""
    seen: dict[str, str] = {}
    for rule in environment.hops:
        if rule.hop in _HEADERS_BY_HOP:
            header = _HEADERS_BY_HOP[rule.hop]
            value = response.headers.get(header, "")
            seen[rule.hop] = f"{header} present" if value else "no header of its own"
            if rule.marker and value and not value.endswith(rule.marker):
                seen[rule.hop] = f"unexpected name: does not end in {rule.marker}"
    return seen


def _count(text: str | None) -> int | None:
    """Returns None unless the header is a whole number of at most 15 digits."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 15 else None


def _count_in(value: Any, key: str) -> int | None:
    number = value.get(key) if isinstance(value, dict) else None
    return number if type(number) is int and math.isfinite(number) else None
