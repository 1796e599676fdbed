"""What every route uses: the store of one request, the frame of its page, and the page as an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fastapi import Request
from starlette.responses import HTMLResponse

from daily_runs.pages.frame import PageFrame
from daily_runs.pages.links import PREFIX, PageLinks
from daily_runs.store.database import Store, open_store
from daily_runs_airflow.connections import store_url

STORE_CONNECTIONS = 1
"""Of a request: its queries come one after the other."""


def links_of(request: Request) -> PageLinks:
    """Addresses as this request's browser can use them: the api-server may stand below a path."""
    return PageLinks(str(request.scope.get("root_path", "")).removesuffix(PREFIX))


def answer(request: Request, title: str, parts: Sequence[str], *, here: str = "") -> HTMLResponse:
    """A page in its frame (see `PageFrame`)."""
    return HTMLResponse(PageFrame(links_of(request), title, here).document(parts))


@contextmanager
def opened_store() -> Iterator[Store]:
    """The store for one request, by the connection that tasks use.

    Raises:
        AccessError: the connection is not set, or the store is away or not migrated: a page says so at once.
    """
    with open_store(store_url(), STORE_CONNECTIONS) as store:
        yield store
