"""The gate's expectations, evaluated by Great Expectations over two frames: the prompts, and one row of their
shares."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from daily_runs.catalogue.features import Thresholds
from daily_runs.errors import StageError
from daily_runs.statuses import AnswerStatus

if TYPE_CHECKING:
    import pandas as pd


class Check(NamedTuple):
    """One expectation's outcome, in words for people; `may_be_overridden`: see `_Rule`."""

    expectation: str
    passed: bool
    observed: str
    required: str
    may_be_overridden: bool = False


class _Rule(NamedTuple):
    """`may_be_overridden`: rows that miss it are whole, so that a person may answer for publishing them."""

    words: str
    required: str
    expectation: Any
    may_be_overridden: bool = False


def check_prompts(prompts: pd.DataFrame) -> list[Check]:
    """Each prompt's row is whole: known once, settled, free of error text, judged on the scale.

    Great Expectations skips nulls, so what may be missing comes as a column of true and false.
    """
    gxe = _library().expectations

    def among(column: str, *values: object) -> Any:
        return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(values))

    rules = [
        _Rule("prompt ids are there", "no null", gxe.ExpectColumnValuesToNotBeNull(column="prompt_id")),
        _Rule("prompt ids are distinct", "no repeat", gxe.ExpectColumnValuesToBeUnique(column="prompt_id")),
        _Rule("every prompt has a status", "no null", gxe.ExpectColumnValuesToNotBeNull(column="status")),
        _Rule(
            "every prompt is settled",
            "answered or failed",
            among("status", AnswerStatus.ANSWERED.value, AnswerStatus.FAILED.value),
        ),
        _Rule(
            "every answered prompt has its text, every failed one its reason, no other has either",
            "a text that is not blank, a kind of error",
            among("is_settled_soundly", True),
        ),
        _Rule(
            "no answer is an error text",
            "no error code or error text in an answer",
            among("is_error_text", False),
        ),
        _Rule("every answer is judged", "scored or unscored, nothing else is judged", among("is_judged", True)),
        _Rule(
            "every scored answer has a score, no other has one", "score where scored", among("is_scored_soundly", True)
        ),
        _Rule(
            "scores are on the scale",
            "0 to 1",
            gxe.ExpectColumnValuesToBeBetween(column="score", min_value=0, max_value=1),
        ),
    ]
    return _evaluate(prompts, rules)


def check_shares(shares: pd.DataFrame, thresholds: Thresholds, asked: int) -> list[Check]:
    """The attempt as a whole is a valid measurement. Whether its quality is good is published, and blocks nothing."""

    gxe = _library().expectations

    def known(column: str, words: str) -> _Rule:
        return _Rule(f"{words} is known", "a number", gxe.ExpectColumnValuesToNotBeNull(column=column))

    def between(column: str, words: str, required: str, **bounds: float) -> list[_Rule]:
        within = gxe.ExpectColumnValuesToBeBetween(column=column, **bounds)
        return [known(column, words), _Rule(words, required, within, may_be_overridden=words.endswith("share"))]

    t = thresholds
    rules = [
        *between("prompts", "number of prompts", f"{asked}", min_value=asked, max_value=asked),
        *between("answered_share", "answered share", f">= {t.answered_share_min:g}", min_value=t.answered_share_min),
        *between("unscored_share", "unscored share", f"<= {t.unscored_share_max:g}", max_value=t.unscored_share_max),
        known("mean_score", "mean score"),
    ]
    return _evaluate(shares, rules)


def _library() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import trips over its own dependencies' deprecations
        import great_expectations  # noqa: PLC0415 - 5 s and 200 MB, needed in this stage only

    # This module sets its own logger to INFO, and tells of a temporary folder at each gate.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    return great_expectations


def _evaluate(frame: pd.DataFrame, rules: Sequence[_Rule]) -> list[Check]:
    gx = _library()
    from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415 - see _library

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("attempt").add_dataframe_asset("rows")
        suite = context.suites.add(gx.ExpectationSuite("gate", expectations=[rule.expectation for rule in rules]))
        data = asset.add_batch_definition_whole_dataframe("all")
        definition = context.validation_definitions.add(gx.ValidationDefinition(name="gate", data=data, suite=suite))
        outcome = definition.run(batch_parameters={"dataframe": frame})
    found = {_name(result.expectation_config): result for result in outcome.results}
    if len(found) != len(rules):  # it passes what it did not evaluate
        raise StageError(f"gate: {len(rules)} expectations, but {len(found)} evaluated. Clear this task to try again.")
    return [_check(rule, found[_name(rule.expectation.configuration)]) for rule in rules]


def _name(configuration: Any) -> tuple[str, str]:
    return configuration.type, configuration.kwargs["column"]


def _check(rule: _Rule, result: Any) -> Check:
    raised = bool(result.exception_info.get("raised_exception", True))
    evaluated = result.result.get("element_count", 0) > 0
    passed = bool(result.success) and evaluated and not raised
    bounds = [rule.expectation.configuration.kwargs.get(name) for name in ("min_value", "max_value")]
    observed = _observed(result.result, bounds, raised=raised)
    return Check(rule.words, passed, observed, rule.required, rule.may_be_overridden)


def _observed(result: dict[str, Any], bounds: Sequence[float | None], *, raised: bool) -> str:
    if raised:
        return "could not be evaluated"
    values = result.get("partial_unexpected_list") or []
    wrong, of = result.get("unexpected_count", 0), result.get("element_count", 0)
    if not wrong:
        return f"all {of}"
    shown = ", ".join(sorted({_figure(v, bounds) if isinstance(v, float) else str(v) for v in values})[:3])
    return shown if of == 1 else f"{wrong} of {of}: {shown}"


def _figure(value: float, bounds: Sequence[float | None]) -> str:
    """Four digits, or as many as tell it from the bound that it misses: "0.5, required >= 0.5" explains nothing."""
    texts = (f"{value:.{digits}g}" for digits in range(4, 18))
    return next((text for text in texts if float(text) not in bounds), repr(value))
