"""One recorded HTTP exchange, and what can be said of its body without quoting it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx

from daily_runs import http_dates

BODY_CHARACTERS_MAX = 65_536
TITLE_CHARACTERS_MAX = 60
HEADER_CHARACTERS_MAX = 2_000
"""Of a header's value; no rule needs more, and patterns take their time over long ones."""

_TITLE = re.compile(r"<(title|h1)\b[^<>]{0,80}>([^<]{1,200})", re.IGNORECASE)
_HARMLESS = re.compile(r"[\w ./:+*(),&'-]+")


@dataclass(frozen=True)
class Exchange:
    """What came back for one request: header names in lower case, the body's text up to `BODY_CHARACTERS_MAX`.

    `balancer_expected`: other answers on the same path had the name of GitLab's load balancer.
    """

    status: int
    headers: Mapping[str, str]
    body: str = field(default="", repr=False)
    elapsed_seconds: float = 0.0
    balancer_expected: bool = False

    @classmethod
    def of(cls, response: httpx.Response, elapsed_seconds: float, *, balancer_expected: bool = False) -> Exchange:
        """Record a response that has been read in full."""
        headers = {name: value[:HEADER_CHARACTERS_MAX] for name, value in response.headers.items()}
        body = text_of(response)[:BODY_CHARACTERS_MAX]
        return cls(response.status_code, headers, body, elapsed_seconds, balancer_expected)

    def has(self, *names: str) -> bool:
        """Whether any of these headers is there."""
        return any(name in self.headers for name in names)

    @property
    def content_type(self) -> str:
        """The declared type without parameters, in lower case; empty if none is declared."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def html(self) -> bool:
        """Whether the body is a page made for people."""
        if self.content_type:
            return self.content_type in ("text/html", "application/xhtml+xml")
        return self.body.lstrip()[:15].lower().startswith(("<!doctype html", "<html"))

    @cached_property
    def json(self) -> object:
        """The body as JSON; None when it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @cached_property
    def strings(self) -> tuple[str, ...]:
        """The body's whole text, and every string value in a small JSON body, without the spaces around."""
        return tuple(text.strip() for text in (self.body, *_strings(self.json)))

    @cached_property
    def graphql_errors(self) -> tuple[dict[str, Any], ...]:
        """The entries of a GraphQL answer's `errors` (GraphQL specification §7.1.2): objects with a `message`."""
        entries = self.json.get("errors") if isinstance(self.json, dict) else None
        if not isinstance(entries, list):
            return ()
        return tuple(e for e in entries if isinstance(e, dict) and isinstance(e.get("message"), str))

    @property
    def retry_after_seconds(self) -> float | None:
        """What the answer asks us to wait, in seconds; where a 429 does not say it, until the spent budget's reset."""
        asked = http_dates.retry_after_seconds(self.headers)
        return http_dates.reset_seconds(self.headers) if asked is None and self.status == 429 else asked

    @property
    def body_description(self) -> str:
        """What the body is, in words that quote nothing but a page's title: `html page, 153 characters, title '…'`."""
        if not self.body:
            return "empty body"
        cut = " or more" if len(self.body) >= BODY_CHARACTERS_MAX else ""
        size = f"{len(self.body):,} characters{cut}"
        if self.html:
            title = self._title()
            return f"html page, {size}" + (f", title {title!r}" if title else "")
        declared = harmless(self.content_type, "an odd content type") if self.content_type else "no content type"
        if "json" in declared and self.json is None and not cut:
            return f"{declared} that is no JSON, {size}"
        return f"{declared}, {size}"

    def _title(self) -> str:
        """The title or first heading of a page, if it is of plain words."""
        found = _TITLE.search(self.body)
        words = " ".join(found[2].split()) if found else ""
        return harmless(words[:TITLE_CHARACTERS_MAX], "") if words else ""


def text_of(response: httpx.Response) -> str:
    """A body as UTF-8, whatever charset it declares: one that is none, such as `rot13`, must not break a call."""
    return response.content.decode("utf-8", "replace")


def harmless(text: str, otherwise: str) -> str:
    """A short text as it is if it has plain characters only, else other words."""
    return text if len(text) <= TITLE_CHARACTERS_MAX and _HARMLESS.fullmatch(text) else otherwise


def _strings(value: object, depth: int = 0) -> Iterator[str]:
    """Error bodies nest three levels at most."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list) and depth < 4:
        for child in value.values() if isinstance(value, dict) else value:
            yield from _strings(child, depth + 1)
