"""A run's report as one HTML file that loads nothing from anywhere; every text from a run is escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from daily_runs.input_files import printable

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0}"
    "td,th{padding:.2rem .8rem;border-bottom:1px solid #ccc;text-align:left}"
    "code{background:#eee;padding:.1rem .3rem}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Lets a browser load nothing and run no script, whatever an escaped text might have slipped in."""

Section = tuple[str, Sequence[str], Sequence[Sequence[str]]]


def sections(report: Mapping[str, Any]) -> list[Section]:
    """Title, header and rows of each table that has rows."""
    run, parts, latency = report["run"], report["parts"], report["latency_seconds"]
    figures = [
        ["mean over these classes, 95 %", interval(run["item_mean"], run["item_mean_low"], run["item_mean_high"])],
        ["items of new classes, 95 %", _range(run["new_classes_low"], run["new_classes_high"])],
        ["with every missing answer at 0, at 1", _range(run["missing_at_worst"], run["missing_at_best"])],
        ["latency p50, p95, p99", ", ".join("–" if s is None else f"{s:.1f} s" for s in latency.values())],
        *([name, str(run[name])] for name in ("asked", "answered", "failed", "scored", "unscored")),
    ]
    differences = [
        [
            part["name"],
            str(part["items"]),
            f"{part['mean']:.3f}",
            interval(part.get("estimate"), part.get("low"), part.get("high"), sign="+"),
            part.get("verdict") or "",
        ]
        for part in parts
    ]
    failures = [[row["hop"], row["kind"], str(row["prompts"])] for row in report["failures"]]
    worst = [[item["item_id"], item["item_class"], f"{item['mean']:.3f}"] for item in report["worst_items"]]
    found: list[Section] = [
        ("Figures", ("figure", "value"), figures),
        ("Classes and criteria", ("part", "items", "mean", "against the reference", ""), differences),
        ("Failures", ("hop", "kind", "prompts"), failures),
        ("Worst items", ("item", "class", "mean"), worst),
    ]
    return [section for section in found if section[2]]


def headline(report: Mapping[str, Any]) -> str:
    """The verdict in a sentence."""
    return str(report["run"]["verdict_reason"] or "no verdict: published before runs had one")


def page(report: Mapping[str, Any]) -> str:
    """The whole file."""
    run = report["run"]
    title = _escaped(f"{run['run_key']} ({run['provenance']})")
    lines = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1><p>{_escaped(headline(report))}</p>",
    ]
    for name, header, rows in sections(report):
        heads = "".join(f"<th>{_escaped(cell)}</th>" for cell in header)
        body = "".join(f"<tr>{''.join(f'<td>{_escaped(cell)}</td>' for cell in row)}</tr>" for row in rows)
        lines.append(f"<h2>{_escaped(name)}</h2><table><tr>{heads}</tr>{body}</table>")
    lines.append(f"<h2>To ask again what has no answer</h2><p><code>{_escaped(report['rerun'])}</code></p>")
    return "\n".join([*lines, "</body></html>", ""])


def interval(estimate: float | None, low: float | None, high: float | None, *, sign: str = "") -> str:
    """A figure with its interval; a dash where there is none."""
    if estimate is None or low is None or high is None:
        return "–"
    return f"{estimate:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def _range(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _escaped(text: str) -> str:
    return html.escape(printable(text))
