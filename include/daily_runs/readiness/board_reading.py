"""The whole status board, read from the store: what `daily-runs status` and the page *Today* show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from daily_runs.catalogue.catalogue import Catalogue, left_out_lines
from daily_runs.clock import Clock
from daily_runs.readiness import board_rows, check_rows, health_rows, today, today_rows
from daily_runs.readiness.board import STAGING, BoardLine, BoardRows, board
from daily_runs.readiness.board_cells import NEVER_LOOKED
from daily_runs.readiness.health_rows import BoardHealth
from daily_runs.readiness.today import DagRunSeen
from daily_runs.records import unfinished
from daily_runs.records.unfinished import StrandedAttempt
from daily_runs.store.database import Store


class Board(NamedTuple):
    """The board at a moment.

    `looked_at`: when somebody last looked at staging (None: never); `error`: why that look did not see all.
    `left_out`: by feature, a line for each fault that leaves it out.
    """

    at: dt.datetime
    looked_at: dt.datetime | None
    error: str | None
    lines: list[BoardLine]
    stranded: Sequence[StrandedAttempt] = ()
    health: BoardHealth | None = None
    left_out: Mapping[str, Sequence[str]] = MappingProxyType({})

    @property
    def heading(self) -> str:
        """When it was made, and how old its looks are."""
        if self.looked_at is None:
            looked = f"staging: {NEVER_LOOKED} (daily-runs status --look does)"
        else:
            minutes = (self.at - self.looked_at).total_seconds() / 60
            looked = f"staging was looked at {minutes:,.0f} min ago"
            looked += ", and not all of it could be seen" if self.error else ""
        return f"Daily runs at {self.at:%Y-%m-%d %H:%M} UTC; {looked}"

    @property
    def reasons(self) -> list[str]:
        """What is in the way, for each feature that something is in the way of."""
        found = [*self.told_left_out, *([f"staging: {self.error}"] if self.error else [])]
        for line in self.lines:
            found += [f"{line.feature.title}, {name}: {reason}" for name, reason in self.in_the_way(line).items()]
        return [*found, *(f"{attempt.problem}. {attempt.remedy}" for attempt in self.stranded)]

    @property
    def told_left_out(self) -> list[str]:
        """Which features are left out, and why."""
        return [line for lines in self.left_out.values() for line in lines]

    def in_the_way(self, line: BoardLine) -> dict[str, str]:
        """What is in the way of one feature, by aspect, and whose it is; without what the look's own error says."""
        found = {}
        if not line.phase.approved:
            remedy = f"set `approved` in its file once it is; owner: {line.feature.owner.dri}"
            found["approval"] = f"its phase of today is not approved yet: {remedy}"
        for name, aspect in (("seeds", line.seeds), ("limits", line.limits)):
            told_above = self.error is not None and aspect is not None and aspect["state"] == "unknown"
            if aspect and aspect["state"] != "ready" and not told_above:
                found[name] = str(aspect["reason"])
        return found

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        looked = {"looked_at": self.looked_at, "look_error": self.error}
        stranded = [attempt._asdict() for attempt in self.stranded]
        health = self.health.as_json() if self.health else None
        features = [line.as_json() for line in self.lines]
        more = {"stranded": stranded, "left_out": self.told_left_out, "health": health}
        return {"at": self.at, **looked, "features": features, **more}


def read(store: Store, catalogue: Catalogue, dag_runs: Sequence[DagRunSeen] = ()) -> Board:
    """Read the store's newest rows; nobody else is asked.

    Args:
        dag_runs: what Airflow tells of the last days' runs, where somebody asked it.
    """
    now, newest = Clock.now(), check_rows.newest(store, STAGING)
    attempts, routes = today_rows.attempts(store, now), today_rows.routes(store, now)
    seen = BoardRows(
        aspects=board_rows.aspects(store, STAGING),
        runs=board_rows.last_runs(store),
        gates=board_rows.last_gates(store),
        routes=board_rows.last_routes(store),
        today={
            name: today.of_feature(feature, now, attempts, routes, dag_runs)
            for name, feature in catalogue.features.items()
        },
    )
    at, error = (newest.ended_at, newest.error) if newest else (None, None)
    stranded = unfinished.stranded(store, [*catalogue.features, *catalogue.left_out], catalogue.environments)
    lines, health = board(catalogue, seen, now), health_rows.read(store, catalogue)
    return Board(now, at, error, lines, stranded, health, left_out_lines(catalogue))
