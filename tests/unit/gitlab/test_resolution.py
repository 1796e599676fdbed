"""Vulnerability Resolution against a project in which merge requests appear, as a vulnerability shows them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from daily_runs.catalogue.features import FeatureCall
from daily_runs.dataset import Item
from daily_runs.errors import CallError
from daily_runs.gitlab.answers import Answer, Ticket
from daily_runs.gitlab.calls import Caller, caller_for
from daily_runs.gitlab.client import GitLab

Connect = Callable[[Callable[[httpx.Request], httpx.Response]], GitLab]

USER = "evaluation-1"
HERE = "gid://gitlab/Vulnerability/1"
THERE = "gid://gitlab/Vulnerability/2"
ITEM = Item.model_validate({
    "id": "item-1", "seed_key": "key-1", "class": "any", "reference": {"fix": "f"},
    "resource": {"type": "vulnerability", "title": "t", "severity": "HIGH", "scanner": "bandit", "identifier": "B1",
                 "file_name": "a.py", "start_line": 1, "code": "x", "report": {}},
})  # fmt: skip


class Project:
    """Number 5. Shows per vulnerability its newest merge request only; `accept` decides what the mutation answers."""

    def __init__(self) -> None:
        self.newest: dict[str, str] = {}
        self.diffs: dict[str, list[dict[str, Any]]] = {}
        self.actions: list[str] = []
        self.gone = ""
        self.broken: dict[str, int] = {}  # status of a merge request's diffs, by iid
        self.other: dict[str, httpx.Response] = {}  # by the last part of the address
        self.read: list[str] = []

    def resolve(self, vulnerability: str, iid: str, diff: str = "@@ -1 +1 @@\n-x\n+y\n") -> None:
        self.newest[vulnerability] = iid
        self.diffs[iid] = [{"old_path": "a.py", "new_path": "a.py", "diff": diff}]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            self.read.append(request.url.path.rpartition("/")[2])
            if self.read[-1] != "diffs" and self.other:
                return self.other.get(self.read[-1], httpx.Response(404, headers={"x-request-id": "1"}))
            prefix, iid = request.url.path.removesuffix("/diffs").rsplit("/", 1)
            assert prefix == "/staging/api/v4/projects/5/merge_requests"
            return httpx.Response(self.broken.get(iid, 200), headers={"x-request-id": "1"}, json=self.diffs[iid])
        body = json.loads(request.content)
        if "mutation" in body["query"]:
            return httpx.Response(200, json={"data": {"aiAction": self._accept(body["variables"]["input"])}})
        if self.gone in body["variables"].values():
            return httpx.Response(200, json={"errors": [{"message": "Something about the vulnerability"}]})
        shown = {name: self._shown(resource) for name, resource in body["variables"].items()}
        return httpx.Response(200, json={"data": shown})

    def _accept(self, action: dict[str, Any]) -> dict[str, object]:
        self.actions.append(action["resolveVulnerability"]["resourceId"])
        assert set(action) == {"resolveVulnerability", "clientSubscriptionId"}
        return {"requestId": f"r{len(self.actions)}", "threadId": None, "errors": []}

    def _shown(self, resource: str) -> dict[str, object]:
        iid = self.newest.get(resource)
        return {"project": {"id": "gid://gitlab/Project/5"}, "mergeRequest": {"iid": iid} if iid else None}


@pytest.fixture
def project() -> Project:
    return Project()


@pytest.fixture
def caller(connect: Connect, project: Project) -> Caller:
    return caller_for(FeatureCall.RESOLVE_VULNERABILITY, connect(project))


async def asked(caller: Caller, resource: str = HERE) -> Ticket:
    ticket = await caller.ask(USER, ITEM, resource)
    assert isinstance(ticket, Ticket)
    return ticket


async def settle() -> None:
    """Lets every task run as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_the_answer_is_the_diff_of_the_merge_request_that_the_call_brought(project: Project, caller: Caller) -> None:
    async def scenario() -> list[object]:
        ticket = await asked(caller)
        before = await caller.collect(USER, [ticket])
        project.resolve(HERE, "4")
        return [ticket, before, await caller.collect(USER, [ticket])]

    assert asyncio.run(scenario()) == [
        Ticket("r1", HERE, ""),
        {},
        {"r1": Answer("--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+y\n")},
    ]


