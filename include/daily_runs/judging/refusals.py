"""The judge's refusals in our terms: by status, by the error's code and its type; by its words where it has no code.

Shapes: platform.claude.com/docs/en/api/errors; codes: the SDK's table `anthropic._error_classes.ERROR_CLASSES`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import anthropic

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.http_dates import retry_after_seconds
from daily_runs.resilience.retry import uses_up_a_try

_Refusal = tuple[str, Blame, bool]

_SERVER_ERROR: _Refusal = ("vendor_server_error", Blame.PROVIDER, True)
_OTHER: _Refusal = ("vendor_refused", Blame.OWN_SYSTEM, False)
_REDIRECTED: _Refusal = ("redirected", Blame.OWN_SYSTEM, False)
_BY_STATUS: Mapping[int, _Refusal] = {
    400: ("invalid_request", Blame.OWN_SYSTEM, False),
    401: ("unauthorized", Blame.OWN_SYSTEM, False),
    402: ("billing", Blame.OWN_SYSTEM, False),
    403: ("forbidden", Blame.OWN_SYSTEM, False),
    404: ("unknown_model", Blame.OWN_SYSTEM, False),
    408: ("vendor_timeout", Blame.PROVIDER, True),
    409: ("vendor_conflict", Blame.PROVIDER, True),
    413: ("request_too_large", Blame.OWN_SYSTEM, False),
    429: ("vendor_rate_limit", Blame.RATE_LIMIT, True),
    529: ("vendor_overloaded", Blame.PROVIDER, True),
}
"""Kind, blame, retryable. 408 and 409 pass: the SDK itself would send such a call again."""
_STATUS_OF_TYPE: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""What an error's type means where the status says that all is well."""
_SPEND_LIMIT: _Refusal = ("spend_limit", Blame.OWN_SYSTEM, False)
_DISABLED: _Refusal = ("account_disabled", Blame.OWN_SYSTEM, False)
_BY_CODE: tuple[tuple[re.Pattern[str], _Refusal], ...] = (
    (re.compile(r"\w*spend_limit_reached"), _SPEND_LIMIT),
    (re.compile(r"linked_organization_\w+"), _BY_STATUS[402]),
    (re.compile(r"organization_on_hold|workspace_policy_violation|cmek_\w+|organization_\w+_not_supported"), _DISABLED),
)
"""Codes of refusals that every further call of the account would share."""
_BY_WORDS: tuple[tuple[re.Pattern[str], _Refusal], ...] = (
    (re.compile(r"credit balance is too low", re.IGNORECASE), _BY_STATUS[402]),
    (re.compile(r"API usage limits|monthly spend limit|API usage threshold", re.IGNORECASE), _SPEND_LIMIT),
    (re.compile(r"organization has been disabled", re.IGNORECASE), _DISABLED),
)
"""The same where the vendor was seen to send no code (anthropics/claude-code on GitHub, #66314, #38038, #19028)."""

ACCOUNT_KINDS: Mapping[str, str] = {
    "unauthorized": "Put a valid key into the judge's connection.",
    "forbidden": "Give the key the right to use the judge's model, or put another key into the judge's connection.",
    "billing": "Buy credits or mend the billing of the judge's account in the vendor's console.",
    "spend_limit": "Raise the spend limit of the judge's account in the vendor's console, or wait until it is reset.",
    "account_disabled": "Ask the vendor why the judge's account is held or disabled.",
    "unknown_model": "Correct judge.model in accounts.yaml: the server does not know it, or it was retired.",
    "redirected": "Correct judge.address in accounts.yaml: it leads elsewhere, and redirects are not followed.",
}
"""Refusals that every further call would share, each with its remedy: nothing more is sent."""
_EVIDENCE = re.compile(r"[a-z_]{1,60}")
_DIMENSION = re.compile(r"(requests|input tokens|output tokens) per minute")


class VendorError(NamedTuple):
    """An error body's parts, as far as they are texts."""

    type: str = ""
    code: str = ""
    message: str = ""


def error_in(body: object) -> VendorError | None:
    """The error that a body reports; None where it reports none."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(error, str):
        return VendorError(message=error)
    if not isinstance(error, Mapping):
        return None
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, Mapping) else None
    parts = (error.get("type"), code, error.get("message"))
    return VendorError(*(part if isinstance(part, str) else "" for part in parts))


def attribute(error: anthropic.APIError) -> CallError:
    """An SDK error in our terms. Pure."""
    if isinstance(error.__cause__, CallError):  # our own client refused to read on
        return error.__cause__
    if isinstance(error, anthropic.APITimeoutError):
        return CallError(Hop.MODEL_VENDOR, "timeout", blame=Blame.PROVIDER, retryable=True)
    if isinstance(error, anthropic.APIConnectionError):
        return CallError(Hop.MODEL_VENDOR, "dropped_connection", blame=Blame.PROVIDER, retryable=True)
    if not isinstance(error, anthropic.APIStatusError):
        return malformed()
    return refusal(error.status_code, error_in(error.body), error.response.headers)


def refusal(status: int, told: VendorError | None, headers: Mapping[str, str]) -> CallError:
    """A refusal by its status, and what the error object says beyond it; a status of 200 says nothing."""
    told = told or VendorError()
    kind, blame, retryable = _account_refusal(status, told) or _by_status(_STATUS_OF_TYPE.get(told.type, 500), status)
    named_by = (told.type if status < 300 else "", told.code)
    facts = [f"status {status}", *(part for part in named_by if _EVIDENCE.fullmatch(part))]
    if status == 429 and (named := _DIMENSION.search(told.message)):
        facts.append(named.group())
    return CallError(
        Hop.MODEL_VENDOR,
        kind,
        blame=blame,
        retryable=retryable,
        retry_after_seconds=retry_after_seconds(headers),
        evidence=", ".join(facts),
    )


def _account_refusal(status: int, told: VendorError) -> _Refusal | None:
    """A refusal of the whole account, which its status alone does not show; a server's own trouble is none."""
    if status >= 500:
        return None
    by_code = next((refusal for pattern, refusal in _BY_CODE if pattern.fullmatch(told.code)), None)
    if by_code or told.code:  # a code that names another cause settles it
        return by_code
    return next((refusal for pattern, refusal in _BY_WORDS if pattern.search(told.message)), None)


def _by_status(meant: int, status: int) -> _Refusal:
    status = meant if status < 300 else status
    if 300 <= status < 400:
        return _REDIRECTED
    return _BY_STATUS.get(status, _SERVER_ERROR if status >= 500 else _OTHER)


def of_our_making(error: CallError) -> bool:
    """Whether our request or our settings are to blame, not the vendor: a bad request, or another model."""
    return error.hop is Hop.MODEL_VENDOR and error.blame is Blame.OWN_SYSTEM


def was_refused(error: CallError) -> bool:
    """Whether the call was refused before a model worked on it, so that it was not paid and uses up no try."""
    return not uses_up_a_try(error) or (of_our_making(error) and error.kind != "another_model")


def malformed(evidence: str = "") -> CallError:
    """An answer that cannot be read."""
    return CallError(Hop.MODEL_VENDOR, "malformed_body", blame=Blame.PROVIDER, retryable=True, evidence=evidence)
