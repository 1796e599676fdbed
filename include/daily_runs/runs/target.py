"""Which run a trigger form means: its date, the environments in which it has answers, and its sample."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.catalogue.catalogue import Catalogue, feature_named
from daily_runs.catalogue.features import Feature
from daily_runs.clock import Clock
from daily_runs.errors import ParameterError
from daily_runs.records import reruns, routes
from daily_runs.records.run import TRIAL, RunKey, part_of_key
from daily_runs.runs import routing
from daily_runs.runs.opening import DAY_AHEAD
from daily_runs.runs.rerun import ASK_ALL, RerunOrder, keys_of, plan_of
from daily_runs.runs.routing import AUTO
from daily_runs.runs.trigger_form import Form
from daily_runs.statuses import ReadinessState
from daily_runs.store.database import Store
from daily_runs.store.pool import Row

SHOWN_MAX = 5


class Target(NamedTuple):
    """The run to do again: its logical date, and the environments in which it has answers.

    `left_out`: those in which it began and has none; a rerun does nothing there. `sample`: see `RunKey`; of the run
    whose attempt is opened, so a trial of a rubric is named here, and not the run whose answers it judges.
    """

    logical_date: dt.datetime
    environments: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    sample: str = ""

    @property
    def note(self) -> str:
        """What people must know of where a rerun does not go; empty where that is nothing."""
        if not self.left_out:
            return ""
        names = ", ".join(self.left_out)
        return f"; left out, as it has no answers to take over there: {names} (to ask there: {ASK_ALL.lower()})"


def target_of(
    store: Store,
    catalogue: Catalogue,
    feature: Feature,
    form: Form,
    own: dt.datetime,
    *,
    manual: bool,
    airflow_run_id: str | None = None,
) -> Target:
    """Find the run that a form means: the one it names, that of its own date, or for a manual run the newest.

    Args:
        own: the logical date of the DAG run that was started.
        manual: whether a person started it for no date in particular.
        airflow_run_id: of the DAG run; one that was routed before means the run that it meant then.

    Raises:
        ParameterError: no such run; its rerun could not be opened (see `plan_of`); it might wait for a wrong approval.
        DatasetError, CatalogueError: the feature's data set or a rubric is not sound.
    """
    rows = reruns.runs(store, feature.feature)
    if airflow_run_id and not form.run and (routed := routes.of_run(store, feature.feature, airflow_run_id)):
        own = routed["logical_date"]
    rows = [row for row in rows if not form.is_rerun or form.environment in (AUTO, row["environment"])]
    dates = [row["logical_date"] for row in rows]  # one that was skipped may be asked for, too, in any environment
    dates += [] if form.is_rerun else routes.logical_dates(store, feature.feature)
    if form.is_rerun and form.run:
        _must_have_begun(form.moment, dates, routes.sent_somewhere(store, feature.feature))
    date = _date(feature, form, own, sorted(set(dates), reverse=True), rows, manual=manual)
    sample = _sample(form, date, [row for row in rows if row["logical_date"] == date])
    of_date = [row for row in rows if (row["logical_date"], row["sample"]) == (date, sample)]
    environments = _environments(of_date, answered=True)
    if not form.is_rerun:
        _must_wait_for_its_own_phase(feature, form, date, own)
        return Target(date, environments)
    if not environments:
        raise _without_answers(date, of_date, rows)
    opened = [_opened(store, catalogue, RunKey(feature.feature, name, date, sample), form) for name in environments]
    return Target(date, environments, _environments(of_date, answered=False), opened[0].sample)


def _environments(of_date: Sequence[Row], *, answered: bool) -> tuple[str, ...]:
    return tuple(row["environment"] for row in of_date if row["has_answers"] is answered)


def _sample(form: Form, date: dt.datetime, of_date: Sequence[Row]) -> str:
    """Which of a date's runs a rerun means: the one that it names, the full run, or the only sample there is."""
    known: list[str] = list(dict.fromkeys(row["sample"] for row in of_date))
    if not form.is_rerun:
        return ""
    if form.sample:
        found = [sample for sample in known if sample == form.sample]
    else:
        asked = [sample for sample in known if TRIAL not in sample]
        found = asked if len(asked) == 1 else [sample for sample in asked if not sample]
    if len(found) != 1:
        named = part_of_key(form.sample).strip("/").replace("-", " ") or "full run"
        others = ", ".join(f"{_shown(date)}{part_of_key(sample)}" for sample in known if sample) or "none"
        raise ParameterError("run", f"there is no {named} of {_shown(date)}", f"Its samples and trials: {others}.")
    return found[0]


