"""The project's own documents as pages: a runbook is read where the failure is, in the version that runs."""

from __future__ import annotations

import itertools
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from daily_runs.errors import ParameterError

_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


class DocumentPage(NamedTuple):
    """A document: its title and the markup below it."""

    title: str
    markup: str


class DocumentPicture(NamedTuple):
    """A picture of a document, and its media type."""

    content: bytes
    media_type: str


@cache
def root() -> Path:
    """The folder `docs`: the checkout's, or the installed wheel's."""
    package = Path(__file__).parents[1]
    checkout = package.parents[1] / "docs"
    return checkout if (checkout / "runbooks").is_dir() else package / "docs"


@cache
def _files() -> dict[str, Path]:
    """All that may be read, by path below `docs`: nothing else can be named, whatever an address holds."""
    found = (file for file in root().rglob("*") if file.suffix in (".md", *_TYPES))
    return {file.relative_to(root()).as_posix(): file for file in found}


def document(path: str) -> DocumentPage | DocumentPicture:
    """A file below `docs`, such as `runbooks/gate.md`.

    Raises:
        ParameterError: there is none.
    """
    if path not in _files():
        raise ParameterError("Documents", f"there is no {path!r}", "Begin at runbooks/README.md.")
    file = _files()[path]
    if file.suffix in _TYPES:
        return DocumentPicture(file.read_bytes(), _TYPES[file.suffix])
    return rendered(file.read_text(encoding="utf-8"))


def rendered(text: str) -> DocumentPage:
    """Markdown as a page; markup that stands in it is shown as text. Headings can be linked to, as in GitLab."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens, title = markdown.parse(text), "Document"
    if len(tokens) > 2 and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        title, tokens = _plain(tokens[1]), tokens[3:]
    for heading, words in itertools.pairwise(tokens):
        if heading.type == "heading_open":
            heading.attrSet("id", re.sub(r"[^\w\- ]", "", _plain(words).lower()).replace(" ", "-"))
    return DocumentPage(title, markdown.renderer.render(tokens, markdown.options, {}))


def _plain(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())