@pytest.mark.parametrize(("old", "new"), [("4", "5"), ("9", "10"), ("99", "100")])
def test_an_older_merge_request_is_never_the_answer(project: Project, caller: Caller, old: str, new: str) -> None:
    async def scenario() -> tuple[str, object, object]:
        project.resolve(HERE, old, "old")
        ticket = await asked(caller)
        before = await caller.collect(USER, [ticket])
        project.resolve(HERE, new, "new")
        return ticket.detail, before, await caller.collect(USER, [ticket])

    detail, before, after = asyncio.run(scenario())
    assert (detail, before) == (old, {})
    assert after == {"r1": Answer("--- a/a.py\n+++ b/a.py\nnew")}


def test_a_ticket_finds_its_answer_in_another_process(connect: Connect, project: Project, caller: Caller) -> None:
    project.resolve(HERE, "4", "old")
    ticket = asyncio.run(asked(caller))
    project.resolve(HERE, "5", "new")
    later = caller_for(FeatureCall.RESOLVE_VULNERABILITY, connect(project))
    restored = Ticket(*json.loads(json.dumps(ticket)))
    assert asyncio.run(later.collect(USER, [restored])) == {"r1": Answer("--- a/a.py\n+++ b/a.py\nnew")}


def test_a_second_call_on_a_vulnerability_waits_until_the_first_is_collected(project: Project, caller: Caller) -> None:
    async def scenario() -> tuple[int, object, Ticket, object]:
        first = await asked(caller)
        second = asyncio.create_task(asked(caller))
        await settle()
        sent_meanwhile = len(project.actions)
        project.resolve(HERE, "1", "one")
        of_first = await caller.collect(USER, [first])
        ticket = await second
        project.resolve(HERE, "2", "two")
        return sent_meanwhile, of_first, ticket, await caller.collect(USER, [ticket])

    sent_meanwhile, of_first, ticket, of_second = asyncio.run(scenario())
    assert sent_meanwhile == 1
    assert of_first == {"r1": Answer("--- a/a.py\n+++ b/a.py\none")}
    assert ticket == Ticket("r2", HERE, "1")
    assert of_second == {"r2": Answer("--- a/a.py\n+++ b/a.py\ntwo")}


def test_calls_on_two_vulnerabilities_do_not_wait_for_each_other(project: Project, caller: Caller) -> None:
    async def scenario() -> list[Ticket]:
        return [await asked(caller, HERE), await asked(caller, THERE)]

    assert [ticket.resource_id for ticket in asyncio.run(scenario())] == [HERE, THERE]


def test_many_waiting_calls_go_one_by_one_and_each_gets_its_own_answer(project: Project, caller: Caller) -> None:
    async def one() -> Answer | CallError:
        ticket = await asked(caller)
        iid = str(len(project.actions))
        project.resolve(HERE, iid, f"diff of {ticket.request_id}")
        await settle()
        return (await caller.collect(USER, [ticket]))[ticket.request_id]

    async def scenario() -> list[Answer | CallError]:
        return await asyncio.gather(*(one() for _ in range(5)))

    texts = {answer.text.splitlines()[-1] for answer in asyncio.run(scenario()) if isinstance(answer, Answer)}
    assert texts == {f"diff of r{n}" for n in range(1, 6)}


def test_a_call_that_is_given_up_lets_the_next_one_go(project: Project, caller: Caller) -> None:
    async def scenario() -> Ticket:
        first = await asked(caller)
        second = asyncio.create_task(asked(caller))
        await settle()
        caller.give_up(first)
        caller.give_up(first)
        return await second

    assert asyncio.run(scenario()).request_id == "r2"


