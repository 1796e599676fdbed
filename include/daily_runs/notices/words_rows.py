"""Rows of the last words of failed tasks: kept by each task, taken when its run has failed."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from daily_runs.store.database import Connection, Store
from daily_runs.store.text import storable

_FIELDS = "environment, task, error, met, what, owner, do_next AS do, page, failed_at"
_OF_RUN = "WHERE feature = %(feature)s AND airflow_run_id = %(run)s"


class LastWords(NamedTuple):
    """What a failed task said last.

    Attributes:
        environment: empty before its run had one.
        error: the error's class.
        met: see `incident.met_by`.
        what, owner, do, page: what happened, who can lift it, the next step, the runbook.
    """

    environment: str
    task: str
    error: str
    met: str
    what: str
    owner: str
    do: str
    page: str
    failed_at: dt.datetime = dt.datetime.min.replace(tzinfo=dt.UTC)


def keep(store: Store, feature: str, airflow_run_id: str, words: LastWords) -> None:
    """Keep a task's last words; of the instances of a mapped task, the last one's."""
    store.rows(
        """
        INSERT INTO daily_runs.failed_task
            (feature, airflow_run_id, environment, task, error, met, what, owner, do_next, page)
        VALUES (%(feature)s, %(run)s, %(environment)s, %(task)s, %(error)s, %(met)s, %(what)s, %(owner)s, %(do)s,
                %(page)s)
        ON CONFLICT (feature, airflow_run_id, environment, task) DO UPDATE SET
            error = EXCLUDED.error, met = EXCLUDED.met, what = EXCLUDED.what, owner = EXCLUDED.owner,
            do_next = EXCLUDED.do_next, page = EXCLUDED.page
        """,
        {**words._asdict(), "what": storable(words.what), "feature": feature, "run": airflow_run_id},
    )


def kept(store: Store, feature: str, airflow_run_id: str) -> list[LastWords]:
    """The words of a run's failed tasks, the first failure first."""
    query = f"SELECT {_FIELDS} FROM daily_runs.failed_task {_OF_RUN} ORDER BY failed_at, task"  # noqa: S608
    return [LastWords(**row) for row in store.rows(query, {"feature": feature, "run": airflow_run_id})]


def forget(connection: Connection, feature: str, airflow_run_id: str) -> None:
    """Forget the words of a run, inside the caller's transaction: they were told, or it succeeded after all."""
    query = f"DELETE FROM daily_runs.failed_task {_OF_RUN}"  # noqa: S608
    connection.execute(query.encode(), {"feature": feature, "run": airflow_run_id})
