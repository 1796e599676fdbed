"""The planner takes every attempt for one of average size, also an attempt that is newer than its statistics."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Apply `0013_attempt_statistics.sql`."""
    statements = Path(__file__).with_suffix(".sql").read_text()
    # The driver's own connection takes many statements at once, and a `%` in them as it stands.
    driver_connection = op.get_bind().connection.driver_connection
    assert driver_connection is not None
    driver_connection.execute(statements)
