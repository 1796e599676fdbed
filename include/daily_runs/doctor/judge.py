"""The judge and the accounts: key, model, clock, limits that free calls show, and one tiny verdict, which is paid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import anthropic
from anthropic.pagination import SyncPage
from anthropic.types import ModelInfo

from daily_runs import connections
from daily_runs.catalogue.accounts import Account
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.doctor.finding import Diagnosis, Now, RoundTrip, Subject
from daily_runs.doctor.verdict import verdict
from daily_runs.errors import AccessError, Blame, CallError, Hop
from daily_runs.http_dates import date_in
from daily_runs.judging.refusals import attribute

JUDGE, ACCOUNTS = Subject("judge"), Subject("accounts")
TIMEOUT_SECONDS = 15.0
_CONSOLE = "Read its rates in the vendor's console; set verified: true with them in accounts.yaml."
_DIMENSIONS = ("requests", "input-tokens", "output-tokens")


class ModelLookup(NamedTuple):
    """What the server said of the model: `known` is None where it cannot tell; `listed` are the models it offers."""

    address: str
    headers: Mapping[str, str]
    asked: RoundTrip
    known: bool | None
    listed: tuple[str, ...] = ()


def judge(catalogue: Catalogue, now: Now, *, sandbox: bool, paid: bool = True) -> Iterator[Diagnosis]:
    """The judge, then each account's limits.

    Args:
        paid: whether the judge is asked for a verdict.
        sandbox: whether the sandbox answers: it knows every account's key, and its limits are the catalogue's.
    """
    settings = catalogue.judge
    told: dict[str, Mapping[str, str]] = {}
    for name in sorted(catalogue.accounts, key=lambda name: name != settings.account):
        judges = name == settings.account
        if not judges and (not sandbox or catalogue.accounts[name].vendor != "anthropic"):
            continue  # the AI Gateway holds that key, not we
        try:
            answer = _ask(catalogue, name, now, sandbox=sandbox)
        except (AccessError, CallError) as error:
            if judges:
                yield from _unusable(settings.connection, error)
        else:
            told[name] = answer.headers
            if judges:
                yield from _judge_findings(catalogue, answer)
                if answer.known is False:
                    yield JUDGE.not_checked("verdict", "the model is not known")
                elif paid:
                    yield from verdict(JUDGE, catalogue, sandbox=sandbox)
                else:
                    yield JUDGE.not_checked("verdict", "no paid call was wanted (--no-verdict)")
    for name, account in catalogue.accounts.items():
        yield _limits(name, account, told.get(name, {}), sandbox=sandbox)


def _ask(catalogue: Catalogue, account: str, now: Now, *, sandbox: bool) -> ModelLookup:
    settings = catalogue.judge
    connection = connections.find(
        settings.connection, default_address=settings.address, users=[account], sandbox=sandbox
    )
    with anthropic.Anthropic(
        api_key=connection.keys[account],
        base_url=connection.address,
        max_retries=0,
        timeout=TIMEOUT_SECONDS,
        http_client=anthropic.DefaultHttpxClient(follow_redirects=False),
    ) as client:
        try:
            answer = _look(client, settings.model, connection.address, now)
        except anthropic.APIError as error:
            raise attribute(error) from error
        except ValueError as error:  # the SDK could not decode the body
            raise _malformed() from error
    if not sandbox:
        connections.must_not_be_the_sandbox(answer.headers, connection.address)
    return answer


def _malformed() -> CallError:
    return CallError(Hop.MODEL_VENDOR, "malformed_body", blame=Blame.PROVIDER, retryable=True)


def _look(client: anthropic.Anthropic, model: str, address: str, now: Now) -> ModelLookup:
    """By the model's card; a server without cards by counting a word's tokens; else by its list of models."""
    sent = now()
    try:
        raw = client.models.with_raw_response.retrieve(model)
        asked = RoundTrip(sent, now())
        if not isinstance(raw.parse(), ModelInfo):  # the SDK passes on whatever came, a web page too
            raise _malformed()
        return ModelLookup(address, raw.headers, asked, known=True)
    except anthropic.NotFoundError as error:
        answer = ModelLookup(address, error.response.headers, RoundTrip(sent, now()), known=None)
    try:
        client.messages.count_tokens(model=model, messages=[{"role": "user", "content": "word"}])
        return answer._replace(known=True)
    except anthropic.NotFoundError:
        pass
    try:
        page = client.models.list()
    except anthropic.NotFoundError:
        return answer
    listed = tuple(card.id for card in page.data or ()) if isinstance(page, SyncPage) else ()
    return answer._replace(known=False, listed=listed)


def _unusable(connection_id: str, error: AccessError | CallError) -> Iterator[Diagnosis]:
    """The one finding that says why, and what could not be looked at therefore."""
    if isinstance(error, AccessError):
        yield JUDGE.refused("connection", error)
    elif error.kind in ("unauthorized", "forbidden"):
        remedy = f"Put a valid key into {connection_id}."
        yield JUDGE.fault("connection", f"the key is refused: {error.kind} ({error.evidence})", remedy)
    else:
        evidence = f" ({error.evidence})" if error.evidence else ""
        remedy = "Check judge.address, the network between, and that it runs; then look again."
        yield JUDGE.fault("connection", f"does not answer: {error.kind}{evidence}", remedy)
    for check in ("model", "clock", "verdict"):
        yield JUDGE.not_checked(check, "the connection is not usable")


def _judge_findings(catalogue: Catalogue, answer: ModelLookup) -> Iterator[Diagnosis]:
    settings = catalogue.judge
    yield JUDGE.ok("connection", f"{answer.address} accepts the key of account {settings.account}")
    if answer.known:
        yield JUDGE.ok("model", f"{settings.model} is known")
    elif answer.known is None:
        remedy = "A first run of five prompts shows it (docs/operations/connect.md)."
        yield JUDGE.not_checked("model", "the server has neither a list of models nor a token count", remedy)
    else:
        offered = ", ".join(answer.listed[:5]) or "nothing"
        yield JUDGE.fault("model", f"{settings.model!r} is not known; it lists {offered}", "Set judge.model.")
    yield JUDGE.clock(date_in(answer.headers.get("date")), answer.asked)


def _limits(name: str, account: Account, headers: Mapping[str, str], *, sandbox: bool) -> Diagnosis:
    """The catalogue's rates against the headers.

    A real server counts its free calls apart, so that the requests that their headers name are not those of messages.
    """
    dimensions = _DIMENSIONS if sandbox else _DIMENSIONS[1:]
    told = {d: int(v) for d in dimensions if (v := headers.get(f"anthropic-ratelimit-{d}-limit", "")).isdecimal()}
    known = {d: int(getattr(account, f"{d.replace('-', '_')}_per_minute")) for d in dimensions}
    low = [f"{d} {told[d]:,}/min, catalogue {known[d]:,}" for d in told if told[d] < known[d]]
    if low:
        return ACCOUNTS.fault(name, f"less is allowed: {'; '.join(low)}", "Correct accounts.yaml, or have it raised.")
    measured = ", ".join(f"{d} {told[d]:,}" for d in told)
    if sandbox and len(told) == len(dimensions):
        return ACCOUNTS.ok(name, f"measured per min: {measured}; as in the catalogue")
    if sandbox and not told:
        return ACCOUNTS.not_checked(name, "no answer to its key told its limits")
    if account.verified:
        return ACCOUNTS.ok(name, f"{f'measured per min: {measured}; the rest' if measured else 'limits'} as verified")
    why = f"only {measured} measured per min" if measured else "no free call told them"
    return ACCOUNTS.notice(name, f"limits unverified: {why}", _CONSOLE)
