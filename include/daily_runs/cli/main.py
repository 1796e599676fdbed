"""`daily-runs`: everything that is done without the Airflow UI. Bad input ends with one line on stderr and exit code
2."""

from __future__ import annotations

import datetime as dt
import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from daily_runs.cli.options import AsJson, Overlay, in_use
from daily_runs.errors import DailyRunsError, ParameterError, UserError
from daily_runs.statuses import Redo

EXIT_FAILED, EXIT_BAD_INPUT = 1, 2

app = typer.Typer(
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    help="Evaluates AI features every day; this is all that is done without the Airflow UI.",
)
catalogue_app = typer.Typer(help="The catalogue of features, accounts and environments.")
store_app = typer.Typer(help="The Postgres that every row lands in.")
app.add_typer(catalogue_app, name="catalogue")
app.add_typer(store_app, name="store")


def console(*, markup: bool = False) -> Console:
    """Standard output for people; 120 columns wide where there is no terminal. `markup`: of texts that are all ours."""
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=markup)


def print_json(data: Any) -> None:
    """Standard output for scripts."""
    print(json.dumps(data, indent=2, default=str))


@catalogue_app.command("check")
def catalogue_check(
    path: Annotated[Path | None, typer.Argument(help="The catalogue's folder; the shipped one by default.")] = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Check the catalogue; print each feature's schedule and binding limit, or every fault with its line."""
    from daily_runs.cli import catalogue as catalogue_checks
    from daily_runs.doctor import contents

    reading = contents.check(path, overlay if path else in_use(overlay))
    if reading.catalogue is None:
        for fault in reading.faults:
            print(fault, file=sys.stderr)
        raise typer.Exit(EXIT_BAD_INPUT)
    if as_json:
        print_json(catalogue_checks.as_json(reading.catalogue))
    else:
        console(markup=True).print(catalogue_checks.render(reading.catalogue))


@store_app.command("migrate")
def store_migrate() -> None:
    """Bring the store to this version: DAILY_RUNS_STORE, or the embedded Postgres in .daily_runs."""
    from daily_runs.store import database

    with database.local_url() as url:
        print(f"{database.place_of(url)}: at revision {database.migrate(url)}")


@app.command()
def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8390,
    time_scale: Annotated[float, typer.Option(help="Domain seconds that pass in one second.")] = 60.0,
    scenario: Annotated[Path | None, typer.Option(help="File of faults to begin with (JSON).")] = None,
) -> None:
    """Run the stand-in for GitLab's staging and production and for Anthropic, until Ctrl-C."""
    from daily_runs.sandbox import server

    server.run(host=host, port=port, time_scale=time_scale, scenario=scenario)


@app.command()
def run(
    feature: Annotated[str, typer.Argument(help="A feature of the catalogue, such as root_cause_analysis.")],
    environment: Annotated[str, typer.Option(help="staging or production.")],
    limit: Annotated[int | None, typer.Option(help="Ask so many prompts instead of the catalogue's number.")] = None,
    only: Annotated[str, typer.Option(help="Only these prompts, items or tags: rca-007, tag:cost.")] = "",
    redo: Annotated[
        Redo,
        typer.Option(help="What is done anew: all pays for every prompt; the others keep the answers that it has."),
    ] = Redo.ALL,
    date: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day; today (redo: newest run).")
    ] = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Run one feature's six stages in this process, without Airflow. Run it again to go on where it stopped."""
    from daily_runs.cli import run as command_run

    asked = command_run.RunOptions(feature, environment, date.date() if date else None, limit, only, redo)
    outcome = command_run.run(asked, overlay=in_use(overlay), console=Console(stderr=True))
    if as_json:
        print_json(outcome.as_json())
    else:
        console().print(*outcome.render(), sep="\n")


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Port of Airflow's page; 0 takes a free one.")] = 8080,
    time_scale: Annotated[float, typer.Option(help="Domain seconds that pass in one second of the sandbox.")] = 60.0,
) -> None:
    """Run Postgres, Airflow and the sandbox on this machine until Ctrl-C; prints the address and the login."""
    from daily_runs.local import stack

    stack.up(port=port, time_scale=time_scale, console=console(markup=True))


@app.command()
def demo(
    prompts: Annotated[int, typer.Option(help="Prompts to ask.", min=1)] = 900,
    time_scale: Annotated[float, typer.Option(help="Domain seconds that pass in one second.", min=0.1)] = 60.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the outcome as data to this file.")] = None,
    keep: Annotated[bool, typer.Option(help="Keep everything running afterwards, until Ctrl-C.")] = False,
) -> None:
    """One day of root cause analysis through a real Airflow against the sandbox; stops everything at the end."""
    from daily_runs.local import demo as demonstration

    passed = demonstration.run(prompts, time_scale, json_file=json_file, keep=keep, console=console(markup=True))
    raise typer.Exit(0 if passed else EXIT_FAILED)


@app.command()
def plan(
    first: Annotated[str | None, typer.Option("--from", help="First day; default: Monday of this week.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day; default: the Sunday of that week.")] = None,
    assume: Annotated[
        list[str] | None,
        typer.Option(help="FEATURE=DATE: as if it were in staging from then on; DATE@HH:MM sets the time. Repeatable."),
    ] = None,
    json_file: Annotated[str | None, typer.Option("--json", help="Write the plan as data; - prints it.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw the load by account into this SVG file.")] = None,
    forecast: Annotated[bool, typer.Option("--forecast", help="Add six months: base, double, half.")] = False,
    overlay: Overlay = None,
) -> None:
    """Say whether the planned runs fit, what binds them and what they cost; exit code 1 when they do not fit."""
    from daily_runs.cli import plan as command_plan

    asked = command_plan.PlanOptions(first, last, assume or (), json_file, picture, forecast, in_use(overlay))
    raise typer.Exit(0 if command_plan.run(asked, console()) else EXIT_FAILED)


