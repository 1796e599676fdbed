"""Whether code in an answer holds together: Python that parses, YAML that parses, a diff that is one and that applies.

Pure, and safe on any text: an answer is a model's, so it may be as deep, as long and as odd as it likes.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import yaml

PARSED_CHARACTERS_MAX = 400_000
"""A longer text is not looked at: the parsers' time and memory have no bound of their own."""
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_FENCE = re.compile(r"[ ]{0,3}(`{3,}|~{3,})[ ]*([\w+-]*)([^`]*)$")
_HEADS = (
    "diff --git ",
    "index ",
    "old mode ",
    "new mode ",
    "new file mode ",
    "deleted file mode ",
    "similarity index ",
    "rename from ",
    "rename to ",
    "copy from ",
    "copy to ",
    "Binary files ",
)


class Fence(NamedTuple):
    """A block of code in Markdown: the language that it names (lower case; may be empty), and where its code begins."""

    language: str
    code: str
    start: int


class Hunk(NamedTuple):
    """A change of one place: where it begins (line, from 1), the lines before and after."""

    start: int
    before: tuple[str, ...]
    after: tuple[str, ...]


class FileDiff(NamedTuple):
    """The changes of one file; `path` is empty where the diff names none."""

    path: str
    hunks: tuple[Hunk, ...]


def fences(text: str) -> list[Fence]:
    """The closed blocks of code of a Markdown text, in order."""
    found: list[Fence] = []
    opened: tuple[str, str, int] | None = None  # the fence, its language, where the code begins
    at = 0
    for line in text.splitlines(keepends=True):
        fence = _FENCE.match(line.rstrip())
        if fence and opened is None:
            opened = fence[1], fence[2].lower(), at + len(line)
        elif fence and opened and fence[1].startswith(opened[0]) and not fence[2] + fence[3]:
            found.append(Fence(opened[1], text[opened[2] : at], opened[2]))
            opened = None
        at += len(line)
    return found


def python_parses(code: str) -> bool | None:
    """Whether it is Python of the version that runs here; None where it is too long to look at."""
    if len(code) > PARSED_CHARACTERS_MAX:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a bad escape is a warning of the code, not of ours
            ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # ValueError: NUL; MemoryError: too deep
        return False
    return True


def yaml_parses(text: str) -> bool | None:
    """Whether it is YAML with a mapping or list in it; None where it is too long to look at.

    Aliases stay references, so that none is written out; tags are not followed.
    """
    if len(text) > PARSED_CHARACTERS_MAX:
        return None
    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return False
    return any(isinstance(document, yaml.CollectionNode) for document in documents)


def diff_of(text: str) -> list[FileDiff] | None:
    """The files of a unified diff; None where it is no sound one: a hunk that counts wrong, or none at all."""
    lines = _lines(text)
    files: list[FileDiff] = []
    path, hunks, at = "", list[Hunk](), 0
    while at < len(lines):
        line = lines[at]
        if found := _HUNK.match(line):
            hunk, at = _hunk(found, lines, at + 1)
            if hunk is None:
                return None
            hunks.append(hunk)
            continue
        if line.startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ "):
            files += [FileDiff(path, tuple(hunks))] if hunks else []
            path, hunks, at = _path(lines[at + 1]), [], at + 2
            continue
        if line.strip() and not line.startswith((*_HEADS, "\\")):
            return None
        at += 1
    files += [FileDiff(path, tuple(hunks))] if hunks else []
    return files or None


def _lines(text: str) -> list[str]:
    """As Git counts them: other signs that end a line, such as a form feed, stand within one."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _path(line: str) -> str:
    """`+++ b/dir/file.py<tab>date` names `dir/file.py`."""
    return re.sub(r"^[ab]/", "", line[4:].partition("\t")[0].strip())


def _hunk(head: re.Match[str], lines: Sequence[str], at: int) -> tuple[Hunk | None, int]:
    """The hunk behind its head, and where it ends; None for one whose lines are not as many as its head says."""
    start, olds, news = int(head[1]), int(head[2] or 1), int(head[4] or 1)
    before: list[str] = []
    after: list[str] = []
    while at < len(lines) and (len(before) < olds or len(after) < news):
        sign, rest = lines[at][:1] or " ", lines[at][1:]
        if sign not in " +-\\":
            return None, at
        before += [rest] if sign in " -" else []
        after += [rest] if sign in " +" else []
        at += 1
    whole = len(before) == olds and len(after) == news
    return (Hunk(start, tuple(before), tuple(after)) if whole else None), at


def patched(code: str, changes: FileDiff) -> str | None:
    """The code with the changes made at the very lines that they name; None where those are other lines there."""
    lines, out, done = _lines(code), list[str](), 0
    for hunk in changes.hunks:
        at = hunk.start - 1 if hunk.before else hunk.start  # one that only adds stands behind the line that it names
        if at < done or tuple(lines[at : at + len(hunk.before)]) != hunk.before:
            return None
        out += [*lines[done:at], *hunk.after]
        done = at + len(hunk.before)
    if done > len(lines):
        return None
    return "\n".join([*out, *lines[done:]]) + "\n"


def fenced_in(text: str, languages: Sequence[str]) -> Iterator[str]:
    """The code of the fences that name one of these languages."""
    return (fence.code for fence in fences(text) if fence.language in languages)
