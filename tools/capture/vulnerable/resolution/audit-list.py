"""Audit trail of the back office, sorted as the auditor likes."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass


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
    column, direction = (order[1:], "DESC") if order.startswith("-") else (order, "ASC")
    query = f"SELECT at, actor, action FROM trail ORDER BY {column} {direction} LIMIT ?"
    try:
        rows = connection.execute(query, (limit,)).fetchall()
    except sqlite3.OperationalError as error:
        raise UnknownOrder(order) from error
    return [Entry(*row) for row in rows]
