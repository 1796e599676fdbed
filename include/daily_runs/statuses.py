"""Every status the store keeps, each spelled once; the SQL's closed lists hold the same words, by test."""

from __future__ import annotations

from enum import StrEnum


class AttemptStatus(StrEnum):
    """Where an attempt stands; a run has at most one that is running and one that is published."""

    RUNNING = "running"
    QUARANTINED = "quarantined"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"


class DagRunOutcome(StrEnum):
    """What came of a DAG run, whatever became of its attempts."""

    DONE = "done"
    FAILED = "failed"
    ASKED_NOTHING = "asked_nothing"


class AnswerStatus(StrEnum):
    """Where a prompt stands; `sent` is the intent, stored before the paid call."""

    PLANNED = "planned"
    SENT = "sent"
    ANSWERED = "answered"
    FAILED = "failed"


class JudgementStatus(StrEnum):
    """Where the judging of an answer stands; unscored is an outcome of its own: not zero, not dropped."""

    SENT = "sent"
    SCORED = "scored"
    UNSCORED = "unscored"


class FrozenStatus(StrEnum):
    """Where a frozen answer stands in one frozen judging; `sent` is the intent, stored before the paid call."""

    PLANNED = "planned"
    SENT = "sent"
    SCORED = "scored"
    UNSCORED = "unscored"


class QualityVerdict(StrEnum):
    """What a comparison says of quality. `inconclusive`: the data shows neither a drop nor that there is none.

    `below_floor`: the mean itself is below what the catalogue asks for, whatever it was before.
    """

    BELOW_FLOOR = "below_floor"
    REGRESSED = "regressed"
    IMPROVED = "improved"
    NO_WORSE = "no_worse"
    INCONCLUSIVE = "inconclusive"
    INCOMPARABLE = "incomparable"


class AlarmKind(StrEnum):
    """What an alarm says: the level drifted below its reference, or daily means are under one of the owner's lines."""

    DRIFT = "drift"
    WARNING = "warning"
    PAGE = "page"


class AlarmState(StrEnum):
    """`open` until somebody says what it was: a real loss, a false alarm, or a new level that is accepted."""

    OPEN = "open"
    REAL = "real"
    FALSE = "false"
    ACCEPTED = "accepted"


class SeedStatus(StrEnum):
    """What a look found of a seed. A look that failed finds nothing: it raises."""

    BOUND = "bound"
    MISSING = "missing"
    CHANGED = "changed"
    WRONG_STATE = "wrong_state"


class LimitVerdict(StrEnum):
    """What a limit says to a run; `unknown`: the hop does not tell, which is not "no limit"."""

    FITS = "fits"
    TOO_LOW = "too_low"
    UNKNOWN = "unknown"


class LimitSource(StrEnum):
    """Who says what a limit is."""

    MEASURED = "measured"
    CATALOGUE = "catalogue"


class BreakerState(StrEnum):
    """Whether calls to a provider pass: all, none, or a few probes after a pause."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class ReadinessAspect(StrEnum):
    """What staging's readiness for a feature is made of."""

    SEEDS = "seeds"
    LIMITS = "limits"
    APPROVAL = "approval"


class ReadinessState(StrEnum):
    """Whether an aspect is ready; `unknown`: nobody could look, which is not "not ready"."""

    READY = "ready"
    NOT_READY = "not_ready"
    UNKNOWN = "unknown"


class Rerun(StrEnum):
    """What a run does anew; the rest is taken over from the attempt before it, and not paid again."""

    ALL = "all"
    MISSING_ANSWERS = "missing_answers"
    JUDGE_AGAIN = "judge_again"
    GATE_AND_PUBLISH = "gate_and_publish"


class IncidentKind(StrEnum):
    """What people are told of. `hop_failed`: a path that runs share fails or refuses, whichever runs meet it."""

    GATE_BLOCKED = "gate_blocked"
    RUN_FAILED = "run_failed"
    HOP_FAILED = "hop_failed"
    RUN_LATE = "run_late"
    ALARM = "alarm"
    READINESS_LOST = "readiness_lost"
    BUDGET = "budget"


class NoticeKind(StrEnum):
    """Which message it is: an incident began, got worse or is over; or what a team is told once a week."""

    BEGUN = "begun"
    WORSE = "worse"
    OVER = "over"
    WEEKLY = "weekly"
