"""Rows of runs and attempts: opening one, resuming an unfinished one, ending it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.errors import ParameterError, StageError
from daily_runs.judging.ruler import Ruler
from daily_runs.records import attempt_inputs, gate
from daily_runs.records.catalogue_rows import AttemptTerms, save_terms
from daily_runs.records.run import Attempt, Prompt, Report, RunKey
from daily_runs.statuses import AttemptStatus, Rerun
from daily_runs.store.database import Store
from daily_runs.store.exclusive import is_free
from daily_runs.store.pool import Connection, Row
from daily_runs.store.provenance import _must_be_of_one_provenance

PAYING_STAGES = ("inference", "judging")


class AttemptPlan(NamedTuple):
    """What an attempt is to do; `plan_hash` makes two executions the same work.

    `rerun` and `taken_over_from` (an attempt's id): see `daily_runs.runs.rerun`. `anew`: a person ordered to pay for
    every prompt again, whatever an unfinished attempt has. `selection_sha256`: which prompts (see `records.run`); None
    where an attempt that was opened before it was recorded is taken over. `judge_effort`, `judge_thinking`,
    `prompt_template`: see `judging.ruler`. `judging_id`: the attempt whose verdicts these go on with; None = a new
    judging. `terms` None: they are unknown. `override`: publish it although the gate blocks it.
    """

    key: RunKey
    prompts: Sequence[Prompt]
    shards: int
    plan_hash: str
    provenance: str
    dataset_sha256: str
    rubric_version: str
    judge_model: str
    airflow_run_id: str | None
    note: str
    rerun: Rerun = Rerun.ALL
    taken_over_from: str | None = None
    anew: bool = False
    selection_sha256: str | None = None
    judge_effort: str | None = None
    judge_thinking: str | None = None
    prompt_template: str | None = None
    judge_repeats: int = 1
    judging_id: str | None = None
    terms: AttemptTerms | None = None
    override: gate.GateOverride | None = None

    @property
    def ruler(self) -> Ruler:
        """What its answers are measured with."""
        return attempt_inputs.ruler_in(self._asdict())


_NEW_ATTEMPT = """
INSERT INTO daily_runs.attempt (run_key, plan_hash, asked, shards, provenance, dataset_sha256,
selection_sha256, rubric_version, judge_model, judge_effort, judge_thinking, prompt_template, judge_repeats, judging_id,
airflow_run_id, note, redo, taken_over_from)
VALUES (%(run_key)s, %(plan_hash)s, %(asked)s, %(shards)s, %(provenance)s, %(dataset_sha256)s,
        %(selection_sha256)s, %(rubric_version)s, %(judge_model)s, %(judge_effort)s, %(judge_thinking)s,
        %(prompt_template)s, %(judge_repeats)s, %(judging_id)s, %(airflow_run_id)s, %(note)s, %(rerun)s,
        %(taken_over_from)s)
RETURNING attempt_id::text
"""


def open_attempt(store: Store, plan: AttemptPlan) -> Attempt:
    """Resume the run's unfinished attempt if it does the same work, else supersede it and open a new one.

    One that was judged with another effort or template is resumed, too, and judged again (`attempt_inputs.adopt`). The
    prompts are written here, before any paid call.

    Raises:
        AccessError: the store holds rows of the other provenance: live and sandbox never share one.
        ParameterError: a rerun of what this DAG run asked is unfinished; asking all again would end it and pay for
            every prompt. Or the data set changed since prompts of the unfinished attempt were paid, and nobody ordered
            to pay anew.
        StageError: somebody works on the unfinished attempt. In either case nothing was changed.
    """
    run_key = str(plan.key)
    with store.transaction() as connection:
        take_run(connection, store, plan.key, plan.provenance)
        if plan.key.sample:
            _adopt_older_sample(connection, plan)
        unfinished = unfinished_of(connection, run_key)
        if unfinished and goes_on_with(connection, unfinished, plan):
            if attempt_inputs.ruler_in(unfinished) != plan.ruler:
                attempt_inputs.adopt(connection, unfinished["attempt_id"], plan.ruler)
            return Attempt(unfinished["attempt_id"], plan.key, len(plan.prompts), unfinished["shards"], resumed=True)
        if unfinished:
            end_attempt(connection, unfinished["attempt_id"], AttemptStatus.SUPERSEDED)
        attempt_id = insert_attempt(connection, plan, len(plan.prompts))
        columns = "COPY daily_runs.answer (attempt_id, prompt_id, item_id, shard) FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(columns) as copy:
            for prompt in plan.prompts:
                copy.write_row((attempt_id, *prompt))
    return Attempt(attempt_id, plan.key, len(plan.prompts), plan.shards, resumed=False)


def goes_on_with(connection: Connection, unfinished: Row, plan: AttemptPlan) -> bool:
    """Whether a plan that asks all goes on with the run's unfinished attempt; else it ends that one. Only looks.

    Raises:
        ParameterError, StageError: it may do neither; see `open_attempt`.
    """
    is_alike: bool = unfinished["plan_hash"] == plan.plan_hash
    if not is_alike:
        _must_not_be_its_rerun(connection, unfinished, plan)
        _must_not_drop_what_was_paid(connection, unfinished, plan)
    if not is_alike or attempt_inputs.ruler_in(unfinished) != plan.ruler:
        must_be_idle(connection, unfinished["attempt_id"])
    return is_alike


def _adopt_older_sample(connection: Connection, plan: AttemptPlan) -> None:
    """Move an unfinished sample that stands under the full run's key, as all did before samples had keys of their own.

    Its paid answers would be asked again otherwise, and its rows would replace the full run's.
    """
    connection.execute(
        "UPDATE daily_runs.attempt SET run_key = %s WHERE run_key = %s AND plan_hash = %s AND status = 'running'",
        [str(plan.key), str(plan.key._replace(sample="")), plan.plan_hash],
    )


def take_run(connection: Connection, store: Store, key: RunKey, provenance: str) -> None:
    """Lock a run, made if it is new, until the caller's transaction ends: one attempt of it is opened at a time.

    Raises:
        AccessError: the store holds rows of the other provenance.
    """
    _must_be_of_one_provenance(connection, store, provenance)
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(key)])
    connection.execute(
        "INSERT INTO daily_runs.run (run_key, feature, environment, logical_date, sample) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        [str(key), *key],
    )


def unfinished_of(connection: Connection, run_key: str) -> Row | None:
    """The run's attempt that is running, if one is."""
    return connection.execute(
        "SELECT attempt_id::text, plan_hash, asked, shards, airflow_run_id, redo AS rerun, dataset_sha256,"
        " rubric_version, judge_model, judge_effort, judge_thinking, prompt_template, judge_repeats,"
        " coalesce(judging_id, attempt_id)::text AS judging_id"
        " FROM daily_runs.attempt WHERE run_key = %s AND status = 'running'",
        [run_key],
    ).fetchone()


def insert_attempt(connection: Connection, plan: AttemptPlan, asked: int) -> str:
    """A new attempt that is running, still without prompts; returns its id."""
    row = connection.execute(_NEW_ATTEMPT, {"run_key": str(plan.key), "asked": asked, **plan._asdict()}).fetchone()
    assert row is not None
    if plan.terms:
        save_terms(connection, row["attempt_id"], plan.terms)
    if plan.override:
        gate.insert_override(connection, row["attempt_id"], plan.override)
    return str(row["attempt_id"])


def end_attempt(connection: Connection, attempt_id: str, status: AttemptStatus) -> None:
    """Mark an attempt `published`, `quarantined` or `superseded`, inside the caller's transaction."""
    connection.execute(
        "UPDATE daily_runs.attempt SET status = %s, ended_at = now() WHERE attempt_id = %s", [status, attempt_id]
    )


_LINE = """
WITH RECURSIVE line AS (
    SELECT * FROM daily_runs.attempt WHERE attempt_id = %(attempt)s
    UNION SELECT t.* FROM daily_runs.attempt t JOIN line ON t.attempt_id = line.taken_over_from)
SELECT attempt_id FROM line
WHERE attempt_id <> %(attempt)s AND airflow_run_id = %(airflow_run_id)s AND plan_hash = %(plan_hash)s LIMIT 1
"""


def _must_not_be_its_rerun(connection: Connection, unfinished: Row, plan: AttemptPlan) -> None:
    """Refuse to reopen the original run while its rerun is unfinished: it would pay for every prompt again."""
    given = {"attempt": unfinished["attempt_id"], "airflow_run_id": plan.airflow_run_id, "plan_hash": plan.plan_hash}
    if connection.execute(_LINE.encode(), given).fetchone() is None:
        return
    opener = unfinished["airflow_run_id"] or "the command line"
    problem = (
        f"attempt {unfinished['attempt_id']} (rerun: {unfinished['rerun']}, by {opener}) does this run again already"
    )
    remedy = f"Go on there. To pay for every prompt once more, start a new run by the form with rerun: {Rerun.ALL}."
    raise ParameterError("rerun", problem, remedy)


_PAID = """
SELECT count(*)::int AS paid FROM daily_runs.answer
WHERE attempt_id = %(attempt)s AND (status = 'answered' OR ticket IS NOT NULL)
"""


def _must_not_drop_what_was_paid(connection: Connection, unfinished: Row, plan: AttemptPlan) -> None:
    """Answers to another data set cannot be taken over, so that a changed file would throw them away silently."""
    same_run = plan.airflow_run_id is not None and plan.airflow_run_id == unfinished["airflow_run_id"]
    if unfinished["dataset_sha256"] == plan.dataset_sha256 or (plan.anew and not same_run):
        return
    row = connection.execute(_PAID.encode(), {"attempt": unfinished["attempt_id"]}).fetchone()
    if row is None or not row["paid"]:
        return
    problem = f"it changed since {row['paid']} prompts of unfinished attempt {unfinished['attempt_id']} were paid"
    remedy = (
        "Bring that data set back and go on there. To pay for every prompt once more, start a new run by the form with"
        f" run: {plan.key.logical_date:%Y-%m-%dT%H:%M:%SZ} and rerun: {Rerun.ALL}, or by daily-runs run --rerun"
        f" {Rerun.ALL}."
    )
    raise ParameterError("data set", problem, remedy)


def must_be_idle(connection: Connection, attempt_id: str) -> None:
    """See that nobody works on an attempt that is to be ended, until the caller's transaction ends.

    Whoever still sends for it would have answers come in, and paid, that no other attempt has.

    Raises:
        StageError: somebody works on it.
    """
    for stage in PAYING_STAGES:
        if not is_free(connection, lock_name(stage, attempt_id)):
            raise StageError(
                f"attempt {attempt_id} is being worked on now ({stage}). Nothing was changed: let it end, or stop it,"
                " and run this again."
            )


def lock_name(stage: str, attempt_id: str) -> str:
    """What a worker of a stage holds while it works on an attempt."""
    return f"{stage} of attempt {attempt_id}"


def base_of(store: Store, attempt_id: str) -> str | None:
    """Id of the attempt from which a rerun's attempt took over; None of one that asks all."""
    query = "SELECT taken_over_from::text AS base FROM daily_runs.attempt WHERE attempt_id = %(id)s"
    found: str | None = store.row(query, {"id": attempt_id})["base"]
    return found


def find_attempt(store: Store, attempt_id: str) -> Attempt:
    """An attempt by id, as stages that run in other processes need it."""
    row = store.row(
        "SELECT * FROM daily_runs.attempt JOIN daily_runs.run USING (run_key) WHERE attempt_id = %(id)s",
        {"id": attempt_id},
    )
    key = RunKey(row["feature"], row["environment"], row["logical_date"], row["sample"])
    return Attempt(attempt_id, key, row["asked"], row["shards"], resumed=True, rerun=Rerun(row["redo"]))


def save_report(store: Store, attempt: Attempt, shard: int | None, report: Report, seconds: float) -> None:
    """Store what a stage did; a later execution of the same stage and shard replaces it."""
    store.rows(
        """
        INSERT INTO daily_runs.stage_report
        VALUES (%(attempt)s, %(stage)s, %(shard)s, %(asked)s, %(answered)s, %(failed)s, %(missing)s, %(seconds)s,
                %(details)s)
        ON CONFLICT (attempt_id, stage, shard) DO UPDATE SET
            asked = EXCLUDED.asked, answered = EXCLUDED.answered, failed = EXCLUDED.failed, missing = EXCLUDED.missing,
            seconds = EXCLUDED.seconds, details = EXCLUDED.details, ended_at = now()
        """,
        {
            "attempt": attempt.attempt_id,
            "stage": report.stage,
            "shard": shard or 0,
            "asked": report.asked,
            "answered": report.answered,
            "failed": report.failed,
            "missing": report.missing,
            "seconds": seconds,
            "details": json.dumps(dict(report.details)),
        },
    )


def reports(store: Store, attempt_id: str) -> list[Row]:
    """Every stage's counts, summed over its shards, in the order in which the stages ended."""
    return store.rows(
        """
        SELECT stage, sum(asked)::int AS asked, sum(answered)::int AS answered, sum(failed)::int AS failed,
               sum(missing)::int AS missing, max(seconds) AS longest_seconds, count(*)::int AS tasks
        FROM daily_runs.stage_report WHERE attempt_id = %(attempt)s GROUP BY stage ORDER BY max(ended_at)
        """,
        {"attempt": attempt_id},
    )


def items_used(store: Store, attempt_id: str) -> set[str]:
    """Ids of the data set's items that an attempt asks about."""
    query = "SELECT DISTINCT item_id FROM daily_runs.answer WHERE attempt_id = %(attempt)s"
    return {row["item_id"] for row in store.rows(query, {"attempt": attempt_id})}
