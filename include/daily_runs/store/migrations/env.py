"""Alembic's entry: runs the plain-SQL revisions in one transaction, with their version table in schema `daily_runs`."""

from __future__ import annotations

from alembic import context
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.engine import make_url

LOCK_KEY = 7_240_115
"""Advisory lock: two migrations at once wait for each other."""

url = make_url(context.config.attributes["url"]).set(drivername="postgresql+psycopg")
engine = create_engine(url, poolclass=NullPool)  # no pool that a failure would leave open
with engine.begin() as connection:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS daily_runs"))
    context.configure(connection=connection, version_table_schema="daily_runs")
    context.run_migrations()
