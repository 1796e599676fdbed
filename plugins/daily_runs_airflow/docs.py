"""What on-call reads in the UI, made from the catalogue, so that it can't drift from it."""

from __future__ import annotations

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature, Phase, environments_of
from daily_runs.catalogue.rates import budget, run_minutes
from daily_runs.catalogue.schedule import in_words

TASK_DOCS = {
    "plan": "Checks the form and decides, by the phase of the run's date, what is planned and which prompts are asked."
    " Fails on bad input: `docs/runbooks/input.md`. Spends nothing.",
    "staging_ready": "Checks whether staging is ready for the feature, if the date's phase plans it and nobody forced"
    " an environment; a look that another run has just taken is used. Its return value says what is in the way and who"
    " can lift it. Spends nothing. `docs/runbooks/readiness.md`.",
    "route": "Chooses the arms; Airflow skips the others. Its return value (tab Storage) and its log say which and why,"
    " and so does the table `daily_runs.routed`. `docs/runbooks/readiness.md`.",
    "seed_check": "Binds each seed key to a live resource and verifies it. Fails with the missing keys and their owner:"
    " `docs/runbooks/seeds.md`. Clearing it in a run that is *published* or *quarantined* opens a new attempt, which"
    " does what the form's *Rerun* says: after *all*, it pays for every prompt again.",
    "limit_probe": "Asks the path what it allows; fails before any paid call when a limit is too low, with the remedy:"
    " `docs/runbooks/limits.md`. Safe to clear.",
    "inference": "Asks the prompts of one shard at the rate the ledger grants. Clearing it asks only for what is"
    " missing; a call that was in flight when the task died may be paid again. `docs/runbooks/calls.md`;"
    " `docs/runbooks/access.md` when a login is refused, `docs/runbooks/limits.md` when a budget is spent.",
    "judging": "Has the judge score the answers of one shard; the first shard's task has the frozen answers scored,"
    " half before and half after, unless another run did lately, and waits for one that does. Clearing it judges only"
    " what has no verdict; a verdict that was in flight when the task died may be paid again. `docs/runbooks/calls.md`,"
    " `docs/runbooks/access.md`.",
    "validation": "The gate. If it fails, the attempt is quarantined: rows kept, nothing published. It is not retried."
    " `docs/runbooks/gate.md` says what to do again by the form, and what that pays.",
    "publish": "Replaces the run's published rows in one transaction, then tells DAGs that wait for the feature's asset"
    " (`docs/data_contract.md`). Safe to clear: it tells them again. `docs/runbooks/counts.md`.",
    "compare": "Compares what the arms published; with two, by the paired difference. Writes what it found, and is"
    " safe to clear. `docs/runbooks/counts.md`.",
    "summary": "Runs when all else has ended, whatever came of it. Its line (column *Map Index* of the run's task"
    " list, the run's note, the table `daily_runs.run_summary`) says the verdict and what it cost, what failed, or why"
    " nothing was asked. The note needs the connection `daily_runs_airflow`. Safe to clear. `docs/runbooks/README.md`.",
    "check_readiness": "Looks at one environment for every feature that goes there: seeds, and limits on the path."
    " Takes no look if the newest is younger than half an hour, unless somebody triggered it. Free calls only; safe to"
    " clear. A path that cannot be looked at is no fault of this task: its log, and `daily-runs status`, say *unknown*"
    " and why. `docs/runbooks/readiness.md`.",
    "look_for_incidents": "Looks in the store for late runs, readiness that was lost, budgets and alarms; says when an"
    " incident is over; sends the messages that nobody has sent. A receiver that cannot be reached is no fault of this"
    " task: its log says why, and the next run tries again. Spends nothing, safe to clear."
    " `docs/operations/notices.md`; when the store is away, `docs/runbooks/store.md`.",
    "tell_the_week": "Sends each team the message of the last whole week, once; safe to clear. Spends nothing."
    " `docs/operations/notices.md`; when the store is away, `docs/runbooks/store.md`.",
}

