"""Every error of the tree has an owner, a next step and a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daily_runs.errors import DailyRunsError
from daily_runs.incidents.remedies import FEATURE_OWNER, HOP_OWNER, ON_CALL, REMEDIES, remedy_of

RUNBOOKS = Path(__file__).parents[3] / "docs" / "runbooks"


def tree(error: type[DailyRunsError] = DailyRunsError) -> Iterator[type[DailyRunsError]]:
    yield error
    for below in error.__subclasses__():
        if below.__module__ == "daily_runs.errors":
            yield from tree(below)


@pytest.mark.parametrize("error", list(tree()), ids=lambda error: error.__name__)
def test_an_error_has_an_owner_a_next_step_and_a_page_of_its_own_name(error: type[DailyRunsError]) -> None:
    remedy = REMEDIES[error]
    assert remedy.owner in (FEATURE_OWNER, HOP_OWNER, ON_CALL)
    assert remedy.do.endswith(".")
    index = (RUNBOOKS / "README.md").read_text()
    (row,) = (
        (line for line in index.splitlines() if f"`{error.__name__}`" in line and line.startswith("|"))
        if (error is not DailyRunsError)
        else (f"[readme]({remedy.page})",)
    )
    assert f"({remedy.page})" in row
    assert (RUNBOOKS / remedy.page).exists()


def test_an_error_of_another_tree_is_asked_after_in_the_index() -> None:
    assert remedy_of(ZeroDivisionError) is REMEDIES[DailyRunsError]
