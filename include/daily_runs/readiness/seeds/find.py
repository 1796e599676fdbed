"""Where seeds live in an environment's seed project, and whether each still is what the data set was made from.

| resource | found by | state it must have | content that is compared |
|---|---|---|---|
| CI job | its name is the seed key | failed, its log neither erased nor empty | the log in the job's trace (REST) |
| issue, epic | its title starts with `[seed key]` | has a description | the description |
| vulnerability | its file lies in `seeds/<seed key>/` | SAST; detected or confirmed; the file is there | that file |
| code cut, text, diff | nothing to find: it is sent in the request | | |

A job that has finished keeps its log until somebody erases it, which the list of jobs tells; so a log is read once and
remembered (`SeedMemory`). What stands in a memory can only help a seed: one that would not be bound is read again.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from daily_runs.catalogue.fields import KEY_PATTERN
from daily_runs.clock import Clock
from daily_runs.dataset import SENT_TYPES, Item, Vulnerability, WorkItem
from daily_runs.gitlab import documents
from daily_runs.gitlab.client import GitLab, walk
from daily_runs.gitlab.hops.exchange import text_of
from daily_runs.gitlab.hops.failures import malformed
from daily_runs.gitlab.hops.visible import is_blank
from daily_runs.gitlab.looking import Counted
from daily_runs.readiness.seeds.job_log import holds_log
from daily_runs.statuses import SeedStatus

TRACES_IN_FLIGHT = 4
OPEN_STATES = frozenset({"DETECTED", "CONFIRMED"})
NEEDED_REPORT_TYPE = "SAST"
"""Only such findings can be explained or resolved (docs/domain.md §4)."""

T = TypeVar("T")


class Seed(NamedTuple):
    """A seed key and what was found; `fault` says what is wrong with the state of one in the wrong state."""

    key: str
    status: SeedStatus
    resource_id: str | None = None
    content_sha256: str | None = None
    fault: str = ""


class SeedsSeen(NamedTuple):
    """What one look found.

    `surplus`: keys of what looks like a seed of this kind, and is one of no data set. `calls`: requests sent, retries
    included; none of them spends an AI budget.
    """

    seeds: tuple[Seed, ...]
    surplus: tuple[str, ...]
    calls: int


class SeedMemory(Protocol):
    """Checksums (SHA-256, hex) of content that no longer changes, by resource id. Its methods may wait for a store."""

    def recall(self) -> Mapping[str, str]:
        """Return all that is known and not too old to count."""

    def keep(self, resource_id: str, content_sha256: str) -> None:
        """Remember what was just read."""


class _Found(NamedTuple):
    """A live resource; without a checksum its `fault` says why."""

    resource_id: str
    sha256: str | None
    fault: str = ""


class _Listed(NamedTuple):
    """What the seed project lists of one kind: `found` by key, and the keys in use there."""

    found: Mapping[str, _Found]
    in_use: Collection[str]


async def find_seeds(
    gitlab: GitLab,
    user: str,
    project: str,
    items: Sequence[Item],
    clock: Clock,
    memory: SeedMemory | None = None,
    others: Collection[str] = (),
) -> SeedsSeen:
    """Look for every item's seed; items of one data set share one kind of resource.

    Args:
        memory: what need not be read again; without one, everything is read.
        others: keys that other items have, here or in other data sets: their seeds are not surplus.

    Raises:
        CallError: a look failed for good; nothing is known then, save what went into the memory.
    """
    kind = items[0].resource
    if kind.type in SENT_TYPES:
        return SeedsSeen(tuple(Seed(item.seed_key, SeedStatus.BOUND, None, item.checksum) for item in items), (), 0)
    look = _Look(gitlab, user, project, clock)
    wanted = {item.seed_key: item for item in items}
    if isinstance(kind, WorkItem):
        listed = await look.issues()
    elif isinstance(kind, Vulnerability):
        listed = await look.vulnerabilities(wanted)
    else:
        listed = await look.jobs(wanted, memory)
    seeds = tuple(_seed(item, listed.found.get(key)) for key, item in wanted.items())
    surplus = {key for key in listed.in_use if re.fullmatch(KEY_PATTERN, key)} - wanted.keys() - set(others)
    return SeedsSeen(seeds, tuple(sorted(surplus)), look.calls)


def _seed(item: Item, found: _Found | None) -> Seed:
    if found is None:
        return Seed(item.seed_key, SeedStatus.MISSING)
    if found.sha256 is None:
        return Seed(item.seed_key, SeedStatus.WRONG_STATE, found.resource_id, fault=found.fault)
    status = SeedStatus.BOUND if found.sha256 == item.checksum else SeedStatus.CHANGED
    return Seed(item.seed_key, status, found.resource_id, found.sha256)


class _Look:
    """One look at a seed project; each page and each file is tried again by itself."""

    def __init__(self, gitlab: GitLab, user: str, project: str, clock: Clock) -> None:
        self._gitlab, self._user, self._project = gitlab, user, project
        self._call = Counted(clock)

    @property
    def calls(self) -> int:
        """Requests sent, retries included."""
        return self._call.calls

    async def jobs(self, wanted: Mapping[str, Item], memory: SeedMemory | None) -> _Listed:
        """Jobs by name, each wanted one with its trace; the newest of a name counts (GitLab lists newest first)."""
        nodes: dict[str, dict[str, Any]] = {}
        async for node in self._nodes(documents.JOBS, "jobs"):
            nodes.setdefault(str(node.get("name")), node)
        known = await asyncio.to_thread(memory.recall) if memory else {}
        found, unread = {}, {}
        for key in [key for key in wanted if key in nodes]:
            number, fault = nodes[key].get("id"), _job_fault(nodes[key])
            if fault or known.get(str(number)) == wanted[key].checksum:
                found[key] = _Found(str(number), None if fault else wanted[key].checksum, fault)
            else:
                unread[key] = str(number)
        found |= await self._traces(unread, wanted, memory)
        return _Listed(found, [key for key, node in nodes.items() if not _job_fault(node)])

    async def _traces(
        self, unread: Mapping[str, str], wanted: Mapping[str, Item], memory: SeedMemory | None
    ) -> dict[str, _Found]:
        """The logs of jobs (global id by key)."""
        if not unread:
            return {}
        project_id, gate = await self._project_id(), asyncio.Semaphore(TRACES_IN_FLIGHT)

        async def read(key: str, resource_id: str) -> _Found:
            path = f"/api/v4/projects/{project_id}/jobs/{_number(resource_id)}/trace"
            async with gate:  # also while it is kept: a look that dies loses no more than is in flight
                response = await self._call(lambda: self._gitlab.rest("GET", path, self._user))
                found = _with_log(resource_id, text_of(response), wanted[key])
                if memory and found.sha256:
                    await asyncio.to_thread(memory.keep, resource_id, found.sha256)
            return found

        return dict(zip(unread, await _all_or_none([read(*one) for one in unread.items()]), strict=True))

    async def issues(self) -> _Listed:
        """Issues by the key in their title, the newest of a key; a closed one still counts, but is no surplus."""
        found: dict[str, _Found] = {}
        in_use = set()
        async for node in self._nodes(documents.ISSUES, "issues"):
            title = str(node.get("title"))
            if title.startswith("[") and "]" in title:
                key, text = title[1 : title.index("]")], str(node.get("description") or "")
                found.setdefault(key, _with_content(str(node.get("id")), text, "it has no description"))
                in_use |= {key} if node.get("state") != "closed" else set()
        return _Listed(found, in_use)

    async def vulnerabilities(self, wanted: Mapping[str, Item]) -> _Listed:
        """Findings by the key in their file's path, each wanted one with that file."""
        nodes: dict[str, list[dict[str, Any]]] = {}
        async for node in self._nodes(documents.VULNERABILITIES, "vulnerabilities"):
            folder = _file(node).rpartition("/")[0]
            if folder.startswith("seeds/"):
                nodes.setdefault(folder.removeprefix("seeds/"), []).append(node)
        best = {key: max(nodes[key], key=_fitness(wanted[key])) for key in wanted if key in nodes}
        paths = [_file(node) for node in best.values() if not _finding_fault(node)]
        blobs: dict[str, str] = {}
        for start in range(0, len(paths), documents.BLOBS_PER_QUERY_MAX):
            blobs |= await self._blobs(paths[start : start + documents.BLOBS_PER_QUERY_MAX])
        found = {}
        for key, node in best.items():
            fault, resource_id = _finding_fault(node), str(node.get("id"))
            text = blobs.get(_file(node)) or ""
            absent = f"{_file(node)} is not in the repository, or empty"
            found[key] = _Found(resource_id, None, fault) if fault else _with_content(resource_id, text, absent)
        return _Listed(found, [key for key, some in nodes.items() if not all(map(_finding_fault, some))])

    async def _ask(self, document: str, **variables: object) -> dict[str, Any]:
        given = {"project": self._project, **variables}
        return await self._call(lambda: self._gitlab.graphql(self._user, document, given))

    def _nodes(self, document: str, connection: str) -> AsyncIterator[dict[str, Any]]:
        return walk(lambda after: self._ask(document, first=documents.PAGE_SIZE, after=after), ("project", connection))

    async def _blobs(self, paths: Sequence[str]) -> dict[str, str]:
        data = await self._ask(documents.BLOBS, paths=list(paths), first=len(paths))
        try:
            nodes = data["project"]["repository"]["blobs"]["nodes"]
            return {node["path"]: node["rawTextBlob"] for node in nodes}
        except (TypeError, KeyError) as error:
            raise malformed("blobs") from error

    async def _project_id(self) -> int:
        data = await self._ask(documents.PROJECT_ID)
        try:
            return _number(data["project"]["id"])
        except (TypeError, KeyError) as error:
            raise malformed("a project without id") from error


