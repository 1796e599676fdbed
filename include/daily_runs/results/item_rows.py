"""Rows of a published run's items: what its verdict is computed from, and what later runs are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daily_runs.results.intervals import ItemScore
from daily_runs.results.missing import AskedItem
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection

UNKNOWN = "unknown"
"""The provider of answers whose path does not tell it."""


class PublishedItem(NamedTuple):
    """An item of a run, as one provider served it; `criteria`: the mean by criterion of the rubric, on 0 to 1."""

    item_id: str
    item_class: str
    provider: str
    answered: int
    scored: int
    failed: int
    mean: float | None
    variance: float
    criteria: Mapping[str, float]

    @property
    def score(self) -> ItemScore | None:
        """The item as error bars take it; None if no answer was scored."""
        if self.mean is None:
            return None
        return ItemScore(self.item_id, self.item_class, self.mean, self.variance, self.scored)

    @property
    def asked(self) -> AskedItem:
        """The item as bounds take it."""
        return AskedItem(self.answered + self.failed, self.scored, (self.mean or 0.0) * self.scored)


_INSERT = """
WITH class AS (SELECT * FROM unnest(%(items)s::text[], %(classes)s::text[]) AS c (item_id, item_class)),
answered AS (
    SELECT item_id, coalesce(serving_provider, %(unknown)s) AS provider, count(*)::int AS answered,
           count(score)::int AS scored, avg(score) AS mean, coalesce(var_samp(score), 0) AS variance
    FROM daily_runs.published_result WHERE run_key = %(run)s GROUP BY 1, 2
),
criteria AS (
    SELECT item_id, provider, jsonb_object_agg(criterion, mean) AS criteria FROM (
        SELECT r.item_id, coalesce(r.serving_provider, %(unknown)s) AS provider, points.key AS criterion,
               avg((points.value::float8 - 1) / 4) AS mean
        FROM daily_runs.published_result r, jsonb_each_text(r.scores) AS points
        WHERE r.run_key = %(run)s AND r.score IS NOT NULL GROUP BY 1, 2, 3
    ) AS of_criterion GROUP BY 1, 2
),
failed AS (
    SELECT item_id, count(*)::int AS failed FROM daily_runs.published_failure WHERE run_key = %(run)s GROUP BY 1
),
served AS (SELECT item_id, min(provider) AS provider FROM answered GROUP BY 1),
everything AS (
    SELECT item_id, provider FROM answered
    UNION
    SELECT f.item_id, coalesce(s.provider, (SELECT min(provider) FROM answered), %(unknown)s)
    FROM failed f LEFT JOIN served s USING (item_id)
)
INSERT INTO daily_runs.published_item (run_key, item_id, item_class, provider, answered, scored, failed, mean, variance,
                                       criteria)
SELECT %(run)s, e.item_id, class.item_class, e.provider, coalesce(a.answered, 0), coalesce(a.scored, 0),
       CASE WHEN s.provider IS NULL OR s.provider = e.provider THEN coalesce(f.failed, 0) ELSE 0 END, a.mean,
       coalesce(a.variance, 0), coalesce(c.criteria, '{}')
FROM everything e JOIN class USING (item_id) LEFT JOIN answered a USING (item_id, provider)
LEFT JOIN criteria c USING (item_id, provider) LEFT JOIN failed f USING (item_id) LEFT JOIN served s USING (item_id)
"""
"""A failed prompt was served by nobody: it counts with its item's first provider, so that each counts once."""


def insert(connection: Connection, run_key: str, classes: Mapping[str, str]) -> None:
    """Sum up a run's published rows by item, inside the caller's transaction.

    Args:
        classes: each item's class in the data set.
    """
    items = sorted(classes)
    asked = {"run": run_key, "items": items, "classes": [classes[item] for item in items], "unknown": UNKNOWN}
    connection.execute(_INSERT.encode(), asked)


def of_runs(store: Store | Connection, run_keys: Sequence[str]) -> dict[str, list[PublishedItem]]:
    """The items of each published run, in order of item id; none of a run that was published before they were kept."""
    query = """
        SELECT run_key, item_id, item_class, provider, answered, scored, failed, mean, variance, criteria
        FROM daily_runs.published_item WHERE run_key = ANY(%(keys)s) ORDER BY run_key, item_id, provider
    """
    asked = {"keys": list(run_keys)}
    rows = store.rows(query, asked) if isinstance(store, Store) else store.execute(query.encode(), asked).fetchall()
    found: dict[str, list[PublishedItem]] = {key: [] for key in run_keys}
    for row in rows:
        found[row.pop("run_key")].append(PublishedItem(**row))
    return found
