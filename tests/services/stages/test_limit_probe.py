"""Limit probe: what each hop said is a row, too low stops the run before a paid call, unknown stays unknown."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import TIME_SCALE, SandboxView

from daily_runs.errors import CallError, LimitTooLowError
from daily_runs.readiness.limits import finding_rows
from daily_runs.sandbox.gitlab.resolvers import GITLAB_REVISION, GITLAB_VERSION
from daily_runs.sandbox.process import Sandbox
from daily_runs.stages import judge_trial

if TYPE_CHECKING:
    from tests.conftest import Kit
    from tests.services.stages.conftest import Request, Script


def probed(kit: Kit) -> dict[tuple[str, str], dict[str, Any]]:
    rows = kit.store.rows("SELECT * FROM daily_runs.limit_probe ORDER BY probe_id")
    return {(row["hop"], row["limit_name"]): row for row in rows}


def of_path(kit: Kit) -> list[dict[str, Any]]:
    """What was sent to the environments, the judge's trial left out."""
    return [entry for entry in kit.sandbox.entries() if entry["side"] != "anthropic"]


@pytest.mark.parametrize("feature", ["root_cause_analysis", "code_suggestions"])
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_path_that_allows_the_run_is_recorded_hop_by_hop_and_nothing_is_spent(
    kit: Kit, feature: str, environment: str
) -> None:
    (report,) = kit.run(kit.work(feature, 12, environment), "limit_probe")
    found = probed(kit)
    assert report.asked == len(found)
    assert found["gitlab", "GraphQL complexity"]["allowed"] == 250
    assert found["gitlab", "API requests per minute and user"]["allowed"] == 2000
    assert {row["verdict"] for row in found.values()} == {"fits", "unknown"}
    assert report.details["requests_sent"] == len(of_path(kit)) == 3
    build = (report.details["gitlab_version"], report.details["gitlab_revision"])
    assert build == (GITLAB_VERSION, GITLAB_REVISION)
    assert [entry["key"] for entry in kit.sandbox.entries(paid=True)] == [judge_trial.PROMPT_ID]
    assert kit.sandbox.entries("aiAction") == []  # it counts even what it refuses


def test_what_binds_has_a_mark_in_the_store_and_in_the_log_and_is_in_the_report(
    kit: Kit, caplog: pytest.LogCaptureFixture
) -> None:
    """RCA: 900 of 960 calls are nearer to their limit than any rate is."""
    caplog.set_level("INFO", "daily_runs.stages.limit_probe")
    (report,) = kit.run(kit.work("root_cause_analysis", 900), "limit_probe")
    (row,) = [row for row in probed(kit).values() if row["binds"]]
    assert (row["limit_name"], row["needed"], row["allowed"], row["owner"]) == ("ai_action", 900, 960, "infrastructure")
    assert row["remedy"] == "900 calls need 6 evaluation users or the instance setting at 150"
    named = {"limit_name": "ai_action", "needed": 900, "allowed": 960, "unit": "calls per 8 h"}
    fits = {"fits": True, "binding": {**named, "owner": "infrastructure"}, "requests_sent": 3}
    assert {name: report.details[name] for name in fits} == fits
    (table,) = [message for message in caplog.messages if message.startswith("limit probe of")]
    (header, *lines) = table.splitlines()[1:]
    assert header.split() == ["limit", "needed", "allowed", "unit", "verdict", "source", "owner"]
    assert len(lines) == len(probed(kit))
    (marked,) = [line for line in lines if line.startswith("*")]
    assert " ".join(marked.split()) == "* gitlab: ai_action 900 960 calls per 8 h fits catalogue infrastructure"
    assert {line.index("infrastructure") for line in lines if "infrastructure" in line} == {header.index("owner")}


