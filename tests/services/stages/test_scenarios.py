"""Days of one feature on the sandbox: a worse model is published as regressed, a judge that moved blocks the run.

Healthy days are the reference of all tests here. Each test makes a later day of the same stream, which is taken out
again before the next one, so that no test is another one's reference. The sandbox's judge differs from verdict to
verdict by a fifth of a point, as a sound judge may. No scenario knows what an answer or a frozen answer is worth: it
changes the model or the judge, and the product has to tell which.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import pytest
from tests.conftest import DAY, TOLD, Kit, SandboxView, catalogue_at

from daily_runs import connections, dataset
from daily_runs.connections import Connect
from daily_runs.errors import GateFailedError
from daily_runs.records.run import RunKey
from daily_runs.runs import opening
from daily_runs.sandbox.process import Sandbox
from daily_runs.sandbox.world.scenario import Scenario
from daily_runs.stages import pipeline
from daily_runs.store.database import Store

FEATURE = "vulnerability_explanation"
CLASS = "untrusted-data"
REFERENCE_DAYS = 4
FIRST = DAY + dt.timedelta(days=7)
SOUND = {"judge_noise": 0.05}
MOVED = "The ruler moved"


class DayOutcome(NamedTuple):
    """What became of a day's run: what the gate said if it blocked, else what was published.

    `frozen_moved`: how far the mean score of the frozen answers lies from that of the healthy days.
    """

    key: RunKey
    blocked: str
    published: dict[str, Any]
    frozen_moved: float

    def __str__(self) -> str:
        """For people: the figures that a scenario showed."""
        said = self.blocked or self.published["verdict_reason"]
        return f"frozen answers {self.frozen_moved:+.3f}: {said}"


class Stream:
    """The days of the feature, one after the other."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self._days = itertools.count()
        self._healthy_mean = 0.0

    def healthy_days(self) -> None:
        """The days that all others are compared with."""
        days = [self.day() for _ in range(REFERENCE_DAYS)]
        assert [day.blocked for day in days] == [""] * REFERENCE_DAYS
        (row,) = self._rows("SELECT avg(score) AS mean FROM daily_runs.frozen_verdict")
        self._healthy_mean = float(row["mean"])

    def day(self, feature: str = FEATURE, **scenario: Any) -> DayOutcome:
        """Run the next day under a scenario, all stages."""
        key = RunKey(feature, "staging", FIRST + dt.timedelta(days=next(self._days)))
        # What watches the ruler by the clock is told that a day has passed.
        self._rows("UPDATE daily_runs.frozen_judging SET began_at = began_at - interval '1 day'")
        self.kit.sandbox.change(**{**dict.fromkeys(Scenario.model_fields), "ai_action_calls": 1_000_000, **SOUND})
        self.kit.sandbox.change(**scenario)
        attempt = opening.plan(self.kit.store, self.kit.catalogue, key)
        work = pipeline.work_for(self.kit.store, self.kit.catalogue, attempt, cast(Connect, connections.find))
        blocked = ""
        try:
            self.kit.run(work, *pipeline.STAGES)
        except GateFailedError as error:
            blocked = str(error)
        rows = self._rows("SELECT * FROM contract.runs_v2 WHERE run_key = %(key)s", key=str(key))
        assert len(rows) == (0 if blocked else 1)
        return DayOutcome(key, blocked, rows[0] if rows else {}, self._frozen_moved())

    def take_out_all_after(self, number: int) -> None:
        """Forget what later days than the first so many left for others to be compared with."""
        given = {"moment": FIRST + dt.timedelta(days=number)}
        later = "(SELECT run_key FROM daily_runs.run WHERE logical_date >= %(moment)s)"
        attempts = f"(SELECT attempt_id FROM daily_runs.attempt WHERE run_key IN {later})"
        self._rows(f"DELETE FROM daily_runs.published_run WHERE run_key IN {later}", **given)
        self._rows(f"DELETE FROM daily_runs.frozen_judging WHERE attempt_id IN {attempts}", **given)

    def regressed_classes(self, key: RunKey) -> set[str]:
        """The classes that `comparisons_v1` calls regressed."""
        rows = self._rows(
            "SELECT part FROM contract.comparisons_v1 WHERE run_key = %(key)s AND verdict = 'regressed'"
            " AND part <> '' AND NOT starts_with(part, 'criterion ')",
            key=str(key),
        )
        return {row["part"] for row in rows}

    def status(self, key: RunKey) -> str:
        """The status of the day's attempt."""
        (row,) = self._rows("SELECT status FROM daily_runs.attempt WHERE run_key = %(key)s", key=str(key))
        return str(row["status"])

    def _frozen_moved(self) -> float:
        (row,) = self._rows(
            "SELECT avg(score) AS mean FROM daily_runs.frozen_verdict WHERE frozen_judging_id ="
            " (SELECT frozen_judging_id FROM daily_runs.frozen_judging ORDER BY began_at DESC LIMIT 1)"
        )
        return float(row["mean"]) - self._healthy_mean

    def _rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        return self.kit.store.rows(query, values)


@pytest.fixture(scope="module")
def _healthy(_module_store: Store, _sandbox_process: Sandbox) -> Iterator[Stream]:
    """The healthy days, once for the module."""
    roomy = {"limits": {"ai_action_calls_per_window": 100_000}}
    catalogue = catalogue_at(_sandbox_process.address)
    kit = Kit(_module_store, SandboxView(_sandbox_process, 0), catalogue).changed({"environments": {"staging": roomy}})
    _sandbox_process.order_seeds({"complete": True})
    made = Stream(kit)
    made.healthy_days()
    yield made
    _sandbox_process.change_scenario(dict.fromkeys(Scenario.model_fields))


