"""One message an incident, one when it is over; joined over tasks, reruns and features; told once, by whomever."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Any

import pytest
from tests.receivers import Webhook, a_webhook
from tests.services.notices.conftest import Inbox, Office, earlier, said

from daily_runs.catalogue.features import Owner
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.clock import Clock
from daily_runs.notices import notice_rows, telling, webhook, words_rows
from daily_runs.notices.failed_run import FailedRun
from daily_runs.notices.incident import Links
from daily_runs.notices.telling import Telling
from daily_runs.notices.texts import NoticeText
from daily_runs.store.database import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

FEATURES = sorted(catalogue_files.load().features)
PROCESSES = 4
OUTAGE = said("inference", "CallError", "path/staging")


def test_a_run_whose_four_shards_fail_is_one_message_and_its_green_rerun_one_more(office: Office) -> None:
    office.fails("duo_chat", "a-run", said(), said(), said(), said())
    assert office.inbox.subjects == ["the run of Duo Chat in staging failed"]
    office.fails("duo_chat", "a-rerun", said())
    assert len(office.inbox.got) == 1
    office.ends_well("duo_chat")
    assert office.inbox.subjects[1:] == ["over: the run of Duo Chat in staging failed"]
    telling.tell(office.telling)
    assert len(office.inbox.got) == 2


def test_an_outage_day_of_five_features_is_two_messages(office: Office) -> None:
    blocked = said("validation", "GateFailedError", "path/staging")
    for number, feature in enumerate(FEATURES):
        office.fails(feature, f"run-{number}", blocked if number == 2 else OUTAGE)
        office.fails(feature, f"rerun-{number}", OUTAGE)
        telling.look(office.telling)
    assert len(FEATURES) == 5
    for number, feature in enumerate(FEATURES):
        assert len(office.inbox.got) == 1, number
        office.ends_well(feature)
    assert office.inbox.subjects == [
        "calls to staging fail (Code Suggestions)",
        "over: calls to staging fail (5 features)",
    ]


def test_with_a_receiver_for_each_team_each_gets_its_two_messages_of_an_outage(office: Office) -> None:
    office.inbox.by_team = True
    for number, feature in enumerate(FEATURES):
        office.fails(feature, f"run-{number}", OUTAGE)
    for feature in FEATURES:
        office.ends_well(feature)
    receivers = [receiver for receiver, _ in office.inbox.got]
    assert {receiver: receivers.count(receiver) for receiver in receivers} == {
        f"mail {office.catalogue.features[name].owner.team}": 2 for name in FEATURES
    }


def test_another_environment_is_another_incident(office: Office) -> None:
    office.fails("duo_chat", "one", OUTAGE)
    office.fails("duo_chat", "two", said("inference", "CallError", "path/production", "production"))
    assert len(office.inbox.got) == 2
    office.ends_well("duo_chat", "staging")
    assert office.inbox.subjects[2:] == ["over: calls to staging fail (Duo Chat)"]


def test_a_feature_that_meets_an_old_incident_is_told_of_as_worse(office: Office) -> None:
    office.fails("duo_chat", "one", OUTAGE)
    office.fails("code_suggestions", "two", OUTAGE)
    earlier(office.store, 25)
    office.fails("duo_chat", "three", OUTAGE)
    assert len(office.inbox.got) == 1
    office.fails("root_cause_analysis", "four", OUTAGE)
    assert office.inbox.subjects[1:] == ["worse: calls to staging fail (3 features)"]


def test_what_fails_anew_after_it_was_over_is_told_anew(office: Office) -> None:
    office.fails("duo_chat")
    office.ends_well("duo_chat", days=1)
    office.fails("duo_chat", "next-day")
    assert office.inbox.subjects == [
        "the run of Duo Chat in staging failed",
        "over: the run of Duo Chat in staging failed",
        "the run of Duo Chat in staging failed",
    ]


def test_a_sample_that_succeeds_does_not_end_what_is_wrong_with_the_days_run(office: Office) -> None:
    office.opened("duo_chat", "a-run", days=1)
    office.fails("duo_chat", "a-run")
    office.ends_well("duo_chat", sample="0a1b2c3d", days=1)
    assert len(office.inbox.got) == 1
    office.ends_well("duo_chat", days=2)
    assert len(office.inbox.got) == 2


def test_an_older_date_that_is_run_again_does_not_end_it_but_shows_that_a_hop_is_back(office: Office) -> None:
    office.opened("duo_chat", "a-run", days=5)
    office.fails("duo_chat", "a-run")
    office.opened("code_suggestions", "a-run", days=5)
    office.fails("code_suggestions", "a-run", OUTAGE)
    office.ends_well("duo_chat", days=3)
    assert len(office.inbox.got) == 2
    office.ends_well("code_suggestions", days=3)
    assert office.inbox.subjects[2:] == ["over: calls to staging fail (Code Suggestions)"]


def test_a_form_that_was_refused_is_nobodys_incident(office: Office) -> None:
    office.fails("duo_chat", "a-run", said("plan", "ParameterError", environment=""))
    assert office.inbox.got == []
    assert office.store.row("SELECT count(*) AS n FROM daily_runs.failed_task")["n"] == 0


def test_a_run_whose_process_was_killed_is_told_of_with_its_task(office: Office) -> None:
    failed = FailedRun("duo_chat", "a-run", "http://airflow/run", "task failure", "staging.judging")
    telling.run_failed(office.telling, failed)
    ((_, text),) = office.inbox.got
    assert "What: staging.judging of duo_chat failed and left no words" in text.body


def test_a_message_that_could_not_be_sent_is_sent_by_the_next_run_whichever_it_is(office: Office) -> None:
    office.inbox.unreachable = True
    office.fails("duo_chat")
    row = office.store.row("SELECT tries, problem, told_at FROM daily_runs.notice")
    assert row == {"tries": 1, "problem": "nobody answers", "told_at": None}
    office.inbox.unreachable = False
    office.ends_well("code_suggestions", "production")
    assert office.inbox.subjects == ["the run of Duo Chat in staging failed"]


def test_what_was_over_before_anybody_could_be_told_is_not_told(office: Office) -> None:
    office.inbox.unreachable = True
    office.fails("duo_chat")
    office.ends_well("duo_chat")
    office.inbox.unreachable = False
    telling.tell(office.telling)
    assert office.inbox.got == []


def test_a_message_that_nobody_took_for_days_is_given_up(office: Office) -> None:
    office.inbox.unreachable = True
    office.fails("duo_chat")
    office.inbox.unreachable = False
    office.store.rows("UPDATE daily_runs.notice SET made_at = made_at - interval '4 days'")
    telling.tell(office.telling)
    assert office.inbox.got == []


def test_a_taken_message_is_nobody_elses_until_its_taker_is_given_up(office: Office) -> None:
    office.inbox.unreachable = True
    office.fails("duo_chat")
    assert notice_rows.take(office.store, ()) is not None
    assert notice_rows.take(office.store, ()) is None
    office.store.rows("UPDATE daily_runs.notice SET taken_until = now() - interval '1 second'")
    assert notice_rows.take(office.store, ()) is not None


def test_a_receiver_that_is_named_later_is_told_what_is_still_open(office: Office) -> None:
    office.fails("duo_chat")
    office.inbox.by_team = True
    telling.look(office.telling)
    assert [receiver for receiver, _ in office.inbox.got] == ["slack", "mail Duo Chat feature team"]


def test_a_feature_that_left_the_catalogue_is_over(office: Office) -> None:
    office.fails("duo_chat")
    features = {name: one for name, one in office.catalogue.features.items() if name != "duo_chat"}
    rest = Office(office.store, office.catalogue.model_copy(update={"features": features}), Inbox())
    telling.tell(rest.telling)
    assert rest.inbox.subjects == ["over: the run of duo_chat in staging failed"]


class ToWebhook:
    """Everybody's messages go to one webhook."""

    def __init__(self, address: str) -> None:
        self.address = address

    def of(self, owner: Owner) -> list[str]:
        """See `Receivers`."""
        return ["slack"]

    def send(self, receiver: str, text: NoticeText) -> None:
        """See `Receivers`."""
        webhook.post(self.address, text)


def fail_at_once(url: str, address: str, number: int, barrier: Any) -> None:
    """What one of several processes does: its feature's run fails by the same outage, at the same moment."""
    catalogue = catalogue_files.load()
    with open_store(url, connections=2) as store:
        told = Telling(store, catalogue, ToWebhook(address), Links("http://airflow"), Clock.now())
        barrier.wait(120)
        telling.run_failed(told, FailedRun(FEATURES[number], f"run-{number}", "http://airflow/run"))
        telling.tell(told)


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A webhook."""
    with a_webhook() as found:
        yield found


def test_processes_that_meet_one_outage_at_once_tell_it_once(office: Office, hook: Webhook) -> None:
    for number in range(PROCESSES):
        words_rows.keep(office.store, FEATURES[number], f"run-{number}", OUTAGE)
    spawning = multiprocessing.get_context("spawn")
    barrier = spawning.Barrier(PROCESSES)
    workers = [
        spawning.Process(target=fail_at_once, args=(office.store.url, hook.address, number, barrier))
        for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(200)
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    assert len(hook.texts) == 1
    members = "SELECT count(*) AS n FROM daily_runs.incident_member WHERE over_at IS NULL"
    assert office.store.row(members)["n"] == PROCESSES
