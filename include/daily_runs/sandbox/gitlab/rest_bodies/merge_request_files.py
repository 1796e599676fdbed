"""A merge request's one file, as each of GitLab's three addresses shows it.

The list leaves out the diff of a file that is large: above a tenth of the limit it is `collapsed`, above the limit
`too_large` (https://docs.gitlab.com/administration/diff_limits/). The repository knows neither.
"""

from __future__ import annotations

from daily_runs.sandbox.gitlab.instance import SandboxMergeRequest

DIFF_BYTES_MAX = 204_800
"""GitLab's default for the size of one file's patch."""
COLLAPSED_SHARE = 0.1


def listed(made: SandboxMergeRequest) -> dict[str, object]:
    """What `GET …/diffs` lists."""
    size = len(made.diff.encode())
    too_large, collapsed = size > DIFF_BYTES_MAX, DIFF_BYTES_MAX * COLLAPSED_SHARE < size <= DIFF_BYTES_MAX
    left_out = {"diff": ""} if too_large or collapsed else {}
    return {**whole(made), **left_out, "collapsed": collapsed, "too_large": too_large}


def whole(made: SandboxMergeRequest) -> dict[str, object]:
    """What `GET …/changes?access_raw_diffs=true` shows of it."""
    paths = {"old_path": made.path, "new_path": made.path, "a_mode": "100644", "b_mode": "100644"}
    flags = {"new_file": False, "renamed_file": False, "deleted_file": False, "generated_file": False}
    return {"diff": made.diff, "collapsed": False, "too_large": False, **paths, **flags}


def raw(made: SandboxMergeRequest) -> str:
    """What `GET …/raw_diffs` gives: git's own."""
    head = f"diff --git a/{made.path} b/{made.path}\nindex 5f0d2b6..1a2b3c4 100644\n"
    return f"{head}--- a/{made.path}\n+++ b/{made.path}\n{made.diff}"
