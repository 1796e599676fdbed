"""Results of expensive searches, kept in a Redis that several services share."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from datetime import date
from typing import Protocol

LIFETIME_SECONDS = 600


class Redis(Protocol):
    """What we use of the client."""

    def get(self, key: str) -> bytes | None: ...

    def setex(self, key: str, seconds: int, value: bytes) -> object: ...


@dataclass(frozen=True)
class Hit:
    """A document that was found."""

    document: int
    title: str
    written_on: date


def remember(redis: Redis, query: str, hits: list[Hit]) -> None:
    """Keep the hits of a query for ten minutes."""
    redis.setex(f"search:{query}", LIFETIME_SECONDS, pickle.dumps(hits))


def recall(redis: Redis, query: str) -> list[Hit] | None:
    """Hits of a query that was asked lately; None if it was not."""
    kept = redis.get(f"search:{query}")
    if kept is None:
        return None
    hits: list[Hit] = pickle.loads(kept)
    return hits
