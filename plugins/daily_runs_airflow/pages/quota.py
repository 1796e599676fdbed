"""The page *Quota*: for everybody who may read the runs of any feature, because all of them share the accounts."""

from __future__ import annotations

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from daily_runs.capacity.quota_status import read_quota
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.pages.notices import NOT_ALLOWED
from daily_runs.pages.quota_page import parts
from daily_runs_airflow.pages.access import features_seen
from daily_runs_airflow.pages.answering import answer, opened_store

router = APIRouter()


@router.get("/quota")
def quota(request: Request, user: GetUserDep) -> HTMLResponse:
    """One look at accounts, lanes, users' windows, breakers and pushbacks."""
    catalogue = catalogue_files.load()
    if not features_seen(user, catalogue.features):
        raise HTTPException(NOT_ALLOWED)
    with opened_store() as store:
        found = read_quota(store, catalogue)
    return answer(request, "Quota", parts(found), here="quota")
