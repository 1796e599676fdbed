"""What the doctor says about one thing: a state, what was found, and what to do about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from daily_runs.errors import UserError

CLOCK_TOLERANCE_SECONDS = 5.0
"""How far two clocks may be apart. Machines that follow NTP agree within a second; the shortest window we count in is
60 s (docs/domain.md §3), and a moment that a header names (`Retry-After` as a date) is read against our clock: with 5 s
more or less both stay right, while a clock that nobody sets is soon further off."""

Now = Callable[[], dt.datetime]


class State(StrEnum):
    """How it stands. `fault` stops runs or falsifies them; `notice` needs a person's eye, but nothing stops."""

    OK = "ok"
    FAULT = "fault"
    NOTICE = "notice"
    NOT_CHECKED = "not_checked"


class Diagnosis(NamedTuple):
    """One line of the report. `remedy` is empty where there is nothing to do."""

    subject: str
    check: str
    state: State
    detail: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether this finding lets a run go ahead."""
        return self.state is not State.FAULT


class RoundTrip(NamedTuple):
    """When something was asked and when its answer was there, by our clock."""

    sent: dt.datetime
    received: dt.datetime


@dataclass(frozen=True)
class Subject:
    """What is looked at: makes the findings about it."""

    name: str

    def ok(self, check: str, detail: str) -> Diagnosis:
        """All is well."""
        return Diagnosis(self.name, check, State.OK, detail)

    def fault(self, check: str, detail: str, remedy: str) -> Diagnosis:
        """Runs fail, or cannot be trusted, until this is mended."""
        return Diagnosis(self.name, check, State.FAULT, detail, remedy)

    def notice(self, check: str, detail: str, remedy: str) -> Diagnosis:
        """Works, but somebody should look."""
        return Diagnosis(self.name, check, State.NOTICE, detail, remedy)

    def not_checked(self, check: str, why: str, remedy: str = "") -> Diagnosis:
        """Nobody could look, so nobody knows how it stands."""
        return Diagnosis(self.name, check, State.NOT_CHECKED, f"not checked: {why}", remedy)

    def refused(self, check: str, error: UserError) -> Diagnosis:
        """A fault, as the error tree words it."""
        return self.fault(check, f"{error.place}: {error.problem}", error.remedy)

    def clock(self, told: dt.datetime | None, asked: RoundTrip, *, precision_seconds: float = 1.0) -> Diagnosis:
        """Whether the subject's clock agrees with ours.

        Args:
            told: its moment, somewhere between question and answer; None = it did not say.
            precision_seconds: what `told` was cut to (a `Date` header has whole seconds).
        """
        if told is None:
            return self.not_checked("clock", "its answers carry no date")
        latest = told + dt.timedelta(seconds=precision_seconds)
        ahead, behind = (told - asked.received).total_seconds(), (asked.sent - latest).total_seconds()
        off, word = (ahead, "ahead of") if ahead > behind else (behind, "behind")
        if off > CLOCK_TOLERANCE_SECONDS:
            remedy = f"Set both by NTP; more than {CLOCK_TOLERANCE_SECONDS:g} s apart, waits and windows are misread."
            return self.fault("clock", f"{off:.0f} s {word} ours", remedy)
        return self.ok("clock", f"agrees with ours within {CLOCK_TOLERANCE_SECONDS:g} s")
