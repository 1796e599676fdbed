"""GitLab's connections: pages of nodes, newest first, behind opaque cursors."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from graphql import GraphQLError

from daily_runs.sandbox.gitlab.complexity import PAGE_SIZE_MAX

Node = dict[str, Any]


class Numbered(NamedTuple):
    """A node and its place in a connection."""

    number: int
    node: Node


def connection(entries: Iterable[Numbered], first: int | None, after: str | None) -> Node:
    """One page, newest first, 100 nodes at most; cursors are opaque.

    Raises:
        GraphQLError: `first` is negative, or `after` is no cursor of ours.
    """
    if first is not None and first < 0:
        raise GraphQLError("first must be a non-negative integer")
    entries = sorted(entries, key=lambda entry: -entry.number)
    behind = entries if not after else [e for e in entries if e.number < _read_cursor(after)]
    page = behind[: PAGE_SIZE_MAX if first is None else min(first, PAGE_SIZE_MAX)]
    edges = [{"cursor": _cursor(entry.number), "node": entry.node} for entry in page]
    info = {
        "hasNextPage": len(behind) > len(page),
        "hasPreviousPage": len(behind) < len(entries),
        "startCursor": edges[0]["cursor"] if edges else None,
        "endCursor": edges[-1]["cursor"] if edges else None,
    }
    return {"nodes": [entry.node for entry in page], "edges": edges, "pageInfo": info, "count": len(entries)}


def _cursor(number: int) -> str:
    return base64.b64encode(json.dumps({"id": str(number)}).encode()).decode()


def _read_cursor(cursor: str) -> int:
    try:
        return int(json.loads(base64.b64decode(cursor, validate=True))["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise GraphQLError("Please provide a valid cursor") from error