def test_a_refused_call_lets_the_next_one_go(project: Project, caller: Caller) -> None:
    async def scenario() -> Ticket:
        project.gone = HERE
        with pytest.raises(CallError):
            await asked(caller)
        project.gone = ""
        return await asked(caller)

    assert asyncio.run(scenario()).request_id == "r1"


def test_a_cancelled_call_lets_the_next_one_go(connect: Connect, project: Project) -> None:
    started = asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        started.set()
        await asyncio.sleep(3600)
        return httpx.Response(500)

    async def scenario() -> bool:
        client = connect(project)
        client._http = httpx.AsyncClient(transport=httpx.MockTransport(slow))
        caller = caller_for(FeatureCall.RESOLVE_VULNERABILITY, client)
        first = asyncio.create_task(asked(caller))
        await started.wait()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        client._http = httpx.AsyncClient(transport=httpx.MockTransport(project))
        return (await asked(caller)).request_id == "r1"

    assert asyncio.run(scenario())


def test_a_ticket_of_an_earlier_process_holds_its_vulnerability_once_it_is_looked_for(
    project: Project, caller: Caller
) -> None:
    async def scenario() -> tuple[int, int]:
        old = Ticket("r0", HERE, "")
        await caller.collect(USER, [old])
        second = asyncio.create_task(asked(caller))
        await settle()
        meanwhile = len(project.actions)
        project.resolve(HERE, "1")
        await caller.collect(USER, [old])
        await second
        return meanwhile, len(project.actions)

    assert asyncio.run(scenario()) == (0, 1)


def test_a_diff_that_gitlab_still_prepares_is_not_ready_yet(project: Project, caller: Caller) -> None:
    async def scenario() -> list[object]:
        ticket = await asked(caller)
        project.newest[HERE], project.diffs["1"] = "1", []
        empty = await caller.collect(USER, [ticket])
        project.resolve(HERE, "1", "")
        blank = await caller.collect(USER, [ticket])
        project.resolve(HERE, "1", "done")
        return [empty, blank, len(await caller.collect(USER, [ticket]))]

    assert asyncio.run(scenario()) == [{}, {}, 1]


def test_a_diff_that_cannot_be_fetched_keeps_every_turn(project: Project, caller: Caller) -> None:
    async def scenario() -> int:
        tickets = [await asked(caller, HERE), await asked(caller, THERE)]
        project.resolve(HERE, "1")
        project.resolve(THERE, "2")
        project.broken = {"1": 503, "2": 503}
        waiting = asyncio.create_task(asked(caller, HERE))
        with pytest.raises(CallError, match="gitlab_error"):
            await caller.collect(USER, tickets)
        await settle()
        assert not waiting.done()
        project.broken = {}
        collected = await caller.collect(USER, tickets)
        await waiting
        return len(collected)

    assert asyncio.run(scenario()) == 2


def test_a_diff_that_cannot_be_fetched_now_keeps_no_other_answer_back(project: Project, caller: Caller) -> None:
    async def scenario() -> list[dict[str, Answer | CallError]]:
        tickets = [await asked(caller, HERE), await asked(caller, THERE)]
        project.resolve(HERE, "1", "one")
        project.resolve(THERE, "2", "two")
        project.broken = {"1": 503}
        first = await caller.collect(USER, tickets)
        project.broken = {}
        return [first, await caller.collect(USER, tickets[:1])]

    assert asyncio.run(scenario()) == [
        {"r2": Answer("--- a/a.py\n+++ b/a.py\ntwo")},
        {"r1": Answer("--- a/a.py\n+++ b/a.py\none")},
    ]


