"""One arm from start to end: how an attempt is planned, and its six stages in order.

Airflow runs each stage as a task of its own and calls `run_stage`; the command line runs them all in one process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from daily_runs import dataset
from daily_runs.catalogue.catalogue import Catalogue, feature_named
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.reading.watch import Declared
from daily_runs.connections import Connect
from daily_runs.dataset import dataset_sha256
from daily_runs.errors import CatalogueError
from daily_runs.judging import rubric_versions
from daily_runs.judging.rubric import Rubric
from daily_runs.judging.ruler import Ruler, ruler_of
from daily_runs.records import attempt_inputs, attempts, routes
from daily_runs.records.attempt_inputs import AttemptInputs
from daily_runs.records.run import Attempt, Report
from daily_runs.stages import inference, judging, limit_probe, publishing, seed_check, validation
from daily_runs.stages.work import Stage, Work
from daily_runs.statuses import Rerun
from daily_runs.store.database import Store
from daily_runs.store.exclusive import exclusive

STAGES: Mapping[str, Stage] = MappingProxyType(
    {
        "seed_check": seed_check.run,
        "limit_probe": limit_probe.run,
        "inference": inference.run,
        "judging": judging.run,
        "validation": validation.run,
        "publish": publishing.run,
    }
)
"""Every stage by name, in order."""

MAPPED = frozenset({"inference", "judging"})
"""Stages that are done shard by shard."""


def work_for(
    store: Store,
    catalogue: Catalogue,
    attempt: Attempt,
    connect: Connect,
    *,
    shard: int | None = None,
    settled: Callable[[int], None] = lambda _count: None,
    watch: Callable[[], Declared] | None = None,
) -> Work:
    """What a stage needs to work on an attempt.

    Raises:
        CatalogueError: provenance, data set, rubric, judge (its model, effort, thinking) or the words of its prompt are
            not those that the attempt was opened with: its rows would say one thing and hold another.
    """
    feature = feature_named(catalogue, attempt.key.feature)
    items = dataset.load_feature_dataset(feature)
    opened_with = attempt_inputs.inputs_of(store, attempt.attempt_id)
    rubric = _rubric(feature, opened_with.ruler.rubric_version)
    ruler = ruler_of(rubric.version, catalogue.judge)
    if attempt.rerun is Rerun.GATE_AND_PUBLISH:  # nothing is judged, whoever judges today
        ruler = opened_with.ruler._replace(rubric_version=rubric.version)
    provenance = catalogue.environments[attempt.key.environment].provenance
    _must_be_unchanged(attempt, opened_with, AttemptInputs(provenance, dataset_sha256(items), ruler))
    used = attempts.items_used(store, attempt.attempt_id)
    return Work(
        attempt=attempt,
        catalogue=catalogue,
        feature=feature,
        items={item.id: item for item in items if item.id in used},
        rubric=rubric,
        store=store,
        connect=connect,
        shard=shard,
        settled=settled,
        watch=watch,
    )


def _must_be_unchanged(attempt: Attempt, opened_with: AttemptInputs, now: AttemptInputs) -> None:
    ruler = opened_with.ruler
    if ruler.prompt_template is None:  # opened by a version that did not record these
        ruler = now.ruler._replace(rubric_version=ruler.rubric_version, judge_model=ruler.judge_model)
    names = ("provenance", "dataset_sha256", *Ruler._fields)
    before, after = (*opened_with[:2], *ruler), (*now[:2], *now.ruler)
    for name, then, current in zip(names, before, after, strict=True):
        if then != current:
            problem = f"was {then} when attempt {attempt.attempt_id} was opened, and is {current} now"
            raise CatalogueError(f"{attempt.key.feature}: {name}", problem, "Start the run anew, from its seed check.")


def _rubric(feature: Feature, version: str) -> Rubric:
    """The feature's rubric of that version, or the catalogue's if there is none."""
    current = rubric_versions.current(feature)
    return current if current.version == version else rubric_versions.known(feature).get(version, current)


def run_stage(name: str, work: Work) -> Report:
    """Run one stage and store its report.

    Raises:
        DailyRunsError: whatever the stage raises; what it stored until then is kept.
    """
    started = time.monotonic()
    with exclusive(work.store, attempts.lock_name(name, work.attempt.attempt_id), work.shard):
        routes.goes_on(work.store, work.attempt.attempt_id)
        report = STAGES[name](work)
    attempts.save_report(work.store, work.attempt, work.shard, report, time.monotonic() - started)
    return report


def run_all(work: Work, begins: Callable[[str, int], Callable[[int], None]]) -> Iterator[Report]:
    """Run the stages one after the other in this process.

    `begins` is called with a stage's name and the prompts it will settle, and returns what to call as it settles them.
    """
    for name in STAGES:
        yield run_stage(name, replace(work, settled=begins(name, work.attempt.asked)))
