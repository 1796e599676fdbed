"""The page of five questions as tests use it: its SQL as it stands there, typed into psql by a reader."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
from pathlib import Path

from daily_runs.store.embedded import binaries

PAGE = Path(__file__).parents[1] / "docs" / "operations" / "five_questions.md"
SINCE, UNTIL = "2026-01-01", "2099-12-31"
ELSEWHERE = "Pacific/Kiritimati"
"""A reader's time zone, in which it is tomorrow at ten in the morning UTC."""


def questions() -> dict[int, str]:
    """The SQL under each of the page's numbered headings."""
    found = re.findall(r"^## (\d)\. .*?^```sql\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return {int(number): sql for number, sql in found}


def typed(url: str, sql: str, since: str = SINCE, until: str = UNTIL) -> list[dict[str, str]]:
    """What psql answers, a row as text by column; an empty text is null."""
    command = [str(binaries() / "psql"), "--no-psqlrc", "--quiet", "--csv", "--set=ON_ERROR_STOP=1"]
    done = subprocess.run(
        [*command, f"--set=since={since}", f"--set=until={until}", url],
        input=sql,
        env={**os.environ, "PGTZ": ELSEWHERE, "PGCLIENTENCODING": "UTF8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout, newline="")))
