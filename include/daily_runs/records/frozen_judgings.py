"""Rows of frozen judgings: how a day's judge judged the frozen answers, and which attempts that speaks for."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.errors import CallError
from daily_runs.frozen_answers import FrozenAnswer
from daily_runs.judging.ruler import Ruler
from daily_runs.judging.verdict import Verdict
from daily_runs.statuses import FrozenStatus
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection, Row
from daily_runs.store.text import storable


class FrozenOrder(NamedTuple):
    """What is judged, and with what: judgings that agree in all of it may be compared with each other."""

    feature: str
    ruler: Ruler
    answers_sha256: str

    @property
    def key(self) -> str:
        """Names all of it (SHA-256, hex)."""
        return hashlib.sha256(json.dumps([self.feature, *self.ruler, self.answers_sha256]).encode()).hexdigest()


class FrozenJudging(NamedTuple):
    """One judging of all frozen answers of a feature."""

    frozen_judging_id: str
    began_at: dt.datetime


def young_of_attempt(store: Store, attempt_id: str, key: str, hours: float) -> FrozenJudging | None:
    """The newest of the frozen judgings that speak for an attempt, if it began in the last so many hours."""
    rows = store.rows(
        f"{_YOUNG} AND EXISTS (SELECT FROM daily_runs.ruler_watch w"
        f" WHERE w.frozen_judging_id = g.frozen_judging_id AND w.attempt_id = %(attempt)s) {_NEWEST}",
        {"attempt": attempt_id, "key": key, "seconds": hours * 3600},
    )
    return FrozenJudging(**rows[0]) if rows else None


def young(store: Store, key: str, hours: float) -> FrozenJudging | None:
    """The newest frozen judging of this key that began in the last so many hours, by the store's clock; whoever began
    it, and whether or not it came to its end."""
    rows = store.rows(f"{_YOUNG} {_NEWEST}", {"key": key, "seconds": hours * 3600})
    return FrozenJudging(**rows[0]) if rows else None


_YOUNG = """
SELECT g.frozen_judging_id::text, g.began_at FROM daily_runs.frozen_judging g
WHERE g.frozen_key = %(key)s AND g.began_at > clock_timestamp() - make_interval(secs => %(seconds)s)
"""
_NEWEST = "ORDER BY g.began_at DESC LIMIT 1"
_NEW = """
INSERT INTO daily_runs.frozen_judging (frozen_key, feature, attempt_id, rubric_version, judge_model, judge_effort,
                                       judge_thinking, prompt_template, answers_sha256)
VALUES (%(key)s, %(feature)s, %(attempt)s, %(rubric_version)s, %(judge_model)s, %(judge_effort)s, %(judge_thinking)s,
        %(prompt_template)s, %(sha256)s)
RETURNING frozen_judging_id::text, began_at
"""
_PLAN = """
INSERT INTO daily_runs.frozen_verdict (frozen_judging_id, frozen_id, item_id, made, expected)
VALUES (%s, %s, %s, %s, %s)
"""


def begin(store: Store, attempt_id: str, order: FrozenOrder, answers: Sequence[FrozenAnswer]) -> FrozenJudging:
    """Write down a new frozen judging with all its answers before anything is sent. Its caller holds the lock of the
    key, so that nobody else begins one."""
    with store.transaction() as connection:
        given = {"key": order.key, "feature": order.feature, "attempt": attempt_id, "sha256": order.answers_sha256}
        row = connection.execute(_NEW.encode(), {**given, **order.ruler._asdict()}).fetchone()
        assert row is not None
        found = FrozenJudging(**row)
        connection.cursor().executemany(
            _PLAN.encode(),
            [(found.frozen_judging_id, a.id, a.item, a.made, json.dumps(a.expected)) for a in answers],
        )
    return found


def speaks_for(store: Store, frozen_judging_id: str, attempt_id: str) -> None:
    """Remember that an attempt's verdicts are of this frozen judging's day; twice is as good as once."""
    store.rows(
        "INSERT INTO daily_runs.ruler_watch VALUES (%(attempt)s, %(judging)s) ON CONFLICT DO NOTHING",
        {"attempt": attempt_id, "judging": frozen_judging_id},
    )


def hand_on(connection: Connection, base: str, new: str) -> None:
    """What speaks for the verdicts of `base` speaks for a rerun that takes them over, in the caller's transaction."""
    connection.execute(
        "INSERT INTO daily_runs.ruler_watch SELECT %s, frozen_judging_id FROM daily_runs.ruler_watch"
        " WHERE attempt_id = %s ON CONFLICT DO NOTHING",
        [new, base],
    )


