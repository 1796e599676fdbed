"""Finds, reads and checks the catalogue's files: every fault of one load is told at once, a line each."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from daily_runs.catalogue.accounts import Account, JudgeSettings
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.folders import include_root
from daily_runs.catalogue.prices import Prices
from daily_runs.catalogue.reading import fault_texts, reference_rules, yaml_lines
from daily_runs.catalogue.reading.draft import Draft
from daily_runs.catalogue.reading.fault_texts import shown
from daily_runs.catalogue.reading.reference_rules import findings
from daily_runs.catalogue.reading.suggestions import did_you_mean
from daily_runs.catalogue.reading.yaml_lines import Fault, KeyPath, Place, spell
from daily_runs.errors import CatalogueError
from daily_runs.input_files import is_one_line, printable

_SECTIONS: dict[str, tuple[str, ...]] = {
    "accounts.yaml": ("accounts", "judge"),
    "environments.yaml": ("environments",),
    "prices.yaml": ("prices",),
    "links.yaml": ("links",),
}
_OVERLAY_SECTIONS = ("accounts", "judge", "environments", "prices", "links")

_Model = TypeVar("_Model", bound=BaseModel)


class Reading(NamedTuple):
    """A catalogue, or what is wrong with its files (then `catalogue` is None)."""

    catalogue: Catalogue | None
    faults: tuple[Fault, ...]


def load(path: Path | None = None, overlay: str | None = None) -> Catalogue:
    """Read the catalogue.

    Args:
        path: the folder that holds `accounts.yaml`; data sets and rubrics lie beside it. Default: the shipped one.
        overlay: name of a file in `overlays/`, or an absolute path to a `.yaml` file of one's own; default:
            `DAILY_RUNS_OVERLAY`, or none.

    Raises:
        CatalogueError: with a line for each fault; its `place` is the first one's.
    """
    catalogue, faults = read(path, overlay)
    if catalogue is None:
        first, *others = faults
        raise CatalogueError(first.place, first.problem, "\n".join([first.remedy, *map(str, others)]))
    return catalogue


def read(path: Path | None = None, overlay: str | None = None) -> Reading:
    """As `load`, but hands back the faults, sorted by file and line: the first ones, and how many more."""
    folder = path or include_root() / "catalogue"
    if not folder.is_dir():
        return Reading(None, (Fault(str(folder), "is not a folder", "Give the folder that holds accounts.yaml."),))
    sources = _Sources(folder)
    sources.overlay(overlay or os.environ.get("DAILY_RUNS_OVERLAY") or None)
    catalogue = sources.catalogue()
    return Reading(catalogue, yaml_lines.shown_faults(sorted(sources.faults, key=_by_line)))


def _by_line(fault: Fault) -> tuple[str, int]:
    file, _, line = fault.place.rpartition(":")
    return (file, int(line)) if line.isdigit() else (fault.place, 0)


class _Sources:
    """All files as one tree of data, with the place of each key path, on its way to becoming a `Catalogue`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data: dict[str, Any] = {}
        self.places: dict[KeyPath, Place] = {}
        self.faults: list[Fault] = []
        self.replaced: set[KeyPath] = set()
        for name, sections in _SECTIONS.items():
            self._sections_file(name, sections)
        self.data["features"] = {}
        for file in sorted((folder / "features").glob("*.y*ml")):
            self._feature_file(file)
        if not self.data["features"]:
            self.faults.append(Fault("features", "holds no feature that can be read", "Add features/NAME.yaml."))

    def _sections_file(self, name: str, sections: tuple[str, ...]) -> None:
        document = yaml_lines.read(self.folder / name, name, below=self.folder)
        self.faults += document.faults
        for key in document.data:
            if key not in sections:
                place = str(document.places[key,])
                self.faults.append(Fault(place, f"{key}: unknown key", did_you_mean(key, sections)))
        for key in sections if document.data else ():
            if key not in document.data:
                self.faults.append(Fault(f"{name}:1", f"{key}: missing", "Add it."))
        self.data |= {key: document.data[key] for key in sections if key in document.data}
        self.places |= {path: place for path, place in document.places.items() if path}

    def _feature_file(self, file: Path) -> None:
        name = f"features/{printable(file.name)}"
        if not is_one_line(file.name):
            self.faults.append(Fault(name, "has a control character in its name", "Rename it."))
            return
        if file.suffix != ".yaml":
            self.faults.append(Fault(name, f"ends in {file.suffix}", "Rename it: only .yaml files are features."))
            return
        document = yaml_lines.read(file, name, below=self.folder)
        self.faults += document.faults
        if document.data:
            self.data["features"][file.stem] = document.data
            self.places |= {("features", file.stem, *path): place for path, place in document.places.items()}

    def overlay(self, overlay: str | None) -> None:
        """Merge an overlay over what was read: mappings key by key, everything else replaced."""
        if overlay is None:
            return
        known = sorted(file.stem for file in self.folder.glob("overlays/*.yaml"))
        name = overlay if overlay.endswith(".yaml") else f"overlays/{overlay}.yaml"
        if name == overlay and not os.path.exists(overlay):
            self.faults.append(Fault(name, "there is no such file", "Give a file, or a name in overlays/."))
            return
        if name != overlay and overlay not in known:
            self.faults.append(Fault(name, "there is no such overlay", did_you_mean(overlay, known)))
            return
        own = Path(name).is_absolute()  # an absolute path stands for itself
        document = yaml_lines.read(self.folder / name, name, below=None if own else self.folder)
        self.faults += document.faults
        for path, place in document.places.items():
            if path and (known_names := self._overlay_names(path)) is not None and path[-1] not in known_names:
                problem = f"{spell(path)}: the catalogue has no such name for the overlay to change"
                self.faults.append(Fault(str(place), problem, did_you_mean(str(path[-1]), known_names)))
        self._merge(self.data, document.data, ())
        for path, place in document.places.items():
            if any(path[:length] in self.replaced for length in range(1, len(path) + 1)):
                self.places[path] = place

    def _overlay_names(self, path: KeyPath) -> list[str] | None:
        """What may stand at a key path of an overlay; None where the models decide."""
        if len(path) == 1:
            return list(_OVERLAY_SECTIONS)
        section = self.data.get(str(path[0]))
        if len(path) == 2 and path[0] in ("accounts", "environments") and isinstance(section, dict):
            return list(section)
        return None

    def _merge(self, base: dict[str, Any], over: dict[str, Any], at: KeyPath) -> None:
        for key, value in over.items():
            path = (*at, key)
            if isinstance(base.get(key), dict) and isinstance(value, dict):
                self._merge(base[key], value, path)
                continue
            if (names := self._overlay_names(path)) is not None and key not in names:
                continue
            base[key] = value
            self.replaced.add(path)

    def catalogue(self) -> Catalogue | None:
        """The finished catalogue, or None when there is any fault."""
        judge = self._part(JudgeSettings, ("judge",)) if "judge" in self.data else None
        draft = Draft(
            accounts=self._parts(Account, "accounts"),
            environments=self._parts(Environment, "environments"),
            features=self._parts(Feature, "features"),
            judge=judge,
            named={
                section: list(self._section(section))
                for section in ("accounts", "environments")
                if section in self.data
            },
            include=self.folder.parent,
        )
        for path, problem, remedy in findings(draft):
            self._fault(path, problem, remedy)
        prices = self._prices(draft)
        if self.faults or judge is None:
            return None
        try:
            return Catalogue(
                accounts=dict(draft.accounts),
                judge=judge,
                environments=dict(draft.environments),
                features=dict(draft.features),
                prices=prices,
            )
        except ValidationError as error:  # a name that is not acceptable, or an empty section
            self._faults_of(error, Catalogue, ())
            return None

    def _prices(self, draft: Draft) -> Prices | None:
        prices = self._part(Prices, ("prices",)) if "prices" in self.data else None
        if prices and draft.judge:
            calls = {str(feature.call): name for name, feature in draft.features.items()}
            for path, problem, remedy in reference_rules.problems(
                prices, calls, draft.judge.all_models, draft.named.get("accounts")
            ):
                self._fault(path, problem, remedy)
        return prices

    def _section(self, name: str) -> dict[str, Any]:
        section = self.data.get(name, {})
        return section if isinstance(section, dict) else {}

    def _parts(self, model: type[_Model], section: str) -> dict[str, _Model]:
        given = self.data.get(section, {})
        if not isinstance(given, dict):
            self._fault((section,), f"must be a mapping, is {shown(given)}", "Give `name:` lines with keys below them.")
        parts = {name: self._part(model, (section, name)) for name in self._section(section)}
        return {name: part for name, part in parts.items() if part is not None}

    def _part(self, model: type[_Model], path: KeyPath) -> _Model | None:
        value: Any = self.data
        for key in path:
            value = value[key]
        try:
            # By way of JSON: pydantic's strict mode then takes lists and dates, but neither "20" nor true for a number.
            return model.model_validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            self._faults_of(error, model, path)
            return None

    def _faults_of(self, error: ValidationError, model: type[BaseModel], path: KeyPath) -> None:
        for location, problem, remedy in fault_texts.refusals(error, model):
            self._fault((*path, *location), problem, remedy)

    def _fault(self, path: KeyPath, problem: str, remedy: str) -> None:
        known = path
        while known and known not in self.places:
            known = known[:-1]
        place = str(self.places[known]) if known in self.places else str(path[0])
        shown = spell(path[2:] if path[0] == "features" else path)
        self.faults.append(Fault(place, f"{shown}: {problem}" if shown else problem, remedy))
