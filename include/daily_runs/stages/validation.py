"""Validation: the gate at storage. Great Expectations checks the attempt's rows; a failing attempt is quarantined.

Great Expectations passes an empty suite, an empty frame and an all-null column. This gate does not: it refuses an
attempt without rows, demands that each figure is known, and counts what was evaluated.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from daily_runs.catalogue.features import ANSWERED_BY_CODE
from daily_runs.errors import GateFailedError
from daily_runs.gitlab.hops.error_codes import error_code_in
from daily_runs.gitlab.hops.visible import is_blank
from daily_runs.records import answers, gate, judgements
from daily_runs.records.run import Report
from daily_runs.results.ruler_check import says_moved
from daily_runs.stages.expectations import Check, check_prompts, check_shares
from daily_runs.stages.verdicts import ruler_gate
from daily_runs.stages.work import Work
from daily_runs.statuses import AnswerStatus, JudgementStatus
from daily_runs.store.pool import Row

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

KINDS_SHOWN = 3


def run(work: Work) -> Report:
    """Check the attempt and store every result. An order to override the gate lets rows pass that are whole.

    Raises:
        GateFailedError: at least one expectation failed; the attempt is quarantined with its rows kept.
        StageError: one failed, but the attempt is published already, or superseded; it stays so.
    """
    prompts, digest = gate.read(
        work.store, work.attempt.attempt_id, lambda rows: (prompt_frame(rows, work), gate.digest(rows))
    )
    checks = [*check(prompts, work), *(c._replace(may_be_overridden=True) for c in ruler_gate.checks(work))]
    override = gate.ordered_override(work.store, work.attempt.attempt_id)
    failed = [c for c in checks if not c.passed]
    blocking = [c for c in failed if not (override and c.may_be_overridden)]
    found = [(c.expectation, c.passed, c.observed, c.required) for c in checks]
    gate.save(work.store, work.attempt.attempt_id, found, passed=None if blocking else digest)
    if blocking:
        why = (
            "The ruler moved, so its scores say nothing of the feature. "
            if says_moved({c.expectation for c in blocking})
            else ""
        )
        not_by_order = " No order can override this." if override else ""
        raise GateFailedError(
            f"{work.attempt.key} is quarantined, not published. {why}{_told(blocking)}.{_failures(work)}{not_by_order}"
            " Its rows are kept: docs/runbooks/gate.md."
        )
    if override and failed:
        log.warning("the gate is overridden by %s (%s): %s", override.by, override.reason, _told(failed))
    details = {"overridden": _told(failed)} if failed else {}
    return Report(
        "validation", asked=len(checks), answered=len(checks) - len(failed), failed=len(failed), details=details
    )


def _failures(work: Work) -> str:
    """A sentence that names the most frequent failures of prompts and verdicts; empty if there were none."""
    store, attempt_id = work.store, work.attempt.attempt_id
    found = Counter(answers.failures(store, attempt_id)) + Counter(judgements.failures(store, attempt_id))
    shown = ", ".join(f"{kind} ({count})" for kind, count in found.most_common(KINDS_SHOWN))
    return f" Failed most of all: {shown}." if shown else ""


def _told(failed: Sequence[Check]) -> str:
    return "; ".join(f"{c.expectation}: {c.observed}, required {c.required}" for c in failed)


def prompt_frame(rows: Iterable[Row], work: Work) -> pd.DataFrame:
    """What the gate looks at: a short row a prompt (Great Expectations needs the frame whole), and no answer's text."""
    import pandas as pd  # noqa: PLC0415 - half a second of import, needed in this stage only

    is_code = work.feature.call in ANSWERED_BY_CODE
    short = (
        (
            row["prompt_id"],
            row["status"],
            row["judgement"],
            row["score"],
            bool(row["answer"] and error_code_in(row["answer"], is_code=is_code)),
            _is_settled_soundly(row),
        )
        for row in rows
    )
    columns = ["prompt_id", "status", "judgement", "score", "is_error_text", "is_settled_soundly"]
    return pd.DataFrame(short, columns=columns)


def check(prompts: pd.DataFrame, work: Work) -> list[Check]:
    """Evaluate the gate over an attempt's rows (see `prompt_frame`)."""
    if prompts.empty:
        return [Check("the attempt has rows", passed=False, observed="0 rows", required="at least 1")]
    prompts["score"] = prompts["score"].astype("float64")
    answered = prompts["status"] == AnswerStatus.ANSWERED
    prompts["is_judged"] = prompts["judgement"].isin([JudgementStatus.SCORED, JudgementStatus.UNSCORED]) == answered
    prompts["is_scored_soundly"] = prompts["score"].notna() == (prompts["judgement"] == JudgementStatus.SCORED)
    shares = _shares(prompts)
    kept = prompts.drop(columns="judgement")
    return [*check_prompts(kept), *check_shares(shares, work.feature.thresholds, work.attempt.asked)]


def _is_settled_soundly(row: Row) -> bool:
    """An answered prompt, and no other, has an answer's text; a failed one, and no other, the kind of its error."""
    has_text, has_kind = not is_blank(row["answer"] or ""), bool(row["error_kind"])
    status = row["status"]
    return (has_text, has_kind) == (status == AnswerStatus.ANSWERED, status == AnswerStatus.FAILED)


def _shares(prompts: pd.DataFrame) -> pd.DataFrame:
    """One row. A share of nothing is unknown (NaN), which the gate refuses."""
    import pandas as pd  # noqa: PLC0415 - see prompt_frame

    answered = int((prompts["status"] == AnswerStatus.ANSWERED).sum())
    unscored = int((prompts["judgement"] == JudgementStatus.UNSCORED).sum())
    return pd.DataFrame(
        {
            "prompts": [len(prompts)],
            "answered_share": [answered / len(prompts)],
            "unscored_share": [unscored / answered if answered else float("nan")],
            "mean_score": [prompts["score"].mean()],
        }
    )
