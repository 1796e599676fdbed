"""A Postgres that is killed with -9 and started again: callers wait and go on; nothing is lost or counts twice."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from daily_runs.clock import Clock
from daily_runs.errors import Blame, CallError, Hop, StageError
from daily_runs.gitlab.hops.failures import own_fault
from daily_runs.records import attempts
from daily_runs.records.answers import AnswerRows
from daily_runs.records.judgements import JudgementRows
from daily_runs.records.run import Prompt, RunKey
from daily_runs.resilience import breaker_rows
from daily_runs.resilience.breaker import Breaker
from daily_runs.store import database, exclusive, pool
from daily_runs.store.database import Store
from daily_runs.store.embedded import EmbeddedPostgres
from daily_runs.store.pool import Connection

AWAY_SECONDS = 2.5
GOES_ON_SHARE = 0.4
"""Of the outage: so soon after its end each caller must have gone on. Pauses that grew with it would be longer."""
CALLERS = 16
USUAL_OUTAGE_SECONDS_MAX = pool.OUTAGE_SECONDS_MAX


class MortalServer:
    """A Postgres of these tests' own, which can be killed and started again where it was."""

    def __init__(self, embedded: EmbeddedPostgres) -> None:
        self._embedded = embedded
        self.url = embedded.url("mortal")

    def kill(self) -> None:
        """`kill -9` of the server and, by that, of all its sessions."""
        data = self._embedded.root / "data"
        pid = int((data / "postmaster.pid").read_text().split()[0])
        family = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while any(Path(f"/proc/{one}/cmdline").exists() and _lives(one) for one in family):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def start(self) -> float:
        """Start it in the same folder, on the same port; returns the moment (monotonic) at which it is back."""
        embedded = self._embedded
        options = f"-h 127.0.0.1 -p {embedded._port} -k ''"
        command = embedded._pg_ctl("-l", str(embedded.root / "data" / "server.log"), "-o", options, "start")
        deadline = time.monotonic() + 20
        while embedded._run(command).returncode != 0:  # a session that was just begun may still be dying
            assert time.monotonic() < deadline
        return time.monotonic()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="module")
def server() -> Iterator[MortalServer]:
    folder = Path(tempfile.mkdtemp(prefix="daily-runs-outage-"))
    try:
        with EmbeddedPostgres(folder / "postgres") as embedded:
            mortal = MortalServer(embedded)
            database.migrate(mortal.url)
            yield mortal
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def mortal_store(server: MortalServer) -> Iterator[Store]:
    with database.open_store(server.url, connections=4) as store:
        store.rows("CREATE TABLE IF NOT EXISTS kept (caller int, number int, PRIMARY KEY (caller, number))")
        store.rows("TRUNCATE kept, daily_runs.run CASCADE")
        yield store


@contextmanager
def callers(count: int, work: Callable[[int], float]) -> Iterator[list[Future[float]]]:
    """Threads that work; their outcomes are read at the end."""
    with ThreadPoolExecutor(count) as threads:
        yield [threads.submit(work, number) for number in range(count)]


def test_many_callers_wait_and_all_go_on_soon_after_the_server_is_back(
    server: MortalServer, mortal_store: Store
) -> None:
    acknowledged: set[tuple[int, int]] = set()
    back_at: list[float] = []
    stop = threading.Event()

    def write(caller: int) -> float:
        """Writes row after row; the moment of the first one that was begun and ended after the outage."""
        first_after, number = 0.0, 0
        while not (stop.is_set() and first_after):
            mortal_store.rows(
                "INSERT INTO kept VALUES (%(caller)s, %(number)s) ON CONFLICT DO NOTHING",
                {"caller": caller, "number": number},
            )
            acknowledged.add((caller, number))
            number += 1
            if back_at and not first_after:
                first_after = time.monotonic()
        return first_after

    with callers(CALLERS, write) as writing:
        time.sleep(0.3)
        server.kill()
        killed = time.monotonic()
        time.sleep(AWAY_SECONDS)
        before = set(acknowledged)
        time.sleep(0.2)
        assert acknowledged == before  # nobody believes to have written
        back_at.append(server.start())
        outage = back_at[0] - killed
        time.sleep(outage * GOES_ON_SHARE)
        stop.set()
        waited = [future.result(timeout=120) - back_at[0] for future in writing]
    assert max(waited) < outage * GOES_ON_SHARE
    rows = mortal_store.rows("SELECT caller, number FROM kept")
    stored = {(row["caller"], row["number"]) for row in rows}
    assert acknowledged <= stored
    assert stored == acknowledged  # each is one of theirs, and once


def test_it_goes_on_after_outage_upon_outage(server: MortalServer, mortal_store: Store) -> None:
    for number in range(3):
        server.kill()
        threading.Timer(0.3, server.start).start()
        mortal_store.rows("INSERT INTO kept VALUES (0, %(n)s) ON CONFLICT DO NOTHING", {"n": number})
    assert mortal_store.row("SELECT count(*) AS n FROM kept")["n"] == 3


