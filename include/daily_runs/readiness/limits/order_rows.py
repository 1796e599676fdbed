"""What other runs have ordered: a run that a limit probe let in holds room for its prompts until it has asked them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from daily_runs.store.database import Store

WEIGHING_MAX = "5min"
"""The lock's session stands idle while the probe weighs and stores by others. That takes a second, or as long as it
waits for a server that is away; a worker that is frozen meanwhile holds up the other probes no longer than this."""


class OrderedRun(NamedTuple):
    """An unfinished attempt that was let in: `prompts` not asked, `verdicts` not given yet, of these prompts too.

    `unwatched`: nobody has begun to judge the frozen answers of its day.
    """

    run_key: str
    feature: str
    environment: str
    prompts: int
    verdicts: int
    unwatched: bool


_ORDERED = """
SELECT t.run_key, r.feature, r.environment, count(*) FILTER (WHERE n.status = 'planned')::int AS prompts,
       (count(*) FILTER (WHERE n.status <> 'failed' AND coalesce(j.status, 'none') NOT IN ('scored', 'unscored'))
           * t.judge_repeats)::int AS verdicts,
       NOT EXISTS (SELECT FROM daily_runs.ruler_watch w WHERE w.attempt_id = t.attempt_id) AS unwatched
FROM daily_runs.attempt t JOIN daily_runs.run r USING (run_key) JOIN daily_runs.answer n USING (attempt_id)
LEFT JOIN daily_runs.judgement j USING (attempt_id, prompt_id)
WHERE t.status = 'running' AND t.attempt_id IS DISTINCT FROM %(but)s::uuid AND (
    SELECT bool_and(p.verdict <> 'too_low') FROM daily_runs.limit_probe p
    WHERE p.attempt_id = t.attempt_id AND p.probed_at = (
        SELECT max(q.probed_at) FROM daily_runs.limit_probe q
        WHERE q.attempt_id = t.attempt_id AND q.environment = r.environment AND q.feature = r.feature
              AND q.probed_at > clock_timestamp() - make_interval(secs => %(seconds)s)))
GROUP BY t.attempt_id, t.run_key, r.feature, r.environment ORDER BY t.run_key
"""


def ordered_runs(store: Store, within_seconds: float, *, but: str | None) -> list[OrderedRun]:
    """The runs that were let in so lately (wall clock) and are unfinished.

    One that was let in before that holds no room any more: somebody gave it up, or it must be probed again.

    Args:
        but: id of the attempt that asks; None = of the command line, which has none.
    """
    rows = store.rows(_ORDERED, {"seconds": within_seconds, "but": but})
    return [OrderedRun(**row) for row in rows if row["prompts"] or row["verdicts"]]


@contextmanager
def one_probe_at_a_time(store: Store) -> Iterator[None]:
    """Inside, no other probe weighs: what this one lets in and has stored, the next one sees.

    Raises:
        StoreAwayError: another probe weighs for long, or this one took longer than `WEIGHING_MAX`, or the server went
            away: a further try weighs once more.
    """
    with store.transaction() as connection:
        connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{WEIGHING_MAX}'".encode())
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('limit probe', 0))")
        yield
