"""The page *Run*: for everybody who may read the DAG's runs; answers and reasons for who may read them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.clock import Clock
from daily_runs.errors import CatalogueError, ParameterError
from daily_runs.pages.links import feature_of
from daily_runs.pages.run_page import RunFound, RunShown, run_parts, run_title
from daily_runs.readiness.today import DagRunSeen, RunToday
from daily_runs.records import routes
from daily_runs.results.dag_run import dag_run_rows, every_item_rows
from daily_runs.results.exports import export
from daily_runs.results.exports.export import Wanted
from daily_runs.results.run_report import questions, report_rows, ruler_rows
from daily_runs.results.run_report.questions import Questions
from daily_runs.results.run_report.ruler_rows import TermsOf
from daily_runs.store.database import Store
from daily_runs.store.pool import Row
from daily_runs_airflow.pages import dag_runs
from daily_runs_airflow.pages.access import READS_RUN, reads_answers
from daily_runs_airflow.pages.answering import answer, links_of, opened_store

router = APIRouter()
EXPORTED = ("items_v1", "results_v1")
"""Views of the contract with rows of a run; no text of an answer is in them."""


@router.get("/run/{dag_id}/{run_id}", dependencies=[READS_RUN])
def run(
    request: Request, user: GetUserDep, dag_id: str, run_id: str, attempt: str = "", task: str = ""
) -> HTMLResponse:
    """What one DAG run did.

    Args:
        attempt: the id of that of its attempts which is shown; else the one that needs a look first.
        task: the id of a task: then the attempt of its arm.
    """
    feature, with_texts = feature_of(dag_id), reads_answers(user, dag_id)
    seen = dag_runs.one(dag_id, run_id)
    with opened_store() as store:
        attempts = dag_run_rows.attempts(store, feature, run_id, seen.attempt_ids if seen else ())
        route = routes.of_run(store, feature, run_id)
        _must_be_known(seen, attempts, route, run_id)
        chosen = _chosen(attempts, attempt, task.partition(".")[0])
        shown = _shown(store, str(chosen["attempt_id"]), with_texts=with_texts) if chosen else None
    found = RunFound(feature, RunToday(run_id, attempts, route, seen), shown, Clock.now())
    return answer(request, run_title(found), run_parts(found, links_of(request)))


@router.get("/run/{dag_id}/{run_id}/export/{view}", dependencies=[READS_RUN])
def exported(dag_id: str, run_id: str, view: str, run: str) -> Response:
    """Rows of a published run as CSV: what `daily-runs export` writes."""
    if view not in EXPORTED:
        raise ParameterError("view", f"{view!r} is not exported here", f"Give one of: {', '.join(EXPORTED)}.")
    into = io.StringIO()
    with opened_store() as store:
        keys = {
            row["run_key"]
            for row in dag_run_rows.attempts(store, feature_of(dag_id), run_id, _worked_on(dag_id, run_id))
        }
        if run not in keys:
            raise ParameterError("run", f"{run!r} is no run of {run_id}", "Follow the link of the run's page.")
        with store.transaction() as connection:
            columns = export.columns_of(connection, view)
            with export.batches(connection, Wanted(view, run=run), columns) as rows:
                export.write_csv(into, columns, rows)
    name = f"{view}-{run}.csv".replace("/", "-").replace(":", "")
    return Response(
        into.getvalue(), media_type="text/csv", headers={"content-disposition": f'attachment; filename="{name}"'}
    )


def _worked_on(dag_id: str, run_id: str) -> Sequence[str]:
    seen = dag_runs.one(dag_id, run_id)
    return seen.attempt_ids if seen else ()


def _must_be_known(seen: DagRunSeen | None, attempts: Sequence[Row], route: Row | None, run_id: str) -> None:
    if seen is None and not attempts and route is None:
        raise ParameterError("run", f"neither Airflow nor the store knows {run_id!r}", "Open it from the list of runs.")


def _chosen(attempts: Sequence[Row], attempt_id: str, environment: str) -> Row | None:
    """The one that was asked for; else that of an arm; else what is not published, the newest first."""
    named = [row for row in attempts if str(row["attempt_id"]) == attempt_id]
    if attempt_id and not named:
        raise ParameterError("attempt", f"this run has no attempt {attempt_id!r}", "Open the run without `attempt`.")
    of_arm = [row for row in attempts if row["environment"] == environment]
    unpublished = [row for row in attempts if row["outcome"] != "published"]
    return next((found[-1] for found in (named, of_arm, unpublished, attempts) if found), None)


class _Read(NamedTuple):
    """What a report takes from the catalogue; nothing where it cannot be read: a page must not wait for its mending."""

    questions: Questions
    terms_of: TermsOf


def _of_catalogue() -> _Read:
    try:
        catalogue = catalogue_files.load()
    except CatalogueError:
        return _Read(questions.none_known, ruler_rows.none_known)
    return _Read(questions.of_sound_sets(catalogue), ruler_rows.of_catalogue(catalogue))


def _shown(store: Store, attempt_id: str, *, with_texts: bool) -> RunShown:
    known = _of_catalogue()
    report = report_rows.read(store, attempt_id, known.questions, known.terms_of, with_items=False)
    asked = known.questions(report["run"]["feature"], report["run"]["dataset_sha256"])
    items = every_item_rows.read(store, report, asked, with_texts=with_texts)
    limits, pace = dag_run_rows.limits(store, attempt_id), dag_run_rows.pace(store, attempt_id)
    return RunShown(report, items, limits, pace, with_texts)