def test_a_transaction_that_the_server_leaves_is_not_begun_again(server: MortalServer, mortal_store: Store) -> None:
    begun = []

    def in_the_middle() -> None:
        with mortal_store.transaction() as connection:
            begun.append(1)
            connection.execute("INSERT INTO kept VALUES (0, 1)")
            server.kill()
            threading.Timer(0.2, server.start).start()
            connection.execute("INSERT INTO kept VALUES (0, 2)")

    with pytest.raises(StageError, match="the server went away within a transaction, which was not begun again"):
        in_the_middle()
    assert begun == [1]
    with mortal_store.transaction() as connection:  # waits for the server, and begins on a live connection
        assert connection.execute("SELECT count(*) AS n FROM kept").fetchone() == {"n": 0}


def test_a_transaction_begins_on_a_live_connection_after_an_outage_that_nobody_noticed(
    server: MortalServer, mortal_store: Store
) -> None:
    server.kill()
    server.start()
    with mortal_store.transaction() as connection:
        connection.execute("INSERT INTO kept VALUES (0, 1)")
    assert mortal_store.row("SELECT count(*) AS n FROM kept")["n"] == 1


def test_work_that_may_be_repeated_is(server: MortalServer, mortal_store: Store) -> None:
    begun = []

    def work(connection: Connection) -> int:
        begun.append(1)
        connection.execute("INSERT INTO kept VALUES (0, 1)")
        if len(begun) == 1:
            server.kill()
            threading.Timer(0.2, server.start).start()
        connection.execute("INSERT INTO kept VALUES (0, 2)")
        return len(begun)

    assert mortal_store.retrying(work) == 2
    assert mortal_store.row("SELECT count(*) AS n FROM kept")["n"] == 2


def test_one_session_that_is_ended_costs_nothing(mortal_store: Store) -> None:
    mortal_store.rows("SELECT 1")
    for _ in range(3):
        with database.connect(mortal_store.url) as connection:
            query = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            connection.execute(query + " AND datname = 'mortal'")  # returns when the sessions have ended
        with mortal_store.transaction() as connection:
            connection.execute("INSERT INTO kept SELECT 0, count(*) FROM kept")
    assert mortal_store.row("SELECT count(*) AS n FROM kept")["n"] == 3


def test_a_statement_that_ends_every_session_it_runs_in_is_not_run_for_ever(mortal_store: Store) -> None:
    with pytest.raises(StageError, match="the server went away"):
        mortal_store.rows("SELECT pg_terminate_backend(pg_backend_pid())")
    assert mortal_store.row("SELECT 1 AS one") == {"one": 1}


def test_a_server_that_stays_away_is_given_up_in_one_line_and_asked_again_by_the_next_caller(
    server: MortalServer, mortal_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "OUTAGE_SECONDS_MAX", 0.5)
    server.kill()
    started = time.monotonic()
    with pytest.raises(StageError, match=r"^store: away for 0\.5 s\. .*clear this task to go on") as caught:
        mortal_store.rows("SELECT 1")
    assert 0.5 <= time.monotonic() - started < USUAL_OUTAGE_SECONDS_MAX / 10
    assert "\n" not in str(caught.value)
    server.start()
    assert mortal_store.row("SELECT 1 AS one") == {"one": 1}


def test_a_refused_statement_is_not_taken_for_an_outage(mortal_store: Store) -> None:
    started = time.monotonic()
    with pytest.raises(StageError, match="UndefinedTable"):
        mortal_store.rows("SELECT * FROM nowhere")
    assert time.monotonic() - started < pool.OUTAGE_SECONDS_MAX / 10


def test_a_closed_store_waits_for_nothing(server: MortalServer) -> None:
    with database.open_store(server.url) as store:
        pass
    with pytest.raises(StageError, match="PoolClosed"):
        store.rows("SELECT 1")


@pytest.fixture
def sent_once(mortal_store: Store) -> str:
    """An attempt of one prompt."""
    key = RunKey("duo_chat", "staging", dt.datetime(2026, 8, 17, tzinfo=dt.UTC))
    plan = attempts.AttemptPlan(key, [Prompt("a#1", "a", 0)], 1, "hash", "sandbox", "sha", "rubric", "judge", None, "")
    return attempts.open_attempt(mortal_store, plan).attempt_id


