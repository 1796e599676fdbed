"""A feature with an account of its own in an environment: everything that asks for an account follows it there."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import changed

from daily_runs.capacity import cost, load
from daily_runs.capacity.load import INFERENCE, JUDGING, PlanScenario
from daily_runs.catalogue import folders
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.pools import pools, require_admissible
from daily_runs.catalogue.rates import budget
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli import catalogue as catalogue_lines
from daily_runs.cli.pools import stands
from daily_runs.errors import CatalogueError
from daily_runs.quota.tariff import share_of
from daily_runs.readiness.limits.findings import findings
from daily_runs.readiness.limits.measure import PathMeasures

SHIPPED = catalogue_files.load()
OWN = "EVAL_VERTEX"
CHAT = "duo_chat"


def with_own_account(**account: Any) -> Catalogue:
    """Chat in staging on an account of Vertex, a tenth of EVAL."""
    vertex = {
        **SHIPPED.accounts["EVAL"].model_dump(mode="json"),
        "vendor": "vertex",
        "input_tokens_per_minute": 400_000,
        "requests_per_minute": 40,
        "slot_tokens_per_minute": 100_000,
        **account,
    }
    assert SHIPPED.prices is not None
    small = SHIPPED.prices.models["codestral@2405"].model_dump(mode="json")
    return changed(
        SHIPPED,
        {
            "accounts": {OWN: vertex},
            "features": {CHAT: {"accounts": {"staging": OWN}}},
            "prices": {"models": {"on-vertex": small}, "inference_of_accounts": {OWN: {"chat": "on-vertex"}}},
        },
    )


CATALOGUE = with_own_account()


def test_its_limits_bind_there_and_only_there() -> None:
    here, there = (budget(CATALOGUE, CATALOGUE.features[CHAT], name) for name in ("staging", "production"))
    assert (here.binding.limit, here.binding.prompts_per_minute) == ("account requests", 40)
    assert here.slots <= 4
    assert there == budget(SHIPPED, SHIPPED.features[CHAT], "production")
    other = CATALOGUE.features["root_cause_analysis"]
    assert budget(CATALOGUE, other, "staging") == budget(SHIPPED, other, "staging")


def test_it_has_a_pool_of_its_own_in_which_the_features_tasks_stand() -> None:
    found = pools(CATALOGUE)[OWN]
    assert (found["slots"], found["description"]) == (4, f"Vertex AI account {OWN}: one slot = 100,000 tokens/min")
    standing = stands(CATALOGUE)
    assert [(stand.feature, stand.stage, stand.environment) for stand in standing[OWN]] == [
        (CHAT, "inference", "staging")
    ]
    assert (CHAT, "inference", "staging") not in {(s.feature, s.stage, s.environment) for s in standing["EVAL"]}
    assert (CHAT, "judging", "staging") in {(s.feature, s.stage, s.environment) for s in standing["EVAL"]}


def test_the_plan_spends_and_prices_it() -> None:
    day = dt.date(2026, 8, 24)
    scenario = PlanScenario(CATALOGUE, day, day)
    chat = CATALOGUE.features[CHAT]
    streams = [load.inference(scenario, chat, "staging"), load.judging(scenario, chat, "staging")]
    assert [(s.stage, s.account) for s in streams] == [(INFERENCE, OWN), (JUDGING, "EVAL")]
    (run,) = [run for run in load.runs(scenario) if run.feature.feature == CHAT]
    spend, before = (cost.run_cost(PlanScenario(catalogue, day, day), run) for catalogue in (CATALOGUE, SHIPPED))
    assert spend is not None
    assert before is not None
    tokens = chat.limits.tokens_per_prompt
    assert spend.inference_usd == pytest.approx(run.prompts * (tokens.input * 0.2 + tokens.output * 0.6) / 1e6)
    assert spend.inference_usd < before.inference_usd
    assert spend.judging_usd == before.judging_usd


def test_the_limit_probe_and_the_table_name_it() -> None:
    nothing = PathMeasures("u", "u", None, None, None, None, "", None, None, None, {}, 3)
    found = findings(nothing, CATALOGUE, CATALOGUE.features[CHAT], "staging", calls_needed=1)
    assert {f.limit_name for f in found if f.hop == "model_vendor"} == {
        f"account {OWN} {what}" for what in ("requests", "input tokens", "output tokens")
    }
    rows = {(line.feature.feature, line.environment): line.account for line in catalogue_lines.lines(CATALOGUE)}
    assert (rows[CHAT, "staging"], rows[CHAT, "production"]) == (OWN, "PROD")


def test_its_share_of_an_account_that_it_has_alone_is_all_that_is_left() -> None:
    account = CATALOGUE.accounts[OWN]
    assert share_of(CATALOGUE, CATALOGUE.features[CHAT], account, OWN) == 1
    eval_account = CATALOGUE.accounts["EVAL"]
    for name, feature in CATALOGUE.features.items():
        assert share_of(CATALOGUE, feature, eval_account, "EVAL") == share_of(
            SHIPPED, SHIPPED.features[name], SHIPPED.accounts["EVAL"]
        )


def test_an_account_that_can_never_admit_it_is_refused_by_the_features_own_line() -> None:
    broken = changed(CATALOGUE, {"features": {CHAT: {"accounts": {"staging": "NOWHERE"}}}})
    with pytest.raises(CatalogueError, match=r"features.duo_chat.accounts.staging: no account is named 'NOWHERE'"):
        require_admissible(broken, broken.features[CHAT], "staging")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("accounts: {staging: EVALL}", "accounts.staging: no account is named 'EVALL'. Did you mean 'EVAL'?"),
        ("accounts: {stagin: EVAL}", "accounts.stagin: no environment is named 'stagin'. Did you mean 'staging'?"),
        ("accounts: {staging: 5}", "accounts.staging"),
    ],
)
def test_a_wrong_name_is_told_with_its_line(line: str, says: str, tmp_path: Path) -> None:
    shutil.copytree(folders.include_root(), tmp_path / "include", ignore=shutil.ignore_patterns("daily_runs"))
    file = tmp_path / "include" / "catalogue" / "features" / f"{CHAT}.yaml"
    file.write_text(file.read_text() + f"{line}\n")
    number = len(file.read_text().splitlines())
    first, *_ = catalogue_files.load(tmp_path / "include" / "catalogue").left_out[CHAT]
    assert str(first).startswith(f"features/{CHAT}.yaml:{number}: {says}")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "    shared_with_live_users: false\n",
            "    vendor: vertex\n    shared_with_live_users: false\n",
            "judge.account",
        ),
        ("    vendor: anthropic ", "    vendor: azure ", "accounts.PROD.vendor"),
    ],
)
def test_a_judge_on_an_account_that_it_cannot_speak_to_is_refused(
    old: str, new: str, says: str, tmp_path: Path
) -> None:
    shutil.copytree(folders.include_root(), tmp_path / "include", ignore=shutil.ignore_patterns("daily_runs"))
    file = tmp_path / "include" / "catalogue" / "accounts.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(CatalogueError, match=says):
        catalogue_files.load(tmp_path / "include" / "catalogue")
