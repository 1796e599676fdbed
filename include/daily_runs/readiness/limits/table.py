"""Limits as a table for people: aligned text for a task's log, a rich table for the command line."""

from __future__ import annotations

from collections.abc import Sequence

from daily_runs.readiness.limits.findings import LimitFinding, binding

COLUMNS = ("", "limit", "needed", "allowed", "unit", "verdict", "source", "owner")
RIGHT = frozenset({"needed", "allowed"})
BINDS, NOT_TOLD = "*", "?"


def cells(found: Sequence[LimitFinding]) -> list[tuple[str, ...]]:
    """A row of `COLUMNS` for each limit; the one that binds has a mark."""
    tightest = binding(found)
    return [
        (
            BINDS if finding is tightest else "",
            f"{finding.hop}: {finding.limit_name}",
            figure(finding.needed) if finding.needed or finding.allowed is not None else "",
            NOT_TOLD if finding.allowed is None else figure(finding.allowed),
            finding.unit,
            finding.verdict,
            finding.source,
            finding.owner,
        )
        for finding in found
    ]


def figure(number: float) -> str:
    """Two decimals at most, none of them an idle zero."""
    return f"{number:,.2f}".rstrip("0").rstrip(".")


def as_text(found: Sequence[LimitFinding]) -> str:
    """The table in a fixed-width font, a line a limit."""
    rows = [COLUMNS, *cells(found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    shown = [
        cell.rjust(width) if name in RIGHT else cell.ljust(width)
        for name, cell, width in zip(COLUMNS, row, widths, strict=True)
    ]
    return "  ".join(shown).rstrip()
