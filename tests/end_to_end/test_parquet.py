"""`daily-runs export` to a Parquet file, with the pyarrow that `make parquet` laid beside the installed packages.

Only the processes that these tests start see it: with pyarrow, pandas keeps texts in another way, and the gate's tests
are to run with what is installed (docs/decisions/0033-parquet-is-an-extra.md).
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from daily_runs.results.exports.parquet import ROWS_IN_GROUP
from daily_runs.store.database import Store
from tests.architecture.project import PROJECT
from tests.services.cli.test_export import MANY, MEASURED, published_run
from tests.services.results.test_large_runs import LARGE, SMALL

PYARROW = PROJECT / ".venv" / "pyarrow"
GROWTH_MIB_MAX = 8
"""Ten times as many rows may take so much more. Measured: none."""
DAY = dt.datetime(2026, 8, 17, tzinfo=dt.UTC)

READ = """
import json, sys
import pyarrow.parquet as pq
found = {}
for name in sys.argv[1:]:
    file = pq.ParquetFile(name)
    groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    rows = file.read().to_pylist() if sum(groups) < 1000 else []
    types = {field.name: str(field.type) for field in file.schema_arrow}
    found[name] = {"types": types, "groups": groups, "rows": rows}
print(json.dumps(found, default=lambda value: value.isoformat()))
"""
ALL_VIEWS = """
import sys
from daily_runs.cli.main import app
for view in sys.argv[1:]:
    app(["export", "--view", view, "-o", f"{view}.parquet"], standalone_mode=False)
"""
ON_A_FULL_DISK = """
import resource, sys
from daily_runs.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
main()
"""


def run(url: str, folder: Path, *words: str, program: str = "") -> subprocess.CompletedProcess[str]:
    """A command with pyarrow within reach, started in a folder."""
    assert PYARROW.is_dir(), f"no {PYARROW} here: run `make parquet`"
    path = os.pathsep.join([str(PYARROW), *(place for place in sys.path if place)])
    variables = {**os.environ, "DAILY_RUNS_STORE": url, "PYTHONPATH": path}
    command = [sys.executable, *(("-c", program) if program else ("-m", "daily_runs.cli", "export")), *words]
    return subprocess.run(command, env=variables, cwd=folder, capture_output=True, check=False, text=True)


def read(folder: Path, *files: str) -> dict[str, Any]:
    """Types, sizes of the row groups, and rows (of small files) by file."""
    done = run("", folder, *files, program=READ)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def as_read(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Rows of the store, or of a file, as texts to compare."""

    def cell(value: Any) -> Any:
        if isinstance(value, dict | list):
            return json.dumps(value, sort_keys=True)
        if isinstance(value, dt.datetime):
            return value.astimezone(dt.UTC).isoformat()
        return value if value is None or isinstance(value, bool | int | float | str) else str(value)

    return sorted(json.dumps({name: cell(value) for name, value in row.items()}, sort_keys=True) for row in rows)


def test_every_view_of_the_contract_is_read_back_as_the_store_has_it(store: Store, tmp_path: Path) -> None:
    published_run(store, 30)
    store.rows('UPDATE daily_runs.published_failure SET error_kind = \'=HYPERLINK("http://x","ü")\'')
    views = [
        row["name"]
        for row in store.rows(
            "SELECT relname AS name FROM pg_class WHERE relnamespace = to_regnamespace('contract') AND relkind = 'v'"
        )
    ]
    done = run(store.url, tmp_path, *views, program=ALL_VIEWS)
    assert done.returncode == 0, done.stderr
    found = read(tmp_path, *(f"{view}.parquet" for view in views))
    for view in views:
        expected = store.rows(f"SELECT * FROM contract.{view}")
        assert as_read(found[f"{view}.parquet"]["rows"]) == as_read(expected), view
    with_rows = {view for view in views if found[f"{view}.parquet"]["rows"]}
    assert {"results_v1", "failures_v1", "runs_v2", "attempts_v1", "verdicts_v1", "operations_v1"} <= with_rows
    assert {row["error_kind"] for row in found["failures_v1.parquet"]["rows"]} == {'=HYPERLINK("http://x","ü")'}


def test_columns_have_types_and_a_view_without_rows_has_its_columns(store: Store, tmp_path: Path) -> None:
    done = run(store.url, tmp_path, "--view", "attempts_v1", "-o", "none.parquet")
    assert (done.returncode, done.stderr) == (0, "daily-runs: 0 rows of attempts_v1\n")
    found = read(tmp_path, "none.parquet")["none.parquet"]
    assert (found["rows"], sum(found["groups"])) == ([], 0)
    columns = store.rows(
        "SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute"
        " WHERE attrelid = 'contract.attempts_v1'::regclass AND attnum > 0 ORDER BY attnum"
    )
    arrow = {
        "text": "string",
        "uuid": "string",
        "jsonb": "string",
        "integer": "int32",
        "boolean": "bool",
        "double precision": "double",
        "date": "date32[day]",
        "timestamp with time zone": "timestamp[us, tz=UTC]",
    }
    assert list(found["types"].items()) == [(one["name"], arrow[one["type"]]) for one in columns]
    assert {"string", "int32", "timestamp[us, tz=UTC]"} <= set(found["types"].values())


def test_ninety_thousand_rows_are_written_in_groups_with_the_memory_of_nine_thousand(
    store: Store, tmp_path: Path
) -> None:
    peaks = []
    for days, prompts in enumerate((SMALL, LARGE)):
        given = {"key": f"many/{prompts}", "prompts": prompts, "day": DAY + dt.timedelta(days=days)}
        with store.transaction() as connection:
            for statement in MANY.split(";\n"):
                connection.execute(statement.encode(), given)
    for prompts in (SMALL, LARGE):
        done = run(store.url, tmp_path, "export", f"many/{prompts}", "-o", f"{prompts}.parquet", program=MEASURED)
        assert done.returncode == 0, done.stderr
        told, peak = done.stderr.splitlines()
        assert told == f"daily-runs: {prompts:,} rows of results_v1"
        peaks.append(int(peak))
    found = read(tmp_path, f"{SMALL}.parquet", f"{LARGE}.parquet")
    assert found[f"{SMALL}.parquet"]["groups"] == [SMALL]
    assert found[f"{LARGE}.parquet"]["groups"] == [ROWS_IN_GROUP] * (LARGE // ROWS_IN_GROUP)
    assert peaks[1] - peaks[0] <= GROWTH_MIB_MAX, peaks


def test_a_disk_that_fills_up_leaves_the_file_that_was_there(store: Store, tmp_path: Path) -> None:
    key, file = published_run(store, 30), tmp_path / "rows.parquet"
    file.write_text("what was there")
    done = run(store.url, tmp_path, "export", key, "-o", file.name, program=ON_A_FULL_DISK)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"--output: cannot write {file} (File too large)" in done.stderr
    assert (file.read_text(), list(tmp_path.iterdir())) == ("what was there", [file])


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet.csv", "parquet"])
def test_only_a_name_that_ends_with_parquet_makes_a_parquet_file(name: str, store: Store, tmp_path: Path) -> None:
    assert run(store.url, tmp_path, published_run(store, 10), "-o", name).returncode == 0
    assert (tmp_path / name).read_text(encoding="utf-8").startswith("run_key,")
