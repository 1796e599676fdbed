"""A run as a process of its own whose Postgres is killed with -9: it waits, sends nothing unpaced, and goes on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daily_runs.store.database import Store, migrate, open_store
from daily_runs.store.embedded import EmbeddedPostgres
from tests.conftest import TIME_SCALE, SandboxView
from tests.end_to_end.test_commands import environment, overlay
from tests.services.store.test_outage import MortalServer

PROMPTS = 180
AWAY_SECONDS = 3.0
RESUMED_SHARE = 0.6
"""Of the outage: so soon after its end the first prompt is sent."""


@pytest.fixture
def server() -> Iterator[MortalServer]:
    folder = Path(tempfile.mkdtemp(prefix="daily-runs-mortal-"))
    try:
        with EmbeddedPostgres(folder / "postgres") as embedded:
            mortal = MortalServer(embedded)
            migrate(mortal.url)
            yield mortal
    finally:
        shutil.rmtree(folder)


def sends(sandbox: SandboxView) -> list[dict[str, Any]]:
    """What reached the sandbox as a prompt, each with its moment on this process's monotonic clock."""
    offset = time.monotonic() - sandbox.process.now_seconds() / TIME_SCALE
    found = [{**entry, "at": offset + entry["at_seconds"] / TIME_SCALE} for entry in sandbox.entries("aiAction")]
    return sorted(found, key=lambda entry: entry["at"])


def outage_as_stored(store: Store, killed: float) -> tuple[int, float]:
    """How many intents the store took in before the kill (a monotonic moment), and for how many seconds it was away."""
    wall = time.time() - (time.monotonic() - killed)
    row = store.row(
        "SELECT (SELECT count(*) FROM daily_runs.answer WHERE sent_at <= to_timestamp(%(killed)s)) AS intended,"
        " extract(epoch FROM pg_postmaster_start_time())::float8 - %(killed)s AS away",
        {"killed": wall},
    )
    return row["intended"], row["away"]


def test_a_run_whose_postgres_is_killed_sends_nothing_until_it_is_back_and_then_loses_nothing(
    server: MortalServer, sandbox: SandboxView, tmp_path: Path
) -> None:
    sandbox.change(latency_seconds={"median": 30, "p95": 60})  # some are always in flight
    variables = environment(tmp_path, DAILY_RUNS_OVERLAY=overlay(tmp_path, sandbox), DAILY_RUNS_STORE=server.url)
    words = ["run", "root_cause_analysis", "--environment", "staging", "--limit", str(PROMPTS), "--json"]
    command = [sys.executable, "-m", "daily_runs.cli", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=variables, stdout=pipe, stderr=pipe, text=True) as run:
        try:
            deadline = time.monotonic() + 60
            while len(sandbox.entries("aiAction")) < PROMPTS // 3:
                assert time.monotonic() < deadline, "waited 60 s for a third of the prompts"
                time.sleep(0.02)
            server.kill()
            killed = time.monotonic()
            time.sleep(AWAY_SECONDS)
            back = server.start()
            out, errors = run.communicate(timeout=120)
        finally:
            run.kill()

    assert run.returncode == 0, errors
    sent = sends(sandbox)
    paid = [entry["key"] for entry in sent if entry["paid"]]
    resumed = min(entry["at"] for entry in sent if entry["at"] >= back) - back
    with open_store(server.url) as store:
        intended, away = outage_as_stored(store, killed)
    away_sends = [entry["at"] - killed for entry in sent if killed < entry["at"] < killed + away]
    sys.stdout.write(
        f"{len(away_sends)} sends after the kill, the last {max(away_sends, default=0):.3f} s after it; resumed"
        f" {resumed:.2f} s after the server was back; {len(paid) - len(set(paid))} paid twice\n"
    )
    # However late a busy machine sends: nothing leaves during the outage whose intent was not stored before it.
    assert sum(entry["at"] < killed + away for entry in sent) <= intended
    assert resumed < (back - killed) * RESUMED_SHARE
    assert len(paid) == len(set(paid)) == PROMPTS  # the process lived on, so not even those in flight were paid again
    published = json.loads(out)["published"]
    assert (published["asked"], published["answered"], published["failed"]) == (PROMPTS, PROMPTS, 0)
    with open_store(server.url) as store:
        assert store.row("SELECT count(*) AS n FROM contract.runs_v2")["n"] == 1
