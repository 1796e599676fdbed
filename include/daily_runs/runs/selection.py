"""Which of a run's prompts are asked: `rca-007, class:lint, tag:cost` names prompts, items, classes or tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from daily_runs.dataset import Item
from daily_runs.errors import ParameterError
from daily_runs.records.run import Prompt

TAG = "tag:"
CLASS = "class:"
_NAME = r"(?:tag:|class:)?[a-z0-9][a-z0-9._/-]*(?:#[1-9][0-9]*)?"
PATTERN = rf"^\s*(?:{_NAME}(?:\s*,\s*{_NAME})*\s*)?$"
"""What the form takes: names, comma separated; nothing is all."""
NEAR_MAX = 3


def chosen(prompts: Sequence[Prompt], items: Sequence[Item], only: str) -> tuple[Prompt, ...]:
    """The prompts that a text names: by their own id, their item's, its class or a tag; all of them if it names none.

    Args:
        prompts: those of a whole run.
        items: the data set.
        only: names, comma separated.

    Raises:
        ParameterError: a name that fits no prompt of the run, with those near it.
    """
    wanted = frozenset(filter(None, (name.strip() for name in only.split(","))))
    if not wanted:
        must_name_something(only)
        return tuple(prompts)
    names = {item.id: _names(item) for item in items}
    known = frozenset(name for prompt in prompts for name in (prompt.prompt_id, *names[prompt.item_id]))
    if unknown := sorted(wanted - known):
        raise ParameterError("only", f"unknown {', '.join(map(repr, unknown))}", _remedy(unknown, known, names))
    return tuple(prompt for prompt in prompts if wanted & {prompt.prompt_id, *names[prompt.item_id]})


def _names(item: Item) -> frozenset[str]:
    """Every name that means all prompts of an item."""
    return frozenset((item.id, f"{CLASS}{item.item_class}", *(f"{TAG}{tag}" for tag in item.tags)))


def must_name_something(only: str) -> None:
    """Refuse a text of commas alone: it names nothing by mistake, and all prompts would be paid for.

    Raises:
        ParameterError: it is none.
    """
    if only.strip():
        raise ParameterError(
            "only", f"{only!r} names nothing", "Name prompts, items, classes or tags; leave it out for all."
        )


def _remedy(unknown: Sequence[str], known: frozenset[str], names: dict[str, frozenset[str]]) -> str:
    near = list(dict.fromkeys(_near(unknown, known)))
    if near:
        return f"Did you mean {', '.join(near)}?"
    of_all = sorted({name for of_item in names.values() for name in of_item})
    classes, tags = (", ".join(name for name in of_all if name.startswith(kind)) for kind in (CLASS, TAG))
    ids = sorted(names)
    shown = f"Items: {', '.join(ids[:NEAR_MAX])}{', …' if len(ids) > NEAR_MAX else ''}"
    return f"{shown}; a prompt is ITEM#NUMBER; classes: {classes}; tags: {tags or 'none'}."


def _near(unknown: Sequence[str], known: frozenset[str]) -> Iterator[str]:
    for name in unknown:
        alike = sorted(other for other in known if _kind(other) == _kind(name))
        whole = [other for other in alike if ("#" in other) == ("#" in name)]  # an item's id is nearer than its prompts
        yield from get_close_matches(name, whole, n=NEAR_MAX)


def _kind(name: str) -> str:
    """The prefix that says what a name means; a prompt's and an item's have none."""
    return next((kind for kind in (CLASS, TAG) if name.startswith(kind)), "")
