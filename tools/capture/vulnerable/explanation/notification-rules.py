"""Rules that team leads write to decide which events reach their team's channel."""

from __future__ import annotations

import logging
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """Something that happened in a project."""

    kind: str
    project: str
    severity: int


@dataclass(frozen=True)
class Rule:
    """A rule of one team; `source` is the text of the form's field *Rule*."""

    team: str
    source: str


def wants(rule: Rule, event: Event) -> bool:
    """Whether the rule sends this event. A rule sets `notify` to True or False."""
    scope: dict[str, object] = {"event": event, "notify": False}
    try:
        exec(rule.source, scope)
    except Exception as error:
        log.warning("rule of %s failed: %s", rule.team, type(error).__name__)
        return False
    return bool(scope["notify"])


def teams_to_tell(rules: list[Rule], event: Event) -> list[str]:
    """Teams that get the event, each once, by name."""
    return sorted({rule.team for rule in rules if wants(rule, event)})
