"""The doctor against real servers: all green where all is well, and each broken set-up named exactly, for nothing."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from rich.console import Console
from tests.conftest import TIME_SCALE, SandboxView
from tests.fake_airflow import FakeAirflow, fake_airflow
from typer.testing import CliRunner

from daily_runs import connections
from daily_runs.catalogue import folders
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli import main, options
from daily_runs.clock import Clock
from daily_runs.doctor import examination
from daily_runs.doctor.finding import Diagnosis, State
from daily_runs.errors import ParameterError
from daily_runs.local.stack import described
from daily_runs.quota.month_budget import price_of
from daily_runs.records.run import RunKey
from daily_runs.runs import opening
from daily_runs.store.database import open_store

USERS = catalogue_files.load().environments["staging"].evaluation_users
Overlaid = Callable[..., str]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("DAILY_RUNS")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAILY_RUNS_STATE", str(tmp_path / "state"))


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    with fake_airflow() as fake:
        monkeypatch.setenv("DAILY_RUNS_AIRFLOW", fake.login)
        yield fake


@pytest.fixture
def overlaid(sandbox: SandboxView, tmp_path: Path) -> Overlaid:
    """Writes an overlay that points at the test's sandbox, with a patch for both environments and the judge."""

    def write(
        environment: Mapping[str, Any] | None = None,
        judge: Mapping[str, Any] | None = None,
        *,
        live: bool = False,
        prices: Mapping[str, Any] | None = None,
    ) -> str:
        passes_for = {"provenance": "live" if live else "sandbox"}
        environments = {
            name: {"address": f"{sandbox.address}/{name}", "time_scale": 1 if live else TIME_SCALE}
            | passes_for
            | dict(environment or {})
            for name in ("staging", "production")
        }
        judge_settings = {"address": f"{sandbox.address}/anthropic"} | passes_for | dict(judge or {})
        file = tmp_path / "overlay.yaml"
        file.write_text(
            yaml.safe_dump({"environments": environments, "judge": judge_settings, "prices": dict(prices or {})})
        )
        return str(file)

    return write


@pytest.fixture
def healthy(airflow: FakeAirflow, store_url: str, monkeypatch: pytest.MonkeyPatch, overlaid: Overlaid) -> str:
    """Everything well; the overlay to examine it with."""
    monkeypatch.setenv("DAILY_RUNS_STORE", store_url)
    return overlaid()


def faults(findings: list[Diagnosis]) -> list[tuple[str, str, str, str]]:
    return [(f.subject, f.check, f.detail, f.remedy) for f in findings if f.state is State.FAULT]


def only_fault(findings: list[Diagnosis]) -> tuple[str, str, str, str]:
    (fault,) = faults(findings)
    return fault


def of(findings: list[Diagnosis], subject: str, check: str) -> list[Diagnosis]:
    return [f for f in findings if (f.subject, f.check) == (subject, check)]


def gitlab_keys(**changed: str) -> str:
    keys = {user: f"sandbox-{user}" for user in USERS} | {name.replace("_", "-"): key for name, key in changed.items()}
    return json.dumps({"keys": keys})


def test_all_is_green_where_all_is_well_and_one_tiny_verdict_is_paid(healthy: str, sandbox: SandboxView) -> None:
    findings = examination.examine(overlay=healthy)
    assert [f for f in findings if f.state is not State.OK] == []
    subjects = list(dict.fromkeys(f.subject for f in findings))
    assert subjects == ["store", "catalogue", "airflow", "staging", "production", "judge", "accounts"]
    assert sandbox.entries(), "the sandbox was really asked"
    (paid,) = sandbox.entries(paid=True)
    assert (paid["operation"], paid["key"], paid["account"]) == ("messages", "doctor", "EVAL")
    assert paid["input_tokens"] < 1000
    assert {entry["operation"] for entry in sandbox.entries()} == {
        "rest token",
        "rest user",
        "graphql",
        "models",
        "messages",
    }
    (verdict,) = of(findings, "judge", "verdict")
    prices = catalogue_files.load().prices
    assert prices is not None
    usd = price_of(prices.models["claude-sonnet-5-5"], paid["input_tokens"], paid["output_tokens"])
    assert "asked by structured_output" in verdict.detail
    assert f"it took {paid['input_tokens']} + {paid['output_tokens']} tokens" in verdict.detail
    assert f"{usd:.4f} USD" in verdict.detail


