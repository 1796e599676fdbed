"""Filters the warehouse inventory for the picking screen."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True)
class Shelf:
    """How much of an article lies on a shelf."""

    article: str
    shelf: str
    amount: int


def in_warehouses(connection: sqlite3.Connection, article: str, warehouses: list[str]) -> list[Shelf]:
    """Shelves of the article in any of the warehouses; the most filled one first."""
    if not warehouses:
        return []
    rows = connection.execute(
        "SELECT article, shelf, amount FROM shelves"
        " WHERE article = ? AND warehouse IN (SELECT value FROM json_each(?)) ORDER BY amount DESC",
        (article, json.dumps(warehouses)),
    )
    return [Shelf(*row) for row in rows]


def amount_in_stock(shelves: list[Shelf]) -> int:
    """Pieces on all these shelves."""
    return sum(shelf.amount for shelf in shelves)
