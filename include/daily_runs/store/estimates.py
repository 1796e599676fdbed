"""Tokens that published runs have measured: what plans reckon with where they exist."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from daily_runs.guard import postmaster_pid
from daily_runs.store.database import DATABASE, Store

RUNS_LOOKED_AT = 5
"""So many of a feature's newest published runs count: tokens change with prompts and models."""


_PORT_LINE, _STATUS_LINE = 3, 7  # of postmaster.pid, counted from 0


def running_url(root: Path) -> str | None:
    """The store of an embedded Postgres that runs already in this folder; None = none does. It is not started."""
    root = root.resolve()  # one folder has one name: the server's command line is compared with it
    data = root / "data"
    if postmaster_pid(data) is None:
        return None
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        password = (root / "password").read_text().strip()
    except OSError:  # stopped a moment ago, or another user's
        return None
    if len(lines) <= _STATUS_LINE or lines[_STATUS_LINE].strip() != "ready":
        return None
    return f"postgresql://postgres:{quote(password)}@127.0.0.1:{lines[_PORT_LINE]}/{DATABASE}"


class Measured(NamedTuple):
    """Mean tokens of one call of a feature, over so many calls."""

    feature: str
    input_tokens: float
    output_tokens: float
    calls: int


def prompts(store: Store, provenance: str) -> list[Measured]:
    """Tokens of a prompt, of features whose path tells them (null is unknown and does not count)."""
    rows = store.rows(
        """
        WITH newest AS (
            SELECT run_key, feature,
                   row_number() OVER (PARTITION BY feature ORDER BY logical_date DESC, environment) AS place
            FROM daily_runs.published_run WHERE provenance = %(provenance)s
        )
        SELECT n.feature, avg(r.input_tokens)::float8 AS input_tokens, avg(r.output_tokens)::float8 AS output_tokens,
               count(*)::int AS calls
        FROM newest n JOIN daily_runs.published_result r USING (run_key)
        WHERE n.place <= %(runs)s AND r.input_tokens > 0 AND r.output_tokens > 0
        GROUP BY n.feature ORDER BY n.feature
        """,
        {"provenance": provenance, "runs": RUNS_LOOKED_AT},
    )
    return [Measured(**row) for row in rows]


def verdicts(store: Store, provenance: str, judge_model: str) -> list[Measured]:
    """Tokens of a verdict, by feature."""
    rows = store.rows(
        """
        WITH newest AS (
            SELECT attempt_id, feature,
                   row_number() OVER (PARTITION BY feature ORDER BY logical_date DESC, environment) AS place
            FROM daily_runs.published_run WHERE provenance = %(provenance)s AND judge_model = %(judge_model)s
        )
        SELECT n.feature, avg(v.input_tokens)::float8 AS input_tokens, avg(v.output_tokens)::float8 AS output_tokens,
               count(*)::int AS calls
        FROM newest n
        JOIN daily_runs.judgement j USING (attempt_id)
        JOIN daily_runs.verdict v USING (verdict_key)
        WHERE n.place <= %(runs)s AND v.input_tokens > 0 AND v.output_tokens > 0
        GROUP BY n.feature ORDER BY n.feature
        """,
        {"provenance": provenance, "judge_model": judge_model, "runs": RUNS_LOOKED_AT},
    )
    return [Measured(**row) for row in rows]
