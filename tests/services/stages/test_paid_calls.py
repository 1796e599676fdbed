"""Each call to a judge is paid once: budget, contract and report count it once, whatever becomes of its judgement."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.conftest import DAY

from daily_runs import connections
from daily_runs.connections import Connect
from daily_runs.errors import Blame, CallError, DailyRunsError, Hop
from daily_runs.gitlab.answers import Answer
from daily_runs.judging.judge import Judge
from daily_runs.judging.verdict import Verdict, none_given
from daily_runs.quota import spending_rows
from daily_runs.records.answers import AnswerRows
from daily_runs.records.judgements import JudgementRows
from daily_runs.records.run import RunKey
from daily_runs.results.run_report import cost_rows
from daily_runs.runs import opening, rerun
from daily_runs.runs.rerun import RerunOrder
from daily_runs.stages import pipeline
from daily_runs.statuses import Rerun

if TYPE_CHECKING:
    from tests.conftest import Kit

    from daily_runs.judging.prompt import JudgePrompt
    from daily_runs.judging.rubric import Rubric
    from daily_runs.records.run import Attempt
    from daily_runs.stages.work import Work

FEATURE, SECOND, PROMPTS = "duo_chat", "claude-opus-4-8", 2
KEY = RunKey(FEATURE, "staging", DAY)
VERDICT, UNTOLD, UNUSABLE, DECLINED, REFUSED, DIES, DIES_LATER = (
    "verdict",
    "verdict without tokens",
    "unusable",
    "declined",
    "refused, not paid",
    "the task dies in the call",
    "the task dies once the verdict is kept",
)
JUDGE, OTHER_EFFORT = "judge", "adopt another effort"


class DiedError(Exception):
    """The task ended here, and stored nothing more."""


class Tokens(NamedTuple):
    """Of one call; None: the judge did not tell."""

    input: int | None = None
    output: int | None = None


@dataclass
class FakeJudge:
    """Gives what it is told to give, then verdicts; `paid` has the tokens of each call that was paid."""

    outcomes: list[str] = field(default_factory=list)
    paid: list[Tokens] = field(default_factory=list)
    dies_later: bool = False

    def judge(self, rubric: Rubric) -> Verdict:
        """One call."""
        outcome = self.outcomes.pop(0) if self.outcomes else VERDICT
        if outcome == REFUSED:
            raise CallError(Hop.MODEL_VENDOR, "vendor_rate_limit", blame=Blame.RATE_LIMIT, retryable=True)
        tokens = Tokens(1000 + len(self.paid), 100 + len(self.paid)) if outcome in (VERDICT, DIES_LATER) else Tokens()
        self.paid.append(tokens)
        self.dies_later = outcome == DIES_LATER
        if outcome == DIES:
            raise DiedError
        if outcome in (UNUSABLE, DECLINED):
            raise none_given({UNUSABLE: "unusable_verdict", DECLINED: "judge_refused"}[outcome], "")
        points = {criterion.name: 4 for criterion in rubric.criteria}
        return Verdict("Fits.", points, 0.75, tokens.input, tokens.output)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeJudge:
    """Both judges."""
    fake, scored = FakeJudge(), JudgementRows.scored

    async def judge(_self: Judge, _prompt: JudgePrompt, rubric: Rubric, _prompt_id: str, _call: object) -> Verdict:
        return fake.judge(rubric)

    def dying(self: JudgementRows, *given: Any) -> None:
        if fake.dies_later:
            fake.dies_later = False
            raise DiedError
        scored(self, *given)

    monkeypatch.setattr(Judge, "judge", judge)
    monkeypatch.setattr(JudgementRows, "scored", dying)
    return fake


class Step(NamedTuple):
    """What somebody does, and what the judges give then."""

    does: str
    outcomes: tuple[str, ...] = ()


OUTCOMES = st.lists(st.sampled_from([VERDICT, UNTOLD, UNUSABLE, DECLINED, REFUSED, DIES, DIES_LATER]), max_size=6).map(
    tuple
)
FIRST = st.builds(Step, st.just(JUDGE), OUTCOMES)
NEXT = st.lists(st.builds(Step, st.sampled_from([JUDGE, OTHER_EFFORT, OTHER_EFFORT, *Rerun]), OUTCOMES), max_size=4)
STEPS = st.builds(lambda first, more: [first, *more], FIRST, NEXT)


def catalogued(kit: Kit, repeats: int, share: float, effort: str) -> Kit:
    price = kit.catalogue.model_dump(mode="json")["prices"]["models"][kit.catalogue.judge.model]
    judge = {"models": {kit.catalogue.judge.model: {"effort": effort}}, "second_model": SECOND, "in_flight_max": 1}
    feature = {"judge_repeats": repeats, "second_judge_share": share}
    return kit.changed({"judge": judge, "prices": {"models": {SECOND: price}}, "features": {FEATURE: feature}})


def opened(kit: Kit, how: str) -> Attempt:
    if how in (JUDGE, OTHER_EFFORT):
        return opening.plan(kit.store, kit.catalogue, KEY, limit=PROMPTS)
    of_sample = opening.planned(kit.catalogue, KEY, limit=PROMPTS, only="").key
    return rerun.open_attempt(kit.store, kit.catalogue, RerunOrder(of_sample, Rerun(how), prompts=PROMPTS))


def answered(kit: Kit, attempt: Attempt) -> Work:
    """Work on the attempt, all of whose prompts have an answer."""
    work = pipeline.work_for(kit.store, kit.catalogue, attempt, cast(Connect, connections.find))
    rows = AnswerRows(kit.store, attempt.attempt_id)
    for row in kit.answers(work):
        if row["status"] == "planned":
            rows.sent(row["prompt_id"], "evaluation-1")
            rows.answered(row["prompt_id"], Answer("text"))
    return work


def counted(kit: Kit) -> dict[str, tuple[float, float]]:
    """Tokens of all calls to judges, by who counts them."""
    judge, since = kit.catalogue.judge, DAY - dt.timedelta(days=9999)
    each = {"input_tokens": judge.input_tokens_per_verdict, "output_tokens": judge.output_tokens_per_verdict}
    first = spending_rows.verdicts(kit.store, FEATURE, since, **each)
    second = spending_rows.second_verdicts(kit.store, FEATURE, since, model=SECOND, **each)
    of_month = [first[name] + second[name] for name in each]
    query = "SELECT coalesce(sum(input_tokens), 0) AS i, coalesce(sum(output_tokens), 0) AS o FROM contract.costs_v1"
    costs = kit.store.row(f"{query} WHERE stage = 'judging'")
    key = str(opening.planned(kit.catalogue, KEY, limit=PROMPTS, only="").key)
    rows = kit.store.retrying(lambda connection: cost_rows.of_run(connection, key))["rows"]
    reported = [sum(row[name] for row in rows if row["stage"] == "judging") for name in each]
    return {"budget": tuple(of_month), "costs_v1": (costs["i"], costs["o"]), "report": tuple(reported)}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.sampled_from([1, 2]), st.sampled_from([0.0, 1.0]))
@example([Step(JUDGE), Step(OTHER_EFFORT)], 1, 0.0)
@example([Step(JUDGE, (UNUSABLE,) * 3), Step(OTHER_EFFORT)], 1, 0.0)
@example([Step(JUDGE), Step(OTHER_EFFORT), Step(OTHER_EFFORT)], 2, 1.0)
@example([Step(JUDGE, (DIES_LATER,)), Step(Rerun.MISSING_ANSWERS)], 2, 0.0)
@example([Step(JUDGE, (VERDICT, DIES)), Step(JUDGE), Step(OTHER_EFFORT, (DIES,))], 2, 0.0)
@example([Step(JUDGE, (UNUSABLE,) * 3), *[Step(Rerun.MISSING_ANSWERS, (UNUSABLE,) * 3)] * 2], 1, 0.0)
@example([Step(JUDGE, (UNUSABLE,) * 3), Step(Rerun.GATE_AND_PUBLISH), Step(Rerun.JUDGE_AGAIN)], 1, 1.0)
def test_budget_contract_and_report_count_each_call_to_a_judge_once(
    kit: Kit, fake: FakeJudge, steps: list[Step], repeats: int, share: float
) -> None:
    kit.store.rows("TRUNCATE daily_runs.run, daily_runs.breaker CASCADE")
    fake.paid.clear()
    efforts = ["medium", "high"]
    for step in steps:
        if step.does == OTHER_EFFORT:
            efforts.reverse()
        now = catalogued(kit, repeats, share, efforts[0])
        fake.outcomes[:] = step.outcomes
        with suppress(DailyRunsError):  # what may not be done is refused, and costs nothing
            work = answered(now, opened(now, step.does))
            try:
                now.run(work, "judging")
            except* DiedError:
                pass
        judge = now.catalogue.judge
        told = [
            Tokens(*(one if one.input else (judge.input_tokens_per_verdict, judge.output_tokens_per_verdict)))
            for one in fake.paid
        ]
        asked = (sum(one.input or 0 for one in told), sum(one.output or 0 for one in told))
        assert counted(now) == dict.fromkeys(("budget", "costs_v1", "report"), asked)
