"""Opening an attempt: what is asked is written down before anything is asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from daily_runs import dataset
from daily_runs.catalogue.catalogue import Catalogue, environment_named, feature_named
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.rates import budget
from daily_runs.catalogue.zones import first_moment
from daily_runs.clock import Clock
from daily_runs.dataset import Item, dataset_sha256
from daily_runs.errors import ParameterError
from daily_runs.judging import rubric_versions
from daily_runs.judging.ruler import ruler_of
from daily_runs.records import attempts, catalogue_rows
from daily_runs.records.run import (
    Attempt,
    Prompt,
    RunKey,
    choose_prompts,
    dealt,
    limited,
    plan_hash,
    sample_of,
    selection_sha256,
)
from daily_runs.runs import catalogue_facts, selection
from daily_runs.store.database import Store

DAY_AHEAD = dt.timedelta(days=1)
"""In some time zones it is tomorrow already. A run of a later day is refused: it would stay the feature's newest."""


PROMPTS_A_SHARD_MIN = 4
"""To start a mapped task takes seconds of a processor, whatever it asks: fewer prompts are not worth one more."""


def check_date(feature: Feature, logical_date: dt.datetime, place: str = "logical date") -> None:
    """See that a run's date lies in the feature's life: from the day before its first phase until tomorrow.

    Args:
        logical_date: of the run (aware).
        place: where it was given.

    Raises:
        ParameterError: it does not.
    """
    begins = feature.phases[0].starts
    if logical_date < first_moment(begins, feature.zone) - DAY_AHEAD:
        problem = f"{logical_date.date()} is before the first phase of {feature.feature}, which starts on {begins}"
        raise ParameterError(place, problem, "Give a later day, or correct the phases.")
    if logical_date > (now := Clock.now()) + DAY_AHEAD:
        problem = f"{logical_date.date()} is in the future (today is {now.date()})"
        raise ParameterError(place, problem, "Give a day that has come.")


def _check(catalogue: Catalogue, environment: str, limit: int | None) -> None:
    environment_named(catalogue, environment)
    if limit is not None and limit < 1:
        raise ParameterError("--limit", f"{limit} prompts cannot be asked", "Give 1 or more.")


def plan(
    store: Store,
    catalogue: Catalogue,
    key: RunKey,
    *,
    limit: int | None = None,
    only: str = "",
    airflow_run_id: str | None = None,
    note: str = "",
    anew: bool = False,
) -> Attempt:
    """Open the attempt of a run that asks all, or resume the unfinished one that does the same work (others: `rerun`).

    The attempt's key says whether it is a full run's or a sample's, whatever `key` says.

    Args:
        limit: ask so many prompts instead of the catalogue's number.
        only: ask only these (see `daily_runs.runs.selection`).
        anew: see `attempts.AttemptPlan`.

    Raises:
        ParameterError: unknown feature, environment or prompts, a date out of its life, or a limit below 1; see
            `attempts.open_attempt`.
        StageError: somebody works on an unfinished attempt that does other work.
        DatasetError, CatalogueError: the feature's data set or rubric is not sound.
    """
    new = planned(catalogue, key, limit=limit, only=only)
    attempt = attempts.open_attempt(store, new._replace(airflow_run_id=airflow_run_id, note=note, anew=anew))
    catalogue_rows.save_features(store, catalogue_facts.features_at(catalogue, Clock.now()))
    return attempt


def planned(catalogue: Catalogue, key: RunKey, *, limit: int | None, only: str) -> attempts.AttemptPlan:
    """What an attempt that asks all is to do, by the catalogue, data set and rubric of now; nothing is stored.

    Raises:
        ParameterError, DatasetError, CatalogueError: see `plan`.
    """
    feature = feature_named(catalogue, key.feature)
    _check(catalogue, key.environment, limit)
    check_date(feature, key.logical_date)
    items = dataset.load_feature_dataset(feature)
    whole, chosen = _prompts(feature, items, limit, only)
    shards = shards_for(chosen, budget(catalogue, feature, key.environment).slots)
    prompts, rubric = dealt(chosen, shards), rubric_versions.current(feature)
    return attempts.AttemptPlan(
        key=key._replace(sample=sample_of(chosen, whole)),
        prompts=prompts,
        shards=shards,
        plan_hash=plan_hash(prompts, items, rubric.version, catalogue.judge.model),
        **ruler_of(rubric.version, catalogue.judge)._asdict(),
        judge_repeats=feature.judge_repeats,
        provenance=catalogue.environments[key.environment].provenance,
        dataset_sha256=dataset_sha256(items),
        airflow_run_id=None,
        note="",
        selection_sha256=selection_sha256(chosen),
        terms=catalogue_facts.terms_of(catalogue, feature, key.environment),
    )


def shards_for(prompts: Sequence[Prompt], slots: int) -> int:
    """How many shards: no more than slots or items, and none for fewer than `PROMPTS_A_SHARD_MIN` prompts."""
    items = len({prompt.item_id for prompt in prompts})
    return min(items, slots, max(1, len(prompts) // PROMPTS_A_SHARD_MIN))


def sample(feature: Feature, *, limit: int | None, only: str) -> str:
    """The `RunKey.sample` of a run that is asked for so (see `plan`).

    Raises:
        ParameterError, DatasetError: see `plan`.
    """
    whole, chosen = _prompts(feature, dataset.load_feature_dataset(feature), limit, only)
    return sample_of(chosen, whole)


def _prompts(
    feature: Feature, items: Sequence[Item], limit: int | None, only: str
) -> tuple[tuple[Prompt, ...], tuple[Prompt, ...]]:
    """A full run's prompts, and those that are asked.

    A sample is of what is selected, and what is selected is of a full run: ids are the same in all of them.
    """
    whole = choose_prompts(items, feature.prompts_per_run, 1)
    if only:
        selected = selection.chosen(whole, items, only)
        return whole, limited(selected, items, limit or len(selected))
    return whole, choose_prompts(items, limit, 1) if limit else whole
