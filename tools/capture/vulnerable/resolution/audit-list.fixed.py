"""Audit trail of the back office, sorted as the auditor likes."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

# A column's name cannot be bound as a parameter, so each way to sort has a query of its own.
QUERIES = {
    "at": "SELECT at, actor, action FROM trail ORDER BY at ASC LIMIT ?",
    "-at": "SELECT at, actor, action FROM trail ORDER BY at DESC LIMIT ?",
    "actor": "SELECT at, actor, action FROM trail ORDER BY actor ASC LIMIT ?",
    "-actor": "SELECT at, actor, action FROM trail ORDER BY actor DESC LIMIT ?",
    "action": "SELECT at, actor, action FROM trail ORDER BY action ASC LIMIT ?",
    "-action": "SELECT at, actor, action FROM trail ORDER BY action DESC LIMIT ?",
}


class UnknownOrder(ValueError):
    """The list cannot be sorted like this."""


@dataclass(frozen=True)
class Entry:
    """Who did what, and when."""

    at: str
    actor: str
    action: str


def entries(connection: sqlite3.Connection, order: str = "at", limit: int = 100) -> list[Entry]:
    """Entries of the trail, sorted by a column; `-at` means descending. `order` comes from the address bar.

    Raises:
        UnknownOrder: there is no such column.
    """
    query = QUERIES.get(order)
    if query is None:
        raise UnknownOrder(order)
    rows = connection.execute(query, (limit,)).fetchall()
    return [Entry(*row) for row in rows]
