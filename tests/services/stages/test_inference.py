"""Inference against the sandbox: what is paid, what is stored, and what a stage that died leaves to the next one."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import TIME_SCALE

from daily_runs.connections import Connection
from daily_runs.errors import AccessError, CallError, LimitTooLowError, StageError
from daily_runs.gitlab.answers import Answer, Ticket
from daily_runs.gitlab.calls import caller_for
from daily_runs.records.answers import AnswerRows
from daily_runs.sandbox.process import Sandbox
from daily_runs.stages import inference
from daily_runs.stages.answer_poller import AnswerPoller
from daily_runs.stages.work import gitlab_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import Kit

    from daily_runs.stages.work import Work


FEATURES = (
    "root_cause_analysis",
    "duo_chat",
    "vulnerability_explanation",
    "vulnerability_resolution",
    "code_suggestions",
)
SERVER_ERRORS = {"server_error_share": 1.0, "sides": ["staging"]}


def operation(kit: Kit, feature: str) -> str:
    """The ledger's name for the feature's paid call."""
    if feature != "code_suggestions":
        return "aiAction"
    return next(str(e["operation"]) for e in kit.sandbox.entries() if "code_suggestions" in e["operation"])


def prompt_ids(rows: Sequence[dict[str, Any]]) -> list[str]:
    return sorted(row["prompt_id"] for row in rows)


def paid_for(kit: Kit, work: Work, times: int = 1) -> Ticket:
    """Make the paid call of the first prompt as a task would that then dies, and return its (last) ticket."""
    row = kit.answers(work)[0]

    async def ask() -> Answer | Ticket:
        async with gitlab_session(work) as gitlab:
            item = work.items[row["item_id"]]
            resources = kit.store.rows("SELECT seed_key, resource_id FROM daily_runs.seed_binding")
            bound = {found["seed_key"]: found["resource_id"] for found in resources}
            caller = caller_for(work.feature.call, gitlab)
            for _ in range(times - 1):
                await caller.ask("evaluation-1", item, bound.get(item.seed_key), row["prompt_id"])
            return await caller.ask("evaluation-1", item, bound.get(item.seed_key), row["prompt_id"])

    ticket = asyncio.run(ask())
    assert isinstance(ticket, Ticket)
    return ticket


@pytest.mark.parametrize("feature", FEATURES)
def test_every_prompt_is_asked_once_paid_once_and_answered(kit: Kit, feature: str) -> None:
    work = kit.work(feature, 12)
    _, report = kit.run(work, "seed_check", "inference")
    assert (report.asked, report.answered) == (12, 12)
    rows = kit.answers(work)
    assert {(row["status"], row["tries"]) for row in rows} == {("answered", 1)}
    assert all(row["answer"].strip() and row["sent_at"] <= row["settled_at"] for row in rows)
    assert kit.sandbox.paid_keys(operation(kit, feature)) == prompt_ids(rows)


def test_code_suggestions_tell_model_and_tokens_and_chat_leaves_them_unknown(kit: Kit) -> None:
    for feature, known in (("code_suggestions", True), ("duo_chat", False)):
        work = kit.work(feature, 3)
        kit.run(work, "seed_check", "inference")
        for name in ("serving_model", "input_tokens", "output_tokens"):
            assert {row[name] is not None for row in kit.answers(work)} == {known}


def test_a_shard_asks_its_own_prompts_only(kit: Kit) -> None:
    work = kit.work("root_cause_analysis", 12)
    assert work.attempt.shards > 1
    kit.run(work, "seed_check")
    (report,) = kit.run(replace(work, shard=1), "inference")
    rows = kit.answers(work)
    mine = [row for row in rows if row["shard"] == 1]
    assert report.asked == report.answered == len(mine) < 12
    assert {row["status"] for row in rows if row["shard"] != 1} == {"planned"}
    assert kit.sandbox.paid_keys("aiAction") == prompt_ids(mine)


def test_a_stage_that_runs_again_asks_nothing(kit: Kit) -> None:
    work = kit.work("duo_chat", 5)
    kit.run(work, "seed_check", "inference")
    (report,) = kit.run(work, "inference")
    assert report.answered == 5
    assert len(kit.sandbox.entries("aiAction")) == 5


def test_settled_prompts_are_told_one_by_one(kit: Kit) -> None:
    told: list[int] = []
    work = replace(kit.work("duo_chat", 5), settled=told.append)
    kit.run(work, "seed_check", "inference")
    assert told == [1] * 5


# What a task that died leaves.


def test_a_ticket_that_was_paid_for_is_taken_up_and_not_paid_again(kit: Kit) -> None:
    work = kit.work("duo_chat", 3)
    kit.run(work, "seed_check")
    first = kit.answers(work)[0]["prompt_id"]
    rows = AnswerRows(kit.store, work.attempt.attempt_id)
    rows.sent(first, "evaluation-1")
    rows.accepted(first, paid_for(kit, work))
    (report,) = kit.run(work, "inference")
    assert report.answered == 3
    assert kit.sandbox.paid_keys("aiAction") == prompt_ids(kit.answers(work))
    assert kit.answers(work)[0]["tries"] == 1


def test_an_intent_without_a_ticket_is_asked_again(kit: Kit) -> None:
    work = kit.work("duo_chat", 3)
    kit.run(work, "seed_check")
    first = kit.answers(work)[0]["prompt_id"]
    AnswerRows(kit.store, work.attempt.attempt_id).sent(first, "evaluation-3")
    (report,) = kit.run(work, "inference")
    assert report.answered == 3
    assert {row["prompt_id"]: row["tries"] for row in kit.answers(work)}[first] == 2
    assert kit.sandbox.paid_keys("aiAction") == prompt_ids(kit.answers(work))


def test_after_a_crash_in_the_middle_only_what_was_in_flight_without_a_ticket_is_paid_twice(kit: Kit) -> None:
    class DiedError(Exception):
        """The process is gone."""

    def die(_: int) -> None:
        raise DiedError

    prompts = kit.catalogue.features["root_cause_analysis"].limits.in_flight_max + 20  # so that some are still unasked
    work = kit.work("root_cause_analysis", prompts)
    kit.run(work, "seed_check")
    with pytest.raises(ExceptionGroup):
        inference.run(replace(work, settled=die))
    left = kit.answers(work)
    in_flight = {row["prompt_id"] for row in left if row["status"] == "sent" and row["ticket"] is None}
    assert {row["status"] for row in left} >= {"answered", "planned"}
    (report,) = kit.run(kit.work("root_cause_analysis", prompts), "inference")
    assert report.answered == prompts
    paid = Counter(kit.sandbox.paid_keys("aiAction"))
    assert set(paid) == set(prompt_ids(left))
    assert {prompt for prompt, times in paid.items() if times > 1} <= in_flight


def test_tries_are_counted_over_all_tasks_three_in_all(kit: Kit) -> None:
    work = kit.work("duo_chat", 4)
    kit.run(work, "seed_check")
    rows = AnswerRows(kit.store, work.attempt.attempt_id)
    for made, prompt_id in enumerate(prompt_ids(kit.answers(work))):
        for _ in range(made):
            rows.sent(prompt_id, "evaluation-1")
    kit.sandbox.change(**SERVER_ERRORS)
    (report,) = kit.run(work, "inference")
    assert report.failed == 4
    assert [row["tries"] for row in kit.answers(work)] == [3, 3, 3, 3]
    sent = Counter(entry["key"] for entry in kit.sandbox.entries() if entry["key"])
    assert [sent[prompt_id] for prompt_id in prompt_ids(kit.answers(work))] == [3, 2, 1, 0]
    last = kit.answers(work)[-1]
    assert (last["error_hop"], last["error_kind"], last["error_blame"]) == ("client", "tries_used_up", "own_system")


# What goes wrong on the path.


def test_server_errors_become_failures_with_hop_and_kind_after_three_tries(kit: Kit) -> None:
    work = kit.work("duo_chat", 1)
    kit.run(work, "seed_check")
    kit.sandbox.change(**SERVER_ERRORS)
    (report,) = kit.run(work, "inference")
    assert (report.failed, report.answered) == (1, 0)
    (row,) = kit.answers(work)
    assert (row["tries"], row["error_blame"]) == (3, "provider")
    assert row["error_hop"] in ("gitlab", "load_balancer")
    assert sum(report.details["failures"].values()) == 1


def test_a_provider_that_is_out_stops_the_stage_and_the_rest_stays_planned(kit: Kit) -> None:
    """The breaker lets few calls through; nothing is failed for an outage that may be over in an hour."""
    work = kit.work("duo_chat", 16)
    kit.run(work, "seed_check")
    kit.sandbox.change(**SERVER_ERRORS)
    with pytest.raises(CallError) as stopped:
        kit.run(work, "inference")
    assert stopped.value.kind == "breaker_open"
    states = Counter(row["status"] for row in kit.answers(work))
    assert states["answered"] == 0
    assert states["planned"] + states["sent"] >= 8
    kit.sandbox.change(**dict.fromkeys(SERVER_ERRORS))
    kit.store.rows("DELETE FROM daily_runs.breaker")  # an hour later
    (report,) = kit.run(kit.work("duo_chat", 16), "inference")
    assert report.answered + report.failed == 16
    assert report.answered >= states["planned"]


@pytest.mark.parametrize(("feature", "prompts"), [("duo_chat", 8), ("code_suggestions", 1)])
def test_an_error_code_in_place_of_an_answer_is_a_failure_with_its_hop(kit: Kit, feature: str, prompts: int) -> None:
    work = kit.work(feature, prompts)
    kit.run(work, "seed_check")
    kit.sandbox.change(error_code_share=1.0)
    (report,) = kit.run(work, "inference")
    assert report.failed == prompts
    for row in kit.answers(work):
        assert row["answer"] is None
        assert row["error_hop"] in ("gitlab", "model_vendor", "ai_gateway")
        assert row["error_kind"] in ("answer_error_code", "inference_failed")
        assert 1 <= row["tries"] <= 3


def test_an_answer_that_never_comes_is_a_timeout_after_three_tries(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "AnswerPoller", partial(AnswerPoller, wall_seconds_min=0))
    kit = kit.changed({"features": {"duo_chat": {"limits": {"answer_timeout_seconds": 30}}}})
    kit.sandbox.change(latency_seconds={"median": 3000, "p95": 3600})
    work = kit.work("duo_chat", 3)
    _, report = kit.run(work, "seed_check", "inference")
    assert report.details["failures"] == {"ai_gateway: answer_timeout": 3}
    assert {row["tries"] for row in kit.answers(work)} == {3}


def test_a_prompt_whose_seed_is_not_bound_fails_unpaid(kit: Kit) -> None:
    kit = kit.changed({"features": {"duo_chat": {"seeding": {"required_share": 0.01}}}})
    kit.sandbox.process.order_seeds({"environment": "staging", "missing_share": 0.4})
    work = kit.work("duo_chat", 16)
    seeds, report = kit.run(work, "seed_check", "inference")
    assert report.details["failures"] == {"client: unbound_resource": seeds.missing}
    assert report.answered == seeds.answered
    assert len(kit.sandbox.entries("aiAction")) == seeds.answered


def test_a_refused_key_stops_at_once_and_the_rest_stays_planned(kit: Kit) -> None:
    kit = kit.changed({"features": {"duo_chat": {"limits": {"in_flight_max": 1}}}})
    kit.run(kit.work("duo_chat", 6), "seed_check")

    def wrong_keys(connection_id: str, *, default_address: str, users: Sequence[str], sandbox: bool) -> Connection:
        return Connection(default_address, dict.fromkeys(users, "sandbox-nobody"))

    work = kit.work("duo_chat", 6, connect=wrong_keys)
    before = len(kit.sandbox.entries())
    with pytest.raises(AccessError, match="connection daily_runs_gitlab_staging: the key of evaluation-1 is refused"):
        kit.run(work, "inference")
    assert len(kit.sandbox.entries()) == before + 1
    assert Counter(row["status"] for row in kit.answers(work)) == {"sent": 1, "planned": 5}


def test_a_key_without_the_scope_stops_at_once(kit: Kit) -> None:
    def read_only(connection_id: str, *, default_address: str, users: Sequence[str], sandbox: bool) -> Connection:
        return Connection(default_address, {user: f"sandbox-{user}-readonly" for user in users})

    work = kit.work("code_suggestions", 6, connect=read_only)
    with pytest.raises(AccessError, match="scope api or ai_features"):
        kit.run(work, "seed_check", "inference")
    assert kit.sandbox.entries(paid=True) == []
    assert not any(row["status"] == "failed" for row in kit.answers(work))


WINDOW_SECONDS = 8 * 3600


def test_a_user_whose_budget_somebody_else_spent_is_left_for_another(kit: Kit) -> None:
    work = kit.work("duo_chat", 4)
    kit.run(work, "seed_check")
    process = kit.sandbox.process
    since = process.now_seconds() - WINDOW_SECONDS
    calls = [entry for entry in process.ledger() if entry["operation"] == "aiAction" and entry["at_seconds"] > since]
    earlier = Counter(entry["user"] for entry in calls)
    # More than an earlier test's calls, which the sandbox still counts, have used of anybody's window.
    budget = 10 + max(earlier[user] for user in work.environment.evaluation_users)
    paid_for(kit, work, times=budget)
    kit.sandbox.change(ai_action_calls=budget)
    (report,) = kit.run(work, "inference")
    assert report.answered == 4
    assert "evaluation-1" not in {row["evaluation_user"] for row in kit.answers(work)}
    refused = [entry["user"] for entry in kit.sandbox.entries("aiAction") if entry["outcome"] == "ai_action_limit"]
    assert set(refused) == {"evaluation-1"}


def test_with_every_users_budget_spent_the_stage_stops_and_the_rest_stays_planned(kit: Kit) -> None:
    kit = kit.changed({"environments": {"staging": {"limits": {"ai_action_calls_per_window": 1}}}})
    work = kit.work("duo_chat", 8)
    kit.run(work, "seed_check")
    with pytest.raises(LimitTooLowError, match="What was not asked stays planned"):
        kit.run(work, "inference")
    assert Counter(row["status"] for row in kit.answers(work)) == {"answered": 6, "planned": 2}
    assert len(kit.sandbox.entries("aiAction")) == 6


@pytest.mark.parametrize("allowed", [0, 3])
def test_a_budget_that_gitlab_ends_early_is_said_to_be_gitlabs_and_at_which_call(kit: Kit, allowed: int) -> None:
    """The catalogue says 160 calls a user; the instance allows fewer, or somebody else made the others."""
    with Sandbox(TIME_SCALE) as instance:  # one whose calls no other test has made
        instance.change_scenario({"ai_action_calls": allowed})
        staging = {"evaluation_users": ["evaluation-1"], "address": f"{instance.address}/staging"}
        one_by_one = {"features": {"duo_chat": {"limits": {"in_flight_max": 1}}}}
        work = kit.changed({**one_by_one, "environments": {"staging": staging}}).work("duo_chat", 8)
        kit.run(work, "seed_check")
        with pytest.raises(LimitTooLowError) as stopped:
            kit.run(work, "inference")
    window = work.environment.limits.ai_action_calls_per_window
    assert f"at gitlab (GitLab refused at call {allowed + 1} of {window} in 8 h" in str(stopped.value)
    assert "somebody else uses these users, or the instance allows fewer" in str(stopped.value)
    assert re.search(r"; room returns on \d\d \w{3} at \d\d:\d\d UTC\)", str(stopped.value))
    assert Counter(row["status"] for row in kit.answers(work)) == Counter(answered=allowed, planned=8 - allowed)


@pytest.mark.parametrize(
    ("form", "told"),
    [("401", "the AI Gateway refuses GitLab itself, not evaluation-"), ("402", "the AI Gateway refuses evaluation-")],
)
def test_what_the_gateway_refuses_to_all_stops_the_stage_and_blames_no_key(kit: Kit, form: str, told: str) -> None:
    work = kit.work("code_suggestions", 4)
    kit.run(work, "seed_check")
    kit.sandbox.change(refuse={"ai_gateway": 1.0}, refusal_forms={"ai_gateway": form})
    with pytest.raises(AccessError, match=told) as stopped:
        kit.run(work, "inference")
    assert "likely, not certain" in str(stopped.value)
    assert "key of" not in str(stopped.value)
    assert not any(row["status"] == "failed" for row in kit.answers(work))


def test_two_tasks_on_one_shard_pay_each_prompt_once(kit: Kit) -> None:
    """A task that was given up lives on while its retry starts: the second waits for the first, or stops."""
    work = kit.work("duo_chat", 12)
    kit.run(work, "seed_check")
    outcomes: list[object] = []

    def work_on() -> None:
        try:
            outcomes.append(kit.run(replace(work, shard=0), "inference")[0].answered)
        except StageError as error:
            outcomes.append(error)

    workers = [threading.Thread(target=work_on) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    paid = kit.sandbox.paid_keys("aiAction")
    assert len(paid) == len(set(paid)) > 0
    assert len(outcomes) == 2
    assert all(outcome == len(paid) or "another task works on this" in str(outcome) for outcome in outcomes)


def test_a_superseded_attempt_sends_nothing_any_more(kit: Kit) -> None:
    old = kit.work("duo_chat", 4)
    kit.run(old, "seed_check")
    kit.changed({"judge": {"model": "claude-opus-5"}, "prices": None}).work("duo_chat", 4)  # the same run, other work
    with pytest.raises(StageError, match="was superseded by a newer one"):
        kit.run(old, "inference")
    assert kit.sandbox.entries("aiAction") == []


def test_code_suggestions_keep_each_users_own_rate(kit: Kit) -> None:
    kit = kit.changed({"environments": {"staging": {"limits": {"code_suggestions_per_minute": 50}}}})
    work = kit.work("code_suggestions", 12)
    kit.run(work, "seed_check", "inference")
    limits = {row["limit_name"] for row in kit.store.rows("SELECT limit_name FROM daily_runs.quota_limit")}
    users = work.environment.evaluation_users
    assert {f"code suggestions in staging of {user}" for user in users} <= limits


def test_a_slow_feature_reserves_no_further_ahead_than_its_next_call(kit: Kit) -> None:
    """Others on the account queue behind what is reserved. One prompt a minute here is one in 0.2 s."""
    kit = kit.changed({"features": {"duo_chat": {"limits": {"requests_per_minute": 1, "batches_per_minute": None}}}})
    work = kit.work("duo_chat", 6)
    kit.run(work, "seed_check")
    ahead: list[float] = []
    done = threading.Event()

    def watch() -> None:
        query = "SELECT extract(epoch FROM max(at) - clock_timestamp())::float8 AS ahead FROM daily_runs.quota_grant"
        while not done.is_set():
            ahead.extend(row["ahead"] for row in kit.store.rows(query) if row["ahead"] is not None)
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        kit.run(work, "inference")
    finally:
        done.set()
        watcher.join()
    assert len(ahead) > 20
    assert max(ahead) < 0.35


def test_a_feature_with_an_account_of_its_own_there_spends_that_one(kit: Kit) -> None:
    own = {**kit.catalogue.accounts["EVAL"].model_dump(mode="json"), "vendor": "vertex"}
    patch = {"accounts": {"EVAL_VERTEX": own}, "features": {"duo_chat": {"accounts": {"staging": "EVAL_VERTEX"}}}}
    kit = kit.changed(patch)
    kit.run(kit.work("duo_chat", 3), "seed_check", "inference")
    used = kit.store.rows("SELECT account, sum(calls)::int AS calls FROM daily_runs.quota_use GROUP BY 1")
    assert [(row["account"], row["calls"]) for row in used] == [("EVAL_VERTEX", 3)]
