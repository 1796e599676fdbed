"""What one order will do, in counts and USD, as one model: JSON, the terminal and the page show the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from daily_runs.quota.month_budget import MonthBudget, MonthState
from daily_runs.records.attempts import AttemptPlan
from daily_runs.records.catalogue_rows import estimated_usd
from daily_runs.records.promised import PromptBefore
from daily_runs.results.run_report.sections import Section, usd
from daily_runs.statuses import AnswerStatus, JudgementStatus


class PromisedWork(NamedTuple):
    """How much an attempt will do.

    Attributes:
        prompts: of the run; the sum of `ask`, `collect`, `keep_answers` and `keep_failures`.
        ask: prompts that are sent, and paid.
        collect: prompts that were paid before; their answers are fetched.
        keep_answers, keep_failures: what is taken over as it is.
        keep_verdicts: answers taken over that need no call of the judge.
        judge: answers taken over that get new verdicts. Each new answer is judged besides.
        verdicts: calls of the judge at most: for `judge`, and for each new answer.
        frozen_verdicts: frozen answers that are judged beside them.
        second_verdicts: calls of the second judge at most.
    """

    prompts: int
    ask: int
    collect: int
    keep_answers: int
    keep_failures: int
    keep_verdicts: int
    judge: int
    verdicts: int
    frozen_verdicts: int
    second_verdicts: int


class Explanation(NamedTuple):
    """What an order will do in one environment.

    Attributes:
        run: key of the run whose attempt is opened.
        taken_from: the attempt whose rows are taken over or gone on with; None where all is asked anew.
        goes_on: whether that attempt itself is gone on with, so that no new one is opened.
        ends: the unfinished attempt that this one takes the place of.
        month: how the feature's budget of the month stands; None where it has none, or nobody pays.
        ask_usd, judge_usd: what is expected to be spent at most, by the catalogue's tokens and list prices; None where
            a price is not known.
    """

    run: str
    rerun: str
    taken_from: str | None
    goes_on: bool
    ends: str | None
    work: PromisedWork
    ask_usd: float | None
    judge_usd: float | None
    provenance: str
    prices_as_of: str | None
    month: MonthBudget | None = None

    @property
    def is_refused_for_the_month(self) -> bool:
        """Whether the limit probe will refuse it: it would pay, and the month is spent."""
        pays = self.work.ask + self.work.verdicts + self.work.second_verdicts > 0
        return pays and self.month is not None and self.month.state is MonthState.THROTTLE

    @property
    def usd(self) -> float | None:
        """Both together."""
        return None if self.ask_usd is None or self.judge_usd is None else self.ask_usd + self.judge_usd

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        month = {**self.month._asdict(), "state": self.month.state} if self.month else None
        return {**self._asdict(), "work": self.work._asdict(), "usd": self.usd, "month": month}


def work_of(prompts: Sequence[PromptBefore], plan: AttemptPlan, *, frozen: int, chosen: Iterable[str]) -> PromisedWork:
    """What is left to do of the prompts of the attempt before.

    Args:
        frozen: frozen answers that will be judged.
        chosen: ids of the prompts that a second judge judges, too.
    """
    new = [one for one in prompts if not one.is_taken or one.status is AnswerStatus.SENT]
    taken = [one for one in prompts if one.is_taken and one.status is AnswerStatus.ANSWERED]
    calls = {one.prompt_id: _calls(one, plan.judge_repeats) for one in taken}
    ask = sum(not one.is_taken for one in prompts)
    judge = sum(count > 0 for count in calls.values())
    may_be_scored = [*new, *(one for one in taken if calls[one.prompt_id] or one.kept is JudgementStatus.SCORED)]
    by_second = {one.prompt_id for one in may_be_scored if not one.by_second}
    return PromisedWork(
        prompts=len(prompts),
        ask=ask,
        collect=len(new) - ask,
        keep_answers=len(taken),
        keep_failures=len(prompts) - len(new) - len(taken),
        keep_verdicts=len(taken) - judge,
        judge=judge,
        verdicts=sum(calls.values()) + plan.judge_repeats * len(new),
        frozen_verdicts=frozen,
        second_verdicts=len(by_second.intersection(chosen)),
    )


def work_anew(plan: AttemptPlan, *, frozen: int, chosen: Iterable[str]) -> PromisedWork:
    """What an attempt will do that takes nothing over (arguments: see `work_of`)."""
    count = len(plan.prompts)
    second = len({prompt.prompt_id for prompt in plan.prompts}.intersection(chosen))
    return PromisedWork(count, count, 0, 0, 0, 0, 0, count * plan.judge_repeats, frozen, second)


def _calls(one: PromptBefore, repeats: int) -> int:
    """Verdicts that an answer still lacks."""
    if one.kept or one.is_declined:
        return 0
    return max(0, repeats - one.verdicts)


def explained(
    plan: AttemptPlan, work: PromisedWork, *, taken_from: str | None, goes_on: bool, ends: str | None
) -> Explanation:
    """The whole explanation, with what the work is expected to cost."""
    terms = plan.terms
    ask_usd = judge_usd = None
    if terms:
        ask_usd = estimated_usd((work.ask, terms.answer_usd))
        verdicts = work.verdicts + work.frozen_verdicts
        judge_usd = estimated_usd((verdicts, terms.verdict_usd), (work.second_verdicts, terms.second_verdict_usd))
    as_of = terms.prices_as_of.isoformat() if terms and terms.prices_as_of else None
    told = (str(plan.key), str(plan.rerun), taken_from, goes_on, ends, work)
    return Explanation(*told, ask_usd, judge_usd, plan.provenance, as_of)


def headline(found: Explanation) -> str:
    """The order in one sentence."""
    work = found.work
    sends = work.ask + work.verdicts + work.frozen_verdicts + work.second_verdicts
    if not sends and not work.collect:
        return f"Nothing is sent and nothing is spent: all {work.prompts} prompts keep what they have."
    collected = f", {work.collect} answers collected that were paid for" if work.collect else ""
    nobody = " (nobody pays for a sandbox's calls)" if found.provenance == "sandbox" else ""
    spent = "of an unknown price" if found.usd is None else f"at most about {usd(found.usd)} USD"
    judged = work.judge + work.ask + work.collect
    refused = f" The limit probe will refuse it: {found.month}." * found.is_refused_for_the_month
    return (
        f"{work.ask} of {work.prompts} prompts are asked{collected}, {work.keep_answers} answers are reused, at most"
        f" {judged} are judged: {spent}{nobody}.{refused}"
    )


def section(found: Explanation) -> Section:
    """The same by what is done, with what each costs."""
    work = found.work
    rows = [
        ["prompts asked", str(work.ask), usd(found.ask_usd)],
        ["answers collected that were paid for", str(work.collect), ""],
        ["answers reused", str(work.keep_answers), ""],
        ["failures kept", str(work.keep_failures), ""],
        ["verdicts reused, by answers", str(work.keep_verdicts), ""],
        ["reused answers judged", str(work.judge), ""],
        ["new answers judged, at most", str(work.ask + work.collect), ""],
        ["calls of the judge, at most", str(work.verdicts), ""],
        ["frozen answers judged", str(work.frozen_verdicts), ""],
        ["calls of the second judge, at most", str(work.second_verdicts), ""],
        ["all calls for verdicts", "", usd(found.judge_usd)],
        ["together, at most", "", usd(found.usd)],
    ]
    return Section(found.run, ("what", "count", "USD"), rows, _note(found))


def _note(found: Explanation) -> str:
    if found.goes_on:
        does = f"Goes on with unfinished attempt {found.taken_from}."
    elif found.taken_from:
        does = f"Opens a new attempt that takes over from {found.taken_from}."
    else:
        does = "Opens a new attempt that takes nothing over."
    does += f" Unfinished attempt {found.ends} ends." if found.ends and found.ends != found.taken_from else ""
    tried = " One more verdict tries the judge first, unless one was tried in the last 20 hours." * bool(found.work.ask)
    month = f" The month: {found.month}." if found.month else ""
    prices = f" Prices of {found.prices_as_of}." if found.prices_as_of else " There is no price list."
    return (
        f"{does}{tried} USD by the catalogue's tokens and list prices; a call that fails is tried again.{prices}{month}"
    )
