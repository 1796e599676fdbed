"""The page *Rerun*: for who may trigger the DAG. It looks, and starts a run only by a form that this page sent."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from daily_runs.catalogue.catalogue import Catalogue, feature_named
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.clock import Clock
from daily_runs.errors import AccessError, ParameterError
from daily_runs.incidents.incident_rows import AttemptFacts
from daily_runs.pages import notices, rerun_form, rerun_page
from daily_runs.pages.links import feature_of
from daily_runs.pages.rerun_form import Ordered
from daily_runs.pages.rerun_page import RerunView
from daily_runs.runs import trigger_form
from daily_runs.store.database import Store
from daily_runs_airflow.pages import dag_runs, triggering
from daily_runs_airflow.pages.access import TRIGGERS
from daily_runs_airflow.pages.answering import answer, links_of, opened_store

router = APIRouter(dependencies=[TRIGGERS])

_TOKEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d_[0-9a-f]{8}")
"""Makes the new run's id, so that a form that is sent twice starts one run."""


async def _sent(request: Request) -> Mapping[str, str]:
    """The fields of a form that was sent."""
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


@router.get("/rerun/{dag_id}/{run_id}")
def rerun(request: Request, user: GetUserDep, dag_id: str, run_id: str) -> HTMLResponse:
    """The form: as the run's failure proposes it, or as the address has it; and what it would do."""
    catalogue, feature = _feature(dag_id)
    values = dict(request.query_params)
    with opened_store() as store:
        facts = _facts(store, dag_id, run_id)
        if "rerun" not in values:
            values = rerun_form.proposed(store, feature.feature, run_id, facts)
        ordered = rerun_form.ordered(store, catalogue, feature, values, Clock.now(), by=user.get_name())
    view = _view(catalogue, feature, dag_id, run_id, facts, ordered)
    return answer(request, f"Rerun of {feature.title}", rerun_page.parts(view, links_of(request)))


@router.post("/rerun/{dag_id}/{run_id}")
def send(
    request: Request, user: GetUserDep, dag_id: str, run_id: str, sent: Annotated[Mapping[str, str], Depends(_sent)]
) -> Response:
    """Start the run that the form asks for; one that would be refused is shown again and starts nothing."""
    if not triggering.is_ours(request):
        error = AccessError("This form", "was not sent by a page of this Airflow", "Open the page here, and send it.")
        return HTMLResponse(notices.problem(links_of(request), error), HTTPStatus.FORBIDDEN)
    catalogue, feature = _feature(dag_id)
    token = sent.get("token", "")
    if not _TOKEN.fullmatch(token):
        raise ParameterError("token", "is missing or was changed", "Open the page again.")
    with opened_store() as store:
        facts = _facts(store, dag_id, run_id)
        ordered = rerun_form.ordered(store, catalogue, feature, sent, Clock.now(), by=user.get_name())
    is_as_shown = sent.get("seal") == ordered.seal
    if ordered.form is None or not is_as_shown:
        view = _view(catalogue, feature, dag_id, run_id, facts, ordered)._replace(changed=not is_as_shown)
        shown = answer(request, f"Rerun of {feature.title}", rerun_page.parts(view, links_of(request)))
        shown.status_code = HTTPStatus.CONFLICT if ordered.form else HTTPStatus.BAD_REQUEST
        return shown
    new_run_id = f"rerun__{token}"
    note = ordered.form.note or f"asked for on the page of {run_id}"
    triggering.start(request, dag_id, new_run_id, rerun_form.conf_of(ordered.form), note)
    return RedirectResponse(f"{links_of(request).rerun(dag_id, run_id)}/started/{token}", HTTPStatus.SEE_OTHER)


@router.get("/rerun/{dag_id}/{run_id}/started/{token}")
def started(request: Request, dag_id: str, run_id: str, token: str) -> HTMLResponse:
    """Where a browser goes once the run is started, so that a page that is loaded again starts nothing."""
    if not _TOKEN.fullmatch(token):
        raise ParameterError("token", "names no run", "Look at the DAG's runs.")
    new_run_id, paused = f"rerun__{token}", dag_runs.is_paused(dag_id)
    if dag_runs.one(dag_id, new_run_id) is None:
        raise ParameterError("run", f"Airflow knows no run {new_run_id}", "Look at the DAG's runs.")
    shown = rerun_page.started(links_of(request), dag_id, run_id, new_run_id, paused=paused)
    return answer(request, "Started", shown)


def _feature(dag_id: str) -> tuple[Catalogue, Feature]:
    catalogue = catalogue_files.load()
    return catalogue, feature_named(catalogue, feature_of(dag_id))


def _facts(store: Store, dag_id: str, run_id: str) -> list[AttemptFacts]:
    seen = dag_runs.one(dag_id, run_id)
    facts = rerun_form.facts_of_run(store, feature_of(dag_id), run_id, seen.attempt_ids if seen else ())
    if seen is None and not facts:
        raise ParameterError("run", f"neither Airflow nor the store knows {run_id!r}", "Open it from the list of runs.")
    return facts


def _view(
    catalogue: Catalogue, feature: Feature, dag_id: str, run_id: str, facts: Sequence[AttemptFacts], ordered: Ordered
) -> RerunView:
    token = f"{Clock.now():%Y-%m-%dT%H:%M:%S}_{secrets.token_hex(4)}"
    fields, paused = trigger_form.fields(catalogue, feature), dag_runs.is_paused(dag_id)
    return RerunView(dag_id, run_id, facts, fields, ordered, token, paused)
