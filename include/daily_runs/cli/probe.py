"""`daily-runs probe`: what the path of an environment allows each feature's run, which limit binds, whether it fits."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import typer
from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table

from daily_runs import connections
from daily_runs.catalogue.catalogue import Catalogue, environment_named, feature_named
from daily_runs.catalogue.features import Feature, FeatureCall
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli.options import AsJson, Overlay, command_line, in_use, tell_left_out, terminal
from daily_runs.clock import Clock
from daily_runs.errors import CallError, DailyRunsError, ParameterError
from daily_runs.gitlab.session import connection_of, gitlab_client
from daily_runs.quota.tariff import ai_action_window
from daily_runs.readiness.check import features_of
from daily_runs.readiness.limits import finding_rows, table
from daily_runs.readiness.limits.burst import BurstOutcome, burst, spend_ai_action
from daily_runs.readiness.limits.findings import LimitFinding, binding, fits, too_low
from daily_runs.readiness.limits.measure import PathMeasures, measure_path
from daily_runs.readiness.limits.weighing import weigh
from daily_runs.store import database, provenance
from daily_runs.store.database import Store

EXIT_DOES_NOT_FIT, EXIT_COULD_NOT_LOOK = 1, 3
Tell = Callable[[str], None]

app = command_line()


@app.command()
def command(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="staging or production.")],
    feature: Annotated[str | None, typer.Option(help="Only this feature; all that ever run there by default.")] = None,
    burst: Annotated[
        int | None,
        typer.Option(help="Free requests to send at the run's rate; default: the catalogue's.", min=0, max=200),
    ] = None,
    ai_action: Annotated[int, typer.Option(help="aiAction calls to spend, to see if they pass.", min=0)] = 0,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Say which limits on the path a run meets, which binds, whether it fits; 1: it does not; 3: could not look."""
    asked = ProbeOptions(environment, feature, burst, ai_action, in_use(overlay))
    raise typer.Exit(run(asked, terminal(), as_json=as_json))


class ProbeOptions(NamedTuple):
    """What was typed. `feature` None: all whose runs ever go there; `burst` None: as the catalogue says."""

    environment: str
    feature: str | None = None
    burst: int | None = None
    ai_action: int = 0
    overlay: str | None = None


class Probe(NamedTuple):
    """What was found, by feature, and what it cost."""

    environment: str
    facts: PathMeasures
    found: Mapping[str, Sequence[LimitFinding]]
    requests_sent: int
    ai_action_calls: int

    @property
    def fits(self) -> bool:
        """Whether every feature's run fits."""
        return all(fits(found) for found in self.found.values())

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        return {
            "environment": self.environment,
            "fits": self.fits,
            "requests_sent": self.requests_sent,
            "ai_action_calls": self.ai_action_calls,
            "path": self.facts._asdict(),
            "features": {name: _feature_as_json(found) for name, found in self.found.items()},
        }

    def render(self) -> list[Table | str]:
        """For people."""
        shown: list[Table | str] = []
        for name, found in self.found.items():
            shown += [_table(f"{name} in {self.environment}", found), *_verdict(found), ""]
        return [*shown, f"sent: {self.requests_sent} free requests, {self.ai_action_calls} aiAction calls"]


class CouldNotLookError(DailyRunsError):
    """The path could not be looked at. The message has the address and the failure, with kind and hop."""

    def __init__(self, address: str, error: CallError) -> None:
        super().__init__(f"{address}: {error}")


class _Spent(NamedTuple):
    """What a probe's requests brought: findings of all features, and of each."""

    facts: PathMeasures
    ai_action: BurstOutcome
    bursts: Mapping[str, BurstOutcome]


def run(asked: ProbeOptions, console: Console, *, as_json: bool) -> int:
    """Probe and print; returns the exit code. Progress goes to standard error.

    Raises:
        ParameterError, AccessError: see `probe`.
    """
    try:
        with Console(stderr=True).status("looking ...") as status:
            found = probe(asked, lambda what: status.update(f"looking at: {what} ..."))
    except CouldNotLookError as error:
        told = f"could not look at the path to {asked.environment}, {error}. This does not mean that a limit is too low"
        sys.stderr.write(f"daily-runs: {told}: run it once more, or see what daily-runs doctor says.\n")
        return EXIT_COULD_NOT_LOOK
    if as_json:
        sys.stdout.write(json.dumps(found.as_json(), indent=2) + "\n")
    else:
        console.print(*found.render(), sep="\n")
    return 0 if found.fits else EXIT_DOES_NOT_FIT


