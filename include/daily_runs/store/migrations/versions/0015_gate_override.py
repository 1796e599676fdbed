"""A person may have a run published that the gate blocks: the order is kept with its reason and its giver."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply `0015_gate_override.sql`."""
    statements = Path(__file__).with_suffix(".sql").read_text()
    # The driver's own connection takes many statements at once, and a `%` in them as it stands.
    driver_connection = op.get_bind().connection.driver_connection
    assert driver_connection is not None
    driver_connection.execute(statements)
