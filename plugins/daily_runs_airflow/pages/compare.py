"""The page *Compare*: for who may read the runs of the feature that both sides are of; answers as on the page *Run*."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import ParameterError
from daily_runs.pages.compare_page import Compared, parts, title
from daily_runs.pages.links import dag_of
from daily_runs.pages.notices import NOT_ALLOWED
from daily_runs.results.merge_gate import side_rows
from daily_runs.results.run_compare import compare_rows
from daily_runs.results.run_compare.treatment import Treatment
from daily_runs.results.run_report import questions
from daily_runs.store.database import Store
from daily_runs_airflow.pages.access import reads_answers, reads_run
from daily_runs_airflow.pages.answering import answer, opened_store

router = APIRouter()


@router.get("/compare")
def compare(request: Request, user: GetUserDep, first: str = "", second: str = "", treatment: str = "") -> HTMLResponse:
    """Two published runs of one feature side by side; the form alone while one is not named."""
    asked, found, refusal, with_answers = Compared(first.strip(), second.strip(), treatment), None, None, False
    if asked.is_whole:
        with opened_store() as store:
            features = side_rows.features_named(store, asked.first, asked.second)
            if not all(reads_run(user, dag_of(feature)) for feature in features):  # before anything is told of them
                raise HTTPException(NOT_ALLOWED)
            with_answers = all(reads_answers(user, dag_of(feature)) for feature in features)
            try:
                found = _compared(store, asked, with_answers=with_answers)
            except ParameterError as error:
                refusal = error
    shown = parts(asked, found, with_answers=with_answers and found is not None, refusal=refusal)
    return answer(request, title(found), shown, here="compare")


def _compared(store: Store, asked: Compared, *, with_answers: bool) -> dict[str, Any]:
    if asked.treatment and asked.treatment not in list(Treatment):
        raise ParameterError("treatment", f"{asked.treatment!r} is none", f"Known: {', '.join(Treatment)}.")
    catalogue = catalogue_files.load()
    wanted = Treatment(asked.treatment) if asked.treatment else None
    of_runs = questions.of_sound_sets(catalogue) if with_answers else questions.none_known
    return compare_rows.compare(store, catalogue, asked.first, asked.second, wanted, of_runs)