def commit_without_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The next work's commit arrives, and the server's word on it does not; returns where commits are noted."""
    real = store._pool.connection
    made: list[int] = []

    @contextmanager
    def losing() -> Iterator[Connection]:
        with real() as connection:
            yield connection
        made.append(1)
        if len(made) == 1:
            raise pool.ConnectionLostError("the answer to COMMIT was lost")

    monkeypatch.setattr(store._pool, "connection", losing)
    return made


def test_an_intent_whose_commit_went_unanswered_counts_as_one_try(
    mortal_store: Store, sent_once: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, judgements = AnswerRows(mortal_store, sent_once), JudgementRows(mortal_store, sent_once)
    writes: list[tuple[Callable[[], None], int]] = [
        (lambda: answers.sent("a#1", "evaluation-1", 1), 1),
        (lambda: answers.sent("a#1", "evaluation-1", 2), 2),
        (lambda: answers.refused("a#1", 1), 1),
        (lambda: judgements.sent(["a#1"], "key", 1), 1),
        (lambda: judgements.sent(["a#1"], "key", 2), 2),
        (lambda: judgements.refused(["a#1"], 1), 1),
    ]
    for number, (write, tries) in enumerate(writes):
        with monkeypatch.context() as patch:
            made = commit_without_answer(mortal_store, patch)
            write()
        assert len(made) == 2
        table = "answer" if number < 3 else "judgement"
        assert mortal_store.row(f"SELECT tries FROM daily_runs.{table}") == {"tries": tries}


def test_a_refused_prompt_stands_as_if_it_had_not_been_sent(mortal_store: Store, sent_once: str) -> None:
    rows = AnswerRows(mortal_store, sent_once)
    before = mortal_store.row("SELECT * FROM daily_runs.answer")
    rows.sent("a#1", "evaluation-1", 1)
    rows.refused("a#1", 0)
    assert mortal_store.row("SELECT * FROM daily_runs.answer") == before


def test_a_late_refusal_does_not_unsettle_an_answer(mortal_store: Store, sent_once: str) -> None:
    rows = AnswerRows(mortal_store, sent_once)
    rows.failed("a#1", own_fault("query_too_large", "too long"))
    rows.refused("a#1", 0)
    assert mortal_store.row("SELECT status FROM daily_runs.answer") == {"status": "failed"}


def test_calls_wait_for_the_breakers_store_and_each_fault_is_told_once_it_is_back(
    server: MortalServer, mortal_store: Store
) -> None:
    failed = CallError(Hop.GITLAB, "gitlab_error", blame=Blame.PROVIDER, retryable=True)

    async def scenario() -> None:
        async with Breaker(mortal_store, "gitlab mortal", Clock(1.0)) as breaker:
            for number in range(3):
                with suppress(CallError):
                    async with breaker.call():
                        if number == 1:
                            server.kill()
                            threading.Timer(0.5, server.start).start()
                        raise failed

    asyncio.run(scenario())
    (row,) = [row for row in breaker_rows.status(mortal_store) if row["provider"] == "gitlab mortal"]
    assert (row["state"], row["reason"]) == ("open", "3 in a row, the last: gitlab_error")


def test_a_shard_is_still_its_workers_after_an_outage(
    server: MortalServer, mortal_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exclusive, "WAIT_SECONDS", 0.3)
    other = Store(server.url)
    with exclusive.exclusive(mortal_store, "shard", 0):
        server.kill()
        server.start()
        mortal_store.rows("SELECT 1")  # as every paid call does before it
        with pytest.raises(StageError, match="another task works on this now"), exclusive.exclusive(other, "shard", 0):
            pass
    with exclusive.exclusive(other, "shard", 0):
        pass


def test_a_worker_whose_shard_was_taken_during_an_outage_stops_at_its_next_statement(
    server: MortalServer, mortal_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exclusive, "WAIT_SECONDS", 0.3)
    stopped: list[str] = []
    with ExitStack() as other_worker:

        def overtaken() -> None:
            with exclusive.exclusive(mortal_store, "shard", 0):
                server.kill()
                server.start()
                other_worker.enter_context(exclusive.exclusive(Store(server.url), "shard", 0))
                for _ in range(3):
                    try:
                        mortal_store.rows("SELECT 1")
                    except StageError as error:
                        stopped.append(str(error))

        with pytest.raises(StageError, match="another task works on this now"):
            overtaken()
    assert len(stopped) == 3
    assert len(set(stopped)) == 1


def end_lock_sessions(store: Store) -> None:
    with database.connect(store.url) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")


@pytest.mark.parametrize("part", [0, 7, None])
def test_a_lock_that_was_lost_alone_stops_the_stage_before_its_report(mortal_store: Store, part: int | None) -> None:
    """Nobody knows whether another worker had the lock meanwhile, and paid."""

    def report() -> None:
        with exclusive.exclusive(mortal_store, "shard", part):
            end_lock_sessions(mortal_store)

    with pytest.raises(StageError, match=r"shard.*: the session that kept other tasks away was ended"):
        report()


def test_a_lock_that_was_lost_alone_and_taken_by_another_stops_the_stage_before_its_report(
    mortal_store: Store,
) -> None:
    with ExitStack() as other_worker:

        def overtaken() -> None:
            with exclusive.exclusive(mortal_store, "shard", 0):
                end_lock_sessions(mortal_store)
                other_worker.enter_context(exclusive.exclusive(mortal_store, "shard", 0))

        with pytest.raises(StageError, match="shard/0: the session that kept other tasks away was ended"):
            overtaken()
