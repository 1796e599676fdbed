"""Every error this project raises on purpose, as one tree.

    DailyRunsError
    ├── UserError                 somebody can mend it by changing what they gave us; the CLI exits with 2
    │   ├── CatalogueError        include/catalogue: unknown key, dangling reference, impossible figure
    │   │   └── FeatureFileError  a file of one feature, its rubric too: until it is mended, the feature is left out
    │   ├── DatasetError          include/datasets: a row or a card that breaks the schema
    │   ├── ParameterError        a form field or a command-line option
    │   └── AccessError           an address, a login or a missing scope
    ├── CallError                 one call to GitLab or Anthropic failed (see `daily_runs.gitlab.hops.refusal`)
    └── StageError                a stage cannot vouch for its outcome
        ├── StoreAwayError        the store is away or has no room; it passes
        ├── CountsError           asked ≠ answered + failed + missing
        ├── SeedsMissingError     staging lacks seeds that the feature needs
        ├── LimitTooLowError      a limit on the path does not allow the run
        ├── StagingNotReadyError  a run waited for its environment, which was not ready in time
        └── GateFailedError       the attempt is quarantined, not published

A message says what happened, where, with which value, and the next move; never a prompt, an answer or a secret.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import NamedTuple

EXIT_FAILED, EXIT_BAD_INPUT = 1, 2
"""How the command line ends: something failed, or does not fit; somebody must change what they gave us."""


class DailyRunsError(Exception):
    """Root of the tree."""


class UserError(DailyRunsError):
    """Bad input: one line of place, value and remedy.

    Args:
        place: where it is: `features/duo_chat.yaml:12`, `--limit`, `connection daily_runs_store`.
        problem: what is wrong there, with the offending value.
        remedy: what to do about it.
    """

    def __init__(self, place: str, problem: str, remedy: str) -> None:
        self.place, self.problem, self.remedy = place, problem, remedy
        super().__init__(f"{place}: {problem}. {remedy}")

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str, str]]:
        """Pickle by the three parts (Airflow carries exceptions between processes)."""
        return type(self), (self.place, self.problem, self.remedy)


class CatalogueError(UserError):
    """The catalogue is not sound."""


class FeatureFileError(CatalogueError):
    """A file of one feature is not sound; the feature is left out until it is mended."""


class Fault(NamedTuple):
    """One thing that is wrong: where, what (with the offending value), and what to do about it."""

    place: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}. {self.remedy}"


class DatasetError(UserError):
    """A row of a data set, or its card, breaks the documented schema."""


class ParameterError(UserError):
    """A run parameter or command-line option is not acceptable."""


class AccessError(UserError):
    """A connection is missing, refuses the login, or lacks a scope."""


class Hop(StrEnum):
    """Where on the path (docs/domain.md §2) an answer or a refusal came from."""

    CLIENT = "client"
    CLOUDFLARE = "cloudflare"
    LOAD_BALANCER = "load_balancer"
    GITLAB = "gitlab"
    AI_GATEWAY = "ai_gateway"
    MODEL_VENDOR = "model_vendor"
    UNKNOWN = "unknown"


class Blame(StrEnum):
    """Whom an error counts against (docs/domain.md §7)."""

    PROVIDER = "provider"
    OWN_SYSTEM = "own_system"
    RATE_LIMIT = "rate_limit"


class CallError(DailyRunsError):
    """One call failed.

    Args:
        hop: the hop that refused or broke, as far as the evidence shows.
        kind: a short stable word for the failure, such as `ai_action_limit` or `dropped_connection`.
        blame: whom it counts against.
        retryable: whether the same call may succeed later.
        retry_after_seconds: what the refusing hop asked us to wait, if it said so.
        evidence: status and header facts; never body text of an answer.
    """

    def __init__(
        self,
        hop: Hop,
        kind: str,
        *,
        blame: Blame,
        retryable: bool,
        retry_after_seconds: float | None = None,
        evidence: str = "",
    ) -> None:
        self.hop, self.kind, self.blame, self.retryable = hop, kind, blame, retryable
        self.retry_after_seconds, self.evidence = retry_after_seconds, evidence
        super().__init__(f"{kind} at {hop}" + (f" ({evidence})" if evidence else ""))

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by the parts (Airflow carries exceptions between processes)."""
        rebuild = partial(
            type(self),
            self.hop,
            self.kind,
            blame=self.blame,
            retryable=self.retryable,
            retry_after_seconds=self.retry_after_seconds,
            evidence=self.evidence,
        )
        return rebuild, ()


class StageError(DailyRunsError):
    """A stage cannot vouch for its outcome."""


class StoreAwayError(StageError):
    """The store does not answer now, or has no connection, lock or memory left: trying again later may succeed."""


class CountsError(StageError):
    """asked ≠ answered + failed + missing."""


class SeedsMissingError(StageError):
    """Seeds that the run needs are absent, changed or in the wrong state."""


class LimitTooLowError(StageError):
    """A limit on the path does not allow the run."""


class StagingNotReadyError(StageError):
    """What a run waited for had not come by its deadline: seeds, limits or an approval."""


class GateFailedError(StageError):
    """The attempt did not pass validation and is quarantined."""
