"""Every item of a run or an attempt, those without a score too, beside the reference run's; a report shows ten."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daily_runs.results import item_rows
from daily_runs.results.item_rows import PublishedItem
from daily_runs.results.run_report import answer_rows, attempt_rows, item_pairs
from daily_runs.results.run_report.item_pairs import ItemPair, ItemsOfRun
from daily_runs.results.run_report.questions import AskedQuestion
from daily_runs.results.run_report.report_rows import plain
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection

ITEMS_MAX = 400
_FAILURES = """
SELECT item_id, error_hop AS hop, error_kind AS kind, count(*)::int AS prompts FROM daily_runs.answer
WHERE attempt_id = %(attempt)s::uuid AND status = 'failed' GROUP BY 1, 2, 3 ORDER BY 1, 4 DESC, 2, 3
"""


class EveryItem(NamedTuple):
    """Items, those without a score first, then the worst; `left_out`: how many are not among them.

    An item is that of a report with its `status` (`scored`, `unscored`: answered without a verdict, or `failed`), its
    `failures` in words, and what a good answer says (`expected`).
    """

    items: Sequence[Mapping[str, Any]]
    left_out: int


def read(
    store: Store, report: Mapping[str, Any], questions: Mapping[str, AskedQuestion], *, with_texts: bool
) -> EveryItem:
    """The items of the attempt that a report is about.

    Args:
        with_texts: whether to read answers and reasons; without them questions and expectations are left out, too.
    """
    run = report["run"]
    attempt_id, keys = str(run["attempt_id"]), (report["series"]["reference"] or {"runs": []})["runs"]
    with store.transaction() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if report["published"]:
            items: Sequence[PublishedItem] = item_rows.of_runs(connection, [run["run_key"]])[run["run_key"]]
        else:
            items = attempt_rows.items(connection, attempt_id, questions)
        pairs = _pairs(connection, items, sorted(keys))
        shown = pairs[:ITEMS_MAX]
        answers = answer_rows.read(connection, item_pairs.wanted(shown, attempt_id)) if with_texts else {}
        failures = _failures(connection, attempt_id)
    asked = questions if with_texts else {}
    found = item_pairs.as_json(shown, attempt_id, answers, asked)
    for one in found:
        one["status"] = "scored" if one["scored"] else "unscored" if one["answered"] else "failed"
        one["failures"] = failures[one["item_id"]]
        one["expected"] = asked[one["item_id"]].expected if one["item_id"] in asked else None
    return EveryItem(plain({"items": found})["items"], len(pairs) - len(shown))


def _pairs(connection: Connection, items: Sequence[PublishedItem], keys: Sequence[str]) -> list[ItemPair]:
    attempts = answer_rows.published_attempts(connection, keys)
    others = item_rows.of_runs(connection, keys)
    against = [ItemsOfRun(key, attempts[key], others[key]) for key in keys]
    without = [ItemPair(item, None, None) for item in items if not item.scored]
    return without + item_pairs.worst_first(item_pairs.pairs_of(items, against))


def _failures(connection: Connection, attempt_id: str) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(_FAILURES.encode(), {"attempt": attempt_id}).fetchall():
        found[row["item_id"]].append(f"{row['prompts']} × {row['kind']} at {row['hop']}")
    return found
