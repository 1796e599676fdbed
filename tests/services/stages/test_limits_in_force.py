"""Limits that hold across runs and while they change: a user's calls in 8 hours, and a catalogue edited in mid-run."""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.conftest import DAY, TIME_SCALE, Kit, SandboxView, changed

from daily_runs.capacity.load import PlanScenario
from daily_runs.capacity.plan import plan
from daily_runs.catalogue import folders
from daily_runs.catalogue.reading import watch
from daily_runs.catalogue.reading.watch import CatalogueWatch
from daily_runs.errors import LimitTooLowError
from daily_runs.sandbox.process import Sandbox

RCA, CHAT, EXPLAIN = "root_cause_analysis", "duo_chat", "vulnerability_explanation"
CALLS_PER_USER = 10


class Case(NamedTuple):
    """Prompts of two runs of a day, and the users that they take at ten calls each."""

    rca: int
    chat: int
    users: int


CASES = {
    "all calls of all users": Case(18, 12, 3),
    "two users to the last call": Case(9, 11, 2),
    "one call more than two users have": Case(13, 8, 3),
}


@pytest.fixture
def few_calls(kit: Kit) -> Iterator[Kit]:
    """Three users of ten calls each, enforced by a sandbox that counts them, too, and from none."""
    with Sandbox(TIME_SCALE, {"ai_action_calls": CALLS_PER_USER}) as process:
        sandbox = SandboxView(process, 0)
        limits = {"ai_action_calls_per_window": CALLS_PER_USER}
        users = ["evaluation-1", "evaluation-2", "evaluation-3"]
        staging = {"address": f"{sandbox.address}/staging", "evaluation_users": users, "limits": limits}
        yield replace(kit, sandbox=sandbox).changed({"environments": {"staging": staging}})


def used(kit: Kit) -> Counter[str]:
    """Calls that the sandbox got, by user."""
    return Counter(entry["user"] for entry in kit.sandbox.entries("aiAction"))


def run_both(kit: Kit, case: Case) -> None:
    for feature, prompts in ((RCA, case.rca), (CHAT, case.chat)):
        kit.run(kit.work(feature, prompts), "seed_check", "limit_probe", "inference")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_two_runs_of_a_day_use_as_many_users_as_the_planner_says_and_none_beyond_its_window(
    few_calls: Kit, case: Case
) -> None:
    run_both(few_calls, case)
    calls = used(few_calls)
    assert sum(calls.values()) == len(few_calls.sandbox.paid_keys("aiAction")) == case.rca + case.chat
    assert max(calls.values()) <= CALLS_PER_USER

    prompts = {RCA: case.rca, CHAT: case.chat}
    features: dict[str, Any] = {name: {"prompts_per_run": number} for name, number in prompts.items()}
    # Both within 8 hours, as they were asked above.
    features[CHAT]["phases"] = [{"phase": "staging", "starts": str(DAY.date()), "schedule": "0 8 * * *"}]
    planned = plan(PlanScenario(changed(few_calls.catalogue, {"features": features}), DAY.date(), DAY.date()))
    (demand,) = [demand for demand in planned.demands if demand.environment == "staging"]
    assert demand.by_feature == pytest.approx(prompts)
    assert demand.users_needed == len(calls) == case.users


def test_a_call_more_than_the_users_have_is_refused_with_the_remedy_before_it_is_paid(few_calls: Kit) -> None:
    run_both(few_calls, Case(18, 12, 3))
    one_more = few_calls.work(EXPLAIN, 1)
    few_calls.run(one_more, "seed_check")
    remedy = (
        "ai_action: 1 calls need 4 evaluation users or the instance setting at 11, or a wait until the 30 used lately"
    )
    with pytest.raises(LimitTooLowError, match=remedy):
        few_calls.run(one_more, "limit_probe")
    with pytest.raises(LimitTooLowError, match="3 users x 10 calls in 8 h: used.* clear this task when"):
        few_calls.run(one_more, "inference")  # as a run whose probe came just before the last calls were spent
    assert sum(used(few_calls).values()) == 30
    assert {row["status"] for row in few_calls.answers(one_more)} == {"planned"}


LOOK_EVERY_SECONDS = 0.2
"""Instead of five: what the looks cost is not the question here."""
HEEDED_SECONDS = 1.0
"""How soon after a look at the files the sandbox must feel it."""
MEASURED_SECONDS = 2.0
FAST, SLOW = 4, 2
"""Prompts a minute of domain time: 20 and 10 a second of the machine's, which a busy one can send, too."""
BUSY_SHARE, FAST_SHARE = 0.8, 1.1
"""What a busy machine may be late by, and the one send more or less at either end of what is measured."""
TRIES = 6
"""How often the rate is measured until it is the one in force: other tests may hold the machine for seconds."""
PROMPTS = 800


class Running(NamedTuple):
    """An inference under way, and the file that holds its feature's limits."""

    file: Path
    sandbox: SandboxView

    def edit(self, per_minute: str) -> None:
        """Write another rate into the file, as a person would."""
        text = self.file.read_text()
        self.file.write_text(re.sub(r"requests_per_minute: \S+", f"requests_per_minute: {per_minute}", text))

    def rate(self) -> float:
        """Prompts a minute that reach the sandbox, over the next seconds, by its own clock."""
        began = self.sandbox.process.now_seconds()
        time.sleep(MEASURED_SECONDS)
        ended = self.sandbox.process.now_seconds()
        sent = [entry for entry in self.sandbox.entries("aiAction") if began <= entry["at_seconds"] < ended]
        return len(sent) / (ended - began) * 60

    def runs_at(self, per_minute: float) -> bool:
        """Whether the measured rate becomes this one."""
        low, high = BUSY_SHARE * per_minute, FAST_SHARE * per_minute
        return any(low < self.rate() < high for _ in range(TRIES))


@pytest.fixture
def running(kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """RCA's inference on a catalogue of its own, for as long as the test wants it."""
    monkeypatch.setattr(watch, "LOOK_EVERY_SECONDS", LOOK_EVERY_SECONDS)
    for folder in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(folders.include_root() / folder, tmp_path / folder)
    work = replace(kit.work(RCA, PROMPTS), watch=CatalogueWatch("sandbox", tmp_path / "catalogue"))
    kit.run(work, "seed_check")
    running = Running(tmp_path / f"catalogue/features/{RCA}.yaml", kit.sandbox)
    running.edit(str(FAST))
    with ThreadPoolExecutor(1) as threads:
        inference = threads.submit(kit.run, work, "inference")
        while len(kit.sandbox.entries("aiAction")) < PROMPTS // 40:
            assert not inference.done()
            time.sleep(0.02)
        yield running
        assert not inference.done()  # or what was measured was its end
        running.edit("2000")
        (report,) = inference.result(timeout=300)
        assert (report.asked, report.answered) == (PROMPTS, PROMPTS)


def test_a_limit_edited_in_the_catalogue_takes_effect_in_a_running_run_and_a_broken_edit_does_not(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    assert running.runs_at(FAST)
    running.edit(str(SLOW))
    time.sleep(LOOK_EVERY_SECONDS + HEEDED_SECONDS)
    assert running.runs_at(SLOW)
    with caplog.at_level(logging.WARNING):
        running.edit("-10")
        time.sleep(LOOK_EVERY_SECONDS + HEEDED_SECONDS)
        assert running.runs_at(SLOW)
    assert f"{RCA} is left out: features/{RCA}.yaml:" in caplog.text
    assert "Until then, what runs of it goes on as before." in caplog.text
