"""What the demo says of a DAG run that came to nothing."""

from __future__ import annotations

import pytest

from daily_runs.errors import DailyRunsError
from daily_runs.local.demo_outcome import gather
from daily_runs.local.stack import Stack
from daily_runs.store.database import Store

NOWHERE = Stack("http://127.0.0.1:1", "http://127.0.0.1:1", "admin", "", "", 60.0, "")


def test_a_dag_run_that_ended_before_it_opened_an_attempt_is_one_line(store: Store) -> None:
    with pytest.raises(DailyRunsError, match="the DAG run manual__1 is failed and asked nothing; see its tasks' logs"):
        gather(NOWHERE, store, "root_cause_analysis", "manual__1", "failed")