def probe(asked: ProbeOptions, tell: Tell = lambda _what: None) -> Probe:
    """Look, weigh each feature's full run, and store what was found.

    Args:
        tell: called with what is done next, for a progress line.

    Raises:
        ParameterError: unknown environment or feature, or one that makes no `aiAction` calls.
        AccessError: no connection, or no store.
        CouldNotLookError: the path could not be looked at.
    """
    catalogue = catalogue_files.load(overlay=asked.overlay)
    environment = environment_named(catalogue, asked.environment, "ENV")
    features = _features(catalogue, asked)
    connection = connection_of(environment, connections.find)
    with database.local_url() as url, database.open_store(url) as store:
        provenance.check_provenance(store, environment.provenance)
        try:
            spent = asyncio.run(_spend(store, catalogue, asked, features, connection, tell))
        except CallError as error:
            raise CouldNotLookError(connection.address, error) from error
        tell("the ledger")
        found = {feature.feature: _weighed(store, catalogue, asked.environment, feature, spent) for feature in features}
        for name, limits in found.items():
            finding_rows.save_limits(store, asked.environment, name, limits)
    sent = spent.facts.calls_spent + sum(outcome.calls_spent for outcome in spent.bursts.values())
    return Probe(asked.environment, spent.facts, found, sent, spent.ai_action.calls_spent)


def _features(catalogue: Catalogue, asked: ProbeOptions) -> list[Feature]:
    """The one that was named, or all whose runs ever go there, as a look has them."""
    named = asked.feature
    if named is None:
        tell_left_out(catalogue)
    features = [feature_named(catalogue, named)] if named else features_of(catalogue, asked.environment)
    if not features:
        remedy = "Name one with --feature."
        raise ParameterError("ENV", f"no phase of any feature sends runs to {asked.environment}", remedy)
    if asked.ai_action and all(feature.call is FeatureCall.COMPLETE_CODE for feature in features):
        raise ParameterError("--ai-action", f"{features[0].feature} makes no aiAction calls", "Leave it out.")
    return features


async def _spend(
    store: Store,
    catalogue: Catalogue,
    asked: ProbeOptions,
    features: Sequence[Feature],
    connection: connections.Connection,
    tell: Tell,
) -> _Spent:
    """Everything that is sent; it ends before anything is weighed, so that what it spent counts."""
    name, environment = asked.environment, catalogue.environments[asked.environment]
    count = environment.readiness.burst_requests if asked.burst is None else asked.burst
    async with gitlab_client(environment, connection) as gitlab:
        tell(f"the path to {name}")
        facts = await measure_path(gitlab, environment, Clock(environment.time_scale))
        bursts = {}
        for feature in features if count else ():
            tell(f"{count} free requests at the rate of {feature.feature}")
            bursts[feature.feature] = await burst(gitlab, catalogue, feature, name, count)
        window = next((w for f in features if (w := ai_action_window(f, name, environment))), None)
        spent = BurstOutcome([], 0)
        if asked.ai_action and window:
            tell(f"{asked.ai_action} aiAction calls")
            spent = await spend_ai_action(gitlab, store, environment, window, asked.ai_action)
    return _Spent(facts, spent, bursts)


def _weighed(
    store: Store, catalogue: Catalogue, environment_name: str, feature: Feature, spent: _Spent
) -> list[LimitFinding]:
    """A full run of the feature, all its prompts still to be asked."""
    needed = feature.prompts_per_run
    found = weigh(store, spent.facts, catalogue, feature, environment_name, calls_needed=needed)
    if feature.feature in spent.bursts:
        found += spent.bursts[feature.feature].found
    return found + (spent.ai_action.found if feature.call is not FeatureCall.COMPLETE_CODE else [])


def _feature_as_json(found: Sequence[LimitFinding]) -> dict[str, Any]:
    tightest = binding(found)
    return {
        "fits": fits(found),
        "binding": tightest.limit_name if tightest else None,
        "remedies": [finding.line for finding in too_low(found)],
        "limits": [finding.as_json(binds=finding is tightest) for finding in found],
    }


def _verdict(found: Sequence[LimitFinding]) -> list[str]:
    stops = too_low(found)
    if stops:
        return [f"does not fit: {finding.line}" for finding in stops]
    tightest = binding(found)
    return [f"fits; {tightest.limit_name} binds" if tightest else "fits as far as is known: no hop told a limit"]


def _table(title: str, found: Sequence[LimitFinding]) -> Table:
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for column in table.COLUMNS:
        justify: JustifyMethod = "right" if column in table.RIGHT else "left"
        shown.add_column(column, justify=justify, no_wrap=column != "owner")
    for row in table.cells(found):
        shown.add_row(*row)
    return shown
