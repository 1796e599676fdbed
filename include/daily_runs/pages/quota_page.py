"""The page *Quota*: what `daily-runs quota` shows, as tables."""

from __future__ import annotations

from daily_runs.capacity.quota_status import NOTHING_YET, QuotaStatus, QuotaTable, tables
from daily_runs.results.run_report.markup import escaped, table

NONE = "none"


def parts(found: QuotaStatus) -> list[str]:
    """A table for each question, in the order of the command's."""
    if found.is_empty:
        return [f"<p>{NOTHING_YET}</p>"]
    return [_shown(one) for one in tables(found)]


def _shown(one: QuotaTable) -> str:
    if not one.rows:
        return f"<h2>{escaped(one.title)}</h2><p>{NONE}</p>"
    header = [column.lstrip(">") for column in one.columns]
    return f'<h2>{escaped(one.title)}</h2><div class="wide" tabindex="0">{table(header, one.rows)}</div>'
