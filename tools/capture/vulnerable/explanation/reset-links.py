"""Links with which users choose a new password."""

from __future__ import annotations

import random
import string
import time
from dataclasses import dataclass

ALPHABET = string.ascii_letters + string.digits
CODE_LENGTH = 12
LIFETIME_SECONDS = 3600


@dataclass(frozen=True)
class ResetLink:
    """A link sent by mail; good for one hour."""

    account: str
    code: str
    expires_at: float

    @property
    def path(self) -> str:
        return f"/reset/{self.account}/{self.code}"


def new_link(account: str) -> ResetLink:
    """A fresh link; whoever knows it may set the account's password."""
    code = "".join(random.choice(ALPHABET) for _ in range(CODE_LENGTH))
    return ResetLink(account, code, time.time() + LIFETIME_SECONDS)


def is_good(link: ResetLink, account: str, code: str) -> bool:
    return link.account == account and link.code == code and time.time() < link.expires_at
