"""`daily-runs gate`: whether a change may be merged, by its run beside a baseline; the exit code is the answer."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from daily_runs.catalogue.catalogue import feature_named
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli.options import AsJson, Overlay, command_line, in_use, must_be_writable, print_json, terminal
from daily_runs.errors import DailyRunsError, ParameterError, UserError
from daily_runs.input_files import printable
from daily_runs.results.merge_gate import documents, side_rows
from daily_runs.results.merge_gate.decision import WHOLE, MergeDecision, decide
from daily_runs.store import database

EXIT_UNDECIDED = 2

app = command_line()


class IfInconclusive(StrEnum):
    """What a comparison that shows neither a drop nor that there is none is to end with."""

    PASS = "pass"  # noqa: S105 - a word, no secret
    FAIL = "fail"


@app.command()
def command(
    baseline: Annotated[str, typer.Option(help="Run key, attempt id, last-good[@ENVIRONMENT] or reference.")],
    candidate: Annotated[str, typer.Option(help="The same of the run to judge; reference is no single run.")],
    floors: Annotated[
        list[str] | None, typer.Option("--min", help="A criterion's lowest mean, such as correctness=0.9; repeatable.")
    ] = None,
    inconclusive: Annotated[
        IfInconclusive, typer.Option(help="Whether an inconclusive comparison passes, or ends with code 2.")
    ] = IfInconclusive.FAIL,
    junit: Annotated[Path | None, typer.Option(help="Write the tests of the whole, classes and floors here.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write a comment for the merge request here.")] = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Exit with 0 if the change may be merged, 1 if it regressed or is under a floor, 2 if that is not decided."""
    required = floors_of(floors or [])
    for option, file in (("--junit", junit), ("--markdown", markdown)):
        if file is not None:
            must_be_writable(option, file)
    try:
        decision = compared(baseline, candidate, required, in_use(overlay))
    except UserError:
        raise
    except DailyRunsError as error:  # the store is away: to end with 1 would say that the change is bad
        print(f"daily-runs: {printable(str(error), lines=True)}", file=sys.stderr)
        raise typer.Exit(EXIT_UNDECIDED) from None
    passes = inconclusive is IfInconclusive.PASS
    if junit is not None:
        junit.write_text(documents.junit(decision, inconclusive_passes=passes), encoding="utf-8")
    if markdown is not None:
        markdown.write_text(documents.markdown(decision), encoding="utf-8")
    code = decision.exit_code(inconclusive_passes=passes)
    if as_json:
        print_json(documents.as_json(decision) | {"exit_code": code})
    else:
        terminal().print(*_shown(decision), sep="\n")
    raise typer.Exit(code)


def floors_of(given: Sequence[str]) -> dict[str, float]:
    """The option `--min`: a lowest mean by criterion.

    Raises:
        ParameterError: no criterion, no number of 0 to 1, or a criterion twice.
    """
    found: dict[str, float] = {}
    for text in given:
        name, _, value = (part.strip() for part in text.partition("="))
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not name or name in found or not 0 <= number <= 1:
            problem = f"{text!r} is no floor" if name not in found else f"{name!r} is given twice"
            raise ParameterError("--min", problem, "Give each criterion once, with a mean of 0 to 1: correctness=0.9.")
        found[name] = number
    return found


def compared(baseline: str, candidate: str, floors: Mapping[str, float], overlay: str | None) -> MergeDecision:
    """Look both sides up and decide, with the feature's margin and lowest mean.

    Raises:
        DailyRunsError: a name, a floor or the catalogue is not sound, or the store is away.
    """
    catalogue = catalogue_files.load(overlay=overlay)
    with database.local_url() as url, database.open_store(url) as store:
        found = side_rows.find(store, baseline, candidate)
    feature = feature_named(catalogue, found.feature)
    required = {WHOLE: feature.thresholds.mean_score_min, **floors}
    return decide(found.baseline, found.candidate, feature.quality, required)


def _shown(decision: MergeDecision) -> list[Table | str]:
    shown: list[Table | str] = [printable(documents.headline(decision))]
    tables = (
        (("", "baseline", "candidate", "difference [95 %]", ""), documents.rows(decision)),
        (("floor", "required", "mean [95 %]", "at worst", ""), documents.floor_rows(decision)),
    )
    for header, rows in tables:
        if rows:
            table = Table(*header, box=None)
            for row in rows:
                table.add_row(*map(printable, row))
            shown.append(table)
    return shown
