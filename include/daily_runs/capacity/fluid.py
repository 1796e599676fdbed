"""Load as a fluid: how fast streams of prompts flow under limits that they share, moment by moment. Pure.

The rules are the ledger's. No limit is ever passed. Features that compete on an account get their shares of it. On an
account that lends, what is left goes to the best priority first, among equals by share; on one that does not, a share
is a ceiling. Rates change only when a stream begins or ends, so time goes in steps from event to event. Why a fluid,
and what it leaves out: docs/decisions/0016-planner-is-fluid.md.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from daily_runs.catalogue.rates import PromptRate

TINY = 1e-9
"""What counts as nothing, relative to the whole."""
SHARE = "feature account share"


class SharedResource(NamedTuple):
    """Something that streams share: `limit` of an account or an environment, in units per minute."""

    owner: str
    limit: str


class Lane(NamedTuple):
    """A feature's part of an account."""

    account: str
    feature: str


class Stream(NamedTuple):
    """One stage of one feature in one environment: what a prompt takes of each resource, and its own limits."""

    feature: str
    environment: str
    stage: str
    account: str
    priority: int
    costs: Mapping[SharedResource, float]
    own: tuple[PromptRate, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """Its name: at most one run of it flows at a time."""
        return self.feature, self.environment, self.stage

    @property
    def lane(self) -> Lane:
        """Whose share of which account it takes."""
        return Lane(self.account, self.feature)


class Flow(NamedTuple):
    """A stream's rate at a moment, the limit that binds it, and the other features that take of that limit."""

    per_minute: float
    bound_by: SharedResource
    beside: frozenset[str]


@dataclass(frozen=True)
class SharedLimits:
    """All that is shared. `accounts` names each account's own resources; a lane's share is of its whole account."""

    per_minute: Mapping[SharedResource, float]
    accounts: Mapping[str, tuple[SharedResource, ...]]
    shares: Mapping[Lane, float]
    lends: Collection[str]

    def part_of_account(self, stream: Stream) -> float:
        """How much of its account's minute one prompt takes: of the dimension that it takes most of."""
        return max(stream.costs.get(r, 0) / self.per_minute[r] for r in self.accounts[stream.account])

    def rates(self, stream: Stream) -> tuple[PromptRate, ...]:
        """Each limit that a stream meets when it is alone, and the prompts per minute it allows; tightest first."""
        found = [*stream.own, *(PromptRate(r.limit, self.per_minute[r] / cost) for r, cost in stream.costs.items())]
        if stream.account not in self.lends:
            found.append(PromptRate(SHARE, self.shares[stream.lane] / self.part_of_account(stream)))
        return tuple(sorted(found, key=lambda rate: rate.prompts_per_minute))


def allocate(streams: Sequence[Stream], limits: SharedLimits) -> dict[tuple[str, str, str], Flow]:
    """The rates of streams that flow at the same time."""
    filling = _Filling(streams, limits)
    lanes = {stream.lane for stream in streams}
    for lane in lanes:
        filling.room[_of(lane)] = filling.whole[_of(lane)] = limits.shares[lane]
    filling.fill(streams, guarded=True)
    borrowing = sorted((s for s in streams if s.account in limits.lends), key=lambda stream: stream.priority)
    for _, equals in groupby(borrowing, key=lambda stream: stream.priority):
        filling.fill(list(equals), guarded=False)
    return {stream.key: filling.flow(stream) for stream in streams}


def _of(lane: Lane) -> SharedResource:
    return SharedResource(f"{lane.account} {lane.feature}", SHARE)


class _Filling:
    """Raises rates together, each at its own pace, until a limit stops them (progressive filling)."""

    def __init__(self, streams: Sequence[Stream], limits: SharedLimits) -> None:
        self.limits, self.streams = limits, streams
        self.whole = dict(limits.per_minute)
        self.room = dict(limits.per_minute)
        self.rates = {stream.key: 0.0 for stream in streams}
        self.bound_by: dict[tuple[str, str, str], SharedResource] = {}

    def fill(self, streams: Sequence[Stream], *, guarded: bool) -> None:
        """Raise these streams' rates as far as limits allow; `guarded`: within their lanes' shares."""
        takes = {stream.key: self._takes(stream, guarded=guarded) for stream in streams}
        crowd = {lane: sum(stream.lane == lane for stream in streams) for lane in {s.lane for s in streams}}
        pace = {
            s.key: max(self.limits.shares[s.lane], TINY) / crowd[s.lane] / self.limits.part_of_account(s)
            for s in streams
        }
        still = [stream for stream in streams if not self._stopped(stream, takes[stream.key])]
        while still:
            drain: dict[SharedResource, float] = {}
            for stream in still:
                for resource, cost in takes[stream.key].items():
                    drain[resource] = drain.get(resource, 0) + cost * pace[stream.key]
            own = ((_cap(s) - self.rates[s.key]) / pace[s.key] for s in still)
            step = max(0.0, min(*own, math.inf, *(self.room[r] / amount for r, amount in drain.items())))
            for stream in still:
                self.rates[stream.key] += step * pace[stream.key]
            for resource, amount in drain.items():
                self.room[resource] = max(0.0, self.room[resource] - step * amount)
            still = [stream for stream in still if not self._stopped(stream, takes[stream.key])]

    def _takes(self, stream: Stream, *, guarded: bool) -> dict[SharedResource, float]:
        takes = {resource: cost for resource, cost in stream.costs.items() if cost > 0}
        return takes | {_of(stream.lane): self.limits.part_of_account(stream)} if guarded else takes

    def _stopped(self, stream: Stream, takes: Mapping[SharedResource, float]) -> bool:
        """Whether a stream can go no faster; what stops it is noted."""
        tightest = min(stream.own, key=lambda rate: rate.prompts_per_minute, default=None)
        if tightest and self.rates[stream.key] >= tightest.prompts_per_minute * (1 - TINY):
            self.bound_by[stream.key] = SharedResource(stream.feature, tightest.limit)
            return True
        for resource in takes:
            if self.room[resource] <= self.whole[resource] * TINY:
                self.bound_by[stream.key] = resource
                return True
        return False

    def flow(self, stream: Stream) -> Flow:
        """What came of a stream."""
        bound_by = self.bound_by[stream.key]
        beside = {s.feature for s in self.streams if bound_by in s.costs and s.feature != stream.feature}
        return Flow(self.rates[stream.key], bound_by, frozenset(beside))


def _cap(stream: Stream) -> float:
    return min((rate.prompts_per_minute for rate in stream.own), default=math.inf)


class Job(NamedTuple):
    """One arm of a run: stages one after the other, from minute `starts` on, once the jobs in `after` have ended."""

    name: str
    starts: float
    stages: tuple[tuple[Stream, float], ...]  # with the prompts of each
    after: tuple[str, ...] = ()


class Spell(NamedTuple):
    """A stretch of minutes in which a job's stream flows at one rate."""

    job: str
    stream: Stream
    begins: float
    ends: float
    flow: Flow

    @property
    def prompts(self) -> float:
        """How many prompts pass in it."""
        return self.flow.per_minute * (self.ends - self.begins)


def simulate(jobs: Sequence[Job], limits: SharedLimits) -> list[Spell]:
    """Let jobs flow, in minutes from any origin; spells in order of time. `after` names earlier jobs only."""
    return _Simulation(jobs, limits).run()


@dataclass
class _Active:
    """A job that flows: which of its stages, and the prompts that are left of it."""

    job: Job
    stage: int
    left: float

    @property
    def stream(self) -> Stream:
        return self.job.stages[self.stage][0]


class _Simulation:
    def __init__(self, jobs: Sequence[Job], limits: SharedLimits) -> None:
        self.limits = limits
        self.number = {job.name: number for number, job in enumerate(jobs)}
        self.waits_for = {job.name: set(job.after) for job in jobs}
        self.followers: dict[str, list[Job]] = {}
        for job in jobs:
            for name in job.after:
                self.followers.setdefault(name, []).append(job)
        self.due = [(job.starts, number, job) for number, job in enumerate(jobs) if not job.after]
        heapq.heapify(self.due)
        self.active: list[_Active] = []
        self.known: dict[frozenset[tuple[str, str, str]], dict[tuple[str, str, str], Flow]] = {}

    def run(self) -> list[Spell]:
        spells: list[Spell] = []
        now = 0.0
        while self.active or self.due:
            now = now if self.active else max(now, self.due[0][0])
            while self.due and self.due[0][0] <= now:
                job = heapq.heappop(self.due)[2]
                self.active.append(_Active(job, 0, job.stages[0][1]))
            flows = self._flows()
            moving = [active for active in self.active if flows[active.stream.key].per_minute > 0]
            ends = {id(active): now + active.left / flows[active.stream.key].per_minute for active in moving}
            until = min([*ends.values(), *(due[0] for due in self.due[:1])])
            for active in self.active:
                flow = flows[active.stream.key]
                spells.append(Spell(active.job.name, active.stream, now, until, flow))
                done = ends.get(id(active), math.inf) <= until
                active.left = 0.0 if done else active.left - flow.per_minute * (until - now)
            now = until
            self._go_on(now)
        return spells

    def _flows(self) -> dict[tuple[str, str, str], Flow]:
        """The same streams always share in the same way."""
        streams = [active.stream for active in self.active]
        key = frozenset(stream.key for stream in streams)
        if key not in self.known:
            self.known[key] = allocate(streams, self.limits)
        return self.known[key]

    def _go_on(self, now: float) -> None:
        """Let who is done with a stage go to the next one, or end."""
        staying = []
        for active in self.active:
            if active.left > active.job.stages[active.stage][1] * TINY:
                staying.append(active)
            elif active.stage + 1 < len(active.job.stages):
                staying.append(_Active(active.job, active.stage + 1, active.job.stages[active.stage + 1][1]))
            else:
                self._ended(active.job, now)
        self.active = staying

    def _ended(self, job: Job, now: float) -> None:
        for follower in self.followers.get(job.name, ()):
            waits_for = self.waits_for[follower.name]
            waits_for.discard(job.name)
            if not waits_for:
                heapq.heappush(self.due, (max(follower.starts, now), self.number[follower.name], follower))
