"""What on-call reads in the UI, made from the catalogue, so that it can't drift from it."""

from __future__ import annotations

from daily_runs.catalogue import Catalogue, Feature
from daily_runs.catalogue_rules import environments_of
from daily_runs.quota.rates import budget

STAGE_DOCS = {
    "seed_check": "Binds each seed key to a live resource, verified. Fails with the missing keys and their owner.",
    "limit_probe": "Asks the path what it allows; fails before any paid call when a limit is too low, with the remedy.",
    "inference": "Asks the prompts of one shard at the rate the ledger grants. Clear it to ask only what is missing.",
    "judging": "Has the judge score the answers of one shard. Clear it to judge only what has no verdict.",
    "validation": "The gate. A failure means: quarantined, rows kept, nothing published. It is not retried.",
    "publish": "Replaces the run's published rows in one transaction. Safe to clear.",
}


def feature_doc(catalogue: Catalogue, feature: Feature) -> str:
    """A DAG's `doc_md`: what it does, what is normal, when to worry, who owns it."""
    phases = "\n".join(f"| {p.starts} | {p.phase} | {p.schedule or 'no runs'} |" for p in feature.phases)
    environments = environments_of(feature) or ("staging",)
    rates = "\n".join(_rate_line(catalogue, feature, name) for name in environments)
    t = feature.thresholds
    return f"""
### {feature.title}: {feature.prompts_per_run} prompts a run

| from (UTC) | phase | schedule |
|---|---|---|
{phases}

{rates}

**Owner**: {feature.owner.team}; DRI: {feature.owner.dri}. Priority {feature.priority}.
Seeds: {feature.seeding.state}, owner {feature.seeding.owner}.

#### Triage notes

*Normal*: the arm that is not planned for the date is skipped. Up to {1 - t.answered_share_min:.0%} of the prompts may
fail, each with its hop and kind; up to {t.unscored_share_max:.0%} of the answers may stay unscored.

*Worry when*: `seed_check` or `limit_probe` fails (nothing was paid; the message names the remedy and its owner);
`validation` fails (quarantined: answered share under {t.answered_share_min:g}, unscored over {t.unscored_share_max:g}
or mean score under {t.mean_score_min:g}); `inference` runs past its timeout.

*Rerun just that*: clear the failed task; it does only what is missing and pays nothing twice. Trigger with the form to
force an environment or a sample.
"""


def _rate_line(catalogue: Catalogue, feature: Feature, environment: str) -> str:
    weighed = budget(catalogue, feature, environment)
    account = catalogue.environments[environment].account
    minutes = feature.prompts_per_run / weighed.binding.prompts_per_minute
    return (
        f"In **{environment}**: {weighed.binding.limit} binds at {weighed.binding.prompts_per_minute:g} prompts/min: "
        f"{minutes:.0f} min for a run, {weighed.account_share:.2%} of account {account}, {weighed.slots} slots.\n"
    )
