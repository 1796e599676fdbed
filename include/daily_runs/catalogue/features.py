"""The catalogue: what a team changes without touching code, as typed, frozen models.

`include/catalogue` holds `accounts.yaml`, `environments.yaml`, one file a feature under `features/`, and
`overlays/NAME.yaml` (merged over the others: the sandbox's addresses and time scale). `reading.files` reads
them and turns every fault into a `CatalogueError` with file, line, value and remedy. Facts: docs/domain.md §1–§4.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.fields import Count, Name, Rate, Share, Strict, Text
from daily_runs.catalogue.zones import first_moment


class PhaseName(StrEnum):
    """What a feature's run does in a stretch of dates."""

    ON_HOLD = "on_hold"
    INTERIM_PRODUCTION = "interim_production"
    SHADOW = "shadow"
    STAGING = "staging"


PHASE_ENVIRONMENTS: Mapping[PhaseName, tuple[str, ...]] = {
    PhaseName.ON_HOLD: (),
    PhaseName.INTERIM_PRODUCTION: ("production",),
    PhaseName.SHADOW: ("production", "staging"),
    PhaseName.STAGING: ("staging",),
}
"""Where a phase's runs go; in a shadow phase the first is the primary arm."""


class FeatureCall(StrEnum):
    """How a feature is called (docs/domain.md §4); the key of `daily_runs.gitlab.calls`."""

    TROUBLESHOOT_JOB = "troubleshoot_job"
    CHAT = "chat"
    EXPLAIN_VULNERABILITY = "explain_vulnerability"
    RESOLVE_VULNERABILITY = "resolve_vulnerability"
    COMPLETE_CODE = "complete_code"
    CHAT_COMMAND = "chat_command"


ASKED_ABOUT: Mapping[FeatureCall, str] = {
    FeatureCall.TROUBLESHOOT_JOB: "ci_job",
    FeatureCall.CHAT: "work_item",
    FeatureCall.EXPLAIN_VULNERABILITY: "vulnerability",
    FeatureCall.RESOLVE_VULNERABILITY: "vulnerability",
    FeatureCall.COMPLETE_CODE: "code_cut",
}
"""The type of resource (`daily_runs.dataset`) that a call is about; of a `chat_command`, its feature says it."""

QUESTION = "{question}"
"""In the content of a `chat_command`: the item's own question stands here."""
CONTENT_CHARACTERS_MAX = 10_000

ContextCategory = Literal[
    "file", "snippet", "merge_request", "issue", "dependency", "local_git", "terminal", "repository", "directory"
]
"""What GitLab takes as `category` of a chat's additional context (`AiAdditionalContextCategory`), in small letters."""


JUDGE_REPEATS_MAX = 20
"""More tell nothing new of an answer: a slip of the key would be paid for twenty times already."""

ANSWERED_BY_CODE = frozenset({FeatureCall.RESOLVE_VULNERABILITY, FeatureCall.COMPLETE_CODE})
"""Calls whose answer is code: what would be an error text among words may be a name or a figure there."""


class WhenNotReady(StrEnum):
    """What a run planned for staging is to do when staging is not ready."""

    FALL_BACK_TO_PRODUCTION = "fall_back_to_production"
    SKIP = "skip"
    WAIT = "wait"


class SeedingState(StrEnum):
    """How far the seeding of staging is, as its owner says."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    IN_REVIEW = "in_review"
    COMPLETED = "completed"
    NOT_NEEDED = "not_needed"


class Phase(Strict):
    """From `starts` on, runs go where `phase` says, on `schedule` (cron); on hold has no schedule.

    Date and cron are in the feature's time zone. `approved: false`: somebody has yet to agree to the phase; until then
    staging counts as not ready for it.
    """

    phase: PhaseName
    starts: dt.date
    schedule: str | None = None
    approved: bool = True


class PromptTokens(Strict):
    """Tokens one prompt is expected to cost. Unknown is never zero; `source`: who says so (a plan tells it)."""

    input: Count
    output: Count
    source: Literal["feature_team", "estimate", "measured"]

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input + self.output


class FeatureLimits(Strict):
    """What the feature asked for. Several may be set: the tightest binds (`daily_runs.catalogue.rates`)."""

    requests_per_minute: Rate | None = None
    batch_size: Count
    batches_per_minute: Rate | None = None
    account_share: Share | None = None
    tokens_per_prompt: PromptTokens
    in_flight_max: Count
    answer_timeout_seconds: Rate


class Seeding(Strict):
    """State of the feature's seeds in staging, who makes them, and the share that must be there for a run."""

    state: SeedingState
    owner: Text
    required_share: Share


class Cutover(Strict):
    """When the feature moves to staging; `planned: null` = to be decided. `waits_for`: for the status board."""

    planned: dt.date | None
    waits_for: tuple[Literal["graphql_limit", "seeding"], ...]


class Owner(Strict):
    """Who answers for the run: the DRI's role, and where on-call asks."""

    dri: Text
    team: Text


