"""The page *Feature*: the report of a feature, and what of it a reader can choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from daily_runs.pages.frame import airflow_link, link
from daily_runs.pages.links import PageLinks, dag_of
from daily_runs.quota.month_budget import MonthBudget
from daily_runs.results.feature_report import page
from daily_runs.results.feature_report.feature_rows import DAYS
from daily_runs.results.run_report.markup import escaped


def parts(found: Mapping[str, Any], links: PageLinks, month: MonthBudget | None) -> list[str]:
    """Whose it is and how its month stands, the choices, then the report."""
    return [_about(found, links, month), _choices(found, links), *page.parts(found)]


def _about(found: Mapping[str, Any], links: PageLinks, month: MonthBudget | None) -> str:
    owner = found["owner"]
    dag = airflow_link(links.airflow_dag(dag_of(found["feature"])), "DAG")
    budget = f" · {escaped(str(month))}" if month else ""
    return f'<p class="note">{escaped(owner["dri"])} ({escaped(owner["team"])}) · {dag}{budget}</p>'


def _choices(found: Mapping[str, Any], links: PageLinks) -> str:
    """Environments with published runs, and how many days; the chosen ones are no links."""
    environments = [row["environment"] for row in found["environments"]]
    if not environments:
        return ""
    shown = {
        "Environment": [(name, name, found["days"], name == found["environment"]) for name in environments],
        "Days": [(str(days), found["environment"], days, days == found["days"]) for days in DAYS],
    }
    lists = [f"{word}: {_list(found, links, chosen)}" for word, chosen in shown.items()]
    return f'<p class="screen">{" · ".join(lists)}</p>'


def _list(found: Mapping[str, Any], links: PageLinks, chosen: list[tuple[str, str, int, bool]]) -> str:
    address = links.feature(found["feature"])
    return " ".join(
        f'<b aria-current="true">{escaped(text)}</b>'
        if is_chosen
        else link(f"{address}?{urlencode({'environment': environment, 'days': days})}", text)
        for text, environment, days, is_chosen in chosen
    )
