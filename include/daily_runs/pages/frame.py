"""What every page has: head, way to the other pages, its one heading, and links that work in Airflow's frame too.

Tables, escaped texts and parts to open are those of a report (`results.run_report.markup`). What a page loads are the
files of the folder `static`, from the same address; `CONTENT_POLICY` lets a browser load nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from daily_runs.pages.links import PageLinks
from daily_runs.results.run_report.markup import STYLE, escaped

_FOLDER = Path(__file__).parent / "static"
STATIC_TYPES: Mapping[str, str] = MappingProxyType({"pages.css": "text/css", "pages.js": "text/javascript"})
"""The files that pages load, and the media type of each."""
CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
        "base-uri 'none'",
    )
)
"""Airflow's cookie can be read by script: so no text of an answer may ever become one, or reach another address."""


class PageFrame(NamedTuple):
    """What of a page is not its own content: the links, its title, and which entry of the navigation it is under.

    `here`: the first word of the page's path, such as `today`; empty for a page that the navigation does not name.
    """

    links: PageLinks
    title: str
    here: str = ""

    def document(self, parts: Sequence[str]) -> str:
        """The whole page; `parts` are markup of ours. Everything that came from elsewhere was escaped by them."""
        links = self.links
        return "\n".join(
            [
                '<!doctype html><html lang="en"><head><meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width">',
                f"<title>{escaped(self.title)} – Daily runs</title>",
                f'<link rel="stylesheet" href="{_versioned(links, "pages.css")}">',
                f'<script src="{_versioned(links, "pages.js")}"></script></head><body>',
                '<a class="skip" href="#content">Skip to the content</a>',
                f"<header>{_navigation(links, self.here)}</header>",
                f'<main id="content" tabindex="-1"><h1>{escaped(self.title)}</h1>',
                *parts,
                "</main></body></html>",
                "",
            ]
        )


_CURRENT = ' aria-current="page"'


def _navigation(links: PageLinks, here: str) -> str:
    entries = (
        ("today", "Today", links.today()),
        ("quota", "Quota", links.quota()),
        ("compare", "Compare", links.compare()),
    )
    shown = "".join(
        f'<li><a href="{escaped(address)}"{_CURRENT if word == here else ""}>{name}</a></li>'
        for word, name, address in entries
    )
    return f'<nav aria-label="Daily runs"><b>Daily runs</b><ul>{shown}</ul></nav>'


def link(address: str, text: str) -> str:
    """A link to a page of ours; the text is escaped here."""
    return f'<a href="{escaped(address, _ADDRESS_MAX)}">{escaped(text)}</a>'


def airflow_link(address: str, text: str) -> str:
    """A link to one of Airflow's own views: inside Airflow's frame the script has Airflow itself go there."""
    return f'<a data-airflow href="{escaped(address, _ADDRESS_MAX)}">{escaped(text)}</a>'


_ADDRESS_MAX = 2_000
"""Characters of an address: a run's id has at most 250, and each may be three when it is quoted."""


@cache
def static_file(name: str) -> bytes:
    """A file that pages load, by a name of `STATIC_TYPES`. The style begins with the report's own."""
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return (STYLE + text if name.endswith(".css") else text).encode()


@cache
def _version(name: str) -> str:
    return hashlib.sha256(static_file(name)).hexdigest()[:12]


def _versioned(links: PageLinks, name: str) -> str:
    """With the hash of its content, so that a browser may keep it and still sees a change."""
    return f"{links.static(name)}?v={_version(name)}"