def test_a_merge_request_whose_diffs_are_gone_is_a_failure_of_its_ticket(project: Project, caller: Caller) -> None:
    async def scenario() -> Answer | CallError:
        ticket = await asked(caller)
        project.resolve(HERE, "1")
        project.broken = {"1": 404}
        return (await caller.collect(USER, [ticket]))["r1"]

    error = asyncio.run(scenario())
    assert isinstance(error, CallError)
    assert error.kind == "not_found"


def test_one_vulnerability_that_is_gone_fails_alone(project: Project, caller: Caller) -> None:
    async def scenario() -> dict[str, Answer | CallError]:
        tickets = [await asked(caller, HERE), await asked(caller, THERE)]
        project.resolve(THERE, "2", "two")
        project.gone = HERE
        return await caller.collect(USER, tickets)

    collected = asyncio.run(scenario())
    gone = collected["r1"]
    assert isinstance(gone, CallError)
    assert gone.kind == "graphql_error"
    assert collected["r2"] == Answer("--- a/a.py\n+++ b/a.py\ntwo")


@pytest.mark.parametrize("iid", ["four", "[4]", "5.5"])
def test_one_unreadable_merge_request_holds_up_no_other(project: Project, caller: Caller, iid: str) -> None:
    async def scenario() -> dict[str, Answer | CallError]:
        tickets = [await asked(caller, HERE), await asked(caller, THERE)]
        project.resolve(HERE, iid)
        project.resolve(THERE, "5")
        return await caller.collect(USER, tickets)

    assert set(asyncio.run(scenario())) == {"r2"}


def test_a_diff_that_is_an_error_text_is_no_answer(project: Project, caller: Caller) -> None:
    async def scenario() -> Answer | CallError:
        ticket = await asked(caller)
        project.resolve(HERE, "1", "+I'm sorry. Error code: G3001")
        return (await caller.collect(USER, [ticket]))["r1"]

    error = asyncio.run(scenario())
    assert isinstance(error, CallError)
    assert error.kind == "answer_error_code"


@pytest.mark.parametrize("line", ['+throw new Error("A1001");', "+total = cells(A1000)", "+model.gpu: A4000"])
def test_a_diff_that_only_resembles_an_error_text_is_an_answer(project: Project, caller: Caller, line: str) -> None:
    async def scenario() -> Answer | CallError:
        ticket = await asked(caller)
        project.resolve(HERE, "1", line)
        return (await caller.collect(USER, [ticket]))["r1"]

    answer = asyncio.run(scenario())
    assert isinstance(answer, Answer)
    assert line in answer.text


@pytest.mark.parametrize(
    "diffs",
    [
        5,
        [5],
        [{}],
        {"diff": 1},
        [{"too_large": True, "new_path": "x", "diff": ""}],
        [{"collapsed": True, "old_path": "x", "diff": ""}],
        [{"too_large": True}],
    ],
)
def test_diffs_of_another_shape_are_a_malformed_body(project: Project, caller: Caller, diffs: Any) -> None:
    async def scenario() -> None:
        ticket = await asked(caller)
        project.newest[HERE], project.diffs["1"] = "1", diffs
        await caller.collect(USER, [ticket])

    with pytest.raises(CallError, match="malformed_body"):
        asyncio.run(scenario())


def file(path: str = "src/a.py", diff: str = "@@ -1 +1 @@\n-a\n+b\n", **flags: object) -> dict[str, Any]:
    """A file as GitLab lists it among the diffs of a merge request."""
    modes = {"a_mode": "100644", "b_mode": "100644", "new_file": False, "renamed_file": False, "deleted_file": False}
    return {"old_path": path, "new_path": path, "diff": diff, **modes, **flags}


