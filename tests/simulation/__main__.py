"""`make statistics`: the figures of docs/statistics.md, from simulated runs whose truth is known."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from daily_runs.statuses import QualityVerdict
from tests.simulation import coverage, rulers, streams, verdicts

SEED = 20261126
REFERENCES, RUNS_WATCHED = 200, 5
"""References pinned for each stream, and how many times `--runs` runs each is watched for."""
BEGIN, END = "<!-- {} of make statistics -->", "<!-- end -->"
"""What stands around a table in a file that `--into` fills."""
VERDICTS = (
    QualityVerdict.REGRESSED,
    QualityVerdict.IMPROVED,
    QualityVerdict.NO_WORSE,
    QualityVerdict.INCONCLUSIVE,
)


class Table(NamedTuple):
    """A table in Markdown, as text and file show it."""

    name: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    @property
    def text(self) -> str:
        """The whole table."""
        lines = [self.header, tuple("---" for _ in self.header), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(words: Sequence[str] | None = None) -> int:
    """Simulate; 1 when a promise is not kept."""
    parser = argparse.ArgumentParser(prog="make statistics", description=__doc__)
    parser.add_argument("--runs", type=int, default=500, help="simulated runs of each row; a quarter where a drop is")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="the figures are the same for any number")
    parser.add_argument("--into", type=Path, help="a Markdown file whose tables are replaced by these")
    given = parser.parse_args(words)
    start = time.monotonic()
    broken: list[str] = []
    tables = []
    with ProcessPoolExecutor(given.processes) as pool:
        seeds = np.random.SeedSequence(given.seed).spawn(5)
        simulations = (_coverage, _verdicts, _streams, _unchanged_judge, _changed_judge)
        for simulate, seed in zip(simulations, seeds, strict=True):
            table = simulate(pool, given.runs, seed, broken)
            sys.stdout.write(f"\n{table.text}\n")
            sys.stdout.flush()
            tables.append(table)
    if given.into:
        _fill(given.into, tables)
    told = "Every promise is kept." if not broken else "\n  ".join(["Not kept:", *broken])
    sys.stdout.write(f"\n{time.monotonic() - start:.0f} s with {given.processes} processes. {told}\n")
    return int(bool(broken))


def _spread(
    pool: ProcessPoolExecutor,
    measure: Callable[..., Any],
    cases: Iterable[tuple[Any, ...]],
    seed: np.random.SeedSequence,
) -> list[Any]:
    """Each case measured with dice of its own, so that no case's figures hang on who measured it, or when."""
    every = list(cases)
    dice = [np.random.default_rng(one) for one in seed.spawn(len(every))]
    waiting = [pool.submit(measure, *case, rng) for case, rng in zip(every, dice, strict=True)]
    return [one.result() for one in waiting]


def _covered(number: int, runs: int, rng: np.random.Generator) -> coverage.Covered:
    return coverage.measure(
        coverage.WORLDS[number], runs, rng
    )  # a world has functions in it, which stay where they are


def _coverage(pool: ProcessPoolExecutor, runs: int, seed: np.random.SeedSequence, broken: list[str]) -> Table:
    found: list[coverage.Covered] = _spread(pool, _covered, ((n, runs) for n in range(len(coverage.WORLDS))), seed)
    broken += [f"coverage of {row.world}: {row.share:.3f}" for row in found if not row.holds]
    header = ("world", "intervals that hold the truth", "mean width", "smallest width")
    rows = [(row.world, f"{row.share:.3f}", f"{row.width:.3f}", f"{row.narrowest:.3f}") for row in found]
    return Table("coverage", header, rows)


def _verdicts(pool: ProcessPoolExecutor, runs: int, seed: np.random.SeedSequence, broken: list[str]) -> Table:
    found: list[verdicts.Told] = _spread(pool, verdicts.measure, ((case, runs) for case in verdicts.CASES), seed)
    rows = []
    for case, row in zip(verdicts.CASES, found, strict=True):
        broken += _broken_verdicts(case, row)
        shares = (f"{row.share(verdict):.3f}" for verdict in VERDICTS)
        rows.append((row.shape, case.title, *shares, f"{row.visible:.3f}", f"{row.visible_in_a_class:.2f}"))
    named = (verdict.replace("_", " ") for verdict in VERDICTS)
    header = ("data set", "what changed", *named, "smallest visible drop", "of a class")
    return Table("verdicts", header, rows)


