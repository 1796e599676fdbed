"""Carries the files that customers uploaded during the day over to the backup server."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

log = logging.getLogger(__name__)
UPLOADS = Path("/srv/uploads")
TIMEOUT_SECONDS = 3600


class BackupFailed(Exception):
    """rsync did not finish; nothing was deleted."""


def backup(customer: int) -> int:
    """Copy a customer's uploads and remove them here. The files keep the names that the customer gave them.

    Returns:
        The number of files.

    Raises:
        BackupFailed: rsync ended with an error.
    """
    folder = UPLOADS / str(customer)
    finished = subprocess.run("rsync -a * backup::uploads", shell=True, cwd=folder, timeout=TIMEOUT_SECONDS)
    if finished.returncode != 0:
        raise BackupFailed(f"customer {customer}: exit code {finished.returncode}")
    removed = 0
    for path in folder.iterdir():
        path.unlink()
        removed += 1
    log.info("customer %d: %d files", customer, removed)
    return removed


def backup_all() -> dict[int, int]:
    """Number of files by customer."""
    return {int(folder.name): backup(int(folder.name)) for folder in sorted(UPLOADS.iterdir())}
