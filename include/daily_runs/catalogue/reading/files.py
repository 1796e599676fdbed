"""Finds, reads and checks the catalogue's files: every fault of one load is told at once, a line each.

A fault that belongs to one feature leaves that feature out; any other one refuses the whole catalogue. What a feature's
data set and rubric hold is not read here: `daily_runs.feature_files` does that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
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
from daily_runs.catalogue.reading.draft import BrokenRule, Draft
from daily_runs.catalogue.reading.fault_texts import shown
from daily_runs.catalogue.reading.reference_rules import findings
from daily_runs.catalogue.reading.suggestions import did_you_mean
from daily_runs.catalogue.reading.yaml_lines import KeyPath, Place, spell
from daily_runs.errors import CatalogueError, Fault
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
    """What a look at the files found.

    `catalogue`: the features that are sound, and the faults of those that are left out; None if it is refused as a
    whole. `faults`: all of them, sorted by file and line: the first ones, and how many more.
    """

    catalogue: Catalogue | None
    faults: tuple[Fault, ...]

    def sound(self) -> Catalogue:
        """The catalogue of the sound features.

        Raises:
            CatalogueError: it is refused as a whole; a line for each fault, and `place` is the first one's.
        """
        if self.catalogue is None:
            first, *others = self.faults
            raise CatalogueError(first.place, first.problem, "\n".join([first.remedy, *map(str, others)]))
        return self.catalogue


def load(path: Path | None = None, overlay: str | None = None) -> Catalogue:
    """Read the catalogue of the features whose own files are sound; `left_out` has the others.

    Args:
        path: the folder that holds `accounts.yaml`; data sets and rubrics lie beside it. Default: the shipped one.
        overlay: name of a file in `overlays/`, or an absolute path to a `.yaml` file of one's own; default:
            `DAILY_RUNS_OVERLAY`, or none.

    Raises:
        CatalogueError: a fault belongs to no single feature; with a line for each fault.
    """
    return read(path, overlay).sound()


def read(path: Path | None = None, overlay: str | None = None) -> Reading:
    """As `load`, for those who want each fault: it raises nothing."""
    folder = path or include_root() / "catalogue"
    if not folder.is_dir():
        return Reading(None, (Fault(str(folder), "is not a folder", "Give the folder that holds accounts.yaml."),))
    sources = _Sources(folder)
    sources.overlay(overlay or os.environ.get("DAILY_RUNS_OVERLAY") or None)
    catalogue = sources.catalogue()
    return Reading(catalogue, in_order([told.fault for told in sources.told]))


def in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Faults by file and line: the first ones, each once, and how many more."""
    return yaml_lines.shown_faults(sorted(dict.fromkeys(faults), key=_by_line))


def _by_line(fault: Fault) -> tuple[str, int]:
    file, _, line = fault.place.rpartition(":")
    return (file, int(line)) if line.isdigit() else (fault.place, 0)


class _Told(NamedTuple):
    """A fault, and the features that it leaves out; none: it is everybody's."""

    fault: Fault
    features: tuple[str, ...] = ()


