"""A second judge judges a share of the answers; how far it agrees with the first is published with the run."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Apply `0017_second_judge.sql`."""
    statements = Path(__file__).with_suffix(".sql").read_text()
    # The driver's own connection takes many statements at once, and a `%` in them as it stands.
    driver_connection = op.get_bind().connection.driver_connection
    assert driver_connection is not None
    driver_connection.execute(statements)
