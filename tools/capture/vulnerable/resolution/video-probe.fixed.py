"""Reads length and size of uploaded videos with ffprobe."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 30


class NotAVideo(ValueError):
    """ffprobe finds no picture in the file."""


@dataclass(frozen=True)
class Video:
    """What the upload page shows."""

    seconds: float
    width: int
    height: int


def probe(path: Path) -> Video:
    """Look into a file, which keeps the name that its owner gave it.

    Raises:
        NotAVideo: no video, or a damaged one.
    """
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0"]
    command += ["-show_entries", "stream=width,height:format=duration", "-of", "json"]
    # The prefix keeps ffprobe from taking a name for an option or for another protocol.
    command.append(f"file:{path}")
    finished = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    found = json.loads(finished.stdout or "{}")
    if finished.returncode != 0 or not found.get("streams"):
        raise NotAVideo(path.name)
    stream = found["streams"][0]
    return Video(float(found["format"]["duration"]), stream["width"], stream["height"])
