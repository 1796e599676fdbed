"""The sandbox in a process of its own, for tests and the demo: started, asked and stopped through this one object."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from daily_runs.errors import ParameterError

_STOP_SECONDS = 5.0
_CONTROL_TIMEOUT_SECONDS = 10.0


class Sandbox:
    """A context manager; `address` is known inside. It stops with this process, even if that is killed.

    Args:
        time_scale: domain seconds in one second of the clock.
        scenario: faults from the start on (see `scenario.Scenario`).
        port: 0 takes a free one.
        command: another command than `python -m daily_runs.sandbox`, with the same options and the same first line.
    """

    def __init__(
        self,
        time_scale: float = 60.0,
        scenario: Mapping[str, Any] | None = None,
        *,
        port: int = 0,
        command: Sequence[str] = (sys.executable, "-m", "daily_runs.sandbox"),
    ) -> None:
        self._scenario = dict(scenario or {})
        self._command = [*command, "--stop-on-stdin-eof"]
        self._command += ["--port", str(port), "--time-scale", str(time_scale)]
        self.address = ""

    def __enter__(self) -> Self:
        """Start it and wait until it listens.

        Raises:
            ParameterError: it did not start; its own line on standard error is part of the message.
        """
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdout is not None
        announced = self._process.stdout.readline()
        if not announced:
            code = self._process.wait()
            raise ParameterError("sandbox", f"ended with {code} before it listened", "Its own line above says why.")
        self.address = json.loads(announced)["address"]
        if self._scenario:
            self.change_scenario(self._scenario)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop it and wait for its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def change_scenario(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Merge changes into the running scenario and return the whole.

        Raises:
            ParameterError: the sandbox refuses the changes.
        """
        return self._post("scenario", changes)

    def order_seeds(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Move seeds (see `control.SeedOrder`) and return what is there now.

        Raises:
            ParameterError: the sandbox refuses the order.
        """
        return self._post("seeds", order)

    def ledger(self, since: int = 0) -> list[dict[str, Any]]:
        """Every request received, from entry number `since` on."""
        entries: list[dict[str, Any]] = self._get(f"ledger?since={since}")["entries"]
        return entries

    def now_seconds(self) -> float:
        """Its own time: domain seconds since its start, as in the ledger's `at_seconds`."""
        return float(self._get("health")["now_seconds"])

    def summary(self) -> dict[str, Any]:
        """The ledger's counts, what was paid more than once, and the peaks per account."""
        return self._get("ledger/summary")

    def _get(self, what: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.address}/_sandbox/{what}", timeout=_CONTROL_TIMEOUT_SECONDS)
        content: dict[str, Any] = answer.raise_for_status().json()
        return content

    def _post(self, what: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = httpx.post(f"{self.address}/_sandbox/{what}", json=dict(body), timeout=_CONTROL_TIMEOUT_SECONDS)
        content: dict[str, Any] = answer.json()
        if answer.is_error:
            raise ParameterError(f"sandbox {what}", "; ".join(content["errors"]), "Mend these values.")
        return content
