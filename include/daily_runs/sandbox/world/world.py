"""Everything mutable in one sandbox: clock, faults, ledger, and the Anthropic accounts that both sides spend."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daily_runs.catalogue.accounts import Account
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.dataset import Item
from daily_runs.sandbox.world.bucket import Bucket
from daily_runs.sandbox.world.clock import SandboxClock
from daily_runs.sandbox.world.contents import ContentsWatch
from daily_runs.sandbox.world.foreign import ForeignLoad
from daily_runs.sandbox.world.judging import JudgeState, ScoreError
from daily_runs.sandbox.world.received import RequestLog
from daily_runs.sandbox.world.scenario import Scenario


class Shortage(NamedTuple):
    """The limit that refuses (`requests`, `input_tokens`, `output_tokens`) and domain seconds until it would not."""

    limit: str
    wait_seconds: float


class AccountBuckets:
    """One Anthropic account: a bucket each for requests, input tokens and output tokens (docs/domain.md §5)."""

    def __init__(self, account: Account, now: float) -> None:
        self._account, self._factor = account, 1.0
        self.requests = self._bucket(account.requests_per_minute, now)
        self.input_tokens = self._bucket(account.input_tokens_per_minute, now)
        self.output_tokens = self._bucket(account.output_tokens_per_minute, now)

    def scale(self, factor: float, now: float) -> None:
        """Run at `factor` times the account's limits."""
        if factor == self._factor:
            return
        self._factor = factor
        self._set(self.requests, self._account.requests_per_minute * factor, now)
        self._set(self.input_tokens, self._account.input_tokens_per_minute * factor, now)
        self._set(self.output_tokens, self._account.output_tokens_per_minute * factor, now)

    @property
    def all(self) -> tuple[Bucket, ...]:
        """The three buckets."""
        return self.requests, self.input_tokens, self.output_tokens

    def spend(self, input_tokens: float, output_tokens: float, now: float) -> Shortage | None:
        """Take one request and its tokens from all three buckets, or from none and say which is short for longest."""
        demands = (
            ("requests", self.requests, 1.0),
            ("input_tokens", self.input_tokens, input_tokens),
            ("output_tokens", self.output_tokens, output_tokens),
        )
        short = [Shortage(name, b.wait_seconds(n, now)) for name, b, n in demands if n > b.available(now)]
        if short:
            return max(short, key=lambda shortage: shortage.wait_seconds)
        for _, bucket, n in demands:
            bucket.take(n, now)
        return None

    def _bucket(self, rate_per_minute: float, now: float) -> Bucket:
        return Bucket(rate_per_minute, self._capacity(rate_per_minute), now)

    def _set(self, bucket: Bucket, rate_per_minute: float, now: float) -> None:
        bucket.set_rate(rate_per_minute, self._capacity(rate_per_minute), now)

    def _capacity(self, rate_per_minute: float) -> float:
        """A full bucket holds `burst_seconds` of its rate, and one unit at least."""
        return max(1.0, rate_per_minute * self._account.burst_seconds / 60)


class World:
    """Shared by both sides; one per sandbox process.

    Args:
        clock: domain time.
        scenario: the faults; replaced as a whole while running (`set_scenario`).
        ledger: where every request is recorded.
        items_by_feature: the data sets, by the feature's name in the catalogue.
        catalogue: environments, limits, accounts.
        watch: notices other features and data sets; none: they stay as they are.
    """

    def __init__(
        self,
        clock: SandboxClock,
        scenario: Scenario,
        ledger: RequestLog,
        items_by_feature: Mapping[str, Sequence[Item]],
        catalogue: Catalogue,
        watch: ContentsWatch | None = None,
    ) -> None:
        self._watch, self.edition = watch, 0
        self.clock, self.scenario, self.ledger = clock, scenario, ledger
        self.items_by_feature, self.catalogue = items_by_feature, catalogue
        self.rng = random.Random(scenario.rng_seed)
        now = clock.now()
        self._accounts = {name: AccountBuckets(account, now) for name, account in catalogue.accounts.items()}
        self._foreign = {name: ForeignLoad(foreign_seed(scenario.rng_seed, name), now) for name in catalogue.accounts}
        self.judge = JudgeState(now)

    def look(self) -> None:
        """Take over features and data sets that changed; `edition` then counts one more."""
        if self._watch and (found := self._watch.changed()):
            self.items_by_feature = found.items_by_feature
            self.catalogue = self.catalogue.model_copy(update={"features": found.catalogue.features})
            self.edition += 1

    def set_scenario(self, scenario: Scenario) -> None:
        """Replace the faults; a changed `rng_seed` starts its sequence anew."""
        for name in self._accounts:
            self.account(name)  # what was due until now is due by the old scenario
        if scenario.rng_seed != self.scenario.rng_seed:
            self.rng, now = random.Random(scenario.rng_seed), self.clock.now()
            self._foreign = {name: ForeignLoad(foreign_seed(scenario.rng_seed, name), now) for name in self._accounts}
            self.judge = JudgeState(now)
        if scenario.judge_drift != self.scenario.judge_drift:
            self.judge.begin_drift(self.clock.now())
        self.scenario = scenario

    def account(self, name: str) -> AccountBuckets:
        """An account's buckets as they are now, by the scenario's limit factor and other people's use.

        Raises:
            KeyError: no such account in the catalogue.
        """
        buckets, now, wanted = self._accounts[name], self.clock.now(), self.scenario.limit_factor
        buckets.scale(wanted.factor if now >= wanted.at_seconds else 1.0, now)
        self._foreign[name].take(self.scenario.foreign_load.get(name, 0.0), buckets.all, now)
        return buckets

    def draw(self, share: float) -> bool:
        """True in `share` of the cases."""
        return share > 0 and self.rng.random() < share

    def strikes(self, share: float, side: str) -> bool:
        """Draw a fault on the wire, confined to the scenario's sides."""
        return side in self.scenario.sides and self.draw(share)

    def score_error(self) -> ScoreError:
        """The error of the judge's next verdict."""
        return self.judge.error(self.scenario, self.clock.now())

    def latency_seconds(self) -> float:
        """Draw one model latency in domain seconds."""
        return self.scenario.latency_seconds.draw(self.rng)


def foreign_seed(rng_seed: int, account: str) -> str:
    """The seed of other people's use of an account (see `foreign.ForeignLoad`)."""
    return f"{rng_seed} {account}"