def of_attempt(store: Store, attempt_id: str, hours: float) -> list[Row]:
    """The frozen judgings that speak for an attempt, oldest first: `frozen_judging_id`, `frozen_key`, `began_at`, and
    whether it began in the last so many hours (`is_young`), so that somebody may still go on with it."""
    return store.rows(
        "SELECT g.frozen_judging_id::text, g.frozen_key, g.began_at,"
        " g.began_at > clock_timestamp() - make_interval(secs => %(seconds)s) AS is_young FROM daily_runs.ruler_watch w"
        " JOIN daily_runs.frozen_judging g USING (frozen_judging_id) WHERE w.attempt_id = %(attempt)s"
        " ORDER BY g.began_at",
        {"attempt": attempt_id, "seconds": hours * 3600},
    )


_OF_VERDICTS = """
WITH watched AS (
    SELECT g.began_at FROM daily_runs.ruler_watch w JOIN daily_runs.frozen_judging g USING (frozen_judging_id)
    WHERE w.attempt_id = %(attempt)s AND g.frozen_judging_id <> ALL(%(but)s::uuid[])
), verdict AS (
    SELECT coalesce(j.status, 'sent') = 'sent' AS is_open, EXISTS (
        SELECT FROM watched
        WHERE coalesce(v.judged_at, j.settled_at) BETWEEN began_at - make_interval(secs => %(seconds)s)
                                                      AND began_at + make_interval(secs => %(seconds)s)) AS is_seen
    FROM daily_runs.answer a LEFT JOIN daily_runs.judgement j USING (attempt_id, prompt_id)
    LEFT JOIN daily_runs.verdict v USING (verdict_key) -- a judgement that takes one over is settled later than it
    WHERE a.attempt_id = %(attempt)s AND a.status = 'answered'
)
SELECT EXISTS (SELECT FROM watched) AND NOT EXISTS (SELECT FROM verdict WHERE is_open OR NOT is_seen) AS covered,
       (SELECT count(*)::int FROM verdict WHERE NOT is_open) AS verdicts,
       (SELECT count(*)::int FROM verdict WHERE NOT is_open AND is_seen) AS seen
"""


def covers(store: Store, attempt_id: str, hours: float) -> bool:
    """Whether all of an attempt is judged, and each of its verdicts came within so many hours of a frozen judging that
    speaks for it. Shards are judged side by side, so it may come before as well as after."""
    found: bool = store.row(_OF_VERDICTS, {"attempt": attempt_id, "seconds": hours * 3600, "but": []})["covered"]
    return found


def seen(store: Store, attempt_id: str, hours: float, *, but: Sequence[str] = ()) -> tuple[int, int]:
    """How many of an attempt's settled verdicts came within so many hours of a frozen judging that speaks for it, and
    how many there are. `but`: frozen judgings that are left out."""
    row = store.row(_OF_VERDICTS, {"attempt": attempt_id, "seconds": hours * 3600, "but": list(but)})
    return row["seen"], row["verdicts"]


def before(store: Store, key: str, moment: dt.datetime) -> list[Row]:
    """The frozen judgings of a key that began before a moment, oldest first; columns as above."""
    return store.rows(
        "SELECT frozen_judging_id::text, frozen_key, began_at FROM daily_runs.frozen_judging"
        " WHERE frozen_key = %(key)s AND began_at < %(moment)s ORDER BY began_at",
        {"key": key, "moment": moment},
    )


def verdicts_of(store: Store, frozen_judging_ids: Sequence[str]) -> dict[str, list[Row]]:
    """Every frozen answer of each of these judgings, in order of its id: how it was made, expected and given points,
    status, tries."""
    rows = store.rows(
        "SELECT frozen_judging_id::text, frozen_id, made, status, tries, expected, points, error_hop, error_kind"
        " FROM daily_runs.frozen_verdict WHERE frozen_judging_id = ANY(%(ids)s::uuid[]) ORDER BY frozen_id",
        {"ids": list(frozen_judging_ids)},
    )
    found: dict[str, list[Row]] = {judging_id: [] for judging_id in frozen_judging_ids}
    for row in rows:
        found[row["frozen_judging_id"]].append(row)
    return found


