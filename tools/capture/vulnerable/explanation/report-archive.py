"""Pack the monthly report folders that an administrator picks in the back office."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

from flask import Blueprint, abort, request, send_file

log = logging.getLogger(__name__)
reports = Blueprint("reports", __name__)
REPORT_ROOT = Path("var/reports")
ARCHIVE_ROOT = Path("var/archives")


def pack(folder: str, archive: Path) -> int:
    """Run tar over one report folder and return its exit code."""
    command = f"tar -czf {archive} -C {REPORT_ROOT} {folder}"
    log.info("packing %s", folder)
    finished = subprocess.run(command, shell=True, timeout=120, check=False)
    return finished.returncode


@reports.post("/reports/archive")
def archive_reports():
    folder = request.form.get("folder", "")
    if not folder:
        abort(400, "a folder is needed")
    ARCHIVE_ROOT.mkdir(parents=True, exist_ok=True)
    archive = ARCHIVE_ROOT / "latest.tar.gz"
    if pack(folder, archive) != 0:
        abort(502, "tar failed")
    return send_file(archive.resolve(), as_attachment=True)
