"""Posts a message to an incoming webhook in Slack's form, which Mattermost and others take, too."""

from __future__ import annotations

import httpx

from daily_runs.notices.telling import NotToldError
from daily_runs.notices.texts import NoticeText

TIMEOUT_SECONDS = 10.0


def post(address: str, text: NoticeText) -> None:
    """Deliver a message to a webhook.

    Args:
        address: its whole URL, which is a secret.

    Raises:
        NotToldError: nobody answered in time, or with another status than 2xx. It never names the address.
    """
    try:
        answer = httpx.post(address, json={"text": in_slacks_form(text)}, timeout=TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotToldError(f"the webhook does not answer ({type(error).__name__})") from None
    if not answer.is_success:
        raise NotToldError(f"the webhook answers with status {answer.status_code}")


def in_slacks_form(text: NoticeText) -> str:
    """The message in Slack's markup, with its own characters as they stand: a text can call nobody and make no link."""
    subject, body = (part.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for part in text)
    return f"*{subject}*\n{body}"
