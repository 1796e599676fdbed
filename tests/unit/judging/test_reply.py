"""What the judge's answers are read as: one verdict by the model that was asked, or the reason why there is none."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.catalogue.accounts import JudgeModel, JudgeSettings, VerdictForm
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import Blame, CallError
from daily_runs.judging import canary
from daily_runs.judging.refusals import ACCOUNT_KINDS
from daily_runs.judging.reply import Reply, decode, is_model, verdict_in
from daily_runs.judging.rubric import Criterion, Rubric
from daily_runs.judging.verdict import NO_VERDICT_KINDS, Verdict
from daily_runs.resilience.breaker_rules import UNTELLING_KINDS

RUBRIC = Rubric(
    feature="duo_chat",
    guidance="Judge.",
    criteria=(Criterion(name="clarity", weight=1, question="Clear?", scale={1: "no", 5: "yes"}),),
)
GOOD = {"reasons": "Clear.", "scores": {"clarity": 4}}
JUDGE = catalogue_files.load().judge
CANARY = "0123456789abcdef"
ESCAPED = "".join(f"\\u{ord(sign):04x}" for sign in CANARY)
TEXT = {"type": "text", "text": json.dumps(GOOD)}
CALL = {"type": "tool_use", "id": "t", "name": "record_verdict", "input": GOOD}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "s"}


def message(*content: Any, **changes: Any) -> dict[str, Any]:
    """A message as Anthropic gives it, with changes."""
    whole = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": JUDGE.model,
        "content": list(content),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }
    return {**whole, **changes}


def asked(form: VerdictForm, **more: Any) -> JudgeSettings:
    """The shipped judge, asked in another form."""
    return JUDGE.model_copy(update={"models": {JUDGE.model: JudgeModel(verdict_form=form, **more)}})


def read(given: object, settings: JudgeSettings = JUDGE) -> Verdict:
    """As the client does with a body."""
    return verdict_in(decode(json.dumps(given).encode(), {}), settings, RUBRIC, CANARY)


def refused(given: object, settings: JudgeSettings = JUDGE) -> CallError:
    with pytest.raises(CallError) as caught:
        read(given, settings)
    return caught.value


@pytest.mark.parametrize("form", VerdictForm)
def test_a_verdict_is_read_in_the_form_that_was_asked_for_with_thoughts_before_it(form: VerdictForm) -> None:
    block = TEXT if form is VerdictForm.STRUCTURED_OUTPUT else CALL
    verdict = read(message(THOUGHT, block), asked(form))
    assert (verdict.points, verdict.input_tokens, verdict.output_tokens) == ({"clarity": 4}, 10, 5)


def test_words_beside_a_call_of_the_tool_are_no_verdict() -> None:
    words = {"type": "text", "text": "I record the verdict."}
    assert read(message(words, CALL), asked(VerdictForm.STRICT_TOOL)).points == {"clarity": 4}
    assert refused(message(words), asked(VerdictForm.STRICT_TOOL)).kind == "no_verdict"
    assert refused(message(TEXT), asked(VerdictForm.FORCED_TOOL)).kind == "no_verdict"


class Unusable(NamedTuple):
    name: str
    given: Any
    kind: str
    form: VerdictForm = VerdictForm.STRUCTURED_OUTPUT
    retryable: bool = True


TWO = [CALL, {**CALL, "id": "u", "input": {**GOOD, "scores": {"clarity": 1}}}]
UNUSABLE = (
    Unusable("two calls", message(*TWO), "unusable_verdict", VerdictForm.FORCED_TOOL),
    Unusable("two equal calls", message(CALL, CALL), "unusable_verdict", VerdictForm.STRICT_TOOL),
    Unusable("two texts", message(TEXT, TEXT), "unusable_verdict"),
    Unusable("a call and a text", message(CALL, TEXT), "unusable_verdict"),
    Unusable("words", message({"type": "text", "text": "5 points"}), "no_verdict"),
    Unusable("a deep text", message({"type": "text", "text": "[" * 200_000}), "no_verdict"),
    Unusable("cut off", message(TEXT, stop_reason="max_tokens"), "verdict_cut_off", retryable=False),
    Unusable(
        "cut off in a call",
        message(CALL, stop_reason="max_tokens"),
        "verdict_cut_off",
        VerdictForm.STRICT_TOOL,
        retryable=False,
    ),
    Unusable(
        "out of context",
        message(TEXT, stop_reason="model_context_window_exceeded"),
        "verdict_cut_off",
        retryable=False,
    ),
    Unusable("only thoughts", message(THOUGHT), "no_verdict"),
    Unusable("a call of another tool", message({**CALL, "name": "note"}), "no_verdict", VerdictForm.STRICT_TOOL),
    Unusable(
        "points off the scale", message({**CALL, "input": {**GOOD, "scores": {"clarity": 9}}}), "points_off_scale"
    ),
    Unusable("a criterion too many", message({**CALL, "input": {**GOOD, "scores": {"a": 1}}}), "unusable_verdict"),
    Unusable(
        "the secret in the reasons",
        message({**CALL, "input": {**GOOD, "reasons": f"As asked: {CANARY}."}}),
        "canary_repeated",
        retryable=False,
    ),
    Unusable(
        "the secret beside a sound verdict",
        message({"type": "text", "text": CANARY.upper()}, CALL),
        "canary_repeated",
        VerdictForm.STRICT_TOOL,
        retryable=False,
    ),
    Unusable(
        "the secret in a text's escapes",
        message({"type": "text", "text": json.dumps(GOOD).replace("Clear.", ESCAPED)}),
        "canary_repeated",
        retryable=False,
    ),
    Unusable(
        "the secret in the escapes of a name that nobody asked for",
        message({"type": "text", "text": json.dumps({**GOOD, "more": {"here": 1}}).replace("here", ESCAPED)}),
        "canary_repeated",
        retryable=False,
    ),
    Unusable("odd blocks", message(None, 1, [], {"type": "text"}, {"type": "text", "text": 1}), "no_verdict"),
    Unusable("odd content", message(content="5"), "no_verdict"),
    Unusable("an odd stop reason", message(content=[], stop_reason=[]), "no_verdict"),
    Unusable(
        "declined with a call", message(CALL, stop_reason="refusal"), "judge_refused", VerdictForm.STRICT_TOOL, False
    ),
    Unusable("declined with a text", message(TEXT, stop_reason="refusal"), "judge_refused", retryable=False),
    Unusable(
        "declined", message(stop_reason="refusal", stop_details={"category": "bio"}), "judge_refused", retryable=False
    ),
    Unusable("another model", message(TEXT, model="claude-haiku-4-5"), "another_model", retryable=False),
    Unusable("an older model", message(TEXT, model="claude-sonnet-5"), "another_model", retryable=False),
    Unusable("no model", message(TEXT, model=None), "malformed_body"),
)


@pytest.mark.parametrize("case", UNUSABLE, ids=lambda case: case.name)
def test_a_message_without_exactly_one_verdict_of_the_asked_model_scores_nothing(case: Unusable) -> None:
    error = refused(case.given, asked(case.form))
    assert (error.kind, error.retryable) == (case.kind, case.retryable)


def test_what_is_told_of_a_bad_message_quotes_nothing_of_it() -> None:
    secret = "secret\nprompt text"
    for odd in (
        message(TEXT, model=secret),
        message(stop_reason=secret),
        message(stop_reason="refusal", stop_details={"category": secret}),
        message({"type": "text", "text": secret}),
    ):
        assert "secret" not in str(refused(odd))


def test_what_is_no_verdict_says_nothing_of_whether_the_judge_is_out() -> None:
    assert set(NO_VERDICT_KINDS) <= UNTELLING_KINDS


def test_the_secret_may_be_weighed_in_thoughts() -> None:
    thought = {"type": "thinking", "thinking": f"I must not write {CANARY}.", "signature": "s"}
    assert read(message(thought, TEXT)).points == {"clarity": 4}


@pytest.mark.parametrize(
    "repeated",
    [
        CANARY,
        CANARY.upper(),
        " ".join(CANARY),
        "-".join(CANARY),
        CANARY[::-1],
        f"x{CANARY}y",
        "０１２３４５６７８９ａｂｃｄｅｆ",
    ],
)
def test_the_secret_is_found_however_its_letters_are_set(repeated: str) -> None:
    assert canary.is_in(f"Reasons: {repeated}.", CANARY)


@pytest.mark.parametrize("other", ["", CANARY[:-1], CANARY[1:], "0123456789abcdee", "MDEyMzQ1Njc4OWFiY2RlZg=="])
def test_part_of_the_secret_another_one_and_an_encoded_one_are_not_taken_for_it(other: str) -> None:
    assert not canary.is_in(f"Reasons: {other}.", CANARY)


def test_no_two_requests_have_one_secret() -> None:
    made = {canary.new() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(len(one) == 2 * canary.BYTES for one in made)


class Names(NamedTuple):
    answered: str
    asked: str
    same: bool


@pytest.mark.parametrize(
    "case",
    [
        Names("claude-sonnet-5-5", "claude-sonnet-5-5", True),
        Names("claude-haiku-4-5-20251001", "claude-haiku-4-5", True),
        Names("claude-haiku-4-5", "claude-haiku-4-5-20251001", True),
        Names("claude-haiku-4-5@20251001", "claude-haiku-4-5-20251001", True),
        Names("anthropic/claude-sonnet-5-5", "claude-sonnet-5-5", True),
        Names("claude-sonnet-5-5", "claude-sonnet-5-5-latest", True),
        Names("claude-haiku-4-5-20251001", "claude-haiku-4-5-20260101", False),
        Names("claude-sonnet-5", "claude-sonnet-5-5", False),
        Names("claude-sonnet-5-5-mini", "claude-sonnet-5-5", False),
        Names("", "claude-sonnet-5-5", False),
    ],
    ids=str,
)
def test_an_alias_and_its_dated_id_are_one_model_and_nothing_else_is(case: Names) -> None:
    assert is_model(case.answered, case.asked) is case.same


def test_another_name_of_the_model_that_the_catalogue_knows_is_accepted() -> None:
    settings = asked(VerdictForm.STRUCTURED_OUTPUT, answers_as=("local-judge",))
    assert read(message(TEXT, model="local-judge"), settings).score == pytest.approx(0.75)


@pytest.mark.parametrize(
    "usage", [None, {}, [], "x", {"input_tokens": 2**31, "output_tokens": -1}, {"input_tokens": 1.5}]
)
def test_a_verdict_without_a_count_of_tokens_is_kept_and_its_tokens_are_unknown(usage: Any) -> None:
    reply = decode(json.dumps(message(TEXT, usage=usage)).encode(), {})
    verdict = verdict_in(reply, JUDGE, RUBRIC, CANARY)
    assert (reply.usage, verdict.input_tokens, verdict.output_tokens) == (None, None, None)
    assert verdict.points == {"clarity": 4}


def test_what_is_written_to_the_vendors_cache_is_in_the_bill_and_what_is_read_from_it_is_not() -> None:
    usage = {
        "input_tokens": 10,
        "output_tokens": 5,
        "cache_creation_input_tokens": 900,
        "cache_read_input_tokens": 3000,
    }
    verdict = read(message(TEXT, usage=usage))
    assert (verdict.input_tokens, verdict.output_tokens) == (910, 5)
    most = dict.fromkeys(usage, 2**31 - 1)
    assert read(message(TEXT, usage=most)).input_tokens == 2**31 - 1


class Told(NamedTuple):
    type: str
    kind: str
    blame: Blame
    retryable: bool


@pytest.mark.parametrize(
    "case",
    [
        Told("overloaded_error", "vendor_overloaded", Blame.PROVIDER, True),
        Told("authentication_error", "unauthorized", Blame.OWN_SYSTEM, False),
        Told("permission_error", "forbidden", Blame.OWN_SYSTEM, False),
        Told("billing_error", "billing", Blame.OWN_SYSTEM, False),
        Told("not_found_error", "unknown_model", Blame.OWN_SYSTEM, False),
        Told("rate_limit_error", "vendor_rate_limit", Blame.RATE_LIMIT, True),
        Told("invalid_request_error", "invalid_request", Blame.OWN_SYSTEM, False),
        Told("api_error", "vendor_server_error", Blame.PROVIDER, True),
        Told("timeout_error", "vendor_server_error", Blame.PROVIDER, True),
        Told("an_error_of_tomorrow", "vendor_server_error", Blame.PROVIDER, True),
    ],
    ids=lambda case: case.type,
)
@pytest.mark.parametrize("typed", [True, False], ids=["error", "bare"])
def test_an_error_that_comes_with_200_is_what_it_says(case: Told, typed: bool) -> None:
    error = refused(({"type": "error"} if typed else {}) | {"error": {"type": case.type, "message": "secret"}})
    assert (error.kind, error.blame, error.retryable) == case[1:]
    assert "secret" not in str(error)


def test_a_spend_limit_that_comes_with_200_is_of_the_account() -> None:
    told = {"type": "rate_limit_error", "message": "x", "details": {"error_code": "enforced_spend_limit_reached"}}
    assert refused({"type": "error", "error": told}).kind in ACCOUNT_KINDS


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b"<html>",
        b"[" * 200_000 + b"]" * 200_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"9" * 5_000,
        b"\xff\xfe{}",
        json.dumps(message(TEXT)).encode()[:-20],
    ],
    ids=lambda body: str(body[:12]),
)
def test_a_body_that_is_no_message_is_malformed_and_nothing_worse(body: bytes) -> None:
    with pytest.raises(CallError) as caught:
        decode(body, {})
    assert (caught.value.kind, caught.value.retryable) == ("malformed_body", True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(message())), json_values))
def test_no_message_however_odd_is_more_than_a_failed_call(changes: dict[str, Any]) -> None:
    kinds = {*NO_VERDICT_KINDS, "another_model", "malformed_body"}
    try:
        verdict_in(Reply(message(TEXT, **changes), None), JUDGE, RUBRIC, CANARY)
        found = kinds
    except CallError as error:
        found = {error.kind}
    assert found <= kinds
