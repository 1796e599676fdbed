"""Texts as Postgres can hold them."""

from __future__ import annotations


def storable(text: str) -> str:
    """A text as Postgres can hold it: what it cannot (NUL, half a surrogate pair) becomes a question mark."""
    return text.replace("\0", "?").encode("utf-8", "replace").decode()
