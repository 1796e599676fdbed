"""Rules about limits: pools that are whole accounts, reservations that fit, runs that end, shares that add up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from daily_runs.catalogue.accounts import Account, JudgeSettings
from daily_runs.catalogue.features import PHASE_ENVIRONMENTS, Feature, environments_of
from daily_runs.catalogue.pools import SENSORS_POOL
from daily_runs.catalogue.rates import budget, reserved_tokens_per_minute, run_minutes
from daily_runs.catalogue.reading.draft import BrokenRule, Draft, as_catalogue
from daily_runs.catalogue.reading.yaml_lines import KeyPath

DAY_MINUTES = 24 * 60
THINKING_ROOM_TOKENS = 4096
"""Room for thinking and a verdict: what the vendor's own example gives; 1,024 can end in the midst of a thought
(platform.claude.com/docs/en/models/sonnet-5-5/migration-guide)."""


def findings(draft: Draft) -> Iterator[BrokenRule]:
    """Every broken rule about limits."""
    for name, account in draft.accounts.items():
        yield from _pool(name, account)
        yield from _lending(name, account)
    if draft.judge:
        yield from _verdict_fits(draft, draft.judge)
        yield from _verdict_ends(draft.judge)
        yield from _second_judge(draft, draft.judge)
    for name, feature in draft.features.items():
        for environment_name in environments_of(feature):
            yield from _fits(draft, name, environment_name)
    yield from _shares(draft)


def _pool(name: str, account: Account) -> Iterator[BrokenRule]:
    """An account's pool is the whole account, and nobody else's."""
    rate, slot = account.input_tokens_per_minute, account.slot_tokens_per_minute
    if rate % slot:
        slots = next((n for n in range(rate // slot, 0, -1) if rate % n == 0), 1)
        yield BrokenRule(
            ("accounts", name, "slot_tokens_per_minute"),
            f"{slot:,} does not divide the account's {rate:,} input tokens/min",
            f"Write {rate // slots} ({slots} slot{'s' * (slots > 1)}), so that the pool's slots are the whole account.",
        )
    if name == SENSORS_POOL:
        yield BrokenRule(("accounts", name), "is the name of the sensors' pool", "Give the account another name.")


def _lending(name: str, account: Account) -> Iterator[BrokenRule]:
    if account.lends_idle_share and account.shared_with_live_users:
        yield BrokenRule(
            ("accounts", name, "lends_idle_share"),
            "true, but the account is shared_with_live_users",
            "Write false: what features leave idle there is the live users'.",
        )


def _verdict_fits(draft: Draft, judge: JudgeSettings) -> Iterator[BrokenRule]:
    if account := draft.accounts.get(judge.account):
        needs = (("input", judge.input_tokens_per_verdict), ("output", judge.output_tokens_per_verdict))
        for side, tokens in needs:
            path: KeyPath = ("judge", f"{side}_tokens_per_verdict")
            yield from _fits_at_once(
                path, f"one verdict takes {tokens:,} {side} tokens", tokens, judge.account, account
            )


def _second_judge(draft: Draft, judge: JudgeSettings) -> Iterator[BrokenRule]:
    """Two judges agree about something only if they are two."""
    if judge.second_model == judge.model:
        problem = f"{judge.second_model!r} is the judge itself"
        yield BrokenRule(("judge", "second_model"), problem, "Name another model, or leave it out.")
    for name, feature in draft.features.items():
        if feature.second_judge_share and judge.second_model is None:
            problem = f"{feature.second_judge_share:g}, but the catalogue has no second judge"
            remedy = "Set judge.second_model in accounts.yaml, or leave it out."
            yield BrokenRule(("features", name, "second_judge_share"), problem, remedy)


def _verdict_ends(judge: JudgeSettings) -> Iterator[BrokenRule]:
    """One answer of the judge must have room for what it thinks and says, and no more than its model may say."""
    path: KeyPath = ("judge", "max_output_tokens")
    asked, allowed = judge.asked_as, judge.max_output_tokens
    if asked.max_output_tokens is not None and allowed > asked.max_output_tokens:
        problem = f"{allowed:,}, but an answer of {judge.model} has {asked.max_output_tokens:,} tokens at most"
        yield BrokenRule(path, problem, "Lower it.")
    if asked.thinking == "adaptive" and allowed < THINKING_ROOM_TOKENS:
        problem = (
            f"{allowed:,}, but {judge.model} thinks first: together with a verdict it may need {THINKING_ROOM_TOKENS:,}"
        )
        yield BrokenRule(path, problem, f"Give {THINKING_ROOM_TOKENS} or more.")


def _fits(draft: Draft, name: str, environment_name: str) -> Iterator[BrokenRule]:
    """Whether the account and the path behind an environment can carry a feature at all."""
    feature, environment = draft.features[name], draft.environments.get(environment_name)
    account_name = feature.account_in(environment_name, environment) if environment else ""
    account = draft.accounts.get(account_name)
    if environment is None or account is None:
        return
    tokens, path = feature.limits.tokens_per_prompt, ("features", name, "limits")
    for side, needed in (("input", tokens.input), ("output", tokens.output)):
        yield from _fits_at_once(
            (*path, "tokens_per_prompt", side),
            f"one prompt takes {needed:,} {side} tokens",
            needed,
            account_name,
            account,
        )
    asked, gives = reserved_tokens_per_minute(feature), account.input_tokens_per_minute
    if asked > gives:
        yield BrokenRule(
            path,
            f"reserves {asked:,.0f} tokens/min, but account {account_name} has {gives:,}",
            "Ask for fewer requests or batches a minute.",
        )
    yield from _lasts(draft, feature, environment_name)


def _fits_at_once(path: KeyPath, what: str, tokens: int, account_name: str, account: Account) -> Iterator[BrokenRule]:
    """A request larger than the full bucket could never be sent."""
    side = str(path[-1]).split("_", maxsplit=1)[0]
    rate: int = getattr(account, f"{side}_tokens_per_minute")
    bucket = rate * account.burst_seconds / 60
    if tokens > bucket:
        yield BrokenRule(
            path,
            f"{what}, but account {account_name} allows {bucket:,.0f} at once",
            "Raise the account's burst_seconds or correct the estimate.",
        )


def _lasts(draft: Draft, feature: Feature, environment_name: str) -> Iterator[BrokenRule]:
    catalogue = as_catalogue(draft)
    binding, minutes = (
        budget(catalogue, feature, environment_name).binding,
        run_minutes(catalogue, feature, environment_name),
    )
    if minutes > DAY_MINUTES:
        yield BrokenRule(
            ("features", feature.feature, "limits"),
            f"no run can end within a day: {feature.prompts_per_run:,} prompts at {binding.prompts_per_minute:g}/min "
            f"({binding.limit}, {environment_name}) take {minutes:,.0f} of {DAY_MINUTES:,} min",
            "Raise that limit or lower prompts_per_run.",
        )


def _shares(draft: Draft) -> Iterator[BrokenRule]:
    """On no date may the shares of one account that features asked for exceed the whole of it."""
    asking = {name: feature for name, feature in draft.features.items() if feature.limits.account_share}
    days = sorted({phase.starts for feature in asking.values() for phase in feature.phases})
    for account in draft.accounts:
        for day in days:
            shares = _shares_on(draft, asking, account, day)
            if sum(shares.values()) > 1 + 1e-9:
                parts = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
                yield BrokenRule(
                    ("accounts", account),
                    f"from {day} on, features ask for {sum(shares.values()):.1%} of it ({parts})",
                    "Lower an account_share or move a phase.",
                )
                break


def _shares_on(draft: Draft, asking: Mapping[str, Feature], account: str, day: dt.date) -> dict[str, float]:
    shares = {}
    for name, feature in asking.items():
        there = [place for place in PHASE_ENVIRONMENTS[feature.phase_on(day).phase] if place in draft.environments]
        times = sum(feature.account_in(place, draft.environments[place]) == account for place in there)
        if times and feature.limits.account_share:
            shares[name] = times * feature.limits.account_share
    return shares