README = file("README.md")
RAW = (
    "diff --git a/README.md b/README.md\n--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-a\n+b\n"
    "diff --git a/src/a.py b/src/a.py\n--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1 @@\n-big\n+bigger\n"
)
LEFT_OUT = {
    "one of two is too large": [README, file(diff="", too_large=True, collapsed=False)],
    "one of two is collapsed": [README, file(diff="", too_large=False, collapsed=True)],
    "the only one is collapsed": [file(diff="", too_large=False, collapsed=True)],
    "one is empty without a flag, as before 18.4": [README, file(diff="")],
    "the only one is empty without a flag": [file(diff="")],
    "one is too large and cut": [README, file(diff="@@ -1 +1 @@\n", too_large=True)],
    "a renamed one is collapsed": [README, file(diff="", renamed_file=True, collapsed=True)],
    "a page is full": [file(f"src/{n}.py") for n in range(99)] + [file()],
}


def resolved(project: Project, caller: Caller, files: list[dict[str, Any]]) -> Answer | CallError | None:
    """What a call brings whose merge request has these files."""

    async def scenario() -> Answer | CallError | None:
        ticket = await asked(caller)
        project.newest[HERE], project.diffs["1"] = "1", files
        return (await caller.collect(USER, [ticket])).get("r1")

    return asyncio.run(scenario())


def raw_of(files: list[dict[str, Any]]) -> str:
    """Git's own diff of these files."""
    heads = (f"diff --git a/{f['old_path']} b/{f['new_path']}\n@@ -1 +1 @@\n-big\n+bigger\n" for f in files)
    return "".join(heads)


