"""YAML with a memory for lines: plain data, and for each key path the file and line it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from daily_runs.catalogue.reading.yaml_scalars import KINDS, TAG, CoreLoader, TooDeepError
from daily_runs.errors import Fault, UserError
from daily_runs.input_files import (
    DEPTH_MAX,
    DIGITS_MAX,
    FAULTS_SHOWN_MAX,
    YAML_BYTES_MAX,
    printable,
    read_text,
    shortened,
    steering_in,
    too_many_digits,
)

KEY_CHARACTERS_MAX = 200
_TOO_DEEP = f"is nested more than {DEPTH_MAX} deep"

_COLLECTION_TAGS = (f"{TAG}map", f"{TAG}seq")

KeyPath = tuple[str | int, ...]


class Place(NamedTuple):
    """A line of a file; `str()` of it is what an error shows."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass
class Document:
    """What a YAML file holds. `data` is made of dict, list and scalars; every key is text."""

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def nearest(self, path: KeyPath) -> Place:
        """The place of a key, or of the nearest key above it that stands in the file."""
        while path not in self.places:
            path = path[:-1]
        return self.places[path]


def read(path: Path, name: str, below: Path | None = None) -> Document:
    """Read one YAML file whose top level is a mapping.

    Args:
        path: the file.
        name: what to call it in places, such as `features/duo_chat.yaml`.
        below: the folder in which the file must lie; any, by default.

    Returns:
        The document; with faults, and whatever data could still be read, when something is wrong with it.
    """
    name = printable(name)
    document = Document(places={(): Place(name, 1)})
    try:
        root = _composed(read_text(path, name, bytes_max=YAML_BYTES_MAX, below=below), name)
        if isinstance(root, yaml.MappingNode):
            document.data = _Walk(name, document).mapping(root, ())
        else:
            is_now = "is empty" if root is None else "does not hold a mapping"
            document.faults.append(Fault(f"{name}:1", is_now, "Its top level must be `key: value` lines."))
    except UserError as error:
        document.faults.append(Fault(error.place, error.problem, error.remedy))
    except TooDeepError as error:
        document.faults.append(Fault(f"{name}:{error.line}", _TOO_DEEP, "Write it flatter."))
    except yaml.YAMLError as error:
        document.faults.append(_syntax_fault(name, error))
    return document


def _composed(text: str, name: str) -> yaml.Node | None:
    if found := steering_in(text):
        place = f"{name}:{text.count(chr(10), 0, found.position) + 1}"
        raise UserError(place, f"holds the control character {found.name}", "Remove it.")
    root: yaml.Node | None = yaml.compose(text, Loader=CoreLoader)
    return root


def shown_faults(faults: list[Fault]) -> tuple[Fault, ...]:
    """The first faults, each of readable length, and how many there are beside them."""
    shown = [Fault(printable(fault.place), shortened(fault.problem), shortened(fault.remedy)) for fault in faults]
    if len(faults) > FAULTS_SHOWN_MAX:
        rest = len(faults) - FAULTS_SHOWN_MAX
        shown[FAULTS_SHOWN_MAX:] = [
            Fault(faults[FAULTS_SHOWN_MAX].place, f"and {rest:,} more faults", "Mend these first.")
        ]
    return tuple(shown)


def spell(path: KeyPath) -> str:
    """A key path as people write it: `phases[1].schedule`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _syntax_fault(name: str, error: yaml.YAMLError) -> Fault:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = f"{name}:{mark.line + 1}" if mark else name
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    return Fault(place, f"is not YAML ({what})", "Mend the syntax at this line or just above it.")


class _Walk:
    """One pass over a document's nodes. Keys are taken as written, so that `on:` stays `on`.

    Aliases are written out on the way: what they come to is bounded like the file itself.
    """

    def __init__(self, name: str, document: Document) -> None:
        self.name, self.places, self.faults = name, document.places, document.faults
        self.open: set[int] = set()
        self.left = YAML_BYTES_MAX

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        if id(node) in self.open:
            self.fault(node, f"{spell(path)}: an alias that holds itself", "Write the values out.")
            return None
        if len(self.open) >= DEPTH_MAX:
            raise UserError(f"{self.name}:{node.start_mark.line + 1}", _TOO_DEEP, "Write it flatter.")
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.ScalarNode):
                return self.scalar(node, path)
            self.spend(node, 1)
            if node.tag not in _COLLECTION_TAGS:
                self.wrong_tag(node, path)
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, path)
            return [self.item(child, (*path, index)) for index, child in enumerate(node.value)]
        finally:
            self.open.discard(id(node))

    def spend(self, node: yaml.Node, characters: int) -> None:
        self.left -= characters
        if self.left < 0:
            problem = f"comes to more than {YAML_BYTES_MAX:,} characters with its aliases written out"
            raise UserError(f"{self.name}:{node.start_mark.line + 1}", problem, "Use fewer aliases.")

    def item(self, node: yaml.Node, path: KeyPath) -> Any:
        self.places[path] = Place(self.name, node.start_mark.line + 1)
        return self.value(node, path)

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, child in node.value:
            key = self.key(key_node, path)
            if key is None:
                continue
            key_path = (*path, key)
            if key in data:
                first = self.places[key_path].line
                self.fault(key_node, f"{spell(key_path)}: stands already in line {first}", "Keep one of the two.")
                continue
            self.places[key_path] = Place(self.name, key_node.start_mark.line + 1)
            data[key] = self.value(child, key_path)
        return data

    def key(self, node: yaml.Node, path: KeyPath) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self.fault(node, f"{spell(path) or 'the top level'}: a key that is not text", "Use plain keys.")
            return None
        key = str(node.value)
        self.spend(node, len(key))
        if len(key) > KEY_CHARACTERS_MAX:
            self.fault(node, f"{spell(path) or 'the top level'}: a key of {len(key):,} characters", "Use plain keys.")
            return None
        if found := steering_in(key):
            problem = f"{spell((*path, printable(key)))}: its name holds the control character {found.name}"
            self.fault(node, problem, "Use plain keys.")
            return None
        return key

    def scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        text = str(node.value)
        self.spend(node, len(text) + 1)
        if found := steering_in(text):
            self.fault(node, f"{spell(path)}: holds the control character {found.name}", "Remove it.")
            return printable(text)
        if node.tag == f"{TAG}str":
            return text
        kind = KINDS.get(node.tag)
        if kind is None or not kind.written.fullmatch(text):
            self.wrong_tag(node, path)
            return text
        if node.tag in (f"{TAG}int", f"{TAG}float") and len(text) > DIGITS_MAX:
            self.fault(node, f"{spell(path)}: {too_many_digits(text)}", "Write a shorter one.")
            return None
        return kind.value(text)

    def wrong_tag(self, node: yaml.Node, path: KeyPath) -> None:
        self.fault(node, f"{spell(path)}: has the tag {node.tag!r}", "Write the value without a tag.")

    def fault(self, node: yaml.Node, problem: str, remedy: str) -> None:
        self.faults.append(Fault(f"{self.name}:{node.start_mark.line + 1}", problem, remedy))
