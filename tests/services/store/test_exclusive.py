"""One worker at a time on a shard; the lock ends with its holder."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from daily_runs.errors import StageError
from daily_runs.store import exclusive as locks
from daily_runs.store.exclusive import exclusive

if TYPE_CHECKING:
    from daily_runs.store.database import Store


HOLDER = """
import sys, time
from daily_runs.store.database import Store
from daily_runs.store.exclusive import exclusive
with exclusive(Store(sys.argv[1]), "inference of attempt x", 0):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0.3)


def test_parts_are_worked_on_side_by_side(store: Store) -> None:
    with exclusive(store, "a", 0), exclusive(store, "a", 1), exclusive(store, "b", None):
        pass


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, None), (None, 0), (None, None)])
def test_the_same_part_or_the_whole_is_refused_to_a_second_worker(
    store: Store, first: int | None, second: int | None
) -> None:
    refused = pytest.raises(StageError, match="another task works on this now")
    with exclusive(store, "a", first), refused, exclusive(store, "a", second):
        pass


def test_what_is_let_go_can_be_taken_again(store: Store) -> None:
    for _ in range(2):
        with exclusive(store, "a", None):
            pass


def test_a_holder_that_was_killed_holds_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "WAIT_SECONDS", 10.0)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, store.url], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with exclusive(store, "inference of attempt x", 0):
        pass
