"""Installs themes that site owners upload as a tar archive."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

THEME_ROOT = Path("var/themes")
MAX_ARCHIVE_BYTES = 20 * 1024 * 1024


class ThemeRejected(Exception):
    """The archive is not a theme; the text says why."""


def install_theme(archive: Path, name: str) -> dict[str, str]:
    """Unpack the archive into the theme's own folder and return its manifest."""
    if archive.stat().st_size > MAX_ARCHIVE_BYTES:
        raise ThemeRejected("the archive is larger than 20 MiB")
    target = THEME_ROOT / name
    target.mkdir(parents=True, exist_ok=False)
    try:
        with tarfile.open(archive, "r:gz") as bundle:
            bundle.extractall(target)
        return read_manifest(target)
    except (tarfile.TarError, ThemeRejected):
        shutil.rmtree(target)
        raise


def read_manifest(folder: Path) -> dict[str, str]:
    path = folder / "theme.json"
    if not path.is_file():
        raise ThemeRejected("theme.json is missing")
    manifest: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return manifest
