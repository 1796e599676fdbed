"""Quality: the figures and the verdict of a published run, its items and classes, comparisons, and alarms."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply `0011_quality.sql`."""
    statements = Path(__file__).with_suffix(".sql").read_text()
    # The driver's own connection takes many statements at once, and a `%` in them as it stands.
    driver_connection = op.get_bind().connection.driver_connection
    assert driver_connection is not None
    driver_connection.execute(statements)
