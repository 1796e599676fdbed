"""YAML with a memory for lines: plain data, and for each key path the file and line it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

# The C parser is ten times as fast, and Airflow parses DAG files (and with them the catalogue) every few seconds.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

KeyPath = tuple[str | int, ...]


class Place(NamedTuple):
    """A line of a file; `str()` of it is what an error shows."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Fault(NamedTuple):
    """One thing that is wrong: where, what (with the offending value), and what to do about it."""

    place: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}. {self.remedy}"


@dataclass
class Document:
    """What a YAML file holds. `data` is made of dict, list and scalars; every key is text."""

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read(path: Path, name: str) -> Document:
    """Read one YAML file whose top level is a mapping.

    Args:
        path: the file.
        name: what to call it in places, such as `features/duo_chat.yaml`.

    Returns:
        The document; with faults, and whatever data could still be read, when something is wrong with it.
    """
    document = Document(places={(): Place(name, 1)})
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        document.faults.append(Fault(name, f"cannot be read ({error.strerror})", f"Give a readable file at {path}."))
    except UnicodeDecodeError as error:
        document.faults.append(Fault(name, f"is not UTF-8 ({error.reason})", "Save it as UTF-8."))
    except yaml.YAMLError as error:
        document.faults.append(_syntax_fault(name, error))
    else:
        if isinstance(root, yaml.MappingNode):
            document.data = _Walk(name, document).mapping(root, ())
        else:
            is_now = "is empty" if root is None else "does not hold a mapping"
            document.faults.append(Fault(f"{name}:1", is_now, "Its top level must be `key: value` lines."))
    return document


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
    """One pass over a document's nodes. Keys are taken as written, so that `on:` stays `on`."""

    def __init__(self, name: str, document: Document) -> None:
        self.name, self.places, self.faults = name, document.places, document.faults
        self.scalars = yaml.SafeLoader("")
        self.open: set[int] = set()

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        if id(node) in self.open:
            self.fault(node, f"{spell(path)}: an alias that holds itself", "Write the values out.")
            return None
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.item(child, (*path, index)) for index, child in enumerate(node.value)]
            return self.scalar(node, path)
        finally:
            self.open.discard(id(node))

    def item(self, node: yaml.Node, path: KeyPath) -> Any:
        self.places[path] = Place(self.name, node.start_mark.line + 1)
        return self.value(node, path)

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, child in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.fault(key_node, f"{spell(path) or 'the top level'}: a key that is not text", "Use plain keys.")
                continue
            key_path = (*path, str(key_node.value))
            if key_node.value in data:
                first = self.places[key_path].line
                self.fault(key_node, f"{spell(key_path)}: stands already in line {first}", "Keep one of the two.")
                continue
            self.places[key_path] = Place(self.name, key_node.start_mark.line + 1)
            data[key_node.value] = self.value(child, key_path)
        return data

    def scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        try:
            return self.scalars.construct_object(node)
        except ValueError:  # 2026-02-30 looks like a date; the model says what is wrong with it
            return node.value
        except yaml.YAMLError:
            self.fault(node, f"{spell(path)}: has the tag {node.tag!r}", "Write the value without a tag.")
            return node.value

    def fault(self, node: yaml.Node, problem: str, remedy: str) -> None:
        self.faults.append(Fault(f"{self.name}:{node.start_mark.line + 1}", problem, remedy))
