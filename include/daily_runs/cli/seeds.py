"""`daily-runs seeds`: which seeds of a feature an environment has, and what a team must create there."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NamedTuple

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from daily_runs import connections, dataset
from daily_runs.catalogue.catalogue import Catalogue, environment_named, feature_named
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli.options import AsJson, Overlay, command_line, in_use, terminal
from daily_runs.dataset import Item
from daily_runs.errors import AccessError, CallError, ParameterError, StageError
from daily_runs.gitlab.session import connection_of, gitlab_client
from daily_runs.readiness.seeds import manifest
from daily_runs.readiness.seeds.coverage import SURPLUS, SURPLUS_REMEDY, Coverage, coverage, made_of, remedy, said
from daily_runs.readiness.seeds.find import SeedsSeen
from daily_runs.readiness.seeds.manifest import ManifestEntry
from daily_runs.readiness.seeds.verify import verify_seeds
from daily_runs.statuses import SeedStatus
from daily_runs.store import database
from daily_runs.store.database import Store
from daily_runs.store.embedded import state_root

EXIT_NOT_READY, EXIT_COULD_NOT_LOOK = 1, 3

app = command_line()


@app.command()
def command(
    environment: Annotated[str, typer.Argument(help="staging or production.")],
    feature: Annotated[str, typer.Argument(help="A feature of the catalogue, such as root_cause_analysis.")],
    manifest: Annotated[bool, typer.Option("--manifest", help="Write what must be created, as JSON lines.")] = False,
    every: Annotated[bool, typer.Option("--all", help="With --manifest: every seed, without a look.")] = False,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Say which seeds are there; spends nothing. Exit code 1: not ready; 3: could not look."""
    asked = SeedsOptions(environment, feature, manifest, every, as_json, in_use(overlay))
    raise typer.Exit(run(asked, terminal()))


class Seeds(NamedTuple):
    """What one look found, in an environment and for a feature by name."""

    environment: str
    seen: SeedsSeen
    coverage: Coverage

    def as_json(self) -> dict[str, Any]:
        """For a script: the coverage, each seed, and the requests sent."""
        seeds = [seed._asdict() for seed in self.seen.seeds]
        return {"environment": self.environment, **self.coverage.as_json(), "seeds": seeds, "calls": self.seen.calls}

    def render(self) -> list[Table | str]:
        """For people: one line, and a table of what is in the way."""
        found = self.coverage
        mark = "✓" if found.ready else "✗"
        line = f"{mark} {found.feature} in {self.environment}: {found.stated()}; owner: {found.owner}"
        if not found.groups():
            return [line]
        title = ", ".join(f"{len(keys)} {words}" for words, keys in found.groups().items())
        table = Table(box=box.SIMPLE, title=title, title_justify="left")
        for column in ("seed", "state", "what to do"):
            table.add_column(column, overflow="fold")
        for seed in self.seen.seeds:
            if seed.status is not SeedStatus.BOUND:
                table.add_row(seed.key, said(seed.status), remedy(seed))
        for key in found.surplus:
            table.add_row(key, SURPLUS, SURPLUS_REMEDY)
        return [line, "", table, *([made_of(self.environment, found.feature)] if found.faults else [])]


class SeedsOptions(NamedTuple):
    """The command's options."""

    environment: str
    feature: str
    manifest: bool = False
    every: bool = False
    as_json: bool = False
    overlay: str | None = None


def run(asked: SeedsOptions, console: Console) -> int:
    """Look and print; returns the exit code. Progress goes to standard error.

    Raises:
        ParameterError: unknown environment or feature; options that do not go together.
        DatasetError, AccessError: the data set is not sound; the connection, or a store that was given, is not usable.
    """
    if (asked.every and not asked.manifest) or (asked.manifest and asked.as_json):
        problem = "does not go without --manifest" if asked.every else "does not go with --json"
        raise ParameterError("--all" if asked.every else "--manifest", problem, "Give --manifest alone, or with --all.")
    catalogue, feature, items = _of(asked)
    if asked.every:
        return _write(manifest.manifest(items, None))
    try:
        seen = _looked(catalogue, asked.environment, feature, items)
    except CallError as error:
        sys.stderr.write(f"daily-runs: {_could_not_look(asked, error)}\n")
        return EXIT_COULD_NOT_LOOK
    found = Seeds(asked.environment, seen, coverage(feature, seen))
    if asked.manifest:
        _write(manifest.manifest(items, seen))
    elif asked.as_json:
        sys.stdout.write(json.dumps(found.as_json(), indent=2) + "\n")
    else:
        console.print(*found.render(), sep="\n")
    return 0 if found.coverage.ready else EXIT_NOT_READY


def _write(entries: Sequence[ManifestEntry]) -> int:
    """A manifest as JSON lines. They hold the data set's content, which is ours to print."""
    for entry in entries:
        sys.stdout.write(json.dumps(entry._asdict(), ensure_ascii=False) + "\n")
    if not entries:
        sys.stderr.write("daily-runs: nothing has to be created\n")
    return 0


def _could_not_look(asked: SeedsOptions, error: CallError) -> str:
    return (
        f"could not look at the seeds of {asked.feature} in {asked.environment}: {error}. This does not mean"
        " that a seed is missing. Run it again: if a store runs, it goes on where it stopped (docs/runbooks/calls.md)."
    )


def _of(asked: SeedsOptions) -> tuple[Catalogue, Feature, tuple[Item, ...]]:
    catalogue = catalogue_files.load(overlay=asked.overlay)
    environment_named(catalogue, asked.environment)
    feature = feature_named(catalogue, asked.feature)
    return catalogue, feature, dataset.load_feature_dataset(feature)


def _looked(catalogue: Catalogue, environment: str, feature: Feature, items: Sequence[Item]) -> SeedsSeen:
    progress, told = Console(stderr=True), f"looking at {len(items)} seeds of {feature.feature} in {environment} ..."
    with progress.status(told), _memory(progress) as store:
        return asyncio.run(_look(catalogue, environment, feature, items, store))


async def _look(
    catalogue: Catalogue, environment: str, feature: Feature, items: Sequence[Item], store: Store | None
) -> SeedsSeen:
    there = catalogue.environments[environment]
    async with gitlab_client(there, connection_of(there, connections.find)) as gitlab:
        return await verify_seeds(gitlab, catalogue, environment, feature, items, store)


@contextmanager
def _memory(console: Console) -> Iterator[Store | None]:
    """The store that remembers content: the given one, or the one that runs here; no server is started for that."""
    given = os.environ.get(database.STORE_VARIABLE)
    url = given or database.running_url(state_root() / "postgres")
    if url is None:
        yield None
        return
    try:
        store = Store(url).open()
    except (AccessError, StageError) as error:
        if given:
            raise
        console.print(f"every seed is read anew: the store here cannot be read ({error})", style="dim")
        yield None
        return
    try:
        yield store
    finally:
        store.close()
