"""Imports every module of the library with airflow out of reach; prints what each of them looked at outside."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import daily_runs
from tests.architecture.outside import watched
from tests.architecture.project import LIBRARY, say

SCRIPTS = ("daily_runs.cli.__main__", "daily_runs.sandbox.__main__", "daily_runs.store.migrations.env")
"""Run by python and by Alembic, never imported."""

for blocked in ("airflow", "daily_runs_airflow", "dags"):
    sys.modules[blocked] = None  # type: ignore[assignment]  # how Python is told that an import must fail

names = [module.name for module in pkgutil.walk_packages(daily_runs.__path__, "daily_runs.")]
names = [name for name in names if name not in SCRIPTS]
for name in names:
    importlib.import_module(name)
# Once more from the start, now that the libraries beneath are there: the watch is slow, and theirs is not the question.
for name in [name for name in sys.modules if name.partition(".")[0] == "daily_runs"]:
    del sys.modules[name]
with watched(LIBRARY) as seen:
    for name in names:
        importlib.import_module(name)
say({"modules": names, "seen": seen})
