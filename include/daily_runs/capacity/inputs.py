"""What a plan reckons with beside the catalogue: measured tokens, and cutovers that are only assumed. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from daily_runs.capacity.measured_rows import Measured
from daily_runs.catalogue.catalogue import Catalogue, refuse_left_out
from daily_runs.catalogue.features import Feature, Phase, PhaseName, PromptTokens
from daily_runs.catalogue.reading.suggestions import did_you_mean
from daily_runs.catalogue.schedule import in_words
from daily_runs.errors import ParameterError

ASSUMED_SCHEDULE = "0 12 * * *"
"""For a feature that has no schedule in staging yet: daily at noon UTC, an hour after the last of the others."""
DAYS_MAX = 366


class PlanInputs(NamedTuple):
    """A catalogue with measured tokens, verdicts' tokens by feature, and who says what (a line each)."""

    catalogue: Catalogue
    verdicts: dict[str, PromptTokens]
    sources: tuple[str, ...]


def with_measured(catalogue: Catalogue, prompts: Iterable[Measured], verdicts: Iterable[Measured]) -> PlanInputs:
    """Replace estimates by what runs have measured, and say for each feature where its figures come from."""
    of_prompt = {one.feature: one for one in prompts}
    of_verdict = {one.feature: one for one in verdicts}
    features, sources = dict(catalogue.features), []
    for name, feature in features.items():
        tokens, said = feature.limits.tokens_per_prompt, f"catalogue ({feature.limits.tokens_per_prompt.source})"
        if name in of_prompt:
            tokens, said = _tokens(of_prompt[name]), f"measured over {of_prompt[name].calls:,} answers"
            limits = feature.limits.model_copy(update={"tokens_per_prompt": tokens})
            features[name] = feature.model_copy(update={"limits": limits})
        judged = "catalogue (estimate)"
        if name in of_verdict:
            judged = f"measured over {of_verdict[name].calls:,} verdicts"
        sources.append(f"{name}: {tokens.input:,} + {tokens.output:,} tokens a prompt, {said}; verdicts {judged}")
    measured = {name: _tokens(one) for name, one in of_verdict.items() if name in features}
    return PlanInputs(catalogue.model_copy(update={"features": features}), measured, tuple(sources))


def _tokens(measured: Measured) -> PromptTokens:
    return PromptTokens(
        input=max(1, round(measured.input_tokens)), output=max(1, round(measured.output_tokens)), source="measured"
    )


def assume(catalogue: Catalogue, assumptions: Sequence[str]) -> tuple[Catalogue, tuple[str, ...]]:
    """Let features be in staging from a date on: `FEATURE=DATE` or `FEATURE=DATE@HH:MM` (daily, in its time
    zone).

    Returns:
        The catalogue with their phases, and what was assumed, a line each.

    Raises:
        ParameterError: it is not of that form, or names no feature or date.
        FeatureFileError: it names a feature that is left out.
    """
    features, said = dict(catalogue.features), []
    for given in assumptions:
        form = re.fullmatch(r"(\w+)=(\d{4}-\d\d-\d\d)(?:@([01]\d|2[0-3]):([0-5]\d))?", given)
        if form is None:
            remedy = "Give FEATURE=DATE or FEATURE=DATE@HH:MM, such as code_suggestions=2026-08-24."
            raise ParameterError("--assume", f"{given!r} is not FEATURE=DATE[@HH:MM]", remedy)
        name, date, hour, minute = form.groups()
        refuse_left_out(catalogue, name)
        if name not in features:
            raise ParameterError("--assume", f"there is no feature {name!r}", did_you_mean(name, list(features)))
        day = day_of("--assume", date)
        schedule = f"{int(minute)} {int(hour)} * * *" if hour else _schedule(features[name])
        features[name] = _in_staging(features[name], day, schedule)
        said.append(f"{name} in staging from {day} on, {in_words(schedule, features[name].timezone)}")
    return catalogue.model_copy(update={"features": features}), tuple(said)


def _schedule(feature: Feature) -> str:
    staging = (phase.schedule for phase in feature.phases if phase.phase is PhaseName.STAGING)
    return next(staging, None) or ASSUMED_SCHEDULE


def _in_staging(feature: Feature, day: dt.date, schedule: str) -> Feature:
    before = [phase for phase in feature.phases if phase.starts < day and phase.phase is not PhaseName.STAGING]
    phases = (*before, Phase(phase=PhaseName.STAGING, starts=day, schedule=schedule))
    cutover = feature.cutover.model_copy(update={"planned": day})
    return feature.model_copy(update={"phases": phases, "cutover": cutover})


def day_of(option: str, text: str) -> dt.date:
    """Read a date as a person types it.

    Raises:
        ParameterError: it is none.
    """
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise ParameterError(option, f"{text!r} is no date", "Give one like 2026-08-17.") from None
    if not 2000 <= day.year <= 2100:
        raise ParameterError(option, f"{text} is out of the calendar", "Give a date from 2000 to 2100.")
    return day


class Dates(NamedTuple):
    """A plan's first and last day."""

    first: dt.date
    last: dt.date


def dates(first: str | None, last: str | None, today: dt.date) -> Dates:
    """A plan's dates. A missing one is filled from the week, Monday to Sunday, of the other date, or of today.

    Raises:
        ParameterError: no dates, in the wrong order, or more than `DAYS_MAX` days.
    """
    begins = day_of("--from", first) if first else None
    ends = day_of("--to", last) if last else None
    known = begins or ends or today
    begins = begins or known - dt.timedelta(days=known.weekday())
    ends = ends or known + dt.timedelta(days=6 - known.weekday())
    if begins > ends:
        raise ParameterError("--from", f"{begins} is after --to {ends}", "Give the earlier date first.")
    if (ends - begins).days + 1 > DAYS_MAX:
        days = (ends - begins).days + 1
        raise ParameterError("--to", f"{begins} to {ends} are {days} days", f"Plan at most {DAYS_MAX} at once.")
    return Dates(begins, ends)
