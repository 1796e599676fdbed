"""Makes thumbnails of uploaded pictures with ImageMagick."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

log = logging.getLogger(__name__)
SIZES = {"small": 96, "medium": 240}


class ThumbnailFailed(Exception):
    """ImageMagick did not make the picture."""


def make_thumbnail(picture: Path, size: str, folder: Path) -> Path:
    """Write a square thumbnail and return its path.

    Raises:
        KeyError: an unknown size.
        ThumbnailFailed: the picture cannot be converted.
    """
    edge = SIZES[size]
    target = folder / f"{picture.stem}-{size}.png"
    square = f"{edge}x{edge}"
    # Resolved paths start with a slash, so a picture's name cannot pass for an option of convert.
    arguments = [str(picture.resolve()), "-resize", f"{square}^", "-gravity", "center", "-extent", square]
    finished = subprocess.run(["convert", *arguments, str(target.resolve())], check=False)
    if finished.returncode != 0:
        raise ThumbnailFailed(f"{picture.name}: exit code {finished.returncode}")
    log.info("made %s", target.name)
    return target


def make_all(picture: Path, folder: Path) -> list[Path]:
    return [make_thumbnail(picture, size, folder) for size in SIZES]
