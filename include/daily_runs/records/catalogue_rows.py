"""What the contract's views tell of the catalogue: it is YAML on a worker, so each opened attempt writes it down."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.store.database import Store
from daily_runs.store.pool import Connection

PER_TOKENS = 1_000_000
"""Prices are of so many tokens."""


class AttemptTerms(NamedTuple):
    """Whose an attempt is, and what its calls are expected to take.

    `time_scale`: domain seconds in one of the clock's. Tokens are of one prompt and of one verdict. USD are per million
    tokens, by list price; model, USD and what is told of the prices are None where there is no price list. `second_…`:
    of a second judge; None where there is none.
    """

    team: str
    time_scale: float
    answer_model: str | None
    answer_input_tokens: float
    answer_output_tokens: float
    answer_input_usd: float | None
    answer_output_usd: float | None
    verdict_model: str
    verdict_input_tokens: float
    verdict_output_tokens: float
    verdict_input_usd: float | None
    verdict_output_usd: float | None
    second_model: str | None
    second_input_usd: float | None
    second_output_usd: float | None
    prices_as_of: dt.date | None
    prices_verified: bool | None

    @property
    def answer_usd(self) -> float | None:
        """What one prompt is expected to cost; None where no price is known."""
        return _usd(self.answer_input_tokens, self.answer_input_usd, self.answer_output_tokens, self.answer_output_usd)

    @property
    def verdict_usd(self) -> float | None:
        """What one verdict is expected to cost."""
        tokens = self.verdict_input_tokens, self.verdict_output_tokens
        return _usd(tokens[0], self.verdict_input_usd, tokens[1], self.verdict_output_usd)

    @property
    def second_verdict_usd(self) -> float | None:
        """What one verdict of the second judge is expected to cost."""
        tokens = self.verdict_input_tokens, self.verdict_output_tokens
        return _usd(tokens[0], self.second_input_usd, tokens[1], self.second_output_usd)


def _usd(input_tokens: float, input_usd: float | None, output_tokens: float, output_usd: float | None) -> float | None:
    if input_usd is None or output_usd is None:
        return None
    return (input_tokens * input_usd + output_tokens * output_usd) / PER_TOKENS


def estimated_usd(*calls: tuple[int, float | None]) -> float | None:
    """What so many calls are expected to cost, each kind by what one of it does; None where a needed price is not
    known."""
    needed = [(count, usd) for count, usd in calls if count]
    known = [count * usd for count, usd in needed if usd is not None]
    return math.fsum(known) if len(known) == len(needed) else None


class SeenFeature(NamedTuple):
    """A feature as the catalogue has it on a day; `providers`: by environment, the vendor of its account there."""

    feature: str
    title: str
    team: str
    dri: str
    priority: int
    phase: str
    phase_since: dt.date | None
    schedule: str | None
    providers: dict[str, str]
    prompts_per_run: int
    dataset: str
    rubric: str
    judge_model: str
    answered_share_min: float
    unscored_share_max: float
    mean_score_min: float
    target_score: float
    margin: float
    budget_usd_per_month: float | None


def save_terms(connection: Connection, attempt_id: str, terms: AttemptTerms) -> None:
    """Store the terms of a new attempt, inside the caller's transaction."""
    columns = ", ".join(AttemptTerms._fields)
    values = ", ".join(f"%({column})s" for column in AttemptTerms._fields)
    statement = f"INSERT INTO daily_runs.attempt_terms (attempt_id, {columns}) VALUES (%(attempt_id)s, {values})"  # noqa: S608 - names from above
    connection.execute(statement.encode(), {"attempt_id": attempt_id, **terms._asdict()})


def save_features(store: Store, features: Sequence[SeenFeature]) -> None:
    """Store how the catalogue's features stand; what was stored of them before is replaced."""
    columns = ", ".join(SeenFeature._fields)
    changes = ", ".join(f"{column} = EXCLUDED.{column}" for column in SeenFeature._fields)
    told = sorted((feature._asdict() for feature in features), key=lambda one: str(one["feature"]))
    store.rows(  # in one order, so that two workers do not wait for each other
        f"INSERT INTO daily_runs.feature_seen ({columns})"  # noqa: S608 - names from above
        f" SELECT {columns} FROM jsonb_populate_recordset(NULL::daily_runs.feature_seen, %(told)s::jsonb)"
        f" ON CONFLICT (feature) DO UPDATE SET {changes}, seen_at = now()",
        {"told": json.dumps(told, default=str)},
    )
