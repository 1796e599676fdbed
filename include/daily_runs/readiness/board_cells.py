"""The status board's cells, as people read them: parts of a cell are lines of it."""

from __future__ import annotations

import datetime as dt

from daily_runs.readiness.board import BoardLine, Row, state_of
from daily_runs.records.run import prompts_and_rubric
from daily_runs.statuses import ReadinessState

NEVER_LOOKED = "nobody has looked yet"
HEADINGS = ("feature", "phase", "seeds in staging", "limits in staging", "last run", "last gate", "cutover")


def cells(line: BoardLine) -> tuple[str, ...]:
    """A line of the board, in the order of `HEADINGS`."""
    return (
        f"{line.feature.title}\npriority {line.feature.priority}",
        _phase(line),
        _seeds(line),
        _limits(line),
        _run(line.run, line.route),
        _gate(line.gate),
        _cutover(line),
    )


def _phase(line: BoardLine) -> str:
    known = line.phase in line.feature.phases
    following = line.phase_next
    return _joined(
        _words(line.phase.phase) + (f" since {line.phase.starts}" if known else ""),
        "" if line.phase.approved else "not approved yet",
        f"then {_words(following.phase)} from {following.starts}" if following else "",
        f"next run {_moment(line.run_next)}" if line.run_next else "no run is scheduled",
    )


def _seeds(line: BoardLine) -> str:
    seeding = line.feature.seeding
    said = f"{_words(seeding.state)}, says {seeding.owner}"
    if line.seeds is None:
        return _joined(NEVER_LOOKED, said)
    details = line.seeds["details"]
    counted = f"{details['bound']} of {details['asked']} there" if "asked" in details else ""
    return _joined(_verdict(line.seeds), counted, said)


def _limits(line: BoardLine) -> str:
    if line.limits is None:
        return NEVER_LOOKED
    binding = line.limits["details"].get("binding")
    return _joined(_verdict(line.limits), f"{binding} binds" if binding else "", f"owner {line.limits['owner']}")


def _cutover(line: BoardLine) -> str:
    waits = ", ".join(line.blockers)
    words = {
        "done": "moved",
        "yes": "allowed now",
        "no": f"not allowed yet: {waits}",
        "unknown": f"allowed? not known: {waits}",
    }
    return _joined(f"planned {line.feature.cutover.planned or 'not yet'}", words[line.allowed])


def _run(run: Row | None, route: Row | None) -> str:
    if run is None:
        return _joined("none yet", _skipped(route))
    score = f", mean score {run['mean_score']:.2f}" if run["mean_score"] is not None else ""
    return _joined(
        f"{_moment(run['logical_date'])} in {run['environment']}{_which(run['sample'])}",
        f"{run['status']}{score}{' (sandbox)' if run['provenance'] == 'sandbox' else ''}",
        f"quality: {_words(run['verdict'])}" if run["verdict"] else "",
        f"{run['answered']} of {run['asked']} answered",
        run["line"] if run["status"] == "failed" else "",
        _skipped(route) if route and route["logical_date"] > run["logical_date"] else "",
    )


def _which(sample: str) -> str:
    """Which of a date's runs it is, if not the full one."""
    prompts, version = prompts_and_rubric(sample)
    return (", a sample" if prompts else "") + (f", a trial of rubric {version}" if version else "")


def _skipped(route: Row | None) -> str:
    """A newer run that was sent nowhere."""
    return f"skipped {_moment(route['logical_date'])}" if route and not route["chosen"] else ""


def _gate(gate: Row | None) -> str:
    if gate is None:
        return "none yet"
    failed = ", ".join(gate["failed"])
    verdict = f"failed: {failed}" if failed else "passed"
    return _joined(verdict, f"{gate['passed']} of {gate['checks']} checks", _moment(gate["checked_at"]))


def _verdict(found: Row) -> str:
    return "could not look" if state_of(found) is ReadinessState.UNKNOWN else _words(found["state"])


def _moment(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M}"


def _words(status: str) -> str:
    return str(status).replace("_", " ")


def _joined(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
