"""Where messages go: Airflow's connections `daily_runs_slack` and `daily_runs_smtp`; without both, to the log.

How to make them: docs/operations/notices.md. Mail goes out by Airflow's own SMTP hook. Its notifier is not used: it
renders what it sends as a template, and our texts quote what others wrote.
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Mapping
from typing import Any

from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowException
from airflow.sdk.log import mask_secret

from daily_runs.catalogue.features import Owner
from daily_runs.errors import AccessError
from daily_runs.notices import webhook
from daily_runs.notices.telling import NotToldError
from daily_runs.notices.texts import NoticeText
from daily_runs_airflow.connections import airflow_connection, extra_of

log = logging.getLogger(__name__)

SLACK_CONNECTION, SMTP_CONNECTION = "daily_runs_slack", "daily_runs_smtp"
LOG, SLACK, MAIL = "log", "slack", "mail "
WEBHOOKS, TO, OTHERS = "webhooks", "to", "*"
"""Keys of the connections' extras; `OTHERS` stands for teams that have no address of their own."""


class ConnectedReceivers:
    """The receivers that Airflow's connections name (`daily_runs.notices.telling.Receivers`).

    Raises:
        AccessError: a connection's extra cannot be used.
    """

    def __init__(self) -> None:
        slack, smtp = airflow_connection(SLACK_CONNECTION), airflow_connection(SMTP_CONNECTION)
        self._webhooks = _webhooks(slack) if slack else {}
        self._to = _addresses(smtp) if smtp else {}
        mask_secret(list(self._webhooks.values()))

    def of(self, owner: Owner) -> list[str]:
        """Names of the receivers of an owner's messages."""
        found = []
        if owner.team in self._webhooks:
            found.append(f"{SLACK} {owner.team}")
        elif OTHERS in self._webhooks:
            found.append(SLACK)
        address = self._to.get(owner.team) or self._to.get(OTHERS)
        if address:
            found.append(f"{MAIL}{address}")
        return found or [LOG]

    def send(self, receiver: str, text: NoticeText) -> None:
        """Deliver a message; see `daily_runs.notices.telling.Receivers`."""
        if receiver == LOG:
            log.warning("%s", text.subject)
            for line in text.body.splitlines():
                log.warning("%s", line)
        elif receiver.startswith(MAIL):
            self._mail(receiver.removeprefix(MAIL), text)
        else:
            address = self._webhooks.get(receiver.removeprefix(SLACK).strip() or OTHERS)
            if address is None:
                raise NotToldError(f"connection {SLACK_CONNECTION} has no webhook for it any more")
            webhook.post(address, text)

    def _mail(self, address: str, text: NoticeText) -> None:
        if not self._to:
            raise NotToldError(f"connection {SMTP_CONNECTION} is gone, or names nobody")
        try:
            with SmtpHook(smtp_conn_id=SMTP_CONNECTION) as hook:
                hook.send_email_smtp(to=address, subject=text.subject, html_content=as_html(text.body))
        except (OSError, AirflowException) as error:  # smtplib's own errors are of the first kind
            raise NotToldError(f"the mail server does not take it ({type(error).__name__})") from None


def as_html(body: str) -> str:
    """A message's lines for mail: nothing of them is markup, but addresses can be followed."""
    shown = re.sub(r"(https?://\S+)", r'<a href="\1">\1</a>', html.escape(body))
    return "<br>\n".join(shown.splitlines())


def _webhooks(found: Connection) -> Mapping[str, str]:
    """Webhooks by team. The password is the one of all teams that have none of their own."""
    own = _texts(extra_of(found, f"connection {SLACK_CONNECTION}").get(WEBHOOKS, {}), SLACK_CONNECTION, WEBHOOKS)
    return {**({OTHERS: found.password} if found.password else {}), **own}


def _addresses(found: Connection) -> Mapping[str, str]:
    """Mail addresses by team; a single text is the one of all."""
    given = extra_of(found, f"connection {SMTP_CONNECTION}").get(TO, {})
    return {OTHERS: given} if isinstance(given, str) else _texts(given, SMTP_CONNECTION, TO)


def _texts(given: Any, connection_id: str, key: str) -> Mapping[str, str]:
    if not isinstance(given, Mapping) or not all(isinstance(value, str) for value in given.values()):
        remedy = f'Give "{key}" as texts by team: {{"{key}": {{"Duo Chat feature team": "…", "*": "…"}}}}.'
        raise AccessError(f"connection {connection_id}", f"{key!r} in its extra is not an object of texts", remedy)
    return given
