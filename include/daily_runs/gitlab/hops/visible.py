"""What a reader sees of a text: characters that show nothing left out, quotes told from the writer's own prose.

A model's text is read in the event loop, so each function here takes time in proportion to the text's length.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_CONTROLS = frozenset({"Cc", "Cf"})
_FILLERS = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2060, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0xE0000, 0xE0FFF),
)
"""First and last of the code points that are shown as nothing, yet are of no such category: Unicode's property
Default_Ignorable_Code_Point (https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt), and the blank
Braille pattern."""

INLINE_CODE = re.compile(r"`[^`\n]+`(?!`)")
_BLOCK_QUOTE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_FENCE = re.compile(r"[ \t]*(?P<run>`{3,}|~{3,})(?P<rest>[^\n]*)")


class _Fence(NamedTuple):
    """A line that may open a code block of Markdown, close one, or both."""

    mark: str
    length: int
    opens: bool
    closes: bool


def is_blank(text: str) -> bool:
    """Whether a reader sees nothing at all: white space, zero-width characters, byte order marks, fillers."""
    return all(char.isspace() or _shows_nothing(char) for char in text)


def without_invisible(text: str) -> str:
    """The text without characters that show nothing; white space stays."""
    return "".join(char for char in text if char.isspace() or not _shows_nothing(char))


def prose_of(text: str) -> str:
    """The text without what it quotes in Markdown: closed code blocks, block quotes, inline code.

    A block that was never closed quotes nothing.
    """
    return INLINE_CODE.sub(" ", _BLOCK_QUOTE.sub(" ", _without_code_blocks(text)))


@lru_cache(maxsize=4096)
def _shows_nothing(char: str) -> bool:
    code = ord(char)
    return unicodedata.category(char) in _CONTROLS or any(first <= code <= last for first, last in _FILLERS)


def _without_code_blocks(text: str) -> str:
    lines = text.split("\n")
    fences = [_fence(line) for line in lines]
    longest = {mark: _longest_closing(fences, mark) for mark in "`~"}
    kept: list[str] = []
    place = 0
    while place < len(lines):
        fence = fences[place]
        if fence and fence.opens and longest[fence.mark][place + 1] >= fence.length:
            place = next(n for n in range(place + 1, len(lines)) if _closes(fences[n], fence))
            kept.append(" ")
        else:
            kept.append(lines[place])
        place += 1
    return "\n".join(kept)


def _fence(line: str) -> _Fence | None:
    found = _FENCE.match(line)
    if found is None:
        return None
    mark, rest = found["run"][0], found["rest"]
    return _Fence(mark, len(found["run"]), opens=mark == "~" or mark not in rest, closes=not rest.strip())


def _closes(fence: _Fence | None, opened: _Fence) -> bool:
    return fence is not None and fence.closes and fence.mark == opened.mark and fence.length >= opened.length


def _longest_closing(fences: Sequence[_Fence | None], mark: str) -> list[int]:
    """For each line, and the end, the length of the longest closing fence from there on: whether a block that opens
    is ever closed is known without a search."""
    longest = [0] * (len(fences) + 1)
    for place in range(len(fences) - 1, -1, -1):
        fence = fences[place]
        closing = fence.length if fence and fence.closes and fence.mark == mark else 0
        longest[place] = max(longest[place + 1], closing)
    return longest
