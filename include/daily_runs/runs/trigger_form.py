"""The form that starts a run by hand: its fields, as JSON schemas, and what of it makes sense together.

The schemas are what Airflow shows and enforces; `read` and `check` hold for whatever else sends parameters.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from daily_runs import dataset
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature
from daily_runs.errors import ParameterError
from daily_runs.input_files import is_one_line
from daily_runs.judging import rubric_versions
from daily_runs.records.run import choose_prompts, date_and_sample
from daily_runs.runs import selection
from daily_runs.runs.routing import AUTO
from daily_runs.statuses import Rerun

RUN_PATTERN = (
    r"^(\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?"
    r"(/sample-[0-9a-f]{8})?(/rubric-[0-9a-f]{12})?)?$"
)
RUBRIC_PATTERN = r"^([0-9a-f]{8,12})?$"

RERUN_LABELS: Mapping[Rerun, str] = {
    Rerun.ALL: "All: ask every prompt (pays for all of them)",
    Rerun.MISSING_ANSWERS: "Missing answers only: ask what failed or was never answered, judge what has no verdict",
    Rerun.JUDGE_AGAIN: "Judge again: keep the answers, judge each anew (pays for the verdicts)",
    Rerun.GATE_AND_PUBLISH: "Gate and publish again: keep answers and verdicts, send nothing",
}


_TEXT = ["null", "string"]
_FIXED: Mapping[str, dict[str, Any]] = {
    "only": {
        "default": None,
        "type": _TEXT,
        "pattern": selection.PATTERN,
        "title": "Only these",
        "description": "Prompt ids (rca-007#1), item ids (rca-007), classes (class:database) or tags (tag:cost), comma"
        " separated. Empty: all",
    },
    "rerun": {
        "default": str(Rerun.ALL),
        "type": "string",
        "enum": [str(rerun) for rerun in RERUN_LABELS],
        "values_display": {str(rerun): label for rerun, label in RERUN_LABELS.items()},
        "title": "Rerun",
        "description": "Anything but all takes over what the run's last attempt has, and pays only for the rest",
    },
    "rubric_version": {
        "default": None,
        "type": _TEXT,
        "pattern": RUBRIC_PATTERN,
        "title": "Rubric version",
        "description": "For judge again: the rubric's hash, or its first 8 digits. Another one than the catalogue's is"
        " a trial: its scores have a key of their own, which ends with /rubric- and the hash, and replace nothing."
        " Empty: the catalogue's",
    },
    "run": {
        "default": None,
        "type": _TEXT,
        "pattern": RUN_PATTERN,
        "title": "Run to rerun",
        "description": "Its logical date in UTC (2026-08-15T06:00:00Z), or the day if it has one run. Empty: this run's"
        " own date; for a manual run that takes something over, the feature's newest run. A rerun of a"
        " sample or a trial names it as its key does: 2026-08-15T06:00:00Z/sample-1a2b3c4d, …/rubric-0a1b2c3d4e5f",
    },
    "override_gate": {
        "default": None,
        "type": _TEXT,
        "maxLength": 200,
        "title": "Override the gate",
        "description": "With gate and publish again: publish although the gate blocks it. Write why; the reason is"
        " published with the run, and with your name. What would break the tables stays blocked",
    },
    "note": {
        "default": None,
        "type": _TEXT,
        "maxLength": 200,
        "title": "Note",
        "description": "Why it was started; kept with the attempt",
    },
}
"""The fields that are the same for every feature."""
STRIPPED = ("only", "run", "override_gate")
OLD_NAMES = {"redo": "rerun"}
"""What fields were called before: a run configuration that is kept in Airflow, or in a script, may still say so."""


class Form(NamedTuple):
    """What was asked for; every field's default is what a scheduled run does.

    `environment`: one of the catalogue, or `auto`. `prompts`: a sample of so many. `only`: see `selection`. `run`:
    logical date or day of the run to do anew (UTC where it names no zone), with `/sample-…` or `/rubric-…` if it is a
    sample or a trial.
    `override_gate`: why a run that the gate blocks is published all the same.
    """

    environment: str = AUTO
    prompts: int | None = None
    only: str = ""
    rerun: Rerun = Rerun.ALL
    rubric_version: str = ""
    run: str = ""
    override_gate: str = ""
    note: str = ""

    @property
    def forced(self) -> bool:
        """Whether somebody chose the environment."""
        return self.environment != AUTO

    @property
    def is_rerun(self) -> bool:
        """Whether something is taken over from a run."""
        return self.rerun is not Rerun.ALL

    @property
    def moment(self) -> str:
        """The logical date or day of `run`."""
        return date_and_sample(self.run)[0]

    @property
    def sample(self) -> str:
        """The sample or trial that `run` names; empty if it names none (`RunKey.sample`)."""
        return date_and_sample(self.run)[1]

    @property
    def is_about_a_run(self) -> bool:
        """Whether the form is about an earlier run."""
        return self.is_rerun or bool(self.run)


def fields(catalogue: Catalogue, feature: Feature) -> dict[str, dict[str, Any]]:
    """Every field in the form's order: `default`, and its JSON schema with title and help text."""
    most = feature.prompts_per_run
    return {
        "environment": {
            "default": AUTO,
            "enum": [AUTO, *catalogue.environments],
            "title": "Environment",
            "description": "auto: what the phase of the date says, if staging is ready for it. Any other is used"
            " at once, without a look or a wait",
        },
        "prompts": {
            "default": None,
            "type": ["null", "integer"],
            "minimum": 1,
            "maximum": most,
            "title": "Prompts",
            "description": f"Ask only this many. Empty: the catalogue's {most}, which is also the most: timeouts are"
            " computed from it",
        },
        **_FIXED,
    }


