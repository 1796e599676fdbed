"""A comparison as tables for the terminal, and as one HTML file that loads nothing: functions of its model alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daily_runs.results.merge_gate.decision import WHOLE
from daily_runs.results.merge_gate.documents import title as part_title
from daily_runs.results.quality import CRITERION
from daily_runs.results.run_report.item_markup import item_list
from daily_runs.results.run_report.markup import document, escaped, provenance_notice, table
from daily_runs.results.run_report.page import SENTENCE_CHARACTERS_MAX
from daily_runs.results.run_report.sections import Section, between, interval, items, score, short
from daily_runs.results.run_report.whisker import whiskers

SAME_RULER = "The same ruler: data set, prompts, rubric, judge."


def title(found: Mapping[str, Any]) -> str:
    """Both sides, and whether one of them is of the sandbox."""
    baseline = found["baseline"]
    first = baseline[-1] if len(baseline) == 1 else f"reference of {len(baseline)} runs"
    return f"{found['candidate']} against {first} ({_provenance(found)})"


def treatment(found: Mapping[str, Any]) -> str:
    """What the comparison is about, and what else differs or does not."""
    about = found["treatment"]
    told = f"Treatment: {about['name']} {about['from']} → {about['to']}."
    besides = ", ".join(f"{one['what']} {short(one['then'])} → {short(one['now'])}" for one in found["besides"])
    told += f" Also not the same: {besides}." if besides else ""
    return told if found["ruler_differs"] else f"{told} {SAME_RULER}"


def in_text(found: Mapping[str, Any]) -> list[Section]:
    """Every table that has rows."""
    sections = [
        _sides(found),
        _ruler(found),
        _parts(found),
        items("Most changed items", found["changed_items"], ("A", "B")),
    ]
    return [section for section in sections if section.rows]


def page(found: Mapping[str, Any]) -> str:
    """The whole file."""
    return document(title(found), parts(found, with_answers=True))


def parts(found: Mapping[str, Any], *, with_answers: bool) -> list[str]:
    """Everything below the title; without answers, the most changed items have their figures only."""
    shown = [
        provenance_notice(_provenance(found)),
        f'<p class="verdict">{escaped(found["headline"], SENTENCE_CHARACTERS_MAX)}</p>',
        f"<p>{escaped(treatment(found), SENTENCE_CHARACTERS_MAX)}</p>",
        _shown(_sides(found)),
        _shown(_ruler(found)),
        _shown(_parts(found), whiskers(_ordered(found))),
    ]
    if found["changed_items"] and with_answers:
        shown += ["<h2>Most changed items</h2>", item_list(found["changed_items"], "B", "A")]
    elif found["changed_items"]:
        shown.append(_shown(items("Most changed items", found["changed_items"], ("A", "B"))))
    return [part for part in shown if part]


def _provenance(found: Mapping[str, Any]) -> str:
    kinds = {run["provenance"] for run in found["runs"]}
    return "sandbox" if "sandbox" in kinds else ", ".join(sorted(kinds))


def _sides(found: Mapping[str, Any]) -> Section:
    rows = []
    for run in found["runs"]:
        side = "B" if run["run_key"] == found["candidate"] else "A"
        for one in run["figures"]:
            mean = interval(one["estimate"], one["low"], one["high"])
            rows.append([side, run["run_key"], one["provider"], mean, between(one["worst"], one["best"])])
    note = "At the right: what the mean would be if every missing answer had scored 0, and if it had scored 1."
    return Section("Both sides", ("", "run", "provider", "mean [95 %]", "missing at 0, at 1"), rows, note)


def _ruler(found: Mapping[str, Any]) -> Section:
    rows = [[one["what"], short(one["then"]), short(one["now"])] for one in found["ruler_differs"]]
    note = "Scores of two rulers do not compare, so there is no difference."
    return Section("Two different rulers", ("what differs", "A", "B"), rows, note)


def _parts(found: Mapping[str, Any]) -> Section:
    rows = [
        [
            part_title(part["name"]),
            score(part["baseline"]),
            score(part["candidate"]),
            interval(part["estimate"], part["low"], part["high"], sign="+"),
            "regressed" if part["regressed"] else "",
        ]
        for part in _ordered(found)
    ]
    visible = found["smallest_visible_drop"]
    note = "B minus A, over the items that both scored."
    note += f" Smallest visible drop: {visible:.3f}." if visible is not None else ""
    return Section("Difference", ("", "A", "B", "difference [95 %]", "verdict"), rows, note)


def _ordered(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All items, then criteria, then classes, each group from the largest drop on."""
    return sorted(
        found["parts"],
        key=lambda part: (part["name"] != WHOLE, not part["name"].startswith(CRITERION), part["estimate"]),
    )


def _shown(section: Section, drawn: list[str] | None = None) -> str:
    if not section.rows:
        return ""
    rows = table(section.header, section.rows, drawn or ())
    return f'<h2>{escaped(section.title)}</h2><p class="note">{escaped(section.note)}</p>{rows}'
