"""Rows of reruns: which attempt of a run has answers to take over, and an attempt that takes them over.

All of it happens under the run's lock in one transaction, so that no prompt is in two attempts that both may send.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, NamedTuple

from daily_runs.judging.ruler import Ruler
from daily_runs.records import frozen_judgings
from daily_runs.records.attempt_inputs import ruler_in
from daily_runs.records.attempts import (
    AttemptPlan,
    end_attempt,
    insert_attempt,
    must_be_idle,
    take_run,
    unfinished_of,
)
from daily_runs.records.run import Attempt, RunKey
from daily_runs.statuses import AttemptStatus, Rerun
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection, Row


class Base(NamedTuple):
    """An attempt to take over from, and its prompts by what became of them.

    `unsettled` have neither answer nor failure, `unjudged` an answer but no judgement.
    """

    attempt_id: str
    status: AttemptStatus
    rerun: Rerun
    plan_hash: str
    dataset_sha256: str
    selection_sha256: str | None
    rubric_version: str
    judge_model: str
    judge_effort: str | None
    judge_thinking: str | None
    prompt_template: str | None
    judge_repeats: int
    judging_id: str
    shards: int
    asked: int
    answered: int
    failed: int
    unsettled: int
    unjudged: int

    @property
    def ruler(self) -> Ruler:
        """What its answers were measured with."""
        return ruler_in(self._asdict())


_BASE = """
SELECT t.attempt_id::text, t.status, t.redo AS rerun, t.plan_hash, t.dataset_sha256, t.selection_sha256,
       t.rubric_version, t.judge_model, t.judge_effort, t.judge_thinking, t.prompt_template, t.judge_repeats,
       coalesce(t.judging_id, t.attempt_id)::text AS judging_id, t.shards, t.asked,
       count(*) FILTER (WHERE n.status = 'answered')::int AS answered,
       count(*) FILTER (WHERE n.status = 'failed')::int AS failed,
       count(*) FILTER (WHERE n.status IN ('planned', 'sent'))::int AS unsettled,
       count(*) FILTER (WHERE n.status = 'answered' AND coalesce(j.status, 'sent') = 'sent')::int AS unjudged
