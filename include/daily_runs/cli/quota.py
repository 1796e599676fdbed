"""`daily-runs quota`: which feature uses how much of the accounts, how fast, and what holds calls back."""

from __future__ import annotations

import time
from itertools import groupby
from typing import Annotated, Any, NamedTuple

import typer
from rich import box
from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.live import Live
from rich.table import Table

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli.options import AsJson, Overlay, command_line, in_use, print_json, terminal
from daily_runs.errors import ParameterError
from daily_runs.quota import ledger_rows
from daily_runs.resilience import breaker_rows
from daily_runs.statuses import BreakerState
from daily_runs.store import database
from daily_runs.store.database import Store
from daily_runs.store.pool import Row

LOOK_EVERY_SECONDS = 1.0
USE_MINUTES = 10
NOTHING_YET = "The ledger is empty: no run has asked for a call yet."

app = command_line()


@app.command()
def command(
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second, until Ctrl-C.")] = False,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Show the accounts' limits, which feature uses how much, evaluation users, pushbacks and circuit breakers."""
    if watch and as_json:
        raise ParameterError("--watch", "does not go with --json", "Give one of the two.")
    catalogue = catalogue_files.load(overlay=in_use(overlay))
    found = show(catalogue, watch=watch, console=terminal())
    if as_json:
        print_json(found.as_json())
    elif not watch:
        terminal().print(found.render())


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

    def render(self) -> RenderableType:
        """For people."""
        if not (self.limits or self.lanes or self.users or self.breakers or self.use):
            return NOTHING_YET
        parts = [_limits(self.limits, self.time_scale), _lanes(self.lanes, self.holders), _breakers(self.breakers)]
        parts += [_holders(self.holders), _users(self.users), _use(self.use)]  # what is last does not fit every screen
        shown = [part if part.row_count else f"{part.title}: none" for part in parts]
        return Group(*(line for part in shown for line in (part, "")))


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


def show(catalogue: Catalogue, *, watch: bool, console: Console) -> QuotaStatus:
    """Look once, or look on until Ctrl-C; the last look.

    Raises:
        AccessError: the store does not answer or is not migrated.
    """
    with database.local_url() as url, database.open_store(url) as store:
        quota = read_quota(store, catalogue)
        if watch:
            with Live(quota.render(), console=console, auto_refresh=False) as live:
                try:
                    while True:
                        time.sleep(LOOK_EVERY_SECONDS)
                        quota = read_quota(store, catalogue)
                        live.update(quota.render(), refresh=True)
                except KeyboardInterrupt:
                    pass
    return quota


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


def _table(title: str, *columns: str) -> Table:
    """A column whose name begins with `>` holds numbers; the first one, of names, is never broken."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    for column in columns:
        justify: JustifyMethod = "right" if column.startswith(">") else "left"
        table.add_column(column.lstrip(">"), justify=justify, no_wrap=column == columns[0])
    return table


def _limits(rows: list[Row], scale: float) -> Table:
    columns = ("limit", ">catalogue", ">now", ">to others", ">used", ">bucket", "pushed back")
    fast = f" (of the sandbox: {60 / scale:.3g} s on the clock)" if scale != 1 else ""
    table = _table(f"Limits a minute{fast}", *columns)
    shown = [_limit_cells(row) for row in rows]
    for cells, same in groupby(shown, key=lambda named: (named[0].partition(" of ")[0], *named[1:])):
        names = [named[0] for named in same]
        table.add_row(f"{cells[0]} of {len(names)} users" if len(names) > 1 else names[0], *cells[1:])
    return table


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


def _lanes(rows: list[Row], holders: list[Row]) -> Table:
    table = _table("Features on accounts", "feature", "account", ">share", ">takes now", ">priority", "state")
    with_open_calls = {(row["account"], row["lane"]) for row in holders}
    for row in rows:
        open_calls = (row["account"], row["lane"]) in with_open_calls
        numbers = (f"{row['share']:.1%}", f"{row['use']:.1%}", str(row["priority"]))
        table.add_row(row["lane"], row["account"], *numbers, _lane_state(row, open_calls=open_calls))
    return table


def _lane_state(row: Row, *, open_calls: bool) -> str:
    if row["waits"]:
        return "waits for the account"
    if row["awake"]:
        return "sends"
    return "has calls open" if open_calls else "idle"


def _holders(rows: list[Row]) -> Table:
    columns = ("holder", "feature", "account", ">promised", ">in flight", ">in line, s")
    table = _table("Holders of grants (host/process id/pacer)", *columns)
    for row in rows:
        numbers = (str(row["promised"]), str(row["in_flight"]), f"{row['waits_seconds']:.1f}")
        table.add_row(row["holder"], row["lane"], row["account"], *numbers)
    return table


def _users(rows: list[Row]) -> Table:
    table = _table("Evaluation users' calls in the window", "window", "user", ">calls", ">allowed", "state")
    for row in rows:
        state = "spent by others" if row["spent"] else "full" if row["calls"] >= row["allowed"] else ""
        table.add_row(row["window_name"], row["evaluation_user"], str(row["calls"]), str(row["allowed"]), state)
    return table


def _breakers(rows: list[Row]) -> Table:
    columns = ("provider", "state", "since (UTC)", ">calls", ">faults", ">re-openings", "why it last opened")
    table = _table("Circuit breakers (calls, faults: of the last 10 s that had any)", *columns)
    for row in rows:
        numbers = (str(row["calls"]), str(row["faults"]), str(row["reopenings"]))
        table.add_row(row["provider"], _breaker_state(row), f"{row['since']:%H:%M:%S}", *numbers, row["reason"])
    return table


def _breaker_state(row: Row) -> str:
    if row["state"] == BreakerState.OPEN:
        return f"open until {row['open_until']:%H:%M:%S}"
    if row["state"] == BreakerState.HALF_OPEN:
        return f"half-open, {row['good_probes']} good, {row['probes']} under way"
    return str(row["state"])


def _use(rows: list[Row]) -> Table:
    columns = ("minute (UTC)", "account", "feature", ">calls", ">refused", ">input", ">output", ">cached")
    table = _table(f"Used in the last {USE_MINUTES} minutes of the clock", *columns)
    for row in rows:
        tokens = (row["input_tokens"], row["output_tokens"], row["cached_input_tokens"])
        numbers = (str(row["calls"]), str(row["refusals"]), *(f"{count:,.0f}" for count in tokens))
        table.add_row(f"{row['minute']:%H:%M}", row["account"], row["lane"], *numbers)
    return table
