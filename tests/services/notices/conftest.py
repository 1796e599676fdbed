"""A store, the shipped catalogue, and receivers that take what they are sent, or do not answer."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.published_runs import Day, publish

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Owner
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.clock import Clock
from daily_runs.notices import telling, words_rows
from daily_runs.notices.failed_run import FailedRun
from daily_runs.notices.incident import Links
from daily_runs.notices.telling import NotToldError, Telling
from daily_runs.notices.texts import NoticeText
from daily_runs.notices.words_rows import LastWords

if TYPE_CHECKING:
    from daily_runs.store.database import Store


@dataclass
class Inbox:
    """What each receiver got. `by_team`: one for each team, else one for all."""

    by_team: bool = False
    unreachable: bool = False
    got: list[tuple[str, NoticeText]] = field(default_factory=list)

    def of(self, owner: Owner) -> list[str]:
        """See `Receivers`."""
        return [f"mail {owner.team}" if self.by_team else "slack"]

    def send(self, receiver: str, text: NoticeText) -> None:
        """See `Receivers`."""
        if self.unreachable:
            raise NotToldError("nobody answers")
        self.got.append((receiver, text))

    @property
    def subjects(self) -> list[str]:
        """Of all messages, in order, without the product's name."""
        return [text.subject.removeprefix("Daily Runs").lstrip(",: ") for _, text in self.got]


@dataclass
class Office:
    """Where runs fail and end, and people are told."""

    store: Store
    catalogue: Catalogue
    inbox: Inbox

    @property
    def telling(self) -> Telling:
        """What telling takes, now."""
        return Telling(self.store, self.catalogue, self.inbox, Links("http://airflow"), Clock.now())

    def fails(self, feature: str, run_id: str = "a-run", *words: LastWords) -> None:
        """A run fails, after its tasks said this."""
        for one in words or (said(),):
            words_rows.keep(self.store, feature, run_id, one)
        telling.run_failed(self.telling, FailedRun(feature, run_id, "http://airflow/run", "", "staging.inference"))

    def ends_well(self, feature: str, environment: str = "staging", sample: str = "", days: int = 1) -> None:
        """A run is published, for a date so many days after the template's, and Airflow calls back."""
        publish_as(self.store, feature, environment, sample, days)
        telling.run_ended_well(self.telling)

    def opened(self, feature: str, run_id: str, days: int = 0, environment: str = "staging") -> None:
        """An attempt of a run stands in the store, unfinished."""
        copy_run(self.store, feature, environment, "", days)
        self.store.rows(
            "UPDATE daily_runs.attempt SET airflow_run_id = %(run)s WHERE run_key = %(key)s",
            {"run": run_id, "key": key_of(feature, environment, "", days)},
        )


def said(task: str = "inference", error: str = "CountsError", met: str = "", environment: str = "staging") -> LastWords:
    """A task's last words."""
    return LastWords(environment, task, error, met, f"{task} failed.", "an owner", "Do it.", "docs/runbooks/counts.md")


TEMPLATE = Day(0)


@pytest.fixture
def office(store: Store) -> Office:
    """An office in which one run is published already."""
    publish(store, TEMPLATE)
    return Office(store, catalogue_files.load(), Inbox())


def key_of(feature: str, environment: str, sample: str, days: int) -> str:
    """The key of a copied run."""
    return f"{feature}/{environment}/{sample}/{days}"


def copy_run(store: Store, feature: str, environment: str, sample: str, days: int) -> str:
    """The template's run and attempt as those of another feature and date; returns the attempt's id."""
    attempt_id, key = str(uuid.uuid4()), key_of(feature, environment, sample, days)
    given = {"key": key, "feature": feature, "environment": environment, "sample": sample, "id": attempt_id}
    store.rows(
        "INSERT INTO daily_runs.run (run_key, feature, environment, logical_date, sample)"
        " SELECT %(key)s, %(feature)s, %(environment)s, logical_date + make_interval(days => %(days)s), %(sample)s"
        " FROM daily_runs.run WHERE feature = 'duo_chat' ORDER BY logical_date LIMIT 1 ON CONFLICT DO NOTHING",
        {**given, "days": days},
    )
    store.rows(
        "INSERT INTO daily_runs.attempt SELECT (jsonb_populate_record(t, jsonb_build_object('attempt_id', %(id)s::text,"
        " 'run_key', %(key)s::text, 'status', 'running', 'ended_at', NULL, 'started_at', now(),"
        " 'airflow_run_id', NULL))).*"
        " FROM daily_runs.attempt t ORDER BY started_at LIMIT 1",
        given,
    )
    return attempt_id


def publish_as(store: Store, feature: str, environment: str, sample: str, days: int) -> None:
    """The template's published run as one of another feature and date, published now; it ends an unfinished one."""
    key = key_of(feature, environment, sample, days)
    store.rows(
        "UPDATE daily_runs.attempt SET status = 'superseded', ended_at = now()"
        " WHERE run_key = %(key)s AND status = 'running'",
        {"key": key},
    )
    attempt_id = copy_run(store, feature, environment, sample, days)
    store.rows(
        "UPDATE daily_runs.attempt SET status = 'published', ended_at = now() WHERE attempt_id::text = %(id)s",
        {"id": attempt_id},
    )
    store.rows(
        "INSERT INTO daily_runs.published_run SELECT (jsonb_populate_record(p, jsonb_build_object("
        " 'run_key', %(key)s::text, 'attempt_id', %(id)s::text, 'feature', %(feature)s::text,"
        " 'environment', %(environment)s::text, 'sample', %(sample)s::text,"
        " 'logical_date', p.logical_date + make_interval(days => %(days)s), 'published_at', clock_timestamp()))).*"
        " FROM daily_runs.published_run p WHERE feature = 'duo_chat' ORDER BY logical_date LIMIT 1",
        {"key": key, "id": attempt_id, "feature": feature, "environment": environment, "sample": sample, "days": days},
    )


def earlier(store: Store, hours: float) -> None:
    """Everything that people were told of happened so many hours before."""
    for table, columns in {
        "incident": ("begun_at", "worse_at", "over_at"),
        "incident_member": ("since", "over_at"),
        "notice": ("made_at", "taken_until", "told_at"),
    }.items():
        moved = ", ".join(f"{column} = {column} - make_interval(hours => %(hours)s)" for column in columns)
        store.rows(f"UPDATE daily_runs.{table} SET {moved}", {"hours": hours})


def at(day: int, hour: int = 6) -> dt.datetime:
    """A moment of August 2026, UTC."""
    return dt.datetime(2026, 8, day, hour, tzinfo=dt.UTC)
