"""The pages as Airflow's api-server mounts them, and where its UI links to them.

Airflow loads the plugin in every process, and only the api-server is ever asked for a page: so the application itself
is imported with the first request. Headers are set here, around everything that answers, errors too.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from daily_runs.pages.frame import CONTENT_POLICY
from daily_runs.pages.links import PREFIX

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
"""On every answer; a file that pages load brings its own `cache-control`."""


class MountedPages:
    """An ASGI application: the pages, imported when the first one is asked for."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(one for one in more if one[0] not in known)]
            await send(message)

        app = importlib.import_module("daily_runs_airflow.pages.app").app
        await app(scope, receive, send_with_headers)


MOUNTED = [{"app": MountedPages(), "url_prefix": PREFIX, "name": "Daily runs"}]
"""For `fastapi_apps` of the plugin."""

VIEWS = [
    {"name": "Daily runs", "href": f"{PREFIX}/today", "destination": "nav", "url_route": "daily-runs"},
    {
        "name": "Daily runs",
        "href": f"{PREFIX}/dag/{{DAG_ID}}",
        "destination": "dag",
        "url_route": "daily-runs-feature",
    },
    {
        "name": "Daily run",
        "href": f"{PREFIX}/run/{{DAG_ID}}/{{RUN_ID}}",
        "destination": "dag_run",
        "url_route": "daily-runs-run",
    },
    {
        "name": "Daily run",
        "href": f"{PREFIX}/run/{{DAG_ID}}/{{RUN_ID}}?task={{TASK_ID}}",
        "destination": "task_instance",
        "url_route": "daily-runs-task",
    },
]
"""For `external_views` of the plugin: an entry of the navigation, and a tab of each DAG, run and task instance."""
