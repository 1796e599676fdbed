"""Web view of a newsletter, for readers whose mail program shows no pictures."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import DictLoader, Environment

PAGE = """<!doctype html>
<title>{{ letter.subject }}</title>
<p>Dear {{ reader }},</p>
{% for paragraph in letter.paragraphs %}<p>{{ paragraph }}</p>
{% endfor %}"""


@dataclass(frozen=True)
class Letter:
    """A newsletter as the club's secretary wrote it, in plain text."""

    subject: str
    paragraphs: tuple[str, ...]


def _templates() -> Environment:
    return Environment(loader=DictLoader({"letter": PAGE}), trim_blocks=True)


def web_view(letter: Letter, reader: str) -> str:
    """HTML of the letter. `reader` is the name that the reader gave when subscribing."""
    return _templates().get_template("letter").render(letter=letter, reader=reader or "member")


def web_views(letter: Letter, readers: list[str]) -> dict[str, str]:
    """A page for each reader."""
    return {reader: web_view(letter, reader) for reader in readers}
