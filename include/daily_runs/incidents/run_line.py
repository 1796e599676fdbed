"""How a DAG run ended, in one line: its verdict, or what failed, or why nothing was asked. Pure.

Airflow's run page shows the first line of a run's note and nothing more of it, so the line has to say it all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.input_files import printable
from daily_runs.statuses import DagRunOutcome

LINE_CHARACTERS_MAX = 140
NOTE_CHARACTERS_MAX = 1000
"""Airflow takes no longer note."""
MARK = "■ "
"""Begins our line in a note, so that it can be told from what a person wrote there."""


class ArmEnd(NamedTuple):
    """What an arm's attempt came to.

    Attributes:
        environment, sample: of its run (`RunKey`).
        status: of the attempt.
        verdict, score, low, high: what was published: the verdict over quality, the mean over items and its 95 %
            interval; None where nothing was, or two providers have no figure over both.
        asked, answered, scored: counts of prompts.
        spent_usd: what the run cost so far by list price; None if that is not known.
    """

    environment: str
    sample: str
    status: str
    verdict: str | None
    score: float | None
    low: float | None
    high: float | None
    asked: int
    answered: int
    scored: int
    spent_usd: float | None


class FailedTaskEnd(NamedTuple):
    """A task that failed. `name`: as people say it; `said`: its own last words, None where it left none."""

    name: str
    said: str | None


class RunLine(NamedTuple):
    """The line, and what it tells."""

    outcome: DagRunOutcome
    text: str


def run_line(arms: Sequence[ArmEnd], failed: Sequence[FailedTaskEnd], why_nothing: str) -> RunLine:
    """The line of a run whose tasks have all ended.

    Args:
        arms: of the environments in which it opened an attempt.
        failed: its failed tasks, in the order of the stages.
        why_nothing: why it was sent nowhere, if it was.
    """
    if failed:
        first, *others = failed
        said = first.said or f"{first.name} failed and left no word: killed, out of memory, or marked failed by hand"
        more = f" (and {len(others)} more)" if others else ""
        return RunLine(DagRunOutcome.FAILED, short(f"FAILED: {said}", more))
    if not arms:
        return RunLine(DagRunOutcome.ASKED_NOTHING, short(f"ASKED NOTHING: {why_nothing or 'no arm was chosen'}"))
    whole = "; ".join(map(_arm, arms))
    return RunLine(
        DagRunOutcome.DONE, whole if len(whole) <= LINE_CHARACTERS_MAX else short("; ".join(map(_score, arms)))
    )


def short(text: str, end: str = "") -> str:
    """One line without anything that steers a terminal, at most `LINE_CHARACTERS_MAX` long; `end` is never cut."""
    text = " ".join(printable(text).split())
    room = LINE_CHARACTERS_MAX - len(end)
    return (text if len(text) <= room else f"{text[: room - 2].rstrip()} …") + end


def note_with(line: str, note: str | None) -> str | None:
    """A run's note with the line first, in place of an earlier one, and what a person wrote below it.

    None: both together are longer than Airflow takes, so the person's note is left alone.
    """
    first, _, rest = (note or "").partition("\n")
    kept = rest.lstrip("\n") if first.startswith(MARK) else note or ""
    whole = f"{MARK}{line}\n\n{kept}" if kept.strip() else f"{MARK}{line}"
    return whole if len(whole) <= NOTE_CHARACTERS_MAX else None


def _arm(arm: ArmEnd) -> str:
    counts = f"{arm.answered} of {arm.asked} answered, {arm.scored} scored"
    cost = "cost unknown" if arm.spent_usd is None else f"{arm.spent_usd:.2f} USD"
    return f"{_score(arm)}, {counts}, {cost}"


def _score(arm: ArmEnd) -> str:
    what = (arm.verdict or arm.status).replace("_", " ")
    figure = "" if arm.score is None else f" {arm.score:.3f}"
    if arm.low is not None and arm.high is not None:
        figure += f" [{arm.low:.3f}, {arm.high:.3f}]"
    which = " (sample)" if arm.sample else ""
    return f"{what}{figure} in {arm.environment}{which}"


def name_of(task: str) -> str:
    """A task's id as people say it: `staging.inference_2`, the third of a mapped task, is inference [2] in staging."""
    environment, _, rest = task.rpartition(".")
    stage, _, index = rest.rpartition("_")
    named = f"{stage} [{index}]" if index.isdigit() else rest
    return f"{named} in {environment}" if environment else named
