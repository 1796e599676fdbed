"""`daily-runs run`: the six stages in one process, with a progress bar."""

from __future__ import annotations

import datetime as dt
import getpass
import re
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from daily_runs import connections
from daily_runs.catalogue.catalogue import Catalogue, environment_named, feature_named
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.reading.watch import CatalogueWatch
from daily_runs.catalogue.schedule import midnight
from daily_runs.cli.options import AsJson, Overlay, command_line, in_use, print_json, terminal
from daily_runs.cli.results.tables import shown
from daily_runs.clock import Clock
from daily_runs.errors import ParameterError
from daily_runs.records import answers, attempts, judgements
from daily_runs.records.gate import GateOverride
from daily_runs.records.run import Attempt, Report, RunKey, part_of_key
from daily_runs.results import published
from daily_runs.runs import opening, rerun, trigger_form
from daily_runs.runs.target import target_of
from daily_runs.stages import pipeline
from daily_runs.stages.orders.explain import explain as explain_order
from daily_runs.stages.orders.explanation import Explanation, headline, section
from daily_runs.statuses import Rerun
from daily_runs.store import database
from daily_runs.store.database import Store
from daily_runs.store.pool import Row

OPTIONS = {"run": "--date", "prompts": "--limit", "override_gate": "--override-gate"}
"""Of the form's fields, those that the command line names otherwise."""

OverrideGate = Annotated[
    str | None,
    typer.Option(
        help="With --rerun gate_and_publish: publish although the gate blocks it; say why. Kept with your name."
    ),
]

Explain = Annotated[
    bool,
    typer.Option("--explain", help="Say what it would ask, reuse, judge and spend; open nothing and send nothing."),
]

SampleOfKey = Annotated[
    str | None,
    typer.Option(
        help="For a rerun of a sample: the eight digits at the end of its run key. Of a trial:"
        " rubric-0a1b2c3d4e5f, or 1a2b3c4d/rubric-0a1b2c3d4e5f of a sample's."
    ),
]

app = command_line()


@app.command()
def command(
    feature: Annotated[str, typer.Argument(help="A feature of the catalogue, such as root_cause_analysis.")],
    environment: Annotated[str, typer.Option(help="staging or production.")],
    limit: Annotated[int | None, typer.Option(help="Ask this many prompts, not the catalogue's number.")] = None,
    only: Annotated[
        str | None, typer.Option(help="Only these prompts, items, classes or tags: rca-007, class:database, tag:cost.")
    ] = None,
    rerun: Annotated[
        Rerun | None,
        typer.Option(
            help="What to do again. all: ask and pay for every prompt, even if the data set changed after some were"
            " paid; the others keep the answers that the run has. Default: go on with the unfinished attempt, or ask"
            " all if there is none."
        ),
    ] = None,
    redo: Annotated[Rerun | None, typer.Option(hidden=True)] = None,
    date: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day; default: today, for a rerun its newest run.")
    ] = None,
    sample: SampleOfKey = None,
    override_gate: OverrideGate = None,
    explain: Explain = False,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Run one feature's six stages in this process, without Airflow. Run it again to go on where it stopped."""
    if redo is not None and rerun is not None:
        raise ParameterError("--redo", "is the old name of --rerun, which is given too", "Give --rerun alone.")
    if only is not None and not only.strip(" ,"):
        raise ParameterError(
            "--only", f"{only!r} names nothing", "Name prompts, items, classes or tags; leave it out for all."
        )
    day = date.date() if date else None
    asked = RunOptions(feature, environment, day, limit, only or "", redo or rerun, sample or "", override_gate or "")
    if explain:
        tell(explained(asked, overlay=in_use(overlay)), as_json=as_json)
    else:
        run(asked, overlay=in_use(overlay), console=Console(stderr=True)).tell(as_json=as_json)


class Begun(NamedTuple):
    """What a rerun had to do as it began: prompts to ask, and answers taken over that were still to be judged."""

    rerun: Rerun
    taken_over_from: str
    to_ask: int
    to_judge: int

    def __str__(self) -> str:
        """For people."""
        return (
            f"rerun {self.rerun}, taken over from attempt {self.taken_over_from}: {self.to_ask} prompts were left to"
            f" ask, {self.to_judge} of its answers to judge"
        )


class RunOutcome(NamedTuple):
    """What became of a run: its stages' reports and its published row; of a rerun, what it had to do."""

    reports: list[Report]
    published: Row
    begun: Begun | None = None

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        stages = [
            {name: getattr(report, name) for name in ("stage", "asked", "answered", "failed", "missing")}
            for report in self.reports
        ]
        begun = self.begun._asdict() if self.begun else None
        return {"stages": stages, "published": self.published, "rerun": begun}

    def tell(self, *, as_json: bool) -> None:
        """Print it."""
        if as_json:
            print_json(self.as_json())
        else:
            terminal().print(*self.render(), sep="\n")

    def render(self) -> list[Table | str]:
        """For people."""
        p = self.published
        table = Table(title=f"{p['run_key']} ({p['provenance']})", title_justify="left")
        for column in ("stage", "asked", "answered", "failed", "missing"):
            table.add_column(column, justify="left" if column == "stage" else "right")
        for report in self.reports:
            table.add_row(report.stage, *map(str, (report.asked, report.answered, report.failed, report.missing)))
        failures = [
            f"{kind} x {n}" for report in self.reports for kind, n in report.details.get("failures", {}).items()
        ]
        scores = (
            f"mean score {p['mean_score']:.3f} (95 % between {p['mean_score_low']:.3f} and {p['mean_score_high']:.3f}),"
            f" {p['scored']} scored, {p['unscored']} unscored; published as attempt {p['attempt_id']}"
        )
        begun = [str(self.begun)] if self.begun else []
        return [table, *begun, *(f"failed: {failure}" for failure in failures), scores]


