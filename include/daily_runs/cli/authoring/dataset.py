"""`daily-runs dataset`: check a data set, look at an item, see whom a sample asks, bring one over from another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich import box
from rich.table import Table

from daily_runs import dataset
from daily_runs.authoring.check import check_dataset
from daily_runs.authoring.column_map import column_map
from daily_runs.authoring.importing import ImportedSet, imported
from daily_runs.authoring.written import must_be_new, write_all
from daily_runs.catalogue.catalogue import feature_named
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.catalogue.reading.suggestions import did_you_mean
from daily_runs.cli.authoring import faults
from daily_runs.cli.authoring.faults import counted
from daily_runs.cli.options import AsJson, command_line, print_json, terminal
from daily_runs.dataset import Item
from daily_runs.errors import ParameterError
from daily_runs.input_files import printable
from daily_runs.records.run import choose_prompts

SetFile = Annotated[Path, typer.Argument(help="A data set (JSONL), such as include/datasets/duo_chat.jsonl.")]
FeatureOrFile = Annotated[str, typer.Argument(help="A feature of the catalogue, or a data set's file.")]

app = command_line()


@app.callback()
def data_sets() -> None:
    """What is asked in a feature's runs."""


@app.command()
def check(file: SetFile, as_json: AsJson = False) -> None:
    """Check a data set, its card and its frozen answers: every fault at once, with line, value and remedy."""
    found = check_dataset(file)
    classes = ", ".join(f"{name} {count}" for name, count in found.classes.items())
    summary = (
        f"{file}: sound, {counted(len(found.items), 'item')} in {counted(len(found.classes), 'class')} ({classes})"
    )
    summary += f", {counted(found.frozen, 'frozen answer')}" if found.frozen else ""
    data = {
        "file": str(file),
        "items": len(found.items),
        "classes": dict(found.classes),
        "frozen_answers": found.frozen,
    }
    faults.tell(found.faults, summary, as_json=as_json, data=data, prints=print_json)


@app.command()
def show(
    source: FeatureOrFile,
    item: Annotated[str, typer.Argument(help="The item's id, such as chat-001.")],
    as_json: AsJson = False,
) -> None:
    """Show one item as it is asked: its question, what it is about, and what a good answer says."""
    items = _source(source).items
    found = next((one for one in items if one.id == item), None)
    if found is None:
        remedy = did_you_mean(item, [one.id for one in items][:200])
        raise ParameterError("item", f"{source} has no item {item!r}", remedy)
    if as_json:
        print_json({**found.model_dump(mode="json", by_alias=True), "checksum": found.checksum})
    else:
        print(printable(_shown(found), lines=True))


@app.command()
def sample(
    source: FeatureOrFile,
    prompts: Annotated[int, typer.Option(help="How many prompts the sample has.", min=1)],
    as_json: AsJson = False,
) -> None:
    """Say whom a sample of a size asks, as `daily-runs run --limit` and the form choose; nothing is asked."""
    found = _source(source)
    if found.feature and prompts > found.feature.prompts_per_run:
        problem = f"{prompts} are more than a run of {found.feature.feature} asks"
        raise ParameterError("--prompts", problem, f"Give {found.feature.prompts_per_run} or fewer.")
    by_id = {one.id: one for one in found.items}
    chosen = [(prompt, by_id[prompt.item_id]) for prompt in choose_prompts(found.items, prompts, 1)]
    if as_json:
        print_json([{"prompt": p.prompt_id, "item": i.id, "class": i.item_class} for p, i in chosen])
        return
    table = Table("prompt", "class", "question", box=box.SIMPLE)
    for prompt, one in chosen:
        table.add_row(prompt.prompt_id, one.item_class, printable(_short(one.question)))
    asked = dict.fromkeys(one.item_class for one in found.items)
    counts = [f"{name} {sum(one.item_class == name for _, one in chosen)}" for name in asked]
    terminal().print(table, f"{counted(len(chosen), 'prompt')}: {', '.join(counts)}", sep="\n")


@app.command(name="import")
def bring_over(
    file: Annotated[Path, typer.Argument(help="A .csv or .jsonl file of another tool.")],
    to: Annotated[Path, typer.Option("--to", help="The data set to write, such as include/datasets/my_feature.jsonl.")],
    column: Annotated[
        list[str], typer.Option("--column", help="KEY=COLUMN, for each key: question=prompt, reference=expected, …")
    ],
    fixed: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE, the same in every row: class=general.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a data set that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a data set of another tool's rows. Nothing is written unless every row is sound."""
    mapping = column_map(column, fixed or ())
    if not force:
        must_be_new([to], "Give another name, or --force to replace it.")
    found = imported(file, to, mapping)
    if not found.faults:
        write_all(found.files)
    data = {"file": str(to), "items": len(found.items), "unused_columns": list(found.unused)}
    faults.tell(found.faults, _written(found), as_json=as_json, data=data, prints=print_json)


def _written(found: ImportedSet) -> str:
    data_set, *card = map(str, found.files)
    classes = len({one.item_class for one in found.items})
    lines = [f"{data_set}: written, {counted(len(found.items), 'item')} in {counted(classes, 'class')}"]
    lines += [f"{file}: written; say in it what the rows are, before anybody trusts their scores" for file in card]
    lines += [f"not used: {', '.join(map(repr, found.unused))}"] if found.unused else []
    return printable("\n".join(lines), lines=True)


class _Source(NamedTuple):
    """The items that were meant, and the feature that asks them, if it was named."""

    items: tuple[Item, ...]
    feature: Feature | None


def _source(named: str) -> _Source:
    """A data set by its feature or its file."""
    if named.endswith(".jsonl") or "/" in named:
        return _Source(dataset.load(Path(named)), None)
    catalogue = catalogue_files.load()
    if named not in catalogue.features and named not in catalogue.left_out:
        remedy = f"{did_you_mean(named, catalogue.features)} A file ends with .jsonl."
        raise ParameterError("feature or file", f"{named!r} is not in the catalogue", remedy)
    feature = feature_named(catalogue, named)
    return _Source(dataset.load_feature_dataset(feature), feature)


def _shown(item: Item) -> str:
    resource: dict[str, Any] = item.resource.model_dump(mode="json")
    parts = [
        f"{item.id}, class {item.item_class}, seed key {item.seed_key}, tags {', '.join(item.tags) or 'none'}",
        f"checksum {item.checksum}",
        *_part("question", item.question or "(none)"),
        *(
            line
            for key, value in resource.items()
            for line in _part(f"{resource['type']} {key}", str(value))
            if key != "type"
        ),
        *(line for name, text in item.reference.items() for line in _part(f"reference {name}", text)),
    ]
    return "\n".join(parts)


def _part(name: str, text: str) -> list[str]:
    return ["", f"{name}:", *(f"    {line}" for line in text.splitlines())]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}..."
