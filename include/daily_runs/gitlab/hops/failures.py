"""Requests that brought no whole answer: httpx's transport errors, and ours, as attributions and `CallError`s."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence

import httpx

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.hops.attribution import Attribution, Certainty

_Failure = tuple[Hop, str, Blame, bool]

_DNS: _Failure = (Hop.CLIENT, "dns", Blame.OWN_SYSTEM, True)
_TLS: _Failure = (Hop.UNKNOWN, "tls", Blame.OWN_SYSTEM, False)
_OTHER: _Failure = (Hop.CLIENT, "request_fault", Blame.OWN_SYSTEM, False)
_FAILURES: tuple[tuple[tuple[type[httpx.TransportError], ...], _Failure], ...] = (
    ((httpx.PoolTimeout,), (Hop.CLIENT, "client_busy", Blame.OWN_SYSTEM, True)),
    ((httpx.ConnectError, httpx.ConnectTimeout), (Hop.UNKNOWN, "connect", Blame.PROVIDER, True)),
    ((httpx.TimeoutException,), (Hop.UNKNOWN, "timeout", Blame.PROVIDER, True)),
    ((httpx.ProxyError,), (Hop.CLIENT, "proxy", Blame.OWN_SYSTEM, True)),
    (
        (httpx.NetworkError, httpx.RemoteProtocolError),
        (Hop.UNKNOWN, "dropped_connection", Blame.PROVIDER, True),
    ),
)
_WAITED = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
_NO_TLS_FAULT = (*_WAITED, ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
"""TLS errors that only say that the other side hung up, or that a read had to wait: they stand in the chain of every
reset and timeout over TLS, and say nothing of a certificate."""


def attribute_failure(error: httpx.TransportError) -> CallError:
    """The same as `attribution_of_failure`, as an exception to raise."""
    failed = attribution_of_failure(error).error
    assert failed is not None
    return failed


def attribution_of_failure(error: httpx.TransportError) -> Attribution:
    """Name the failure: `dns`, `connect`, `tls`, `timeout`, `dropped_connection`, or one of our own.

    The wire does not say which hop hung up, so none is named, save where the request never left this machine. The text
    of the exception is left out: it may quote a header. Types and error names are given.
    """
    causes = tuple(_causes(error))
    hop, kind, blame, retryable = _failure(error, causes)
    seen = tuple(dict.fromkeys(_named(cause) for cause in causes if _tells(cause)))
    if hop is Hop.UNKNOWN:
        return Attribution(hop, kind, Certainty.UNKNOWN, (), seen, blame, retryable)
    return Attribution(hop, kind, Certainty.CERTAIN, seen, seen, blame, retryable)


def _failure(error: httpx.TransportError, causes: tuple[BaseException, ...]) -> _Failure:
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return _DNS
    if any(isinstance(cause, ssl.SSLError) and not isinstance(cause, _NO_TLS_FAULT) for cause in causes):
        return _TLS
    for types, failure in _FAILURES:
        if isinstance(error, types):
            return failure
    return _OTHER


def _tells(cause: BaseException) -> bool:
    """What httpx raised, and errors of the operating system or of TLS; not the layers between."""
    return isinstance(cause, httpx.TransportError | OSError) and not isinstance(cause, _WAITED)


def _named(cause: BaseException) -> str:
    """Type of the error, and its number's name where it has one: `gaierror EAI_NONAME`."""
    name = type(cause).__name__
    if isinstance(cause, ssl.SSLError):
        reason = getattr(cause, "reason", None)  # one that was not raised by OpenSSL has none
        return f"{name} {reason}" if reason else name
    if isinstance(cause, socket.gaierror):
        names = [known for known in dir(socket) if known.startswith("EAI_") and getattr(socket, known) == cause.errno]
        return f"{name} {names[0]}" if names else name
    return name


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


def endless(path: Sequence[str], evidence: str) -> CallError:
    """Pages of a connection that do not end. They are GitLab's: nothing else on the path speaks GraphQL."""
    where = f"{'.'.join(path)!r}: {evidence}"
    return CallError(Hop.GITLAB, "malformed_body", blame=Blame.PROVIDER, retryable=True, evidence=where)


def not_in_time(seconds: float | None) -> CallError:
    """An exchange that was begun and not over within its time, however busy the line was. Nothing tells whose fault."""
    evidence = f"no whole answer in {seconds} s"
    return CallError(Hop.UNKNOWN, "timeout", blame=Blame.PROVIDER, retryable=True, evidence=evidence)


def own_fault(kind: str, evidence: str) -> CallError:
    """A request that this project should not make, stopped before it is sent."""
    return CallError(Hop.CLIENT, kind, blame=Blame.OWN_SYSTEM, retryable=False, evidence=evidence)