class _Sources:
    """All files as one tree of data, with the place of each key path, on its way to becoming a `Catalogue`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data: dict[str, Any] = {}
        self.places: dict[KeyPath, Place] = {}
        self.told: list[_Told] = []
        self.replaced: set[KeyPath] = set()
        for name, sections in _SECTIONS.items():
            self._sections_file(name, sections)
        self.data["features"] = {}
        for file in sorted((folder / "features").glob("*.y*ml")):
            self._feature_file(file)
        if not self.data["features"] and not self.left_out():
            self._tell(Fault("features", "holds no feature that can be read", "Add features/NAME.yaml."))

    def left_out(self) -> dict[str, tuple[Fault, ...]]:
        """The features that are left out, by name, each with its faults."""
        faults: dict[str, list[Fault]] = {}
        for fault, features in self.told:
            for feature in features:
                faults.setdefault(feature, []).append(fault)
        return {feature: in_order(faults[feature]) for feature in sorted(faults)}

    def _tell(self, *faults: Fault, features: tuple[str, ...] = ()) -> None:
        self.told += [_Told(fault, features) for fault in faults]

    def _sections_file(self, name: str, sections: tuple[str, ...]) -> None:
        document = yaml_lines.read(self.folder / name, name, below=self.folder)
        self._tell(*document.faults)
        for key in document.data:
            if key not in sections:
                place = str(document.places[key,])
                self._tell(Fault(place, f"{key}: unknown key", did_you_mean(key, sections)))
        for key in sections if document.data else ():
            if key not in document.data:
                self._tell(Fault(f"{name}:1", f"{key}: missing", "Add it."))
        self.data |= {key: document.data[key] for key in sections if key in document.data}
        self.places |= {path: place for path, place in document.places.items() if path}

    def _feature_file(self, file: Path) -> None:
        name, owner = f"features/{printable(file.name)}", (printable(file.stem),)
        if not is_one_line(file.name):
            self._tell(Fault(name, "has a control character in its name", "Rename it."), features=owner)
            return
        if file.suffix != ".yaml":
            fault = Fault(name, f"ends in {file.suffix}", "Rename it: only .yaml files are features.")
            self._tell(fault, features=owner)
            return
        document = yaml_lines.read(file, name, below=self.folder)
        self._tell(*document.faults, features=owner)
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
            self._tell(Fault(name, "there is no such file", "Give a file, or a name in overlays/."))
            return
        if name != overlay and overlay not in known:
            self._tell(Fault(name, "there is no such overlay", did_you_mean(overlay, known)))
            return
        own = Path(name).is_absolute()  # an absolute path stands for itself
        document = yaml_lines.read(self.folder / name, name, below=None if own else self.folder)
        self._tell(*document.faults)
        for path, place in document.places.items():
            if path and (known_names := self._overlay_names(path)) is not None and path[-1] not in known_names:
                problem = f"{spell(path)}: the catalogue has no such name for the overlay to change"
                self._tell(Fault(str(place), problem, did_you_mean(str(path[-1]), known_names)))
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
        """The finished catalogue, or None when a fault is everybody's."""
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
        for rule in findings(draft):
            self._fault(rule)
        prices, left_out = self._prices(draft), self.left_out()
        if judge is None or any(not told.features for told in self.told):
            return None
        try:
            return Catalogue(
                accounts=dict(draft.accounts),
                judge=judge,
                environments=dict(draft.environments),
                features={name: feature for name, feature in draft.features.items() if name not in left_out},
                prices=prices,
                left_out=left_out,
            )
        except ValidationError as error:  # a name that is not acceptable, or an empty section
            self._faults_of(error, Catalogue, ())
            return None

    def _prices(self, draft: Draft) -> Prices | None:
        prices = self._part(Prices, ("prices",)) if "prices" in self.data else None
        if prices and draft.judge:
            calls: dict[str, list[str]] = {}
            for name, feature in draft.features.items():
                calls.setdefault(str(feature.call), []).append(name)
            for rule in reference_rules.problems(prices, calls, draft.judge.all_models, draft.named.get("accounts")):
                self._fault(rule)
        return prices

    def _section(self, name: str) -> dict[str, Any]:
        section = self.data.get(name, {})
        return section if isinstance(section, dict) else {}

    def _parts(self, model: type[_Model], section: str) -> dict[str, _Model]:
        given = self.data.get(section, {})
        if not isinstance(given, dict):
            problem = f"must be a mapping, is {shown(given)}"
            self._fault(BrokenRule((section,), problem, "Give `name:` lines with keys below them."))
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
            self._fault(BrokenRule((*path, *location), problem, remedy))

    def _fault(self, rule: BrokenRule) -> None:
        """Add file and line, and whom it leaves out."""
        path = known = rule.path
        while known and known not in self.places:
            known = known[:-1]
        place = str(self.places[known]) if known in self.places else str(path[0])
        of_feature = path[0] == "features" and len(path) > 1
        shown = spell(path[2:] if of_feature else path)
        fault = Fault(place, f"{shown}: {rule.problem}" if shown else rule.problem, rule.remedy)
        self._tell(fault, features=rule.features or ((str(path[1]),) if of_feature else ()))
