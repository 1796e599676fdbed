"""The merge gate's decision: may a change be merged, by what its run shows against a baseline. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from daily_runs.catalogue.features import Quality
from daily_runs.errors import ParameterError
from daily_runs.results.intervals import Interval, over_these_classes
from daily_runs.results.item_rows import PublishedItem
from daily_runs.results.missing import AskedItem, PairedItem, bounds_of, shifts_of
from daily_runs.results.quality import CRITERION, RULER, WORDS, EarlierRun, RunVerdict, populations, verdict_of
from daily_runs.results.regression import Judged, QualityDifference, judge_difference, shifted_by
from daily_runs.statuses import QualityVerdict

WHOLE = ""
"""The name of all items and of the whole rubric, among parts and floors."""
_HIDDEN = "{}, since answers that only one side lost could have been the bad ones; without them {}"
_GOOD = (QualityVerdict.IMPROVED, QualityVerdict.NO_WORSE)


class MergeOutcome(StrEnum):
    """Whether to merge; `undecided`: the runs cannot tell, which is neither yes nor no."""

    PASS = "pass"  # noqa: S105 - a word, no secret
    FAIL = "fail"
    UNDECIDED = "undecided"


class FloorCheck(NamedTuple):
    """The candidate's mean of a criterion (or `WHOLE`) beside the mean that is required, all on 0 to 1.

    `at_worst`: the mean if every answer that is missing or has no verdict were the worst possible.
    """

    name: str
    required: float
    mean: Interval
    at_worst: float

    @property
    def outcome(self) -> MergeOutcome:
        """Under the floor by what was seen; undecided if only the missing answers could bring it there."""
        if self.mean.estimate < self.required:
            return MergeOutcome.FAIL
        return MergeOutcome.UNDECIDED if self.at_worst < self.required else MergeOutcome.PASS


class MergePart(NamedTuple):
    """A class, a criterion (its name after `CRITERION`) or `WHOLE`, over the items that both sides scored."""

    name: str
    baseline: float
    candidate: float
    difference: QualityDifference
    regressed: bool


class MergeDecision(NamedTuple):
    """What the merge gate found.

    Attributes:
        verdict: that stands whatever the answers that only one side lost would have been.
        seen: the verdict if these answers are left out.
        reason: the verdict in one sentence.
        differs: why the sides cannot be compared; empty if they can.
        parts: `WHOLE` first; none where the sides cannot be compared.
        floors: none where the candidate has no single mean.
        smallest_visible: the drop that would have been seen in four of five such comparisons.
    """

    outcome: MergeOutcome
    baseline: Sequence[str]
    candidate: str
    verdict: QualityVerdict
    seen: QualityVerdict
    reason: str
    differs: Sequence[str]
    parts: Sequence[MergePart]
    floors: Sequence[FloorCheck]
    smallest_visible: float | None
    changed: Mapping[str, tuple[str, str]]

    def exit_code(self, *, inconclusive_passes: bool) -> int:
        """0 = merge, 1 = regressed or under a floor, 2 = could not decide. Runs that cannot be compared never pass."""
        if self.outcome is MergeOutcome.FAIL:
            return 1
        comparable = self.verdict is not QualityVerdict.INCOMPARABLE and self.floors
        passes = self.outcome is MergeOutcome.PASS or (inconclusive_passes and comparable)
        return 0 if passes else 2


def decide(
    baseline: Sequence[EarlierRun], candidate: EarlierRun, quality: Quality, floors: Mapping[str, float]
) -> MergeDecision:
    """Hold the candidate against one run, or against the reference that several runs are (the oldest first).

    Args:
        floors: required means by criterion, and of `WHOLE`.

    Raises:
        ParameterError: a floor of a criterion that the candidate's verdicts do not have.
    """
    checks = floor_checks(candidate, floors)
    differs = _differs(baseline[-1], candidate)
    if differs:
        found = RunVerdict(QualityVerdict.INCOMPARABLE, f"incomparable, since {', '.join(differs)} differ")
    else:
        found = verdict_of(candidate, baseline, quality, 0.0, pinned_after=None)  # floors have checks of their own
    counted = [run for run in baseline if run.run_key in found.reference]
    standing = _standing(found, counted, candidate, quality.margin)
    return MergeDecision(
        _outcome(standing.verdict, checks),
        found.reference or [run.run_key for run in baseline[-1:]],
        candidate.run_key,
        standing.verdict,
        found.verdict,
        found.reason
        if standing.verdict is found.verdict
        else _HIDDEN.format(standing.verdict.replace("_", " "), found.reason),
        differs,
        _parts(found, standing, counted, candidate),
        checks,
        found.smallest_visible,
        found.changed,
    )


def floor_checks(candidate: EarlierRun, floors: Mapping[str, float]) -> list[FloorCheck]:
    """Each floor beside the candidate's mean; none where two providers, or nobody, answered it.

    Raises:
        ParameterError: a floor of a criterion that the candidate's verdicts do not have.
    """
    known = sorted({name for item in candidate.items for name in item.criteria})
    for name in floors:
        if name != WHOLE and name not in known:
            remedy = f"Known in {candidate.run_key}: {', '.join(known) or 'none'}."
            raise ParameterError("--min", f"{name!r} is no criterion", remedy)
    if len(populations(candidate.items)) != 1:
        return []
    return [_check(candidate.items, name, required) for name, required in floors.items()]


def _check(items: Sequence[PublishedItem], name: str, required: float) -> FloorCheck:
    scores, asked = [], []
    for item in items:
        value = _value(item, name)
        asked.append(AskedItem(item.answered + item.failed, item.scored, (value or 0.0) * item.scored))
        if item.score is not None and value is not None:
            scores.append(item.score._replace(mean=value, variance=item.variance if name == WHOLE else 0.0))
    return FloorCheck(name, required, over_these_classes(scores), bounds_of(asked).worst)


def _differs(baseline: EarlierRun, candidate: EarlierRun) -> list[str]:
    """What two runs must share and do not; prompts that nobody wrote down are not known to be the same."""
    first, second = baseline.ruler, candidate.ruler
    names = [name for name in (*RULER, "provenance") if first.get(name, "") != second.get(name, "")]
    if not candidate.ruler["selection_sha256"] and "selection_sha256" not in names:
        names.append("selection_sha256")
    if "provider" not in names and any(len(populations(run.items)) != 1 for run in (baseline, candidate)):
        names.append("provider")
    return [WORDS.get(name, name) for name in names]


def _standing(found: RunVerdict, baseline: Sequence[EarlierRun], candidate: EarlierRun, margin: float) -> Judged:
    """The verdict that stands whatever the answers that only one side lost would have been."""
    whole = found.whole
    if whole is None:
        return Judged(found.verdict, ())
    shifts = {name: _shift(baseline, candidate, name) for name in (WHOLE, *found.parts)}

    def judged(end: int) -> Judged:
        shifted = {name: shifted_by(part, shifts[name][end]) for name, part in found.parts.items()}
        return judge_difference(shifted_by(whole, shifts[WHOLE][end]), shifted, margin=margin)

    judged_again = judged(1 if found.verdict is QualityVerdict.REGRESSED else 0)
    if (found.verdict is QualityVerdict.REGRESSED and judged_again.verdict is QualityVerdict.REGRESSED) or (
        found.verdict in _GOOD and judged_again.verdict in _GOOD
    ):
        return judged_again
    return Judged(QualityVerdict.INCONCLUSIVE, ())


def _shift(baseline: Sequence[EarlierRun], candidate: EarlierRun, part: str) -> tuple[float, float]:
    """How far a part's difference moves if each answer that only the candidate lost is 0, and if each that only the
    baseline lost is. Which ones those are is not kept by item: as many as there can be."""
    before, after = _known(baseline, part), _known([candidate], part)
    seen = [after[item][0] - before[item][0] for item in before.keys() & after.keys()]
    estimate = math.fsum(seen) / len(seen)
    none = (None, 0, 0)
    pairs = [(before.get(item, none), after.get(item, none)) for item in sorted(before.keys() | after.keys())]
    return shifts_of(
        (
            PairedItem(mean, scored, min(lost, others), other_mean, others, min(others_lost, scored))
            for (mean, scored, lost), (other_mean, others, others_lost) in pairs
        ),
        estimate,
    )


def _known(runs: Sequence[EarlierRun], part: str) -> dict[str, tuple[float, int, int]]:
    """A part's items: the mean over the runs that scored it, how many answers the best of them scored, and lost."""
    found: dict[str, list[tuple[float, int, int]]] = defaultdict(list)
    of_class = part != WHOLE and not part.startswith(CRITERION)
    for run in runs:
        for item in run.items:
            value = _value(item, "" if of_class else part.removeprefix(CRITERION))
            if value is not None and (not of_class or item.item_class == part):
                found[item.item_id].append((value, item.scored, item.answered + item.failed - item.scored))
    return {
        item: (
            math.fsum(mean for mean, _, _ in seen) / len(seen),
            max(scored for _, scored, _ in seen),
            min(lost for _, _, lost in seen),
        )
        for item, seen in found.items()
    }


