"""The floor against figures worked out by hand, and against a client that tries all the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.sandbox.world.foreign import ForeignLoad
from daily_runs.sandbox.world.world import AccountBuckets
from tests.bench.account_server import account_of
from tests.bench.cases import Figures
from tests.bench.floor import Change, Foreign, Size, send_moments

SMALL = Size(0, 0)
TICK_SECONDS = 0.001


class ByHand(NamedTuple):
    what: str
    figures: Figures
    sizes: list[Size]
    change: Change | None
    last: float


CASES = [
    ByHand("10 at once, then 10 a second", Figures(), [SMALL] * 300, None, 29.0),
    ByHand("a full bucket of 200", Figures(burst_seconds=20), [SMALL] * 300, None, 10.0),
    ByHand("less than the bucket goes at once", Figures(burst_seconds=20), [SMALL] * 200, None, 0.0),
    ByHand("6,000 a minute", Figures(requests_per_minute=6000), [SMALL] * 3000, None, 29.0),
    ByHand(
        "input binds: 8 of 1,000 at once, then 8 a second",
        Figures(input_tokens_per_minute=480_000),
        [Size(1000, 0)] * 80,
        None,
        9.0,
    ),
    ByHand(
        "output binds: 5 of 100 at once, then 5 a second",
        Figures(output_tokens_per_minute=30_000),
        [Size(10, 100)] * 50,
        None,
        9.0,
    ),
    # 110 by second 10, the bucket empty; then 190 at 5 a second.
    ByHand("the limit halves after 10 s", Figures(), [SMALL] * 300, Change(1010.0, 0.5), 48.0),
    ByHand("a change after the end is none", Figures(), [SMALL] * 300, Change(1100.0, 0.5), 29.0),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_the_floor_is_what_one_works_out_by_hand(case: ByHand) -> None:
    moments = send_moments(account_of(case.figures), case.sizes, 1000.0, case.change)
    assert moments[-1] == pytest.approx(case.last, abs=1e-3)
    assert moments == sorted(moments)
    assert len(moments) == len(case.sizes)


def test_with_others_at_40_percent_the_rest_of_the_rate_is_the_floor() -> None:
    moments = send_moments(account_of(Figures()), [SMALL] * 300, 5.0, None, Foreign(0.4, "seed"))
    assert moments[-1] == pytest.approx(290 / 6, rel=0.05)


def eager(
    figures: Figures, sizes: list[Size], go: float, change: Change | None, foreign: Foreign | None
) -> list[float]:
    """Tries every millisecond; as long with others on the account as the floor has them before the go."""
    start = go - 60 if foreign else go
    buckets, load = AccountBuckets(account_of(figures), start), ForeignLoad("seed", start)
    now, sent = go, []
    for size in sizes:
        while True:
            if change and now >= change.at_seconds:
                buckets.scale(change.factor, now)
            if foreign:
                load.take(foreign.share, buckets.all, now)
            if buckets.spend(size.input_tokens, size.output_tokens, now) is None:
                break
            now += TICK_SECONDS
        sent.append(now - go)
    return sent


@given(
    st.lists(st.builds(Size, st.integers(0, 2000), st.integers(0, 400)), min_size=1, max_size=40),
    st.none() | st.builds(Change, st.floats(100, 104), st.sampled_from([0.5, 2.0])),
    st.none() | st.just(Foreign(0.4, "seed")),
)
def test_no_client_that_keeps_the_order_is_faster_and_an_eager_one_comes_close(
    sizes: list[Size], change: Change | None, foreign: Foreign | None
) -> None:
    figures = Figures(input_tokens_per_minute=600_000, output_tokens_per_minute=60_000)
    floor = send_moments(account_of(figures), sizes, 100.0, change, foreign)
    tried = eager(figures, sizes, 100.0, change, foreign)
    assert floor[-1] <= tried[-1] + 2 * TICK_SECONDS
    if foreign is None:  # with others about, being late by a tick may cost a portion, and that another one
        # An eager client meets the change up to a tick late, which shifts what its bucket holds by that much.
        assert tried[-1] <= floor[-1] + TICK_SECONDS * (2 + 0.1 * len(sizes))


@pytest.mark.parametrize("make", [lambda: Size(20_000_000, 0), lambda: Size(0, 20_000_000)])
def test_a_prompt_larger_than_a_full_bucket_is_refused_instead_of_awaited_for_ever(make: Callable[[], Size]) -> None:
    with pytest.raises(ValueError, match="never fits"):
        send_moments(account_of(Figures()), [make()])
