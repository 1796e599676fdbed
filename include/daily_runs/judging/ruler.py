"""What an answer is measured with. Two scores are of one scale only if all of it is the same."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import NamedTuple

from daily_runs.catalogue.accounts import JudgeSettings
from daily_runs.dataset import CiJob, CodeCut, DiffText, Item, Resource, SnippetText, Vulnerability, WorkItem
from daily_runs.judging import canary
from daily_runs.judging.prompt import LOG_CHARACTERS_MAX, build
from daily_runs.judging.request import CALL_THE_TOOL
from daily_runs.judging.rubric import Criterion, Rubric

VERSION_DIGITS = 12


class Ruler(NamedTuple):
    """Rubric, judge as the catalogue names it, how hard it is told to work, and the words around the answer.

    `judge_effort` and `judge_thinking` are None where a model is sent none; `prompt_template` is None of an attempt
    that was opened before it was recorded. The fields are named as the store's columns.
    """

    rubric_version: str
    judge_model: str
    judge_effort: str | None = None
    judge_thinking: str | None = None
    prompt_template: str | None = None

    def differs_from(self, other: Ruler) -> list[str]:
        """The names of what is not the same."""
        return [name for name, mine, its in zip(self._fields, self, other, strict=True) if mine != its]


def ruler_of(rubric_version: str, settings: JudgeSettings) -> Ruler:
    """What the catalogue's judge measures with today."""
    asked = settings.asked_as
    return Ruler(rubric_version, settings.model, asked.effort, asked.thinking, template_version())


@cache
def template_version() -> str:
    """First hex digits of a SHA-256 over all that the judge is told beside rubric and data.

    It is made of whole prompts about one thing of each kind, so that it follows every word that a prompt is built with,
    wherever that stands in the code.
    """
    rubric = Rubric(
        feature="x", guidance="x", criteria=(Criterion(name="x", weight=1, question="x", scale={1: "x", 5: "x"}),)
    )
    prompts = [build(rubric, item, "x") for item in _one_of_each()]
    parts = [[list(prompt) for prompt in prompts], CALL_THE_TOOL, canary.told("x")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:VERSION_DIGITS]


def _one_of_each() -> list[Item]:
    log = "x" * (LOG_CHARACTERS_MAX + 1)
    resources: list[Resource] = [
        CiJob(type="ci_job", name="x", stage="x", command="x", exit_code=1, log="x"),
        CiJob(type="ci_job", name="x", stage="x", command="x", exit_code=1, log=log),
        WorkItem(type="work_item", kind="issue", title="x", description="x"),
        Vulnerability(
            type="vulnerability",
            title="x",
            severity="LOW",
            scanner="x",
            identifier="x",
            file_name="x",
            start_line=1,
            code="x",
            report={},
        ),
        CodeCut(type="code_cut", file_name="x", intent="completion", above="x", below="x"),
        SnippetText(type="text", name="x", text="x"),
        DiffText(type="diff", diff="x"),
    ]
    plain = {"id": "x", "class": "x", "seed_key": "x", "question": "x", "reference": {"x": "x"}}
    items = [Item.model_validate({**plain, "resource": one}) for one in resources]
    unasked = [item.model_copy(update={"question": ""}) for item in items if isinstance(item.resource, Vulnerability)]
    return [*items, *unasked]
