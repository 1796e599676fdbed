"""The page *Feature*: for everybody who may read the runs of its DAG."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse

from daily_runs.catalogue.catalogue import feature_named
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.pages.feature_page import parts
from daily_runs.quota.month_budget import month_budget
from daily_runs.results.feature_report import feature_rows, page
from daily_runs_airflow.pages.access import reads_feature
from daily_runs_airflow.pages.answering import answer, links_of, opened_store

router = APIRouter()


@router.get("/feature/{feature}", dependencies=[Depends(reads_feature)])
def feature(request: Request, feature: str, environment: str = "", days: int = feature_rows.DAYS[1]) -> HTMLResponse:
    """How a feature has done in one environment."""
    catalogue = catalogue_files.load()
    known = feature_named(catalogue, feature)
    with opened_store() as store:
        found = feature_rows.read(store, known, environment or None, days)
        where = catalogue.environments.get(found["environment"])
        month = month_budget(store, catalogue, known, where) if where else None
    return answer(request, page.title(found), parts(found, links_of(request), month))
