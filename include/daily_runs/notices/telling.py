"""From incidents to messages, and from messages to receivers: each told once, tried again by whoever comes next.

What is told is decided by rows, so that processes at the same moment never tell the same: a message is made by its key,
and taken by one of them (`notice_rows`).
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Owner
from daily_runs.notices import failed_run, notice_rows, open_rows, watch
from daily_runs.notices.failed_run import FailedRun
from daily_runs.notices.incident import IncidentNow, Links
from daily_runs.notices.notice_rows import NoticeKey
from daily_runs.notices.texts import NoticeText, of_incident
from daily_runs.statuses import IncidentKind, NoticeKind
from daily_runs.store.database import Store

log = logging.getLogger(__name__)

OVER_DAYS = 3
"""For so long after its end an incident's last message may still be made."""


class NotToldError(Exception):
    """A message could not be delivered. Its text says why, without addresses and secrets."""


class Receivers(Protocol):
    """Where messages go: by the plugin, Airflow's connections."""

    def of(self, owner: Owner) -> Sequence[str]:
        """Names of the receivers of an owner's messages, at least one (`log` if there is no connection)."""

    def send(self, receiver: str, text: NoticeText) -> None:
        """Deliver a message.

        Raises:
            NotToldError: it was not delivered.
        """


class Telling(NamedTuple):
    """What telling takes: the store with the rows, whose features, where to send, links, and the moment."""

    store: Store
    catalogue: Catalogue
    receivers: Receivers
    links: Links
    now: dt.datetime


def run_failed(telling: Telling, failed: FailedRun) -> None:
    """A run failed: begin or join its incident, and tell."""
    failed_run.record(telling.store, telling.catalogue, failed)
    tell(telling)


def run_ended_well(telling: Telling) -> None:
    """A run succeeded: end what it shows to be over, see whether it raised an alarm, and tell."""
    _meet(telling, watch.alarms(telling.store, telling.catalogue, telling.links), [IncidentKind.ALARM])
    tell(telling)


def look(telling: Telling) -> None:
    """Look for what no run's end tells, and tell."""
    store, catalogue, _, links, now = telling
    _meet(telling, watch.alarms(store, catalogue, links), [IncidentKind.ALARM])
    _meet(telling, watch.readiness(store, catalogue, links, now), [IncidentKind.READINESS_LOST])
    _meet(telling, watch.budgets(store, catalogue, links, now), [IncidentKind.BUDGET])
    _meet(telling, watch.Watched(watch.late(store, catalogue, links, now), set()), [])
    tell(telling)


def _meet(telling: Telling, seen: watch.Watched, kinds: Sequence[IncidentKind]) -> None:
    for found in seen.found:
        telling.store.retrying(lambda connection, found=found: open_rows.meet(connection, found))  # type: ignore[misc]
    open_rows.close_standing(telling.store, kinds, seen.standing)


def tell(telling: Telling) -> None:
    """End what is over, make the messages that are due, and send all that nobody has sent."""
    store = telling.store
    open_rows.close_done(store, list(telling.catalogue.features))
    incidents = open_rows.lately(store, OVER_DAYS)
    made = notice_rows.abouts(store, [incident.incident_id for incident in incidents])
    for incident in incidents:
        for key in _due(telling, incident, made):
            if (key.about, key.receiver) not in made:
                notice_rows.make(store, key, of_incident(incident, key.kind, telling.catalogue))
    send(telling)


def _due(telling: Telling, incident: IncidentNow, made: Collection[tuple[str, str]]) -> Iterator[NoticeKey]:
    """The messages that an incident asks for; those that were made already are among them."""
    about = f"incident {incident.incident_id}: "
    if incident.over_at is not None:
        for receiver in notice_rows.told_of(telling.store, incident.incident_id):
            yield NoticeKey(f"{about}over", receiver, NoticeKind.OVER, incident.incident_id)
        return
    features = telling.catalogue.features
    owners = [features[name].owner for name in incident.features if name in features]
    receivers = dict.fromkeys(receiver for owner in owners for receiver in telling.receivers.of(owner))
    for receiver in receivers:
        yield NoticeKey(f"{about}begun", receiver, NoticeKind.BEGUN, incident.incident_id)
        # who hears of it only now is told of it as it stands
        if incident.worse_at is not None and (f"{about}begun", receiver) in made:
            worse = f"{about}worse {incident.worse_at.astimezone(dt.UTC).isoformat()}"
            yield NoticeKey(worse, receiver, NoticeKind.WORSE, incident.incident_id)


def send(telling: Telling) -> None:
    """Send every message that nobody has sent yet; one receiver's trouble keeps no other from its messages."""
    unreachable = set[str]()
    while notice := notice_rows.take(telling.store, unreachable):
        try:
            telling.receivers.send(notice.receiver, notice.text)
        except NotToldError as error:
            log.warning("%s was not told of %r: %s. It is tried again.", notice.receiver, notice.about, error)
            notice_rows.not_told(telling.store, notice, str(error))
            unreachable.add(notice.receiver)
        else:
            notice_rows.told(telling.store, notice)
            log.info("told %s of %r: %s", notice.receiver, notice.about, notice.text.subject)
