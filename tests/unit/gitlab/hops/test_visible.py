"""What a reader sees of a text, and what they don't."""

from __future__ import annotations

import sys
import unicodedata
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.gitlab.hops.visible import is_blank, prose_of, without_invisible

BLANK = {
    "nothing": "",
    "white space": " \t\r\n\x0b\x0c",
    "wide spaces": "\u00a0\u2003\u3000\u2028\u2029\u202f",
    "a zero-width space and a byte order mark": "\u200b\ufeff",
    "joiners": "\u200c\u200d\u2060",
    "soft hyphens": "\u00ad\u00ad",
    "marks of direction": "\u200e\u200f\u202a\u202c\u2066\u2069",
    "variation selectors": "\ufe0f\ufe0e\U000e0100",
    "fillers": "\u3164\u115f\u1160\uffa0\u034f",
    "a blank Braille pattern": "\u2800",
    "tags": "\U000e0001\U000e0020\U000e007f",
    "control characters": "\x00\x07\x1b\x7f",
    "all at once, on lines": " \u200b\n\t\ufeff \n",
}
SEEN = {
    "a letter": "a",
    "a letter between zero-width spaces": "\u200ba\u200b",
    "a full stop": ".",
    "an emoji with its selector": "\u2705\ufe0f",
    "a Japanese letter": "あ",
    "a Hangul letter": "\u1100",
    "a Braille pattern": "\u2801",
    "a replacement character": "\ufffd",
}


@pytest.mark.parametrize("text", BLANK.values(), ids=BLANK.keys())
def test_what_shows_nothing_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", SEEN.values(), ids=SEEN.keys())
def test_what_shows_anything_is_not_blank(text: str) -> None:
    assert not is_blank(text)


def test_every_character_for_control_or_format_or_space_is_blank() -> None:
    chars = [chr(code) for code in range(sys.maxunicode + 1)]
    silent = [char for char in chars if unicodedata.category(char) in ("Cc", "Cf", "Zs", "Zl", "Zp")]
    assert len(silent) > 200
    assert [char for char in silent if not is_blank(char)] == []


SIGNS = st.characters(categories=["L", "N", "P", "S"], exclude_characters="\u115f\u1160\u2800\u3164\uffa0")


@given(st.text(SIGNS, min_size=1))
def test_letters_digits_and_signs_are_never_blank(text: str) -> None:
    assert not is_blank(text)
    assert without_invisible(text) == text


def test_white_space_stays_where_invisible_characters_go() -> None:
    assert without_invisible("a\u200b b\ufeff\nc\x00") == "a b\nc"


class Case(NamedTuple):
    name: str
    text: str
    prose: str


PROSE = (
    Case("a closed block", "a\n```py\nb\n```\nc", "a c"),
    Case("a block that is never closed", "a\n```py\nb", "a ```py b"),
    Case("a block closed by a longer fence", "a\n```\nb\n`````\nc", "a c"),
    Case("a block that a shorter fence does not close", "a\n`````\nb\n```\nc", "a ````` b ``` c"),
    Case("a fence of the other kind closes nothing", "~~~\nb\n```\nc\n~~~\nd", "d"),
    Case("an unclosed fence before a closed block", "````\nb\n~~~\nc\n~~~\nd", "```` b d"),
    Case("two blocks", "```\na\n```\nb\n```\nc\n```", "b"),
    Case("an indented block", "a\n  ```\n  b\n  ```\nc", "a c"),
    Case("a block quote", "a\n> b\nc", "a c"),
    Case("inline code", "a `b` c", "a c"),
    Case("two backticks in a line are no fence", "a\n``\nb\n``", "a `` b ``"),
)


@pytest.mark.parametrize("case", PROSE, ids=lambda case: case.name)
def test_prose_is_what_is_quoted_nowhere(case: Case) -> None:
    assert " ".join(prose_of(case.text).split()) == case.prose
