"""What many tests share: a real Postgres, a real sandbox, the shipped catalogue pointed at both, and no way out.

Retry waits need no patch: domain time runs `TIME_SCALE` times faster than the clock, so a backoff of a second is over
in milliseconds.
"""

from __future__ import annotations

import datetime as dt
import shutil
import signal
import socket
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from hypothesis import settings

from daily_runs import connections
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Quality
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.connections import Connect
from daily_runs.errors import CallError
from daily_runs.records.run import Attempt, Report, RunKey
from daily_runs.results.quality_rows import QualityFacts
from daily_runs.runs import opening
from daily_runs.sandbox.control import merge_patch
from daily_runs.sandbox.process import Sandbox
from daily_runs.sandbox.world.scenario import Scenario
from daily_runs.stages import pipeline
from daily_runs.stages.work import Work
from daily_runs.store import database, roles
from daily_runs.store.database import Store
from daily_runs.store.embedded import EmbeddedPostgres

TIME_SCALE = 300.0
"""Domain seconds in a second: a model's five seconds take 17 ms, an answer's two minutes of grace 0.4 s."""

DAY = dt.datetime(2026, 8, 17, tzinfo=dt.UTC)
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts the tests in the background has them ignore Ctrl-C, and so would each command that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "", None})
_TABLES = (
    "store_provenance, alarm, run, attempt, answer, verdict, seed_binding, quota_limit, quota_lane, quota_asker,"
    " quota_grant, quota_use, quota_spent_user, breaker, look, seed_content, routed, judge_trial,"
    " feature_seen, failed_task, incident, notice"
)

TOLD = "told"
"""The property (`record_property`) by which a test tells people a figure; it is shown at the end, from any worker."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests told."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", []):
                if name == TOLD and report.when == "call":
                    terminalreporter.write_line(str(value))


@pytest.fixture(scope="session", autouse=True)
def no_socket_but_loopback() -> Iterator[None]:
    """A connection to anywhere else, or a look-up of any other name, fails the test that tried."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connect_here(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in _LOOPBACK:
            raise AssertionError(f"a test tried to reach {address!r}")
        connect(self, address)

    def look_up_here(host: Any, *args: Any, **kwargs: Any) -> Any:
        if (host.decode() if isinstance(host, bytes) else host) not in _LOOPBACK:
            raise AssertionError(f"a test tried to look up {host!r}")
        return look_up(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_here)
        patch.setattr(socket, "getaddrinfo", look_up_here)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One embedded server for the whole session, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="daily-runs-tests-"))
    try:
        with EmbeddedPostgres(folder / "postgres") as server:
            with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")  # nothing here must outlive the machine
                connection.execute("SELECT pg_reload_conf()")
            yield server
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def empty_url(postgres: EmbeddedPostgres) -> str:
    """A database that nothing was done to."""
    return postgres.url("empty")


@pytest.fixture(scope="session")
def _migrated_template(postgres: EmbeddedPostgres) -> str:
    url = postgres.url("migrated")
    database.migrate(url)
    with database.connect(url) as connection:
        roles.apply(connection)
    return "migrated"


