"""What a comparison says, as one model: JSON, the terminal and the page show the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daily_runs.catalogue.catalogue import Catalogue, feature_named
from daily_runs.errors import ParameterError
from daily_runs.results.merge_gate import documents, side_rows
from daily_runs.results.merge_gate.decision import MergeDecision, decide
from daily_runs.results.merge_gate.side_rows import BASELINE, CANDIDATE
from daily_runs.results.quality import RULER, WORDS, EarlierRun, populations
from daily_runs.results.run_compare.treatment import Treated, Treatment, treated, without_provider
from daily_runs.results.run_report import answer_rows, item_pairs
from daily_runs.results.run_report.item_pairs import ItemsOfRun
from daily_runs.results.run_report.questions import Questions
from daily_runs.results.run_report.report_rows import plain
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection

FIRST, SECOND = "A", "B"
_SAID = ("verdict", "seen", "reason", "baseline", "candidate", "differs", "parts", "smallest_visible_drop")


def compare(
    store: Store, catalogue: Catalogue, first: str, second: str, asked: Treatment | None, questions: Questions
) -> dict[str, Any]:
    """The second run beside the first one, each named as the merge gate's sides are (`side_rows.find`).

    The verdict is the merge gate's: it stands whatever the answers that only one side lost would have been. Items are
    shown where the runs can be compared. The model is plain JSON.

    Raises:
        ParameterError: a name that no published run has, two runs of two features, one run twice, or a treatment that
            is the same in both.
        DatasetError: the data set whose questions are to be shown is not sound.
    """
    with store.transaction() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = _sides(connection, first, second)
        about = treated(found.baseline[-1], found.candidate, asked)
        earlier, run = list(found.baseline), found.candidate
        if about.name is Treatment.PROVIDER:
            earlier, run = [without_provider(one) for one in earlier], without_provider(run)
        decision = decide(earlier, run, feature_named(catalogue, found.feature).quality, {})
        counted = [one for one in found.baseline if one.run_key in decision.baseline]
        items = [] if decision.differs else _changed_items(connection, counted, run, found.feature, questions)
    return plain(_told(decision, about, [*counted, found.candidate], items))


def _sides(connection: Connection, first: str, second: str) -> side_rows.MergeSides:
    try:
        return side_rows.found_in(connection, first, second)
    except ParameterError as error:  # the gate's options are arguments here
        place = {BASELINE: FIRST, CANDIDATE: SECOND}.get(error.place, error.place)
        raise ParameterError(place, error.problem, error.remedy) from None


def _changed_items(
    connection: Connection, baseline: Sequence[EarlierRun], run: EarlierRun, feature: str, questions: Questions
) -> list[dict[str, Any]]:
    attempts = answer_rows.published_attempts(connection, [one.run_key for one in (*baseline, run)])
    against = [ItemsOfRun(one.run_key, attempts[one.run_key], one.items) for one in baseline]
    pairs = item_pairs.most_changed(item_pairs.pairs_of(run.items, against))
    attempt = attempts[run.run_key]
    answers = answer_rows.read(connection, item_pairs.wanted(pairs, attempt))
    return item_pairs.as_json(pairs, attempt, answers, questions(feature, run.ruler["dataset_sha256"]))


def _told(
    decision: MergeDecision, about: Treated, runs: Sequence[EarlierRun], items: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    told = documents.as_json(decision)
    return {
        "headline": decision.reason,
        "treatment": {"name": about.name, "from": about.values[0], "to": about.values[1]},
        "besides": [{"what": name, "then": then, "now": now} for name, (then, now) in about.besides.items()],
        **{name: told[name] for name in _SAID},
        "ruler_differs": _ruler_differs(decision.differs, runs[-2].ruler, runs[-1].ruler),
        "runs": [_run(run) for run in runs],
        "changed_items": items,
    }


def _ruler_differs(differs: Sequence[str], first: Mapping[str, Any], second: Mapping[str, Any]) -> list[dict[str, str]]:
    """What makes the sides incomparable, with both values."""
    names = {WORDS.get(name, name): name for name in (*RULER, "provenance")}
    return [
        {"what": word, "then": str(first.get(names[word], "")), "now": str(second.get(names[word], ""))}
        for word in differs
    ]


def _run(run: EarlierRun) -> dict[str, Any]:
    """A side's own figures, which it has whether the sides compare or not."""
    figures = [
        {"provider": one.provider, "items": one.items, **one.mean._asdict(), **one.bounds._asdict()}
        for one in populations(run.items)
    ]
    provenance = run.ruler["provenance"]
    return {"run_key": run.run_key, "provenance": provenance, "figures": figures, "ruler": run.ruler}
