"""How each feature is asked, what is read from its answers, and what a ticket is good for after a crash."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from daily_runs.catalogue.features import ChatCommand, FeatureCall
from daily_runs.dataset import Item
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.answers import Answer, Ticket
from daily_runs.gitlab.calls import Caller, caller_for
from daily_runs.gitlab.client import GitLab
from daily_runs.gitlab.hops.refusal import TOO_MANY_REQUESTS

Connect = Callable[[Callable[[httpx.Request], httpx.Response]], GitLab]

USER = "evaluation-1"
JOB = "gid://gitlab/Ci::Build/7"
THREAD = "gid://gitlab/Ai::Conversation::Thread/3"
TICKET = Ticket("r-1", JOB, THREAD)
SORRY = "I'm sorry, I can't generate a response. Please try again. Error code: A1001"


def item(question: str = "", resource: Mapping[str, object] | None = None) -> Item:
    issue = {"type": "work_item", "kind": "issue", "title": "t", "description": "d"}
    return Item.model_validate(
        {"id": "item-1", "seed_key": "key-1", "class": "any", "question": question,
         "resource": resource or issue, "reference": {"answer": "a"}}
    )  # fmt: skip


CUT = item(resource={"type": "code_cut", "file_name": "a.py", "intent": "generation", "above": "def f():\n",
                     "below": "\n"})  # fmt: skip


def sent(request: httpx.Request) -> Any:
    return json.loads(request.content)


def accepted(thread: str | None = THREAD, errors: object = (), request_id: object = "r-1") -> dict[str, object]:
    return {"data": {"aiAction": {"requestId": request_id, "threadId": thread, "errors": list(errors)}}}  # type: ignore[call-overload]


def ask_against(
    connect: Connect,
    call: FeatureCall,
    body: object,
    item_: Item,
    resource: str | None = JOB,
    prompt: str | None = None,
) -> tuple[Ticket | Answer, httpx.Request]:
    seen: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=body)

    answer = asyncio.run(caller_for(call, connect(server)).ask(USER, item_, resource, prompt))
    return answer, seen[-1]


@pytest.mark.parametrize(
    ("call", "content"),
    [
        (FeatureCall.TROUBLESHOOT_JOB, "/troubleshoot"),
        (FeatureCall.EXPLAIN_VULNERABILITY, "/vulnerability_explain"),
        (FeatureCall.CHAT, "Who is blocked?"),
    ],
)
def test_a_chat_feature_sends_its_content_on_its_resource(connect: Connect, call: FeatureCall, content: str) -> None:
    ticket, request = ask_against(connect, call, accepted(), item("Who is blocked?"), prompt="run-5/item-1")
    assert sent(request)["variables"]["input"] == {
        "chat": {"resourceId": JOB, "content": content},
        "conversationType": "DUO_CHAT",
        "clientSubscriptionId": "run-5/item-1",
    }
    assert request.headers["x-daily-runs-prompt"] == "run-5/item-1"
    assert ticket == TICKET


@pytest.mark.parametrize(
    "resource",
    [{"type": "text", "name": "a note", "text": "Hello."}, {"type": "diff", "diff": "@@ -1 +1 @@\n-a\n+b\n"}],
)
def test_a_text_or_diff_goes_along_with_its_message_and_names_no_resource(
    connect: Connect, resource: Mapping[str, object]
) -> None:
    about = item("Write the message.", resource)
    ticket, request = ask_against(connect, FeatureCall.CHAT_COMMAND, accepted(), about, None)
    assert sent(request)["variables"]["input"]["chat"] == {
        "content": "Write the message.",
        "additionalContext": [{"id": "key-1", "category": "SNIPPET", "content": about.resource.content}],
    }
    assert ticket == Ticket("r-1", "", THREAD)


def test_a_feature_may_choose_the_category_of_what_it_sends(connect: Connect) -> None:
    seen: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=accepted())

    chat = ChatCommand(content="x", resource="diff", category="local_git")
    about = item("x", {"type": "diff", "diff": "@@ -1 +1 @@\n"})
    asyncio.run(caller_for(FeatureCall.CHAT_COMMAND, connect(server), chat).ask(USER, about, None))
    assert sent(seen[0])["variables"]["input"]["chat"]["additionalContext"][0]["category"] == "LOCAL_GIT"


def test_a_command_about_a_resource_of_gitlabs_names_its_id(connect: Connect) -> None:
    _, request = ask_against(connect, FeatureCall.CHAT_COMMAND, accepted(), item("Sum it up."))
    assert sent(request)["variables"]["input"]["chat"] == {"resourceId": JOB, "content": "Sum it up."}


def test_the_prompts_id_is_the_items_unless_another_is_given(connect: Connect) -> None:
    _, request = ask_against(connect, FeatureCall.CHAT, accepted(), item("?"))
    assert request.headers["x-daily-runs-prompt"] == "item-1"


def test_a_ticket_survives_being_stored_as_json(connect: Connect) -> None:
    ticket, _ = ask_against(connect, FeatureCall.CHAT, accepted(thread=None), item("?"))
    assert Ticket(*json.loads(json.dumps(ticket))) == Ticket("r-1", JOB, "")


REFUSED = {
    "the limiter": ({"data": {"aiAction": None}, "errors": [{"message": TOO_MANY_REQUESTS, "path": ["aiAction"]}]},
                    "ai_action_limit", False),
    "the limiter in the payload": (accepted(errors=[TOO_MANY_REQUESTS]), "ai_action_limit", False),
    "the payload": (accepted(errors=["AI features are not enabled"]), "ai_action_rejected", False),
    "an error code in the payload": (accepted(errors=[SORRY]), "answer_error_code", True),
    "no request id": (accepted(request_id=None), "malformed_body", True),
    "an empty request id": (accepted(request_id=""), "malformed_body", True),
    "a request id that cannot be stored": (accepted(request_id="r\0"), "malformed_body", True),
    "a thread id that is a list": (accepted(thread=["t"]), "malformed_body", True),  # type: ignore[arg-type]
    "a thread id that cannot be stored": (accepted(thread="t\0"), "malformed_body", True),
    "no payload": ({"data": {"aiAction": None}}, "malformed_body", True),
}  # fmt: skip


@pytest.mark.parametrize(("body", "kind", "retryable"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("call", [FeatureCall.CHAT, FeatureCall.RESOLVE_VULNERABILITY])
def test_a_refused_action_is_a_failure(
    connect: Connect, call: FeatureCall, body: object, kind: str, retryable: bool
) -> None:
    def server(request: httpx.Request) -> httpx.Response:
        looked = {"data": {"vulnerability0": {"project": {"id": "gid://gitlab/Project/5"}, "mergeRequest": None}}}
        return httpx.Response(200, json=body if "mutation" in sent(request)["query"] else looked)

    with pytest.raises(CallError) as caught:
        asyncio.run(caller_for(call, connect(server)).ask(USER, item("?"), JOB))
    assert (caught.value.kind, caught.value.retryable) == (kind, retryable)


@pytest.mark.parametrize("call", [c for c in FeatureCall if c is not FeatureCall.COMPLETE_CODE])
def test_a_call_without_its_resource_is_never_sent(connect: Connect, call: FeatureCall) -> None:
    def server(request: httpx.Request) -> httpx.Response:
        raise AssertionError("sent")

    with pytest.raises(CallError, match="unbound_resource") as caught:
        asyncio.run(caller_for(call, connect(server)).ask(USER, item("?"), None))
    assert caught.value.blame is Blame.OWN_SYSTEM


class Threads:
    """Answers `aiMessages` as GitLab does: by thread, and without one from the user's last thread only."""

    def __init__(self, nodes: Mapping[str, list[object]], gone: str = "") -> None:
        self.nodes, self.gone, self.polls = nodes, gone, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.polls += 1
        variables = sent(request)["variables"]
        count = len(variables) // 2
        if self.gone in {variables[f"thread{n}"] for n in range(count)}:
            message = "The resource that you are attempting to access does not exist or you don't have permission"
            return httpx.Response(200, json={"errors": [{"message": message}]})
        threads = (variables[f"thread{n}"] or list(self.nodes)[-1] for n in range(count))
        return httpx.Response(
            200, json={"data": {f"answer{n}": {"nodes": self.nodes[t]} for n, t in enumerate(threads)}}
        )


