"""Items side by side on a page: what was asked, both answers, and the judge's reasons of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daily_runs.results.run_report.markup import details, escaped, long_text
from daily_runs.results.run_report.sections import moved, score

ITEMS_OPEN = 1
"""Of a list; a reader opens the others."""
REASONS_CHARACTERS_MAX = 1_200


def item_list(items: Sequence[Mapping[str, Any]], here: str, other: str) -> str:
    """A part to open for each item; `here` and `other` name the two sides."""
    note = '<p class="note">Of each item the answer whose score is nearest to the item\'s mean.</p>'
    return note + "".join(
        details(summary(item, here, other), inside(item, here, other), is_open=number < ITEMS_OPEN)
        for number, item in enumerate(items)
    )


def summary(item: Mapping[str, Any], here: str, other: str) -> str:
    """An item in one line: its class and its scores on both sides."""
    before = f", {other} {score(item['reference_mean'])}, change {moved(item['change'])}"
    told = before if item["reference_mean"] is not None else ""
    of = f" · {escaped(item['item_class'])}" if item["item_class"] else ""
    return f"<b>{escaped(item['item_id'])}</b>{of}: {escaped(here)} {score(item['mean'])}{escaped(told)}"


def inside(item: Mapping[str, Any], here: str, other: str) -> str:
    """What was asked, what a good answer says where the model has it (`expected`), and both sides."""
    question = f"<p><b>Asked:</b> {escaped(item['question'])}</p>" if item["question"] else ""
    if item.get("expected"):
        question += details("What a good answer says", long_text(item["expected"]))
    counts = f"{item['answered']} answered, {item['scored']} scored, {item['failed']} failed"
    run = f" {escaped(item['reference_run'])}" if item["reference_run"] else ""
    sides = [_side(f"{escaped(here)} <small>({counts})</small>", item["here"])]
    if item["reference_run"]:  # what was before stands at the left
        sides.insert(0, _side(f"{escaped(other)} <small>{run}</small>", item["reference"]))
    return f'{question}<div class="pair">{"".join(sides)}</div>'


def _side(heading: str, answer: Mapping[str, Any] | None) -> str:
    if answer is None:
        return f"<section><h3>{heading}</h3><p>The answer is not kept.</p></section>"
    said = f"prompt {answer['prompt_id']}, score {score(answer['score'])}"
    return (
        f"<section><h3>{heading}</h3><p>{escaped(said)}</p>{long_text(answer['answer'])}"
        f"<h3>Judge's reasons</h3>{_verdict(answer)}</section>"
    )


def _verdict(answer: Mapping[str, Any]) -> str:
    if answer["reasons"] is None:
        return f"<p>{escaped('No verdict: ' + (answer['unscored_kind'] or 'not judged yet'))}</p>"
    points = ", ".join(f"{name} {value}" for name, value in sorted(answer["points"].items()))
    more = f" (the first of {answer['verdicts']} verdicts)" if answer["verdicts"] > 1 else ""
    return f"<p>{escaped(points)}{more}</p>{long_text(answer['reasons'], REASONS_CHARACTERS_MAX)}"
