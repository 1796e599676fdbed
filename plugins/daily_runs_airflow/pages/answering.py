"""What every route uses: the store of one request, the frame of its page, and the page as an answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fastapi import Request
from starlette.responses import HTMLResponse

from daily_runs.errors import AccessError, StoreAwayError
from daily_runs.pages.frame import PageFrame
from daily_runs.pages.links import PREFIX, PageLinks
from daily_runs.store.database import Store, open_store, place_of
from daily_runs_airflow.connections import store_url

STORE_CONNECTIONS = 1
"""Of a request: its queries come one after the other."""
log = logging.getLogger(__name__)

REQUESTS_AT_ONCE, WAIT_SECONDS = 4, 10.0
"""Of one api-server process, at the store: readers must not take the connections that runs need."""
_places = threading.BoundedSemaphore(REQUESTS_AT_ONCE)


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
        AccessError: the connection is not set, or the store is away or not migrated: a page says so at once; or too
            many pages are asked for at once. It names no login of the store's: every reader sees it.
    """
    if not _places.acquire(timeout=WAIT_SECONDS):
        raise AccessError("This page", f"waited {WAIT_SECONDS:g} s for other pages", "Load it again in a minute.")
    try:
        url = store_url()
        try:
            with open_store(url, STORE_CONNECTIONS) as store:
                yield store
        except (AccessError, StoreAwayError) as error:
            if place_of(url) not in str(error):
                raise
            log.warning("%s", error)  # it names login, host and what the server says
            problem = "does not answer" if isinstance(error, StoreAwayError) else "cannot be used"
            raise AccessError("The store", problem, "The api-server's log says why.") from None
    finally:
        _places.release()
