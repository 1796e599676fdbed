"""`daily-runs plan` as a person types it: exit codes, table, data, picture."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.typed import Result, Typist

from daily_runs.catalogue import folders
from daily_runs.store.database import STORE_VARIABLE, Store
from daily_runs.store.embedded import EmbeddedPostgres

WEEK = ("--from", "2026-08-17", "--to", "2026-08-23")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No store, no local stack, no settings of whoever runs the tests."""
    for name in (STORE_VARIABLE, "DAILY_RUNS_INCLUDE", "DAILY_RUNS_OVERLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAILY_RUNS_STATE", str(tmp_path / "state"))


class Plan:
    """Types `daily-runs plan`."""

    def __init__(self, typed: Typist) -> None:
        self._typed = typed

    def __call__(self, *words: str) -> Result:
        return self._typed("plan", *words)

    def data(self, *words: str) -> Any:
        return self(*words, "--json", "-").json()


@pytest.fixture
def run(typed: Typist) -> Plan:
    """The command."""
    return Plan(typed)


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of one's own."""
    for name in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(folders.include_root() / name, tmp_path / "include" / name)
    monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(tmp_path / "include"))
    return tmp_path / "include"


def edit(file: Path, pattern: str, new: str) -> None:
    text, count = re.subn(pattern, new, file.read_text(encoding="utf-8"), count=1)
    assert count == 1
    file.write_text(text, encoding="utf-8")


def test_a_week_that_fits_ends_with_0_and_shows_runs_load_findings_and_cost(run: Plan) -> None:
    code, out, _ = run(*WEEK)
    assert code == 0
    assert "Mon 17 Aug 06:00 root_cause_analysis" in out
    assert "45 min, 17.50% of EVAL" in out
    assert "feature requests 20/min" in out
    assert "✓ does it fit?: yes" in out
    assert re.search(r"^ root_cause_analysis +···▃", out, re.MULTILINE)
    assert "the catalogue's figures (no store runs here, or no run ever used it)" in out
    assert "price list of 20" in out
    assert max(map(len, out.splitlines())) <= 120


def test_a_week_that_does_not_fit_ends_with_1_and_says_what_would(run: Plan, include: Path) -> None:
    edit(
        include / "catalogue" / "features" / "root_cause_analysis.yaml", r"prompts_per_run: \d+", "prompts_per_run: 961"
    )
    code, out, _ = run(*WEEK)
    assert code == 1
    assert "✗ does it fit?: no, first on Mon 17 Aug 2026" in out
    assert "would fit (users): list 7 evaluation users for staging instead of 6" in out


def test_a_plan_names_the_feature_that_is_left_out_and_plans_the_others(run: Plan, include: Path) -> None:
    edit(include / "catalogue/features/duo_chat.yaml", r"\npriority: 2", "\npriority: 20")
    (include / "rubrics/code_suggestions.yaml").write_text("")
    code, out, _ = run(*WEEK)
    assert code == 0
    shown = " ".join(out.split())
    assert "duo_chat is left out: features/duo_chat.yaml:9: priority: must be less than or equal to 9, is 20" in shown
    assert "code_suggestions is left out: rubrics/code_suggestions.yaml: is empty" in shown
    data = run.data(*WEEK)
    assert "duo_chat" not in {planned["feature"] for planned in data["runs"]}
    assert "root_cause_analysis" in {planned["feature"] for planned in data["runs"]}
    assert [note for note in data["notes"] if note.startswith("duo_chat is left out")]


def test_to_assume_a_date_of_a_feature_that_is_left_out_is_refused_with_its_fault(run: Plan, include: Path) -> None:
    edit(include / "catalogue/features/duo_chat.yaml", r"\npriority: 2", "\npriority: 20")
    code, _, err = run(*WEEK, "--assume", "duo_chat=2026-08-18")
    assert code == 2
    assert err.startswith("daily-runs: features/duo_chat.yaml:9: priority: must be less than or equal to 9, is 20")


def test_a_plan_for_code_suggestions_can_be_asked_for_though_it_has_no_date(run: Plan) -> None:
    without, assumed = run(*WEEK), run(*WEEK, "--assume", "code_suggestions=2026-08-22@13:30")
    assert "code_suggestions (no date yet)" in without.out
    assert "Sat 22 Aug 13:30 code_suggestions" in assumed.out
    assert "assumed: code_suggestions in staging from 2026-08-22 on, daily 13:30 UTC" in assumed.out