def test_an_attempt_with_nothing_left_to_ask_asks_nobody(kit: Kit) -> None:
    work = kit.work("duo_chat", 4)
    kit.run(work, "seed_check", "limit_probe", "inference")
    before, rows = len(kit.sandbox.entries()), len(probed(kit))
    assert before
    (report,) = kit.run(work, "limit_probe")
    assert (report.asked, report.details["requests_sent"]) == (0, 0)
    assert len(kit.sandbox.entries()) == before
    assert len(probed(kit)) == rows


def test_answers_that_are_only_to_be_fetched_need_no_call(kit: Kit) -> None:
    work = kit.work("duo_chat", 4)
    kit.store.rows(
        "UPDATE daily_runs.answer SET status = 'sent', ticket = %(ticket)s WHERE prompt_id <> %(prompt)s",
        {"ticket": json.dumps({"request_id": "r", "resource_id": "x", "detail": ""}), "prompt": first_prompt(kit)},
    )
    kit.run(work, "limit_probe")
    assert probed(kit)["gitlab", "ai_action"]["needed"] == 1


def first_prompt(kit: Kit) -> str:
    return str(kit.store.row("SELECT min(prompt_id) AS id FROM daily_runs.answer")["id"])


def test_the_latest_probe_of_a_feature_is_shown_whole_and_alone(kit: Kit) -> None:
    kit.run(kit.work("duo_chat", 4), "limit_probe")
    kit.store.rows("UPDATE daily_runs.limit_probe SET limit_name = 'a limit of another account', binds = true")
    kit.run(kit.work("root_cause_analysis", 4), "limit_probe")
    assert {row["feature"] for row in finding_rows.latest_limits(kit.store, "staging")} == {
        "duo_chat",
        "root_cause_analysis",
    }
    kit.run(kit.work("duo_chat", 4), "limit_probe")
    latest = finding_rows.latest_limits(kit.store, "staging", "duo_chat")
    assert [row["binds"] for row in latest] == [True] + [False] * (len(latest) - 1)
    assert "a limit of another account" not in {row["limit_name"] for row in latest}
    assert finding_rows.latest_limits(kit.store, "production") == []


def test_a_burst_of_the_catalogue_is_part_of_the_probe(kit: Kit) -> None:
    kit = kit.changed({"environments": {"staging": {"readiness": {"burst_requests": 20}}}})
    (report,) = kit.run(kit.work("duo_chat", 4), "limit_probe")
    assert report.details["requests_sent"] == len(of_path(kit)) == 23
    row = probed(kit)["gitlab", "rate of a burst"]
    assert row["verdict"] == "fits"
    assert re.fullmatch(r"20 of 20 requests passed in [\d.]+ s, 100/min intended", row["evidence"])
    assert kit.sandbox.entries("aiAction") == []


def test_a_run_that_does_not_fit_anyway_is_spared_the_burst(kit: Kit) -> None:
    patch = {"readiness": {"burst_requests": 20}, "limits": {"ai_action_calls_per_window": 1}}
    kit = kit.changed({"environments": {"staging": patch}})
    with pytest.raises(LimitTooLowError, match="ai_action: 12 calls need 12 evaluation users"):
        kit.run(kit.work("duo_chat", 12), "limit_probe")
    assert len(kit.sandbox.entries()) == 3


def test_one_user_may_have_to_carry_the_whole_rate_of_api_requests(kit: Kit) -> None:
    """Duo Chat asks 50 prompts a minute, each with two requests, however many users there are."""
    kit.run(kit.work("duo_chat", 4), "limit_probe")
    assert probed(kit)["gitlab", "API requests per minute and user"]["needed"] == 100


def test_a_remedy_names_the_hops_owner_of_the_catalogue(kit: Kit) -> None:
    hops = [{"hop": "gitlab", "owner": "platform"}]
    patch = {"hops": hops, "limits": {"ai_action_calls_per_window": 1}}
    kit = kit.changed({"environments": {"staging": patch}})
    with pytest.raises(LimitTooLowError, match="the instance setting at 2; owner: platform"):
        kit.run(kit.work("duo_chat", 12), "limit_probe")


