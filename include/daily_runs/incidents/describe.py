"""From an error, the catalogue and what the store knows to the words that on-call reads first."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

from daily_runs.catalogue.catalogue import Catalogue, DocumentLinks
from daily_runs.errors import CallError, DailyRunsError, GateFailedError, Hop, StoreAwayError
from daily_runs.incidents.block import Incident
from daily_runs.incidents.incident_rows import AttemptFacts
from daily_runs.incidents.remedies import FEATURE_OWNER, HOP_OWNER, ON_CALL, ErrorRemedy, remedy_of
from daily_runs.results.ruler_check import need_new_verdicts
from daily_runs.statuses import Rerun

REASON_CHARACTERS_MAX = 700
CAUSES_SHOWN = 3
BREAKER_OPEN = "breaker_open"


class FailedTask(NamedTuple):
    """Which task failed.

    Attributes:
        environment: None before a run has one.
        is_tried_again: by Airflow itself.
        airflow: Airflow's own address, without a slash at its end.
        rerun_page: the address of the page that reruns its run.
    """

    feature: str
    task: str
    environment: str | None = None
    is_tried_again: bool = False
    airflow: str = ""
    rerun_page: str = ""


def incident_of(
    failed: FailedTask,
    error: BaseException,
    catalogue: Catalogue | None,
    facts: AttemptFacts | None,
    said: str | None = None,
) -> Incident:
    """What to say of a failed task.

    Args:
        catalogue: None if it cannot be read; then nobody is named.
        facts: None before the run opened an attempt, or while the store is away.
        said: the error's text as it may be shown; else its own.
    """
    remedy = remedy_of(type(error))
    rerun = _rerun(error, remedy, facts)
    form = proposed_form(facts, rerun) if rerun and facts and not failed.is_tried_again else None
    return Incident(
        what=_what(failed, error, str(error) if said is None else said, facts),
        hop=_hop(error),
        cause=_cause(facts),
        owner=_owner(failed, error, remedy, catalogue),
        money=_money(facts, rerun),
        do="Nothing yet: Airflow tries again by itself." if failed.is_tried_again else remedy.do,
        form=form,
        runbook=(catalogue.links if catalogue else DocumentLinks()).runbook(remedy.page, failed.airflow),
        rerun=failed.rerun_page if facts and not failed.is_tried_again else "",
    )


def _what(failed: FailedTask, error: BaseException, said: str, facts: AttemptFacts | None) -> str:
    where = f"{failed.feature} in {failed.environment}" if failed.environment else failed.feature
    if not isinstance(error, DailyRunsError):
        said = f"{type(error).__name__}: {said}".removesuffix(": ")
    if len(said) > REASON_CHARACTERS_MAX:
        said = f"{said[:REASON_CHARACTERS_MAX]} …"
    counts = ""
    if facts:
        counts = (
            f" Prompts: {facts.asked} asked, {facts.answered} answered, {facts.failed} failed, {facts.scored} scored."
        )
    again = " It is tried again." if failed.is_tried_again else ""
    return f"{failed.task} of {where} failed: {said.rstrip('.')}.{counts}{again}"


def _hop(error: BaseException) -> str:
    if not isinstance(error, CallError) or error.kind == BREAKER_OPEN:  # which says no more than that others failed
        return ""
    if error.hop is Hop.UNKNOWN:
        return "unknown: the evidence names none"
    return f"{error.hop}, {'likely' if 'likely, not certain' in error.evidence else 'certain'}"


def _cause(facts: AttemptFacts | None) -> str:
    if not facts:
        return ""
    shown = [f"{kind} {count}" for kind, count in islice(facts.failures.items(), CAUSES_SHOWN)]
    left = len(facts.failures) - len(shown)
    return ", ".join([*shown, *([f"and {left} more"] if left else [])])


def _owner(failed: FailedTask, error: BaseException, remedy: ErrorRemedy, catalogue: Catalogue | None) -> str:
    if catalogue is None or failed.feature not in catalogue.features:
        return remedy.owner
    owner = catalogue.features[failed.feature].owner
    if remedy.owner == FEATURE_OWNER:
        return f"{owner.dri} ({owner.team})"
    if remedy.owner != HOP_OWNER:
        return remedy.owner
    if not isinstance(error, CallError):
        return "whom the message names"
    known = catalogue.environments.get(failed.environment or "")
    owners: dict[str, str] = (
        {rule.hop: f"{rule.owner} (owns {rule.hop} in {failed.environment})" for rule in known.hops} if known else {}
    )
    return {Hop.MODEL_VENDOR: "whoever holds the account at the model's vendor", **owners}.get(error.hop, ON_CALL)


def _money(facts: AttemptFacts | None, rerun: Rerun | None) -> str:
    if not facts:
        return ""
    spent = "unknown" if facts.spent_usd is None else f"{facts.spent_usd:.2f} USD"
    next_usd = facts.again_usd if rerun is Rerun.JUDGE_AGAIN else facts.missing_usd
    what = "a new verdict on each answer" if rerun is Rerun.JUDGE_AGAIN else "what is missing"
    will = "" if next_usd is None else f"; {what} will cost about {next_usd:.2f} USD"
    return f"spent {spent} so far by list price{will}"


def _rerun(error: BaseException, remedy: ErrorRemedy, facts: AttemptFacts | None) -> Rerun | None:
    return proposed_rerun(facts) if isinstance(error, GateFailedError) and facts else remedy.rerun


def proposed_rerun(facts: AttemptFacts) -> Rerun:
    """What mends an attempt as it stands: new verdicts where the judge moved, else what is missing."""
    return Rerun.JUDGE_AGAIN if need_new_verdicts(facts.blocked_by) else Rerun.MISSING_ANSWERS


def proposed_form(facts: AttemptFacts, rerun: Rerun) -> Mapping[str, str]:
    """The trigger form's fields for a rerun of the attempt's run."""
    _, environment, moment = facts.run_key.split("/", 2)
    return {"environment": environment, "rerun": rerun.value, "run": moment}


def can_ask_the_store(error: BaseException) -> bool:
    """Whether it is worth asking the store for facts: it would be waited for, and the block must not be."""
    return not isinstance(error, StoreAwayError)
