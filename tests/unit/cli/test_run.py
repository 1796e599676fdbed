"""What `daily-runs run` takes from its command line."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from daily_runs.cli import main, run
from daily_runs.cli.run import RunOptions
from daily_runs.errors import ParameterError
from daily_runs.statuses import Rerun


class AskedError(Exception):
    """Carries what the command would have run."""


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The options that the command makes of words, or the error that it ends with."""

    def stop(asked: RunOptions, **_: object) -> None:
        raise AskedError(asked)

    monkeypatch.setattr(run, "run", stop)
    return lambda *words: (
        CliRunner().invoke(main.app, ["run", "duo_chat", "--environment", "staging", "--overlay", "", *words]).exception
    )


@pytest.mark.parametrize("option", ["--rerun", "--redo"])
@pytest.mark.parametrize("how", list(Rerun))
def test_a_rerun_is_asked_for_by_its_name_and_by_its_old_one(typed: Any, option: str, how: Rerun) -> None:
    assert typed(option, how).args == (RunOptions("duo_chat", "staging", None, rerun=how),)


def test_the_old_name_is_not_given_beside_the_new_one(typed: Any) -> None:
    refused = typed("--redo", "judge_again", "--rerun", "missing_answers")
    assert isinstance(refused, ParameterError)
    assert str(refused) == "--redo: is the old name of --rerun, which is given too. Give --rerun alone."


def test_the_old_name_is_not_shown() -> None:
    shown = CliRunner().invoke(main.app, ["run", "--help"]).stdout
    assert "--rerun" in shown
    assert "--redo" not in shown
