"""Hands the monthly payroll over to the tax adviser."""

from __future__ import annotations

import csv
import ftplib
import io
import os
from collections.abc import Iterable
from dataclasses import astuple, dataclass

COLUMNS = ("employee", "iban", "gross_cents")


@dataclass(frozen=True)
class Pay:
    """What one employee gets for a month."""

    employee: str
    iban: str
    gross_cents: int


def as_csv(pays: Iterable[Pay]) -> bytes:
    """The file in the form that the adviser's program reads."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";")
    writer.writerow(COLUMNS)
    writer.writerows(astuple(pay) for pay in pays)
    return text.getvalue().encode("utf-8-sig")


def hand_over(pays: Iterable[Pay], month: str) -> None:
    """Upload the payroll of a month over the internet.

    Raises:
        ftplib.Error: the adviser's server refused login or file.
    """
    with ftplib.FTP(os.environ["ADVISER_HOST"], timeout=30) as server:
        server.login(os.environ["ADVISER_USER"], os.environ["ADVISER_PASSWORD"])
        server.storbinary(f"STOR payroll-{month}.csv", io.BytesIO(as_csv(pays)))
