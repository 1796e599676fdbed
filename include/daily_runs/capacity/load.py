"""What the catalogue plans to send: its runs by date, and what each stage of a run takes of which limit. Pure.

A plan's days are UTC days, whatever zone a feature's own dates are in. One run is one feature in one environment at one
tick of its phase's cron; a shadow phase has two arms. Inference spends the environment's account; when all of it is
answered, judging spends the judge's. As in `catalogue.rates`, a call's whole tokens count against an account's input
tokens; the ledger counts them apart, so a plan errs on the slow side.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from daily_runs.capacity.fluid import Job, Lane, SharedLimits, SharedResource, Stream
from daily_runs.catalogue.accounts import Account
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import PHASE_ENVIRONMENTS, Feature, FeatureCall, PhaseName, PromptTokens
from daily_runs.catalogue.rates import PromptRate
from daily_runs.catalogue.schedule import midnight, next_run
from daily_runs.catalogue.user_rates import CALLS_PER_PROMPT, USER_RATES, user_rates
from daily_runs.errors import ParameterError
from daily_runs.quota.tariff import share_of

RUNS_MAX = 20_000
ACCOUNT_LIMITS = ("account requests", "account input tokens", "account output tokens")
JUDGE_CALLS = SharedResource("judge", "judge calls in flight")
INFERENCE, JUDGING = "inference", "judging"
ONE_DAY = dt.timedelta(days=1)


class Run(NamedTuple):
    """One planned arm. `frozen`: answers of known quality that it has judged, too; the first arm of a day does."""

    feature: Feature
    environment: str
    phase: PhaseName
    tick: dt.datetime
    prompts: int
    frozen: int = 0

    @property
    def name(self) -> str:
        """As a run's key: `feature/environment/moment`."""
        return f"{self.feature.feature}/{self.environment}/{self.tick:%Y-%m-%dT%H:%MZ}"

    @property
    def verdicts(self) -> int:
        """How many verdicts are paid: of its answers, none of which another day's is used for, and of frozen ones."""
        return self.prompts * self.feature.judge_repeats + self.frozen + self.second_verdicts

    @property
    def second_verdicts(self) -> int:
        """How many of them a second judge gives."""
        return math.ceil(self.prompts * self.feature.second_judge_share)


@dataclass(frozen=True)
class PlanScenario:
    """What is asked of a plan: a catalogue, the dates (both inclusive), and what is tried beside the catalogue.

    `verdicts`: tokens of one verdict by feature, where runs have measured them. `batched`: judging goes through the
    batch API. `delays`: how much later than its cron a feature starts. `factor`: so many times the prompts.
    """

    catalogue: Catalogue
    first: dt.date
    last: dt.date
    verdicts: Mapping[str, PromptTokens] = field(default_factory=dict)
    batched: bool = False
    delays: Mapping[str, dt.timedelta] = field(default_factory=dict)
    factor: float = 1.0

    def patched(self, catalogue: Catalogue) -> PlanScenario:
        """The same with another catalogue."""
        return replace(self, catalogue=catalogue)

    def verdict(self, feature: str) -> PromptTokens:
        """What one verdict on an answer of a feature takes."""
        judge = self.catalogue.judge
        whole = PromptTokens(
            input=judge.input_tokens_per_verdict, output=judge.output_tokens_per_verdict, source="estimate"
        )
        return self.verdicts.get(feature, whole)

    @property
    def origin(self) -> dt.datetime:
        """Minute 0 of the simulation: a day before the first date, for what still flows from then."""
        return midnight(self.first - ONE_DAY)

    def shows(self, day: dt.date) -> bool:
        """Whether a date is one of the scenario's."""
        return self.first <= day <= self.last

    @property
    def span(self) -> tuple[float, float]:
        """The scenario's dates as minutes of the simulation: the first one, and the first one after them."""
        return self.minute(midnight(self.first)), self.minute(midnight(self.last + ONE_DAY))

    def moment(self, minute: float) -> dt.datetime:
        """A minute of the simulation as a time."""
        return self.origin + dt.timedelta(minutes=minute)

    def minute(self, moment: dt.datetime) -> float:
        """A time as a minute of the simulation."""
        return (moment - self.origin) / dt.timedelta(minutes=1)


def ticks(feature: Feature, begins: dt.datetime, ends: dt.datetime) -> Iterator[dt.datetime]:
    """A feature's scheduled moments from `begins` until before `ends`."""
    tick = next_run(feature, begins)
    while tick is not None and tick < ends:
        yield tick
        tick = next_run(feature, tick + dt.timedelta(seconds=1))


