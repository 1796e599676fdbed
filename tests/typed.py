"""A command of `daily-runs` as a person types it: through `main`, which turns errors into lines and exit codes."""

from __future__ import annotations

import json
import sys
from typing import Any, NamedTuple

import pytest

from daily_runs.cli import main


class Result(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


class Typist:
    """Types commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *words: str) -> Result:
        """Type `daily-runs` and these words; `main` must end the process, as it does for a person."""
        self._monkeypatch.setattr(sys, "argv", ["daily-runs", *words])
        with pytest.raises(SystemExit) as ended:
            main.main()
        code = ended.value.code or 0
        assert isinstance(code, int)
        return Result(code, *self._capsys.readouterr())
