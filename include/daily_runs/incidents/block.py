"""The block of short lines that a failed task ends with: what happened first, then whose it is and what to do.

Airflow's log page scrolls to the end and shows about 98 characters of a message; the rest is cut at the right edge
(seen in Airflow 3.3.2 at 1400 × 900). Pure.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import NamedTuple

from daily_runs.input_files import printable

LINE_CHARACTERS_MAX = 98
_LABEL = 9


class Incident(NamedTuple):
    """What is known of a failed task, in words. An empty text has no line.

    Attributes:
        what: what happened, and the counts.
        hop: which hop refused, and how sure that is.
        cause: the most frequent kinds of failures.
        owner: who can lift it.
        money: what was spent, and what a rerun will spend.
        do: the next step, one sentence.
        form: the trigger form's fields for it.
        rerun: the address of the page that reruns it.
        runbook: the address of its page.
    """

    what: str
    hop: str = ""
    cause: str = ""
    owner: str = ""
    money: str = ""
    do: str = ""
    form: Mapping[str, str] | None = None
    rerun: str = ""
    runbook: str = ""

    def lines(self) -> list[str]:
        """The block. No line is longer than `LINE_CHARACTERS_MAX`, unless one word is (an address is never broken)."""
        parts = {
            "WHAT": self.what,
            "HOP": self.hop,
            "CAUSE": self.cause,
            "OWNER": self.owner,
            "MONEY": self.money,
            "DO": self.do,
            "FORM": json.dumps(self.form) if self.form else "",
            "RERUN": self.rerun,
            "RUNBOOK": self.runbook,
        }
        return [line for label, text in parts.items() if text for line in _wrapped(label, text)]


def _wrapped(label: str, text: str) -> list[str]:
    width = LINE_CHARACTERS_MAX - _LABEL
    lines = textwrap.wrap(_harmless(text), width, break_long_words=False, break_on_hyphens=False)
    return [f"{label if number == 0 else '':<{_LABEL}}{line}" for number, line in enumerate(lines)]


def _harmless(text: str) -> str:
    """Without what would fold the log (`::group::` and `::endgroup::` anywhere in a line) or steer a terminal."""
    return printable(text).replace("::", ": :")
