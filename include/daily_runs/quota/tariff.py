"""What a call is subject to: the limits of its account, its feature, its environment and its evaluation user.

A tariff is computed from the catalogue and handed to the ledger with each request, so that an edited catalogue counts
from the next request on. Rates are per minute of domain time; the ledger scales them to the wall clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from daily_runs.catalogue.accounts import Account
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.features import Feature, FeatureCall
from daily_runs.catalogue.user_rates import user_rates
from daily_runs.errors import Blame, CallError, Hop


def ai_action_window(feature: Feature, environment_name: str, environment: Environment) -> Window | None:
    """GitLab's `ai_action` limit, shared by all features that use `aiAction`; code suggestions do not."""
    if feature.call is FeatureCall.COMPLETE_CODE:
        return None
    limits = environment.limits
    seconds = limits.ai_action_window_hours * 3600
    return Window(f"ai_action in {environment_name}", limits.ai_action_calls_per_window, seconds)


def user_rate(feature: Feature, environment_name: str, environment: Environment) -> CallRate:
    """One user's own rate: of several the tightest, which keeps the others too.

    The windows behind it are fixed minutes or hours, so nothing may be saved up.
    """
    limits = environment.limits
    tightest = min(user_rates(limits, feature.call), key=lambda rate: rate.per_minute(limits) / rate.amount)
    return CallRate(f"{tightest.name} in {environment_name}", tightest.per_minute(limits), amount=tightest.amount)


class ExpectedTokens(NamedTuple):
    """What one call is expected to cost an account, besides one request."""

    input: float
    output: float


class CallRate(NamedTuple):
    """A limit of the feature or of an evaluation user, not of an account.

    One call takes `amount` of `per_minute`; `burst` may be saved up.
    """

    limit: str
    per_minute: float
    burst: float = 0.0
    amount: float = 1.0


class Window(NamedTuple):
    """At most `calls` in any `seconds` (domain) for each evaluation user."""

    limit: str
    calls: int
    seconds: float


class InFlight(NamedTuple):
    """At most `at_once` calls that are sent and not settled, over all tasks."""

    limit: str
    at_once: int


@dataclass(frozen=True)
class Tariff:
    """All limits of one kind of call.

    Args:
        account_name, account: what is spent (docs/domain.md §5: three buckets).
        lane: the feature; competing lanes get `share` each, and `priority` 1 goes first for what others leave.
        rates: the feature's own, each call takes its amount.
        users: the ledger chooses one for each call; none where calls have no user.
        window, user_rate: what one user may do.
        in_flight: bound on open calls.
        lease_seconds: domain seconds after its moment until a grant that was not settled counts no more as open.
        declared_at: when the catalogue was written; the newest one's figures hold.
    """

    account_name: str
    account: Account
    lane: str
    share: float
    priority: int
    rates: Sequence[CallRate] = ()
    users: Sequence[str] = ()
    window: Window | None = None
    user_rate: CallRate | None = None
    in_flight: InFlight | None = None
    lease_seconds: float = 300.0
    declared_at: dt.datetime = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def share_of(catalogue: Catalogue, feature: Feature, account: Account, account_name: str | None = None) -> float:
    """A feature's share of an account, from 0 to 1.

    A feature has the share that it asked for. The features that asked for none may take what the others leave: in equal
    parts if the account lends idle shares (a share is a weight there), each the whole of it if the account does not (a
    share is a ceiling there).

    Args:
        account_name: the account's, if only the features that spend it share it; else all do.
    """
    if feature.limits.account_share is not None:
        return feature.limits.account_share
    features = catalogue.features.values()
    sharing = [f for f in features if account_name is None or account_name in _spent_by(catalogue, f)]
    declared = [other.limits.account_share for other in sharing]
    left = max(0.01, 1 - sum(share for share in declared if share is not None))
    return left / max(1, declared.count(None)) if account.lends_idle_share else left


def _spent_by(catalogue: Catalogue, feature: Feature) -> set[str]:
    """The accounts that a feature's prompts or their verdicts may spend."""
    inference = {feature.account_in(name, environment) for name, environment in catalogue.environments.items()}
    return inference | {catalogue.judge.account}


def budget_spent(
    window: Window, users: Sequence[str], refused: Mapping[str, int | None], room_at: dt.datetime
) -> CallError:
    """No user has a call left in the window: by our own count, or because GitLab refused where the ledger saw room.

    Args:
        window: the window.
        users: who might have asked.
        refused: whom GitLab refused, and at which call as the ledger counts; the earliest first.
        room_at: when the first user has room again, UTC.
    """
    hours = window.seconds / 3600
    hop, evidence = Hop.CLIENT, f"{len(users)} users x {window.calls} calls in {hours:g} h: used"
    if refused:
        user, at_call = next(iter(refused.items()))
        where = "a call" if at_call is None else f"call {at_call} of {window.calls} in {hours:g} h"
        whom = f"{user}, and {len(refused)} of {len(users)} users in all"
        hop = Hop.GITLAB
        evidence = f"GitLab refused at {where} ({whom}): somebody else uses these users, or the instance allows fewer"
    evidence += f"; room returns on {room_at:%d %b at %H:%M} UTC"
    return CallError(hop, "ai_action_budget_spent", blame=Blame.RATE_LIMIT, retryable=False, evidence=evidence)
