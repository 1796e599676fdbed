"""What a run says of quality: its figures, and the verdict against the reference runs of its stream.

A stream is a feature in an environment under one comparability key: all that must be the same for two runs to be
measured with one ruler (data set, prompts, rubric, judge, provider). Its first `REFERENCE_RUNS` runs are its reference.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import add
from typing import NamedTuple

from daily_runs.catalogue.features import Quality
from daily_runs.judging.ruler import Ruler
from daily_runs.results.intervals import Interval, ItemScore, beside, over_new_classes, over_these_classes
from daily_runs.results.item_rows import PublishedItem
from daily_runs.results.missing import Bounds, bounds_of
from daily_runs.results.power import items_needed, smallest_visible_drop, smallest_visible_part_drops
from daily_runs.results.regression import (
    RUNS_MIN,
    PairedDifference,
    QualityDifference,
    RunEffect,
    RunMean,
    judge_difference,
    mean_items,
    paired,
    run_effect,
    stream_means,
    with_run_effect,
)
from daily_runs.statuses import QualityVerdict

REFERENCE_RUNS = RUNS_MIN
CRITERION = "criterion "
"""What stands before a criterion's name among the parts of a difference; classes have their names alone."""
WHOLE = ""
"""The name of the whole among them; no class is called so."""
RULER = ("dataset_sha256", "selection_sha256", *Ruler._fields, "judges", "provider")
"""What two runs must share to be compared."""
WORDS = {
    "dataset_sha256": "data set",
    "selection_sha256": "prompts",
    "rubric_version": "rubric",
    "judge_model": "judge",
    "judge_effort": "judge's effort",
    "judge_thinking": "judge's thinking",
    "prompt_template": "judge's prompt",
    "judges": "judging model",
    "provider": "provider",
    "gitlab_version": "GitLab",
    "gitlab_revision": "GitLab revision",
    "serving_model": "serving model",
    "catalogue": "catalogue",
    "phase": "phase",
}
_KEY_DIGITS = 12


class Population(NamedTuple):
    """A run's items as one provider served them; `new_classes` and `bounds`: see `intervals` and `missing`."""

    provider: str
    items: int
    classes: int
    mean: Interval
    new_classes: Interval | None
    bounds: Bounds


class EarlierRun(NamedTuple):
    """A published full run of the same feature and environment; `ruler` and `context`: text by name."""

    run_key: str
    logical_date: dt.datetime
    ruler: Mapping[str, str]
    context: Mapping[str, str]
    items: Sequence[PublishedItem]


class RunVerdict(NamedTuple):
    """What is published of a run's quality.

    Attributes:
        reason: one sentence for people.
        whole: the difference from the reference; None where there is none.
        parts: the same of each class, and of each criterion (its name after `CRITERION`).
        regressed_parts: those that regressed by themselves, the worst first.
        smallest_visible: the drop that would have been seen in four of five such runs.
        visible_parts: the same of each part; a part of which no drop would be seen is not in it.
        reference: keys of the runs that it was compared with, oldest first.
        changed: what is not as in the newest of them: name to (then, now).
    """

    verdict: QualityVerdict
    reason: str
    whole: QualityDifference | None = None
    parts: Mapping[str, QualityDifference] = {}
    regressed_parts: tuple[str, ...] = ()
    smallest_visible: float | None = None
    reference: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, str]] = {}
    visible_parts: Mapping[str, float] = {}

    @property
    def worst_class(self) -> str | None:
        """The class that fell most below the reference; None if none did."""
        fell = {name: part.estimate for name, part in self.parts.items() if not name.startswith(CRITERION)}
        worst = min(fell, key=lambda name: fell[name], default=None)
        return worst if worst is not None and fell[worst] < 0 else None


def comparability_key(ruler: Mapping[str, str]) -> str:
    """A short name of all that must be the same for two runs to be compared."""
    return hashlib.sha256(json.dumps([ruler.get(name, "") for name in RULER]).encode()).hexdigest()[:_KEY_DIGITS]


