"""Rows of limit probes: what was seen of an environment's limits, and when."""

from __future__ import annotations

from collections.abc import Sequence

from daily_runs.readiness.limits.findings import LimitFinding, binding
from daily_runs.store.database import Store
from daily_runs.store.pool import Row
from daily_runs.store.text import storable

KEEP_DAYS = 30
"""How long probes that were for no run are kept: a look every quarter of an hour adds up."""

_SAVE = """
INSERT INTO daily_runs.limit_probe (attempt_id, environment, feature, hop, limit_name, needed, allowed, unit, source,
                                    evidence, verdict, remedy, owner, binds)
VALUES (%(attempt_id)s, %(environment)s, %(feature)s, %(hop)s, %(limit_name)s, %(needed)s, %(allowed)s, %(unit)s,
        %(source)s, %(evidence)s, %(verdict)s, %(remedy)s, %(owner)s, %(binds)s)
"""
_FORGET = """
DELETE FROM daily_runs.limit_probe
WHERE environment = %(environment)s AND feature = %(feature)s AND attempt_id IS NULL
      AND probed_at < now() - make_interval(days => %(days)s)
"""


def save_limits(
    store: Store, environment: str, feature: str, found: Sequence[LimitFinding], *, attempt_id: str | None = None
) -> None:
    """Store what one probe found, all of it at one moment.

    Args:
        attempt_id: the run that it was for; None from the command line or a look, of which `KEEP_DAYS` are kept.
    """
    tightest = binding(found)
    place = {"environment": environment, "feature": feature, "attempt_id": attempt_id}
    rows = [
        {**finding.as_json(binds=finding is tightest), "evidence": storable(finding.evidence), **place}
        for finding in found
    ]
    with store.transaction() as connection:
        connection.cursor().executemany(_SAVE, rows)
        if attempt_id is None:
            connection.execute(_FORGET, {**place, "days": KEEP_DAYS})


def latest_limits(store: Store, environment: str, feature: str | None = None) -> list[Row]:
    """What the latest probe of each feature (or of one) found in an environment, the limit that binds first.

    Columns: those of the view `daily_runs.latest_limits`. No row: it was never probed.
    """
    return store.rows(
        """
        SELECT * FROM daily_runs.latest_limits
        WHERE environment = %(environment)s AND (%(feature)s::text IS NULL OR feature = %(feature)s)
        ORDER BY feature, binds DESC, hop, limit_name
        """,
        {"environment": environment, "feature": feature},
    )