_REOPEN = """
WITH given_up AS (
    SELECT g.attempt_id, f.frozen_judging_id, f.frozen_id, f.settled_at, f.tries
    FROM daily_runs.frozen_verdict f JOIN daily_runs.frozen_judging g USING (frozen_judging_id)
    WHERE f.frozen_judging_id = %(judging)s AND f.status = 'unscored' AND f.error_kind <> ALL(%(but)s)
), kept AS (
    INSERT INTO daily_runs.given_up_call (attempt_id, prompt_id, ended_at, tries)
    SELECT attempt_id, frozen_id, settled_at, tries FROM given_up WHERE tries > 0
)
UPDATE daily_runs.frozen_verdict f
SET status = 'planned', tries = 0, error_hop = NULL, error_kind = NULL, settled_at = NULL
FROM given_up g WHERE (f.frozen_judging_id, f.frozen_id) = (g.frozen_judging_id, g.frozen_id)
"""


def reopen(store: Store, frozen_judging_id: str, but: Sequence[str]) -> None:
    """Let the frozen answers without a verdict be asked again, unless their kind is one of these; what they took until
    now stays counted."""
    store.rows(_REOPEN, {"judging": frozen_judging_id, "but": list(but)})


class FrozenRows:
    """Writes what becomes of the frozen answers of one judging (a `VerdictRows`).

    A frozen answer's id stands where a prompt's id and a verdict's key do, since it has one verdict a judging.
    """

    def __init__(self, store: Store, frozen_judging_id: str) -> None:
        self._store, self._judging = store, frozen_judging_id

    def _set(self, ids: Sequence[str], columns: str, **values: object) -> None:
        self._store.rows(
            f"UPDATE daily_runs.frozen_verdict SET {columns}"  # noqa: S608 - columns from below
            " WHERE frozen_judging_id = %(judging)s AND frozen_id = ANY(%(ids)s)",
            {"judging": self._judging, "ids": list(ids), **values},
        )

    def sent(self, prompt_ids: Sequence[str], key: str, tries: int | None = None) -> None:  # noqa: ARG002 - see class
        """Store the intent: from here on the call may have been paid for."""
        self._set(prompt_ids, "status = 'sent', tries = coalesce(%(tries)s, tries + 1)", tries=tries)

    def refused(self, prompt_ids: Sequence[str], tries: int) -> None:
        """The call was refused, so not paid: store only how many `tries` count."""
        self._set(prompt_ids, "tries = %(tries)s", tries=tries)

    def scored(self, prompt_ids: Sequence[str], key: str) -> None:
        """Nothing: `keep` has settled it."""

    def unscored(self, prompt_ids: Sequence[str], key: str, error: CallError) -> None:  # noqa: ARG002
        """Store that no usable verdict came, and why."""
        self._set(
            prompt_ids,
            "status = %(status)s, error_hop = %(hop)s, error_kind = %(kind)s, settled_at = clock_timestamp()",
            status=FrozenStatus.UNSCORED,
            hop=error.hop,
            kind=error.kind,
        )

    def keep(
        self,
        key: str,
        verdict: Verdict,
        ruler: Ruler,  # noqa: ARG002
        *,
        repeat: int = 1,  # noqa: ARG002
        repeat_of: str | None = None,  # noqa: ARG002
        tries: int = 1,
    ) -> None:
        """Keep a verdict that was paid for."""
        self._set(
            [key],
            "status = %(status)s, points = %(points)s, score = %(score)s, reasons = %(reasons)s, tries = %(tries)s,"
            " input_tokens = %(input_tokens)s, output_tokens = %(output_tokens)s, answered_by = %(answered_by)s,"
            " sdk_version = %(sdk_version)s, settled_at = clock_timestamp()",
            **{
                **verdict._asdict(),
                "status": FrozenStatus.SCORED,
                "points": json.dumps(verdict.points),
                "reasons": storable(verdict.reasons),
                "tries": tries,
            },
        )
