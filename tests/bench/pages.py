"""`python -m tests.bench.pages`: how long the pages take over a year of five features with 900 answers a day each."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from collections.abc import Callable, Sequence

import psycopg

from daily_runs.capacity.quota_status import read_quota
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.clock import Clock
from daily_runs.pages import compare_page, feature_page, quota_page, rerun_form, rerun_page
from daily_runs.pages.compare_page import Compared
from daily_runs.pages.frame import PageFrame
from daily_runs.pages.links import PageLinks
from daily_runs.pages.rerun_page import RerunView
from daily_runs.pages.run_page import RunFound, RunShown, run_parts, run_title
from daily_runs.pages.today_page import today_parts
from daily_runs.readiness import board_reading
from daily_runs.readiness.today import RunToday
from daily_runs.results.dag_run import dag_run_rows, every_item_rows
from daily_runs.results.feature_report import feature_rows
from daily_runs.results.run_compare import compare_rows
from daily_runs.results.run_report import questions, report_rows, ruler_rows
from daily_runs.runs import trigger_form
from daily_runs.store.database import Store, open_store
from tests.bench.store import bench_store
from tests.bench.views import filled

MOST_SECONDS = 0.5
TIMES = 5
LINKS = PageLinks()
DAG_RUN = "scheduled"
_MORE = """
UPDATE daily_runs.attempt SET airflow_run_id = %(dag_run)s
    WHERE attempt_id IN (SELECT attempt_id FROM daily_runs.attempt ORDER BY started_at DESC LIMIT 5);
UPDATE daily_runs.published_run SET item_mean = 0.75, item_mean_low = 0.7, item_mean_high = 0.8, verdict = 'no_worse',
    verdict_reason = 'no worse', context = '{}',
    ruler = '{"dataset_sha256": "d", "selection_sha256": "s", "rubric_version": "r", "judge_model": "judge",
              "judge_effort": "", "judge_thinking": "", "prompt_template": "p", "judges": "j", "provider": "unknown"}',
    populations = '[{"provider": "unknown", "items": 150, "mean": 0.75, "low": 0.7, "high": 0.8}]';
INSERT INTO daily_runs.stage_report (attempt_id, stage, shard, asked, answered, failed, missing, seconds, details,
                                     ended_at)
    SELECT attempt_id, stage, 0, 900, 882, 18, 0, 600, '{}', started_at + n * interval '10 minutes'
    FROM daily_runs.attempt, unnest(ARRAY['seed_check', 'limit_probe', 'inference', 'judging', 'validation', 'publish'])
         WITH ORDINALITY AS s (stage, n);
INSERT INTO daily_runs.gate_result (attempt_id, expectation, passed, observed, required)
    SELECT attempt_id, 'expectation ' || n, true, 'all', 'all' FROM daily_runs.attempt, generate_series(1, 20) AS n;
INSERT INTO daily_runs.routed (feature, airflow_run_id, logical_date, planned, chosen, forced, reason, decided_at)
    SELECT feature, 'scheduled of ' || logical_date, logical_date, '{staging}', '{staging}', false, 'by its phase',
           logical_date FROM daily_runs.run;
"""


def today_page(url: str) -> str:
    """What the route of *Today* does, without Airflow's part."""
    catalogue = catalogue_files.load()
    with open_store(url, 1) as store:
        return PageFrame(LINKS, "Today").document(today_parts(board_reading.read(store, catalogue), LINKS))


def run_page(url: str, feature: str) -> str:
    """What the route of *Run* does for the newest run, without Airflow's part."""
    catalogue = catalogue_files.load()
    with open_store(url, 1) as store:
        attempts = dag_run_rows.attempts(store, feature, DAG_RUN)
        found = RunFound(feature, RunToday(DAG_RUN, attempts, None, None), _shown(store, attempts[-1]), Clock.now())
    assert catalogue
    return PageFrame(LINKS, run_title(found)).document(run_parts(found, LINKS))


def _shown(store: Store, attempt: dict[str, object]) -> RunShown:
    attempt_id = str(attempt["attempt_id"])
    report = report_rows.read(store, attempt_id, questions.none_known, ruler_rows.none_known, with_items=False)
    items = every_item_rows.read(store, report, {}, with_texts=True)
    return RunShown(report, items, dag_run_rows.limits(store, attempt_id), dag_run_rows.pace(store, attempt_id), True)


