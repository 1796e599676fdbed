"""Buckets, windows, accounts, ledger and answers: pure parts, checked by table and by property."""

from __future__ import annotations

import math
import re
import timeit
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.dataset import Item
from daily_runs.sandbox.gitlab import answers
from daily_runs.sandbox.gitlab.answers import AskedPrompt, completion, merge_request_diff, prose, quality, weakness
from daily_runs.sandbox.gitlab.assistant import prompt_for
from daily_runs.sandbox.gitlab.instance import Instance
from daily_runs.sandbox.world.bucket import Bucket, FixedWindow
from daily_runs.sandbox.world.exchange import SandboxExchange
from daily_runs.sandbox.world.received import ReceivedRequest, RequestLog
from daily_runs.sandbox.world.scenario import WeakSpot
from daily_runs.sandbox.world.world import World

MakeWorld = Callable[..., World]


def test_a_bucket_starts_full_and_refills_continuously() -> None:
    bucket = Bucket(rate_per_minute=60, capacity=10, now=0)
    assert bucket.take(10, now=0)
    assert not bucket.take(1, now=0.5)
    assert bucket.wait_seconds(1, now=0.5) == pytest.approx(0.5)
    assert bucket.take(1, now=1)
    assert bucket.available(now=100) == 10


def test_a_bucket_cut_to_half_keeps_no_more_than_it_can_hold() -> None:
    bucket = Bucket(rate_per_minute=60, capacity=10, now=0)
    bucket.set_rate(30, 5, now=0)
    assert bucket.available(now=0) == 5
    assert bucket.take(5, now=0)
    assert bucket.wait_seconds(1, now=0) == pytest.approx(2)


@given(
    rate=st.floats(1, 1e6),
    capacity=st.floats(1, 1e6),
    calls=st.lists(st.tuples(st.floats(0, 30), st.floats(0, 1e6)), max_size=60),
)
def test_no_minute_grants_more_than_the_rate_and_one_full_bucket(
    rate: float, capacity: float, calls: list[tuple[float, float]]
) -> None:
    bucket, now = Bucket(rate, capacity, 0), 0.0
    granted: list[tuple[float, float]] = []
    for pause, n in calls:
        now += pause
        if bucket.take(n, now):
            granted.append((now, n))
    for start, _ in granted:
        in_window = sum(n for at, n in granted if start <= at < start + 60)
        assert in_window <= (rate + capacity) * (1 + 1e-9)


@given(rate=st.floats(1, 1e6), capacity=st.floats(1, 1e6), n=st.floats(0, 1e6), drained=st.floats(0, 1))
def test_who_waits_as_told_is_served(rate: float, capacity: float, n: float, drained: float) -> None:
    bucket = Bucket(rate, capacity, 0)
    bucket.take(capacity * drained, 0)
    wait = bucket.wait_seconds(n, 0)
    assert bucket.take(n, wait * (1 + 1e-9) + 1e-6) == (n <= capacity)


def test_a_window_counts_refused_calls_too_and_forgets_them_with_its_end() -> None:
    window = FixedWindow(limit=2, window_seconds=60)
    assert [window.take(10), window.take(20), window.take(30)] == [True, True, False]
    assert (window.used(30), window.reset_seconds(30)) == (3, 30)
    assert (window.used(60), window.take(60)) == (0, True)


