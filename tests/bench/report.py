"""The result as JSON, as markdown for the README, and as lines for the terminal."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.measure import Figures
from tests.bench.runners import PLAIN, TITLES


@dataclass(frozen=True)
class Row:
    """One runner in one case: its figures, or why there are none."""

    case: str
    title: str
    runner: str
    figures: Figures | None
    problem: str = ""


@dataclass
class Outcome:
    """All of one run of the bench. `trials`: findings by trial; `seconds`: how long everything took."""

    rows: list[Row] = field(default_factory=list)
    trials: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def runners(self) -> list[str]:
        """Who ran, in the order of `TITLES`."""
        return [name for name in TITLES if any(row.runner == name for row in self.rows)]

    @property
    def cases(self) -> dict[str, str]:
        """Title by name, in the order of running."""
        return {row.case: row.title for row in self.rows}

    def row(self, case: str, runner: str) -> Row | None:
        """The row of a runner in a case."""
        return next((row for row in self.rows if (row.case, row.runner) == (case, runner)), None)

    def to_json(self) -> str:
        """Everything, with the machine it ran on."""
        rows = [
            {"case": row.case, "title": row.title, "runner": row.runner, "problem": row.problem}
            | ({**row.figures._asdict(), "ratio": row.figures.ratio} if row.figures else {})
            for row in self.rows
        ]
        machine = {"python": platform.python_version(), "system": platform.platform(), "cpus": cpus()}
        content = {"machine": machine, "seconds": self.seconds, "rows": rows, "trials": self.trials}
        return json.dumps(content, indent=1) + "\n"


def from_json(text: str) -> Outcome:
    """What `Outcome.to_json` wrote: to draw it again, or to join it with another run."""
    content = json.loads(text)
    rows = [Row(r["case"], r["title"], r["runner"], _figures(r), r["problem"]) for r in content["rows"]]
    return Outcome(rows, content["trials"], content["seconds"])


def _figures(row: Mapping[str, Any]) -> Figures | None:
    return Figures(**{name: row[name] for name in Figures._fields}) if "ratio" in row else None


def cpus() -> int:
    """Processors of this machine, by the kernel's own list."""
    text = Path("/proc/cpuinfo")
    return text.read_text().count("processor\t") if text.exists() else 0


def short(row: Row | None) -> str:
    """One cell: `1.010, 3 refused, 1 paid twice`, or `2 of 300 lost, 3 refused`; what is none is left out."""
    if row is None:
        return "–"
    if row.figures is None:
        return row.problem
    figures = row.figures
    first = f"{figures.lost:,} of {figures.asked:,} lost" if figures.lost else f"{figures.ratio:.3f}"
    counted = ((figures.refusals, "refused"), (figures.paid_twice, "paid twice"))
    return ", ".join([first, *(f"{number:,} {word}" for number, word in counted if number)])


def markdown(outcome: Outcome) -> str:
    """Makespan ÷ floor and losses by case; then CPU and memory; then the trials."""
    names = outcome.runners
    keepers = [name for name in names if name != PLAIN]
    lines = [*_head(["makespan ÷ floor", *(TITLES[name] for name in keepers)])]
    for case, title in outcome.cases.items():
        lines.append(_line([title, *(short(outcome.row(case, name)) for name in keepers)]))
    lines += ["", *_head(["CPU ms a prompt, peak MB", *(TITLES[name] for name in names)])]
    for case, title in outcome.cases.items():
        lines.append(_line([title, *(_cost(outcome.row(case, name)) for name in names)]))
    if outcome.trials:
        lines += ["", *_head(["Daily Runs alone", "found"])]
        lines += [_line([name.replace("_", " "), _findings(found)]) for name, found in outcome.trials.items()]
    return "\n".join(lines) + "\n"


def _cost(row: Row | None) -> str:
    if row is None or row.figures is None:
        return "–"
    return f"{row.figures.cpu_ms_per_prompt:.1f}, {row.figures.peak_rss_mb:.0f}"


def _findings(found: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number:,.5g}" for name, number in found.items())


def _head(cells: Sequence[str]) -> list[str]:
    return [_line(cells), "|---" * len(cells) + "|"]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