def rerun_page_of(url: str, feature: str) -> str:
    """What the route of *Rerun* does: with the form that mends the newest run, and with one that asks all."""
    catalogue = catalogue_files.load()
    known, moment = catalogue.features[feature], Clock.now() - dt.timedelta(days=1)
    with open_store(url, 1) as store:
        facts = rerun_form.facts_of_run(store, feature, DAG_RUN, [])
        forms = [rerun_form.proposed(store, feature, DAG_RUN, facts), {"rerun": "all", "environment": "staging"}]
        ordered = [rerun_form.ordered(store, catalogue, known, form, moment, by="somebody") for form in forms]
    fields = trigger_form.fields(catalogue, known)
    views = [RerunView(f"daily_runs_{feature}", DAG_RUN, facts, fields, one, "token") for one in ordered]
    return PageFrame(LINKS, "Rerun").document([part for view in views for part in rerun_page.parts(view, LINKS)])


def feature_page_of(url: str, feature: str) -> str:
    """What the route of *Feature* does, over all the days."""
    with open_store(url, 1) as store:
        found = feature_rows.read(store, catalogue_files.load().features[feature], None, feature_rows.DAYS[-1])
    return PageFrame(LINKS, feature).document(feature_page.parts(found, LINKS, None))


def quota_page_of(url: str) -> str:
    """What the route of *Quota* does."""
    with open_store(url, 1) as store:
        return PageFrame(LINKS, "Quota").document(quota_page.parts(read_quota(store, catalogue_files.load())))


def compare_page_of(url: str, feature: str) -> str:
    """What the route of *Compare* does for the two newest runs."""
    catalogue = catalogue_files.load()
    with open_store(url, 1) as store:
        rows = store.rows(
            "SELECT run_key FROM daily_runs.published_run WHERE feature = %(feature)s"
            " ORDER BY logical_date DESC LIMIT 2",
            {"feature": feature},
        )
        asked = Compared(rows[1]["run_key"], rows[0]["run_key"])
        of_runs = questions.of_catalogue(catalogue)
        found = compare_rows.compare(store, catalogue, asked.first, asked.second, None, of_runs)
    parts = compare_page.parts(asked, found, with_answers=True, refusal=None)
    return PageFrame(LINKS, "Compare").document(parts)


def main(words: Sequence[str] | None = None) -> int:
    """Fill a store, make each page, and say how long it took; 1 when one took too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pages", description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    given = parser.parse_args(words)
    features = sorted(catalogue_files.load().features)
    with bench_store() as store:
        first = Clock.now() - dt.timedelta(days=given.days, hours=3)
        url = filled(store, given.days, features, first.isoformat())
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in _MORE.strip().rstrip(";").split(";\n"):
                connection.execute(statement.encode(), {"dag_run": DAG_RUN})
            connection.execute("VACUUM ANALYZE")
        pages: dict[str, Callable[[], str]] = {
            "Today": lambda: today_page(url),
            "Run": lambda: run_page(url, features[0]),
            "Rerun": lambda: rerun_page_of(url, features[0]),
            "Feature": lambda: feature_page_of(url, features[0]),
            "Quota": lambda: quota_page_of(url),
            "Compare": lambda: compare_page_of(url, features[0]),
        }
        sys.stdout.write("\n| page | characters | seconds |\n|---|---|---|\n")
        late = []
        for name, page in pages.items():
            size, seconds = _measured(page)
            sys.stdout.write(f"| {name} | {size:,} | {seconds:.2f} |\n")
            late += [name] if seconds > MOST_SECONDS else []
    return int(bool(late))


def _measured(page: Callable[[], str]) -> tuple[int, float]:
    """Characters, and the median of `TIMES` times; the first request reads modules and the disk, and is not counted."""
    size, seconds = len(page()), []
    for _ in range(TIMES):
        start = time.monotonic()
        page()
        seconds.append(time.monotonic() - start)
    return size, sorted(seconds)[TIMES // 2]


if __name__ == "__main__":
    sys.exit(main())