def _broken_verdicts(case: verdicts.Case, row: verdicts.Told) -> list[str]:
    """The promises about verdicts that a row breaks, beyond two standard errors of a simulated share."""
    most = verdicts.FALSE_ALARMS_MOST + 2 * (0.025 * 0.975 / row.runs) ** 0.5
    least = verdicts.FOUND_LEAST - 2 * (0.06 * 0.94 / row.runs) ** 0.5
    regressed = row.share(QualityVerdict.REGRESSED)
    wrong = {QualityVerdict.NO_WORSE} if case.in_classes else {QualityVerdict.REGRESSED, QualityVerdict.IMPROVED}
    told = [f"{word} at {case.title}, {row.shape}: {row.share(word):.3f}" for word in wrong if row.share(word) > most]
    if case.in_classes == 1 and row.classes >= verdicts.CLASSES_FOUND and regressed < least:
        told.append(f"a drop in one class is not found, {row.shape}: {regressed:.3f}")
    return told


def _streams(pool: ProcessPoolExecutor, runs: int, seed: np.random.SeedSequence, broken: list[str]) -> Table:
    shipped, number = streams.streams_of_the_catalogue()
    shown = [*streams.FIXED, *shipped]
    cases = ((stream, number, REFERENCES, RUNS_WATCHED * runs) for stream in shown)
    found: list[streams.Watched] = _spread(pool, streams.measure, cases, seed)
    for stream, row in zip(shown, found, strict=True):
        if stream.effect == verdicts.RUN_EFFECT and row.false_alarms > streams.FALSE_ALARMS_MOST:
            broken.append(f"false alarms of {row.stream}: {row.false_alarms:.2f}")
    if found[0].found < streams.FOUND_LEAST:
        broken.append(f"drops found by {found[0].stream}: {found[0].found:.3f}")
    rows = [
        (row.stream, f"{row.false_alarms:.2f}", f"{row.found:.3f}", "never" if row.delay is None else f"{row.delay:g}")
        for row in found
    ]
    alarms = f"false alarms in 1,000 runs over {number} streams"
    within = f"drops of {verdicts.DROP:g} found within {streams.FOUND_WITHIN} runs"
    return Table("streams", ("stream", alarms, within, "median delay in runs"), rows)


def _unchanged_judge(pool: ProcessPoolExecutor, runs: int, seed: np.random.SeedSequence, broken: list[str]) -> Table:
    years = max(1, runs * rulers.YEARS // 1000)
    found: list[float] = _spread(pool, rulers.false_a_year, ((noise, years) for noise in rulers.NOISES), seed)
    most = rulers.FALSE_A_YEAR_MOST + 2 * (rulers.FALSE_A_YEAR_MOST / years) ** 0.5
    broken += [
        f"runs a year that an unchanged judge makes invalid: {invalid:.2f}" for invalid in found if invalid > most
    ]
    rows = [(f"{noise:g}", f"{invalid:.2f}") for noise, invalid in zip(rulers.NOISES, found, strict=True)]
    header = ("noise of a verdict in points (standard deviation)", "runs a year that are invalid, over 5 features")
    return Table("unchanged_judge", header, rows)


def _changed_judge(pool: ProcessPoolExecutor, runs: int, seed: np.random.SeedSequence, broken: list[str]) -> Table:
    answers = sorted({*rulers.FEATURES})
    cases = [(judge, number, max(1, runs // 5)) for judge in rulers.JUDGES for number in answers]
    found: list[rulers.Noticed] = _spread(pool, rulers.notice, cases, seed)
    broken += [
        f"{row.judge} judge, {row.answers} answers: invalid from day {row.day:g} on"
        for row in found
        if row.day > rulers.NOTICED_WITHIN
    ]
    rows = [(row.judge, f"{row.answers}", f"{row.found:.3f}", f"{row.day:g}") for row in found]
    header = ("judge", "frozen answers", "invalid on the first day", "median day of the first invalid run")
    return Table("changed_judge", header, rows)


def _fill(file: Path, tables: Iterable[Table]) -> None:
    """Put each table between its marks."""
    text = file.read_text(encoding="utf-8")
    for table in tables:
        before, _, rest = text.partition(BEGIN.format(table.name))
        _, found, after = rest.partition(END)
        if not found:
            raise SystemExit(
                f"{file}: has no {BEGIN.format(table.name)} … {END}. Add both lines where the table is to be."
            )
        text = f"{before}{BEGIN.format(table.name)}\n\n{table.text}\n\n{END}{after}"
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