class RunOptions(NamedTuple):
    """What the command line asks for; `day` None: today's run, or for a rerun the newest;
    `rerun` None: go on with what is unfinished, or ask all."""

    feature: str
    environment: str
    day: dt.date | None
    limit: int | None = None
    only: str = ""
    rerun: Rerun | None = None
    sample: str = ""
    override_gate: str = ""


def run(asked: RunOptions, *, overlay: str | None, console: Console) -> RunOutcome:
    """Plan and run one arm against the store of the command line.

    Raises:
        DailyRunsError: whatever a stage raises; the same call goes on from there.
    """
    watch = CatalogueWatch(overlay)
    catalogue = watch.catalogue
    feature = feature_named(catalogue, asked.feature)
    environment_named(catalogue, asked.environment)
    _check(feature, asked)
    with database.local_url() as url, database.open_store(url) as store:
        order = _order(store, catalogue, feature, asked)
        attempt = rerun.open_attempt(store, catalogue, order)
        begun = _begun(store, attempt)
        if attempt.resumed:
            console.print(f"going on with unfinished attempt {attempt.attempt_id}")
        work = pipeline.work_for(store, catalogue, attempt, connections.find, watch=watch)
        with _progress(console) as progress:
            bars = _Bars(progress)
            reports = list(pipeline.run_all(work, bars.begin))
            bars.finish()
        row = published.of_run(store, str(attempt.key))
        assert row is not None  # publish has just written it
    return RunOutcome(reports, row, begun)


def explained(asked: RunOptions, *, overlay: str | None) -> Explanation:
    """What `run` of the same options would do; nothing is opened, written or sent.

    Raises:
        DailyRunsError: it would be refused so.
    """
    catalogue = CatalogueWatch(overlay).catalogue
    feature = feature_named(catalogue, asked.feature)
    environment_named(catalogue, asked.environment)
    _check(feature, asked)
    with database.local_url() as url, database.open_store(url) as store:
        return explain_order(store, catalogue, _order(store, catalogue, feature, asked))


def tell(found: Explanation, *, as_json: bool) -> None:
    """Print an explanation."""
    if as_json:
        print_json({"headline": headline(found), **found.as_json()})
    else:
        table = section(found)
        terminal().print(headline(found), *shown([table]), table.note, sep="\n")


def _check(feature: Feature, asked: RunOptions) -> None:
    if asked.sample and (asked.day is None or asked.rerun in (None, Rerun.ALL)):
        raise ParameterError("--sample", "goes with --date and a --rerun of what the sample has", "Give both.")
    if asked.sample and not re.fullmatch("[0-9a-f]{8}|([0-9a-f]{8}/)?rubric-[0-9a-f]{12}", asked.sample):
        problem = f"{asked.sample!r} is neither eight hexadecimal digits nor ends with rubric- and twelve"
        raise ParameterError("--sample", problem, "Give those of its key.")
    if asked.day is not None:
        opening.check_date(feature, midnight(asked.day), "--date")
    if asked.limit is not None and asked.limit > feature.prompts_per_run:
        problem = f"{asked.limit} are more than a run of {feature.feature} asks"
        raise ParameterError("--limit", problem, f"Give {feature.prompts_per_run} or fewer.")


def _order(store: Store, catalogue: Catalogue, feature: Feature, asked: RunOptions) -> rerun.RerunOrder:
    moment, sample = midnight(asked.day or Clock.now().date()), ""
    if asked.rerun not in (None, Rerun.ALL) or asked.override_gate:
        day = asked.day.isoformat() if asked.day else None
        day = f"{day}{part_of_key(asked.sample)}" if day else day
        values = {"environment": asked.environment, "prompts": asked.limit, "only": asked.only, "run": day}
        values |= {"override_gate": asked.override_gate}
        try:
            wanted = trigger_form.read((), values | {"rerun": asked.rerun or Rerun.ALL})
            target = target_of(store, catalogue, feature, wanted, moment, manual=True)
            moment, sample = target.logical_date, target.sample
        except ParameterError as error:
            place = OPTIONS.get(error.place, f"--{error.place}")
            raise ParameterError(place, error.problem, error.remedy) from None
    reason = asked.override_gate.strip()
    return rerun.RerunOrder(
        RunKey(asked.feature, asked.environment, moment, sample),
        asked.rerun or Rerun.ALL,
        prompts=asked.limit,
        only=asked.only,
        anew=asked.rerun is Rerun.ALL,
        override=GateOverride(reason, getpass.getuser()) if reason else None,
    )


def _begun(store: Store, attempt: Attempt) -> Begun | None:
    base = attempts.base_of(store, attempt.attempt_id)
    if base is None:
        return None
    to_ask = len(answers.unsettled(store, attempt.attempt_id, None))
    return Begun(attempt.rerun, base, to_ask, len(judgements.unjudged(store, attempt.attempt_id, None)))


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


class _Bars:
    """One bar a stage; a stage that settles no prompts is one step long."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._last: TaskID | None = None

    def begin(self, stage: str, prompts: int) -> Callable[[int], None]:
        """Finish the bar before, start this stage's; returns what to call as prompts are settled."""
        self.finish()
        bar = self._last = self._progress.add_task(stage, total=prompts if stage in pipeline.MAPPED else 1)
        return lambda count: self._progress.advance(bar, count)

    def finish(self) -> None:
        """Fill the last bar: its stage has ended, whatever it found done already."""
        if self._last is not None:
            total = self._progress.tasks[self._last].total
            self._progress.update(self._last, completed=total or 0)
