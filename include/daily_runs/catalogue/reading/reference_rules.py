"""Rules between parts of the catalogue: references that must resolve, dates in order; `limit_rules` has the rest.

Each rule yields what it finds as key path, problem and remedy; `daily_runs.catalogue.reading.files` adds file and line.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from croniter import croniter  # type: ignore[import-untyped]
from croniter.croniter import CroniterError  # type: ignore[import-untyped]

from daily_runs.catalogue import zones
from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.features import PHASE_ENVIRONMENTS, Feature, FeatureCall, PhaseName
from daily_runs.catalogue.prices import Prices
from daily_runs.catalogue.reading import limit_rules
from daily_runs.catalogue.reading.draft import BrokenRule, Draft
from daily_runs.catalogue.reading.suggestions import did_you_mean, for_zone
from daily_runs.catalogue.reading.yaml_lines import KeyPath
from daily_runs.connections import is_loopback
from daily_runs.input_files import is_below


def problems(
    prices: Prices,
    calls: Mapping[str, Sequence[str]],
    judges: Collection[str],
    accounts: Collection[str] | None = None,
) -> Iterator[BrokenRule]:
    """What is missing from a list. A call without a model leaves out the features that make it, and no other.

    Args:
        prices: the list.
        calls: every call that features make, with the features' names.
        judges: the models that judge.
        accounts: all there are; None if they could not be read.
    """
    for model in sorted(set(judges) - set(prices.models)):
        problem = f"has no price of {model!r}, the judge of accounts.yaml"
        yield BrokenRule(("prices", "models"), problem, "Add the model with its prices.")
    for call, features in calls.items():
        if call not in prices.inference:
            yield BrokenRule(
                ("prices", "inference"),
                f"names no model for the call {call} of {', '.join(features)}",
                "Add the call and the model that answers it.",
                tuple(features),
            )
    for call, model in prices.inference.items():
        if model not in prices.models:
            yield BrokenRule(
                ("prices", "inference", call),
                f"{model!r} has no price under models",
                "Add the model with its prices, or correct the name.",
            )
    for account, models in prices.inference_of_accounts.items():
        path: KeyPath = ("prices", "inference_of_accounts", account)
        if accounts is not None and account not in accounts:
            yield BrokenRule(path, f"no account is named {account!r}", did_you_mean(account, accounts))
        for call, model in models.items():
            if model not in prices.models:
                yield BrokenRule((*path, call), f"{model!r} has no price under models", "Add it, or correct the name.")


_RANGE_OF_ONE = re.compile(r"(?i)\b(\w+)-\1\b")
"""croniter takes it for the whole field: `6-6` would be every hour."""
_DRAWN = re.compile(r"(?i)(?<![a-z])[hr](?![a-z])")
"""croniter's fields that stand for a number drawn at random or by a hash."""


def findings(draft: Draft) -> Iterator[BrokenRule]:
    """Every broken rule of a catalogue."""
    if draft.judge:
        yield from _known(draft, "accounts", draft.judge.account, ("judge", "account"))
        yield from _judges_account(draft, draft.judge.account)
        yield from _address(("judge", "address"), draft.judge.address, draft.judge.provenance)
    for name, environment in draft.environments.items():
        yield from _known(draft, "accounts", environment.account, ("environments", name, "account"))
        yield from _users(name, environment)
        yield from _provenance(draft, name, environment)
    for name, feature in draft.features.items():
        for place, account in feature.accounts.items():
            yield from _known(draft, "environments", place, ("features", name, "accounts", place))
            yield from _known(draft, "accounts", account, ("features", name, "accounts", place))
        yield from _name(name, feature)
        yield from _chat(name, feature)
        yield from _files(draft, name, feature)
        yield from _timezone(name, feature)
        yield from _phases(draft, name, feature)
        yield from _cutover(name, feature)
    yield from limit_rules.findings(draft)


def _known(draft: Draft, section: str, name: str, path: KeyPath) -> Iterator[BrokenRule]:
    known = draft.named.get(section)
    if known is not None and name not in known:
        yield BrokenRule(path, f"no {section[:-1]} is named {name!r}", did_you_mean(name, known))


def _judges_account(draft: Draft, name: str) -> Iterator[BrokenRule]:
    account = draft.accounts.get(name)
    if account and account.vendor != "anthropic":
        problem = f"{name!r} is an account of {account.vendor}, and the judge speaks Anthropic's Messages API"
        yield BrokenRule(("judge", "account"), problem, "Name an account of anthropic.")


def _users(name: str, environment: Environment) -> Iterator[BrokenRule]:
    seen: set[str] = set()
    for index, user in enumerate(environment.evaluation_users):
        if user not in seen:
            seen.add(user)
        else:
            yield BrokenRule(
                ("environments", name, "evaluation_users", index),
                f"{user!r} is listed already",
                "List each user once: every one has a single budget.",
            )


def _provenance(draft: Draft, name: str, environment: Environment) -> Iterator[BrokenRule]:
    """Only a sandbox's time may be scaled, and all environments and the judge must have one provenance."""
    path: KeyPath = ("environments", name)
    if environment.time_scale != 1 and environment.provenance != "sandbox":
        problem = f"{environment.time_scale:g}, but only a sandbox's time can be scaled"
        yield BrokenRule((*path, "time_scale"), problem, "Give 1, or use the overlay sandbox for all of it.")
    yield from _address((*path, "address"), environment.address, environment.provenance)
    if draft.judge and draft.judge.provenance != environment.provenance:
        yield BrokenRule(
            (*path, "provenance"),
            f"{environment.provenance}, but the judge's is {draft.judge.provenance}",
            "Give all environments and the judge the same provenance, and addresses that fit it.",
        )