@pytest.fixture
def stream(_healthy: Stream) -> Iterator[Stream]:
    """The healthy days, and those that the test adds."""
    yield _healthy
    _healthy.take_out_all_after(REFERENCE_DAYS)


def seed_keys(stream: Stream, item_class: str) -> list[str]:
    """The seeds of one class, for the sandbox, which knows no classes."""
    items = dataset.load_feature_dataset(stream.kit.catalogue.features[FEATURE])
    return [item.seed_key for item in items if item.item_class == item_class]


def test_a_day_like_the_others_is_published_and_not_called_worse(stream: Stream) -> None:
    day = stream.day()
    assert day.blocked == ""
    assert day.published["verdict"] in ("no_worse", "inconclusive", "improved")
    assert f"against {REFERENCE_DAYS} runs" in day.published["verdict_reason"]
    assert stream.regressed_classes(day.key) == set()


def test_a_model_that_is_worse_in_one_class_is_regressed_there_and_the_class_is_named(
    stream: Stream, record_property: Any
) -> None:
    day = stream.day(weak_spot={"share": 1.0, "seed_keys": seed_keys(stream, CLASS)})
    record_property(TOLD, f"worse model in one class: {day}")
    assert day.published["verdict"] == "regressed"
    assert f"regressed in {CLASS} -0." in day.published["verdict_reason"]
    assert stream.regressed_classes(day.key) == {CLASS}


def test_a_model_that_is_worse_everywhere_is_published_as_regressed_and_its_ruler_is_not_blamed(
    stream: Stream, record_property: Any
) -> None:
    day = stream.day(worse_model=0.6)
    record_property(TOLD, f"worse model: {day}")
    assert (day.blocked, day.published["verdict"]) == ("", "regressed")


JUDGES: dict[str, dict[str, Any]] = {
    "lenient": {"judge_shift": 0.25},
    "harsh": {"judge_shift": -0.2},
    "worse": {"judge_worse": 0.8},
    "noisy": {"judge_noise": 0.35},
}


@pytest.mark.parametrize("judge", JUDGES)
def test_a_run_whose_judge_moved_is_quarantined_and_says_that_the_ruler_moved(
    stream: Stream, judge: str, record_property: Any
) -> None:
    day = stream.day(**JUDGES[judge])
    record_property(TOLD, f"{judge} judge: {day}")
    assert MOVED in day.blocked
    assert (stream.status(day.key), day.published) == ("quarantined", {})


def test_a_judge_that_moved_by_less_than_its_frozen_answers_can_tell_is_not_noticed(
    stream: Stream, record_property: Any
) -> None:
    """A shift of 0.02 moves a point now and then: within the allowance of the check, and what 30 answers can tell."""
    day = stream.day(judge_shift=0.02)
    record_property(TOLD, f"judge lenient by 0.02: {day}")
    assert day.blocked == ""
    assert abs(day.frozen_moved) < 0.04
    assert day.published["verdict"] != "regressed"


def test_a_judge_that_drifts_from_day_to_day_is_noticed_though_no_day_shows_it_against_the_day_before(
    stream: Stream, record_property: Any
) -> None:
    """Each day is held against the ruler's first seven, of which the last three are of the drift already, here.

    Thirty frozen answers see a move of some 0.06 of their mean. A smaller one is published, and the verdict, whose
    interval is about as wide, may lay it at the model's door.
    """
    days = []
    for number in range(1, 8):
        days.append(stream.day(judge_shift=-0.03 * number))
        if days[-1].blocked:
            break
    record_property(TOLD, "\n".join(f"judge drifting, day {number}: {day}" for number, day in enumerate(days, 1)))
    assert MOVED in days[-1].blocked
    assert len(days) > 1
    assert all(abs(day.frozen_moved) < 0.1 for day in days[:-1])


def test_a_judge_that_drifts_while_it_judges_a_run_is_the_ruler_that_moved(
    stream: Stream, record_property: Any
) -> None:
    """Half of the frozen answers is judged first, and half last: the second half sees the drift's end."""
    day = stream.day(judge_drift={"per_hundred_verdicts": -0.6})
    record_property(TOLD, f"judge drifting within the run: {day}")
    assert MOVED in day.blocked


def test_a_judge_that_declines_a_fifth_of_the_prompts_blocks_the_run_by_what_is_missing(
    stream: Stream, record_property: Any
) -> None:
    day = stream.day(judge_refusal_share=0.2)
    record_property(TOLD, f"declining judge: {day}")
    assert "share" in day.blocked or "frozen answers are judged" in day.blocked
    assert stream.status(day.key) == "quarantined"
    kinds = stream.kit.store.rows(
        "SELECT DISTINCT error_kind AS kind FROM daily_runs.judgement WHERE status = 'unscored'"
    )
    assert "judge_refused" in {row["kind"] for row in kinds}


def test_a_provider_switch_in_mid_run_gives_two_populations_each_with_its_own_mean(
    stream: Stream, record_property: Any
) -> None:
    day = stream.day("code_suggestions", provider_switch={"after_answers": 15, "worse_model": 1.0})
    found = {one["provider"]: one for one in day.published["populations"]}
    record_property(TOLD, f"provider switch: { ({name: (one['items'], one['mean']) for name, one in found.items()}) }")
    assert {name: one["items"] for name, one in found.items()} == {"vertex-ai": 15, "anthropic": 15}
    assert found["anthropic"]["mean"] < found["vertex-ai"]["mean"] - 0.1
    assert day.published["item_mean"] is None
    assert day.published["verdict"] == "incomparable"
    assert "answered by anthropic, vertex-ai, each is a population" in day.published["verdict_reason"]
