"""`daily-runs plan`: whether the planned runs fit, as a table, findings, load in text, data, and a picture."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich import box
from rich.console import Console
from rich.table import Column, Table

from daily_runs import feature_files
from daily_runs.capacity import cost, findings, load_chart, load_picture, measured_rows, plan_json
from daily_runs.capacity.findings import PlanFinding, Tone
from daily_runs.capacity.forecast import MonthForecast, forecast
from daily_runs.capacity.inputs import PlanInputs, assume, dates, with_measured
from daily_runs.capacity.load import PlanScenario, Run
from daily_runs.capacity.plan import RunPlan, StagePlan, WeekPlan, lasting, plan
from daily_runs.catalogue.catalogue import Catalogue, told_left_out
from daily_runs.catalogue.features import PhaseName
from daily_runs.cli.options import Overlay, command_line, in_use, must_be_writable, terminal
from daily_runs.errors import EXIT_FAILED, AccessError, ParameterError, StageError
from daily_runs.quota import month_budget
from daily_runs.store import database
from daily_runs.store.embedded import state_root

PICTURE_DAYS_MAX = 35
LIMIT_LENGTH_MAX = 18
"""Beside a longer name there is no room for its figure."""

app = command_line()


@app.command()
def command(
    first: Annotated[str | None, typer.Option("--from", help="First day; default: Monday of this week.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day; default: the Sunday of that week.")] = None,
    assume: Annotated[
        list[str] | None,
        typer.Option(help="FEATURE=DATE: as if it were in staging from then on; DATE@HH:MM sets the time. Repeatable."),
    ] = None,
    json_file: Annotated[str | None, typer.Option("--json", help="Write the plan as data; - prints it.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw the load by account into this SVG file.")] = None,
    forecast: Annotated[bool, typer.Option("--forecast", help="Add six months: base, double, half.")] = False,
    overlay: Overlay = None,
) -> None:
    """Say whether the planned runs fit, what binds them and what they cost; exit code 1 when they do not fit."""
    asked = PlanOptions(first, last, assume or (), json_file, picture, forecast, in_use(overlay))
    raise typer.Exit(0 if run(asked, terminal()) else EXIT_FAILED)


class PlanOptions(NamedTuple):
    """The command's options; `json_file` is `-` for standard output."""

    first: str | None = None
    last: str | None = None
    assume: Sequence[str] = ()
    json_file: str | None = None
    picture: Path | None = None
    forecast: bool = False
    overlay: str | None = None


def run(asked: PlanOptions, console: Console) -> bool:
    """Plan and print; returns whether it fits.

    Raises:
        ParameterError: dates, assumptions or files that are none.
        CatalogueError: the catalogue is not sound.
        AccessError: DAILY_RUNS_STORE is set, but the store does not answer.
    """
    for option, file in (("--json", asked.json_file), ("--picture", asked.picture)):
        if file and file != "-":
            must_be_writable(option, Path(file))
    first, last = dates(asked.first, asked.last, dt.datetime.now(dt.UTC).date())
    if asked.picture and (last - first).days >= PICTURE_DAYS_MAX:
        problem = f"{(last - first).days + 1} days do not fit on one picture"
        raise ParameterError("--picture", problem, f"Give at most {PICTURE_DAYS_MAX} with --from and --to.")
    catalogue, assumed = assume(feature_files.load(overlay=asked.overlay), asked.assume)
    inputs, where = _measured(catalogue)
    scenario = PlanScenario(inputs.catalogue, first, last, inputs.verdicts)
    planned = plan(scenario)
    found = findings.findings(planned)
    forecasts = forecast(scenario) if asked.forecast else None
    notes = [*told_left_out(catalogue), where, *(f"assumed: {line}" for line in assumed)]
    if asked.picture:
        _write("--picture", asked.picture, load_picture.svg(planned, notes))
    if asked.json_file:
        data = plan_json.as_json(planned, found, forecasts) | {"estimates": inputs.sources, "notes": notes}
        text = json.dumps(data, indent=2, default=_iso) + "\n"
        if asked.json_file == "-":
            sys.stdout.write(text)
            return planned.fits
        _write("--json", Path(asked.json_file), text)
    _show(console, planned, found, notes, inputs)
    if forecasts is not None:
        console.print(forecast_table(forecasts))
    return planned.fits


def _measured(catalogue: Catalogue) -> tuple[PlanInputs, str]:
    """The catalogue with what the store's runs have measured; no server is started for that."""
    if given := os.environ.get(database.STORE_VARIABLE):
        return _measured_in(given, catalogue)
    none = with_measured(catalogue, (), ())
    url = database.running_url(state_root() / "postgres")
    if url is None:
        return none, "tokens: the catalogue's figures (no store runs here, or no run ever used it)"
    try:
        return _measured_in(url, catalogue)
    except (AccessError, StageError) as error:  # it may be stopping, or of another version: a plan needs no store
        return none, f"tokens: the catalogue's figures (the store here cannot be read: {error})"


def _measured_in(url: str, catalogue: Catalogue) -> tuple[PlanInputs, str]:
    judge = catalogue.judge
    with database.open_store(url) as store:
        prompts = measured_rows.prompts(store, judge.provenance)
        verdicts = measured_rows.verdicts(store, judge.provenance, judge.model)
    found = ", ".join(sorted({one.feature for one in (*prompts, *verdicts)})) or "nothing, no published run tells any"
    said = f"tokens measured by {judge.provenance} runs in {database.place_of(url)}: {found}"
    return with_measured(catalogue, prompts, verdicts), said


