"""A new feature's four files: catalogue entry, data set of three rows, its card, rubric. They are sound as they are."""

from __future__ import annotations

import datetime as dt
import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from string import Template

import yaml

from daily_runs.authoring import skeleton_texts
from daily_runs.authoring.skeleton_texts import Example
from daily_runs.catalogue.fields import NAME_PATTERN
from daily_runs.dataset_card import card_path
from daily_runs.errors import ParameterError


def skeleton(include: Path, name: str, resource: str, team: str, today: dt.date) -> Mapping[Path, str]:
    """The texts of the files by path; nothing is written.

    Args:
        include: the folder of catalogue, data sets and rubrics.
        name: the feature's.
        resource: a key of `skeleton_texts.EXAMPLES`.
        team: the feature's.
        today: from when on the feature is on hold.

    Raises:
        ParameterError: a name that no feature can have.
    """
    if not re.search(NAME_PATTERN, name):
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        hint = f", such as {near}" if re.search(NAME_PATTERN, near) else ""
        problem = f"{name!r} is no name: 2 to 40 lower-case letters, digits and _, a letter first"
        raise ParameterError("name", problem, f"Give another one{hint}.")
    example = skeleton_texts.EXAMPLES[resource]
    dataset = include / "datasets" / f"{name}.jsonl"
    return {
        include / "catalogue" / "features" / f"{name}.yaml": _feature(name, resource, team, today, example),
        dataset: "".join(f"{line}\n" for line in _rows(name, resource, example)),
        card_path(dataset): _card(name, example),
        include / "rubrics" / f"{name}.yaml": Template(skeleton_texts.RUBRIC).substitute(
            name=name, feature=_plain(name)
        ),
    }


def _feature(name: str, resource: str, team: str, today: dt.date, example: Example) -> str:
    return Template(skeleton_texts.FEATURE).substitute(
        name=name,
        feature=_plain(name),
        title=_plain(name.replace("_", " ").capitalize()),
        content=_quoted(example.content),
        resource=resource,
        team=_quoted(team),
        today=today.isoformat(),
    )


def _plain(text: str) -> str:
    """Without quotes, unless YAML takes the text for something else, such as `on`."""
    return text if yaml.safe_load(text) == text else _quoted(text)


def _quoted(text: str) -> str:
    """A text that YAML takes for this text, whatever it holds."""
    return json.dumps(text, ensure_ascii=False)


def _rows(name: str, resource: str, example: Example) -> list[str]:
    key = name.replace("_", "-")
    return [
        json.dumps(
            {
                "id": f"{key}-{number:03}",
                "seed_key": f"{key}/{number:03}",
                "class": row.item_class,
                "tags": ["example"],
                "question": row.question,
                "resource": {"type": resource, **row.resource},
                "reference": {"answer": row.answer},
            },
            ensure_ascii=False,
        )
        for number, row in enumerate(example.rows, start=1)
    ]


def _card(name: str, example: Example) -> str:
    classes = {row.item_class: row.class_means for row in example.rows}
    listed = yaml.safe_dump(classes, sort_keys=False, width=110)
    return Template(skeleton_texts.CARD).substitute(name=name) + textwrap.indent(listed, "  ")
