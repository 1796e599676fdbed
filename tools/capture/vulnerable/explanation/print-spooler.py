"""Hands documents to the printer of the registry; runs as root because the printer's device demands it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)
PRINTER = Path("/dev/usb/lp0")
STATE = Path("/var/tmp/print-spooler.json")


@dataclass(frozen=True)
class Document:
    """A document in the printer's own language."""

    number: int
    content: bytes


def last_printed() -> int:
    """Number of the last document, so that none is printed twice after a restart; 0 if there was none."""
    try:
        return int(json.loads(STATE.read_text(encoding="utf-8"))["last"])
    except FileNotFoundError:
        return 0


def print_new(documents: list[Document]) -> int:
    """Print what has not been printed yet and return how many documents that were."""
    done = last_printed()
    new = sorted((document for document in documents if document.number > done), key=lambda document: document.number)
    for document in new:
        PRINTER.write_bytes(document.content)
        STATE.write_text(json.dumps({"last": document.number}), encoding="utf-8")
        log.info("printed %d", document.number)
    return len(new)
