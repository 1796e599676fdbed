"""The changes of a merge request, whole: GitLab leaves files out of its list of diffs, and says so at best by a flag.

`GET …/diffs` gives a file's diff from the database: above some size it is `collapsed` or `too_large`, with an empty
`diff` (https://docs.gitlab.com/api/merge_requests/#list-merge-request-diffs). Before GitLab 18.4 there are no such
flags. Then two other addresses read from the repository: `raw_diffs` (from 17.9 on), and `changes` with
`access_raw_diffs` (deprecated, but there in all versions).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.client import GitLab
from daily_runs.gitlab.hops.exchange import text_of
from daily_runs.gitlab.hops.failures import malformed
from daily_runs.gitlab.hops.visible import is_blank

FILES_PER_PAGE = 100
_NAMES_ONLY = frozenset({"old_path", "new_path", "diff"})


class MergeRequest(NamedTuple):
    """What is needed of a merge request: `iid` counts within its project, which REST knows by its number."""

    iid: int
    project_id: int


async def diff_of(gitlab: GitLab, user: str, merge_request: MergeRequest) -> str:
    """All changes as one unified diff; empty while GitLab still prepares them.

    Raises:
        CallError: a request failed; or `incomplete_diff`: GitLab shows a file's changes at none of its addresses. A
            later look would find the same, and so would the model if it was asked and paid again.
    """
    at = f"/api/v4/projects/{merge_request.project_id}/merge_requests/{merge_request.iid}"
    files = await gitlab.rest_json("GET", f"{at}/diffs?per_page={FILES_PER_PAGE}", user)
    try:
        missing = [file for file in files if _left_out(file)]
        if not missing and len(files) < FILES_PER_PAGE:
            return _unified(files)
        heads = [f"diff --git a/{file['old_path']} b/{file['new_path']}" for file in files]
    except (TypeError, KeyError, AttributeError) as error:
        raise malformed("merge request diffs") from error
    whole = await _whole(gitlab, user, at, heads)
    if whole is None:
        evidence = f"{len(missing)} of {len(files)} files of the merge request have no diff at any address"
        raise CallError(Hop.GITLAB, "incomplete_diff", blame=Blame.OWN_SYSTEM, retryable=False, evidence=evidence)
    return whole


async def _whole(gitlab: GitLab, user: str, at: str, heads: Sequence[str]) -> str | None:
    """The changes as the repository has them, from the first of two addresses that gives all of them.

    Where Git's own diff is too much for GitLab, its list of changes may come through, so a failure of the first is one
    only if the second has nothing either. A refusal for rate is everybody's: the next address would meet it, too.
    """
    try:
        whole = await _raw(gitlab, user, at, heads)
    except CallError as error:
        if error.blame is Blame.RATE_LIMIT:
            raise
        with suppress(CallError):
            whole = await _from_repository(gitlab, user, at)
            if whole is not None:
                return whole
        raise
    return whole or await _from_repository(gitlab, user, at)


async def _raw(gitlab: GitLab, user: str, at: str, heads: Sequence[str]) -> str | None:
    """Git's own diff; None if this GitLab has no such address, or if a file of the list (by its head) is not in it."""
    try:
        text = text_of(await gitlab.rest("GET", f"{at}/raw_diffs", user))
    except CallError as error:
        if error.retryable:
            raise
        return None
    there = {line for line in text.split("\n") if line.startswith("diff --git ")}
    return text if there and there.issuperset(heads) else None


async def _from_repository(gitlab: GitLab, user: str, at: str) -> str | None:
    """The list of diffs as the repository has them; None if a file is left out of these as well."""
    try:
        body = await gitlab.rest_json("GET", f"{at}/changes?access_raw_diffs=true", user)
        files = body["changes"]
        cut = body.get("overflow") or any(_left_out(file) and not _is_empty(file) for file in files)
        return None if cut else _unified(files) or None
    except CallError as error:
        if error.retryable and error.kind != "malformed_body":
            raise
        return None
    except (TypeError, KeyError, AttributeError):
        return None


def _left_out(file: Mapping[str, Any]) -> bool:
    """Whether a file changed, but its diff is not there. A rename or a change of mode alone has none.

    A bare entry of names and an empty diff is what is there while GitLab prepares the list.
    """
    if file.get("too_large") or file.get("collapsed"):
        return True
    bare = not set(file) - _NAMES_ONLY
    return not file["diff"] and not bare and not file.get("renamed_file") and file.get("a_mode") == file.get("b_mode")


def _is_empty(file: Mapping[str, Any]) -> bool:
    """Whether an empty file came or went: the repository has no lines of it to show."""
    return not (file.get("too_large") or file.get("collapsed")) and bool(
        file.get("new_file") or file.get("deleted_file")
    )


def _unified(files: Sequence[Mapping[str, Any]]) -> str:
    shown = [file for file in files if not is_blank(file["diff"])]
    return "\n".join(f"--- a/{file['old_path']}\n+++ b/{file['new_path']}\n{file['diff']}" for file in shown)
