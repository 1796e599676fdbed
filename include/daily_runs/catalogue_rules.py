"""Rules between parts of the catalogue: references that must resolve, dates in order, reservations that fit.

Each rule yields what it finds as key path, problem and remedy; `daily_runs.catalogue_files` adds file and line.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from croniter import croniter  # type: ignore[import-untyped]
from croniter.croniter import CroniterError  # type: ignore[import-untyped]

from daily_runs.catalogue import (
    PHASE_ENVIRONMENTS,
    Account,
    Catalogue,
    Environment,
    Feature,
    Judge,
    PhaseName,
)
from daily_runs.quota.rates import budget, run_minutes
from daily_runs.yaml_lines import KeyPath

DAY_MINUTES = 24 * 60


class Finding(NamedTuple):
    """A broken rule. `problem` follows the key path in the message."""

    path: KeyPath
    problem: str
    remedy: str


@dataclass(frozen=True)
class Draft:
    """The parts that are sound by themselves; `named` has, by section that could be read, all names."""

    accounts: Mapping[str, Account]
    environments: Mapping[str, Environment]
    features: Mapping[str, Feature]
    judge: Judge | None
    named: Mapping[str, Collection[str]]
    include: Path


def findings(draft: Draft) -> Iterator[Finding]:
    """Every broken rule of a catalogue."""
    for name, account in draft.accounts.items():
        yield from _slots(name, account)
    if draft.judge:
        yield from _known(draft, "accounts", draft.judge.account, ("judge", "account"))
        yield from _verdict_fits(draft, draft.judge)
    for name, environment in draft.environments.items():
        yield from _known(draft, "accounts", environment.account, ("environments", name, "account"))
        yield from _users(name, environment)
        yield from _provenance(draft, name, environment)
    for name, feature in draft.features.items():
        yield from _name(name, feature)
        yield from _files(draft, name, feature)
        yield from _phases(draft, name, feature)
        yield from _cutover(name, feature)
        for environment_name in environments_of(feature):
            yield from _fits(draft, name, environment_name)
    yield from _shares(draft)


def environments_of(feature: Feature) -> tuple[str, ...]:
    """The environments that a feature's phases ever send runs to, each once, in order of appearance."""
    return tuple(dict.fromkeys(name for phase in feature.phases for name in PHASE_ENVIRONMENTS[phase.phase]))


def did_you_mean(given: str, known: Collection[str]) -> str:
    """The remedy for a name that is not known."""
    near = get_close_matches(given, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known) or 'none'}."


def _known(draft: Draft, section: str, name: str, path: KeyPath) -> Iterator[Finding]:
    known = draft.named.get(section)
    if known is not None and name not in known:
        yield Finding(path, f"no {section[:-1]} is named {name!r}", did_you_mean(name, known))


def _slots(name: str, account: Account) -> Iterator[Finding]:
    rate, slot = account.input_tokens_per_minute, account.slot_tokens_per_minute
    if rate % slot:
        yield Finding(
            ("accounts", name, "slot_tokens_per_minute"),
            f"{slot:,} does not divide the account's {rate:,} input tokens/min",
            "Choose a divisor, so that the pool's slots are the whole account.",
        )


def _users(name: str, environment: Environment) -> Iterator[Finding]:
    users = environment.evaluation_users
    for index, user in enumerate(users):
        if user in users[:index]:
            yield Finding(
                ("environments", name, "evaluation_users", index),
                f"{user!r} is listed already",
                "List each user once: every one has a single budget.",
            )


def _provenance(draft: Draft, name: str, environment: Environment) -> Iterator[Finding]:
    """Nothing real is hurried, and no run is asked of the one and judged by the other."""
    path: KeyPath = ("environments", name)
    if environment.time_scale != 1 and environment.provenance != "sandbox":
        problem = f"{environment.time_scale:g}, but only a sandbox's time can be scaled"
        yield Finding((*path, "time_scale"), problem, "Give 1, or use the overlay sandbox for all of it.")
    if draft.judge and draft.judge.provenance != environment.provenance:
        yield Finding(
            (*path, "provenance"),
            f"{environment.provenance}, but the judge's is {draft.judge.provenance}",
            "Give all environments and the judge the same provenance, and addresses that fit it.",
        )


