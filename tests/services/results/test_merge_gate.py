"""`daily-runs gate`: exit code, figures and files for a pipeline, over runs that were really published."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.published_runs import CLASSES, Day, publish
from typer.testing import CliRunner

from daily_runs.cli.main import app
from daily_runs.cli.results import gate
from daily_runs.errors import ParameterError, StoreAwayError
from daily_runs.results.merge_gate import side_rows
from daily_runs.store.database import Store

EVERYWHERE = dict.fromkeys(CLASSES, 0.1)
A_LITTLE_HIGHER = dict.fromkeys(CLASSES, -0.015)
"""Enough for 80 items to show that nothing fell; the same level again would be inconclusive."""


@pytest.fixture
def cli_store(store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store that the command uses."""
    monkeypatch.setenv("DAILY_RUNS_STORE", store_url)
    monkeypatch.setenv("DAILY_RUNS_OVERLAY", "")
    return store


def asked(baseline: object, candidate: object, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what the command says as JSON."""
    given = ["gate", "--baseline", str(baseline), "--candidate", str(candidate), "--json", *words]
    outcome = CliRunner().invoke(app, given)
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return outcome.exit_code, json.loads(outcome.stdout)


def attempt_id(store: Store, key: object) -> str:
    row = store.row("SELECT attempt_id::text AS id FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": str(key)})
    return str(row["id"])


def test_a_run_of_another_day_that_shows_no_drop_passes(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1, fell=A_LITTLE_HIGHER))
    code, said = asked(first.key, second.key)
    assert (code, said["outcome"], said["verdict"]) == (0, "pass", "no_worse")
    assert {part["name"] for part in said["parts"]} == {"", "criterion faithfulness", *CLASSES}
    whole = said["parts"][0]
    assert whole["candidate"] - whole["baseline"] == pytest.approx(whole["estimate"], abs=1e-12)
    means = [sum(score for *_, score in run.answers) / len(run.answers) for run in (first, second)]
    assert (whole["baseline"], whole["candidate"]) == pytest.approx(means, abs=1e-12)


def test_the_figures_are_those_of_the_published_verdict(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1, fell=EVERYWHERE))
    _, said = asked(first.key, second.key)
    assert second.verdict.whole is not None
    assert (said["reason"], said["parts"][0]["estimate"]) == (second.verdict.reason, second.verdict.whole.estimate)


def test_an_inconclusive_run_passes_only_where_the_caller_lets_it(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1))
    code, said = asked(first.key, second.key)
    assert (code, said["outcome"], said["verdict"], said["seen"]) == (2, "undecided", "inconclusive", "inconclusive")
    assert asked(first.key, second.key, "--inconclusive", "pass")[0] == 0


def test_a_drop_ends_with_1(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1, fell=EVERYWHERE))
    code, said = asked(first.key, second.key)
    assert (code, said["outcome"], said["verdict"]) == (1, "fail", "regressed")
    assert said["parts"][0]["regressed"] is True


def test_a_drop_in_one_class_ends_with_1_and_names_the_class(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1, fell={"class-3": 0.3}))
    code, said = asked(first.key, second.key)
    assert (code, [part["name"] for part in said["parts"] if part["regressed"] and part["name"]]) == (1, ["class-3"])


def test_runs_of_two_environments_compare(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(0, environment="production", fell=EVERYWHERE))
    assert asked(first.key, second.key)[1]["verdict"] == "regressed"


def test_another_ruler_ends_with_2_whatever_the_option_says_and_names_what_differs(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1, rubric="another"))
    code, said = asked(first.key, second.key, "--inconclusive", "pass")
    assert (code, said["verdict"], said["differs"], said["parts"]) == (2, "incomparable", ["rubric"], [])


def test_two_providers_in_both_runs_are_no_common_ruler(cli_store: Store) -> None:
    def mixed(number: int) -> str:
        return "anthropic" if number < 100 else "vertex"

    first, second = publish(cli_store, Day(0, provider=mixed)), publish(cli_store, Day(1, provider=mixed))
    code, said = asked(first.key, second.key, "--inconclusive", "pass")
    assert (code, said["differs"], said["floors"]) == (2, ["provider"], [])


def test_live_and_sandbox_are_never_compared(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1))
    cli_store.rows(
        "UPDATE daily_runs.published_run SET provenance = 'live' WHERE run_key = %(key)s", {"key": str(first.key)}
    )
    assert asked(first.key, second.key)[1]["differs"] == ["provenance"]


def test_prompts_that_nobody_wrote_down_are_not_known_to_be_the_same(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1))
    cli_store.rows("""UPDATE daily_runs.published_run SET ruler = ruler || '{"selection_sha256": ""}'""")
    assert asked(first.key, second.key)[1]["differs"] == ["prompts"]


def test_what_only_one_run_wrote_down_of_its_ruler_differs(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1))
    cli_store.rows(
        "UPDATE daily_runs.published_run SET ruler = ruler - 'rubric_version' WHERE run_key = %(key)s",
        {"key": str(first.key)},
    )
    assert asked(first.key, second.key)[1]["differs"] == ["rubric"]


def test_a_mean_under_a_criterions_floor_ends_with_1(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1, fell=A_LITTLE_HIGHER))
    code, said = asked(first.key, second.key, "--min", "faithfulness=0.9")
    assert (code, said["verdict"], said["outcome"]) == (1, "no_worse", "fail")
    assert "criterion faithfulness 0.750 [" in said["headline"]
    assert asked(first.key, second.key, "--min", "faithfulness=0.75")[0] == 0


def test_a_mean_under_the_catalogues_floor_ends_with_1(cli_store: Store) -> None:
    low = dict.fromkeys(CLASSES, 0.5)
    first, second = publish(cli_store, Day(0, fell=low)), publish(cli_store, Day(1, fell=low))
    code, said = asked(first.key, second.key)
    assert (code, [check["outcome"] for check in said["floors"]]) == (1, ["fail"])


def test_a_floor_that_missing_answers_could_break_is_undecided(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0, failed=8)), publish(cli_store, Day(1, failed=8, fell=A_LITTLE_HIGHER))
    words = ("--min", "faithfulness=0.74")
    code, said = asked(first.key, second.key, *words)
    assert (code, said["verdict"], said["floors"][1]["outcome"]) == (2, "no_worse", "undecided")
    assert said["floors"][1]["at_worst"] == pytest.approx(0.75 * 152 / 160)
    assert asked(first.key, second.key, *words, "--inconclusive", "pass")[0] == 0


def test_answers_that_only_the_candidate_lost_could_hide_a_drop(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1, failed=16, fell=A_LITTLE_HIGHER))
    code, said = asked(first.key, second.key)
    assert (code, said["verdict"], said["seen"]) == (2, "inconclusive", "no_worse")
    assert asked(first.key, second.key, "--inconclusive", "pass")[0] == 0


def test_answers_that_only_the_baseline_lost_could_explain_a_drop(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0, failed=40)), publish(cli_store, Day(1, fell=EVERYWHERE))
    code, said = asked(first.key, second.key)
    assert (code, said["verdict"], said["seen"]) == (2, "inconclusive", "regressed")
    assert not any(part["regressed"] for part in said["parts"])


def test_a_run_is_named_by_its_attempt_too(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1))
    _, said = asked(attempt_id(cli_store, first.key), attempt_id(cli_store, second.key))
    assert (said["baseline"], said["candidate"]) == ([str(first.key)], str(second.key))


def test_last_good_is_the_newest_other_full_run_there(cli_store: Store) -> None:
    publish(cli_store, Day(0))
    staging, production = publish(cli_store, Day(1)), publish(cli_store, Day(2, environment="production"))
    candidate = publish(cli_store, Day(3))
    publish(cli_store, Day(2, sample="0a1b2c3d"))
    assert asked("last-good", candidate.key)[1]["baseline"] == [str(staging.key)]
    assert asked("last-good@production", candidate.key)[1]["baseline"] == [str(production.key)]
    assert asked(staging.key, "last-good")[1]["candidate"] == str(candidate.key)


def test_the_reference_is_the_runs_that_the_published_verdict_stands_on(cli_store: Store) -> None:
    runs = [publish(cli_store, Day(number)) for number in range(3)]
    publish(cli_store, Day(3, rubric="another"))
    candidate = publish(cli_store, Day(4, fell={"class-5": 0.3}))
    publish(cli_store, Day(5))
    code, said = asked("reference", candidate.key)
    assert (code, said["baseline"]) == (1, [str(run.key) for run in runs])
    assert said["reason"] == candidate.verdict.reason
    other = publish(cli_store, Day(6, rubric="a third"))
    assert asked("reference", other.key)[1]["differs"] == ["rubric"]


def test_the_files_say_what_the_exit_code_says(cli_store: Store, tmp_path: Path) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1, fell={"class-3": 0.3}))
    junit, comment = tmp_path / "gate.xml", tmp_path / "gate.md"
    words = ("--min", "faithfulness=0.9", "--junit", str(junit), "--markdown", str(comment))
    assert asked(first.key, second.key, *words)[0] == 1
    suite = ElementTree.parse(junit).getroot()
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    assert failed == {"all items", "class class-3", "floor of criterion faithfulness"}
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("12", "3", "0")
    lines = comment.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "### Evaluation: fail"
    (row,) = [line for line in lines if line.startswith("| class class-3 |")]
    assert row.endswith("| regressed |")
    assert sum(line.startswith("| class ") for line in lines) == len(CLASSES)


def test_what_was_not_decided_is_an_error_in_junit_or_skipped_where_it_passes(cli_store: Store, tmp_path: Path) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1, failed=16))
    file = tmp_path / "gate.xml"
    for option, tag in (("fail", "error"), ("pass", "skipped")):
        asked(first.key, second.key, "--junit", str(file), "--inconclusive", option)
        found = {case.get("name") for case in ElementTree.parse(file).getroot() if case.find(tag) is not None}
        assert found == {"all items"}


@pytest.mark.parametrize("command", ["gate --inconclusive pass --baseline {} --candidate {}", "compare {} {}"])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("by_attempt", [True, False])
def test_a_run_whose_gate_was_overridden_decides_nothing(
    cli_store: Store, command: str, side: int, by_attempt: bool
) -> None:
    runs = [publish(cli_store, Day(0)), publish(cli_store, Day(1, fell=A_LITTLE_HIGHER))]
    ids = [attempt_id(cli_store, run.key) for run in runs]
    cli_store.rows(
        "WITH found AS (INSERT INTO daily_runs.gate_result (attempt_id, expectation, passed, observed, required)"
        " VALUES (%(id)s, 'answered share', false, '0.6', '>= 0.9'))"
        " INSERT INTO daily_runs.gate_override (attempt_id, reason, ordered_by) VALUES (%(id)s, 'we need it', 'alice')",
        {"id": ids[side]},
    )
    names = ids if by_attempt else [str(run.key) for run in runs]
    with pytest.raises(ParameterError, match=f"{runs[side].key} is no valid measurement: its gate was overridden"):
        CliRunner().invoke(app, command.format(*names).split(), catch_exceptions=False)


def test_people_read_the_sentence_and_the_table(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1, fell={"class-3": 0.3}))
    outcome = CliRunner().invoke(app, ["gate", "--baseline", str(first.key), "--candidate", str(second.key)])
    assert outcome.stdout.startswith("fail: regressed: ")
    assert "class class-3" in outcome.stdout


REFUSED: list[tuple[Callable[[str, str], tuple[str, str, tuple[str, ...]]], str]] = [
    (lambda first, _: (first, "nothing", ()), "'nothing' is no published run"),
    (lambda first, _: (first, first, ()), "is the baseline too"),
    (lambda *_: ("last-good", "last-good", ()), "neither 'last-good' nor 'last-good' names a run"),
    (lambda first, _: (first, "reference", ()), "a reference is several runs"),
    (lambda first, _: ("last-good@mars", first, ()), "no other full run of duo_chat in 'mars'"),
    (lambda first, _: ("reference", first, ()), "no run of duo_chat in 'staging' before the candidate"),
    (lambda first, second: (first, second, ("--min", "beauty=0.5")), "'beauty' is no criterion. Known .* faithfulness"),
    (lambda first, second: (first, second, ("--min", "faithfulness=nan")), "'faithfulness=nan' is no floor"),
    (lambda first, second: (first, second, ("--min", "faithfulness=1.5")), "'faithfulness=1.5' is no floor"),
    (lambda first, second: (first, second, ("--min", "a=0.5", "--min", "a=0.6")), "'a' is given twice"),
    (lambda first, second: (first, second, ("--min", "faithfulness")), "'faithfulness' is no floor"),
    (lambda first, second: (first, second, ("--junit", "/nowhere/gate.xml")), "cannot write /nowhere/gate.xml"),
]


def test_what_names_no_comparison_is_refused_with_place_and_remedy(cli_store: Store) -> None:
    first, second = (str(publish(cli_store, Day(number)).key) for number in range(2))
    for words, problem in REFUSED:
        baseline, candidate, more = words(first, second)
        with pytest.raises(ParameterError, match=problem):
            asked(baseline, candidate, *more)


def test_runs_of_two_features_are_refused(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1))
    cli_store.rows(
        "UPDATE daily_runs.published_run SET feature = 'code_suggestions' WHERE run_key = %(key)s",
        {"key": str(second.key)},
    )
    with pytest.raises(ParameterError, match="is a run of another feature"):
        asked(first.key, second.key)


def test_a_store_that_is_away_is_undecided_and_no_regression(cli_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise StoreAwayError("the store is away")

    monkeypatch.setattr(side_rows, "find", away)
    outcome = CliRunner().invoke(app, ["gate", "--baseline", "a", "--candidate", "b"])
    assert (outcome.exit_code, gate.EXIT_UNDECIDED) == (2, 2)
    assert "the store is away" in outcome.stderr
