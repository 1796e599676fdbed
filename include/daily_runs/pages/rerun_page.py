"""The page *Rerun*: what a run lacks, the form that mends it, and what the form will do before it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daily_runs.incidents.incident_rows import AttemptFacts
from daily_runs.pages.frame import airflow_link, link
from daily_runs.pages.links import PageLinks
from daily_runs.pages.rerun_form import Ordered
from daily_runs.results.run_report.markup import details, escaped, table
from daily_runs.results.run_report.sections import usd
from daily_runs.stages.orders.explanation import headline, section

CAUSES_SHOWN = 3
CHANGED = (
    '<p class="notice" role="alert">Nothing was started: since it was last explained, the form was changed, or the run'
    " was. This is what it will do now.</p>"
)
_TEXT_MAX = 2_000
_VALUE_MAX = 400


class RerunView(NamedTuple):
    """All that the page shows.

    `fields`: the form's, as `trigger_form.fields` has them; `token`: makes the new run's id, so that a form that is
    sent twice starts one run; `paused`: whether the DAG is; `changed`: the form was sent, and not for what was shown.
    """

    dag_id: str
    run_id: str
    facts: Sequence[AttemptFacts]
    fields: Mapping[str, Mapping[str, Any]]
    ordered: Ordered
    token: str
    paused: bool = False
    changed: bool = False


def parts(view: RerunView, links: PageLinks) -> list[str]:
    """What the run lacks, the form, what it will do."""
    of_run = link(links.run(view.dag_id, view.run_id), view.run_id)
    paused = _paused(links, view.dag_id, paused=view.paused)
    return [f"<p>Mends run {of_run}.</p>", *paused, *_lacks(view.facts), _form(view)]


def _paused(links: PageLinks, dag_id: str, *, paused: bool) -> list[str]:
    if not paused:
        return []
    dag = airflow_link(links.airflow_dag(dag_id), "its page")
    return [f'<p class="notice">This DAG is paused: a run of it waits until somebody unpauses it on {dag}.</p>']


def _lacks(facts: Sequence[AttemptFacts]) -> list[str]:
    if not facts:
        return ["<p>This DAG run opened no attempt, so there is nothing that a rerun could take over from it.</p>"]
    rows = [
        [
            one.run_key,
            *(str(count) for count in (one.asked, one.answered, one.failed, one.scored)),
            ", ".join(f"{kind} {count}" for kind, count in list(one.failures.items())[:CAUSES_SHOWN]) or "–",
            ", ".join(one.blocked_by) or "–",
            usd(one.spent_usd),
        ]
        for one in facts
    ]
    header = ("run", "asked", "answered", "failed", "scored", "most frequent failures", "gate failed", "spent, USD")
    return ["<h2>What it has</h2>", f'<div class="wide" tabindex="0">{table(header, rows)}</div>']


def _form(view: RerunView) -> str:
    """What the form will do stands above its fields: that is what somebody looks at before it is sent."""
    fields = "".join(_field(name, known, view.ordered.values[name]) for name, known in view.fields.items())
    return (
        f"{CHANGED if view.changed else ''}{_explained(view.ordered)}"
        '<h2 class="screen">What to do</h2><form class="order" id="order" method="get">'
        f'<input type="hidden" name="token" value="{escaped(view.token)}">'
        f'<input type="hidden" name="seal" value="{view.ordered.seal}">{fields}'
        "<button>Explain this form</button></form>"
    )


def _field(name: str, known: Mapping[str, Any], value: str) -> str:
    described = f"{name}-help"
    about = f'id="{name}" name="{name}" aria-describedby="{described}"'
    if "enum" in known:
        labels = known.get("values_display", {})
        options = "".join(
            f'<option value="{escaped(choice)}"{" selected" if choice == value else ""}>'
            f"{escaped(labels.get(choice, choice))}</option>"
            for choice in known["enum"]
        )
        control = f"<select {about}>{options}</select>"
    elif name == "prompts":
        bounds = f'min="{known["minimum"]}" max="{known["maximum"]}"'
        control = f'<input type="number" {about} {bounds} value="{escaped(value, _VALUE_MAX)}">'
    else:
        most = f' maxlength="{known["maxLength"]}"' if "maxLength" in known else ""
        control = f'<input {about}{most} value="{escaped(value, _VALUE_MAX)}">'
    help_text = f'<small class="note" id="{described}">{escaped(known["description"])}</small>'
    return f'<div class="field"><label for="{name}">{escaped(known["title"])}</label>{control}{help_text}</div>'


def _explained(ordered: Ordered) -> str:
    """What will be done, and only then the button that does it."""
    if ordered.refusal:
        return (
            '<h2>What it will do</h2><p class="notice" role="alert">This form would be refused: '
            f"{escaped(ordered.refusal, _TEXT_MAX)}</p>"
        )
    shown = "".join(
        f'<h3>{escaped(one.title)}</h3><p class="verdict">{escaped(headline(found), _TEXT_MAX)}</p>'
        f'<p class="note">{escaped(one.note, _TEXT_MAX)}</p>{details("Counts and cost", table(one.header, one.rows))}'
        for found in ordered.explanations
        for one in (section(found),)
    )
    go = '<button class="go screen" form="order" formmethod="post">Start this run</button>'
    nowhere = "" if ordered.explanations else "<p>It goes to no environment: nothing is asked.</p>"
    return f"<h2>What it will do</h2>{shown}{nowhere}{go}"


def started(links: PageLinks, dag_id: str, run_id: str, new_run_id: str, *, paused: bool) -> list[str]:
    """What is shown once the new run is there."""
    new = airflow_link(links.airflow_run(dag_id, new_run_id), new_run_id)
    own, before = link(links.run(dag_id, new_run_id), "what it does"), link(links.run(dag_id, run_id), run_id)
    told = f'<p class="verdict">Run {new} is started ({own}). It was asked for from run {before}.</p>'
    return [told, *_paused(links, dag_id, paused=paused)]
