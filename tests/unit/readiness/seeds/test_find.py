"""A look at a seed project: what each kind of resource must be like, one page at a time, and nothing read twice."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx
import pytest

from daily_runs.clock import Clock
from daily_runs.dataset import Item
from daily_runs.errors import CallError
from daily_runs.gitlab import looking
from daily_runs.gitlab.client import GitLab
from daily_runs.readiness.seeds.find import TRACES_IN_FLIGHT, Seed, SeedsSeen, find_seeds
from daily_runs.statuses import SeedStatus

Connect = Callable[[Callable[[httpx.Request], httpx.Response]], GitLab]

FAST = Clock(10_000.0)
CONTENT = "line one\nline two\n"
SHA256 = hashlib.sha256(CONTENT.encode()).hexdigest()
RESOURCES: dict[str, dict[str, Any]] = {
    "job": {"type": "ci_job", "name": "test", "stage": "test", "command": "pytest", "exit_code": 1, "log": CONTENT},
    "issue": {"type": "work_item", "kind": "issue", "title": "Slow search", "description": CONTENT},
    "finding": {
        "type": "vulnerability",
        "title": "Injection",
        "severity": "HIGH",
        "scanner": "bandit",
        "identifier": "B608",
        "file_name": "src/run.py",
        "start_line": 5,
        "code": CONTENT,
        "report": {},
    },
    "cut": {"type": "code_cut", "file_name": "a.py", "intent": "completion", "above": "def f():\n", "below": ""},
}


def item(kind: str, key: str = "of/seed") -> Item:
    """An item about a resource of a kind."""
    return Item.model_validate(
        {
            "id": key,
            "seed_key": key,
            "class": "any",
            "resource": RESOURCES[kind],
            "reference": {"answer": "It is slow."},
        }
    )


def job(number: int = 7, name: str = "of/seed", **changed: object) -> dict[str, Any]:
    """A job as GitLab lists it."""
    return {"id": f"gid://gitlab/Ci::Build/{number}", "name": name, "status": "FAILED", "erasedAt": None, **changed}


def issue(number: int = 7, key: str = "of/seed", **changed: object) -> dict[str, Any]:
    """An issue as GitLab lists it."""
    node = {"id": f"gid://gitlab/Issue/{number}", "iid": "1", "title": f"[{key}] Slow search", "state": "opened"}
    return {**node, "description": CONTENT, **changed}


def finding(number: int = 7, key: str = "of/seed", line: str = "5", **changed: object) -> dict[str, Any]:
    """A vulnerability as GitLab lists it."""
    node = {"id": f"gid://gitlab/Vulnerability/{number}", "title": "Injection", "state": "DETECTED"}
    place = {"file": f"seeds/{key}/run.py", "startLine": line}
    return {**node, "reportType": "SAST", "location": place, **changed}


@dataclass
class Project:
    """A seed project served by a function: pages of `page_size`, files by path, traces by job number."""

    jobs: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    vulnerabilities: list[dict[str, Any]] = field(default_factory=list)
    files: Mapping[str, str | None] = field(default_factory=lambda: {"seeds/of/seed/run.py": CONTENT})
    traces: Mapping[int, str] = field(default_factory=dict)
    page_size: int = 100
    broken: dict[str, int] = field(default_factory=dict)
    """How often a request fails before it succeeds."""
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        name, answer = self._rest(request) if request.method == "GET" else self._graphql(json.loads(request.content))
        self.asked.append(name)
        if self.broken.get(name, 0) > 0:
            self.broken[name] -= 1
            return httpx.Response(503, text="error", headers={"x-request-id": "1", "x-runtime": "0.1"})
        return answer

    def _rest(self, request: httpx.Request) -> tuple[str, httpx.Response]:
        assert request.url.path.startswith("/staging/api/v4/projects/42/jobs/")
        number = int(request.url.path.split("/")[-2])
        return f"trace {number}", httpx.Response(200, text=self.traces.get(number, CONTENT))

    def _graphql(self, body: Mapping[str, Any]) -> tuple[str, httpx.Response]:
        name, given = body["query"].split()[1].partition("(")[0], body["variables"]
        assert given["project"] == "team/seeds"
        if name == "projectId":
            return name, httpx.Response(200, json={"data": {"project": {"id": "gid://gitlab/Project/42"}}})
        if name == "blobs":
            nodes = [{"path": p, "rawTextBlob": self.files[p]} for p in given["paths"] if p in self.files]
            return name, httpx.Response(
                200, json={"data": {"project": {"repository": {"blobs": {"nodes": nodes[: given["first"]]}}}}}
            )
        nodes, start = getattr(self, name), int(given["after"] or 0)
        size = min(self.page_size, given["first"])
        more = start + size < len(nodes)
        info = {"hasNextPage": more, "endCursor": str(start + size)}
        page = {"nodes": nodes[start : start + size], "pageInfo": info}
        return f"{name} {start}", httpx.Response(200, json={"data": {"project": {name: page}}})


class Memory:
    """A memory in this process; dies when it has kept so many, as a process would."""

    def __init__(self, known: Mapping[str, str] | None = None, dies_after: float = math.inf) -> None:
        self.known, self._dies_after = dict(known or {}), dies_after

    def recall(self) -> Mapping[str, str]:
        """All of it."""
        return dict(self.known)

    def keep(self, resource_id: str, content_sha256: str) -> None:
        """One more."""
        self.known[resource_id] = content_sha256
        if len(self.known) >= self._dies_after:
            raise KilledError


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def seen(connect: Connect) -> Callable[..., SeedsSeen]:
    """Looks at a project."""

    def look(project: Project, *items: Item, memory: Memory | None = None, others: Collection[str] = ()) -> SeedsSeen:
        found = find_seeds(connect(project), "evaluation-1", "team/seeds", items, FAST, memory, others)
        return asyncio.run(found)

    return look


Look = Callable[..., SeedsSeen]


class Case(NamedTuple):
    """What the project holds, and what is said of the seed `of/seed` then."""

    name: str
    kind: str
    project: Project
    status: SeedStatus
    fault: str = ""


BOUND, MISSING, CHANGED, WRONG_STATE = SeedStatus
OTHER_FILE = {"seeds/of/seed/run.py": "print(1)\n"}
TRACE = (
    "\x1b[0KRunning with gitlab-runner 18.2.0\x1b[0;m\n"
    "section_start:1795000000:step_script\r\x1b[0K\x1b[0K\x1b[36;1mExecuting\x1b[0;m\n"
    "\x1b[32;1m$ cat seed.log\x1b[0;m\n"
    f"{CONTENT}section_end:1795000003:step_script\r\x1b[0K\n\x1b[31;1mERROR: Job failed: exit code 1\x1b[0;m\n"
)
STAMPED = "".join(f"2026-05-08T09:28:48.158399Z 01O {line}\n" for line in TRACE.split("\n")[:-1])
CASES = [
    Case("a failed job with its log", "job", Project(jobs=[job()]), BOUND),
    Case("no job of that name", "job", Project(jobs=[job(name="of/other")]), MISSING),
    Case("a job with another log", "job", Project(jobs=[job()], traces={7: "line one\n"}), CHANGED),
    Case("a job with its log in a runner's trace", "job", Project(jobs=[job()], traces={7: TRACE}), BOUND),
    Case("the trace with stamps", "job", Project(jobs=[job()], traces={7: STAMPED}), BOUND),
    Case("a trace with another log", "job", Project(jobs=[job()], traces={7: TRACE.replace("two", "tow")}), CHANGED),
    Case("a trace with half of the log", "job", Project(jobs=[job()], traces={7: TRACE.replace("line two\n", "")}),
         CHANGED),
    Case("a log that shows nothing", "job", Project(jobs=[job()], traces={7: "\u200b\n"}), WRONG_STATE, "log is empty"),
    Case("a job that passed", "job", Project(jobs=[job(status="SUCCESS")]), WRONG_STATE, "is SUCCESS, not FAILED"),
    Case("a job that still runs", "job", Project(jobs=[job(status="RUNNING")]), WRONG_STATE, "is RUNNING"),
    Case("a retried job whose newest passed", "job", Project(jobs=[job(9, status="SUCCESS"), job(7)]), WRONG_STATE),
    Case("a retried job whose newest failed", "job", Project(jobs=[job(9), job(7, status="SUCCESS")]), BOUND),
    Case("an erased log", "job", Project(jobs=[job(erasedAt="2026-01-01T00:00:00Z")]), WRONG_STATE, "was erased"),
    Case("an empty log", "job", Project(jobs=[job()], traces={7: ""}), WRONG_STATE, "log is empty"),
    Case("a log of white space", "job", Project(jobs=[job()], traces={7: " \n"}), WRONG_STATE, "log is empty"),
    Case("an issue with its text", "issue", Project(issues=[issue()]), BOUND),
    Case("an issue that was closed", "issue", Project(issues=[issue(state="closed")]), BOUND),
    Case("no issue of that key", "issue", Project(issues=[issue(key="of/other")]), MISSING),
    Case("the key without brackets", "issue", Project(issues=[issue(title="of/seed Slow search")]), MISSING),
    Case("an issue whose text was edited", "issue", Project(issues=[issue(description="Fast.")]), CHANGED),
    Case("an issue without text", "issue", Project(issues=[issue(description=None)]), WRONG_STATE, "no description"),
    Case("an issue with an empty text", "issue", Project(issues=[issue(description="")]), WRONG_STATE),
    Case("two issues of one key", "issue", Project(issues=[issue(9), issue(7, description="Old.")]), BOUND),
    Case("a finding with its file", "finding", Project(vulnerabilities=[finding()]), BOUND),
    Case("a confirmed finding", "finding", Project(vulnerabilities=[finding(state="CONFIRMED")]), BOUND),
    Case("no finding in that folder", "finding", Project(vulnerabilities=[finding(key="of/other")]), MISSING),
    Case("no finding at all", "finding", Project(), MISSING),
    Case("a finding without a file", "finding", Project(vulnerabilities=[finding(location={})]), MISSING),
    Case("a file that was edited", "finding", Project(vulnerabilities=[finding()], files=OTHER_FILE), CHANGED),
    Case("a dismissed finding", "finding", Project(vulnerabilities=[finding(state="DISMISSED")]), WRONG_STATE,
         "is DISMISSED, neither"),
    Case("a resolved finding", "finding", Project(vulnerabilities=[finding(state="RESOLVED")]), WRONG_STATE),
    Case("a secret, not SAST", "finding", Project(vulnerabilities=[finding(reportType="SECRET_DETECTION")]),
         WRONG_STATE, "type SECRET_DETECTION, not SAST"),
    Case("a file that is gone", "finding", Project(vulnerabilities=[finding()], files={}), WRONG_STATE,
         "run.py is not in the repository"),
    Case("a file that is no text", "finding",
         Project(vulnerabilities=[finding()], files={"seeds/of/seed/run.py": None}), WRONG_STATE),
    Case("one dismissed and one open", "finding",
         Project(vulnerabilities=[finding(9, state="DISMISSED"), finding(7)]), BOUND),
    Case("a code cut", "cut", Project(), BOUND),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.name}")
def test_a_seed_is_what_its_resource_says(case: Case, seen: Look) -> None:
    (seed,) = seen(case.project, item(case.kind)).seeds
    assert (seed.key, seed.status) == ("of/seed", case.status)
    assert case.fault in seed.fault
    assert bool(seed.fault) == (case.status is WRONG_STATE)
    assert (seed.resource_id is None) == (case.status is MISSING or case.kind == "cut")
    assert (seed.content_sha256 is None) == (case.status in (MISSING, WRONG_STATE))
    assert (seed.content_sha256 == item(case.kind).checksum) == (case.status is BOUND)


def test_every_status_is_told_of_every_kind_that_lies_in_gitlab() -> None:
    assert {(case.kind, case.status) for case in CASES} == {
        *((kind, status) for kind in ("job", "issue", "finding") for status in SeedStatus),
        ("cut", BOUND),
    }


def test_of_several_findings_in_a_file_the_one_at_the_items_line_counts(seen: Look) -> None:
    project = Project(vulnerabilities=[finding(9, line="88"), finding(8, line="5"), finding(7, line="5")])
    assert seen(project, item("finding")).seeds[0].resource_id == "gid://gitlab/Vulnerability/8"


class Surplus(NamedTuple):
    """What the project holds beside the seed, and the keys that are surplus then."""

    name: str
    kind: str
    project: Project
    surplus: tuple[str, ...]


SURPLUS = [
    Surplus("a failed job", "job", Project(jobs=[job(9, "of/old"), job()]), ("of/old",)),
    Surplus("a job that passed", "job", Project(jobs=[job(9, "of/old", status="SUCCESS"), job()]), ()),
    Surplus("an erased job", "job", Project(jobs=[job(9, "of/old", erasedAt="2026-01-01"), job()]), ()),
    Surplus("a failed job of another form", "job", Project(jobs=[job(9, "Deploy to: production"), job()]), ()),
    Surplus("a failed job of another data set", "job", Project(jobs=[job(9, "elsewhere/seed"), job()]), ()),
    Surplus("an issue", "issue", Project(issues=[issue(9, "of/old"), issue()]), ("of/old",)),
    Surplus("an issue that was closed", "issue", Project(issues=[issue(9, "of/old", state="closed"), issue()]), ()),
    Surplus("an issue without a key", "issue", Project(issues=[issue(9, title="Hello"), issue()]), ()),
    Surplus("a title with other brackets", "issue", Project(issues=[issue(9, title="[To Do] Hello"), issue()]), ()),
    Surplus("two findings", "finding", Project(vulnerabilities=[finding(n, f"of/{n}") for n in (8, 9)]),
            ("of/8", "of/9")),
    Surplus("a dismissed finding", "finding", Project(vulnerabilities=[finding(9, "of/old", state="DISMISSED")]), ()),
    Surplus("a finding elsewhere", "finding",
            Project(vulnerabilities=[finding(9, location={"file": "src/of/old/a.py"})]), ()),
]  # fmt: skip


@pytest.mark.parametrize("case", SURPLUS, ids=lambda case: f"{case.kind}: {case.name}")
def test_what_looks_like_a_seed_and_is_one_of_no_data_set_is_surplus(case: Surplus, seen: Look) -> None:
    found = seen(case.project, item(case.kind), others=["elsewhere/seed"])
    assert found.surplus == case.surplus
    assert [seed.key for seed in found.seeds] == ["of/seed"]


def test_only_wanted_logs_and_files_are_read(seen: Look) -> None:
    project = Project(jobs=[job(9, "of/old"), job(8, "of/passed", status="SUCCESS"), job()])
    seen(project, item("job"), item("job", "of/passed"))
    assert [name for name in project.asked if name.startswith("trace")] == ["trace 7"]


def test_the_first_user_of_a_seed_keeps_the_order_of_the_items(seen: Look) -> None:
    keys = ["of/b", "of/a", "of/c"]
    project = Project(jobs=[job(n, key) for n, key in enumerate(sorted(keys))])
    assert [seed.key for seed in seen(project, *(item("job", key) for key in keys)).seeds] == keys


def test_a_page_that_failed_is_asked_for_again_and_not_those_before_it(seen: Look) -> None:
    project = Project(jobs=[job(n, f"of/{n}") for n in range(5)], page_size=2, broken={"jobs 2": 2})
    found = seen(project, *(item("job", f"of/{n}") for n in range(5)))
    pages = [name for name in project.asked if name.startswith("jobs")]
    assert pages == ["jobs 0", "jobs 2", "jobs 2", "jobs 2", "jobs 4"]
    assert {seed.status for seed in found.seeds} == {BOUND}
    assert found.calls == len(project.asked)


@pytest.mark.parametrize("broken", ["jobs 0", "jobs 2", "projectId", "trace 3"])
def test_a_look_that_fails_for_good_raises_and_says_nothing_of_any_seed(broken: str, seen: Look) -> None:
    project = Project(jobs=[job(n, f"of/{n}") for n in range(4)], page_size=2, broken={broken: 99})
    with pytest.raises(CallError):
        seen(project, *(item("job", f"of/{n}") for n in range(4)))
    assert project.asked.count(broken) == 3


def test_a_log_with_a_charset_that_is_none_is_read_as_utf_8(connect: Connect) -> None:
    project = Project(jobs=[job()])

    def odd(request: httpx.Request) -> httpx.Response:
        answer = project(request)
        if request.method == "GET":
            answer.headers["content-type"] = "text/plain; charset=rot13"
        return answer

    look = find_seeds(connect(odd), "evaluation-1", "team/seeds", [item("job")], FAST)
    assert [seed.status for seed in asyncio.run(look).seeds] == [BOUND]
    assert "trace 7" in project.asked


def test_a_page_that_is_refused_for_rate_without_end_ends_the_look_by_the_hops_name(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "BUDGET_WALL_SECONDS_MIN", 0.0)
    asked = []

    def refuse(_: httpx.Request) -> httpx.Response:
        asked.append(1)
        return httpx.Response(429, headers={"cf-ray": "1"}, text="error code: 1015")

    with pytest.raises(CallError, match="cloudflare_rate_limit at cloudflare"):
        asyncio.run(find_seeds(connect(refuse), "evaluation-1", "team/seeds", [item("job")], FAST))
    assert 1 <= len(asked) < 15


def test_a_second_look_reads_no_log_again(seen: Look) -> None:
    memory, items = Memory(), [item("job", f"of/{n}") for n in range(6)]
    project = Project(jobs=[job(n, f"of/{n}") for n in range(6)], page_size=4)
    first = seen(project, *items, memory=memory)
    assert sum(name.startswith("trace") for name in project.asked) == 6
    project.asked.clear()
    second = seen(project, *items, memory=memory)
    assert project.asked == ["jobs 0", "jobs 4"]
    assert (second.seeds, second.calls) == (first.seeds, 2)


def test_a_look_that_died_is_gone_on_with(seen: Look) -> None:
    count, died_at = 40, 12
    items, memory = [item("job", f"of/{n}") for n in range(count)], Memory(dies_after=died_at)
    project = Project(jobs=[job(n, f"of/{n}") for n in range(count)])
    with pytest.raises(KilledError):
        seen(project, *items, memory=memory)
    kept = len(memory.known)
    assert died_at <= kept <= died_at + 2 * TRACES_IN_FLIGHT < count
    traces = sum(name.startswith("trace") for name in project.asked)
    assert traces <= kept + 2 * TRACES_IN_FLIGHT  # what is lost is what was in flight
    project.asked.clear()
    found = seen(project, *items, memory=Memory(memory.known))
    assert sum(name.startswith("trace") for name in project.asked) == count - kept
    assert {seed.status for seed in found.seeds} == {BOUND}


def test_a_log_that_failed_for_good_leaves_the_others_in_the_memory(seen: Look) -> None:
    items, memory = [item("job", f"of/{n}") for n in range(30)], Memory()
    project = Project(jobs=[job(n, f"of/{n}") for n in range(30)], broken={"trace 29": 3})
    with pytest.raises(CallError):
        seen(project, *items, memory=memory)
    kept = len(memory.known)
    assert 0 < kept < 30
    project.asked.clear()
    seen(project, *items, memory=memory)
    assert sum(name.startswith("trace") for name in project.asked) == 30 - kept


class Remembered(NamedTuple):
    """What is remembered of the seed's job, what the project holds, and what a look makes of both."""

    name: str
    project: Project
    sha256: str
    seed: Seed
    traces_read: int


