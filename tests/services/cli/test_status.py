"""`daily-runs status`: each feature's line by hand, and what a newcomer reads."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest
from tests.conftest import Kit, changed

from daily_runs import connections
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli import main, status
from daily_runs.connections import Connect
from daily_runs.errors import Fault
from daily_runs.readiness import board_reading, check
from daily_runs.readiness.board import STAGING, BoardLine, BoardRows, board
from daily_runs.readiness.board_cells import cells
from daily_runs.readiness.board_reading import Board
from daily_runs.statuses import ReadinessAspect, ReadinessState
from daily_runs.store.database import STORE_VARIABLE, Store
from daily_runs.store.embedded import free_port

CATALOGUE = catalogue_files.load()
SHADOW_DAY = dt.datetime(2026, 8, 12, 12, tzinfo=dt.UTC)
AFTER = dt.datetime(2026, 8, 30, 12, tzinfo=dt.UTC)
NOTHING = BoardRows({}, {}, {}, {})
CHAT = "duo_chat"


def looked(state: str, **details: Any) -> dict[str, Any]:
    """A row of the newest look."""
    return {
        "state": state,
        "reason": "why | <b>so</b>",
        "owner": "infrastructure",
        "details": details,
        "looked_at": SHADOW_DAY,
    }


def seen(seeds: str, limits: str) -> BoardRows:
    """A look at Duo Chat's seeds and limits."""
    found: dict[tuple[str, str], dict[str, Any]] = {
        (CHAT, ReadinessAspect.SEEDS): looked(seeds, bound=15, asked=16),
        (CHAT, ReadinessAspect.LIMITS): looked(limits, binding="ai_action"),
    }
    return BoardRows(found, {}, {}, {})


def line_of(
    what: BoardRows, now: dt.datetime = SHADOW_DAY, catalogue: Catalogue = CATALOGUE, name: str = CHAT
) -> BoardLine:
    """One feature's line."""
    (line,) = [line for line in board(catalogue, what, now) if line.feature.feature == name]
    return line


def test_the_most_urgent_feature_comes_first_and_none_is_left_out() -> None:
    lines = board(CATALOGUE, NOTHING, SHADOW_DAY)
    assert lines[0].feature.feature == "root_cause_analysis"
    assert {line.feature.feature for line in lines} == set(CATALOGUE.features)


def test_a_line_says_the_phase_of_the_day_the_next_one_and_the_next_run() -> None:
    phase = cells(line_of(NOTHING))[1]
    assert phase == "shadow since 2026-08-10\nthen staging from 2026-08-17\nnext run 2026-08-13 15:00"


def test_a_feature_without_a_schedule_says_so() -> None:
    assert "no run is scheduled" in cells(line_of(NOTHING, name="code_suggestions"))[1]


@pytest.mark.parametrize(
    ("seeds", "limits", "allowed"),
    [
        ("ready", "ready", "yes"),
        ("not_ready", "ready", "no"),
        ("ready", "not_ready", "no"),
        ("unknown", "not_ready", "no"),
        ("unknown", "ready", "unknown"),
    ],
)
def test_a_cutover_is_allowed_when_all_that_it_waits_for_is_known_to_be_ready(
    seeds: str, limits: str, allowed: str
) -> None:
    assert line_of(seen(seeds, limits)).allowed == allowed


def test_what_nobody_looked_at_is_not_known_rather_than_in_the_way() -> None:
    line = line_of(NOTHING)
    assert line.allowed == "unknown"
    assert set(line.blockers.values()) == {ReadinessState.UNKNOWN}


def test_a_phase_that_nobody_approved_is_in_the_way() -> None:
    phases = [phase.model_dump(mode="json") for phase in CATALOGUE.features[CHAT].phases]
    phases[-1]["approved"] = False
    waiting = changed(CATALOGUE, {"features": {CHAT: {"phases": phases}}})
    line = line_of(seen("ready", "ready"), catalogue=waiting)
    assert line.allowed == "no"
    assert line.blockers == {"approval": ReadinessState.NOT_READY}


def test_after_the_cutover_there_is_nothing_to_allow() -> None:
    line = line_of(NOTHING, AFTER)
    assert line.allowed == "done"
    assert cells(line)[-1] == "planned 2026-08-17\nmoved"


