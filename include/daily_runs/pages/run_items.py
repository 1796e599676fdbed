"""The items of a run, each a part to open, with a form that shows some of them without asking the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daily_runs.results.dag_run.every_item_rows import EveryItem
from daily_runs.results.run_report.item_markup import inside, summary
from daily_runs.results.run_report.markup import ROWS_MAX, details, escaped, table
from daily_runs.results.run_report.sections import moved, score

LIST_ID = "items"
_SCORES = ("0.25", "0.5", "0.75", "0.9")
_FELL = ("-0.05", "-0.1", "-0.25", "-0.5")
WITHHELD = (
    "Questions, answers and the judge's reasons are shown to people who may read the logs of this DAG's tasks and may"
    " trigger it."
)


def run_items(found: EveryItem, *, with_texts: bool) -> list[str]:
    """The list with its form; without texts, a table of the scores and a sentence on who sees more."""
    if not found.items:
        return []
    shown = found.items if with_texts else found.items[:ROWS_MAX]
    more = found.left_out + len(found.items) - len(shown)
    left_out = f'<p class="left-out">{more:,} items left out</p>' if more else ""
    if not with_texts:
        return ["<h2>Items</h2>", f'<p class="note">{escaped(WITHHELD)}</p>', _scores(shown), left_out]
    parts = "".join(_part(item) for item in found.items)
    note = "Items without a score first, then the worst. Of each item the answer whose score is nearest to its mean."
    return [
        "<h2>Items</h2>",
        f'<p class="note">{note}</p>',
        _form(found.items),
        f'<div id="{LIST_ID}">{parts}</div>',
        left_out,
    ]


def _form(items: Sequence[Mapping[str, Any]]) -> str:
    classes = sorted({item["item_class"] for item in items if item["item_class"]})
    statuses = sorted({item["status"] for item in items})
    fields = [
        _select("class", "Class", [(name, name) for name in classes]),
        _select("status", "Status", [(name, name) for name in statuses]),
        _select("score", "Score", [(limit, f"at most {limit}") for limit in _SCORES], at_most=True),
        _select("change", "Change", [(limit, f"fell by {limit[1:]} or more") for limit in _FELL], at_most=True),
    ]
    said = '<p role="status"></p>'
    return f'<form data-filter="{LIST_ID}" hidden aria-label="Which items to show">{"".join(fields)}{said}</form>'


def _select(name: str, label: str, options: Sequence[tuple[str, str]], *, at_most: bool = False) -> str:
    shown = "".join(f'<option value="{escaped(value)}">{escaped(text)}</option>' for value, text in options)
    kind = " data-at-most" if at_most else ""
    return f'<label>{label}<select name="{name}"{kind}><option value="">all</option>{shown}</select></label>'


def _part(item: Mapping[str, Any]) -> str:
    status = item["status"] if item["status"] != "scored" else ""
    failures = ", ".join(item["failures"])
    more = f"; {failures}" if failures else ""
    named = f"{summary(item, 'this run', 'reference run')}{escaped(f' {status}{more}') if status or more else ''}"
    data = {"class": item["item_class"], "status": item["status"], "score": item["mean"], "change": item["change"]}
    known = "".join(f' data-{name}="{escaped(value)}"' for name, value in data.items() if value is not None)
    return f"<div data-part{known}>{details(named, inside(item, 'this run', 'reference run'))}</div>"


def _scores(items: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            item["item_id"],
            item["item_class"],
            item["status"],
            score(item["mean"]),
            moved(item["change"]),
            ", ".join(item["failures"]),
        ]
        for item in items
    ]
    return table(("item", "class", "status", "score", "change", "failures"), rows)