def text(content: str | None, errors: object = None) -> object:
    return {"content": content, "errors": errors or []}


def test_one_look_up_finds_the_answers_of_many_threads_and_leaves_out_what_is_not_ready(connect: Connect) -> None:
    threads = Threads({"t1": [text("one")], "t2": [], "t3": [text(None), text("")], "t4": [text(""), text("four")]})
    tickets = [Ticket(f"r{n}", JOB, f"t{n}") for n in (1, 2, 3, 4)]
    collected = asyncio.run(caller_for(FeatureCall.CHAT, connect(threads)).collect(USER, tickets))
    assert collected == {"r1": Answer("one"), "r4": Answer("four")}
    assert threads.polls == 1


def test_an_error_text_is_collected_as_a_failure_and_never_as_an_answer(connect: Connect) -> None:
    threads = Threads({"t1": [text(SORRY)], "t2": [text(None, ["it broke"])], "t3": [text(None, [SORRY])]})
    tickets = [Ticket(f"r{n}", JOB, f"t{n}") for n in (1, 2, 3)]
    collected = asyncio.run(caller_for(FeatureCall.TROUBLESHOOT_JOB, connect(threads)).collect(USER, tickets))
    kinds = {key: (error.kind, error.hop) for key, error in collected.items() if isinstance(error, CallError)}
    assert kinds == {
        "r1": ("answer_error_code", Hop.MODEL_VENDOR),
        "r2": ("answer_failed", Hop.UNKNOWN),
        "r3": ("answer_error_code", Hop.MODEL_VENDOR),
    }