FROM daily_runs.attempt t JOIN daily_runs.answer n USING (attempt_id)
LEFT JOIN daily_runs.judgement j USING (attempt_id, prompt_id)
WHERE t.run_key = %(run_key)s GROUP BY t.attempt_id
HAVING bool_or(n.status = 'answered') ORDER BY t.started_at DESC
"""


def base_for(store: Store, run_key: str) -> Base | None:
    """The run's newest attempt that has an answer; None when none has.

    If it asked all and broke off, an older attempt is taken instead that has the same data set, at least as many
    prompts and more answers: there the prompts that the newer one did not reach are answered. An attempt that came to
    its end is never passed over, failures or not, because somebody wanted new answers; nor is a rerun, because it holds
    what its base had.
    """
    return store.retrying(lambda connection: _base_for(connection, run_key))


def _base_for(connection: Connection, run_key: str) -> Base | None:
    rows = connection.execute(_BASE.encode(), {"run_key": run_key}).fetchall()
    found = [Base(**{**row, "status": AttemptStatus(row["status"]), "rerun": Rerun(row["rerun"])}) for row in rows]
    if not found or found[0].rerun is not Rerun.ALL or not found[0].unsettled:
        return found[0] if found else None
    newest = found[0]
    alike = [base for base in found if base.dataset_sha256 == newest.dataset_sha256 and base.asked >= newest.asked]
    return max(alike, key=lambda base: base.answered)  # of equals the first, which is the newest


def runs(store: Store, feature: str) -> list[Row]:
    """The feature's runs, newest date first, full runs before samples, and these before trials.

    Columns: `environment`, `logical_date`, `sample` (see `RunKey`), whether any attempt `has_answers`, whether one is
    `under_way`.
    """
    return store.rows(
        """
        SELECT r.environment, r.logical_date, r.sample, EXISTS (
                   SELECT FROM daily_runs.attempt t JOIN daily_runs.answer n USING (attempt_id)
                   WHERE t.run_key = r.run_key AND n.status = 'answered') AS has_answers, EXISTS (
                   SELECT FROM daily_runs.attempt t WHERE t.run_key = r.run_key AND t.status = 'running') AS under_way
        FROM daily_runs.run r WHERE r.feature = %(feature)s
        ORDER BY r.logical_date DESC, r.sample, r.environment
        """,
        {"feature": feature},
    )


def ended_since(store: Store, feature: str, logical_date: dt.datetime, moment: dt.datetime, *, but: str) -> list[Row]:
    """Attempts of a feature's date that asked all and came to their end after a moment, those of one DAG run left out.

    Columns: `attempt_id`, `environment`, `plan_hash`, `status`, `airflow_run_id` (None: of the command line).
    """
    return store.rows(
        """
        SELECT t.attempt_id::text, r.environment, t.plan_hash, t.status, t.airflow_run_id
        FROM daily_runs.attempt t JOIN daily_runs.run r USING (run_key)
        WHERE r.feature = %(feature)s AND r.logical_date = %(date)s AND t.status IN ('published', 'quarantined')
              AND t.redo = 'all' AND t.ended_at > %(moment)s AND t.airflow_run_id IS DISTINCT FROM %(but)s
        ORDER BY t.ended_at DESC
        """,
        {"feature": feature, "date": logical_date, "moment": moment, "but": but},
    )


def open_rerun(
    store: Store,
    key: RunKey,
    provenance: str,
    rerun: Rerun,
    decide: Callable[[Base | None, Base | None], AttemptPlan],
    taken_from: RunKey,
) -> Attempt:
    """Open an attempt that takes over from a run's newest one with answers, or go on with the one opened before.

    A task that is tried again goes on with what its DAG run opened, as long as data set, rubric and judge are still
    those. Any other rerun takes over anew, so that what failed in the last one is asked again.

    Args:
        key: of the run whose attempt is opened.
        decide: makes the plan (its prompts stay empty: they are the base's), or refuses what cannot be done. It gets
            the base, and the newest attempt with answers of the run that is opened.
        taken_from: the run whose answers are taken over: the same one, or the one that a trial judges. A trial
            leaves that run alone, because it needs every prompt settled and so has none that both might send.

    Raises:
        StageError: the run's unfinished attempt is being worked on; nothing was changed.
        UserError: whatever `decide` raises; nothing was changed.
    """
    with store.transaction() as connection:
        take_run(connection, store, key, provenance)
        plan, base, earlier, unfinished = decided(connection, key, decide, taken_from)
        if unfinished and _is_its_own(unfinished, plan):
            asked, shards = unfinished["asked"], unfinished["shards"]
            return Attempt(unfinished["attempt_id"], key, asked, shards, resumed=True, rerun=rerun)
        if unfinished:
            end_attempt(connection, unfinished["attempt_id"], AttemptStatus.SUPERSEDED)
        attempt_id = insert_attempt(connection, plan, base.asked)
        _take_over(connection, base, earlier, attempt_id, plan)
    return Attempt(attempt_id, key, base.asked, base.shards, resumed=False, rerun=rerun)


class RerunDecision(NamedTuple):
    """What a rerun is to do: its plan, whose rows it takes over, the newest attempt with answers of the run that is
    opened, and that run's unfinished attempt, which it goes on with or ends."""

    plan: AttemptPlan
    base: Base
    earlier: Base | None
    unfinished: Row | None


def decided(
    connection: Connection, key: RunKey, decide: Callable[[Base | None, Base | None], AttemptPlan], taken_from: RunKey
) -> RerunDecision:
    """What `open_rerun` does, from the same arguments; this only looks.

    Raises:
        StageError, UserError: see `open_rerun`.
    """
    base = _base_for(connection, str(taken_from))
    earlier = base if taken_from == key else _base_for(connection, str(key))
    plan = decide(base, earlier)
    assert base is not None  # `decide` refuses a run without answers
    unfinished = unfinished_of(connection, str(key))
    if unfinished and not _is_its_own(unfinished, plan):
        must_be_idle(connection, unfinished["attempt_id"])
    return RerunDecision(plan, base, earlier, unfinished)


def _is_its_own(unfinished: Row, plan: AttemptPlan) -> bool:
    """Opened by the same DAG run, to do the same with the same inputs."""
    same = ("airflow_run_id", "rerun", "dataset_sha256", *Ruler._fields)
    return plan.airflow_run_id is not None and all(unfinished[name] == getattr(plan, name) for name in same)


TAKEN_OVER = """
(status = 'answered' OR (status = 'failed' AND NOT %(failed_anew)s) OR (status = 'sent' AND ticket IS NOT NULL))
"""
"""A prompt with a ticket was paid for: its answer is collected if still there; else all tries but one are left."""

_ANSWERS = f"""
INSERT INTO daily_runs.answer (attempt_id, prompt_id, item_id, shard, status, tries, evaluation_user, ticket, sent_at,
                               settled_at, answer, serving_provider, serving_model, input_tokens, output_tokens,
                               error_hop, error_kind, error_blame, error_evidence, facts)
SELECT %(new)s, prompt_id, item_id, shard, status, CASE WHEN status = 'sent' THEN 1 ELSE tries END, evaluation_user,
       ticket, sent_at, settled_at, answer, serving_provider, serving_model, input_tokens, output_tokens, error_hop,
       error_kind, error_blame, error_evidence, facts
FROM daily_runs.answer
WHERE attempt_id = %(base)s AND {TAKEN_OVER}
"""  # noqa: S608 - from above

_OTHERS = """
INSERT INTO daily_runs.answer (attempt_id, prompt_id, item_id, shard)
SELECT %(new)s, prompt_id, item_id, shard FROM daily_runs.answer b
WHERE attempt_id = %(base)s AND NOT EXISTS (
    SELECT FROM daily_runs.answer n WHERE n.attempt_id = %(new)s AND n.prompt_id = b.prompt_id)
"""
"""What is asked anew: planned, as in a new attempt."""

_JUDGEMENTS = """
INSERT INTO daily_runs.judgement (attempt_id, prompt_id, verdict_key, status, tries, error_hop, error_kind, sent_at,
                                  settled_at)
SELECT %(new)s, prompt_id, verdict_key, status, tries, error_hop, error_kind, sent_at, settled_at
FROM daily_runs.judgement WHERE attempt_id = %(base)s AND status = ANY(%(judgements)s)
"""

_JUDGEMENTS_KEPT = {
    Rerun.MISSING_ANSWERS: ["scored"],
    Rerun.JUDGE_AGAIN: [],
    Rerun.GATE_AND_PUBLISH: ["scored", "unscored"],
}


def what_is_kept(base: Base, plan: AttemptPlan) -> dict[str, Any]:
    """The parameters by which rows of `base` are taken over."""
    return {
        "base": base.attempt_id,
        "failed_anew": plan.rerun is Rerun.MISSING_ANSWERS,
        "judgements": _JUDGEMENTS_KEPT[plan.rerun] if plan.ruler == base.ruler else [],
    }


def gone_on_with(earlier: Base | None, plan: AttemptPlan) -> str | None:
    """The attempt whose judging a rerun goes on with, so that its verdicts and frozen judgings count; None: a new
    judging."""
    if earlier and plan.ruler == earlier.ruler and plan.judging_id == earlier.judging_id:
        return earlier.attempt_id
    return None


def _take_over(connection: Connection, base: Base, earlier: Base | None, new: str, plan: AttemptPlan) -> None:
    parameters = {**what_is_kept(base, plan), "new": new}
    for statement in (_ANSWERS, _OTHERS, _JUDGEMENTS):
        connection.execute(statement.encode(), parameters)
    if judged_before := gone_on_with(earlier, plan):
        frozen_judgings.hand_on(connection, judged_before, new)
