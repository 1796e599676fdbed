"""`make statistics`: the figures of docs/statistics.md, from simulated runs whose truth is known."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

import numpy as np
from rich.console import Console

from daily_runs.statuses import QualityVerdict
from tests.simulation import coverage, streams, verdicts

SEED = 20261126


def main(words: Sequence[str] | None = None) -> int:
    """Simulate; 1 when a promise is not kept."""
    parser = argparse.ArgumentParser(prog="make statistics", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="simulated runs of each row")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", action="store_true", help="the same figures as one JSON object")
    given = parser.parse_args(words)
    out, start = Console(stderr=given.json, highlight=False, width=120), time.monotonic()
    rng = np.random.default_rng(given.seed)
    broken: list[str] = []
    covered = _coverage(out, given.runs, rng, broken)
    told = _verdicts(out, given.runs, rng, broken)
    watched = _streams(out, given.runs, rng, broken)
    out.print(f"{time.monotonic() - start:.0f} s. " + ("Every promise is kept." if not broken else "Not kept:"))
    for line in broken:
        out.print(f"  {line}")
    if given.json:
        figures = {
            "coverage": [row._asdict() for row in covered],
            "verdicts": [row._asdict() for row in told],
            "streams": [row._asdict() for row in watched],
        }
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    return int(bool(broken))


def _coverage(out: Console, runs: int, rng: np.random.Generator, broken: list[str]) -> list[coverage.Covered]:
    out.print(f"95 % intervals: share that holds the truth, at least {coverage.LEAST}; mean and smallest width")
    rows = []
    for world in coverage.WORLDS:
        row = coverage.measure(world, runs, rng)
        out.print(f"  {row.world:42} {row.share:.3f}  {row.width:.3f}  {row.narrowest:.3f}")
        rows.append(row)
    broken += [f"coverage of {row.world}: {row.share:.3f}" for row in rows if not row.holds]
    return rows


def _verdicts(out: Console, runs: int, rng: np.random.Generator, broken: list[str]) -> list[verdicts.Told]:
    out.print(
        "\nVerdicts, run effect 0.006, margin 0.02: share by verdict, mean of the smallest visible drop"
        f"\n{'':47}{'regressed':>10}{'improved':>10}{'no worse':>10}{'inconcl.':>10}{'visible':>10}"
    )
    rows = []
    for shape in verdicts.SHAPES:
        for dropped, in_classes in sorted({(0.0, 0), (0.03, 1), (0.03, min(2, shape.classes)), (0.03, shape.classes)}):
            row = verdicts.measure(shape, dropped, in_classes, runs, rng)
            what = f"drop of {dropped:g} in {in_classes} of {shape.classes}" if dropped else f"{shape.title}: no change"
            shares = "".join(f"{row.share(v):>10.3f}" for v in list(QualityVerdict)[:4])
            out.print(f"  {what:45}{shares}{row.visible:>10.3f}")
            rows.append(row)
    for row in rows:
        false = row.share(QualityVerdict.REGRESSED)
        most = (
            verdicts.FALSE_ALARMS_MOST + 2 * (0.025 * 0.975 / runs) ** 0.5
        )  # two standard errors of a simulated share
        wrong = {"regressed": false, "improved": row.share(QualityVerdict.IMPROVED)}
        if not row.dropped:
            broken += [
                f"{name} without a change, {row.shape}: {share:.3f}" for name, share in wrong.items() if share > most
            ]
        elif row.share(QualityVerdict.NO_WORSE) > most:
            broken.append(f"no worse in spite of a drop, {row.shape}: {row.share(QualityVerdict.NO_WORSE):.3f}")
        elif row.in_classes == 1 and row.classes >= verdicts.CLASSES_FOUND and false < verdicts.FOUND_LEAST:
            broken.append(f"a drop in one class is not found, {row.shape}: {false:.3f}")
    return rows


def _streams(out: Console, runs: int, rng: np.random.Generator, broken: list[str]) -> list[streams.Watched]:
    out.print(
        f"\nDaily detector, {streams.STREAMS} streams, drop of {streams.DROP}: false alarms in 1,000 runs over all"
        f" streams, share found within {streams.FOUND_WITHIN} runs, median delay in runs"
    )
    rows = []
    for stream in streams.STREAMS_SHOWN:
        row = streams.measure(stream, 200, 10 * runs, rng)
        out.print(f"  {row.stream:58} {row.false_alarms:6.2f} {row.found:7.3f} {row.delay:4.0f}")
        rows.append(row)
        if stream.effect**2 <= streams.PRIOR.variance and row.false_alarms > streams.FALSE_ALARMS_MOST:
            broken.append(f"false alarms of {row.stream}: {row.false_alarms:.2f}")
    if rows[0].found < streams.FOUND_LEAST:
        broken.append(f"drops found by {rows[0].stream}: {rows[0].found:.3f}")
    return rows


if __name__ == "__main__":
    sys.exit(main())
