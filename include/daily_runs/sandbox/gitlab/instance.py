"""One GitLab instance: its users and their tokens, its seed project, its limiters, its asynchronous answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from daily_runs.sandbox.gitlab.ai_gateway import AiGateway
from daily_runs.sandbox.gitlab.seeds import Project, SeedPlaces, SeedShares, first_id, seedable
from daily_runs.sandbox.world.bucket import FixedWindow
from daily_runs.sandbox.world.exchange import Login
from daily_runs.sandbox.world.scenario import Scenario
from daily_runs.sandbox.world.world import World

SEEDED_ENVIRONMENT = "staging"
"""Where the scenario's seeding faults apply: production has its data since long."""
UNFINISHED_MISSING_SHARE = 0.5
"""What is missing at least while the scenario says that seeding is not complete."""
_HOUR_SECONDS = 3600.0
_FULL = ("api",)
_READ_ONLY = ("read_api",)


class SandboxMergeRequest(NamedTuple):
    """A resolution, visible on its vulnerability from `ready_at` (domain seconds) on."""

    iid: int
    vulnerability: int
    title: str
    path: str
    diff: str
    created_at: str
    ready_at: float


class Message(NamedTuple):
    """One chat message of one user, visible from `ready_at` (domain seconds) on."""

    number: int
    request_id: str
    thread: int
    conversation: str
    role: str
    content: str
    timestamp: str
    ready_at: float
    errors: list[str]


class Instance:
    """State of one environment. Everything is in memory and ends with the process."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.environment = world.catalogue.environments[name]
        self.gateway = AiGateway(world, name)
        self.user_ids = {user: number for number, user in enumerate(self.environment.evaluation_users, start=101)}
        self._logins = _logins(self.user_ids)
        self._places = SeedPlaces()
        self._edition = world.edition
        self._shares = SeedShares()
        self._windows: dict[tuple[str, str], FixedWindow] = {}
        self.messages: dict[str, dict[str, list[Message]]] = {user: {} for user in self.user_ids}
        self.last_thread: dict[tuple[str, str], int] = {}
        self.merge_requests: list[SandboxMergeRequest] = []
        self.suggestions_served = 0
        self._numbers = first_id(name, "numbers")
        self.seed(_shares_of(world.scenario, name))

    def seed(self, shares: SeedShares) -> None:
        """Make the seed project anew, with these shares missing or changed."""
        self._shares = shares
        items = self._places.of(seedable(self.world.items_by_feature))
        self.project = Project(self.name, items, shares, self.world.scenario.rng_seed)

    def look(self) -> None:
        """Take over the seeds of features and data sets that changed on disk."""
        self.world.look()
        if self._edition != self.world.edition:
            self._edition = self.world.edition
            self.seed(self._shares)

    def follow(self, before: Scenario, after: Scenario) -> None:
        """Take over a scenario's seeding, and count suggestions anew for a provider switch, when they changed."""
        if before.provider_switch != after.provider_switch:
            self.suggestions_served = 0
        if _shares_of(before, self.name) != _shares_of(after, self.name):
            self.seed(_shares_of(after, self.name))

    @property
    def seed_shares(self) -> SeedShares:
        """What is missing or changed at present."""
        return self._shares

    def login(self, headers: Mapping[str, str]) -> Login | None:
        """Who sends this token; None for an unknown one."""
        return self._logins.get(token_in(headers) or "")

    def take(self, limiter: str, user: str, limit: int, window_seconds: float) -> bool:
        """Count one call against a limiter of GitLab's application, per user."""
        window = self._windows.setdefault((limiter, user), FixedWindow(limit, window_seconds))
        window.limit, window.window_seconds = limit, window_seconds
        return window.take(self.world.clock.now())

    def take_ai_action(self, user: str) -> bool:
        """Count one `aiAction`: by default 160 a user in 8 hours; the scenario may say otherwise."""
        limits, scenario = self.environment.limits, self.world.scenario
        calls, hours = scenario.ai_action_calls, scenario.ai_action_window_hours
        return self.take(
            "ai_action",
            user,
            limits.ai_action_calls_per_window if calls is None else calls,
            (limits.ai_action_window_hours if hours is None else hours) * _HOUR_SECONDS,
        )

    def next_number(self) -> int:
        """A fresh id."""
        self._numbers += 1
        return self._numbers

    def merge_request_of(self, vulnerability: int) -> SandboxMergeRequest | None:
        """The latest resolution of a vulnerability that is ready."""
        now = self.world.clock.now()
        ready = [m for m in self.merge_requests if m.vulnerability == vulnerability and m.ready_at <= now]
        return max(ready, key=lambda m: m.ready_at, default=None)


def token_in(headers: Mapping[str, str]) -> str | None:
    """The token of a request: `Authorization: Bearer` or `PRIVATE-TOKEN`."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    return headers.get("private-token") or (bearer if scheme.lower() == "bearer" else None)


def iso_now() -> str:
    """The moment as GitLab writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _logins(users: Mapping[str, int]) -> dict[str, Login]:
    full = {f"sandbox-{user}": Login(user, _FULL) for user in users}
    return full | {f"sandbox-{user}-readonly": Login(user, _READ_ONLY) for user in users}


def _shares_of(scenario: Scenario, environment: str) -> SeedShares:
    if environment != SEEDED_ENVIRONMENT:
        return SeedShares()
    least = 0.0 if scenario.seeding_complete else UNFINISHED_MISSING_SHARE
    return SeedShares(max(scenario.missing_seed_share, least), scenario.changed_seed_share)
