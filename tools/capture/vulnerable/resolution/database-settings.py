"""Where the booking service finds its database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import quote

DATABASE_PASSWORD = "booking-2024-spring"


@dataclass(frozen=True)
class DatabaseSettings:
    """Address and login of the database."""

    host: str
    port: int
    name: str
    user: str
    password: str

    @property
    def url(self) -> str:
        return f"postgresql://{quote(self.user)}:{quote(self.password)}@{self.host}:{self.port}/{self.name}"


def from_environment() -> DatabaseSettings:
    """Settings of this process; everything but the host has a default.

    Raises:
        KeyError: a variable without a default is not set.
    """
    return DatabaseSettings(
        host=os.environ["BOOKING_DB_HOST"],
        port=int(os.environ.get("BOOKING_DB_PORT", "5432")),
        name=os.environ.get("BOOKING_DB_NAME", "booking"),
        user=os.environ.get("BOOKING_DB_USER", "booking"),
        password=DATABASE_PASSWORD,
    )
