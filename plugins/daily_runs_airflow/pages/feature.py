"""The page *Feature*: for everybody who may read the runs of its DAG."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse

from daily_runs.catalogue.catalogue import feature_named
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.pages.feature_page import parts
from daily_runs.results.feature_report import feature_rows, page
from daily_runs_airflow.pages.access import reads_feature
from daily_runs_airflow.pages.answering import answer, links_of, opened_store

router = APIRouter()


@router.get("/feature/{feature}", dependencies=[Depends(reads_feature)])
def feature(request: Request, feature: str, environment: str = "", days: int = feature_rows.DAYS[1]) -> HTMLResponse:
    """How a feature has done in one environment."""
    known = feature_named(catalogue_files.load(), feature)
    with opened_store() as store:
        found = feature_rows.read(store, known, environment or None, days)
    return answer(request, page.title(found), parts(found, links_of(request)))
