"""What every page is made of: escaped and bounded texts, tables, and a document that loads nothing from anywhere."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from daily_runs.input_files import printable

CELL_CHARACTERS_MAX = 400
TEXT_CHARACTERS_MAX = 2_500
"""Of an answer or of a judge's reasons: what it takes to see what is wrong. The whole text is in the JSON."""
ROWS_MAX = 200
SHORT_CHARACTERS_MAX = 12
"""A column of texts that are no longer is never broken inside a word, however narrow its table is."""
_FIGURE, _SHORT = ' class="figure"', ' class="short"'
_BETWEEN_FIGURES = re.compile(r"\b(?:to|s)\b")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Lets a browser load nothing and run no script, whatever an escaped text might have slipped in."""
STYLE = """
:root{--ink:#1f1f1f;--soft:#555;--paper:#fff;--line:#ddd;--fill:#f3f3f3;--mark:#444;--notice:#8a5a00;--notice-fill:#fff6e0}
body{font:16px/1.5 system-ui,sans-serif;max-width:78rem;margin:1.5rem auto;padding:0 1.5rem;color:var(--ink)}
h1{font-size:1.4rem;overflow-wrap:anywhere;margin-bottom:.3rem}
h2{font-size:1.15rem;margin:2rem 0 .4rem;border-bottom:2px solid var(--line);padding-bottom:.2rem}
h3{font-size:.95rem;margin:.6rem 0 .2rem}
p{margin:.4rem 0;overflow-wrap:anywhere}
.verdict{font-size:1.1rem;border-left:.4rem solid var(--mark);padding:.3rem 0 .3rem .8rem;max-width:70rem}
.notice{border:2px solid var(--notice);background:var(--notice-fill);padding:.3rem .8rem}
.note{color:var(--soft);font-size:.9rem;max-width:70rem}
table{border-collapse:collapse;margin:.5rem 0;font-size:.92rem}
td,th{padding:.2rem .8rem .2rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
td{overflow-wrap:anywhere}
th{font-weight:600;color:var(--mark);white-space:nowrap}
td.short{white-space:nowrap}
td.figure,th.figure{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
code,pre{background:var(--fill);font:.85rem/1.4 ui-monospace,monospace}
code{padding:.1rem .3rem;overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere;padding:.5rem .7rem;margin:.2rem 0;max-height:26rem;overflow-y:auto}
details{margin:.3rem 0;border:1px solid var(--line);border-radius:.3rem;padding:.2rem .7rem}
summary{cursor:pointer;overflow-wrap:anywhere}
.pair{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:1.2rem}
.pair h2{margin-top:.8rem}
.left-out{color:var(--soft);font-style:italic}
svg{display:block;max-width:100%;height:auto}
svg text{font:12px system-ui,sans-serif;fill:var(--ink)}
@media(max-width:50rem){.pair{grid-template-columns:minmax(0,1fr)}}
"""
"""How a page looks. Its colours are variables, so that the pages in Airflow's UI can show the same in a dark theme."""


def escaped(text: object, limit: int = CELL_CHARACTERS_MAX) -> str:
    """A text on one line for a page: bounded, nothing in it steers a terminal, none of it is a mark."""
    shown, rest = _bounded(str(text), limit)
    return html.escape(printable(shown)) + (f"… ({rest:,} characters left out)" if rest else "")


def long_text(text: str, limit: int = TEXT_CHARACTERS_MAX) -> str:
    """A text with its line breaks; `dir="auto"`: a text that runs from right to left turns nothing but itself."""
    shown, rest = _bounded(text, limit)
    more = f'<p class="left-out">{rest:,} characters left out</p>' if rest else ""
    return f'<pre dir="auto">{html.escape(printable(shown, lines=True))}</pre>{more}'


def _bounded(text: str, limit: int) -> tuple[str, int]:
    return text[:limit], max(0, len(text) - limit)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], drawn: Sequence[str] = ()) -> str:
    """A table of texts; `drawn`: a picture (markup of ours) for each row, as its last column.

    A column that holds only figures is set to the right.
    """
    kinds = [_kind([row[column] for row in rows]) for column in range(len(header))]
    heads = "".join(map(_head, kinds, header))
    lines = [f"<table><thead><tr>{heads}{'<td></td>' if drawn else ''}</tr></thead><tbody>"]
    for number, row in enumerate(rows[:ROWS_MAX]):
        cells = "".join(f"<td{kind}>{escaped(cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
        lines.append(f"<tr>{cells}{f'<td>{drawn[number]}</td>' if drawn else ''}</tr>")
    more = f'<p class="left-out">{len(rows) - ROWS_MAX:,} rows left out</p>' if len(rows) > ROWS_MAX else ""
    return "\n".join([*lines, f"</tbody></table>{more}"])


def _head(kind: str, name: str) -> str:
    """A column without a name has no header: a screen reader would read out an empty one."""
    return f'<th scope="col"{kind if kind != _SHORT else ""}>{escaped(name)}</th>' if name else "<td></td>"


def _kind(cells: Sequence[str]) -> str:
    if _are_figures(cells):
        return _FIGURE
    return _SHORT if all(len(cell) <= SHORT_CHARACTERS_MAX for cell in cells) else ""


def _are_figures(cells: Sequence[str]) -> bool:
    found = [_BETWEEN_FIGURES.sub("", cell) for cell in cells if cell]
    return bool(found) and not any(sign.isalpha() for cell in found for sign in cell)


def details(summary: str, inside: str, *, is_open: bool = False) -> str:
    """A part that a reader opens; both texts are markup of ours."""
    return f"<details{' open' if is_open else ''}><summary>{summary}</summary>{inside}</details>"


def document(title: str, parts: Sequence[str]) -> str:
    """The whole file; `parts` are markup of ours."""
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escaped(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{escaped(title)}</h1>",
            *parts,
            "</body></html>",
            "",
        ]
    )


def provenance_notice(provenance: str) -> str:
    """What a reader must know of scores that no real model earned; nothing for those of one."""
    return f'<p class="notice">{SANDBOX}</p>' if provenance == "sandbox" else ""


SANDBOX = (
    "Sandbox: these answers and scores come from the stand-in for GitLab and Anthropic. They say nothing about a real"
    " model."
)