def test_a_phase_in_force_that_nobody_approved_is_said_with_its_owner() -> None:
    phases = [phase.model_dump(mode="json") for phase in CATALOGUE.features[CHAT].phases]
    phases[-1]["approved"] = False
    waiting = changed(CATALOGUE, {"features": {CHAT: {"phases": phases}}})
    line = line_of(seen("ready", "ready"), AFTER, waiting)
    assert line.allowed == "no"
    assert "not approved yet" in cells(line)[1]
    (reason,) = Board(AFTER, AFTER, None, [line]).reasons
    assert reason.startswith("Duo Chat, approval:")
    assert reason.endswith("owner: model validation")


def test_why_a_look_saw_nothing_is_told_once(kit: Kit) -> None:
    closed = kit.changed({"environments": {"staging": {"address": f"http://127.0.0.1:{free_port()}"}}})
    check.refresh(closed.store, closed.catalogue, STAGING, cast(Connect, connections.find), older_than_seconds=0)
    found = board_reading.read(closed.store, closed.catalogue)
    assert "not all of it could be seen" in found.heading
    (reason,) = found.reasons
    assert reason.startswith(f"staging: could not look at {closed.catalogue.environments[STAGING].address}: ")


def test_a_line_counts_seeds_and_names_the_binding_limit_and_the_owners() -> None:
    shown = cells(line_of(seen("not_ready", "ready")))
    assert shown[2] == "not ready\n15 of 16 there\nin progress, says Duo Chat feature team"
    assert shown[3] == "ready\nai_action binds\nowner infrastructure"


def test_a_look_that_failed_is_not_called_not_ready() -> None:
    assert cells(line_of(seen("unknown", "ready")))[2].startswith("could not look")


@pytest.mark.parametrize(
    ("sample", "which"),
    [
        ("", ""),
        ("0a1b2c3d", ", a sample"),
        ("rubric-0a1b2c3d4e5f", ", a trial of rubric 0a1b2c3d4e5f"),
        ("0a1b2c3d/rubric-0a1b2c3d4e5f", ", a sample, a trial of rubric 0a1b2c3d4e5f"),
    ],
)
def test_a_run_that_was_sent_nowhere_is_told_beside_the_last_one(sample: str, which: str) -> None:
    run = {"logical_date": SHADOW_DAY, "environment": STAGING, "status": "published", "provenance": "sandbox"}
    run |= {"asked": 16, "answered": 15, "mean_score": 0.8149, "verdict": "no_worse", "sample": sample}
    route = {"logical_date": SHADOW_DAY + dt.timedelta(days=1), "chosen": [], "reason": "not ready"}
    shown = cells(line_of(BoardRows({}, {CHAT: run}, {}, {CHAT: route})))
    assert shown[4].splitlines() == [
        f"2026-08-12 12:00 in staging{which}",
        "published, mean score 0.81 (sandbox)",
        "quality: no worse",
        "15 of 16 answered",
        "skipped 2026-08-13 12:00",
    ]


def test_markdown_keeps_its_columns_whatever_a_reason_says() -> None:
    lines = board(CATALOGUE, seen("not_ready", "ready"), SHADOW_DAY)
    text = status.as_markdown(Board(SHADOW_DAY, SHADOW_DAY, None, lines))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(CATALOGUE.features)
    assert {row.replace("\\|", "").count("|") for row in rows} == {8}
    assert "- Duo Chat, seeds: why \\| &lt;b>so&lt;/b>" in text


def test_the_board_tells_the_last_run_and_gate_of_a_real_run(kit: Kit) -> None:
    work = kit.work(CHAT, 16)
    kit.run(work, "seed_check", "limit_probe", "inference", "judging", "validation", "publish")
    found = board_reading.read(kit.store, kit.catalogue)
    (line,) = [line for line in found.lines if line.feature.feature == CHAT]
    assert line.run is not None
    assert (line.run["status"], line.run["answered"], line.run["asked"]) == ("published", 16, 16)
    assert line.gate is not None
    assert line.gate["passed"] == line.gate["checks"] > 10
    assert found.looked_at is None
    assert "nobody has looked yet" in found.heading


@dataclass(frozen=True)
class Gone:
    """An edit of the catalogue under an unfinished run of Duo Chat in staging; `what` the catalogue lacks then."""

    says: str
    what: str
    catalogue: Callable[[Catalogue], Catalogue]


