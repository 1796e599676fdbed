"""What is known of who answered or refused one request: the hop, the kind, how sure, and from which facts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from daily_runs.errors import Blame, CallError, Hop

ANSWERED = "answered"
"""The kind of a success."""


class Certainty(StrEnum):
    """How sure it is which hop it was."""

    CERTAIN = "certain"
    """The exchange has what only this hop leaves, and nothing of what the hops behind it leave."""
    LIKELY = "likely"
    """This hop's words are there, but a header that would vouch for it is missing, or others may speak like that."""
    UNKNOWN = "unknown"
    """No evidence names a hop."""


@dataclass(frozen=True)
class Attribution:
    """Who answered or refused, and why that is said. Metadata only: no text of an answer.

    Args:
        hop: where it came from; `Hop.UNKNOWN` whenever nothing tells.
        kind: the limit or failure (docs/runbooks/calls.md), or `ANSWERED`.
        certainty: `UNKNOWN` with `Hop.UNKNOWN`, and only then.
        evidence: the facts that decided, one each: `status 429`, `gitlab-lb present`, `no x-request-id`,
            `said 'Retry later'`. Empty if no hop is named.
        seen: all there was to see, decisive or not: status, telling headers, the server's name, what the body is.
        blame: whom a failure counts against; None for a success.
        retryable: whether the same call may succeed later.
        retry_after_seconds: what the refusing hop asked to wait, if it said so.
    """

    hop: Hop
    kind: str
    certainty: Certainty
    evidence: tuple[str, ...]
    seen: tuple[str, ...]
    blame: Blame | None = None
    retryable: bool = False
    retry_after_seconds: float | None = None

    @property
    def error(self) -> CallError | None:
        """The failure as an exception to raise; None for a success. One that is only likely says so."""
        if self.blame is None:
            return None
        doubt = ("likely, not certain",) if self.certainty is Certainty.LIKELY else ()
        return CallError(
            self.hop,
            self.kind,
            blame=self.blame,
            retryable=self.retryable,
            retry_after_seconds=self.retry_after_seconds,
            evidence="; ".join((*self.seen, *doubt)),
        )

    def __str__(self) -> str:
        """One line for people: `rack_attack at gitlab, certain: status 429, ratelimit-name present, …`."""
        facts = self.evidence or self.seen
        return f"{self.kind} at {self.hop}, {self.certainty}: {', '.join(facts)}"
