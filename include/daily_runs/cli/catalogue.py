"""`daily-runs catalogue check`: what is wrong with a catalogue, or what it comes to, computed from its figures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.table import Column, Table

from daily_runs import feature_files
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature, environments_of
from daily_runs.catalogue.rates import Budget, budget, run_minutes
from daily_runs.cli.options import AsJson, Overlay, command_line, in_use, print_json, terminal
from daily_runs.clock import Clock
from daily_runs.doctor.model_ends import model_ends
from daily_runs.errors import EXIT_BAD_INPUT
from daily_runs.input_files import printable

app = command_line()


@app.callback()  # so that `check` is a command of it, and not all of it
def catalogue() -> None:
    """The catalogue of features, accounts and environments."""


@app.command()
def check(
    path: Annotated[Path | None, typer.Argument(help="The catalogue's folder; the shipped one by default.")] = None,
    overlay: Overlay = None,
    as_data: AsJson = False,
) -> None:
    """Check the catalogue; print each feature's schedule and binding limit, or every fault with its line.

    A model that the vendor retires is a warning, and from its last day on a fault.
    """
    reading = feature_files.read(path, overlay if path else in_use(overlay))
    if reading.catalogue is None or reading.faults:
        for fault in reading.faults:
            print(printable(str(fault)), file=sys.stderr)
        raise typer.Exit(EXIT_BAD_INPUT)
    ends = list(model_ends(reading.catalogue, Clock.now().date()))
    for end in ends:
        print(f"{'' if end.has_ended else 'warning: '}{end.place}: {end.problem}. {end.remedy}", file=sys.stderr)
    if any(end.has_ended for end in ends):
        raise typer.Exit(EXIT_BAD_INPUT)
    if as_data:
        print_json(as_json(reading.catalogue))
    else:
        terminal(markup=True).print(render(reading.catalogue))


class BudgetLine(NamedTuple):
    """What one feature may do in one environment. `runs` is False while no phase sends runs there."""

    feature: Feature
    environment: str
    account: str
    runs: bool
    budget: Budget
    run_minutes: float


def lines(catalogue: Catalogue) -> list[BudgetLine]:
    """A line for each feature and environment, by priority; a feature that is on hold for good shows staging."""
    found = []
    for feature in sorted(catalogue.features.values(), key=lambda feature: (feature.priority, feature.feature)):
        environments = environments_of(feature)
        for name in environments or ("staging",):
            if name not in catalogue.environments:
                continue
            weighed = budget(catalogue, feature, name)
            minutes = run_minutes(catalogue, feature, name)
            account = feature.account_in(name, catalogue.environments[name])
            found.append(BudgetLine(feature, name, account, name in environments, weighed, minutes))
    return found


def render(catalogue: Catalogue) -> Table:
    """The features as a table for a terminal of 110 columns or more."""
    phases = Column("feature, its phases (UTC, if not named)", no_wrap=True)
    table = Table(phases, "runs on", "binding limit", "tokens/min", "slots", "full run")
    shown = ""
    for line in lines(catalogue):
        first = line.feature.feature != shown
        if first and shown:
            table.add_section()
        shown = line.feature.feature
        weighed = line.budget
        table.add_row(
            _phases(line.feature) if first else "",
            line.environment if line.runs else f"({line.environment})",
            f"{weighed.binding.limit}\n{weighed.binding.prompts_per_minute:,.4g}/min",
            f"{weighed.tokens_per_minute:,.0f}\n{weighed.account_share:.2%} of {line.account}",
            f"{weighed.slots} of {catalogue.accounts[line.account].slots}",
            f"{line.run_minutes:,.0f} min" if line.run_minutes >= 1 else f"{line.run_minutes * 60:.0f} s",
        )
    return table


def as_json(catalogue: Catalogue) -> dict[str, Any]:
    """The same figures as data: rates per minute, shares from 0 to 1, durations in minutes."""
    features: dict[str, Any] = {
        name: {
            "priority": feature.priority,
            "prompts_per_run": feature.prompts_per_run,
            "timezone": feature.timezone,
            "phases": [phase.model_dump(mode="json") for phase in feature.phases],
            "environments": {},
        }
        for name, feature in catalogue.features.items()
    }
    for line in lines(catalogue):
        weighed = line.budget
        features[line.feature.feature]["environments"][line.environment] = {
            "account": line.account,
            "runs": line.runs,
            "binding_limit": weighed.binding.limit,
            "prompts_per_minute": weighed.binding.prompts_per_minute,
            "rates": {rate.limit: rate.prompts_per_minute for rate in weighed.rates},
            "tokens_per_minute": weighed.tokens_per_minute,
            "account_share": weighed.account_share,
            "pool_slots": weighed.slots,
            "run_minutes": line.run_minutes,
        }
    return {"features": features}


def _phases(feature: Feature) -> str:
    zone = "" if feature.timezone == "UTC" else f", {feature.timezone}"
    heading = f"[bold]{feature.feature}[/bold] (priority {feature.priority}{zone})"
    phases = (f"{phase.starts} {phase.phase} {phase.schedule or ''}".rstrip() for phase in feature.phases)
    return "\n".join((heading, *phases))