@pytest.fixture(scope="module")
def store_url(postgres: EmbeddedPostgres, _migrated_template: str) -> str:
    """A migrated database for one test module."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_migrated_template}".encode())
        connection.execute(f"GRANT CREATE ON DATABASE {name} TO {roles.OWNER}".encode())  # which is not copied
    return postgres.url(name)


@pytest.fixture(scope="module")
def _module_store(store_url: str) -> Iterator[Store]:
    with database.open_store(store_url, connections=16) as opened:
        yield opened


@pytest.fixture
def store(_module_store: Store) -> Store:
    """An open store without a row."""
    tables = ", ".join(f"daily_runs.{table}" for table in _TABLES.split(", "))
    _module_store.rows(f"TRUNCATE {tables} CASCADE")
    return _module_store


@pytest.fixture(scope="session")
def _sandbox_process() -> Iterator[Sandbox]:
    with Sandbox(TIME_SCALE) as process:
        yield process


@dataclass(frozen=True)
class SandboxView:
    """The sandbox as one test sees it: without faults at first, and without what was sent before."""

    process: Sandbox
    since: int

    @property
    def address(self) -> str:
        """Where it listens."""
        return self.process.address

    def change(self, **changes: Any) -> None:
        """Change the scenario."""
        self.process.change_scenario(changes)

    def entries(self, operation: str | None = None, *, paid: bool | None = None) -> list[dict[str, Any]]:
        """What was sent in this test, of one operation or all, paid or not."""
        return [
            entry
            for entry in self.process.ledger(self.since)
            if operation in (None, entry["operation"]) and paid in (None, entry["paid"])
        ]

    def paid_keys(self, operation: str) -> list[str]:
        """The prompts that were paid for, one entry a payment."""
        return sorted(entry["key"] for entry in self.entries(operation, paid=True))


@pytest.fixture
def sandbox(_sandbox_process: Sandbox) -> SandboxView:
    """The sandbox without faults, all seeds there, and room for every `aiAction` of the session."""
    _sandbox_process.change_scenario({**dict.fromkeys(Scenario.model_fields), "ai_action_calls": 1_000_000})
    _sandbox_process.order_seeds({"complete": True})
    return SandboxView(_sandbox_process, len(_sandbox_process.ledger()))


def changed(catalogue: Catalogue, patch: Mapping[str, Any]) -> Catalogue:
    """A catalogue with a JSON merge patch laid over it."""
    return Catalogue.model_validate(merge_patch(catalogue.model_dump(mode="json"), patch))


def catalogue_at(address: str) -> Catalogue:
    """The shipped catalogue with the sandbox overlay, at the address and the time scale of a sandbox of the tests."""
    shipped = catalogue_files.load(overlay="sandbox")
    environments = {name: {"address": f"{address}/{name}", "time_scale": TIME_SCALE} for name in shipped.environments}
    return changed(shipped, {"environments": environments, "judge": {"address": f"{address}/anthropic"}})


@pytest.fixture
def catalogue(sandbox: SandboxView) -> Catalogue:
    """The catalogue of the test's sandbox (see `catalogue_at`).

    Without frozen answers, which would be judged in each test that judges: tests that are about them turn them on.
    """
    shipped = catalogue_at(sandbox.address)
    return changed(shipped, {"features": {name: {"frozen_answers": 0} for name in shipped.features}})


@dataclass(frozen=True)
class Kit:
    """A store, a sandbox and a catalogue, and short ways to work with them."""

    store: Store
    sandbox: SandboxView
    catalogue: Catalogue

    def changed(self, patch: Mapping[str, Any]) -> Kit:
        """The same with a patched catalogue."""
        return replace(self, catalogue=changed(self.catalogue, patch))

    def attempt(self, feature: str, limit: int, environment: str = "staging") -> Attempt:
        """Plan a run of the test's day, or resume it."""
        return opening.plan(self.store, self.catalogue, RunKey(feature, environment, DAY), limit=limit)

    def work(
        self, feature: str = "duo_chat", limit: int = 6, environment: str = "staging", connect: Connect | None = None
    ) -> Work:
        """Work on the run of the test's day, all shards at once."""
        attempt = self.attempt(feature, limit, environment)
        return pipeline.work_for(self.store, self.catalogue, attempt, connect or cast(Connect, connections.find))

    def run(self, work: Work, *stages: str) -> list[Report]:
        """Run stages by name, in this order."""
        return [pipeline.run_stage(stage, work) for stage in stages]

    def run_again_while_out(self, work: Work, *stages: str) -> None:
        """The same, for where much fails: a stage that an open breaker ended is tried again, as Airflow does."""
        for stage in stages:
            for left in reversed(range(TASK_TRIES)):
                try:
                    pipeline.run_stage(stage, work)
                    break
                except CallError as error:
                    if error.kind != "breaker_open" or not left:
                        raise

    def answers(self, work: Work) -> list[dict[str, Any]]:
        """The attempt's rows of prompts and answers."""
        return self.store.rows(
            "SELECT * FROM daily_runs.answer WHERE attempt_id = %(id)s ORDER BY prompt_id",
            {"id": work.attempt.attempt_id},
        )

    def count(self, table: str) -> int:
        """Rows in a table of the store."""
        return int(self.store.row(f"SELECT count(*) AS n FROM {table}")["n"])


TASK_TRIES = 9
"""Of a task that an open breaker ended (`plugins/daily_runs_airflow/policies.py`)."""


@pytest.fixture
def kit(store: Store, sandbox: SandboxView, catalogue: Catalogue) -> Kit:
    """Everything that a stage needs."""
    return Kit(store, sandbox, catalogue)


def quality_facts(store: Store, attempt_id: str, **more: Any) -> QualityFacts:
    """Facts of an attempt whose items are all of one class, for tests that publish without a catalogue."""
    rows = store.rows("SELECT DISTINCT item_id FROM daily_runs.answer WHERE attempt_id = %(id)s", {"id": attempt_id})
    facts = QualityFacts({row["item_id"]: "one" for row in rows}, Quality(), 0.5, 0.82, 10, {})
    return facts._replace(**more)
