"""`daily-runs compare`: two published runs side by side, with the merge gate's figures, for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.published_runs import CLASSES, Day, publish
from tests.services.results.test_run_report import HOSTILE, hostile_texts, read_page
from typer.testing import CliRunner

from daily_runs.cli.main import app
from daily_runs.errors import ParameterError
from daily_runs.input_files import steering_in
from daily_runs.results.run_compare import page
from daily_runs.store.database import Store

FELL = {"class-3": 0.3}


@pytest.fixture
def cli_store(store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store that the command uses."""
    monkeypatch.setenv("DAILY_RUNS_STORE", store_url)
    monkeypatch.setenv("DAILY_RUNS_OVERLAY", "")
    return store


def ran(command: str, *words: object) -> tuple[int, str]:
    """The exit code, and standard output; errors of ours are raised."""
    outcome = CliRunner().invoke(app, [command, *map(str, words)])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return outcome.exit_code, outcome.stdout


def compared(first: object, second: object, *words: str) -> dict[str, Any]:
    code, text = ran("compare", first, second, "--json", *words)
    assert code == 0
    found: dict[str, Any] = json.loads(text)
    return found


def page_of(first: object, second: object, folder: Path, *words: str) -> str:
    file = folder / "compare.html"
    ran("compare", first, second, "--html", file, *words)
    return file.read_text(encoding="utf-8")


def test_a_drop_is_shown_with_the_gates_figures_and_ends_with_0(cli_store: Store, tmp_path: Path) -> None:
    first, second = publish(cli_store, Day(0)).key, publish(cli_store, Day(1, fell=FELL)).key
    found = compared(first, second)
    _, text = ran("gate", "--baseline", first, "--candidate", second, "--json")
    of_gate = json.loads(text)
    assert of_gate["outcome"] == "fail"
    names = ("verdict", "seen", "reason", "differs", "parts", "smallest_visible_drop")
    assert {name: found[name] for name in names} == {name: of_gate[name] for name in names}
    assert [part["name"] for part in found["parts"] if part["regressed"]] == ["", "class-3"]
    assert {item["item_class"] for item in found["changed_items"]} == {"class-3"}
    means = {run["run_key"]: run["figures"][0]["estimate"] for run in found["runs"]}
    rows = cli_store.rows("SELECT run_key, item_mean FROM contract.runs_v2")
    assert means == {row["run_key"]: row["item_mean"] for row in rows}
    code, text = ran("compare", first, second)
    assert (code, "class class-3" in text, "regressed" in text) == (0, True, True)
    assert found["ruler_differs"] == []
    assert all(name in page_of(first, second, tmp_path) for name in (*CLASSES, "regressed", page.SAME_RULER))


def test_items_stand_side_by_side(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)).key, publish(cli_store, Day(1, fell=FELL)).key
    cli_store.rows(
        "UPDATE daily_runs.answer a SET answer = t.run_key || ' ' || prompt_id FROM daily_runs.attempt t"
        " WHERE t.attempt_id = a.attempt_id AND a.status = 'answered'"
    )
    item = compared(first, second)["changed_items"][0]
    assert item["reference"]["answer"].startswith(f"{first} {item['item_id']}")
    assert item["here"]["answer"].startswith(f"{second} {item['item_id']}")
    assert item["change"] == pytest.approx(item["mean"] - item["reference_mean"])


def test_the_treatment_is_what_is_meant_to_differ_and_the_rest_is_said(cli_store: Store) -> None:
    old, new = {"gitlab_version": "19.4.0"}, {"gitlab_version": "19.4.1", "phase": "staging"}
    first = publish(cli_store, Day(0), context={**old, "phase": "shadow"}).key
    same_build = publish(cli_store, Day(1), context={**old, "phase": "shadow"}).key
    other_build = publish(cli_store, Day(2), context=new).key
    elsewhere = publish(cli_store, Day(2, environment="production"), context=new).key
    assert compared(first, same_build)["treatment"] == {
        "name": "date",
        "from": "2026-08-01T06:00:00Z",
        "to": "2026-08-02T06:00:00Z",
    }
    found = compared(first, other_build)
    assert found["treatment"] == {"name": "build", "from": "19.4.0", "to": "19.4.1"}
    assert {one["what"] for one in found["besides"]} == {"date", "phase"}
    found = compared(first, elsewhere)
    assert found["treatment"] == {"name": "environment", "from": "staging", "to": "production"}
    assert {one["what"] for one in found["besides"]} == {"build", "date", "phase"}
    found = compared(first, elsewhere, "--treatment", "build")
    assert (found["treatment"]["name"], {one["what"] for one in found["besides"]}) == (
        "build",
        {"environment", "date", "phase"},
    )
    with pytest.raises(ParameterError, match="the environment of both runs is the same"):
        ran("compare", first, same_build, "--treatment", "environment")


