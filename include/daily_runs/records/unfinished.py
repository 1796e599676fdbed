"""Attempts that nobody can finish: their feature or environment is no longer in the catalogue.

Airflow makes no DAG for a feature that is gone, so its runs wait for one or fail, and no file is at fault.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import NamedTuple

from daily_runs.store.database import Store

SHOWN_MAX = 20
"""How many attempts are named one by one; what is gone is the same for all of them."""


class StrandedAttempt(NamedTuple):
    """An unfinished attempt. `gone`: what the catalogue lacks. `paid`: prompts answered or sent."""

    attempt_id: str
    feature: str
    environment: str
    logical_date: dt.datetime
    gone: str
    paid: int
    unasked: int

    @property
    def problem(self) -> str:
        """What is the matter with it."""
        date = f"{self.logical_date.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
        return (
            f"{self.feature} in {self.environment}, run of {date}: unfinished, but {self.gone} is not in the catalogue;"
            f" {self.paid} answers are paid, {self.unasked} prompts were not asked (attempt {self.attempt_id})"
        )

    @property
    def remedy(self) -> str:
        """What somebody can do."""
        return (
            f"Bring {self.gone} back under this name and clear the run's failed tasks; or give the answers up:"
            " docs/runbooks/input.md, A feature that is gone."
        )


_STRANDED = """
SELECT attempt_id::text, feature, environment, logical_date,
       CASE WHEN feature = ANY(%(features)s) THEN 'environment ' || environment ELSE 'feature ' || feature END AS gone,
       (SELECT count(*)::int FROM daily_runs.answer a
        WHERE a.attempt_id = t.attempt_id AND a.status IN ('answered', 'sent')) AS paid,
       (SELECT count(*)::int FROM daily_runs.answer a
        WHERE a.attempt_id = t.attempt_id AND a.status = 'planned') AS unasked
FROM daily_runs.attempt t JOIN daily_runs.run USING (run_key)
WHERE t.status = 'running' AND NOT (feature = ANY(%(features)s) AND environment = ANY(%(environments)s))
ORDER BY t.started_at DESC LIMIT %(most)s
"""


def stranded(store: Store, features: Collection[str], environments: Collection[str]) -> list[StrandedAttempt]:
    """The unfinished attempts whose feature or environment is none of these, the newest first, `SHOWN_MAX` at most."""
    known = {"features": list(features), "environments": list(environments), "most": SHOWN_MAX}
    return [StrandedAttempt(**row) for row in store.rows(_STRANDED, known)]
