"""Tables whose cells are markup, such as links: with a caption, a header for each column and for each row.

A table of texts alone is `results.run_report.markup.table`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.results.run_report.markup import escaped


class MarkedRow(NamedTuple):
    """A row: its cells are markup of ours, and the first names it. `quiet`: of nothing that anybody has to look at."""

    cells: Sequence[str]
    quiet: bool = False


def grid(caption: str, header: Sequence[str], rows: Sequence[MarkedRow]) -> str:
    """The table; on a narrow screen it is moved sideways by itself, and can be reached by keyboard for that."""
    heads = "".join(f'<th scope="col">{escaped(name)}</th>' for name in header)
    lines = "".join(_line(row) for row in rows)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escaped(caption)}"><table>'
        f"<caption>{escaped(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _line(row: MarkedRow) -> str:
    name, *others = row.cells
    quiet = ' class="quiet"' if row.quiet else ""
    return f'<tr{quiet}><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>'


def parts_of(*parts: str) -> str:
    """The parts of a cell that say something, each on a line of its own; they are markup."""
    return "<br>".join(part for part in parts if part)


def small_list(entries: Sequence[str]) -> str:
    """Entries (markup) below each other, without marks before them; empty without any."""
    return f'<ul class="plain">{"".join(f"<li>{entry}</li>" for entry in entries)}</ul>' if entries else ""
