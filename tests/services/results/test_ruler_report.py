"""What `daily-runs report` says of the ruler: the gate's words, the days' figures, and nothing where nobody asked."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Kit
from tests.services.results.test_run_report import HOSTILE, model, page_of, read_page, said
from tests.services.stages.test_frozen_answers import FROZEN, age, first_days, frozen_answers
from tests.services.stages.test_judging_anew import ITEMS, of_day

from daily_runs.errors import CatalogueError, GateFailedError
from daily_runs.input_files import steering_in
from daily_runs.judging import rubric_versions
from daily_runs.records import gate
from daily_runs.results.ruler_check import AS_MADE, JUDGED, OF_EACH_DAY, QUESTIONS, SAME_MEAN
from daily_runs.results.run_report import page, questions, report_rows, ruler_rows, sections
from daily_runs.stages.verdicts import frozen
from daily_runs.stages.work import Work
from daily_runs.store.database import Store

STAGES = ("judging", "validation", "publish")


@pytest.fixture
def watched(kit: Kit, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """A chat with frozen answers and short runs; the command uses its store."""
    answers = frozen_answers(kit)
    monkeypatch.setattr(frozen, "load_frozen", lambda _feature: answers)
    monkeypatch.setenv("DAILY_RUNS_STORE", store_url)
    monkeypatch.setenv("DAILY_RUNS_OVERLAY", "")
    return kit.changed({"features": {"duo_chat": {"frozen_answers": FROZEN, "prompts_per_run": ITEMS}}})


def checked(work: Work) -> dict[str, Any]:
    found: dict[str, Any] = model(work.attempt.attempt_id)["ruler_check"]
    return found


def of_store(kit: Kit, terms_of: ruler_rows.TermsOf, work: Work) -> dict[str, Any]:
    return report_rows.read(kit.store, work.attempt.attempt_id, questions.none_known, terms_of)


def points(store: Store) -> dict[str, dict[str, dict[str, float]]]:
    """By frozen judging and answer."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in store.rows("SELECT frozen_judging_id::text AS day, frozen_id, points FROM contract.frozen_answers_v1"):
        found.setdefault(row["day"], {})[row["frozen_id"]] = row["points"]
    return found


def moved_run(kit: Kit) -> Work:
    """A run that the gate blocks: after three sound days the judge gives other points than the answers deserve."""
    first_days(kit, 3)
    kit.sandbox.change(judge_worse=1.0)
    work = of_day(kit, 10)
    kit.run(work, "judging")
    with pytest.raises(GateFailedError, match="The ruler moved"):
        kit.run(work, "validation")
    return work


def test_a_ruler_that_held_is_told_by_the_gates_words_and_by_the_figures_of_each_day(
    watched: Kit, tmp_path: Path
) -> None:
    first_days(watched, 3)
    work = of_day(watched, 10)
    watched.run(work, *STAGES)
    found = checked(work)
    results = {row["expectation"]: row for row in gate.results(watched.store, work.attempt.attempt_id)}
    assert [one["expectation"] for one in found["findings"]] == [JUDGED, OF_EACH_DAY, *QUESTIONS[1:]]
    assert all(one["observed"] == results[one["expectation"]]["observed"] for one in found["findings"])
    assert (found["state"], found["judgings"], found["left_out"]) == ("held", 4, 0)
    rows = watched.store.rows(
        "SELECT began_at, count(*) AS answers, count(*) FILTER (WHERE in_range) AS good, avg(score) AS mean"
        " FROM contract.frozen_answers_v1 GROUP BY 1 ORDER BY 1"
    )
    assert [(day["answers"], day["scored"], day["in_range"]) for day in found["days"]] == [
        (FROZEN, FROZEN, row["good"]) for row in rows
    ]
    assert [day["mean_score"] for day in found["days"]] == pytest.approx([row["mean"] for row in rows])
    assert found["since"] == found["days"][0]["began_at"]
    assert [day["of_this_run"] for day in found["days"]] == [False, False, False, True]
    assert [(day["first_day"], day["held"]) for day in found["days"]] == [(True, True)] * 4
    text = read_page(page_of(work.attempt.attempt_id, tmp_path)).text
    assert f"{sections.RULER_CHECK} yes: it judges as in its first days." in text
    assert "4 days" in text
    assert sections.RULER_CHECK in said(work.attempt.attempt_id)


