"""Looks up what an order will ask, reuse, judge and spend. It opens nothing and writes nothing.

It decides by the functions that open the attempt (`attempts.goes_on_with`, `reruns.decided`, `rerun.plan_of`) and
counts by the conditions that take rows over, in a transaction that may only read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature
from daily_runs.judging.verdict import NOT_AGAIN
from daily_runs.readiness.limits.weighing import month_of
from daily_runs.records import attempt_inputs, attempts, promised, reruns
from daily_runs.records.attempts import AttemptPlan
from daily_runs.records.gate import GateOverride
from daily_runs.records.promised import PromptBefore
from daily_runs.records.run import RunKey
from daily_runs.runs import opening, rerun, routing, trigger_form
from daily_runs.runs.rerun import RerunOrder
from daily_runs.runs.target import target_of
from daily_runs.runs.trigger_form import Form
from daily_runs.stages.orders.explanation import Explanation, PromisedWork, explained, work_anew, work_of
from daily_runs.stages.verdicts import frozen
from daily_runs.stages.verdicts.second import is_chosen
from daily_runs.statuses import JudgementStatus, Rerun
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection, Row
from daily_runs.store.provenance import check_provenance


def explain(store: Store, catalogue: Catalogue, order: RerunOrder) -> Explanation:
    """What `rerun.open_attempt` of this order, and the stages after it, will do.

    Raises:
        ParameterError, StageError, AccessError, DatasetError, CatalogueError: the order would be refused so.
    """
    check_provenance(store, catalogue.environments[order.key.environment].provenance)
    found = _explained(store, catalogue, order)
    feature, own = catalogue.features[order.key.feature], found.taken_from if found.goes_on else found.ends
    return found._replace(month=month_of(store, catalogue, feature, order.key.environment, own))


def _explained(store: Store, catalogue: Catalogue, order: RerunOrder) -> Explanation:
    """Without how the month stands."""
    if order.rerun is Rerun.ALL:
        return _of_all(store, catalogue, order)
    keys = rerun.keys_of(catalogue.features[order.key.feature], order)
    with _only_reading(store) as connection:
        plan, base, earlier, unfinished = reruns.decided(
            connection, keys.opened, lambda *found: rerun.plan_of(catalogue, order, *found), keys.taken_from
        )
        judged_before = reruns.gone_on_with(earlier, plan)
        kept = reruns.what_is_kept(base, plan)
        prompts = _prompts(connection, catalogue, kept, judged_before, plan.judging_id)
    work = _work(store, catalogue, plan, prompts, judged_before)
    ends = unfinished["attempt_id"] if unfinished else None
    return explained(plan, work, taken_from=base.attempt_id, goes_on=False, ends=ends)


def explain_form(
    store: Store, catalogue: Catalogue, feature: Feature, form: Form, moment: dt.datetime, *, by: str
) -> list[Explanation]:
    """What a DAG run that somebody triggers with this form will do, one explanation for each environment.

    Where the form leaves the environment to the phase, staging's readiness may still change it.

    Args:
        moment: the logical date where the form names no run (aware).
        by: who would override the gate, if the form does.

    Raises:
        ParameterError, StageError, AccessError, DatasetError, CatalogueError: the order would be refused so.
    """
    trigger_form.check(catalogue, feature, form)
    date, sample, done_in = moment, "", None
    if form.is_about_a_run:
        target = target_of(store, catalogue, feature, form, moment, manual=True)
        date, sample, done_in = target.logical_date, target.sample, target.environments
    opening.check_date(feature, date)
    plan = routing.planned(feature, date, form.environment, done_in if form.is_rerun else None)
    environments = plan.environments if plan.sent_to is None else plan.sent_to
    orders = [
        RerunOrder(
            RunKey(feature.feature, environment, date, sample if form.is_rerun else ""),
            form.rerun,
            prompts=form.prompts,
            only=form.only,
            rubric_version=form.rubric_version,
            note=form.note,
            anew=True,
            override=GateOverride(form.override_gate, by) if form.override_gate else None,
        )
        for environment in environments
    ]
    return [explain(store, catalogue, order) for order in orders]


def _of_all(store: Store, catalogue: Catalogue, order: RerunOrder) -> Explanation:
    new = opening.planned(catalogue, order.key, limit=order.prompts, only=order.only)
    plan = new._replace(airflow_run_id=order.airflow_run_id, note=order.note, anew=order.anew)
    with _only_reading(store) as connection:
        unfinished = attempts.unfinished_of(connection, str(plan.key))
        goes_on = unfinished is not None and attempts.goes_on_with(connection, unfinished, plan)
        prompts = _left_by(connection, catalogue, unfinished, plan) if unfinished and goes_on else []
    if unfinished and goes_on:
        plan = plan._replace(judge_repeats=unfinished["judge_repeats"])
        attempt_id = unfinished["attempt_id"]
        watched = attempt_id if attempt_inputs.ruler_in(unfinished) == plan.ruler else None
        work = _work(store, catalogue, plan, prompts, watched)
        return explained(plan, work, taken_from=attempt_id, goes_on=True, ends=None)
    count = frozen.still_to_judge(store, catalogue, plan, None, has_open=True)
    work = work_anew(plan, frozen=count, chosen=_chosen(catalogue, plan, (one.prompt_id for one in plan.prompts)))
    ends = unfinished["attempt_id"] if unfinished else None
    return explained(plan, work, taken_from=None, goes_on=False, ends=ends)


def _left_by(connection: Connection, catalogue: Catalogue, unfinished: Row, plan: AttemptPlan) -> list[PromptBefore]:
    """The prompts of an unfinished attempt that is gone on with; with another ruler, all is judged again."""
    alike = attempt_inputs.ruler_in(unfinished) == plan.ruler
    done = [JudgementStatus.SCORED, JudgementStatus.UNSCORED] if alike else []
    kept = {"base": unfinished["attempt_id"], "failed_anew": False, "judgements": done}
    judged_before = unfinished["attempt_id"] if alike else None
    return _prompts(connection, catalogue, kept, judged_before, unfinished["judging_id"])


@contextmanager
def _only_reading(store: Store) -> Iterator[Connection]:
    """One snapshot in which nothing can be written."""
    with store.transaction() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield connection


def _prompts(
    connection: Connection,
    catalogue: Catalogue,
    kept: dict[str, Any],
    judged_before: str | None,
    judging_id: str | None,
) -> list[PromptBefore]:
    return promised.prompts_before(
        connection,
        kept,
        gone_on_with=judged_before,
        judging_id=judging_id,
        second_model=catalogue.judge.second_model,
        not_again=NOT_AGAIN,
    )


def _work(
    store: Store, catalogue: Catalogue, plan: AttemptPlan, prompts: list[PromptBefore], judged_before: str | None
) -> PromisedWork:
    chosen = _chosen(catalogue, plan, (one.prompt_id for one in prompts))
    found = work_of(prompts, plan, frozen=0, chosen=chosen)
    has_open = found.judge + found.ask + found.collect > 0
    return found._replace(
        frozen_verdicts=frozen.still_to_judge(store, catalogue, plan, judged_before, has_open=has_open)
    )


def _chosen(catalogue: Catalogue, plan: AttemptPlan, prompt_ids: Iterable[str]) -> set[str]:
    """The prompts that a second judge judges, too."""
    share = catalogue.features[plan.key.feature].second_judge_share
    return {one for one in prompt_ids if share and catalogue.judge.second_model and is_chosen(one, share)}
