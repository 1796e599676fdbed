"""Files of rows (one JSON object a line): how they are read, and how what is wrong with a row is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from daily_runs.catalogue.reading.fault_texts import Refusal, refusals
from daily_runs.catalogue.reading.yaml_lines import KeyPath, spell
from daily_runs.errors import DatasetError, Fault, UserError
from daily_runs.input_files import JSONL_BYTES_MAX, first_of, json_row, read_text, shortened

_Row = TypeVar("_Row", bound=BaseModel)


class RowFault(NamedTuple):
    """One thing that is wrong with a row: its line (from 1), the keys that lead there, what, and what to do."""

    line: int
    location: KeyPath
    problem: str
    remedy: str

    def told(self) -> str:
        """The fault and its remedy in one short line, without the place."""
        return f"{shortened(self.problem_there)}. {shortened(self.remedy)}"

    @property
    def problem_there(self) -> str:
        """What is wrong, behind the key that it is about."""
        return f"{spell(self.location)}: {self.problem}" if self.location else self.problem

    def of_file(self, path: Path) -> Fault:
        """The same with its file."""
        return Fault(f"{path}:{self.line}", shortened(self.problem_there), shortened(self.remedy))


def lines_of(path: Path, below: Path | None = None) -> list[tuple[int, str]]:
    """The lines of a JSONL file that are not blank, each with its number from 1.

    Raises:
        DatasetError: unreadable file (see `input_files.read_text`).
    """
    try:
        text = read_text(path, str(path), bytes_max=JSONL_BYTES_MAX, below=below)
    except UserError as error:
        problem = error.problem if error.problem.startswith("cannot") else f"cannot be read (it {error.problem})"
        raise DatasetError(str(path), problem, error.remedy) from error
    return [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]


def row_of(model: type[_Row], line: str) -> tuple[_Row | None, list[Refusal]]:
    """A line as a row, or everything that is wrong with it."""
    try:
        value = json_row(line)
    except ValueError as error:
        return None, [Refusal((), str(error), "Write one JSON object a line.")]
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        return None, list(refusals(error, model))


def refuse_rows(path: Path, bad: Sequence[RowFault]) -> None:
    """Name a file's bad rows, a line each; if there are very many, the first ones.

    Raises:
        DatasetError: there is one.
    """
    if bad:
        lines = first_of([f"line {fault.line}: {fault.told()}" for fault in bad])
        problem = f"{len(bad)} faults\n  " + "\n  ".join(lines)
        raise DatasetError(str(path), problem.removesuffix("."), "Mend or remove these rows.")