def test_a_days_shift_is_the_mean_difference_of_its_answers_from_the_first_days(watched: Kit) -> None:
    first_days(watched, 2)
    work = of_day(watched, 10)
    watched.run(work, "judging")
    watched.store.rows(  # one answer gets another point than on the days before
        "UPDATE daily_runs.frozen_verdict v SET points = points || '{\"clarity\": 3}' FROM daily_runs.frozen_judging g"
        " WHERE g.frozen_judging_id = v.frozen_judging_id AND frozen_id = (SELECT min(frozen_id) FROM"
        " daily_runs.frozen_verdict) AND began_at = (SELECT max(began_at) FROM daily_runs.frozen_judging)"
    )
    *first, today = checked(work)["days"]
    given = points(watched.store)
    weights = {one.name: one.weight for one in rubric_versions.current(work.feature).criteria}
    differences = [
        sum(
            weight
            * (points_now[name] - statistics.fmean([given[day["frozen_judging_id"]][answer][name] for day in first]))
            / 4
            for name, weight in weights.items()
        )
        for answer, points_now in given[today["frozen_judging_id"]].items()
    ]
    assert statistics.fmean(differences) != 0
    assert today["shift"] == pytest.approx(statistics.fmean(differences), abs=1e-12)
    assert today["low"] < today["shift"] < today["high"]
    assert first[0]["shift"] is None, "the very first day has none to be compared with"


def test_a_ruler_that_moved_is_the_first_sentence_and_stands_before_the_series(watched: Kit, tmp_path: Path) -> None:
    work = moved_run(watched)
    found = model(work.attempt.attempt_id)
    assert found["headline"].startswith("not published, quarantined, since the ruler moved: its scores say nothing")
    check = found["ruler_check"]
    assert (check["state"], check["findings"][0]["passed"], check["days"][-1]["held"]) == ("moved", False, False)
    assert [day["held"] for day in check["days"][:-1]] == [True] * 3
    text = page_of(work.attempt.attempt_id, tmp_path)
    headings = [text.find(f"<h2>{name}</h2>") for name in (sections.RULER_CHECK, "Worst items")]
    assert -1 < headings[0] < headings[1]
    assert "no: the ruler moved" in said(work.attempt.attempt_id)


def test_a_run_that_the_ruler_blocked_is_to_be_judged_again(watched: Kit, tmp_path: Path) -> None:
    work = moved_run(watched)
    found = model(work.attempt.attempt_id)
    assert found["rerun"].endswith(" --rerun judge_again")
    assert found["rerun_form"]["rerun"] == "judge_again"
    text = read_page(page_of(work.attempt.attempt_id, tmp_path)).text
    assert "To have its answers judged again" in text
    assert "missing_answers" not in text


def test_a_report_of_an_earlier_day_does_not_know_the_day_on_which_the_ruler_moved(watched: Kit) -> None:
    early = of_day(watched, 20)
    watched.run(early, *STAGES)
    age(watched, 24)
    moved_run(watched)
    found = checked(early)
    assert (found["state"], found["judgings"], len(found["days"])) == ("first_day", 1, 1)


def test_where_too_few_have_a_verdict_nobody_knows(watched: Kit) -> None:
    watched.sandbox.change(unscorable_share=1.0)
    work = of_day(watched, 0)
    watched.run(work, "judging")
    with pytest.raises(GateFailedError):
        watched.run(work, "validation")
    found = model(work.attempt.attempt_id)
    failed = {one["expectation"] for one in found["ruler_check"]["findings"] if not one["passed"]}
    assert (found["ruler_check"]["state"], {JUDGED, AS_MADE} <= failed) == ("unknown", True)
    assert "the ruler moved" not in found["headline"]
    (day,) = found["ruler_check"]["days"]
    assert (day["scored"], day["in_range"], day["mean_score"], day["shift"]) == (0, 0, None, None)


def test_a_moved_ruler_is_told_beside_verdicts_of_another_day_and_only_new_verdicts_help(watched: Kit) -> None:
    """The gate says so, and the report says the same."""
    work = moved_run(watched)
    age(watched, 30)  # the frozen judging alone: no verdict is of its day any more
    with pytest.raises(GateFailedError, match="The ruler moved"):
        watched.run(work, "validation")
    found = model(work.attempt.attempt_id)
    failed = {one["expectation"] for one in found["ruler_check"]["findings"] if not one["passed"]}
    assert (OF_EACH_DAY in failed, found["ruler_check"]["state"]) == (True, "moved")
    assert found["rerun_form"]["rerun"] == "judge_again"


def test_verdicts_of_a_day_that_nobody_watched_are_to_be_made_again(watched: Kit) -> None:
    work = of_day(watched, 0)
    watched.run(work, "judging")
    age(watched, 30)
    with pytest.raises(GateFailedError):
        watched.run(work, "validation")
    found = model(work.attempt.attempt_id)
    assert (found["ruler_check"]["state"], found["rerun_form"]["rerun"]) == ("unknown", "judge_again")