READINESS_DOC = """
### Readiness: a look at every environment, every hour

Keeps what `daily-runs status` shows fresh, and what the sensors and routing rest on. Spends no AI budget.

#### Triage notes

*Normal*: green, also when staging is not ready, which is what it finds out. It takes no look when a waiting run has
just taken one; triggered by hand, it always looks.

*Worry when*: a look fails (the store is away, or the catalogue is not sound); or its log says *could not look*: the hop
and its owner stand there.

*Rerun*: clear it, or trigger the DAG; it is free.

*Runbook*: `docs/runbooks/readiness.md`.
"""

NOTICES_DOC = """
### Notices: telling people

Runs tell of themselves when they fail; this DAG tells the rest: late runs, readiness that was lost, budgets, alarms,
what is over, and messages that could not be sent before. The weekly one sends each team its week. Spends nothing.

#### Triage notes

*Normal*: green, also when there is nothing to tell, or a receiver cannot be reached (the log says so).

*Worry when*: it fails: the store is away, the catalogue is not sound, or the extra of a connection cannot be used.

*Rerun*: clear it; nobody is told twice.

*How it is set up*: `docs/operations/notices.md`.
"""


def feature_doc(catalogue: Catalogue, feature: Feature) -> str:
    """A DAG's `doc_md`: what it does, what is normal, when to worry, who owns it."""
    phases = "\n".join(f"| {phase.starts} | {phase.phase} | {_schedule(feature, phase)} |" for phase in feature.phases)
    environments = environments_of(feature) or ("staging",)
    rates = "\n".join(_rate_line(catalogue, feature, name) for name in environments)
    t = feature.thresholds
    return f"""
### {feature.title}: {feature.prompts_per_run} prompts a run

| from ({feature.timezone}) | phase | schedule |
|---|---|---|
{phases}

{rates}

**Owner**: {feature.owner.team}; DRI: {feature.owner.dri}. Priority {feature.priority}.
Seeds: {feature.seeding.state}, owner {feature.seeding.owner}.

#### Triage notes

*Normal*: the arm that `route` did not choose is skipped, and `wait_for_staging` where nothing is waited for; with
`when_not_ready: skip` a whole run may be (this feature's is `{feature.when_not_ready}`).
Up to {1 - t.answered_share_min:.0%} of the prompts may fail, each with its hop and kind;
up to {t.unscored_share_max:.0%} of the answers may stay unscored.

*Worry when*: `seed_check` or `limit_probe` fails (nothing was paid; the message names the remedy and its owner);
`validation` fails (quarantined: answered share under {t.answered_share_min:g} or unscored over
{t.unscored_share_max:g}); `publish` logs a verdict of *regressed* or *below floor* (mean under {t.mean_score_min:g});
`inference` runs past its timeout.

*Rerun just that*: mend the cause, then clear the failed task. Inference and judging ask only for what is missing, but
what was in flight may be paid again. Of a run that has ended, trigger the DAG by its form with *Rerun*: only missing
answers, only the judging, or only the gate; what is there is not paid again. The form also forces an environment, a
sample or single prompts.

*Runbooks* (`docs/runbooks`): plan `input.md`; seed_check `seeds.md`; limit_probe `limits.md`; inference and judging
`calls.md`, `access.md`; validation `gate.md`; wrong counts anywhere `counts.md`.
"""


def _schedule(feature: Feature, phase: Phase) -> str:
    return f"{in_words(phase.schedule, feature.timezone)} (`{phase.schedule}`)" if phase.schedule else "no runs"


def _rate_line(catalogue: Catalogue, feature: Feature, environment: str) -> str:
    weighed = budget(catalogue, feature, environment)
    account = feature.account_in(environment, catalogue.environments[environment])
    minutes = run_minutes(catalogue, feature, environment)
    return (
        f"In **{environment}**: {weighed.binding.limit} binds at {weighed.binding.prompts_per_minute:g} prompts/min: "
        f"{minutes:.0f} min for a run, {weighed.account_share:.2%} of account {account}, {weighed.slots} slots.\n"
    )
