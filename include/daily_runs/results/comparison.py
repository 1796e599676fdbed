"""A run's arms side by side: are they comparable at all, and if so, how do their scores differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daily_runs.catalogue.features import Quality
from daily_runs.judging.ruler import Ruler
from daily_runs.records.run import RunKey
from daily_runs.results import item_rows, published, quality_rows
from daily_runs.results.intervals import ItemScore
from daily_runs.results.missing import PairedItem, shifts_of
from daily_runs.results.power import smallest_visible_drop
from daily_runs.results.published import PublishedAnswer
from daily_runs.results.regression import RunEffect, judge_difference, paired, shifted_by, with_run_effect
from daily_runs.statuses import QualityVerdict
from daily_runs.store.database import Store
from daily_runs.store.pool import Row

SHOWN = ("asked", "answered", "failed", "scored", "unscored", "mean_score", "mean_score_low", "mean_score_high")
RULER = ("dataset_sha256", *Ruler._fields, "judges")
"""What two runs must share besides what is compared: else the difference may be the ruler's. `judges`: the models that
gave the verdicts, by the answers' own names, which an alias of the catalogue does not tell."""
UNKNOWN = "unknown"


class Arm(NamedTuple):
    """A published run: its `RULER` (and more), every prompt that it asked, and its items that were scored."""

    ruler: Mapping[str, Any]
    answers: Sequence[PublishedAnswer]
    items: Sequence[ItemScore]

    @property
    def providers(self) -> list[str]:
        """Who served its answers, as far as the path tells."""
        return sorted({answer.serving_provider or UNKNOWN for answer in self.answers if answer.answered})


def compare(store: Store, keys: Sequence[RunKey], quality: Quality) -> dict[str, Any]:
    """What each arm published; with two published arms also `difference`, the second minus the first.

    Raises:
        StageError: an arm was published anew meanwhile.
    """
    found = {key.environment: published.of_run(store, str(key)) for key in keys}
    rows = {name: row for name, row in found.items() if row}
    outcome: dict[str, Any] = {
        "arms": {name: {column: row[column] for column in SHOWN} for name, row in rows.items()},
        "difference": None,
    }
    if len(rows) == 2:
        first, second = (_arm(store, row) for row in rows.values())
        outcome["difference"] = difference(first, second, quality)
        names = list(rows)
        before, after = rows.values()
        quality_rows.save_arms(store, after, before, outcome["difference"])
        outcome["sentence"] = f"{names[1]} against {names[0]}: {sentence(outcome['difference'])}"
    return outcome


def _arm(store: Store, row: Row) -> Arm:
    items = item_rows.of_runs(store, [row["run_key"]])[row["run_key"]]
    scores = [item.score for item in items if item.score]
    return Arm(row | published.measured_with(store, row), published.answers_of(store, row), scores)


def difference(first: Arm, second: Arm, quality: Quality) -> dict[str, Any]:
    """The verdict over two runs, with what it stands on; items are compared one by one, within their classes.

    A verdict that answers which only one run lost could have made is `inconclusive`: were they as bad as can be, a
    *regressed* (those of the first) or an *improved* or *no worse* (those of the second) would not stand.
    """
    if differs := _differs(first, second):
        return {"verdict": QualityVerdict.INCOMPARABLE.value, "differs": differs}
    pair = paired(first.items, second.items)
    if pair is None:
        return {"verdict": QualityVerdict.INCOMPARABLE.value, "differs": ["scored items"]}
    found = with_run_effect(pair, RunEffect.declared(quality.run_effect, quality.run_effect_runs))
    verdict = judge_difference(found, {}, margin=quality.margin).verdict
    at_worst, at_best = _if_the_missing_were_bad(first, second, pair.estimate)
    shift = at_best if verdict is QualityVerdict.REGRESSED else at_worst
    stands = judge_difference(shifted_by(found, shift), {}, margin=quality.margin).verdict is verdict
    hidden = not stands and verdict is not QualityVerdict.INCONCLUSIVE
    return {
        "verdict": (QualityVerdict.INCONCLUSIVE if hidden else verdict).value,
        "differs": [],
        "hidden_by_missing_answers": verdict.value if hidden else None,
        "items": pair.items,
        "items_asked": len({answer.item_id for answer in first.answers}),
        "estimate": found.estimate,
        "low": found.low,
        "high": found.high,
        "smallest_visible_drop": smallest_visible_drop(found, quality.margin) if pair.degrees else None,
        "provider": first.providers[0],
    }


def sentence(found: Mapping[str, Any]) -> str:
    """A difference in words: the verdict, the figures, and what could not have been seen."""
    if found["differs"]:
        return f"incomparable, since {', '.join(found['differs'])} differ"
    words = (
        f"{found['verdict'].replace('_', ' ')}, {found['estimate']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"
    )
    visible = found["smallest_visible_drop"]
    seen = "one item shows no drop" if visible is None else f"smallest visible drop {visible:.3f}"
    of = f"over {found['items']} of {found['items_asked']} items"
    hidden = found["hidden_by_missing_answers"]
    lost = f"; answers that only one arm lost could have made it {hidden.replace('_', ' ')}" if hidden else ""
    provider = "; the provider is unknown" if found["provider"] == UNKNOWN else ""
    return f"{words} {of}; {seen}{lost}{provider}"


def _differs(first: Arm, second: Arm) -> list[str]:
    """Why two arms cannot be compared; nothing if they can."""
    differs = [column for column in RULER if first.ruler[column] != second.ruler[column]]
    if any(arm.ruler.get("is_overridden") for arm in (first, second)):  # no valid measurement, so no finding either
        differs.append("gate_override")
    if "judges" not in differs and len(first.ruler["judges"]) > 1:  # two judges in one arm are two scales, and no third
        differs.append("judges")
    if [answer.prompt_id for answer in first.answers] != [answer.prompt_id for answer in second.answers]:
        differs.append("prompts")
    if first.providers != second.providers or len(first.providers) != 1:  # two in one arm have two means, and no third
        differs.append("providers")
    return differs


def _if_the_missing_were_bad(first: Arm, second: Arm, estimate: float) -> tuple[float, float]:
    """How far the difference moves if each answer that only the second run lost is 0, and if each that only the first
    lost is."""
    before, after = _scores(first), _scores(second)
    nothing: dict[str, float] = {}
    pairs = [(before.get(item, nothing), after.get(item, nothing)) for item in sorted(before.keys() | after.keys())]
    return shifts_of(
        (
            PairedItem(_mean(mine), len(mine), len(its.keys() - mine), _mean(its), len(its), len(mine.keys() - its))
            for mine, its in pairs
        ),
        estimate,
    )


def _scores(arm: Arm) -> dict[str, dict[str, float]]:
    """An item's scores by prompt; no item without any."""
    found: dict[str, dict[str, float]] = {}
    for answer in arm.answers:
        if answer.score is not None:
            found.setdefault(answer.item_id, {})[answer.prompt_id] = answer.score
    return found


def _mean(scores: Mapping[str, float]) -> float | None:
    return sum(scores.values()) / len(scores) if scores else None