def test_the_data_hold_the_figures_of_the_table_and_the_load_of_each_moment(run: Plan) -> None:
    data = run.data("--from", "2026-08-16", "--to", "2026-08-16")
    (only,) = data["runs"]
    inference, judging = only["stages"]
    assert (only["feature"], only["ai_action_calls"], only["gitlab_requests"]) == ("root_cause_analysis", 900, 1800)
    assert inference["minutes_under"]["feature requests"] == 45
    assert (inference["input_tokens"], inference["output_tokens"]) == (30_600_000, 900_000)
    assert (judging["requests"], judging["counted_against_input_limit"]) == (970, 4_268_000)  # with 70 frozen answers
    assert only["ends"] == "2026-08-16T06:49:02.500000+00:00"
    assert [spell["stage"] for spell in data["load"]] == ["inference", "judging"]
    assert data["load"][0]["account_share"] == pytest.approx(0.175)
    assert data["fits"] is True
    assert data["days"][0]["usd"] == pytest.approx(only["inference_usd"] + only["judging_usd"])
    assert "forecast" not in data


def test_data_go_to_a_file_beside_the_table(run: Plan, tmp_path: Path) -> None:
    code, out, _ = run(*WEEK, "--json", str(tmp_path / "plan.json"))
    assert (code, "Planned runs" in out) == (0, True)
    assert json.loads((tmp_path / "plan.json").read_text())["from"] == "2026-08-17"


def test_a_forecast_is_added_on_request(run: Plan) -> None:
    data = run.data(*WEEK, "--forecast")
    assert [one["month"] for one in data["forecast"][:6]] == [
        "2026-08",
        "2026-09",
        "2026-10",
        "2026-11",
        "2026-12",
        "2027-01",
    ]
    assert "Forecast by month" in run(*WEEK, "--forecast").out


def test_a_picture_is_written(run: Plan, tmp_path: Path) -> None:
    code, _, _ = run(*WEEK, "--picture", str(tmp_path / "week.svg"))
    assert code == 0
    assert ElementTree.parse(tmp_path / "week.svg").getroot().tag.endswith("svg")


def test_without_dates_it_is_the_week_of_today_from_monday_to_sunday(run: Plan) -> None:
    data = run.data()
    first, last = (re.match(r"\d{4}-\d\d-\d\d$", data[key]) for key in ("from", "to"))
    assert first
    assert last
    days = run.data("--from", data["from"])
    assert (days["from"], days["to"]) == (data["from"], data["to"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "soon"), "--from: 'soon' is no date. Give one like 2026-08-17."),
        (("--to", "2026-02-30"), "--to: '2026-02-30' is no date."),
        (("--from", "2026-08-18", "--to", "2026-08-17"), "--from: 2026-08-18 is after --to 2026-08-17."),
        (("--from", "2026-01-01", "--to", "2027-01-02"), "--to: 2026-01-01 to 2027-01-02 are 367 days."),
        (("--assume", "code_suggestions"), "--assume: 'code_suggestions' is not FEATURE=DATE[@HH:MM]."),
        (("--assume", "code_suggestion=2026-08-20"), "Did you mean 'code_suggestions'?"),
        (("--assume", "code_suggestions=2026-08-40"), "--assume: '2026-08-40' is no date."),
        (("--assume", "code_suggestions=2026-08-20@24:00"), "is not FEATURE=DATE"),
        (("--from", "2026-08-01", "--to", "2026-09-30", "--picture", "x.svg"), "--picture: 61 days do not fit"),
        (("--picture", "/nowhere/week.svg"), "--picture: cannot write /nowhere/week.svg"),
        (("--json", "/nowhere/week.json"), "--json: cannot write /nowhere/week.json"),
        (("--overlay", "sandbx"), "overlays/sandbx.yaml: there is no such overlay"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_bad_input_ends_with_2_and_says_what_to_give(run: Plan, words: tuple[str, ...], said: str) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert said in err


def test_366_days_are_planned(run: Plan) -> None:
    assert run("--from", "2026-01-01", "--to", "2027-01-01").code == 0


def test_a_store_that_is_named_but_away_is_an_error(run: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STORE_VARIABLE, "postgresql://nobody:secret@127.0.0.1:1/none")
    code, _, err = run(*WEEK)
    assert code == 1, "an outage, which may pass"
    assert "does not answer" in err
    assert "secret" not in err


def test_an_embedded_store_that_does_not_run_is_not_started(run: Plan, tmp_path: Path) -> None:
    assert run(*WEEK).code == 0
    assert not (tmp_path / "state").exists()


def test_a_store_without_runs_measures_nothing_and_is_named(
    run: Plan, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STORE_VARIABLE, store.url)
    code, out, _ = run(*WEEK)
    assert code == 0
    assert "tokens measured by live runs in store postgres@127.0.0.1" in out
    assert "nothing, no published run tells any" in out


def test_an_embedded_store_that_cannot_be_read_leaves_the_catalogues_figures(
    run: Plan, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    """It runs, but no run ever used it; or its login is another one by now."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "postgres").symlink_to(postgres.root)
    password = postgres.root / "daily_runs_password"
    password.unlink(missing_ok=True)  # another test may have used it
    for kept, said in (
        ("", "no store runs here, or no run ever used it"),
        ("wrong", "the store here cannot be read: "),
    ):
        if kept:
            password.write_text(kept)
        code, out, _ = run(*WEEK)
        assert code == 0
        assert f"the catalogue's figures ({said}" in out
