"""From a run that failed, and its tasks' last words, to what is found: one finding a run, however many tasks failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.errors import GateFailedError, ParameterError, StagingNotReadyError
from daily_runs.incidents.incident_rows import facts_of
from daily_runs.incidents.remedies import ON_CALL
from daily_runs.notices import open_rows, words_rows
from daily_runs.notices.incident import JUDGE, LIMITS, PATH, SEEDS, STORE, IncidentFinding, IncidentMember
from daily_runs.notices.words_rows import LastWords
from daily_runs.readiness import state
from daily_runs.records import attempts
from daily_runs.runs.routing import STAGING
from daily_runs.statuses import IncidentKind, ReadinessAspect
from daily_runs.store.database import Connection, Store

DIED = LastWords(
    environment="",
    task="a task",
    error="",
    met="",
    what="",
    owner=ON_CALL,
    do="Look at the run; clear the failed task: it does only what is missing.",
    page="docs/runbooks/README.md",
)
"""For a run whose tasks left no words: a process was killed, or the run was out of time."""


class FailedRun(NamedTuple):
    """A run of a feature's DAG that failed. `reason`: Airflow's word; `task`: the last failed one, as far as known."""

    feature: str
    airflow_run_id: str
    link: str
    reason: str = ""
    task: str = ""


def record(store: Store, catalogue: Catalogue, failed: FailedRun) -> bool:
    """Begin the incident of a failed run, or have it join the one that is open; returns whether there is one.

    There is none if the form was refused: who triggered it sees that.
    """
    words = words_rows.kept(store, failed.feature, failed.airflow_run_id)
    refused = bool(words) and all(one.error == ParameterError.__name__ for one in words)
    lacking = _what_staging_lacks(store, catalogue, failed, words)
    found = finding_of(failed, words, _member(store, failed, words), lacking)

    def work(connection: Connection) -> None:
        words_rows.forget(connection, failed.feature, failed.airflow_run_id)
        if not refused:
            open_rows.meet(connection, found)

    store.retrying(work)
    return not refused


def _what_staging_lacks(store: Store, catalogue: Catalogue, failed: FailedRun, words: Sequence[LastWords]) -> str:
    """The key of what a run waited for in vain; empty if it is the feature's own, or known no more."""
    waited = next((one for one in words if one.error == StagingNotReadyError.__name__), None)
    if waited is None or failed.feature not in catalogue.features or STAGING not in catalogue.environments:
        return ""
    lacking = state.of_feature(store, catalogue, failed.feature, STAGING, waited.failed_at).in_the_way()
    shared = {str(ReadinessAspect.LIMITS): LIMITS, str(ReadinessAspect.SEEDS): SEEDS}
    return next((f"{begin}{STAGING}" for aspect, begin in shared.items() if aspect in lacking), "")


def _member(store: Store, failed: FailedRun, words: Sequence[LastWords]) -> IncidentMember:
    """The feature that failed, where, and for which date, as far as the store knows."""
    environment = words[0].environment if words else failed.task.rpartition(".")[0]
    facts = facts_of(store, failed.airflow_run_id, failed.feature, environment) if environment else None
    member = IncidentMember(
        failed.feature, environment, link=failed.link, airflow_run_id=failed.airflow_run_id, what=_said(failed, words)
    )
    if facts is None:
        return member
    key = attempts.find_attempt(store, facts.attempt_id).key
    return member._replace(sample=key.sample, logical_date=key.logical_date)


def finding_of(
    failed: FailedRun, words: Sequence[LastWords], member: IncidentMember, lacking: str = ""
) -> IncidentFinding:
    """What is found, from the words of the task that failed first.

    Args:
        lacking: the key of what staging lacked, if the run waited for it in vain.
    """
    first = words[0] if words else DIED
    key = first.met or lacking or _own_key(first, member)
    return IncidentFinding(
        key=key,
        kind=_kind(first, key),
        what=_said(failed, words),
        owner=first.owner,
        do=first.do,
        page=first.page,
        member=member,
    )


def _own_key(first: LastWords, member: IncidentMember) -> str:
    begin = "gate" if first.error == GateFailedError.__name__ else "run"
    # a sample that somebody tries beside the day's run is an incident of its own
    parts = [begin, member.feature, member.environment, member.sample]
    return "/".join(part for part in parts if part)


def _kind(first: LastWords, key: str) -> IncidentKind:
    if key in (STORE, JUDGE) or key.startswith(PATH):
        return IncidentKind.HOP_FAILED
    if key.startswith((LIMITS, SEEDS)):
        return IncidentKind.READINESS_LOST
    return IncidentKind.GATE_BLOCKED if first.error == GateFailedError.__name__ else IncidentKind.RUN_FAILED


def _said(failed: FailedRun, words: Sequence[LastWords]) -> str:
    if not words:
        task = f"{failed.task} of {failed.feature}" if failed.task else f"a task of {failed.feature}"
        reason = f" ({failed.reason})" if failed.reason else ""
        return f"{task} failed and left no words: its process was killed, or the run was out of time{reason}."
    others = [f"{one.environment}.{one.task}".lstrip(".") for one in words[1:]]
    return words[0].what + (f" Failed too: {', '.join(others)}." if others else "")
