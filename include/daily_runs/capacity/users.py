"""How many evaluation users the planned `aiAction` calls demand: 160 calls in any 8 hours for each (docs/domain.md §3).

The budget is a user's, over all features that use `aiAction`; code suggestions are exempt.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daily_runs.capacity.fluid import SharedResource, Spell, Stream
from daily_runs.capacity.load import INFERENCE, PlanScenario
from daily_runs.catalogue.user_rates import CODE_SUGGESTIONS

AI_ACTION = "ai_action calls per user"


class Demand(NamedTuple):
    """The fullest window of an environment: calls in it, by feature, and the users that they take.

    `short` has, for each day on which the users' calls do not suffice, the first moment at which they are spent.
    """

    environment: str
    calls: int
    window_ends: dt.datetime | None
    window_hours: float
    by_feature: Mapping[str, float]
    calls_per_user: int
    users: int
    users_needed: int
    short: tuple[dt.datetime, ...]

    @property
    def room(self) -> int:
        """Calls that are left in the fullest window; tries that are made again spend them too."""
        return self.users * self.calls_per_user - self.calls


def counts(stream: Stream) -> bool:
    """Whether a stream's calls count against the budget."""
    return (
        stream.stage == INFERENCE
        and SharedResource(stream.environment, f"{CODE_SUGGESTIONS} per user") not in stream.costs
    )


def demands(scenario: PlanScenario, spells: Sequence[Spell]) -> tuple[Demand, ...]:
    """Each environment's fullest window that ends on one of the scenario's dates."""
    return tuple(_demand(scenario, name, spells) for name in scenario.catalogue.environments)


def _demand(scenario: PlanScenario, name: str, spells: Sequence[Spell]) -> Demand:
    environment = scenario.catalogue.environments[name]
    users, each = len(environment.evaluation_users), environment.limits.ai_action_calls_per_window
    width = environment.limits.ai_action_window_hours * 60
    own = [spell for spell in spells if spell.stream.environment == name and counts(spell.stream)]
    curve = _Curve(own)
    first, last = scenario.span
    # The count in a sliding window is largest where it begins as calls begin or ends as calls end.
    ends = sorted({spell.begins + width for spell in own} | {spell.ends for spell in own})
    windows = [(curve.calls(end - width, end), end) for end in ends if first < end <= last]
    most, end = max(windows, key=lambda window: (round(window[0], 6), -window[1]), default=(0.0, None))
    calls = math.ceil(round(most, 6))
    over = [_crossing(curve, at, width, users * each) for count, at in windows if count > users * each + 1e-6]
    short = {moment.date(): moment for moment in sorted(map(scenario.moment, over), reverse=True)}
    return Demand(
        environment=name,
        calls=calls,
        window_ends=scenario.moment(end) if end is not None else None,
        window_hours=environment.limits.ai_action_window_hours,
        by_feature=_by_feature(own, end - width, end) if end is not None else {},
        calls_per_user=each,
        users=users,
        users_needed=math.ceil(calls / each),
        short=tuple(sorted(short.values())),
    )


def _crossing(curve: _Curve, end: float, width: float, allowed: float) -> float:
    """When, in the window that ends at `end`, the calls pass what is allowed."""
    low, high = end - width, end
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if curve.calls(middle - width, middle) <= allowed else (low, middle)
    return high


def _by_feature(spells: Sequence[Spell], begins: float, ends: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for spell in spells:
        minutes = min(spell.ends, ends) - max(spell.begins, begins)
        if minutes > 0:
            found[spell.stream.feature] = found.get(spell.stream.feature, 0) + spell.flow.per_minute * minutes
    return found


class _Curve:
    """Calls made until a moment: straight between the moments at which rates change."""

    def __init__(self, spells: Sequence[Spell]) -> None:
        changes: dict[float, float] = {}
        for spell in spells:
            changes[spell.begins] = changes.get(spell.begins, 0) + spell.flow.per_minute
            changes[spell.ends] = changes.get(spell.ends, 0) - spell.flow.per_minute
        self.moments = sorted(changes)
        self.counted, self.rates = [], []
        rate = total = before = 0.0
        for moment in self.moments:
            total += rate * (moment - before)
            rate, before = max(0.0, rate + changes[moment]), moment
            self.counted.append(total)
            self.rates.append(rate)

    def calls(self, begins: float, ends: float) -> float:
        """Calls between two minutes."""
        return self._until(ends) - self._until(begins)

    def _until(self, minute: float) -> float:
        at = bisect_left(self.moments, minute) - 1
        return 0.0 if at < 0 else self.counted[at] + self.rates[at] * (minute - self.moments[at])
