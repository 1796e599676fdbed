"""Two orders of one run, both given before either was carried out: the second would pay for all of it again."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature
from daily_runs.errors import ParameterError
from daily_runs.records import reruns
from daily_runs.records.run import RunKey
from daily_runs.runs import opening
from daily_runs.runs.routing import AUTO
from daily_runs.runs.trigger_form import Form
from daily_runs.store.database import Store


class GivenOrder(NamedTuple):
    """An order of all prompts of a run, by the form: which DAG run it is, and when it was given (not begun)."""

    form: Form
    logical_date: dt.datetime
    airflow_run_id: str
    ordered_at: dt.datetime


def must_not_be_done_meanwhile(store: Store, catalogue: Catalogue, feature: Feature, order: GivenOrder) -> None:
    """Refuse to ask all prompts of a run that another DAG run has asked since this order was given.

    Whoever gave the order could not know of the other. An order that is given after the other run's end is carried out,
    because somebody wants it; one that meets an unfinished attempt goes on with it and pays for nothing twice
    (`attempts.open_attempt`).

    Raises:
        ParameterError: the same prompts were asked meanwhile, of the same data set, for the same rubric and judge.
    """
    form, name, date = order.form, feature.feature, order.logical_date
    for row in reruns.ended_since(store, name, date, order.ordered_at, but=order.airflow_run_id):
        if form.environment not in (AUTO, row["environment"]):
            continue
        key = RunKey(name, row["environment"], date)
        if opening.planned(catalogue, key, limit=form.prompts, only=form.only).plan_hash == row["plan_hash"]:
            problem = (
                f"{key} was asked by {row['airflow_run_id'] or 'the command line'} after this order was given"
                f" (attempt {row['attempt_id']}, {row['status']}): it would pay for every prompt a second time"
            )
            raise ParameterError("run", problem, "Nothing is left to do. To pay for all again, trigger the run again.")
