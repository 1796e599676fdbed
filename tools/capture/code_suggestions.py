"""Writes code_suggestions.jsonl: modules of this project, each with a piece cut out where the cursor stands.

A cut names a module, the text that ends at the cursor, and the number of lines to remove. The rows hold the cut text
itself. A cut that is in the set stays as it is, even if its module has changed or gone, so that its scores can be
compared over time; `--again` cuts it anew.

    python tools/capture/code_suggestions.py [--again SLUG]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import rows

PROJECT = Path(__file__).resolve().parents[2]


class CutError(Exception):
    """The module is no longer as the cut expects; nothing was written."""


class Parts(NamedTuple):
    """A module in three pieces; joined they are the module."""

    above: str
    removed: str
    below: str


@dataclass(frozen=True)
class Cut:
    """Where the cursor stands.

    Args:
        slug: last part of the seed key.
        path: the module, from the project's root.
        marker: text that occurs once; the cursor stands after it, or in the next line if it ends its own.
        lines: lines removed at the cursor; the rest of the cursor's line counts as the first.
    """

    slug: str
    path: str
    marker: str
    lines: int
    tags: tuple[str, ...]
    intent: Literal["completion", "generation"] = "completion"

    @property
    def item_class(self) -> str:
        """`body` below a docstring, or else by how much is missing: a `line` or a `block`."""
        if self.intent == "generation":
            return "body"
        return "line" if self.lines == 1 else "block"


def cut_out(source: str, marker: str, lines: int) -> Parts:
    """Cut `lines` lines out of the source after the marker.

    Raises:
        CutError: the marker does not occur exactly once, or fewer lines than that follow it.
    """
    if source.count(marker) != 1:
        raise CutError(f"{marker!r} occurs {source.count(marker)} times instead of once")
    start = source.index(marker) + len(marker)
    if source[start : start + 1] == "\n":
        start += 1
    end = start - 1
    for _ in range(lines):
        end = source.find("\n", end + 1)
        if end < 0:
            raise CutError(f"fewer than {lines} lines follow {marker!r}")
    return Parts(source[:start], source[start:end], source[end:])


LIBRARY = "include/daily_runs"
CAPTURE = "tools/capture"

CUTS = (
    Cut(
        "dataset-checksum",
        f"{LIBRARY}/dataset.py",
        '"""SHA-256 (hex) of the resource\'s content."""',
        1,
        ("property", "hashing"),
        "generation",
    ),
    Cut(
        "dataset-where",
        f"{LIBRARY}/dataset.py",
        "def _where(location: tuple[int | str, ...]) -> str:",
        1,
        ("function", "text"),
    ),
    Cut(
        "dataset-load-seen",
        f"{LIBRARY}/dataset.py",
        "            if name in seen:",
        2,
        ("loop", "validation"),
    ),
    Cut(
        "errors-user-message",
        f"{LIBRARY}/errors.py",
        "self.place, self.problem, self.remedy = place, problem, remedy",
        1,
        ("constructor", "errors"),
    ),
    Cut(
        "errors-call-message",
        f"{LIBRARY}/errors.py",
        'super().__init__(f"{kind} at {hop}"',
        1,
        ("mid-line", "constructor", "errors"),
    ),
    Cut("errors-blame", f"{LIBRARY}/errors.py", 'PROVIDER = "provider"', 2, ("enum", "errors")),
    Cut("clock-wall", f"{LIBRARY}/clock.py", "return max(0.0, ", 1, ("mid-line", "arithmetic", "time")),
    Cut(
        "yaml-place-text",
        f"{LIBRARY}/yaml_lines.py",
        "    line: int\n\n    def __str__(self) -> str:",
        1,
        ("method", "text"),
    ),
    Cut(
        "yaml-syntax-mark",
        f"{LIBRARY}/yaml_lines.py",
        'mark = getattr(error, "problem_mark", None) or ',
        2,
        ("mid-line", "errors", "yaml"),
    ),
    Cut(
        "yaml-spell",
        f"{LIBRARY}/yaml_lines.py",
        '"""A key path as people write it: `phases[1].schedule`."""',
        2,
        ("function", "text"),
        "generation",
    ),
    Cut(
        "bucket-available",
        f"{LIBRARY}/sandbox/bucket.py",
        '"""Units in the bucket."""',
        2,
        ("method", "arithmetic", "rate-limit"),
        "generation",
    ),
    Cut(
        "bucket-take",
        f"{LIBRARY}/sandbox/bucket.py",
        '"""Take n units, or none and say False. More than the capacity is never there."""',
        5,
        ("method", "rate-limit"),
        "generation",
    ),
    Cut(
        "bucket-wait",
        f"{LIBRARY}/sandbox/bucket.py",
        'until n units are there (0 = now); a demand above the capacity waits for a full bucket."""',
        2,
        ("method", "arithmetic", "rate-limit"),
        "generation",
    ),
    Cut(
        "scan-of-a-case",
        f"{CAPTURE}/vulnerabilities.py",
        '"""The scanner\'s finding for this case."""',
        4,
        ("method", "validation"),
        "generation",
    ),
    Cut(
        "cases-of-a-set",
        f"{CAPTURE}/vulnerabilities.py",
        '"""Cases of a set, in the order of its cases.yaml."""',
        5,
        ("function", "files", "yaml"),
        "generation",
    ),
    Cut(
        "scanner-start",
        f"{CAPTURE}/vulnerabilities.py",
        "        done = subprocess.run(",
        2,
        ("call", "subprocess"),
    ),
    Cut("rows-replaced", f"{CAPTURE}/rows.py", '    path = SETS / f"{name}.jsonl"', 3, ("function", "files")),
    Cut(
        "cut-lines",
        f"{CAPTURE}/code_suggestions.py",
        "    end = start - 1\n",
        4,
        ("loop", "text"),
    ),
    Cut("bounds-worst", f"{LIBRARY}/results/missing.py", "    worst = ", 1, ("mid-line", "arithmetic", "statistics")),
    Cut(
        "shares-of-a-class",
        f"{LIBRARY}/results/missing.py",
        '"""(class, outcome) of each prompt, as shares of the class\'s prompts."""',
        8,
        ("function", "counting"),
        "generation",
    ),
    Cut(
        "refused-dimension",
        f"{LIBRARY}/quota/rate_limit_headers.py",
        '"""Which dimension a 429 is about: the one it names, else the one of which least is left."""',
        4,
        ("function", "text", "rate-limit"),
        "generation",
    ),
    Cut(
        "number-in-a-header",
        f"{LIBRARY}/quota/rate_limit_headers.py",
        "    return float(text) if ",
        1,
        ("mid-line", "text", "validation"),
    ),
    Cut(
        "zones-moment",
        f"{LIBRARY}/catalogue/zones.py",
        '"""The moment (UTC) of a zone\'s local time (naive)."""',
        2,
        ("function", "time"),
        "generation",
    ),
    Cut("zones-jump", f"{LIBRARY}/catalogue/zones.py", "    while after - before > ONE_SECOND:", 2, ("loop", "time")),
    Cut(
        "scores-by-item",
        f"{LIBRARY}/results/scores.py",
        "    by_item: dict[str, list[float]] = defaultdict(list)",
        3,
        ("loop", "statistics"),
    ),
    Cut(
        "trace-records",
        f"{LIBRARY}/readiness/seeds/job_log.py",
        '        if stamp["more"] == "+" and stream in last:',
        4,
        ("branch", "text"),
    ),
    Cut(
        "schema-resolved",
        f"{LIBRARY}/sandbox/anthropic/schema_fill.py",
        '        while "$ref" in schema or "anyOf" in schema or "oneOf" in schema:',
        5,
        ("loop", "json-schema"),
    ),
    Cut(
        "schema-lowest",
        f"{LIBRARY}/sandbox/anthropic/schema_fill.py",
        "    lowest = ",
        1,
        ("mid-line", "arithmetic", "json-schema"),
    ),
    Cut(
        "page-size",
        f"{LIBRARY}/sandbox/gitlab/complexity.py",
        '    first = arguments.get("first")',
        1,
        ("statement", "graphql"),
    ),
    Cut(
        "date-without-zone",
        f"{LIBRARY}/http_dates.py",
        "    return moment if ",
        1,
        ("mid-line", "time", "http"),
    ),
)


