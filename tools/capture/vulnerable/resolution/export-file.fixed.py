"""Exports contacts to a CSV file that the mail tool picks up."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Contact:
    """A subscriber of the newsletter."""

    email: str
    language: str
    confirmed: bool


def export_contacts(contacts: Iterable[Contact], destination: Path) -> int:
    """Write the confirmed contacts and return their number; the destination is replaced in one step."""
    descriptor, scratch = tempfile.mkstemp(suffix=".csv", dir=destination.parent)
    written = 0
    with open(descriptor, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(("email", "language", "confirmed"))
        for contact in contacts:
            if contact.confirmed:
                writer.writerow(astuple(contact))
                written += 1
    os.replace(scratch, destination)
    return written
