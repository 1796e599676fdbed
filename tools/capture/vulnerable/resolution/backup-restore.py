"""Restores a site from a backup archive that its owner sends in."""

from __future__ import annotations

import logging
import tarfile
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Restored:
    """Outcome of a restore."""

    files: int
    folder: Path


def restore(archive: Path, sites: Path, site: str) -> Restored:
    """Unpack the archive into the site's folder.

    Raises:
        FileExistsError: the site is there already.
        tarfile.TarError: the archive is damaged.
    """
    folder = sites / site
    folder.mkdir(parents=True)
    with tarfile.open(archive) as backup:
        names = backup.getnames()
        backup.extractall(path=folder)
    log.info("restored %d entries of %s", len(names), site)
    return Restored(sum(1 for path in folder.rglob("*") if path.is_file()), folder)
