"""What an attempt was opened with beside its prompts: it must not change while the attempt lasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from daily_runs.judging.ruler import Ruler
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection


class AttemptInputs(NamedTuple):
    """What an attempt's rows depend on beside the answers."""

    provenance: str
    dataset_sha256: str
    ruler: Ruler


class JudgingOrder(NamedTuple):
    """How an attempt's answers are judged: in which judging (the id of the attempt that ordered it), how often each."""

    judging_id: str
    repeats: int


_RULER = ", ".join(Ruler._fields)
_INPUTS = f"SELECT provenance, dataset_sha256, {_RULER} FROM daily_runs.attempt WHERE attempt_id = %(id)s"  # noqa: S608 - names from above
_ADOPT = """
UPDATE daily_runs.attempt SET judge_effort = %(judge_effort)s, judge_thinking = %(judge_thinking)s,
                              prompt_template = %(prompt_template)s
WHERE attempt_id = %(id)s
"""
_KEEP_TRIES = """
INSERT INTO daily_runs.given_up_call (attempt_id, prompt_id, ended_at, tries)
SELECT attempt_id, prompt_id, coalesce(settled_at, sent_at, now()), tries FROM daily_runs.judgement
WHERE attempt_id = %s AND status <> 'scored' AND tries > 0
"""
_GIVE_UP_SECOND = """
WITH nobody AS (SELECT gen_random_uuid() AS judging_id)
UPDATE daily_runs.second_verdict s SET judging_id = nobody.judging_id FROM nobody WHERE s.judging_id = %s
"""
"""They stay with the attempt that paid for them, in a judging that no attempt goes on with."""
_ADOPT_UNJUDGED = (
    _ADOPT
    + """
      AND prompt_template IS NULL AND judge_model = %(judge_model)s AND rubric_version = %(rubric_version)s
      AND NOT EXISTS (
          SELECT FROM daily_runs.judgement j WHERE j.attempt_id = attempt.attempt_id AND j.status <> 'sent')
"""
)


def ruler_in(row: Mapping[str, Any]) -> Ruler:
    """The ruler in a row of attempts."""
    return Ruler(*(row[name] for name in Ruler._fields))


def inputs_of(store: Store, attempt_id: str) -> AttemptInputs:
    """What an attempt was opened with."""
    row = store.row(_INPUTS, {"id": attempt_id})
    return AttemptInputs(row["provenance"], row["dataset_sha256"], ruler_in(row))


def judging_order(store: Store, attempt_id: str) -> JudgingOrder:
    """In which judging the attempt's verdicts are made, and how many on each answer."""
    row = store.row(
        "SELECT coalesce(judging_id, attempt_id)::text AS judging_id, judge_repeats AS repeats FROM daily_runs.attempt"
        " WHERE attempt_id = %(id)s",
        {"id": attempt_id},
    )
    return JudgingOrder(**row)


def adopt(connection: Connection, attempt_id: str, ruler: Ruler) -> None:
    """Have all answers of an attempt judged by another effort or template: verdicts of two are never one mean.

    Its answers stay. What was judged of them is judged again, inside the caller's transaction; what was paid for that
    stays counted: its verdicts name the attempt, and calls without one are kept beside.
    """
    connection.execute(_KEEP_TRIES, [attempt_id])
    connection.execute(_GIVE_UP_SECOND, [attempt_id])
    connection.execute("DELETE FROM daily_runs.judgement WHERE attempt_id = %s", [attempt_id])
    connection.execute("DELETE FROM daily_runs.ruler_watch WHERE attempt_id = %s", [attempt_id])
    connection.execute(_ADOPT, {"id": attempt_id, **ruler._asdict()})


def record_if_unknown(store: Store, attempt_id: str, ruler: Ruler) -> None:
    """Say what an attempt is judged with that was opened by a version that did not, as long as nothing of it is judged.

    One that is half judged by that version stays unknown, and is comparable with nothing.
    """
    store.rows(_ADOPT_UNJUDGED, {"id": attempt_id, **ruler._asdict()})
