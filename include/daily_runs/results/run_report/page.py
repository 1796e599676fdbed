"""A run's report as one HTML file that loads nothing from anywhere: a function of the report's model alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daily_runs.results.run_report import sections, series_chart
from daily_runs.results.run_report.item_markup import item_list
from daily_runs.results.run_report.markup import details, document, escaped, provenance_notice, table
from daily_runs.results.run_report.ruler_rows import RulerState
from daily_runs.results.run_report.sections import Section
from daily_runs.results.run_report.whisker import whiskers
from daily_runs.statuses import Rerun

SENTENCE_CHARACTERS_MAX = 2_000


def page(report: Mapping[str, Any]) -> str:
    """The whole file."""
    parts = [
        *verdict(report),
        *scores(report),
        *_items(report),
        *(shown(section) for section in sections.operations(report)),
        *measured_with(report),
        again(report),
    ]
    return document(title(report), [part for part in parts if part])


def verdict(report: Mapping[str, Any]) -> list[str]:
    """What a reader must know first: whose scores these are, whether they are published, and the verdict."""
    return [
        provenance_notice(report["run"]["provenance"]),
        *([] if report["published"] else ['<p class="notice">This attempt is not published: no reader sees it.</p>']),
        f'<p class="verdict">{escaped(report["headline"], SENTENCE_CHARACTERS_MAX)}</p>',
        _when(report),
    ]


def scores(report: Mapping[str, Any]) -> list[str]:
    """The figures with what stands behind them, the series, classes and criteria, and other runs."""
    return [
        _overview(report),
        *(_ruler_check(report) if _is_in_doubt(report) else []),  # what a reader came for
        *series_parts(report["series"], report["run"]["run_key"], among=report["published"]),
        _parts(report),
        shown(sections.others(report)),
    ]


def measured_with(report: Mapping[str, Any]) -> list[str]:
    """The ruler, whether it is still the same, and the run's attempts."""
    checked = [] if _is_in_doubt(report) else _ruler_check(report)
    return [shown(sections.ruler(report)), *checked, shown(sections.attempts(report))]


def _is_in_doubt(report: Mapping[str, Any]) -> bool:
    check = report["ruler_check"]
    return check is not None and check["state"] in (RulerState.MOVED, RulerState.UNKNOWN)


def title(report: Mapping[str, Any]) -> str:
    """The run, whether it is one of the sandbox, and whether anybody else sees it."""
    run = report["run"]
    published = "" if report["published"] else ", not published"
    return f"{run['run_key']} ({run['provenance']}{published})"


def _when(report: Mapping[str, Any]) -> str:
    run = report["run"]
    if report["published"]:
        at = f"published {run['published_at'][:16].replace('T', ' ')} UTC"
    else:
        at = f"started {run['started_at'][:16].replace('T', ' ')} UTC"
    return f'<p class="note">{escaped(run["kind"])} run, attempt {escaped(run["attempt_id"])}, {escaped(at)}</p>'


def shown(section: Section) -> str:
    """A table under its heading; nothing if it has no rows."""
    if not section.rows:
        return ""
    note = f'<p class="note">{escaped(section.note)}</p>' if section.note else ""
    return f"<h2>{escaped(section.title)}</h2>{note}{table(section.header, section.rows)}"


def _overview(report: Mapping[str, Any]) -> str:
    """The figures, and beside them what stands behind them, so that the series is in sight at once."""
    figures = shown(sections.figures(report)) + shown(sections.providers(report))
    return f'<div class="pair"><div>{figures}</div><div>{_gate(report)}{shown(sections.changed(report))}</div></div>'


def _gate(report: Mapping[str, Any]) -> str:
    """Open where something failed: then it is what a reader came for."""
    section = sections.gate(report)
    if not section.rows:
        return ""
    failed = sum(not one["passed"] for one in report["gate_results"])
    said = f"{failed} of {len(section.rows)} expectations failed" if failed else f"all {len(section.rows)} passed"
    check = report["ruler_check"]
    judge = f"<p>{sections.RULER_CHECK} {escaped(check['said'])}.</p>" if check else ""
    return f"<h2>Gate</h2>{details(escaped(said), table(section.header, section.rows), is_open=bool(failed))}{judge}"


