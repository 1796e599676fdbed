"""Telling people from Airflow: the callbacks of a feature's runs, and what the DAGs of `dags/notices.py` do.

A DAG's callback runs in a child of the dag-processor, once a run, however many tasks failed; Airflow ends the child
after `dag_file_processor_timeout` (50 s). Incidents and messages are rows by then, so whoever comes next goes on. The
callbacks never raise: that people could not be told is logged.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow.sdk import Variable

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.clock import Clock
from daily_runs.errors import AccessError, StoreAwayError
from daily_runs.notices import telling, weekly, words_rows
from daily_runs.notices.failed_run import FailedRun
from daily_runs.notices.incident import Links
from daily_runs.notices.telling import NotToldError, Telling
from daily_runs.notices.texts import NoticeText, store_is_away, store_is_back
from daily_runs.store.database import open_store
from daily_runs_airflow.connections import store_url
from daily_runs_airflow.failures import DAG_PREFIX
from daily_runs_airflow.notes import airflow_address
from daily_runs_airflow.quiet import quiet
from daily_runs_airflow.telling.receivers import ConnectedReceivers

log = logging.getLogger(__name__)

STORE_AWAY = "daily_runs_store_away"
"""The Airflow variable that says since when people know that the store is away: the store cannot keep that itself."""


def run_failed(context: Mapping[str, Any]) -> None:
    """Tell that a run failed; the failure callback of a feature's DAG."""
    quiet()
    try:
        with _telling() as told:
            telling.run_failed(told, _failed(context, told.links))
    except (AccessError, StoreAwayError) as error:
        _tell_that_the_store_is_away(error)
    except Exception:
        log.exception("people could not be told that a run failed; the DAG `notices` tells what it finds")


def run_ended_well(context: Mapping[str, Any]) -> None:
    """Tell what a run shows to be over, and alarms that it raised; the success callback of a feature's DAG."""
    quiet()
    try:
        with _telling() as told:
            feature, run_id = _feature(context), str(context["run_id"])
            told.store.retrying(lambda connection: words_rows.forget(connection, feature, run_id))
            telling.run_ended_well(told)
    except Exception:
        log.exception("people could not be told that a run ended well; the DAG `notices` tells it")


def look_failed(_context: Mapping[str, Any]) -> None:
    """Tell that the store is away, if that is why nobody could look; the failure callback of the DAG `notices`."""
    quiet()
    try:
        with _telling():
            log.info("the store answers: the log of the failed task says what was the matter")
    except (AccessError, StoreAwayError) as error:
        _tell_that_the_store_is_away(error)
    except Exception:
        log.exception("nobody could find out why the look failed")


def look() -> None:
    """Look for what no run's end tells, and tell; what a task of the DAG `notices` does."""
    with _telling() as told:
        _tell_that_the_store_is_back(told)
        telling.look(told)


def tell_the_week() -> None:
    """Tell each team its week; what the task of the DAG `notices_weekly` does."""
    with _telling() as told:
        weekly.tell(told)


@contextmanager
def _telling() -> Iterator[Telling]:
    catalogue, receivers, links = catalogue_files.load(), ConnectedReceivers(), _links()
    with open_store(store_url(), connections=2) as store:
        yield Telling(store, catalogue, receivers, links, Clock.now())


def _links() -> Links:
    return Links(airflow_address() or "http://localhost:8080")


def _feature(context: Mapping[str, Any]) -> str:
    return str(context["dag"].dag_id).removeprefix(DAG_PREFIX)


def _failed(context: Mapping[str, Any], links: Links) -> FailedRun:
    """The failed run, as far as Airflow's context tells; of a run without a failed task it has no task instance."""
    feature, run_id = _feature(context), str(context["run_id"])
    task = getattr(context.get("ti"), "task_id", "")
    reason = str(context.get("reason") or "").replace("_", " ")
    return FailedRun(feature, run_id, links.run(feature, run_id), reason, task)


def _tell_that_the_store_is_away(error: Exception) -> None:
    """Once, until it is back."""
    log.warning("no incident can be stored: %s", error)
    try:
        if Variable.get(STORE_AWAY, default=None) is not None:
            return
        now = Clock.now()
        if _send_to_all(store_is_away(str(error), now, _links())):
            Variable.set(STORE_AWAY, now.isoformat(), description="Since when people know that the store is away.")
    except Exception:
        log.exception("people could not be told that the store is away")


def _tell_that_the_store_is_back(told: Telling) -> None:
    since = Variable.get(STORE_AWAY, default=None)
    if since is not None and _send_to_all(store_is_back(dt.datetime.fromisoformat(str(since)), told.now)):
        Variable.delete(STORE_AWAY)


def _send_to_all(text: NoticeText) -> bool:
    """Send to every receiver of the catalogue; returns whether anybody got it."""
    receivers, reached = ConnectedReceivers(), False
    for receiver in _everybody(catalogue_files.load(), receivers):
        try:
            receivers.send(receiver, text)
        except NotToldError as error:
            log.warning("%s was not told of %r: %s", receiver, text.subject, error)
        else:
            reached = True
    return reached


def _everybody(catalogue: Catalogue, receivers: ConnectedReceivers) -> list[str]:
    owners = [feature.owner for feature in catalogue.features.values()]
    return list(dict.fromkeys(receiver for owner in owners for receiver in receivers.of(owner)))