def _name(name: str, feature: Feature) -> Iterator[Finding]:
    if feature.feature != name:
        yield Finding(
            ("features", name, "feature"),
            f"{feature.feature!r} is not the file's name",
            f"Rename the file to {feature.feature}.yaml, or write {name!r}.",
        )


def _files(draft: Draft, name: str, feature: Feature) -> Iterator[Finding]:
    for key, folder, file in (("dataset", "datasets", feature.dataset), ("rubric", "rubrics", feature.rubric)):
        if not (draft.include / folder / file).is_file():
            where = "" if Path(file).is_absolute() else f" in include/{folder}"
            problem = f"there is no file {file!r}{where}"
            yield Finding(("features", name, key), problem, "Add the file or correct its name.")


def _phases(draft: Draft, name: str, feature: Feature) -> Iterator[Finding]:
    for index, phase in enumerate(feature.phases):
        path: KeyPath = ("features", name, "phases", index)
        before = feature.phases[index - 1].starts if index else dt.date.min
        if phase.starts <= before:
            yield Finding(
                (*path, "starts"),
                f"{phase.starts} is not after the phase before it ({before})",
                "List the phases by date.",
            )
        for environment in PHASE_ENVIRONMENTS[phase.phase]:
            yield from _known(draft, "environments", environment, (*path, "phase"))
        if phase.phase is PhaseName.ON_HOLD and phase.schedule is not None:
            yield Finding(
                (*path, "schedule"),
                f"{phase.schedule!r} stands in an on_hold phase",
                "Remove it: nothing runs on hold.",
            )
        elif phase.phase is not PhaseName.ON_HOLD:
            yield from _schedule((*path, "schedule"), phase.phase, phase.schedule, phase.starts)


def _schedule(path: KeyPath, phase: PhaseName, schedule: str | None, starts: dt.date) -> Iterator[Finding]:
    example = 'Give minute, hour, day, month, weekday in UTC, such as "0 6 * * 1,3,5".'
    if schedule is None:
        yield Finding(path, f"missing, yet a phase of {phase} runs", example)
    elif len(schedule.split()) != 5:
        yield Finding(path, f"{schedule!r} does not have the five fields of cron", example)
    else:
        try:
            croniter(schedule, dt.datetime.combine(starts, dt.time(), dt.UTC)).get_next()
        except CroniterError:
            yield Finding(path, f"{schedule!r} names no moment that ever comes", example)


def _cutover(name: str, feature: Feature) -> Iterator[Finding]:
    staging = next((phase.starts for phase in feature.phases if phase.phase is PhaseName.STAGING), None)
    planned = feature.cutover.planned
    if planned != staging:
        there = f"the staging phase starts on {staging}" if staging else "there is no staging phase"
        yield Finding(
            ("features", name, "cutover", "planned"),
            f"{planned or 'null'}, but {there}",
            "Give both the same date, or null and no staging phase.",
        )


def _verdict_fits(draft: Draft, judge: Judge) -> Iterator[Finding]:
    if account := draft.accounts.get(judge.account):
        needs = (("input", judge.input_tokens_per_verdict), ("output", judge.output_tokens_per_verdict))
        for side, tokens in needs:
            path: KeyPath = ("judge", f"{side}_tokens_per_verdict")
            yield from _fits_at_once(
                path, f"one verdict takes {tokens:,} {side} tokens", tokens, judge.account, account
            )


