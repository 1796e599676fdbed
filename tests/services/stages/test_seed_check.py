"""Seed check: each seed key bound to a live resource and verified, or named; a failed look says nothing of any seed."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from daily_runs import dataset
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import CallError, SeedsMissingError
from daily_runs.readiness.seeds.coverage import percent
from daily_runs.readiness.seeds.verify import MEMORY_HOURS_MAX

if TYPE_CHECKING:
    from tests.conftest import Kit
    from tests.services.stages.conftest import Script


SEEDED = ["root_cause_analysis", "duo_chat", "vulnerability_explanation", "vulnerability_resolution"]
TRACE = "rest job trace"
ITEMS = len(dataset.load_feature_dataset(catalogue_files.load().features["root_cause_analysis"]))


def bindings(kit: Kit) -> dict[str, dict[str, Any]]:
    return {row["seed_key"]: row for row in kit.store.rows("SELECT * FROM daily_runs.seed_binding")}


@pytest.mark.parametrize("feature", SEEDED)
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_every_seed_is_bound_to_a_resource_of_its_environment(kit: Kit, feature: str, environment: str) -> None:
    work = kit.work(feature, 12, environment)
    (report,) = kit.run(work, "seed_check")
    assert (report.asked, report.answered) == (12, 12)
    found = bindings(kit)
    assert set(found) == {item.seed_key for item in work.items.values()}
    assert {row["status"] for row in found.values()} == {"bound"}
    assert all(row["resource_id"].startswith("gid://gitlab/") for row in found.values())
    assert all(row["content_sha256"] for row in found.values())
    assert kit.sandbox.entries(paid=True) == []


def test_ids_of_one_seed_differ_between_environments(kit: Kit) -> None:
    for environment in ("staging", "production"):
        kit.run(kit.work("duo_chat", 3, environment), "seed_check")
    rows = kit.store.rows("SELECT seed_key, count(DISTINCT resource_id) AS n FROM daily_runs.seed_binding GROUP BY 1")
    assert [row["n"] for row in rows] == [2, 2, 2]


def test_code_cuts_need_no_resource_and_no_look(kit: Kit) -> None:
    (report,) = kit.run(kit.work("code_suggestions", 4), "seed_check")
    assert report.answered == 4
    assert {row["resource_id"] for row in bindings(kit).values()} == {None}
    assert kit.sandbox.entries() == []


class Disorder(NamedTuple):
    """A share that the sandbox is ordered to spoil, and what a seed of it is then."""

    share: str
    status: str
    feature: str


DISORDERS = [
    *(Disorder("missing_share", "missing", feature) for feature in SEEDED),
    *(Disorder("changed_share", "changed", feature) for feature in SEEDED),
    *(Disorder("wrong_state_share", "wrong_state", feature) for feature in SEEDED),
]


@pytest.mark.parametrize("case", DISORDERS, ids=lambda case: f"{case.feature}: {case.status}")
def test_too_few_good_seeds_stop_the_run_and_the_others_are_named_with_their_remedy(kit: Kit, case: Disorder) -> None:
    kit.sandbox.process.order_seeds({"environment": "staging", case.share: 0.5})
    with pytest.raises(SeedsMissingError) as caught:
        kit.run(kit.work(case.feature, 12), "seed_check")
    faults = [key for key, row in bindings(kit).items() if row["status"] == case.status]
    assert 0 < len(faults) < 12
    assert {row["status"] for row in bindings(kit).values()} == {"bound", case.status}
    stated, line, last = str(caught.value).split("\n")
    share = percent((12 - len(faults)) / 12)
    assert f"in daily-runs/seeds, {share} of 12 seeds bound, 95% required; owner: " in stated
    assert kit.catalogue.features[case.feature].seeding.owner in stated
    assert line.startswith(f"  {case.status.replace('_', ' ')} (")
    assert [key for key in faults[:10] if key not in line] == []
    assert f"daily-runs seeds staging {case.feature} --manifest" in last


@pytest.mark.parametrize("feature", SEEDED)
def test_surplus_seeds_are_reported_and_stop_nothing(kit: Kit, feature: str) -> None:
    kit.sandbox.process.order_seeds({"environment": "staging", "surplus_share": 1.0})
    work = kit.work(feature, 5)
    (report,) = kit.run(work, "seed_check")
    assert report.answered == 5
    surplus = set(report.details["surplus"])
    assert {f"{item.seed_key}-left-over" for item in work.items.values()} <= surplus
    assert len(surplus) > 5
    assert all(key.endswith("-left-over") for key in surplus), "seeds of other items and data sets are no surplus"


def test_a_second_look_reads_no_log_again(kit: Kit) -> None:
    work = kit.work("root_cause_analysis", ITEMS)
    kit.run(work, "seed_check")
    assert len(kit.sandbox.entries(TRACE)) == ITEMS
    first = bindings(kit)
    kit.run(work, "seed_check")
    assert len(kit.sandbox.entries(TRACE)) == ITEMS
    assert {key: row["content_sha256"] for key, row in bindings(kit).items()} == {
        key: row["content_sha256"] for key, row in first.items()
    }
    assert {row["status"] for row in bindings(kit).values()} == {"bound"}


def test_what_was_read_in_one_environment_counts_in_no_other(kit: Kit) -> None:
    for environment in ("staging", "production"):
        kit.run(kit.work("root_cause_analysis", 6, environment), "seed_check")
    assert Counter(entry["side"] for entry in kit.sandbox.entries(TRACE)) == {"staging": 6, "production": 6}


def test_logs_read_more_than_a_day_ago_are_read_again(kit: Kit) -> None:
    work = kit.work("root_cause_analysis", 6)
    kit.run(work, "seed_check")
    day_seconds = work.clock.wall(MEMORY_HOURS_MAX * 3600)
    age = "UPDATE daily_runs.seed_content SET read_at = read_at - make_interval(secs => %(age)s)"
    kit.store.rows(age, {"age": day_seconds - 60})
    kit.run(work, "seed_check")
    assert len(kit.sandbox.entries(TRACE)) == 6
    kit.store.rows(age, {"age": 60})
    kit.run(work, "seed_check")
    assert len(kit.sandbox.entries(TRACE)) == 12
    kit.run(work, "seed_check")
    assert len(kit.sandbox.entries(TRACE)) == 12


def test_what_is_too_old_to_be_recalled_is_forgotten(kit: Kit) -> None:
    work = kit.work("root_cause_analysis", 6)
    keep = "INSERT INTO daily_runs.seed_content VALUES (%(of)s, 'gid://gitlab/Ci::Build/1', 'x', %(read_at)s)"
    days_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=2)
    for environment in ("staging", "production"):
        kit.store.rows(keep, {"of": environment, "read_at": days_ago})
    kit.run(work, "seed_check")
    held = kit.store.rows("SELECT environment, content_sha256 = 'x' AS old FROM daily_runs.seed_content")
    assert Counter((row["environment"], row["old"]) for row in held) == {("staging", False): 6, ("production", True): 1}


def test_a_log_that_is_erased_after_it_was_read_is_noticed(kit: Kit) -> None:
    work = kit.work("root_cause_analysis", 6)
    kit.run(work, "seed_check")
    kit.sandbox.process.order_seeds({"environment": "staging", "wrong_state_share": 1.0})
    with pytest.raises(SeedsMissingError, match="its log was erased"):
        kit.run(work, "seed_check")
    assert {row["status"] for row in bindings(kit).values()} == {"wrong_state"}


def test_a_look_that_failed_midway_is_gone_on_with(kit: Kit) -> None:
    """Most requests fail, so that soon one fails thrice; no look loses what one before it has read."""
    kit.sandbox.change(server_error_share=0.6)
    work, looks, remembered = kit.work("root_cause_analysis", ITEMS), 0, 0
    while remembered < 60:
        looks += 1
        try:
            kit.run(work, "seed_check")
        except CallError:
            assert bindings(kit) == {}, "nothing is known of any seed after a look that failed"
        now = kit.count("daily_runs.seed_content")
        assert now >= remembered
        remembered = now
    kit.sandbox.change(server_error_share=0.0)
    before = len(kit.sandbox.entries(TRACE))
    kit.run(work, "seed_check")
    assert looks > 1
    assert len(kit.sandbox.entries(TRACE)) - before == ITEMS - remembered
    assert {row["status"] for row in bindings(kit).values()} == {"bound"}


def test_with_nothing_left_to_ask_nothing_is_looked_at_and_bindings_stay(kit: Kit) -> None:
    work = kit.work("duo_chat", 4)
    kit.run(work, "seed_check", "limit_probe", "inference")
    before, sent = bindings(kit), len(kit.sandbox.entries())
    kit.sandbox.process.order_seeds({"environment": "staging", "missing_share": 1.0})
    (report,) = kit.run(work, "seed_check")
    assert (report.asked, report.details) == (0, {"looked": False})
    assert len(kit.sandbox.entries()) == sent > 0
    assert bindings(kit) == before


def test_a_few_faults_pass_where_the_catalogue_allows_them_and_are_reported(kit: Kit) -> None:
    kit = kit.changed({"features": {"duo_chat": {"seeding": {"required_share": 0.1}}}})
    kit.sandbox.process.order_seeds({"environment": "staging", "missing_share": 0.3, "changed_share": 0.3})
    (report,) = kit.run(kit.work("duo_chat", 16), "seed_check")
    statuses = [row["status"] for row in bindings(kit).values()]
    assert report.missing == statuses.count("missing") > 0
    assert report.failed == statuses.count("changed") > 0
    assert report.answered == statuses.count("bound") > 0
    assert set(report.details["faults"]) == {key for key, row in bindings(kit).items() if row["status"] != "bound"}


def test_a_seed_that_comes_back_is_bound_by_the_next_look(kit: Kit) -> None:
    kit.sandbox.process.order_seeds({"environment": "staging", "missing_share": 1.0})
    work = kit.work("duo_chat", 4)
    with pytest.raises(SeedsMissingError):
        kit.run(work, "seed_check")
    kit.sandbox.process.order_seeds({"complete": True})
    kit.run(work, "seed_check")
    assert {row["status"] for row in bindings(kit).values()} == {"bound"}


def test_a_look_that_failed_raises_and_leaves_what_was_known(kit: Kit) -> None:
    work = kit.work("duo_chat", 4)
    kit.run(work, "seed_check")
    before = bindings(kit)
    kit.sandbox.change(server_error_share=1.0)
    with pytest.raises(CallError):
        kit.run(work, "seed_check")
    assert bindings(kit) == before
    assert kit.count("daily_runs.stage_report") == 1


def test_a_look_that_never_succeeded_writes_nothing(kit: Kit) -> None:
    kit.sandbox.change(drop_share=1.0)
    with pytest.raises(CallError):
        kit.run(kit.work("duo_chat", 4), "seed_check")
    assert bindings(kit) == {}


def test_a_vulnerability_that_was_dismissed_is_in_the_wrong_state(
    kit: Kit, serve_script: Callable[[Script], str]
) -> None:
    work = kit.work("vulnerability_resolution", 2)
    items = list(work.items.values())
    paths = [f"seeds/{item.seed_key}/file.py" for item in items]
    nodes = [
        {"id": f"gid://gitlab/Vulnerability/{n}", "state": state, "reportType": "SAST", "location": {"file": path}}
        for n, (path, state) in enumerate(zip(paths, ("DETECTED", "DISMISSED"), strict=True))
    ]
    blobs = [{"path": path, "rawTextBlob": item.resource.content} for path, item in zip(paths, items, strict=True)]
    project = {
        "vulnerabilities": {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": None}},
        "repository": {"blobs": {"nodes": blobs}},
    }
    body = json.dumps({"data": {"project": project}}).encode()

    address = serve_script(lambda _: (200, body))
    kit = kit.changed({"environments": {"staging": {"address": address}}})
    with pytest.raises(SeedsMissingError, match="it is DISMISSED"):
        kit.run(kit.work("vulnerability_resolution", 2), "seed_check")
    found = bindings(kit)
    assert [found[item.seed_key]["status"] for item in items] == ["bound", "wrong_state"]