JOB = "gid://gitlab/Ci::Build/7"
OTHER = hashlib.sha256(b"other").hexdigest()
REMEMBERED = [
    Remembered("the content it should have", Project(jobs=[job()]), SHA256, Seed("of/seed", BOUND, JOB, SHA256), 0),
    Remembered("other content", Project(jobs=[job()]), OTHER, Seed("of/seed", BOUND, JOB, SHA256), 1),
    Remembered("other content, where a trace holds the log", Project(jobs=[job()], traces={7: TRACE}), OTHER,
               Seed("of/seed", BOUND, JOB, SHA256), 1),
    Remembered("other content, rightly", Project(jobs=[job()], traces={7: "other"}), OTHER,
               Seed("of/seed", CHANGED, JOB, OTHER), 1),
    Remembered("of a job that was erased since", Project(jobs=[job(erasedAt="2026-01-01")]), SHA256,
               Seed("of/seed", WRONG_STATE, JOB, None, "its log was erased"), 0),
    Remembered("of a job that a newer one replaced", Project(jobs=[job(8), job(7)], traces={8: "other"}), SHA256,
               Seed("of/seed", CHANGED, "gid://gitlab/Ci::Build/8", OTHER), 1),
    Remembered("of a job that is gone", Project(), SHA256, Seed("of/seed", MISSING), 0),
]  # fmt: skip


