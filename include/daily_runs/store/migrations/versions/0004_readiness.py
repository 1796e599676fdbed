"""Looks at an environment, what they say of each feature's readiness, and where runs were routed."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply `0004_readiness.sql`."""
    statements = Path(__file__).with_suffix(".sql").read_text()
    # The driver's own connection takes many statements at once, and a `%` in them as it stands.
    driver_connection = op.get_bind().connection.driver_connection
    assert driver_connection is not None
    driver_connection.execute(statements)
