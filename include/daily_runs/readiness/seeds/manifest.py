"""What a team must create so that all seeds of a data set exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from daily_runs.dataset import CiJob, Item, Vulnerability, WorkItem
from daily_runs.readiness.seeds.find import Seed, SeedsSeen
from daily_runs.statuses import SeedStatus


class ManifestEntry(NamedTuple):
    """What a team must create for one seed; `content` is the data set's, byte for byte, `sha256` its checksum (hex).

    `create` holds all else that the resource needs, under plain names; `status` is what the look found (None: there
    was none).
    """

    seed_key: str
    resource: str
    status: SeedStatus | None
    fault: str
    create: Mapping[str, object]
    required_state: str
    content: str
    sha256: str


def manifest(items: Sequence[Item], seen: SeedsSeen | None) -> list[ManifestEntry]:
    """What must be created: each seed that a look found not bound; without a look, every one.

    A code cut is sent in the request, so it needs nothing.
    """
    by_key = {seed.key: seed for seed in seen.seeds} if seen else {}
    wanted = [item for item in items if not seen or by_key[item.seed_key].status is not SeedStatus.BOUND]
    return [entry for item in wanted if (entry := _entry(item, by_key.get(item.seed_key)))]


def _entry(item: Item, seed: Seed | None) -> ManifestEntry | None:
    what = item.resource
    create: dict[str, object]
    if isinstance(what, CiJob):
        create = {"name": item.seed_key, "stage": what.stage, "command": what.command, "exit_code": what.exit_code}
        state = "failed; the content is its whole log"
    elif isinstance(what, WorkItem):
        create = {"kind": what.kind, "title": f"[{item.seed_key}] {what.title}"}
        state = "any; the content is its description"
    elif isinstance(what, Vulnerability):
        create = {"path": f"seeds/{item.seed_key}/{PurePosixPath(what.file_name).name}", "report_type": "SAST"}
        create |= what.model_dump(include={"title", "severity", "scanner", "identifier", "start_line"})
        state = "detected or confirmed; the content is its file"
    else:
        return None
    status, fault = (seed.status, seed.fault) if seed else (None, "")
    return ManifestEntry(item.seed_key, what.type, status, fault, create, state, what.content, item.checksum)