@app.command()
def status(
    look: Annotated[bool, typer.Option("--look", help="Look at staging first; free calls only.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="A table for a tracking issue.")] = False,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Say of each feature what runs where and when, whether staging is ready for it, and how its last run went."""
    from daily_runs.cli import status as command_status

    if markdown and as_json:
        raise ParameterError("--markdown", "does not go with --json", "Give one of them.")
    found = command_status.show(in_use(overlay), look_first=look, console=Console(stderr=True))
    if as_json:
        print_json(found.as_json())
    elif markdown:
        print(found.as_markdown())
    else:
        console().print(*found.render(), sep="\n")


@app.command()
def seeds(
    environment: Annotated[str, typer.Argument(help="staging or production.")],
    feature: Annotated[str, typer.Argument(help="A feature of the catalogue, such as root_cause_analysis.")],
    manifest: Annotated[bool, typer.Option("--manifest", help="Write what must be created, as JSON lines.")] = False,
    every: Annotated[bool, typer.Option("--all", help="With --manifest: every seed, without a look.")] = False,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Say which seeds are there; spends nothing. Exit code 1: not ready; 3: could not look, which says nothing."""
    from daily_runs.cli import seeds as command_seeds

    asked = command_seeds.SeedsOptions(environment, feature, manifest, every, as_json, in_use(overlay))
    raise typer.Exit(command_seeds.run(asked, console()))


@app.command()
def probe(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="staging or production.")],
    feature: Annotated[str | None, typer.Option(help="Only this feature; all that ever run there by default.")] = None,
    burst: Annotated[
        int | None,
        typer.Option(help="So many free requests at the run's rate; default: the catalogue's.", min=0, max=200),
    ] = None,
    ai_action: Annotated[int, typer.Option(help="Spend so many aiAction calls to see them pass.", min=0)] = 0,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Say which limits on the path a run meets, which binds, whether it fits; 1: it does not; 3: could not look."""
    from daily_runs.cli import probe as command_probe

    asked = command_probe.ProbeOptions(environment, feature, burst, ai_action, in_use(overlay))
    raise typer.Exit(command_probe.run(asked, console(), as_json=as_json))


@app.command()
def doctor(
    environment: Annotated[str | None, typer.Option(help="Only this environment; all by default.")] = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Check store, catalogue, pools, connections, scopes, clocks and limits, without spending anything."""
    from daily_runs.doctor import examination

    overlay = in_use(overlay)
    with Console(stderr=True).status("looking ...") as status:
        findings = examination.examine(environment, overlay, tell=lambda what: status.update(f"looking at: {what} ..."))
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        console(markup=True).print(examination.render(findings))
    raise typer.Exit(0 if all(finding.ok for finding in findings) else EXIT_BAD_INPUT)


@app.command()
def quota(
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second, until Ctrl-C.")] = False,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Show the accounts' limits, who holds what of them, evaluation users, pushbacks and circuit breakers."""
    from daily_runs.catalogue.reading import files as catalogue_files
    from daily_runs.cli import quota as command_quota

    if watch and as_json:
        raise ParameterError("--watch", "does not go with --json", "Give one of the two.")
    catalogue = catalogue_files.load(overlay=in_use(overlay))
    found = command_quota.show(catalogue, watch=watch, console=console())
    if as_json:
        print_json(found.as_json())
    elif not watch:
        console().print(found.render())


@app.command()
def pools(
    write: Annotated[str | None, typer.Option(help="Write what `airflow pools import` takes; - is stdout.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with a live Airflow; exit 1 on a difference.")
    ] = False,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Show the Airflow pools that the catalogue asks for, write them to a file, or compare them with Airflow's."""
    from daily_runs.catalogue.reading import files as catalogue_files
    from daily_runs.cli import pools as command_pools

    if check and write is not None:
        raise ParameterError("--check", "does not go with --write", "Give one of the two.")
    catalogue = catalogue_files.load(overlay=in_use(overlay))
    if write is not None:
        command_pools.write(catalogue, write)
    elif check:
        found = command_pools.compare(catalogue)
        if as_json:
            print_json(found.as_json())
        else:
            print(*found.lines(), sep="\n")
        raise typer.Exit(EXIT_FAILED if found.differences else 0)
    elif as_json:
        print_json(command_pools.as_json(catalogue))
    else:
        console().print(command_pools.render(catalogue))


def main() -> None:
    """Run the command line; the one boundary where an expected error becomes a line and an exit code."""
    try:
        code = app(standalone_mode=False)  # 130 after Ctrl-C
    except DailyRunsError as error:
        print(f"daily-runs: {error}", file=sys.stderr)
        code = EXIT_BAD_INPUT if isinstance(error, UserError) else EXIT_FAILED
    except typer.TyperException as error:  # bad usage; its own words name the option, but not always the value
        words = error.format_message() if hasattr(error, "format_message") else str(error)
        given = shlex.join(sys.argv[1:])
        print(f"daily-runs: {words.rstrip('.')}. Given: {given!r}. Try: daily-runs --help", file=sys.stderr)
        code = EXIT_BAD_INPUT
    sys.exit(code)


if __name__ == "__main__":
    main()
