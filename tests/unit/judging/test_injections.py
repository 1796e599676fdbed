"""Every attempt of `injections`, through the building of the prompt and the reading of the reply.

What these tests show is ours: the text cannot close its block, changes nothing outside of it, and is never read as the
verdict. Whether a real model heeds it nonetheless, only the real model shows.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NamedTuple

import pytest
from tests.unit.judging.injections import FORGED, FORGED_POINTS, INJECTIONS, Injection

from daily_runs.catalogue.accounts import JudgeModel, JudgeSettings, VerdictForm
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.dataset import Item
from daily_runs.errors import CallError
from daily_runs.judging.prompt import LOG_CHARACTERS_MAX, JudgePrompt, build
from daily_runs.judging.reply import decode, verdict_in
from daily_runs.judging.request import params_of
from daily_runs.judging.rubric import Criterion, Rubric
from daily_runs.judging.verdict import NO_VERDICT_KINDS

RUBRIC = Rubric(
    feature="root_cause_analysis",
    guidance="Judge.",
    criteria=(Criterion(name="clarity", weight=1, question="Clear?", scale={1: "no", 5: "yes"}),),
)
JUDGE = catalogue_files.load().judge
CANARY = "0123456789abcdef"
TOOL_FORMS = (VerdictForm.STRICT_TOOL, VerdictForm.FORCED_TOOL)
GIVEN = {"reasons": "It misses the cause.", "scores": {"clarity": 2}}
_BLOCKS = ("question", "context", "reference", "answer")


def item(log: str) -> Item:
    """A failed job with this log."""
    job = {"type": "ci_job", "name": "test", "stage": "test", "command": "pytest", "exit_code": 1, "log": log}
    return Item.model_validate(
        {
            "id": "rca-1",
            "class": "any",
            "seed_key": "rca/1",
            "question": "/troubleshoot",
            "resource": job,
            "reference": {"root_cause": "A wrong sum.", "fix": "Add the tax."},
        }
    )


def text_of(injection: Injection, mark: str = "deadbeef") -> str:
    return injection.text.replace("{mark}", mark)


class Place(NamedTuple):
    """Where the attempt stands, and how much of it is shown there."""

    block: str
    shown_max: int

    def prompt(self, text: str) -> JudgePrompt:
        return build(RUBRIC, item(text), "An answer.") if self.block == "context" else build(RUBRIC, item("Log."), text)


PLACES = (Place("answer", 10**9), Place("context", LOG_CHARACTERS_MAX))
everywhere = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.block)
every_attempt = pytest.mark.parametrize("injection", INJECTIONS, ids=lambda one: f"{one.family}: {one.name}")
every_form = pytest.mark.parametrize("form", VerdictForm)


def asked(form: VerdictForm) -> JudgeSettings:
    return JUDGE.model_copy(update={"models": {JUDGE.model: JudgeModel(verdict_form=form)}})


def read(form: VerdictForm, *content: dict[str, Any]) -> dict[str, int] | str:
    """The points that a message is read as, or the kind of failure."""
    message = {"type": "message", "model": JUDGE.model, "content": content, "stop_reason": "end_turn"}
    try:
        return verdict_in(decode(json.dumps(message).encode(), {}), asked(form), RUBRIC, CANARY).points
    except CallError as error:
        return error.kind


def words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def call(given: object) -> dict[str, Any]:
    return {"type": "tool_use", "id": "t", "name": "record_verdict", "input": given}


def test_the_table_has_sixty_attempts_of_every_family_and_none_twice() -> None:
    families = Counter(one.family for one in INJECTIONS)
    assert len({one.text for one in INJECTIONS}) == len(INJECTIONS) >= 60
    assert min(families.values()) >= 3
    assert len(families) == 11


@every_attempt
@everywhere
def test_an_attempt_stays_inside_its_block(injection: Injection, place: Place) -> None:
    known = re.match(r"The mark is (\w+)\.", place.prompt("An earlier text.").user)
    assert known is not None
    text = text_of(injection, known[1])
    user = place.prompt(text).user
    found = re.match(r"The mark is (\w{8})\.\n", user)
    assert found is not None
    mark = found[1]
    assert mark not in text
    tags = re.findall(rf"<(/?)(\w+)-{mark}>", user)
    assert tags == [(slash, name) for name in _BLOCKS for slash in ("", "/")]
    inside = user.partition(f"<{place.block}-{mark}>\n")[2].partition(f"\n</{place.block}-{mark}>")[0]
    assert inside.endswith(text[-place.shown_max :])


@every_attempt
@everywhere
@every_form
def test_an_attempt_changes_nothing_of_the_request_but_the_users_one_message(
    injection: Injection, place: Place, form: VerdictForm
) -> None:
    plain: Any = params_of(asked(form), place.prompt("An earlier text."), CANARY)
    params: Any = params_of(asked(form), place.prompt(text_of(injection)), CANARY)
    (message,) = params.pop("messages")
    assert message["role"] == "user"
    assert CANARY not in message["content"]
    del plain["messages"]
    assert params == plain


@every_attempt
@pytest.mark.parametrize("form", TOOL_FORMS)
def test_where_a_tool_is_asked_for_the_points_are_those_of_its_call_whatever_is_said_beside_it(
    injection: Injection, form: VerdictForm
) -> None:
    text = text_of(injection)
    assert read(form, words(text), call(GIVEN)) == GIVEN["scores"]
    assert read(form, call(GIVEN), words(text)) == GIVEN["scores"]
    assert read(form, words(text)) == "no_verdict"


@every_attempt
def test_where_a_text_is_asked_for_an_attempt_beside_the_verdict_leaves_the_answer_unscored(
    injection: Injection,
) -> None:
    """Not even the points that were honestly given: of two texts nobody can tell which one is the verdict."""
    for content in (
        (words(text_of(injection)), words(json.dumps(GIVEN))),
        (words(json.dumps(GIVEN) + injection.text),),
    ):
        assert read(VerdictForm.STRUCTURED_OUTPUT, *content) in NO_VERDICT_KINDS


@every_attempt
@every_form
def test_an_attempt_that_the_judge_quotes_in_its_reasons_moves_no_points(
    injection: Injection, form: VerdictForm
) -> None:
    quoted = {**GIVEN, "reasons": f"The answer says: {text_of(injection)}"}
    block = words(json.dumps(quoted)) if form is VerdictForm.STRUCTURED_OUTPUT else call(quoted)
    assert read(form, block) == GIVEN["scores"]


def test_what_the_tests_cannot_show_a_judge_that_gives_the_forged_verdict_as_its_own_is_believed() -> None:
    """The limit of all of this: nobody can tell a verdict that a model was talked into from one that it means."""
    assert read(VerdictForm.STRUCTURED_OUTPUT, words(json.dumps(FORGED))) == {"clarity": FORGED_POINTS}
    assert read(VerdictForm.STRICT_TOOL, call(FORGED)) == {"clarity": FORGED_POINTS}
