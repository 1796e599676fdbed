"""The users' language, as far as GitLab tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from daily_runs.doctor.finding import State, Subject
from daily_runs.doctor.language import languages, profile_of
from daily_runs.gitlab.client import GitLab

Connect = Callable[[Callable[[httpx.Request], httpx.Response]], GitLab]

STAGING = Subject("staging")


def profiles(*told: object) -> dict[str, Mapping[str, Any]]:
    """A user each; `...` for a GitLab that does not tell the language."""
    return {
        f"evaluation-{n}": {"username": "x"} if language is ... else {"preferred_language": language}
        for n, language in enumerate(told, start=1)
    }


@pytest.mark.parametrize("told", [("en",), ("en", "en_GB"), (None,), ("en", None, ""), ("EN-us", ...)])
def test_english_and_the_instances_default_are_well(told: tuple[object, ...]) -> None:
    assert languages(STAGING, profiles(*told)).state is State.OK


@pytest.mark.parametrize(
    ("told", "named"),
    [
        (("de",), "evaluation-1 (de)"),
        (("en", "ja"), "evaluation-2 (ja)"),
        (("pt_BR", None, "zh_CN"), "evaluation-1 (pt_BR), evaluation-3 (zh_CN)"),
        ((..., "fr"), "evaluation-2 (fr)"),
    ],
)
def test_another_language_is_a_notice_that_names_the_users(told: tuple[object, ...], named: str) -> None:
    found = languages(STAGING, profiles(*told))
    assert (found.state, found.detail) == (State.NOTICE, f"not English: {named}")
    assert "English" in found.remedy


def test_a_gitlab_that_does_not_tell_is_neither_well_nor_wrong() -> None:
    assert languages(STAGING, profiles(..., ...)).state is State.NOT_CHECKED


@pytest.mark.parametrize(
    ("answer", "profile"),
    [
        (httpx.Response(200, json={"preferred_language": "de"}), {"preferred_language": "de"}),
        (httpx.Response(403, json={"error": "insufficient_scope"}), {}),
        (httpx.Response(200, json=[1]), {}),
        (httpx.Response(200, text="x"), {}),
        (httpx.Response(503), {}),
    ],
)
def test_a_profile_that_cannot_be_read_tells_nothing(
    connect: Connect, answer: httpx.Response, profile: Mapping[str, Any]
) -> None:
    asked: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        return answer

    assert asyncio.run(profile_of(connect(server), "evaluation-1")) == profile
    assert asked == ["GET /staging/api/v4/user"]
