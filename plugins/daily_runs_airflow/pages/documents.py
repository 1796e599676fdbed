"""The project's documents as pages, for everybody who is logged in: runbooks first of all."""

from __future__ import annotations

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Request
from starlette.responses import Response

from daily_runs.pages.documents import DocumentPicture, document
from daily_runs_airflow.pages.answering import answer

router = APIRouter()


@router.get("/docs/{path:path}")
def docs(request: Request, _user: GetUserDep, path: str) -> Response:
    """A document, or one of its pictures."""
    found = document(path)
    if isinstance(found, DocumentPicture):
        return Response(found.content, media_type=found.media_type)
    return answer(request, found.title, [f'<article class="document">{found.markup}</article>'])