@pytest.mark.parametrize("case", REMEMBERED, ids=lambda case: case.name)
def test_a_memory_speaks_for_a_seed_and_never_against_it(case: Remembered, seen: Look) -> None:
    found = seen(case.project, item("job"), memory=Memory({JOB: case.sha256}))
    assert found.seeds == (case.seed,)
    assert sum(name.startswith("trace") for name in case.project.asked) == case.traces_read


def test_of_a_trace_the_logs_checksum_is_remembered_so_it_is_read_once(seen: Look) -> None:
    project, memory = Project(jobs=[job()], traces={7: STAMPED}), Memory()
    first = seen(project, item("job"), memory=memory)
    assert memory.known == {JOB: SHA256}
    assert seen(project, item("job"), memory=memory).seeds == first.seeds
    assert sum(name.startswith("trace") for name in project.asked) == 1


def test_what_can_change_is_never_remembered(seen: Look) -> None:
    memory = Memory()
    seen(Project(issues=[issue()]), item("issue"), memory=memory)
    seen(Project(vulnerabilities=[finding()]), item("finding"), memory=memory)
    seen(Project(jobs=[job()], traces={7: ""}), item("job"), memory=memory)
    assert memory.known == {}


def test_files_are_read_twenty_at_a_time(seen: Look) -> None:
    keys = [f"of/{n}" for n in range(45)]
    project = Project(
        vulnerabilities=[finding(n, key) for n, key in enumerate(keys)],
        files={f"seeds/{key}/run.py": CONTENT for key in keys},
    )
    found = seen(project, *(item("finding", key) for key in keys))
    assert {seed.status for seed in found.seeds} == {BOUND}
    assert project.asked == ["vulnerabilities 0", "blobs", "blobs", "blobs"]


def test_a_code_cut_asks_nothing(seen: Look) -> None:
    project = Project()
    assert seen(project, item("cut")).calls == 0
    assert project.asked == []
