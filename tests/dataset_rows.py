"""Rows of data sets that tests begin with."""

from __future__ import annotations

from typing import Any

CHAT_ROW: dict[str, Any] = {
    "id": "chat-001",
    "seed_key": "chat/one",
    "class": "lookup",
    "question": "What was decided?",
    "resource": {"type": "work_item", "kind": "issue", "title": "A title", "description": "A text."},
    "reference": {"answer": "Nothing."},
}
"""A sound row of a data set; tests change it."""
