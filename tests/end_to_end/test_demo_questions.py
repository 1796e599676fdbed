"""The demo as a person runs it, and then the five questions to the rows that it left, as the page says to ask them."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.rows import dict_row

from daily_runs.store.database import DATABASE
from daily_runs.store.embedded import EmbeddedPostgres
from tests import five_questions
from tests.end_to_end.test_commands import daily_runs, environment

PROMPTS = 900
"""What `make demo` asks: a whole day of root cause analysis, so that it is a full run."""
DEMO_SECONDS = 1800
"""It takes 2 minutes on two cores; the limit ends a wait that would not end."""
pytestmark = pytest.mark.timeout(DEMO_SECONDS + 300)


class Demo(NamedTuple):
    """What the demo said of its run, how a reader reaches the store that it left, and how its administrator does."""

    told: dict[str, Any]
    reader: str
    administrator: str

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Rows of the store's own tables."""
        with psycopg.connect(self.administrator, row_factory=dict_row) as connection:
            return connection.execute(query.encode()).fetchall()

    def answer(self, number: int) -> list[dict[str, str]]:
        """What a reader gets to one of the five questions."""
        rows = five_questions.typed(self.reader, five_questions.questions()[number])
        assert {row["provenance"] for row in rows} <= {"sandbox"}
        return rows


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The demo's run, and its store, which is started again for who reads it."""
    with tempfile.TemporaryDirectory(prefix="daily-runs-demo-") as folder:
        state, file = Path(folder), Path(folder) / "demo.json"
        command = [sys.executable, "-m", "daily_runs.cli", "demo", "--prompts", str(PROMPTS), "--json", str(file)]
        done = subprocess.run(
            command, env=environment(state), capture_output=True, text=True, timeout=DEMO_SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        with EmbeddedPostgres(state / "postgres") as server:
            line = daily_runs("store", "reader", variables=environment(state))
            assert (line.returncode, line.stderr) == (0, "")
            _psql, address = shlex.split(line.stdout)
            yield Demo(json.loads(file.read_text()), address, server.url(DATABASE))


def test_the_five_questions_are_answered_by_the_demos_rows(demo: Demo) -> None:
    run, run_key = demo.told["published"], demo.told["published"]["run_key"]
    (score,) = demo.answer(1)
    assert (score["feature"], score["environment"], score["run_key"]) == ("root_cause_analysis", "staging", run_key)
    for name, of_run in (("score", "item_mean"), ("score_low", "item_mean_low"), ("score_high", "item_mean_high")):
        assert float(score[name]) == pytest.approx(run[of_run])
    assert (score["verdict"], score["asked"]) == ("incomparable", str(PROMPTS))

    failed = demo.rows(
        "SELECT count(*) AS n FROM daily_runs.answer WHERE status = 'failed'"
        " UNION ALL SELECT count(*) FROM daily_runs.judgement WHERE status = 'unscored'"
    )
    assert sum(int(row["failures"]) for row in demo.answer(2)) == sum(row["n"] for row in failed)

    costs = demo.answer(3)
    asked, judged = (
        sum(int(row["calls"]) for row in costs if (row["stage"], row["basis"]) == kind)
        for kind in (("inference", "estimate"), ("judging", "measured"))
    )
    tries = demo.rows("SELECT sum(tries) AS n FROM daily_runs.answer")[0]["n"]
    verdicts = demo.rows(
        "SELECT (SELECT count(*) FROM daily_runs.verdict) + (SELECT count(*) FROM daily_runs.frozen_verdict"
        " WHERE status = 'scored') AS n"
    )[0]["n"]
    assert (asked, judged) == (tries, verdicts)
    assert tries >= PROMPTS
    assert all(float(row["usd"]) > 0 and row["team"] and row["model"] for row in costs)

    (latency,) = demo.answer(4)
    seconds = [row["s"] for row in demo.rows("SELECT latency_seconds AS s FROM daily_runs.published_result ORDER BY 1")]
    assert int(latency["answers"]) == len(seconds) == run["answered"]
    middle = (seconds[(len(seconds) - 1) // 2] + seconds[len(seconds) // 2]) / 2
    assert float(latency["p50_seconds"]) == pytest.approx(middle)
    assert seconds[0] <= float(latency["p50_seconds"]) < float(latency["p95_seconds"]) <= seconds[-1]

    worst = demo.answer(5)
    means = demo.rows(
        "SELECT item_id, avg(score) AS mean FROM daily_runs.published_result WHERE score IS NOT NULL GROUP BY item_id"
    )
    lowest = sorted(row["mean"] for row in means)[:10]
    assert [float(row["score"]) for row in worst] == pytest.approx(lowest)
    assert all(row["item_class"] and row["reasons"] and row["change"] == "" for row in worst)
