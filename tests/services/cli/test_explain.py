"""`daily-runs run --explain` as a person types it: what a run would do, in counts and USD, and nothing is done."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import DAY, Kit
from tests.typed import Result, Typist

from daily_runs.stages import pipeline
from daily_runs.store.database import STORE_VARIABLE

FEATURE, PROMPTS = "duo_chat", 6


@pytest.fixture
def explain(typed: Typist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_url: str) -> Callable[..., Result]:
    """The command for the test's store and run."""
    monkeypatch.setenv(STORE_VARIABLE, store_url)
    monkeypatch.setenv("DAILY_RUNS_STATE", str(tmp_path / "state"))
    words = ("run", FEATURE, "--environment", "staging", "--overlay", "sandbox", "--explain")
    return functools.partial(typed, *words)


def test_a_rerun_is_explained_for_people_and_for_scripts_and_sends_nothing(
    kit: Kit, explain: Callable[..., Result]
) -> None:
    work = kit.work(FEATURE, PROMPTS)
    kit.run(work, *pipeline.STAGES)
    sample = work.attempt.key.sample
    words = ("--date", f"{DAY:%Y-%m-%d}", "--sample", sample, "--rerun", "judge_again")
    before = len(kit.sandbox.entries()), kit.count("daily_runs.attempt")
    code, out, err = explain(*words)
    assert (code, err) == (0, "")
    assert out.startswith("0 of 6 prompts are asked, 6 answers are reused, at most 6 are judged: at most about ")
    assert f"takes over from {work.attempt.attempt_id}" in " ".join(out.split())
    data = explain(*words, "--json").json()
    assert data["headline"].split()[:4] == ["0", "of", "6", "prompts"]
    assert (data["run"], data["rerun"], data["goes_on"]) == (str(work.attempt.key), "judge_again", False)
    assert {name: data["work"][name] for name in ("ask", "keep_answers", "judge", "verdicts")} == {
        "ask": 0,
        "keep_answers": 6,
        "judge": 6,
        "verdicts": 6,
    }
    assert data["usd"] == data["ask_usd"] + data["judge_usd"] > 0
    assert (len(kit.sandbox.entries()), kit.count("daily_runs.attempt")) == before


def test_a_new_run_is_explained_too(kit: Kit, explain: Callable[..., Result]) -> None:
    data = explain("--limit", "2", "--date", f"{DAY:%Y-%m-%d}", "--json").json()
    assert (data["taken_from"], data["work"]["prompts"], data["work"]["ask"]) == (None, 2, 2)
    assert kit.count("daily_runs.run") == 0


def test_what_cannot_be_done_again_is_refused_with_the_option_and_exit_code_2(
    kit: Kit, explain: Callable[..., Result]
) -> None:
    code, out, err = explain("--rerun", "gate_and_publish")
    assert (code, out) == (2, "")
    assert err.startswith("daily-runs: --rerun: ")
