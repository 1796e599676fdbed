"""The language in which GitLab speaks to each evaluation user: what it refuses, it then says in that language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daily_runs.doctor.finding import Diagnosis, Subject
from daily_runs.errors import CallError
from daily_runs.gitlab.client import GitLab

PROFILE_PATH = "/api/v4/user"


async def profile_of(client: GitLab, user: str) -> Mapping[str, Any]:
    """What `GET /user` says of a user; empty where it may not be read (a token with scope `ai_features` alone)."""
    try:
        told = await client.rest_json("GET", PROFILE_PATH, user)
    except CallError:
        return {}
    return told if isinstance(told, dict) else {}


def languages(subject: Subject, profiles: Mapping[str, Mapping[str, Any]]) -> Diagnosis:
    """Whether every user reads GitLab in English, by `preferred_language` (null: the instance's default).

    Older versions do not tell it. What this project recognises without words holds in any language; the list of
    texts in place of answers is in English, German and Japanese only.
    """
    told = {
        user: profile["preferred_language"] for user, profile in profiles.items() if "preferred_language" in profile
    }
    others = {user: language for user, language in told.items() if language and not _is_english(language)}
    if others:
        named = ", ".join(f"{user} ({language})" for user, language in others.items())
        remedy = "Set the language of these users to English: GitLab words refusals in a user's language."
        return subject.notice("language", f"not English: {named}", remedy)
    if not told:
        return subject.not_checked("language", "GitLab does not tell its users' language")
    known = f"{len(told)} of {len(profiles)} users"
    return subject.ok("language", f"English, or the instance's default, for {known}")


def _is_english(language: object) -> bool:
    return str(language).lower().replace("-", "_").split("_")[0] == "en"
