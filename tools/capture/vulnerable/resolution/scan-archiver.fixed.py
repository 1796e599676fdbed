"""Packs the scans that a drop folder collected and empties it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path


class ArchiveFailed(Exception):
    """tar did not finish; the folder was left as it is."""


def archive(folder: Path, target: Path) -> Path | None:
    """Pack all scans of the folder. The scanners' users choose the files' names.

    Returns:
        The archive, or None if there was nothing to pack.

    Raises:
        ArchiveFailed: tar ended with an error.
    """
    scans = sorted(path for path in folder.iterdir() if path.is_file())
    if not scans:
        return None
    packed = target.resolve() / f"scans-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.tar"
    with packed.open("xb") as output:
        # Nothing after -- is an option, and names go to tar as they are, without a shell.
        command = ["tar", "-cf", "-", "--", *(scan.name for scan in scans)]
        finished = subprocess.run(command, cwd=folder, stdout=output)
    if finished.returncode != 0:
        packed.unlink()
        raise ArchiveFailed(f"exit code {finished.returncode}")
    for scan in scans:
        scan.unlink()
    return packed
