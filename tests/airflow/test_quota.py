"""Quota on the real scheduler: a run at its limit, a backfill that competes for a small account, a worker that dies."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from daily_runs.catalogue.accounts import Account
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.pools import pools
from daily_runs.catalogue.rates import budget
from daily_runs.catalogue.reading import files as catalogue_files
from tests.airflow.conftest import DAYS_OF_STAGING, TIME_SCALE, Airflow, DagRun, moment

pytestmark = pytest.mark.timeout(1800)

Entry = dict[str, Any]
RCA = "root_cause_analysis"


def catalogue_of(airflow: Airflow) -> Catalogue:
    """The stack's catalogue as its files stand now."""
    return catalogue_files.load(airflow.include / "catalogue", airflow.stack.overlay)


def paid_actions(entries: Sequence[Entry]) -> list[Entry]:
    return sorted((e for e in entries if e["paid"] and e["operation"] == "aiAction"), key=lambda e: e["at_seconds"])


def refusals(entries: Sequence[Entry]) -> list[Entry]:
    """Calls of a model that were refused, whoever did it and in whatever words."""
    return [e for e in entries if (e["account"] or e["operation"] == "aiAction") and not e["paid"]]


def test_900_prompts_in_mapped_tasks_keep_to_the_pace_of_their_limit_from_first_to_last(airflow: Airflow) -> None:
    catalogue, prompts = catalogue_of(airflow), 900
    rate = budget(catalogue, catalogue.features[RCA], "staging").binding.prompts_per_minute
    floor_seconds = (prompts - 1) / rate * 60
    since = len(airflow.sent())

    run = airflow.trigger(RCA, environment="staging", prompts=prompts)
    assert airflow.wait(run) == "success"

    entries = airflow.sent(since)
    paid = paid_actions(entries)
    assert len(paid) == len({entry["key"] for entry in paid}) == prompts
    assert refusals(entries) == []
    row = airflow.store.row(
        "SELECT asked, answered, failed FROM contract.runs_v2 WHERE run_key = %(key)s",
        {"key": airflow.attempt(run)["run_key"]},
    )
    assert row == {"asked": prompts, "answered": prompts, "failed": 0}
    ratio = (paid[-1]["at_seconds"] - paid[0]["at_seconds"]) / floor_seconds
    first, *_, last = airflow.unix_seconds(paid)
    tasks = airflow.tasks(run, "staging.inference")
    # Orchestration: from the first task's start to the first prompt, and what the sends take beyond the floor. It costs
    # seconds of the wall clock, whatever the domain's scale.
    starting, ending = (
        first - min(moment(t["start_date"]) for t in tasks),
        max(moment(t["end_date"]) for t in tasks) - last,
    )
    orchestration = starting + max(0.0, ratio - 1) * floor_seconds / TIME_SCALE
    widest = max(after - before for before, after in pairwise(airflow.unix_seconds(paid)))
    told = (
        f"first to last send {ratio:.4f} x floor, widest gap {widest:.2f} s; first send {starting:.2f} s after the"
        f" first task's start, last task's end {ending:.2f} s after the last send: orchestration is"
        f" {orchestration / floor_seconds:.2%} of a run in real time, {orchestration / (last - first):.1%} of this one"
    )
    sys.stdout.write(told + "\n")
    assert orchestration / floor_seconds < 0.02, told
    assert ratio <= 1.05, told


FACTOR = 0.075
"""So small is EVAL then, in the catalogue and in the sandbox, ..."""
SLOT_TOKENS_PER_MINUTE = 100_000
"""... in three slots, of which RCA wants two and the others one each."""
COMPETING = {
    RCA: {"requests_per_minute": 5, "batches_per_minute": None, "account_share": 0.45},
    "duo_chat": {"requests_per_minute": 15},
    "vulnerability_explanation": {"in_flight_max": 64},
}
PROMPTS_A_DAY = {RCA: 25, "duo_chat": 75, "vulnerability_explanation": 150}


class Backfilled(NamedTuple):
    """A backfill that has ended: its runs by feature in order of dates, and what the sandbox got meanwhile."""

    runs: dict[str, list[DagRun]]
    entries: list[Entry]
    account: Account


@pytest.fixture(scope="module")
def backfilled(airflow: Airflow) -> Iterator[Backfilled]:
    """Three days of three features at once, on an account that is too small for them."""
    edits = {f"features/{name}.yaml": {"limits": limits} for name, limits in COMPETING.items()}
    account = catalogue_of(airflow).accounts["EVAL"]
    rates = ("requests_per_minute", "input_tokens_per_minute", "output_tokens_per_minute")
    small = {name: round(getattr(account, name) * FACTOR) for name in rates}
    edits["accounts.yaml"] = {"accounts": {"EVAL": {**small, "slot_tokens_per_minute": SLOT_TOKENS_PER_MINUTE}}}
    usual = pools(catalogue_of(airflow))
    with airflow.edited(edits), airflow.scenario(limit_factor={"factor": FACTOR}):
        catalogue = catalogue_of(airflow)
        airflow.api.write_pools(pools(catalogue))
        since = len(airflow.sent())
        for name, prompts in PROMPTS_A_DAY.items():
            airflow.api.unpause(f"daily_runs_{name}")
            airflow.api.post(
                "/backfills",
                {
                    "dag_id": f"daily_runs_{name}",
                    "from_date": f"{DAYS_OF_STAGING[0]}T00:00:00Z",
                    "to_date": f"{DAYS_OF_STAGING[-1]}T23:59:59Z",
                    "dag_run_conf": {"prompts": prompts, "note": "backfill"},
                    "max_active_runs": 1,
                },
            )
        runs = {name: backfill_runs(airflow, name) for name in PROMPTS_A_DAY}
        for run in [run for of_feature in runs.values() for run in of_feature]:
            airflow.wait(run)
        yield Backfilled(runs, airflow.sent(since), catalogue.accounts["EVAL"])
    airflow.api.write_pools(usual)


