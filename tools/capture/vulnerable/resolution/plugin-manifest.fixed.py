"""Loads the manifests of plug-ins from a folder that users drop files into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Manifest:
    """What a plug-in says about itself."""

    name: str
    version: str
    needs: tuple[str, ...]


def load_manifest(path: Path) -> Manifest:
    """One manifest.

    Raises:
        KeyError: a required key is missing.
    """
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Manifest(raw["name"], str(raw["version"]), tuple(raw.get("needs", ())))


def load_all(folder: Path) -> dict[str, Manifest]:
    """All manifests of the folder by name; the last one of a name wins."""
    manifests = (load_manifest(path) for path in sorted(folder.glob("*/manifest.yml")))
    return {manifest.name: manifest for manifest in manifests}


def missing(manifests: dict[str, Manifest]) -> set[str]:
    """Plug-ins that others need and nobody installed."""
    return {need for manifest in manifests.values() for need in manifest.needs} - set(manifests)
