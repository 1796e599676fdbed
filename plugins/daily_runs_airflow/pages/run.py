"""The page *Run*: for everybody who may read the DAG's runs; answers and reasons for who may read them."""

from __future__ import annotations

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from daily_runs.pages.links import feature_of
from daily_runs_airflow.pages.access import READS_RUN, reads_answers
from daily_runs_airflow.pages.answering import answer

router = APIRouter()


@router.get("/run/{dag_id}/{run_id}", dependencies=[READS_RUN])
def run(request: Request, user: GetUserDep, dag_id: str, run_id: str) -> HTMLResponse:
    """What one DAG run did."""
    shown = "with answers" if reads_answers(user, dag_id) else "without answers"
    return answer(request, f"{feature_of(dag_id)}: {run_id}", [f"<p>{shown}</p>"])
