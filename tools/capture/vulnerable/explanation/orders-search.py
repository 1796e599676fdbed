"""Search over the shop's orders, for the support desk."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Order:
    """One row of the orders table."""

    number: int
    customer_email: str
    placed_on: date
    total_cents: int


def connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    return connection


def search_orders(connection: sqlite3.Connection, email: str, since: date | None = None) -> list[Order]:
    """Orders of one customer, newest first. `email` comes from the search box of the support page."""
    query = f"SELECT number, email, placed_on, total_cents FROM orders WHERE email = '{email}'"
    if since is not None:
        query += f" AND placed_on >= '{since.isoformat()}'"
    rows = connection.execute(query + " ORDER BY placed_on DESC").fetchall()
    return [
        Order(row["number"], row["email"], date.fromisoformat(row["placed_on"]), row["total_cents"]) for row in rows
    ]


def total_spent(orders: list[Order]) -> int:
    """Sum of the orders' totals, in cents."""
    return sum(order.total_cents for order in orders)
