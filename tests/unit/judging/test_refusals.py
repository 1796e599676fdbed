"""What the judge's refusals mean: an answer's, the whole account's, or nobody's for long."""

from __future__ import annotations

import datetime as dt
import email.utils
import json
from typing import Any, NamedTuple

import anthropic
import httpx2
import pytest

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.judging.refusals import ACCOUNT_KINDS, attribute, of_our_making, was_refused

SECRET = "secret prompt text"
CREDIT = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade."
TIER = "You have reached your API usage limits: your organization has crossed its monthly API usage threshold."
OWN_LIMIT = "You have reached your specified workspace API usage limits. You will regain access on 2026-04-01."


class Refusal(NamedTuple):
    name: str
    status: int
    type: str
    message: str
    kind: str
    code: str | None = None
    retryable: bool = False


def told(refusal: Refusal, headers: dict[str, str] | None = None) -> CallError:
    """The refusal as the SDK raises it, in our terms."""
    details = {"details": {"error_code": refusal.code}} if refusal.code else {}
    body: dict[str, Any] = {
        "type": "error",
        "error": {"type": refusal.type, "message": refusal.message, **details},
    }
    response = httpx2.Response(
        refusal.status, json=body, headers=headers, request=httpx2.Request("POST", "http://127.0.0.1/v1/messages")
    )
    return attribute(anthropic.APIStatusError("x", response=response, body=body))


OF_THE_ACCOUNT = (
    Refusal("credit used up", 400, "invalid_request_error", CREDIT, "billing"),
    Refusal("billing", 402, "billing_error", "There is a problem with your billing.", "billing"),
    Refusal("billing without words", 402, "billing_error", "", "billing"),
    Refusal("linked billing", 402, "billing_error", "x", "billing", "linked_organization_billing_unavailable"),
    Refusal("linked limit", 402, "billing_error", "x", "spend_limit", "linked_organization_spend_limit_reached"),
    Refusal("tier's limit by code", 429, "rate_limit_error", "x", "spend_limit", "enforced_spend_limit_reached"),
    Refusal("contract's limit by code", 429, "rate_limit_error", "x", "spend_limit", "contract_spend_limit_reached"),
    Refusal("a limit of a new name", 429, "rate_limit_error", "x", "spend_limit", "team_spend_limit_reached"),
    Refusal("tier's limit by words", 429, "rate_limit_error", TIER, "spend_limit"),
    Refusal("own limit by words", 400, "invalid_request_error", OWN_LIMIT, "spend_limit"),
    Refusal("on hold", 400, "invalid_request_error", "x", "account_disabled", "organization_on_hold"),
    Refusal("disabled", 400, "invalid_request_error", "This organization has been disabled.", "account_disabled"),
    Refusal("customer's key gone", 400, "invalid_request_error", "x", "account_disabled", "cmek_key_disabled"),
    Refusal("wrong key", 401, "authentication_error", "invalid x-api-key", "unauthorized"),
    Refusal("a bearer's key", 401, "authentication_error", "Invalid bearer token", "unauthorized"),
    Refusal("no permission", 403, "permission_error", "x", "forbidden"),
    Refusal("refused at the edge", 403, "forbidden", "Request not allowed", "forbidden"),
    Refusal("retired model", 404, "not_found_error", "model: claude-sonnet-4-20250514", "unknown_model"),
    Refusal("leads elsewhere", 307, "", "", "redirected"),
    Refusal("moved for good", 301, "", "", "redirected"),
)


@pytest.mark.parametrize("refusal", OF_THE_ACCOUNT, ids=lambda refusal: refusal.name)
def test_a_refusal_of_the_whole_account_is_named_as_one_that_stops_everything(refusal: Refusal) -> None:
    error = told(refusal)
    assert (error.kind, error.blame, error.retryable) == (refusal.kind, Blame.OWN_SYSTEM, False)
    assert error.kind in ACCOUNT_KINDS
    assert was_refused(error)


OF_THE_CALL = (
    Refusal("bad request", 400, "invalid_request_error", SECRET, "invalid_request"),
    Refusal("another code", 400, "invalid_request_error", CREDIT, "invalid_request", "request_body_encoding_invalid"),
    Refusal("too large", 413, "request_too_large", "x", "request_too_large"),
    Refusal("request timeout", 408, "timeout_error", "x", "vendor_timeout", retryable=True),
    Refusal("conflict", 409, "conflict_error", "x", "vendor_conflict", retryable=True),
    Refusal("rate", 429, "rate_limit_error", "30,000 input tokens per minute", "vendor_rate_limit", retryable=True),
    Refusal("ramp", 429, "rate_limit_error", "x", "vendor_rate_limit", "ramp_limit_exceeded", retryable=True),
    Refusal("server", 500, "api_error", "x", "vendor_server_error", retryable=True),
    Refusal("unreachable key", 503, "api_error", "x", "vendor_server_error", "cmek_key_unreachable", retryable=True),
    Refusal("overloaded", 529, "overloaded_error", "Overloaded", "vendor_overloaded", retryable=True),
)


@pytest.mark.parametrize("refusal", OF_THE_CALL, ids=lambda refusal: refusal.name)
def test_a_refusal_of_one_call_is_no_refusal_of_the_account(refusal: Refusal) -> None:
    error = told(refusal)
    assert (error.kind, error.retryable) == (refusal.kind, refusal.retryable)
    assert error.kind not in ACCOUNT_KINDS
    assert SECRET not in str(error)


def test_a_refusal_names_the_bucket_and_the_code_as_evidence_and_nothing_else_of_the_body() -> None:
    assert told(OF_THE_CALL[5]).evidence == "status 429, input tokens per minute"
    assert told(OF_THE_CALL[6]).evidence == "status 429, ramp_limit_exceeded"
    odd = Refusal("odd", 400, "invalid_request_error", "x", "invalid_request", "<b>secret\nprompt</b>")
    assert told(odd).evidence == "status 400"


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("nan", None), ("inf", None), ("soon", None), ("", None)],
)
def test_the_wait_that_is_asked_for_is_read(wait: str, seconds: float | None) -> None:
    assert told(OF_THE_CALL[5], {"retry-after": wait}).retry_after_seconds == seconds


def test_a_wait_may_be_a_date_with_and_without_a_date_of_the_answer() -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=120)
    date = {"retry-after": email.utils.format_datetime(soon, usegmt=True)}
    waited = told(OF_THE_CALL[5], date).retry_after_seconds
    assert waited is not None
    assert 60 < waited <= 120
    sent = {"date": email.utils.format_datetime(soon - dt.timedelta(seconds=90), usegmt=True)}
    assert told(OF_THE_CALL[5], date | sent).retry_after_seconds == 90


@pytest.mark.parametrize(
    "body", ["<html>", [], None, {"error": "x"}, {"error": []}, {"error": {"type": 1, "details": {"error_code": []}}}]
)
def test_a_refusal_with_any_body_is_named_by_its_status(body: object) -> None:
    response = httpx2.Response(400, request=httpx2.Request("POST", "http://127.0.0.1/v1/messages"))
    error = attribute(anthropic.APIStatusError(json.dumps(body), response=response, body=body))
    assert (error.hop, error.kind) == (Hop.MODEL_VENDOR, "invalid_request")
    assert of_our_making(error)
