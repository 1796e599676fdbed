"""Errors that Cloudflare makes itself: it tells its number in a line of text, on a page, or in JSON. Pure.

Numbers and statuses: https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-1xxx-errors/
and …/cloudflare-5xx-errors/; the JSON form, which a client gets that asks for JSON, with `cloudflare_error: true`:
https://developers.cloudflare.com/changelog/post/2026-03-12-retry-after-header-for-1xxx-errors.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from daily_runs.gitlab.hops.exchange import Exchange

RATE_LIMITED = frozenset({1015})
BLOCKED = frozenset({*range(1005, 1014), 1020, 1106})
"""Address, network, country, browser or request are banned by a rule of the zone."""
UNREACHABLE = frozenset(
    {502, 504, *range(520, 528), *range(1000, 1005), 1014, *range(1016, 1020), 1023, 1033, 1034, 1038}
    | {1101, 1102, 1104, 1200, 1205}
)
"""Cloudflare cannot reach what is behind it: no connection, no name, no tunnel, a worker that broke."""

_LINE = re.compile(r"error code: (\d{3,4})")
_PAGE = re.compile(
    r"\berror(?:\s{1,20}code)?(?:\s{0,20}:)?\s{0,20}(?:<[^<>]{0,120}>\s{0,20}){0,3}(\d{3,4})(?!\w)"
    r"|\bcf-error-code[^<>]{0,60}>\s{0,20}(\d{3,4})(?!\w)"
    r"|\berrorCode\s*[:=]\s*[\"']?(\d{4})(?!\w)"
    r"|\|\s*(5\d\d): ",
    re.IGNORECASE,
)
_JSON_NUMBER = re.compile(r'"(?:error_code|status)"\s*:\s*"?(\d{3,4})(?!\w)')
_OWN_PAGE = re.compile(r"cloudflare|cf-error", re.IGNORECASE)
_NUMBERS_MAX = 100
"""Of a page, so that a foreign one full of them holds nobody up; Cloudflare's own gives its number a few times."""


class EdgeError(NamedTuple):
    """A number that Cloudflare gave, and its words in the body, or the number alone if they are odd."""

    code: int
    words: str


def edge_error_in(exchange: Exchange) -> EdgeError | None:
    """The number of Cloudflare's own error, if the body gives one that can come with this status.

    JSON says of itself whose it is; of a line or a page the number must fit the status, and a number that is a status
    itself needs Cloudflare's header, because others write `Error 502` too.
    """
    if isinstance(exchange.json, dict):
        return _in_json(exchange) if exchange.json.get("cloudflare_error") is True else None
    if exchange.html:
        own = exchange.has("cf-ray") and _OWN_PAGE.search(exchange.body) is not None
        read = map(_read, islice(_PAGE.finditer(exchange.body), _NUMBERS_MAX))
        return next((error for error in read if _fits(error, exchange, own=own)), None)
    line = _LINE.fullmatch(exchange.body.strip())
    return _read(line) if line and _fits(_read(line), exchange, own=exchange.has("cf-ray")) else None


def _in_json(exchange: Exchange) -> EdgeError | None:
    """`error_code` comes first where both are there: `status` is 429, 403 or 530 then."""
    numbers = sorted(map(_read, _JSON_NUMBER.finditer(exchange.body)), reverse=True)
    return numbers[0] if numbers else None


def _read(found: re.Match[str]) -> EdgeError:
    number = next(group for group in found.groups() if group)
    words = found.group()
    return EdgeError(int(number), words if repr(words)[1:-1] == words else number)


def _fits(error: EdgeError, exchange: Exchange, *, own: bool) -> bool:
    """Whether the number can come with this status; `own`: whether the answer bears more of Cloudflare than that."""
    if error.code in RATE_LIMITED:
        return exchange.status == 429
    if error.code in BLOCKED:
        return exchange.status == 403
    if error.code >= 1000:
        return exchange.status >= 400 and exchange.status != 429
    return own and error.code == exchange.status