def without(catalogue: Catalogue, kind: str, name: str, renamed: str = "") -> Catalogue:
    """A catalogue that lacks one feature or environment, or has it under another name."""
    entries = dict(getattr(catalogue, kind))
    entry = entries.pop(name)
    return catalogue.model_copy(update={kind: entries | ({renamed: entry} if renamed else {})})


ANSWERED = """
UPDATE daily_runs.answer SET status = 'answered', answer = 'so', sent_at = now(), settled_at = now(), tries = 1
WHERE prompt_id IN (%(a)s, %(b)s)
"""
GONE = [
    Gone("a removed feature", "feature duo_chat", lambda found: without(found, "features", CHAT)),
    Gone("a renamed feature", "feature duo_chat", lambda found: without(found, "features", CHAT, "duo_chat_agentic")),
    Gone("a removed environment", "environment staging", lambda found: without(found, "environments", STAGING)),
    Gone(
        "a renamed environment", "environment staging", lambda found: without(found, "environments", "staging", "stage")
    ),
]


@pytest.mark.parametrize("case", GONE, ids=lambda case: case.says)
def test_an_unfinished_run_of_what_the_catalogue_lost_is_named_with_what_was_paid_and_what_to_do(
    kit: Kit, case: Gone
) -> None:
    work = kit.work(CHAT, 6)
    kit.store.rows(ANSWERED, first_two(kit))
    assert board_reading.read(kit.store, kit.catalogue).stranded == []
    found = board_reading.read(kit.store, case.catalogue(kit.catalogue))
    (reason,) = [reason for reason in found.reasons if "unfinished" in reason]
    assert reason == (
        f"duo_chat in staging, run of 2026-08-17 00:00 UTC: unfinished, but {case.what} is not in the catalogue;"
        f" 2 answers are paid, 4 prompts were not asked (attempt {work.attempt.attempt_id}). Bring {case.what} back"
        " under this name and clear the run's failed tasks; or give the answers up: docs/runbooks/input.md, A feature"
        " that is gone."
    )
    assert reason in status.render(found)
    assert "- duo_chat in staging" in status.as_markdown(found)
    (row,) = found.as_json()["stranded"]
    assert (row["attempt_id"], row["paid"], row["unasked"]) == (work.attempt.attempt_id, 2, 4)


def test_a_feature_that_is_left_out_is_named_with_its_fault_and_its_unfinished_run_is_not_called_gone(
    kit: Kit,
) -> None:
    kit.work(CHAT, 6)
    fault = Fault("features/duo_chat.yaml:9", "priority: must be less than or equal to 9, is 20", "Correct the value.")
    broken = without(kit.catalogue, "features", CHAT).model_copy(update={"left_out": {CHAT: (fault,)}})
    found = board_reading.read(kit.store, broken)
    assert found.stranded == []
    assert found.reasons[0] == f"duo_chat is left out: {fault}"
    assert found.as_json()["left_out"] == [found.reasons[0]]
    assert f"- duo_chat is left out: {fault}" in status.as_markdown(found)


def first_two(kit: Kit) -> dict[str, str]:
    rows = kit.store.rows("SELECT prompt_id FROM daily_runs.answer ORDER BY prompt_id LIMIT 2")
    return dict(zip("ab", (row["prompt_id"] for row in rows), strict=True))


@pytest.mark.parametrize("ended", ["published", "quarantined", "superseded"])
def test_a_run_that_came_to_an_end_is_left_alone_whatever_becomes_of_its_feature(kit: Kit, ended: str) -> None:
    kit.work(CHAT, 4)
    kit.store.rows("UPDATE daily_runs.attempt SET status = %(status)s, ended_at = now()", {"status": ended})
    assert board_reading.read(kit.store, without(kit.catalogue, "features", CHAT)).stranded == []


def test_a_script_gets_data_and_a_tracking_issue_a_table(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert store
    monkeypatch.setenv(STORE_VARIABLE, store_url)
    main.app(["status", "--json"], standalone_mode=False)
    features = json.loads(capsys.readouterr().out)["features"]
    assert features[0]["feature"] == "root_cause_analysis"
    assert all(feature["seeds"] is None for feature in features)
    main.app(["status", "--markdown"], standalone_mode=False)
    assert capsys.readouterr().out.splitlines()[2].startswith("| feature | phase | seeds in staging |")
