"""Alembic's entry: runs the plain-SQL revisions in one transaction, with their version table in schema `daily_runs`."""

from __future__ import annotations

from typing import Any

import psycopg
from alembic import context
from psycopg.rows import tuple_row
from sqlalchemy import NullPool, create_engine, text

from daily_runs.store.session import connect

LOCK_KEY = 7_240_115
"""Advisory lock: two migrations at once wait for each other."""


def _connection() -> psycopg.Connection[Any]:
    """A session as every other one, whose rows are as SQLAlchemy expects them."""
    opened: psycopg.Connection[Any] = connect(context.config.attributes["url"])
    opened.row_factory = tuple_row
    return opened


engine = create_engine("postgresql+psycopg://", creator=_connection, poolclass=NullPool)  # no pool is left open
with engine.begin() as connection:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS daily_runs"))
    context.configure(connection=connection, version_table_schema="daily_runs")
    context.run_migrations()
