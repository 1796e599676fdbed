"""Captures the root cause analysis data set again: runs every failing job and writes `root_cause_analysis.jsonl`.

    python tools/capture/root_cause_analysis.py [--only SLUG] [--out FILE] [--tools DIR]
    python tools/capture/root_cause_analysis.py --check     # file and scenarios agree; runs nothing

Each scenario (`rca/*_jobs.py`) is a small project and a script that really fails; the log is what it printed, stdout
and stderr interleaved, scrubbed as `rca/scrub.py` says. Root cause and fix are written by hand, per scenario. Items are
numbered in the order of `SCENARIOS`; `--check` names those that moved, and any capture writes all numbers and texts anew.

Programs come from the system (gcc, g++, make, cmake, valgrind, go, cargo with clippy, node, npm, javac, git, openssl,
the docker client, terraform, kubectl, jq, curl, psql, and the server of Postgres) and from a toolbox directory:

    python3.11 -m venv DIR/py && DIR/py/bin/pip install -r tools/capture/rca/tools.txt
    npm install --prefix DIR typescript@5.4.5 eslint@8.57.0 prettier@3.2.5
    mkdir DIR/bin && ln -s /path/to/bin/python3.8 DIR/bin/python3.8

What can't be captured (a program is missing, the job succeeded, its log lacks the evidence) is named, and its item
stays as it stands in the file. Run it as root: otherwise jobs that need an unprivileged user run as the caller.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from rca import FAMILIES
from rca.runner import Captured, CaptureError, capture
from rca.scenario import Scenario
from rca.toolbox import Toolbox, find

DATASETS = Path(__file__).resolve().parents[2] / "include" / "datasets"
DEFAULT_OUT = DATASETS / "root_cause_analysis.jsonl"
DEFAULT_TOOLS = DATASETS.parents[1] / ".daily_runs" / "capture_tools"
SCENARIOS: tuple[Scenario, ...] = tuple(scenario for family in FAMILIES for scenario in family)

Row = dict[str, Any]


def row_of(number: int, scenario: Scenario, log: str, exit_code: int) -> Row:
    """The data set's line for a captured scenario (docs/datasets.md)."""
    return {
        "id": f"rca-{number:03d}",
        "seed_key": f"rca/{scenario.slug}",
        "class": scenario.item_class,
        "tags": list(scenario.tags),
        "question": "/troubleshoot",
        "resource": {
            "type": "ci_job",
            "name": scenario.name,
            "stage": scenario.stage,
            "command": scenario.command,
            "exit_code": exit_code,
            "log": log,
        },
        "reference": {"root_cause": scenario.root_cause, "fix": scenario.fix},
    }


def rows_in(path: Path) -> dict[str, Row]:
    """The rows of a data set by slug; none when there is no file."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row["seed_key"].removeprefix("rca/"): row for row in rows}


def differences(path: Path) -> list[str]:
    """What in the file is not as the scenarios say: missing or extra items, other texts, logs without evidence."""
    rows = rows_in(path)
    found = [f"{slug}: in the file, but no scenario" for slug in rows.keys() - {s.slug for s in SCENARIOS}]
    for number, scenario in enumerate(SCENARIOS, start=1):
        row = rows.get(scenario.slug)
        if row is None:
            found.append(f"{scenario.slug}: not in the file")
            continue
        log, exit_code = row["resource"]["log"], row["resource"]["exit_code"]
        if row != row_of(number, scenario, log, exit_code):
            found.append(f"{scenario.slug}: number, class, tags, command or reference differ from the scenario")
        found.extend(f"{scenario.slug}: no {text!r} in the log" for text in scenario.evidence if text not in log)
    return found


def captured_rows(chosen: set[str], toolbox: Toolbox, old: dict[str, Row]) -> tuple[list[Row], list[str]]:
    """A row per scenario, captured anew if chosen, and what could not be captured. A line of progress for each."""
    rows: list[Row] = []
    failed: list[str] = []
    for number, scenario in enumerate(SCENARIOS, start=1):
        result = _kept(old.get(scenario.slug))
        if scenario.slug in chosen:
            started = time.monotonic()
            try:
                result = _captured(scenario, toolbox)
                outcome = f"exit {result.exit_code}, {len(result.log)} characters"
            except CaptureError as error:
                failed.append(scenario.slug)
                outcome = f"FAILED: {error}"
            seconds = time.monotonic() - started
            print(f"{number:3d}/{len(SCENARIOS)} {scenario.slug}: {outcome} [{seconds:.1f} s]", flush=True)
        if result is not None:
            rows.append(row_of(number, scenario, result.log, result.exit_code))
    return rows, failed


def write(rows: list[Row], path: Path) -> None:
    """Replace the file in one step; ASCII only, so that no line separator inside a log ends a row."""
    scratch = path.with_suffix(".new")
    scratch.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    os.replace(scratch, path)


def _kept(row: Row | None) -> Captured | None:
    return None if row is None else Captured(row["resource"]["log"], row["resource"]["exit_code"])


def _captured(scenario: Scenario, toolbox: Toolbox) -> Captured:
    missing = toolbox.missing(scenario.needs)
    if missing:
        raise CaptureError(f"not on this machine: {', '.join(missing)}")
    return capture(scenario, toolbox)


def main() -> int:
    """0 when everything chosen was captured (or checked), 1 when something was not, 2 on a bad argument."""
    parser = argparse.ArgumentParser(description="Captures the root cause analysis data set again.")
    parser.add_argument("--only", metavar="SLUG", action="append", help="capture this scenario only (may be repeated)")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, metavar="FILE")
    parser.add_argument("--tools", type=Path, default=DEFAULT_TOOLS, metavar="DIR", help="see the docstring")
    parser.add_argument("--check", action="store_true", help="compare the file with the scenarios; run nothing")
    options = parser.parse_args()
    if options.check:
        found = differences(options.out)
        print("\n".join(found) or f"{len(SCENARIOS)} items agree with their scenarios")
        return 1 if found else 0
    slugs = {scenario.slug for scenario in SCENARIOS}
    chosen = set(options.only or slugs)
    if chosen - slugs:
        parser.error(f"no such scenario: {', '.join(sorted(chosen - slugs))}")
    rows, failed = captured_rows(chosen, find(options.tools.resolve()), rows_in(options.out))
    if rows:
        write(rows, options.out)
    print(f"{len(rows)} items in {options.out}; not captured: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