def row(number: int, cut: Cut, kept: rows.Row | None) -> rows.Row:
    """The cut as a row of the data set; `kept` is the row whose text it goes on with.

    Raises:
        CutError: see `cut_out`; the message names the module.
    """
    made = {
        "id": f"cs-{number:03}",
        "seed_key": f"cs/{cut.slug}",
        "class": cut.item_class,
        "tags": ["python", *cut.tags],
        "question": "",
    }
    if kept is not None:
        return made | {"resource": kept["resource"], "reference": kept["reference"]}
    try:
        parts = cut_out((PROJECT / cut.path).read_text(encoding="utf-8"), cut.marker, cut.lines)
    except (OSError, CutError) as error:
        raise CutError(f"{cut.slug}: {cut.path}: {error}") from error
    resource = {
        "type": "code_cut",
        "file_name": cut.path,
        "intent": cut.intent,
        "above": parts.above,
        "below": parts.below,
    }
    return made | {"resource": resource, "reference": {"completion": parts.removed}}


def main() -> None:
    parser = argparse.ArgumentParser(description="Cut what is not in the data set yet.")
    parser.add_argument("--again", action="append", default=[], metavar="SLUG", help="cut this one anew")
    again = parser.parse_args().again
    if unknown := sorted(set(again) - {cut.slug for cut in CUTS}):
        sys.exit(f"--again: no cut is called {', '.join(unknown)}")
    kept = {slug: found for slug, found in rows.existing("code_suggestions").items() if slug not in again}
    numbers = rows.numbered("code_suggestions", [cut.slug for cut in CUTS])
    try:
        made = [row(numbers[cut.slug], cut, kept.get(cut.slug)) for cut in CUTS]
    except CutError as error:
        sys.exit(str(error))
    print(f"{rows.write('code_suggestions', made).name}: {len(made)} items")


if __name__ == "__main__":
    main()
