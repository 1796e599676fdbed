"""How often a paid call may be made for one prompt: over all tasks that worked on it, dead ones included."""

from __future__ import annotations

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.resilience.retry import ATTEMPTS_MAX


def tries_left(made: int) -> int:
    """Tries that remain after `made` of them (docs/domain.md §7: 3 in all).

    Raises:
        CallError: `tries_used_up`; none remains. Tasks that died made them, so no answer tells what was wrong.
    """
    if made >= ATTEMPTS_MAX:
        evidence = f"{made} tries were begun, and none was seen to end"
        raise CallError(Hop.CLIENT, "tries_used_up", blame=Blame.OWN_SYSTEM, retryable=False, evidence=evidence)
    return ATTEMPTS_MAX - made
