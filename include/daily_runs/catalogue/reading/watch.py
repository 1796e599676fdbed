"""The catalogue as its files stand now: an edited limit counts in runs that are under way."""

from __future__ import annotations

import datetime as dt
import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from daily_runs.catalogue import folders
from daily_runs.catalogue.catalogue import Catalogue, told_left_out
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import CatalogueError

LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""The time that counts for a catalogue whose files nobody watches: any watched one is newer."""

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 5.0
"""Wall clock between two looks at the files."""


class Declared(NamedTuple):
    """A catalogue and since when it stands (written, or seen to be edited); the newest one's limits hold."""

    catalogue: Catalogue
    at: dt.datetime


class CatalogueWatch:
    """Reads the catalogue anew when one of its files changed.

    A faulty edit is logged, and what it spoils stays as it was: the whole catalogue, or the one feature whose file is
    not sound any more. A feature that was left out from the start stays left out until its file is mended.

    Args:
        overlay, path: see `reading.files.load`.

    Raises:
        CatalogueError: the catalogue is refused as a whole at the start.
    """

    def __init__(self, overlay: str | None = None, path: Path | None = None) -> None:
        self._overlay, self._path = overlay or os.environ.get("DAILY_RUNS_OVERLAY") or None, path
        self._read_stamp = self._stamp()
        written = max((moment for _, moment, _ in self._read_stamp), default=0.0)
        catalogue = catalogue_files.load(path, overlay)
        self._current = Declared(catalogue, dt.datetime.fromtimestamp(min(written, time.time()), dt.UTC))
        self._looked = time.monotonic()

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that was read last."""
        return self._current.catalogue

    def __call__(self) -> Declared:
        """The catalogue now."""
        if time.monotonic() - self._looked >= LOOK_EVERY_SECONDS:
            self._looked = time.monotonic()
            stamp = self._stamp()
            if stamp != self._read_stamp:
                self._read_stamp = stamp
                self._read()
        return self._current

    def _read(self) -> None:
        try:
            found = catalogue_files.load(self._path, self._overlay)
        except CatalogueError as error:
            log.warning("the edited catalogue is not sound, the one before it stays in force: %s", error)
            return
        self._current = Declared(_keeping(found, self.catalogue), dt.datetime.now(dt.UTC))
        log.info("the catalogue was edited: its limits count from now on")
        for line in told_left_out(found):
            log.warning("%s Until then, what runs of it goes on as before.", line)

    def _stamp(self) -> frozenset[tuple[str, float, int]]:
        """Every file's name, time of writing and size: one that is put back with its old time is a change, too."""
        folder = self._path or folders.include_root() / "catalogue"
        files = [file for file in folder.rglob("*.yaml") if not file.name.startswith(".")]
        if self._overlay and Path(self._overlay).is_absolute():
            files.append(Path(self._overlay))
        found = set()
        for file in files:
            with suppress(OSError):  # not there, or just being replaced: `load` says so, or the next look sees it
                state = file.stat()
                found.add((str(file), state.st_mtime, state.st_size))
        return frozenset(found)


def _keeping(found: Catalogue, before: Catalogue) -> Catalogue:
    """A catalogue with the features that are left out as they were while their files were sound.

    One whose accounts are gone cannot be kept.
    """
    kept = {
        name: before.features[name]
        for name in found.left_out
        if name in before.features and set(before.features[name].accounts.values()) <= found.accounts.keys()
    }
    left_out = {name: faults for name, faults in found.left_out.items() if name not in kept}
    return found.model_copy(update={"features": {**found.features, **kept}, "left_out": left_out})