def test_hops_that_tell_no_limit_stay_unknown_and_are_not_taken_for_no_limit(kit: Kit) -> None:
    (report,) = kit.run(kit.work("duo_chat", 4), "limit_probe")
    found = probed(kit)
    for hop in ("cloudflare", "load_balancer", "ai_gateway"):
        row = found[hop, "rate at the hop"]
        assert (row["allowed"], row["verdict"]) == (None, "unknown")
    assert report.missing == 3
    assert found["cloudflare", "rate at the hop"]["evidence"] == "cf-ray present"


def test_a_load_balancer_of_another_environment_is_evidence(kit: Kit) -> None:
    kit = kit.changed({"environments": {"staging": {"address": f"{kit.sandbox.address}/production"}}})
    kit.run(kit.work("duo_chat", 4), "limit_probe")
    assert "does not end in -lb-gstg" in probed(kit)["load_balancer", "rate at the hop"]["evidence"]


def test_too_few_ai_action_calls_stop_the_run_before_any_paid_call_with_the_remedy(kit: Kit) -> None:
    """900 prompts, 6 users x 100 calls: 9 users are needed, or 150 calls each."""
    kit = kit.changed({"environments": {"staging": {"limits": {"ai_action_calls_per_window": 100}}}})
    with pytest.raises(LimitTooLowError) as caught:
        kit.run(kit.work("root_cause_analysis", 900), "limit_probe", "inference")
    text = str(caught.value)
    assert "root_cause_analysis/staging/2026-08-17T00:00:00Z" in text
    assert "ai_action: 900 calls need 9 evaluation users or the instance setting at 150; owner: infrastructure" in text
    assert "(gitlab: needs 900 calls per 8 h, allowed 600)" in text
    assert kit.sandbox.entries("aiAction") == []
    assert kit.sandbox.entries(paid=True) == []
    assert probed(kit)["gitlab", "ai_action"]["verdict"] == "too_low"


LATELY = (
    "ai_action: 12 calls need 8 evaluation users or the instance setting at 4, or a wait until the 12 used lately leave"
    r" the window of 48 h; owner: infrastructure \(gitlab: needs 12 calls per 48 h, allowed 6\)"
)


def test_calls_that_were_made_lately_leave_less_room(kit: Kit) -> None:
    """6 users x 3 calls, 12 used by a first run: 6 remain, the second run's 12 do not fit. With 8 users, or 4 calls
    each, 24 would."""
    limits = {"ai_action_calls_per_window": 3, "ai_action_window_hours": 48.0}
    kit = kit.changed({"environments": {"staging": {"limits": limits}}})
    kit.run(kit.work("duo_chat", 12), "seed_check", "limit_probe", "inference")
    with pytest.raises(LimitTooLowError, match=LATELY):
        kit.run(kit.work("root_cause_analysis", 12), "limit_probe")


def test_code_suggestions_do_not_need_the_ai_action_budget(kit: Kit) -> None:
    kit = kit.changed({"environments": {"staging": {"limits": {"ai_action_calls_per_window": 1}}}})
    kit.run(kit.work("code_suggestions", 12), "limit_probe")
    assert ("gitlab", "ai_action") not in probed(kit)


def scripted(complexity: object, headers: bytes = b"{}") -> Callable[[Request], tuple[int, bytes]]:
    """A GitLab that answers the probe, with this in `queryComplexity`."""
    who = {"currentUser": {"username": "u"}, "queryComplexity": complexity, "metadata": {"version": "18.0"}}
    return lambda request: (200, json.dumps({"data": who}).encode() if request.method == "POST" else headers)


def test_a_query_limit_that_is_too_low_is_named(kit: Kit, serve_script: Callable[[Script], str]) -> None:
    address = serve_script(scripted({"score": 5, "limit": 150}))
    kit = kit.changed({"environments": {"staging": {"address": address}}})
    with pytest.raises(LimitTooLowError, match=r"GraphQL complexity: .*needs 200 points a query, allowed 150\)"):
        kit.run(kit.work("duo_chat", 4), "limit_probe")


