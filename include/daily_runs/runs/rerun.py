"""Doing a run again without paying for what it has: a new attempt takes over from the run's newest one with answers
(see `reruns.base_for`).

| rerun | takes over | does anew |
|---|---|---|
| missing_answers | answers, verdicts, tickets | prompts without an answer, answers without a verdict, gate, publish |
| judge_again | answers and failures | judging: a new verdict on each answer, paid anew; gate, publish |
| gate_and_publish | answers, failures, judgements | gate and publish; nothing is sent |

Judging again by another rubric than the catalogue's is a trial: it takes over the same, into a run of its own.

What is taken over stays as it was, times, tokens and provider included. The attempt before stays published until the
new one passes the gate.
"""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from daily_runs import dataset
from daily_runs.catalogue.catalogue import Catalogue, feature_named
from daily_runs.catalogue.features import Feature
from daily_runs.dataset import dataset_sha256
from daily_runs.errors import ParameterError
from daily_runs.judging import rubric_versions
from daily_runs.records import reruns
from daily_runs.records.attempts import AttemptPlan
from daily_runs.records.gate import GateOverride
from daily_runs.records.reruns import Base
from daily_runs.records.run import Attempt, RunKey
from daily_runs.runs import catalogue_facts, opening
from daily_runs.runs.rerun_ruler import judging_for, ruler_for
from daily_runs.statuses import Rerun
from daily_runs.store.database import Store

ASK_ALL = f"Choose rerun: {Rerun.ALL}"


class RerunOrder(NamedTuple):
    """An execution of one run; `prompts`, `only` and `anew` are for those that ask all (see `Form`, `AttemptPlan`).

    `key`: the run that somebody named; `keys_of` says under which one the attempt is opened.
    `override`: what `gate_and_publish` is to do where the gate blocks the run.
    """

    key: RunKey
    rerun: Rerun = Rerun.ALL
    prompts: int | None = None
    only: str = ""
    rubric_version: str = ""
    airflow_run_id: str | None = None
    note: str = ""
    anew: bool = False
    override: GateOverride | None = None


class RerunKeys(NamedTuple):
    """Whose answers a rerun takes over, and the run whose attempt it opens: two runs where it is a new trial."""

    taken_from: RunKey
    opened: RunKey


def keys_of(feature: Feature, order: RerunOrder) -> RerunKeys:
    """Keep a trial of a rubric apart from the run that it judges, whose scores it would replace under the same key.

    Raises:
        ParameterError: no such rubric, or the key is of another rubric's trial.
    """
    key = order.key
    if order.rerun is not Rerun.JUDGE_AGAIN or not order.rubric_version:
        return RerunKeys(key, key)
    version = rubric_versions.named(feature, order.rubric_version).version
    if key.trial not in ("", version):
        problem = f"{version} is not the rubric of {key}"
        raise ParameterError("rubric_version", problem, f"Name {key.untried} to try it, or leave it empty.")
    if not key.trial and version == rubric_versions.current(feature).version:
        return RerunKeys(key, key)
    return RerunKeys(key.untried, key.tried(version))


def open_attempt(store: Store, catalogue: Catalogue, order: RerunOrder) -> Attempt:
    """Open an attempt that does what is ordered, or go on with the one that does it already.

    Raises:
        ParameterError: see `opening.plan`, `keys_of` and `plan_of`.
        StageError: somebody works on the run's unfinished attempt, which this one would end.
        AccessError: the store holds rows of the other provenance.
    """
    if order.rerun is Rerun.ALL:
        return opening.plan(
            store,
            catalogue,
            order.key,
            limit=order.prompts,
            only=order.only,
            airflow_run_id=order.airflow_run_id,
            note=order.note,
            anew=order.anew,
        )
    provenance = catalogue.environments[order.key.environment].provenance
    keys = keys_of(feature_named(catalogue, order.key.feature), order)
    return reruns.open_rerun(
        store, keys.opened, provenance, order.rerun, lambda *found: plan_of(catalogue, order, *found), keys.taken_from
    )


def plan_of(catalogue: Catalogue, order: RerunOrder, base: Base | None, earlier: Base | None = None) -> AttemptPlan:
    """What the rerun's attempt is to do.

    Args:
        base: the attempt to take over from.
        earlier: the newest attempt of the run that is opened; it is the base unless that run is a new trial.

    Raises:
        ParameterError: the base has nothing to take over, or not all that it needs; or its data set, rubric or
            judge is not that of today, where the new rows would be mixed with the old ones.
    """
    feature = feature_named(catalogue, order.key.feature)
    keys = keys_of(feature, order)
    if base is None:
        problem = f"{keys.taken_from} has no answers to take over"
        raise ParameterError("rerun", problem, f"{ASK_ALL}, or name another run.")
    _must_be_of_todays_data(feature, base)
    _must_be_whole(order.rerun, base)
    ruler = ruler_for(catalogue, feature, order.rerun, keys.opened.trial or order.rubric_version, base)
    repeats, judging_id = judging_for(feature, order.rerun, base if keys.opened == keys.taken_from else earlier)
    parts = [base.plan_hash, base.attempt_id, order.rerun, ruler.rubric_version, ruler.judge_model]
    parts += order.override or ()
    return AttemptPlan(
        key=keys.opened,
        prompts=(),
        shards=base.shards,
        plan_hash=hashlib.sha256(json.dumps(parts).encode()).hexdigest(),
        provenance=catalogue.environments[order.key.environment].provenance,
        dataset_sha256=base.dataset_sha256,
        **ruler._asdict(),
        judge_repeats=repeats,
        judging_id=judging_id,
        airflow_run_id=order.airflow_run_id,
        note=order.note,
        rerun=order.rerun,
        taken_over_from=base.attempt_id,
        selection_sha256=base.selection_sha256,
        terms=catalogue_facts.terms_of(catalogue, feature, order.key.environment),
        override=order.override,
    )


def _must_be_of_todays_data(feature: Feature, base: Base) -> None:
    if dataset_sha256(dataset.load_feature_dataset(feature)) != base.dataset_sha256:
        problem = f"the data set changed since attempt {base.attempt_id}: its answers are to other prompts"
        raise ParameterError("rerun", problem, f"{ASK_ALL}, or bring that data set back.")


def _must_be_whole(rerun: Rerun, base: Base) -> None:
    """A rerun that sends nothing needs every prompt settled; one that does not judge needs every answer judged."""
    if rerun is not Rerun.MISSING_ANSWERS and base.unsettled:
        problem = f"{base.unsettled} of {base.asked} prompts of attempt {base.attempt_id} were never settled"
        raise ParameterError("rerun", problem, f"Choose rerun: {Rerun.MISSING_ANSWERS}.")
    if rerun is Rerun.GATE_AND_PUBLISH and base.unjudged:
        problem = f"{base.unjudged} of {base.answered} answers of attempt {base.attempt_id} were never judged"
        raise ParameterError("rerun", problem, f"Choose rerun: {Rerun.JUDGE_AGAIN}.")
