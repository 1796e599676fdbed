"""For each error of the tree: who can lift it, what to do next, on which page, and by which rerun if one is needed."""

from __future__ import annotations

from typing import NamedTuple

from daily_runs import errors
from daily_runs.errors import DailyRunsError
from daily_runs.statuses import Rerun

FEATURE_OWNER, HOP_OWNER, ON_CALL = "owner of the feature", "owner of the hop", "on-call of Daily Runs"
"""Who can lift it; the first two are named by the catalogue."""


class ErrorRemedy(NamedTuple):
    """What on-call does about an error. `page`: below docs/runbooks. `rerun`: None where the task is cleared."""

    owner: str
    do: str
    page: str
    rerun: Rerun | None = None


_CLEAR = "then clear this task: it does only what is missing"
_GOES_ON = "run `daily-runs catalogue check`; the run goes on by itself. After a last try, clear this task."
REMEDIES: dict[type[DailyRunsError], ErrorRemedy] = {
    DailyRunsError: ErrorRemedy(ON_CALL, f"Read the message above, mend its cause, {_CLEAR}.", "README.md"),
    errors.UserError: ErrorRemedy(ON_CALL, f"Correct what the message names, {_CLEAR}.", "input.md"),
    errors.CatalogueError: ErrorRemedy(
        ON_CALL, f"Correct the file and line, run `daily-runs catalogue check`, {_CLEAR}.", "input.md"
    ),
    errors.FeatureFileError: ErrorRemedy(FEATURE_OWNER, f"Correct the file and line, {_GOES_ON}", "input.md"),
    errors.DatasetError: ErrorRemedy(FEATURE_OWNER, f"Correct the row, {_GOES_ON}", "input.md"),
    errors.ParameterError: ErrorRemedy(ON_CALL, "Trigger the form again with what the message asks for.", "input.md"),
    errors.AccessError: ErrorRemedy(ON_CALL, f"Mend the connection, ask `daily-runs doctor`, {_CLEAR}.", "access.md"),
    errors.CallError: ErrorRemedy(
        HOP_OWNER, f"Look whether the hop is back (`daily-runs doctor`), {_CLEAR}.", "calls.md"
    ),
    errors.StageError: ErrorRemedy(ON_CALL, "Read the message above, then clear this task.", "counts.md"),
    errors.StoreAwayError: ErrorRemedy(
        ON_CALL, f"Bring Postgres back, {_CLEAR}. Nothing is sent while it is away.", "store.md"
    ),
    errors.CountsError: ErrorRemedy(ON_CALL, "Clear this task once; if it fails again, keep the attempt.", "counts.md"),
    errors.SeedsMissingError: ErrorRemedy(
        FEATURE_OWNER, f"Have the named seeds made (`daily-runs seeds`), {_CLEAR}.", "seeds.md"
    ),
    errors.LimitTooLowError: ErrorRemedy(
        HOP_OWNER, f"Wait until there is room or have the limit raised, {_CLEAR}.", "limits.md"
    ),
    errors.StagingNotReadyError: ErrorRemedy(
        HOP_OWNER, "Have what is missing made ready (`daily-runs status`), then clear this task.", "readiness.md"
    ),
    errors.GateFailedError: ErrorRemedy(
        FEATURE_OWNER,
        "Find out why it failed; once that is mended, rerun by the form.",
        "gate.md",
        Rerun.MISSING_ANSWERS,
    ),
}
"""A class without a row of its own has that of the class above it."""


def remedy_of(error: type[BaseException]) -> ErrorRemedy:
    """The remedy of an error's class; one that is none of ours has that of the whole tree."""
    return next((REMEDIES[known] for known in error.__mro__ if known in REMEDIES), REMEDIES[DailyRunsError])
