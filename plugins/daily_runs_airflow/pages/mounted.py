"""The pages as Airflow's api-server mounts them, and where its UI links to them.

Airflow loads the plugin in every process, and only the api-server is ever asked for a page: so the application itself
is imported with the first request. Headers are set here, around everything that answers, errors too.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

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


def views(base_url: str) -> list[dict[str, str]]:
    """For `external_views` of the plugin: an entry of the navigation, and a tab of each DAG, run and task instance.

    Args:
        base_url: Airflow's own address, which may have a path: Airflow puts nothing before what stands here.
    """
    ours = urlsplit(base_url).path.rstrip("/") + PREFIX
    run = f"{ours}/run/{{DAG_ID}}/{{RUN_ID}}"
    places = (
        ("nav", "Daily runs", "daily-runs", f"{ours}/today"),
        ("dag", "Daily runs", "daily-runs-feature", f"{ours}/dag/{{DAG_ID}}"),
        ("dag_run", "Daily run", "daily-runs-run", run),
        ("task_instance", "Daily run", "daily-runs-task", f"{run}?task={{TASK_ID}}"),
    )
    return [
        {"destination": destination, "name": name, "url_route": route, "href": address}
        for destination, name, route, address in places
    ]
