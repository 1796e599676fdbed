"""Rows of seeds: which live resource each key stands for, and content that was read once and does not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daily_runs.records.run import Attempt
from daily_runs.statuses import SeedStatus
from daily_runs.store.database import Store


class Binding(NamedTuple):
    """A seed key and the live resource it stands for; `status` is bound, missing, changed or wrong_state."""

    seed_key: str
    status: SeedStatus
    resource_id: str | None
    content_sha256: str | None


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


class SeedContent:
    """What was read of an environment's resources that do not change any more (see `daily_runs.readiness.seeds.find`).

    Args:
        age_seconds_max: what was read longer ago is not recalled (wall clock).
    """

    def __init__(self, store: Store, environment: str, age_seconds_max: float) -> None:
        self._store, self._environment, self._age_seconds_max = store, environment, age_seconds_max

    def recall(self) -> Mapping[str, str]:
        """SHA-256 (hex) of contents by resource id. What is too old to be recalled is forgotten.

        Raises:
            StageError: the store cannot say.
        """
        self._store.rows(
            """
            DELETE FROM daily_runs.seed_content
            WHERE environment = %(environment)s AND read_at <= now() - make_interval(secs => %(age)s)
            """,
            {"environment": self._environment, "age": self._age_seconds_max},
        )
        rows = self._store.rows(
            """
            SELECT resource_id, content_sha256 FROM daily_runs.seed_content
            WHERE environment = %(environment)s AND read_at > now() - make_interval(secs => %(age)s)
            """,
            {"environment": self._environment, "age": self._age_seconds_max},
        )
        return {row["resource_id"]: row["content_sha256"] for row in rows}

    def keep(self, resource_id: str, content_sha256: str) -> None:
        """Remember what was just read, in place of what was read before.

        Raises:
            StageError: the store cannot keep it.
        """
        self._store.rows(
            """
            INSERT INTO daily_runs.seed_content (environment, resource_id, content_sha256)
            VALUES (%(environment)s, %(resource)s, %(sha256)s)
            ON CONFLICT (environment, resource_id) DO UPDATE SET
                content_sha256 = EXCLUDED.content_sha256, read_at = EXCLUDED.read_at
            """,
            {"environment": self._environment, "resource": resource_id, "sha256": content_sha256},
        )