def runs(scenario: PlanScenario, before: int = 0, after: int = 0) -> list[Run]:
    """The planned arms by start, also those of `before` and `after` days around the scenario's dates.

    Raises:
        ParameterError: there are more than `RUNS_MAX`.
    """
    begins, ends = midnight(scenario.first - before * ONE_DAY), midnight(scenario.last + (1 + after) * ONE_DAY)
    found: list[Run] = []
    for feature in scenario.catalogue.features.values():
        prompts = max(1, round(feature.prompts_per_run * scenario.factor))
        delay = scenario.delays.get(feature.feature, dt.timedelta())
        watched: dt.date | None = None
        for tick in ticks(feature, begins, ends):
            phase = feature.phase_at(tick).phase
            for name in PHASE_ENVIRONMENTS[phase]:
                frozen = 0 if watched == tick.date() else feature.frozen_answers
                found.append(Run(feature, name, phase, tick + delay, prompts, frozen))
                watched = tick.date()
            if len(found) > RUNS_MAX:
                problem = f"more than {RUNS_MAX:,} runs from {scenario.first} to {scenario.last}"
                raise ParameterError("--to", problem, "Ask for fewer days.")
    return sorted(found, key=lambda run: (run.tick, run.feature.priority, run.name))


def next_start(scenario: PlanScenario, run: Run) -> dt.datetime | None:
    """When the feature's next run is to start."""
    delay = scenario.delays.get(run.feature.feature, dt.timedelta())
    tick = next_run(run.feature, run.tick - delay + dt.timedelta(seconds=1))
    return tick + delay if tick else None


def limits(catalogue: Catalogue) -> SharedLimits:
    """What runs share: accounts and the features' parts of them, and what evaluation users may do."""
    per_minute: dict[SharedResource, float] = {}
    for name, account in catalogue.accounts.items():
        per_minute |= dict(zip(_resources(name), _rates(account), strict=True))
    for name, environment in catalogue.environments.items():
        users = len(environment.evaluation_users)
        for limit, rate in USER_RATES.items():
            if rate.figure(environment.limits) is not None:
                per_minute[SharedResource(name, limit)] = users * rate.per_minute(environment.limits)
    judge = catalogue.judge
    seconds = judge.seconds_per_verdict or judge.request_timeout_seconds
    per_minute[JUDGE_CALLS] = judge.in_flight_max * 60 / seconds
    shares = {
        Lane(name, feature.feature): share_of(catalogue, feature, account, name)
        for name, account in catalogue.accounts.items()
        for feature in catalogue.features.values()
    }
    lends = {name for name, account in catalogue.accounts.items() if account.lends_idle_share}
    return SharedLimits(per_minute, {name: _resources(name) for name in catalogue.accounts}, shares, lends)


def _resources(account: str) -> tuple[SharedResource, ...]:
    return tuple(SharedResource(account, limit) for limit in ACCOUNT_LIMITS)


def _rates(account: Account) -> tuple[float, float, float]:
    return account.requests_per_minute, account.input_tokens_per_minute, account.output_tokens_per_minute


def api_requests(feature: Feature) -> int:
    """Requests to GitLab that one prompt needs, looks for the answer included."""
    return 1 if feature.call is FeatureCall.COMPLETE_CODE else CALLS_PER_PROMPT


def inference(scenario: PlanScenario, feature: Feature, environment: str) -> Stream:
    """What asking one prompt takes."""
    path, asked = scenario.catalogue.environments[environment], feature.limits
    of_user = {
        SharedResource(environment, rate.per_user): float(rate.amount) for rate in user_rates(path.limits, feature.call)
    }
    own = []
    if asked.requests_per_minute is not None:
        own.append(PromptRate("feature requests", asked.requests_per_minute))
    if asked.batches_per_minute is not None:
        own.append(PromptRate("feature batches", asked.batch_size * asked.batches_per_minute))
    account = feature.account_in(environment, path)
    costs = _costs(account, asked.tokens_per_prompt) | of_user
    return Stream(feature.feature, environment, INFERENCE, account, feature.priority, costs, tuple(own))


def judging(scenario: PlanScenario, feature: Feature, environment: str) -> Stream:
    """What one verdict takes; `environment` is where its answer came from."""
    judge = scenario.catalogue.judge
    costs = _costs(judge.account, scenario.verdict(feature.feature)) | {JUDGE_CALLS: 1.0}
    return Stream(feature.feature, environment, JUDGING, judge.account, feature.priority, costs, ())


def _costs(account: str, tokens: PromptTokens) -> dict[SharedResource, float]:
    return dict(zip(_resources(account), (1.0, float(tokens.total), float(tokens.output)), strict=True))


def jobs(scenario: PlanScenario, planned: list[Run]) -> list[Job]:
    """The runs as jobs; a feature's run waits for its run before (a DAG has one active run)."""
    found: list[Job] = []
    last: dict[str, tuple[dt.datetime, tuple[str, ...], list[str]]] = {}
    for run in planned:
        name = run.feature.feature
        tick, after, arms = last.get(name, (None, (), []))
        if tick != run.tick:
            after, arms = tuple(arms), []
            last[name] = (run.tick, after, arms)
        arms.append(run.name)
        stages = [(inference(scenario, run.feature, run.environment), float(run.prompts))]
        if not scenario.batched:
            stages.append((judging(scenario, run.feature, run.environment), float(run.verdicts)))
        found.append(Job(run.name, scenario.minute(run.tick), tuple(stages), after))
    return found
