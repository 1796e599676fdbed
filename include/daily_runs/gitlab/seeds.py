"""Where seeds live in an environment's seed project, and whether each still is what the data set was made from.

| resource | found by | state it must have | content that is compared |
|---|---|---|---|
| CI job | its name is the seed key | failed | the job's trace (REST) |
| issue, epic | its title starts with `[seed key]` | any | the description |
| vulnerability | its file lies in `seeds/<seed key>/` | detected or confirmed | that file |
| code cut | nothing to find: it is sent in the request | | |
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daily_runs.clock import Clock
from daily_runs.dataset import CodeCut, Item, Vulnerability, WorkItem
from daily_runs.gitlab import documents
from daily_runs.gitlab.client import GitLab
from daily_runs.gitlab.failures import malformed
from daily_runs.resilience.retry import with_retries
from daily_runs.statuses import SeedStatus

TRACES_IN_FLIGHT = 4
BLOBS_PER_QUERY_MAX = 20
OPEN_STATES = frozenset({"DETECTED", "CONFIRMED"})


class Seed(NamedTuple):
    """A seed key and what was found: `status` is bound, missing, changed or wrong_state."""

    key: str
    status: SeedStatus
    resource_id: str | None = None
    content_sha256: str | None = None


class _Found(NamedTuple):
    resource_id: str
    state_fits: bool
    content: str | None
    """None: read later."""


async def find_seeds(gitlab: GitLab, user: str, project: str, items: Sequence[Item], clock: Clock) -> list[Seed]:
    """Look for every item's seed; items of one data set share one kind of resource.

    Raises:
        CallError: a look failed for good; nothing is known then.
    """
    looks = _Looks(gitlab, user, project, clock)
    kind = items[0].resource
    if isinstance(kind, CodeCut):
        return [Seed(item.seed_key, SeedStatus.BOUND, None, item.checksum) for item in items]
    if isinstance(kind, WorkItem):
        found = await looks.issues()
    elif isinstance(kind, Vulnerability):
        found = await looks.vulnerabilities({item.seed_key for item in items})
    else:
        found = await looks.jobs({item.seed_key for item in items})
    return [_seed(item, found.get(item.seed_key)) for item in items]


def _seed(item: Item, found: _Found | None) -> Seed:
    if found is None:
        return Seed(item.seed_key, SeedStatus.MISSING)
    if not found.state_fits or found.content is None:
        return Seed(item.seed_key, SeedStatus.WRONG_STATE, found.resource_id)
    checksum = hashlib.sha256(found.content.encode()).hexdigest()
    status = SeedStatus.BOUND if checksum == item.checksum else SeedStatus.CHANGED
    return Seed(item.seed_key, status, found.resource_id, checksum)


class _Looks:
    def __init__(self, gitlab: GitLab, user: str, project: str, clock: Clock) -> None:
        self._gitlab, self._user, self._project, self._clock = gitlab, user, project, clock

    async def jobs(self, keys: set[str]) -> Mapping[str, _Found]:
        """Failed jobs by name, each with its trace; the newest of a name counts (GitLab lists newest first)."""
        nodes: dict[str, dict[str, Any]] = {}
        for node in await self._nodes(documents.JOBS, "jobs"):
            if node.get("name") in keys:
                nodes.setdefault(node["name"], node)
        project_id = await self._project_id()
        gate = asyncio.Semaphore(TRACES_IN_FLIGHT)

        async def read(node: dict[str, Any]) -> _Found:
            failed = str(node.get("status")).upper() == "FAILED"
            async with gate:
                path = f"/api/v4/projects/{project_id}/jobs/{_number(node['id'])}/trace"
                return _Found(node["id"], failed, await self._text(path) if failed else None)

        return dict(zip(nodes, await asyncio.gather(*map(read, nodes.values())), strict=True))

    async def issues(self) -> Mapping[str, _Found]:
        """Issues by the key in their title."""
        found = {}
        for node in await self._nodes(documents.ISSUES, "issues"):
            title = str(node.get("title"))
            if title.startswith("[") and "]" in title:
                found[title[1 : title.index("]")]] = _Found(node["id"], True, node.get("description") or "")
        return found

    async def vulnerabilities(self, keys: set[str]) -> Mapping[str, _Found]:
        """SAST findings by the key in their file's path, each with that file."""
        nodes: dict[str, tuple[dict[str, Any], str]] = {}
        for node in await self._nodes(documents.VULNERABILITIES, "vulnerabilities"):
            path = str((node.get("location") or {}).get("file"))
            key = path.removeprefix("seeds/").rpartition("/")[0]
            if key in keys and path.startswith("seeds/"):
                nodes[key] = node, path
        paths = [path for _, path in nodes.values()]
        chunks = [paths[i : i + BLOBS_PER_QUERY_MAX] for i in range(0, len(paths), BLOBS_PER_QUERY_MAX)]
        blobs: dict[str, str] = {}
        for chunk in chunks:
            blobs |= await self._blobs(chunk)
        return {
            key: _Found(node["id"], node.get("state") in OPEN_STATES, blobs.get(path))
            for key, (node, path) in nodes.items()
        }

    async def _nodes(self, document: str, connection: str) -> list[dict[str, Any]]:
        async def walk() -> list[dict[str, Any]]:
            variables = {"project": self._project, "first": documents.PAGE_SIZE}
            pages = self._gitlab.pages(self._user, document, variables, ("project", connection))
            return [node async for node in pages]

        return await with_retries(walk, clock=self._clock)

    async def _blobs(self, paths: Sequence[str]) -> dict[str, str]:
        variables = {"project": self._project, "paths": list(paths), "first": len(paths)}
        data = await with_retries(
            lambda: self._gitlab.graphql(self._user, documents.BLOBS, variables), clock=self._clock
        )
        try:
            nodes = data["project"]["repository"]["blobs"]["nodes"]
            return {node["path"]: node["rawTextBlob"] for node in nodes}
        except (TypeError, KeyError) as error:
            raise malformed("blobs") from error

    async def _project_id(self) -> int:
        variables = {"project": self._project}
        data = await with_retries(
            lambda: self._gitlab.graphql(self._user, documents.PROJECT_ID, variables), clock=self._clock
        )
        try:
            return _number(data["project"]["id"])
        except (TypeError, KeyError) as error:
            raise malformed("a project without id") from error

    async def _text(self, path: str) -> str:
        response = await with_retries(lambda: self._gitlab.rest("GET", path, self._user), clock=self._clock)
        return response.text


def _number(global_id: str) -> int:
    """The number at the end of `gid://gitlab/Ci::Build/42`."""
    try:
        return int(global_id.rpartition("/")[2])
    except ValueError as error:
        raise malformed("an id without a number") from error
