"""A feature's report as markup: a function of its model alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daily_runs.results.feature_report.feature_rows import COST_RUNS
from daily_runs.results.run_report import sections
from daily_runs.results.run_report.markup import escaped, provenance_notice, table
from daily_runs.results.run_report.page import SENTENCE_CHARACTERS_MAX, series_parts
from daily_runs.results.run_report.sections import Section
from daily_runs.results.run_report.whisker import whiskers

NO_RUN = "No run of this feature is published yet."
WORST_MAX = 8
"""So many classes, the lowest first."""


def title(found: Mapping[str, Any]) -> str:
    """The feature, where, and whether the rows are a sandbox's."""
    provenance = f" ({found['run']['provenance']})" if found["run"] else ""
    where = f" in {found['environment']}" if found["environment"] else ""
    return f"{found['title']}{where}{provenance}"


def parts(found: Mapping[str, Any]) -> list[str]:
    """Everything below the title."""
    run = found["run"]
    if run is None:
        return [f"<p>{NO_RUN}</p>"]
    newest = f"Newest run, {run['logical_date'][:10]}: {run['verdict_reason'] or 'no verdict'}"
    shown = [
        provenance_notice(run["provenance"]),
        f'<p class="verdict">{escaped(newest, SENTENCE_CHARACTERS_MAX)}</p>',
        *series_parts(found["series"], run["run_key"], among=True, this="the newest run"),
        _no_alarm(found),
        _classes(found),
        _cost(found),
    ]
    return [part for part in shown if part]


def _no_alarm(found: Mapping[str, Any]) -> str:
    return (
        "" if found["series"]["alarms"] else '<p class="note">No alarm is open, and none was raised in these days.</p>'
    )


def _classes(found: Mapping[str, Any]) -> str:
    worst = [part for part in found["parts"] if part["kind"] == "class"][:WORST_MAX]
    section = sections.parts({"parts": worst})
    if not section.rows:
        return ""
    drawn = whiskers(worst)
    note = f"Of the newest run. {section.note}"
    rows = table(section.header, section.rows, drawn)
    return f'<h2>Worst classes</h2><p class="note">{escaped(note)}</p>{rows}'


def _cost(found: Mapping[str, Any]) -> str:
    cost, runs = found["cost"], found["cost"]["runs"]
    section = sections.cost({"cost": cost, "run": found["run"]})
    if not section.rows:
        return ""
    each = "" if cost["usd"] is None else f" {sections.usd(cost['usd'] / runs)} USD a run."
    which = f"the newest {runs} runs" if runs == COST_RUNS else f"all {runs} runs"
    shown = Section(f"Cost of {which}", section.header, section.rows, section.note + each)
    return f'<h2>{escaped(shown.title)}</h2><p class="note">{escaped(shown.note)}</p>{table(shown.header, shown.rows)}'
