"""Resolvers of the seed project: jobs, issues, vulnerabilities, files and the merge requests that resolve them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from daily_runs.dataset import CiJob, Vulnerability, WorkItem
from daily_runs.sandbox.gitlab.instance import Instance
from daily_runs.sandbox.gitlab.pages import Node, Numbered, connection
from daily_runs.sandbox.gitlab.resolver_context import Info
from daily_runs.sandbox.gitlab.seeds import SandboxSeed, location

SEEDED_AT, ERASED_AT = "2025-08-01T06:00:00Z", "2025-08-02T06:00:00Z"


def _project_node(instance: Instance) -> Node:
    path = instance.environment.seed_project
    number = instance.project.id
    return {
        "id": f"gid://gitlab/Project/{number}",
        "name": path.rpartition("/")[2],
        "fullPath": path,
        "webUrl": f"/{path}",
    }


def project(_: Any, info: Info, fullPath: str) -> Node | None:  # noqa: N803  GitLab's argument name
    """The seed project by its full path; null for any other, and for who is not signed in."""
    instance: Instance = info.context.instance
    visible = info.context.exchange.user is not None and fullPath == instance.environment.seed_project
    return _project_node(instance) if visible else None


def projects(_: Any, info: Info, first: int | None = None, after: str | None = None) -> Node:
    """Every project that a signed-in user sees: the seed project."""
    instance: Instance = info.context.instance
    signed_in = info.context.exchange.user is not None
    return connection([Numbered(instance.project.id, _project_node(instance))] * signed_in, first, after)


def parent_project(_: Any, info: Info) -> Node:
    """The project that a resource lies in."""
    return _project_node(info.context.instance)


def jobs(
    _: Any,
    info: Info,
    statuses: Sequence[str] | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Node:
    """The seeded CI jobs, all of which have failed, unless other statuses are asked for."""
    seeds = info.context.instance.project.jobs.values() if not statuses or "FAILED" in statuses else ()
    return connection((Numbered(seed.number, _job(seed)) for seed in seeds), first, after)


def _job(seed: SandboxSeed) -> Node:
    job = seed.item.resource
    assert isinstance(job, CiJob)
    return {
        "id": f"gid://gitlab/Ci::Build/{seed.number}",
        "name": seed.item.seed_key,
        "status": "FAILED",
        "stage": {"name": job.stage},
        "finishedAt": SEEDED_AT,
        "erasedAt": ERASED_AT if seed.spoilt else None,
        "failureMessage": "There has been a script failure. Check the job log for more information",
    }


def issues(
    _: Any,
    info: Info,
    *,
    state: str | None = None,
    search: str | None = None,
    iids: Sequence[str] | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Node:
    """Issues of the project, by page."""
    project = info.context.instance.project
    numbers = {number: place for place, number in enumerate(project.issues, start=1)}
    entries = (Numbered(seed.number, _issue(seed, numbers[seed.number])) for seed in project.issues.values())
    wanted = (
        entry
        for entry in entries
        if state in (None, "opened", "all")
        and (not search or search.lower() in f"{entry.node['title']} {entry.node['description']}".lower())
        and (not iids or entry.node["iid"] in iids)
    )
    return connection(wanted, first, after)


def _issue(seed: SandboxSeed, iid: int) -> Node:
    issue = seed.item.resource
    assert isinstance(issue, WorkItem)
    return {
        "id": f"gid://gitlab/Issue/{seed.number}",
        "iid": str(iid),
        "title": f"[{seed.item.seed_key}] {issue.title}",
        "description": None if seed.spoilt else seed.content,
        "state": "opened",
        "createdAt": SEEDED_AT,
    }


def vulnerabilities(
    _: Any,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    **filters: Sequence[str] | None,
) -> Node:
    """Vulnerabilities of the project, by page."""
    seeds = info.context.instance.project.vulnerabilities.values()
    nodes = (Numbered(seed.number, _vulnerability_node(seed)) for seed in seeds)
    wanted = (e for e in nodes if all(not allowed or e.node[name] in allowed for name, allowed in filters.items()))
    return connection(wanted, first, after)


def vulnerability(_: Any, info: Info, id: str) -> Node | None:  # noqa: A002  GitLab's argument name
    """One vulnerability by its global id; null where there is none, and for who is not signed in."""
    number = id.rpartition("/")[2]
    seed = info.context.instance.project.vulnerabilities.get(int(number)) if number.isdecimal() else None
    return _vulnerability_node(seed) if seed and info.context.exchange.user is not None else None


def _vulnerability_node(seed: SandboxSeed) -> Node:
    found = seed.item.resource
    assert isinstance(found, Vulnerability)
    identifier = {"externalId": found.identifier, "externalType": f"{found.scanner}_test_id"}
    return {
        "id": f"gid://gitlab/Vulnerability/{seed.number}",
        "number": seed.number,
        "title": found.title,
        "description": found.title,
        "state": "DISMISSED" if seed.spoilt else "DETECTED",
        "severity": found.severity,
        "reportType": "SAST",
        "detectedAt": SEEDED_AT,
        "location": {
            "kind": "VulnerabilityLocationSast",
            "file": location(seed.item),
            "startLine": str(found.start_line),
            "endLine": str(found.start_line),
        },
        "identifiers": [{**identifier, "name": f"{found.scanner} {found.identifier}", "url": None}],
        "scanner": {"externalId": found.scanner.lower(), "name": found.scanner},
    }


def merge_request(parent: Node, info: Info) -> Node | None:
    """The newest merge request of a vulnerability; null before there is one."""
    instance: Instance = info.context.instance
    made = instance.merge_request_of(parent["number"])
    if made is None:
        return None
    return {
        "id": f"gid://gitlab/MergeRequest/{instance.project.id + made.iid}",
        "iid": str(made.iid),
        "title": made.title,
        "createdAt": made.created_at,
        "webUrl": f"/{instance.environment.seed_project}/-/merge_requests/{made.iid}",
        "state": "opened",
    }


def blobs(
    _: Any,
    info: Info,
    paths: Sequence[str],
    ref: str | None = None,  # noqa: ARG001  one branch is all there is
    first: int | None = None,
    after: str | None = None,
) -> Node:
    """Files of the repository by path."""
    blobs: dict[str, str] = info.context.instance.project.blobs
    found = [path for path in dict.fromkeys(paths) if path in blobs]
    nodes = [Numbered(-place, _blob(path, blobs[path])) for place, path in enumerate(found, start=1)]
    return connection(nodes, first, after)


def _blob(path: str, text: str) -> Node:
    name, size = PurePosixPath(path).name, len(text.encode())
    return {"id": f"gid://gitlab/Blob/{path}", "path": path, "name": name, "rawTextBlob": text, "size": size}