def _write(option: str, file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ParameterError(option, f"cannot write {file} ({error.strerror})", "Give a file in a folder.") from error


def _show(
    console: Console, plan: WeekPlan, findings: Sequence[PlanFinding], notes: Sequence[str], inputs: PlanInputs
) -> None:
    console.print(runs_table(plan))
    _show_load(console, plan)
    console.print()
    marks = {Tone.FINE: "✓", Tone.NOTE: "–", Tone.MISFIT: "✗"}
    for finding in findings:
        console.print(f"{marks[finding.tone]} {finding.about}: {finding.text}", markup=False)
        for remedy in finding.remedies:
            console.print(f"    would fit ({remedy.kind}): {remedy.text}", markup=False)
    console.print(spend_table(plan))
    for line in (*notes, *inputs.sources):
        console.print(line, markup=False)


def _show_load(console: Console, plan: WeekPlan) -> None:
    chart = list(load_chart.lines(plan))
    if not chart:
        return
    console.print(f"\nLoad by day, from {plan.scenario.first:%a %d %b %Y} on: the fullest minute of each few hours")
    console.print("(▁ up to 12.5 % of the account's limit, █ over 87.5 %, · none; | midnight)")
    width = max(len(line.feature) for line in chart)
    for account, of_account in groupby(chart, key=lambda line: line.account):
        console.print(account)
        for line in of_account:
            console.print(f" {line.feature:<{width}} {line.blocks}", soft_wrap=True)


def runs_table(plan: WeekPlan) -> Table:
    """Every run: what it takes and when."""
    table = Table(
        Column("from, to (UTC)", no_wrap=True),
        Column("run", no_wrap=True),
        Column("prompts", justify="right", no_wrap=True),
        Column("M tokens\nin + out", justify="right", no_wrap=True),
        Column("inference: time, share of\na minute, binding limit", no_wrap=True),
        Column("judging: the same", no_wrap=True),
        Column("USD", justify="right", no_wrap=True),
        title=f"Planned runs, {plan.scenario.first} to {plan.scenario.last}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
        show_edge=False,
    )
    day = None
    for planned in plan.runs:
        if day not in (None, planned.run.tick.date()):
            table.add_section()
        day = planned.run.tick.date()
        table.add_row(*_cells(plan, planned))
    return table


def _cells(plan: WeekPlan, planned: RunPlan) -> list[str]:
    run, spend = planned.run, cost.run_cost(plan.scenario, planned.run)
    verdict, asked = plan.scenario.verdict(run.feature.feature), run.feature.limits.tokens_per_prompt
    judged = 1 if len(planned.stages) > 1 else 0
    tokens = (asked.input + judged * verdict.input, asked.output + judged * verdict.output)
    return [
        f"{run.tick:%a %d %b %H:%M}\n{planned.ends:%a %d %b %H:%M}",
        f"{run.feature.feature}\n{_arm(run)}",
        f"{run.prompts:,}",
        " + ".join(f"{run.prompts * count / 1e6:,.2f}" for count in tokens),
        _stage_cell(planned.stages[0]),
        _stage_cell(planned.stages[1]) if judged else "batch API",
        f"{spend.usd:,.2f}" if spend else "?",
    ]


def _arm(run: Run) -> str:
    return f"shadow, {run.environment}" if run.phase is PhaseName.SHADOW else str(run.phase)


def _stage_cell(stage: StagePlan) -> str:
    limit, rate = stage.rates[0]
    rate_shown = f" {rate:,.4g}/min" if len(limit) < LIMIT_LENGTH_MAX else ""
    return f"{lasting(stage.minutes)}, {stage.busiest_minute:.2%} of {stage.stream.account}\n{limit}{rate_shown}"


def spend_table(plan: WeekPlan) -> Table:
    """Cost of the dates and of their whole months, by feature and team."""
    prices = plan.scenario.catalogue.prices
    dated = f"price list of {prices.as_of}" if prices else "no price list"
    table = Table("feature", "team", title=f"Planned cost in USD ({dated})", title_justify="left")
    for name in ("these dates", "month", "of the month", "budget", "state"):
        table.add_column(name, justify="right" if name != "state" else "left")
    for month in findings.months(plan):
        spends = [cost.run_cost(plan.scenario, run.run) for run in plan.runs if _is_of(run, month)]
        table.add_row(
            month.feature.feature,
            month.feature.owner.team,
            f"{sum(spend.usd for spend in spends if spend):,.2f}",
            f"{month.month:%b %Y}",
            f"{month.usd:,.2f}",
            f"{month.budget_usd:,.0f}" if month.budget_usd else "none set",
            f"{month.state} ({month.share:.0%})" if month.state else "",
        )
    return table


def _is_of(run: RunPlan, month: cost.MonthCost) -> bool:
    same = cost.month_of(run.run.tick.date()) == month.month
    return same and run.run.feature.feature == month.feature.feature


def forecast_table(forecasts: Sequence[MonthForecast]) -> Table:
    """Six months in three cases."""
    table = Table(title="Forecast by month (prompts as planned, twice, half)", title_justify="left")
    for name in ("case", "month", "runs", "M tokens in + out", "USD", "over 80 % of budget", "fits"):
        table.add_column(name)
    for one in forecasts:
        warned = [f"{name} ({state})" for name, state in one.states.items() if state is not month_budget.MonthState.OK]
        table.add_row(
            one.case,
            f"{one.month:%b %Y}",
            f"{one.runs:,}",
            f"{one.input_tokens / 1e6:,.1f} + {one.output_tokens / 1e6:,.1f}",
            f"{one.usd:,.0f}" if one.usd is not None else "?",
            ", ".join(warned),
            f"no, from {one.first_misfit:%d %b} ({one.misfit_kind})" if one.first_misfit else "yes",
            end_section=one.month == forecasts[-1].month,
        )
    return table


def _iso(value: object) -> str:
    """A date or moment as ISO 8601."""
    return value.isoformat() if isinstance(value, dt.date) else str(value)
