"""What answers are measured with, and that no word of it changes unnoticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from daily_runs.catalogue.accounts import JudgeModel
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.judging import canary, prompt, ruler
from daily_runs.judging.ruler import Ruler, ruler_of, template_version

JUDGE = catalogue_files.load().judge


@pytest.fixture(autouse=True)
def afresh() -> Any:
    """The template is hashed once for each process: these tests change it."""
    template_version.cache_clear()
    yield
    template_version.cache_clear()


def another_system(really: Callable[..., str]) -> Callable[..., str]:
    return lambda rubric: really(rubric).replace("You judge", "You grade")


def another_tool(really: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    return lambda rubric: {**really(rubric), "description": "Record it."}


def another_context(really: Callable[..., str]) -> Callable[..., str]:
    return lambda item: really(item).replace("<cursor>", "|")


def another_question(really: Callable[..., str]) -> Callable[..., str]:
    return lambda item: really(item).replace("Resolve this vulnerability.", "Mend it.")


def another_secret(really: Callable[..., str]) -> Callable[..., str]:
    return lambda secret: f"{really(secret)} Please."


@pytest.mark.parametrize(
    ("module", "name", "changed"),
    [
        (prompt, "_system", another_system),
        (prompt, "_tool", another_tool),
        (prompt, "_context", another_context),
        (prompt, "_question", another_question),
        (prompt, "LOG_CHARACTERS_MAX", lambda _: 7_000),
        (canary, "told", another_secret),
        (ruler, "CALL_THE_TOOL", lambda words: f"{words} Now."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_word_that_the_judge_is_told_is_in_the_version_of_the_template(
    module: Any, name: str, changed: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = template_version()
    template_version.cache_clear()
    monkeypatch.setattr(module, name, changed(getattr(module, name)))
    assert template_version() != before


def test_the_version_is_the_same_each_time_and_knows_neither_rubric_nor_data() -> None:
    before = template_version()
    template_version.cache_clear()
    assert template_version() == before
    assert len(before) == ruler.VERSION_DIGITS


def test_a_ruler_names_what_differs() -> None:
    one = ruler_of("r", JUDGE)
    models = {JUDGE.model: JudgeModel(thinking="adaptive", effort="high")}
    other = ruler_of("s", JUDGE.model_copy(update={"models": models}))
    assert one.differs_from(one) == []
    assert one.differs_from(other) == ["rubric_version", "judge_effort", "judge_thinking"]
    assert Ruler("r", "judge").differs_from(Ruler("r", "judge", prompt_template="t")) == ["prompt_template"]


def test_a_model_that_is_sent_neither_effort_nor_thinking_has_none() -> None:
    plain = ruler_of("r", JUDGE.model_copy(update={"model": "some-model"}))
    assert (plain.judge_model, plain.judge_effort, plain.judge_thinking) == ("some-model", None, None)