def test_an_account_short_of_one_thing_spends_nothing_of_the_others(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    account, now = world.account("EVAL"), world.clock.now()
    account.output_tokens.take(account.output_tokens.available(now), now)
    before = account.input_tokens.available(now)
    short = account.spend(1000, 1_000_000, now)
    assert short is not None
    assert (short.limit, short.wait_seconds > 0) == ("output_tokens", True)
    assert account.input_tokens.available(now) == before


def test_limits_are_halved_at_the_moment_the_scenario_names(make_world: MakeWorld) -> None:
    later = make_world(time_scale=1, limit_factor={"at_seconds": 3600, "factor": 0.5})
    now = make_world(time_scale=1, limit_factor={"at_seconds": 0, "factor": 0.5})
    assert later.account("EVAL").requests.rate_per_minute == 4000
    assert now.account("EVAL").requests.rate_per_minute == 2000


def entry(at: float, tokens: int, *, paid: bool = True, account: str | None = "EVAL") -> ReceivedRequest:
    return ReceivedRequest(at, "staging", account, "evaluation-1", "aiAction", "p-1", "ok", 200, paid, tokens, 10)


def test_a_peak_is_the_most_in_any_sixty_seconds_not_in_a_clock_minute() -> None:
    ledger = RequestLog()
    for at in (0, 50, 70, 100, 109.9):
        ledger.record(entry(at, 100))
    ledger.record(entry(105, 1_000_000, paid=False))
    ledger.record(entry(105, 1_000_000, account=None))
    assert ledger.peaks() == {"EVAL": (5, 400, 40)}


def some_seed(items: dict[str, list[Item]], index: int = 0) -> Item:
    return items["of_troubleshoot_job"][index]


def kept(item: Item, text: str) -> float:
    facts = [part for section in item.reference.values() for part in section.split(". ")]
    return sum(fact.rstrip(".") in text for fact in facts) / len(facts)


def test_the_same_prompt_gets_the_same_answer_and_another_prompt_a_similar_one(items: dict[str, list[Item]]) -> None:
    prompt = AskedPrompt("staging", some_seed(items), "p-1", 0.0)
    assert prose(prompt) == prose(prompt)
    again = prompt._replace(key="p-2")
    assert abs(quality(again) - quality(prompt)) <= 0.04


def test_quality_differs_between_seeds_and_stays_in_its_range(items: dict[str, list[Item]]) -> None:
    found = [quality(AskedPrompt("staging", item, "p", 0.0)) for item in items["of_troubleshoot_job"]]
    assert min(found) >= 0.55
    assert max(found) <= 0.98
    assert max(found) - min(found) > 0.3
    assert 0.8 < sum(found) / len(found) < 0.88


def test_a_worse_model_keeps_less_of_what_the_reference_says(items: dict[str, list[Item]]) -> None:
    seeds = items["of_troubleshoot_job"][:40]
    good = sum(kept(item, prose(AskedPrompt("staging", item, "p", 0.0))) for item in seeds)
    worse = sum(kept(item, prose(AskedPrompt("staging", item, "p", 0.6))) for item in seeds)
    assert worse < good * 0.8


SEEDS = "of_troubleshoot_job"


@pytest.mark.parametrize(
    ("spot", "meant"),
    [
        ({"seed_keys": ["rca/job-3", "rca/job-7", "another/seed"]}, {"rca/job-3", "rca/job-7"}),
        ({"pattern": r"Job 11\d$"}, {f"rca/job-{n}" for n in range(110, 120)}),
        ({"pattern": r"job 3\b", "seed_keys": ["rca/job-7"]}, {"rca/job-3", "rca/job-7"}),
        ({"pattern": "stated here in plain words|^any$|job-3$"}, set()),  # reference, class, seed key: GitLab has none
        ({}, set()),
    ],
    ids=["by key", "by what is in the log", "by either", "by what GitLab does not have", "by nothing"],
)
def test_a_weak_spot_is_where_the_scenario_says_and_nowhere_else(
    spot: dict[str, Any], meant: set[str], items: dict[str, list[Item]]
) -> None:
    weak = WeakSpot.model_validate({"share": 0.7, **spot})
    assert {item.seed_key for item in items[SEEDS] if weakness(weak, item) == 0.7} == meant
    assert {weakness(weak, item) for item in items[SEEDS]} <= {0.0, 0.7}


def test_every_kind_of_resource_can_be_a_weak_spot_by_its_text(items: dict[str, list[Item]]) -> None:
    """A job by its command, an issue by its title, a finding by its identifier, a code cut by its code."""
    texts = {
        "of_troubleshoot_job": "pytest",
        "of_chat": "issue 1",
        "of_explain_vulnerability": "B605",
        "of_complete_code": r"def add",
    }
    for feature, text in texts.items():
        found = [item for item in items[feature] if weakness(WeakSpot(share=1, pattern=text), item)]
        assert found, feature
        assert len(found) == (1 if feature == "of_chat" else len(items[feature]))


def test_the_answers_about_a_weak_spot_are_those_of_a_worse_model(
    make_world: MakeWorld, items: dict[str, list[Item]]
) -> None:
    world = make_world(weak_spot={"share": 0.6, "seed_keys": ["rca/job-3"]}, worse_model=0.1)
    instance, exchange = Instance(world, "staging"), SandboxExchange("staging", "POST", "/", {}, b"")
    worse = {item.seed_key: prompt_for(instance, exchange, item).worse_model for item in items[SEEDS]}
    assert worse == {key: 0.6 if key == "rca/job-3" else 0.1 for key in worse}


def test_code_is_whole_from_a_good_model_and_broken_off_from_a_bad_one(items: dict[str, list[Item]]) -> None:
    item = items["of_complete_code"][0]
    best = max((AskedPrompt("staging", item, f"p-{n}", 0.0) for n in range(20)), key=quality)
    whole = item.reference["completion"]
    assert (completion(best) == whole) == (quality(best) >= 0.8)
    bad = completion(best._replace(worse_model=1.0))
    assert len(bad) < len(whole)


@given(code=st.text(alphabet="ab_1é (\n.", max_size=40), share=st.floats(0, 0.79))
def test_broken_off_code_ends_in_its_last_word_backwards(code: str, share: float) -> None:
    kept = code[: math.floor(len(code) * share)]
    found = re.fullmatch(r"(.*?)(\w+\W*)", kept, re.DOTALL)  # the slow way: the first word after which there is none
    expected = found[1] + found[2].rstrip()[::-1] if found else kept
    assert answers._broken_off(code, share) == expected


def test_breaking_off_takes_no_longer_than_its_code_is_long() -> None:
    """A suggestion may be one word of a megabyte. Eight times as long a one takes some 8 times as long, never 64."""

    def seconds(length: int) -> float:
        code = "a" * length + "(b" + "c" * length
        return min(timeit.repeat(lambda: answers._broken_off(code, 0.51), number=1, repeat=7))

    assert seconds(16_000) < 30 * seconds(2_000)


def test_a_resolution_is_a_diff_of_the_file_and_a_worse_model_fixes_a_part(items: dict[str, list[Item]]) -> None:
    prompt = AskedPrompt("staging", items["of_resolve_vulnerability"][0], "p-1", 1.0)
    partly = merge_request_diff(prompt)
    assert partly.startswith("@@ ")
    assert "+import subprocess" in partly
    assert "check=True" not in partly