def populations(items: Sequence[PublishedItem]) -> list[Population]:
    """A run's figures, one for each provider that served scored answers: two providers never make one figure."""
    found: dict[str, list[PublishedItem]] = defaultdict(list)
    for item in items:
        found[item.provider].append(item)
    return [_population(name, found[name]) for name in sorted(found) if any(item.scored for item in found[name])]


def _population(provider: str, items: Sequence[PublishedItem]) -> Population:
    scores = _scores(items)
    return Population(
        provider,
        len(scores),
        len({score.item_class for score in scores}),
        over_these_classes(scores),
        over_new_classes(scores),
        bounds_of(item.asked for item in items),
    )


def verdict_of(
    run: EarlierRun, earlier: Sequence[EarlierRun], quality: Quality, floor: float, *, pinned_after: dt.datetime | None
) -> RunVerdict:
    """The verdict over a run, against the reference of its stream.

    Args:
        run: the run itself.
        earlier: full runs of the same feature and environment with an earlier date, oldest first.
        floor: the mean below which quality is bad whatever it was before (`mean_score_min`).
        pinned_after: the date of the run with which somebody accepted a new level; earlier runs are no reference.
    """
    found = populations(run.items)
    if len(found) == 1:
        against = _against_the_reference(run, earlier, quality, pinned_after)
    else:
        names = ", ".join(population.provider for population in found) or "nobody"
        against = RunVerdict(QualityVerdict.INCOMPARABLE, f"incomparable: answered by {names}, each is a population")
    if not found or any(population.mean.estimate >= floor for population in found):
        return against
    who = [f"{population.provider} " if len(found) > 1 else "" for population in found]
    means = [f"mean {beside(mean.estimate, floor)} [{mean.low:.3f}, {mean.high:.3f}]" for *_, mean, _, _ in found]
    low = f"below the floor: {', '.join(map(add, who, means))}, required >= {floor:g}"
    return against._replace(verdict=QualityVerdict.BELOW_FLOOR, reason=f"{low}; {against.reason}")


def _against_the_reference(
    run: EarlierRun, earlier: Sequence[EarlierRun], quality: Quality, pinned_after: dt.datetime | None
) -> RunVerdict:
    counted = [one for one in earlier if one.items and (pinned_after is None or one.logical_date >= pinned_after)]
    alike = [one for one in counted if comparability_key(one.ruler) == comparability_key(run.ruler)]
    if not alike:
        return RunVerdict(QualityVerdict.INCOMPARABLE, f"incomparable: {_why_none_is_alike(run, counted)}")
    reference = alike[:REFERENCE_RUNS]
    pairs, parts = _compared(reference, run, quality)
    if WHOLE not in parts:
        return RunVerdict(QualityVerdict.INCOMPARABLE, "incomparable: no item is scored in the reference and here")
    pair, whole = pairs[WHOLE], parts.pop(WHOLE)
    judged = judge_difference(whole, parts, margin=quality.margin)
    visible = smallest_visible_drop(whole, quality.margin)
    visible_parts = smallest_visible_part_drops(parts, quality.margin)
    found = RunVerdict(
        judged.verdict,
        "",
        whole,
        parts,
        judged.regressed_parts,
        visible if math.isfinite(visible) else None,
        tuple(one.run_key for one in reference),
        changes(reference[-1].context, run.context),
        {name: drop for name, drop in visible_parts.items() if math.isfinite(drop)},
    )
    needed = items_needed(pair.variance, whole.error**2 - pair.variance, pair.items, quality.margin)
    return found._replace(reason=sentence(found, reference[0].logical_date, quality.margin, pair.items, needed))


