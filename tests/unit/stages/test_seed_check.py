"""Seed check: each seed key bound to a live resource and verified, or named; a failed look says nothing of any seed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from daily_runs.errors import CallError, SeedsMissingError

if TYPE_CHECKING:
    from tests.conftest import Bench
    from tests.unit.stages.conftest import Script

SEEDED = ["root_cause_analysis", "duo_chat", "vulnerability_explanation", "vulnerability_resolution"]


def bindings(bench: Bench) -> dict[str, dict[str, Any]]:
    return {row["seed_key"]: row for row in bench.store.rows("SELECT * FROM daily_runs.seed_binding")}


@pytest.mark.parametrize("feature", SEEDED)
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_every_seed_is_bound_to_a_resource_of_its_environment(bench: Bench, feature: str, environment: str) -> None:
    work = bench.work(feature, 12, environment)
    (report,) = bench.run(work, "seed_check")
    assert (report.asked, report.answered) == (12, 12)
    found = bindings(bench)
    assert set(found) == {item.seed_key for item in work.items.values()}
    assert {row["status"] for row in found.values()} == {"bound"}
    assert all(row["resource_id"].startswith("gid://gitlab/") for row in found.values())
    assert all(row["content_sha256"] for row in found.values())
    assert bench.sandbox.entries(paid=True) == []


def test_ids_of_one_seed_differ_between_environments(bench: Bench) -> None:
    for environment in ("staging", "production"):
        bench.run(bench.work("duo_chat", 3, environment), "seed_check")
    rows = bench.store.rows("SELECT seed_key, count(DISTINCT resource_id) AS n FROM daily_runs.seed_binding GROUP BY 1")
    assert [row["n"] for row in rows] == [2, 2, 2]


def test_code_cuts_need_no_resource_and_no_look(bench: Bench) -> None:
    (report,) = bench.run(bench.work("code_suggestions", 4), "seed_check")
    assert report.answered == 4
    assert {row["resource_id"] for row in bindings(bench).values()} == {None}
    assert bench.sandbox.entries() == []


@pytest.mark.parametrize(
    ("share", "status"), [("missing_share", "missing"), ("changed_share", "changed")], ids=["missing", "changed"]
)
def test_seeds_that_are_missing_or_changed_stop_the_run_and_are_named(bench: Bench, share: str, status: str) -> None:
    bench.sandbox.process.order_seeds({"environment": "staging", share: 0.5})
    with pytest.raises(SeedsMissingError) as caught:
        bench.run(bench.work("duo_chat", 16), "seed_check")
    faults = [key for key, row in bindings(bench).items() if row["status"] == status]
    assert 0 < len(faults) < 16
    text = str(caught.value)
    assert all(f"{key} ({status})" in text for key in faults[:1])
    assert f"{(16 - len(faults)) / 16:.1%} of the seeds are bound in daily-runs/seeds, 95.0% are required" in text
    assert bench.catalogue.features["duo_chat"].seeding.owner in text


def test_a_few_faults_pass_where_the_catalogue_allows_them_and_are_reported(bench: Bench) -> None:
    bench = bench.changed({"features": {"duo_chat": {"seeding": {"required_share": 0.1}}}})
    bench.sandbox.process.order_seeds({"environment": "staging", "missing_share": 0.3, "changed_share": 0.3})
    (report,) = bench.run(bench.work("duo_chat", 16), "seed_check")
    statuses = [row["status"] for row in bindings(bench).values()]
    assert report.missing == statuses.count("missing") > 0
    assert report.failed == statuses.count("changed") > 0
    assert report.answered == statuses.count("bound") > 0
    assert set(report.details["faults"]) == {key for key, row in bindings(bench).items() if row["status"] != "bound"}


def test_a_seed_that_comes_back_is_bound_by_the_next_look(bench: Bench) -> None:
    bench.sandbox.process.order_seeds({"environment": "staging", "missing_share": 1.0})
    work = bench.work("duo_chat", 4)
    with pytest.raises(SeedsMissingError):
        bench.run(work, "seed_check")
    bench.sandbox.process.order_seeds({"complete": True})
    bench.run(work, "seed_check")
    assert {row["status"] for row in bindings(bench).values()} == {"bound"}


def test_a_look_that_failed_raises_and_leaves_what_was_known(bench: Bench) -> None:
    work = bench.work("duo_chat", 4)
    bench.run(work, "seed_check")
    before = bindings(bench)
    bench.sandbox.change(server_error_share=1.0)
    with pytest.raises(CallError):
        bench.run(work, "seed_check")
    assert bindings(bench) == before
    assert bench.count("daily_runs.stage_report") == 1


def test_a_look_that_never_succeeded_writes_nothing(bench: Bench) -> None:
    bench.sandbox.change(drop_share=1.0)
    with pytest.raises(CallError):
        bench.run(bench.work("duo_chat", 4), "seed_check")
    assert bindings(bench) == {}


def test_a_vulnerability_that_was_dismissed_is_in_the_wrong_state(
    bench: Bench, serve_script: Callable[[Script], str]
) -> None:
    work = bench.work("vulnerability_resolution", 2)
    items = list(work.items.values())
    paths = [f"seeds/{item.seed_key}/file.py" for item in items]
    nodes = [
        {"id": f"gid://gitlab/Vulnerability/{n}", "state": state, "location": {"file": path}}
        for n, (path, state) in enumerate(zip(paths, ("DETECTED", "DISMISSED"), strict=True))
    ]
    blobs = [{"path": path, "rawTextBlob": item.resource.content} for path, item in zip(paths, items, strict=True)]
    project = {
        "vulnerabilities": {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": None}},
        "repository": {"blobs": {"nodes": blobs}},
    }
    body = json.dumps({"data": {"project": project}}).encode()

    address = serve_script(lambda _: (200, body))
    bench = bench.changed({"environments": {"staging": {"address": address}}})
    with pytest.raises(SeedsMissingError, match=r"\(wrong_state\)"):
        bench.run(bench.work("vulnerability_resolution", 2), "seed_check")
    found = bindings(bench)
    assert [found[item.seed_key]["status"] for item in items] == ["bound", "wrong_state"]
