"""Models that the vendor retires: a warning while they are there, a fault when they are not."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import pytest
from anthropic.resources.messages.messages import DEPRECATED_MODELS

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.doctor.model_ends import ends_of_models, model_ends

SHIPPED = catalogue_files.load()


def with_models(judge: str, inference: str) -> Catalogue:
    assert SHIPPED.prices is not None
    prices = SHIPPED.prices.model_copy(update={"inference": {**SHIPPED.prices.inference, "chat": inference}})
    return SHIPPED.model_copy(update={"judge": SHIPPED.judge.model_copy(update={"model": judge}), "prices": prices})


class Ending(NamedTuple):
    judge: str
    inference: str
    today: dt.date
    places: list[tuple[str, bool]]


JUDGE, CHAT = "accounts.yaml: judge.model", "prices.yaml: prices.inference.chat"
NOVEMBER = dt.date(2026, 11, 26)


@pytest.mark.parametrize(
    "case",
    [
        Ending("claude-sonnet-5-5", "claude-sonnet-4-6", NOVEMBER, []),
        Ending("claude-sonnet-4-5", "claude-sonnet-4-6", NOVEMBER, [(JUDGE, False)]),
        Ending("claude-sonnet-4-5-20250929", "claude-sonnet-4-6", dt.date(2026, 11, 30), [(JUDGE, True)]),
        Ending("claude-sonnet-5-5", "claude-sonnet-4-20250514", NOVEMBER, [(CHAT, True)]),
        Ending("claude-sonnet-5-5", "claude-sonnet-4-20250514", dt.date(2026, 6, 14), [(CHAT, False)]),
        Ending("claude-opus-4-1-20250805", "claude-3-haiku-20240307", NOVEMBER, [(JUDGE, True), (CHAT, True)]),
        Ending("claude-sonnet-5-5", "claude-sonnet-4@20250514", NOVEMBER, []),
    ],
    ids=str,
)
def test_a_model_that_ends_is_named_with_its_place_and_day(case: Ending) -> None:
    found = list(model_ends(with_models(case.judge, case.inference), case.today))
    assert [(end.place, end.has_ended) for end in found] == case.places
    for end in found:
        assert f"{end.model!r} {'ended' if end.has_ended else 'ends'} on {end.ends}" in end.problem


def test_every_date_of_the_sdks_table_is_read() -> None:
    ends = ends_of_models()
    assert set(DEPRECATED_MODELS) <= set(ends)
    assert min(ends.values()).year >= 2024
    assert ends["claude-sonnet-4-20250514"] == dt.date(2026, 6, 15)


def test_no_shipped_model_has_ended() -> None:
    assert list(model_ends(SHIPPED, NOVEMBER)) == []