def _value(item: PublishedItem, criterion: str) -> float | None:
    return item.criteria.get(criterion) if criterion else item.mean


def _parts(
    found: RunVerdict, standing: Judged, baseline: Sequence[EarlierRun], candidate: EarlierRun
) -> list[MergePart]:
    if found.whole is None:
        return []
    rows = []
    regressed = set(standing.regressed_parts)
    if standing.verdict is QualityVerdict.REGRESSED and found.whole.high < 0:
        regressed.add(WHOLE)
    for name, difference in {WHOLE: found.whole, **found.parts}.items():
        before, after = _known(baseline, name), _known([candidate], name)
        both = sorted(before.keys() & after.keys())
        first, second = (math.fsum(side[item][0] for item in both) / len(both) for side in (before, after))
        rows.append(MergePart(name, first, second, difference, name in regressed))
    return rows


def _outcome(verdict: QualityVerdict, checks: Sequence[FloorCheck]) -> MergeOutcome:
    if verdict is QualityVerdict.REGRESSED or any(check.outcome is MergeOutcome.FAIL for check in checks):
        return MergeOutcome.FAIL
    floors_hold = checks and all(check.outcome is MergeOutcome.PASS for check in checks)
    return MergeOutcome.PASS if verdict in _GOOD and floors_hold else MergeOutcome.UNDECIDED
