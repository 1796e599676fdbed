"""Every request the sandbox received, for tests to count what was really sent and paid.

An entry carries an `account` only when the request reached that Anthropic account, whether or not it was refused there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple

WINDOW_SECONDS = 60.0
"""The window of the summary's maxima, in domain seconds."""


class ReceivedRequest(NamedTuple):
    """One request. `paid`: the model was really asked. `key`, `run`: prompt and run that the client named."""

    at_seconds: float
    side: str
    account: str | None
    user: str | None
    operation: str
    key: str | None
    outcome: str
    status: int
    paid: bool
    input_tokens: int
    output_tokens: int
    run: str | None = None


class Peak(NamedTuple):
    """The most that fell into any 60 domain seconds on one account: requests that reached it, tokens that it served."""

    requests: int
    input_tokens: int
    output_tokens: int


class RequestLog:
    """An append-only list in memory."""

    def __init__(self) -> None:
        self.entries: list[ReceivedRequest] = []

    def record(self, entry: ReceivedRequest) -> None:
        """Append one entry."""
        self.entries.append(entry)

    def since(self, number: int) -> list[ReceivedRequest]:
        """Entries from the given number on (0 = all)."""
        return self.entries[max(0, number) :]

    def outcomes(self) -> dict[str, dict[str, int]]:
        """Counts by operation and outcome."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for entry in self.entries:
            counts[entry.operation][entry.outcome] += 1
        return {operation: dict(by_outcome) for operation, by_outcome in sorted(counts.items())}

    def paid_more_than_once(self) -> dict[str, int]:
        """How often each key was paid, by `side operation key` and its run; only those paid more than once.

        Runs of other dates ask the same prompts, and each pays for its own.
        """
        asked = [(f"{e.side} {e.operation} {e.key}", e.run) for e in self.entries if e.paid and e.key is not None]
        paid = Counter(f"{what} of {run}" if run else what for what, run in asked)
        return {key: count for key, count in paid.items() if count > 1}

    def peaks(self) -> dict[str, Peak]:
        """Per account, the largest sums over any window of 60 domain seconds."""
        by_account: dict[str, list[ReceivedRequest]] = defaultdict(list)
        for entry in self.entries:
            if entry.account is not None:
                by_account[entry.account].append(entry)
        return {account: _peak(entries) for account, entries in sorted(by_account.items())}


def _peak(entries: list[ReceivedRequest]) -> Peak:
    """Slide a window over entries of one account; each sum has its own maximum."""
    entries = sorted(entries, key=lambda entry: entry.at_seconds)
    first = requests = tokens_in = tokens_out = 0
    most = Peak(0, 0, 0)
    for entry in entries:
        while entries[first].at_seconds <= entry.at_seconds - WINDOW_SECONDS:
            gone = entries[first]
            requests, first = requests - 1, first + 1
            tokens_in -= gone.input_tokens * gone.paid
            tokens_out -= gone.output_tokens * gone.paid
        requests += 1
        tokens_in += entry.input_tokens * entry.paid
        tokens_out += entry.output_tokens * entry.paid
        now = Peak(requests, tokens_in, tokens_out)
        most = Peak(*map(max, most, now))
    return most
