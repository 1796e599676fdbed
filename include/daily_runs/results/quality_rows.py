"""Rows of a published run's quality: its figures, its verdict against earlier runs, and the alarms that it raises."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daily_runs.catalogue.features import Quality
from daily_runs.errors import StageError
from daily_runs.records import gate, second_verdicts
from daily_runs.records.run import Attempt, RunKey
from daily_runs.results import alarm_rows, alarms, item_rows
from daily_runs.results.alarm_rows import AlarmStream
from daily_runs.results.quality import (
    RULER,
    EarlierRun,
    Population,
    RunVerdict,
    comparability_key,
    populations,
    run_means,
    verdict_of,
)
from daily_runs.results.regression import QualityDifference
from daily_runs.statuses import QualityVerdict
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection, Row

REFERENCE = "reference"


class QualityFacts(NamedTuple):
    """What the catalogue and the data set say of a run's quality.

    Attributes:
        classes: each asked item's class.
        floor, target: `mean_score_min` and `target_score` of the feature.
        streams: features times environments of the catalogue, which share the false alarms.
        context: what may change without the ruler, by name (`quality.WORDS`).
    """

    classes: Mapping[str, str]
    quality: Quality
    floor: float
    target: float
    streams: int
    context: Mapping[str, str]


def judge(connection: Connection, attempt: Attempt, facts: QualityFacts) -> RunVerdict:
    """Keep the figures and the verdict of a run whose rows were just published, inside the caller's transaction."""
    key = attempt.key
    item_rows.insert(connection, str(key), facts.classes)
    run = _run(connection, key, facts)
    earlier = _earlier(connection, key)
    pinned = alarm_rows.pinned_after(connection, key.feature, key.environment)
    verdict = verdict_of(run, earlier, facts.quality, facts.floor, pinned_after=pinned)
    override = gate.carried_out(connection, attempt.attempt_id)
    if override:
        verdict = verdict._replace(
            reason=f"no valid measurement: {override.by} overrode the gate ({override.reason}); {verdict.reason}"
        )
    found = populations(run.items)
    _save(connection, run, verdict, found)
    _save_comparison(connection, str(key), verdict)
    second_verdicts.save_agreement(connection, str(key), attempt.attempt_id)
    if not (key.sample or override) and len(found) == 1 and not _is_overtaken(connection, key):
        _raise_alarms(connection, key, [*earlier, run], verdict, facts, pinned)
    return verdict


def _run(connection: Connection, key: RunKey, facts: QualityFacts) -> EarlierRun:
    row = connection.execute(
        "SELECT p.dataset_sha256, coalesce(p.selection_sha256, '') AS selection_sha256, p.rubric_version,"
        " p.judge_model, coalesce(t.judge_effort, '') AS judge_effort,"
        " coalesce(t.judge_thinking, '') AS judge_thinking, coalesce(t.prompt_template, '') AS prompt_template,"
        " (SELECT coalesce(string_agg(DISTINCT v.answered_by, ', '), '') FROM daily_runs.judgement j"
        "  CROSS JOIN LATERAL (SELECT answered_by FROM daily_runs.verdict WHERE verdict_key = j.verdict_key UNION ALL"
        "                      SELECT answered_by FROM daily_runs.verdict WHERE repeat_of = j.verdict_key) v"
        "  WHERE j.attempt_id = p.attempt_id AND j.status = 'scored') AS judges,"
        " (SELECT coalesce(string_agg(DISTINCT serving_model, ', '), '') FROM daily_runs.published_result r"
        "  WHERE r.run_key = p.run_key) AS serving_model,"
        " (SELECT coalesce(max(details ->> 'gitlab_version'), '') FROM daily_runs.stage_report s"
        "  WHERE s.attempt_id = p.attempt_id) AS gitlab_version,"
        " (SELECT coalesce(max(details ->> 'gitlab_revision'), '') FROM daily_runs.stage_report s"
        "  WHERE s.attempt_id = p.attempt_id) AS gitlab_revision"
        " FROM daily_runs.published_run p JOIN daily_runs.attempt t USING (attempt_id) WHERE p.run_key = %s",
        [str(key)],
    ).fetchone()
    assert row is not None  # it was published in this transaction
    items = item_rows.of_runs(connection, [str(key)])[str(key)]
    providers = ", ".join(sorted({item.provider for item in items if item.answered}))
    told = {name: row.pop(name) for name in ("serving_model", "gitlab_version", "gitlab_revision")}
    ruler = {**row, "provider": providers}
    context = {**facts.context, **{name: value for name, value in told.items() if value}}
    return EarlierRun(str(key), key.logical_date, {name: ruler[name] for name in RULER}, context, items)


def _earlier(connection: Connection, key: RunKey) -> list[EarlierRun]:
    """What a run is compared with; nothing that the gate called no valid measurement."""
    rows = connection.execute(
        """
        SELECT p.run_key, p.logical_date, p.ruler, p.context FROM daily_runs.published_run p
        JOIN daily_runs.published_run own ON own.run_key = %(key)s AND own.provenance = p.provenance
        WHERE p.feature = %(feature)s AND p.environment = %(environment)s AND p.sample = %(sample)s
              AND p.logical_date < %(date)s AND p.comparability_key IS NOT NULL
              AND NOT EXISTS (SELECT FROM daily_runs.overridden_attempt g WHERE g.attempt_id = p.attempt_id)
        ORDER BY p.logical_date
        """,
        {
            "key": str(key),
            "feature": key.feature,
            "environment": key.environment,
            "sample": key.sample,
            "date": key.logical_date,
        },
    ).fetchall()
    items = item_rows.of_runs(connection, [row["run_key"] for row in rows])
    return [EarlierRun(**row, items=items[row["run_key"]]) for row in rows]