def backfill_runs(airflow: Airflow, feature: str) -> list[DagRun]:
    """A feature's runs that a backfill made, by date."""
    dag_id = f"daily_runs_{feature}"
    found = airflow.api.get(f"/dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
    made = sorted((run["logical_date"], run["dag_run_id"]) for run in found if run["run_type"] == "backfill")
    return [DagRun(dag_id, run_id) for _, run_id in made]


def most_in_a_minute(entries: Sequence[Entry], amount: str | None) -> float:
    """The largest sum over any 60 s of the domain; requests where no amount is named."""
    most = total = first = 0
    entries = sorted(entries, key=lambda entry: entry["at_seconds"])
    for entry in entries:
        total += entry[amount] if amount else 1
        while entries[first]["at_seconds"] <= entry["at_seconds"] - 60:
            total -= entries[first][amount] if amount else 1
            first += 1
        most = max(most, total)
    return most


def test_every_run_of_a_backfill_succeeds_and_publishes(airflow: Airflow, backfilled: Backfilled) -> None:
    for feature, runs in backfilled.runs.items():
        assert [airflow.api.run_state(*run) for run in runs] == ["success"] * len(DAYS_OF_STAGING)
        rows = airflow.store.rows(
            "SELECT run_key, asked, answered + failed AS settled FROM contract.runs_v2 WHERE run_key = ANY (%(keys)s)",
            {"keys": [airflow.attempt(run)["run_key"] for run in runs]},
        )
        assert sorted(row["run_key"].split("/", 2)[2][:10] for row in rows) == [*DAYS_OF_STAGING]
        assert {(row["asked"], row["settled"]) for row in rows} == {(PROMPTS_A_DAY[feature],) * 2}


def test_no_schedule_fired_a_run_beside_the_backfill(airflow: Airflow, backfilled: Backfilled) -> None:
    for feature in backfilled.runs:
        found = airflow.api.get(f"/dags/daily_runs_{feature}/dagRuns", limit=100)["dag_runs"]
        assert {run["run_type"] for run in found} <= {"backfill", "manual"}


def test_a_backfill_of_competing_features_passes_no_limit_of_its_account_in_any_minute(backfilled: Backfilled) -> None:
    account, entries = backfilled.account, [e for e in backfilled.entries if e["account"] == "EVAL"]
    refused = refusals(backfilled.entries)
    sys.stdout.write(f"refused: {len(refused)} of {len(entries)}\n")
    # A call that a busy machine sends a tenth of a second late is six seconds late here, and a tenth of the bucket's
    # tokens moves with it, more than one prompt of RCA takes: two of 535 were refused on a slow machine, and tried
    # again. In real time it is a tenth of a second (`make bench` has no refusals).
    assert len(refused) <= len(entries) / 100
    allowed = {
        None: account.requests_per_minute,
        "input_tokens": account.input_tokens_per_minute,
        "output_tokens": account.output_tokens_per_minute,
    }
    most = {str(name): most_in_a_minute(entries, name) / limit for name, limit in allowed.items()}
    sys.stdout.write(f"the most of the limit in any 60 s: {most}\n")
    assert all(share <= 1 + account.burst_seconds / 60 for share in most.values())
    # It did bind: inference alone is promised 0.83 of the account, and judging comes on top.
    assert most["input_tokens"] > 0.9


def test_no_task_of_a_backfill_starves_and_all_features_get_on(airflow: Airflow, backfilled: Backfilled) -> None:
    tasks = {
        feature: [
            t for run in runs for stage in ("inference", "judging") for t in airflow.tasks(run, f"staging.{stage}")
        ]
        for feature, runs in backfilled.runs.items()
    }
    work = sum(task["duration"] for of_feature in tasks.values() for task in of_feature)
    for feature, of_feature in tasks.items():
        own = sum(task["duration"] for task in of_feature)
        waited = [moment(task["start_date"]) - moment(task["scheduled_when"]) for task in of_feature]
        sys.stdout.write(
            f"{feature}: {len(of_feature)} tasks, {own:.1f} s of work; the longest wait {max(waited):.1f} s\n"
        )
        assert max(waited) < (work - own) / len(DAYS_OF_STAGING)  # at most what the others do in a day
    # Each began before any was done.
    spans = {
        feature: (min(moment(t["start_date"]) for t in ts), max(moment(t["end_date"]) for t in ts))
        for feature, ts in tasks.items()
    }
    assert max(begin for begin, _ in spans.values()) < min(end for _, end in spans.values())
