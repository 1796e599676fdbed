"""One tiny real verdict by the judge, asked just as runs ask it: the doctor's one paid call, and what it cost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from daily_runs import connections
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.clock import Clock
from daily_runs.connections import Connection
from daily_runs.dataset import Item
from daily_runs.doctor.finding import Diagnosis, Subject
from daily_runs.errors import AccessError, CallError
from daily_runs.judging.judge import Judge
from daily_runs.judging.prompt import build
from daily_runs.judging.refusals import ACCOUNT_KINDS
from daily_runs.judging.rubric import Criterion, Rubric
from daily_runs.judging.verdict import Verdict
from daily_runs.quota.month_budget import price_of

PROMPT_ID = "doctor"
"""Names the call, where a verdict's names its prompt."""
RIGHT_SCORE_MIN = 0.5
"""The answer shown is right, so a judge that judges gives it more."""
_RUBRIC = Rubric(
    feature="doctor",
    guidance="Compare the answer with the reference.",
    criteria=(
        Criterion(
            name="correctness", weight=1, question="Does the answer agree with it?", scale={1: "no", 5: "in full"}
        ),
    ),
)
_ANSWER = "Two plus two makes four."
_ITEM = Item.model_validate(
    {
        "id": "doctor-1",
        "seed_key": "doctor/1",
        "class": "doctor",
        "question": "What is two plus two?",
        "resource": {"type": "work_item", "kind": "issue", "title": "Arithmetic", "description": "Two plus two."},
        "reference": {"answer": _ANSWER},
    }
)


def verdict(subject: Subject, catalogue: Catalogue, *, sandbox: bool) -> Iterator[Diagnosis]:
    """What the judge says of an answer that is right.

    Args:
        subject: whose finding it is.
        sandbox: whether the sandbox answers.
    """
    settings = catalogue.judge
    form = settings.asked_as.verdict_form
    try:
        connection = connections.find(
            settings.connection, default_address=settings.address, users=[settings.account], sandbox=sandbox
        )
        given = asyncio.run(_ask(catalogue, connection))
    except AccessError as error:
        yield subject.refused("verdict", error)
    except CallError as error:
        remedy = ACCOUNT_KINDS.get(error.kind, "Check the model's line in judge.models, and max_output_tokens.")
        yield subject.fault("verdict", f"{settings.model} gives none, asked by {form}: {error}", remedy)
    else:
        found = f"{settings.model} gives one, asked by {form}; {_cost(catalogue, given)}"
        if given.score < RIGHT_SCORE_MIN:
            yield subject.notice(
                "verdict", f"{found}; it scores a right answer {given.score:g}", "Try another judge model."
            )
        else:
            yield subject.ok("verdict", found)


async def _ask(catalogue: Catalogue, connection: Connection) -> Verdict:
    async with Judge(catalogue.judge, connection, Clock()) as judge:
        return await judge.judge(build(_RUBRIC, _ITEM, _ANSWER), _RUBRIC, PROMPT_ID)


def _cost(catalogue: Catalogue, given: Verdict) -> str:
    if given.input_tokens is None or given.output_tokens is None:
        return "it does not tell how many tokens that took"
    took = f"it took {given.input_tokens:,} + {given.output_tokens:,} tokens"
    price = catalogue.prices.models.get(catalogue.judge.model) if catalogue.prices else None
    if price is None:
        return took
    return f"{took}, {price_of(price, given.input_tokens, given.output_tokens):.4f} USD by prices.yaml"