def series_parts(series: Mapping[str, Any], run_key: str, *, among: bool, this: str = "this run") -> list[str]:
    """The picture of a series with what changed, its alarms and its table; nothing where no run is published.

    Args:
        run_key: the run that the picture marks.
        among: whether that one is published.
        this: what that run is to the reader.
    """
    picture = series_chart.chart(series, run_key)
    if not picture:
        return []
    told = {"series": series}
    whole = sections.series(told, listed=len(series["runs"]))
    left_out = f" {series['left_out']} earlier runs are left out." if series["left_out"] else ""
    return [
        "<h2>Series</h2>",
        f'<p class="note">{_how_to_read(series, this if among else "")}{left_out}</p>',
        picture,
        _changes(series["runs"]),
        shown(sections.alarms(told)),
        details("The series as a table", table(whole.header, whole.rows)),
    ]


def _how_to_read(series: Mapping[str, Any], this: str) -> str:
    said = "Mean of each run with its 95 % interval."
    said += f" Diamond: {this}." if this else " This attempt is not among them."
    if series["reference"]:
        said += " Rings: the reference; dashed line: its mean; band: from the lowest to the highest of its means."
    if series["alarms"]:
        said += " Triangle: where an alarm began, filled while one is open."
    if series_chart.changed_runs(series["runs"]):
        said += " Dotted lines: something changed."
    if len({run["stream"] for run in series["runs"]}) > 1:
        said += " Runs that are not joined were measured with different rulers."
    return said


def _changes(runs: Sequence[Mapping[str, Any]]) -> str:
    entries = []
    for run in series_chart.changed_runs(runs):
        told = ", ".join(
            f"{one['what']} {sections.short(one['then'])} → {sections.short(one['now'])}" for one in run["changed"]
        )
        entries.append(f"<li>{escaped(run['logical_date'][:10])}: {escaped(told)}</li>")
    return f"<h3>What changed</h3><ol>{''.join(entries)}</ol>" if entries else ""


def _parts(report: Mapping[str, Any]) -> str:
    section = sections.parts(report)
    if not section.rows:
        return ""
    drawn = whiskers(report["parts"])
    note = (
        f"{section.note} The line at the right is the difference; the long stroke is zero." if drawn else section.note
    )
    rows = table(section.header, section.rows, drawn)
    return f'<h2>{section.title}</h2><p class="note">{escaped(note)}</p>{rows}'


def _items(report: Mapping[str, Any]) -> list[str]:
    found = []
    for name, key in (("Worst items", "worst_items"), ("Most changed items", "changed_items")):
        if report[key]:
            found += [f"<h2>{name}</h2>", item_list(report[key], "this run", "reference run")]
    return found


def _ruler_check(report: Mapping[str, Any]) -> list[str]:
    found = report["ruler_check"]
    section = sections.ruler_check(report)
    if found is None:
        return []
    parts = [f"<h2>{section.title}</h2>", f'<p class="note">{FROZEN}</p>', table(section.header, section.rows)]
    if not found["days"]:
        return parts
    picture = series_chart.ruler_chart(found)
    days = sections.ruler_days(report)
    left_out = f" {found['left_out']} earlier days are left out." if found["left_out"] else ""
    note = f'<p class="note">{RULER_PICTURE if picture else NO_SHIFT}{left_out}</p>'
    return [*parts, note, picture, details("The frozen answers by day, as a table", table(days.header, days.rows))]


FROZEN = (
    "Frozen answers are texts of known quality that never change. The judge scores them once a day. If their scores"
    " move, the judge moved, and not the feature."
)
RULER_PICTURE = (
    "Shift of the frozen answers' mean score against the first days of this ruler, with its 99.8 % interval. Band: the"
    " tolerance. Rings: first days. Diamond: the day of this run. ✕ at the top: the check failed on that day."
)
NO_SHIFT = (
    "No shift is known by day: there is no earlier day, or the rubric of this run is no longer among the feature's."
)


def again(report: Mapping[str, Any]) -> str:
    """How to ask again, or to judge again: the command, and the fields of Airflow's form."""
    rows = [[name, value] for name, value in report["rerun_form"].items()]
    judges = report["rerun_form"]["rerun"] == Rerun.JUDGE_AGAIN
    return (
        f"<h2>To {'have its answers judged again' if judges else 'ask again what has no answer'}</h2>"
        f"<p>On the command line: <code>{escaped(report['rerun'])}</code></p>"
        f"<p>In Airflow: trigger <code>{escaped(report['rerun_dag'])}</code> with these fields of its form:</p>"
        f"{table(('field', 'value'), rows)}"
    )
