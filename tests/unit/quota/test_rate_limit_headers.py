"""What Anthropic's headers tell of an account, and what unreadable ones don't."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.quota.rate_limit_headers import DIMENSIONS, Fact, facts_of, refused_dimension

PREFIX = "anthropic-ratelimit"


def headers(dimension: str, limit: object, remaining: object) -> dict[str, str]:
    return {f"{PREFIX}-{dimension}-limit": str(limit), f"{PREFIX}-{dimension}-remaining": str(remaining)}


class Reading(NamedTuple):
    name: str
    headers: Mapping[str, str]
    facts: Mapping[str, Fact]


READINGS = (
    Reading("nothing", {}, {}),
    Reading("requests are whole", headers("requests", 4000, 3999), {"requests": Fact(4000, 3999, 0, 1)}),
    Reading(
        "input tokens are rounded",
        headers("input-tokens", 4_000_000, 3_912_000),
        {"input tokens": Fact(4_000_000, 3_912_000, 500, 500)},
    ),
    Reading(
        "output tokens are rounded", headers("output-tokens", 800_000, 0), {"output tokens": Fact(800_000, 0, 500, 500)}
    ),
    Reading("no limit", {f"{PREFIX}-requests-remaining": "5"}, {}),
    Reading("no remaining", {f"{PREFIX}-requests-limit": "5"}, {}),
    Reading("a limit of nothing", headers("requests", 0, 0), {}),
    Reading("a negative figure", headers("requests", 4000, -1), {}),
    Reading("a fraction", headers("requests", 4000, 0.5), {}),
    Reading("a word", headers("requests", "unlimited", 3), {}),
    Reading("an empty one", headers("requests", 4000, ""), {}),
    Reading("not a number", headers("requests", "nan", "inf"), {}),
    Reading("an absurd length", headers("requests", "9" * 400, "1"), {}),
    Reading("tokens of both kinds together are not among ours", headers("tokens", 5000, 4000), {}),
)


@pytest.mark.parametrize("case", READINGS, ids=lambda case: case.name)
def test_what_headers_tell(case: Reading) -> None:
    assert facts_of(case.headers) == case.facts


def test_one_unreadable_dimension_hides_no_other() -> None:
    mixed = {**headers("requests", "?", 1), **headers("input-tokens", 1000, 1000)}
    assert facts_of(mixed) == {"input tokens": Fact(1000, 1000, 500, 500)}


def test_names_are_found_however_they_are_written() -> None:
    received = httpx.Headers({name.title(): value for name, value in headers("requests", 50, 7).items()})
    assert facts_of(received) == {"requests": Fact(50, 7, 0, 1)}


names = st.sampled_from([f"{PREFIX}-{header}-{kind}" for header in DIMENSIONS for kind in ("limit", "remaining")])
figures = st.text() | st.integers().map(str) | st.floats().map(str)


@given(st.dictionaries(names | st.text(), figures))
def test_no_header_whatever_is_an_error_and_each_fact_is_one(received: dict[str, str]) -> None:
    for dimension, fact in facts_of(received).items():
        assert dimension in DIMENSIONS.values()
        assert 0 < fact.per_minute < 1e15
        assert 0 <= fact.remaining < 1e15


ALL = {
    "requests": Fact(4000, 2000, 0, 1),
    "input tokens": Fact(4_000_000, 1_000_000, 500, 500),
    "output tokens": Fact(800_000, 700_000, 500, 500),
}


class Refusal(NamedTuple):
    name: str
    message: str
    facts: Mapping[str, Fact]
    dimension: str


REFUSALS = (
    Refusal(
        "named", "This request would exceed your rate limit of 800,000 output tokens per minute", ALL, "output tokens"
    ),
    Refusal("input named", "exceeds 4,000,000 input tokens per minute (org 1)", ALL, "input tokens"),
    Refusal("requests named", "rate limit of 4,000 requests per minute", ALL, "requests"),
    Refusal("the scarcest, where none is named", "Number of things exceeded", ALL, "input tokens"),
    Refusal("named, though another one is scarcer", "5 requests per minute", ALL, "requests"),
    Refusal("nothing known", "", {}, "requests"),
    Refusal("one known", "", {"output tokens": Fact(10, 10, 0, 0)}, "output tokens"),
)


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.name)
def test_which_dimension_a_429_is_about(case: Refusal) -> None:
    assert refused_dimension(case.message, case.facts) == case.dimension


facts = st.builds(Fact, st.floats(1, 1e15), st.floats(0, 1e15), st.just(0.0), st.just(1.0))


@given(st.text(), st.dictionaries(st.sampled_from(list(DIMENSIONS.values())), facts))
def test_a_429_is_always_about_one_of_the_three(message: str, known: dict[str, Fact]) -> None:
    assert refused_dimension(message, known) in DIMENSIONS.values()
