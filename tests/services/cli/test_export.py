"""`daily-runs export`: the rows as they are, safe in a spreadsheet, whole or not at all, whatever their number."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import DAY, quality_facts
from tests.services.results.test_large_runs import LARGE, SMALL, gated_attempt
from tests.services.store.test_roles import login

from daily_runs.records.attempts import find_attempt
from daily_runs.results import published
from daily_runs.results.exports.export import RISKY, defused
from daily_runs.store import roles
from daily_runs.store.database import Store

MEASURED = """
import resource, sys
from daily_runs.cli.main import app
try:
    app(sys.argv[1:], standalone_mode=False)
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
"""
GROWTH_MIB_MAX = 8


def run(url: str, *words: str, program: tuple[str, ...] = ("-m", "daily_runs.cli")) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "DAILY_RUNS_STORE": url, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, *program, "export", *words]
    return subprocess.run(command, env=variables, capture_output=True, check=False, encoding="utf-8")


def published_run(store: Store, prompts: int, days: int = 0) -> str:
    attempt = find_attempt(store, gated_attempt(store, prompts, days=days))
    published.replace(store, attempt, quality_facts(store, attempt.attempt_id), time_scale=1.0)
    return str(attempt.key)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_run_is_written_as_the_view_has_it_and_null_is_empty(store: Store) -> None:
    key, _ = published_run(store, 30), published_run(store, 10, days=1)
    done = run(store.url, key)
    assert (done.returncode, done.stderr) == (0, "daily-runs: 27 rows of results_v1\n")
    found = rows_of(done.stdout)
    view = store.rows("SELECT * FROM contract.results_v1 WHERE run_key = %(key)s ORDER BY prompt_id", {"key": key})
    assert list(found[0]) == list(view[0])
    assert [row["prompt_id"] for row in found] == [row["prompt_id"] for row in view]
    assert (found[0]["score"], found[0]["serving_model"], found[0]["scores"]) == ("0.75", "", '{"correctness": 4}')
    assert found[0]["logical_date"] == "2026-08-17T00:00:00Z"


def test_rows_are_chosen_by_view_feature_and_date(store: Store) -> None:
    for days in range(3):
        published_run(store, 10, days=days)
    done = run(store.url, "--view", "runs_v1", "--since", "2026-08-18", "--feature", "duo_chat")
    assert [row["logical_date"] for row in rows_of(done.stdout)] == ["2026-08-18T00:00:00Z", "2026-08-19T00:00:00Z"]
    assert rows_of(run(store.url, "--view", "runs_v1", "--feature", "another").stdout) == []
    ended = rows_of(run(store.url, "--view", "operations_v1", "--since", "2026-01-01").stdout)
    assert {row["stage"] for row in ended} == {"inference"}


class Refused(NamedTuple):
    words: tuple[str, ...]
    told: str


REFUSED = (
    Refused(("--view", "answer"), "--view: 'answer' is no view of the contract. Give one of: alarms_v1, "),
    Refused(("--view", "runs_v1; DROP TABLE x"), "is no view of the contract"),
    Refused(("--since", "yesterday"), "--since: 'yesterday' is no date"),
    Refused(("--view", "costs_v1", "a/b/c"), "run: costs_v1 has no run_key to choose by"),
    Refused(("--output", "/nowhere/rows.csv"), "--output: cannot write /nowhere/rows.csv"),
)


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: " ".join(refused.words))
def test_what_cannot_be_exported_is_one_line(refused: Refused, store: Store) -> None:
    done = run(store.url, *refused.words)
    assert (done.returncode, done.stdout) == (2, "")
    assert refused.told in done.stderr
    assert done.stderr.count("\n") == 1


WITHOUT_PYARROW = """
import sys
from daily_runs.cli.main import main
sys.modules["pyarrow"] = None  # an import of it fails, whether it is installed or not
main()
"""


def test_a_parquet_file_without_pyarrow_is_refused_in_one_line_before_anything_is_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    file.write_text("what was there")
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    done = run(nowhere, "-o", str(file), program=("-c", WITHOUT_PYARROW))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--output: a file that ends with .parquet needs pyarrow, which is not here" in done.stderr
    assert done.stderr.endswith("Install it: pip install 'pyarrow>=21'. Or name a file that ends with .csv.\n")
    assert file.read_text() == "what was there"


def test_a_login_that_only_reads_may_export(store: Store) -> None:
    key = published_run(store, 10)
    done = run(login(store.url, member_of=roles.READER), key)
    assert (done.returncode, len(rows_of(done.stdout))) == (0, 9)


def test_texts_that_a_spreadsheet_would_run_are_defused_and_figures_are_not(store: Store) -> None:
    published_run(store, 20)
    store.rows('UPDATE daily_runs.published_failure SET error_kind = \'=HYPERLINK("http://x","ü")\'')
    store.rows("UPDATE daily_runs.published_result SET serving_model = '@SUM(A1)', latency_seconds = -1.5")
    (failure, *_) = rows_of(run(store.url, "--view", "failures_v1").stdout)
    assert failure["error_kind"] == '\'=HYPERLINK("http://x","ü")'
    (answer, *_) = rows_of(run(store.url).stdout)
    assert (answer["serving_model"], answer["latency_seconds"]) == ("'@SUM(A1)", "-1.5")


@given(st.text(), st.sampled_from(["", *RISKY]))
def test_no_cell_begins_like_a_formula_and_nothing_else_is_changed(text: str, before: str) -> None:
    cell = defused(before + text)
    assert not cell.startswith(RISKY)
    assert cell in {before + text, f"'{before}{text}"}
    assert cell == before + text or (before + text).startswith(RISKY)


def test_every_way_to_begin_a_formula_is_known() -> None:
    assert {"=", "+", "-", "@", "\t", "\r"} <= set(RISKY)


def test_a_file_is_replaced_whole_or_stays_what_it_was(store: Store, tmp_path: Path) -> None:
    key, file = published_run(store, 30), tmp_path / "rows.csv"
    file.write_text("what was there")
    broken = run(store.url, key, "--output", str(file), program=("-c", BROKEN))
    assert broken.returncode != 0
    assert file.read_text() == "what was there"
    assert run(store.url, key, "-o", str(file)).returncode == 0
    assert len(rows_of(file.read_text(encoding="utf-8"))) == 27
    assert list(tmp_path.iterdir()) == [file]


BROKEN = """
import sys
from daily_runs.cli.main import app
from daily_runs.results.exports import export
whole = export._cell
export.BATCH = 5
cells = iter(range(100))
def breaks(value):
    if next(cells) > 90:
        raise OSError(28, "No space left on device")
    return whole(value)
