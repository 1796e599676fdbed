"""Where catalogue, data sets and rubrics are."""

from __future__ import annotations

import os
from pathlib import Path

from daily_runs.catalogue.features import Feature


def include_root() -> Path:
    """Folder of catalogue, data sets and rubrics: `DAILY_RUNS_INCLUDE`, the checkout's, or the installed wheel's."""
    if given := os.environ.get("DAILY_RUNS_INCLUDE"):
        return Path(given)
    package = Path(__file__).parents[1]
    checkout = package.parent
    return checkout if (checkout / "catalogue").is_dir() else package / "include"


def dataset_path(feature: Feature) -> Path:
    """Where a feature's data set is."""
    return include_root() / "datasets" / feature.dataset


def rubric_path(feature: Feature) -> Path:
    """Where a feature's rubric is."""
    return include_root() / "rubrics" / feature.rubric
