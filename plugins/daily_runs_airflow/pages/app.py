"""The application of the pages: its routes, the files that they load, and what a request without a page is told.

A new page is a module with a `router` beside this one, named in `MODULES`; what it shows is made below
`include/daily_runs/pages/`.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from daily_runs.errors import DailyRunsError
from daily_runs.pages import notices
from daily_runs.pages.frame import STATIC_TYPES, static_file
from daily_runs.pages.links import PREFIX, feature_of
from daily_runs_airflow.pages import compare, documents, feature, quota, rerun, run, today
from daily_runs_airflow.pages.access import READS_RUN
from daily_runs_airflow.pages.answering import links_of

app = FastAPI(title="Daily runs", docs_url=None, redoc_url=None, openapi_url=None)
_FOREIGN_SESSION = "Invalid JWT token"
"""Airflow's own word, with 403: the session is of an Airflow with another secret."""
MODULES = (today, run, rerun, feature, quota, compare, documents)
for module in MODULES:
    app.include_router(module.router)


@app.get("/static/{name}")
def static(name: str) -> Response:
    """A file that pages load; anybody may have it, since the page that says "log in" loads it, too."""
    if name not in STATIC_TYPES:
        raise HTTPException(notices.NOT_FOUND)
    kept = {"cache-control": "max-age=86400"}  # its address changes with its content
    return Response(static_file(name), media_type=STATIC_TYPES[name], headers=kept)


@app.get("/", include_in_schema=False)
def first(request: Request) -> RedirectResponse:
    """The address without a page."""
    return RedirectResponse(links_of(request).today())


@app.get("/dag/{dag_id}", dependencies=[READS_RUN])
def of_dag(request: Request, dag_id: str) -> RedirectResponse:
    """What the tab of a DAG opens: Airflow fills in the DAG's id, not the feature."""
    return RedirectResponse(links_of(request).feature(feature_of(dag_id)))


@app.exception_handler(HTTPException)
def refused(request: Request, error: HTTPException) -> HTMLResponse:
    """Not logged in, not allowed, or no such page."""
    if error.status_code == notices.NOT_LOGGED_IN or error.detail == _FOREIGN_SESSION:
        then = f"{links_of(request).airflow}{PREFIX}{_path(request)}"
        return HTMLResponse(notices.login_page(links_of(request), then), error.status_code)
    return HTMLResponse(notices.refusal(links_of(request), error.status_code), error.status_code, error.headers)


@app.exception_handler(RequestValidationError)
def misread(request: Request, _error: RequestValidationError) -> HTMLResponse:
    """A part of the address that is no number, or is missing."""
    return HTMLResponse(notices.refusal(links_of(request), 422), 422)


@app.exception_handler(DailyRunsError)
def told(request: Request, error: DailyRunsError) -> HTMLResponse:
    """An error of ours says what to do about it."""
    return HTMLResponse(notices.problem(links_of(request), error), notices.status_of(error))


@app.exception_handler(Exception)
def broken(request: Request, _error: Exception) -> HTMLResponse:
    """A fault of ours: the server logs it, since Starlette raises it again after this answer."""
    return HTMLResponse(notices.refusal(links_of(request), notices.BROKEN), notices.BROKEN)


def _path(request: Request) -> str:
    """The path below ours, and what was asked for, as the browser wrote them."""
    raw = request.scope.get("raw_path") or request.url.path.encode()
    path = raw.decode("ascii", "replace").partition("?")[0]
    root = str(request.scope.get("root_path", ""))
    return path.removeprefix(root) + (f"?{request.url.query}" if request.url.query else "")
