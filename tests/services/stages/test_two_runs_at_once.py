"""Runs that share a window of `aiAction` calls: what one was let in for and has not asked is not there for others."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from daily_runs.errors import LimitTooLowError
from daily_runs.readiness.limits.measure import PathMeasures, measure_path
from daily_runs.readiness.limits.weighing import weigh
from daily_runs.stages import limit_probe

if TYPE_CHECKING:
    from tests.conftest import Kit

    from daily_runs.stages.work import Work

RCA, CHAT, EXPLANATION, CODE = "root_cause_analysis", "duo_chat", "vulnerability_explanation", "code_suggestions"


def holding(kit: Kit, calls_per_user: int) -> Kit:
    """Six users with so many calls each, in a window that lasts longer than any test."""
    limits = {"ai_action_calls_per_window": calls_per_user, "ai_action_window_hours": 48.0}
    return kit.changed({"environments": {name: {"limits": limits} for name in ("staging", "production")}})


def refused(kit: Kit, work: Work) -> str:
    """What the run's probe says when it refuses; nothing when it lets the run in."""
    try:
        kit.run(work, "limit_probe")
    except LimitTooLowError as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class AtOnce:
    """Runs that are probed at once, their prompts, and how many of them there is room for (six users)."""

    calls_per_user: int
    prompts: dict[str, int]
    let_in: int


AT_ONCE = [
    AtOnce(3, {RCA: 12, CHAT: 12}, 1),
    AtOnce(25, {CHAT: 120, EXPLANATION: 120}, 1),
    AtOnce(4, {RCA: 12, CHAT: 12, EXPLANATION: 12}, 2),
    AtOnce(4, {RCA: 12, CHAT: 12}, 2),
    AtOnce(2, {CHAT: 12, CODE: 12}, 2),
]


