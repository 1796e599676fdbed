"""`daily-runs export`: rows of a contract view as a file for a spreadsheet or another system, CSV or Parquet."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from daily_runs.cli.options import command_line, must_be_writable
from daily_runs.errors import ParameterError
from daily_runs.results.exports import export, parquet
from daily_runs.results.exports.export import Wanted
from daily_runs.store import database
from daily_runs.store.session import in_our_terms

STANDARD_OUTPUT = "-"
_OUTPUT = "A file, written whole or not at all: Parquet if it ends with .parquet, else CSV."

app = command_line()


@app.command()
def command(
    run: Annotated[str | None, typer.Argument(help="Key of a run; without one, all runs.")] = None,
    view: Annotated[str, typer.Option(help="A view of the data contract.")] = "results_v1",
    feature: Annotated[str | None, typer.Option(help="Rows of this feature.")] = None,
    since: Annotated[str | None, typer.Option(help="Rows of this day or moment (UTC) and later.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help=_OUTPUT)] = STANDARD_OUTPUT,
) -> None:
    """Write rows of a contract view to a file or standard output; in CSV, texts that look like formulas are defused."""
    wanted = Wanted(view, run, feature, _moment(since))
    target = None if output == STANDARD_OUTPUT else Path(output)
    if target:
        must_be_writable("--output", target)
    is_parquet = target is not None and target.suffix == parquet.SUFFIX
    if is_parquet:
        parquet.must_be_there()
    with database.local_url() as url, in_our_terms(), database.connect(url) as connection:  # a reader's login will do
        columns = export.columns_of(connection, view)
        with export.batches(connection, wanted, columns) as found, _opened(target, is_text=not is_parquet) as into:
            count = (parquet.write if is_parquet else export.write_csv)(into, columns, found)
    print(f"daily-runs: {count:,} rows of {view}", file=sys.stderr)


def _moment(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ParameterError("--since", f"{text!r} is no date", "Give 2026-08-15, or 2026-08-15T06:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


@contextmanager
def _opened(target: Path | None, *, is_text: bool) -> Iterator[IO[Any]]:
    """Where the rows go. A file gets its name once it is whole; what was there before stays until then."""
    if target is None:
        with _standard_output() as into:
            yield into
        return
    target = target.resolve()
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") if is_text else part.open("wb") as into:
            yield into
            into.flush()
            os.fsync(into.fileno())
        part.replace(target)
    except OSError as error:
        raise ParameterError("--output", f"cannot write {target} ({error.strerror})", "Give another place.") from error
    finally:
        with suppress(OSError):  # it is gone when all went well
            part.unlink()


@contextmanager
def _standard_output() -> Iterator[IO[str]]:
    """Standard output in UTF-8, whatever the terminal's encoding is: a row is written as it is, or not."""
    try:
        with open(sys.stdout.fileno(), "w", encoding="utf-8", newline="", closefd=False) as into:
            yield into
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter tries once more at its end
        problem = "standard output was closed before all rows were written"
        raise ParameterError("--output", problem, "Read all of it, or give a file.") from None
