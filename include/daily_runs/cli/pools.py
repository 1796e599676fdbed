"""`daily-runs pools`: the Airflow pools that the catalogue asks for, as table or file, or beside a live Airflow's."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.table import Column, Table

from daily_runs import dataset, feature_files
from daily_runs.airflow_api import LOOK_AT_ITS_LOG
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import environments_of
from daily_runs.catalogue.pools import SENSORS_POOL, VENDORS, Pool, PoolDifference, differences, pools
from daily_runs.catalogue.rates import budget
from daily_runs.cli.options import AsJson, Overlay, command_line, in_use, print_json, tell_left_out, terminal
from daily_runs.doctor import airflow
from daily_runs.errors import EXIT_FAILED, AccessError, ParameterError

REMEDY = "daily-runs pools --write FILE && airflow pools import FILE"
STANDARD_OUTPUT = "-"
_AIRFLOWS_OWN = "default_pool"

app = command_line()


@app.command()
def command(
    file: Annotated[
        str | None, typer.Option("--write", help="Write what `airflow pools import` takes; - is stdout.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with a live Airflow; exit 1 on a difference.")
    ] = False,
    overlay: Overlay = None,
    as_data: AsJson = False,
) -> None:
    """Show the Airflow pools that the catalogue asks for, write them to a file, or compare them with Airflow's."""
    if check and file is not None:
        raise ParameterError("--check", "does not go with --write", "Give one of the two.")
    catalogue = feature_files.load(overlay=in_use(overlay))
    tell_left_out(catalogue)
    if file is not None:
        write(catalogue, file)
    elif check:
        found = compare(catalogue)
        if as_data:
            print_json(found.as_json())
        else:
            print(*found.lines(), sep="\n")
        raise typer.Exit(EXIT_FAILED if found.differences else 0)
    elif as_data:
        print_json(as_json(catalogue))
    else:
        terminal().print(render(catalogue))


class Stand(NamedTuple):
    """A feature's mapped tasks of one stage that stand in a pool, in a full run."""

    feature: str
    stage: str
    environment: str
    tasks: int


def stands(catalogue: Catalogue) -> dict[str, list[Stand]]:
    """Who stands in each pool, features by priority. Features without an active phase are left out.

    Raises:
        DatasetError: a data set is not sound (there are no more tasks than items).
    """
    found: dict[str, list[Stand]] = {name: [] for name in pools(catalogue)}
    for feature in sorted(catalogue.features.values(), key=lambda feature: (feature.priority, feature.feature)):
        items = len(dataset.load_feature_dataset(feature))
        for name in environments_of(feature):
            tasks = min(feature.prompts_per_run, items, budget(catalogue, feature, name).slots)
            inference = feature.account_in(name, catalogue.environments[name])
            found[inference].append(Stand(feature.feature, "inference", name, tasks))
            found[catalogue.judge.account].append(Stand(feature.feature, "judging", name, tasks))
    return found


def render(catalogue: Catalogue) -> Table:
    """The pools for people."""
    who = Column("stands in it: stage, environment, mapped tasks", no_wrap=True)
    table = Table(
        "pool",
        Column("slots", justify="right"),
        Column("tokens/min\nof a slot", justify="right"),
        "what it is for",
        who,
    )
    by_pool = stands(catalogue)
    for name, pool in pools(catalogue).items():
        size, purpose = _about(catalogue, name)
        lines = [f"{s.feature}: {s.stage}, {s.environment}, {s.tasks}" for s in by_pool[name]]
        table.add_row(name, str(pool["slots"]), size, purpose, "\n".join(lines) or "nobody yet", end_section=True)
    return table


def _about(catalogue: Catalogue, pool: str) -> tuple[str, str]:
    """What one slot may spend, and what the pool is for."""
    if pool == SENSORS_POOL:
        return "none", "readiness sensors"
    account = catalogue.accounts[pool]
    return f"{account.slot_tokens_per_minute:,}", f"{VENDORS[account.vendor]} account {pool}"


def as_json(catalogue: Catalogue) -> dict[str, Any]:
    """The same as data."""
    by_pool = stands(catalogue)
    return {
        name: {
            **pool,
            "slot_tokens_per_minute": None if name == SENSORS_POOL else catalogue.accounts[name].slot_tokens_per_minute,
            "stands": [stand._asdict() for stand in by_pool[name]],
        }
        for name, pool in pools(catalogue).items()
    }


def write(catalogue: Catalogue, file: str) -> None:
    """Write what `airflow pools import` takes; an existing file is replaced whole or not at all.

    Args:
        catalogue: whose pools.
        file: where to; `-` is standard output.

    Raises:
        ParameterError: it cannot be written there.
    """
    text = json.dumps(pools(catalogue), indent=2) + "\n"
    if file == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    try:
        target = Path(file).resolve()
    except (OSError, RuntimeError) as error:  # a loop of links
        raise ParameterError("--write", f"{file} leads nowhere", "Give another place.") from error
    if target.exists() and not target.is_file():
        raise ParameterError("--write", f"{file} is no regular file", "Give a file, or - for standard output.")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        try:
            part.write_text(text, encoding="utf-8")
            if target.exists():
                shutil.copymode(target, part)
            part.replace(target)
        finally:
            with suppress(OSError):  # it is gone when all went well
                part.unlink()
    except OSError as error:
        raise ParameterError("--write", f"cannot write {file} ({error.strerror})", "Give another place.") from error


class Comparison(NamedTuple):
    """A live Airflow's pools against the catalogue's. `others`: pools that the catalogue does not ask for."""

    address: str
    wanted: dict[str, Pool]
    differences: list[PoolDifference]
    others: list[str]

    def lines(self) -> list[str]:
        """A line for each difference and the remedy, or that there is none."""
        said = [difference.problem for difference in self.differences]
        if not said:
            listed = ", ".join(f"{name} {pool['slots']}" for name, pool in self.wanted.items())
            said = [f"{self.address} has the pools of the catalogue: {listed}"]
        if self.others:
            said.append(f"also there, and left alone: {', '.join(self.others)}")
        return [*said, f"Mend it with: {REMEDY}"] if self.differences else said

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        return {
            "address": self.address,
            "differences": [difference._asdict() for difference in self.differences],
            "others": self.others,
        }


def compare(catalogue: Catalogue) -> Comparison:
    """Look at the Airflow that `daily-runs doctor` looks at.

    Raises:
        AccessError: none is named, it does not answer, or it refuses.
    """
    api = airflow.logged_in()
    if api is None:
        raise AccessError("Airflow", f"no local stack runs and {airflow.VARIABLE} is not set", airflow.SHAPE)
    wanted = pools(catalogue)
    with api:
        try:
            there = api.pools()
            found = list(differences(wanted, there))
        except KeyError as error:
            raise AccessError(
                f"Airflow at {api.address}", f"left {error} out of its answer", LOOK_AT_ITS_LOG
            ) from error
    others = sorted(there.keys() - wanted.keys() - {_AIRFLOWS_OWN})
    return Comparison(api.address, wanted, found, others)
