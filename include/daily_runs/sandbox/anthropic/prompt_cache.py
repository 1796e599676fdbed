"""Anthropic's prompt cache: a marked prefix is written once, then read back while it is in use (docs/domain.md §5).

Marks are heeded on system blocks; tools stand before them and belong to the prefix. Each use renews the entry.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from daily_runs.sandbox.anthropic.messages import CountRequest, input_tokens_of, system_blocks, tokens_of, tool_tokens
from daily_runs.sandbox.anthropic.replies import BilledUsage

CACHE_TOKENS_MIN = 1024
"""A shorter prefix is not cached: Anthropic's minimum for most models (some ask for more)."""
_SECONDS_BY_TTL = {"5m": 300.0, "1h": 3600.0}
_ENTRIES_MAX = 10_000


class Prefix(NamedTuple):
    """The cacheable start of a prompt: its identity, its size in tokens, how long it is kept (domain seconds)."""

    digest: str
    tokens: int
    kept_seconds: float


class PromptCache:
    """What each account has in its cache, and until when in domain seconds."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}

    def usage_of(self, account: str, request: CountRequest, output_tokens: int, now: float) -> BilledUsage:
        """How the prompt's tokens would be billed at this moment."""
        total, prefix = input_tokens_of(request), prefix_of(request)
        if prefix is None:
            return BilledUsage(total, 0, 0, output_tokens)
        fresh = total - prefix.tokens
        if self._until.get((account, prefix.digest), 0.0) > now:
            return BilledUsage(fresh, 0, prefix.tokens, output_tokens, prefix.kept_seconds)
        return BilledUsage(fresh, prefix.tokens, 0, output_tokens, prefix.kept_seconds)

    def keep(self, account: str, request: CountRequest, now: float) -> None:
        """Write or renew the prompt's prefix."""
        prefix = prefix_of(request)
        if prefix is None:
            return
        if len(self._until) >= _ENTRIES_MAX:
            self._until = {key: until for key, until in self._until.items() if until > now}
        self._until[account, prefix.digest] = now + prefix.kept_seconds


def prefix_of(request: CountRequest) -> Prefix | None:
    """Tools and system blocks up to the last one marked; None without a mark or below the minimum."""
    blocks = system_blocks(request)
    marked = [number for number, block in enumerate(blocks) if block.cache_control is not None]
    if not marked:
        return None
    cached, control = blocks[: marked[-1] + 1], blocks[marked[-1]].cache_control
    tokens = tool_tokens(request) + sum(tokens_of(block.text) for block in cached)
    if control is None or tokens < CACHE_TOKENS_MIN:
        return None
    parts = [request.model, *(tool.model_dump_json() for tool in request.tools), *(block.text for block in cached)]
    return Prefix(hashlib.sha256("\0".join(parts).encode()).hexdigest(), tokens, _SECONDS_BY_TTL[control.ttl or "5m"])
