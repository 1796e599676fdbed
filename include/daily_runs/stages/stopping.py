"""SIGTERM while a stage makes paid calls: it sends nothing more, and stores what its open calls bring.

A stack that stops and a server that is drained say so by SIGTERM, and kill some seconds later. Airflow itself only
calls the operator's `on_kill`, which does nothing, so a task would go on paying until it is killed.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from daily_runs.errors import StageError


@contextmanager
def heeding_sigterm(stop: Callable[[StageError], None]) -> Iterator[None]:
    """Inside, in a running event loop, SIGTERM calls `stop` with the error to end with; the handler before is put back.

    Only the main thread hears signals: in any other one nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told = StageError(
        "told to stop (SIGTERM). What was not sent stays planned: a further try sends it;"
        " after the last one, clear this task."
    )
    loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
    loop.add_signal_handler(signal.SIGTERM, stop, told)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