@pytest.mark.parametrize("case", AT_ONCE, ids=str)
def test_of_runs_that_are_probed_at_once_those_that_do_not_fit_any_more_are_refused_unpaid(
    kit: Kit, case: AtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = holding(kit, case.calls_per_user)
    works = [kit.work(feature, prompts) for feature, prompts in case.prompts.items()]
    all_there = threading.Barrier(len(works))

    async def meet(*arguments: Any) -> Any:
        found = await measure_path(*arguments)
        all_there.wait(60)
        return found

    def slowly(*arguments: Any, **options: Any) -> Any:
        found = weigh(*arguments, **options)
        time.sleep(0.3)
        return found

    monkeypatch.setattr(limit_probe, "measure_path", meet)
    monkeypatch.setattr(limit_probe, "weigh", slowly)
    with ThreadPoolExecutor(len(works)) as pool:
        told = list(pool.map(lambda work: refused(kit, work), works))
    assert [bool(text) for text in told].count(False) == case.let_in
    for text in filter(None, told):
        assert "or the end of what is under way (" in text
        (needed, left) = re.findall(r"needs (\d+) calls per 48 h, allowed (\d+)", text)[0]
        assert int(needed) > int(left)
    assert kit.sandbox.paid_keys("aiAction") == []


def test_the_refusal_names_whose_prompts_they_are_and_what_would_be_enough(kit: Kit) -> None:
    kit = holding(kit, 3)
    chat, rca = kit.work(CHAT, 10), kit.work(RCA, 12)
    assert refused(kit, chat) == ""
    assert refused(kit, rca) == (
        f"limit probe of {rca.attempt.key}: ai_action: 12 calls need 8 evaluation users"
        f" or the instance setting at 4, or the end of what is under way ({chat.attempt.key}: 10"
        " left); owner: infrastructure (gitlab: needs 12 calls per 48 h, allowed 8)"
    )


def half_asked(kit: Kit, work: Work) -> None:
    kit.store.rows(
        "UPDATE daily_runs.answer SET status = 'sent', sent_at = now() WHERE prompt_id IN ("
        " SELECT prompt_id FROM daily_runs.answer WHERE attempt_id = %(id)s ORDER BY 1 LIMIT 6)",
        {"id": work.attempt.attempt_id},
    )


def ended(status: str) -> Callable[[Kit, Work], None]:
    def end(kit: Kit, work: Work) -> None:
        kit.store.rows("UPDATE daily_runs.attempt SET status = %(status)s, ended_at = now()", {"status": status})

    return end


def long_ago(kit: Kit, work: Work) -> None:
    kit.store.rows("UPDATE daily_runs.limit_probe SET probed_at = probed_at - interval '49 hours'")


def refused_since(kit: Kit, work: Work) -> None:
    kit.store.rows(
        "INSERT INTO daily_runs.limit_probe (attempt_id, environment, feature, hop, limit_name, needed, allowed, unit,"
        " source, evidence, verdict, remedy, owner, binds) SELECT attempt_id, environment, feature, hop, limit_name,"
        " needed, allowed, unit, source, evidence, 'too_low', remedy, owner, binds FROM daily_runs.limit_probe LIMIT 1"
    )


def nothing(kit: Kit, work: Work) -> None:
    """It stays as its probe left it."""


@dataclass(frozen=True)
class Before:
    """A run before, which was let in, and what became of it; whether a second one of 12 in 18 is let in after it."""

    says: str
    feature: str
    environment: str
    becomes: Callable[[Kit, Work], None]
    lets_in: bool


BEFORE = [
    Before("it has asked nothing yet", CHAT, "staging", nothing, False),
    Before("half of it is under way", CHAT, "staging", half_asked, True),
    Before("it is published", CHAT, "staging", ended("published"), True),
    Before("it was given up", CHAT, "staging", ended("superseded"), True),
    Before("it was let in a window ago", CHAT, "staging", long_ago, True),
    Before("a later probe refused it", CHAT, "staging", refused_since, True),
    Before("it runs elsewhere", CHAT, "production", nothing, True),
    Before("its calls are of another kind", CODE, "staging", nothing, True),
    Before("it is the run itself, tried again", RCA, "staging", nothing, True),
]


@pytest.mark.parametrize("case", BEFORE, ids=lambda case: case.says)
def test_what_another_run_holds_is_what_it_was_let_in_for_and_may_still_ask(kit: Kit, case: Before) -> None:
    kit = holding(kit, 3)
    first = kit.work(case.feature, 12, case.environment)
    assert refused(kit, first) == ""
    case.becomes(kit, first)
    assert (refused(kit, kit.work(RCA, 12)) == "") is case.lets_in


def test_a_run_that_was_refused_holds_nothing(kit: Kit) -> None:
    kit = holding(kit, 3)
    assert "needs 20 calls" in refused(kit, kit.work(CHAT, 20))
    assert refused(kit, kit.work(RCA, 12)) == ""


def test_prompts_that_were_asked_are_counted_once_by_the_window_alone(kit: Kit) -> None:
    kit = holding(kit, 4)
    first = kit.work(CHAT, 12)
    assert refused(kit, first) == ""
    kit.run(first, "seed_check", "inference")
    assert refused(kit, kit.work(RCA, 12)) == ""


def test_the_command_line_probe_counts_what_runs_under_way_have_ordered(kit: Kit) -> None:
    kit = holding(kit, 200)
    chat = kit.work(CHAT, 16)
    assert refused(kit, chat) == ""
    found = weigh(kit.store, no_facts(), kit.catalogue, kit.catalogue.features[RCA], "staging", calls_needed=900)
    (of_it,) = [finding for finding in found if finding.limit_name == "ai_action"]
    assert of_it.allowed == 1200 - 16
    assert of_it.evidence.endswith(f"0 of them used lately, 16 ordered by {chat.attempt.key}")


def no_facts() -> PathMeasures:
    """A path that told nothing but who we are."""
    return PathMeasures("u", "u", None, None, None, None, "", None, None, None, {}, 3)