def _with_log(resource_id: str, trace: str, item: Item) -> _Found:
    """The checksum is the item's where its log is in the trace, which holds what the runner says as well."""
    if holds_log(trace, item.resource.content):
        return _Found(resource_id, item.checksum)
    return _with_content(resource_id, trace, "its log is empty")


def _with_content(resource_id: str, content: str, if_empty: str) -> _Found:
    if is_blank(content):
        return _Found(resource_id, None, if_empty)
    return _Found(resource_id, hashlib.sha256(content.encode()).hexdigest())


def _job_fault(node: Mapping[str, Any]) -> str:
    status = str(node.get("status")).upper()
    if status != "FAILED":
        return f"the newest job of that name is {status}, not FAILED"
    return "its log was erased" if node.get("erasedAt") else ""


def _finding_fault(node: Mapping[str, Any]) -> str:
    if node.get("reportType") != NEEDED_REPORT_TYPE:
        return f"it is a finding of type {node.get('reportType')}, not {NEEDED_REPORT_TYPE}"
    state = node.get("state")
    return "" if state in OPEN_STATES else f"it is {state}, neither DETECTED nor CONFIRMED"


def _fitness(item: Item) -> Callable[[Mapping[str, Any]], tuple[bool, bool]]:
    """Of several findings in a seed's file: one that can be asked about, and then the one at the item's line."""
    line = str(getattr(item.resource, "start_line", ""))
    return lambda node: (not _finding_fault(node), str((node.get("location") or {}).get("startLine")) == line)


def _file(node: Mapping[str, Any]) -> str:
    return str((node.get("location") or {}).get("file"))


async def _all_or_none(reads: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Every result; or the first failure, once nothing runs any more."""
    tasks = [asyncio.ensure_future(read) for read in reads]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _number(global_id: str) -> int:
    """The number at the end of `gid://gitlab/Ci::Build/42`."""
    try:
        return int(global_id.rpartition("/")[2])
    except ValueError as error:
        raise malformed("an id without a number") from error
