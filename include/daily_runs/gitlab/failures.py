"""Requests that brought no whole answer: httpx's transport errors, and ours, as `CallError`s."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import httpx

from daily_runs.errors import Blame, CallError, Hop

_FAILURES: tuple[tuple[tuple[type[httpx.TransportError], ...], Hop, str, Blame, bool], ...] = (
    ((httpx.PoolTimeout,), Hop.CLIENT, "client_busy", Blame.OWN_SYSTEM, True),
    ((httpx.ConnectError, httpx.ConnectTimeout), Hop.UNKNOWN, "connect", Blame.PROVIDER, True),
    ((httpx.TimeoutException,), Hop.UNKNOWN, "timeout", Blame.PROVIDER, True),
    ((httpx.ProxyError,), Hop.CLIENT, "proxy", Blame.OWN_SYSTEM, True),
    ((httpx.NetworkError, httpx.RemoteProtocolError), Hop.UNKNOWN, "dropped_connection", Blame.PROVIDER, True),
)


def attribute_failure(error: httpx.TransportError) -> CallError:
    """Name the failure: `dns`, `connect`, `tls`, `timeout`, `dropped_connection`, or one of our own.

    The wire does not say which hop hung up, so none is named, save where the request never left this machine. The text
    of the exception is left out: it may quote a header.
    """
    evidence = type(error).__name__
    causes = tuple(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return CallError(Hop.CLIENT, "dns", blame=Blame.OWN_SYSTEM, retryable=True, evidence=evidence)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return CallError(Hop.UNKNOWN, "tls", blame=Blame.OWN_SYSTEM, retryable=False, evidence=evidence)
    for types, hop, kind, blame, retryable in _FAILURES:
        if isinstance(error, types):
            return CallError(hop, kind, blame=blame, retryable=retryable, evidence=evidence)
    return CallError(Hop.CLIENT, "request_fault", blame=Blame.OWN_SYSTEM, retryable=False, evidence=evidence)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The chain of what an exception came from, groups opened."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        cause = waiting.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting.extend(c for c in (cause.__cause__, cause.__context__) if c is not None)
        if isinstance(cause, BaseExceptionGroup):
            waiting.extend(cause.exceptions)


def malformed(evidence: str) -> CallError:
    """A success whose body cannot be used. Nothing tells which hop broke it."""
    return CallError(Hop.UNKNOWN, "malformed_body", blame=Blame.PROVIDER, retryable=True, evidence=evidence)


def own_fault(kind: str, evidence: str) -> CallError:
    """A request that this project should not make, stopped before it is sent."""
    return CallError(Hop.CLIENT, kind, blame=Blame.OWN_SYSTEM, retryable=False, evidence=evidence)