def test_all_is_green_where_all_is_well_and_nothing_is_spent(healthy: str, sandbox: SandboxView) -> None:
    """As `doctor --no-verdict` looks."""
    findings = examination.examine(overlay=healthy, paid=False)
    assert {f.state for f in findings if f.check != "verdict"} == {State.OK}
    assert of(findings, "judge", "verdict")[0].state is State.NOT_CHECKED
    assert sandbox.entries(paid=True) == []
    assert {entry["operation"] for entry in sandbox.entries()} == {"rest token", "rest user", "graphql", "models"}


@pytest.mark.parametrize("renamed_to", ["", "duo_chat_agentic"], ids=["removed", "renamed"])
def test_an_unfinished_run_of_a_feature_that_is_gone_is_named_and_is_no_fault(
    healthy: str, store_url: str, renamed_to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = RunKey("duo_chat", "staging", dt.datetime(2026, 8, 17, tzinfo=dt.UTC))
    with open_store(store_url) as store:
        attempt = opening.plan(store, catalogue_files.load(overlay=healthy), key, limit=4)
    try:
        include = tmp_path / "include"
        shutil.copytree(folders.include_root(), include, ignore=shutil.ignore_patterns("daily_runs"))
        file = include / "catalogue" / "features" / "duo_chat.yaml"
        if renamed_to:
            text = file.read_text().replace("feature: duo_chat", f"feature: {renamed_to}")
            file.with_stem(renamed_to).write_text(text)
        file.unlink()
        monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(include))
        findings = examination.examine("staging", healthy)
    finally:
        with open_store(store_url) as store:
            store.rows("TRUNCATE daily_runs.run CASCADE")
    (found,) = of(findings, "store", "unfinished runs")
    assert found.state is State.NOTICE
    assert "feature duo_chat is not in the catalogue; 0 answers are paid, 4 prompts were not asked" in found.detail
    assert attempt.attempt_id in found.detail
    assert found.remedy.startswith("Bring feature duo_chat back under this name")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"verdict_form": "forced_tool"}, "asked by forced_tool: invalid_request at model_vendor (status 400)"),
        ({"thinking": "disabled"}, "invalid_request at model_vendor (status 400)"),
        ({"effort": "max"}, "invalid_request at model_vendor (status 400)"),
    ],
    ids=str,
)
def test_a_judge_that_is_asked_as_its_model_does_not_take_it_is_named_before_any_run_is_paid(
    healthy: str, overlaid: Overlaid, asked: dict[str, str], says: str, sandbox: SandboxView
) -> None:
    overlay = overlaid(judge={"models": {"claude-sonnet-5-5": asked}})
    subject, check, detail, remedy = only_fault(examination.examine("staging", overlay))
    assert (subject, check) == ("judge", "verdict")
    assert says in detail
    assert remedy.startswith("Check the model's line in judge.models")
    assert sandbox.entries(paid=True) == []


def test_a_judge_that_gives_no_verdict_is_named(healthy: str, sandbox: SandboxView) -> None:
    sandbox.change(unscorable_share=1.0)
    subject, check, detail, _ = only_fault(examination.examine("staging", healthy))
    assert (subject, check) == ("judge", "verdict")
    assert "no_verdict" in detail


def test_one_environment_is_looked_at_when_one_is_named(healthy: str, sandbox: SandboxView) -> None:
    findings = examination.examine("staging", healthy)
    assert "production" not in {f.subject for f in findings}
    assert {entry["side"] for entry in sandbox.entries()} == {"staging", "anthropic"}


def test_an_unknown_environment_is_refused_with_the_known_ones(healthy: str) -> None:
    with pytest.raises(ParameterError, match=r"--environment: 'stage' is not in the catalogue. Known: staging, prod"):
        examination.examine("stage", healthy)