def _is_overtaken(connection: Connection, key: RunKey) -> bool:
    """Whether a later run of the stream is published: an old date that is run again raises no alarm of today."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM daily_runs.published_run WHERE feature = %s AND environment = %s AND sample = ''"
        " AND logical_date > %s) AS overtaken",
        [key.feature, key.environment, key.logical_date],
    ).fetchone()
    return bool(row and row["overtaken"])


def _save(connection: Connection, run: EarlierRun, verdict: RunVerdict, found: Sequence[Population]) -> None:
    connection.execute(
        """
        UPDATE daily_runs.published_run SET
            comparability_key = %(key)s, ruler = %(ruler)s, context = %(context)s, populations = %(populations)s,
            items = %(items)s, classes = %(classes)s, item_mean = %(mean)s, item_mean_low = %(low)s,
            item_mean_high = %(high)s, new_classes_low = %(new_low)s, new_classes_high = %(new_high)s,
            missing_at_worst = %(worst)s, missing_at_best = %(best)s, verdict = %(verdict)s,
            verdict_reason = %(reason)s, changed = %(changed)s
        WHERE run_key = %(run)s
        """,
        {
            **(_figures(found[0]) if len(found) == 1 else dict.fromkeys(_FIGURES)),
            "run": run.run_key,
            "key": comparability_key(run.ruler),
            "ruler": json.dumps(run.ruler),
            "context": json.dumps(run.context),
            "populations": json.dumps([{"provider": one.provider, **_figures(one)} for one in found]),
            "verdict": verdict.verdict,
            "reason": verdict.reason,
            "changed": json.dumps(verdict.changed),
        },
    )


def _save_comparison(connection: Connection, run_key: str, verdict: RunVerdict) -> None:
    """The whole, with the verdict, and each part beside it."""
    if verdict.whole is None:
        return
    regressed = dict.fromkeys(verdict.regressed_parts, QualityVerdict.REGRESSED)
    rows: list[tuple[str, QualityDifference, QualityVerdict | None, float | None]]
    rows = [("", verdict.whole, verdict.verdict, verdict.smallest_visible)]
    visible_parts = verdict.visible_parts
    rows += [(name, part, regressed.get(name), visible_parts.get(name)) for name, part in verdict.parts.items()]
    connection.cursor().executemany(
        """
        INSERT INTO daily_runs.comparison (run_key, against, part, treatment, verdict, estimate, low, high,
                                           smallest_visible_drop)
        VALUES (%s, %s, %s, 'date', %s, %s, %s, %s, %s)
        """,
        [
            (run_key, REFERENCE, name, word, part.estimate, part.low, part.high, visible)
            for name, part, word, visible in rows
        ],
    )


_FIGURES = ("items", "classes", "mean", "low", "high", "new_low", "new_high", "worst", "best")


def _figures(one: Population) -> dict[str, Any]:
    new = one.new_classes
    figures = (one.items, one.classes, one.mean.estimate, one.mean.low, one.mean.high)
    values = (*figures, new and new.low, new and new.high, one.bounds.worst, one.bounds.best)
    return dict(zip(_FIGURES, values, strict=True))


def _raise_alarms(
    connection: Connection,
    key: RunKey,
    runs: Sequence[EarlierRun],
    verdict: RunVerdict,
    facts: QualityFacts,
    pinned: dt.datetime | None,
) -> None:
    name = comparability_key(runs[-1].ruler)
    alike = [
        run for run in runs if comparability_key(run.ruler) == name and (pinned is None or run.logical_date >= pinned)
    ]
    found = alarms.raised(run_means(alike), facts.quality, facts.target, facts.streams)
    alarm_rows.save(
        connection,
        AlarmStream(key.feature, key.environment, name),
        [run.run_key for run in alike],
        found,
        worst_class=verdict.worst_class,
        changed=verdict.changed,
    )


def save_arms(store: Store, run: Row, against: Row, found: Mapping[str, Any]) -> None:
    """Keep how one arm of a run compares with the other (`comparison.difference`); the latest comparison counts.

    Args:
        run, against: the arms as they were compared, rows of `published.of_run`.

    Raises:
        StageError: one of them was published anew since; nothing was changed.
    """
    kept = store.rows(
        """
        WITH compared AS (
            SELECT FROM daily_runs.published_run
            WHERE (run_key, attempt_id) IN ((%(run)s, %(attempt)s), (%(against)s, %(against_attempt)s)) FOR KEY SHARE
        )
        INSERT INTO daily_runs.comparison (run_key, against, part, treatment, verdict, estimate, low, high,
                                           smallest_visible_drop)
        SELECT %(run)s, %(against)s, '', 'environment', %(verdict)s, %(estimate)s, %(low)s, %(high)s, %(visible)s
        WHERE (SELECT count(*) FROM compared) = 2
        ON CONFLICT (run_key, against, part) DO UPDATE SET
            verdict = EXCLUDED.verdict, estimate = EXCLUDED.estimate, low = EXCLUDED.low, high = EXCLUDED.high,
            smallest_visible_drop = EXCLUDED.smallest_visible_drop, compared_at = now()
        RETURNING run_key
        """,
        {
            "run": run["run_key"],
            "attempt": run["attempt_id"],
            "against": against["run_key"],
            "against_attempt": against["attempt_id"],
            "verdict": found["verdict"],
            "visible": found.get("smallest_visible_drop"),
            **{name: found.get(name) for name in ("estimate", "low", "high")},
        },
    )
    if not kept:
        names = f"{run['run_key']} or {against['run_key']}"
        raise StageError(f"{names} was published anew meanwhile. Clear this task to compare what is there now.")
