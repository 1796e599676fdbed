"""The callbacks of a feature's runs, and what the DAGs `notices` do, against a webhook, a mail server and a store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import Connection
from tests.receivers import MailServer, Webhook, a_mail_server, a_webhook

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import AccessError
from daily_runs.notices import words_rows
from daily_runs.notices.telling import NotToldError
from daily_runs.notices.texts import NoticeText
from daily_runs.notices.words_rows import LastWords
from daily_runs.store.database import Store
from daily_runs_airflow.telling import notices, receivers
from daily_runs_airflow.telling.receivers import ConnectedReceivers

CHAT = catalogue_files.load().features["duo_chat"].owner
RCA = catalogue_files.load().features["root_cause_analysis"].owner
TEXT = NoticeText("a subject: ä", "What: a <b> of {{ x }}\nLook: http://airflow/runs/1")


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A webhook."""
    with a_webhook() as found:
        yield found


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """A mail server."""
    with a_mail_server() as found:
        yield found


class Connections:
    """Airflow's connections, as a test sets them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: dict[str, Connection] = {}
        monkeypatch.setattr(receivers, "airflow_connection", self.found.get)
        monkeypatch.setattr(SmtpHook, "get_connection", self.found.__getitem__)

    def slack(self, address: str | None, **extra: Any) -> None:
        """The webhook of all teams; `extra`: of some."""
        self.found["daily_runs_slack"] = Connection(
            conn_id="daily_runs_slack", conn_type="generic", password=address, extra=json.dumps(extra)
        )

    def smtp(self, server: MailServer, to: Any) -> None:
        """A mail server without encryption or login."""
        extra = {"from_email": "runs@example.com", "disable_ssl": True, "disable_tls": True, "to": to, "retry_limit": 0}
        self.found["daily_runs_smtp"] = Connection(
            conn_id="daily_runs_smtp", conn_type="smtp", host="127.0.0.1", port=server.port, extra=json.dumps(extra)
        )


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    """None at first."""
    return Connections(monkeypatch)


def test_without_a_connection_messages_go_to_the_log(
    connections: Connections, caplog: pytest.LogCaptureFixture
) -> None:
    found = ConnectedReceivers()
    assert found.of(CHAT) == ["log"]
    with caplog.at_level("INFO", receivers.__name__):
        found.send("log", TEXT)
    assert [record.getMessage() for record in caplog.records] == [TEXT.subject, *TEXT.body.splitlines()]


def test_a_team_without_a_webhook_of_its_own_is_told_by_that_of_all(connections: Connections, hook: Webhook) -> None:
    connections.slack(f"{hook.address}/all", webhooks={CHAT.team: f"{hook.address}/chat"})
    found = ConnectedReceivers()
    for owner in (CHAT, RCA):
        (receiver,) = found.of(owner)
        assert hook.address not in receiver
        found.send(receiver, TEXT)
    assert [path for path, _ in hook.texts] == ["/chat", "/all"]
    assert hook.texts[0][1] == "*a subject: ä*\nWhat: a &lt;b&gt; of {{ x }}\nLook: http://airflow/runs/1"


def test_mail_goes_to_the_address_of_the_team_and_shows_the_text_as_it_stands(
    connections: Connections, mail: MailServer
) -> None:
    connections.smtp(mail, {CHAT.team: "chat@example.com", "*": "all@example.com, on-call@example.com"})
    found = ConnectedReceivers()
    for owner in (CHAT, RCA):
        (receiver,) = found.of(owner)
        found.send(receiver, TEXT)
    assert [to for to, _ in mail.mails] == [["chat@example.com"], ["all@example.com", "on-call@example.com"]]
    message = mail.mails[0][1]
    assert message["From"] == "runs@example.com"
    payload: Any = message.get_payload()
    assert payload[0].get_payload(decode=True).decode() == (
        'What: a &lt;b&gt; of {{ x }}<br>\nLook: <a href="http://airflow/runs/1">http://airflow/runs/1</a>'
    )


def test_a_receiver_that_refuses_or_is_gone_says_so_without_its_address(
    connections: Connections, hook: Webhook, mail: MailServer
) -> None:
    hook.answers, mail.refuses = 404, True
    connections.slack(hook.address)
    connections.smtp(mail, "all@example.com")
    found = ConnectedReceivers()
    with pytest.raises(NotToldError, match=r"^the webhook answers with status 404$"):
        found.send("slack", TEXT)
    with pytest.raises(NotToldError, match=r"^the mail server does not take it \(SMTPSenderRefused\)$"):
        found.send("mail all@example.com", TEXT)
    with pytest.raises(NotToldError, match=r"^connection daily_runs_slack has no webhook for it any more$"):
        found.send("slack a team that left", TEXT)
    connections.slack("http://127.0.0.1:9/x")
    with pytest.raises(NotToldError, match=r"^the webhook does not answer \(ConnectError\)$"):
        ConnectedReceivers().send("slack", TEXT)


def test_an_extra_that_cannot_be_used_is_refused_by_its_key(connections: Connections) -> None:
    connections.slack(None, webhooks=["http://a-secret"])
    with pytest.raises(AccessError, match=r"^connection daily_runs_slack: 'webhooks' in its extra is not an object"):
        ConnectedReceivers()


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Airflow's variables, none at first."""
    found: dict[str, str] = {}
    kept = SimpleNamespace(
        get=lambda name, default=None: found.get(name, default),
        set=lambda name, value, description: found.update({name: value}),
        delete=found.pop,
    )
    monkeypatch.setattr(notices, "Variable", kept)
    return found


