"""What one evaluation user may do on an environment's path, as rates: one declaration that all readers share.

Which limit binds (`rates`), pacing (`quota.tariff`), planning (`capacity.load`, `capacity.remedies`) and the limit
probe (`readiness.limits.findings`) read it. A new limit of this kind is a key in `PathLimits`, its figure in
`environments.yaml`, a row here, and its throttle in the sandbox (`sandbox.gitlab.side`).

`ai_action` is no rate: its budget is so many calls in a window of hours (`quota.tariff.ai_action_window`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.catalogue.environments import PathLimits
from daily_runs.catalogue.features import FeatureCall

CALLS_PER_PROMPT = 2
"""GraphQL requests one prompt needs at least: the mutation, and its share of a poll."""
CODE_SUGGESTIONS, API_REQUESTS = "code suggestions", "API requests"


class UserRate(NamedTuple):
    """A rate of one evaluation user; one prompt takes `amount` of it.

    `key` is the figure's name in the environment's `limits`; it counts calls in `minutes`.
    """

    name: str
    key: str
    minutes: int
    amount: int

    def figure(self, limits: PathLimits) -> int | None:
        """What the catalogue says; None: the limit is not in force."""
        value: int | None = getattr(limits, self.key)
        return value

    def per_minute(self, limits: PathLimits) -> float:
        """Calls per minute of the domain, of a limit that is in force."""
        return (self.figure(limits) or 0) / self.minutes

    @property
    def per_user(self) -> str:
        """The limit's name where it is summed over users."""
        return f"{self.name} per user"


_OF_ANY_PROMPT = (
    UserRate(API_REQUESTS, "api_requests_per_minute", minutes=1, amount=CALLS_PER_PROMPT),
    UserRate("API requests an hour", "api_requests_per_hour", minutes=60, amount=CALLS_PER_PROMPT),
)
_OF_CODE = (
    UserRate(CODE_SUGGESTIONS, "code_suggestions_per_minute", minutes=1, amount=1),
    UserRate("API requests an hour", "api_requests_per_hour", minutes=60, amount=1),
)
USER_RATES: dict[str, UserRate] = {rate.per_user: rate for rate in (*_OF_CODE, *_OF_ANY_PROMPT)}
"""Every one by its name."""


def user_rates(limits: PathLimits, call: FeatureCall) -> Sequence[UserRate]:
    """The rates that a prompt of a call is subject to, of those in force.

    Code suggestions have a rate of their own, far below that of API requests.
    """
    rates = _OF_CODE if call is FeatureCall.COMPLETE_CODE else _OF_ANY_PROMPT
    return [rate for rate in rates if rate.figure(limits) is not None]
