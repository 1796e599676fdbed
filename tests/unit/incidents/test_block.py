"""The block that a failed task ends with: short lines, verdict first, harmless whatever an answer or an error holds."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import (
    Blame,
    CallError,
    CatalogueError,
    GateFailedError,
    Hop,
    LimitTooLowError,
    SeedsMissingError,
)
from daily_runs.incidents.block import LINE_CHARACTERS_MAX, Incident
from daily_runs.incidents.describe import FailedTask, incident_of
from daily_runs.incidents.incident_rows import AttemptFacts
from daily_runs.results.ruler_check import JUDGED, SAME_MEAN

CATALOGUE = catalogue_files.load()
TASK = FailedTask("duo_chat", "validation", "staging")
FACTS = AttemptFacts(
    attempt_id="a-1",
    run_key="duo_chat/staging/2026-08-17T06:00:00Z",
    asked=16,
    answered=5,
    failed=11,
    scored=4,
    failures={"answer_error_code at ai_gateway": 8, "rack_attack at gitlab": 2, "dropped at client": 1, "no at x": 1},
    blocked_by=["answered share"],
    spent_usd=1.234,
    missing_usd=0.5,
    again_usd=0.06,
)
OWNER = CATALOGUE.features["duo_chat"].owner
GATE = GateFailedError("duo_chat/staging/2026-08-17T06:00:00Z is quarantined, not published. answered share: 0.31.")


def test_a_blocked_gate_says_what_whose_how_much_and_which_form() -> None:
    assert incident_of(TASK, GATE, CATALOGUE, FACTS).lines() == [
        "WHAT     validation of duo_chat in staging failed: duo_chat/staging/2026-08-17T06:00:00Z is",
        "         quarantined, not published. answered share: 0.31. Prompts: 16 asked, 5 answered, 11",
        "         failed, 4 scored.",
        "CAUSE    answer_error_code at ai_gateway 8, rack_attack at gitlab 2, dropped at client 1, and 1",
        "         more",
        f"OWNER    {OWNER.dri} ({OWNER.team})",
        "MONEY    spent 1.23 USD so far by list price; what is missing will cost about 0.50 USD",
        "DO       Find out why it failed; once that is mended, rerun by the form.",
        'FORM     {"environment": "staging", "rerun": "missing_answers", "run": "2026-08-17T06:00:00Z"}',
        "RUNBOOK  /daily-runs/docs/runbooks/gate.md",
    ]


@pytest.mark.parametrize("failed", [[SAME_MEAN], [f"{JUDGED} on the day of each verdict"]])
def test_where_only_new_verdicts_help_the_form_asks_for_them_and_money_is_theirs(failed: list[str]) -> None:
    found = incident_of(TASK, GATE, CATALOGUE, FACTS._replace(blocked_by=failed))
    assert (found.form or {})["rerun"] == "judge_again"
    assert found.money.endswith("; a new verdict on each answer will cost about 0.06 USD")


@pytest.mark.parametrize(
    ("hop", "evidence", "said", "owner"),
    [
        (Hop.LOAD_BALANCER, "status 503", "load_balancer, certain", "infrastructure (owns load_balancer in staging)"),
        (Hop.GITLAB, "status 429; likely, not certain", "gitlab, likely", "infrastructure (owns gitlab in staging)"),
        (Hop.MODEL_VENDOR, "status 529", "model_vendor, certain", "whoever holds the account at the model's vendor"),
        (Hop.UNKNOWN, "", "unknown: the evidence names none", "on-call of Daily Runs"),
        (Hop.CLIENT, "", "client, certain", "on-call of Daily Runs"),
    ],
)
def test_a_refused_call_names_the_hop_how_sure_that_is_and_its_owner(
    hop: Hop, evidence: str, said: str, owner: str
) -> None:
    error = CallError(hop, "a_kind", blame=Blame.PROVIDER, retryable=True, evidence=evidence)
    found = incident_of(TASK._replace(task="inference"), error, CATALOGUE, None)
    assert (found.hop, found.owner, found.runbook) == (said, owner, "/daily-runs/docs/runbooks/calls.md")
    assert (found.money, found.cause, found.form) == ("", "", None)


def test_a_task_that_airflow_tries_again_asks_nobody_for_anything() -> None:
    found = incident_of(TASK._replace(is_tried_again=True), GATE, CATALOGUE, FACTS)
    assert found.do == "Nothing yet: Airflow tries again by itself."
    assert found.form is None
    assert found.what.endswith("4 scored. It is tried again.")


def test_before_an_attempt_and_without_a_catalogue_what_is_known_is_said() -> None:
    error = CatalogueError("features/duo_chat.yaml:12", "owner: missing", "Add it.")
    found = incident_of(FailedTask("duo_chat", "plan"), error, None, None)
    assert found.lines()[0].startswith("WHAT     plan of duo_chat failed: features/duo_chat.yaml:12: owner: missing.")
    assert found.owner == "on-call of Daily Runs"


def test_an_error_that_is_none_of_ours_is_named_by_its_class() -> None:
    found = incident_of(TASK, ZeroDivisionError("division by zero"), CATALOGUE, None)
    assert "failed: ZeroDivisionError: division by zero." in found.what
    assert found.runbook == "/daily-runs/docs/runbooks/README.md"


def test_a_limit_has_the_owner_that_its_message_names_and_an_open_breaker_no_hop() -> None:
    assert incident_of(TASK, LimitTooLowError("…, owner: infrastructure"), CATALOGUE, None).owner == (
        "whom the message names"
    )
    error = CallError(Hop.CLIENT, "breaker_open", blame=Blame.PROVIDER, retryable=False)
    assert incident_of(TASK, error, CATALOGUE, None).hop == ""


def test_a_text_that_was_masked_is_the_one_that_is_shown() -> None:
    found = incident_of(TASK, RuntimeError("password=hunter2"), CATALOGUE, None, "password=***")
    assert "hunter2" not in " ".join(found.lines())
    assert "RuntimeError: password=***." in found.what
    assert "KeyboardInterrupt." in incident_of(TASK, KeyboardInterrupt(), None, None).what


@pytest.mark.parametrize("error", [SeedsMissingError, LimitTooLowError])
def test_no_price_is_unknown_and_not_nothing(error: type[Exception]) -> None:
    bare = FACTS._replace(spent_usd=None, missing_usd=None, again_usd=None)
    assert incident_of(TASK, error("why"), CATALOGUE, bare).money == "spent unknown so far by list price"


HOSTILE = "::group::x\x1b[31m\r\n::endgroup:: \u202eabc " + "y" * 300


@given(st.text(max_size=400) | st.just(HOSTILE))
def test_no_text_folds_the_log_or_steers_the_terminal_and_lines_are_short(text: str) -> None:
    found = Incident(what=f"a {text}", hop=text, cause=text, owner=text, money=text, do=text, runbook=text)
    for line in found.lines():
        assert "::" not in line
        assert re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", line) is None
        label, word = line[:9].rstrip(), line[9:]
        assert label in ("", "WHAT", "HOP", "CAUSE", "OWNER", "MONEY", "DO", "RERUN", "RUNBOOK")
        assert len(line) <= LINE_CHARACTERS_MAX or " " not in word.strip()


def test_the_form_is_json_that_airflow_takes() -> None:
    (line,) = (line for line in incident_of(TASK, GATE, CATALOGUE, FACTS).lines() if line.startswith("FORM"))
    assert json.loads(line[9:]) == {"environment": "staging", "rerun": "missing_answers", "run": "2026-08-17T06:00:00Z"}
