"""The one client of GitLab: GraphQL, REST and cursor pages. Every failure is a `CallError`; no body is ever logged."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from daily_runs.catalogue.environments import GraphqlLimits
from daily_runs.clock import within
from daily_runs.connections import PROMPT_HEADER
from daily_runs.errors import AccessError, Blame, CallError, Hop
from daily_runs.gitlab.hops.exchange import Exchange
from daily_runs.gitlab.hops.failures import attribute_failure, endless, malformed, not_in_time, own_fault
from daily_runs.gitlab.hops.refusal import attribute
from daily_runs.gitlab.hops.rule import LOAD_BALANCER

PAGES_MAX = 500
"""Of one connection: with `documents.PAGE_SIZE` nodes each, 50,000 nodes, far more than a seed project has."""
EMPTY_PAGES_IN_ROW_MAX = 3
"""GitLab leaves out of a page what this user may not see, so that a page may be empty before the last one."""
ANSWER_BYTES_MAX = 8 * 1024 * 1024
"""Of what a POST brings: a page of nodes, some twenty answers, a completion. None has a tenth of it."""
READ_BYTES_MAX = 32 * 1024 * 1024
"""Of what a GET brings: a seed job's log, or the diffs of a merge request, which may have several megabytes."""


class GitLab:
    """One environment's GitLab, as any of its evaluation users.

    Args:
        http: the connection pool, whose timeouts hold; its read timeout bounds the whole exchange, from the request to
            the body's last byte. A test passes one with a `MockTransport`.
        address: where GitLab is, path included: `https://staging.example.com`.
        keys: a key per user.
        graphql_limits: what a query may weigh there; a longer one is refused here, before it costs anything.
    """

    def __init__(
        self, http: httpx.AsyncClient, address: str, keys: Mapping[str, str], graphql_limits: GraphqlLimits
    ) -> None:
        self._http, self._address, self._keys, self._limits = http, address.rstrip("/"), keys, graphql_limits
        self._shows_balancer = False

    async def graphql(
        self, user: str, document: str, variables: Mapping[str, object] | None = None, *, prompt: str | None = None
    ) -> dict[str, Any]:
        """Run a document and return its `data`.

        Args:
            prompt: id of the prompt this call is paid for; sent as a header, so that what was paid can be counted.

        Raises:
            CallError: any failure, also one that came with HTTP 200 and part of the data.
        """
        size, size_max = len(document), self._limits.query_characters_max
        if size > size_max:
            raise own_fault("query_too_large", f"{size} characters, at most {size_max} pass")
        body = {"query": document, "variables": dict(variables or {})}
        response, elapsed_seconds = await self._send("POST", "/api/graphql", user, body, prompt)
        exchange, answer = self._exchange(response, elapsed_seconds), _parsed(response)
        errors = answer.get("errors") if isinstance(answer, dict) else None
        if errors:
            exchange = replace(exchange, body=json.dumps({"errors": errors}))
        _raise_failure(exchange)
        data = answer.get("data") if isinstance(answer, dict) and not errors else None
        if not isinstance(data, dict):
            raise _unreadable(response)
        return data

    async def rest(
        self, method: str, path: str, user: str, json: object | None = None, *, prompt: str | None = None
    ) -> httpx.Response:
        """Call REST at `path` (from `/api/v4` on) and return the answer, read in full.

        Raises:
            CallError: any failure; success is any 2xx that is not a web page.
        """
        response, elapsed_seconds = await self._send(method, path, user, json, prompt)
        _raise_failure(self._exchange(response, elapsed_seconds))
        return response

    async def rest_json(
        self, method: str, path: str, user: str, json: object | None = None, *, prompt: str | None = None
    ) -> Any:
        """The same, with the answer read as JSON.

        Raises:
            CallError: also when it is not JSON (`malformed_body`).
        """
        response = await self.rest(method, path, user, json, prompt=prompt)
        value = _parsed(response)
        if value is None:
            raise _unreadable(response)
        return value

    async def _send(
        self, method: str, path: str, user: str, body: object | None, prompt: str | None
    ) -> tuple[httpx.Response, float]:
        each = self._http.timeout
        request = self._http.build_request(
            method,
            self._address + path,
            json=body,
            headers=self._headers(user, prompt),
            timeout=httpx.Timeout(connect=each.connect, read=None, write=each.write, pool=each.pool),
        )
        # The pool is shared by all users: what one was given as a session must not log another one in.
        request.headers.pop("cookie", None)
        started = time.monotonic()
        try:
            response = await within(each.read, self._answer_to(request))
        except TimeoutError as error:
            raise not_in_time(each.read) from error
        except httpx.TransportError as error:
            raise attribute_failure(error) from error
        except httpx.DecodingError as error:
            raise malformed("its encoding cannot be undone") from error
        return response, time.monotonic() - started

    async def _answer_to(self, request: httpx.Request) -> httpx.Response:
        """The answer, undone of its encoding and read in full, but never without end: a small body may unpack to much.

        Of a refusal that is too long the beginning is enough, since it is known by its status and first words.
        """
        bytes_max = READ_BYTES_MAX if request.method == "GET" else ANSWER_BYTES_MAX
        response = await self._http.send(request, stream=True, follow_redirects=False)
        body = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > bytes_max and response.is_success:
                    raise malformed(f"status {response.status_code}, over {bytes_max:,} bytes")
                if len(body) > bytes_max:
                    break
        finally:
            await response.aclose()
        kept = [(name, value) for name, value in response.headers.multi_items() if name != "content-encoding"]
        return httpx.Response(response.status_code, headers=kept, content=bytes(body), request=request)

    def _exchange(self, response: httpx.Response, elapsed_seconds: float) -> Exchange:
        """The exchange on record. Once an answer had the balancer's name, one without it did not come from behind."""
        exchange = Exchange.of(response, elapsed_seconds, balancer_expected=self._shows_balancer)
        self._shows_balancer = self._shows_balancer or exchange.has(*LOAD_BALANCER)
        return exchange

    def _headers(self, user: str, prompt: str | None) -> dict[str, str]:
        if user not in self._keys:
            place = f"connection to {urlsplit(self._address).hostname}"
            raise AccessError(place, f"holds no key for user {user!r}", "Add the user's key to the connection.")
        headers = {"Authorization": f"Bearer {self._keys[user]}"}
        return headers if prompt is None else {**headers, PROMPT_HEADER: prompt}


