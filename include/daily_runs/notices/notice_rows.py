"""Rows of messages: made once by their key, taken by one process at a time, told once."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from daily_runs.notices.texts import NoticeText
from daily_runs.statuses import NoticeKind
from daily_runs.store.database import Store
from daily_runs.store.text import storable

TAKEN_SECONDS = 120
"""So long a message is its taker's. Whoever dies before it is told loses it to the next; whoever dies after it was
sent and before that was stored has it told twice."""
TRIED_DAYS = 3
"""A message that could not be told for so long is given up: it would be no news."""

_TAKE = """
UPDATE daily_runs.notice n SET taken_until = now() + make_interval(secs => %(seconds)s), tries = tries + 1
FROM (SELECT about, receiver FROM daily_runs.notice
      WHERE told_at IS NULL AND made_at > now() - make_interval(days => %(days)s)
            AND (taken_until IS NULL OR taken_until < now()) AND NOT (receiver = ANY(%(without)s))
      ORDER BY made_at, about LIMIT 1 FOR UPDATE SKIP LOCKED) AS next
WHERE n.about = next.about AND n.receiver = next.receiver
RETURNING n.about, n.receiver, n.subject, n.body
"""


class TakenNotice(NamedTuple):
    """A message that this process has to tell."""

    about: str
    receiver: str
    text: NoticeText


class NoticeKey(NamedTuple):
    """What makes a message the only one of its kind: `about` and `receiver`. `incident_id`: None for the weekly one."""

    about: str
    receiver: str
    kind: NoticeKind
    incident_id: int | None = None


def make(store: Store, key: NoticeKey, text: NoticeText) -> None:
    """Store a message to be told; one that is there already stays as it is."""
    store.rows(
        """
        INSERT INTO daily_runs.notice (about, receiver, kind, incident_id, subject, body)
        VALUES (%(about)s, %(receiver)s, %(kind)s, %(incident_id)s, %(subject)s, %(body)s)
        ON CONFLICT (about, receiver) DO NOTHING
        """,
        {**key._asdict(), "subject": storable(text.subject), "body": storable(text.body)},
    )


def abouts(store: Store, incident_ids: Collection[int]) -> set[tuple[str, str]]:
    """`about` and receiver of every message that was made of these incidents."""
    query = "SELECT about, receiver FROM daily_runs.notice WHERE incident_id = ANY(%(ids)s)"
    return {(row["about"], row["receiver"]) for row in store.rows(query, {"ids": list(incident_ids)})}


def told_of(store: Store, incident_id: int) -> list[str]:
    """Receivers that were told that an incident began. Messages of its beginning that nobody got yet are dropped."""
    store.rows(
        "DELETE FROM daily_runs.notice WHERE incident_id = %(id)s AND kind <> 'over' AND told_at IS NULL"
        " AND (taken_until IS NULL OR taken_until < now())",
        {"id": incident_id},
    )
    query = "SELECT receiver FROM daily_runs.notice WHERE incident_id = %(id)s AND kind = 'begun' ORDER BY receiver"
    return [row["receiver"] for row in store.rows(query, {"id": incident_id})]


def take(store: Store, without: Collection[str]) -> TakenNotice | None:
    """The oldest message that is still to tell, for this process alone; None if there is none.

    Args:
        without: receivers that could not be reached a moment ago.
    """
    given = {"seconds": TAKEN_SECONDS, "days": TRIED_DAYS, "without": list(without)}
    rows = store.rows(_TAKE, given)
    if not rows:
        return None
    row = rows[0]
    return TakenNotice(row["about"], row["receiver"], NoticeText(row["subject"], row["body"]))


def told(store: Store, notice: TakenNotice) -> None:
    """Store that a message was told."""
    query = """
        UPDATE daily_runs.notice SET told_at = now(), taken_until = NULL, problem = NULL
        WHERE about = %(about)s AND receiver = %(receiver)s
    """
    store.rows(query, {"about": notice.about, "receiver": notice.receiver})


def not_told(store: Store, notice: TakenNotice, problem: str) -> None:
    """Store why a message could not be told; the next process tries again."""
    query = """
        UPDATE daily_runs.notice SET taken_until = NULL, problem = %(problem)s
        WHERE about = %(about)s AND receiver = %(receiver)s AND told_at IS NULL
    """
    store.rows(query, {"about": notice.about, "receiver": notice.receiver, "problem": storable(problem)})
