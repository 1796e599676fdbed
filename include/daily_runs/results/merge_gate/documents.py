"""What the merge gate hands to a pipeline: JSON, a comment in Markdown, and tests in JUnit's XML."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from daily_runs.input_files import printable
from daily_runs.results.intervals import beside
from daily_runs.results.merge_gate.decision import WHOLE, FloorCheck, MergeDecision, MergeOutcome, MergePart
from daily_runs.results.quality import CRITERION
from daily_runs.results.regression import QualityDifference
from daily_runs.statuses import QualityVerdict

SUITE = "daily-runs gate"
NO_WIDTH = "\u200b"
_MARKS = re.compile(r"[\\`*_\[\]|~#!]")
_BEGUN = re.compile(r"(?<=[@#!&%$~^])(?=\S)|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=GH)(?=-\d)|(?<=\[)(?=[A-Za-z])")
"""Inside what may begin a mention, a reference or a link."""


def title(name: str, *, floor: bool = False) -> str:
    """A part or a floor in words."""
    if name == WHOLE:
        return "mean" if floor else "all items"
    if floor:
        return f"criterion {name}"
    return name if name.startswith(CRITERION) else f"class {name}"


def headline(decision: MergeDecision) -> str:
    """The decision in one sentence."""
    under = [_floor_words(check) for check in decision.floors if check.outcome is not MergeOutcome.PASS]
    return "; ".join([f"{decision.outcome}: {decision.reason}", *under])


def rows(decision: MergeDecision) -> list[tuple[str, str, str, str, str]]:
    """The table of all items, criteria and classes: name, baseline, candidate, difference with interval, remark."""
    return [
        (
            title(part.name),
            f"{part.baseline:.3f}",
            f"{part.candidate:.3f}",
            _difference(part.difference),
            "regressed" if part.regressed else "",
        )
        for part in _ordered(decision.parts)
    ]


def floor_rows(decision: MergeDecision) -> list[tuple[str, str, str, str, str]]:
    """The table of floors: name, required, mean with interval, mean at worst, outcome."""
    return [
        (title(check.name, floor=True), f"{check.required:g}", _mean(check), f"{check.at_worst:.3f}", check.outcome)
        for check in decision.floors
    ]


def as_json(decision: MergeDecision) -> dict[str, Any]:
    """Everything, for a script."""
    return {
        "outcome": decision.outcome,
        "headline": headline(decision),
        "verdict": decision.verdict,
        "seen": decision.seen,
        "reason": decision.reason,
        "baseline": list(decision.baseline),
        "candidate": decision.candidate,
        "differs": list(decision.differs),
        "parts": [
            {
                "name": part.name,
                "baseline": part.baseline,
                "candidate": part.candidate,
                "regressed": part.regressed,
                **{name: getattr(part.difference, name) for name in ("estimate", "low", "high")},
            }
            for part in decision.parts
        ],
        "floors": [
            {
                "name": check.name,
                "required": check.required,
                "outcome": check.outcome,
                "mean": check.mean.estimate,
                "mean_low": check.mean.low,
                "mean_high": check.mean.high,
                "at_worst": check.at_worst,
            }
            for check in decision.floors
        ],
        "smallest_visible_drop": decision.smallest_visible,
        "changed": dict(decision.changed),
    }


def markdown(decision: MergeDecision) -> str:
    """A comment for a merge request. No text from a run can become a mark, a tag, a mention or a link in it."""
    since = decision.baseline[0] if len(decision.baseline) == 1 else f"{len(decision.baseline)} runs up to "
    against = since if len(decision.baseline) == 1 else f"{since}{decision.baseline[-1]}"
    lines = [
        f"### Evaluation: {decision.outcome}",
        "",
        _escaped(headline(decision)),
        "",
        f"Candidate {_escaped(decision.candidate)}, baseline {_escaped(against)}.",
    ]
    if decision.parts:
        lines += _table(("", "baseline", "candidate", "difference [95 %]", ""), rows(decision))
    if decision.floors:
        lines += _table(("floor", "required", "mean [95 %]", "at worst", ""), floor_rows(decision))
    return "\n".join([*lines, ""])


def junit(decision: MergeDecision, *, inconclusive_passes: bool) -> str:
    """One test for the whole, one for each criterion and class, one for each floor.

    What could not be decided is an error, or skipped where the caller lets it pass: a pipeline's page then shows the
    same as the exit code.
    """
    suite = ElementTree.Element("testsuite", name=SUITE)
    waived = decision.exit_code(inconclusive_passes=inconclusive_passes) == 0
    failed = decision.verdict is QualityVerdict.REGRESSED
    good = decision.verdict in (QualityVerdict.IMPROVED, QualityVerdict.NO_WORSE)
    whole = MergeOutcome.FAIL if failed else MergeOutcome.PASS if good else MergeOutcome.UNDECIDED
    _testcase(suite, title(WHOLE), decision.reason, whole, waived)
    for part in _ordered(decision.parts):
        if part.name != WHOLE:
            outcome = MergeOutcome.FAIL if part.regressed else MergeOutcome.PASS
            _testcase(suite, title(part.name), _difference(part.difference), outcome, waived)
    for check in decision.floors:
        _testcase(suite, f"floor of {title(check.name, floor=True)}", _floor_words(check), check.outcome, waived)
    for tag, count in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(tag, str(len(list(suite.iter(count)))))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _testcase(suite: ElementTree.Element, name: str, said: str, outcome: MergeOutcome, waived: bool) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=SUITE, name=printable(name))
    if outcome is MergeOutcome.PASS:
        ElementTree.SubElement(case, "system-out").text = printable(said)
        return
    undecided = "skipped" if waived else "error"
    tag = "failure" if outcome is MergeOutcome.FAIL else undecided
    ElementTree.SubElement(case, tag, message=printable(said))


def _ordered(parts: Sequence[MergePart]) -> list[MergePart]:
    """All items, then criteria, then classes, each group from the largest drop on."""
    return sorted(
        parts, key=lambda part: (part.name != WHOLE, not part.name.startswith(CRITERION), part.difference.estimate)
    )


def _difference(found: QualityDifference) -> str:
    return f"{found.estimate:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def _mean(check: FloorCheck) -> str:
    mean = check.mean
    return f"{beside(mean.estimate, check.required)} [{mean.low:.3f}, {mean.high:.3f}]"


def _floor_words(check: FloorCheck) -> str:
    said = f"{title(check.name, floor=True)} {_mean(check)}, required >= {check.required:g}"
    if check.outcome is MergeOutcome.UNDECIDED:
        return f"{said}; {check.at_worst:.3f} if every missing answer were bad"
    return said


def _table(header: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *([_escaped(cell) for cell in row] for row in body)]
    return ["", *(f"| {' | '.join(line)} |" for line in lines)]


def _escaped(text: str) -> str:
    """Plain text in Markdown. GitHub and GitLab look for mentions, references and links in what Markdown has made of a
    text, where an entity or a backslash hides nothing any more (cmark-gfm #181): a space of no width does."""
    safe = _MARKS.sub(lambda mark: f"\\{mark.group()}", html.escape(_BEGUN.sub(NO_WIDTH, printable(text)), quote=False))
    return safe.replace(NO_WIDTH, "&#8203;")
