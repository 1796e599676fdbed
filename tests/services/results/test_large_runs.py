"""A large run is published with the memory of a small one, and readers see all of it or nothing of it."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
import uuid
from collections import Counter

import pytest
from tests.conftest import DAY, quality_facts

from daily_runs.records import gate
from daily_runs.records.attempts import find_attempt
from daily_runs.records.run import RunKey
from daily_runs.results import published
from daily_runs.store.database import Row, Store

LARGE, SMALL = 90_000, 9_000
READERS = 20
GROWTH_MIB_MAX = 8
"""Ten times as many rows may take so much more. Measured: none; as lists, 81,000 more answers take over 100."""

CHILD = """
import resource, sys
from daily_runs.records.attempts import find_attempt
from daily_runs.results import published
from daily_runs.store import database
from tests.conftest import quality_facts

with database.open_store(sys.argv[1], connections=1) as store:
    facts = quality_facts(store, sys.argv[2])
    receipt = published.replace(store, find_attempt(store, sys.argv[2]), facts, time_scale=1.0).receipt
print(receipt.results, receipt.failures, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


STATEMENTS = """
INSERT INTO daily_runs.run VALUES (%(key)s, %(feature)s, %(environment)s, %(logical_date)s) ON CONFLICT DO NOTHING;
UPDATE daily_runs.attempt SET status = 'superseded' WHERE run_key = %(key)s AND status = 'running';
INSERT INTO daily_runs.attempt (attempt_id, run_key, plan_hash, asked, shards, provenance, dataset_sha256,
                                rubric_version, judge_model)
VALUES (%(attempt)s, %(key)s, 'plan', %(prompts)s, 1, 'sandbox', 'd', 'r', 'j');
INSERT INTO daily_runs.verdict (verdict_key, rubric_version, judge_model, reasons, scores, score)
VALUES (%(attempt)s, 'r', 'j', 'Good.', '{"correctness": 4}', %(score)s);
INSERT INTO daily_runs.answer (attempt_id, prompt_id, item_id, shard, status, sent_at, settled_at, answer, error_hop,
                               error_kind, error_blame)
SELECT %(attempt)s::uuid, 'item-' || n %% 300 || '#' || n, 'item-' || n %% 300, 0,
       CASE WHEN n %% 10 = 0 THEN 'failed' ELSE 'answered' END, now(), now() + interval '2 seconds',
       CASE WHEN n %% 10 <> 0 THEN repeat(md5(n::text), 32) END, CASE WHEN n %% 10 = 0 THEN 'unknown' END,
       CASE WHEN n %% 10 = 0 THEN 'timeout' END, CASE WHEN n %% 10 = 0 THEN 'provider' END
FROM generate_series(1, %(prompts)s) AS n;
INSERT INTO daily_runs.judgement (attempt_id, prompt_id, verdict_key, status, tries)
SELECT attempt_id, prompt_id, attempt_id::text, 'scored', 1 FROM daily_runs.answer
WHERE attempt_id = %(attempt)s::uuid AND status = 'answered'
"""


def gated_attempt(store: Store, prompts: int, score: float = 0.75, days: int = 0) -> str:
    """An attempt that passed the gate: each tenth prompt failed, the others have 1,000 characters and a verdict."""
    attempt_id, key = str(uuid.uuid4()), RunKey("duo_chat", "staging", DAY + dt.timedelta(days=days))
    with store.transaction() as connection:
        for statement in STATEMENTS.split(";\n"):
            given = {"attempt": attempt_id, "key": str(key), "prompts": prompts, "score": score, **key._asdict()}
            connection.execute(statement.encode(), given)
    digest = gate.read(store, attempt_id, gate.digest)
    gate.save(store, attempt_id, [("mean score", True, "all 1", ">= 0.5")], passed=digest)
    return attempt_id


def published_by_a_child(store: Store, prompts: int) -> int:
    """Publish so many prompts in a process of its own; its peak memory in MiB."""
    command = [sys.executable, "-c", CHILD, store.url, gated_attempt(store, prompts, days=prompts // SMALL)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert [int(word) for word in said[:2]] == [prompts * 9 // 10, prompts // 10]
    return int(said[2])


def test_ninety_thousand_rows_are_published_with_the_memory_of_nine_thousand(store: Store) -> None:
    small = published_by_a_child(store, SMALL)
    store.rows("ANALYZE")  # the planner knows one attempt, and not the next: as on a day between two autovacuums
    large = published_by_a_child(store, LARGE)
    assert store.row("SELECT count(*) AS n FROM contract.results_v1")["n"] == (SMALL + LARGE) * 9 // 10
    assert large - small <= GROWTH_MIB_MAX, f"{small} MiB for {SMALL:,} rows, {large} MiB for {LARGE:,}"


@pytest.mark.timeout(600)
def test_twenty_readers_never_see_half_a_run(store: Store) -> None:
    looks, torn = Counter[float](), list[Row]()
    done = threading.Event()
    query = (
        "SELECT u.answered, u.failed, u.mean_score, (SELECT count(*) FROM contract.results_v1 r"
        " WHERE r.run_key = u.run_key) AS results, (SELECT count(*) FROM contract.failures_v1 f"
        " WHERE f.run_key = u.run_key) AS failures, (SELECT count(DISTINCT score) FROM contract.results_v1 r"
        " WHERE r.run_key = u.run_key) AS scores FROM contract.runs_v1 u"
    )

    def read() -> None:
        while not done.is_set():
            for row in store.rows(query):
                looks[row["mean_score"]] += 1
                if (row["answered"], row["failed"], 1) != (row["results"], row["failures"], row["scores"]):
                    torn.append(row)

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for turn in range(6):
            attempt_id = gated_attempt(store, 1500 + 100 * turn, (turn + 1) / 8)
            published.replace(store, find_attempt(store, attempt_id), quality_facts(store, attempt_id), time_scale=1.0)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert torn == []
    assert len(looks) >= 3, "readers saw too few of the published attempts to tell"
