"""Dashboard layouts that users share with each other as small files."""

from __future__ import annotations

from dataclasses import dataclass, field

import jsonpickle

MAX_PRESET_BYTES = 64_000


class PresetRejected(ValueError):
    """The file is not a layout; the text says why."""


@dataclass
class Panel:
    """One chart of a dashboard."""

    metric: str
    width: int = 1


@dataclass
class Layout:
    """A dashboard as one user arranged it."""

    title: str
    panels: list[Panel] = field(default_factory=list)


def export_layout(layout: Layout) -> str:
    """Text of the file that the user downloads and passes on."""
    return jsonpickle.encode(layout)


def import_layout(content: bytes) -> Layout:
    """Layout from a file that a user uploads."""
    if len(content) > MAX_PRESET_BYTES:
        raise PresetRejected("the file is larger than 64 kB")
    layout = jsonpickle.decode(content.decode())
    if not isinstance(layout, Layout):
        raise PresetRejected("the file holds something else")
    return layout
