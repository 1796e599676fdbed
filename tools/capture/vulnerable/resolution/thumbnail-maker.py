"""Makes thumbnails of uploaded pictures with ImageMagick."""

from __future__ import annotations

import logging
import os
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
    status = os.system(f"convert '{picture}' -resize {edge}x{edge}^ -gravity center -extent {edge}x{edge} '{target}'")
    if status != 0:
        raise ThumbnailFailed(f"{picture.name}: exit code {status}")
    log.info("made %s", target.name)
    return target


def make_all(picture: Path, folder: Path) -> list[Path]:
    return [make_thumbnail(picture, size, folder) for size in SIZES]
