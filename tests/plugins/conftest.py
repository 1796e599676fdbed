"""Airflow's classes in this process, without a scheduler; and its application with the pages."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from daily_runs.store.database import STORE_VARIABLE

if TYPE_CHECKING:
    from tests.plugins.page_server import PageReader

if "AIRFLOW_HOME" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ:  # a worker inherits what the first one set
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(
        prefix="daily-runs-airflow-"
    )  # importing airflow makes a database there


@pytest.fixture(scope="module")
def airflow_pages() -> Iterator[PageReader]:
    """Airflow's application with the pages, for a whole module."""
    from tests.plugins.page_server import pages_in_airflow  # noqa: PLC0415 - it takes seconds, and few tests need it

    with pages_in_airflow() as found:
        yield found


@pytest.fixture
def reader(airflow_pages: PageReader, monkeypatch: pytest.MonkeyPatch, store_url: str) -> PageReader:
    """The pages over the test's store."""
    from daily_runs_airflow import connections  # noqa: PLC0415 - as above

    monkeypatch.setattr(connections, "airflow_connection", lambda _: None)
    monkeypatch.setenv(STORE_VARIABLE, store_url)
    monkeypatch.setenv("DAILY_RUNS_OVERLAY", "sandbox")
    monkeypatch.delenv("DAILY_RUNS_INCLUDE", raising=False)
    return airflow_pages