def test_an_unmigrated_store_is_named_with_the_command_that_migrates_it(
    healthy: str, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAILY_RUNS_STORE", empty_url)
    subject, check, detail, remedy = only_fault(examination.examine(overlay=healthy))
    assert (subject, check) == ("store", "migrated")
    assert "was never migrated" in detail
    assert remedy == "Run: daily-runs store migrate"


def test_a_wrong_password_of_the_store_is_named_and_not_shown(
    healthy: str, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = urlsplit(store_url).password or ""
    monkeypatch.setenv("DAILY_RUNS_STORE", store_url.replace(password, "wrong-secret"))
    findings = examination.examine(overlay=healthy)
    subject, check, detail, _ = only_fault(findings)
    assert (subject, check) == ("store", "answers")
    assert "password authentication failed" in detail
    assert "wrong-secret" not in str(findings)
    assert of(findings, "store", "migrated")[0].detail == "not checked: the store does not answer"


def test_a_store_that_is_away_does_not_stop_the_other_checks(healthy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAILY_RUNS_STORE", "postgresql://someone:secret@127.0.0.1:1/x")
    findings = examination.examine(overlay=healthy)
    subject, check, detail, _ = only_fault(findings)
    assert (subject, check) == ("store", "answers")
    assert "someone@127.0.0.1:1/x" in detail
    assert of(findings, "judge", "model")[0].state is State.OK


def test_a_broken_catalogue_is_named_by_line_and_nothing_that_needs_it_is_called_green(
    healthy: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sandbox: SandboxView
) -> None:
    shutil.copytree(folders.include_root() / "catalogue", tmp_path / "include" / "catalogue")
    file = tmp_path / "include" / "catalogue" / "accounts.yaml"
    text = file.read_text().replace("verified: false", "verifyed: false", 1)
    file.write_text(text)
    line = next(n for n, words in enumerate(text.splitlines(), start=1) if "verifyed" in words)
    monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(tmp_path / "include"))
    findings = examination.examine(overlay=healthy)
    named = [(detail, remedy) for _, _, detail, remedy in faults(findings)]
    assert (f"accounts.yaml:{line}: accounts.PROD.verifyed: unknown key", "Did you mean 'verified'?") in named
    assert {f.state for f in findings if f.subject in ("judge", "environments")} == {State.NOT_CHECKED}
    assert sandbox.entries() == []


def test_a_broken_feature_is_a_fault_and_all_else_is_looked_at(
    healthy: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(folders.include_root(), tmp_path / "include", ignore=shutil.ignore_patterns("daily_runs"))
    file = tmp_path / "include" / "catalogue" / "features" / "duo_chat.yaml"
    file.write_text(f"{file.read_text()}priorit: 2\n")
    line = len(file.read_text().splitlines())
    monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(tmp_path / "include"))
    findings = examination.examine(overlay=healthy, paid=False)
    first, second = faults(findings)
    assert first[2] == f"features/duo_chat.yaml:{line}: priorit: unknown key"
    assert second[2].startswith("left out: duo_chat; 4 features, ")
    assert {f.state for f in findings if f.subject in ("staging", "production")} == {State.OK}


def test_a_broken_row_of_a_data_set_is_named_by_line(
    healthy: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(folders.include_root(), tmp_path / "include", ignore=shutil.ignore_patterns("daily_runs"))
    file = tmp_path / "include" / "datasets" / "duo_chat.jsonl"
    file.write_text(file.read_text() + "{broken\n")
    monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(tmp_path / "include"))
    _, check, detail, _ = only_fault(examination.examine(overlay=healthy))
    assert check == "data sets, rubrics"
    assert f"line {len(file.read_text().splitlines())}: not JSON" in detail


def test_a_revoked_token_is_named_by_its_user_and_only_in_its_environment(
    healthy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAILY_RUNS_GITLAB_STAGING", gitlab_keys(evaluation_3="revoked-secret"))
    findings = examination.examine(overlay=healthy)
    subject, check, detail, remedy = only_fault(findings)
    assert (subject, check) == ("staging", "tokens")
    assert detail == "token of evaluation-3: unauthorized at gitlab (status 401)"
    assert remedy.startswith("Give evaluation-3 a new token with scope api, and put it into daily_runs_gitlab_staging")
    assert "revoked-secret" not in str(findings)


def test_when_every_token_is_refused_what_needs_one_is_not_checked(
    healthy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAILY_RUNS_GITLAB_STAGING", json.dumps({"keys": dict.fromkeys(USERS, "unknown")}))
    findings = examination.examine("staging", healthy)
    assert [fault[1] for fault in faults(findings)] == ["tokens"] * len(USERS)
    assert of(findings, "staging", "limits")[0].detail == "not checked: no token was accepted"


def test_a_token_that_may_only_read_is_named_with_its_scope(healthy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sandbox-evaluation-2-readonly"
    monkeypatch.setenv("DAILY_RUNS_GITLAB_PRODUCTION", gitlab_keys(evaluation_2=key))
    subject, check, detail, _ = only_fault(examination.examine(overlay=healthy))
    assert (subject, check) == ("production", "tokens")
    assert detail == "token of evaluation-2: scope read_api, needs api or ai_features"


def test_two_tokens_of_one_user_are_named_because_limits_are_counted_by_user(
    healthy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAILY_RUNS_GITLAB_STAGING", gitlab_keys(evaluation_2="sandbox-evaluation-1"))
    subject, check, detail, _ = only_fault(examination.examine(overlay=healthy))
    assert (subject, check) == ("staging", "user names")
    assert detail == "evaluation-1 logs in for more than one evaluation user"


def test_a_gitlab_that_is_down_is_one_fault_and_the_rest_of_it_is_not_checked(
    healthy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        keys = json.loads(gitlab_keys()) | {"address": address}
        monkeypatch.setenv("DAILY_RUNS_GITLAB_STAGING", json.dumps(keys))
        findings = examination.examine(overlay=healthy)
    subject, check, detail, _ = only_fault(findings)
    assert (subject, check, detail) == ("staging", "answers", f"{address}: connect (ConnectError)")
    assert {f.state for f in findings if f.check == "tokens" and f.subject == "staging"} == {State.NOT_CHECKED}
    assert of(findings, "production", "tokens")[0].state is State.OK


def test_a_connection_to_the_wrong_environment_shows_by_its_load_balancer(
    healthy: str, monkeypatch: pytest.MonkeyPatch, sandbox: SandboxView
) -> None:
    keys = json.loads(gitlab_keys()) | {"address": f"{sandbox.address}/production"}
    monkeypatch.setenv("DAILY_RUNS_GITLAB_STAGING", json.dumps(keys))
    subject, check, detail, _ = only_fault(examination.examine(overlay=healthy))
    assert (subject, check) == ("staging", "answers")
    assert detail.endswith("does not end in -lb-gstg")


def test_a_live_environment_without_a_connection_is_named_with_the_form_it_takes(healthy: str) -> None:
    found = faults(examination.examine("staging", ""))
    assert [(subject, check) for subject, check, _, _ in found] == [("staging", "connection"), ("judge", "connection")]
    assert found[0][2] == "environment variable DAILY_RUNS_GITLAB_STAGING: is not set"
    assert found[0][3].startswith('Set it to {"address"')


def test_a_stand_in_that_is_labelled_live_is_refused_at_its_line_and_never_asked(
    healthy: str, overlaid: Overlaid, sandbox: SandboxView
) -> None:
    found = faults(examination.examine(overlay=overlaid(live=True)))
    assert [(subject, check) for subject, check, _, _ in found] == [("catalogue", "sound")] * 3
    assert all("is this machine, and the provenance is live" in detail for _, _, detail, _ in found)
    assert sandbox.entries() == []


def test_a_sandbox_behind_a_live_connections_address_is_known_by_its_header(
    healthy: str, sandbox: SandboxView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "is_loopback", lambda _: False)  # as if it listened on another machine
    monkeypatch.setattr(connections, "_HOSTS_FILE", Path("/nowhere"))
    at_staging = json.loads(gitlab_keys()) | {"address": f"{sandbox.address}/staging"}
    judge = {"keys": {"EVAL": "sandbox-EVAL"}, "address": f"{sandbox.address}/anthropic"}
    monkeypatch.setenv("DAILY_RUNS_GITLAB_STAGING", json.dumps(at_staging))
    monkeypatch.setenv("DAILY_RUNS_ANTHROPIC_EVAL", json.dumps(judge))
    found = faults(examination.examine("staging", ""))
    assert [(subject, check) for subject, check, _, _ in found] == [("staging", "answers"), ("judge", "connection")]
    assert all("x-daily-runs-sandbox, and its provenance in the catalogue is live" in found[2] for found in found)


def test_too_few_evaluation_users_for_a_run_are_named_with_the_number_needed(healthy: str, overlaid: Overlaid) -> None:
    few = overlaid({"evaluation_users": list(USERS[:5])})
    subject, check, detail, remedy = only_fault(examination.examine("staging", few))
    assert (subject, check) == ("staging", "ai_action")
    assert detail.endswith("too few for root_cause_analysis 900")
    assert remedy.startswith("6 evaluation users are needed")


def test_runs_within_one_window_that_together_exceed_the_budget_are_a_notice(healthy: str, overlaid: Overlaid) -> None:
    """In 12 h, 6 users x 160 calls carry root cause analysis, but not the afternoon's runs too."""
    limits = catalogue_files.load().environments["staging"].limits.model_dump(mode="json")
    findings = examination.examine("staging", overlaid({"limits": limits | {"ai_action_window_hours": 12}}))
    (found,) = of(findings, "staging", "ai_action")
    assert found.state is State.NOTICE
    assert "the planned runs ask 1027 up to 2026-08-21 17:0" in found.detail
    asked = "root_cause_analysis 900, duo_chat 67, vulnerability_explanation 30, vulnerability_resolution 30"
    assert found.detail.endswith(f"UTC ({asked})")
    assert found.remedy == "Add evaluation users, have the limit raised, or keep the runs' starts more than 12 h apart."


def test_runs_more_than_a_window_apart_need_no_notice(healthy: str, overlaid: Overlaid) -> None:
    (found,) = of(examination.examine("staging", overlaid()), "staging", "ai_action")
    assert found.state is State.OK
    assert found.detail.endswith("(6 users x 160); the planned runs ask 900 at most")


def test_an_api_limit_below_the_catalogues_is_named_with_the_measured_figure(healthy: str, overlaid: Overlaid) -> None:
    limits = catalogue_files.load().environments["staging"].limits.model_dump(mode="json")
    asked = overlaid({"limits": limits | {"api_requests_per_minute": 2001}})
    subject, check, detail, remedy = only_fault(examination.examine("staging", asked))
    assert (subject, check) == ("staging", "limits")
    assert detail == "2000 requests/min and user are allowed, the catalogue says 2001"
    assert remedy == "Set api_requests_per_minute: 2000, or have the limit raised."


def test_a_wrong_key_of_the_judge_is_named_and_not_shown(healthy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAILY_RUNS_ANTHROPIC_EVAL", json.dumps({"keys": {"EVAL": "wrong-secret"}}))
    findings = examination.examine(overlay=healthy)
    subject, check, detail, remedy = only_fault(findings)
    assert (subject, check, detail) == ("judge", "connection", "the key is refused: unauthorized (status 401)")
    assert remedy == "Put a valid key into daily_runs_anthropic_eval."
    assert "wrong-secret" not in str(findings)
    assert of(findings, "judge", "model")[0].state is State.NOT_CHECKED


def test_an_unknown_model_is_named_with_those_that_are_known(
    healthy: str, overlaid: Overlaid, sandbox: SandboxView
) -> None:
    known = catalogue_files.load().judge.model
    price = catalogue_files.load().prices
    assert price is not None
    models = {"nonsense-1": price.models[known].model_dump(mode="json")}  # a price, or the catalogue refuses it
    overlay = overlaid(judge={"model": "nonsense-1"}, prices={"models": models})
    subject, check, detail, _ = only_fault(examination.examine(overlay=overlay))
    assert (subject, check) == ("judge", "model")
    assert detail == f"'nonsense-1' is not known; it lists {known}"
    assert sandbox.entries(paid=True) == []


def test_a_server_that_cannot_tell_its_models_is_not_blamed_for_an_unknown_one(
    healthy: str, overlaid: Overlaid, airflow: FakeAirflow
) -> None:
    findings = examination.examine("staging", overlaid(judge={"address": airflow.address}), paid=False)
    assert faults(findings) == []
    assert of(findings, "judge", "model")[0].state is State.NOT_CHECKED


def test_a_judge_that_is_away_is_named(healthy: str, overlaid: Overlaid) -> None:
    subject, check, detail, _ = only_fault(
        examination.examine("staging", overlaid(judge={"address": "http://127.0.0.1:1"}))
    )
    assert (subject, check, detail) == ("judge", "connection", "does not answer: dropped_connection")


def test_an_account_that_allows_less_than_the_catalogue_says_is_named(healthy: str, sandbox: SandboxView) -> None:
    sandbox.change(limit_factor={"at_seconds": 0, "factor": 0.5})
    found = faults(examination.examine("staging", healthy))
    assert [(subject, check) for subject, check, _, _ in found] == [("accounts", "PROD"), ("accounts", "EVAL")]
    assert "input-tokens 2,000,000/min, catalogue 4,000,000" in found[1][2]


def test_unverified_limits_of_a_real_account_are_a_notice_not_a_fault(healthy: str) -> None:
    findings = examination.examine("staging", "")
    assert [f.state for f in findings if f.subject == "accounts"] == [State.NOTICE, State.NOTICE]
    assert "verified: true" in of(findings, "accounts", "PROD")[0].remedy


def test_pools_that_are_missing_or_of_the_wrong_size_are_named_one_by_one(healthy: str, airflow: FakeAirflow) -> None:
    airflow.pools = {"EVAL": {**airflow.pools["EVAL"], "slots": 7, "include_deferred": True}}
    found = faults(examination.examine(overlay=healthy))
    assert [detail for _, _, detail, _ in found] == [
        "pool EVAL has 7 slots, the catalogue says 20",
        "pool EVAL counts deferred tasks, the catalogue says the opposite",
        "pool PROD is missing, the catalogue says 40 slots",
        "pool readiness_sensors is missing, the catalogue says 8 slots",
    ]
    assert found[2][3].startswith("airflow pools set PROD 40 ")


def test_a_dag_that_is_missing_or_does_not_import_is_named(healthy: str, airflow: FakeAirflow) -> None:
    airflow.dags.remove("daily_runs_duo_chat")
    airflow.import_errors = [{"filename": "daily_runs.py", "stack_trace": "Traceback\nKeyError: 'EVAL'\n"}]
    found = faults(examination.examine(overlay=healthy))
    assert [detail for _, _, detail, _ in found] == [
        "daily_runs.py does not import: KeyError: 'EVAL'",
        "no DAG of duo_chat",
    ]


def test_a_part_of_airflow_that_is_ill_is_named(healthy: str, airflow: FakeAirflow) -> None:
    airflow.ill = "triggerer"
    assert only_fault(examination.examine(overlay=healthy))[2] == f"{airflow.address}: triggerer not healthy"


def test_a_refused_login_of_airflow_is_named(healthy: str, airflow: FakeAirflow) -> None:
    airflow.password = "another"
    assert "refuses the login of 'admin'" in only_fault(examination.examine(overlay=healthy))[2]


@pytest.mark.parametrize("text", ["{", "[]", '{"address": "x"}', '{"address": 1, "user": "a", "password": "b"}'])
def test_a_broken_login_of_airflow_is_one_fault(healthy: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAILY_RUNS_AIRFLOW", text)
    assert "DAILY_RUNS_AIRFLOW" in only_fault(examination.examine(overlay=healthy))[2]


@pytest.mark.parametrize("address", ["nonsense", "ftp://127.0.0.1", "http://127.0.0.1:1", "http://a:b:c"])
def test_an_address_where_no_airflow_is_becomes_one_fault(
    healthy: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = {"address": address, "user": "admin", "password": "hidden-secret"}
    monkeypatch.setenv("DAILY_RUNS_AIRFLOW", json.dumps(login))
    findings = examination.examine(overlay=healthy)
    assert only_fault(findings)[:2] == ("airflow", "answers")
    assert "hidden-secret" not in str(findings)


def test_without_any_airflow_that_is_said_and_is_neither_green_nor_red(
    healthy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAILY_RUNS_AIRFLOW")
    findings = examination.examine("staging", healthy)
    (airflow,) = [f for f in findings if f.subject == "airflow"]
    assert airflow.state is State.NOT_CHECKED
    assert airflow.ok
    assert "DAILY_RUNS_AIRFLOW" in airflow.remedy


@dataclass(frozen=True)
class Skew:
    """Our clock against theirs, and what that is called."""

    seconds: float
    word: str


@pytest.mark.parametrize("skew", [Skew(30, "behind ours"), Skew(-30, "ahead of ours")], ids=lambda skew: skew.word)
def test_a_clock_that_is_off_is_named_at_every_place_that_tells_the_time(healthy: str, skew: Skew) -> None:
    findings = examination.examine(overlay=healthy, now=lambda: Clock.now() + dt.timedelta(seconds=skew.seconds))
    found = faults(findings)
    assert [subject for subject, *_ in found] == ["store", "staging", "production", "judge"]
    assert all(check == "clock" and detail.endswith(skew.word) for _, check, detail, _ in found)


def test_a_clock_that_is_off_by_less_than_the_tolerance_is_well(healthy: str) -> None:
    findings = examination.examine("staging", healthy, now=lambda: Clock.now() + dt.timedelta(seconds=3))
    assert faults(findings) == []


def test_the_table_fits_120_columns_and_says_everything(healthy: str, airflow: FakeAirflow) -> None:
    del airflow.pools["PROD"]
    console = Console(width=120, record=True, file=open(os.devnull, "w"))  # noqa: SIM115 - lives as long as the test
    console.print(examination.render(examination.examine(overlay=healthy)))
    console.file.close()
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 120
    text = " ".join(" ".join(lines).split())
    assert "FAULT" in text
    assert "1 fault" in text
    assert "staging: tokens" in text


def test_the_command_ends_with_0_when_nothing_is_red_and_with_2_when_something_is(
    healthy: str, airflow: FakeAirflow
) -> None:
    words = ["doctor", "--environment", "staging", "--overlay", healthy, "--json"]
    well = CliRunner().invoke(main.app, words)
    assert well.exit_code == 0
    assert {finding["state"] for finding in json.loads(well.stdout)} == {"ok"}
    airflow.pools = {}
    ill = CliRunner().invoke(main.app, words)
    assert ill.exit_code == 2
    assert [f["check"] for f in json.loads(ill.stdout) if f["state"] == "fault"] == ["pools"] * 3


@pytest.mark.parametrize("share", ["server_error_share", "drop_share", "malformed_share", "truncated_share"])
def test_a_far_end_that_only_fails_becomes_findings_and_no_traceback(
    healthy: str, sandbox: SandboxView, share: str
) -> None:
    sandbox.change(**{share: 1.0})
    found = faults(examination.examine(overlay=healthy))
    assert [(subject, check) for subject, check, *_ in found] == [
        ("staging", "answers"),
        ("production", "answers"),
        ("judge", "connection"),
    ]


def test_a_stack_whose_processes_are_gone_is_not_described(tmp_path: Path) -> None:
    stack = {"airflow": "a", "sandbox": "s", "user": "u", "store": "p", "overlay": "o.yaml", "time_scale": 1.0}
    note = tmp_path / "state" / "local.json"
    note.parent.mkdir()
    note.write_text(json.dumps({**stack, "password": "x", "processes": {"scheduler": os.getpid()}}))
    assert described() is not None
    assert options.in_use(None) == "o.yaml"
    assert options.in_use("mine") == "mine"
    note.write_text(json.dumps({**stack, "password": "x", "processes": {"scheduler": 2**22 + 1}}))
    assert described() is None
    assert options.in_use(None) is None
    note.write_text("{half")
    assert described() is None


def test_an_empty_overlay_variable_keeps_the_running_stacks_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = {"airflow": "a", "sandbox": "s", "user": "u", "store": "p", "overlay": "o.yaml", "time_scale": 1.0}
    note = tmp_path / "state" / "local.json"
    note.parent.mkdir()
    note.write_text(json.dumps({**stack, "password": "x", "processes": {"scheduler": os.getpid()}}))
    monkeypatch.setenv("DAILY_RUNS_OVERLAY", "")
    assert options.in_use(None) is None
