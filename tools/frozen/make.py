"""Writes the frozen answers of all data sets. The same references give the same files.

    PYTHONPATH=include .venv/bin/python -m tools.frozen.make

A changed file is another ruler: the points before and after the change cannot be compared. The checksums in
tests/unit/dataset/test_shipped_frozen_answers.py have to be changed with it, on purpose.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tools.frozen import (
    code_suggestions,
    duo_chat,
    root_cause_analysis,
    vulnerability_explanation,
    vulnerability_resolution,
)

from daily_runs.dataset import load
from daily_runs.frozen_answers import FrozenAnswer, frozen_path

SETS = Path(__file__).resolve().parents[2] / "include" / "datasets"
MAKERS = {
    "root_cause_analysis": root_cause_analysis.answers,
    "duo_chat": duo_chat.answers,
    "vulnerability_explanation": vulnerability_explanation.answers,
    "vulnerability_resolution": vulnerability_resolution.answers,
    "code_suggestions": code_suggestions.answers,
}


def text_of(answers: Iterable[FrozenAnswer]) -> str:
    """The file's text. ASCII only, so that no reader takes an unusual line separator for the end of a row."""
    return "".join(json.dumps(answer.model_dump(mode="json"), ensure_ascii=True) + "\n" for answer in answers)


def main() -> None:
    """Write all files."""
    for name, make in MAKERS.items():
        dataset = SETS / f"{name}.jsonl"
        frozen_path(dataset).write_text(text_of(make(load(dataset))), encoding="utf-8")


if __name__ == "__main__":
    main()
