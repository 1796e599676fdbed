"""Where each rival runs: an environment of its own under the state folder, by a file of pinned versions with hashes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from daily_runs.store.embedded import state_root

RIVALS = Path(__file__).parent / "rivals"
_INSTALL_SECONDS_MAX = 600


class UnavailableError(Exception):
    """A rival's packages cannot be installed here; the text says why."""


def rival_python(name: str) -> Path:
    """The interpreter of `rivals/<name>.txt`'s environment, made on first use and when the file changes.

    Raises:
        UnavailableError: the packages cannot be had (no network, say).
    """
    requirements = RIVALS / f"{name}.txt"
    home = state_root() / "bench" / "rivals" / name
    python, stamp = home / "bin" / "python", home / "installed"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        _uv("venv", "--clear", "--python", sys.executable, str(home))
        _uv("pip", "sync", "--python", str(python), "--require-hashes", str(requirements))
        stamp.write_text(wanted)
    return python


def _uv(*words: str) -> None:
    command = [str(Path(sys.executable).parent / "uv"), "--quiet", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS_MAX)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(str(error)) from error
    if done.returncode != 0:
        raise UnavailableError(" ".join(done.stderr.split())[-300:])