def _without_answers(date: dt.datetime, of_date: Sequence[Row], rows: Sequence[Row]) -> ParameterError:
    """Why nothing can be taken over from a date's runs."""
    remedy = f"{ASK_ALL}, or name another run. {_known(rows)}"
    problem = f"the run of {_shown(date)} has no answers to take over"
    if any(row["under_way"] for row in of_date):
        problem += ": it is just starting, or broke off before its first answer"
        remedy = f"Wait for its answers; or {remedy[0].lower()}{remedy[1:]}"
    return ParameterError("rerun", problem, remedy)


def _must_have_begun(text: str, begun: Sequence[dt.datetime], routed: Sequence[Row]) -> None:
    """A run that was sent somewhere, and whose seed check has not opened its attempt yet, is no unknown one."""
    if any(_is_meant(text, date) for date in begun):
        return
    for row in routed:
        if _is_meant(text, row["logical_date"]):
            sent = (
                f"it was sent to {', '.join(row['chosen'])} at {_shown(row['decided_at'])}, and has asked nothing yet"
            )
            problem = f"the run of {_shown(row['logical_date'])} is just starting: {sent}"
            remedy = (
                f"Wait for its answers. If its tasks have failed: clear them, or {ASK_ALL[0].lower()}{ASK_ALL[1:]}."
            )
            raise ParameterError("run", problem, remedy)


def _opened(store: Store, catalogue: Catalogue, key: RunKey, form: Form) -> RunKey:
    """The key under which the rerun of a run will be opened, once it is sure that it can be."""
    order = RerunOrder(key, form.rerun, rubric_version=form.rubric_version)
    keys = keys_of(feature_named(catalogue, key.feature), order)
    plan_of(catalogue, order, reruns.base_for(store, str(keys.taken_from)))
    return keys.opened


def _must_wait_for_its_own_phase(feature: Feature, form: Form, date: dt.datetime, own: dt.datetime) -> None:
    """A wait is for the approval of the phase of the DAG run's own date, which must be that of the run's."""
    if form.forced or feature.phase_at(date) == feature.phase_at(own):
        return
    plan = routing.planned(feature, date)
    if routing.must_wait(feature, plan, ReadinessState.UNKNOWN):
        problem = f"the run of {_shown(date)} might have to wait, and its phase is not that of {_shown(own)}"
        raise ParameterError("environment", problem, f"Choose {' or '.join((routing.STAGING, routing.PRODUCTION))}.")


def _date(
    feature: Feature,
    form: Form,
    own: dt.datetime,
    dates: Sequence[dt.datetime],
    rows: Sequence[Row],
    *,
    manual: bool,
) -> dt.datetime:
    if form.run:
        return _named(form.moment, dates, rows)
    if own in dates or (dates and manual):
        return own if own in dates else next((date for date in dates if date <= Clock.now() + DAY_AHEAD), dates[0])
    where = f"{feature.feature}/{form.environment}" if form.forced else feature.feature
    when = "" if manual else f" of {_shown(own)}"
    raise ParameterError("rerun", f"{where} has no run{when} to do again", f"{ASK_ALL}. {_known(rows)}")


def _named(text: str, dates: Sequence[dt.datetime], rows: Sequence[Row]) -> dt.datetime:
    _moment_of(text)
    found = [date for date in dates if _is_meant(text, date)]
    if len(found) != 1:
        problem = f"{len(found)} runs are of {text}" if found else f"there is no run of {text}"
        raise ParameterError("run", problem, f"Give one's logical date, in the form's field run. {_known(rows)}")
    return found[0]


def _is_meant(text: str, date: dt.datetime) -> bool:
    """Whether a date is the one that the form names, or of the day that it names."""
    wanted = _moment_of(text)
    return date == wanted or (":" not in text and date.date() == wanted.date())


def _moment_of(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ParameterError("run", f"{text!r} is no date", "Give 2026-08-15T06:00:00Z, or the day.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _known(rows: Sequence[Row]) -> str:
    found = [
        f"{row['environment']} {_shown(row['logical_date'])}{part_of_key(row['sample'])}"
        for row in rows
        if row["has_answers"]
    ]
    return f"Runs with answers, newest first: {', '.join(found[:SHOWN_MAX]) or 'none'}."


def _shown(moment: dt.datetime) -> str:
    """As the form takes it back, microseconds included."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat() + "Z"