def test_another_ruler_is_incomparable_with_what_differs_and_each_side_keeps_its_figures(
    cli_store: Store, tmp_path: Path
) -> None:
    first, second = publish(cli_store, Day(0)).key, publish(cli_store, Day(1, rubric="another")).key
    found = compared(first, second)
    assert (found["verdict"], found["differs"], found["parts"], found["changed_items"]) == (
        "incomparable",
        ["rubric"],
        [],
        [],
    )
    assert [len(run["figures"]) for run in found["runs"]] == [1, 1]
    (rubric,) = found["ruler_differs"]
    assert (rubric["what"], rubric["now"]) == ("rubric", "another")
    assert rubric["then"] not in ("", "another")
    text = read_page(page_of(first, second, tmp_path)).text
    assert "incomparable, since rubric differ" in text
    assert ("Two different rulers" in text, page.SAME_RULER in text) == (True, False)
    assert "Two different rulers" in ran("compare", first, second)[1]


def test_two_providers_compare_only_where_the_provider_is_the_treatment(cli_store: Store) -> None:
    first = publish(cli_store, Day(0)).key
    second = publish(cli_store, Day(1, provider=lambda _: "vertex", fell=FELL)).key
    assert compared(first, second)["differs"] == ["provider"]
    found = compared(first, second, "--treatment", "provider")
    assert (found["verdict"], found["treatment"]) == (
        "regressed",
        {"name": "provider", "from": "anthropic", "to": "vertex"},
    )
    assert found["changed_items"][0]["reference"] is not None


def test_a_run_that_two_providers_answered_has_no_side_even_then(cli_store: Store) -> None:
    first = publish(cli_store, Day(0)).key
    second = publish(cli_store, Day(1, provider=lambda number: "vertex" if number % 2 else "anthropic")).key
    found = compared(first, second, "--treatment", "provider")
    assert (found["verdict"], found["differs"]) == ("incomparable", ["provider"])
    assert [len(run["figures"]) for run in found["runs"]] == [1, 2]


def test_sides_are_named_as_for_the_gate(cli_store: Store) -> None:
    runs = [publish(cli_store, Day(number)).key for number in range(3)]
    assert compared("last-good", runs[2])["baseline"] == [str(runs[1])]
    found = compared("reference", runs[2])
    assert found["baseline"] == [str(runs[0]), str(runs[1])]
    assert {item["reference_run"] for item in found["changed_items"]} == {str(runs[1])}


def test_what_names_no_run_is_refused_at_its_argument(cli_store: Store) -> None:
    run = publish(cli_store, Day(0)).key
    for first, second, place in ((run, "nothing", "B"), ("nothing", run, "A"), (run, run, "B")):
        with pytest.raises(ParameterError) as caught:
            ran("compare", first, second)
        assert caught.value.place == place


def test_no_text_of_a_run_steers_the_page_or_the_terminal(cli_store: Store, tmp_path: Path) -> None:
    first, second = publish(cli_store, Day(0)).key, publish(cli_store, Day(1, fell=FELL)).key
    plain = read_page(page_of(first, second, tmp_path)).tags
    hostile_texts(cli_store, HOSTILE)
    text = page_of(first, second, tmp_path)
    found = read_page(text)
    assert (found.tags, found.acts, steering_in(text)) == (plain, [], None)
    assert text.count("&lt;script") > 20
    assert steering_in(ran("compare", first, second)[1]) is None


def test_the_page_is_a_function_of_the_json_and_says_that_it_is_the_sandboxs(cli_store: Store, tmp_path: Path) -> None:
    first, second = publish(cli_store, Day(0)).key, publish(cli_store, Day(1, fell=FELL)).key
    text = page_of(first, second, tmp_path)
    assert page.page(compared(first, second)) == text
    assert ("(sandbox)</title>" in text, "say nothing about a real model" in text.replace("\n", " ")) == (True, True)
