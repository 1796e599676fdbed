"""The texts that receivers get: a subject, and a few lines with a label each, the most important first. Pure."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.incidents.remedies import ON_CALL
from daily_runs.input_files import printable
from daily_runs.notices.incident import JUDGE, LATE, LIMITS, PATH, SEEDS, STORE, IncidentNow, Links
from daily_runs.statuses import IncidentKind, NoticeKind

WHAT_CHARACTERS_MAX = 400
MEMBERS_SHOWN_MAX = 10
NAME = "Daily Runs"

_UNPUBLISHED = "No result of this run is published; readers see the last good run."
_HOW_BAD: dict[IncidentKind, str] = {
    IncidentKind.GATE_BLOCKED: "The run is kept, but not published; readers see the last good run.",
    IncidentKind.RUN_FAILED: _UNPUBLISHED,
    IncidentKind.HOP_FAILED: "Runs that need this fail or stand still, and their results are not published.",
    IncidentKind.RUN_LATE: "Results come later than usual.",
    IncidentKind.ALARM: "Results are published, and readers see the lower scores.",
    IncidentKind.READINESS_LOST: "Runs planned there wait, go to production or are skipped, as the feature's"
    " `when_not_ready` says.",
    IncidentKind.BUDGET: "Runs go on. From 110 % of the budget on, no new run starts.",
}
_BUDGET_SPENT = "No new run of the feature starts before the month is over or the budget is raised."


class NoticeText(NamedTuple):
    """One message. `body`: lines, each `Label: text`, or plain."""

    subject: str
    body: str


def of_incident(incident: IncidentNow, kind: NoticeKind, catalogue: Catalogue) -> NoticeText:
    """The message that an incident began, got worse, or is over."""
    what = _subject(incident, catalogue)
    if kind is NoticeKind.OVER:
        return NoticeText(f"{NAME}, over: {what}", _lines(_over(incident, catalogue)))
    worse = ", worse" if kind is NoticeKind.WORSE else ""
    return NoticeText(f"{NAME}{worse}: {what}", _lines(_begun(incident, catalogue)))


def store_is_away(problem: str, now: dt.datetime, links: Links) -> NoticeText:
    """The message that the store cannot be used, which cannot be kept in it; `problem`: as the store told it."""
    parts = {
        "What": f"The store (Postgres) cannot be used: {_short(problem)}",
        "Since": f"{_time(now)}, or some time before",
        "How bad": "Nothing is asked, judged or published meanwhile; what was stored is kept.",
        "Whose": ON_CALL,
        "Do": "Bring it back, then clear the failed tasks: they do only what is missing.",
        "Look": f"{links.base_url.rstrip('/')}/dags",
        "Runbook": "docs/runbooks/store.md",
    }
    return NoticeText(f"{NAME}: the store cannot be used", _lines(parts))


def store_is_back(since: dt.datetime, now: dt.datetime) -> NoticeText:
    """The message that it can be used again."""
    parts = {"From": _time(since), "Until": _time(now), "Do": "Clear the tasks that failed meanwhile."}
    return NoticeText(f"{NAME}, over: the store cannot be used", _lines(parts))


def _over(incident: IncidentNow, catalogue: Catalogue) -> dict[str, str]:
    return {
        "What it was": _short(incident.what),
        "From": _time(incident.begun_at),
        "Until": _time(incident.over_at or incident.begun_at),
        "Met by": _members(incident, catalogue),
        "Do": "Nothing more.",
        "Look": _link(incident),
    }


def _begun(incident: IncidentNow, catalogue: Catalogue) -> dict[str, str]:
    spent = incident.kind is IncidentKind.BUDGET and incident.level > 0
    return {
        "What": _short(incident.what),
        "Since": _time(incident.begun_at),
        "How bad": _BUDGET_SPENT if spent else _HOW_BAD[incident.kind],
        "Met by": _members(incident, catalogue),
        "Whose": incident.owner,
        "Do": incident.do.replace("clear this task", "clear the failed task"),  # no task is in sight here
        "Look": _link(incident),
        "Runbook": incident.page,
    }


def _subject(incident: IncidentNow, catalogue: Catalogue) -> str:
    """What it is, in a few words."""
    who = _who(incident, catalogue)
    where = incident.members[0].environment if incident.members else ""
    there = f"{who} in {where}" if where else who
    shared = {STORE: "the store is away", JUDGE: "the judge gives no verdicts"}.get(incident.key)
    if shared:
        return f"{shared} ({who})"
    place = incident.key.partition("/")[2]
    for begin, words in (
        (PATH, f"calls to {place} fail"),
        (LIMITS, f"limits of {place} are too low"),
        (SEEDS, f"{place} lacks seeds"),
        (LATE, f"runs in {place} are late"),
    ):
        if incident.key.startswith(begin):
            return f"{words} ({who})"
    return {
        IncidentKind.GATE_BLOCKED: f"the gate blocked {there}",
        IncidentKind.RUN_LATE: f"{there} is late",
        IncidentKind.ALARM: f"alarm over the quality of {there}",
        IncidentKind.READINESS_LOST: f"{where} is not ready any more for {who}",
        IncidentKind.BUDGET: f"{who} has spent its budget" if incident.level else f"{who} nears its budget",
    }.get(incident.kind, f"the run of {there} failed")


def _who(incident: IncidentNow, catalogue: Catalogue) -> str:
    names = [_title(name, catalogue) for name in incident.features]
    return names[0] if len(names) == 1 else f"{len(names)} features"


def _title(feature: str, catalogue: Catalogue) -> str:
    return catalogue.features[feature].title if feature in catalogue.features else feature


def _members(incident: IncidentNow, catalogue: Catalogue) -> str:
    """Who meets it."""
    told = []
    for member in incident.members[:MEMBERS_SHOWN_MAX]:
        where = f"{_title(member.feature, catalogue)}{f' in {member.environment}' if member.environment else ''}"
        sample = " (a sample or trial)" if member.sample else ""
        told.append(where + sample)
    left = len(incident.members) - len(told)
    return ", ".join(told) + (f", and {left} more" if left else "")


def _link(incident: IncidentNow) -> str:
    return next((member.link for member in incident.members if member.link), "")


def _lines(parts: dict[str, str]) -> str:
    return "\n".join(f"{label}: {printable(text)}" for label, text in parts.items() if text)


def _short(text: str) -> str:
    return text if len(text) <= WHAT_CHARACTERS_MAX else f"{text[:WHAT_CHARACTERS_MAX]} …"


def _time(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
