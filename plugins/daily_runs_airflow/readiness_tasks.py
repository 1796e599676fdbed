"""The hourly look's task: it fetches connections from Airflow, has the library look, and hands the verdicts on."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from airflow.sdk import get_current_context

log = logging.getLogger(__name__)

SCHEDULE = "5 * * * *"
"""Five past: runs start on the full hour, and take a look of their own if they need one."""
INTERVAL = dt.timedelta(hours=1)
TIMEOUT = dt.timedelta(minutes=20)
OWNER = "model validation"

LOOK_DOC = (
    "Looks at one environment for every feature that goes there: seeds, and limits on the path. Takes no look if the"
    " newest is younger than half an hour, unless somebody triggered it. Free calls only; safe to clear. A path that"
    " cannot be looked at is no fault of this task: its log, and `daily-runs status`, say *unknown* and why."
    " `docs/runbooks/readiness.md`."
)
DAG_DOC = """
### Readiness: a look at every environment, every hour

Keeps what `daily-runs status` shows fresh, and what the sensors and routing rest on. Spends no AI budget.

#### Triage notes

*Normal*: green, also when staging is not ready: that is what it finds out. No look is taken when a waiting run has just
taken one; triggered by hand, it always looks.

*Worry when*: a look fails (the store is away, or the catalogue is not sound); or its log says *could not look*: the hop
and its owner stand there.

*Rerun*: clear it, or trigger the DAG; it is free.

*Runbook*: `docs/runbooks/readiness.md`.
"""


def look(environment: str) -> dict[str, Any]:
    """Take a look unless there is a young one (by hand: always); log what the newest one found of each feature.

    Returns:
        `{"looked": whether it took one, "features": state by feature}`.
    """
    from daily_runs.catalogue.reading import files as catalogue_files  # noqa: PLC0415
    from daily_runs.clock import Clock  # noqa: PLC0415
    from daily_runs.readiness import (  # noqa: PLC0415
        check,
        state,
    )
    from daily_runs.readiness import check as readiness_look  # noqa: PLC0415
    from daily_runs.store.database import open_store  # noqa: PLC0415
    from daily_runs_airflow.connections import (  # noqa: PLC0415
        find,
        store_url,
    )

    catalogue, by_hand = catalogue_files.load(), get_current_context()["dag_run"].run_type == "manual"
    young = 0.0 if by_hand else INTERVAL.total_seconds() / 2
    aspects = state.LOOKED_AT
    with open_store(store_url()) as store:
        looked = check.look(store, catalogue, environment, find, older_than_seconds=young)
        found = [
            state.of_feature(store, catalogue, feature.feature, environment, Clock.now(), aspects)
            for feature in readiness_look.features_of(catalogue, environment)
        ]
    for one in found:
        log.info("%s in %s is %s: %s", one.feature, environment, one.state, one.reason)
    return {"looked": looked, "features": {one.feature: str(one.state) for one in found}}