export._cell = breaks
app(sys.argv[1:], standalone_mode=False)
"""


def test_a_reader_that_closes_the_pipe_ends_it_with_one_line(store: Store) -> None:
    published_run(store, SMALL)
    variables = {**os.environ, "DAILY_RUNS_STORE": store.url}
    command = [sys.executable, "-m", "daily_runs.cli", "export"]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
    assert process.returncode == 2
    assert told == (
        "daily-runs: --output: standard output was closed before all rows were written. Read all of it, or give a"
        " file.\n"
    )


MANY = """
INSERT INTO daily_runs.run VALUES (%(key)s, 'f', 'staging', %(day)s);
INSERT INTO daily_runs.attempt (run_key, plan_hash, asked, shards, provenance, dataset_sha256, rubric_version,
                                judge_model)
VALUES (%(key)s, 'p', %(prompts)s, 1, 'sandbox', 'd', 'r', 'j');
INSERT INTO daily_runs.published_run (run_key, attempt_id, feature, environment, logical_date, provenance, asked,
                                      answered, failed, scored, unscored, mean_score, score_std, mean_score_low,
                                      mean_score_high, dataset_sha256, rubric_version, judge_model, rows_sha256)
SELECT run_key, attempt_id, 'f', 'staging', %(day)s, 'sandbox', asked, asked, 0, asked, 0, 1, 0, 1, 1, 'd', 'r', 'j',
       's'
FROM daily_runs.attempt WHERE run_key = %(key)s;
INSERT INTO daily_runs.published_result (run_key, prompt_id, item_id, status, score, scores, latency_seconds)
SELECT %(key)s::text, 'i#' || n, 'i', 'scored', 1, '{"correctness": 5}', 1 FROM generate_series(1, %(prompts)s) AS n
"""


def test_ninety_thousand_rows_are_exported_with_the_memory_of_nine_thousand(store: Store, tmp_path: Path) -> None:
    for days, prompts in enumerate((SMALL, LARGE)):
        given = {"key": f"many/{prompts}", "prompts": prompts, "day": DAY + dt.timedelta(days=days)}
        with store.transaction() as connection:
            for statement in MANY.split(";\n"):
                connection.execute(statement.encode(), given)
    peaks = []
    for prompts in (SMALL, LARGE):
        done = run(store.url, f"many/{prompts}", "-o", str(tmp_path / "rows.csv"), program=("-c", MEASURED))
        assert done.returncode == 0
        told, peak = done.stderr.splitlines()
        assert told == f"daily-runs: {prompts:,} rows of results_v1"
        peaks.append(int(peak))
    assert peaks[1] - peaks[0] <= GROWTH_MIB_MAX, peaks
