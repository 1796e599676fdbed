"""Tables of texts from a run, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Column, Table

from daily_runs.input_files import printable
from daily_runs.results.run_report.markup import CELL_CHARACTERS_MAX
from daily_runs.results.run_report.sections import Section

SHORT = 36
"""A column of texts that are no longer keeps them in one line each, so that figures and ids are not broken."""


def shown(sections: Sequence[Section]) -> list[str | Table]:
    """Each table after its title; a long text breaks into lines, and one without an end is cut."""
    return [part for section in sections for part in (f"\n{section.title}", _table(section))]


def _table(section: Section) -> Table:
    longest = [max(len(row[number]) for row in section.rows) for number in range(len(section.header))]
    columns = [
        Column(name, overflow="fold", no_wrap=length <= SHORT)
        for name, length in zip(section.header, longest, strict=True)
    ]
    table = Table(*columns, box=None)
    for row in section.rows:
        table.add_row(*(_cell(cell) for cell in row))
    return table


def _cell(text: str) -> str:
    cut = len(text) > CELL_CHARACTERS_MAX
    return printable(text[: CELL_CHARACTERS_MAX - 1] + "…" if cut else text)
