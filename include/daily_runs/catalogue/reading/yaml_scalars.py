"""The scalars of YAML 1.2's core schema, and a parser that knows no others and stops where it is nested too deep.

By https://yaml.org/spec/1.2.2/#103-core-schema `010` is ten, `0o10` eight,
and `yes`, `1:30:00`, `1_000` and dates are texts; the models say what a text means. One thing is stricter: a number
needs its dot to have an exponent, so that `8e6`, which other parsers read as a text, is refused with the figure to
write.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from daily_runs.input_files import DEPTH_MAX

if TYPE_CHECKING:
    _FastLoader = yaml.SafeLoader
else:
    # The C parser is ten times as fast, and Airflow parses DAG files (and with them the catalogue) every few seconds.
    _FastLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

TAG = "tag:yaml.org,2002:"


class ScalarKind(NamedTuple):
    """How a scalar of YAML 1.2's core schema is written, the characters it begins with, and its value."""

    written: re.Pattern[str]
    begins: str
    value: Callable[[str], Any]


def _float(text: str) -> float:
    word = text.lower().lstrip("+-")
    if word in (".inf", ".nan"):
        return math.copysign(float(word[1:]), -1 if text.startswith("-") else 1)
    return float(text)


_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_BASES = {"0o": 8, "0x": 16}
KINDS: dict[str, ScalarKind] = {
    f"{TAG}null": ScalarKind(re.compile(r"~|null|Null|NULL|"), "~nN", lambda _: None),
    f"{TAG}bool": ScalarKind(
        re.compile(r"true|True|TRUE|false|False|FALSE"), "tTfF", lambda text: text.lower() == "true"
    ),
    f"{TAG}int": ScalarKind(_INT, "-+0123456789", lambda text: int(text, _BASES.get(text[:2], 10))),
    f"{TAG}float": ScalarKind(
        re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
        "-+.0123456789",
        _float,
    ),
}


class TooDeepError(yaml.YAMLError):
    """Nested deeper than `DEPTH_MAX`; raised while the file is parsed, so that nobody's stack overflows."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


class CoreLoader(_FastLoader):
    """Knows the kinds above and no others, and stops at `DEPTH_MAX`."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as in the class above

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def descend_resolver(self, parent: yaml.Node | None, _: object) -> None:
        """Called by the parser as it enters a node."""
        self._depth += 1
        if self._depth > DEPTH_MAX and parent is not None:
            raise TooDeepError(parent.start_mark.line + 1)

    def ascend_resolver(self) -> None:
        """Called by the parser as it leaves a node."""
        self._depth -= 1


for _tag, _kind in KINDS.items():
    for _first in (*_kind.begins, ""):
        if _first or _kind.written.fullmatch(""):
            whole = re.compile(f"(?:{_kind.written.pattern})\\Z")
            CoreLoader.yaml_implicit_resolvers.setdefault(_first, []).append((_tag, whole))
