"""What the sandbox stands for on disk: features and data sets, read anew when one of their files changed.

So a new feature, item or seed key is there without a restart. Environments and accounts stay those of the start: they
have addresses, users and budgets that are in use.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from daily_runs import feature_files
from daily_runs.catalogue.catalogue import Catalogue, told_left_out
from daily_runs.catalogue.folders import include_root
from daily_runs.dataset import Item, load_feature_dataset
from daily_runs.errors import UserError

LOOK_EVERY_SECONDS = 0.5
"""Wall clock between two looks at the files."""
_NOT_SOUND = "an edit of catalogue or data sets is not sound, what was read before stays: %s"
_PATTERNS = ("catalogue/**/*.yaml", "datasets/*.jsonl", "datasets/*.card.yaml", "rubrics/*.yaml")

log = logging.getLogger(__name__)


class SandboxContents(NamedTuple):
    """The catalogue, and the items of its features by name."""

    catalogue: Catalogue
    items_by_feature: Mapping[str, Sequence[Item]]


def read_contents() -> SandboxContents:
    """What the files hold now, with the overlay `sandbox`.

    Raises:
        CatalogueError: a fault belongs to no single feature.
    """
    catalogue = feature_files.load(overlay="sandbox")
    return SandboxContents(catalogue, {name: load_feature_dataset(one) for name, one in catalogue.features.items()})


class ContentsWatch:
    """Notices that a file changed. What is not sound, or needs an account that was not there at the start, is logged
    and left; the next change is looked at again."""

    def __init__(self) -> None:
        self._read_stamp, self._looked = _stamp(), time.monotonic()
        self.contents = read_contents()

    def changed(self) -> SandboxContents | None:
        """The new contents, if there are any since the last call; looks twice a second at most."""
        if time.monotonic() - self._looked < LOOK_EVERY_SECONDS:
            return None
        self._looked = time.monotonic()
        stamp = _stamp()
        if stamp == self._read_stamp:
            return None
        self._read_stamp = stamp
        try:
            found = read_contents()
        except UserError as error:
            log.warning(_NOT_SOUND, error)
            return None
        if new := sorted(found.catalogue.accounts.keys() - self.contents.catalogue.accounts.keys()):
            log.warning("the edited catalogue has new accounts (%s): start the sandbox again for them", ", ".join(new))
            return None
        for line in told_left_out(found.catalogue):
            log.warning(_NOT_SOUND, line)
        self.contents = _with_what_was_read(found, self.contents)
        return self.contents


def _with_what_was_read(found: SandboxContents, before: SandboxContents) -> SandboxContents:
    """The new contents, with features that a fault leaves out as they were: an edit here takes nothing from GitLab."""
    kept = {
        name: before.catalogue.features[name]
        for name in found.catalogue.left_out.keys() & before.catalogue.features.keys()
    }
    catalogue = found.catalogue.model_copy(update={"features": {**found.catalogue.features, **kept}})
    items = {**found.items_by_feature, **{name: before.items_by_feature[name] for name in kept}}
    return SandboxContents(catalogue, items)


def _stamp() -> frozenset[tuple[str, float, int]]:
    """Every file's name, time of writing and size."""
    found: set[tuple[str, float, int]] = set()
    root: Path = include_root()
    for pattern in _PATTERNS:
        for file in root.glob(pattern):
            with suppress(OSError):  # just being replaced: the next look sees it
                state = file.stat()
                found.add((str(file), state.st_mtime, state.st_size))
    return frozenset(found)
