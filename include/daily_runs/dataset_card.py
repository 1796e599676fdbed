"""The card beside a data set: what it holds, how it was made, and the classes that its items are of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from daily_runs.catalogue.fields import Key
from daily_runs.catalogue.reading import yaml_lines
from daily_runs.catalogue.reading.fault_texts import refusals
from daily_runs.catalogue.reading.yaml_lines import spell
from daily_runs.errors import DatasetError, Fault
from daily_runs.input_files import first_of, shortened

_CardText = Annotated[str, StringConstraints(min_length=1)]
_REMEDY = "Mend the card (docs/datasets.md has an example)."


class DatasetCard(BaseModel):
    """What somebody must know of a data set before he trusts its scores.

    `what` it holds, `how_made`, what it does `not_covered`; `classes`: the closed list of the items' classes, each with
    one sentence that says which items are of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: _CardText
    how_made: _CardText
    not_covered: _CardText
    classes: dict[Key, _CardText] = Field(min_length=1)


class CardReading(NamedTuple):
    """A card, or what is wrong with its file (then `card` is None)."""

    card: DatasetCard | None
    faults: tuple[Fault, ...]


def card_path(path: Path) -> Path:
    """Where a data set's card is: `duo_chat.card.yaml` beside `duo_chat.jsonl`."""
    return path.with_suffix(".card.yaml")


def read_card(path: Path, below: Path | None = None) -> CardReading:
    """As `load_card`, but hands back the faults."""
    card = card_path(path)
    document = yaml_lines.read(card, str(card), below=below)
    if document.faults:
        return CardReading(None, tuple(document.faults))
    try:
        return CardReading(DatasetCard.model_validate(document.data), ())
    except ValidationError as error:
        faults = [
            Fault(str(document.nearest(location)), f"{spell(location)}: {problem}", remedy)
            for location, problem, remedy in refusals(error, DatasetCard)
        ]
        return CardReading(None, tuple(faults))


def load_card(path: Path, below: Path | None = None) -> DatasetCard:
    """Read the card of a data set.

    Args:
        path: the data set's own file, not the card's.
        below: the folder in which the card must lie; any, by default.

    Raises:
        DatasetError: there is no card, or it is not sound; each fault with its line.
    """
    card, faults = read_card(path, below)
    if card is not None:
        return card
    if len(faults) == 1:
        raise DatasetError(faults[0].place, shortened(faults[0].problem), _REMEDY)
    lines = [f"{fault.place}: {shortened(fault.problem)}" for fault in faults]
    raise DatasetError(str(card_path(path)), f"{len(lines)} faults\n  " + "\n  ".join(first_of(lines)), _REMEDY)
