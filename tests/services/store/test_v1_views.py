"""What consumers of the version-1 views got from the first release is what they get: columns, types, order, values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import quality_facts

from daily_runs.records import gate
from daily_runs.records.attempts import find_attempt
from daily_runs.results import published
from daily_runs.store.database import Store

HERE = Path(__file__).parent
ATTEMPT = "5f1c1d5e-0000-4000-8000-000000000001"
SCALE = 30.0
KEYS = {"runs_v1": "run_key", "results_v1": "prompt_id", "failures_v1": "prompt_id"}


def columns(store: Store, view: str) -> list[str]:
    """Name and type of each column, in order."""
    rows = store.rows(
        "SELECT attname || ' ' || format_type(atttypid, atttypmod) AS told FROM pg_attribute"
        " WHERE attrelid = ('contract.' || %(view)s)::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        {"view": view},
    )
    return [row["told"] for row in rows]


def seen(store: Store) -> dict[str, Any]:
    """All of the views, as JSON has it; the moment of publishing is each time another."""
    found: dict[str, Any] = {}
    for view, key in KEYS.items():
        rows = store.rows(f"SELECT * FROM contract.{view} ORDER BY {key}")
        for row in rows:
            row.pop("published_at", None)
        found[view] = {"columns": columns(store, view), "rows": json.loads(json.dumps(rows, default=str))}
    return found


@pytest.fixture
def of_the_fixed_run(store: Store) -> dict[str, Any]:
    """What readers see once the run of `v1_run.sql` is published."""
    with store.transaction() as connection:
        connection.execute((HERE / "v1_run.sql").read_bytes())
    gate.save(store, ATTEMPT, [("mean score", True, "all 1", ">= 0.5")], passed=gate.read(store, ATTEMPT, gate.digest))
    published.replace(store, find_attempt(store, ATTEMPT), quality_facts(store, ATTEMPT), time_scale=SCALE)
    return seen(store)


@pytest.mark.parametrize("view", KEYS)
def test_a_version_1_view_gives_what_the_first_release_gave(view: str, of_the_fixed_run: dict[str, Any]) -> None:
    first = json.loads((HERE / "v1_views.json").read_text(encoding="utf-8"))
    assert of_the_fixed_run[view] == first[view]
