"""The page *Today*: for everybody who is logged in, the features whose runs they may read."""

from __future__ import annotations

import datetime as dt

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from daily_runs import feature_files
from daily_runs.clock import Clock
from daily_runs.pages.today_page import of_features, today_parts
from daily_runs.readiness import board_reading
from daily_runs.readiness.today_rows import DAYS_READ
from daily_runs_airflow.pages import dag_runs
from daily_runs_airflow.pages.access import features_seen
from daily_runs_airflow.pages.answering import answer, links_of, opened_store

router = APIRouter()


@router.get("/today")
def today(request: Request, user: GetUserDep) -> HTMLResponse:
    """One line a feature: what `daily-runs status` knows, and what Airflow knows of today's runs."""
    catalogue = feature_files.load()
    features = features_seen(user, catalogue.features)
    seen = dag_runs.recent(features, Clock.now() - dt.timedelta(days=DAYS_READ))
    with opened_store() as store:
        board = board_reading.read(store, catalogue, seen)
    others = features_seen(user, {*catalogue.left_out, *(one.feature for one in board.stranded)})
    board = of_features(board, features | others)
    return answer(request, "Today", today_parts(board, links_of(request)), here="today")
