"""The whole examination in order, and its report as a table. One check's failure does not stop the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rich.markup import escape
from rich.table import Column, Table

from daily_runs.catalogue.catalogue import Catalogue, environment_named
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.clock import Clock
from daily_runs.doctor import airflow, gitlab, judge, own
from daily_runs.doctor.finding import Diagnosis, Now, State

MARKS = {
    State.OK: "[green]ok[/green]",
    State.FAULT: "[bold red]FAULT[/bold red]",
    State.NOTICE: "[yellow]notice[/yellow]",
    State.NOT_CHECKED: "[dim]-[/dim]",
}


def examine(
    environment: str | None = None,
    overlay: str | None = None,
    *,
    now: Now = Clock.now,
    tell: Callable[[str], None] = lambda _what: None,
    paid: bool = True,
) -> list[Diagnosis]:
    """Look at everything by free calls, and ask the judge for one tiny verdict, the one call that is paid.

    Args:
        environment: only this one; all of the catalogue if None.
        overlay: see `reading.files.load`.
        now: our clock.
        tell: called with what is looked at next, for a progress line.
        paid: False: no verdict is asked for, so that nothing reaches a model.

    Raises:
        ParameterError: the catalogue has no such environment.
    """
    reading = catalogue_files.read(overlay=overlay)
    names = _environments(reading.catalogue, environment)
    tell("store")
    found = list(own.store(now, reading.catalogue))
    tell("catalogue")
    found += own.catalogue(reading, overlay)
    tell("airflow")
    found += airflow.airflow(reading.catalogue)
    if reading.catalogue is None:
        found += [
            subject.not_checked("all of it", "the catalogue is not sound") for subject in (judge.JUDGE, gitlab.ALL)
        ]
        return found
    return found + list(_outside(reading.catalogue, names, now, tell, paid=paid))


def _environments(catalogue: Catalogue | None, only: str | None) -> list[str]:
    known = list(catalogue.environments) if catalogue else []
    if only is None or catalogue is None:
        return known
    environment_named(catalogue, only, "--environment")
    return [only]


def _outside(
    catalogue: Catalogue, names: Sequence[str], now: Now, tell: Callable[[str], None], *, paid: bool
) -> Iterator[Diagnosis]:
    for name in names:
        tell(name)
        yield from gitlab.gitlab(name, catalogue, now)
    tell("judge")
    yield from judge.judge(catalogue, now, sandbox=catalogue.judge.provenance == "sandbox", paid=paid)


def render(findings: Sequence[Diagnosis]) -> Table:
    """For people, readable from 100 columns on; a remedy stands below what it is for."""
    table = Table(Column("", no_wrap=True), Column("what", no_wrap=True), Column("found", ratio=1, overflow="fold"))
    before = findings[0].subject if findings else ""
    for finding in findings:
        if finding.subject != before:
            table.add_section()
        before = finding.subject
        remedy = f"\n[bold]-> {escape(finding.remedy)}[/bold]" if finding.remedy else ""
        what = escape(f"{finding.subject}: {finding.check}")
        table.add_row(MARKS[finding.state], what, escape(finding.detail) + remedy)
    counts = Counter(finding.state for finding in findings)
    table.caption = ", ".join(f"{counts[state]} {state.replace('_', ' ')}" for state in State if counts[state])
    return table
