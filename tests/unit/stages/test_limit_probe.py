"""Limit probe: what each hop said is a row, too low stops the run before a paid call, unknown stays unknown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from daily_runs.errors import CallError, LimitTooLowError

if TYPE_CHECKING:
    from tests.conftest import Bench
    from tests.unit.stages.conftest import Request, Script


def probed(bench: Bench) -> dict[tuple[str, str], dict[str, Any]]:
    rows = bench.store.rows("SELECT * FROM daily_runs.limit_probe ORDER BY probe_id")
    return {(row["hop"], row["limit_name"]): row for row in rows}


@pytest.mark.parametrize("feature", ["root_cause_analysis", "code_suggestions"])
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_path_that_allows_the_run_is_recorded_hop_by_hop_and_nothing_is_spent(
    bench: Bench, feature: str, environment: str
) -> None:
    (report,) = bench.run(bench.work(feature, 12, environment), "limit_probe")
    found = probed(bench)
    assert report.asked == len(found)
    assert found["gitlab", "GraphQL complexity"]["allowed"] == 250
    assert found["gitlab", "API requests per minute and user"]["allowed"] == 2000
    assert {row["verdict"] for row in found.values()} == {"fits", "unknown"}
    assert bench.sandbox.entries(paid=True) == []
    assert bench.sandbox.entries("aiAction") == []  # it counts even what it refuses


def test_one_user_may_have_to_carry_the_whole_rate_of_api_requests(bench: Bench) -> None:
    """Duo Chat asks 50 prompts a minute, each with two requests, however many users there are."""
    bench.run(bench.work("duo_chat", 4), "limit_probe")
    assert probed(bench)["gitlab", "API requests per minute and user"]["needed"] == 100


def test_a_remedy_names_the_hops_owner_of_the_catalogue(bench: Bench) -> None:
    hops = [{"hop": "gitlab", "owner": "platform"}]
    patch = {"hops": hops, "limits": {"ai_action_calls_per_window": 1}}
    bench = bench.changed({"environments": {"staging": patch}})
    with pytest.raises(LimitTooLowError, match="the instance setting at 2; owner: platform"):
        bench.run(bench.work("duo_chat", 12), "limit_probe")


def test_hops_that_tell_no_limit_stay_unknown_and_are_not_taken_for_no_limit(bench: Bench) -> None:
    (report,) = bench.run(bench.work("duo_chat", 4), "limit_probe")
    found = probed(bench)
    for hop in ("cloudflare", "load_balancer", "ai_gateway"):
        row = found[hop, "rate at the hop"]
        assert (row["allowed"], row["verdict"]) == (None, "unknown")
    assert report.missing == 3
    assert found["cloudflare", "rate at the hop"]["evidence"] == "cf-ray present"


def test_a_load_balancer_of_another_environment_is_evidence(bench: Bench) -> None:
    bench = bench.changed({"environments": {"staging": {"address": f"{bench.sandbox.address}/production"}}})
    bench.run(bench.work("duo_chat", 4), "limit_probe")
    assert "does not end in -lb-gstg" in probed(bench)["load_balancer", "rate at the hop"]["evidence"]


def test_too_few_ai_action_calls_stop_the_run_before_any_paid_call_with_the_remedy(bench: Bench) -> None:
    """900 prompts, 6 users x 100 calls: 9 users are needed, or 150 calls each."""
    bench = bench.changed({"environments": {"staging": {"limits": {"ai_action_calls_per_window": 100}}}})
    with pytest.raises(LimitTooLowError) as caught:
        bench.run(bench.work("root_cause_analysis", 900), "limit_probe", "inference")
    text = str(caught.value)
    assert "root_cause_analysis/staging/2026-08-17T00:00:00Z" in text
    assert "gitlab, ai_action: needs 900 calls per 8 h, allowed 600" in text
    assert "9 evaluation users are needed, or the instance setting at 150; owner: infrastructure" in text
    assert bench.sandbox.entries("aiAction") == []
    assert bench.sandbox.entries(paid=True) == []
    assert probed(bench)["gitlab", "ai_action"]["verdict"] == "too_low"


def test_calls_that_were_made_lately_leave_less_room(bench: Bench) -> None:
    """6 users x 3 calls, 12 used by a first run: 6 remain, the second run's 12 do not fit."""
    limits = {"ai_action_calls_per_window": 3, "ai_action_window_hours": 48.0}
    bench = bench.changed({"environments": {"staging": {"limits": limits}}})
    bench.run(bench.work("duo_chat", 12), "seed_check", "limit_probe", "inference")
    with pytest.raises(LimitTooLowError, match="needs 12 calls per 48 h, allowed 6. Wait until calls fall out"):
        bench.run(bench.work("root_cause_analysis", 12), "limit_probe")


def test_code_suggestions_do_not_need_the_ai_action_budget(bench: Bench) -> None:
    bench = bench.changed({"environments": {"staging": {"limits": {"ai_action_calls_per_window": 1}}}})
    bench.run(bench.work("code_suggestions", 12), "limit_probe")
    assert ("gitlab", "ai_action") not in probed(bench)


def scripted(complexity: object, headers: bytes = b"{}") -> Callable[[Request], tuple[int, bytes]]:
    """A GitLab that answers the probe, with this in `queryComplexity`."""
    who = {"currentUser": {"username": "u"}, "queryComplexity": complexity, "metadata": {"version": "18.0"}}
    return lambda request: (200, json.dumps({"data": who}).encode() if request.method == "POST" else headers)


def test_a_query_limit_that_is_too_low_is_named(bench: Bench, serve_script: Callable[[Script], str]) -> None:
    address = serve_script(scripted({"score": 5, "limit": 150}))
    bench = bench.changed({"environments": {"staging": {"address": address}}})
    with pytest.raises(LimitTooLowError, match="GraphQL complexity: needs 200 points a query, allowed 150"):
        bench.run(bench.work("duo_chat", 4), "limit_probe")


def test_limits_that_gitlab_does_not_tell_are_unknown(bench: Bench, serve_script: Callable[[Script], str]) -> None:
    address = serve_script(scripted(None))
    bench = bench.changed({"environments": {"staging": {"address": address}}})
    (report,) = bench.run(bench.work("duo_chat", 4), "limit_probe")
    found = probed(bench)
    for name in ("GraphQL complexity", "API requests per minute and user"):
        assert (found["gitlab", name]["allowed"], found["gitlab", name]["verdict"]) == (None, "unknown")
    assert report.missing == 5


def test_a_path_that_cannot_be_asked_raises_and_writes_nothing(bench: Bench) -> None:
    bench.sandbox.change(server_error_share=1.0)
    with pytest.raises(CallError):
        bench.run(bench.work("duo_chat", 4), "limit_probe")
    assert probed(bench) == {}
    assert len(bench.sandbox.entries()) == 3  # tries of the first call


def test_a_passing_server_error_is_tried_again(bench: Bench) -> None:
    """With half of the requests failing, some of ten probes meet one and most pass: without retries one in four did."""
    bench.sandbox.change(server_error_share=0.5, sides=["staging"], rng_seed=11)
    passed = 0
    for _ in range(10):
        try:
            bench.run(bench.work("duo_chat", 4), "limit_probe")
        except CallError:
            continue
        passed += 1
    assert passed >= 5
    assert any(entry["status"] >= 500 for entry in bench.sandbox.entries())
