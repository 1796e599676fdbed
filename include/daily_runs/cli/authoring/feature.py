"""`daily-runs feature new`: a feature's files to begin with, so that nobody starts from an empty page."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from daily_runs import feature_files
from daily_runs.authoring.skeleton import skeleton
from daily_runs.authoring.written import must_be_new, write_all
from daily_runs.catalogue.folders import include_root
from daily_runs.cli.options import AsJson, command_line, print_json
from daily_runs.clock import Clock
from daily_runs.input_files import printable

app = command_line()


class NewResource(StrEnum):
    """What a new feature's items are about."""

    TEXT = "text"
    DIFF = "diff"


@app.callback()
def features() -> None:
    """What is evaluated every day."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and _, such as commit_message.")],
    resource: Annotated[NewResource, typer.Option(help="What its items are about.")] = NewResource.TEXT,
    team: Annotated[str, typer.Option(help="Who answers for it.")] = "the evaluation team",
    as_json: AsJson = False,
) -> None:
    """Write a catalogue entry, a data set of three rows with its card, and a rubric. The feature is on hold."""
    include = include_root()
    files = skeleton(include, name, resource, team, Clock.now().date())
    must_be_new(files, "Give the feature another name.")
    write_all(files)
    faults = feature_files.read().faults
    if as_json:
        print_json({"feature": name, "files": list(files), "catalogue_faults": [str(fault) for fault in faults]})
        return
    catalogue, data_set, card, rubric = files
    print(f"{catalogue}: how it is asked, when, and who answers for it")
    print(f"{data_set}: three example rows; put your own in their place (daily-runs dataset import)")
    print(f"{card}: what the rows are")
    print(f"{rubric}: how answers are scored")
    if faults:
        print("The catalogue has faults, so nothing runs yet:")
        print(*(f"  {printable(str(fault))}" for fault in faults), sep="\n")
    else:
        print(
            f"The catalogue is sound. Next: daily-runs run {name} --environment staging, with the sandbox or for real"
        )