class Thresholds(Strict):
    """The gate's shares, of the prompts asked; and two lines of the mean score (0 to 1), which block nothing.

    `frozen_in_range_min`: of the frozen answers that have a verdict, the share whose points are as their making tells.
    A mean below `mean_score_min` gives the verdict `below_floor`; three daily means below `target_score` raise an alarm
    (docs/domain.md §8).
    """

    answered_share_min: Share
    unscored_share_max: Annotated[float, Field(ge=0, lt=1)]
    frozen_in_range_min: Annotated[float, Field(gt=0, le=1)] = 0.8
    mean_score_min: Annotated[float, Field(ge=0, le=1)]
    target_score: Annotated[float, Field(ge=0, le=1)]


class Quality(Strict):
    """How scores of two runs are compared (docs/statistics.md); all in points of the 0 to 1 scale.

    `margin`: the smallest drop that anybody would act on.
    `run_effect`: how much a run's day alone moves its mean (a standard deviation), until that was measured;
    `run_effect_runs`: how many runs that figure is worth.
    `drift_drop`: the drop that the daily detector is to find; `drift_allowance`: the one that is of no interest to it.
    """

    margin: Annotated[float, Field(gt=0, lt=1)] = 0.02
    run_effect: Annotated[float, Field(gt=0, lt=1)] = 0.006
    run_effect_runs: Annotated[int, Field(ge=2)] = 28
    drift_drop: Annotated[float, Field(gt=0, lt=1)] = 0.03
    drift_allowance: Annotated[float, Field(ge=0, lt=1)] = 0.0075

    @model_validator(mode="after")
    def _drop_is_above_the_allowance(self) -> Quality:
        if self.drift_allowance >= self.drift_drop:
            raise PydanticCustomError("drift", "drift_drop must be above drift_allowance")
        return self


class ChatCommand(Strict):
    """What a feature of call `chat_command` sends (docs/decisions/0039-a-chat-by-its-yaml.md).

    `content` is the message; `{question}` in it stands for the item's question. `resource` is the type that all items
    are about: GitLab is told the id of one that it has, and a text or a diff is sent along, as `category`.
    """

    content: Annotated[str, StringConstraints(min_length=1, max_length=CONTENT_CHARACTERS_MAX, pattern=r"\S")]
    resource: Literal["ci_job", "work_item", "vulnerability", "text", "diff"]
    category: ContextCategory = "snippet"

    def message(self, question: str) -> str:
        """The message about an item with this question."""
        return self.content.replace(QUESTION, question).strip()


class Feature(Strict):
    """One AI feature under daily evaluation.

    `chat`: of the call `chat_command`, and of no other, what is sent.
    `prompts_per_run`: a data set of fewer items is asked again from its start, so each item is asked
    `prompts_per_run` / items times. `judge_repeats`: verdicts on each answer, whose mean is its score.
    `second_judge_share`: of the answers, so many are judged by the second judge too, for agreement only.
    `frozen_answers`: how many answers of known quality stand beside the data set (`daily_runs.frozen_answers`).
    `accounts`: by environment, the account that its inference spends there in place of the environment's own.
    `timezone`: IANA name; the phases' dates and crons are local times there (rules: `daily_runs.catalogue.zones`).
    """

    feature: Name
    title: Text
    call: FeatureCall
    chat: ChatCommand | None = None
    owner: Owner
    priority: Annotated[int, Field(ge=1, le=9)]
    dataset: Text
    rubric: Text
    prompts_per_run: Count
    judge_repeats: Annotated[int, Field(ge=1, le=JUDGE_REPEATS_MAX)] = 1
    second_judge_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    frozen_answers: Annotated[int, Field(ge=0)] = 0
    timezone: Text = "UTC"
    phases: tuple[Phase, ...] = Field(min_length=1)
    limits: FeatureLimits
    seeding: Seeding
    cutover: Cutover
    when_not_ready: WhenNotReady
    thresholds: Thresholds
    quality: Quality = Quality()
    budget_usd_per_month: Rate | None = None
    accounts: dict[Name, Text] = Field(default_factory=dict)

    @property
    def asked_about(self) -> str:
        """The type of resource that every item of the data set is about."""
        return self.chat.resource if self.chat else ASKED_ABOUT[self.call]

    @property
    def zone(self) -> ZoneInfo:
        """The feature's time zone."""
        return ZoneInfo(self.timezone)

    def account_in(self, name: str, environment: Environment) -> str:
        """The account that the feature's inference spends in an environment: its own there, else the environment's."""
        return self.accounts.get(name, environment.account)

    def day_of(self, moment: dt.datetime) -> dt.date:
        """The date of a moment (aware) in the feature's time zone."""
        return moment.astimezone(self.zone).date()

    def phase_at(self, moment: dt.datetime) -> Phase:
        """The phase of a moment (aware); before the first one, the feature is on hold."""
        return self._last([phase for phase in self.phases if first_moment(phase.starts, self.zone) <= moment])

    def phase_on(self, day: dt.date) -> Phase:
        """The phase of a date in the feature's time zone; before the first one, the feature is on hold."""
        return self._last([phase for phase in self.phases if phase.starts <= day])

    @staticmethod
    def _last(begun: Sequence[Phase]) -> Phase:
        return begun[-1] if begun else Phase(phase=PhaseName.ON_HOLD, starts=dt.date.min)


def environments_of(feature: Feature) -> tuple[str, ...]:
    """The environments that a feature's phases ever send runs to, each once, in order of appearance."""
    return tuple(dict.fromkeys(name for phase in feature.phases for name in PHASE_ENVIRONMENTS[phase.phase]))