def _address(path: KeyPath, address: str, provenance: str) -> Iterator[BrokenRule]:
    """A live address must not be this machine: a stand-in's answers would be labelled as real."""
    if provenance == "live" and is_loopback(address):
        problem = f"{address!r} is this machine, and the provenance is live"
        yield BrokenRule(path, problem, "Give the real address, or set provenance: sandbox (overlay sandbox).")


def _name(name: str, feature: Feature) -> Iterator[BrokenRule]:
    if feature.feature != name:
        yield BrokenRule(
            ("features", name, "feature"),
            f"{feature.feature!r} is not the file's name",
            f"Rename the file to {feature.feature}.yaml, or write {name!r}.",
        )


def _chat(name: str, feature: Feature) -> Iterator[BrokenRule]:
    is_command = feature.call is FeatureCall.CHAT_COMMAND
    if is_command and feature.chat is None:
        problem = f"missing, yet the call is {feature.call}"
        yield BrokenRule(("features", name, "chat"), problem, "Say its content and resource.")
    elif feature.chat is not None and not is_command:
        problem = f"only the call {FeatureCall.CHAT_COMMAND} has it, and the call is {feature.call}"
        yield BrokenRule(("features", name, "chat"), problem, "Remove it, or correct the call.")


def _files(draft: Draft, name: str, feature: Feature) -> Iterator[BrokenRule]:
    for key, folder, file in (("dataset", "datasets", feature.dataset), ("rubric", "rubrics", feature.rubric)):
        path, whole = draft.include / folder / file, Path(file).is_absolute()
        if not path.exists():
            problem = f"there is no file {file!r}{'' if whole else f' in include/{folder}'}"
            yield BrokenRule(("features", name, key), problem, "Add the file or correct its name.")
        elif whole or ".." in Path(file).parts or not is_below(path, draft.include / folder):
            problem = f"{file!r} leads out of include/{folder}"
            yield BrokenRule(("features", name, key), problem, f"Put the file into include/{folder} and give its name.")
        elif not path.is_file():
            problem = f"{file!r} is no regular file"
            yield BrokenRule(("features", name, key), problem, "Give a file, no folder, pipe or device.")


def _timezone(name: str, feature: Feature) -> Iterator[BrokenRule]:
    if feature.timezone != "UTC" and feature.timezone not in zones.names():
        problem = f"there is no time zone {feature.timezone!r}"
        yield BrokenRule(("features", name, "timezone"), problem, for_zone(feature.timezone))


def _phases(draft: Draft, name: str, feature: Feature) -> Iterator[BrokenRule]:
    for index, phase in enumerate(feature.phases):
        path: KeyPath = ("features", name, "phases", index)
        before = feature.phases[index - 1].starts if index else dt.date.min
        if phase.starts <= before:
            yield BrokenRule(
                (*path, "starts"),
                f"{phase.starts} is not after the phase before it ({before})",
                "List the phases by date.",
            )
        for environment in PHASE_ENVIRONMENTS[phase.phase]:
            yield from _known(draft, "environments", environment, (*path, "phase"))
        if phase.phase is PhaseName.ON_HOLD and phase.schedule is not None:
            yield BrokenRule(
                (*path, "schedule"),
                f"{phase.schedule!r} stands in an on_hold phase",
                "Remove it: nothing runs on hold.",
            )
        elif phase.phase is not PhaseName.ON_HOLD:
            yield from _schedule((*path, "schedule"), phase.phase, phase.schedule, phase.starts)


def _schedule(path: KeyPath, phase: PhaseName, schedule: str | None, starts: dt.date) -> Iterator[BrokenRule]:
    example = 'Give minute, hour, day, month, weekday, such as "0 6 * * 1,3,5".'
    if schedule is None:
        yield BrokenRule(path, f"missing, yet a phase of {phase} runs", example)
    elif len(schedule.split()) != 5:
        yield BrokenRule(path, f"{schedule!r} does not have the five fields of cron", example)
    elif _DRAWN.search(schedule):
        yield BrokenRule(path, f"{schedule!r} means another time each time it is read", example)
    elif _RANGE_OF_ONE.search(schedule):
        yield BrokenRule(path, f"{schedule!r} has a range that ends where it begins", example)
    else:
        try:
            croniter(schedule, dt.datetime.combine(starts, dt.time(), dt.UTC)).get_next()
        except (CroniterError, OverflowError):
            yield BrokenRule(path, f"{schedule!r} names no moment that ever comes", example)


def _cutover(name: str, feature: Feature) -> Iterator[BrokenRule]:
    staging = next((phase.starts for phase in feature.phases if phase.phase is PhaseName.STAGING), None)
    planned = feature.cutover.planned
    if planned != staging:
        there = f"the staging phase starts on {staging}" if staging else "there is no staging phase"
        yield BrokenRule(
            ("features", name, "cutover", "planned"),
            f"{planned or 'null'}, but {there}",
            "Give both the same date, or null and no staging phase.",
        )
