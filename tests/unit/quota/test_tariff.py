"""Shares of an account."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.capacity.plan_cases import given as changed
from tests.unit.capacity.plan_cases import pinned

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.quota.tariff import share_of


def sharing(asked: list[float | None], *, lends: bool) -> tuple[Catalogue, list[float]]:
    """The catalogue with these shares asked for, one a feature, and what each gets."""
    catalogue = pinned()
    names = list(catalogue.features)
    features = {
        name: changed(catalogue.features[name], limits=changed(catalogue.features[name].limits, account_share=share))
        for name, share in zip(names, asked, strict=True)
    }
    account = changed(catalogue.accounts["EVAL"], lends_idle_share=lends)
    catalogue = changed(catalogue, features=features)
    return catalogue, [share_of(catalogue, features[name], account) for name in names]


class Case(NamedTuple):
    name: str
    asked: list[float | None]
    lends: bool
    shares: list[float]


CASES = (
    Case("what each asked for", [0.2, 0.2, 0.2, 0.2, 0.2], True, [0.2] * 5),
    Case("the others have equal parts of the rest", [0.5, None, None, 0.2, None], True, [0.5, 0.1, 0.1, 0.2, 0.1]),
    Case("or each all of it, of a ceiling", [0.5, None, None, 0.2, None], False, [0.5, 0.3, 0.3, 0.2, 0.3]),
    Case("nobody asked", [None] * 5, True, [0.2] * 5),
    Case("nobody asked, of a ceiling", [None] * 5, False, [1.0] * 5),
    Case("nothing is left but a crumb", [0.5, 0.5, None, None, None], True, [0.5, 0.5, 0.01 / 3, 0.01 / 3, 0.01 / 3]),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_shares(case: Case) -> None:
    assert sharing(case.asked, lends=case.lends)[1] == pytest.approx(case.shares)


@given(st.lists(st.none() | st.floats(0.001, 0.2), min_size=5, max_size=5), st.booleans())
def test_a_share_is_a_part_of_the_account_and_what_was_asked_for_is_given(
    asked: list[float | None], lends: bool
) -> None:
    _, shares = sharing(asked, lends=lends)
    assert all(0 < share <= 1 for share in shares)
    assert [share for share, wish in zip(shares, asked, strict=True) if wish is not None] == [
        wish for wish in asked if wish is not None
    ]
    if lends:
        assert sum(shares) <= 1.0 + 1e-9
