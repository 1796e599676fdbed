"""The page *Today*: for everybody who is logged in, the features whose runs they may read."""

from __future__ import annotations

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs_airflow.pages.access import features_seen
from daily_runs_airflow.pages.answering import answer

router = APIRouter()


@router.get("/today")
def today(request: Request, user: GetUserDep) -> HTMLResponse:
    """One line a feature."""
    features = features_seen(user, catalogue_files.load().features)
    return answer(request, "Today", [f"<p>{len(features)} features</p>"], here="today")