def test_an_attempt_that_was_judged_on_two_days_shows_both(watched: Kit) -> None:
    work = of_day(watched, 10)
    watched.run(work, "judging")
    age(watched, 30)  # the frozen judging alone: the verdicts came a day later
    watched.run(work, "judging", "validation")
    found = checked(work)
    assert (found["state"], [day["of_this_run"] for day in found["days"]]) == ("held", [True, True])
    assert len(found["findings"]) == 2 * len(QUESTIONS) + 1


def test_before_the_gate_has_run_the_figures_are_there_and_no_verdict(watched: Kit) -> None:
    work = of_day(watched, 0)
    watched.run(work, "judging")
    found = checked(work)
    assert (found["state"], found["findings"], found["days"][0]["scored"]) == ("not_asked", [], FROZEN)


def test_a_judging_that_has_not_ended_is_told_and_compared_with_nothing(watched: Kit) -> None:
    first_days(watched, 2)
    work = of_day(watched, 10)
    watched.run(work, "judging")
    watched.store.rows(
        "UPDATE daily_runs.frozen_verdict SET status = 'sent', points = NULL, score = NULL WHERE frozen_id ="
        " (SELECT min(frozen_id) FROM daily_runs.frozen_verdict) AND frozen_judging_id ="
        " (SELECT frozen_judging_id FROM daily_runs.frozen_judging ORDER BY began_at DESC LIMIT 1)"
    )
    today = checked(work)["days"][-1]
    assert (today["scored"], today["answers"], today["shift"], today["held"]) == (FROZEN - 1, FROZEN, None, None)


def test_a_feature_without_frozen_answers_has_no_ruler_check(kit: Kit) -> None:
    work = of_day(kit, 0)
    kit.run(work, *STAGES)
    found = report_rows.read(kit.store, work.attempt.attempt_id, questions.none_known, ruler_rows.none_known)
    assert found["ruler_check"] is None
    assert sections.RULER_CHECK not in page.page(found)


def test_without_the_runs_rubric_the_gates_words_are_left_and_no_shift(
    watched: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = moved_run(watched)
    catalogue = ruler_rows.of_catalogue(watched.catalogue)
    known = of_store(watched, catalogue, work)["ruler_check"]
    assert catalogue("duo_chat", "another") is None
    assert catalogue("no feature", known["state"]) is None
    found = of_store(watched, ruler_rows.none_known, work)
    check = found["ruler_check"]
    assert (check["state"], check["findings"]) == (known["state"], known["findings"])
    assert [day["in_range"] for day in check["days"]] == [day["in_range"] for day in known["days"]]
    assert {(day["shift"], day["held"]) for day in check["days"]} == {(None, None)}
    assert page.NO_SHIFT in page.page(found)

    def unsound(_feature: object) -> None:
        raise CatalogueError("rubrics/duo_chat.yaml:3", "is no rubric", "Mend it.")

    monkeypatch.setattr(rubric_versions, "known", unsound)
    assert of_store(watched, catalogue, work)["ruler_check"] == check


def test_days_that_are_left_out_still_hold_the_first_days(watched: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    work = moved_run(watched)
    terms = ruler_rows.of_catalogue(watched.catalogue)
    whole = of_store(watched, terms, work)["ruler_check"]
    monkeypatch.setattr(ruler_rows, "DAYS_SHOWN", 1)
    short = of_store(watched, terms, work)
    assert short["ruler_check"]["days"] == whole["days"][-1:]
    assert (short["ruler_check"]["left_out"], short["ruler_check"]["since"]) == (3, whole["since"])
    assert "3 earlier days are left out." in page.page(short)


def test_what_the_gate_quotes_is_escaped_and_steers_nothing(watched: Kit, tmp_path: Path) -> None:
    work = of_day(watched, 0)
    watched.run(work, *STAGES)
    plain = read_page(page_of(work.attempt.attempt_id, tmp_path))
    watched.store.rows(
        "UPDATE daily_runs.gate_result SET observed = %(text)s, required = %(text)s WHERE expectation = %(name)s",
        {"text": HOSTILE, "name": SAME_MEAN},
    )
    text = page_of(work.attempt.attempt_id, tmp_path)
    found = read_page(text)
    assert (found.tags, found.acts, steering_in(text)) == (plain.tags, [], None)
    assert text.count("&lt;script") >= 4
    assert steering_in(said(work.attempt.attempt_id)) is None