def test_limits_that_gitlab_does_not_tell_are_unknown(kit: Kit, serve_script: Callable[[Script], str]) -> None:
    address = serve_script(scripted(None))
    kit = kit.changed({"environments": {"staging": {"address": address}}})
    (report,) = kit.run(kit.work("duo_chat", 4), "limit_probe")
    found = probed(kit)
    for name in ("GraphQL complexity", "API requests per minute and user"):
        assert (found["gitlab", name]["allowed"], found["gitlab", name]["verdict"]) == (None, "unknown")
    assert report.missing == 6  # with the page, and three hops that never tell


def test_a_path_that_cannot_be_asked_raises_and_writes_nothing(kit: Kit) -> None:
    kit.sandbox.change(server_error_share=1.0)
    with pytest.raises(CallError):
        kit.run(kit.work("duo_chat", 4), "limit_probe")
    assert probed(kit) == {}
    assert len(kit.sandbox.entries()) == 3  # tries of the first call


def test_a_passing_server_error_is_tried_again(kit: Kit) -> None:
    """With half of the requests failing, some of ten probes meet one and most pass: without retries one in four did."""
    kit.sandbox.change(server_error_share=0.5, sides=["staging"], rng_seed=11)
    passed = 0
    for _ in range(10):
        try:
            kit.run(kit.work("duo_chat", 4), "limit_probe")
        except CallError:
            continue
        passed += 1
    assert passed >= 5
    assert any(entry["status"] >= 500 for entry in kit.sandbox.entries())


CALLS_PER_USER, PROMPTS = 160, 900
ONE_USER = {"environments": {"staging": {"evaluation_users": ["evaluation-1"]}}}


@pytest.fixture
def at_gitlabs_defaults(kit: Kit) -> Iterator[Kit]:
    """The kit at a sandbox that nobody has called yet, and whose limits nobody has changed."""
    with Sandbox(TIME_SCALE) as process:
        addresses = {name: {"address": f"{process.address}/{name}"} for name in kit.catalogue.environments}
        yield replace(kit, sandbox=SandboxView(process, 0)).changed({"environments": addresses})


def test_one_user_at_gitlabs_defaults_is_refused_before_any_paid_call_with_the_remedy(
    at_gitlabs_defaults: Kit,
) -> None:
    kit = at_gitlabs_defaults.changed(ONE_USER)
    work = kit.work("root_cause_analysis", PROMPTS)
    with pytest.raises(LimitTooLowError) as caught:
        kit.run(work, "seed_check", "limit_probe", "inference")
    remedy = "ai_action: 900 calls need 6 evaluation users or the instance setting at 900; owner: infrastructure"
    assert remedy in str(caught.value)
    assert kit.sandbox.entries()
    assert kit.sandbox.entries("aiAction") == []
    assert kit.sandbox.entries(paid=True) == []
    assert {row["status"] for row in kit.answers(work)} == {"planned"}


def test_six_users_at_gitlabs_defaults_carry_the_run_and_none_passes_its_window(at_gitlabs_defaults: Kit) -> None:
    kit = at_gitlabs_defaults
    work = kit.work("root_cause_analysis", PROMPTS)
    *_, report = kit.run(work, "seed_check", "limit_probe", "inference")
    assert (report.asked, report.answered) == (PROMPTS, PROMPTS)
    calls = Counter(entry["user"] for entry in kit.sandbox.entries("aiAction"))
    assert set(calls) == set(work.environment.evaluation_users)
    assert sum(calls.values()) == PROMPTS
    assert max(calls.values()) <= CALLS_PER_USER
    assert {entry["outcome"] for entry in kit.sandbox.entries("aiAction")} == {"ok"}
