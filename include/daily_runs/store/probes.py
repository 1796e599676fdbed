"""Rows of limit probes and of seed bindings: what was seen of an environment, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daily_runs.run import Attempt
from daily_runs.statuses import SeedStatus
from daily_runs.store.database import Store


class Binding(NamedTuple):
    """A seed key and the live resource it stands for; `status` is bound, missing, changed or wrong_state."""

    seed_key: str
    status: SeedStatus
    resource_id: str | None
    content_sha256: str | None


def save(store: Store, attempt: Attempt, findings: Sequence[tuple[Any, ...]]) -> None:
    """Store findings: (hop, limit_name, needed, allowed, unit, source, evidence, verdict)."""
    with store.transaction() as connection:
        connection.cursor().executemany(
            """
            INSERT INTO daily_runs.limit_probe (attempt_id, environment, feature, hop, limit_name, needed, allowed,
                                                unit, source, evidence, verdict)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [(attempt.attempt_id, attempt.key.environment, attempt.key.feature, *finding) for finding in findings],
        )


def save_bindings(store: Store, attempt: Attempt, bindings: Sequence[Binding]) -> None:
    """Replace what is known of these seeds in the attempt's environment."""
    key = attempt.key
    with store.transaction() as connection:
        connection.cursor().executemany(
            """
            INSERT INTO daily_runs.seed_binding (environment, feature, attempt_id, seed_key, status, resource_id,
                                                 content_sha256)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (environment, feature, seed_key) DO UPDATE SET
                status = EXCLUDED.status, resource_id = EXCLUDED.resource_id, attempt_id = EXCLUDED.attempt_id,
                content_sha256 = EXCLUDED.content_sha256, checked_at = now()
            """,
            [(key.environment, key.feature, attempt.attempt_id, *binding) for binding in bindings],
        )


def bound_resources(store: Store, attempt: Attempt) -> Mapping[str, str | None]:
    """Resource id by seed key, of every seed that is bound (None: the feature needs no resource)."""
    rows = store.rows(
        """
        SELECT seed_key, resource_id FROM daily_runs.seed_binding
        WHERE environment = %(environment)s AND feature = %(feature)s AND status = 'bound'
        """,
        {"environment": attempt.key.environment, "feature": attempt.key.feature},
    )
    return {row["seed_key"]: row["resource_id"] for row in rows}
