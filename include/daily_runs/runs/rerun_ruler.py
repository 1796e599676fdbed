"""What a rerun's attempt is measured with: what its base was, or what the catalogue says today."""

from __future__ import annotations

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature
from daily_runs.errors import ParameterError
from daily_runs.judging import rubric_versions
from daily_runs.judging.ruler import Ruler, ruler_of
from daily_runs.records.reruns import Base
from daily_runs.statuses import Rerun


def ruler_for(catalogue: Catalogue, feature: Feature, rerun: Rerun, rubric_version: str, base: Base) -> Ruler:
    """The attempt's rubric, judge and prompt template: today's when all is judged again, else the base's.

    Missing answers of a base that cannot be judged again yet, as prompts of it are unsettled, are judged by today's
    where the base's are gone, and so are all its other answers; those of a trial have to be judged by its own rubric.

    Args:
        rubric_version: the one that a person chose, or a trial's; empty for the catalogue's.

    Raises:
        ParameterError: new verdicts would stand beside old ones that were made with something else.
    """
    known = rubric_versions.known(feature)
    if rerun is Rerun.JUDGE_AGAIN:
        return ruler_of(rubric_versions.named(feature, rubric_version).version, catalogue.judge)
    if rerun is Rerun.MISSING_ANSWERS and base.unsettled:
        has_rubric = base.rubric_version in known
        version = base.rubric_version if has_rubric else rubric_versions.named(feature, rubric_version).version
        return ruler_of(version, catalogue.judge)
    if base.rubric_version not in known:
        problem = f"attempt {base.attempt_id} was judged by rubric {base.rubric_version}, which is none of today's"
        known_ones = ", ".join(known)
        raise ParameterError(
            "rerun", problem, f"Keep that rubric's file beside the new one (known: {known_ones}), or judge again."
        )
    if rerun is Rerun.MISSING_ANSWERS:
        _must_be_judged_alike(base, ruler_of(base.rubric_version, catalogue.judge))
    return base.ruler


def judging_for(feature: Feature, rerun: Rerun, earlier: Base | None) -> tuple[int, str | None]:
    """How often each answer is judged, and in which judging; None for a new one.

    One that was to judge again and broke off is gone on with: its verdicts are paid.

    Args:
        earlier: the newest attempt of the run that is opened; None for the first one of a trial.
    """
    if earlier is None:
        return feature.judge_repeats, None
    if rerun is not Rerun.JUDGE_AGAIN:
        return earlier.judge_repeats, earlier.judging_id
    broke_off = earlier.rerun is Rerun.JUDGE_AGAIN and earlier.unjudged > 0
    return feature.judge_repeats, earlier.judging_id if broke_off else None


def _must_be_judged_alike(base: Base, now: Ruler) -> None:
    """New verdicts beside old ones are one mean only if all that they are made with is the same."""
    differs = base.ruler.differs_from(now)
    if not differs:
        return
    problem = f"attempt {base.attempt_id} was judged by {base.judge_model}, and the judge is {now.judge_model} now"
    if differs[0] != "judge_model":
        was, became = (getattr(ruler, differs[0]) or "none" for ruler in (base.ruler, now))
        name = differs[0].replace("_", " ")
        problem = f"attempt {base.attempt_id} was judged with {name} {was}, and it is {became} now"
    raise ParameterError("rerun", problem, f"Choose rerun: {Rerun.JUDGE_AGAIN}, or {Rerun.ALL}.")
