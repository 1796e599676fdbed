"""One row of the evidence table (docs/domain.md §3), and whether an exchange fits it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from daily_runs.errors import Blame, Hop
from daily_runs.gitlab.hops.attribution import Certainty
from daily_runs.gitlab.hops.cloudflare import edge_error_in
from daily_runs.gitlab.hops.exchange import Exchange

RAILS = ("x-request-id", "x-runtime", "x-gitlab-meta")
RAILS_ALONE = ("x-runtime", "x-gitlab-meta")
"""Many a proxy sets `x-request-id` as well, so alone it vouches for nothing."""
LOAD_BALANCER = ("gitlab-lb",)


@dataclass(frozen=True)
class Rule:
    """One row of the evidence table. Everything that is set must hold.

    `says` is a pattern: for `graphql`, of a message in the body's `errors`; for `rest`, of a string value in the JSON
    body or of the whole text (in an HTML page, of any part of it). `header` is a header's name and a pattern of its
    value. `path` is the one field that the GraphQL error stands for. `edge_codes` are numbers of Cloudflare's own
    errors. `alone` is the one key of the body, a JSON object. `off_path`: other answers on this path had a load
    balancer's name. `certainty` holds if one of the headers `vouched_by` is there (or none is named); else the hop is
    likely.
    """

    kind: str
    hop: Hop
    blame: Blame
    retryable: bool
    statuses: frozenset[int]
    form: Literal["rest", "graphql"] = "rest"
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    header: tuple[str, str] | None = None
    says: str | None = None
    path: str | None = None
    html: bool | None = None
    edge_codes: frozenset[int] = frozenset()
    alone: str | None = None
    off_path: bool = False
    vouched_by: tuple[str, ...] = ()
    certainty: Certainty = Certainty.CERTAIN


def facts_of(rule: Rule, exchange: Exchange) -> list[str] | None:
    """The facts by which a rule fits, in words; None if it does not fit."""
    facts: list[str] = []
    for check in _CHECKS:
        found = check(rule, exchange)
        if found is None:
            return None
        facts += found
    return facts


def _status(rule: Rule, exchange: Exchange) -> list[str] | None:
    return [f"status {exchange.status}"] if exchange.status in rule.statuses else None


def _headers(rule: Rule, exchange: Exchange) -> list[str] | None:
    there = [f"{name} present" for name in rule.any_of if exchange.has(name)]
    if (rule.any_of and not there) or exchange.has(*rule.none_of):
        return None
    return there + [f"no {name}" for name in rule.none_of]


def _value(rule: Rule, exchange: Exchange) -> list[str] | None:
    if rule.header is None:
        return []
    name, pattern = rule.header
    found = re.fullmatch(pattern, exchange.headers.get(name, "\0").strip())
    return None if found is None else [f"{name} has {found[found.lastindex or 0]!r}"]


def _page(rule: Rule, exchange: Exchange) -> list[str] | None:
    if rule.html is None:
        return []
    return ["html page" if rule.html else "no html page"] if rule.html == exchange.html else None


def _edge_code(rule: Rule, exchange: Exchange) -> list[str] | None:
    if not rule.edge_codes:
        return []
    error = edge_error_in(exchange)
    return [f"said {error.words!r}"] if error and error.code in rule.edge_codes else None


def _alone(rule: Rule, exchange: Exchange) -> list[str] | None:
    if rule.alone is None:
        return []
    body = exchange.json
    return [f"said {rule.alone!r}"] if isinstance(body, dict) and list(body) == [rule.alone] else None


def _off_path(rule: Rule, exchange: Exchange) -> list[str] | None:
    return None if rule.off_path and not exchange.balancer_expected else []


def _words(rule: Rule, exchange: Exchange) -> list[str] | None:
    if rule.says is None:
        return []
    if rule.form == "graphql":
        return _said_in_errors(rule, rule.says, exchange)
    if exchange.html:
        found = re.search(rule.says, exchange.body)
    else:
        found = next(filter(None, (re.fullmatch(rule.says, text) for text in exchange.strings)), None)
    return None if found is None else [f"said {found.group()!r}"]


def _said_in_errors(rule: Rule, says: str, exchange: Exchange) -> list[str] | None:
    for entry in exchange.graphql_errors:
        path = entry.get("path")
        if rule.path is not None and path != [rule.path]:
            continue
        found = re.match(says, entry["message"])
        if found:
            where = [f"on {rule.path}"] if rule.path else []
            words = f"said {found.group()!r}" if found.group() else "in words that no rule knows"
            return ["GraphQL errors", *where, *([words] if says else [])]
    return None


_CHECKS: tuple[Callable[[Rule, Exchange], list[str] | None], ...] = (
    _status,
    _headers,
    _value,
    _page,
    _off_path,
    _edge_code,
    _alone,
    _words,
)