@pytest.mark.parametrize("files", LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_a_file_that_gitlab_leaves_out_is_read_from_gits_own_diff(
    project: Project, caller: Caller, files: list[dict[str, Any]]
) -> None:
    project.other = {"raw_diffs": httpx.Response(200, text=raw_of(files))}
    assert resolved(project, caller, files) == Answer(raw_of(files))
    assert project.read == ["diffs", "raw_diffs"]


@pytest.mark.parametrize("raw", [None, "", '{"data": 1}', RAW.partition("diff --git a/src")[0]])
def test_where_gits_own_diff_lacks_the_file_the_list_of_changes_is_read(
    project: Project, caller: Caller, raw: str | None
) -> None:
    files = LEFT_OUT["one of two is too large"]
    whole = {"changes": [README, file(diff="@@ -1 +1 @@\n-big\n+bigger\n")], "overflow": False}
    project.other = {"changes": httpx.Response(200, json=whole)}
    project.other |= {} if raw is None else {"raw_diffs": httpx.Response(200, text=raw)}
    answer = resolved(project, caller, files)
    assert isinstance(answer, Answer)
    assert "--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1 @@\n-big\n+bigger\n" in answer.text
    assert "README.md" in answer.text


LEFT_OUT_AGAIN = {
    "no such address": httpx.Response(404, headers={"x-request-id": "1", "x-runtime": "0.1"}),
    "still too large": httpx.Response(200, json={"changes": [README, file(diff="", too_large=True)]}),
    "an overflow": httpx.Response(200, json={"changes": [README, file()], "overflow": True}),
    "no files": httpx.Response(200, json={"changes": []}),
    "another shape": httpx.Response(200, json=[1]),
    "no JSON": httpx.Response(200, text="x"),
}


@pytest.mark.parametrize("changes", LEFT_OUT_AGAIN.values(), ids=LEFT_OUT_AGAIN.keys())
@pytest.mark.parametrize("files", [LEFT_OUT["one of two is too large"], LEFT_OUT["the only one is collapsed"]])
def test_an_answer_of_which_a_file_cannot_be_read_fails_and_is_not_paid_again(
    project: Project, caller: Caller, files: list[dict[str, Any]], changes: httpx.Response
) -> None:
    project.other = {"changes": changes}
    error = resolved(project, caller, files)
    assert isinstance(error, CallError)
    assert (error.kind, error.retryable) == ("incomplete_diff", False)
    assert f"1 of {len(files)} files" in error.evidence


@pytest.mark.parametrize("broken", ["raw_diffs", "changes"])
def test_an_address_that_is_out_for_a_moment_is_asked_again_at_the_next_look(
    project: Project, caller: Caller, broken: str
) -> None:
    async def scenario() -> dict[str, Answer | CallError]:
        ticket = await asked(caller)
        project.newest[HERE], project.diffs["1"] = "1", [README, file(diff="", too_large=True)]
        project.other = {broken: httpx.Response(502, headers={"x-request-id": "1", "x-runtime": "0.1"})}
        with pytest.raises(CallError, match="gitlab_error"):
            await caller.collect(USER, [ticket])
        project.other = {"raw_diffs": httpx.Response(200, text=RAW)}
        return await caller.collect(USER, [ticket])

    assert asyncio.run(scenario()) == {"r1": Answer(RAW)}


WHOLE = {"changes": [README, file(diff="@@ -1 +1 @@\n-big\n+bigger\n")], "overflow": False}
MARKS_OF_RAILS = {"x-request-id": "1", "x-runtime": "0.1"}
RAW_DIFFS_OUT = {
    "an error": httpx.Response(500, headers=MARKS_OF_RAILS),
    "a gateway's timeout": httpx.Response(504),
    "a web page with 200": httpx.Response(200, html="<html><title>Deploy in progress</title></html>"),
}


@pytest.mark.parametrize("raw", RAW_DIFFS_OUT.values(), ids=RAW_DIFFS_OUT.keys())
def test_where_gits_own_diff_is_too_much_for_gitlab_the_list_of_changes_is_read(
    project: Project, caller: Caller, raw: httpx.Response
) -> None:
    project.other = {"raw_diffs": raw, "changes": httpx.Response(200, json=WHOLE)}
    answer = resolved(project, caller, LEFT_OUT["one of two is too large"])
    assert isinstance(answer, Answer)
    assert "+bigger" in answer.text
    assert project.read == ["diffs", "raw_diffs", "changes"]


@pytest.mark.parametrize(
    "changes", [httpx.Response(503), httpx.Response(404, headers=MARKS_OF_RAILS), httpx.Response(200, json={})], ids=str
)
def test_where_the_list_of_changes_gives_nothing_either_the_first_failure_counts(
    project: Project, caller: Caller, changes: httpx.Response
) -> None:
    project.other = {"raw_diffs": RAW_DIFFS_OUT["an error"], "changes": changes}
    with pytest.raises(CallError, match="gitlab_error.*status 500"):
        resolved(project, caller, LEFT_OUT["one of two is too large"])
    assert project.read == ["diffs", "raw_diffs", "changes"]


def test_a_refusal_for_rate_is_not_followed_by_another_request(project: Project, caller: Caller) -> None:
    project.other = {"raw_diffs": httpx.Response(429), "changes": httpx.Response(200, json=WHOLE)}
    with pytest.raises(CallError, match="429"):
        resolved(project, caller, LEFT_OUT["one of two is too large"])
    assert project.read == ["diffs", "raw_diffs"]


NOTHING_LEFT_OUT = {
    "a rename alone": file("src/b.py", diff="", renamed_file=True, collapsed=False),
    "a change of mode alone": file("run.sh", diff="", b_mode="100755"),
    "a file with flags that say no": file(collapsed=False, too_large=False),
}


@pytest.mark.parametrize("other", NOTHING_LEFT_OUT.values(), ids=NOTHING_LEFT_OUT.keys())
def test_a_file_of_which_nothing_is_left_out_costs_no_other_request(
    project: Project, caller: Caller, other: dict[str, Any]
) -> None:
    answer = resolved(project, caller, [README, other])
    assert isinstance(answer, Answer)
    assert project.read == ["diffs"]


def test_an_empty_new_file_is_no_missing_one(project: Project, caller: Caller) -> None:
    files = [README, file("src/__init__.py", diff="", new_file=True)]
    project.other = {"changes": httpx.Response(200, json={"changes": files, "overflow": False})}
    answer = resolved(project, caller, files)
    assert isinstance(answer, Answer)
    assert "README.md" in answer.text
