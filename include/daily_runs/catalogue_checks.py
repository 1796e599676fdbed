"""`daily-runs catalogue check`: what is wrong with a catalogue, or what it comes to, computed from its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Column, Table

from daily_runs import catalogue_files, dataset
from daily_runs.catalogue import ASKED_ABOUT, Catalogue, Feature, environments_of
from daily_runs.catalogue_files import Reading
from daily_runs.errors import CatalogueError, DatasetError, UserError
from daily_runs.judging import rubric
from daily_runs.quota.rates import Budget, budget, run_minutes
from daily_runs.yaml_lines import Fault


def check(path: Path | None = None, overlay: str | None = None) -> Reading:
    """Check the catalogue in a folder (default: the shipped one) with the data sets and rubrics beside it.

    Returns:
        The catalogue, or every fault, a line each.
    """
    reading = catalogue_files.read(path, overlay)
    if reading.catalogue is None:
        return reading
    include = path.parent if path else catalogue_files.include_root()
    contents = [contents_of(feature, include) for feature in reading.catalogue.features.values()]
    faults = tuple(fault for content in contents for fault in content.faults)
    return Reading(None, faults) if faults else reading


class Contents(NamedTuple):
    """What a feature's data set and rubric hold: the number of items, and what is wrong."""

    items: int
    faults: tuple[Fault, ...]


def contents_of(feature: Feature, include: Path) -> Contents:
    """Load a feature's data set and rubric, and see whether they are what the feature needs."""
    items: tuple[dataset.Item, ...] = ()
    faults: list[Fault] = []
    file = include / "datasets" / feature.dataset
    try:
        items = dataset.load(file)
        faults += _other_kinds(feature, items, file)
    except DatasetError as error:
        faults.append(_fault(error))
    try:
        weighs = rubric.load(include / "rubrics" / feature.rubric)
    except CatalogueError as error:
        faults.append(_fault(error))
    else:
        if weighs.feature != feature.feature:
            problem = f"is written for {weighs.feature!r}, yet {feature.feature!r} names it"
            faults.append(Fault(f"rubrics/{feature.rubric}", problem, "Correct the one or the other."))
    return Contents(len(items), tuple(faults))


def _fault(error: UserError) -> Fault:
    return Fault(error.place, error.problem, error.remedy)


def _other_kinds(feature: Feature, items: tuple[dataset.Item, ...], file: Path) -> list[Fault]:
    kind = ASKED_ABOUT[feature.call]
    others = [item for item in items if item.resource.type != kind]
    if not others:
        return []
    first = f"the first is {others[0].id!r}, a {others[0].resource.type}"
    problem = f"{len(others)} of {len(items)} items are no {kind}, which {feature.call} of {feature.feature} is about"
    return [Fault(str(file), f"{problem}; {first}", "Correct the items, or the feature's dataset or call.")]


class Line(NamedTuple):
    """What one feature may do in one environment. `runs` is False while no phase sends runs there."""

    feature: Feature
    environment: str
    account: str
    runs: bool
    budget: Budget
    run_minutes: float


def lines(catalogue: Catalogue) -> list[Line]:
    """A line for each feature and environment, by priority; a feature that is on hold for good shows staging."""
    found = []
    for feature in sorted(catalogue.features.values(), key=lambda feature: (feature.priority, feature.feature)):
        environments = environments_of(feature)
        for name in environments or ("staging",):
            if name not in catalogue.environments:
                continue
            weighed = budget(catalogue, feature, name)
            minutes = run_minutes(catalogue, feature, name)
            account = catalogue.environments[name].account
            found.append(Line(feature, name, account, name in environments, weighed, minutes))
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
