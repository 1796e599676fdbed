"""The page *Run*: one DAG run, verdict first. Its figures are a report's own model and sections (`run_report`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daily_runs.pages.frame import airflow_link, link
from daily_runs.pages.links import PageLinks, dag_of
from daily_runs.pages.run_items import run_items
from daily_runs.pages.run_timeline import timeline
from daily_runs.pages.tables import MarkedRow, grid
from daily_runs.readiness.limits.table import NOT_TOLD, figure
from daily_runs.readiness.today import DagRunSeen, RunToday
from daily_runs.results.dag_run.every_item_rows import EveryItem
from daily_runs.results.run_report import page, sections
from daily_runs.results.run_report.markup import escaped, table
from daily_runs.results.run_report.sections import interval

_REASON_MAX = 2_000
Row = Mapping[str, Any]


class RunShown(NamedTuple):
    """What is known of the attempt that the page is about.

    Attributes:
        report: `run_report.report_rows.read`, without its lists of items.
        items: all of them; without texts if `with_texts` is false.
        limits, pace: what its limit probe found, and how its prompts went out (`dag_run_rows`).
    """

    report: Mapping[str, Any]
    items: EveryItem
    limits: Sequence[Row]
    pace: Row
    with_texts: bool


class RunFound(NamedTuple):
    """A DAG run: what it came to, its attempts, and the one that is shown (None: it opened none).

    `run.seen`: None where Airflow has forgotten it.
    """

    feature: str
    run: RunToday
    shown: RunShown | None
    now: dt.datetime


def run_title(found: RunFound) -> str:
    """Feature, environment and date of the run; its id where it has no attempt."""
    if found.shown is None:
        return f"{found.feature}: {found.run.run_id}"
    return str(found.shown.report["run"]["run_key"])


def run_parts(found: RunFound, links: PageLinks) -> list[str]:
    """The page's content."""
    if found.shown is None:
        return _without_attempt(found, links)
    report, seen = found.shown.report, found.run.seen
    run = report["run"]
    parts = [
        *page.verdict(report),
        _airflow_says(found),
        _ways(found, links),
        _arms(found, links),
        timeline(seen, report["stages"], run["environment"], links, found.now),
        _counts(run),
        *(page.shown(section) for section in sections.operations(report)[:2]),
        *page.scores(report),
        *_quota(found.shown),
        page.shown(sections.cost(report)),
        *run_items(found.shown.items, with_texts=found.shown.with_texts),
        *page.measured_with(report),
        page.again(report),
    ]
    return [part for part in parts if part]


def _without_attempt(found: RunFound, links: PageLinks) -> list[str]:
    """A run that has asked nothing, or not yet."""
    state, why = str(found.run.state).replace("_", " "), found.run.why
    said = f"{state}{': ' + why if why else ''}"
    parts = [
        f'<p class="verdict">{escaped(said, _REASON_MAX)}</p>',
        _ways(found, links),
        timeline(found.run.seen, {}, "", links, found.now),
    ]
    return [part for part in parts if part]


def _airflow_says(found: RunFound) -> str:
    """Where the store alone would mislead: an attempt that nobody works on any more, or a task that failed."""
    if found.run.seen is None or found.run.seen.state != "failed":
        return ""
    return f'<p class="notice">Airflow says that this run failed. {escaped(found.run.why, _REASON_MAX)}</p>'


def _ways(found: RunFound, links: PageLinks) -> str:
    """Where a reader goes from here."""
    dag_id, run_id = dag_of(found.feature), found.run.run_id
    ways = [link(links.rerun(dag_id, run_id), "Rerun …"), link(links.feature(found.feature), "Series of the feature")]
    if found.run.seen is not None:
        ways.insert(0, airflow_link(links.airflow_run(dag_id, run_id), "This run in Airflow"))
        ways += [airflow_link(address, f"Log of {name}") for name, address in _failed_logs(found.run.seen, links)]
    if found.shown is not None and found.shown.report["published"]:
        key = found.shown.report["run"]["run_key"]
        ways.append(link(links.compare(first=key), "Compare with another run"))
        views = (("items_v1", "Items as CSV"), ("results_v1", "Results as CSV"))
        ways += [link(links.export(dag_id, run_id, view, key), name) for view, name in views]
    return f'<ul class="ways screen">{"".join(f"<li>{way}</li>" for way in ways)}</ul>'


def _failed_logs(seen: DagRunSeen, links: PageLinks) -> list[tuple[str, str]]:
    """Of each task that failed, the first one's log."""
    found = {task.task_id: task for task in reversed(seen.failed_tasks)}
    dag_id = dag_of(seen.feature)
    return [(name, links.task_log(dag_id, seen.run_id, name, task.map_index)) for name, task in reversed(found.items())]


def _arms(found: RunFound, links: PageLinks) -> str:
    """The run's attempts, where there are several: the page shows one of them."""
    attempts, shown = found.run.attempts, found.shown
    if len(attempts) < 2 or shown is None:
        return ""
    rows = []
    for one in attempts:
        attempt_id, is_shown = str(one["attempt_id"]), str(one["attempt_id"]) == str(shown.report["run"]["attempt_id"])
        address = links.run(dag_of(found.feature), found.run.run_id) + f"?attempt={attempt_id}"
        name = f"{one['environment']}, {one['outcome']}"
        mean = interval(one["item_mean"], one["item_mean_low"], one["item_mean_high"])
        verdict = (one["verdict"] or "–").replace("_", " ")
        rows.append(
            MarkedRow([f"<b>{escaped(name)}</b>, shown below" if is_shown else link(address, name), verdict, mean])
        )
    return grid("Attempts of this DAG run", ("attempt", "verdict", "mean [95 %]"), rows)


def _counts(run: Row) -> str:
    """Counts that add up: each line's left side is the sum of its right one."""
    known = {name: int(run.get(name) or 0) for name in ("asked", "answered", "failed", "scored", "unscored")}
    open_prompts = known["asked"] - known["answered"] - known["failed"]
    open_answers = known["answered"] - known["scored"] - known["unscored"]
    asked = [known["answered"], known["failed"], open_prompts]
    answered = [known["scored"], known["unscored"], open_answers]
    rows = [
        [f"{known['asked']:,} prompts asked", _sum(asked, ("answered", "failed", "without an answer yet"))],
        [f"{known['answered']:,} answered", _sum(answered, ("scored", "unscored", "not judged yet"))],
    ]
    return f"<h2>Counts</h2>{table(('', 'are'), rows)}"


def _sum(numbers: Sequence[int], names: Sequence[str]) -> str:
    return " + ".join(f"{number:,} {name}" for number, name in zip(numbers, names, strict=True))


def _quota(shown: RunShown) -> list[str]:
    """What the path allowed, and how the prompts went out."""
    pace = shown.pace
    told = f"{pace['sent']:,} prompts sent in {pace['tries']:,} tries by {pace['users']} evaluation users"
    if pace["first_sent"] and pace["last_sent"]:
        told += f", from {pace['first_sent']:%H:%M:%S} to {pace['last_sent']:%H:%M:%S} UTC"
    rows = [
        [
            "binds" if one["binds"] else "",
            f"{one['hop']}: {one['limit_name']}",
            figure(one["needed"]),
            NOT_TOLD if one["allowed"] is None else figure(one["allowed"]),
            one["unit"],
            one["verdict"].replace("_", " "),
            one["owner"],
        ]
        for one in shown.limits
    ]
    header = ("", "limit", "needed", "allowed", "unit", "verdict", "owner")
    return ["<h2>Quota</h2>", f"<p>{escaped(told)}.</p>", table(header, rows) if rows else ""]