async def walk(
    ask: Callable[[str | None], Awaitable[Mapping[str, Any]]], path: Sequence[str]
) -> AsyncIterator[dict[str, Any]]:
    """The nodes of a connection, page by page.

    Args:
        ask: brings the data of the page after a cursor (None: the first); it may try again by itself.
        path: keys from the data to the connection, such as `("project", "jobs")`.

    Raises:
        CallError: `ask` failed, or its data cannot be used. A path that leads to null is a failure
            (`resource_not_available`): GitLab says so both of what is absent and of what this user may not see, so it
            must not pass for an empty list. Pages that do not end are a failure too (`malformed_body` at GitLab): a
            cursor comes a second time, page after page is empty, or there are more than `PAGES_MAX`.
    """
    after: str | None = None
    seen: set[str] = set()
    empty_in_row = 0
    for number in range(1, PAGES_MAX + 1):
        nodes, following = _page(await ask(after), path)
        for node in nodes:
            yield node
        if following is None:
            return
        empty_in_row = 0 if nodes else empty_in_row + 1
        if following in seen:
            raise endless(path, f"page {number} leads back to a page that was read")
        if empty_in_row > EMPTY_PAGES_IN_ROW_MAX:
            raise endless(path, f"{empty_in_row} empty pages in a row, and the last still names a next one")
        seen.add(following)
        after = following
    raise endless(path, f"{PAGES_MAX} pages, and the last still names a next one")


def _page(data: Mapping[str, Any], path: Sequence[str]) -> tuple[list[dict[str, Any]], str | None]:
    """The nodes of one page, and the cursor of the next page if there is one."""
    connection: Any = data
    for key in path:
        connection = connection.get(key) if isinstance(connection, Mapping) else None
        if connection is None:
            evidence = f"{key!r} of {'.'.join(path)!r} is null"
            raise CallError(
                Hop.GITLAB, "resource_not_available", blame=Blame.OWN_SYSTEM, retryable=False, evidence=evidence
            )
    try:
        nodes, page = connection["nodes"], connection["pageInfo"]
        following = page["endCursor"] if page["hasNextPage"] else None
    except (TypeError, KeyError) as error:
        raise malformed("a page without nodes or pageInfo") from error
    if not isinstance(nodes, list) or (page["hasNextPage"] and not isinstance(following, str)):
        raise malformed("a page without nodes or cursor")
    if not all(isinstance(node, dict) for node in nodes):  # left out, it would pass for one that is not there
        raise malformed("a node that is null")
    return nodes, following


def _raise_failure(exchange: Exchange) -> None:
    error = attribute(exchange)
    if error is not None:
        raise error


def _parsed(response: httpx.Response) -> Any:
    """The body as JSON; None when it is not JSON (a bare `null` is no answer to us either)."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def _unreadable(response: httpx.Response) -> CallError:
    declared = response.headers.get("content-type", "no content type").split(";")[0]
    return malformed(f"status {response.status_code}; {declared}; {len(response.content)} bytes")