@pytest.fixture
def told(
    store: Store,
    connections: Connections,
    hook: Webhook,
    mail: MailServer,
    variables: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Connections:
    """A store, a webhook and a mail server."""
    monkeypatch.setattr(notices, "store_url", lambda: store.url)
    connections.slack(hook.address)
    connections.smtp(mail, "all@example.com")
    return connections


def context(feature: str = "duo_chat", **more: Any) -> dict[str, Any]:
    """What Airflow hands to a DAG's callback."""
    ti = SimpleNamespace(task_id="staging.inference")
    return {"dag": SimpleNamespace(dag_id=f"daily_runs_{feature}"), "run_id": "a run", "ti": ti, **more}


def words() -> LastWords:
    """What an instance of a mapped task said last."""
    return LastWords("staging", "inference", "CountsError", "", "inference of duo_chat failed.", "x", "y", "z")


def test_a_run_whose_four_shards_failed_is_one_message_to_each_receiver(
    store: Store, told: Connections, hook: Webhook, mail: MailServer
) -> None:
    for _ in range(4):
        words_rows.keep(store, "duo_chat", "a run", words())
    for _ in range(2):
        notices.run_failed(context(reason="task_failure"))
    assert len(hook.texts) == len(mail.mails) == 1
    assert hook.texts[0][1].startswith(
        "*Daily Runs: the run of Duo Chat in staging failed*\nWhat: inference of duo_chat"
    )
    assert "Look: http://localhost:8080/dags/daily_runs_duo_chat/runs/a%20run" in hook.texts[0][1]
    assert mail.mails[0][1]["Subject"] == "Daily Runs: the run of Duo Chat in staging failed"


def test_a_receiver_that_is_away_fails_no_callback_and_is_told_by_the_next_one(
    store: Store, told: Connections, hook: Webhook, mail: MailServer
) -> None:
    hook.answers = 503
    notices.run_failed(context())
    assert (len(hook.texts), len(mail.mails)) == (0, 1)
    hook.answers = 200
    notices.run_ended_well(context("code_suggestions"))
    assert (len(hook.texts), len(mail.mails)) == (1, 1)


def test_a_store_that_is_away_is_told_once_for_all_features_and_once_when_it_is_back(
    store: Store, told: Connections, hook: Webhook, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(notices, "store_url", lambda: "postgresql://nobody@127.0.0.1:9/none")
        for feature in ("duo_chat", "code_suggestions"):
            notices.run_failed(context(feature))
        notices.look_failed({})
    assert [text.splitlines()[0] for _, text in hook.texts] == ["*Daily Runs: the store cannot be used*"]
    notices.look()
    notices.look()
    assert hook.texts[1][1].startswith("*Daily Runs, over: the store cannot be used*")
    assert (len(hook.texts), variables) == (2, {})


def test_nothing_that_goes_wrong_leaves_a_callback(told: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_files, "load", lambda: 1 / 0)
    notices.run_failed(context())
    notices.run_ended_well(context())
    notices.look_failed({})


def test_each_team_is_told_its_week(told: Connections, hook: Webhook) -> None:
    notices.tell_the_week()
    notices.tell_the_week()
    assert len(hook.texts) == len(catalogue_files.load().features)
    assert all(text.startswith("*Daily Runs: the week of ") for _, text in hook.texts)
