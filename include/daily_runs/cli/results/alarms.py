"""`daily-runs alarms`: the alarms over quality that are open, and what somebody says of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Column, Table

from daily_runs.cli.options import AsJson, command_line, print_json, terminal
from daily_runs.errors import ParameterError
from daily_runs.input_files import printable
from daily_runs.results import alarm_rows
from daily_runs.results.quality import WORDS
from daily_runs.statuses import AlarmState
from daily_runs.store import database
from daily_runs.store.pool import Row

RESOLUTIONS = tuple(state.value for state in AlarmState if state is not AlarmState.OPEN)

app = command_line()


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Those that are resolved, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the alarms that are open, the newest first."""
    if context.invoked_subcommand is not None:
        return
    with database.local_url() as url, database.open_store(url) as store:
        found = alarm_rows.all_of(store, only_open=not everything)
    if as_json:
        print_json(found)
    elif found:
        terminal().print(_table(found))
        terminal().print("To say what one was: daily-runs alarms resolve NUMBER --as real --by NAME --reason TEXT")
    else:
        terminal().print("No alarm is open." if not everything else "No alarm was ever raised.")


@app.command()
def resolve(
    number: Annotated[int, typer.Argument(help="Of the alarm.")],
    was: Annotated[
        str, typer.Option("--as", help="real, false, or accepted: the new level is the reference from then on.")
    ],
    by: Annotated[str, typer.Option(help="Who says so.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the alarm.")],
) -> None:
    """Say what an open alarm was: a real loss, a false alarm, or a new level that is accepted."""
    if was not in RESOLUTIONS:
        raise ParameterError("--as", f"{was!r} is no resolution", f"Known: {', '.join(RESOLUTIONS)}.")
    for option, text in (("--by", by), ("--reason", reason)):
        if not text.strip():
            raise ParameterError(option, "is empty", "Say it in words: it is kept with the alarm.")
    with database.local_url() as url, database.open_store(url) as store:
        row = alarm_rows.resolve(store, number, AlarmState(was), by=by.strip(), reason=reason.strip())
    print(f"alarm {number} ({row['feature']} in {row['environment']}) is resolved as {was}")


def _table(found: Sequence[Row]) -> Table:
    table = Table(
        Column("no.", justify="right"), "feature", "kind", "since", Column("what", ratio=1), "state", box=None
    )
    for row in found:
        worst = f"; worst class: {row['worst_class']}" if row["worst_class"] else ""
        changed = "".join(
            f"; {WORDS.get(name, name)}: {then} → {now}" for name, (then, now) in sorted(row["changed"].items())
        )
        resolved = f" by {row['resolved_by']}: {row['resolution']}" if row["resolved_by"] else ""
        table.add_row(
            str(row["alarm_id"]),
            f"{row['feature']} in {row['environment']}",
            row["kind"],
            row["since_run_key"].split("/", 2)[2],
            printable(f"{row['reason']}{worst}{changed}"),
            printable(f"{row['state']}{resolved}"),
        )
    return table