def sentence(found: RunVerdict, since: dt.datetime, margin: float, items: int, needed: int | None) -> str:
    """The verdict in words: where, how much, against what, what could not have been seen, and what changed."""
    whole = found.whole
    assert whole is not None  # a verdict without a difference has a sentence of its own
    runs = f"{len(found.reference)} run{'s' if len(found.reference) > 1 else ''} since {since:%-d %b %Y}"
    parts = [f"{found.verdict.replace('_', ' ')}: {_figure(whole)} against {runs}"]
    if found.regressed_parts:
        named = ", ".join(f"{name} {_figure(found.parts[name])}" for name in found.regressed_parts[:3])
        more = len(found.regressed_parts) - 3
        parts.append(f"regressed in {named}{f' and {more} more' if more > 0 else ''}")
    if found.smallest_visible is None:
        parts.append("one item shows no drop")
    else:
        parts.append(f"smallest visible drop {found.smallest_visible:.3f}")
        if needed is None:
            parts.append(f"no number of items would tell a drop of {margin:g} from none: days differ too much")
        elif needed > items:
            parts.append(f"to tell a drop of {margin:g} from none add {needed - items} items")
    if found.changed:
        told = ", ".join(f"{WORDS.get(name, name)} {then} → {now}" for name, (then, now) in found.changed.items())
        parts.append(f"changed since the reference: {told}")
    return "; ".join(parts)


def changes(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What is known of both runs and not the same."""
    return {name: (then[name], now[name]) for name in now if name in then and then[name] != now[name]}


def run_means(runs: Sequence[EarlierRun]) -> list[RunMean]:
    """Each run's mean over its items, as alarms take it."""
    return stream_means([_scores(run.items) for run in runs])


def _compared(
    reference: Sequence[EarlierRun], run: EarlierRun, quality: Quality
) -> tuple[dict[str, PairedDifference], dict[str, QualityDifference]]:
    """The differences of the whole, each class and each criterion from the reference, by items alone and in all.

    Each has the run effect of that part alone. A day may move each class by itself. Until a whole reference tells by
    how much, a class's prior is that of the mean times the root of the number of classes: if classes move
    independently, the mean moves by so much less.
    """
    now, then = _every_part(run.items), [_every_part(one.items) for one in reference]
    classes = {item.item_class for item in now.get(WHOLE, ())}
    pairs, found = {}, {}
    for name, scores in now.items():
        known = [parts[name] for parts in then if name in parts]
        pair = paired(mean_items(known), scores)
        if pair is None:
            continue
        deviation = quality.run_effect * (math.sqrt(len(classes)) if name in classes else 1)
        prior = RunEffect.declared(deviation, quality.run_effect_runs)
        pairs[name] = pair
        found[name] = with_run_effect(pair, run_effect(stream_means(known), prior), reference_runs=len(known))
    return pairs, found


def _every_part(items: Sequence[PublishedItem]) -> dict[str, list[ItemScore]]:
    scores = _scores(items)
    return {WHOLE: scores, **by_part(items)} if scores else {}


def by_part(items: Sequence[PublishedItem]) -> dict[str, list[ItemScore]]:
    """A run's scores by class, and by criterion (its name after `CRITERION`)."""
    found: dict[str, list[ItemScore]] = defaultdict(list)
    for score in _scores(items):
        found[score.item_class].append(score)
    for name in sorted({name for item in items for name in item.criteria}):
        found[f"{CRITERION}{name}"] = _scores(items, name)
    return found


def _scores(items: Iterable[PublishedItem], criterion: str = "") -> list[ItemScore]:
    """Items with a score: of the whole rubric, or of one criterion (how its answers differ is not kept of those)."""
    if not criterion:
        return [score for item in items if (score := item.score)]
    return [
        ItemScore(item.item_id, item.item_class, item.criteria[criterion], 0.0, item.scored)
        for item in items
        if criterion in item.criteria
    ]


def _why_none_is_alike(run: EarlierRun, counted: Sequence[EarlierRun]) -> str:
    if not counted:
        return "no earlier run of this feature in this environment is published with its items"
    then = counted[-1].ruler
    names = [WORDS[name] for name in RULER if then.get(name, "") != run.ruler.get(name, "")]
    return f"since {counted[-1].run_key}, {', '.join(names)} changed, so this run begins a new reference"


def _figure(difference: QualityDifference) -> str:
    return f"{difference.estimate:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
