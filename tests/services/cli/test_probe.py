"""`daily-runs probe` as a person types it, over a real store and the sandbox."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import TIME_SCALE, SandboxView
from tests.typed import Result, Typist

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.readiness.check import features_of
from daily_runs.readiness.limits import finding_rows
from daily_runs.store.database import STORE_VARIABLE, Store

RCA = "root_cause_analysis"
FEATURES_THERE = ["code_suggestions", "duo_chat", RCA, "vulnerability_explanation", "vulnerability_resolution"]
"""One is on hold: its owner wants to know what is in the way."""


Typed = Callable[..., Result]


@pytest.fixture(autouse=True)
def this_store_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    """The test's store, no local stack, no settings of whoever runs the tests."""
    for name in ("DAILY_RUNS_INCLUDE", "DAILY_RUNS_OVERLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAILY_RUNS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv(STORE_VARIABLE, store.url)


@pytest.fixture
def probe(tmp_path: Path, sandbox: SandboxView, typed: Typist) -> Typed:
    """The command, at the sandbox; `staging` patches that environment, `provenance` the label of all."""

    def probed(*words: str, staging: Mapping[str, Any] | None = None) -> Result:
        environments = {
            name: {"address": f"{sandbox.address}/{name}", "time_scale": TIME_SCALE, "provenance": "sandbox"}
            for name in ("staging", "production")
        }
        environments["staging"] |= dict(staging or {})
        overlay = tmp_path / "overlay.yaml"
        judge = {"address": f"{sandbox.address}/anthropic", "provenance": "sandbox"}
        overlay.write_text(yaml.safe_dump({"environments": environments, "judge": judge}))
        return typed("probe", *words, "--overlay", str(overlay))

    return probed


ONE_USER = {"evaluation_users": ["evaluation-1"]}


def test_every_feature_that_runs_there_is_probed_by_one_look_that_spends_nothing(
    probe: Typed, sandbox: SandboxView, store: Store
) -> None:
    result = probe("staging", "--json")
    assert result.code == 0
    data = result.json()
    assert sorted(data["features"]) == FEATURES_THERE
    assert list(data["features"]) == [f.feature for f in features_of(catalogue_files.load(), "staging")]
    assert (data["fits"], data["requests_sent"], data["ai_action_calls"]) == (True, 3, 0)
    assert len(sandbox.entries()) == 3
    assert sandbox.entries(paid=True) == sandbox.entries("aiAction") == []
    assert data["path"]["username"] == "evaluation-1"
    assert data["path"]["complexity_limit"] == 250
    assert data["path"]["requests_remaining"] < data["path"]["requests_limit"]
    stored = finding_rows.latest_limits(store, "staging")
    assert {row["feature"] for row in stored} == set(FEATURES_THERE)
    assert {row["attempt_id"] for row in stored} == {None}
    assert len(stored) == sum(len(feature["limits"]) for feature in data["features"].values())


def test_the_shape_of_a_feature_as_data(probe: Typed) -> None:
    rca = probe("staging", "--feature", RCA, "--json").json()["features"][RCA]
    assert (rca["fits"], rca["binding"], rca["remedies"]) == (True, "ai_action", [])
    (limit,) = [limit for limit in rca["limits"] if limit["binds"]]
    assert limit == {
        "hop": "gitlab",
        "limit_name": "ai_action",
        "needed": 900,
        "allowed": 960,
        "unit": "calls per 8 h",
        "source": "catalogue",
        "evidence": "6 evaluation users x 160 calls, 0 of them used lately",
        "remedy": "900 calls need 6 evaluation users or the instance setting at 150",
        "owner": "infrastructure",
        "verdict": "fits",
        "binds": True,
    }


def test_a_person_reads_a_table_and_the_verdict(probe: Typed) -> None:
    result = probe("staging", "--feature", RCA)
    assert result.code == 0
    assert f"{RCA} in staging" in result.out
    assert "fits; ai_action binds" in result.out
    assert "sent: 3 free requests, 0 aiAction calls" in result.out
    (line,) = [line for line in result.out.splitlines() if "gitlab: ai_action" in line]
    assert " ".join(line.split()) == "* gitlab: ai_action 900 960 calls per 8 h fits catalogue infrastructure"


def test_what_does_not_fit_is_said_with_its_remedy_and_ends_with_1(probe: Typed) -> None:
    result = probe("staging", "--feature", RCA, staging=ONE_USER)
    assert result.code == 1
    remedy = "ai_action: 900 calls need 6 evaluation users or the instance setting at 900; owner: infrastructure"
    assert f"does not fit: {remedy}" in result.out
    data = probe("staging", "--feature", RCA, "--json", staging=ONE_USER).json()
    assert data["features"][RCA]["remedies"] == [remedy]


def test_a_feature_that_never_runs_there_is_probed_by_name(probe: Typed) -> None:
    data = probe("staging", "--feature", "code_suggestions", "--json").json()
    assert data["features"]["code_suggestions"]["binding"] == "code suggestions"


def test_a_burst_is_counted(probe: Typed, sandbox: SandboxView) -> None:
    data = probe("staging", "--feature", RCA, "--burst", "12", "--json").json()
    assert data["requests_sent"] == len(sandbox.entries()) == 15
    assert [limit["verdict"] for limit in data["features"][RCA]["limits"] if limit["limit_name"] == "rate of a burst"]


def test_the_catalogues_burst_is_sent_unless_told_otherwise(probe: Typed, sandbox: SandboxView) -> None:
    staging = {"readiness": {"burst_requests": 5}}
    assert probe("staging", "--feature", RCA, "--json", staging=staging).json()["requests_sent"] == 8
    assert probe("staging", "--feature", RCA, "--burst", "0", "--json", staging=staging).json()["requests_sent"] == 3
    assert len(sandbox.entries()) == 11


def test_ai_action_is_spent_by_number_only_and_is_counted(probe: Typed, sandbox: SandboxView) -> None:
    data = probe("staging", "--ai-action", "2", "--json").json()
    assert data["ai_action_calls"] == len(sandbox.entries("aiAction")) == 2
    assert data["requests_sent"] == len(sandbox.entries()) - 2
    assert sandbox.entries(paid=True) == []
    limits = {limit["limit_name"]: limit for limit in data["features"][RCA]["limits"]}
    assert limits["ai_action"]["allowed"] == 958
    assert limits["ai_action calls of this probe"]["verdict"] == "fits"


def test_a_path_that_cannot_be_looked_at_ends_with_3_and_nothing_is_stored(
    probe: Typed, sandbox: SandboxView, store: Store
) -> None:
    sandbox.change(server_error_share=1.0)
    result = probe("staging", "--json")
    assert (result.code, result.out) == (3, "")
    said = rf"could not look at the path to staging, {sandbox.address}/staging: "
    assert re.search(said + r"(gitlab_error at gitlab|load_balancer_unavailable at load_balancer)", result.err)
    assert finding_rows.latest_limits(store, "staging") == []


BAD_INPUT = {
    ("nowhere",): "ENV: 'nowhere' is not in the catalogue. Known: staging, production.",
    ("staging", "--feature", "nonsense"): "feature: 'nonsense' is not in the catalogue.",
    ("staging", "--burst", "201"): "less than or equal to 200",
    ("staging", "--ai-action", "-1"): "greater than or equal to 0",
    ("staging", "--feature", "code_suggestions", "--ai-action", "1"): "code_suggestions makes no aiAction calls",
    (): "Missing argument 'ENV'",
}


@pytest.mark.parametrize(("words", "told"), BAD_INPUT.items(), ids=[" ".join(words) or "-" for words in BAD_INPUT])
def test_bad_input_is_one_line_and_2_and_nobody_is_asked(
    probe: Typed, sandbox: SandboxView, words: tuple[str, ...], told: str
) -> None:
    result = probe(*words)
    assert (result.code, result.out) == (2, "")
    assert told in result.err
    assert len(result.err.splitlines()) == 1
    assert sandbox.entries() == []


def test_a_store_of_real_runs_is_not_mixed_with_the_sandboxs(probe: Typed, sandbox: SandboxView, store: Store) -> None:
    store.rows("INSERT INTO daily_runs.store_provenance (provenance) VALUES ('live')")
    result = probe("staging")
    assert result.code == 2
    assert "holds live rows, and the environment is sandbox" in result.err
    assert sandbox.entries() == []
