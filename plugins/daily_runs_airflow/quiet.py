"""Keeps a task's log to what people read: no traceback of an error of ours, no chatter of other libraries.

Both are set in the task's own process, since no configuration of Airflow 3.3.2 reaches them: it logs every exception
with its traceback, and `logging.namespace_levels` leaves the loggers of other libraries alone.
`tests/airflow/test_first_words.py` pins that on its real task runner.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from daily_runs.errors import DailyRunsError

CHATTY = ("great_expectations", "httpx", "httpcore", "anthropic", "alembic")
"""Libraries whose information nobody reads in a task's log."""


def quiet() -> None:
    """Keep a task's log to what people read; once is as good as twice."""
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    processors = structlog.get_config()["processors"]
    if _without_our_traceback not in processors:
        processors.insert(0, _without_our_traceback)  # in place: loggers that are bound already have this very list


def _without_our_traceback(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave out the traceback of an error of ours; its text stays, for a task that no block follows."""
    given = event.get("exc_info")
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, DailyRunsError):
        del event["exc_info"]
        event["error"] = f"{type(error).__name__}: {error}"
    return event
