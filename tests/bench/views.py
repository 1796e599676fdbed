"""`python -m tests.bench.views`: how long the contract's daily views take over a store with a million answers.

And the five questions of docs/operations/five_questions.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import psycopg

from tests import five_questions
from tests.bench.store import BenchStore, bench_store

FEATURES, ITEMS, ASKS, CLASSES = 5, 150, 6, 10
NAMES = tuple(f"feature_{number + 1}" for number in range(FEATURES))
FIRST = "2026-01-01 06:00+00"
"""The day before the first one."""
MOST_SECONDS = 1.0
LAST_GOOD, PROMISED = 5, (1, 5)
"""Of the five questions, the one about no period, and those that must be answered within `MOST_SECONDS`."""
_FILL = """
CREATE TEMP TABLE day AS
    SELECT name, d, name || '/staging/' || to_char(moment, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS run_key, moment,
           gen_random_uuid() AS attempt_id
    FROM unnest(%(names)s::text[]) AS name, generate_series(1, %(days)s) AS d,
         LATERAL (SELECT %(first)s::timestamptz + d * interval '1 day' AS moment) AS of_day;
CREATE TEMP TABLE prompt AS
    SELECT 'item-' || i || '#' || a AS prompt_id, 'item-' || i AS item_id, 'class-' || i %% %(classes)s AS item_class,
           (i * 7 + a) %% 50 = 0 AS failed, 0.5 + (i * 31 + a * 17) %% 100 / 200.0 AS score, i, a
    FROM generate_series(1, %(items)s) AS i, generate_series(1, %(asks)s) AS a;
INSERT INTO daily_runs.run SELECT run_key, name, 'staging', moment FROM day;
INSERT INTO daily_runs.attempt (attempt_id, run_key, status, plan_hash, asked, shards, provenance, dataset_sha256,
                                rubric_version, judge_model, started_at, ended_at)
    SELECT attempt_id, run_key, 'published', 'plan', %(items)s * %(asks)s, 1, 'live', 'd', 'r', 'judge', moment,
           moment + interval '1 hour' FROM day;
INSERT INTO daily_runs.attempt_terms
    SELECT attempt_id, 'team', 1, 'model', 1000, 100, 3, 15, 'judge', 2000, 200, 3, 15, '2026-01-01', true FROM day;
INSERT INTO daily_runs.answer (attempt_id, prompt_id, item_id, shard, status, tries, sent_at, settled_at, answer,
                               error_hop, error_kind, error_blame)
    SELECT attempt_id, prompt_id, item_id, 0, CASE WHEN failed THEN 'failed' ELSE 'answered' END, 1,
           moment + i * interval '10 s', moment + i * interval '10 s' + a * interval '3 s',
           CASE WHEN NOT failed THEN repeat(md5(prompt_id), 8) END, CASE WHEN failed THEN 'gitlab' END,
           CASE WHEN failed THEN 'timeout' END, CASE WHEN failed THEN 'provider' END
    FROM day, prompt;
INSERT INTO daily_runs.verdict (verdict_key, rubric_version, judge_model, reasons, scores, score, input_tokens,
                                output_tokens, judged_at, paid_by)
    SELECT attempt_id || prompt_id, 'r', 'judge', 'Good.', '{"correctness": 4}', score, 2000, 200,
           moment + interval '40 minutes', attempt_id FROM day, prompt WHERE NOT failed;
INSERT INTO daily_runs.judgement (attempt_id, prompt_id, verdict_key, status, tries, settled_at)
    SELECT attempt_id, prompt_id, attempt_id || prompt_id, 'scored', 1, moment + interval '40 minutes'
    FROM day, prompt WHERE NOT failed;
INSERT INTO daily_runs.published_run (run_key, attempt_id, feature, environment, logical_date, provenance, asked,
        answered, failed, scored, unscored, mean_score, score_std, mean_score_low, mean_score_high, dataset_sha256,
        rubric_version, judge_model, rows_sha256, comparability_key, item_mean, populations, verdict)
    SELECT run_key, attempt_id, name, 'staging', moment, 'live', p.asked, p.asked - p.failed, p.failed,
           p.asked - p.failed, 0, 0.75, 0.1, 0.7, 0.8, 'd', 'r', 'judge', 'rows', 'key', 0.75,
           '[{"provider": "unknown", "mean": 0.75, "low": 0.7, "high": 0.8}]', 'no_worse'
    FROM day, (SELECT count(*) AS asked, count(*) FILTER (WHERE failed) AS failed FROM prompt) AS p;
INSERT INTO daily_runs.published_result (run_key, prompt_id, item_id, status, score, scores, latency_seconds)
    SELECT run_key, prompt_id, item_id, 'scored', score, '{"correctness": 4}', a * 3 FROM day, prompt WHERE NOT failed;
INSERT INTO daily_runs.published_failure
    SELECT run_key, prompt_id, item_id, 'gitlab', 'timeout', 'provider' FROM day, prompt WHERE failed;
INSERT INTO daily_runs.published_item
    SELECT run_key, item_id, item_class, 'unknown', answered, answered, failed, mean, 0.01, '{"correctness": 0.75}'
    FROM day, (SELECT item_id, min(item_class) AS item_class, count(*) FILTER (WHERE NOT failed) AS answered,
                      count(*) FILTER (WHERE failed) AS failed, avg(score) FILTER (WHERE NOT failed) AS mean
               FROM prompt GROUP BY item_id) AS of_item;
"""


class Question(NamedTuple):
    """What a reader asks; `promised`: whether it must be answered within `MOST_SECONDS`."""

    view: str
    over: str
    query: str
    promised: bool


def questions(days: int) -> list[Question]:
    """What readers ask of the daily views: one day, a month, and all that there is."""
    last = f"date '2026-01-01' + {days}"
    found = []
    for view, date, promised in (
        ("quality_v1", "(logical_date AT TIME ZONE 'UTC')::date", True),
        ("runs_v2", "(logical_date AT TIME ZONE 'UTC')::date", True),
        ("item_changes_v1", "(logical_date AT TIME ZONE 'UTC')::date", False),
        ("reasons_v1", "(logical_date AT TIME ZONE 'UTC')::date", False),
        ("operations_v1", "day", False),
        ("costs_v1", "day", False),
    ):
        spans = {"one day": f"{date} = {last}", "30 days": f"{date} > {last} - 30", "everything": "true"}
        found += [
            Question(view, over, f"SELECT * FROM contract.{view} WHERE {w}", promised) for over, w in spans.items()
        ]
    return [*found, *_five_questions(days)]


def _five_questions(days: int) -> list[Question]:
    """The page's questions over one day, a month and all; the fifth is always about the last good runs."""
    last, found = dt.date(2026, 1, 1) + dt.timedelta(days=days), []
    spans = {"one day": last, "30 days": last - dt.timedelta(days=29), "everything": dt.date(2026, 1, 1)}
    for number, page in five_questions.questions().items():
        asked = spans if number != LAST_GOOD else {"last good runs": last}
        found += [
            Question(f"question {number}", over, _with_dates(page, since, last), number in PROMISED)
            for over, since in asked.items()
        ]
    return found


def _with_dates(sql: str, since: dt.date, until: dt.date) -> str:
    """The page's SQL with its two variables filled in, as psql does it."""
    return sql.replace(":'since'", f"'{since}'").replace(":'until'", f"'{until}'")


def main(words: Sequence[str] | None = None) -> int:
    """Fill a store, ask, and say how long each answer took; 1 when one took too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.views", description=__doc__)
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--explain", action="store_true", help="show the plan of each that took too long")
    given = parser.parse_args(words)
    days = -(-given.answers // (FEATURES * ITEMS * ASKS))
    with bench_store() as store, psycopg.connect(filled(store, days, NAMES), autocommit=True) as connection:
        counted = connection.execute("SELECT count(*) FROM contract.results_v1").fetchone()
        sys.stdout.write(f"{FEATURES * ITEMS * ASKS * days:,} answers, {counted} results of {FEATURES * days} runs\n")
        sys.stdout.write("\n| view | over | rows | seconds |\n|---|---|---|---|\n")
        late = []
        for question in questions(days):
            rows, seconds = _asked(connection, question.query)
            sys.stdout.write(f"| `{question.view}` | {question.over} | {rows} | {seconds:.2f} |\n")
            sys.stdout.flush()
            if seconds > MOST_SECONDS:
                late += [question.view] if question.promised else []
                if given.explain:
                    plan = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS) {question.query}".encode()).fetchall()
                    sys.stdout.write("\n".join(line for (line,) in plan) + "\n")
    return int(bool(late))


def filled(store: BenchStore, days: int, names: Sequence[str], first: str = FIRST) -> str:
    """The URL of a store that holds so many days of features with these names.

    Foreign keys are not checked while it is filled.
    """
    url, start = store.plan([]).url, time.monotonic()
    given = {"names": list(names), "first": first, "items": ITEMS, "asks": ASKS, "classes": CLASSES, "days": days}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        for statement in _FILL.strip().rstrip(";").split(";\n"):
            connection.execute(statement.encode(), given)
        connection.execute("VACUUM ANALYZE")
    sys.stdout.write(f"filled in {time.monotonic() - start:.0f} s\n")
    return url


def _asked(connection: psycopg.Connection[tuple[object, ...]], query: str) -> tuple[int, float]:
    """Rows and the time of the second of two answers: the first may have to read from the disk."""
    seconds, rows = 0.0, 0
    for _ in range(2):
        start = time.monotonic()
        rows = len(connection.execute(query.encode()).fetchall())
        seconds = time.monotonic() - start
    return rows, seconds


if __name__ == "__main__":
    sys.exit(main())
