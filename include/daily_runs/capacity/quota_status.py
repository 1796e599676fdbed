"""How much of the limits is used now, by whom, and what holds calls back: one model for the terminal and the page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.quota import ledger_rows
from daily_runs.resilience import breaker_rows
from daily_runs.statuses import BreakerState
from daily_runs.store.database import Store
from daily_runs.store.pool import Row

USE_MINUTES = 10
NOTHING_YET = "The ledger is empty: no run has asked for a call yet."


class QuotaStatus(NamedTuple):
    """One look at the ledger. Rates are per minute of the domain, of which `time_scale` pass in one of the clock."""

    time_scale: float
    limits: list[Row]
    lanes: list[Row]
    holders: list[Row]
    users: list[Row]
    breakers: list[Row]
    use: list[Row]

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        return self._asdict()

    @property
    def is_empty(self) -> bool:
        """Whether nobody has asked for a call yet."""
        return not (self.limits or self.lanes or self.users or self.breakers or self.use)


class QuotaTable(NamedTuple):
    """A table of texts for people; a column whose name begins with `>` holds numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def read_quota(store: Store, catalogue: Catalogue) -> QuotaStatus:
    """Read everything, in domain time."""
    scale = max(environment.time_scale for environment in catalogue.environments.values())
    limits = [_per_minute(row, 60 / scale) for row in ledger_rows.limits(store, 60 / scale)]
    users: list[Row] = []
    for name, environment in catalogue.environments.items():
        path = environment.limits
        seconds = path.ai_action_window_hours * 3600 / environment.time_scale
        rows = ledger_rows.users(store, [f"ai_action in {name}"], seconds)
        users += [{**row, "allowed": path.ai_action_calls_per_window} for row in rows]
    lanes, holders, used = ledger_rows.lanes(store), ledger_rows.holders(store), ledger_rows.use(store, USE_MINUTES)
    return QuotaStatus(scale, limits, lanes, holders, users, breaker_rows.status(store), used)


def _per_minute(row: Row, factor: float) -> Row:
    """Rates a minute. The share left to other clients is shown as 0 under 2 %."""
    seen = row["seen_per_second"]
    named = {
        "per_minute": row["per_second"] * factor,
        "seen_per_minute": seen * factor if seen is not None else None,
        "whole_per_minute": row["whole_per_second"] * factor,
        "ours_per_minute": row["ours_per_second"] * factor,
        "others_per_minute": (row["whole_per_second"] - row["ours_per_second"]) * factor,
    }
    return {key: value for key, value in row.items() if not key.endswith("per_second")} | named


def tables(found: QuotaStatus) -> list[QuotaTable]:
    """Every table of a look, also those without a row; what is last does not fit every screen."""
    return [
        _limits(found.limits, found.time_scale),
        _lanes(found.lanes, found.holders),
        _breakers(found.breakers),
        _holders(found.holders),
        _users(found.users),
        _use(found.use),
    ]


def _limits(rows: list[Row], scale: float) -> QuotaTable:
    columns = ("limit", ">catalogue", ">now", ">to others", ">used", ">bucket", "pushed back")
    fast = f" (of the sandbox: {60 / scale:.3g} s on the clock)" if scale != 1 else ""
    cells = []
    shown = [_limit_cells(row) for row in rows]
    for alike, same in groupby(shown, key=lambda named: (named[0].partition(" of ")[0], *named[1:])):
        names = [named[0] for named in same]
        cells.append((f"{alike[0]} of {len(names)} users" if len(names) > 1 else names[0], *alike[1:]))
    return QuotaTable(f"Limits a minute{fast}", columns, cells)


def _limit_cells(row: Row) -> tuple[str, ...]:
    of_account = row["account"] is not None
    used = f"{row['used'] / row['per_minute']:.0%}" if of_account else ""
    level = f"{max(0.0, row['level_share']):.0%}" if row["level_share"] is not None else ""
    others = f"{row['others_per_minute']:,.0f}" if of_account else ""
    now = f"{row['ours_per_minute']:,.0f}"
    return row["limit_name"], f"{row['per_minute']:,.0f}", now, others, used, level, _pushed_back(row)


