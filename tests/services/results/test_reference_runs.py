"""What the contract holds a run's items against is the reference that the run's verdict was given against."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
from tests.published_runs import CLASSES, Day, Published, publish

from daily_runs.results import item_rows
from daily_runs.results.quality import REFERENCE_RUNS
from daily_runs.store.database import Store

EVERYWHERE = dict.fromkeys(CLASSES, 0.2)


def reference_of(store: Store, run: Published) -> tuple[str, ...]:
    """The runs that the store holds a run against, oldest first."""
    rows = store.rows(
        "SELECT reference_run_key AS key FROM daily_runs.reference_run r"
        " JOIN daily_runs.published_run p ON p.run_key = r.reference_run_key"
        " WHERE r.run_key = %(run)s ORDER BY p.logical_date",
        {"run": str(run.key)},
    )
    return tuple(row["key"] for row in rows)


def override(store: Store, run: Published) -> None:
    """Say that somebody published the run against the gate."""
    given = {"run": str(run.key)}
    of_run = "(SELECT attempt_id FROM daily_runs.published_run WHERE run_key = %(run)s)"
    store.rows(f"UPDATE daily_runs.gate_result SET passed = false WHERE attempt_id = {of_run}", given)
    store.rows(f"INSERT INTO daily_runs.gate_override VALUES ({of_run}, 'It must go on.', 'on-call')", given)


def accept(store: Store, run: Published) -> None:
    """Say that a level that began with the run is the new one."""
    store.rows(
        "INSERT INTO daily_runs.alarm (feature, environment, comparability_key, kind, since_run_key, last_run_key,"
        " size, reason, changed, state, resolved_at, resolved_by, resolution)"
        " SELECT feature, environment, comparability_key, 'drift', run_key, run_key, 0.1, 'It fell.', '{}', 'accepted',"
        " now(), 'owner', 'It is the new level.' FROM daily_runs.published_run WHERE run_key = %(run)s",
        {"run": str(run.key)},
    )


def changes(store: Store, run: Published) -> list[dict[str, Any]]:
    query = "SELECT * FROM contract.item_changes_v1 WHERE run_key = %(run)s ORDER BY item_id, provider"
    return store.rows(query, {"run": str(run.key)})


@pytest.fixture
def stream(store: Store) -> list[Published]:
    """Days with all that takes a run out of a reference, and samples and another environment beside them."""
    days = [publish(store, Day(number)) for number in range(4)]
    override(store, days[3])
    days += [
        publish(store, Day(4)),
        publish(store, Day(4, sample="0a1b2c3d")),
        publish(store, Day(4, environment="production")),
    ]
    days += [publish(store, Day(5, provider=lambda number: "vertex" if number % 2 else "anthropic"))]
    days += [publish(store, Day(number)) for number in range(6, 18)]
    days += [publish(store, Day(18, rubric="another")), publish(store, Day(18, sample="0a1b2c3d"))]
    days += [publish(store, Day(18, environment="production"))]
    accept(store, days[-5])
    days += [publish(store, Day(19)), publish(store, Day(20, rubric="another")), publish(store, Day(21))]
    return days


def test_the_reference_of_each_run_is_the_one_of_its_verdict(store: Store, stream: list[Published]) -> None:
    references = [run.verdict.reference for run in stream]
    assert {0, 1, REFERENCE_RUNS} <= set(map(len, references))
    assert [reference_of(store, run) for run in stream] == references


def test_an_items_change_is_its_mean_less_the_mean_of_its_means_in_the_reference(store: Store) -> None:
    earlier = [publish(store, Day(number)) for number in range(3)]
    run = publish(store, Day(3, fell=EVERYWHERE))
    items = item_rows.of_runs(store, [str(one.key) for one in (*earlier, run)])
    here = {item.item_id: item for item in items.pop(str(run.key))}
    before = {
        name: statistics.fmean(
            item.mean for found in items.values() for item in found if item.item_id == name and item.mean is not None
        )
        for name in here
    }
    rows = changes(store, run)
    assert {row["item_id"]: row["item_class"] for row in rows} == {name: item.item_class for name, item in here.items()}
    for row in rows:
        name = row["item_id"]
        assert row["reference_runs"] == len(earlier)
        assert (row["mean"], row["scored"]) == (here[name].mean, here[name].scored)
        assert [row["reference_mean"], row["change"]] == pytest.approx([before[name], row["mean"] - before[name]])
        assert row["change"] < 0


def test_a_streams_first_run_has_no_change_and_an_item_without_a_score_no_row(store: Store) -> None:
    first = publish(store, Day(0, failed=4))
    rows = changes(store, first)
    assert {(row["reference_runs"], row["reference_mean"], row["change"]) for row in rows} == {(0, None, None)}
    asked = len(item_rows.of_runs(store, [str(first.key)])[str(first.key)])
    assert len(rows) == asked - 2  # four prompts are both askings of two items
    later = changes(store, publish(store, Day(1)))
    assert sorted((row["reference_runs"] for row in later), reverse=True) == [1] * len(rows) + [0] * 2