BARE = "I'm sorry, I can't generate a response. Please try again."
TIMED_OUT = (
    "I'm sorry, I couldn't respond in time. Please try a more specific request or enter /clear to start a new chat."
)
LINKED = f"{BARE} Error code: [A1001](https://docs.gitlab.com/ee/user/gitlab_duo_chat/troubleshooting.html#error-a1001)"
ERRORS = {
    "the code in errors, the content bare": (BARE, [LINKED], Hop.MODEL_VENDOR, True),
    "the code in the second error": (BARE, [BARE, "Error code: M4003"], Hop.GITLAB, False),
    "an error without a code": (BARE, [BARE], Hop.UNKNOWN, True),
    "a code in the content alone": ("I'm sorry. Error code: G3001", ["It failed."], Hop.AI_GATEWAY, False),
    "a canned text with empty errors": (TIMED_OUT, [], Hop.MODEL_VENDOR, True),
    "a canned text with errors of null": (BARE, None, Hop.UNKNOWN, True),
    "no seat, without a code": (None, ["I'm sorry, but answering this question requires a different Duo subscription."],
                                Hop.AI_GATEWAY, False),
    "a code in German": (None, ["Bitte versuche es erneut. Fehlercode: [A1000](https://docs.gitlab.com/#error-a1000)"],
                         Hop.MODEL_VENDOR, True),
    "a blank content with a code in errors": ("\u200b", [LINKED], Hop.MODEL_VENDOR, True),
}  # fmt: skip


@pytest.mark.parametrize(("content", "errors", "hop", "retryable"), ERRORS.values(), ids=ERRORS.keys())
def test_an_error_text_is_read_where_gitlab_puts_it(
    connect: Connect, content: str | None, errors: object, hop: Hop, retryable: bool
) -> None:
    client = connect(lambda _: httpx.Response(200, json={"data": {"answer0": {"nodes": [text(content, errors)]}}}))
    error = asyncio.run(caller_for(FeatureCall.CHAT, client).collect(USER, [TICKET]))[TICKET.request_id]
    assert isinstance(error, CallError)
    assert (error.hop, error.retryable) == (hop, retryable)
    assert error.kind == "answer_error_code"


@pytest.mark.parametrize("content", ["\u200b\ufeff", "\u00ad", "\u2800\n\u3164", "\ufe0f \u200d", "\u200e\u202a\u2066"])
def test_a_text_that_shows_nothing_is_not_there_yet(connect: Connect, content: str) -> None:
    client = connect(lambda _: httpx.Response(200, json={"data": {"answer0": {"nodes": [text(content)]}}}))
    assert asyncio.run(caller_for(FeatureCall.CHAT, client).collect(USER, [TICKET])) == {}


def test_one_thread_that_is_gone_fails_alone(connect: Connect) -> None:
    threads = Threads({"t1": [text("one")], "t2": [text("two")]}, gone="t0")
    tickets = [Ticket(f"r{n}", JOB, f"t{n}") for n in (0, 1, 2)]
    collected = asyncio.run(caller_for(FeatureCall.CHAT, connect(threads)).collect(USER, tickets))
    gone = collected.pop("r0")
    assert isinstance(gone, CallError)
    assert gone.kind == "resource_not_available"
    assert collected == {"r1": Answer("one"), "r2": Answer("two")}


@pytest.mark.parametrize("unreadable", [None, [], {}, {"nodes": None}, {"nodes": "x"}, {"nodes": [None]}])
def test_one_unreadable_thread_holds_up_no_other(connect: Connect, unreadable: object) -> None:
    sound = {"nodes": [text("two")]}
    client = connect(lambda _: httpx.Response(200, json={"data": {"answer0": unreadable, "answer1": sound}}))
    tickets = [Ticket(f"r{n}", JOB, f"t{n}") for n in (1, 2)]
    assert asyncio.run(caller_for(FeatureCall.CHAT, client).collect(USER, tickets)) == {"r2": Answer("two")}


@pytest.mark.parametrize("call", [FeatureCall.CHAT, FeatureCall.RESOLVE_VULNERABILITY])
def test_a_look_up_that_fails_says_nothing_of_any_ticket(connect: Connect, call: FeatureCall) -> None:
    client = connect(lambda _: httpx.Response(502))
    with pytest.raises(CallError, match="http_502"):
        asyncio.run(caller_for(call, client).collect(USER, [TICKET._replace(detail="")]))


