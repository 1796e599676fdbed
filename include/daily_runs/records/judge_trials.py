"""Rows of the judge's trials: its latest verdict on an answer that is right by definition."""

from __future__ import annotations

from daily_runs.judging.verdict import Verdict
from daily_runs.store.database import Store


def score_of_young(store: Store, key: str, hours: float) -> float | None:
    """The score of a trial that is younger than so many hours; None if there is none."""
    rows = store.rows(
        "SELECT score FROM daily_runs.judge_trial"
        " WHERE trial_key = %(key)s AND judged_at > now() - make_interval(secs => %(seconds)s)",
        {"key": key, "seconds": hours * 3600},
    )
    return float(rows[0]["score"]) if rows else None


def save(store: Store, key: str, feature: str, judge_model: str, verdict: Verdict) -> None:
    """Keep a trial's verdict in place of an older one."""
    store.rows(
        """
        INSERT INTO daily_runs.judge_trial VALUES (%(key)s, %(feature)s, %(judge)s, %(score)s, %(input)s, %(output)s)
        ON CONFLICT (trial_key) DO UPDATE SET score = EXCLUDED.score, input_tokens = EXCLUDED.input_tokens,
            output_tokens = EXCLUDED.output_tokens, judged_at = EXCLUDED.judged_at
        """,
        {
            "key": key,
            "feature": feature,
            "judge": judge_model,
            "score": verdict.score,
            "input": verdict.input_tokens,
            "output": verdict.output_tokens,
        },
    )