def _pushed_back(row: Row) -> str:
    words = [f"{row['refusals']} refused"] if row["refusals"] else []
    if row["held_seconds"]:
        words.append(f"held {row['held_seconds']:,.0f} s")
    if row["factor"] < 1:
        words.append(f"at {row['factor']:.0%}")
    seen = row["seen_per_minute"]
    if seen is not None and row["whole_per_minute"] <= seen < 0.999 * row["per_minute"]:  # else too old to count
        words.append(f"headers say {seen:,.0f}")
    return ", ".join(words)


def _lanes(rows: list[Row], holders: list[Row]) -> QuotaTable:
    columns = ("feature", "account", ">share", ">takes now", ">priority", "state")
    with_open_calls = {(row["account"], row["lane"]) for row in holders}
    cells = []
    for row in rows:
        open_calls = (row["account"], row["lane"]) in with_open_calls
        numbers = (f"{row['share']:.1%}", f"{row['use']:.1%}", str(row["priority"]))
        cells.append((row["lane"], row["account"], *numbers, _lane_state(row, open_calls=open_calls)))
    return QuotaTable("Features on accounts", columns, cells)


def _lane_state(row: Row, *, open_calls: bool) -> str:
    if row["waits"]:
        return "waits for the account"
    if row["awake"]:
        return "sends"
    return "has calls open" if open_calls else "idle"


def _holders(rows: list[Row]) -> QuotaTable:
    columns = ("holder", "feature", "account", ">promised", ">in flight", ">in line, s")
    cells = [
        (
            row["holder"],
            row["lane"],
            row["account"],
            *(str(row["promised"]), str(row["in_flight"]), f"{row['waits_seconds']:.1f}"),
        )
        for row in rows
    ]
    return QuotaTable("Holders of grants (host/process id/pacer)", columns, cells)


def _users(rows: list[Row]) -> QuotaTable:
    columns = ("window", "user", ">calls", ">allowed", "state")
    cells = []
    for row in rows:
        state = "spent by others" if row["spent"] else "full" if row["calls"] >= row["allowed"] else ""
        cells.append((row["window_name"], row["evaluation_user"], str(row["calls"]), str(row["allowed"]), state))
    return QuotaTable("Evaluation users' calls in the window", columns, cells)


def _breakers(rows: list[Row]) -> QuotaTable:
    columns = ("provider", "state", "since (UTC)", ">calls", ">faults", ">re-openings", "why it last opened")
    cells = []
    for row in rows:
        numbers = (str(row["calls"]), str(row["faults"]), str(row["reopenings"]))
        cells.append((row["provider"], _breaker_state(row), f"{row['since']:%H:%M:%S}", *numbers, row["reason"]))
    return QuotaTable("Circuit breakers (calls, faults: of the last 10 s that had any)", columns, cells)


def _breaker_state(row: Row) -> str:
    if row["state"] == BreakerState.OPEN:
        return f"open until {row['open_until']:%H:%M:%S}"
    if row["state"] == BreakerState.HALF_OPEN:
        return f"half-open, {row['good_probes']} good, {row['probes']} under way"
    return str(row["state"])


def _use(rows: list[Row]) -> QuotaTable:
    columns = ("minute (UTC)", "account", "feature", ">calls", ">refused", ">input", ">output", ">cached")
    cells = []
    for row in rows:
        tokens = (row["input_tokens"], row["output_tokens"], row["cached_input_tokens"])
        numbers = (str(row["calls"]), str(row["refusals"]), *(f"{count:,.0f}" for count in tokens))
        cells.append((f"{row['minute']:%H:%M}", row["account"], row["lane"], *numbers))
    return QuotaTable(f"Used in the last {USE_MINUTES} minutes of the clock", columns, cells)
