"""The pages *Rerun*, *Feature*, *Quota* and *Compare* as functions of their models: whatever texts these hold."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import pytest
from tests.unit.pages.hostile import HOSTILE, must_be_harmless

from daily_runs.capacity.quota_status import QuotaStatus, tables
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import ParameterError
from daily_runs.incidents.incident_rows import AttemptFacts
from daily_runs.pages import compare_page, feature_page, quota_page, rerun_form, rerun_page
from daily_runs.pages.compare_page import Compared
from daily_runs.pages.frame import PageFrame
from daily_runs.pages.links import PageLinks
from daily_runs.pages.rerun_form import Ordered
from daily_runs.pages.rerun_page import RerunView
from daily_runs.quota.month_budget import MonthBudget
from daily_runs.results.ruler_check import SAME_MEAN
from daily_runs.runs import trigger_form
from daily_runs.runs.trigger_form import Form
from daily_runs.stages.orders.explanation import Explanation, PromisedWork
from daily_runs.store.database import Store

LINKS = PageLinks("/airflow")
CATALOGUE = catalogue_files.load()
NOW = dt.datetime(2026, 8, 17, 6, tzinfo=dt.UTC)
WORK = PromisedWork(6, 2, 0, 4, 0, 4, 0, 2, 0, 0)
EXPLAINED = Explanation(
    "duo_chat/staging/2026-08-17", "missing_answers", "an-id", False, None, WORK, 1.0, 0.5, "live", None
)
MONTH = MonthBudget(40.0, 50.0)


def facts(text: str) -> AttemptFacts:
    failures, blocked_by = {text: 2, "another": 1}, [text]
    return AttemptFacts("an-id", text, 6, 4, 2, 4, failures, blocked_by, 1.0, 0.5, 0.2)


def rerun(text: str, *, refusal: str = "") -> str:
    """The page, with a text wherever a run or a person may have written one."""
    fields = trigger_form.fields(CATALOGUE, CATALOGUE.features["duo_chat"])
    values = dict.fromkeys(Form._fields, text)
    explained = [] if refusal else [EXPLAINED._replace(run=text, taken_from=text, ends=text)]
    view = RerunView("daily_runs_duo_chat", text, [facts(text)], fields, Ordered(values, None, explained, refusal), "t")
    return PageFrame(LINKS, f"Rerun {text}").document(rerun_page.parts(view, LINKS))


def quota(text: str) -> str:
    row: dict[str, Any] = {
        **dict.fromkeys(("limit_name", "lane", "account", "holder", "provider", "reason", "state"), text),
        **dict.fromkeys(("window_name", "evaluation_user"), text),
        **dict.fromkeys(("per_minute", "ours_per_minute", "whole_per_minute", "others_per_minute", "used"), 2.0),
        **dict.fromkeys(("level_share", "factor", "held_seconds", "share", "use", "waits_seconds"), 1.0),
        **dict.fromkeys(("refusals", "priority", "promised", "in_flight", "calls", "allowed", "faults"), 1),
        **dict.fromkeys(("reopenings", "input_tokens", "output_tokens", "cached_input_tokens"), 1),
        **dict.fromkeys(("spent", "waits", "awake"), False),
        "seen_per_minute": None,
        "since": NOW,
        "minute": NOW,
    }
    found = QuotaStatus(1.0, *([row] for _ in range(6)))
    return PageFrame(LINKS, "Quota", "quota").document(quota_page.parts(found))


def feature(text: str, month: MonthBudget | None = None) -> str:
    figure = {"provider": text, "mean": 0.7, "low": 0.6, "high": 0.8}
    run: dict[str, Any] = {
        "run_key": text,
        "logical_date": "2026-08-16T06:00:00Z",
        "verdict": text,
        "figures": [figure, figure],
    }
    run |= {"stream": "a", "in_reference": False, "changed": [{"what": text, "then": text, "now": text}]}
    alarm = {"alarm_id": 1, "kind": text, "since": "2026-08-16", "since_run_key": text, "reason": text, "state": text}
    alarm |= {"worst_class": text, "resolved_by": text, "resolution": text}
    part = {"name": text, "kind": "class", "items": 3, "mean": 0.7, "mean_low": 0.6, "mean_high": 0.8, "verdict": text}
    cost = {"stage": text, "model": text, "basis": text, "calls": 1, "input_tokens": 1, "output_tokens": 1, "usd": 1.0}
    found = {
        "feature": "duo_chat",
        "title": text,
        "owner": {"dri": text, "team": text},
        "environment": text,
        "environments": [{"environment": text}, {"environment": "another"}],
        "days": 90,
        "run": {**run, "verdict_reason": text, "provenance": "sandbox"},
        "series": {"runs": [run], "left_out": 2, "reference": None, "alarms": [alarm]},
        "parts": [part],
        "cost": {"runs": 1, "rows": [{**cost, "prices_as_of": text}], "usd": 1.0},
    }
    return PageFrame(LINKS, text).document(feature_page.parts(found, LINKS, month))


def compare(text: str) -> str:
    asked = Compared(text, text, text)
    refusal = ParameterError(text, text, text)
    parts = compare_page.parts(asked, None, with_answers=True, refusal=refusal)
    return PageFrame(LINKS, text, "compare").document(parts)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("page", [rerun, quota, feature, compare], ids=lambda page: page.__name__)
def test_whatever_a_text_says_it_is_text(page: Any, text: str) -> None:
    must_be_harmless(page(text), airflow="/airflow")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_refusal_is_text_too_and_leaves_no_button(text: str) -> None:
    shown = rerun("x", refusal=text)
    must_be_harmless(shown, airflow="/airflow")
    assert "Start this run" not in shown


def test_every_field_has_a_label_of_its_own_and_a_help_that_belongs_to_it() -> None:
    shown = rerun("x")
    for name in Form._fields:
        assert f'<label for="{name}">' in shown
        assert f'id="{name}" name="{name}" aria-describedby="{name}-help"' in shown
        assert f'id="{name}-help"' in shown
    ids = must_be_harmless(shown, airflow="/airflow").ids
    assert len(ids) == len(set(ids))


def test_what_is_spent_stands_beside_the_counts() -> None:
    shown = rerun("x")
    assert "2 of 6 prompts are asked, 4 answers are reused, at most 2 are judged: at most about 1.50 USD." in shown
    assert shown.index("at most about 1.50 USD") < shown.index("Start this run")


def test_the_page_of_a_feature_says_how_its_month_stands() -> None:
    assert f"· {MONTH}</p>" in feature("x", MONTH)
    assert "spent this month" not in feature("x")


@pytest.mark.parametrize(
    "now",
    [
        EXPLAINED._replace(run="duo_chat/production/2026-08-17"),
        EXPLAINED._replace(provenance="sandbox"),
        EXPLAINED._replace(ask_usd=2.0),
        EXPLAINED._replace(work=WORK._replace(ask=3)),
    ],
)
def test_a_form_is_sealed_for_where_it_goes_what_it_does_and_what_it_costs(now: Explanation) -> None:
    shown = Ordered(dict.fromkeys(Form._fields, ""), None, [EXPLAINED], "")
    assert shown._replace(explanations=[now]).seal != shown.seal
    assert shown._replace(explanations=[EXPLAINED._replace()]).seal == shown.seal


def arm(environment: str, blocked_by: str) -> AttemptFacts:
    return facts(blocked_by)._replace(run_key=f"duo_chat/{environment}/2026-08-17T06:00:00Z", blocked_by=[blocked_by])


@pytest.mark.parametrize(
    ("blocked_by", "environment", "rerun"),
    [
        (("answered share", "answered share"), "auto", "missing_answers"),
        ((SAME_MEAN, SAME_MEAN), "auto", "judge_again"),
        ((SAME_MEAN, "answered share"), "production", "judge_again"),
        (("answered share", SAME_MEAN), "production", "missing_answers"),
    ],
)
def test_two_arms_are_done_again_at_once_only_where_the_same_mends_both(
    blocked_by: tuple[str, str], environment: str, rerun: str
) -> None:
    arms = [arm("production", blocked_by[0]), arm("staging", blocked_by[1])]
    form = rerun_form.proposed(cast(Store, None), "duo_chat", "a-run", arms)
    assert form == {"environment": environment, "rerun": rerun, "run": "2026-08-17T06:00:00Z"}


def test_the_whole_form_goes_into_the_configuration_and_what_is_empty_is_null() -> None:
    conf = rerun_form.conf_of(Form(run="2026-08-17"))
    assert conf == {
        "environment": "auto",
        "prompts": None,
        "only": None,
        "rerun": "all",
        "rubric_version": None,
        "run": "2026-08-17",
        "override_gate": None,
        "note": None,
    }
    assert trigger_form.read(conf, conf) == Form(run="2026-08-17")


def test_each_table_of_the_quota_is_told_even_if_it_is_empty() -> None:
    found = QuotaStatus(1.0, [], [], [], [], [], [])
    assert quota_page.parts(found) == ["<p>The ledger is empty: no run has asked for a call yet.</p>"]
    one = found._replace(use=[{"minute": NOW, "account": "EVAL", "lane": "duo_chat", "calls": 1, "refusals": 0}])
    one.use[0].update(dict.fromkeys(("input_tokens", "output_tokens", "cached_input_tokens"), 1))
    assert len(quota_page.parts(one)) == len(tables(one)) == 6
    assert "".join(quota_page.parts(one)).count("<p>none</p>") == 5