def read(given: Collection[str], values: Mapping[str, Any]) -> Form:
    """The form, from the keys that somebody sent and the values of all fields.

    Raises:
        ParameterError: a key that is no field, a value of another type, or fields that make no sense together.
    """
    unknown = sorted(set(given) - {*Form._fields, *OLD_NAMES})
    if unknown:
        known = ", ".join(sorted(Form._fields))
        raise ParameterError("run configuration", f"unknown parameter {', '.join(unknown)}", f"Known: {known}.")
    values = _by_their_names_of_today(given, values)
    sent = {name: values[name] for name in Form._fields if values.get(name) is not None}
    for name, value in sent.items():
        _must_be_of_its_type(name, value)
    form = Form(**sent)
    form = form._replace(rerun=Rerun(form.rerun), **{name: getattr(form, name).strip() for name in STRIPPED})
    _must_make_sense(form)
    return form


def _by_their_names_of_today(given: Collection[str], values: Mapping[str, Any]) -> Mapping[str, Any]:
    for old, name in OLD_NAMES.items():
        if old in given and name in given:
            raise ParameterError(old, f"is the old name of {name}, which is given too", f"Give {name} alone.")
        if values.get(old) is not None:
            values = {**values, name: values[old]}
    return values


def _must_be_of_its_type(name: str, value: object) -> None:
    if name == "prompts":
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ParameterError(name, f"{value!r} is no number of prompts", "Give 1 or more, or leave it empty.")
    elif not isinstance(value, str):
        raise ParameterError(name, f"{value!r} is no text", "Give it in quotes.")
    elif name == "rerun" and value not in list(Rerun):
        raise ParameterError(name, f"{value!r} is none of its values", f"Known: {', '.join(Rerun)}.")


def _must_make_sense(form: Form) -> None:
    if form.sample and not form.is_rerun:
        remedy = "Give the date alone; the fields prompts and only say which sample is asked."
        problem = f"{form.run} names a sample or a trial, which does not go with rerun: {form.rerun}"
        raise ParameterError("run", problem, remedy)
    if form.is_rerun and (form.prompts is not None or form.only):
        field = "prompts" if form.prompts is not None else "only"
        raise ParameterError(field, f"does not go with rerun: {form.rerun}", "A rerun has the prompts of its run.")
    if form.rubric_version and form.rerun is not Rerun.JUDGE_AGAIN:
        problem = f"does not go with rerun: {form.rerun}"
        raise ParameterError("rubric_version", problem, f"Choose rerun: {Rerun.JUDGE_AGAIN}, or leave it empty.")
    if form.override_gate and not is_one_line(form.override_gate):
        problem = "is not one line without control characters"
        raise ParameterError("override_gate", problem, "Write the reason in one line: readers see it as it stands.")
    if form.override_gate and form.rerun is not Rerun.GATE_AND_PUBLISH:
        problem = f"does not go with rerun: {form.rerun}"
        remedy = f"See first what the gate says, then choose rerun: {Rerun.GATE_AND_PUBLISH}; or leave it empty."
        raise ParameterError("override_gate", problem, remedy)


def check(catalogue: Catalogue, feature: Feature, form: Form) -> None:
    """See that what the form names is there: the environment, prompts, items, classes, tags and the rubric.

    Raises:
        ParameterError: a name that is not known.
        DatasetError, CatalogueError: the feature's data set or a rubric is not sound.
    """
    if form.forced and form.environment not in catalogue.environments:
        known = ", ".join((AUTO, *catalogue.environments))
        raise ParameterError("environment", f"{form.environment!r} is not in the catalogue", f"Known: {known}.")
    if form.prompts is not None and form.prompts > feature.prompts_per_run:
        problem = f"{form.prompts} are more than a run of {feature.feature} asks"
        raise ParameterError("prompts", problem, f"Give {feature.prompts_per_run} or fewer.")
    if form.only:
        items = dataset.load_feature_dataset(feature)
        selection.chosen(choose_prompts(items, feature.prompts_per_run, 1), items, form.only)
    if form.rubric_version:
        rubric_versions.named(feature, form.rubric_version)
