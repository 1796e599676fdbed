"""Renders the comment page of a blog from templates in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import jinja2


@dataclass(frozen=True)
class Comment:
    """What a visitor wrote under an article."""

    author: str
    body: str
    written_at: datetime


def environment(folder: Path) -> jinja2.Environment:
    """Template environment with our filters."""
    made = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), autoescape=False, trim_blocks=True)
    made.filters["day"] = lambda moment: moment.strftime("%d %B %Y")
    return made


def render_comments(folder: Path, title: str, comments: list[Comment]) -> str:
    """HTML of the page; the newest comment comes first."""
    newest_first = sorted(comments, key=lambda comment: comment.written_at, reverse=True)
    return environment(folder).get_template("comments.html").render(title=title, comments=newest_first)
