"""What the page *Rerun* proposes for a DAG run, what a filled-in form would do, and what it sends.

The form is the trigger form (`runs.trigger_form`): the same fields, read and refused by the same rules.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature
from daily_runs.errors import ParameterError, StageError, UserError
from daily_runs.incidents.describe import proposed_form, proposed_rerun
from daily_runs.incidents.incident_rows import AttemptFacts, facts_of
from daily_runs.records import routes
from daily_runs.results.dag_run import dag_run_rows
from daily_runs.runs import trigger_form
from daily_runs.runs.routing import AUTO
from daily_runs.runs.trigger_form import Form
from daily_runs.stages.orders.explain import explain_form
from daily_runs.stages.orders.explanation import Explanation
from daily_runs.statuses import Rerun
from daily_runs.store.database import Store

PROMPTS_DIGITS_MAX = 6
"""More prompts than anybody asks for; Python refuses to read a number of some thousand digits."""


class Ordered(NamedTuple):
    """A filled-in form: its fields as texts, and what it would do or why it would be refused."""

    values: Mapping[str, str]
    form: Form | None
    explanations: Sequence[Explanation]
    refusal: str

    @property
    def seal(self) -> str:
        """Names the fields and what was said of them (hex): whoever sends the form sends what this was shown for."""
        said = [
            [
                one.run.split("/")[1:2],
                one.provenance,
                one.rerun,
                one.taken_from,
                one.goes_on,
                one.ends,
                one.work,
                one.usd,
            ]
            for one in self.explanations
        ]
        return hashlib.sha256(json.dumps([dict(self.values), said]).encode()).hexdigest()


def facts_of_run(store: Store, feature: str, run_id: str, attempt_ids: Sequence[str]) -> list[AttemptFacts]:
    """What the store knows of the newest attempt of a DAG run in each environment where it has one.

    Args:
        attempt_ids: those that its tasks worked on: one that it went on with was opened by another run.
    """
    rows = dag_run_rows.attempts(store, feature, run_id, attempt_ids)
    newest = {row["environment"]: str(row["attempt_id"]) for row in rows}
    found = [facts_of(store, run_id, feature, environment, attempt) for environment, attempt in newest.items()]
    return [facts for facts in found if facts]


def proposed(store: Store, feature: str, run_id: str, facts: Sequence[AttemptFacts]) -> dict[str, str]:
    """The form's fields that mend a DAG run: what its block in the log says, where it has one.

    Of two arms the one that lacks something is proposed; both, where both lack the same. Where they need different
    reruns it is the first one's: each is to be done by itself. A run that opened no attempt is asked
    for whole, by the date that it was routed for.
    """
    lacking = [one for one in facts if one.blocked_by or one.scored < one.asked] or list(facts)
    if not lacking:
        routed = routes.of_run(store, feature, run_id)
        date = routed["logical_date"].astimezone(dt.UTC).replace(tzinfo=None).isoformat() + "Z" if routed else ""
        return {"environment": AUTO, "rerun": Rerun.ALL.value, "run": date}
    ways = [proposed_rerun(one) for one in lacking]
    form = dict(proposed_form(lacking[0], ways[0]))
    return form if len(set(ways)) > 1 or len(lacking) == 1 else {**form, "environment": AUTO}


def ordered(
    store: Store, catalogue: Catalogue, feature: Feature, values: Mapping[str, str], moment: dt.datetime, *, by: str
) -> Ordered:
    """What a form with these texts would do; its refusal is told, not raised.

    Args:
        moment: stands for the logical date where the form names no run (aware).
        by: who fills it in.
    """
    known = {name: values.get(name, "").strip() for name in Form._fields}
    known["environment"] = known["environment"] or AUTO
    known["rerun"] = known["rerun"] or Rerun.ALL.value
    try:
        form = trigger_form.read((), _typed(known))
        return Ordered(known, form, explain_form(store, catalogue, feature, form, moment, by=by), "")
    except UserError as error:
        refusal = f"{error.place}: {error.problem}. {error.remedy}"
    except StageError as error:
        refusal = str(error)
    return Ordered(known, None, [], refusal)


def _typed(values: Mapping[str, str]) -> dict[str, Any]:
    typed: dict[str, Any] = {name: value or None for name, value in values.items()}
    if values["prompts"]:
        if not values["prompts"].isdecimal() or len(values["prompts"]) > PROMPTS_DIGITS_MAX:
            raise ParameterError(
                "prompts", f"{values['prompts'][:20]!r} is no number of prompts", "Give 1 or more, or leave it empty."
            )
        typed["prompts"] = int(values["prompts"])
    return typed


def conf_of(form: Form) -> dict[str, Any]:
    """The whole form as a DAG run's configuration: *Trigger again* of Airflow shows only the keys that are in it."""
    return {name: value if value != "" else None for name, value in form._asdict().items()} | {"rerun": str(form.rerun)}
