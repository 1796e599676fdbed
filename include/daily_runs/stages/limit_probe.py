"""Limit probe: asks the path what it allows, compares with what the run needs, and has the judge judge once.

Every limit is a row (`daily_runs.readiness.limits.findings`). One that is too low stops the run here, before any paid
call, with the remedy and its owner. "Did not tell" is `unknown`, which does not stop a run, and is never taken for
"no limit". If the path allows the run, one reference answer is judged before any prompt is asked: the only paid call
here (`daily_runs.stages.judge_trial`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from daily_runs.errors import LimitTooLowError
from daily_runs.readiness.limits import burst, finding_rows, order_rows
from daily_runs.readiness.limits.findings import LimitFinding, binding, fits, of_month, too_low
from daily_runs.readiness.limits.measure import PathMeasures, measure_path
from daily_runs.readiness.limits.table import as_text
from daily_runs.readiness.limits.weighing import month_of, weigh
from daily_runs.records import answers, judgements
from daily_runs.records.run import Report
from daily_runs.stages import judge_trial
from daily_runs.stages.work import Work, gitlab_session
from daily_runs.statuses import LimitVerdict

log = logging.getLogger(__name__)


def run(work: Work) -> Report:
    """Probe the path of the work's environment; with nothing left to ask, nobody is asked.

    Answers that are left to judge are paid for, too, so the month must allow them.

    Raises:
        LimitTooLowError: a limit does not allow the run.
        AccessError: the judge cannot be asked.
        CallError: path or judge could not be reached at all.
    """
    key = work.attempt.key
    unsettled = answers.unsettled(work.store, work.attempt.attempt_id, None)
    if not unsettled:
        log.info("limit probe of %s: every prompt is settled, nobody is asked", key)
        return _report(work, _let_in(work, lambda: _of_judging(work)), 0)
    needed = sum(row["ticket"] is None for row in unsettled)  # the others were asked, their answers are to be fetched
    facts = asyncio.run(_look(work))
    found, sent = _let_in(work, lambda: _weighed(work, facts, needed)), facts.calls_spent
    if fits(found):
        of_burst = asyncio.run(_burst(work))
        found, sent = found + of_burst.found, sent + of_burst.calls_spent
        if of_burst.found:
            _save(work, found)
    report = _report(work, found, sent)
    build = {"gitlab_version": facts.version, "gitlab_revision": facts.revision}
    report = replace(report, details={**report.details, **{name: told for name, told in build.items() if told}})
    return _with_trial(work, report) if needed else report


def _with_trial(work: Work, report: Report) -> Report:
    """Have the judge tried, now that the path allows the run and before a prompt is paid for."""
    trial = judge_trial.tried(work)
    told = "asked just now" if trial.paid else "in a trial of the last hours"
    log.info("judge %s gives a reference answer %.2f, %s", work.catalogue.judge.model, trial.score, told)
    return replace(report, details={**report.details, "judge_trial": trial._asdict()})


def _let_in(work: Work, weighed: Callable[[], list[LimitFinding]]) -> list[LimitFinding]:
    """Weigh and store while no other probe does, so that of two runs that do not both fit the second is refused."""
    with order_rows.one_probe_at_a_time(work.store):
        found = weighed()
        _save(work, found)
    return found


def _weighed(work: Work, facts: PathMeasures, needed: int) -> list[LimitFinding]:
    attempt, environment = work.attempt.attempt_id, work.attempt.key.environment
    return weigh(work.store, facts, work.catalogue, work.feature, environment, calls_needed=needed, attempt_id=attempt)


def _of_judging(work: Work) -> list[LimitFinding]:
    attempt, environment = work.attempt.attempt_id, work.attempt.key.environment
    if not judgements.unjudged(work.store, attempt, None):
        return []
    return list(of_month(work.feature, month_of(work.store, work.catalogue, work.feature, environment, attempt)))


def _save(work: Work, found: Sequence[LimitFinding]) -> None:
    key, attempt = work.attempt.key, work.attempt.attempt_id
    if found:
        finding_rows.save_limits(work.store, key.environment, key.feature, found, attempt_id=attempt)


def _report(work: Work, found: Sequence[LimitFinding], sent: int) -> Report:
    key = work.attempt.key
    if found:
        log.info("limit probe of %s: %d free requests, no aiAction call\n%s", key, sent, as_text(found))
    if stops := too_low(found):
        raise LimitTooLowError(f"limit probe of {key}: {'; '.join(_refused(finding) for finding in stops)}")
    unknown = sum(finding.verdict is LimitVerdict.UNKNOWN for finding in found)
    details = {"fits": True, "binding": _shown(binding(found)), "requests_sent": sent}
    return Report("limit_probe", asked=len(found), answered=len(found) - unknown, missing=unknown, details=details)


async def _look(work: Work) -> PathMeasures:
    async with gitlab_session(work) as gitlab:
        return await measure_path(gitlab, work.environment, work.clock)


async def _burst(work: Work) -> burst.BurstOutcome:
    """As long a one as the catalogue says, which may be none."""
    name, count = work.attempt.key.environment, work.environment.readiness.burst_requests
    async with gitlab_session(work) as gitlab:
        return await burst.burst(gitlab, work.catalogue, work.feature, name, count)


def _refused(finding: LimitFinding) -> str:
    allowed = "less is allowed" if finding.allowed is None else f"allowed {finding.allowed:g}"
    return f"{finding.line} ({finding.hop}: needs {finding.needed:g} {finding.unit}, {allowed})"


def _shown(finding: LimitFinding | None) -> dict[str, object] | None:
    """The limit that binds, as the manifest has it."""
    if finding is None:
        return None
    return {name: getattr(finding, name) for name in ("limit_name", "needed", "allowed", "unit", "owner")}
