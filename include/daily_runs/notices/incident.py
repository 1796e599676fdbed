"""What an incident is. What is found has a key; findings with one key are one incident, whichever run meets it. Pure.

| key | met by |
|---|---|
| `store` | tasks that could not reach the store |
| `path/staging` | runs whose calls failed on the way to staging's GitLab, or whose answers were errors |
| `judge` | runs whose verdicts could not be had |
| `limits/staging`, `seeds/staging` | runs, and readiness of features: what staging lacks |
| `late/staging` | runs that take long, of which nothing more is known |
| `run/duo_chat/staging`, `gate/…`, `alarm/…`, `budget/…` | one feature |
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from daily_runs.errors import CallError, GateFailedError, Hop, LimitTooLowError, SeedsMissingError, StoreAwayError
from daily_runs.statuses import IncidentKind

STORE, JUDGE = "store", "judge"
PATH, LIMITS, SEEDS, LATE = "path/", "limits/", "seeds/", "late/"
TOO_FEW_ANSWERS = "answered share"
"""The gate's check that fails when a hop does."""


class IncidentMember(NamedTuple):
    """A feature in an environment that meets an incident.

    Attributes:
        environment: empty if it is of none.
        sample: which prompts its run asked (`RunKey.sample`).
        what: what it met, in its own case; may be empty.
        link: where to look, a URL.
        airflow_run_id, logical_date: of the run, if it is about one.
    """

    feature: str
    environment: str = ""
    sample: str = ""
    what: str = ""
    link: str = ""
    airflow_run_id: str | None = None
    logical_date: dt.datetime | None = None


class IncidentFinding(NamedTuple):
    """What was found now, by one member.

    Attributes:
        key: see this module.
        owner: who can lift it.
        do: the next step, a sentence.
        page: the runbook.
        level: rises when it gets worse; then people are told once more.
    """

    key: str
    kind: IncidentKind
    what: str
    owner: str
    do: str
    page: str
    member: IncidentMember
    level: int = 0


class IncidentNow(NamedTuple):
    """An incident as it stands. `members`: those that met it, in order; `open_members`: how many still do."""

    incident_id: int
    key: str
    kind: IncidentKind
    level: int
    what: str
    owner: str
    do: str
    page: str
    begun_at: dt.datetime
    worse_at: dt.datetime | None
    over_at: dt.datetime | None
    members: tuple[IncidentMember, ...]
    open_members: int

    @property
    def features(self) -> Iterator[str]:
        """Names of the features that met it, each once."""
        yield from dict.fromkeys(member.feature for member in self.members)


class Links(NamedTuple):
    """Addresses in Airflow's UI. `base_url`: Airflow's `api.base_url`."""

    base_url: str

    def run(self, feature: str, airflow_run_id: str) -> str:
        """Of a run of a feature's DAG."""
        return f"{self.feature(feature)}/runs/{quote(airflow_run_id, safe='')}"

    def feature(self, feature: str) -> str:
        """Of a feature's DAG."""
        return f"{self.base_url.rstrip('/')}/dags/daily_runs_{quote(feature, safe='')}"


def met_by(
    error: BaseException, environment: str, task: str = "", failures: dict[str, int] | None = None, blocked_by: str = ""
) -> str:
    """The key of what other runs may meet too, from a task's error; empty if it is the run's own.

    Args:
        environment: empty before the run has one.
        failures: the attempt's failures by `kind at hop`, the most frequent first.
        blocked_by: the gate's checks that failed, as one text.
    """
    if isinstance(error, StoreAwayError):
        return STORE
    if isinstance(error, CallError) and (task == "judging" or error.hop is Hop.MODEL_VENDOR):
        return JUDGE
    hop_failed = isinstance(error, GateFailedError) and bool(failures) and TOO_FEW_ANSWERS in blocked_by
    if hop_failed or isinstance(error, CallError):
        begin = PATH
    else:
        lacking: dict[type[BaseException], str] = {LimitTooLowError: LIMITS, SeedsMissingError: SEEDS}
        begin = lacking.get(type(error), "")
    return f"{begin}{environment}" if begin and environment else ""
