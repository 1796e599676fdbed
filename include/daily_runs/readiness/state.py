"""Whether an environment is ready for a feature: seeds, limits and the phase's approval, by the newest check.

One check of an environment serves every feature and whoever waits, in whatever process:

- `check.refresh(store, catalogue, environment_name, connect, older_than_seconds=…)` checks if the newest is older. One
  process at a time does, the others wait for its outcome;
- `of_feature(store, catalogue, feature_name, environment_name, moment)` says what the newest check means for a feature.
  Approval is the catalogue's word on the phase of `moment`, and needs no check.

Both block (a store, HTTP): from an event loop, call them in a thread. "Could not look" is `unknown`, never `not_ready`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any, NamedTuple

from daily_runs.catalogue.catalogue import Catalogue, feature_named
from daily_runs.catalogue.features import Feature
from daily_runs.readiness import check_rows, waiting
from daily_runs.readiness.check_rows import AspectVerdict, EndedCheck
from daily_runs.statuses import ReadinessAspect, ReadinessState
from daily_runs.store.database import Store

ASPECTS = tuple(ReadinessAspect)
LOOKED_AT = (ReadinessAspect.SEEDS, ReadinessAspect.LIMITS)
"""Those that a check looks at; the others are the catalogue's word."""


class Readiness(NamedTuple):
    """What is known of an environment's readiness for a feature, aspect by aspect.

    `looked_at`: end of the check it rests on; None: nobody has looked yet, or no check was needed (approval alone).
    """

    feature: str
    environment: str
    verdicts: tuple[AspectVerdict, ...]
    looked_at: dt.datetime | None

    @property
    def state(self) -> ReadinessState:
        """Not ready when something is known to be in the way; else unknown when something is unknown."""
        states = {verdict.state for verdict in self.verdicts}
        for worse in (ReadinessState.NOT_READY, ReadinessState.UNKNOWN):
            if worse in states:
                return worse
        return ReadinessState.READY

    @property
    def reason(self) -> str:
        """For people: what is in the way with its owner, or what is ready."""
        told = self.in_the_way() or {str(v.aspect): _told(v) for v in self.verdicts}
        return "; ".join(f"{aspect}: {text}" for aspect, text in told.items())

    def in_the_way(self) -> dict[str, str]:
        """What is not ready, or unknown, by aspect: reason and owner."""
        return {str(v.aspect): _told(v) for v in self.verdicts if v.state is not ReadinessState.READY}

    def as_json(self) -> dict[str, Any]:
        """As plain data, without the figures: what tasks hand on."""
        return {
            "feature": self.feature,
            "environment": self.environment,
            "state": str(self.state),
            "reason": self.reason,
            "looked_at": self.looked_at.isoformat() if self.looked_at else None,
            "aspects": {
                str(v.aspect): {"state": str(v.state), "reason": v.reason, "owner": v.owner} for v in self.verdicts
            },
        }


def of_feature(
    store: Store,
    catalogue: Catalogue,
    feature_name: str,
    environment_name: str,
    moment: dt.datetime,
    aspects: Collection[ReadinessAspect] = ASPECTS,
) -> Readiness:
    """Readiness by the newest check; one that is older than `waiting.check_age_max` says nothing any more.

    Args:
        moment: of the run that is to start; its phase's approval counts.
        aspects: what matters; all of them by default.

    Raises:
        ParameterError: no such feature.
        StageError: the store is away.
    """
    feature = feature_named(catalogue, feature_name)
    newest = check_rows.newest(store, environment_name)
    stale = _nothing_told(newest, waiting.check_age_max(catalogue, environment_name))
    found = (
        {v.aspect: v for v in check_rows.verdicts(store, newest.check_id, feature_name)} if newest and not stale else {}
    )
    found[ReadinessAspect.APPROVAL] = _approval(feature, moment)
    nobody = stale or "the newest look was not for this feature"
    verdicts = [found.get(aspect) or _unknown(aspect, nobody, feature) for aspect in ASPECTS if aspect in aspects]
    return Readiness(feature_name, environment_name, tuple(verdicts), newest.ended_at if newest else None)


def unknown(feature: str, environment: str, aspects: Collection[ReadinessAspect], reason: str) -> Readiness:
    """What is known when not even the store could be asked: nothing."""
    owner = "whoever runs Airflow and the store"
    told = tuple(AspectVerdict(a, ReadinessState.UNKNOWN, f"could not look: {reason}", owner, {}) for a in aspects)
    return Readiness(feature, environment, told, None)


def _nothing_told(newest: EndedCheck | None, age_seconds_max: float) -> str:
    """Why the newest check tells nothing; empty when it does."""
    if newest is None:
        return "nobody has looked yet"
    if newest.age_seconds <= age_seconds_max:
        return ""
    return f"the newest look is {newest.age_seconds / 3600:.1f} h old, and no later look came to its end"


def _approval(feature: Feature, moment: dt.datetime) -> AspectVerdict:
    phase = feature.phase_at(moment)
    since = f"the phase {phase.phase} of {feature.day_of(moment)}"
    if phase.approved:
        return AspectVerdict(
            ReadinessAspect.APPROVAL, ReadinessState.READY, f"{since} is approved", feature.owner.dri, {}
        )
    reason = f"{since} is not approved yet: set `approved` in its file of the catalogue once it is"
    return AspectVerdict(ReadinessAspect.APPROVAL, ReadinessState.NOT_READY, reason, feature.owner.dri, {})


def _unknown(aspect: ReadinessAspect, reason: str, feature: Feature) -> AspectVerdict:
    return AspectVerdict(aspect, ReadinessState.UNKNOWN, reason, feature.owner.dri, {})


def _told(verdict: AspectVerdict) -> str:
    owner = f"owner: {verdict.owner}"
    return verdict.reason if owner in verdict.reason else f"{verdict.reason}; {owner}"