def suggestion(**changes: object) -> dict[str, object]:
    model = {"engine": "vertex-ai", "name": "codestral@2405",
             "tokens_consumption_metadata": {"input_tokens": 310, "output_tokens": 22}}  # fmt: skip
    return {"choices": [{"text": "    return 1"}], "model": model, **changes}


def test_a_code_suggestion_is_answered_at_once_with_the_model_that_served(connect: Connect) -> None:
    answer, request = ask_against(connect, FeatureCall.COMPLETE_CODE, suggestion(), CUT, None, "run-5/item-1")
    assert answer == Answer("    return 1", "vertex-ai", "codestral@2405", 310, 22)
    assert (request.method, request.url.path) == ("POST", "/staging/api/v4/code_suggestions/completions")
    assert request.headers["x-daily-runs-prompt"] == "run-5/item-1"
    assert sent(request) == {
        "current_file": {"file_name": "a.py", "content_above_cursor": "def f():\n", "content_below_cursor": "\n"},
        "intent": "generation",
        "stream": False,
    }


@pytest.mark.parametrize(
    "model",
    [
        None,
        {},
        {"tokens_consumption_metadata": None},
        {"tokens_consumption_metadata": {"input_tokens": "12", "output_tokens": -1}},
        {"tokens_consumption_metadata": {"input_tokens": True}},
        {"tokens_consumption_metadata": {"input_tokens": 2_147_483_648, "output_tokens": 1.5}},
        {"engine": ["a"], "name": {"of": "model"}},
        {"engine": "", "name": 7},
    ],
)
def test_what_the_client_is_not_told_is_unknown_and_not_zero(connect: Connect, model: object) -> None:
    answer, _ = ask_against(connect, FeatureCall.COMPLETE_CODE, suggestion(model=model), CUT)
    assert answer == Answer("    return 1", None, None, None, None)


def test_names_and_counts_are_kept_as_far_as_the_store_can_hold_them(connect: Connect) -> None:
    used = {"input_tokens": 2_147_483_647, "output_tokens": 0}
    model = {"engine": "a\0b", "name": "c\0", "tokens_consumption_metadata": used}
    answer, _ = ask_against(connect, FeatureCall.COMPLETE_CODE, suggestion(model=model), CUT)
    assert answer == Answer("    return 1", "a?b", "c?", 2_147_483_647, 0)


UNUSABLE = {
    "no choices": (suggestion(choices=[]), "empty_answer"),
    "an empty choice": (suggestion(choices=[{"text": " \n"}]), "empty_answer"),
    "a choice that shows nothing": (suggestion(choices=[{"text": "\u200b\ufeff\n"}]), "empty_answer"),
    "a choice of fillers": (suggestion(choices=[{"text": "\u3164\ufe0f"}]), "empty_answer"),
    "choices of another kind": (suggestion(choices=5), "malformed_body"),
    "a choice without text": (suggestion(choices=[{}]), "malformed_body"),
    "a text of another kind": (suggestion(choices=[{"text": 7}]), "malformed_body"),
    "a list": ([1], "malformed_body"),
    "a model of another kind": (suggestion(model="codestral"), "malformed_body"),
    "an error text": (suggestion(choices=[{"text": SORRY}]), "answer_error_code"),
}


@pytest.mark.parametrize(("body", "kind"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_suggestion_of_no_use_is_a_failure(connect: Connect, body: object, kind: str) -> None:
    with pytest.raises(CallError) as caught:
        ask_against(connect, FeatureCall.COMPLETE_CODE, body, CUT)
    assert caught.value.kind == kind


@pytest.mark.parametrize("text", ['throw new Error("A1001");', "=SUM(A1:A1000)", "case Status.Foo: A4000"])
def test_code_that_only_resembles_an_error_text_is_a_suggestion(connect: Connect, text: str) -> None:
    answer, _ = ask_against(connect, FeatureCall.COMPLETE_CODE, suggestion(choices=[{"text": text}]), CUT)
    assert isinstance(answer, Answer)
    assert answer.text == text


def test_an_issue_cannot_be_completed_as_code(connect: Connect) -> None:
    with pytest.raises(CallError, match="a work_item cannot be completed"):
        ask_against(connect, FeatureCall.COMPLETE_CODE, suggestion(), item())


def test_code_suggestions_leave_nothing_to_collect(connect: Connect) -> None:
    caller = caller_for(FeatureCall.COMPLETE_CODE, connect(lambda _: httpx.Response(500)))
    assert asyncio.run(caller.collect(USER, [TICKET])) == {}


@pytest.mark.parametrize("call", list(FeatureCall))
def test_every_call_of_the_catalogue_has_a_caller(connect: Connect, call: FeatureCall) -> None:
    caller: Caller = caller_for(call, connect(lambda _: httpx.Response(500)))
    caller.give_up(TICKET)
    assert caller.collect_many >= 1
