"""What a question about an issue or epic is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chat:
    """One question; `answer` is what a good answer says."""

    slug: str
    kind: str
    item_class: str
    title: str
    tags: tuple[str, ...]
    question: str
    answer: str
    description: str