def _fits(draft: Draft, name: str, environment_name: str) -> Iterator[Finding]:
    """Whether the account and the path behind an environment can carry a feature at all."""
    feature, environment = draft.features[name], draft.environments.get(environment_name)
    account = draft.accounts.get(environment.account) if environment else None
    if environment is None or account is None:
        return
    tokens, path = feature.limits.tokens_per_prompt, ("features", name, "limits")
    for side, needed in (("input", tokens.input), ("output", tokens.output)):
        yield from _fits_at_once(
            (*path, "tokens_per_prompt", side),
            f"one prompt takes {needed:,} {side} tokens",
            needed,
            environment.account,
            account,
        )
    asked, gives = _asked_per_minute(feature) * tokens.total, account.input_tokens_per_minute
    if asked > gives:
        yield Finding(
            path,
            f"reserves {asked:,.0f} tokens/min, but account {environment.account} has {gives:,}",
            "Ask for fewer requests or batches a minute.",
        )
    yield from _lasts(draft, feature, environment_name)


def _fits_at_once(path: KeyPath, what: str, tokens: int, account_name: str, account: Account) -> Iterator[Finding]:
    """A request larger than the full bucket could never be sent."""
    side = str(path[-1]).split("_", maxsplit=1)[0]
    rate: int = getattr(account, f"{side}_tokens_per_minute")
    bucket = rate * account.burst_seconds / 60
    if tokens > bucket:
        yield Finding(
            path,
            f"{what}, but account {account_name} allows {bucket:,.0f} at once",
            "Raise the account's burst_seconds or correct the estimate.",
        )


def _asked_per_minute(feature: Feature) -> float:
    """Prompts per minute that a feature reserved: the tighter of requests and batches; 0 if it asked for none."""
    limits = feature.limits
    asked = [limits.requests_per_minute] if limits.requests_per_minute is not None else []
    if limits.batches_per_minute is not None:
        asked.append(limits.batch_size * limits.batches_per_minute)
    return min(asked, default=0.0)


def _lasts(draft: Draft, feature: Feature, environment_name: str) -> Iterator[Finding]:
    catalogue = as_catalogue(draft)
    binding, minutes = (
        budget(catalogue, feature, environment_name).binding,
        run_minutes(catalogue, feature, environment_name),
    )
    if minutes > DAY_MINUTES:
        yield Finding(
            ("features", feature.feature, "limits"),
            f"no run can end within a day: {feature.prompts_per_run:,} prompts at {binding.prompts_per_minute:g}/min "
            f"({binding.limit}, {environment_name}) take {minutes:,.0f} of {DAY_MINUTES:,} min",
            "Raise that limit or lower prompts_per_run.",
        )


def as_catalogue(draft: Draft) -> Catalogue:
    """The draft's parts as a catalogue, without the checks that a finished one has passed."""
    return Catalogue.model_construct(
        accounts=draft.accounts, judge=draft.judge, environments=draft.environments, features=draft.features
    )


def _shares(draft: Draft) -> Iterator[Finding]:
    """On no date may the shares of one account that features asked for exceed the whole of it."""
    asking = {name: feature for name, feature in draft.features.items() if feature.limits.account_share}
    days = sorted({phase.starts for feature in asking.values() for phase in feature.phases})
    for account in draft.accounts:
        for day in days:
            shares = _shares_on(draft, asking, account, day)
            if sum(shares.values()) > 1 + 1e-9:
                parts = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
                yield Finding(
                    ("accounts", account),
                    f"from {day} on, features ask for {sum(shares.values()):.1%} of it ({parts})",
                    "Lower an account_share or move a phase.",
                )
                break


def _shares_on(draft: Draft, asking: Mapping[str, Feature], account: str, day: dt.date) -> dict[str, float]:
    spending = {name for name, environment in draft.environments.items() if environment.account == account}
    shares = {}
    for name, feature in asking.items():
        times = len(spending.intersection(PHASE_ENVIRONMENTS[feature.phase_on(day).phase]))
        if times and feature.limits.account_share:
            shares[name] = times * feature.limits.account_share
    return shares
